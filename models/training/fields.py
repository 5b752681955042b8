"""Distance fields as they are stored, and as the blocks that a surface goes through."""

import lzma

import numpy as np

# Distances are cut at so many steps, and rounded to so many parts of one.
CUT, STEPS = 2.0, 16


def packed(values: np.ndarray) -> bytes:
    """A field as it is stored."""
    whole = np.rint(values * STEPS).astype(np.int8)
    for axis in (0, 1):
        whole = np.diff(whole, axis=axis, prepend=np.int8(0))
    return lzma.compress(bytes([len(whole)]) + whole.tobytes(), preset=1)


def unpacked(data: bytes) -> np.ndarray:
    """int8 [N,N,N] in sixteenths of a step."""
    data = lzma.decompress(data)
    whole = np.frombuffer(data, np.int8, offset=1).reshape((data[0],) * 3)
    for axis in (1, 0):
        whole = np.cumsum(whole, axis=axis, dtype=np.int8)
    return whole


def near_blocks(values: np.ndarray, side: int, most: float) -> tuple[np.ndarray, np.ndarray]:
    """Blocks int8 [n,side+1,side+1,side+1] of a field [N,N,N] that a surface at an offset from 0 to `most` goes through, and their places [n,3]."""
    windows = np.lib.stride_tricks.sliding_window_view(values, (side + 1,) * 3)[::side, ::side, ::side]
    there = (windows.min((3, 4, 5)) < most * STEPS) & (windows.max((3, 4, 5)) > 0)
    return windows[there], np.argwhere(there).astype(np.int16)
