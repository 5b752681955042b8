"""Trains the enhancer of the video codec's base layers on what `corpus_base.py` makes.

    python train_enhancer.py --data work/base --state work/enhancer --out work/enhancer/out --squeeze lpips_squeeze.onnx --vgg vgg16.safetensors [--minutes 9]

Pairs are frames that follow each other. New films are taken in while it runs. The state folder holds the last checkpoint; a run that finds one goes on from it. `--out`
receives the averaged weights.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from losses import Discriminator, LpipsSqueeze, LpipsVgg
from trainer import Trainer, arguments
from video_model import BLOCK, Enhancer


def moved(frames: torch.Tensor) -> torch.Tensor:
    """What changed from the first frames to those after them."""
    return frames[len(frames) // 2 :] - frames[: len(frames) // 2]


class FilmFolder:
    """Pairs of a folder's films, where more may appear at any time."""

    def __init__(self, folder: str):
        self.folder, self.known = Path(folder), set()

    def new(self, most: int | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
        """(low, high) of films not given out before, at most 400 of them at a time."""
        paths = sorted(set(self.folder.glob("*.npz")) - self.known)[: most or 400]
        self.known |= set(paths)
        films = [np.load(path) for path in paths]
        return [(film["low"], film["high"]) for film in films]


class PairBank:
    """Batches of crops of pairs, in [-1,1]; a sixteenth of the films is kept to look at and not learnt from."""

    def __init__(self, films, crop: int, device: str):
        self.crop, self.device, self.low, self.high, self.seen, self.count = crop, device, [], [], [], 0
        self.add(films)

    def add(self, films):
        for low, high in films:
            place = lambda array: torch.from_numpy(array).to(self.device)
            if self.count % 16 == 0 and len(self.seen) < 24:
                self.seen.append((place(low[:1]), place(high[:1])))
            else:
                self.low += place(low).unbind(0)
                self.high += place(high).unbind(0)
            self.count += 1

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """low [2·count,3,crop/2,crop/2], high [2·count,3,crop,crop]: the first frames, then those after them."""
        lows, highs, side = [], [], self.crop // 2
        for n in torch.randint(len(self.low), (count,)).tolist():
            low, high = self.low[n], self.high[n]
            y, x = (2 * int(torch.randint(0, (have - side) // 2 + 1, ())) for have in low.shape[2:])
            low, high = low[:, :, y : y + side, x : x + side], high[:, :, 2 * y : 2 * (y + side), 2 * x : 2 * (x + side)]
            if torch.rand(()) < 0.5:
                low, high = low.flip(3), high.flip(3)
            lows.append(low)
            highs.append(high)
        scaled = lambda of: (torch.stack(of).transpose(0, 1).flatten(0, 1).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        return scaled(lows), scaled(highs)

    def unseen(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The pairs that are not learnt from, likewise."""
        scaled = lambda n: torch.cat([pair[n] for pair in self.seen]).transpose(0, 1).flatten(0, 1).float() / 127.5 - 1
        return scaled(0), scaled(1)


class EnhancerTrainer(Trainer):
    """The enhancer, and a discriminator."""

    folder = FilmFolder

    def __init__(self, args):
        super().__init__(args, lambda model, _: Enhancer(model["widths"], model["depths"]), {"judge": Discriminator()})
        place = lambda module: module.to(self.device, memory_format=torch.channels_last)
        self.squeeze, self.vgg = place(LpipsSqueeze(args.squeeze)), place(LpipsVgg(args.vgg))

    def frozen(self):
        return None

    def open(self, folder):
        bank = PairBank(folder.new(), self.config["data"]["crop"], self.device)
        print(f"{bank.count} films", flush=True)
        return bank

    def step(self, bank):
        schedule, loss = self.config["schedule"], self.config["loss"]
        plain = not self.second_phase(schedule["plain_share"])
        low, real = bank.batch(schedule["batch"])
        with self.autocast():
            made = self.model(F.pixel_unshuffle(low, BLOCK)).float()
            terms = {"l1": (made - real).abs().mean(), "lpips_squeeze": self.squeeze(made, real)}
            pick = torch.randperm(len(made), device=self.device)[: loss["vgg_crops"]]
            terms["lpips_vgg"] = self.vgg(made[pick], real[pick])
        terms["steady"] = (moved(made) - moved(real)).abs().mean()
        total = sum(loss[name] * terms[name] for name in ("l1", "lpips_squeeze", "lpips_vgg", "steady"))
        if not plain:
            terms["fool"], weight = self.fool(made)
            total = total + weight * terms["fool"]
        self.update(total, schedule["learning_rate"] * self.shape())
        if not plain:
            terms["judge"] = self.discern(real, made.detach())
        return terms

    @torch.no_grad()
    def judge_text(self, bank) -> str:
        """LPIPS-SqueezeNet and flicker of films that are not learnt from, enhanced and interpolated."""
        low, real = bank.unseen()
        texts = []
        cubic = F.interpolate(low, scale_factor=2, mode="bicubic")
        with self.autocast():
            mine = torch.cat([self.mean(F.pixel_unshuffle(some, BLOCK)).float() for some in low.split(8)])
            for picture in (mine, cubic):
                picture = picture.clamp(-1, 1)
                far = sum(self.squeeze(a, b) for a, b in zip(picture.split(8), real.split(8))) / len(real.split(8))
                texts.append(f"{float(far):.4f} flicker {float((moved(picture) - moved(real)).abs().mean()) * 127.5:.3f}")
        return f"{bank.count} films; " + " beside ".join(texts)


if __name__ == "__main__":
    EnhancerTrainer(arguments(__doc__, "enhancer.toml", vgg="VGG of shift-tolerant LPIPS, as losses.py writes it")).run()
