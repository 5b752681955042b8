"""Makes two packs of a published RDEIC checkpoint on Stable Diffusion 2.1: an image pack, and a refiner that adds to it.

    python rdeic.py v2-1_512-ema-pruned.ckpt --rdeic rdeic_2_step2.ckpt [--config rdeic.yaml] --photos photos/
        --id rdeic-2-step2 --licence LicenseRef-CreativeML-OpenRAIL-PlusPlus-M --notice LICENSE --out packs/rdeic-2-step2

The first file is Stable Diffusion's, the second holds RDEIC's compression and control modules; where both hold a tensor, the second counts. Their shape
is that of their tensors; a config, where one is given, must agree. What only training or the published entropy coder needs is left out. A missing,
unexpected or misshapen tensor is an error that names it.

The image pack's encoder makes the latents that the published decoder would see: rounded around what hyper-codes and contexts say. Its codebooks are
residual levels of nested ones, fitted to those of photos: they and the suite's integer prior take the place of the published entropy coder, whose
probabilities are floating-point numbers of a network. So rates are not the published ones. The decoder paints what the tokens say without diffusion.

The refiner (PACK-refiner) adds diffusion in 2 or 5 steps. The prompt is the empty one, as published: its embedding, made by the text encoder in
Stable Diffusion's file, is in the graphs as keys and values of attention, and the text encoder is not.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn

import autoencoder
import checkpoint
import image_pack
import rdeic_network
import stable_diffusion as sd
from checkpoint import Misfit

import pack  # of models/training, where image_pack looks

WHAT = "RDEIC"
KEPT = ("model.diffusion_model.", "first_stage_model.", "cond_stage_model.", "control_model.", "preprocess_model.")
# Of these, what inference without the published entropy coder does not need.
DROPPED = ("first_stage_model.loss.", "cond_stage_model.model.attn_mask", "preprocess_model.gaussian_conditional.", "preprocess_model.quantize.embed_prob")
# What RDEIC's file must bring.
OWN = ("control_model.", "preprocess_model.")
# The published diffusion: steps of training, the first and last variance that one adds, and the step that is relayed to.
TIMES, FIRST, LAST, RELAY = 1000, 0.00085, 0.0120, 300
STEPS = (2, 5)
# Tokens that a window of the U-Net is a multiple of; of latents that it sees whole, which is what it was trained on; of a margin.
ALIGN, WHOLE, MARGIN = 4, 32, 4


def select(diffusion: dict[str, torch.Tensor], own: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, int]]:
    """What inference needs, and how many tensors of each other part were left out."""
    for part in OWN:
        if not any(name.startswith(part) for name in own):
            raise Misfit(f"it is no {WHAT} checkpoint: nothing in it begins with {part}")
    if not any(name.startswith("model.diffusion_model.") for name in diffusion):
        raise Misfit("it is no Stable Diffusion checkpoint: nothing in it begins with model.diffusion_model.")
    state = {name: value for name, value in diffusion.items() if not name.startswith(OWN)} | own
    kept = {name: value for name, value in state.items() if name.startswith(KEPT) and not name.startswith(DROPPED)}
    dropped: dict[str, int] = {}
    for name in state.keys() - kept.keys():
        part = ".".join(name.split(".")[:2])
        dropped[part] = dropped.get(part, 0) + 1
    return kept, dropped


def shape_of(state: dict[str, torch.Tensor]) -> rdeic_network.Shape:
    """The shape that the tensors have."""
    sides = lambda name: checkpoint.sides(state, name, WHAT)
    text = "cond_stage_model.model"
    layers = len({name.split(".")[4] for name in state if name.startswith(f"{text}.transformer.resblocks.")})
    vocabulary, context = sides(f"{text}.token_embedding.weight")
    width, control = (sides(f"{part}.input_blocks.0.0.weight")[0] for part in ("model.diffusion_model", "control_model.control_model"))
    slices = [sides(f"preprocess_model.local_context.{i}.weight")[1] for i in range(sum(name.endswith(".weight") for name in state if "local_context" in name))]
    vae = autoencoder.shape_of({name.removeprefix("first_stage_model."): value for name, value in state.items() if name.startswith("first_stage_model.")}, WHAT)
    codes, hyper = sides("preprocess_model.quantize.embedding.weight")
    if width % sd.HEAD or context % sd.HEAD or control % rdeic_network.HEAD or layers < 2 or vae.stride * 2 != rdeic_network.STRIDE:
        raise Misfit(f"it is no {WHAT} checkpoint: widths {width}, {context} and {control}, {layers} layers of text, a latent for every {vae.stride} pixels")
    return rdeic_network.Shape(sd.Shape(width, context, layers, vocabulary), vae, control, hyper, codes, tuple(slices))


def load(state: dict[str, torch.Tensor]) -> rdeic_network.Published:
    """The networks with the tensors of both checkpoints, as they are published."""
    with torch.device("meta"):
        network = rdeic_network.Published(shape_of(state))
    network.to_empty(device="cpu")
    checkpoint.fill(network, state)
    return network.eval().requires_grad_(False)


def schedule(steps: int, relay: int = RELAY) -> list[list[float]]:
    """Times from the noisiest on, and the share of the latent in the variance of what is seen then."""
    kept = np.cumprod(1 - np.linspace(FIRST**0.5, LAST**0.5, TIMES) ** 2)
    times = [round(n * (relay - 1) / (steps - 1)) for n in reversed(range(steps))]
    return [[float(time), float(kept[time])] for time in times]


def check_config(path: Path, shape: rdeic_network.Shape) -> int:
    """Refuses a config of another network; returns the step that is relayed to."""
    import yaml

    try:
        params = yaml.safe_load(path.read_text())["params"]
        module, control = params["preprocess_config"]["params"], params["control_stage_config"]["params"]
        relay = int(params["used_timesteps"])
        pairs = [
            ("linear_start", params["linear_start"], FIRST), ("linear_end", params["linear_end"], LAST), ("timesteps", params["timesteps"], TIMES),
            ("scale_factor", params["scale_factor"], rdeic_network.SCALE), ("M", module["M"], shape.dim), ("N", module["N"], shape.hyper),
            ("slice_ch", tuple(module["slice_ch"]), shape.slices), ("codebook_size", module["codebook_size"], shape.codes),
            ("hint_channels", control["hint_channels"], shape.dim), ("model_channels", control["model_channels"], shape.diffusion.width),
            ("num_head_channels", control["num_head_channels"], rdeic_network.HEAD),
        ]  # fmt: skip
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise Misfit(f"{path}: it is no {WHAT} config: {str(error).splitlines()[0]} is missing or wrong") from error
    wrong = [f"  {name}: {said} in the config, {found} in the checkpoint" for name, said, found in pairs if said != found]
    if not max(STEPS) <= relay <= TIMES:
        wrong.append(f"  used_timesteps: {relay}, where {max(STEPS)} to {TIMES} belong")
    if wrong:
        raise Misfit(f"{path} is not the config of this checkpoint:\n" + "\n".join(wrong))
    return relay


def refiner_graphs(network: rdeic_network.Published) -> dict[str, bytes]:
    """The graphs of the refiner as ONNX, with any height and width."""

    class Part(nn.Module):
        def __init__(self, run):
            super().__init__()
            self.network, self.run = network, run

        def forward(self, *inputs):
            return self.run(*inputs)

    shape, h, w = network.shape, 8, 16
    latent, hint, time = torch.zeros(1, sd.LATENT, h, w), torch.zeros(1, shape.dim, h, w), torch.zeros(1)
    corrections = network.control_model(latent, hint, time)
    names = [f"correction{i}" for i in range(len(corrections))]
    unet = network.model.diffusion_model
    parts = {
        "start": (network.start, (torch.zeros(1, shape.dim, h // 2, w // 2),), ["tokens"], ["latent_and_hint"]),
        "control": (network.control_model.forward, (latent, hint, time), ["latent", "hint", "time"], names),
        "unet": (unet.forward, (latent, time, *corrections), ["latent", "time", *names], ["noise"]),
        "paint": (network.paint, (latent,), ["latent"], ["image"]),
    }
    made = {}
    for name, (run, examples, inputs, outputs) in parts.items():
        axes = {port: {2: f"{port}_height", 3: f"{port}_width"} for port in [*inputs, *outputs] if port != "time"}
        made[f"{name}.onnx"] = checkpoint.graph(Part(run), examples, (inputs, outputs), axes, half=True)
    return made


CARD = """# {id}: {what}

Imported by `models/import/rdeic.py` from `{source}` and `{own}`. {parameters}

{text}

Left out: {dropped}.

Paper: Li et al., RDEIC: Accelerating Diffusion-Based Extreme Image Compression with Relay Residual Diffusion, 2024 (arXiv 2410.02640), on Stable Diffusion 2.1
(Rombach et al., CVPR 2022).

## Licence of the weights: {licence}
"""

IMAGE = """Its latents of {dim} numbers for every 16x16 pixels are those that the published decoder would see: rounded around what codes of 64x64
pixels and contexts say of them. They are quantised by {levels} residual levels of nested codebooks of {codes} entries, fitted to {count} of
them from {photos} photos. These codebooks and an integer prior take the place of the published entropy coder, whose probabilities come from
floating-point networks: rates are not the published ones.

The prior has not been trained: it knows how often the photos take each branch and learns the rest from each picture.

The decoder paints the latent that the tokens say, without diffusion; `{id}-refiner` adds that. Pictures of up to {whole} positions are seen
whole, which is exact. Larger ones are seen in windows: an approximation, since attention and group norms then see one window."""

REFINER = """It adds to the image pack `{id}` ({base}). Diffusion begins at step {relay} of {times} with the latent that the tokens say plus noise, and
takes {steps} steps, down to time 0. The published checkpoints are fine-tuned for a fixed number of steps, which their names tell; the other
number runs, and is not what they were tuned for.

The prompt is the empty one, whose embedding is in the graphs. Weights of two and more axes are in half precision. Pictures of up to {whole}
positions, 512x512 pixels, are seen whole; larger ones in windows of that size that overlap, each of which goes through all steps by itself:
an approximation."""


def beside(path: Path | None) -> Path | None:
    """Where the refiner of a pack goes."""
    if path is None:
        return None
    return path.with_name(f"{path.stem}-refiner.tpack" if path.suffix == ".tpack" else f"{path.name}-refiner")


def make(network: rdeic_network.Published, dropped: dict[str, int], relay: int, args):
    """Writes both packs."""
    shape = network.shape
    crops = image_pack.photos(args.photos, args.side, args.count)
    network.fold()
    halves = image_pack.Halves(network, 1)
    vectors = halves.vectors(crops)
    levels = image_pack.fitted(vectors, args.levels, args.depth)
    usage = image_pack.counts(levels, vectors)
    counted = lambda *parts: f"{sum(value.numel() for part in parts for value in part.parameters()) / 1e6:.1f} million parameters."
    card = lambda name, what, parameters, text, **more: CARD.format(
        id=name, what=what, source=args.checkpoint.name, own=args.rdeic.name, parameters=parameters, licence=args.licence, text=text.format(id=args.id, **more),
        dropped=", ".join(f"{name} ({count})" for name, count in sorted(dropped.items())) or "nothing",
    )  # fmt: skip
    # Before anything is written: all that can fail.
    parts = refiner_graphs(network)
    codes = f"{1 << args.depth:,}"
    text = card(
        args.id, "RDEIC's tokens, codebooks fitted to photos", counted(network.first_stage_model, network.preprocess_model), IMAGE,
        dim=shape.dim, levels=args.levels,
        codes=codes, count=f"{len(vectors):,}", photos=len(crops), whole=image_pack.WHOLE_PIXELS // halves.stride**2,
    )  # fmt: skip
    summary = f"RDEIC on Stable Diffusion 2.1 without its diffusion: 16x16 pixels a token, {args.levels} levels of {codes} codes fitted to photos."
    base = image_pack.write(halves, levels, usage, image_pack.worth_of_a_bit(levels[0], vectors), summary, text, args)
    what = counted(network.model.diffusion_model, network.control_model)
    steps = " or ".join(str(count) for count in STEPS)
    text = card(f"{args.id}-refiner", "RDEIC's diffusion", what, REFINER, base=base, relay=relay, times=TIMES, steps=steps, whole=WHOLE**2)
    parts["MODEL_CARD.md"] = (text + ("\n" + args.notice.read_text() if args.notice else "")).encode()
    manifest = {
        "format": 1, "id": f"{args.id}-refiner", "version": args.version, "modality": "refiner", "licence": args.licence,
        "summary": f"RDEIC's diffusion on Stable Diffusion 2.1, {steps} steps, for {args.id}.", "card": "MODEL_CARD.md",
    }  # fmt: skip
    tables = {
        "refiner": {"base": base, "stride": halves.stride, "dim": halves.dim, "depth": args.depth},
        "refiner.relay": {
            "channels": sd.LATENT, "cell": halves.stride // shape.vae.stride, "align_tokens": ALIGN, "schedules": [schedule(count, relay) for count in STEPS],
            "start": "start.onnx", "control": "control.onnx", "unet": "unet.onnx", "paint": "paint.onnx",
        },
        "refiner.relay.whole": {"exact_tokens": WHOLE**2, "window_tokens": WHOLE, "margin_tokens": MARGIN},
    }  # fmt: skip
    pack.write(manifest, tables, parts, beside(args.out), beside(args.archive))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    image_pack.arguments(parser)
    parser.add_argument("--rdeic", type=Path, required=True, help="RDEIC's own checkpoint; the first file is Stable Diffusion 2.1's")
    parser.add_argument("--levels", type=int, default=4, help="residual levels of codebooks")
    parser.add_argument("--depth", type=int, default=12, help="bits of a token")
    args = parser.parse_args()
    try:
        if not (1 <= args.levels <= 8 and 1 <= args.depth <= 16):
            raise Misfit("--levels is from 1 to 8, --depth from 1 to 16")
        if args.tune:
            raise Misfit("--tune is for other decoders; this one is refined by diffusion")
        image_pack.check(args, rdeic_network.STRIDE)
        if not args.photos:
            raise Misfit("its codebooks are fitted: --photos names a folder of pictures to fit them to")
        if args.side % rdeic_network.HYPER_STRIDE:
            raise Misfit(f"--side {args.side} is no multiple of {rdeic_network.HYPER_STRIDE}, the pixels of a hyper-code")
        state, dropped = select(checkpoint.read(args.checkpoint), checkpoint.read(args.rdeic))
        network = load(state)
        relay = check_config(args.config, network.shape) if args.config else RELAY
        print(f"{args.checkpoint}, {args.rdeic}: {len(state)} tensors kept")
        for name, count in sorted(dropped.items()):
            print(f"  left out: {name}, {count} tensors")
        with torch.no_grad():
            make(network, dropped, relay, args)
    except Misfit as misfit:
        raise SystemExit(f"rdeic.py: {misfit}") from None


if __name__ == "__main__":
    main()
