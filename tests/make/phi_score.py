"""Scores de-identified output against the answer key of phi_corpus.py, by pydicom and by bytes, whoever wrote it.

usage: phi_score.py CORPUS OUT [--map MAP] [--also FILE ...] [--names TREE]      needs pydicom, numpy
CORPUS holds in/ and key.json; OUT is a tree with the same names as in/, or MAP says what came from where (lines of
{"source", "output"}). FILE (a ledger, standard error) is searched as well. Prints
  {"files", "missing": [...], "leaks": [[file, what]], "lost": [[file, path, class]], "wrong": [[file, path, class]],
   "actions", "right", "score", "classes": {class: [right, of]}}
"lost" is what had to stay or to be there in some form and is not; "wrong" is every other action that was not done.
"""
import argparse
import base64
import binascii
import collections
import datetime
import json
import pathlib
import re
import unicodedata
import warnings
import zlib

import numpy
import pydicom

warnings.simplefilter("ignore")
pydicom.config.replace_un_with_known_vr = False

CODECS = ["utf-8", "latin-1", "iso8859_2", "iso8859_3", "iso8859_4", "iso8859_5", "iso8859_6", "iso8859_7", "iso8859_8", "iso8859_9", "iso8859_15", "cp874", "utf-16-le", "utf-16-be", "gb18030", "euc_kr", "shift_jis", "iso2022_jp"]
THERE = {"emptied", "dummy", "uid", "shifted", "time", "kept", "words", "pixels", "pseudonym"}


# ---- leaks

def fold(text):
    text = text.translate(str.maketrans("łŁđĐħĦıðØø", "lLdDhHidOo"))
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).lower()


def byte_forms(word):
    """A word as it may stand in a file, in lower case."""
    for form in {word, fold(word), word.upper(), word.lower(), unicodedata.normalize("NFD", word)}:
        for codec in CODECS:
            try:
                raw = form.encode(codec).removeprefix(b"\x1b$B").removesuffix(b"\x1b(B")
            except UnicodeError:
                continue
            # Two-byte forms occur by chance in numbers.
            if len(raw) >= (3 if form.isascii() and codec == "utf-8" else 4):
                yield raw.lower()


class Needles:
    """What must not occur."""

    def __init__(self, words):
        self.raw = {raw: word for word in words for raw in byte_forms(word)}
        self.folded = {fold(word) for word in words}

    def search(self, data, at_least=3):
        data = data.lower()
        return {word for raw, word in self.raw.items() if len(raw) >= at_least and raw in data}

    def everywhere(self, data, at_least=3):
        found = self.search(data, at_least)
        for part in unpacked(data):
            found |= self.search(part, 5)
        return found


def unpacked(data):
    """What runs of base64, hexadecimal digits and deflated streams hold."""
    parts = []
    for match in re.finditer(rb"[A-Za-z0-9+/_-]{12,}={0,2}", data):
        run = match.group()
        if run.isdigit():
            continue
        for skip in range(4):
            part = run[skip:]
            try:
                parts.append(base64.b64decode(part[:len(part) // 4 * 4].replace(b"-", b"+").replace(b"_", b"/")))
            except binascii.Error:
                pass
        if re.fullmatch(rb"[0-9a-fA-F]+", run):
            parts += [bytes.fromhex(run[skip:][:len(run[skip:]) // 2 * 2].decode()) for skip in (0, 1)]
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b", data):
        for bits in (15, 31):
            try:
                parts.append(zlib.decompressobj(bits).decompress(data[match.start():], 1 << 20))
            except zlib.error:
                pass
    return [b"\0".join(parts)]


def leaks_of(path, words, cache={}):
    words = tuple(words)
    needles = cache.setdefault(words, None) or cache.__setitem__(words, Needles(words)) or cache[words]
    data = path.read_bytes()
    try:
        ds = pydicom.dcmread(path, force=True)
        pixels = bytes(ds.get("PixelData", b"") or b"")
    except Exception:
        ds, pixels = None, b""
    head = data.replace(pixels, b"") if len(pixels) > 64 else data
    found = needles.everywhere(head) | needles.everywhere(pixels if len(pixels) > 64 else b"", 8)
    for text in decoded(ds):
        found |= {word for word in needles.folded if word in text}
    return sorted(found)


def decoded(ds):
    try:
        for e in ds.iterall() if ds is not None else ():
            if e.VR in ("LO", "SH", "ST", "LT", "UT", "UC", "PN", "CS", "AE", "UR"):
                yield fold(str(e.value))
    except Exception:
        return


# ---- actions

def at(ds, path):
    """The element at a path of tags and item numbers; None where there is none."""
    steps = path.split(".")
    try:
        for tag, index in zip(steps[0::2], steps[1::2]):
            ds = ds[int(tag, 16)].value[int(index)]
        return ds[int(steps[-1], 16)] if int(steps[-1], 16) in ds else None
    except (KeyError, IndexError, TypeError, AttributeError):
        return None


def plain(element):
    value = element.value
    if value is None:
        return ""
    if element.VR in ("DS", "IS", "FL", "FD") and not isinstance(value, bytes):
        return [float(v) for v in value] if isinstance(value, (list, pydicom.multival.MultiValue)) else float(value) if value != "" else ""
    if isinstance(value, bytes):
        return value.rstrip(b"\0 ")
    if element.VR == "SQ":
        return [i.to_json_dict(suppress_invalid_tags=True) for i in value]
    return [str(v).rstrip(" \0") for v in value] if isinstance(value, (list, pydicom.multival.MultiValue)) else str(value).rstrip(" \0")


def is_empty(element):
    return element.value is None or element.VM == 0 or element.value == b"" or plain(element) in ("", [])


def day(text):
    return datetime.date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def without_remarks(frame):
    """A JPEG, JPEG-LS or JPEG 2000 code stream without comments and application data, which no pixel depends on."""
    if frame[:2] not in (b"\xff\xd8", b"\xff\x4f"):
        return frame
    jpeg2000, out, at = frame[1] == 0x4F, frame[:2], 2
    while at + 4 <= len(frame) and frame[at] == 0xFF and frame[at + 1] not in (0xDA, 0x90):
        marker, end = frame[at + 1], at + 2 + int.from_bytes(frame[at + 2:at + 4], "big")
        remark = marker == 0x64 if jpeg2000 else marker == 0xFE or 0xE1 <= marker <= 0xEF and marker not in (0xEE, 0xE8)
        out += b"" if remark else frame[at:end]
        at = end
    return out + frame[at:]


def pixels_of(ds, element):
    """Pixels without padding and without the bits that no pixel uses."""
    if ds.file_meta.TransferSyntaxUID.is_compressed:
        frames = int(ds.get("NumberOfFrames", 1) or 1)
        return b"".join(without_remarks(f.rstrip(b"\0")) for f in pydicom.encaps.generate_frames(element.value, number_of_frames=frames))
    data, swap = element.value, not ds.file_meta.TransferSyntaxUID.is_little_endian
    if ds.get("BitsAllocated") == 16:
        mask = (1 << ds.BitsStored) - 1
        return (numpy.frombuffer(data[:len(data) // 2 * 2], ">u2" if swap and element.VR == "OW" else "<u2") & mask).astype("<u2").tobytes()
    return data[:int(ds.get("Rows", 0)) * int(ds.get("Columns", 0)) * int(ds.get("SamplesPerPixel", 1)) * int(ds.get("NumberOfFrames", 1) or 1) * int(ds.get("BitsAllocated", 8)) // 8]


class Scorer:
    """Judges every action of every file."""

    def __init__(self):
        self.uids, self.back, self.subjects = {}, {}, {}
        self.days = collections.defaultdict(list)
        self.verdicts = []

    def file(self, name, source, output, entry):
        before, after = pydicom.dcmread(source), pydicom.dcmread(output)
        for path, kind, argument in entry["expect"]:
            old, new = (at(before, path), at(after, path)) if path else (None, None)
            if kind == "shifted":
                self.days[entry["subject"]].append((name, path, *self.shift(old, new)))
                continue
            try:
                right = self.judge(kind, argument, old, new, entry, before, after)
            except Exception:
                right = False
            self.verdict(name, path, kind, right, new is None or kind == "words")

    def verdict(self, name, path, kind, right, absent):
        self.verdicts.append((name, path, kind, right, absent and kind in THERE))

    def shift(self, old, new):
        """Days between, and whether the rest is what it was."""
        try:
            a, b = str(old.value), str(new.value)
            return (day(a) - day(b)).days, a[8:] == b[8:], False
        except Exception:
            return None, False, new is None or is_empty(new)

    def judge(self, kind, argument, old, new, entry, before, after):
        if kind == "removed":
            return new is None
        if kind == "gone":
            return new is None or is_empty(new) or plain(new) != plain(old)
        if kind == "marked":
            codes = {i.CodeValue for i in after.get("DeidentificationMethodCodeSequence", [])}
            return after.get("PatientIdentityRemoved") == "YES" and bool(after.get("DeidentificationMethod")) and "113100" in codes and after.get("LongitudinalTemporalInformationModified") == "MODIFIED"
        if new is None:
            return False
        if kind == "emptied":
            return is_empty(new) or plain(new) != plain(old)
        if kind == "dummy":
            return not is_empty(new) and plain(new) != plain(old)
        if kind == "kept":
            swap = old.VR == "OW" and not before.file_meta.TransferSyntaxUID.is_little_endian
            return plain(new) == plain(old) or swap and new.value == numpy.frombuffer(old.value, ">u2").astype("<u2").tobytes()
        if kind == "time":
            return bool(re.fullmatch(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?", str(new.value)))
        if kind == "words":
            return all(word in str(new.value).split() for word in argument.split())
        if kind == "pixels":
            return pixels_of(before, old) == pixels_of(after, new)
        if kind == "pseudonym":
            text = str(new.value)
            known = self.subjects.setdefault(entry["subject"], text)
            return bool(text) and known == text and sum(v == text for v in self.subjects.values()) == 1
        if kind == "uid":
            return self.uid(plain(old), plain(new))
        raise ValueError(kind)

    def uid(self, old, new):
        old, new = ([v] if isinstance(v, str) else v for v in (old, new))
        if len(old) != len(new):
            return False
        for a, b in zip(old, new):
            valid = re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", b) and len(b) <= 64
            if not valid or a == b or self.uids.setdefault(a, b) != b or self.back.setdefault(b, a) != a:
                return False
        return True

    def settle(self):
        """Every date of a subject moves by the same number of days, and by some."""
        for moves in self.days.values():
            counts = collections.Counter(days for _, _, days, _, _ in moves if days)
            usual = counts.most_common(1)[0][0] if counts else None
            for name, path, days, rest, absent in moves:
                self.verdict(name, path, "shifted", usual is not None and days == usual and rest, absent)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--map", type=pathlib.Path)
    parser.add_argument("--also", type=pathlib.Path, nargs="*", default=[])
    args = parser.parse_args()
    key = json.load(open(args.corpus / "key.json"))
    if args.map:
        where = {m["source"]: m["output"] for m in map(json.loads, open(args.map))}
    else:
        where = {str(p.relative_to(args.out)): str(p.relative_to(args.out)) for p in args.out.rglob("*") if p.is_file()}
    print(json.dumps(score(key, args.corpus / "in", args.out, where, args.also), ensure_ascii=False))


def score(key, tree, out, where, also):
    scorer, leaks, missing, seen = Scorer(), [], [], set()
    for name, entry in {**key["files"], **key["poison"]}.items():
        output = where.get(name)
        if not output or not (out / output).is_file():
            if name in key["files"]:
                missing.append(name)
                for path, kind, _ in entry["expect"]:
                    scorer.verdict(name, path, kind, False, True)
            continue
        seen.add(out / output)
        leaks += [[name, word] for word in leaks_of(out / output, entry["forbidden"])]
        if name in key["files"]:
            try:
                scorer.file(name, tree / name, out / output, entry)
            except Exception:
                missing.append(name)
    scorer.settle()
    # Whatever else was written, and names of files and folders, may hold nobody at all.
    everybody = Needles(key["forbidden"])
    rest = [p for p in out.rglob("*") if p.is_file() and p not in seen]
    for path in [*rest, *also]:
        leaks += [[path.name, word] for word in sorted(everybody.everywhere(path.read_bytes()))]
    leaks += [["names of files", word] for p in out.rglob("*") for word in everybody.search(str(p.relative_to(out)).encode())]
    classes = collections.defaultdict(lambda: [0, 0])
    for _, _, kind, right, _ in scorer.verdicts:
        classes[kind][0] += right
        classes[kind][1] += 1
    right, of = (sum(c[i] for c in classes.values()) for i in (0, 1))
    bad = [v for v in scorer.verdicts if not v[3]]
    return {
        "files": len(key["files"]), "missing": missing, "leaks": leaks,
        "lost": [v[:3] for v in bad if v[4]], "wrong": [v[:3] for v in bad if not v[4]],
        "actions": of, "right": right, "score": right / of, "classes": classes,
    }


if __name__ == "__main__":
    main()
