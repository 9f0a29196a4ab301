"""Slices as they are stored, with and without an identity burned in, to judge the search of pictures that are to hold no text.

Usage: text_slices.py clean OUT DICOM...                     every slice of the files below folders
       text_slices.py planted SEED EACH FONTS OUT DICOM...   EACH copies of some slices of every modality, with text;
                                                             FONTS is "learn" or "judge", as in text_frames.py
       text_slices.py made SEED COUNT OUT                    made slices without text: noise, phantoms, grids, metal, tables,
                                                             localizer lines, wire meshes, spine screws, colour bars
Needs what text_frames.py needs.
A slice is a line of text (name, modality, width, height, stored values that the window shows black and white or "-" twice,
then of each line of writing: height of its capitals, degrees, contrast, letters, font; separated by tabs), its stored
values (i32, little-endian), and where there is text a plane of the lines' numbers.
"""
import glob, math, os, random, sys, warnings
import cv2, numpy as np, pydicom
from PIL import Image, ImageFilter
from text_frames import FONTS, NAMES, cover, words

warnings.filterwarnings("ignore")
EXCEPT = set()


def window(d):
    try:
        c = d.WindowCenter[0] if isinstance(d.WindowCenter, pydicom.multival.MultiValue) else d.WindowCenter
        w = d.WindowWidth[0] if isinstance(d.WindowWidth, pydicom.multival.MultiValue) else d.WindowWidth
        s, i = float(d.get("RescaleSlope", 1) or 1), float(d.get("RescaleIntercept", 0) or 0)
        return (float(c) - float(w) / 2 - i) / s, (float(c) + float(w) / 2 - i) / s
    except Exception:
        return None


def slices(folders, most=40):
    """Of every file: name, modality, series, bits stored, window, pixels."""
    for folder in folders:
        for path in sorted(p for p in glob.glob(folder + "/**/*", recursive=True) if os.path.isfile(p)):
            name = os.path.relpath(path, folder)
            if name in EXCEPT or name.endswith((".json", ".gz", ".nii", ".md", ".csv", ".tsv")):
                continue
            try:
                d = pydicom.dcmread(path)
                if int(d.SamplesPerPixel) != 1 or "FloatPixelData" in d:
                    continue
                pixels = d.pixel_array
            except Exception:
                continue
            if pixels.dtype.kind not in "iu" or int(d.get("BitsAllocated", 16)) == 1:
                continue
            stack = pixels if pixels.ndim == 3 else pixels[None]
            step = max(1, len(stack) // most)
            for i in range(0, len(stack), step):
                yield name + f"#{i}", str(d.get("Modality", "OT")), str(d.get("SeriesInstanceUID", "")), int(d.BitsStored), \
                    int(d.get("PixelRepresentation", 0)), window(d), stack[i].astype(np.int32)


def write(out, name, modality, shown, pixels, laid=(), ink=None):
    h, w = pixels.shape
    edge = [f"{v:.3f}" for v in shown] if shown else ["-", "-"]
    out.write("\t".join([name, modality, str(w), str(h), *edge, *laid]).encode() + b"\n")
    out.write(np.ascontiguousarray(pixels, "<i4").tobytes())
    if laid:
        out.write(ink.astype(np.uint8).tobytes())


def identity(rng):
    born = f"{rng.randint(1, 28):02}.{rng.randint(1, 12):02}.{rng.randint(1931, 2015)}"
    number = str(rng.randint(10 ** 5, 10 ** 9))
    name = rng.choice(NAMES)
    return rng.choice([[name.upper(), f"ID: {number}", f"DOB {born}"], [name, number], [f"{name} {born}"], [name.upper()],
                       [name, f"*{born}, F, 63Y", words(rng)], [f"MRN {number}", name.upper()], [words(rng), name]])


def plant(pixels, bits, signed, shown, fonts, rng):
    """Lays the lines of an identity on a slice, as consoles and workstations do."""
    h, w = pixels.shape
    path = rng.choice(fonts)
    side = min(h, w)
    cap = rng.uniform(7, 11) if side < 200 else rng.uniform(8, 14) if side < 400 else rng.uniform(8, 24)
    cap *= max(1, side / 1024)
    lines = identity(rng)
    lines_c = [cover(path, t, cap, rng) for t in lines]
    need_w, need_h = max(c.shape[1] for c in lines_c) + 8, int(sum(c.shape[0] for c in lines_c) * 1.1) + 8
    if need_w > w or need_h > h:
        # A small slice has room for the beginning of a name.
        lines = [lines[0][:max(5, int(len(lines[0]) * (w - 12) / lines_c[0].shape[1]))]]
        lines_c = [cover(path, lines[0], cap, rng)]
        need_w, need_h = lines_c[0].shape[1] + 8, lines_c[0].shape[0] + 8
    if need_w + 4 > w or need_h + 4 > h:
        return None
    corner = rng.random() < 0.65
    x0 = rng.choice([3, w - need_w]) if corner else rng.randint(2, w - need_w)
    y0 = rng.choice([3, h - need_h]) if corner else rng.randint(2, h - need_h)
    low = -(1 << (bits - 1)) if signed else 0
    top = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1
    out, ink = pixels.astype(np.float64), np.zeros(pixels.shape, np.uint8)
    part = pixels[y0:y0 + need_h, x0:x0 + need_w]
    kinds = ["top", "top", "top", "most", "low", "box", "outline"] + (["window", "window", "window black"] if shown else [])
    kind = rng.choice(kinds)
    white = {"top": top, "most": int(pixels.max()), "low": rng.choice([low, int(pixels.min())]), "box": rng.choice([top, int(pixels.max())]),
             "outline": rng.choice([top, int(pixels.max())]), "window": shown and min(top, shown[1]),
             "window black": shown and max(low, shown[0])}[kind]
    black = low if rng.random() < 0.5 else int(pixels.min())
    # Nobody could read what is no brighter than what it stands on, in the window that the header gives or in another.
    range_ = max(1.0, (shown[1] - shown[0]) if shown else float(np.percentile(pixels, 99.5) - pixels.min()))
    contrast = abs(white - part.mean())
    if kind not in ("box", "outline") and (contrast < 0.3 * range_ or contrast < 4 * part.std() + 1):
        return None
    if kind in ("box", "outline") and white - black < 0.3 * range_:
        return None
    if shown and kind in ("top", "most", "low"):
        ground = np.clip(part, *shown)
        beyond = abs(np.clip(white, *shown) - ground.mean()) < max(0.3 * range_, 4 * ground.std())
        kind += " beyond" if beyond else ""
    if kind == "box":
        out[y0:y0 + need_h, x0:x0 + need_w], white = white, black
    laid, y = [], y0 + 3
    for n, (t, c) in enumerate(zip(lines, lines_c)):
        ch, cw = c.shape
        if y + ch > h:
            break
        x = x0 + 3 if x0 + need_w < w or not corner else w - cw - 3
        area, a = out[y:y + ch, x:x + cw], c / 255.0
        if kind == "outline":
            around = np.asarray(Image.fromarray(np.pad(c, 1)).filter(ImageFilter.MaxFilter(3)))[1:-1, 1:-1] / 255.0
            area += (black - area) * around
        area += (white - area) * a
        ink[y:y + ch, x:x + cw][c >= 128] = n + 1
        laid.append(f"{cap:.1f}\t0\t{1 if white > part.mean() else -1}\t{sum(not s.isspace() for s in t)}\t{kind}:{os.path.basename(path).split('.')[0]}")
        y += int(ch * 1.1)
    return out.round().clip(low, top).astype(np.int32), laid, ink


def planted(seed, each, fonts, path, folders):
    rng = random.Random(seed)
    by = {}
    for s in slices(folders, 4):
        if min(s[-1].shape) >= 64 and s[-1].max() > s[-1].min():
            by.setdefault((s[1], s[2]), []).append(s)
    with open(path, "wb") as out:
        for (modality, _), all_ in sorted(by.items()):
            for i in range(each):
                name, _, _, bits, signed, shown, pixels = rng.choice(all_)
                for _ in range(6):
                    done = plant(pixels, bits, signed, shown, FONTS[fonts], rng)
                    if done:
                        write(out, f"{name}@{i}", modality, shown, done[0], done[1], done[2])
                        break


def clean(path, folders):
    with open(path, "wb") as out:
        for name, modality, series, _, _, shown, pixels in slices(folders):
            if min(pixels.shape) >= 16:
                write(out, f"{series[-12:]}/{name}", modality, shown, pixels)


def soft(g, h, w, step):
    return cv2.resize(g.standard_normal((h // step + 3, w // step + 3)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)


def body(g, rng, h, w):
    """An ellipse of tissue on air with organs, bones and noise, in Hounsfield units."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    out = np.full((h, w), -1000.0, np.float32)
    def blob(cx, cy, a, b, v, turn=0.0):
        dx, dy = x - cx * w, y - cy * h
        c, s = math.cos(turn), math.sin(turn)
        out[((dx * c + dy * s) / (a * w)) ** 2 + ((dy * c - dx * s) / (b * h)) ** 2 < 1] = v
    blob(0.5, 0.5, rng.uniform(0.3, 0.45), rng.uniform(0.25, 0.42), rng.uniform(-110, -80))
    blob(0.5, 0.5, rng.uniform(0.25, 0.4), rng.uniform(0.2, 0.37), rng.uniform(20, 70))
    for _ in range(rng.randint(3, 30)):
        blob(rng.uniform(0.25, 0.75), rng.uniform(0.25, 0.75), rng.uniform(0.005, 0.12), rng.uniform(0.005, 0.12),
             rng.choice([rng.uniform(-900, -700), rng.uniform(0, 250), rng.uniform(0, 250), rng.uniform(400, 1500)]), rng.uniform(0, 3))
    return cv2.GaussianBlur(out, (0, 0), rng.uniform(0.5, 1.2))


def line_of(picture, rng, count, v):
    """Alike small things in a row: teeth, screws, coils, electrodes, contacts, fiducials, vertebrae, bars of a phantom."""
    h, w = picture.shape
    kind, x, y = rng.randint(0, 4), rng.uniform(0.05, 0.5) * w, rng.uniform(0.1, 0.9) * h
    ring = rng.choice([-1, 1])
    step, size, turn = rng.uniform(6, 24), rng.uniform(2, 9), rng.choice([0, 0, math.pi / 2, rng.uniform(-0.3, 0.3)])
    for i in range(count):
        cx, cy = int(x + i * step * math.cos(turn)), int(y + i * step * math.sin(turn) + rng.gauss(0, 0.3))
        s = max(1, int(size * rng.uniform(0.7, 1.2)))
        if kind == 0:
            cv2.circle(picture, (cx, cy), s, v, ring, cv2.LINE_AA)
        elif kind == 1:
            cv2.rectangle(picture, (cx, cy), (cx + max(1, int(step / 2)), cy + 3 * s), v, -1)
        elif kind == 2:
            cv2.line(picture, (cx, cy), (cx + rng.randint(-3, 3), cy + 3 * s), v, rng.choice([1, 2, 3]), cv2.LINE_AA)
        elif kind == 3:
            cv2.ellipse(picture, (cx, cy), (s, max(1, int(1.6 * s))), rng.uniform(0, 180), 0, 360, v, -1, cv2.LINE_AA)
        else:
            cv2.fillPoly(picture, [np.array([(cx + rng.randint(-s, s), cy + rng.randint(-s, s)) for _ in range(5)], np.int32)], v)


def dots(picture, rng, v):
    """What looks like no line of anything: activation maps, calcifications, specks of metal."""
    h, w = picture.shape
    for _ in range(rng.randint(5, 150)):
        p = np.array([rng.randint(0, w - 1), rng.randint(0, h - 1)])
        points = [p + [rng.randint(-6, 6), rng.randint(-6, 6)] for _ in range(rng.randint(3, 6))]
        cv2.fillPoly(picture, [np.array(points, np.int32)], v)


def made_slice(rng):
    g = np.random.default_rng(rng.randint(0, 1 << 40))
    side = rng.choice([64, 96, 128, 192, 256, 256, 320, 384, 512, 512, 512, 768])
    h, w = side, rng.choice([side, side, side, side * 3 // 4, side * 5 // 4])
    modality = rng.choice(["CT", "MR", "PT", "NM"])
    top = rng.choice([4095, 32767, 3071])
    if modality == "CT":
        out = body(g, rng, h, w) + rng.uniform(3, 60) * cv2.GaussianBlur(g.standard_normal((h, w)).astype(np.float32), (0, 0), rng.uniform(0.4, 1.5)) * 2
        shown = rng.choice([(-160, 240), (-1350, 150), (0, 80), (-450, 1050), None])
    elif modality == "MR":
        out = (body(g, rng, h, w) + 1000) * rng.uniform(0.2, 1) * (1 + 0.4 * soft(g, h, w, max(8, side // 4)))
        out = np.hypot(out + rng.uniform(5, 80) * g.standard_normal((h, w)), rng.uniform(5, 80) * g.standard_normal((h, w)))
        if rng.random() < 0.15:
            out = rng.uniform(500, 4000) * (g.random((h, w)) if rng.random() < 0.5 else np.angle(cv2.GaussianBlur(g.standard_normal((h, w)), (0, 0), 2) + 1j * cv2.GaussianBlur(g.standard_normal((h, w)), (0, 0), 2)) + 3.2)
        shown = None if rng.random() < 0.3 else (0, float(np.percentile(out, rng.uniform(90, 99.9))))
    else:
        out = np.maximum(0, soft(g, h, w, rng.randint(4, 12))) ** 3 * rng.uniform(50, 3000)
        for _ in range(rng.randint(0, 20)):
            cv2.circle(out, (rng.randint(0, w - 1), rng.randint(0, h - 1)), rng.randint(1, max(2, side // 30)), rng.uniform(1000, 30000), -1, cv2.LINE_AA)
        out = g.poisson(cv2.GaussianBlur(out, (0, 0), rng.uniform(0.5, 3)).clip(0, 30000)).astype(np.float32)
        shown = None if rng.random() < 0.5 else (0, float(np.percentile(out, 99.8)))
    out = out.astype(np.float32)
    ink = lambda: float(rng.choice([top, top, out.max(), np.percentile(out, 99), 1500, 3000, out.min()]))
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        kind, v = rng.randint(0, 9), ink()
        if kind <= 2:
            for _ in range(rng.randint(1, 4)):
                line_of(out, rng, rng.randint(3, 16), v)
        elif kind == 3:
            dots(out, rng, v)
        elif kind == 4:
            for _ in range(rng.randint(1, 25)):
                a, b = (rng.randint(0, w), 0), (rng.randint(0, w), h)
                cv2.line(out, a, b, v, 1, rng.choice([8, cv2.LINE_AA]))
        elif kind == 5:
            step = rng.randint(4, 40)
            out[::step], out[:, ::step] = v, v
        elif kind == 6:
            n = rng.randint(2, 6)
            small = cv2.resize(out, (w // n, h // n), interpolation=cv2.INTER_AREA)
            out = np.tile(small, (n, n))
        elif kind == 7:
            cx, cy = rng.uniform(0.3, 0.7) * w, rng.uniform(0.3, 0.7) * h
            y, x = np.mgrid[0:h, 0:w]
            a = np.arctan2(y - cy, x - cx)
            out += (rng.uniform(200, 1500) * np.sin(a * rng.randint(4, 30)) * np.exp(-np.hypot(y - cy, x - cx) / side * 4)).astype(np.float32)
            cv2.circle(out, (int(cx), int(cy)), rng.randint(2, 12), float(top), -1)
        elif kind == 8:
            levels = rng.randint(2, 9)
            out = (out / max(1.0, float(out.max())) * levels).round().astype(np.float32) * rng.choice([1.0, 100.0])
        else:
            r = rng.uniform(0.42, 0.5) * side
            y, x = np.mgrid[0:h, 0:w]
            out[np.hypot(y - h / 2, x - w / 2) > r] = rng.choice([0, -2000, -1024, out.min()])
        h, w = out.shape
    low = -32768 if modality == "CT" else 0
    return modality, shown, out.round().clip(low, 32767).astype(np.int32)


def made(seed, count, path):
    rng = random.Random(seed)
    with open(path, "wb") as out:
        for i in range(count):
            modality, shown, pixels = made_slice(rng)
            write(out, f"made{seed}.{i}/", modality, shown if shown and shown[0] < shown[1] else None, pixels)


def main(mode, *rest):
    for path in filter(os.path.exists, [os.environ.get("EXCEPT", "")]):
        EXCEPT.update(open(path).read().split("\n"))
    if mode == "clean":
        clean(rest[0], rest[1:])
    elif mode == "planted":
        planted(int(rest[0]), int(rest[1]), rest[2], rest[3], rest[4:])
    elif mode == "made":
        made(int(rest[0]), int(rest[1]), rest[2])
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
