"""Trains the residual refiner of an image pack.

    python train_refiner.py --data work/corpus/train --state work/refiner --out work/refiner/out --squeeze lpips_squeeze.onnx --vgg vgg16.safetensors [--minutes 9]

First flow matching at random times between the decoded picture plus noise and the original, then the sampler itself: 1, 2 or 5
steps unrolled, with the loss on what comes out, so that training and decoding agree. Rungs of the ladder are drawn as the configuration
says. The state folder holds the last checkpoint; a run that finds one goes on from it. `--out` receives the averaged weights.
"""

import torch

from losses import Discriminator, LpipsSqueeze, LpipsVgg
from refiner_model import Refiner, condition, refine
from trainer import Trainer, arguments


class RefinerTrainer(Trainer):
    """The refiner, and a discriminator for its second phase."""

    def __init__(self, args):
        super().__init__(args, lambda model, image: Refiner(image.dim, model["widths"]), {"judge": Discriminator()})
        place = lambda module: module.to(self.device, memory_format=torch.channels_last)
        self.perceptual, self.vgg = place(LpipsSqueeze(args.squeeze)), place(LpipsVgg(args.vgg))

    @torch.no_grad()
    def material(self, bank, count: int):
        """Originals, decoded pictures as a file gives them, noise, latents and rates; each quarter at a rung of its own."""
        schedule, model = self.config["schedule"], self.config["model"]
        real = bank.batch(count)
        with self.autocast():
            latents, rates, noises = [], [], []
            for quarter in self.image.encode(real).chunk(4):
                levels, depth = self.image.draw_rung(schedule["one_level"], schedule["two_levels"])
                latents.append(self.image.quantize(quarter.float(), levels, depth)[0])
                one = torch.ones(len(quarter), device=self.device)
                rates.append(one * self.image.plane(levels, depth))
                bits = self.image.bits(levels, depth)
                noises.append(one * model["noise"] * 2 ** (-(bits - self.image.depth) / model["noise_halves"]))
            latent, rate, noise = torch.cat(latents), torch.cat(rates), torch.cat(noises)
            decoded = self.image.decoder(latent.contiguous(memory_format=torch.channels_last)).float()
        decoded = (((decoded + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        return real, decoded, torch.randn_like(real) * noise[:, None, None, None], latent, rate

    def step(self, bank):
        schedule, loss = self.config["schedule"], self.config["loss"]
        real, decoded, noise, latent, rate = self.material(bank, schedule["batch"])
        fixed = self.second_phase(schedule["flow_share"])
        with self.autocast():
            if not fixed:
                time = (torch.rand(len(real), device=self.device) * 1.4 - 0.4).clamp_min(0)
                part = time[:, None, None, None]
                now = (1 - part) * (decoded + noise) + part * real
                made = self.model(torch.cat([now, decoded], 1), condition(latent, time, rate)).float()
                # The error of the velocity is that of the picture over what is left of the time.
                weight = (1 / (1 - part).clamp_min(0.25)).pow(2)
                terms = {"flow": ((made - real).pow(2) * weight).mean()}
                total = terms["flow"] * 10
            else:
                draw = float(torch.rand(()))
                steps = 1 if draw < schedule["one_step"] else 2 if draw < schedule["one_step"] + schedule["two_steps"] else 5
                made = refine(self.model, decoded, noise, latent, rate, steps)
                terms = {"steps": steps, "l1": (made - real).abs().mean(), "squeeze": self.perceptual(made, real)}
                pick = torch.randperm(len(made), device=self.device)[: loss["vgg_crops"]]
                terms["vgg"] = self.vgg(made[pick], real[pick])
                total = loss["l1"] * terms["l1"] + loss["lpips_squeeze"] * terms["squeeze"] + loss["lpips_vgg"] * terms["vgg"]
                since = self.progress["step"] - self.progress["second_from"] - loss["adversarial_from"]
                ramp = min(1.0, max(0.0, since / loss["adversarial_ramp"])) if loss["adversarial"] else 0.0
                judge = self.modules["judge"]
                if ramp > 0:
                    judge.requires_grad_(False)
                    terms["fool"] = -judge(made).float().mean()
                    total = total + loss["adversarial"] * ramp * terms["fool"]
                    judge.requires_grad_(True)
        self.update(total, schedule["learning_rate"] * self.shape())
        if fixed and loss["adversarial"]:
            terms["judge"] = self.discern(real, made.detach())
        return terms

    @torch.no_grad()
    def judge_text(self, bank) -> str:
        """LPIPS-SqueezeNet and -VGG of the averaged refiner after 0, 1, 2 and 5 steps."""
        real, decoded, noise, latent, rate = self.material(bank, self.config["schedule"]["batch"])
        with self.autocast():
            made = {0: decoded} | {steps: refine(self.mean, decoded, noise, latent, rate, steps) for steps in (1, 2, 5)}
            return "after steps " + ", ".join(f"{steps}: {self.perceptual(x, real):.4f} and {self.vgg(x, real):.4f}" for steps, x in made.items())


if __name__ == "__main__":
    RefinerTrainer(arguments(__doc__, "refiner.toml", vgg="VGG of shift-tolerant LPIPS, as losses.py writes it")).run()
