"""Trains a pack of sounds: encoder, nested codebooks, decoder. The same script runs on CPU and GPU.

    python train_speech.py --data work/speech/train --state work/speech-state --out work/speech-out [--config speech.toml]

Three stretches of the configured minutes: spectral losses alone, then discriminators too, then the decoder alone with encoder and codebook frozen.
The state folder holds the last checkpoint; a run that finds one goes on from it. `--out` receives the averaged weights as fp16 safetensors.
New files that appear in the data folder join the training while it runs.
"""

import argparse
import json
import math
import time
import tomllib
from pathlib import Path

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from speech_losses import Judges, LoudnessLoss, SpectralLoss, fooling, judging
from speech_model import SpeechModel
from train_image import configuration, utilisation
from vq import bits_per_token, nearest


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=Path(__file__).with_name("speech.toml"), type=Path)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--state", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after this many minutes of this call")
    parser.add_argument("--steps", type=int, default=10**9)
    parser.add_argument("--save-every", type=float, default=120.0, metavar="SECONDS")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--warm", type=Path, help="published weights to start from when there is no checkpoint")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="overrides the configuration")
    return parser.parse_args()


def faster(samples: torch.Tensor, speed: float) -> torch.Tensor:
    """16-bit samples [n] at another speed, and so pitch: [n / speed]."""
    if speed == 1:
        return samples
    count = round(len(samples) / speed)
    spectrum = torch.fft.rfft(samples.float())[: count // 2 + 1]
    spectrum = F.pad(spectrum, (0, count // 2 + 1 - len(spectrum)))
    return (torch.fft.irfft(spectrum, n=count) / speed).clamp(-32768, 32767).to(torch.int16)


class Clips:
    """Random stretches of all the sound in a folder at several speeds, held on the device as 16-bit integers."""

    def __init__(self, folder: Path, speeds: list[float], device: str, seed: int):
        self.folder, self.speeds, self.device = folder, speeds, device
        self.known, self.samples = set(), torch.zeros(0, dtype=torch.int16, device=device)
        self.random = torch.Generator(device=device).manual_seed(seed)
        self.look()

    def look(self):
        """Reads files that are new."""
        new = [p for p in sorted(self.folder.glob("*.opus")) if p.name not in self.known]
        if new:
            self.known |= {p.name for p in new}
            read = [torch.from_numpy(soundfile.read(p, dtype="int16")[0]).to(self.device) for p in new]
            self.samples = torch.cat([self.samples, *(faster(r, speed) for r in read for speed in self.speeds)])

    def batch(self, count: int, length: int, quietest: float) -> torch.Tensor:
        """[count, length] in [-1, 1], peaks at random levels down to `quietest` dB below full scale."""
        draw = lambda n: torch.rand(n, 1, device=self.device, generator=self.random)
        start = (draw(count) * (len(self.samples) - length)).long()
        wave = self.samples[start + torch.arange(length, device=self.device)].float() / 32768
        peak = wave.abs().amax(1, keepdim=True).clamp_min(0.02)
        return wave / peak * 0.95 * 10 ** (-draw(count) * quietest / 20)


class Trainer:
    """One training state: model, averaged model, discriminators, optimisers, counters."""

    def __init__(self, args, config):
        self.args, self.config, self.device = args, config, args.device
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
        self.model, self.mean = SpeechModel(config["model"]).to(self.device), SpeechModel(config["model"]).to(self.device).requires_grad_(False)
        self.mean.load_state_dict(self.model.state_dict())
        self.judges, self.spectral = Judges().to(self.device), SpectralLoss(config["model"]["sample_rate"]).to(self.device)
        self.loudness = LoudnessLoss(config["model"]["sample_rate"]).to(self.device)
        fused = self.device == "cuda"
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-4, betas=(0.8, 0.99), weight_decay=1e-3, fused=fused)
        self.judge_optimiser = torch.optim.AdamW(self.judges.parameters(), lr=1e-4, betas=(0.8, 0.99), fused=fused)
        self.progress = {"step": 0, "seconds": 0.0, "grown": False, "settled": False}
        path = args.state / "checkpoint.pt"
        if path.exists():
            state = torch.load(path, map_location=self.device, weights_only=True)
            for name in ("model", "mean", "judges", "optimiser", "judge_optimiser"):
                getattr(self, name).load_state_dict(state[name])
            self.progress = state["progress"]
            print(f"resumed: {self.progress}", flush=True)
        elif args.warm:
            weights = {k: v.float() for k, v in load_file(args.warm).items()}
            for model in (self.model, self.mean):
                model.load_state_dict(weights, strict=False)
                for book in model.vq.levels:
                    book.total.copy_(book.nodes)
            self.progress["grown"] = True
        self.encode, self.decode, self.judge = self.model.enc, self.model.dec, self.judges
        if args.compile:
            torch._dynamo.config.suppress_errors = True
            self.encode, self.decode, self.judge = (torch.compile(m) for m in (self.model.enc, self.model.dec, self.judges))

    def save(self):
        self.args.state.mkdir(parents=True, exist_ok=True)
        self.args.out.mkdir(parents=True, exist_ok=True)
        names = ("model", "mean", "judges", "optimiser", "judge_optimiser")
        state = {name: getattr(self, name).state_dict() for name in names} | {"progress": self.progress}
        part = self.args.state / "checkpoint.pt.part"
        torch.save(state, part)
        part.rename(self.args.state / "checkpoint.pt")
        self.mean.vq.load_state_dict(self.model.vq.state_dict())
        weights = {k: v.half().contiguous() for k, v in self.mean.state_dict().items() if not k.endswith((".count", ".total"))}
        save_file(weights, self.args.out / "weights.part")
        (self.args.out / "weights.part").rename(self.args.out / "weights.safetensors")
        (self.args.out / "progress.json").write_text(json.dumps(self.progress))

    def share(self) -> float:
        return min(1.0, self.progress["seconds"] / (self.config["schedule"]["minutes"] * 60))

    def latents(self, clips, encoder, count):
        found, have, data = [], 0, self.config["data"]
        with torch.no_grad():
            while have < count:
                wave = clips.batch(self.config["schedule"]["batch"], self.length, data["quietest_db"])
                found.append(encoder(self.model.spectrum.analyse(wave)).float().flatten(0, 1))
                have += len(found[-1])
        return torch.cat(found)[:count]

    def settle(self, clips):
        """Freezes the averaged encoder and settles every level's tree on its latents."""
        self.model.load_state_dict(self.mean.state_dict())
        samples = self.latents(clips, self.mean.enc, 1_500_000 if self.device == "cuda" else 60_000)
        for book in self.model.vq.levels:
            book.plant(book.table(book.depth).clone(), samples, rounds=6)
            samples = samples - book.table(book.depth)[nearest(samples, book.table(book.depth))]
        self.model.enc.requires_grad_(False)
        self.mean.vq.load_state_dict(self.model.vq.state_dict())
        self.progress["settled"] = True

    def rung(self) -> tuple[int, int]:
        """A random rung of the ladder: levels, and bits of the last one."""
        shape = self.config["model"]
        full = shape["depth"]
        bits = int(torch.randint(shape["least_depth"], shape["levels"] * full + 1, ()))
        return -(-bits // full), bits - (-(-bits // full) - 1) * full

    def quantise(self, latent, frozen):
        """Straight-through: half of the batch at the default rung, half at a random one; latents, commitment loss, first tokens."""
        shape = self.config["model"]
        default = -(-shape["bits"] // shape["depth"])
        cut, out, commitment, tokens = len(latent) // 2, [], 0.0, None
        for part, (count, depth) in ((latent[:cut], (default, shape["bits"] - (default - 1) * shape["depth"])), (latent[cut:], self.rung())):
            vectors = part.flatten(0, 1)
            quantised, index = self.model.vq.quantize(vectors.detach(), count, depth, None if frozen else 0.99)
            tokens = index[:, 0] if tokens is None else tokens
            if not frozen:
                if count > 1 or depth >= 9:
                    commitment = commitment + (vectors - quantised).pow(2).mean() / 2
                    quantised = vectors + (quantised - vectors).detach()
            out.append(quantised.reshape(part.shape))
        return torch.cat(out), commitment, tokens

    def step(self, clips):
        schedule, loss, share, p = self.config["schedule"], self.config["loss"], self.share(), self.progress
        shape = min(1.0, (p["step"] + 1) / schedule["warm_steps"]) * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * share)))
        for group in self.optimiser.param_groups:
            group["lr"] = schedule["learning_rate"] * shape
        for group in self.judge_optimiser.param_groups:
            group["lr"] = schedule["judge_rate"] * shape
        quantised = p["step"] >= schedule["unquantised_steps"]
        frozen = share >= schedule["decoder_from"]
        if quantised and not p["grown"]:
            self.model.vq.grow(self.latents(clips, self.model.enc, 200_000 if self.device == "cuda" else 20_000))
            p["grown"] = True
        if frozen and not p["settled"]:
            self.settle(clips)
        real = clips.batch(schedule["batch"], self.length, self.config["data"]["quietest_db"])
        features = self.model.spectrum.analyse(real)
        terms, tokens = {}, None
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
            if frozen:
                with torch.no_grad():
                    latent = self.mean.enc(features).float()
            else:
                latent = self.encode(features).float()
            commitment = latent.pow(2).mean() * 1e-3
            if quantised:
                latent, commitment, tokens = self.quantise(latent, frozen)
            rows = self.decode(latent)
        made = self.model.spectrum.synthesise(rows.float())
        real = real[:, : made.shape[1]]
        terms["mel"], terms["spectrum"] = self.spectral(made, real)
        terms["loudness"] = self.loudness(made, real)
        total = sum(loss[name] * terms[name] for name in ("mel", "spectrum", "loudness")) + loss["commitment"] * commitment
        begun = (share - schedule["adversarial_from"]) * schedule["minutes"] * 60
        if begun >= 0:
            width = int(self.config["data"]["judged_seconds"] * self.config["model"]["sample_rate"])
            at = int(torch.randint(0, made.shape[1] - width + 1, ()))
            some_real, some_made = real[:, at : at + width], made[:, at : at + width]
            with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
                verdicts = self.judge(torch.cat([some_real, some_made.detach()]))
                halves = [[(v[: len(real)], [f[: len(real)] for f in fs]) for v, fs in verdicts], [(v[len(real) :], []) for v, fs in verdicts]]
                terms["judge"] = judging(*halves)
            self.judge_optimiser.zero_grad(set_to_none=True)
            terms["judge"].backward()
            torch.nn.utils.clip_grad_norm_(self.judges.parameters(), 10.0)
            self.judge_optimiser.step()
            self.judges.requires_grad_(False)
            with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
                terms["fool"], terms["features"] = fooling(halves[0], self.judge(some_made))
            self.judges.requires_grad_(True)
            total = total + min(1.0, begun / 60 + 0.02) * (loss["adversarial"] * terms["fool"] + loss["features"] * terms["features"])
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        with torch.no_grad():
            keep = min(schedule["average"], (p["step"] + 1) / (p["step"] + 20))
            torch._foreach_lerp_(list(self.mean.parameters()), list(self.model.parameters()), 1 - keep)
        p["step"] += 1
        return terms, tokens

    def run(self):
        args, shape, p = self.args, self.config["model"], self.progress
        self.length = int(round(self.config["data"]["seconds"] * shape["sample_rate"] / shape["hop"])) * shape["hop"]
        clips = Clips(args.data, self.config["data"]["speeds"], self.device, p["step"] + 1)
        print(f"{len(clips.samples) / shape['sample_rate'] / 3600:.2f} hours", flush=True)
        begun = last = saved = time.time()
        for local in range(1, args.steps + 1):
            terms, tokens = self.step(clips)
            if local in (1, 10, 50) or local % 200 == 0:
                text = " ".join(f"{k} {v.item():.4f}" for k, v in terms.items())
                entropy = f"entropy {bits_per_token(tokens, 1 << shape['depth']):.2f}, " if tokens is not None else ""
                rate = (time.time() - begun) / local * 1e3
                print(f"{p['step']} {time.time() - begun:.0f} s of call, {self.share():.3f} of run, {rate:.0f} ms/step, {entropy}{text}{utilisation()}", flush=True)
                clips.look()
            now = time.time()
            p["seconds"], last = p["seconds"] + now - last, now
            if now - saved > args.save_every:
                self.save()
                saved = time.time()
            if now - begun > args.minutes * 60 or self.share() >= 1:
                break
        self.save()
        print(f"saved at step {p['step']}, {p['seconds']:.0f} s of training", flush=True)


if __name__ == "__main__":
    options = arguments()
    Trainer(options, configuration(options.config, options.set)).run()
