"""Trains a refiner of videos beside a finished image pack: flow matching that sees the frame before as it was refined.

    python train_video_refiner.py --data work/corpus/train --state work/refiner --out work/refiner/out --squeeze lpips_squeeze.onnx --vgg vgg16.safetensors [--minutes 9]

Pairs of frames and their tokens are those of train_video.py. As for pictures, flow matching at random times comes first, then the sampler itself in 1 or 2 steps, with the loss
on what comes out and on how it moves from frame to frame. The noise of a pair is the same, as it stands still in a video. The state folder holds the last checkpoint; a run
that finds one goes on from it. `--out` receives the averaged weights.
"""

import torch

from losses import LpipsSqueeze, LpipsVgg
from refiner_model import Refiner, condition, refine
from train_video import draw_pairs, stick
from trainer import Trainer, arguments


class VideoRefinerTrainer(Trainer):
    """The refiner."""

    def __init__(self, args):
        super().__init__(args, lambda model, image: Refiner(image.dim, model["widths"], pictures=3))
        place = lambda module: module.to(self.device, memory_format=torch.channels_last)
        self.squeeze, self.vgg = place(LpipsSqueeze(args.squeeze)), place(LpipsVgg(args.vgg))

    @torch.no_grad()
    def material(self, bank):
        """Frames before and after, how the camera moved, both decoded, noise, latents of both, and their rate."""
        schedule, model = self.config["schedule"], self.config["model"]
        first, second, move = draw_pairs(bank, schedule, self.config["data"]["crop"])
        first, second = first.clamp(-1, 1), second.clamp(-1, 1)
        with self.autocast():
            levels, depth = self.image.draw_rung(schedule["one_level"], schedule["two_levels"])
            latents = stick(self.image, first, second, levels, depth)
            decoded = [self.image.decoder(latent).float() for latent in latents]
        shown = [(((x + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1).contiguous(memory_format=torch.channels_last) for x in decoded]
        noise = model["noise"] * 2 ** (-(self.image.bits(levels, depth) - self.image.depth) / model["noise_halves"])
        rate = torch.full((len(first),), self.image.plane(levels, depth), device=self.device)
        return (first, second), move, shown, torch.randn_like(first) * noise, latents, rate

    def step(self, bank):
        schedule, loss = self.config["schedule"], self.config["loss"]
        (first, second), (y, x), (old, new), noise, (earlier, latent), rate = self.material(bank)
        with self.autocast():
            if not self.second_phase(schedule["flow_share"]):
                time = (torch.rand(len(first), device=self.device) * 1.4 - 0.4).clamp_min(0)
                part = time[:, None, None, None]
                now = (1 - part) * (new + noise) + part * second
                made = self.model(torch.cat([now, new, old], 1), condition(latent, time, rate)).float()
                weight = (1 / (1 - part).clamp_min(0.25)).pow(2)
                terms = {"flow": ((made - second).pow(2) * weight).mean()}
                total = terms["flow"] * 10
            else:
                steps = 1 if float(torch.rand(())) < schedule["one_step"] else 2
                # A key frame sees itself; what follows sees what came of the frame before.
                before = refine(self.model, old, noise, earlier, rate, steps, before=(old,))
                made = refine(self.model, new, noise, latent, rate, steps, before=(before.detach(),))
                h, w = made.shape[2:]
                inner = lambda picture, dy, dx: picture[:, :, max(0, dy) : h + min(0, dy), max(0, dx) : w + min(0, dx)]
                same = ((inner(first, y, x) - inner(second, -y, -x)).abs().amax(1, keepdim=True) < 0.1).float()
                both, real = torch.cat([before, made]), torch.cat([first, second])
                terms = {"steps": steps, "steady": ((inner(made, -y, -x) - inner(before, y, x)).abs() * same).mean()}
                terms |= {"l1": (both - real).abs().mean(), "lpips_squeeze": self.squeeze(both, real)}
                pick = torch.randperm(len(both), device=self.device)[: loss["vgg_crops"]]
                terms["lpips_vgg"] = self.vgg(both[pick], real[pick])
                total = sum(loss[name] * terms[name] for name in ("steady", "l1", "lpips_squeeze", "lpips_vgg"))
        self.update(total, schedule["learning_rate"] * self.shape())
        return terms

    @torch.no_grad()
    def judge_text(self, bank) -> str:
        """LPIPS-SqueezeNet and -VGG of second frames, and how much both frames differ, after 0, 1 and 2 steps."""
        (first, second), _, (old, new), noise, (earlier, latent), rate = self.material(bank)
        texts = []
        with self.autocast():
            for steps in (0, 1, 2):
                before = refine(self.mean, old, noise, earlier, rate, steps, before=(old,))
                made = refine(self.mean, new, noise, latent, rate, steps, before=(before,))
                texts.append(f"{steps}: {self.squeeze(made, second):.4f} and {self.vgg(made, second):.4f}, {(made - before).abs().mean():.4f}")
        return "after steps " + "; ".join(texts)


if __name__ == "__main__":
    VideoRefinerTrainer(arguments(__doc__, "video_refiner.toml", vgg="VGG of shift-tolerant LPIPS, as losses.py writes it")).run()
