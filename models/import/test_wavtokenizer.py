"""Imports random-weight WavTokenizer checkpoints of both published variants and compares what the suite makes of them with the same
network in PyTorch.

    python test_wavtokenizer.py TESSERA        # the program to test, such as ../../target/release/tessera; `make test-import` runs it

A checkpoint has the published names and shapes, and something of all that training keeps beside them. Its codebook is drawn around
latents of the sample, so that tokens differ; its head is set to speech's loudness.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import soundfile
import torch

import checkpoint
import wavtokenizer
from wavtokenizer_network import VARIANTS, WavTokenizer

HERE = Path(__file__).resolve().parent
RATE = 24000
PROGRAM = None
# Parameters of the published networks, codebook included, in millions.
PARAMETERS = {40: 74.2, 75: 73.8}
CONFIG = """
model:
  class_path: decoder.experiment.WavTokenizer
  init_args:
    sample_rate: 24000
    feature_extractor:
      class_path: decoder.feature_extractors.EncodecFeatures
      init_args: {{encodec_model: encodec_24khz, bandwidths: [6.6, 6.6, 6.6, 6.6], num_quantizers: 1, dowmsamples: {strides}, vq_bins: 4096, vq_kmeans: 200}}
    backbone:
      class_path: decoder.models.VocosBackbone
      init_args: {{input_channels: 512, dim: 768, intermediate_dim: 2304, num_layers: 12, adanorm_num_embeddings: 4}}
    head:
      class_path: decoder.heads.ISTFTHead
      init_args: {{dim: 768, n_fft: {n_fft}, hop_length: {hop}, padding: same}}
"""


def speech(seconds: float) -> np.ndarray:
    """The speech sample at 24 kHz, repeated, as 16-bit samples."""
    samples, rate = soundfile.read(HERE / "../../samples/speech.flac")
    spectrum = np.fft.rfft(samples)
    count = len(samples) * RATE // rate
    padded = np.zeros(count // 2 + 1, complex)
    padded[: len(spectrum)] = spectrum
    resampled = np.fft.irfft(padded, count) * (count / len(samples))
    repeated = np.resize(resampled, round(seconds * RATE))
    return np.clip(np.rint(repeated * 32767), -32768, 32767).astype(np.int16)


def publish(rate: int, path: Path) -> WavTokenizer:
    """Writes a checkpoint of random weights; returns its network."""
    torch.manual_seed(rate)
    network = WavTokenizer(VARIANTS[rate]).eval()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith(("scale.weight", "shift.weight")):
                value.copy_(torch.randn_like(value) * 0.2 + name.endswith("scale.weight"))
        samples = torch.from_numpy(speech(8).astype(np.float32) / 32768)[None]
        # Random layers hardly tell sounds apart: latents around zero and of size one are like those of a trained encoder.
        latents, last = network.latents(samples)[0].T, network.encoder.model[-1].conv.conv
        mean, spread = latents.mean(0), latents.std(0).mean()
        last.weight_g /= spread
        last.bias.copy_((last.bias - mean) / spread)
        latents = (latents - mean) / spread
        network.codebook.copy_(latents[torch.randint(len(latents), (4096,))] + 0.7 * torch.randn(4096, 512))
        loudness = network.decode(network.tokens(samples)).square().mean().sqrt()
        network.head.out.bias[: network.shape.n_fft // 2 + 1] += torch.log(0.1 / loudness)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    book = "feature_extractor.encodec.quantizer.vq.layers.0._codebook"
    state |= {f"{book}.inited": torch.ones(1), f"{book}.cluster_size": torch.ones(4096), f"{book}.embed_avg": network.codebook.clone()}
    for part in ("feature_extractor.encodec.decoder.model.0.conv.conv.weight_v", "multiperioddisc.discriminators.0.convs.0.weight_v",
                 "multiresddisc.discriminators.0.conv_post.bias", "dac.discriminators.0.convs.0.0.bias", "melspec_loss.mel_spec.spectrogram.window"):  # fmt: skip
        state[part] = torch.randn(8, 8)
    torch.save({"epoch": 3, "global_step": 7, "state_dict": state, "optimizer_states": [{"state": {0: {"exp_avg": torch.randn(9)}}}], "loops": {}}, path)
    return network


def run(*arguments, code=0) -> subprocess.CompletedProcess:
    done = subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True)
    if done.returncode != code:
        raise AssertionError(f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


class Import(unittest.TestCase):
    rate: int

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = Path(cls.folder.name)
        cls.network = publish(cls.rate, cls.root / "published.ckpt")
        shape = cls.network.shape
        (cls.root / "config.yaml").write_text(CONFIG.format(strides=list(reversed(shape.strides)), n_fft=shape.n_fft, hop=shape.hop))
        cls.id = f"wavtokenizer-{cls.rate}"
        cls.said = run(sys.executable, "-W", "ignore", HERE / "wavtokenizer.py", cls.root / "published.ckpt", "--config", cls.root / "config.yaml",
                       "--id", cls.id, "--out", cls.root / "packs" / cls.id).stdout  # fmt: skip

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def tessera(self, *arguments, code=0):
        return run(PROGRAM, *arguments, "--models", self.root / "packs", code=code)

    def wav(self, name: str, samples: np.ndarray) -> Path:
        path = self.root / f"{name}.wav"
        soundfile.write(path, samples, RATE, subtype="PCM_16")
        return path

    def reference(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """PyTorch's tokens, and its sound of them."""
        with torch.no_grad():
            tokens = self.network.tokens(torch.from_numpy(samples.astype(np.float32) / 32768)[None])
            return tokens.numpy(), self.network.decode(tokens)[0].numpy()[: len(samples)]

    def tokens(self, wav: Path) -> np.ndarray:
        out = wav.with_suffix(".npy")
        self.tessera("tokens", "--force", "--pack", self.id, "-o", out, wav)
        return np.load(out)[0]

    def test_the_shape_is_the_published_one(self):
        count = sum(value.numel() for value in self.network.parameters()) + self.network.codebook.numel()
        self.assertAlmostEqual(count / 1e6, PARAMETERS[self.rate], delta=0.06)
        self.assertEqual(self.network.shape.sample_rate / self.network.shape.hop, self.rate)

    def test_what_training_needs_is_left_out_and_named(self):
        for part in ("feature_extractor.encodec.decoder", "multiperioddisc", "multiresddisc", "dac", "melspec_loss", "feature_extractor.encodec.quantizer"):
            self.assertIn(f"left out: {part}, ", self.said)
        card = self.tessera("models", "show", self.id).stdout
        self.assertIn("Licence of the weights: MIT", card)
        self.tessera("models", "verify", self.id)

    def test_files_and_tokens_are_those_of_pytorch(self):
        # Lengths that no stride divides, and one beyond a piece of the encoder.
        worst_match, worst_error = 1.0, 0.0
        for samples in (speech(8), speech(3)[:-77], speech(1)[: self.network.shape.hop * 4 + 1], speech(33.21)):
            expected, sound = self.reference(samples)
            wav = self.wav(f"speech{len(samples)}", samples)
            tokens = self.tokens(wav)
            self.assertEqual(len(tokens), len(expected))
            worst_match = min(worst_match, (tokens == expected).mean())
            self.assertGreater(len(set(expected)), len(expected) // 8, "tokens that hardly differ prove nothing")
            coded, back = wav.with_suffix(".tsr"), wav.with_name(wav.stem + "-back.wav")
            self.tessera("encode", "--pack", self.id, "-o", coded, wav)
            self.tessera("decode", "--format", "wav-float", "-o", back, coded)
            decoded, rate = soundfile.read(back, dtype="float32")
            self.assertEqual((rate, len(decoded)), (RATE, len(samples)))
            if (tokens == expected).all():
                worst_error = max(worst_error, np.abs(decoded - sound).max())
                self.assertGreater(np.sqrt((sound**2).mean()), 0.02)
            self.assertLess(coded.stat().st_size, len(tokens) * 1.5 + 64)
        self.assertGreaterEqual(worst_match, 0.999)
        self.assertLessEqual(worst_error, 1e-4)
        self.assertGreater(worst_error, 0, "no sound of equal tokens was compared")
        print(f"{self.id}: least token match {100 * worst_match:.3f} %, largest PCM error {worst_error:.1e}")

    def test_tokens_go_back_to_the_same_sound(self):
        wav = self.wav("back", speech(2))
        self.tessera("tokens", "--pack", self.id, "-o", self.root / "back.jsonl", wav)
        self.tessera("detokenize", "-o", self.root / "detokenized.wav", self.root / "back.jsonl")
        self.tessera("encode", "--pack", self.id, "-o", self.root / "back.tsr", wav)
        self.tessera("decode", "-o", self.root / "decoded.wav", self.root / "back.tsr")
        self.assertEqual((self.root / "detokenized.wav").read_bytes(), (self.root / "decoded.wav").read_bytes())

    def test_windows_are_an_approximation_and_said_to_be(self):
        coded = self.root / "long.tsr"
        self.tessera("encode", "--pack", self.id, "-o", coded, self.wav("long", speech(64)))
        self.assertIn("in windows: an approximation", self.tessera("info", coded).stdout)
        report = json.loads(self.tessera("decode", "--json", "-o", self.root / "long-back.wav", coded).stdout)
        self.assertTrue(report["windowed"])
        self.tessera("encode", "--pack", self.id, "-o", self.root / "short.tsr", self.wav("short", speech(40)))
        self.assertNotIn("in windows", self.tessera("info", self.root / "short.tsr").stdout)
        sounds = {}
        for name, extra in (("whole", []), ("windows", ["--windowed"])):
            self.tessera("decode", "--format", "wav-float", *extra, "-o", self.root / f"{name}.wav", self.root / "short.tsr")
            sounds[name], _ = soundfile.read(self.root / f"{name}.wav")
        # Three windows: within a tenth of a second of their joins the difference must not be much larger than elsewhere.
        joins = np.zeros(len(sounds["whole"]), bool)
        for join in (1, 2):
            middle = join * len(joins) // 3
            joins[middle - RATE // 10 : middle + RATE // 10] = True
        gap = (sounds["windows"] - sounds["whole"]) ** 2
        at_joins, elsewhere = (10 * np.log10((sounds["whole"] ** 2).mean() / gap[where].mean()) for where in (joins, ~joins))
        print(f"{self.id}: windows of 15 s against the whole of 40 s: {elsewhere:.1f} dB, at their joins {at_joins:.1f} dB")
        self.assertGreater(elsewhere, 6)
        self.assertGreater(at_joins, elsewhere - 6)

    def test_streams_are_refused_in_one_line(self):
        done = self.tessera("stream", "encode", "--pack", self.id, "-o", self.root / "live.tsr", self.wav("live", speech(1)), code=2)
        self.assertIn("whole sounds only", done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1)

    def test_checkpoints_of_something_else_are_named(self):
        state, _ = wavtokenizer.select(checkpoint.read(self.root / "published.ckpt"))
        gamma, bias = "backbone.convnext.3.gamma", "head.out.bias"
        for change, said in (
            ({gamma: None}, f"missing: {gamma} [768]"),
            ({"backbone.extra": torch.zeros(2)}, "unexpected: backbone.extra [2]"),
            ({bias: torch.zeros(7)}, f"{bias} is [7] where"),
            ({bias: torch.full((self.network.shape.n_fft + 2,), torch.nan)}, "not finite"),
            ({"head.out.weight": None}, "head.out.weight is missing"),
        ):
            wrong = {name: value for name, value in (state | change).items() if value is not None}
            with self.assertRaisesRegex(wavtokenizer.Misfit, said.replace("[", r"\[").replace("]", r"\]")):
                wavtokenizer.load(wrong)
        other = (self.root / "config.yaml").read_text().replace("num_layers: 12", "num_layers: 8")
        (self.root / "other.yaml").write_text(other)
        with self.assertRaisesRegex(wavtokenizer.Misfit, "num_layers: 8 in the config, 12 in the checkpoint"):
            wavtokenizer.check_config(self.root / "other.yaml", self.network.shape)
        (self.root / "letter.ckpt").write_text("Dear all")
        with self.assertRaisesRegex(wavtokenizer.Misfit, "no checkpoint"):
            checkpoint.read(self.root / "letter.ckpt")


class At40(Import):
    rate = 40


class At75(Import):
    rate = 75


del Import

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path)
    arguments, rest = parser.parse_known_args()
    PROGRAM = arguments.program.resolve()
    unittest.main(argv=[sys.argv[0], *rest])
