"""Trains a geometry pack: encoder, nested residual codebook and decoder of blocks of distance fields. The same script runs on CPU and GPU.

    python train_surface.py --data work/shapes/parts --state work/surface --out work/surface/out [--config surface.toml] [--minutes 9]

Each quarter of a batch is at a rung of its own. At first nothing is quantised; then the codebooks are planted on what the encoder has learnt,
and for the last share of the time encoder and codebooks stay as they are while the decoder goes on. The state folder holds the last
checkpoint; a run that finds one goes on from it. `--out` receives the averaged weights as fp16. Parts that appear in the data folder join
the training while it runs.
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from shapes import Shapes
from surface_model import SurfaceModel
from train_image import configuration, utilisation
from vq import bits_per_token, nearest


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=Path(__file__).with_name("surface.toml"), type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--state", required=True, type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--minutes", type=float, default=9.0, help="of this run, start included")
    parser.add_argument("--steps", type=int, default=10**9)
    parser.add_argument("--save-every", type=float, default=120.0, metavar="SECONDS")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, help="16-bit arithmetic; default: on GPUs")
    parser.add_argument("--fields", type=int, help="read at most this many fields of a part")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="overrides the configuration")
    args = parser.parse_args()
    args.bf16 = args.device == "cuda" if args.bf16 is None else args.bf16
    return args


class Trainer:
    """Model, averaged model, optimiser and counters."""

    def __init__(self, args):
        self.args, self.config, self.device = args, configuration(args.config, args.set), args.device
        torch.manual_seed(int.from_bytes(os.urandom(4)))
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        make = lambda: SurfaceModel(self.config["model"]).to(self.device)
        self.model, self.mean = make(), make().requires_grad_(False)
        self.mean.load_state_dict(self.model.state_dict())
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-3, fused=self.device == "cuda")
        self.progress, self.local = {"step": 0, "seconds": 0.0, "planted": False, "settled": False}, 0
        counts = [sum(p.numel() for p in module.parameters()) / 1e6 for module in (self.model.enc, self.model.dec)]
        print(f"{counts[0]:.2f} + {counts[1]:.2f} million parameters on {self.device}", flush=True)
        path = args.state / "checkpoint.pt"
        if path.exists():
            state = torch.load(path, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.mean.load_state_dict(state["mean"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.progress = state["progress"]
            print(f"resumed: {self.progress}", flush=True)

    def save(self):
        """The checkpoint, and the averaged weights and codebooks as fp16."""
        self.args.state.mkdir(parents=True, exist_ok=True)
        state = {"model": self.model.state_dict(), "mean": self.mean.state_dict(), "optimiser": self.optimiser.state_dict(), "progress": self.progress}
        part = self.args.state / "checkpoint.pt.part"
        torch.save(state, part)
        part.rename(self.args.state / "checkpoint.pt")
        if self.args.out is None:
            return
        self.args.out.mkdir(parents=True, exist_ok=True)
        self.mean.vq.load_state_dict(self.model.vq.state_dict())
        tensors = {k: v.half().contiguous() for k, v in self.mean.state_dict().items() if not k.endswith((".count", ".total"))}
        save_file(tensors, self.args.out / "weights.safetensors.part")
        (self.args.out / "weights.safetensors.part").rename(self.args.out / "weights.safetensors")
        (self.args.out / "progress.json").write_text(json.dumps(self.progress))

    def done(self) -> float:
        """Share of the training that is over."""
        return min(1.0, self.progress["seconds"] / (self.config["schedule"]["minutes"] * 60))

    def autocast(self):
        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.args.bf16)

    @torch.no_grad()
    def latents(self, shapes: Shapes, encoder, count: int) -> torch.Tensor:
        """Latents [N,dim] of at least `count` blocks."""
        found, have = [], 0
        while have < count:
            blocks, around, _ = self.batch(shapes)
            with self.autocast():
                found.append(encoder(blocks, around).float())
            have += len(found[-1])
        return torch.cat(found)

    def batch(self, shapes: Shapes, held: bool = False):
        data = self.config["data"]
        return shapes.batch(data["blocks"], (data["least_offset"], data["most_offset"]), held)

    def plant(self, shapes: Shapes):
        self.model.vq.grow(self.latents(shapes, self.mean.enc, 150_000 if self.device == "cuda" else 40_000))
        self.progress["planted"] = True

    def settle(self, shapes: Shapes):
        """From here on encoder and codebooks stay: those of the averaged encoder."""
        self.model.enc.load_state_dict(self.mean.enc.state_dict())
        self.model.enc.requires_grad_(False)
        if not self.progress["settled"]:
            samples = self.latents(shapes, self.model.enc, 600_000 if self.device == "cuda" else 100_000)
            for book in self.model.vq.levels:
                book.plant(book.table(book.depth).clone(), samples, rounds=6)
                samples = samples - book.table(book.depth)[nearest(samples, book.table(book.depth))]
            self.progress["settled"] = True

    def rungs(self) -> list[tuple[int, int]]:
        """Levels and depth of the last for each quarter of a batch."""
        full, top = self.config["model"]["depth"], self.config["model"]["levels"]
        draw = lambda low, high: int(torch.randint(low, high + 1, ()))
        return [(1, full), (1, draw(4, full - 1)), (2, draw(2, full)), (draw(2, top), full if draw(0, 1) else draw(3, full))]

    def quantised(self, latent, quarter, follow):
        out = torch.zeros_like(latent)
        for n, (levels, depth) in enumerate(self.rungs()):
            rows = (quarter == n).nonzero()[:, 0]
            if len(rows):
                out[rows] = self.model.vq.quantize(latent[rows], levels, depth, follow)[0]
        return out

    def terms(self, made, real) -> dict[str, torch.Tensor]:
        loss = self.config["loss"]
        near = (real.abs() < 1).float()
        error = (made - real).abs()
        return {
            "l1": (error * (1 + (loss["near"] - 1) * near)).mean(),
            "sign": F.binary_cross_entropy_with_logits(4 * made, (real > 0).float()),
            "steps off": (error.detach() * near).sum() / near.sum(),
        }

    def step(self, shapes: Shapes):
        schedule, loss, step = self.config["schedule"], self.config["loss"], self.progress["step"]
        if step >= schedule["plant"] and not self.progress["planted"]:
            self.plant(shapes)
        settled = self.progress["planted"] and self.done() > 1 - schedule["decoder_share"]
        if settled and (self.local == 0 or not self.progress["settled"]):
            self.settle(shapes)
        blocks, around, quarter = self.batch(shapes)
        with self.autocast():
            latent = self.model.enc(blocks, around)
        latent = latent.float()
        commitment = latent.new_zeros(())
        code = latent
        if self.progress["planted"]:
            with torch.no_grad():
                chosen = self.quantised(latent.detach(), quarter, None if settled else 0.99)
            commitment = (latent - chosen).pow(2).mean() if not settled else commitment
            code = latent + (chosen - latent).detach()
        else:
            code = latent + 0.1 * torch.randn_like(latent)
        with self.autocast():
            made = self.model.dec(code, around)
        terms = self.terms(made.float(), blocks)
        total = terms["l1"] + loss["sign"] * terms["sign"] + loss["commitment"] * commitment
        rate = min(1.0, (self.local + 1) / schedule["warm_steps"]) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.done())))
        for group in self.optimiser.param_groups:
            group["lr"] = schedule["learning_rate"] * rate
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_([p for p in self.model.parameters() if p.grad is not None], 1.0)
        # A step whose gradient is not finite would end the run.
        if torch.isfinite(norm):
            self.optimiser.step()
        with torch.no_grad():
            keep = min(schedule["average"], (step + 1) / (step + 20))
            torch._foreach_lerp_(list(self.mean.parameters()), list(self.model.parameters()), 1 - keep)
        return {**terms, "commitment": commitment}

    @torch.no_grad()
    def judge_text(self, shapes: Shapes) -> str:
        """Mean error of samples near the surface, in steps, of the averaged model on held fields at a few rungs."""
        blocks, around, _ = self.batch(shapes, held=True)
        with self.autocast():
            latent = self.mean.enc(blocks, around).float()
            text = [f"unquantised {float(self.terms(self.mean.dec(latent, around).float(), blocks)['steps off']):.3f}"]
            full = self.config["model"]["depth"]
            for levels, depth in [(1, full - 4), (1, full), (2, full), (3, full)] if self.progress["planted"] else []:
                chosen, tokens = self.model.vq.quantize(latent, levels, depth)
                off = float(self.terms(self.mean.dec(chosen, around).float(), blocks)["steps off"])
                text.append(f"{(levels - 1) * full + depth} bits {off:.3f} ({bits_per_token(tokens[:, -1], 1 << depth):.2f})")
        return "held: " + ", ".join(text)

    def run(self):
        args, started = self.args, time.time()
        data = self.config["data"]
        shapes = Shapes(args.data, self.config["model"]["side"], data["most_offset"], self.device)
        count = shapes.new(args.fields)
        print(f"{count} fields, {sum(len(b) for b in shapes.blocks)} blocks, ready after {time.time() - started:.0f} s", flush=True)
        mark, saved, base = time.time(), time.time(), self.progress["seconds"]
        while time.time() - started < args.minutes * 60 and self.local < args.steps and self.done() < 1:
            terms = self.step(shapes)
            self.progress["step"] += 1
            self.local += 1
            self.progress["seconds"] = base + time.time() - mark
            if self.local % 500 == 0 and shapes.new(args.fields) > count:
                count = len(shapes.blocks)
                print(f"{count} fields, {sum(len(b) for b in shapes.blocks)} blocks", flush=True)
            if time.time() - saved > args.save_every:
                self.save()
                saved = time.time()
            if self.local in (1, 10, 50, 250) or self.local % 500 == 0:
                text = " ".join(f"{k} {float(v.detach()):.4f}" for k, v in terms.items())
                pace = (time.time() - mark) / self.local * 1e3
                print(f"{self.progress['step']} {time.time() - started:.0f} s, {pace:.0f} ms/step, {100 * self.done():.0f} %, {text}; {self.judge_text(shapes)}{utilisation()}", flush=True)
        self.save()
        print(f"saved at step {self.progress['step']} after {time.time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    Trainer(arguments()).run()
