"""Distance fields as blocks near the surface: from parts of the corpus to batches on the device."""

import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from fields import CUT, STEPS, near_blocks, unpacked

# Most blocks along an axis of a field.
SPAN = 16


class Shapes:
    """The fields of a folder of parts; new parts are found when it is asked."""

    def __init__(self, folder: str, side: int, most: float, device: str):
        self.folder, self.side, self.most, self.device = Path(folder), side, most, device
        self.read, self.blocks, self.places = set(), [], []

    def new(self, limit: int | None = None) -> int:
        """Reads parts that are not read yet; returns how many fields there are now."""
        paths = sorted(self.folder.glob("*.tar")) if self.folder.is_dir() else [self.folder]
        for path in paths:
            if path in self.read:
                continue
            self.read.add(path)
            with tarfile.open(path) as tar:
                stored = [tar.extractfile(entry).read() for entry in tar.getmembers()[:limit]]
            with ThreadPoolExecutor() as pool:
                for blocks, places in pool.map(lambda data: near_blocks(unpacked(data), self.side, self.most), stored):
                    if len(blocks):
                        self.blocks.append(torch.from_numpy(blocks.copy()).to(self.device))
                        self.places.append(torch.from_numpy(places).long().to(self.device))
        return len(self.blocks)

    def batch(self, count: int, offsets: tuple[float, float], held: bool = False):
        """About `count` blocks of fields drawn at random, turned and mirrored by one of 48 symmetries: distances f32 [n,side+1,…] in steps,
        neighbours [n,27], and which quarter of the fields each is of [n]. One field in 32 is held for watching (`held`)."""
        picked, have = [], 0
        while have < count:
            n = int(torch.randint(len(self.blocks), ()))
            if (n % 32 == 0) == held:
                picked.append(n)
                have += len(self.blocks[n])
        lengths = torch.tensor([len(self.blocks[n]) for n in picked], device=self.device)
        field = torch.arange(len(picked), device=self.device).repeat_interleave(lengths)
        offset = torch.empty(len(picked), device=self.device).uniform_(*offsets)[field]
        blocks = torch.cat([self.blocks[n] for n in picked]).float() / STEPS - offset[:, None, None, None]
        there = (blocks.amin((1, 2, 3)) < 0) & (blocks.amax((1, 2, 3)) > 0)
        blocks, field = blocks[there].clamp(-CUT, CUT), field[there]
        places = torch.cat([self.places[n] for n in picked])[there]
        order, flips = torch.randperm(3).tolist(), (torch.rand(3) < 0.5).tolist()
        blocks, places = blocks.permute(0, *[1 + axis for axis in order]), places[:, order]
        for axis in range(3):
            if flips[axis]:
                blocks = blocks.flip(1 + axis)
                places[:, axis] = SPAN - 1 - places[:, axis]
        # In coding order: ascending by place, the first axis slowest.
        order = (((field * SPAN + places[:, 0]) * SPAN + places[:, 1]) * SPAN + places[:, 2]).argsort()
        blocks, places, field = blocks[order].contiguous(), places[order], field[order]
        return blocks, neighbours(places, field, len(picked)), field * 4 // len(picked)


def neighbours(places: torch.Tensor, field: torch.Tensor, fields: int) -> torch.Tensor:
    """Which block [n,27] lies at each place around each of n blocks of so many fields, itself among them, last axis fastest; n for none."""
    n, wide = len(places), SPAN + 2
    key = ((field * wide + places[:, 0] + 1) * wide + places[:, 1] + 1) * wide + places[:, 2] + 1
    index = torch.full((fields * wide**3,), n, device=places.device)
    index[key] = torch.arange(n, device=places.device)
    step = torch.tensor([(a * wide + b) * wide + c for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)], device=places.device)
    return index[key[:, None] + step]
