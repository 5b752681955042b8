"""Makes values.json: what other programs measure between the speech sample and four distortions of it; levels.json: what the network of DNSMOS
P.808 hears of the sample, by librosa; and loudness.onnx, a graph of the ports of DNSMOS.

The distortions are integer arithmetic that the tests repeat. `mel` is computed here, independently, with numpy and scipy.

    pip install numpy scipy soundfile pesq pystoi onnx speechmos librosa requests tqdm pandas onnxruntime && python reference.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import librosa
import numpy as np
import onnx
import scipy
import soundfile
from onnx import TensorProto, helper
from pesq import pesq
from pystoi import stoi
from speechmos import dnsmos

HERE = Path(__file__).parent


def noise(x):
    """-1000 to 1000 on every sample, from 32-bit xorshift."""
    state, out = 0x9E3779B9, x.astype(np.int64)
    for i in range(len(out)):
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        out[i] += (state >> 16) % 2001 - 1000
    return out.clip(-32768, 32767).astype(np.int16)


def coarse(x):
    """The middle of 64 equal ranges."""
    return (x.astype(np.int64) // 1024 * 1024 + 512).astype(np.int16)


def dull(x):
    """Mean of 7 samples, zeros outside, rounded down."""
    padded = np.pad(x.astype(np.int64), 3)
    return (sum(padded[k : k + len(x)] for k in range(7)) // 7).astype(np.int16)


def gaps(x):
    """20 ms of silence in every 100 ms."""
    return np.where(np.arange(len(x)) // 320 % 5 == 2, 0, x).astype(np.int16)


def mel_levels(x):
    padded = np.pad(x / 32768, 256)
    frames = np.stack([padded[m : m + 512] for m in range(0, len(x) + 1, 160)])
    power = np.abs(np.fft.rfft(frames * scipy.signal.get_window("hann", 512), axis=1)) ** 2 / (512 / 4) ** 2
    to_mel = lambda hertz: 2595 * np.log10(1 + hertz / 700)
    edges = 700 * (10 ** (np.linspace(0, to_mel(8000), 82) / 2595) - 1)
    at = np.arange(257) * 16000 / 512
    bank = np.array([np.interp(at, edges[b : b + 3], [0, 1, 0]) for b in range(80)])
    for b in range(80):
        if not bank[b].any():
            bank[b, round(edges[b + 1] * 512 / 16000)] = 1
    return np.maximum(10 * np.log10(np.maximum(power @ bank.T, 1e-300)), -80)


def mel(x, y):
    return np.sqrt(((mel_levels(x) - mel_levels(y)) ** 2).mean(axis=1)).mean()


def opinions(y):
    return dnsmos.run(y / 32768, 16000)


def levels(x):
    """Every 97th level of the first window, frame by frame."""
    heard = (x / 32768)[: int(9.01 * 16000) - 160]
    power = librosa.feature.melspectrogram(y=heard, sr=16000, n_fft=321, hop_length=160, n_mels=120)
    return ((librosa.power_to_db(power, ref=np.max) + 40) / 40).T.flatten()[::97]


def loudness():
    """Mean of the absolute samples [1,N], and its double: [1,2]."""
    nodes = [
        helper.make_node("Abs", ["samples"], ["size"]),
        helper.make_node("ReduceMean", ["size"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Add", ["mean", "mean"], ["double"]),
        helper.make_node("Concat", ["mean", "double"], ["opinions"], axis=1),
    ]
    port = lambda name, side: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, side])
    graph = helper.make_graph(nodes, "loudness", [port("samples", "n")], [port("opinions", 2)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main():
    x, rate = soundfile.read(HERE / "../../../../samples/speech.flac", dtype="int16")
    assert rate == 16000
    np.random.seed(0)
    metrics = {
        "pesq": (f"pesq {version('pesq')}, wb", lambda y: pesq(rate, x, y, "wb")),
        "stoi": (f"pystoi {version('pystoi')}", lambda y: stoi(x / 32768, y / 32768, rate)),
        "estoi": (f"pystoi {version('pystoi')}, extended", lambda y: stoi(x / 32768, y / 32768, rate, extended=True)),
        "mel": (f"numpy {version('numpy')}, scipy {version('scipy')}", lambda y: mel(x, y)),
        "dnsmos": (f"speechmos {version('speechmos')}, ovrl_mos", lambda y: opinions(y)["ovrl_mos"]),
        "dnsmos-p808": (f"speechmos {version('speechmos')}, p808_mos", lambda y: opinions(y)["p808_mos"]),
    }
    distorted = {how.__name__: how(x) for how in (noise, coarse, dull, gaps)}
    values = {
        name: {"by": by, "values": {how: float(measure(y)) for how, y in distorted.items()}}
        for name, (by, measure) in metrics.items()
    }
    (HERE / "values.json").write_text(json.dumps(values, indent=1) + "\n")
    (HERE / "levels.json").write_text(json.dumps([round(float(level), 6) for level in levels(x)]) + "\n")
    onnx.save(loudness(), HERE / "loudness.onnx")


main()
