"""Frames with and without burned-in text, to teach the detector of src/deid/pixels/detect and to judge it.

Usage: text_frames.py made SEED COUNT FONTS OUT [DICOM]   frames with text (fonts "learn" or "judge"), over made scenes
                                                          and, where a folder of DICOM is given, over real anatomy
       text_frames.py plain SEED COUNT OUT                made frames with rulers, callipers, grids, traces; no text
       text_frames.py real DICOM OUT [EXCEPT]             frames of files; EXCEPT names files, one a line, to leave out
Needs numpy, Pillow, pydicom, opencv-python-headless and the fonts named below.
A frame is a line of text (name, look, width, height, then of each line of writing: height of its capitals, degrees,
contrast, letters, font; separated by tabs), its grey pixels, and where there is text a plane of the lines' numbers.
"""
import glob, io, math, os, random, sys
import cv2, numpy as np, pydicom
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from pydicom.pixels import apply_color_lut

T, O = "/usr/share/fonts/truetype/", "/usr/share/fonts/opentype/"
FONTS = {
    "learn": [
        O + "urw-base35/NimbusSans-Regular.otf", O + "urw-base35/NimbusSans-Bold.otf",
        O + "urw-base35/NimbusRoman-Regular.otf", O + "urw-base35/NimbusRoman-Bold.otf",
        O + "urw-base35/NimbusMonoPS-Bold.otf", O + "urw-base35/NimbusMonoPS-Regular.otf",
        O + "urw-base35/NimbusSansNarrow-Regular.otf", O + "urw-base35/URWGothic-Book.otf",
        O + "urw-base35/URWBookman-Light.otf", T + "noto/NotoSansMono-Regular.ttf", T + "noto/NotoSans-Regular.ttf",
        T + "lato/Lato-Regular.ttf", T + "lato/Lato-Light.ttf", T + "lato/Lato-Bold.ttf",
        T + "roboto/unhinted/RobotoTTF/Roboto-Regular.ttf", T + "roboto/unhinted/RobotoTTF/Roboto-Bold.ttf",
        T + "roboto/unhinted/RobotoCondensed-Regular.ttf", T + "open-sans/OpenSans-Regular.ttf",
        T + "open-sans/OpenSans-Bold.ttf", T + "inconsolata/Inconsolata.otf", T + "hack/Hack-Regular.ttf",
        O + "cantarell/Cantarell-Regular.otf", T + "dejavu/DejaVuSerif.ttf", T + "dejavu/DejaVuSansCondensed.ttf",
        "hershey:1", "hershey:5", "hershey:3",
    ],
    "judge": [
        T + "dejavu/DejaVuSans.ttf", T + "dejavu/DejaVuSans-Bold.ttf", T + "dejavu/DejaVuSansMono.ttf",
        T + "liberation/LiberationSans-Regular.ttf", T + "liberation/LiberationSans-Bold.ttf",
        T + "liberation/LiberationMono-Regular.ttf", T + "liberation/LiberationSerif-Regular.ttf",
        T + "freefont/FreeSans.ttf", T + "freefont/FreeMono.ttf", T + "freefont/FreeMonoBold.ttf", T + "freefont/FreeSerif.ttf",
        "hershey:0", "hershey:2", "hershey:4", "pillow", "bitmap",
    ],
}
NAMES = ["DOE^JANE", "Smith, John", "WETHERQUILL^LUCASTA", "Brindlemoor, Aurelio", "Okonkwo Adaeze", "Müller-Lüdtke, Jörg",
         "TANAKA YUKIKO", "Ramírez Peña", "O'Dalaigh Fionn", "van der Zwaluw", "LI WEI", "Nguyen Thi Hoa", "HARRIS, M.",
         "Kowalczyk", "Ivanova E.", "ROSSI^MARCO", "Eze", "Illi, Lil", "GARCIA LOPEZ MARIA", "Abernathy T J"]
PLACES = ["St. Ansgar Klinikum", "NORTHFIELD GENERAL HOSP", "Dr. Quimby", "Ward 7B / Bed 12", "ICU PORTABLE 80 kV",
          "City Hospital", "Radiology Dept.", "MERCY MED CTR", "Room 4", "Tech: AB", "Obstetrics", "LOGIQ E9"]
SHORT = ["MRN", "DOE", "DOB", "LEE", "KIM", "ROY", "Ann", "Eva", "Tom", "1971", "407", "DR X", "F 63", "M 7", "Bed 3", "ID 9",
         "JOHN", "Paul", "NAME", "ICU", "45Y", "Lin"]


def words(rng):
    day = f"{rng.randint(1, 28):02}{(s := rng.choice('/./-'))}{rng.randint(1, 12):02}{s}{rng.randint(1931, 2024)}"
    iso = f"{rng.randint(1931, 2024)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    number = str(rng.randint(10 ** 3, 10 ** rng.randint(4, 9)))
    clock = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}"
    letters = "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(rng.randint(4, 9)))
    return rng.choice([
        rng.choice(NAMES), rng.choice(NAMES), rng.choice(NAMES).upper(), rng.choice(NAMES).lower(), f"{rng.choice(NAMES)}  {day}",
        f"DOB: {day}", f"DOB {iso}", day, day, iso, number, number, f"ID: {number}", f"MRN {number}-{rng.randint(0, 9)}", f"MRN:{number}",
        f"{day} {clock}", clock, rng.choice(PLACES), rng.choice(PLACES), f"Acc# {rng.choice('ABCX')}{number}",
        f"F {rng.randint(18, 90)}Y {rng.choice(NAMES)}", rng.choice(SHORT), rng.choice(SHORT), rng.choice(SHORT), letters, letters.title(),
        f"{letters} {number}", f"MI {rng.random():.1f} TIS {rng.random():.1f}", f"Name: {rng.choice(NAMES)}",
    ])


def hershey(face, text, cap, rng):
    text = text.encode("ascii", "ignore").decode()
    scale = cap / 21.0
    thick = max(1, round(cap * rng.choice([0.05, 0.09, 0.12])))
    kind = rng.choice([cv2.LINE_8, cv2.LINE_AA, cv2.LINE_AA])
    (w, h), base = cv2.getTextSize(text, face, scale, thick)
    out = np.zeros((h + base + 8, w + 8), np.uint8)
    cv2.putText(out, text, (4, h + 4), face, scale, 255, thick, kind)
    return out


def cover(path, text, cap, rng):
    """Coverage of a line of text whose capitals are about `cap` pixels high."""
    if path.startswith("hershey"):
        return hershey(int(path[8:]), text, cap, rng)
    if path == "bitmap":
        # Pillow's old font of 6 x 11 pixels, each as a block.
        font, zoom = ImageFont.load_default_imagefont(), max(1, round(cap / 7))
        text = text.encode("latin-1", "ignore").decode("latin-1")
        box = font.getbbox(text)
        picture = Image.new("L", (box[2] + 2, box[3] + 2))
        draw = ImageDraw.Draw(picture)
        draw.fontmode = "1"
        draw.text((1, 1), text, font=font, fill=255)
        return np.kron(np.asarray(picture), np.ones((zoom, zoom), np.uint8))
    load = (lambda em: ImageFont.load_default(em)) if path == "pillow" else (lambda em: ImageFont.truetype(path, em))
    em = max(6, round(cap / 0.72))
    font = load(em)
    box = font.getbbox(text)
    picture = Image.new("L", (box[2] - box[0] + 6, box[3] - box[1] + 6))
    draw = ImageDraw.Draw(picture)
    style = rng.random()
    draw.fontmode = "1" if style < 0.25 else "L"
    at = (3 - box[0], 3 - box[1])
    if style > 0.94 and cap >= 16:
        # Hollow letters.
        draw.text(at, text, font=font, fill=0, stroke_width=1, stroke_fill=255)
        draw.text(at, text, font=font, fill=0)
    else:
        draw.text(at, text, font=font, fill=255)
    return np.asarray(picture)


def smooth_noise(rng, h, w, step):
    small = rng.standard_normal((h // step + 3, w // step + 3)).astype(np.float32)
    return cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC)


def sector(g, rng, h, w):
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    dx, dy = x - w * rng.uniform(0.4, 0.6), y - h * rng.uniform(0.02, 0.15)
    r, a = np.hypot(dx, dy), np.abs(np.arctan2(dx, dy))
    grain = rng.uniform(1.0, 2.5)
    speckle = np.hypot(cv2.GaussianBlur(g.standard_normal((h, w)).astype(np.float32), (0, 0), grain / 2 + 0.3),
                       cv2.GaussianBlur(g.standard_normal((h, w)).astype(np.float32), (0, 0), grain * 0.6 + 0.3))
    speckle /= speckle.mean()
    tissue = rng.uniform(25, 70) * (1 + 0.6 * smooth_noise(g, h, w, rng.randint(20, 60))).clip(0.05, 4)
    out = (tissue * speckle ** rng.uniform(0.5, 1.1)).clip(0, 255)
    out[(a > rng.uniform(0.5, 0.8)) | (r > h * rng.uniform(0.75, 0.95)) | (r < h * rng.uniform(0.02, 0.1))] = rng.choice([0, 0, 4, 12])
    if rng.random() < 0.5:
        x0 = w - rng.randint(14, 30)
        n = h // 3
        out[h // 4:h // 4 + n, x0:x0 + 8] = np.linspace(255, 0, n)[:, None]
    return out


def radiograph(g, rng, h, w):
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    cx = w * rng.uniform(0.35, 0.65)
    out = rng.uniform(90, 190) - rng.uniform(60, 130) * ((x - cx) / w * 2) ** 2 + 25 * smooth_noise(g, h, w, rng.randint(40, 90))
    bend = (x - cx) ** 2 / w * rng.uniform(-0.8, 0.8)
    out += rng.uniform(5, 25) * np.sin((y + bend) / rng.uniform(8, 20))
    out += rng.uniform(0.5, 7) * g.standard_normal((h, w))
    if rng.random() < 0.4:
        m = rng.randint(8, 50)
        out[:m], out[-m:], out[:, :m], out[:, -m:] = [rng.choice([0, 6, 250])] * 4
    return out


def angiogram(g, rng, h, w):
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    out = rng.uniform(70, 200) + 20 * smooth_noise(g, h, w, rng.randint(40, 100)) - 0.15 * np.hypot(x - w / 2, y - h / 2) * 320 / w
    lines = np.zeros((h, w), np.float32)
    for _ in range(rng.randint(2, 9)):
        at, to, thick = np.array([rng.uniform(0, w), rng.uniform(0, h)]), rng.uniform(0, 7), rng.uniform(1.5, 9)
        points = [at.copy()]
        for _ in range(60):
            to += rng.uniform(-0.35, 0.35)
            at += 7 * np.array([math.cos(to), math.sin(to)])
            points.append(at.copy())
        cv2.polylines(lines, [np.array(points).astype(np.int32)], False, rng.uniform(0.4, 1), max(1, int(thick)), cv2.LINE_AA)
    out -= rng.uniform(25, 80) * cv2.GaussianBlur(lines, (0, 0), rng.uniform(0.6, 1.6))
    out += rng.uniform(0.5, 8) * g.standard_normal((h, w))
    if rng.random() < 0.4:
        out[np.hypot(x - w / 2, y - h / 2) > 0.52 * w] = 0
    return out


def capture(g, rng, h, w):
    base = rng.choice([0, 0, 0, 255, 240, rng.uniform(0, 255), rng.uniform(10, 60)])
    out = np.full((h, w), base, np.float32)
    for _ in range(rng.choice([0, 0, 1, 3])):
        x, y = rng.randint(0, w - 20), rng.randint(0, h - 20)
        out[y:y + rng.randint(15, h), x:x + rng.randint(15, w)] = rng.uniform(0, 255)
    if rng.random() < 0.2:
        out += np.linspace(0, rng.uniform(-80, 80), w)[None, :]
    return out


def things(picture, rng):
    """Rulers, callipers, scale bars, grids, traces, borders, markers: what is no writing."""
    h, w = picture.shape
    ink = lambda: rng.choice([255, 255, 200, 120, 0, 60])
    for _ in range(rng.randint(1, 4)):
        kind, v = rng.randint(0, 11), float(ink())
        x, y = rng.randint(5, w - 10), rng.randint(5, h - 10)
        n, step, size = rng.randint(4, 40), rng.uniform(3, 16), rng.randint(3, 12)
        if kind <= 2:
            flip, base, thick, every = rng.random() < 0.5, rng.random() < 0.5, rng.choice([1, 1, 1, 2]), rng.choice([5, 10, 99])
            for i in range(n):
                long = size * (2 if i % every == 0 else 1)
                p = int(i * step)
                a, b = ((x, y + p), (x + long, y + p)) if flip else ((x + p, y), (x + p, y + long))
                cv2.line(picture, a, b, v, thick)
            if base:
                end = (x, y + int(n * step)) if flip else (x + int(n * step), y)
                cv2.line(picture, (x, y), end, v, 1)
        elif kind <= 4:
            for _ in range(rng.randint(2, 5)):
                px, py = rng.randint(10, w - 10), rng.randint(10, h - 10)
                cv2.drawMarker(picture, (px, py), v, rng.choice([0, 1, 2, 3, 5, 6]), size + 3, 1)
                if rng.random() < 0.5:
                    qx, qy = rng.randint(10, w - 10), rng.randint(10, h - 10)
                    length = max(1, int(math.hypot(qx - px, qy - py)))
                    gap = rng.randint(3, 8)
                    for i in range(0, length, gap):
                        t = i / length
                        s = min(1.0, (i + gap / 2) / length) if rng.random() < 0.9 else t
                        cv2.line(picture, (int(px + t * (qx - px)), int(py + t * (qy - py))),
                                 (int(px + s * (qx - px)), int(py + s * (qy - py))), v, 1)
        elif kind == 5:
            xs = np.arange(x, w)
            wave = y + 12 * np.sin(xs / rng.uniform(4, 30)) + 25 * (np.mod(xs, 60) < 4)
            cv2.polylines(picture, [np.stack([xs, wave], 1).astype(np.int32)], False, v, 1, cv2.LINE_AA)
        elif kind == 6:
            for p in range(x, min(w, x + 160), int(step) + 4):
                cv2.line(picture, (p, y), (p, min(h - 1, y + 120)), v, 1)
            for p in range(y, min(h, y + 120), int(step) + 4):
                cv2.line(picture, (x, p), (min(w - 1, x + 160), p), v, 1)
        elif kind == 7:
            cv2.rectangle(picture, (x, y), (x + rng.randint(20, 200), y + rng.randint(8, 100)), v, rng.choice([1, 2]))
        elif kind == 8:
            mark = rng.choice(["L", "R", "A", "P", "H", "F", "S", "I", "PA", "AP", "V"])
            c = cover(rng.choice(FONTS["learn"]), mark, rng.randint(8, 40), rng)
            if c.shape[0] < h - y and c.shape[1] < w - x:
                part = picture[y:y + c.shape[0], x:x + c.shape[1]]
                part += (v - part) * (c / 255.0)
        elif kind == 9:
            radius = rng.choice([1, 2, 2, 3])
            for i in range(n):
                cv2.circle(picture, (int(x + i * step), y), radius, v, -1, cv2.LINE_AA)
        elif kind == 10:
            cv2.arrowedLine(picture, (x, y), (x + rng.randint(-60, 60), y + rng.randint(-60, 60)), v, 1, cv2.LINE_AA)
        else:
            for _ in range(rng.randint(5, 60)):
                cv2.circle(picture, (rng.randint(0, w - 1), rng.randint(0, h - 1)), rng.randint(1, 4), float(ink()), -1, cv2.LINE_AA)
    return picture


def spread(picture, rng):
    """What a camera or a codec does to a whole frame."""
    out = picture
    if rng.random() < 0.15:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 0.7))
    if rng.random() < 0.2:
        out = out + np.random.default_rng(rng.randint(0, 1 << 30)).standard_normal(out.shape) * rng.uniform(0.5, 3)
    out = out.clip(0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        buffer = io.BytesIO()
        Image.fromarray(out).save(buffer, "JPEG", quality=rng.randint(55, 95))
        out = np.asarray(Image.open(buffer))
    return out


SIZES = [(320, 240), (512, 512), (640, 480), (400, 400), (256, 256), (480, 360)]
SCENES = {"US": sector, "CR": radiograph, "XA": angiogram, "SC": capture}


def scene(rng, real):
    g = np.random.default_rng(rng.randint(0, 1 << 40))
    look = rng.choice(["US", "CR", "XA", "SC", "anatomy"] if real else ["US", "CR", "XA", "SC"])
    w, h = rng.choice(SIZES)
    if look != "anatomy":
        return look, SCENES[look](g, rng, h, w).astype(np.float32)
    from_ = rng.choice(real)
    zoom = max(1.0, w / from_.shape[1], h / from_.shape[0]) * rng.uniform(1, 1.4)
    if zoom > 1:
        from_ = cv2.resize(from_, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR)
    y, x = rng.randint(0, max(0, from_.shape[0] - h)), rng.randint(0, max(0, from_.shape[1] - w))
    out = from_[y:y + h, x:x + w].astype(np.float32)
    return look, out.copy()


def lay(picture, ink, number, fonts, rng):
    h, w = picture.shape
    path = rng.choice(fonts)
    cap = rng.choice([rng.uniform(6, 12), rng.uniform(8, 20), rng.uniform(8, 32)])
    text = words(rng)
    c = cover(path, text, cap, rng)
    degrees = rng.choice([0] * 12 + [90, 90, -90] + [rng.uniform(-7, 7)] * 5)
    if degrees in (90, -90):
        c = np.rot90(c, 1 if degrees == 90 else 3)
    elif degrees:
        c = np.asarray(Image.fromarray(c).rotate(degrees, Image.BICUBIC, expand=True))
    ch, cw = c.shape
    if ch + 6 > h or cw + 6 > w:
        return None
    x, y = rng.randint(2, w - cw - 3), rng.randint(2, h - ch - 3)
    if rng.random() < 0.4:
        x, y = min(x, rng.randint(2, 14)) if rng.random() < 0.6 else max(x, w - cw - 12), \
            min(y, rng.randint(2, 40)) if rng.random() < 0.6 else max(y, h - ch - 30)
    pad = 5
    if ink[max(0, y - pad):y + ch + pad, max(0, x - pad):x + cw + pad].any():
        return None
    part = picture[y:y + ch, x:x + cw]
    if rng.random() < 0.12:
        part[:] = rng.choice([0, 255, rng.uniform(0, 255)])
        picture[max(0, y - 3):y + ch + 3, max(0, x - 3):x + cw + 3] = part[0, 0]
    where = part[c > 60]
    if not where.size:
        return None
    # On a hand of anatomy what counts is the ground that its letters meet.
    mean, dev = float(where.mean()), float(cv2.subtract(part, cv2.GaussianBlur(part, (0, 0), 4)).std())
    low = max(25.0, 3 * dev)
    want = rng.choice([rng.uniform(low, low + 35), rng.uniform(low, 255), 255])
    dark = mean + low > 255 or (mean - low > 0 and rng.random() < 0.3)
    value = max(0.0, mean - want) if dark else min(255.0, mean + want)
    if abs(value - mean) < low * 0.95:
        return None
    shadow = not dark and mean > 40 and rng.random() < 0.1
    if shadow:
        around = np.asarray(Image.fromarray(np.pad(c, 1)).filter(ImageFilter.MaxFilter(3)))[1:-1, 1:-1] / 255.0
        part += (0 - part) * around
    part += (value - part) * (c / 255.0)
    ink[y:y + ch, x:x + cw][c >= 128] = number
    if not (ink == number).any():
        return None
    letters = sum(not s.isspace() for s in text)
    name = os.path.basename(path).split(".")[0]
    return f"{cap:.1f}\t{degrees:.1f}\t{value - mean:.1f}\t{letters}\t{name}"


def is_smooth(picture):
    """Anatomy, and no noise that nobody could read on."""
    p = picture.astype(np.float64)
    return p.std() > 3 and np.corrcoef(p[:, 1:].ravel(), p[:, :-1].ravel())[0, 1] > 0.85


def write(out, name, look, picture, laid=(), ink=None):
    h, w = picture.shape
    out.write("\t".join([name, look, str(w), str(h), *laid]).encode() + b"\n")
    out.write(np.ascontiguousarray(picture, np.uint8).tobytes())
    if laid:
        out.write(ink.tobytes())


def made(seed, count, fonts, path, dicom):
    rng = random.Random(seed)
    real = [p for _, p in dev_frames(dicom, set()) if min(p.shape) >= 100 and is_smooth(p)] if dicom else []
    with open(path, "wb") as out:
        for i in range(count):
            look, picture = scene(rng, real)
            if rng.random() < 0.3:
                picture = things(np.ascontiguousarray(picture), rng)
            ink, laid = np.zeros(picture.shape, np.uint8), []
            for _ in range(rng.randint(1, 4)):
                line = lay(picture, ink, len(laid) + 1, FONTS[fonts], rng)
                if line:
                    laid.append(line)
            if laid:
                write(out, f"{fonts}{i}", look, spread(picture, rng), laid, ink)


def plain(seed, count, path):
    rng = random.Random(seed)
    with open(path, "wb") as out:
        for i in range(count):
            look, picture = scene(rng, [])
            if rng.random() < 0.8:
                picture = things(np.ascontiguousarray(picture), rng)
            write(out, f"plain{i}", look, spread(picture, rng))


def greys(values):
    """As src/deid/pixels/grey.rs: two in a thousand on either side keep a contrast of their own."""
    low, high = float(values.min()), float(values.max())
    a, b = np.percentile(values, [0.2, 99.8])
    if b <= a:
        a, b = low, high
    return np.interp(values, [low - 1e-6, a, b, high + 1e-6] if low < a and b < high else [a, b, b + 1e-6, b + 2e-6],
                     [0, 24, 232, 255] if low < a and b < high else [24, 232, 232, 232]).astype(np.uint8)


def dev_frames(dicom, leave):
    """Frames of the files below a folder as greys: at most four of each file, spread over its length."""
    for path in sorted(p for p in glob.glob(dicom + "/**/*", recursive=True) if os.path.isfile(p)):
        name = os.path.relpath(path, dicom)
        if name in leave:
            continue
        try:
            d = pydicom.dcmread(path, force=True)
            pixels = d.pixel_array
            if d.get("PhotometricInterpretation") == "PALETTE COLOR":
                pixels = apply_color_lut(pixels, d)
                pixels = (pixels >> 8 if pixels.max() > 255 else pixels).astype(np.uint8)
        except Exception:
            continue
        colour = int(d.get("SamplesPerPixel", 1)) > 1 or d.get("PhotometricInterpretation") == "PALETTE COLOR"
        frames = int(d.get("NumberOfFrames", 1) or 1)
        stack = pixels if frames > 1 else pixels[None]
        for i in sorted({0, frames // 3, 2 * frames // 3, frames - 1}):
            if i >= len(stack):
                continue
            f = stack[i]
            if colour and f.ndim == 3:
                f = (f[..., :3] * np.array([3, 4, 2])).sum(-1) // 9
                yield f"{name}#{i}", f.astype(np.uint8)
            elif f.ndim == 2:
                eight = f.dtype == np.uint8 and not 12 <= int(f.max()) - int(f.min()) < 64
                yield f"{name}#{i}", f if eight else greys(f.astype(np.float64))


def main(mode, *rest):
    if mode == "made":
        made(int(rest[0]), int(rest[1]), rest[2], rest[3], rest[4] if len(rest) > 4 else None)
    elif mode == "plain":
        plain(int(rest[0]), int(rest[1]), rest[2])
    else:
        leave = set(open(rest[2]).read().split("\n")) if len(rest) > 2 else set()
        with open(rest[1], "wb") as out:
            for name, picture in dev_frames(rest[0], leave):
                if min(picture.shape) >= 16 and picture.size < 1 << 24:
                    write(out, name, "real", picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
