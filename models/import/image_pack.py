"""What every imported image pack has: graphs, a nested codebook, a prior, windows, a card."""

import argparse
import math
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

import checkpoint
from autoencoder import Autoencoder
from checkpoint import Misfit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))
import pack  # noqa: E402
import vq  # noqa: E402

# Pixels that the networks see at once: what 768x768 takes of memory is 1 to 2 GB at the published width. Beyond it windows of 512x512 with 64
# pixels more at either side.
WHOLE_PIXELS, WINDOW_SIDE, MARGIN_SIDE = 768 * 768, 640, 64
# Depths whose decoder makes anything of a picture.
MIN_DEPTH = 3
PHOTOS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def photos(folder: Path, side: int, count: int) -> list[torch.Tensor]:
    """Crops f32 [1, 3, side, side] in [-1, 1] of the pictures in a folder, as many as asked for or one of each, the same every time."""
    from PIL import Image, UnidentifiedImageError

    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTOS)
    chance, crops = np.random.default_rng(0), []
    for path in sorted(paths, key=lambda _: chance.random())[:count]:
        try:
            picture = Image.open(path).convert("RGB")
        except (UnidentifiedImageError, OSError):
            continue
        scale = max(side / min(picture.size), min(1.0, 2 * side / min(picture.size)))
        picture = picture.resize([max(side, round(length * scale)) for length in picture.size], Image.Resampling.LANCZOS)
        left, top = (int(chance.integers(0, length - side + 1)) for length in picture.size)
        pixels = np.asarray(picture.crop((left, top, left + side, top + side)), np.float32) / 127.5 - 1
        crops.append(torch.from_numpy(pixels).permute(2, 0, 1)[None])
    if not crops:
        raise Misfit(f"{folder}: it holds no pictures that can be read ({', '.join(PHOTOS)})")
    return crops


class Halves(nn.Module):
    """The two graphs of a pack: latents of `patch` by `patch` positions go into one vector, so that a token stands for so many more pixels."""

    def __init__(self, network: Autoencoder, patch: int):
        super().__init__()
        self.network, self.patch = network, patch

    def encode(self, image):
        x, p = self.network.latents(image), self.patch
        if p == 1:
            return x
        c, h, w = x.shape[1], x.shape[2], x.shape[3]
        return x.reshape(1, c, h // p, p, w // p, p).permute(0, 1, 3, 5, 2, 4).reshape(1, c * p * p, h // p, w // p)

    def decode(self, latents):
        x, p = latents, self.patch
        if p > 1:
            c, h, w = x.shape[1] // (p * p), x.shape[2], x.shape[3]
            x = x.reshape(1, c, p, p, h, w).permute(0, 1, 4, 2, 5, 3).reshape(1, c, h * p, w * p)
        return self.network.decode(x)

    @property
    def stride(self) -> int:
        return self.network.shape.stride * self.patch

    @property
    def dim(self) -> int:
        return self.network.shape.embed * self.patch**2

    @torch.no_grad()
    def vectors(self, crops: list[torch.Tensor]) -> torch.Tensor:
        """Latents [N, dim] of pictures."""
        return torch.cat([self.encode(crop)[0].flatten(1).T for crop in crops]).contiguous()

    def graphs(self) -> dict[str, bytes]:
        """Encoder and decoder as ONNX with any height and width."""

        class Half(nn.Module):
            def __init__(self, halves, run):
                super().__init__()
                self.halves, self.run = halves, run

            def forward(self, x):
                return self.run(x)

        stride = self.stride
        examples = {"encoder": torch.zeros(1, 3, 3 * stride, 5 * stride), "decoder": torch.zeros(1, self.dim, 3, 5)}
        parts = {}
        for name, run, ports in (("encoder", self.encode, ("image", "latent")), ("decoder", self.decode, ("latent", "image"))):
            axes = {ports[0]: {2: "height", 3: "width"}, ports[1]: {2: "out_height", 3: "out_width"}}
            with torch.no_grad():
                parts[f"{name}.onnx"] = checkpoint.graph(Half(self, run), (examples[name],), ([ports[0]], [ports[1]]), axes)
        return parts


def ladder(codes: torch.Tensor, usage: torch.Tensor, vectors: torch.Tensor | None) -> torch.Tensor:
    """Published codes [K, dim] as the leaves of a nested codebook [2K, dim], unchanged; every depth above them is settled by k-means.

    The tree is balanced over codes that lie close to each other. K-means is over latents of photos where there are any, else over the codes,
    each as often as it is used.
    """
    depth = len(codes).bit_length() - 1
    if len(codes) != 1 << depth or not 1 <= depth <= 16:
        raise Misfit(f"a codebook of {len(codes)} entries; a power of two from 2 to 65,536 is needed")
    order = vq.balanced_tree(codes, usage)
    codes, usage = codes[order], usage[order]
    samples, weight = (codes, usage) if vectors is None else (vectors, torch.ones(len(vectors)))
    nodes = torch.zeros(2 << depth, codes.shape[1])
    nodes[1 << depth :] = codes
    mass = usage.clamp_min(1e-3)
    for bits in range(depth - 1, -1, -1):
        child = nodes[vq.rows_of_depth(bits + 1)]
        total = mass.reshape(-1, 2).sum(1)
        table, mass = (child * mass[:, None]).reshape(-1, 2, child.shape[1]).sum(1) / total[:, None], total
        nodes[vq.rows_of_depth(bits)] = table
    for bits in range(depth):
        table = nodes[vq.rows_of_depth(bits)]
        # Of many centroids each is the mean of few leaves, and near its place from the start.
        for _ in range(8 if bits <= 10 else 2):
            index = vq.nearest(samples, table)
            n = torch.zeros(len(table)).index_add_(0, index, weight)
            mean = torch.zeros_like(table).index_add_(0, index, samples * weight[:, None]) / n.clamp_min(1e-9)[:, None]
            table = torch.where((n > 0)[:, None], mean, table)
        nodes[vq.rows_of_depth(bits)] = table
    return nodes


def fitted(vectors: torch.Tensor, levels: int, depth: int) -> list[torch.Tensor]:
    """Residual levels of nested codebooks for latents that have no published ones."""
    if len(vectors) < 4 << depth:
        raise Misfit(f"{len(vectors)} latents are too few for codebooks of {1 << depth} entries; give more photos, or a smaller --depth")
    torch.manual_seed(0)
    quantizer = vq.ResidualQuantizer(levels, depth, vectors.shape[1])
    quantizer.grow(vectors)
    return [book.nodes.clone() for book in quantizer.levels]


def counts(levels: list[torch.Tensor], vectors: torch.Tensor | None) -> list[torch.Tensor]:
    """How often photos take each leaf of each level; without photos, all alike."""
    found, rest = [], vectors
    for nodes in levels:
        leaves = nodes[len(nodes) // 2 :]
        if rest is None:
            found.append(torch.zeros(len(leaves)))
            continue
        index = vq.nearest(rest, leaves)
        found.append(torch.bincount(index, minlength=len(leaves)).float())
        rest = rest - leaves[index]
    return found


def prior(usage: list[torch.Tensor]) -> bytes:
    """A prior that looks at nothing: it knows how often each branch of the trees is taken, and the rest is what it learns from the stream.

    In the form of a trained one (FORMAT.md, section 3), whose network is all zeros.
    """
    tensors = {}
    for level, leaves in enumerate(usage):
        mass = [leaves.double()]
        while len(mass[0]) > 1:
            mass.insert(0, mass[0].reshape(-1, 2).sum(1))
        # Heap order: node n's children are 2n and 2n + 1. A branch that was never seen counts half.
        heap = torch.cat([torch.zeros(1, dtype=torch.float64), *mass])
        nodes = torch.arange(1, len(leaves))
        odds = torch.log((heap[2 * nodes + 1] + 0.5) / (heap[2 * nodes] + 0.5))
        bias = torch.zeros(len(leaves), dtype=torch.int32)
        bias[1:] = (odds * 256).round().clamp(-2047, 2047).to(torch.int32)
        zeros = lambda *sides, kind=torch.int8: torch.zeros(*sides, dtype=kind)
        one = torch.tensor([2, 1], dtype=torch.int32)  # times 2, shifted right by 1
        tensors |= {f"l{level}.{name}": value.contiguous() for name, value in {
            "slots": torch.tensor([[0, 0, 0, -1]], dtype=torch.int32), "embed": zeros(2 * len(leaves), 1), "w1": zeros(1, 1), "b1": zeros(1, kind=torch.int32),
            "q1": one, "w2": zeros(1, 1), "b2": zeros(1, kind=torch.int32), "q2": one.clone(), "node": zeros(len(leaves), 1), "node_bias": bias, "q3": one.clone(),
        }.items()}  # fmt: skip
    return save({name: value.clone() for name, value in tensors.items()})


def worth_of_a_bit(nodes: torch.Tensor, vectors: torch.Tensor | None) -> float:
    """Squared latent error that the last bit of a token saves on photos: what one bit is worth to the search. Nothing without photos."""
    if vectors is None:
        return 0.0
    half = len(nodes) // 2
    error = lambda table: float((vectors - table[vq.nearest(vectors, table)]).square().sum(1).mean())
    return max(0.0, error(nodes[half // 2 : half]) - error(nodes[half:]))


def arguments(parser: argparse.ArgumentParser):
    """What every importer of pictures is told."""
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--config", type=Path, help="the published config; checked against the checkpoint")
    parser.add_argument("--id", required=True, help="id of the pack")
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--licence", default="MIT", help="SPDX expression of the weights' licence")
    parser.add_argument("--notice", type=Path, help="text of the licence, with its copyright line; needed where the pack is passed on")
    parser.add_argument("--photos", type=Path, help="folder of pictures of the kind that will be coded")
    parser.add_argument("--count", type=int, default=400, help="pictures that are looked at")
    parser.add_argument("--side", type=int, default=256, help="pixels of the crop of each")
    parser.add_argument("--tune", type=int, default=0, metavar="STEPS", help="fine-tune the decoder on the photos at all depths; slow without a GPU")
    parser.add_argument("--rate", type=float, default=2e-5, help="learning rate of the fine-tuning")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="where the decoder is fine-tuned")
    parser.add_argument("--out", type=Path, help="folder of the pack")
    parser.add_argument("--archive", type=Path, help="the same as one .tpack")


def check(args, stride: int):
    """What can be said before any work."""
    if not (args.out or args.archive):
        raise Misfit("nowhere to write: give --out, --archive, or both")
    if stride not in (4, 8, 16, 32):
        raise Misfit(f"a token would stand for {stride}x{stride} pixels; 4, 8, 16 and 32 can be coded")
    if args.side % stride:
        raise Misfit(f"--side {args.side} is no multiple of {stride}, the pixels of a token")
    if args.tune and not args.photos:
        raise Misfit("--tune needs --photos")


def tune(halves: Halves, levels: list[torch.Tensor], crops: list[torch.Tensor], args):
    """Fine-tunes the decoder for the coarser depths, which the published one has never seen: mean absolute error at a random depth a step.

    After Mao et al., Extreme image compression using fine-tuned VQGANs (DCC 2024), which finds that it matters up to 256 codes; without
    their adversarial and perceptual losses.
    """
    device, levels = args.device, [nodes.to(args.device) for nodes in levels]
    halves.to(device)
    parameters = [*halves.network.decoder.parameters(), *halves.network.post_quant_conv.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=args.rate, betas=(0.5, 0.9))
    chance = np.random.default_rng(0)
    for value in parameters:
        value.requires_grad_(True)
    for step in range(args.tune):
        image = crops[int(chance.integers(len(crops)))].to(device)
        with torch.no_grad():
            latents = halves.encode(image)
            rest = latents[0].flatten(1).T
            quantised, used = torch.zeros_like(rest), int(chance.integers(len(levels))) + 1
            for level, nodes in enumerate(levels[:used]):
                full = len(nodes).bit_length() - 2
                bits = full if level + 1 < used else int(chance.integers(min(MIN_DEPTH, full), full + 1))
                table = nodes[vq.rows_of_depth(bits)]
                chosen = table[vq.nearest(rest, table)]
                quantised, rest = quantised + chosen, rest - chosen
        loss = (halves.decode(quantised.T.reshape(latents.shape)) - image).abs().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step % 50 == 0 or step + 1 == args.tune:
            print(f"  step {step + 1} of {args.tune}: mean absolute error {float(loss):.4f}", flush=True)
    halves.requires_grad_(False).to("cpu")


def write(halves: Halves, levels: list[torch.Tensor], usage: list[torch.Tensor], search_lambda: float, summary: str, card: str, args) -> str:
    """Writes the pack; returns what additions call it."""
    depth, stride = len(levels[0]).bit_length() - 2, halves.stride
    parts = halves.graphs()
    parts["codebook.safetensors"] = save({f"level{i}": nodes.float().contiguous() for i, nodes in enumerate(levels)})
    parts["prior.safetensors"] = prior(usage)
    parts["MODEL_CARD.md"] = (card + ("\n" + args.notice.read_text() if args.notice else "")).encode()
    manifest = {
        "format": 1, "id": args.id, "version": args.version, "modality": "image", "licence": args.licence, "summary": summary, "card": "MODEL_CARD.md",
    }  # fmt: skip
    section = {
        "stride": stride, "dim": halves.dim, "levels": len(levels), "depth": depth, "min_depth": min(MIN_DEPTH, depth), "search_lambda": search_lambda,
        "encoder": "encoder.onnx", "decoder": "decoder.onnx", "codebook": "codebook.safetensors", "prior": "prior.safetensors",
    }  # fmt: skip
    whole = {
        "exact_tokens": WHOLE_PIXELS // stride**2, "window_tokens": WINDOW_SIDE // stride, "margin_tokens": math.ceil(MARGIN_SIDE / stride),
    }  # fmt: skip
    return pack.write(manifest, {"image": section, "image.whole": whole}, parts, args.out, args.archive)
