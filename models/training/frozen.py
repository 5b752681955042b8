"""The image pack that refiner and masked model are trained for: its networks and codebooks, fixed."""

import math

import torch

from data import CropBank
from image_model import ImageModel, flatten, unflatten
from weights import read_pack


class FrozenImage:
    """Encoder, codebooks and decoder of a shipped image pack."""

    def __init__(self, path: str, device: str):
        state = {name: tensor.float() for name, tensor in read_pack(path).items()}
        self.levels = sum(name.startswith("vq.levels.") for name in state)
        rows, self.dim = state["vq.levels.0.nodes"].shape
        self.depth, self.device = rows.bit_length() - 2, device
        model = ImageModel(self.dim, self.depth, self.levels).requires_grad_(False)
        missing, unexpected = model.load_state_dict(state, strict=False)
        if unexpected or any(not name.startswith("vq.") for name in missing):
            raise SystemExit(f"{path}: a pack of another architecture: {unexpected or missing}")
        model = model.to(device, memory_format=torch.channels_last)
        self.encoder, self.decoder, self.books = model.enc, model.dec, model.vq.levels
        self.search_lambda = 0.01
        self.costs: list[list[torch.Tensor]] = []

    @torch.no_grad()
    def learn_costs(self, bank: CropBank, samples: int, batch: int):
        """Order-0 bits of every codeword of every level and depth: what stands in for the prior in the encoder's search."""
        found, have = [], 0
        while have < samples:
            found.append(flatten(self.encode(bank.batch(batch))))
            have += len(found[-1])
        rest = torch.cat(found)[:samples]
        self.costs = []
        for book in self.books:
            costs = []
            for depth in range(self.depth + 1):
                used = torch.bincount(nearest(rest, book.table(depth)), minlength=1 << depth).float() + 0.5
                costs.append(-(used / used.sum()).log2())
            self.costs.append(costs)
            rest = rest - book.table(self.depth)[nearest(rest, book.table(self.depth))]

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures [N,3,16h,16w] in [-1,1] → latents [N,dim,h,w]."""
        with torch.no_grad():
            return self.encoder(pictures).float()

    def bits(self, levels: int, depth: int) -> int:
        """Bits per position of a rung before entropy coding."""
        return (levels - 1) * self.depth + depth

    @torch.no_grad()
    def quantize(self, latent: torch.Tensor, levels: int, depth: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents [N,dim,h,w] → (what the tokens of a rung stand for, first level's heap rows [N,h,w]), searched about as the encoder does."""
        worth = self.search_lambda * 2 ** (-2 * (self.bits(levels, depth) - self.depth) / self.dim) * float(torch.rand(())) * 1.25
        rest = flatten(latent)
        total, rows = torch.zeros_like(rest), None
        for level in range(levels):
            book, bits = self.books[level], depth if level == levels - 1 else self.depth
            table = book.table(bits)
            index = nearest(rest, table, self.costs[level][bits] * worth)
            if rows is None:
                rows = index + (1 << bits)
            total, rest = total + table[index], rest - table[index]
        n, _, h, w = latent.shape
        return unflatten(total, latent).contiguous(memory_format=torch.channels_last), rows.reshape(n, h, w)

    def draw_rung(self, one_level: float, two_levels: float) -> tuple[int, int]:
        """A random (levels, depth): the given shares have one level and two, two levels mostly with few bits in the second."""
        whole = lambda low, high: int(torch.randint(low, high + 1, ()))
        share = float(torch.rand(()))
        if share < one_level:
            return 1, max(whole(3, self.depth), whole(3, self.depth))
        if share < one_level + two_levels:
            return 2, min(whole(3, self.depth), whole(3, self.depth))
        return whole(3, self.levels), whole(3, self.depth)

    def plane(self, levels: int, depth: int) -> float:
        """How the networks are told a rung: log2 of its bits over one full level's."""
        return math.log2(self.bits(levels, depth) / self.depth)


def nearest(vectors: torch.Tensor, table: torch.Tensor, costs: torch.Tensor | None = None) -> torch.Tensor:
    """Index of the row of table [K,dim] with the least squared distance plus cost for vectors [N,dim], in pieces that bound memory.

    In 32 bits even under autocast: in 16, codewords of the deeper levels are no longer told apart.
    """
    norms = table.pow(2).sum(1)
    norms = norms if costs is None else norms + costs
    with torch.autocast(vectors.device.type, enabled=False):
        pieces = vectors.float().split(1 << (16 if vectors.is_cuda else 12))
        return torch.cat([torch.addmm(norms, piece, table.t(), alpha=-2).argmin(1) for piece in pieces])
