"""Renders writing as a console burns it in, for tests/burned_in.rs, with fonts that the detector has not learned from.

Usage: burned_in.py OUT. Needs what text_frames.py needs.
The file is one zlib stream. A strip is: width, height (u16, little-endian), height of capitals in pixels (u8), 1 for a
mark of a side or direction, which must stay, else 0 (u8), runs of coverage as (count, value) bytes.
"""
import random, struct, sys, zlib
import numpy as np
from text_frames import FONTS, cover, words

MARKS = ["L", "R", "A", "P", "H", "F", "S", "I", "PA", "AP", "LAT"]
PLAIN = ["DejaVuSans", "DejaVuSans-Bold", "LiberationSans-Regular", "FreeSans"]


def strip(picture, size, mark):
    inked = picture > 0
    ys, xs = np.where(inked.any(1))[0], np.where(inked.any(0))[0]
    picture = np.pad(picture[ys[0]:ys[-1] + 1, xs[0]:xs[-1] + 1], 1)
    raw = bytes(v & 0xF0 | v >> 4 for v in picture.tobytes())
    data = bytearray(struct.pack("<HHBB", picture.shape[1], picture.shape[0], size, mark))
    at = 0
    while at < len(raw):
        end = at
        while end < len(raw) and raw[end] == raw[at] and end - at < 255:
            end += 1
        data += bytes((end - at, raw[at]))
        at = end
    return data


def main(out):
    rng = random.Random(20)
    data = bytearray()
    for i in range(320):
        size, fonts = 8 + i % 25, FONTS["judge"]
        data += strip(cover(fonts[(i // 25 + i) % len(fonts)], words(rng), size, rng), size, 0)
    for i, text in enumerate(MARKS * 4):
        size, name = rng.randint(10, 32), PLAIN[i // len(MARKS)]
        path = next(f for f in FONTS["judge"] if f.endswith(f"/{name}.ttf"))
        data += strip(cover(path, text, size, rng), size, 1)
    open(out, "wb").write(zlib.compress(bytes(data), 9))


main(sys.argv[1])
