"""Makes the code streams in tests/data/codec and what independent decoders make of them.

usage: codec_vectors.py OUT      needs: pip install numpy imagecodecs pyjpegls pylibjpeg-openjpeg pylibjpeg-libjpeg;
                                 cjpeg and djpeg (libjpeg-turbo), opj_compress (OpenJPEG 2.5)
Each vector is NAME.bin (one frame as it stands in a fragment), NAME.raw.z (samples as a peer decodes them, little-endian,
colour by pixel, zlib) and an entry of vectors.json.
"""
import json, os, subprocess, sys, tempfile, zlib
import imagecodecs as ic, jpeg_ls, numpy as np, openjpeg

out = sys.argv[1]
os.makedirs(out, exist_ok=True)
rng = np.random.default_rng(20)
vectors = []
DCM = "1.2.840.10008.1.2.4."


def image(rows, columns, samples=1, bits=8, signed=False, noise=0.01):
    """Rings, an edge, a ramp, a flat part, noise."""
    y, x = np.mgrid[0:rows, 0:columns]
    a = (np.sin(x / 9) + np.cos(y / 7) + ((x - columns / 2) ** 2 + (y - rows / 2) ** 2 < (rows / 3) ** 2) * 1.5) / 4 + 0.5
    a[:, : columns // 6] = 0.25
    a = a[..., None] * np.linspace(0.6, 1, samples) + rng.normal(0, noise, (rows, columns, samples)) * (x > columns // 6)[..., None]
    a = np.clip(a, 0, 1) * ((1 << bits) - 1) - (1 << (bits - 1) if signed else 0)
    a = a.round().astype(("i" if signed else "u") + ("1" if bits <= 8 else "2"))
    return a[..., 0] if samples == 1 else a


def add(name, stream, samples, uid, stored, peer, photometric=None, mean=0.0, most=0):
    """`mean` and `most`: how far the mean and any sample may be from the peer's; 0 is exact."""
    rows, columns = samples.shape[:2]
    count = 1 if samples.ndim == 2 else samples.shape[2]
    open(f"{out}/{name}.bin", "wb").write(bytes(stream))
    raw = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    open(f"{out}/{name}.raw.z", "wb").write(zlib.compress(raw, 9))
    vectors.append(dict(name=name, syntax=DCM + uid, rows=rows, columns=columns, samples=count, allocated=8 * samples.dtype.itemsize,
                        stored=stored, signed=samples.dtype.kind == "i", photometric=photometric or ("RGB" if count == 3 else "MONOCHROME2"),
                        peer=peer, mean=mean, most=most))


def run(*command, data=None):
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def pnm(a):
    kind = b"P5" if a.ndim == 2 else b"P6"
    body = a.tobytes() if a.itemsize == 1 else a.astype(">u2").tobytes()
    top = (1 << 8 * a.itemsize) - 1
    return kind + b"\n%d %d\n%d\n" % (a.shape[1], a.shape[0], top) + body


# HTJ2K: OpenJPH encodes; lossless must give the image back, lossy is decoded by OpenJPEG.
for name, a, options in [
    ("htj2k_u8", image(43, 61), {}), ("htj2k_u12", image(67, 71, bits=12), {}), ("htj2k_i16", image(67, 71, bits=16, signed=True), {}),
    ("htj2k_rgb", image(43, 61, 3), dict(rgb=True)), ("htj2k_tiles", image(75, 61, bits=12), dict(tile=(32, 32))),
    ("htj2k_row", image(1, 61, bits=12), {}), ("htj2k_column", image(61, 1, bits=12), {}),
]:
    stream = ic.htj2k_encode(a, reversible=True, **options)
    add(name, stream, a, "201", 8 if a.itemsize == 1 else 16, "the image itself (OpenJPH)")
a = image(67, 71, bits=12)
add("htj2k_rpcl", ic.htj2k_encode(a, reversible=True, resolutions=4), a, "202", 16, "the image itself (OpenJPH)")
for name, a, level in [("htj2k_lossy_u8", image(43, 61), 0.01), ("htj2k_lossy_u16", image(67, 71, bits=16), 0.0005), ("htj2k_lossy_rgb", image(43, 61, 3), 0.01)]:
    stream = ic.htj2k_encode(a, level, reversible=False, rgb=a.ndim == 3 or None)
    add(name, stream, openjpeg.decode(stream), "203", 8 * a.itemsize, "OpenJPEG", mean=0.05, most=2)

# JPEG 2000: OpenJPEG with every coding option.
grey, colour, deep = image(67, 71), image(67, 71, 3), image(67, 71, bits=16)
for name, a, options in [
    ("j2k_plain", grey, []), ("j2k_rct", colour, []), ("j2k_deep", deep, []), ("j2k_levels", deep, ["-n", "1"]),
    ("j2k_bypass", deep, ["-M", "1"]), ("j2k_reset", deep, ["-M", "2"]), ("j2k_terminate", deep, ["-M", "4"]), ("j2k_causal", deep, ["-M", "8"]),
    ("j2k_symbols", deep, ["-M", "32"]), ("j2k_all_styles", deep, ["-M", "63"]), ("j2k_bypass_terminate", deep, ["-M", "5"]),
    ("j2k_blocks", grey, ["-b", "4,64"]), ("j2k_markers", grey, ["-SOP", "-EPH", "-r", "20,10,1"]),
    ("j2k_lrcp", colour, ["-p", "LRCP", "-c", "[32,32],[16,16]", "-r", "8,4,1"]), ("j2k_rlcp", colour, ["-p", "RLCP", "-c", "[32,32]", "-r", "8,1"]),
    ("j2k_rpcl", colour, ["-p", "RPCL", "-c", "[32,32],[16,16]", "-r", "8,1"]), ("j2k_pcrl", colour, ["-p", "PCRL", "-c", "[64,32],[32,32]", "-r", "8,1"]),
    ("j2k_cprl", colour, ["-p", "CPRL", "-c", "[32,64]", "-r", "8,1"]), ("j2k_tiles", colour, ["-t", "33,27", "-d", "3,5", "-T", "1,2", "-n", "2"]),
    ("j2k_parts", colour, ["-t", "40,40", "-TP", "R", "-p", "RLCP"]), ("j2k_roi", grey, ["-ROI", "c=0,U=9"]),
    ("j2k_lossy", grey, ["-I", "-r", "6"]), ("j2k_lossy_ict", colour, ["-I", "-r", "8"]), ("j2k_lossy_deep", deep, ["-I", "-r", "5"]),
    ("j2k_lossy_tiles", colour, ["-I", "-r", "8", "-t", "40,40"]), ("j2k_lossy_53", grey, ["-r", "5"]),
]:
    with tempfile.TemporaryDirectory() as folder:
        source = f"{folder}/a.{'ppm' if a.ndim == 3 else 'pgm'}"
        open(source, "wb").write(pnm(a))
        for kind in ["j2k", "jp2"] if name == "j2k_plain" else ["j2k"]:
            run("opj_compress", "-i", source, "-o", f"{folder}/a.{kind}", *options)
            stream = open(f"{folder}/a.{kind}", "rb").read()
            lossy = "lossy" in name
            peer = openjpeg.decode(stream) if lossy else a
            assert lossy or name == "j2k_tiles" or (openjpeg.decode(stream) == a).all(), name
            add(name if kind == "j2k" else "jp2_plain", stream, peer, "91" if lossy else "90", 8 * a.itemsize, "OpenJPEG" if lossy else "the image itself (OpenJPEG)",
                mean=0.05 if lossy else 0.0, most=2 if lossy else 0)
for bits, signed in [(12, True), (10, False)]:
    a = image(43, 61, bits=bits, signed=signed)
    with tempfile.TemporaryDirectory() as folder:
        a.tofile(f"{folder}/a.rawl")
        run("opj_compress", "-i", f"{folder}/a.rawl", "-o", f"{folder}/a.j2k", "-F", f"61,43,1,{bits},{'s' if signed else 'u'}")
        stream = open(f"{folder}/a.j2k", "rb").read()
    add(f"j2k_{'i' if signed else 'u'}{bits}", stream, a, "90", bits, "the image itself (OpenJPEG)")

# JPEG-LS: CharLS, each interleave mode and tolerance.
for name, a, near, mode in [
    ("jls_u8", grey, 0, None), ("jls_u12", image(43, 61, bits=12), 0, None), ("jls_u16", deep, 0, None), ("jls_flat", np.full((40, 300), 77, np.uint8), 0, None),
    ("jls_near1", grey, 1, None), ("jls_near3_u16", image(43, 61, bits=16), 3, None), ("jls_near7", image(43, 61), 7, None),
    ("jls_planes", colour, 0, 0), ("jls_lines", colour, 0, 1), ("jls_pixels", colour, 0, 2), ("jls_near_lines", colour, 2, 1), ("jls_near_pixels", colour, 2, 2),
]:
    source = np.ascontiguousarray(a.transpose(2, 0, 1)) if mode == 0 else np.ascontiguousarray(a)
    options = {} if mode is None else dict(interleave_mode=mode)
    if mode in (0, 1):
        stream = jpeg_ls.encode_buffer(source.tobytes(), a.shape[0], a.shape[1], 3, 8, near, mode)
    else:
        stream = jpeg_ls.encode_array(source, lossy_error=near, **options)
    peer = ic.jpegls_decode(bytes(stream))
    peer = peer.reshape(a.shape)
    assert abs(peer.astype(int) - a).max() <= near, name
    add(name, stream, np.ascontiguousarray(peer), "81" if near else "80", {"jls_u12": 12}.get(name, 8 * a.itemsize), "CharLS")

# JPEG: libjpeg-turbo, DCT with every kind of scan.
for name, a, options in [
    ("jpeg_grey", grey, ["-grayscale"]), ("jpeg_444", colour, ["-sample", "1x1"]), ("jpeg_422", colour, ["-sample", "2x1"]), ("jpeg_420", colour, ["-sample", "2x2"]),
    ("jpeg_440", colour, ["-sample", "1x2"]), ("jpeg_restart", colour, ["-sample", "2x2", "-restart", "3B"]), ("jpeg_rgb", colour, ["-rgb"]),
    ("jpeg_progressive", colour, ["-progressive", "-sample", "2x2"]), ("jpeg_progressive_grey", grey, ["-progressive", "-grayscale", "-restart", "5B"]),
    ("jpeg_optimized", grey, ["-optimize", "-grayscale", "-quality", "30"]),
]:
    stream = run("cjpeg", "-quality", "92", *options, data=pnm(a))
    # An interpolating, accurate decoder; RGB unless grey.
    text = run("djpeg", "-pnm", "-dct", "float", data=stream)
    header, body = text.split(b"255\n", 1)
    peer = np.frombuffer(body, np.uint8).reshape(a.shape)
    add(name, stream, peer, "50", 8, "libjpeg-turbo", "MONOCHROME2" if a.ndim == 2 else "RGB" if "-rgb" in options else "YBR_FULL_422", mean=0.1, most=3)
for bits in (12,):
    a = image(43, 61, bits=bits)
    stream = ic.jpeg8_encode(a, 95, bitspersample=bits)
    add("jpeg_u12", stream, ic.jpeg8_decode(stream), "51", bits, "libjpeg-turbo", mean=0.1, most=2)
for predictor in range(1, 8):
    a = image(43, 61, bits=16)
    stream = ic.jpeg8_encode(a, lossless=True, predictor=predictor, bitspersample=16)
    add(f"jpeg_lossless_{predictor}", stream, a, "57", 16, "the image itself (libjpeg-turbo)")
stream = ic.jpeg8_encode(colour, lossless=True, predictor=1)
add("jpeg_lossless_rgb", stream, ic.jpeg8_decode(stream), "70", 8, "libjpeg-turbo", "RGB")
assert (ic.jpeg8_decode(stream) == colour).all()

json.dump(vectors, open(f"{out}/vectors.json", "w"), indent=0)
print(len(vectors), "vectors")
