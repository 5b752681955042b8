"""Makes the sound files beside it: a fifth of a second of two tones, stereo, in every format that is read, and in Opus, which is not.

    pip install numpy av soundfile && python make.py
"""

from pathlib import Path

import av
import numpy as np
import soundfile

HERE = Path(__file__).parent
RATE = 44_100
time = np.arange(RATE // 5) / RATE
left = 0.4 * np.sin(2 * np.pi * 440 * time)
right = 0.4 * np.sin(2 * np.pi * 660 * time)
frames = np.stack([left, right]).astype(np.float32)

FILES = {
    "tones.wav": ("pcm_s16le", "s16", None),
    "tones-24.wav": ("pcm_s24le", "s32", None),
    "tones-float.wav": ("pcm_f32le", "flt", None),
    "tones.flac": ("flac", "s16", None),
    "tones.mp3": ("libmp3lame", "fltp", 96_000),
    "tones.m4a": ("aac", "fltp", 96_000),
    "tones.aac": ("aac", "fltp", 96_000),
    "tones-alac.m4a": ("alac", "s16p", None),
    "tones.aiff": ("pcm_s16be", "s16", None),
    "tones.caf": ("pcm_s16le", "s16", None),
    "tones.opus": ("libopus", "flt", 32_000),
    "tones.mka": ("aac", "fltp", 96_000),
}
soundfile.write(HERE / "tones.ogg", frames.T, RATE, format="OGG", subtype="VORBIS")
for name, (codec, form, bits) in FILES.items():
    forms = {"aac": "adts", "mka": "matroska", "m4a": "ipod"}
    rate = 48_000 if codec == "libopus" else RATE
    with av.open(HERE / name, "w", format=forms.get(name.rsplit(".")[-1])) as out:
        stream = out.add_stream(codec, rate=rate, layout="stereo", format=form)
        if bits:
            stream.bit_rate = bits
        converter = av.AudioResampler(format=form, layout="stereo", rate=rate, frame_size=stream.frame_size or 1024)
        for start in range(0, frames.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(frames[:, start : start + 1024]), "fltp", "stereo")
            frame.sample_rate = RATE
            frame.pts = start
            for piece in converter.resample(frame):
                out.mux(stream.encode(piece))
        for piece in converter.resample(None):
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
