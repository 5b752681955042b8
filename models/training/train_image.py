"""Trains the image pack: encoder, nested residual codebook, decoder. The same script runs on CPU and GPU.

    python train_image.py --data work/corpus/parts --state work/image [--phase joint|decoder] [--minutes 9]
        --squeeze lpips_squeeze.onnx [--vgg vgg16.safetensors] [--warm image_f16_k4096.safetensors]

`joint` trains everything with a random rung of the rate ladder for each quarter of a batch. `decoder` freezes the encoder,
settles every codebook on latents of the averaged encoder and goes on with the decoder alone.
The state folder holds the last checkpoint; a run that finds one goes on from it. `--out` receives the averaged weights as fp16
safetensors in files under 16 MiB. New archives that appear in the data folder join the training while it runs.
"""

import argparse
import glob
import json
import math
import os
import subprocess
import time
import tomllib
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from data import CropBank, PhotoFolder
from image_model import ImageModel, flatten, unflatten
from losses import Discriminator, LpipsSqueeze, LpipsVgg
from vq import bits_per_token, nearest
from weights import read_pack


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=Path(__file__).with_name("image.toml"), type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--state", required=True, type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--phase", choices=["joint", "decoder"], default="joint")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--steps", type=int, default=10**9)
    parser.add_argument("--save-every", type=float, default=120.0, metavar="SECONDS")
    parser.add_argument("--squeeze", required=True)
    parser.add_argument("--vgg")
    parser.add_argument("--warm", help="weights to start from when there is no checkpoint: a glob of weight files, or an image pack (.tpack)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, help="16-bit arithmetic; default: on GPUs (on CPUs with AVX512-BF16 it halves a step)")
    parser.add_argument("--photos", type=int, help="read at most this many photos")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="overrides the configuration")
    args = parser.parse_args()
    args.bf16 = args.device == "cuda" if args.bf16 is None else args.bf16
    return args


def configuration(path: Path, overrides: list[str]) -> dict:
    config = tomllib.loads(path.read_text())
    for item in overrides:
        name, value = item.split("=", 1)
        section, key = name.split(".", 1)
        config[section][key] = type(config[section][key])(value)
    return config


class Trainer:
    """One training state: model, averaged model, discriminator, optimisers, counters."""

    def __init__(self, args, config):
        self.args, self.config, self.device = args, config, args.device
        torch.manual_seed(int.from_bytes(os.urandom(4)))
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
        shape = config["model"]
        make = lambda: ImageModel(shape["dim"], shape["depth"], shape["levels"]).to(self.device, memory_format=torch.channels_last)
        self.model, self.mean = make(), make().requires_grad_(False)
        self.judge = Discriminator().to(self.device, memory_format=torch.channels_last)
        fused = self.device == "cuda"
        parts = [*self.model.enc.parameters(), *self.model.dec.parameters()] if args.phase == "joint" else [*self.model.dec.parameters()]
        self.trained = [p for p in parts]
        self.optimiser = torch.optim.AdamW(self.trained, lr=1e-4, betas=(0.9, 0.99), weight_decay=1e-4, fused=fused)
        self.judge_optimiser = torch.optim.AdamW(self.judge.parameters(), lr=1e-4, betas=(0.5, 0.9), fused=fused)
        self.progress = {"step": 0, "seconds": {"joint": 0.0, "decoder": 0.0}, "grown": False, "phase": args.phase}
        self.perceptual = LpipsSqueeze(args.squeeze).to(self.device, memory_format=torch.channels_last)
        self.deep = LpipsVgg(args.vgg).to(self.device, memory_format=torch.channels_last) if args.vgg else None
        if self.deep is not None and self.device == "cuda":
            self.deep = self.deep.bfloat16()
        self.resume()
        self.encode, self.decode, self.discern = self.model.enc, self.model.dec, self.judge
        if args.compile:
            self.encode, self.decode = torch.compile(self.model.enc), torch.compile(self.model.dec)
            self.perceptual = torch.compile(self.perceptual)
            if self.deep is not None:
                self.deep = torch.compile(self.deep)

    # --- state -------------------------------------------------------------------------------------------------------------

    def resume(self):
        path = self.args.state / "checkpoint.pt"
        if path.exists():
            state = torch.load(path, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.mean.load_state_dict(state["mean"])
            self.judge.load_state_dict(state["judge"])
            self.judge_optimiser.load_state_dict(state["judge_optimiser"])
            phase = state["progress"]["phase"]
            self.progress = {**state["progress"], "phase": self.args.phase}
            if phase == self.args.phase:
                self.optimiser.load_state_dict(state["optimiser"])
            elif self.args.phase == "decoder":
                self.model.load_state_dict(self.mean.state_dict())
            print(f"resumed at step {self.progress['step']}, {self.progress['seconds']}", flush=True)
        elif self.args.warm:
            self.warm_start(sorted(glob.glob(self.args.warm)))

    def warm_start(self, files: list[str]):
        """Weights of an earlier run: what `publish` wrote, a shipped pack, or a model with plain leaves `vq.e` of one level."""
        state = {}
        for name in files:
            found = read_pack(name) if name.endswith(".tpack") else load_file(name)
            state |= {k: v.to(self.device) for k, v in found.items()}
        if not state:
            raise SystemExit(f"{self.args.warm}: no weights there; name the files of an earlier run")
        if "vq.e" in state:
            self.leaves = state.pop("vq.e").float()
        judge = {k.removeprefix("judge."): v for k, v in state.items() if k.startswith("judge.")}
        if judge:
            self.judge.load_state_dict({k: v.float() for k, v in judge.items()})
        own = {k: v.float() for k, v in state.items() if not k.startswith("judge.")}
        missing, unexpected = self.model.load_state_dict(own, strict=False)
        if unexpected or any(not k.startswith("vq.") for k in missing):
            raise SystemExit(f"{self.args.warm}: weights of another architecture: {unexpected or missing}")
        for book in self.model.vq.levels:
            book.total.copy_(book.nodes)
        self.mean.load_state_dict(self.model.state_dict())
        record = Path(files[0]).with_name("progress.json")
        if record.exists():
            self.progress = {**json.loads(record.read_text()), "phase": self.args.phase}
        self.progress["grown"] = any(k.startswith("vq.levels.") for k in own)
        print(f"warm start from {len(files)} files, {self.progress}", flush=True)

    def save(self):
        self.mean.vq.load_state_dict(self.model.vq.state_dict())
        self.args.state.mkdir(parents=True, exist_ok=True)
        state = {
            "model": self.model.state_dict(), "mean": self.mean.state_dict(), "judge": self.judge.state_dict(),
            "optimiser": self.optimiser.state_dict(), "judge_optimiser": self.judge_optimiser.state_dict(), "progress": self.progress,
        }  # fmt: skip
        part = self.args.state / "checkpoint.pt.part"
        torch.save(state, part)
        part.rename(self.args.state / "checkpoint.pt")

    def publish(self):
        """Averaged weights and codebook nodes as fp16, in files under 15 MB that `export_image.py` joins."""
        if self.args.out is None:
            return
        self.args.out.mkdir(parents=True, exist_ok=True)
        tensors = {k: v.half().contiguous() for k, v in self.mean.state_dict().items() if not k.endswith((".count", ".total"))}
        tensors |= {f"judge.{k}": v.half().contiguous() for k, v in self.judge.state_dict().items()}
        piece, size, index = {}, 0, 0
        for name, tensor in [*tensors.items(), (None, None)]:
            bytes_ = 0 if tensor is None else tensor.numel() * 2
            if piece and (tensor is None or size + bytes_ > 15_000_000):
                save_file(piece, self.args.out / f"weights-{index}.safetensors")
                piece, size, index = {}, 0, index + 1
            if tensor is not None:
                piece[name], size = tensor, size + bytes_
        (self.args.out / "progress.json").write_text(json.dumps(self.progress))

    # --- training ----------------------------------------------------------------------------------------------------------

    def latents(self, bank: CropBank, encoder: nn.Module, count: int) -> torch.Tensor:
        """Latent vectors [N, dim] of at least `count` positions of fresh crops."""
        found, have = [], 0
        with torch.no_grad():
            while have < count:
                found.append(flatten(encoder(bank.batch(self.config["schedule"]["batch"])).float()))
                have += len(found[-1])
        return torch.cat(found)[:count]

    def grow(self, bank):
        samples = self.latents(bank, self.mean.enc, 200_000)
        self.model.vq.grow(samples, getattr(self, "leaves", None))
        self.mean.vq.load_state_dict(self.model.vq.state_dict())
        self.progress |= {"grown": True, "settled": self.args.phase == "decoder"}

    def settle(self, bank):
        """Rebuilds every level's tree from its leaves and settles all depths on the averaged encoder's latents."""
        samples = self.latents(bank, self.mean.enc, 1_500_000 if self.device == "cuda" else 300_000)
        for book in self.model.vq.levels:
            book.plant(book.table(book.depth).clone(), samples, rounds=6)
            samples = samples - book.table(book.depth)[nearest(samples, book.table(book.depth))]
        self.mean.vq.load_state_dict(self.model.vq.state_dict())
        self.progress["settled"] = True

    def rungs(self):
        """Four rungs, one for each quarter of the batch: full first level, a coarser one, two levels, and a varying one."""
        full, top = self.config["model"]["depth"], self.config["model"]["levels"]
        draw = lambda low, high: int(torch.randint(low, high + 1, ()))
        last = [(1, draw(6, full)), (3, draw(3, full)), (top, draw(3, full)), (2, full)][self.progress["step"] % 4]
        return [(1, full), (1, draw(3, full - 1)), (2, draw(3, full)), last]

    def quantize(self, latent):
        """Straight-through quantisation of each quarter at its rung; returns latents, commitment loss, first-level tokens."""
        joint, out, commitment, tokens = self.args.phase == "joint", [], 0.0, None
        for quarter, (levels, depth) in zip(latent.chunk(4), self.rungs()):
            vectors = flatten(quarter)
            quantised, index = self.model.vq.quantize(vectors.detach(), levels, depth, 0.99 if joint else None)
            tokens = index[:, 0] if tokens is None else tokens
            if joint and (levels > 1 or depth >= 9):
                commitment = commitment + (vectors - quantised).pow(2).mean() / 4
                quantised = vectors + (quantised - vectors).detach()
            out.append(unflatten(quantised, quarter))
        return torch.cat(out), commitment, tokens

    def rates(self):
        schedule, phase = self.config["schedule"], self.args.phase
        done = min(1.0, self.progress["seconds"][phase] / (schedule[f"{phase}_minutes"] * 60))
        peak = schedule["learning_rate" if phase == "joint" else "decoder_learning_rate"]
        shape = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))
        return peak * min(1.0, (self.local + 1) / schedule["warm_steps"]) * shape, self.config["loss"]["discriminator_rate"] * shape

    def step(self, bank):
        loss, device = self.config["loss"], self.device
        rate, judge_rate = self.rates()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        for group in self.judge_optimiser.param_groups:
            group["lr"] = judge_rate
        real = bank.batch(self.config["schedule"]["batch"])
        with torch.autocast(device, dtype=torch.bfloat16, enabled=self.args.bf16):
            if self.args.phase == "joint":
                latent = self.encode(real).float()
            else:
                with torch.no_grad():
                    latent = self.mean.enc(real).float()
            quantised, commitment, tokens = self.quantize(latent)
            made = self.decode(quantised).float()
            terms = {"l1": (made - real).abs().mean(), "squeeze": self.perceptual(made, real)}
            total = loss["l1"] * terms["l1"] + loss["lpips_squeeze"] * terms["squeeze"] + loss["commitment"] * commitment
            if self.deep is not None:
                pick = torch.randperm(len(real))[: loss["vgg_crops"]]
                kind = torch.bfloat16 if device == "cuda" else torch.float32
                terms["vgg"] = self.deep(made[pick].to(kind), real[pick].to(kind))
                total = total + loss["lpips_vgg"] * terms["vgg"]
            step = self.progress["step"]
            ramp = min(1.0, max(0.0, (step - loss["adversarial_from"]) / loss["adversarial_ramp"])) if loss["adversarial"] else 0.0
            if ramp > 0:
                self.judge.requires_grad_(False)
                terms["fool"] = -self.discern(made).float().mean()
                total = total + loss["adversarial"] * ramp * terms["fool"]
                self.judge.requires_grad_(True)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimiser.step()
        if loss["adversarial"]:
            with torch.autocast(device, dtype=torch.bfloat16, enabled=self.args.bf16):
                verdict = self.discern(torch.cat([real, made.detach()])).float()
                terms["judge"] = torch.relu(1 - verdict[: len(real)]).mean() + torch.relu(1 + verdict[len(real) :]).mean()
            self.judge_optimiser.zero_grad(set_to_none=True)
            terms["judge"].backward()
            self.judge_optimiser.step()
        with torch.no_grad():
            keep = min(self.config["schedule"]["average"], (step + 1) / (step + 20))
            torch._foreach_lerp_(list(self.mean.parameters()), list(self.model.parameters()), 1 - keep)
        self.progress["step"] += 1
        self.local += 1
        return terms, tokens

    def run(self):
        args, started, self.local = self.args, time.time(), 0
        data, size = self.config["data"], 1 << self.config["model"]["depth"]
        folder = PhotoFolder(args.data)
        photos = folder.new(args.photos)
        print(f"{len(photos)} photos, {sum(p.shape[1] * p.shape[2] for p in photos) / 1e6:.0f} megapixels, {time.time() - started:.0f} s", flush=True)
        bank = CropBank(photos, data["crop"], data["slots"], self.device, self.progress["step"] + 1, data["smallest_scale"])
        print(f"bank filled after {time.time() - started:.0f} s", flush=True)
        if not self.progress["grown"]:
            self.grow(bank)
        if args.phase == "decoder" and not self.progress.get("settled"):
            self.settle(bank)
        print(f"ready after {time.time() - started:.0f} s", flush=True)
        mark, saved, base = time.time(), time.time(), self.progress["seconds"][args.phase]
        while time.time() - started < args.minutes * 60 and self.local < args.steps:
            terms, tokens = self.step(bank)
            self.progress["seconds"][args.phase] = base + time.time() - mark
            if self.local % 250 == 0:
                bank.add(folder.new())
            if time.time() - saved > args.save_every:
                self.save()
                self.publish()
                saved = time.time()
            if self.local in (1, 10, 50) or self.local % 250 == 0:
                text = " ".join(f"{k} {v.item():.4f}" for k, v in terms.items())
                speed = (time.time() - mark) / self.local
                print(f"{self.progress['step']} {time.time() - started:.0f} s, {speed * 1e3:.0f} ms/step, entropy {bits_per_token(tokens, size):.2f}, {text}{utilisation()}", flush=True)
        self.save()
        self.publish()
        print(f"saved at step {self.progress['step']} after {time.time() - started:.0f} s", flush=True)


def utilisation() -> str:
    """The accelerator's load as its driver reports it, or nothing."""
    try:
        query = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader"]
        return ", GPU " + subprocess.run(query, capture_output=True, text=True, timeout=5).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


if __name__ == "__main__":
    options = arguments()
    Trainer(options, configuration(options.config, options.set)).run()
