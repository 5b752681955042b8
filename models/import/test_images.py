"""Imports random-weight checkpoints of image networks in their published layouts and compares what the suite makes of them with the same
network in PyTorch.

    python test_images.py TESSERA        # the program to test, such as ../../target/release/tessera; `make test-import` runs it

The VQGAN of 1,024 codes and Stable Diffusion's autoencoder have the published names and shapes in full; most tests run on networks of the
same layout and a quarter of the width. Codebooks are drawn around latents of the samples, so that tokens differ; the last layer is set
to a photo's contrast.
"""

import argparse
import dataclasses
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import types
import unittest
import unittest.mock
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import autoencoder
import checkpoint
import diffusers_vae
import image_pack
import vqgan
from autoencoder import STABLE_DIFFUSION, VQGAN_1024, VQGAN_16384, Autoencoder, Shape

HERE = Path(__file__).resolve().parent
SAMPLES = HERE / "../../samples"
PROGRAM = None
# Parameters of the published networks, codebook included, in millions.
PARAMETERS = {VQGAN_1024: 72.142, VQGAN_16384: 76.074, STABLE_DIFFUSION: 83.654}
# The same layouts, narrower.
SMALL_VQGAN = Shape(32, (1, 1, 2, 2, 4), 2, (4,), 64, 64, 256)
SMALL_DIFFUSION = Shape(32, (1, 2, 4, 4), 2, (), 4, 4)
SMALL_VQMODEL = Shape(32, (1, 2, 4), 2, (), 3, 3, 512)
CONFIG = """
model:
  base_learning_rate: 4.5e-06
  target: taming.models.vqgan.VQModel
  params:
    embed_dim: {embed}
    n_embed: {codes}
    ddconfig: {{double_z: false, z_channels: {latent}, resolution: 256, in_channels: 3, out_ch: 3, ch: {width}, ch_mult: {multipliers}, num_res_blocks: {blocks},
      attn_resolutions: [16], dropout: 0.0}}
    lossconfig: {{target: taming.modules.losses.vqperceptual.VQLPIPSWithDiscriminator}}
"""


def photo(name: str, width: int, height: int) -> np.ndarray:
    """A corner of a sample as 8-bit RGB."""
    return np.asarray(Image.open(SAMPLES / name).convert("RGB").resize((width, height)))


def tensor(pixels: np.ndarray, stride: int) -> torch.Tensor:
    """Pixels as a network sees them: edges repeated up to whole tokens."""
    height, width, _ = pixels.shape
    padded = np.pad(pixels, ((0, -height % stride), (0, -width % stride), (0, 0)), mode="edge")
    return torch.from_numpy(padded.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]


def random(shape: Shape) -> Autoencoder:
    """A network of random weights whose latents and pictures are spread like a trained one's."""
    torch.manual_seed(1)
    network = Autoencoder(shape).eval().requires_grad_(False)
    image = tensor(photo("coral.png", 96, 64), shape.stride)
    latents = network.latents(image)
    spread, mean = latents.std((0, 2, 3)), latents.mean((0, 2, 3))
    network.quant_conv.weight[: shape.embed] /= spread[:, None, None, None]
    network.quant_conv.bias[: shape.embed] = (network.quant_conv.bias[: shape.embed] - mean) / spread
    vectors = network.latents(image)[0].flatten(1).T
    if shape.codes:
        network.codebook.copy_(vectors[torch.randint(len(vectors), (shape.codes,))] + 0.7 * torch.randn(shape.codes, shape.embed))
        vectors = network.codebook[torch.randint(shape.codes, (len(vectors),))]
    picture = network.decode(vectors.T.reshape(latents.shape))
    network.decoder.conv_out.weight *= 0.3 / picture.std()
    network.decoder.conv_out.bias.zero_()
    return network


def publish(network: Autoencoder, path: Path):
    """A checkpoint as PyTorch Lightning writes it, with all that training keeps beside the network, its own classes included."""
    state = {name: value.clone() for name, value in network.state_dict().items()}
    for part in ("loss.perceptual_loss.net.slice1.0.weight", "loss.perceptual_loss.lin0.model.1.weight", "loss.discriminator.main.0.weight"):
        state[part] = torch.randn(4, 4)
    name = "pytorch_lightning.callbacks.model_checkpoint"
    modules = {name.rsplit(".", cut)[0]: types.ModuleType(name) for cut in range(3)}
    modules[name].ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": name})
    callbacks = {modules[name].ModelCheckpoint: {"best_model_score": torch.tensor(0.5), "best_model_path": "last.ckpt"}}
    with unittest.mock.patch.dict(sys.modules, modules):
        torch.save({"epoch": 3, "global_step": 7, "callbacks": callbacks, "optimizer_states": [{"state": {0: {"exp_avg": torch.randn(9)}}}], "state_dict": state}, path)


def diffusers(network: Autoencoder, old: bool) -> dict[str, torch.Tensor]:
    """The tensors under diffusers' names: today's, or those from before attention had linear layers named `to_q`."""
    levels, tensors = len(network.shape.multipliers), {}
    parts = ("query", "key", "value", "proj_attn") if old else ("to_q", "to_k", "to_v", "to_out.0")
    rules = (
        (r"mid\.block_([12])", lambda m: f"mid_block.resnets.{int(m[1]) - 1}"), (r"mid\.attn_1\.norm", "mid_block.attentions.0.group_norm"),
        *((rf"mid\.attn_1\.{ours}\.", f"mid_block.attentions.0.{theirs}.") for ours, theirs in zip(("q", "k", "v", "proj_out"), parts)),
        (r"down\.(\d)\.block", r"down_blocks.\1.resnets"), (r"down\.(\d)\.downsample", r"down_blocks.\1.downsamplers.0"),
        (r"up\.(\d)\.block", lambda m: f"up_blocks.{levels - 1 - int(m[1])}.resnets"), (r"up\.(\d)\.upsample", lambda m: f"up_blocks.{levels - 1 - int(m[1])}.upsamplers.0"),
        (r"norm_out", "conv_norm_out"), (r"nin_shortcut", "conv_shortcut"),
    )  # fmt: skip
    for name, value in network.state_dict().items():
        linear = re.search(r"attn_1\.(q|k|v|proj_out)\.weight", name)
        for pattern, to in rules:
            name = re.sub(pattern, to, name)
        tensors[name] = (value[:, :, 0, 0] if linear else value).contiguous()
    return tensors


def run(*arguments, code=0, **more) -> subprocess.CompletedProcess:
    done = subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True, **more)
    if done.returncode != code:
        raise AssertionError(f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        (self.root / "photos").mkdir()
        for name in ("coral.png", "sky.jpg", "foliage.jpg", "face.jpg"):
            Image.open(SAMPLES / name).convert("RGB").resize((192, 160)).save(self.root / "photos" / f"{name}.png")

    def tessera(self, *arguments, code=0):
        return run(PROGRAM, *arguments, "--models", self.root / "packs", code=code)

    def imported(self, script: str, source: Path, pack: str, *arguments) -> str:
        return run(sys.executable, "-W", "ignore", HERE / f"{script}.py", source, "--id", pack, "--out", self.root / "packs" / pack, *arguments).stdout

    def published(self, importer: str, more: str, files: dict[str, str]) -> tuple[tuple, dict]:
        """A server on the loopback interface that has the files, and a registry that names them: the command that pulls them, and its environment."""
        quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
        handler = lambda *arguments: quiet(*arguments, directory=self.root)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        entry = 'format = 1\n[[model]]\nname = "mine"\nmodality = "image"\nsummary = "S."\nlicence = "CC0-1.0"\nlicence_url = "https://example.org"\n'
        entry += f'importer = "{importer}"\n{more}'
        for role, name in files.items():
            entry += f'[[model.file]]\nrole = "{role}"\nname = "{name}"\nurl = "http://127.0.0.1:{server.server_port}/{name}"\n'
        (self.root / "registry.toml").write_text(entry)
        home = {**os.environ, "HOME": str(self.root), "XDG_CACHE_HOME": str(self.root / "cache"), "XDG_DATA_HOME": str(self.root / "data"), "NO_PROXY": "127.0.0.1"}
        return (PROGRAM, "models", "pull", "mine", "--registry", self.root / "registry.toml", "--yes", "--trust", "--python", sys.executable), home

    def png(self, name: str, pixels: np.ndarray) -> Path:
        path = self.root / name
        Image.fromarray(pixels).save(path)
        return path

    def graphs(self, pack: str):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        session = lambda name: onnxruntime.InferenceSession(self.root / "packs" / pack / f"{name}.onnx", options)
        return lambda name, x: session(name).run(None, {session(name).get_inputs()[0].name: x.numpy()})[0]

    def compare_graphs(self, pack: str, halves: image_pack.Halves, sizes) -> float:
        """The pack's graphs beside PyTorch; returns the largest difference."""
        run_graph, worst = self.graphs(pack), 0.0
        for width, height in sizes:
            image = tensor(photo("sky.jpg", width, height), halves.stride)
            latents = halves.encode(image)
            self.assertGreater(float(latents.std()), 0.3)
            picture = halves.decode(latents)
            worst = max(worst, np.abs(run_graph("encoder", image) - latents.numpy()).max(), np.abs(run_graph("decoder", latents) - picture.numpy()).max())
        self.assertLessEqual(worst, 1e-4)
        return worst

    def reference(self, pack: str, halves: image_pack.Halves, pixels: np.ndarray, levels: int, depth: int) -> tuple[np.ndarray, int]:
        """What PyTorch makes of a picture with the pack's codebooks, as 8-bit RGB; and how many codewords it used."""
        latents = halves.encode(tensor(pixels, halves.stride))
        rest = latents[0].flatten(1).T
        quantised, used = torch.zeros_like(rest), 0
        for level, nodes in sorted(load_file(self.root / "packs" / pack / "codebook.safetensors").items()):
            if int(level.removeprefix("level")) < levels:
                table = nodes[1 << depth : 2 << depth]
                index = torch.cdist(rest.double(), table.double()).argmin(1)
                quantised, rest, used = quantised + table[index], rest - table[index], used + len(index.unique())
        values = halves.decode(quantised.T.reshape(latents.shape))[0].permute(1, 2, 0).numpy()[: pixels.shape[0], : pixels.shape[1]]
        return np.clip(np.floor((values + 1) * 127.5 + 0.5), 0, 255).astype(np.uint8), used

    def coded(self, pack: str, source: Path, *target) -> tuple[np.ndarray, int, dict]:
        """A picture through the program: pixels, bytes of the file, the decoder's report."""
        file, back = source.with_suffix(".tsr"), source.with_name(source.stem + "-back.png")
        self.tessera("encode", "--force", "--pack", pack, "--effort", "0", *target, "-o", file, source)
        report = json.loads(self.tessera("decode", "--force", "--json", "-o", back, file).stdout)
        return np.asarray(Image.open(back)), file.stat().st_size, report

    def compare_program(self, pack: str, halves: image_pack.Halves, levels: int, depth: int, sizes) -> int:
        """Pictures through the program beside PyTorch; returns the largest difference in levels of 255."""
        worst, used, spread = 0, 0, 0.0
        for width, height in sizes:
            pixels = photo("foliage.jpg", width, height)
            expected, codes = self.reference(pack, halves, pixels, levels, depth)
            used, spread = max(used, codes), max(spread, expected.std())
            decoded, _, _ = self.coded(pack, self.png(f"{width}.png", pixels), "--rung", f"{levels}x{depth}")
            self.assertEqual(decoded.shape, pixels.shape)
            worst = max(worst, int(np.abs(decoded.astype(int) - expected).max()))
        self.assertLessEqual(worst, 1)
        self.assertGreater(used, 3 * levels, "tokens that hardly differ prove nothing")
        self.assertGreater(spread, 10)
        return worst


class Published(Case):
    """Networks of the published width."""

    def test_names_and_shapes_are_the_published_ones(self):
        for shape, millions in PARAMETERS.items():
            with torch.device("meta"):
                network = Autoencoder(shape)
            self.assertAlmostEqual(sum(value.numel() for value in network.parameters()) / 1e6, millions, delta=0.001)
            self.assertEqual(autoencoder.shape_of(network.state_dict(), "?"), shape)
        with torch.device("meta"):
            state = Autoencoder(VQGAN_16384).state_dict()
        for name, sides in (
            ("encoder.conv_in.weight", (128, 3, 3, 3)), ("encoder.down.1.downsample.conv.weight", (128, 128, 3, 3)), ("encoder.down.2.block.0.nin_shortcut.weight", (256, 128, 1, 1)),
            ("encoder.down.4.attn.1.proj_out.weight", (512, 512, 1, 1)), ("encoder.mid.attn_1.q.bias", (512,)), ("encoder.conv_out.weight", (256, 512, 3, 3)),
            ("decoder.up.4.attn.2.norm.weight", (512,)), ("decoder.up.1.upsample.conv.weight", (128, 128, 3, 3)), ("decoder.up.0.block.2.conv2.weight", (128, 128, 3, 3)),
            ("decoder.norm_out.weight", (128,)), ("quant_conv.weight", (256, 256, 1, 1)), ("quantize.embedding.weight", (16384, 256)),
        ):  # fmt: skip
            self.assertEqual(tuple(state[name].shape), sides, name)
        with torch.device("meta"):
            state = diffusers(Autoencoder(STABLE_DIFFUSION), False)
        self.assertEqual((len(state), sum(4 * value.numel() for value in state.values())), (248, 334_615_452))
        for name, sides in (
            ("encoder.down_blocks.1.resnets.0.conv_shortcut.weight", (256, 128, 1, 1)), ("encoder.mid_block.attentions.0.to_out.0.weight", (512, 512)),
            ("encoder.conv_out.weight", (8, 512, 3, 3)), ("decoder.up_blocks.0.upsamplers.0.conv.weight", (512, 512, 3, 3)), ("decoder.conv_norm_out.weight", (128,)),
            ("decoder.up_blocks.3.resnets.0.conv_shortcut.weight", (128, 256, 1, 1)), ("quant_conv.weight", (8, 8, 1, 1)), ("post_quant_conv.weight", (4, 4, 1, 1)),
        ):  # fmt: skip
            self.assertEqual(tuple(state[name].shape), sides, name)

    def test_a_vqgan_of_the_published_width(self):
        network = random(VQGAN_1024)
        publish(network, self.root / "last.ckpt")
        self.imported("vqgan", self.root / "last.ckpt", "vqgan-1024")
        halves = image_pack.Halves(network, 1)
        graphs = self.compare_graphs("vqgan-1024", halves, [(96, 64)])
        program = self.compare_program("vqgan-1024", halves, 1, 10, [(90, 61)])
        print(f"vqgan of 1,024 codes: graphs differ by at most {graphs:.1e}, pictures by {program} of 255 levels")


class Vqgan(Case):
    def setUp(self):
        super().setUp()
        self.network = random(SMALL_VQGAN)
        self.halves = image_pack.Halves(self.network, 1)
        publish(self.network, self.root / "last.ckpt")
        shape = dataclasses.asdict(SMALL_VQGAN) | {"multipliers": list(SMALL_VQGAN.multipliers)}
        (self.root / "model.yaml").write_text(CONFIG.format(**shape))

    def test_pictures_of_any_size_are_those_of_pytorch(self):
        said = self.imported("vqgan", self.root / "last.ckpt", "small", "--config", self.root / "model.yaml")
        for part, tensors in (("loss.perceptual_loss", 2), ("loss.discriminator", 1)):
            self.assertIn(f"left out: {part}, {tensors} tensors", said)
        self.assertIn("Licence of the weights: MIT", self.tessera("models", "show", "small").stdout)
        self.tessera("models", "verify", "small")
        graphs = self.compare_graphs("small", self.halves, [(16, 16), (208, 112)])
        program = self.compare_program("small", self.halves, 1, 8, [(16, 16), (15, 33), (192, 128), (257, 100)])
        print(f"vqgan, a quarter of the width: graphs differ by at most {graphs:.1e}, pictures by {program} of 255 levels")

    def test_depths_are_a_ladder_over_the_published_codes(self):
        self.imported("vqgan", self.root / "last.ckpt", "small")
        nodes = load_file(self.root / "packs/small/codebook.safetensors")["level0"]
        leaves, codes = nodes[256:], self.network.codebook
        self.assertEqual(sorted(map(tuple, leaves.tolist())), sorted(map(tuple, codes.tolist())), "at full depth tokens stand for the published codes")
        error = [float((torch.cdist(codes, nodes[1 << bits : 2 << bits]).min(1).values ** 2).mean()) for bits in range(9)]
        self.assertTrue(all(a > b for a, b in zip(error, error[1:])), error)
        # Of 16 codes drawn at random the nearest is farther away than of 16 that k-means chose.
        chance = float((torch.cdist(codes, codes[:16]).min(1).values ** 2).mean())
        self.assertLess(error[4], 0.8 * chance)
        sizes = [self.coded("small", self.png("ladder.png", photo("coral.png", 320, 192)), "--rung", f"1x{depth}")[1] for depth in (3, 5, 8)]
        self.assertTrue(sizes[0] < sizes[1] < sizes[2] <= 192 * 320 // 256 + 120, sizes)

    def test_photos_teach_the_prior(self):
        self.imported("vqgan", self.root / "last.ckpt", "plain")
        self.imported("vqgan", self.root / "last.ckpt", "taught", "--photos", self.root / "photos", "--side", "128")
        source = self.png("seen.png", photo("coral.png", 192, 160))
        (_, plain, _), (_, taught, _) = (self.coded(pack, source, "--rung", "1x8") for pack in ("plain", "taught"))
        self.assertLess(taught, plain)
        print(f"prior that knows how often codes are used: {taught} bytes where one that does not takes {plain}")

    def test_tuning_changes_the_decoder_alone_and_for_the_better(self):
        common = ("--photos", self.root / "photos", "--side", "64")
        self.imported("vqgan", self.root / "last.ckpt", "plain", *common)
        self.imported("vqgan", self.root / "last.ckpt", "tuned", *common, "--tune", "30", "--rate", "3e-4", "--device", "cpu")
        part = lambda pack, name: (self.root / "packs" / pack / name).read_bytes()
        for name in ("encoder.onnx", "codebook.safetensors", "prior.safetensors"):
            self.assertEqual(part("plain", name), part("tuned", name))
        pixels = photo("coral.png", 192, 160)
        errors = [np.abs(self.coded(pack, self.png("t.png", pixels), "--rung", "1x4")[0].astype(int) - pixels).mean() for pack in ("plain", "tuned")]
        self.assertLess(errors[1], errors[0])

    def test_beyond_a_size_windows_are_an_approximation_and_said_to_be(self):
        self.imported("vqgan", self.root / "last.ckpt", "small")
        whole = self.png("whole.png", photo("sky.jpg", 768, 768))
        _, _, report = self.coded("small", whole, "--rung", "1x8")
        self.assertFalse(report["windowed"])
        self.assertNotIn("in windows", self.tessera("info", whole.with_suffix(".tsr")).stdout)
        large = self.png("large.png", photo("sky.jpg", 1040, 700))
        decoded, _, report = self.coded("small", large, "--rung", "1x8")
        self.assertEqual(decoded.shape, (700, 1040, 3))
        self.assertTrue(report["windowed"])
        self.assertIn("in windows: an approximation", self.tessera("info", large.with_suffix(".tsr")).stdout)

    def test_checkpoints_of_something_else_are_named(self):
        state, _ = vqgan.select(checkpoint.read(self.root / "last.ckpt"))
        gamma, bias = "decoder.up.0.block.1.norm1.weight", "decoder.conv_out.bias"
        for change, said in (
            ({gamma: None}, f"missing: {gamma} [32]"), ({"encoder.extra": torch.zeros(2)}, "unexpected: encoder.extra [2]"), ({bias: torch.zeros(7)}, f"{bias} is [7] where [3] belongs"),
            ({bias: torch.full((3,), torch.nan)}, "not finite"), ({"encoder.conv_in.weight": None}, "it is no VQGAN checkpoint: encoder.conv_in.weight is missing"),
        ):  # fmt: skip
            wrong = {name: value for name, value in (state | change).items() if value is not None}
            with self.assertRaisesRegex(checkpoint.Misfit, re.escape(said)):
                autoencoder.load(wrong, vqgan.WHAT)
        (self.root / "other.yaml").write_text((self.root / "model.yaml").read_text().replace("n_embed: 256", "n_embed: 1024"))
        with self.assertRaisesRegex(checkpoint.Misfit, "n_embed: 1024 in the config, 256 in the checkpoint"):
            vqgan.check_config(self.root / "other.yaml", SMALL_VQGAN)
        with self.assertRaisesRegex(checkpoint.Misfit, "a power of two"):
            image_pack.ladder(torch.randn(100, 4), torch.ones(100), None)
        whole = (self.root / "last.ckpt").read_bytes()
        for name, content in (("letter.ckpt", b"Dear all"), ("cut.ckpt", whole[: len(whole) // 2]), ("letter.safetensors", b"Dear all")):
            (self.root / name).write_bytes(content)
            with self.assertRaisesRegex(checkpoint.Misfit, "it is no"):
                checkpoint.read(self.root / name)

    def test_nothing_in_a_checkpoint_is_run(self):
        class Harmful:
            def __init__(self, *call):
                self.call = call

            def __reduce__(self):
                return self.call

        harm, file, state = self.root / "harm", self.root / "harmful.ckpt", {"a": torch.ones(2)}
        # What PyTorch takes for dangerous is refused; a placeholder is called in place of everything else.
        torch.save({"state_dict": state, "callbacks": Harmful(os.mkdir, (str(harm),))}, file)
        with self.assertRaisesRegex(checkpoint.Misfit, "mkdir"):
            checkpoint.read(file)
        torch.save({"state_dict": state, "callbacks": Harmful(tempfile.mkdtemp, ("", "", str(self.root)))}, file)
        before = sorted(self.root.iterdir())
        self.assertEqual(list(checkpoint.read(file)), ["a"])
        self.assertEqual((sorted(self.root.iterdir()), harm.exists()), (before, False))

    def test_pull_downloads_imports_and_installs(self):
        pull, home = self.published("vqgan", "", {"checkpoint": "last.ckpt", "config": "model.yaml"})
        # A config of another network: the importer's words reach the user on one line, and nothing is installed.
        config = (self.root / "model.yaml").read_text()
        (self.root / "model.yaml").write_text(config.replace("ch: 32", "ch: 64"))
        done = run(*pull, code=3, env=home)
        self.assertIn("ch: 64 in the config, 32 in the checkpoint", done.stderr)
        self.assertEqual((len(done.stderr.strip().splitlines()), list((self.root / "data/tessera/models").iterdir())), (1, []))
        (self.root / "model.yaml").write_text(config)
        (self.root / "cache/tessera/downloads/mine/model.yaml").unlink()
        report = json.loads(run(*pull, "--json", env=home).stdout)
        self.assertEqual([file["source"] for file in report["files"]], ["was here", "downloaded"])
        self.assertEqual([path.name for path in (self.root / "data/tessera/models").iterdir()], ["mine"])
        self.assertIn("Licence of the weights: CC0-1.0", run(PROGRAM, "models", "show", "mine", env=home).stdout)
        source = self.png("pulled.png", photo("face.jpg", 64, 48))
        packs = ("--models", self.root / "data/tessera/models")
        run(PROGRAM, "encode", "--pack", "mine", source, *packs)
        run(PROGRAM, "decode", "-o", self.root / "pulled-back.png", source.with_suffix(".tsr"), *packs)
        self.assertEqual(Image.open(self.root / "pulled-back.png").size, (64, 48))


class Diffusers(Case):
    def test_an_autoencoder_gets_codebooks_fitted_to_photos(self):
        network = random(SMALL_DIFFUSION)
        halves = image_pack.Halves(network, 2)
        save_file(diffusers(network, False), self.root / "model.safetensors")
        config = {"_class_name": "AutoencoderKL", "block_out_channels": [32, 64, 128, 128], "layers_per_block": 2, "latent_channels": 4, "in_channels": 3, "out_channels": 3, "act_fn": "silu"}
        (self.root / "config.json").write_text(json.dumps(config))
        self.imported("diffusers_vae", self.root / "model.safetensors", "vae", "--config", self.root / "config.json", "--photos", self.root / "photos", "--side", "128", "--levels", "3", "--depth", "6")  # fmt: skip
        self.tessera("models", "verify", "vae")
        worth = float(re.search(r"search_lambda = (.+)", (self.root / "packs/vae/pack.toml").read_text())[1])
        self.assertTrue(0 < worth < 16, "the last bit of a token saves something on photos, and less than all of a latent")
        graphs = self.compare_graphs("vae", halves, [(16, 16), (112, 80)])
        program = self.compare_program("vae", halves, 3, 6, [(16, 16), (97, 50), (160, 128)])
        print(f"autoencoder of diffusers, a quarter of the width: graphs differ by at most {graphs:.1e}, pictures by {program} of 255 levels")
        # Every level brings the picture nearer to what the autoencoder makes of latents that are not quantised.
        pixels = photo("coral.png", 192, 160)
        values = halves.decode(halves.encode(tensor(pixels, 16)))[0].permute(1, 2, 0).numpy()
        bound, source = np.clip((values + 1) * 127.5, 0, 255), self.png("levels.png", pixels)
        errors = [np.abs(self.coded("vae", source, "--rung", f"{levels}x6")[0] - bound).mean() for levels in (1, 2, 3)]
        self.assertTrue(errors[0] > errors[1] > errors[2], errors)
        with self.assertRaisesRegex(checkpoint.Misfit, "latent_channels: 16 in the config, 4 in the checkpoint"):
            (self.root / "config.json").write_text(json.dumps(config | {"latent_channels": 16}))
            diffusers_vae.check_config(self.root / "config.json", SMALL_DIFFUSION)
        done = run(sys.executable, HERE / "diffusers_vae.py", self.root / "model.safetensors", "--id", "x", "--out", self.root / "x", code=1)
        self.assertEqual(done.stderr.strip(), "diffusers_vae.py: it has no codebook: --photos names a folder of pictures to fit one to")

    def test_old_and_new_names_are_the_same_network(self):
        network = random(SMALL_DIFFUSION)
        for old in (False, True):
            loaded = diffusers_vae.load(diffusers(network, old))
            self.assertEqual(loaded.shape, SMALL_DIFFUSION)
            for name, value in network.state_dict().items():
                self.assertTrue(torch.equal(loaded.state_dict()[name], value), name)
        state = diffusers(network, False)
        with self.assertRaisesRegex(checkpoint.Misfit, re.escape("decoder.up_blocks.3.resnets.2.conv1.bias is [5] where [32] belongs")):
            diffusers_vae.load(state | {"decoder.up_blocks.3.resnets.2.conv1.bias": torch.zeros(5)})
        with self.assertRaisesRegex(checkpoint.Misfit, "unexpected: text_model.embeddings"):
            diffusers_vae.load(state | {"text_model.embeddings": torch.zeros(5)})
        with self.assertRaisesRegex(checkpoint.Misfit, "it is no diffusers autoencoder checkpoint"):
            diffusers_vae.load({"text_model.embeddings": torch.zeros(5)})

    def test_a_vq_model_keeps_its_codes(self):
        network = random(SMALL_VQMODEL)
        save_file(diffusers(network, False), self.root / "model.safetensors")
        config = {"_class_name": "VQModel", "block_out_channels": [32, 64, 128], "layers_per_block": 2, "latent_channels": 3, "in_channels": 3, "out_channels": 3, "act_fn": "silu", "num_vq_embeddings": 512}
        (self.root / "config.json").write_text(json.dumps(config))
        self.imported("diffusers_vae", self.root / "model.safetensors", "vq", "--config", self.root / "config.json")
        leaves = load_file(self.root / "packs/vq/codebook.safetensors")["level0"][512:]
        self.assertEqual(sorted(map(tuple, leaves.tolist())), sorted(map(tuple, network.codebook.tolist())))
        halves = image_pack.Halves(network, 1)
        self.assertEqual(halves.stride, 4)
        self.compare_graphs("vq", halves, [(8, 12), (60, 44)])
        self.compare_program("vq", halves, 1, 9, [(60, 41)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path)
    arguments, rest = parser.parse_known_args()
    PROGRAM = arguments.program.resolve()
    torch.set_grad_enabled(False)
    unittest.main(argv=[sys.argv[0], *rest])
