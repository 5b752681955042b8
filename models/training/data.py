"""Random photo crops from a bank on the training device.

Photos lie on the device as bytes. A few photos per step are resized to a random scale and cut into crops that replace random
slots of the bank; a batch is drawn from the whole bank, so that its crops come from many photos at the cost of a few resizes.
"""

import io
import math
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image


def decode(data: bytes) -> torch.Tensor:
    return torch.from_numpy(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).copy()).permute(2, 0, 1).contiguous()


class PhotoFolder:
    """Photos in folder/*.webp and folder/*.tar, where more may appear at any time."""

    def __init__(self, folder: str):
        self.folder, self.known = Path(folder), set()

    def new(self, limit: int | None = None) -> list[torch.Tensor]:
        """Photos not given out before, as uint8 [3,H,W]."""
        paths = sorted({*self.folder.glob("*.webp"), *self.folder.glob("*.tar")} - self.known)
        self.known |= set(paths)
        blobs = [p.read_bytes() for p in paths if p.suffix == ".webp"]
        for path in (p for p in paths if p.suffix == ".tar"):
            with tarfile.open(path) as tar:
                blobs += [tar.extractfile(m).read() for m in tar.getmembers() if m.name.endswith(".webp")]
        with ThreadPoolExecutor() as pool:
            return list(pool.map(decode, blobs[:limit]))


class CropBank:
    """Endless batches of square crops in [-1, 1]."""

    def __init__(self, photos, crop: int, slots: int, device: str, seed: int, smallest_scale: float = 0.35):
        self.photos, self.crop, self.side, self.device, self.smallest = [], crop, crop + 32, device, smallest_scale
        self.rng = np.random.default_rng(seed)
        self.add(photos)
        if not self.photos:
            raise ValueError(f"no photo has both sides of at least {crop + 32} pixels")
        self.bank = torch.empty(slots, 3, self.side, self.side, dtype=torch.uint8, device=device)
        for start in range(0, slots, 16):
            self.refresh(np.arange(start, min(start + 16, slots)))

    def add(self, photos):
        """Lets crops come from these photos too, those large enough for one."""
        self.photos += [p.to(self.device) for p in photos if min(p.shape[1:]) >= self.side]
        area = np.array([math.sqrt(p.shape[1] * p.shape[2]) for p in self.photos])
        self.weight = area / area.sum()

    def refresh(self, slots):
        """Replaces the given slots by crops of one photo at one random scale."""
        photo = self.photos[self.rng.choice(len(self.photos), p=self.weight)]
        short = min(photo.shape[1:])
        least = max(self.side / short, self.smallest)
        scale = 1.0 if self.rng.random() < 0.35 else math.exp(self.rng.uniform(math.log(min(least, 1.0)), 0.0))
        if scale < 0.98:
            size = [max(self.side, round(s * scale)) for s in photo.shape[1:]]
            photo = F.interpolate(photo[None].float(), size, mode="bilinear", antialias=True, align_corners=False)
            photo = photo[0].round().clamp(0, 255).to(torch.uint8)
        for slot in slots:
            y = int(self.rng.integers(0, photo.shape[1] - self.side + 1))
            x = int(self.rng.integers(0, photo.shape[2] - self.side + 1))
            self.bank[int(slot)] = photo[:, y : y + self.side, x : x + self.side]

    def batch(self, count: int, fresh: int = 4, jitter: float = 0.25) -> torch.Tensor:
        """[count,3,crop,crop] in [-1, 1], half of them mirrored, a share with changed colour gains."""
        for _ in range(fresh):
            self.refresh(self.rng.integers(0, len(self.bank), count // 4 if count >= 4 else 1))
        pick = torch.from_numpy(self.rng.integers(0, len(self.bank), count)).to(self.device)
        y, x = self.rng.integers(0, self.side - self.crop + 1, 2)
        crops = self.bank[pick][:, :, y : y + self.crop, x : x + self.crop].float()
        crops[: count // 2] = crops[: count // 2].flip(3)
        coloured = int(count * jitter)
        if coloured:
            gains = torch.from_numpy(self.rng.uniform(0.75, 1.25, (coloured, 3, 1, 1))).to(crops)
            crops[-coloured:] = (crops[-coloured:] * gains).clamp(0, 255)
        return (crops / 127.5 - 1).contiguous(memory_format=torch.channels_last)
