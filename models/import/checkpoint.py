"""Checkpoints of other projects: read without running anything in them, compared tensor by tensor, turned into ONNX graphs."""

import io
from pathlib import Path

import onnx
import torch
from onnx import helper, numpy_helper
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

OPSET = 17


class Misfit(Exception):
    """A checkpoint of another architecture, in words."""


class Inert:
    """Stands for an object of the program that wrote the file, such as a callback's class: it holds what it is given and does nothing."""

    def __init__(self, *_, **__):
        pass

    def __setstate__(self, state):
        pass


def load(path: Path):
    """What `torch.save` wrote. PyTorch's restricted reader builds tensors and containers; of whatever else there is it gets placeholders."""
    foreign = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    with torch.serialization.safe_globals([(type("Inert", (Inert,), {}), name) for name in foreign]):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint by name. Nothing in the file is run."""
    try:
        file = load_file(path) if path.suffix == ".safetensors" else load(path)
    except SafetensorError as error:
        raise Misfit(f"{path}: it is no safetensors file ({error})") from error
    except Exception as error:
        # PyTorch begins with advice that nobody should follow.
        lines = [line for line in (str(error) or repr(error)).splitlines() if line.strip() and not line.startswith("Weights only load failed")]
        raise Misfit(f"{path}: it is no checkpoint that can be read without running code from it ({' '.join(lines[:1])})") from error
    state = file.get("state_dict", file) if isinstance(file, dict) else {}
    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise Misfit(f"{path}: it holds no tensors by name")
    return tensors


def fill(network: nn.Module, state: dict[str, torch.Tensor]):
    """Loads a checkpoint into a network: every tensor must be there, of its shape and finite, and no other."""
    expected = network.state_dict()
    report = [f"  missing: {name} {list(expected[name].shape)}" for name in expected.keys() - state.keys()]
    report += [f"  unexpected: {name} {list(state[name].shape)}" for name in state.keys() - expected.keys()]
    shared = expected.keys() & state.keys()
    misshapen = [name for name in shared if expected[name].shape != state[name].shape]
    report += [f"  {name} is {list(state[name].shape)} where {list(expected[name].shape)} belongs" for name in misshapen]
    report += [f"  {name} holds numbers that are not finite" for name in shared if not state[name].isfinite().all()]
    if report:
        raise Misfit(f"{len(report)} tensors do not fit:\n" + "\n".join(sorted(report)))
    network.load_state_dict({name: value.float() for name, value in state.items()})


def sides(state: dict[str, torch.Tensor], name: str, what: str) -> tuple[int, ...]:
    """The shape of a tensor that a checkpoint of `what` has."""
    if name not in state:
        raise Misfit(f"it is no {what} checkpoint: {name} is missing")
    return tuple(state[name].shape)


def graph(module: nn.Module, examples: tuple[torch.Tensor, ...], ports: tuple[list[str], list[str]], axes: dict[str, dict[int, str]], half=False) -> bytes:
    """A module as ONNX, the same bytes every time. With `half`, weights are stored in half precision, which the runtime widens once."""
    buffer, (inputs, outputs) = io.BytesIO(), ports
    torch.onnx.export(
        module.eval(), examples, buffer, input_names=inputs, output_names=outputs, dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        export_params=not half, do_constant_folding=not half,
    )  # fmt: skip
    model = onnx.load_from_string(buffer.getvalue())
    model.doc_string, model.producer_name, model.producer_version = "", "tessera", ""
    for node in model.graph.node:
        node.doc_string = ""
    if half:
        give_weights(model, inputs, module.state_dict())
    # A protobuf of 2 GB or more is one that nothing reads.
    if model.ByteSize() >= 1 << 31:
        raise Misfit(f"a graph of it takes {model.ByteSize()} bytes, where ONNX ends at {1 << 31}")
    return model.SerializeToString()


def give_weights(model: onnx.ModelProto, inputs: list[str], weights: dict[str, torch.Tensor]):
    """Puts into a graph what it was exported without. Vectors keep their precision."""
    widened = []
    for port in [port for port in model.graph.input if port.name not in inputs]:
        value = weights[port.name]
        narrow = value.ndim >= 2 and value.is_floating_point()
        name = port.name + ".half" if narrow else port.name
        model.graph.initializer.append(numpy_helper.from_array((value.half() if narrow else value).numpy(), name))
        model.graph.input.remove(port)
        if narrow:
            widened.append(helper.make_node("Cast", [name], [port.name], to=onnx.TensorProto.FLOAT))
    nodes = [*widened, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
