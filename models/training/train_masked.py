"""Trains the masked-token model of an image pack.

    python train_masked.py --data work/corpus/train --state work/masked --out work/masked/out --squeeze lpips_squeeze.onnx [--minutes 9]

Tokens of random rungs are lost one by one, by packet or by block, and the known ones of some crops are coarse. The model gives the odds of
the tree's decisions: first from the tokens alone, then also from what the decoder makes of the expectation. The state folder holds the
last checkpoint; a run that finds one goes on from it. `--out` receives the averaged weights.
"""

import torch
import torch.nn.functional as F

from losses import LpipsSqueeze
from masked_model import MaskedModel, expectation, shown
from trainer import Trainer, arguments


def lattice_order(rows: int, columns: int) -> torch.Tensor:
    """[rows, columns]: the packet of each place of a lattice's cell."""
    return torch.arange(rows * columns).reshape(rows, columns)


def draw_lost(count: int, h: int, w: int) -> torch.Tensor:
    """[count,h,w] booleans: tokens lost one by one, whole packets of a lattice, or blocks."""
    lost = torch.zeros(count, h, w, dtype=torch.bool)
    for crop in lost:
        share, kind = 0.02 + 0.48 * float(torch.rand(())), int(torch.randint(3, ()))
        if kind == 0:
            crop |= torch.rand(h, w) < share
        elif kind == 1:
            rows, columns = [(2, 2), (2, 4), (4, 4), (4, 4)][int(torch.randint(4, ()))]
            gone = torch.rand(rows * columns) < share
            gone[int(torch.randint(rows * columns, ()))] = True
            cell = gone[lattice_order(rows, columns)]
            up, left = int(torch.randint(rows, ())), int(torch.randint(columns, ()))
            crop |= cell.repeat(h // rows + 2, w // columns + 2)[up : up + h, left : left + w]
        else:
            for _ in range(int(torch.randint(1, 4, ()))):
                height, width = int(torch.randint(1, 5, ())), int(torch.randint(1, 7, ()))
                top, left = int(torch.randint(h - height + 1, ())), int(torch.randint(w - width + 1, ()))
                crop[top : top + height, left : left + width] = True
    return lost


class MaskedTrainer(Trainer):
    """The masked-token model."""

    def __init__(self, args):
        make = lambda model, image: MaskedModel(image.dim, image.depth, model["width"], model["blocks"], model["features"])
        super().__init__(args, make)
        self.perceptual = LpipsSqueeze(args.squeeze).to(self.device, memory_format=torch.channels_last)

    @torch.no_grad()
    def material(self, bank, count: int):
        """Originals, latents of a rung's tokens, what the model is shown, targets and where there are any."""
        schedule, image = self.config["schedule"], self.image
        real = bank.batch(count)
        with self.autocast():
            whole = image.encode(real)
        levels, depth = image.draw_rung(schedule["one_level"], schedule["two_levels"])
        latent, row = image.quantize(whole, levels, depth)
        lost = draw_lost(count, *row.shape[1:]).to(self.device)
        target, known = row.clone(), torch.where(lost, 1, row)
        # Coarse tokens are to be healed: their way on down the tree is that of the nearer child.
        coarse = torch.zeros_like(lost)
        if levels == 1 and depth < image.depth:
            coarse[: int(count * schedule["coarse"])] = True
            coarse &= ~lost
            nodes, vectors = image.books[0].nodes, whole.permute(0, 2, 3, 1)[coarse]
            way = target[coarse]
            for _ in range(image.depth - depth):
                children = torch.stack([2 * way, 2 * way + 1], 1)
                way = 2 * way + (nodes[children] - vectors[:, None]).pow(2).sum(2).argmin(1)
            target[coarse] = way
        rate = image.plane(levels, depth)
        return real, latent, shown(latent, row, lost, rate, image.depth), known, target, lost, coarse, depth if levels == 1 else image.depth

    def logits(self, model, seen, where):
        """Logits [M,2^depth] at the positions `where` [N,h,w]."""
        features = model.trunk(seen).permute(0, 2, 3, 1)[where]
        return F.linear(features, model.nodes.weight.flatten(1), model.nodes.bias).float()

    def fill(self, logits, latent, known, lost, coarse, depth):
        """Latents with expectations where tokens are lost or coarse; the logits are those of `lost | coarse`."""
        where, filled = lost | coarse, latent.permute(0, 2, 3, 1).clone()
        gone = lost[where]
        book = self.image.books[0]
        value = torch.empty(len(gone), latent.shape[1], device=latent.device)
        value[gone] = expectation(logits[gone], known[lost], book.table(depth)).float()
        if bool((~gone).any()):
            value[~gone] = expectation(logits[~gone], known[coarse], book.table(book.depth)).float()
        filled[where] = value
        return filled.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)

    def nats(self, logits, known, target):
        """Cross-entropy of the decisions from each known node to its target, per token."""
        total, deepest = 0.0, int(target.max()).bit_length() - 1
        bits, have = target.float().log2().floor().long(), known.float().log2().floor().long()
        for level in range(deepest):
            node = target >> (bits - level).clamp_min(0)
            turn = (target >> (bits - level - 1).clamp_min(0)) & 1
            open_ = ((level >= have) & (level < bits)).float()
            odds = logits.gather(1, node.clamp(max=logits.shape[1] - 1)[:, None])[:, 0]
            total = total + (F.binary_cross_entropy_with_logits(odds, turn.float(), reduction="none") * open_).sum()
        return total / len(target)

    def step(self, bank):
        schedule, loss = self.config["schedule"], self.config["loss"]
        sees = self.second_phase(schedule["token_share"])
        real, latent, seen, known, target, lost, coarse, depth = self.material(bank, schedule["decoded"] if sees else schedule["batch"])
        where = lost | coarse
        with self.autocast():
            logits = self.logits(self.model, seen, where)
            terms = {"nats": self.nats(logits, known[where], target[where])}
            total = terms["nats"]
            if sees:
                filled = self.fill(logits, latent, known, lost, coarse, depth)
                made = self.image.decoder(filled).float()
                terms |= {"l1": (made - real).abs().mean(), "squeeze": self.perceptual(made, real)}
                total = loss["tokens"] * total + loss["l1"] * terms["l1"] + loss["lpips_squeeze"] * terms["squeeze"]
        self.update(total, schedule["learning_rate"] * self.shape())
        return terms

    @torch.no_grad()
    def judge_text(self, bank) -> str:
        """LPIPS-SqueezeNet of pictures that lack nothing, of concealed ones, and of those whose lost tokens repeat the one to their left."""
        real, latent, seen, known, target, lost, coarse, depth = self.material(bank, self.config["schedule"]["decoded"])
        with self.autocast():
            filled = self.fill(self.logits(self.mean, seen, lost | coarse), latent, known, lost, coarse, depth)
            repeated = latent.clone()
            for column in range(1, latent.shape[3]):
                gone = lost[:, None, :, column]
                repeated[..., column] = torch.where(gone, repeated[..., column - 1], repeated[..., column])
            made = {"whole": latent, "concealed": filled, "repeated": repeated}
            measured = {name: self.perceptual(self.image.decoder(z).float(), real) for name, z in made.items()}
        return f"lost {lost.float().mean():.2f}, " + ", ".join(f"{name} {value:.4f}" for name, value in measured.items())


if __name__ == "__main__":
    MaskedTrainer(arguments(__doc__, "masked.toml")).run()
