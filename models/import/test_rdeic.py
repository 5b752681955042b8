"""Imports random-weight RDEIC checkpoints in the published layout and compares what the suite makes of them with the same networks in PyTorch.

    python test_rdeic.py TESSERA        # the program to test, such as ../../target/release/tessera; `make test-import` runs it

Names, shapes and numbers of parameters are checked at the published width on PyTorch's meta device; the rest runs on networks of the same layout and a
fifth to an eighth of the width. Weights are scaled so that latents, noise and pictures are spread like a trained network's.
"""

import argparse
import copy
import json
import re
import sys
import unittest
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image
from safetensors.torch import load_file

import checkpoint
import image_pack
import rdeic
import rdeic_network
import stable_diffusion as sd
import test_images
from test_images import HERE, SMALL_DIFFUSION, Case, photo, run, tensor

SMALL = rdeic_network.Shape(sd.Shape(64, 128, 3, 300), SMALL_DIFFUSION, 16, 32, 64, (1, 1, 1, 1, 2, 2, 4, 4, 8, 8))
# Parameters of the published networks.
PARAMETERS = {"model.diffusion_model.": 865_910_724, "first_stage_model.": 83_653_863, "cond_stage_model.": 354_032_641}
# Tensors of the published checkpoints.
SHAPES = {
    "model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3),
    "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (640, 1024),
    "model.diffusion_model.input_blocks.9.0.op.weight": (1280, 1280, 3, 3),
    "model.diffusion_model.middle_block.1.proj_in.weight": (1280, 1280),
    "model.diffusion_model.output_blocks.2.1.conv.weight": (1280, 1280, 3, 3),
    "model.diffusion_model.output_blocks.5.2.conv.bias": (1280,),
    "model.diffusion_model.output_blocks.8.0.in_layers.2.weight": (640, 960, 3, 3),
    "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.ff.net.0.proj.weight": (2560, 320),
    "model.diffusion_model.out.2.weight": (4, 320, 3, 3),
    "first_stage_model.encoder.mid.attn_1.q.weight": (512, 512, 1, 1),
    "cond_stage_model.model.transformer.resblocks.23.attn.in_proj_weight": (3072, 1024),
    "cond_stage_model.model.token_embedding.weight": (49408, 1024),
    "cond_stage_model.model.positional_embedding": (77, 1024),
    "control_model.scale_list": (25,),
    "control_model.control_model.time_embed.0.weight": (1280, 320),
    "control_model.control_model.input_blocks.0.0.weight": (64, 260, 3, 3),
    "control_model.control_model.input_blocks.7.1.transformer_blocks.0.attn2.to_v.weight": (256, 1024),
    "control_model.enc_zero_convs_out.11.0.weight": (1280, 256, 1, 1),
    "control_model.middle_block_out.0.weight": (1280, 256, 1, 1),
    "control_model.dec_zero_convs_out.0.0.weight": (1280, 256, 1, 1),
    "control_model.dec_zero_convs_out.11.0.bias": (320,),
    "preprocess_model.encoder.g_a.0.adaptor.weight": (256, 512, 1, 1),
    "preprocess_model.encoder.g_a.4.downsample.weight": (256, 256, 1, 1),
    "preprocess_model.decoder.g_s.4.subpel_conv.0.weight": (1024, 256, 1, 1),
    "preprocess_model.hyper_dec.hyper_dec.3.adaptor.weight": (512, 384, 1, 1),
    "preprocess_model.channel_context.9.fushion.0.weight": (224, 192, 5, 5),
    "preprocess_model.entropy_parameters_anchor.0.fusion.0.weight": (26, 512, 1, 1),
    "preprocess_model.entropy_parameters_nonanchor.9.fusion.0.weight": (213, 768, 1, 1),
    "preprocess_model.local_context.9.weight": (128, 64, 5, 5),
    "preprocess_model.quantize.embedding.weight": (16384, 256),
    "preprocess_model.out.weight": (4, 256, 3, 3),
}


def random() -> rdeic_network.Published:
    """Networks of random weights."""
    torch.manual_seed(1)
    network = rdeic_network.Published(SMALL).eval().requires_grad_(False)
    text = network.cond_stage_model.model
    text.positional_embedding.normal_(std=0.3)
    network.control_model.scale_list.uniform_(0.5, 1.5)
    image = tensor(photo("coral.png", 128, 128), rdeic_network.HYPER_STRIDE)
    compression = network.preprocess_model

    def spread(layer, made, to):
        """Centres what a layer makes, and spreads it so far."""
        made = made()
        layer.weight *= to / made.std()
        layer.bias.copy_((layer.bias - made.mean((0, 2, 3))) * to / made.std())

    features = network.first_stage_model.encoder.features(image) * rdeic_network.SCALE
    spread(compression.encoder.g_a[8], lambda: compression.encoder.g_a(features), 1.5)
    hyper = lambda: compression.hyper_enc.hyper_enc(compression.encoder.g_a(features))
    vectors = hyper()[0].flatten(1).T
    table = compression.quantize.embedding.weight
    table.copy_(vectors[torch.randint(len(vectors), (SMALL.codes,))] + 0.3 * vectors.std() * torch.randn(SMALL.codes, SMALL.hyper))
    latents = network.latents(image)
    spread(compression.out, lambda: network.start(latents)[:, : sd.LATENT], 1.0)
    network.first_stage_model.decoder.conv_out.weight *= 0.3 / network.decode(latents).std()
    network.first_stage_model.decoder.conv_out.bias.zero_()
    folded = copy.deepcopy(network)
    folded.fold()
    start = network.start(latents)
    noise = folded.noise(torch.randn(start[:, : sd.LATENT].shape), start[:, sd.LATENT :], torch.tensor([200.0]))
    network.model.diffusion_model.out[2].weight /= noise.std()
    network.model.diffusion_model.out[2].bias.zero_()
    return network


def publish(network: rdeic_network.Published, folder: Path) -> tuple[Path, Path]:
    """Both checkpoints, with what else is in them."""
    state = {name: value.clone() for name, value in network.state_dict().items()}
    own = {name: value for name, value in state.items() if name.startswith(rdeic.OWN)}
    base = {name: value for name, value in state.items() if name not in own} | {"betas": torch.rand(1000), "logvar": torch.zeros(1000)}
    own |= {"preprocess_model.gaussian_conditional._quantized_cdf": torch.zeros(4, 5, dtype=torch.int32)}
    own |= {"preprocess_model.gaussian_conditional.scale_table": torch.rand(4)}
    own |= {"preprocess_model.quantize.embed_prob": torch.rand(SMALL.codes), "perceptual_loss.net.lin0.weight": torch.rand(3)}
    paths = folder / "sd.ckpt", folder / "rdeic_2_step2.ckpt"
    for path, tensors in zip(paths, (base, own)):
        torch.save({"state_dict": tensors, "global_step": 7}, path)
    return paths


def narrowed(network: rdeic_network.Published) -> rdeic_network.Published:
    """The network with its weights in half precision, as the refiner's graphs have them."""
    network = copy.deepcopy(network)
    for value in network.parameters():
        if value.ndim >= 2:
            value.copy_(value.half().float())
    return network


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def mixed(state: np.ndarray) -> np.ndarray:
    """SplitMix64's step and finaliser."""
    z = state + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def drawn(seed: int, step: int, shape) -> torch.Tensor:
    """The program's noise at a step, for a picture that is seen whole."""
    _, channels, height, width = shape
    place = np.arange(height, dtype=np.uint64)[:, None] << np.uint64(32) | np.arange(width, dtype=np.uint64)[None]
    total = np.zeros((channels, height, width))
    for n in range(3):
        state = np.uint64((seed + 0x9E3779B9 * (3 * step + n)) % (1 << 32)) << np.uint64(2) | np.arange(channels, dtype=np.uint64)
        bits = mixed(mixed(state)[:, None, None] ^ place)
        parts = sum((bits >> np.uint64(shift) & np.uint64(0xFFFF)).astype(np.int64) for shift in (0, 16, 32, 48))
        total += (2 * parts - 4 * 65535) / 75674.45
    return torch.from_numpy(total / 3**0.5)[None].float()


def refined(network: rdeic_network.Published, latents: torch.Tensor, steps: int, seed: int) -> torch.Tensor:
    """The image after so many steps, from the equations of DDPM: betas between the times that are used, and the posterior's mean and variance."""
    start = network.start(latents)
    x, hint = start[:, : sd.LATENT], start[:, sd.LATENT :]
    betas = np.linspace(0.00085**0.5, 0.0120**0.5, 1000) ** 2
    products = np.cumprod(1 - betas)
    times = {2: [299, 0], 5: [299, 224, 150, 75, 0]}[steps]
    x = products[299] ** 0.5 * x + (1 - products[299]) ** 0.5 * drawn(seed, 0, x.shape)
    for n, time in enumerate(times):
        product, before = products[time], products[times[n + 1]] if n + 1 < steps else 1.0
        beta = 1 - product / before
        noise = network.noise(x, hint, torch.tensor([float(time)]))
        clean = x / product**0.5 - (1 / product - 1) ** 0.5 * noise
        mean = beta * before**0.5 / (1 - product) * clean + (1 - before) * (1 - beta) ** 0.5 / (1 - product) * x
        x = mean + (beta * (1 - before) / (1 - product)) ** 0.5 * drawn(seed, n + 1, x.shape) if n + 1 < steps else mean
    return network.paint(x)


class Published(unittest.TestCase):
    """The published width."""

    def test_names_and_shapes_are_the_published_ones(self):
        with torch.device("meta"):
            network = rdeic_network.Published(rdeic_network.Shape())
        state = network.state_dict()
        for part, count in PARAMETERS.items():
            self.assertEqual(sum(value.numel() for name, value in state.items() if name.startswith(part)), count, part)
        for name, sides in SHAPES.items():
            self.assertEqual(tuple(state[name].shape), sides, name)
        self.assertEqual(rdeic.shape_of(state), rdeic_network.Shape())

    def test_schedules_are_the_published_ones(self):
        self.assertEqual([time for time, _ in rdeic.schedule(2)], [299, 0])
        self.assertEqual([time for time, _ in rdeic.schedule(5)], [299, 224, 150, 75, 0])
        self.assertAlmostEqual(rdeic.schedule(2)[1][1], 1 - 0.00085)


class Rdeic(Case):
    @classmethod
    def setUpClass(cls):
        cls.network = random()

    def setUp(self):
        super().setUp()
        self.base, self.own = publish(self.network, self.root)
        self.more = ("--photos", self.root / "photos", "--side", "128", "--levels", "2", "--depth", "5")

    def make(self, *arguments) -> str:
        return self.imported("rdeic", self.base, "small", "--rdeic", self.own, *self.more, *arguments)

    def refined(self, file: Path, steps: int) -> tuple[np.ndarray, dict]:
        back = file.with_name(f"{file.stem}-{steps}.png")
        report = json.loads(self.tessera("decode", "--force", "--json", "--refine", steps, "-o", back, file).stdout)
        return np.asarray(Image.open(back)), report

    def test_pictures_are_those_of_pytorch_after_0_2_and_5_steps(self):
        said = self.make()
        left_out = ("betas", 1), ("logvar", 1), ("perceptual_loss.net", 1), ("preprocess_model.gaussian_conditional", 2), ("preprocess_model.quantize", 1)
        for part, tensors in left_out:
            self.assertIn(f"left out: {part}, {tensors} tensors", said)
        self.tessera("models", "verify", "small")
        self.tessera("models", "verify", "small-refiner")
        self.assertIn("small", self.tessera("models", "show", "small-refiner").stdout)
        folded = copy.deepcopy(self.network)
        folded.fold()
        self.graphs_of_the_image_pack(folded)
        half = narrowed(folded)
        print(f"RDEIC's refiner: graphs differ by at most {self.refiner_graphs(half):.1e}")

        halves, worst = image_pack.Halves(folded, 1), {0: 0, 2: 0, 5: 0}
        for width, height in ((64, 64), (97, 50), (160, 128)):
            pixels = photo("foliage.jpg", width, height)
            source = self.png(f"{width}.png", pixels)
            expected, used = self.reference("small", halves, pixels, 1, 5)
            decoded, size, report = self.coded("small", source, "--rung", "1x5")
            self.assertFalse(report["windowed"])
            self.assertGreater(used, 3, "tokens that hardly differ prove nothing")
            worst[0] = max(worst[0], int(np.abs(decoded.astype(int) - expected).max()))
            file, tokens = source.with_suffix(".tsr"), source.with_suffix(".tsr").read_bytes()
            latents, seed = self.tokens(halves, pixels)
            for steps in (2, 5):
                picture, _ = self.refined(file, steps)
                rows, columns = (np.minimum(np.arange(-(-side // 4) * 4), side - 1) for side in latents.shape[2:])
                values = refined(half, latents[:, :, rows][:, :, :, columns], steps, seed)[0].permute(1, 2, 0).numpy()[:height, :width]
                expected = np.clip(np.floor((values + 1) * 127.5 + 0.5), 0, 255)
                self.assertGreater(np.abs(picture.astype(int) - decoded).mean(), 1, "steps that hardly change a picture prove nothing")
                worst[steps] = max(worst[steps], int(np.abs(picture.astype(int) - expected).max()))
                self.assertTrue((self.refined(file, steps)[0] == picture).all(), "the noise follows from the tokens")
            self.assertEqual(file.read_bytes(), tokens)
            again = source.with_name("again.tsr")
            self.tessera("encode", "--force", "--pack", "small", "--effort", "0", "--rung", "1x5", "-o", again, source)
            self.assertEqual(again.read_bytes(), tokens)
        print(f"RDEIC: pictures differ by at most {worst} of 255 levels after so many steps")
        self.assertLessEqual(max(worst.values()), 1)
        done = self.tessera("decode", "--force", "--refine", "3", "-o", self.root / "three.png", file, code=2)
        self.assertIn("the refiner small-refiner takes 2 or 5 steps", done.stderr)
        self.assertEqual((len(done.stderr.strip().splitlines()), (self.root / "three.png").exists()), (1, False))
        large = self.png("large.png", photo("sky.jpg", 528, 528))
        self.assertFalse(self.coded("small", large, "--rung", "1x5")[2]["windowed"])
        picture, report = self.refined(large.with_suffix(".tsr"), 2)
        self.assertEqual((picture.shape, report["windowed"]), ((528, 528, 3), True))

    def tokens(self, halves: image_pack.Halves, pixels: np.ndarray) -> tuple[torch.Tensor, int]:
        """What the tokens of a picture at one level of 5 bits stand for, and their checksum."""
        table = load_file(self.root / "packs/small/codebook.safetensors")["level0"][32:64]
        latents = halves.encode(tensor(pixels, halves.stride))
        index = torch.cdist(latents[0].flatten(1).T.double(), table.double()).argmin(1)
        head = bytes([1]) + b"".join(side.to_bytes(4, "little") for side in (1, *latents.shape[2:])) + bytes([5])
        return table[index].T.reshape(latents.shape), crc32c(head + index.numpy().astype("<u2").tobytes())

    def graphs_of_the_image_pack(self, folded: rdeic_network.Published):
        run_graph, halves = self.graphs("small"), image_pack.Halves(folded, 1)
        near, count = 0, 0
        for width, height in ((128, 64), (208, 112), (48, 80)):
            image = tensor(photo("sky.jpg", width, height), halves.stride)
            latents = halves.encode(image)
            self.assertGreater(float(latents.std()), 0.5)
            # Where a number lies between two whole ones, its rounding follows from its last bits.
            close = np.abs(run_graph("encoder", image) - latents.numpy()) <= 1e-4
            near, count = near + close.sum(), count + close.size
            picture = halves.decode(latents)
            self.assertLessEqual(np.abs(run_graph("decoder", latents) - picture.numpy()).max(), 1e-4)
        print(f"RDEIC: {100 * near / count:.2f} % of {count} latents differ by at most 1e-4")
        self.assertGreater(near / count, 0.99)

    def refiner_graphs(self, half: rdeic_network.Published) -> float:
        """The refiner's graphs beside PyTorch; returns the largest difference."""
        folder, worst = self.root / "packs/small-refiner", 0.0
        sessions = {name: onnxruntime.InferenceSession(folder / f"{name}.onnx") for name in ("start", "control", "unet", "paint")}
        run_graph = lambda name, *values: sessions[name].run(None, {port.name: value.numpy() for port, value in zip(sessions[name].get_inputs(), values)})
        torch.manual_seed(2)
        for height, width, time in ((8, 8, 299.0), (16, 24, 75.0), (24, 8, 0.0)):
            latent, hint, time = torch.randn(1, sd.LATENT, height, width), torch.randn(1, SMALL.dim, height, width), torch.tensor([time])
            corrections = half.control_model(latent, hint, time)
            self.assertEqual(len(corrections), 25)
            expected = {
                ("start", torch.randn(1, SMALL.dim, height, width)): None, ("control", latent, hint, time): corrections,
                ("unet", latent, time, *corrections): (half.model.diffusion_model(latent, time, *corrections),), ("paint", latent): (half.paint(latent),),
            }  # fmt: skip
            for (name, *inputs), outputs in expected.items():
                outputs = outputs or (half.start(inputs[0]),)
                made = run_graph(name, *inputs)
                self.assertEqual(len(made), len(outputs))
                worst = max([worst, *(float(np.abs(one - other.numpy()).max()) for one, other in zip(made, outputs))])
            self.assertGreater(float(corrections[0].std()), 0.01)
        self.assertLessEqual(worst, 1e-4)
        return worst

    def test_pull_installs_both_packs_or_neither(self):
        pull, home = self.published("rdeic", 'needs = ["--rdeic", "--photos"]\n', {"checkpoint": "sd.ckpt"})
        done = run(*pull, "--", "--photos", "here", code=2, env=home)
        self.assertIn("its importer needs --rdeic", done.stderr)
        models = self.root / "data/tessera/models"
        (models / "mine-refiner").mkdir(parents=True)
        own = ("--", "--rdeic", self.own, *self.more)
        done = run(*pull, *own, code=1, env=home)
        self.assertIn("mine-refiner", done.stderr)
        self.assertEqual([path.name for path in models.iterdir()], ["mine-refiner"])
        (models / "mine-refiner").rmdir()
        report = json.loads(run(*pull, "--json", *own, env=home).stdout)
        self.assertEqual((report["pack"]["id"], [pack["id"] for pack in report["additions"]]), ("mine", ["mine-refiner"]))
        self.assertEqual(sorted(path.name for path in models.iterdir()), ["mine", "mine-refiner"])
        source = self.png("pulled.png", photo("face.jpg", 64, 48))
        run(test_images.PROGRAM, "encode", "--pack", "mine", source, "--models", models)
        run(test_images.PROGRAM, "decode", "--refine", "2", "-o", self.root / "back.png", source.with_suffix(".tsr"), "--models", models)
        self.assertEqual(Image.open(self.root / "back.png").size, (64, 48))

    def test_the_empty_prompt_is_that_of_the_checkpoint_and_folding_it_changes_nothing(self):
        text = self.network.cond_stage_model.model
        embedding = text.empty()
        self.assertEqual(embedding.shape, (1, sd.WORDS, SMALL.diffusion.context))
        # What a word sees are those before it: the tokens after the end change nothing of the first two, and the last layer nothing at all.
        changed = copy.deepcopy(text)
        changed.token_embedding.weight[0] *= -1
        changed.transformer.resblocks[-1].mlp.c_fc.weight.zero_()
        self.assertTrue(torch.allclose(changed.empty()[:, :2], embedding[:, :2], atol=1e-5))
        self.assertFalse(torch.allclose(changed.empty()[:, 2:], embedding[:, 2:], atol=1e-2))
        block = copy.deepcopy(self.network.model.diffusion_model.input_blocks[1][1].transformer_blocks[0])
        x = torch.randn(1, 12, SMALL.diffusion.width)
        q, k, v = block.attn2.to_q(x), block.attn2.to_k(embedding), block.attn2.to_v(embedding)
        heads = lambda part: part.reshape(1, part.shape[1], -1, sd.HEAD).transpose(1, 2)
        attended = torch.nn.functional.scaled_dot_product_attention(heads(q), heads(k), heads(v)).transpose(1, 2).reshape(x.shape)
        block.attn2.fold(embedding)
        self.assertTrue(torch.allclose(block.attn2(x), block.attn2.to_out(attended), atol=1e-5))

    def test_checkpoints_of_something_else_are_named_and_leave_nothing(self):
        base, own = checkpoint.read(self.base), checkpoint.read(self.own)
        key, bias = "model.diffusion_model.out.2.weight", "control_model.dec_zero_convs_out.3.0.bias"
        for change, said in (
            ({key: None}, f"missing: {key} [4, 64, 3, 3]"), ({"control_model.extra": torch.zeros(2)}, "unexpected: control_model.extra [2]"),
            ({bias: torch.zeros(7)}, f"{bias} is [7] where [256] belongs"), ({bias: torch.full((256,), torch.nan)}, "not finite"),
            ({"preprocess_model.quantize.embedding.weight": None}, "preprocess_model.quantize.embedding.weight is missing"),
        ):  # fmt: skip
            state, _ = rdeic.select(base, own)
            with self.assertRaisesRegex(checkpoint.Misfit, re.escape(said)):
                rdeic.load({name: value for name, value in (state | change).items() if value is not None})
        with self.assertRaisesRegex(checkpoint.Misfit, "no RDEIC checkpoint: nothing in it begins with control_model"):
            rdeic.select(base, base)
        with self.assertRaisesRegex(checkpoint.Misfit, "no Stable Diffusion checkpoint"):
            rdeic.select(own, own)
        whole = self.own.read_bytes()
        cut = self.root / "cut.ckpt"
        cut.write_bytes(whole[: len(whole) // 2])
        call = (sys.executable, "-W", "ignore", HERE / "rdeic.py", self.base, "--id", "small", "--out", self.root / "packs/small", *self.more)
        config = self.root / "rdeic.yaml"
        config.write_text(CONFIG.replace("used_timesteps: 300", "used_timesteps: 3"))
        for more, said in (
            (("--rdeic", cut), "it is no checkpoint that can be read"), (("--rdeic", self.base), "it is no RDEIC checkpoint"),
            (("--rdeic", self.own, "--side", "96"), "no multiple of 64"), (("--rdeic", self.own, "--tune", "3"), "--tune is for other decoders"),
            (("--rdeic", self.own, "--config", config), "used_timesteps: 3, where 5 to 1000 belong"),
        ):  # fmt: skip
            done = run(*call, *more, code=1)
            self.assertIn(said, done.stderr)
            self.assertTrue(done.stderr.startswith("rdeic.py: ") and "Traceback" not in done.stderr)
            self.assertFalse((self.root / "packs").exists())
        config.write_text(CONFIG)
        self.assertEqual(rdeic.check_config(config, SMALL), 300)
        config.write_text(CONFIG.replace("codebook_size: 64", "codebook_size: 16384"))
        with self.assertRaisesRegex(checkpoint.Misfit, "codebook_size: 16384 in the config, 64 in the checkpoint"):
            rdeic.check_config(config, SMALL)


CONFIG = """
params:
  linear_start: 0.00085
  linear_end: 0.0120
  timesteps: 1000
  scale_factor: 0.18215
  used_timesteps: 300
  control_stage_config: {params: {hint_channels: 32, model_channels: 64, num_head_channels: 16}}
  preprocess_config: {params: {N: 32, M: 32, slice_ch: [1, 1, 1, 1, 2, 2, 4, 4, 8, 8], codebook_size: 64}}
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path)
    arguments, rest = parser.parse_known_args()
    test_images.PROGRAM = arguments.program.resolve()
    torch.set_grad_enabled(False)
    unittest.main(argv=[sys.argv[0], *rest])
