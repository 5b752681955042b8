"""Makes an image pack of a published VQGAN of taming-transformers (ImageNet, 16x16 pixels a code, 1,024 or 16,384 codes).

    python vqgan.py vqgan_imagenet_f16_16384.ckpt [--config vqgan_imagenet_f16_16384.yaml]
        --id vqgan-imagenet-f16-16384 --licence MIT --notice LICENSE --out packs/vqgan-imagenet-f16-16384 [--photos photos/ [--tune 2000]]

The checkpoint says what its shape is; a config, where one is given, must agree. What only training needs (discriminator, perceptual loss,
optimisers) is left out. A missing, unexpected or misshapen tensor is an error that names it.

The published codes are the leaves of a tree, unchanged: at full depth a token stands for exactly one of them, in an order of ours. Coarser
codebooks above them are k-means ladders over the codes, as in Mao et al. (DCC 2024), or over the latents of photos. Photos also tell the
prior how often each code is used, and the search what a bit is worth; without them all codes are taken to be alike.
"""

import argparse
import sys
from pathlib import Path

import torch

import autoencoder
import checkpoint
import image_pack
from checkpoint import Misfit

WHAT = "VQGAN"
KEPT = ("encoder.", "decoder.", "quantize.", "quant_conv.", "post_quant_conv.")


def select(state: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, int]]:
    """What inference needs, and how many tensors of each other part were left out."""
    kept = {name: value for name, value in state.items() if name.startswith(KEPT)}
    dropped: dict[str, int] = {}
    for name in state.keys() - kept.keys():
        part = ".".join(name.split(".")[:2])
        dropped[part] = dropped.get(part, 0) + 1
    return kept, dropped


def check_config(path: Path, shape: autoencoder.Shape):
    """Refuses a config of another network."""
    import yaml

    try:
        params = yaml.safe_load(path.read_text())["model"]["params"]
        network = params["ddconfig"]
        levels = {network["resolution"] >> i: i for i in range(len(network["ch_mult"]))}
        pairs = [
            ("n_embed", params["n_embed"], shape.codes), ("embed_dim", params["embed_dim"], shape.embed), ("z_channels", network["z_channels"], shape.latent),
            ("ch", network["ch"], shape.width), ("ch_mult", tuple(network["ch_mult"]), shape.multipliers), ("num_res_blocks", network["num_res_blocks"], shape.blocks),
            ("attn_resolutions", tuple(sorted(levels[side] for side in network["attn_resolutions"] if side in levels)), shape.attention),
            ("in_channels", network["in_channels"], 3), ("out_ch", network["out_ch"], 3), ("double_z", network["double_z"], False),
        ]  # fmt: skip
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise Misfit(f"{path}: it is no VQGAN config: {str(error).splitlines()[0]} is missing or wrong") from error
    wrong = [f"  {name}: {said} in the config, {found} in the checkpoint" for name, said, found in pairs if said != found]
    if wrong:
        raise Misfit(f"{path} is not the config of this checkpoint:\n" + "\n".join(wrong))


CARD = """# {id}: VQGAN, one of {codes} codes for every {stride}x{stride} pixels

Imported by `models/import/{importer}.py` from `{source}`. {parameters:.1f} million parameters; {depth} bits a token before entropy coding, {bpp:.4f} bits a
pixel, and fewer at the coarser depths from {least} bits on. At full depth a token stands for exactly one of the published codes; the codebooks
of the coarser depths are k-means over {ladder}.{tuned}

The prior has not been trained: it {prior} and learns the rest from each picture.

Pictures of up to {whole} positions are seen whole, which is exact. Larger ones are seen in windows: an approximation, since attention and
group norms then see one window.

Left out, since only training needs it: {dropped}.

Paper: Esser et al., Taming Transformers for High-Resolution Image Synthesis, CVPR 2021. Ladder: Mao et al., Extreme Image Compression Using
Fine-tuned VQGANs, DCC 2024.

## Licence of the weights: {licence}
"""


def make(network: autoencoder.Autoencoder, dropped: dict[str, int], args):
    """Writes the pack of a network."""
    shape, halves = network.shape, image_pack.Halves(network, 1)
    image_pack.check(args, halves.stride)
    crops = image_pack.photos(args.photos, args.side, args.count) if args.photos else None
    vectors = halves.vectors(crops) if crops else None
    codes = network.codebook.detach().float()
    seen = image_pack.counts([torch.cat([torch.zeros_like(codes), codes])], vectors)[0]
    nodes = image_pack.ladder(codes, seen + 1e-2, vectors)
    usage = image_pack.counts([nodes], vectors)
    if args.tune:
        image_pack.tune(halves, [nodes], crops, args)
    depth = shape.codes.bit_length() - 1
    parameters = sum(value.numel() for value in network.parameters()) / 1e6
    of = f"{len(vectors)} latents of {len(crops)} photos" if crops else "the codes"
    card = CARD.format(
        id=args.id, importer=Path(sys.argv[0]).stem, codes=f"{shape.codes:,}", stride=halves.stride, source=args.checkpoint.name, parameters=parameters, depth=depth,
        bpp=depth / halves.stride**2, least=min(image_pack.MIN_DEPTH, depth), ladder=of, whole=image_pack.WHOLE_PIXELS // halves.stride**2,
        tuned=f" The decoder was fine-tuned on the photos for {args.tune} steps." if args.tune else "", licence=args.licence,
        prior=f"knows how often {of} take each branch" if crops else "takes all codes to be alike",
        dropped=", ".join(f"{name} ({count})" for name, count in sorted(dropped.items())) or "nothing",
    )  # fmt: skip
    summary = f"VQGAN of taming-transformers: one of {shape.codes:,} codes for every {halves.stride}x{halves.stride} pixels."
    image_pack.write(halves, [nodes], usage, image_pack.worth_of_a_bit(nodes, vectors), summary, card, args)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    image_pack.arguments(parser)
    args = parser.parse_args()
    try:
        state, dropped = select(checkpoint.read(args.checkpoint))
        if "quantize.embedding.weight" not in state:
            raise Misfit("it is no VQGAN checkpoint: quantize.embedding.weight is missing")
        network = autoencoder.load(state, WHAT)
        if args.config:
            check_config(args.config, network.shape)
        print(f"{args.checkpoint}: {network.shape.codes} codes, {network.shape.stride}x{network.shape.stride} pixels each; {len(state)} tensors kept")
        for name, count in sorted(dropped.items()):
            print(f"  left out: {name}, {count} tensors")
        make(network, dropped, args)
    except Misfit as misfit:
        raise SystemExit(f"vqgan.py: {misfit}") from None


if __name__ == "__main__":
    main()
