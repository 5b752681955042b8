"""Makes an image pack of an autoencoder in diffusers' layout: AutoencoderKL (Stable Diffusion's) or VQModel, safetensors or .bin.

    python diffusers_vae.py diffusion_pytorch_model.safetensors [--config config.json]
        --id sd-vae-ft-mse --licence MIT --photos photos/ --out packs/sd-vae-ft-mse

An AutoencoderKL has no codebook: residual levels of nested ones are fitted to its latents of photos. So that a token stands for 16x16 pixels
as elsewhere, the latents of 2x2 positions (--patch) go into one vector. A VQModel keeps its published codes as the leaves of a tree, as
vqgan.py does. A missing, unexpected or misshapen tensor is an error that names it by its published name.
"""

import argparse
import json
import re
from pathlib import Path

import torch

import autoencoder
import checkpoint
import image_pack
import vqgan
from checkpoint import Misfit

WHAT = "diffusers autoencoder"
# Names of an attention block: today's, and those of checkpoints from before diffusers 0.15.
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out", "query": "q", "key": "k", "value": "v", "proj_attn": "proj_out"}


def translate(name: str, levels: int) -> str:
    """A parameter's name in diffusers, as taming calls it; one that there is not is left as it is."""
    attention = "|".join(re.escape(part) for part in ATTENTION)
    rules = (
        (r"(encoder|decoder)\.mid_block\.resnets\.([01])\.(.+)", lambda m: f"{m[1]}.mid.block_{int(m[2]) + 1}.{m[3]}"),
        (rf"(encoder|decoder)\.mid_block\.attentions\.0\.({attention})\.(.+)", lambda m: f"{m[1]}.mid.attn_1.{ATTENTION[m[2]]}.{m[3]}"),
        (r"encoder\.down_blocks\.(\d+)\.resnets\.(\d+)\.(.+)", lambda m: f"encoder.down.{m[1]}.block.{m[2]}.{m[3]}"),
        (rf"encoder\.down_blocks\.(\d+)\.attentions\.(\d+)\.({attention})\.(.+)", lambda m: f"encoder.down.{m[1]}.attn.{m[2]}.{ATTENTION[m[3]]}.{m[4]}"),
        (r"encoder\.down_blocks\.(\d+)\.downsamplers\.0\.(.+)", lambda m: f"encoder.down.{m[1]}.downsample.{m[2]}"),
        # diffusers counts the decoder's levels from the coarsest.
        (r"decoder\.up_blocks\.(\d+)\.resnets\.(\d+)\.(.+)", lambda m: f"decoder.up.{levels - 1 - int(m[1])}.block.{m[2]}.{m[3]}"),
        (rf"decoder\.up_blocks\.(\d+)\.attentions\.(\d+)\.({attention})\.(.+)", lambda m: f"decoder.up.{levels - 1 - int(m[1])}.attn.{m[2]}.{ATTENTION[m[3]]}.{m[4]}"),
        (r"decoder\.up_blocks\.(\d+)\.upsamplers\.0\.(.+)", lambda m: f"decoder.up.{levels - 1 - int(m[1])}.upsample.{m[2]}"),
        (r"(encoder|decoder)\.conv_norm_out\.(.+)", lambda m: f"{m[1]}.norm_out.{m[2]}"),
    )
    for pattern, to in rules:
        if match := re.fullmatch(pattern, name):
            return to(match).replace("conv_shortcut", "nin_shortcut")
    return name


def taming(state: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors under taming's names, linear layers of attention as the convolutions they are there; and the published name of each."""
    levels = len({name.split(".")[2] for name in state if name.startswith("encoder.down_blocks.")})
    renamed, published = {}, {}
    for name, value in state.items():
        new = translate(name, levels)
        if new in renamed:
            raise Misfit(f"{published[new]} and {name} are the same tensor under two names")
        linear = value.ndim == 2 and re.search(r"\.(q|k|v|proj_out)\.weight$", new)
        renamed[new], published[new] = value[:, :, None, None] if linear else value, name
    return renamed, published


def load(state: dict[str, torch.Tensor]) -> autoencoder.Autoencoder:
    """The network with the tensors of a checkpoint."""
    renamed, published = taming(state)
    if not any(name.startswith("encoder.down.") for name in renamed):
        raise Misfit(f"it is no {WHAT} checkpoint: encoder.down_blocks.0.resnets.0.conv1.weight is missing")
    try:
        return autoencoder.load(renamed, WHAT)
    except Misfit as misfit:
        # In the words of the file: what is there has its published name; of what is missing only taming's is known.
        text = re.sub(r"[\w.]+", lambda m: published.get(m[0], m[0]), str(misfit))
        raise Misfit(text) from None


def check_config(path: Path, shape: autoencoder.Shape):
    """Refuses a config of another network."""
    try:
        config = json.loads(path.read_text())
        widths = tuple(shape.width * multiplier for multiplier in shape.multipliers)
        pairs = [
            ("_class_name", config["_class_name"], "VQModel" if shape.codes else "AutoencoderKL"), ("block_out_channels", tuple(config["block_out_channels"]), widths),
            ("layers_per_block", config["layers_per_block"], shape.blocks), ("latent_channels", config["latent_channels"], shape.latent),
            ("in_channels", config["in_channels"], 3), ("out_channels", config["out_channels"], 3), ("act_fn", config["act_fn"], "silu"),
            ("norm_num_groups", config.get("norm_num_groups", 32), 32),
        ]  # fmt: skip
        if shape.codes:
            pairs += [("num_vq_embeddings", config["num_vq_embeddings"], shape.codes), ("lookup_from_codebook", config.get("lookup_from_codebook", False), False)]
            pairs += [("norm_type", config.get("norm_type", "group"), "group")]
    except (KeyError, TypeError, ValueError) as error:
        raise Misfit(f"{path}: it is no config of a {WHAT}: {error} is missing or wrong") from error
    wrong = [f"  {name}: {said} in the config, {found} in the checkpoint" for name, said, found in pairs if said != found]
    if wrong:
        raise Misfit(f"{path} is not the config of this checkpoint:\n" + "\n".join(wrong))


CARD = """# {id}: autoencoder of {stride}x{stride} pixels a token, codebooks fitted to photos

Imported by `models/import/diffusers_vae.py` from `{source}`. {parameters:.1f} million parameters. Its latents of {embed} numbers for every
{fine}x{fine} pixels{patched} are quantised by {levels} residual levels of nested codebooks of {codes} entries, fitted to {count} latents of {photos}
photos: the published autoencoder has none. What it reaches is bounded by the autoencoder, and by how alike those photos are to what is coded.{tuned}

The prior has not been trained: it knows how often the photos take each branch and learns the rest from each picture.

Pictures of up to {whole} positions are seen whole, which is exact. Larger ones are seen in windows: an approximation, since attention and
group norms then see one window.

Paper: Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models, CVPR 2022.

## Licence of the weights: {licence}
"""


def make(network: autoencoder.Autoencoder, args):
    """Writes the pack of an autoencoder without a codebook."""
    shape, halves = network.shape, image_pack.Halves(network, args.patch)
    image_pack.check(args, halves.stride)
    if not args.photos:
        raise Misfit("it has no codebook: --photos names a folder of pictures to fit one to")
    crops = image_pack.photos(args.photos, args.side, args.count)
    vectors = halves.vectors(crops)
    levels = image_pack.fitted(vectors, args.levels, args.depth)
    usage = image_pack.counts(levels, vectors)
    if args.tune:
        image_pack.tune(halves, levels, crops, args)
    card = CARD.format(
        id=args.id, stride=halves.stride, source=args.checkpoint.name, parameters=sum(value.numel() for value in network.parameters()) / 1e6,
        embed=shape.embed, fine=shape.stride, patched=f", {args.patch}x{args.patch} of them together," if args.patch > 1 else "", levels=args.levels,
        codes=f"{1 << args.depth:,}", count=f"{len(vectors):,}", photos=len(crops), whole=image_pack.WHOLE_PIXELS // halves.stride**2,
        tuned=f" The decoder was fine-tuned on the photos for {args.tune} steps." if args.tune else "", licence=args.licence,
    )  # fmt: skip
    summary = f"Autoencoder of {halves.stride}x{halves.stride} pixels a token with {args.levels} levels of {1 << args.depth:,} codes fitted to photos."
    image_pack.write(halves, levels, usage, image_pack.worth_of_a_bit(levels[0], vectors), summary, card, args)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    image_pack.arguments(parser)
    parser.add_argument("--patch", type=int, default=2, help="positions of the latents that go into one vector, along each side; of an AutoencoderKL")
    parser.add_argument("--levels", type=int, default=4, help="residual levels of codebooks; of an AutoencoderKL")
    parser.add_argument("--depth", type=int, default=12, help="bits of a token; of an AutoencoderKL")
    args = parser.parse_args()
    try:
        if not (1 <= args.levels <= 8 and 1 <= args.depth <= 16 and 1 <= args.patch <= 4):
            raise Misfit("--levels is from 1 to 8, --depth from 1 to 16, --patch from 1 to 4")
        network = load(checkpoint.read(args.checkpoint))
        if args.config:
            check_config(args.config, network.shape)
        if network.shape.codes:
            vqgan.make(network, {}, args)
        else:
            make(network, args)
    except Misfit as misfit:
        raise SystemExit(f"diffusers_vae.py: {misfit}") from None


if __name__ == "__main__":
    main()
