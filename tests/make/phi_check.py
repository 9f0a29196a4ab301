"""Searches de-identified output for what phi_corpus.py planted; by pydicom and by bytes, independent of Gantry.
usage: phi_check.py KEY_JSON OUT MAP [OTHER_TEXT_FILE ...]      needs pydicom; prints {"files", "missing", "leaks", "lost"}"""
import base64, binascii, json, pathlib, re, sys, unicodedata, zlib
import pydicom

key, out, crosswalk = json.load(open(sys.argv[1])), pathlib.Path(sys.argv[2]), [json.loads(l) for l in open(sys.argv[3])]
def fold(t): return "".join(c for c in unicodedata.normalize("NFKD", t.replace("ł", "l").replace("Ł", "L").replace("đ", "d").replace("Đ", "D")) if not unicodedata.combining(c)).lower()
needles = set()
for who in key["identities"]:
    parts = re.split(r"[\^=]", who["name"]) + [w for v in who["variants"] for w in re.split(r"[ ,._]+", v)] + who["ids"]
    b = who["birth"]; parts += [b, f"{b[:4]}-{b[4:6]}-{b[6:]}", f"{b[6:]}.{b[4:6]}.{b[:4]}", f"{b[4:6]}/{b[6:]}/{b[:4]}"]
    needles.update(p for p in parts if len(p) >= 3 or (p and ord(p[0]) > 0x2E00 and len(p) >= 2))
for o in key["others"]: needles.update(o.split("^"))
needles.update(key["texts"])
needles.update(["20230917", "STDY", "ACCN", "SNQX", "1.3.6.1.4.1.99999"])
SETS = ["utf-8", "latin-1", "iso8859_2", "iso8859_5", "iso8859_7", "iso8859_8", "utf-16-le", "utf-16-be", "gb18030", "euc_kr", "shift_jis", "iso2022_jp"]
raw = {}
for needle in needles:
    for form in {needle, fold(needle), needle.upper(), needle.lower()}:
        for s in SETS:
            try: b = form.encode(s)
            except UnicodeError: continue
            b = b.removeprefix(b"\x1b$B").removesuffix(b"\x1b(B")
            # Two-byte forms occur by chance in numbers.
            if len(b) >= (3 if form.isascii() and s == "utf-8" else 4): raw[b.lower()] = needle
pattern = re.compile(b"|".join(re.escape(b) for b in sorted(raw, key=len, reverse=True)))
def search(data, pixels=False):
    for m in pattern.finditer(data.lower()):
        if not pixels or len(m.group()) >= 8: yield raw[m.group()]
def unpacked(data):
    for m in re.finditer(rb"[A-Za-z0-9+/_-]{12,}={0,2}", data):
        run = m.group()
        for k in range(4):
            try: yield base64.b64decode(run[k:k + len(run[k:]) // 4 * 4])
            except binascii.Error: pass
        if re.fullmatch(rb"[0-9a-fA-F]+", run):
            for k in range(2): yield bytes.fromhex(run[k:k + len(run[k:]) // 2 * 2].decode())
    for m in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        try: yield zlib.decompressobj().decompress(data[m.start():], 1 << 20)
        except zlib.error: pass

leaks, lost, missing, checked = [], [], [], 0
def get(ds, tag):
    g, e = tag.strip("()").split(","); t = (int(g, 16), int(e, 16))
    return str(ds[t].value) if t in ds else ""
folded = {fold(n) for n in needles}
def decoded(ds):
    for e in ds.iterall():
        if e.VR in ("LO", "SH", "ST", "LT", "UT", "UC", "PN", "CS", "AE", "UR"):
            text = fold(str(e.value))
            for n in folded:
                if n in text: yield e.tag, n
where = {m["source"]: m for m in crosswalk}
for source, expected in key["files"].items():
    m = where.get(source)
    if not m or not m["output"]: missing.append([source, m and m["reason"]]); continue
    data = (out / m["output"]).read_bytes(); ds = pydicom.dcmread(out / m["output"]); checked += 1
    pixels = bytes(ds.get("PixelData", b"")); head = data.replace(pixels, b"") if pixels else data
    found = set(search(head)) | set(search(pixels, True)) | {n for part in (head, pixels) for u in unpacked(part) for n in search(u)} | {n for _, n in decoded(ds)}
    leaks += [[source, n] for n in sorted(found)]
    lost += [[source, tag, value] for tag, value in expected["required"] if value not in get(ds, tag)]
    if not str(ds.get("PatientID", "")): lost.append([source, "(0010,0020)", ""])
for path in [out / "ledger.jsonl", *map(pathlib.Path, sys.argv[4:])]:
    leaks += [[path.name, n] for n in sorted(set(search(path.read_bytes())))]
leaks += [["output names", n] for p in out.rglob("*") for n in search(str(p.relative_to(out)).encode())]
print(json.dumps({"files": checked, "missing": missing, "leaks": leaks, "lost": lost}, ensure_ascii=False))
