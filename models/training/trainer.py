"""What trainings of what is added to an image pack share: arguments, resumable state, averaged weights, pace."""

import argparse
import json
import math
import os
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from data import CropBank, PhotoFolder
from frozen import FrozenImage
from train_image import configuration, utilisation


def arguments(doc: str, config: str, **required: str) -> argparse.Namespace:
    """The options that all trainings have, and further ones that are `required`: names and what they are."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--config", default=Path(__file__).with_name(config), type=Path)
    parser.add_argument("--pack", default=str(Path(__file__).parent.parent / "packs" / "image-f16.tpack"), help="the image pack to train for")
    parser.add_argument("--data", required=True)
    parser.add_argument("--state", required=True, type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--minutes", type=float, default=9.0, help="of this run, start included")
    parser.add_argument("--steps", type=int, default=10**9)
    parser.add_argument("--save-every", type=float, default=120.0, metavar="SECONDS")
    parser.add_argument("--squeeze", required=True)
    parser.add_argument("--warm", type=Path, help="published weights to start from when there is no checkpoint")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, help="16-bit arithmetic; default: on GPUs")
    parser.add_argument("--photos", type=int, help="read at most this many photos")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="overrides the configuration")
    for name, what in required.items():
        parser.add_argument(f"--{name}", required=True, help=what)
    args = parser.parse_args()
    args.bf16 = args.device == "cuda" if args.bf16 is None else args.bf16
    return args


class Trainer:
    """A model, its average, optimisers and counters. Subclasses give `step` and `judge_text`; `folder` is what `--data` is read with."""

    folder = PhotoFolder

    def __init__(self, args, make, extras: dict[str, torch.nn.Module] | None = None):
        self.args, self.config, self.device = args, configuration(args.config, args.set), args.device
        torch.manual_seed(int.from_bytes(os.urandom(4)))
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
        self.image = self.frozen()
        place = lambda module: module.to(self.device, memory_format=torch.channels_last)
        self.model, self.mean = place(make(self.config["model"], self.image)), place(make(self.config["model"], self.image)).requires_grad_(False)
        self.mean.load_state_dict(self.model.state_dict())
        self.modules = {"model": self.model, "mean": self.mean} | {name: place(module) for name, module in (extras or {}).items()}
        fused = self.device == "cuda"
        rate, weights = self.config["schedule"]["learning_rate"], self.model.parameters()
        self.optimisers = {"model": torch.optim.AdamW(weights, lr=rate, betas=(0.9, 0.99), weight_decay=1e-4, fused=fused)}
        for name in extras or {}:
            self.optimisers[name] = torch.optim.AdamW(self.modules[name].parameters(), lr=rate, betas=(0.5, 0.9), fused=fused)
        self.progress, self.local = {"step": 0, "seconds": 0.0, "second_from": 0}, 0
        count = sum(p.numel() for p in self.model.parameters())
        print(f"{count / 1e6:.2f} million parameters on {self.device}", flush=True)
        self.resume()

    def frozen(self):
        """The image pack, or nothing where the model sees none of it."""
        return FrozenImage(self.args.pack, self.device)

    def open(self, folder):
        """What batches are drawn from."""
        data = self.config["data"]
        photos = folder.new(self.args.photos)
        print(f"{len(photos)} photos, {sum(p.shape[1] * p.shape[2] for p in photos) / 1e6:.0f} megapixels", flush=True)
        bank = CropBank(photos, data["crop"], data["slots"], self.device, self.progress["step"] + 1, data["smallest_scale"])
        with self.autocast():
            self.image.learn_costs(bank, 200_000 if self.device == "cuda" else 4_000, self.config["schedule"]["batch"])
        return bank

    def autocast(self):
        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.args.bf16)

    # --- state ---------------------------------------------------------------------------------------------------------------

    def resume(self):
        path = self.args.state / "checkpoint.pt"
        if path.exists():
            state = torch.load(path, map_location=self.device, weights_only=True)
            for name, module in self.modules.items():
                module.load_state_dict(state[name])
            for name, optimiser in self.optimisers.items():
                optimiser.load_state_dict(state[f"optimiser.{name}"])
            self.progress = state["progress"]
            print(f"resumed: {self.progress}", flush=True)
        elif self.args.warm:
            own, others = {}, {name: {} for name in self.modules if name not in ("model", "mean")}
            for key, tensor in load_file(self.args.warm).items():
                module, _, rest = key.partition(":")
                (others[module] if module in others else own)[rest if module in others else key] = tensor.float()
            self.model.load_state_dict(own)
            self.mean.load_state_dict(own)
            for name, weights in others.items():
                if weights:
                    self.modules[name].load_state_dict(weights)
            record = self.args.warm.with_name("progress.json")
            if record.exists():
                self.progress = json.loads(record.read_text())
            print(f"warm start: {self.progress}", flush=True)

    def save(self):
        """The checkpoint, and the averaged weights as fp16."""
        self.args.state.mkdir(parents=True, exist_ok=True)
        state = {name: module.state_dict() for name, module in self.modules.items()}
        state |= {f"optimiser.{name}": optimiser.state_dict() for name, optimiser in self.optimisers.items()}
        part = self.args.state / "checkpoint.pt.part"
        torch.save(state | {"progress": self.progress}, part)
        part.rename(self.args.state / "checkpoint.pt")
        if self.args.out is None:
            return
        self.args.out.mkdir(parents=True, exist_ok=True)
        tensors = {name: tensor.half().contiguous() for name, tensor in self.mean.state_dict().items()}
        for name, module in self.modules.items():
            if name not in ("model", "mean"):
                tensors |= {f"{name}:{key}": tensor.half().contiguous() for key, tensor in module.state_dict().items()}
        save_file(tensors, self.args.out / "weights.safetensors.part")
        (self.args.out / "weights.safetensors.part").rename(self.args.out / "weights.safetensors")
        (self.args.out / "progress.json").write_text(json.dumps(self.progress))

    # --- pace ----------------------------------------------------------------------------------------------------------------

    def done(self) -> float:
        """Share of the training that is over."""
        return min(1.0, self.progress["seconds"] / (self.config["schedule"]["minutes"] * 60))

    def second_phase(self, share: float) -> bool:
        """Whether the first phase, that share of the training, is over; remembers the step at which it ended."""
        if self.done() < share:
            return False
        if not self.progress["second_from"]:
            self.progress["second_from"] = self.progress["step"] or 1
        return True

    def shape(self) -> float:
        """Half cosine from 1 to 0.02, after a warm-up at the start of every run."""
        rising = min(1.0, (self.local + 1) / self.config["schedule"]["warm_steps"])
        return rising * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.done())))

    def update(self, loss, rate: float):
        """One step of the model and its average."""
        optimiser = self.optimisers["model"]
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        # A step whose gradient is not finite would end the run.
        if torch.isfinite(norm):
            optimiser.step()
        with torch.no_grad():
            step = self.progress["step"]
            keep = min(self.config["schedule"]["average"], (step + 1) / (step + 20))
            torch._foreach_lerp_(list(self.mean.parameters()), list(self.model.parameters()), 1 - keep)

    def fool(self, made):
        """The loss of not being taken for real by the module `judge`, which itself stays as it is, and the loss's weight, which rises from 0."""
        loss, judge = self.config["loss"], self.modules["judge"]
        judge.requires_grad_(False)
        with self.autocast():
            verdict = -judge(made).float().mean()
        judge.requires_grad_(True)
        return verdict, loss["adversarial"] * min(1.0, (self.progress["step"] - self.progress["second_from"]) / loss["adversarial_ramp"])

    def discern(self, real, made):
        """One step of the module `judge`, a discriminator; returns its loss."""
        optimiser = self.optimisers["judge"]
        for group in optimiser.param_groups:
            group["lr"] = self.config["loss"]["discriminator_rate"] * self.shape()
        with self.autocast():
            verdict = self.modules["judge"](torch.cat([real, made])).float()
            loss = torch.relu(1 - verdict[: len(real)]).mean() + torch.relu(1 + verdict[len(real) :]).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        return loss

    def run(self):
        args, started = self.args, time.time()
        folder = self.folder(args.data)
        bank = self.open(folder)
        print(f"ready after {time.time() - started:.0f} s", flush=True)
        mark, saved, base = time.time(), time.time(), self.progress["seconds"]
        while time.time() - started < args.minutes * 60 and self.local < args.steps:
            terms = self.step(bank)
            self.progress["step"] += 1
            self.local += 1
            self.progress["seconds"] = base + time.time() - mark
            if self.local % 250 == 0:
                bank.add(folder.new())
            if time.time() - saved > args.save_every:
                self.save()
                saved = time.time()
            if self.local in (1, 10, 50) or self.local % 250 == 0:
                text = " ".join(f"{k} {float(torch.as_tensor(v).detach()):.4f}" for k, v in terms.items())
                pace = (time.time() - mark) / self.local * 1e3
                print(f"{self.progress['step']} {time.time() - started:.0f} s, {pace:.0f} ms/step, {100 * self.done():.0f} %, {text}; {self.judge_text(bank)}{utilisation()}", flush=True)
        self.save()
        print(f"saved at step {self.progress['step']} after {time.time() - started:.0f} s", flush=True)
