"""Nested, residual vector quantisation in PyTorch: what every tokenizer of the suite trains its codebook with."""

import math

import torch
from torch import nn


def rows_of_depth(depth: int) -> slice:
    """Heap rows [2^depth, 2^(depth+1)) of the centroids at one depth."""
    return slice(1 << depth, 2 << depth)


def nearest(vectors: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Index of the nearest row of table [K,dim] for vectors [N,dim], in pieces that bound the memory of the distances."""
    norms = table.pow(2).sum(1)
    return torch.cat([torch.addmm(norms, piece, table.t(), alpha=-2).argmin(1) for piece in vectors.split(1 << (17 if vectors.is_cuda else 10))])


def balanced_tree(leaves: torch.Tensor, weight: torch.Tensor, rounds: int = 12) -> torch.Tensor:
    """Order of the leaves [K,dim] (K a power of two) such that every aligned run of 2^k of them is a compact cluster.

    Top-down: a cluster is cut across its direction of largest (weighted) spread at the median, then refined by moving the
    pairs that gain most, keeping both halves equal in count.
    """

    def split(index: torch.Tensor) -> list[torch.Tensor]:
        if len(index) == 1:
            return [index]
        x = leaves[index].double()
        w = weight[index].double().clamp_min(1e-3)[:, None]
        centred = x - (x * w).sum(0) / w.sum()
        _, _, direction = torch.linalg.svd(centred * w.sqrt(), full_matrices=False)
        half = len(index) // 2
        score = centred @ direction[0]
        for _ in range(rounds):
            order = score.argsort()
            low, high = order[:half], order[half:]
            a = (x[low] * w[low]).sum(0) / w[low].sum()
            b = (x[high] * w[high]).sum(0) / w[high].sum()
            score = (x - a).pow(2).sum(1) - (x - b).pow(2).sum(1)
        order = score.argsort()
        return split(index[order[:half]]) + split(index[order[half:]])

    return torch.cat(split(torch.arange(len(leaves))))


class NestedCodebook(nn.Module):
    """Heap of centroids [2^(depth+1), dim]: row 2^d + p is the centroid of path p at depth d. Row 0 is unused."""

    def __init__(self, depth: int, dim: int):
        super().__init__()
        self.depth = depth
        self.register_buffer("nodes", torch.zeros(2 << depth, dim))
        self.register_buffer("count", torch.ones(2 << depth))
        self.register_buffer("total", torch.zeros(2 << depth, dim))

    def table(self, depth: int) -> torch.Tensor:
        return self.nodes[rows_of_depth(depth)]

    @torch.no_grad()
    def plant(self, leaves: torch.Tensor, samples: torch.Tensor, rounds: int = 4):
        """Builds the tree over leaves [2^depth, dim] and settles every depth on latent samples [N, dim] by Lloyd rounds."""
        usage = torch.bincount(nearest(samples, leaves), minlength=len(leaves)).float()
        order = balanced_tree(leaves.cpu(), usage.cpu()).to(leaves.device)
        leaves, usage = leaves[order], usage[order]
        self.nodes[rows_of_depth(self.depth)] = leaves
        for depth in range(self.depth - 1, -1, -1):
            child, mass = self.nodes[rows_of_depth(depth + 1)], usage.clamp_min(1e-3)
            pair = (child * mass[:, None]).reshape(-1, 2, child.shape[1]).sum(1) / mass.reshape(-1, 2).sum(1)[:, None]
            self.nodes[rows_of_depth(depth)] = pair
            usage = usage.reshape(-1, 2).sum(1)
        for depth in range(self.depth + 1):
            for _ in range(rounds):
                index = nearest(samples, self.table(depth))
                table, n = self.table(depth), torch.zeros(1 << depth, device=samples.device)
                n.index_add_(0, index, torch.ones(len(index), device=samples.device))
                mean = torch.zeros_like(table).index_add_(0, index, samples) / n.clamp_min(1)[:, None]
                self.nodes[rows_of_depth(depth)] = torch.where((n > 0)[:, None], mean, table)
        self.count.fill_(1.0)
        self.total.copy_(self.nodes)

    @torch.no_grad()
    def kmeans(self, samples: torch.Tensor, rounds: int = 10):
        """Leaves by k-means over samples [N, dim], then the tree."""
        leaves = samples[torch.randperm(len(samples), device=samples.device)[: 1 << self.depth]].clone()
        for _ in range(rounds):
            index = nearest(samples, leaves)
            n = torch.bincount(index, minlength=len(leaves)).float()
            mean = torch.zeros_like(leaves).index_add_(0, index, samples) / n.clamp_min(1)[:, None]
            spare = samples[torch.randint(0, len(samples), (len(leaves),), device=samples.device)]
            leaves = torch.where((n > 0)[:, None], mean, spare)
        self.plant(leaves, samples)

    @torch.no_grad()
    def follow(self, depth: int, index: torch.Tensor, vectors: torch.Tensor, decay: float):
        """Exponential moving average of the centroids at one depth; a dead centroid restarts beside its parent."""
        rows = rows_of_depth(depth)
        n = torch.zeros(1 << depth, device=vectors.device).index_add_(0, index, torch.ones(len(index), device=vectors.device))
        s = torch.zeros(1 << depth, vectors.shape[1], device=vectors.device).index_add_(0, index, vectors)
        self.count[rows] = self.count[rows] * decay + n * (1 - decay)
        self.total[rows] = self.total[rows] * decay + s * (1 - decay)
        # While a centroid has been seen too rarely to average, it keeps its place.
        known = self.count[rows] > 1e-2
        table = torch.where(known[:, None], self.total[rows] / self.count[rows].clamp_min(1e-4)[:, None], self.nodes[rows])
        dead = self.count[rows] < 0.02 * len(index) / (1 << depth)
        parent = self.nodes[(1 << (depth - 1)) : (1 << depth)].repeat_interleave(2, 0) if depth > 0 else table
        spread = (vectors.var(0).sum() / vectors.shape[1]).sqrt() * 0.5 ** (depth / vectors.shape[1])
        restart = parent + 0.3 * spread * torch.randn_like(parent)
        table = torch.where(dead[:, None], restart, table)
        fresh = 0.2 * len(index) / (1 << depth)
        self.count[rows] = torch.where(dead, torch.full_like(n, fresh), self.count[rows])
        self.total[rows] = torch.where(dead[:, None], restart * fresh, self.total[rows])
        self.nodes[rows] = table


class ResidualQuantizer(nn.Module):
    """Residual levels of nested codebooks; a rung uses `levels` of them, the last cut to `depth` bits."""

    def __init__(self, levels: int, depth: int, dim: int):
        super().__init__()
        self.levels = nn.ModuleList(NestedCodebook(depth, dim) for _ in range(levels))

    @torch.no_grad()
    def grow(self, samples: torch.Tensor, first_leaves: torch.Tensor | None = None):
        """Initialises every level on latent samples [N, dim], the first from given leaves when there are any."""
        for level, book in enumerate(self.levels):
            if level == 0 and first_leaves is not None:
                book.plant(first_leaves, samples)
            else:
                book.kmeans(samples)
            samples = samples - book.table(book.depth)[nearest(samples, book.table(book.depth))]

    def quantize(self, vectors: torch.Tensor, levels: int, depth: int, follow: float | None = None):
        """vectors [N, dim] → (quantised [N, dim], tokens [N, levels]); `follow` is the decay of the centroids' averages."""
        quantised, tokens, rest = torch.zeros_like(vectors), [], vectors
        for level in range(levels):
            book = self.levels[level]
            bits = depth if level == levels - 1 else book.depth
            index = nearest(rest, book.table(bits))
            if follow is not None:
                book.follow(bits, index, rest, follow)
            chosen = book.table(bits)[index]
            quantised, rest = quantised + chosen, rest - chosen
            tokens.append(index)
        return quantised, torch.stack(tokens, 1)


def bits_per_token(tokens: torch.Tensor, size: int) -> float:
    """Order-0 entropy in bits of tokens drawn from [0, size)."""
    p = torch.bincount(tokens, minlength=size).float()
    p = p[p > 0] / p.sum()
    return float(-(p * p.log2()).sum()) if len(p) else math.nan
