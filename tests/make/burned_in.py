"""Renders writing as a console burns it in, with the fonts of the machine, for tests/burned_in.rs.

Usage: burned_in.py OUT. Needs Pillow and the fonts of fonts-dejavu, fonts-urw-base35 and fonts-noto-mono.
The file is one zlib stream. A strip is: width, height (u16, little-endian), size in pixels, style (u8), runs of coverage as (count, value) bytes.
"""
import random, struct, sys, zlib
from PIL import Image, ImageDraw, ImageFont

FONTS = [
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf",
    "/usr/share/fonts/opentype/urw-base35/NimbusSans-Regular.otf",
    "/usr/share/fonts/opentype/urw-base35/NimbusRoman-Bold.otf",
    "/usr/share/fonts/opentype/urw-base35/NimbusMonoPS-Bold.otf",
    "/usr/share/fonts/truetype/noto/NotoSansMono-Regular.ttf",
]
NAMES = ["WETHERQUILL^LUCASTA", "Brindlemoor, Aurelio", "Okonkwo Adaeze", "Müller-Lüdtke, Jörg", "TANAKA YUKIKO",
         "Ramírez Peña", "O'Dalaigh Fionn", "van der Zwaluw"]
PLACES = ["St. Ansgar Klinikum", "NORTHFIELD GENERAL HOSP", "Dr. Quimby", "Ward 7B / Bed 12", "ICU PORTABLE 80 kV"]


def line(rng):
    day = f"{rng.randint(1, 28):02}/{rng.randint(1, 12):02}/{rng.randint(1931, 2019)}"
    return rng.choice([
        rng.choice(NAMES), rng.choice(NAMES), f"{rng.choice(NAMES)}  {day}", f"DOB: {day}",
        f"ID: {rng.randint(10**5, 10**8)}", f"MRN {rng.randint(10**4, 10**7)}-{rng.randint(0, 9)}",
        f"{day} {rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}", rng.choice(PLACES),
        f"Acc# {rng.choice('ABCX')}{rng.randint(10**5, 10**6)}", f"F {rng.randint(18, 90)}Y {rng.choice(NAMES)}",
    ])


def main(out):
    rng = random.Random(20)
    data = bytearray()
    for i in range(240):
        size = 8 + i % 25
        path = FONTS[(i // 25 + i) % len(FONTS)]
        # Height of a capital letter, not of the em, is the size of a glyph.
        em = size
        while ImageFont.truetype(path, em).getbbox("H")[3] - ImageFont.truetype(path, em).getbbox("H")[1] < size:
            em += 1
        font = ImageFont.truetype(path, em)
        text = line(rng)
        box = font.getbbox(text)
        picture = Image.new("L", (box[2] - box[0] + 2, box[3] - box[1] + 2))
        draw = ImageDraw.Draw(picture)
        crisp = i % 3 == 0
        draw.fontmode = "1" if crisp else "L"
        draw.text((1 - box[0], 1 - box[1]), text, font=font, fill=255)
        data += struct.pack("<HHBB", *picture.size, size, FONTS.index(path))
        raw = bytes(v & 0xF0 | v >> 4 for v in picture.tobytes())
        at = 0
        while at < len(raw):
            end = at
            while end < len(raw) and raw[end] == raw[at] and end - at < 255:
                end += 1
            data += bytes((end - at, raw[at]))
            at = end
    open(out, "wb").write(zlib.compress(bytes(data), 9))


main(sys.argv[1])
