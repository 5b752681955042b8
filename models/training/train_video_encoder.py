"""Trains the frame encoder of the video codec: what the image pack's encoder gives, at six tenths of its work.

    python train_video_encoder.py --data work/corpus/train --state work/encoder --out work/encoder/out --squeeze lpips_squeeze.onnx [--minutes 9]

It starts from the image encoder's weights and learns its latents, and that the image decoder makes good pictures of the tokens that come of its own. The state folder
holds the last checkpoint; a run that finds one goes on from it. `--out` receives the averaged weights.
"""

import torch

from losses import LpipsSqueeze
from trainer import Trainer, arguments
from video_model import FrameEncoder


class EncoderTrainer(Trainer):
    """The frame encoder."""

    def __init__(self, args):
        super().__init__(args, lambda model, image: FrameEncoder(image.dim, model["widths"]).to(image.device).follow(image.encoder))
        self.squeeze = LpipsSqueeze(args.squeeze).to(self.device, memory_format=torch.channels_last)

    def step(self, bank):
        schedule, loss = self.config["schedule"], self.config["loss"]
        real = bank.batch(schedule["batch"])
        aim = self.image.encode(real)
        with self.autocast():
            made = self.model(real).float()
            levels, depth = self.image.draw_rung(schedule["one_level"], schedule["two_levels"])
            terms = {"latents": (made - aim).pow(2).mean() / aim.pow(2).mean()}
            # The tokens are its own; gradients pass them by.
            told = made + (self.image.quantize(made.detach(), levels, depth)[0] - made.detach())
            picture = self.image.decoder(told.contiguous(memory_format=torch.channels_last)).float()
            terms["l1"], terms["lpips_squeeze"] = (picture - real).abs().mean(), self.squeeze(picture, real)
        self.update(sum(loss[name] * terms[name] for name in terms), schedule["learning_rate"] * self.shape())
        return terms

    @torch.no_grad()
    def judge_text(self, bank) -> str:
        """Share of tokens that are the image encoder's, and LPIPS-SqueezeNet of what the image decoder makes of both, at 12 bits."""
        real = bank.batch(self.config["schedule"]["batch"])
        latents = self.mean(real), self.image.encode(real)
        with self.autocast():
            (mine, own), (theirs, rows) = (self.image.quantize(latent, 1, self.image.depth) for latent in latents)
            error = float((latents[0] - latents[1]).pow(2).mean() / latents[1].pow(2).mean())
            far = [float((told - latents[1]).pow(2).mean() / latents[1].pow(2).mean()) for told in (mine, theirs)]
            lpips = [float(self.squeeze(self.image.decoder(told).float(), real)) for told in (mine, theirs)]
        same = float((own == rows).float().mean())
        return f"error {error:.4f}, same {same:.3f}, quantised {far[0]:.4f} beside {far[1]:.4f}, LPIPS {lpips[0]:.4f} beside {lpips[1]:.4f}"


if __name__ == "__main__":
    EncoderTrainer(arguments(__doc__, "video_encoder.toml")).run()
