"""Trains the frame decoder of the video codec beside a finished image pack.

    python train_video.py --data work/corpus/train --state work/video --out work/video/out --squeeze lpips_squeeze.onnx --vgg vgg16.safetensors [--minutes 9]

Pairs of frames are two crops of a photo, a camera's move apart, with noise and with things that move on their own; tokens of the second stick to those of the first as
the encoder makes them stick. Half of the pairs are coded at half size, and the decoder returns the whole. The state folder holds the last checkpoint; a run that finds
one goes on from it. `--out` receives the averaged weights.
"""

import torch
import torch.nn.functional as F

from losses import Discriminator, LpipsSqueeze, LpipsVgg
from trainer import Trainer, arguments
from video_model import FrameDecoder


def draw_pairs(bank, schedule, crop: int):
    """Frames before and after [batch,3,side,side], and how far the second's content lies from the first's: (rows, columns)."""
    photos = bank.batch(schedule["batch"])
    farthest = schedule["farthest"]
    side = (crop - farthest) // 32 * 32
    still = float(torch.rand(())) < schedule["still"]
    y, x = (0, 0) if still else (int(torch.randint(-farthest, farthest + 1, ())) for _ in range(2))
    top, left = (int(torch.randint(max(0, -m), crop - side - max(0, m) + 1, ())) for m in (y, x))
    first, second = photos[:, :, top : top + side, left : left + side], photos[:, :, top + y : top + y + side, left + x : left + x + side]
    # Things that move on their own: a piece of another photo at a place in the first frame, elsewhere in the second.
    first, second = first.clone(), second.clone()
    for _ in range(int(torch.randint(0, 3, ()))):
        h, w = (int(torch.randint(16, side // 2, ())) for _ in range(2))
        piece = photos.roll(1, 0)[:, :, :h, :w]
        ay, ax = int(torch.randint(0, side - h, ())), int(torch.randint(0, side - w, ()))
        by, bx = (min(max(a + int(torch.randint(-12, 13, ())), 0), side - s) for a, s in ((ay, h), (ax, w)))
        first[:, :, ay : ay + h, ax : ax + w] = piece
        second[:, :, by : by + h, bx : bx + w] = piece
    noise = float(torch.rand(())) * 0.02
    return first + noise * torch.randn_like(first), second + noise * torch.randn_like(second), (y, x)


@torch.no_grad()
def stick(image, first, second, levels: int, depth: int):
    """Latents of both frames as a file gives them; those of the second stick where that costs little."""
    a, b = image.encode(first), image.encode(second)
    qa, qb = image.quantize(a, levels, depth)[0], image.quantize(b, levels, depth)[0]
    far = lambda q: (b - q).pow(2).sum(1, keepdim=True)
    sticky = far(qa) < far(qb) * (1 + 1.5 * float(torch.rand(()))) + 1e-6
    return qa, torch.where(sticky, qa, qb)


class VideoTrainer(Trainer):
    """The frame decoder, and a discriminator."""

    def __init__(self, args):
        make = lambda model, image: FrameDecoder(image.dim, model["widths"], model["double"])
        super().__init__(args, make, {"judge": Discriminator()})
        place = lambda module: module.to(self.device, memory_format=torch.channels_last)
        self.squeeze, self.vgg = place(LpipsSqueeze(args.squeeze)), place(LpipsVgg(args.vgg))

    def step(self, bank):
        schedule, loss = self.config["schedule"], self.config["loss"]
        plain = not self.second_phase(schedule["plain_share"])
        first, second, (y, x) = draw_pairs(bank, schedule, self.config["data"]["crop"])
        half = lambda picture: F.interpolate(picture, scale_factor=0.5, mode="bicubic", antialias=True).clamp(-1, 1)
        cut, terms, made_all, real_all = len(first) // 2, {"teacher": 0.0, "teacher_vgg": 0.0, "steady": 0.0}, [], []
        for scale, some in ((1, slice(0, cut)), (2, slice(cut, None))):
            a, b = first[some].clamp(-1, 1), second[some].clamp(-1, 1)
            levels, depth = self.image.draw_rung(schedule["one_level"], schedule["two_levels"])
            with self.autocast():
                qa, qb = stick(self.image, *((a, b) if scale == 1 else (half(a), half(b))), levels, depth)
            with torch.no_grad(), self.autocast():
                taught = self.image.decoder(torch.cat([qa, qb])).float()
            with self.autocast():
                made = self.model(torch.cat([qa, qb]), torch.cat([qa, qa]), scale).float()
            shown = made if scale == 1 else half(made)
            terms["teacher"] = terms["teacher"] + (shown - taught).abs().mean() / 2
            with self.autocast():
                pick = torch.randperm(len(made), device=self.device)[: loss["vgg_crops"] // 2]
                terms["teacher_vgg"] = terms["teacher_vgg"] + self.vgg(shown[pick], taught[pick]) / 2
            before, after = made.chunk(2)
            h, w = made.shape[2:]
            inner = lambda picture, dy, dx: picture[:, :, max(0, dy) : h + min(0, dy), max(0, dx) : w + min(0, dx)]
            real_before, real_after = inner(a, y, x), inner(b, -y, -x)
            same = ((real_before - real_after).abs().amax(1, keepdim=True) < 0.1).float()
            terms["steady"] = terms["steady"] + ((inner(after, -y, -x) - inner(before, y, x)).abs() * same).mean() / 2
            made_all.append(made)
            real_all.append(torch.cat([a, b]))
        made = torch.cat(made_all).contiguous(memory_format=torch.channels_last)
        real = torch.cat(real_all).contiguous(memory_format=torch.channels_last)
        with self.autocast():
            terms["l1"] = (made - real).abs().mean()
            terms["lpips_squeeze"] = self.squeeze(made, real)
            pick = torch.randperm(len(made), device=self.device)[: loss["vgg_crops"]]
            terms["lpips_vgg"] = self.vgg(made[pick], real[pick])
        total = sum(loss[name] * terms[name] for name in ("teacher", "teacher_vgg", "steady", "l1", "lpips_squeeze", "lpips_vgg"))
        if not plain:
            terms["fool"], weight = self.fool(made)
            total = total + weight * terms["fool"]
        self.update(total, schedule["learning_rate"] * self.shape())
        if not plain:
            terms["judge"] = self.discern(real, made.detach())
        return terms

    @torch.no_grad()
    def judge_text(self, bank) -> str:
        """LPIPS-SqueezeNet of second frames by the averaged decoder and by the image decoder, coded whole and at half size, at 12 bits a token."""
        first, second, _ = draw_pairs(bank, self.config["schedule"], self.config["data"]["crop"])
        half = lambda picture: F.interpolate(picture, scale_factor=0.5, mode="bicubic", antialias=True).clamp(-1, 1)
        texts = []
        with self.autocast():
            for scale in (1, 2):
                a, b = (first, second) if scale == 1 else (half(first), half(second))
                qa, qb = (self.image.quantize(self.image.encode(p), 1, 12)[0] for p in (a, b))
                taught = self.image.decoder(qb).float()
                taught = taught if scale == 1 else F.interpolate(taught, scale_factor=2, mode="bicubic")
                mine = self.mean(qb, qa, scale).float()
                texts.append(f"x{scale}: {self.squeeze(mine, second):.4f} beside {self.squeeze(taught, second):.4f}")
        return "; ".join(texts)


if __name__ == "__main__":
    VideoTrainer(arguments(__doc__, "video.toml", vgg="VGG of shift-tolerant LPIPS, as losses.py writes it")).run()
