#!/usr/bin/env python3
"""Hostile DICOM: makes files that lie, explode or hide something, and tries each alone.

usage: hostile.py make OUT            one folder per case below OUT, and OUT/cases.json with what may become of it
       hostile.py run GANTRY OUT      each case through `scan --pixels` and `deid`; one JSON line per case and problem
                                      HOSTILE_SECONDS (2) and HOSTILE_MIB (512) are the limits on processor time and memory

Needs nothing but Python. Every case is made from the same small synthetic image of a person called Zqpatient; what is
hidden in places where no value belongs is called Zqhidden. Neither word may stand anywhere in what `deid` writes.

Outcomes: `scan` is "dicom", a reason of the summary, or "absent" (no regular file at all); `pixels` is "ok", "none" (no
line) or a part of the error; `deid` is "written", or "quarantined"/"rejected" with a reason after a colon. Several that
are all right are separated by "|".
"""
import base64, gzip, io, json, os, resource, shutil, socket, stat, struct, sys, tarfile, time, warnings, zipfile, zlib

HIDDEN, PATIENT = b"Zqhidden^Secret", b"Zqpatient^Jane"
EXPLICIT, IMPLICIT, BIG, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
RLE, JPEG, LOSSLESS, JPEG_LS = ("1.2.840.10008.1.2." + s for s in ("5", "4.50", "4.70", "4.80"))
J2K, HTJ2K, FRAME_DEFLATED = ("1.2.840.10008.1.2." + s for s in ("4.90", "4.201", "8.1"))
LONG = {b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UN", b"UR", b"UT", b"SV", b"UV"}
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0" + bytes(4), b"\xfe\xff\xdd\xe0" + bytes(4)

def stream(text):
    return zlib.decompress(base64.b85decode(text))

# A ramp of 16 × 16 bytes in each codec, and 8000 × 8000 zeros in the two that need next to nothing for it.
STREAMS = {
    JPEG: stream('c-s4a<NpH&0WUXCHwH#V1_nkTWcYuZ!I^=H5d=Ua69}*{gGg2u7G@SURyH;;X6NJpVs<t*4sH%kE)W2+c(}QEK%D;v7`QnY1Q-Mu83h^sA7PLO8qNwf6KDejFfuW-u(GiO^>PChY!v|7$;=G2i4|xKP_`B*&%h$cDx_%W$R-?^$gWf<V$?WsA&0Wl#)G0k7eA;NClxhua*2scNJ^=yscUFznV6cHTUc5-ySTc!dw6;UhlGZOM?^*?r=+H(XJlp-mz0*3S5#Itx3spkcXW15nmlFdwCOWu&RVp1$<k%ZSFBvMY4et?+qUo6x$Ds3BS()NKXLNZrOQ{YUb}wd=B<a19zS{d?D>nAuRebI{N?Mn?>~P2`hSao1LPljh9@QaIqDBu+G$mU9Y1`J^};^!Kc>6e1Nt8MmLIf|Z(6=<o<ZNTo7clXx_)6&(_80tWK&+J!9(xWFDj-Vs#<=a|82h159Y`p^^eZ8WX7lbR{hWLZGPjD>+AO1S2O$1&}r8D@NZD^woJ+TVwL;5{4M`%y{G(zH*t^ZZ`aCsYQN2o@bmweXV1TH{=(Q7;{S9nepy}FKI_Bz;$<)9iC%uZ`?k)`;(eA&TqFKG;cDf!Z~M>iAz*&X{2TK>G-SyO*lE;fRNl}2&(I=%_@C|ee`h}Z*}Jd)+xd<+=9RN==TCn2_*Ct0quKu%{@(-uFW2EX'),
    LOSSLESS: stream('c-s4a<Npx`2?j<GU_byib`EBN|A!g41sH&kkwK8*|1Aa%pb9nyhVONMe}8{}e?OSI_u%2-c0L)40tmGO$T(&``|PvNm3!{x0~w!dK-6ov5<M8h5Lq6q{(cNdrn?!*xMQDd?jxJ_>~n3wBXk=Jdy(XU#+aXd_6tb~#6~1XorS7~ISR=}Lu7flqtI;pe-i*uwV9R'),
    JPEG_LS: stream('c-s4a<Npf=h2Q{BH#Y_*1_nk31_l8T=Hg%jvKe(i7^s2+D8~5z#{cgO+#Em!0*s7;4F7L2a4>>2Ftmy$t+n4>{=a~MLH6T}C1q*3+YSST-@jE<t!I4?WR*Xev?^h5Xeh(Jy!x}JmYS_vwd%mx_5XcaO!xmUPG;c$A9XwUf8o*}_HX@f$$y;tKY{sH{NI_6wg1=szX<?Hgg%4'),
    J2K: stream('c-s5#|38pHlK}(-pcn>F`Hbw0jQ@iectA`BMiv$Z#{V%4><$hd9s&PT7*rV;or_WvOHxx5k}4Ja3sUpE0$kk{%2JDpGxPHljPy+PO#V+`-~t;p6R3Cc{l*PKS|PKmJ1-}>mhrC;nN@thAi-9FZ^DV2$7U@Sv67MWk+xk_ZF5U$>22=%reDu0CTQ<tDB0Y4{FbRblf@rq25E^ytyZjBf0u8bxbC~?wg(Zt4m-Isb~<zMbAPEf-EsBN^QSsWX;aQKo%dYvVN<ur)N84hPfhIq*FS#$$KD}-=eBKIyiZ(IILiP3CIA9<Tqg'),
    HTJ2K: stream('c-s5#|38pH(}4j91fUoOQ2C7PjEw&S7&sW1fE=d(K@2=V79#^I3yTBe{}={g1&;tE;Nju%KZQY@fziJpHP0)+Lm@1+NWnnQ$V|^z@Bah_F0hGG42=ILA5i(LUd+I-fHQ&9;THpY3Bzj;aX=UdMH$R4e_&uXVc66j#o(}oL8YK~BSX>@h67?#7_%M37N}jxJbx}#n(vK(=qIMNK}p*f_`JKAm9@?GoVgevn=5#WiMvIC*_>gH&;A2yUq7y{EI)DZC_|zXgV1z_1A3Dft6G?D+U-x@_5ShW<b)sp>k|$3y`S8(Q$e)Vfq^lZ#WDZ$w&@$Wiy8md%iWig``3T}_4nU@|JOs{@&E4s`Q`7)*VV`W=l@^7@4x*&utfRyZ{L4a{|3Q||2F^Qn6IDE=USxiCB9|{1LLd~2IFAHI*1AXI#_rQC^FtDXyN<c(7d6$kn#Ub0L-|RuK'),
}
J2K_8000 = stream('c-s5#|38pHlK}|i9UvG6(D;n(jEw(-7<fQT238gp2FCv}48jf$9v%V6=zj`>Dg&c)QEFmIYKlTqrGkG!YMxhstGhy3YEf}!ex8Dno~fS6{|O9SU}LWX&6)iD2WvgUdNA=o^bgbihVTzu{~fe}0tY|@!~6%rf0*hUJOl$m*8i`6*_lv}n{}tBqn<YER%Z(0V*IZ<)&K(kZvp`R=!2X')
JPEG_LS_8000 = stream('c-s4a<Npf=h2Q{BH#Y_*1_nk326+b%=Hg%jvKe(i7^s4S0m%4&<NtRCZVq_|c?U*DL5Bag7&sV#iWnIF*N?(cI0{E0G4R9xn*gJ@Fjf')

# ---------------------------------------------------------------- writing elements

def tag(t):
    return struct.pack("<HH", t >> 16, t & 0xFFFF)

def el(t, vr, value, length=None, big=False):
    """An explicit VR element; `length` may lie."""
    order = ">" if big else "<"
    vr = vr.encode()
    if len(value) % 2 and length is None:
        value += b" " if vr not in (b"OB", b"UN", b"UI") else b"\0"
    n = len(value) if length is None else length
    head = struct.pack(order + "HH", t >> 16, t & 0xFFFF) + vr
    return head + (b"\0\0" + struct.pack(order + "I", n & 0xFFFFFFFF) if vr in LONG else struct.pack(order + "H", n & 0xFFFF)) + value

def implicit(t, value, length=None):
    if len(value) % 2 and length is None:
        value += b" "
    return tag(t) + struct.pack("<I", (len(value) if length is None else length) & 0xFFFFFFFF) + value

def item(content, length=None):
    return ITEM + struct.pack("<I", (len(content) if length is None else length) & 0xFFFFFFFF) + content

def us(*v): return struct.pack(f"<{len(v)}H", *v)

UID = "2.25.91234567890123456789"
PIXELS = us(*(i * 7 % 256 for i in range(256)))

def image(**change):
    """The elements of a CT slice of 16 × 16, by tag; `change` has keys like t00280010, None takes one away."""
    e = {
        0x00080005: ("CS", b"ISO_IR 192"), 0x00080008: ("CS", b"ORIGINAL\\PRIMARY\\AXIAL"), 0x00080016: ("UI", b"1.2.840.10008.5.1.4.1.1.2"),
        0x00080018: ("UI", f"{UID}.4".encode()), 0x00080020: ("DA", b"20240102"), 0x00080030: ("TM", b"101112"),
        0x00080060: ("CS", b"CT"), 0x00080070: ("LO", b"ACME"), 0x00081030: ("LO", b"CT CHEST"), 0x0008103E: ("LO", b"Axial"),
        0x00100010: ("PN", PATIENT), 0x00100020: ("LO", b"ZQPATIENT7"), 0x00100030: ("DA", b"19600203"), 0x00100040: ("CS", b"F"),
        0x00180050: ("DS", b"2.5"), 0x0020000D: ("UI", f"{UID}.2".encode()), 0x0020000E: ("UI", f"{UID}.3".encode()), 0x00200011: ("IS", b"1"),
        0x00200013: ("IS", b"1"), 0x00200032: ("DS", b"-8\\-8\\0"), 0x00200037: ("DS", b"1\\0\\0\\0\\1\\0"), 0x00200052: ("UI", f"{UID}.5".encode()),
        0x00280002: ("US", us(1)), 0x00280004: ("CS", b"MONOCHROME2"), 0x00280010: ("US", us(16)), 0x00280011: ("US", us(16)), 0x00280030: ("DS", b"1\\1"),
        0x00280100: ("US", us(16)), 0x00280101: ("US", us(12)), 0x00280102: ("US", us(11)), 0x00280103: ("US", us(0)),
        0x00281052: ("DS", b"-1024"), 0x00281053: ("DS", b"1"), 0x7FE00010: ("OW", PIXELS),
    }
    for k, v in change.items():
        t = int(k[1:], 16)
        if v is None: e.pop(t, None)
        else: e[t] = v
    return e

def body(elements, encode=el):
    out = b""
    for t in sorted(elements):
        vr, v = elements[t]
        out += v if vr == "raw" else (implicit(t, v) if encode is implicit else encode(t, vr, v))
    return out

def meta(syntax, preamble=bytes(128), extra=b"", length=None, group=None):
    syntax = syntax if isinstance(syntax, bytes) else syntax.encode()
    g = el(0x00020001, "OB", b"\0\1") + el(0x00020002, "UI", b"1.2.840.10008.5.1.4.1.1.2") + el(0x00020003, "UI", f"{UID}.4".encode())
    g = (group if group is not None else g + el(0x00020010, "UI", syntax) + el(0x00020012, "UI", b"2.25.1")) + extra
    return preamble + b"DICM" + el(0x00020000, "UL", struct.pack("<I", len(g) if length is None else length)) + g

def ct(tail=b"", syntax=EXPLICIT, **change):
    return meta(syntax) + body(image(**change)) + tail

def raw(data):
    return ("raw", data)

def upto(limit, **change):
    """The elements below `limit`, to put something crooked after them."""
    return meta(EXPLICIT) + body({t: v for t, v in image(**change).items() if t < limit})

def fragments(*parts, table=b"", end=SEQUENCE_END):
    return b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + item(table) + b"".join(item(p + b"\0" * (len(p) % 2)) for p in parts) + end

def encapsulated(syntax, *parts, rows=16, columns=16, frames=None, bits=8, table=b"", end=SEQUENCE_END, pixels=None, **change):
    sized = dict(t00280010=("US", us(rows)), t00280011=("US", us(columns)), t00280100=("US", us(bits)), t00280101=("US", us(bits)), t00280102=("US", us(bits - 1)))
    if frames is not None: sized["t00280008"] = ("IS", str(frames).encode())
    return ct(syntax=syntax, t7FE00010=raw(fragments(*parts, table=table, end=end) if pixels is None else pixels), **{**sized, **change})

def rle(plane, segments=1, counts=None):
    return struct.pack("<16I", segments, *([64] + [0] * 14 if counts is None else counts)) + plane

def rle_zeros(n):
    return b"\x81\0" * (n // 128) + (bytes([257 - n % 128, 0]) if n % 128 > 1 else b"")

def patched(data, at, new):
    return data[:at] + new + data[at + len(new):]

def segment(code, content):
    return bytes([0xFF, code]) + struct.pack(">H", len(content) + 2) + content

def after_start(data, new, at=2):
    return data[:at] + new + data[at:]

def jpeg_sized(data, rows, columns, markers=(0xC0, 0xC1, 0xC3, 0xF7)):
    """The same JPEG or JPEG-LS stream with another size in its frame header."""
    at = next(i for i in range(2, len(data)) if data[i] == 0xFF and data[i + 1] in markers)
    return patched(data, at + 5, struct.pack(">HH", rows, columns))

def j2k_sized(data, columns, rows, tile=None):
    at = 4 + 2 + 2
    data = patched(data, at, struct.pack(">II", columns, rows))
    return patched(data, at + 16, struct.pack(">II", *(tile or (columns, rows))))

def nested(depth, defined):
    out = b""
    for _ in range(depth):
        if defined: out = el(0x00081140, "SQ", item(out))
        else: out = el(0x00081140, "SQ", item(out, UNDEFINED) , UNDEFINED)  # the delimiters follow, innermost first
    return out

def nested_fast(depth, defined):
    """As `nested`, in time that grows with the depth."""
    if defined:
        sizes, inner = [], 0
        for _ in range(depth):
            sizes.append(inner); inner += 8 + 12
        return b"".join(tag(0x00081140) + b"SQ\0\0" + struct.pack("<I", s + 8) + ITEM + struct.pack("<I", s) for s in reversed(sizes))
    return (tag(0x00081140) + b"SQ\0\0\xff\xff\xff\xff" + ITEM + b"\xff\xff\xff\xff") * depth + (ITEM_END + SEQUENCE_END) * depth

# ---------------------------------------------------------------- the cases

CASES = []

def case(name, files, scan="dicom", pixels="ok", deid="written", count=1):
    """`files`: name → bytes, or a function that puts something into the folder."""
    if isinstance(files, (bytes, bytearray)): files = {"zqhidden-file.dcm": bytes(files)}
    CASES.append(dict(name=name, files=files, scan=scan, pixels=pixels, deid=deid, count=count))

def truncations():
    whole = ct()
    case("empty file", b"", "not_dicom", "none", "rejected:not_dicom")
    case("one byte", b"D", "not_dicom", "none", "rejected:not_dicom")
    case("only zeros", bytes(4096), "not_dicom", "none", "rejected:not_dicom")
    case("text with a secret", HIDDEN * 100, "not_dicom", "none", "rejected:not_dicom")
    case("cut in the preamble", whole[:100], "not_dicom", "none", "rejected:not_dicom")
    case("cut after DICM", whole[:132], "truncated|not_dicom", "none", "quarantined:truncated|rejected:not_dicom")
    case("cut in the meta group", whole[:150], "truncated", "none", "quarantined:truncated")
    case("cut after the meta group", meta(EXPLICIT), "truncated|not_dicom", "none", "quarantined:truncated|rejected:not_dicom")
    first = len(meta(EXPLICIT))
    case("cut in a tag", whole[:first + 3], "truncated", "none", "quarantined:truncated")
    case("cut in a length", whole[:first + 7], "truncated", "none", "quarantined:truncated")
    case("cut in a text value", whole[:whole.index(PATIENT) + 5], "dicom|truncated", "none", "quarantined:truncated")
    sequence = upto(0x00081140) + el(0x00081140, "SQ", item(el(0x00081155, "UI", b"1.2.3.4")), UNDEFINED)
    case("cut in a sequence", sequence, "dicom|truncated", "none", "quarantined:truncated")
    case("cut in an item", upto(0x00081140) + el(0x00081140, "SQ", item(el(0x00081155, "UI", b"1.2.3.4"), 400)[:14], 600), "dicom|truncated", "none", "quarantined:truncated")
    at = whole.index(PIXELS)
    case("cut before pixel data", whole[:at - 12], pixels="none", deid="written|quarantined:truncated")
    case("cut in the pixel data's head", whole[:at - 3], "dicom|truncated", "none|truncated|fewer", "quarantined:truncated")
    case("cut in pixel data", whole[:at + 100], pixels="fewer|truncated", deid="quarantined:truncated")
    case("cut one byte before the end", whole[:-1], pixels="fewer|truncated|ok", deid="quarantined:truncated")
    some = encapsulated(J2K, STREAMS[J2K])
    case("cut in a fragment", some[:-100], pixels="fewer|truncated|ended|damaged", deid="quarantined:truncated")
    case("no sequence delimiter after fragments", encapsulated(J2K, STREAMS[J2K], end=b""), pixels="ok", deid="quarantined:truncated")
    case("cut in a fragment's length", encapsulated(J2K, STREAMS[J2K], end=ITEM + b"\x10"), pixels="ok", deid="quarantined:truncated")
    body_of = body(image())
    z = zlib.compressobj(9, zlib.DEFLATED, -15); deflated = z.compress(body_of) + z.flush()
    case("cut deflated data", meta(DEFLATED) + deflated[:len(deflated) // 2], "dicom|deflate_broken", "none|fewer|deflate", "quarantined:deflate_broken|quarantined:truncated")
    case("deflated data that is noise", meta(DEFLATED) + bytes(range(256)) * 4, "deflate_broken", "none", "quarantined:deflate_broken")

def lengths():
    for name, n in (("short", 1), ("too long", 400), ("0xFFFE", 0xFFFE), ("negative", 0xFFFF)):
        bad = upto(0x00100010) + el(0x00100010, "PN", PATIENT, n) + body({t: v for t, v in image().items() if t > 0x00100010})
        case(f"{name} length of a text", bad, "dicom|malformed|lying_length|truncated", "ok|none|fewer", "quarantined|rejected|written")
    for name, n in (("0xFFFFFFFE", 0xFFFFFFFE), ("negative", 0x80000000), ("odd", len(PIXELS) - 1), ("0", 0), ("4 GiB less 2", 0xFFFFFFFC)):
        case(f"length {name} of pixel data", ct(t7FE00010=raw(el(0x7FE00010, "OW", PIXELS, n))), "dicom|malformed", "fewer|truncated|none|ok|malformed", "quarantined|written")
    case("odd length of a text", ct(t00100020=raw(tag(0x00100020) + b"LO\x0b\0ZQPATIENT77")), deid="written|quarantined")
    case("item longer than its sequence", upto(0x00081140) + el(0x00081140, "SQ", item(el(0x00081155, "UI", b"1.2.3.4"), 5000), 40) + body({t: v for t, v in image().items() if t > 0x00081140}), "malformed|lying_length", "none", "quarantined:malformed|quarantined:lying_length")
    case("element longer than its item", upto(0x00081140) + el(0x00081140, "SQ", item(el(0x00081155, "UI", b"1.2.3.4", 900))) + body({t: v for t, v in image().items() if t > 0x00081140}), "lying_length|malformed", "none", "quarantined:lying_length|quarantined:malformed")
    case("sequence of 0xFFFFFFFE bytes", upto(0x00081140) + el(0x00081140, "SQ", item(el(0x00081155, "UI", b"1.2.3.4")), 0xFFFFFFFE), "truncated|dicom|lying_length", "none", "quarantined")
    case("undefined length of a text", upto(0x0008103E) + tag(0x0008103E) + b"UT\0\0\xff\xff\xff\xff" + HIDDEN + b" " + body({t: v for t, v in image().items() if t > 0x0008103E}), "malformed|truncated|dicom", "none|ok", "quarantined|written")
    case("items without delimiters", upto(0x00081140) + el(0x00081140, "SQ", item(el(0x00081155, "UI", b"1.2.3.4"), UNDEFINED), UNDEFINED) + body({t: v for t, v in image().items() if t > 0x00081140}), "malformed|truncated|dicom", "none", "quarantined")
    case("meta length too long", meta(EXPLICIT, length=5000) + body(image()))
    case("meta length too short", meta(EXPLICIT, length=10) + body(image()))
    case("meta length 0xFFFFFFFF", meta(EXPLICIT, length=UNDEFINED) + body(image()))
    case("private element of 2 GiB that is not there", ct(t00091010=raw(el(0x00091010, "OB", b"abcd", 0x7FFFFFF0))), "dicom|truncated", "none", "quarantined:truncated")
    case("private element of 24 MiB", ct(t00090010=("LO", b"ACME"), t00091010=("OB", HIDDEN * (24 << 16))), deid="written")
    case("fragment of 0xFFFFFFFE bytes", encapsulated(J2K, pixels=fragments(end=b"") + ITEM + b"\xfe\xff\xff\xff" + STREAMS[J2K]), pixels="|", deid="quarantined:truncated")
    case("fragment of undefined length", encapsulated(J2K, pixels=fragments(end=b"") + ITEM + b"\xff\xff\xff\xff" + STREAMS[J2K] + SEQUENCE_END), "dicom", "malformed|fragment", "quarantined:malformed")

def structure():
    for how, defined in (("defined", True), ("undefined", False)):
        for depth in (65, 10_000):
            case(f"{depth} levels of {how} length", upto(0x00081140) + nested_fast(depth, defined) + body({t: v for t, v in image().items() if t > 0x00081140}), "nested_too_deep", "none", "quarantined:nested_too_deep")
    deep = el(0x0040A160, "UT", HIDDEN)
    for _ in range(60): deep = el(0x0040A730, "SQ", item(deep))
    case("an SR tree of 60 levels", ct(t0040A730=raw(deep)), deid="written|quarantined")
    case("a tree of 10,000 levels without end", upto(0x00081140) + (tag(0x00081140) + b"SQ\0\0\xff\xff\xff\xff" + ITEM + b"\xff\xff\xff\xff") * 10_000, "nested_too_deep", "none", "quarantined:nested_too_deep")
    case("a million empty items", ct(t00081140=raw(el(0x00081140, "SQ", (ITEM + bytes(4)) * 1_000_000))), "too_many_elements", "none", "quarantined:too_many_elements")
    case("390,000 empty items", ct(t00081140=raw(el(0x00081140, "SQ", (ITEM + bytes(4)) * 390_000))))
    plane = el(0x00209113, "SQ", item(el(0x00200032, "DS", b"0\\0\\0")))
    case("per-frame groups of 90,000 frames", ct(t00280008=("IS", b"90000"), t52009230=raw(el(0x52009230, "SQ", item(plane) * 90_000))), pixels="fewer", deid="written|quarantined")
    numbers = b"".join(el(0x00280000 | t, "US", us(t)) for t in range(0x200, 0x2FA, 2))
    case("a million numbers", ct(t00283000=raw(el(0x00283000, "SQ", item(numbers) * 8_500))), deid="written|quarantined")
    case("four million elements", upto(0x00090000) + b"".join(tag(0x00090000 | i & 0xFFFF) + b"LO\0\0" for i in range(65536)) * 62, "too_many_elements|malformed", "none", "quarantined:too_many_elements|quarantined:malformed")
    case("a million fragments", encapsulated(RLE, *[b""] * 1_000_000), "dicom", "elements|frame", "quarantined:too_many_elements")
    case("elements out of order", meta(EXPLICIT) + body({t: v for t, v in image().items() if t > 0x00200000}) + body({t: v for t, v in image().items() if t < 0x00200000}), "dicom|malformed", "ok|none", "written|quarantined")
    case("the patient's name twice", ct(t00100020=raw(el(0x00100010, "PN", HIDDEN) + el(0x00100020, "LO", b"ZQPATIENT7"))), deid="written")
    case("pixel data twice", ct(tail=el(0x7FE00010, "OW", HIDDEN * 34 + b"  ")), pixels="ok|none", deid="written|quarantined")
    case("group 0002 in the data set", ct(t00080000=raw(el(0x00020016, "AE", HIDDEN))), deid="written|quarantined")
    case("group FFFE in the data set", ct(t00100021=raw(tag(0xFFFEE0FF) + b"\x10\0\0\0" + HIDDEN + b" ")), "malformed|dicom", "none", "quarantined")
    case("zeros after the last element", ct(tail=bytes(5000)))
    case("unknown representation", ct(t00100021=raw(tag(0x00100021) + b"ZZ\0\0" + struct.pack("<I", 16) + HIDDEN + b" ")))
    case("lower-case representation", ct(t00100021=raw(tag(0x00100021) + b"lo" + struct.pack("<H", 16) + HIDDEN + b" ")), "dicom|malformed|truncated", "ok|none", "written|quarantined")
    case("explicit elements under implicit syntax", meta(IMPLICIT) + body(image()))
    case("implicit elements under explicit syntax", meta(EXPLICIT) + body(image(), implicit))
    case("little endian under big endian syntax", meta(BIG) + body(image()))
    case("no preamble", ct()[132:])
    case("no meta group", body(image()))
    case("syntax that is a secret", meta(HIDDEN) + body(image()), pixels="no decoder", deid="quarantined:unknown_syntax")
    case("syntax that names a path", meta("1.2.840.10008.1.2.1/../../../etc/passwd") + body(image()), pixels="no decoder", deid="quarantined:unknown_syntax")
    case("secrets in the meta group", meta(EXPLICIT, extra=el(0x00020016, "AE", HIDDEN) + el(0x00020100, "UI", b"2.25.7") + el(0x00020102, "OB", HIDDEN)) + body(image()))

def pixel_lies():
    size = lambda r, c: dict(t00280010=("US", us(r)), t00280011=("US", us(c)))
    case("65535 × 65535 of 512 bytes", ct(**size(65535, 65535)), pixels="fewer|beyond", deid="written|quarantined")
    case("no rows", ct(t00280010=None), pixels="layout", deid="written|quarantined")
    case("zero rows", ct(**size(0, 16)), pixels="layout", deid="written|quarantined")
    case("one column too many", ct(**size(16, 17)), pixels="fewer", deid="written|quarantined")
    for n in (b"2", b"2000000000", b"99999999999999999999", b"-1", b"0", b"1.5", b"NaN", b"1e9"):
        case(f"{n.decode()} frames of one", ct(t00280008=("IS", n)), pixels="fewer|layout|ok|beyond", deid="written|quarantined")
    for name, v in (("Bits Allocated 0", dict(t00280100=("US", us(0)))), ("Bits Allocated 7", dict(t00280100=("US", us(7)))), ("Bits Allocated 65535", dict(t00280100=("US", us(65535)))),
                    ("Bits Stored 0", dict(t00280101=("US", us(0)))), ("Bits Stored 40", dict(t00280101=("US", us(40)))), ("High Bit 200", dict(t00280102=("US", us(200)))),
                    ("Samples 0", dict(t00280002=("US", us(0)))), ("Samples 2", dict(t00280002=("US", us(2)))), ("Samples 255", dict(t00280002=("US", us(255)))),
                    ("Bits Allocated as text", dict(t00280100=("CS", b"SIXTEEN"))), ("Rows as double", dict(t00280010=("FD", struct.pack("<d", float("nan")))))):
        case(name, ct(**v), pixels="layout|fewer|ok", deid="written|quarantined")
    case("YBR_PARTIAL_420 in one sample", ct(t00280004=("CS", b"YBR_PARTIAL_420")), pixels="ok|layout")
    case("photometric interpretation that is none", ct(t00280004=("CS", b"MONO\\CHROME\0\x1b[1m")), pixels="ok|layout", deid="written|quarantined")
    palette = {f"t0028110{i}": ("US", us(0, 0, 16)) for i in (1, 2, 3)} | {f"t0028120{i}": ("OW", b"\1\2\3\4") for i in (1, 2, 3)}
    case("palette of 65536 entries in four bytes", ct(t00280004=("CS", b"PALETTE COLOR"), **palette))
    case("modality look-up table that lies", ct(t00283000=raw(el(0x00283000, "SQ", item(el(0x00283002, "US", us(65535, 0, 65535)) + el(0x00283006, "OW", b"\1\2"))))))
    case("ICC profile that is a secret", ct(t00282000=("OB", HIDDEN * 20)))
    case("float pixel data beside rows that lie", ct(t7FE00010=None, t7FE00008=("OF", struct.pack("<f", float("nan")) * 10)), pixels="fewer", deid="written|quarantined")
    groups = el(0x52009230, "SQ", item(el(0x00209113, "SQ", item(el(0x00200032, "DS", b"0\\0\\0")))))
    case("one functional group for a million frames", ct(t00280008=("IS", b"1000000"), t52009230=raw(groups)), pixels="fewer", deid="written|quarantined")
    case("numbers that are none", ct(t00200032=("DS", b"NaN\\inf\\1e308"), t00280030=("DS", b"-inf\\1e400"), t00281053=("DS", b"1e308"), t00180050=("DS", b"nan")), deid="written|quarantined")
    case("numbers at the edge", ct(t00200032=("DS", b"1e308\\-1e308\\1e308"), t00280030=("DS", b"1e308\\1e308"), t00200037=("DS", b"1e308\\0\\0\\0\\1e308\\0")))
    case("text where numbers belong", ct(t00180050=("DS", HIDDEN), t00200013=("IS", HIDDEN), t00180060=("DS", HIDDEN)), deid="written|quarantined")
    case("fragments under a native syntax", ct(t7FE00010=raw(fragments(PIXELS))), pixels="layout", deid="written|quarantined")
    case("native pixels under JPEG 2000", encapsulated(J2K, pixels=el(0x7FE00010, "OB", bytes(16 * 16 - 2))), pixels="layout", deid="written|quarantined")

def bombs():
    def deflated(n, chunk=bytes(1 << 20)):
        z = zlib.compressobj(9, zlib.DEFLATED, -15)
        out = z.compress(body(image(t7FE00010=None)) + tag(0x7FE00010) + b"OW\0\0" + struct.pack("<I", n << 20))
        for _ in range(n): out += z.compress(chunk)
        return meta(DEFLATED) + out + z.flush()
    case("deflated bomb of 600 MiB", deflated(600), "dicom|expands_too_far", "expands|none", "quarantined:expands_too_far")
    case("deflated bomb of 60 MiB", deflated(60), "dicom", "ok", "written|quarantined")
    case("deflated bomb in a text", meta(DEFLATED) + zlib.compress(body(image(t00104000=("UT", b"A" * (150 << 20)))), 9)[2:-4], "dicom|expands_too_far", "expands|none", "quarantined:expands_too_far")
    case("RLE bomb", encapsulated(RLE, rle(rle_zeros(4096)), rows=65535, columns=65535), pixels="fewer|beyond|segment", deid="written|quarantined")
    case("RLE of 100 million frames", encapsulated(RLE, rle(rle_zeros(256)), frames=100_000_000), pixels="frame", deid="written|quarantined")
    case("RLE segments outside the frame", encapsulated(RLE, rle(rle_zeros(256), counts=[0xFFFFFFF0] + [64] * 14)), pixels="RLE", deid="written|quarantined")
    case("RLE of 4 billion segments", encapsulated(RLE, rle(rle_zeros(256), segments=0xFFFFFFFF)), pixels="RLE", deid="written|quarantined")
    case("RLE that ends early", encapsulated(RLE, rle(b"\x81\0")), pixels="fewer", deid="written|quarantined")
    case("RLE without a header", encapsulated(RLE, b"\x01\0\0\0"), pixels="RLE", deid="written|quarantined")
    for name, uid in (("JPEG", JPEG), ("JPEG lossless", LOSSLESS), ("JPEG-LS", JPEG_LS)):
        big = jpeg_sized(STREAMS[uid], 65535, 65535)
        depth = 16 if uid == LOSSLESS else 8
        case(f"{name} of 65535 × 65535 in a small header", encapsulated(uid, big, bits=depth), pixels="code stream holds", deid="written|quarantined")
        case(f"{name} of 65535 × 65535", encapsulated(uid, big, rows=65535, columns=65535, bits=depth), pixels="beyond|fewer", deid="written|quarantined")
        case(f"{name} of 8000 × 8000 in few bytes", encapsulated(uid, jpeg_sized(STREAMS[uid], 8000, 8000), rows=8000, columns=8000, bits=depth), pixels="beyond|fewer|damaged", deid="written|quarantined")
        case(f"{name} cut in the middle", encapsulated(uid, STREAMS[uid][:len(STREAMS[uid]) * 3 // 4], bits=depth), pixels="fewer|damaged|ok", deid="written|quarantined")
    for name, uid in (("JPEG 2000", J2K), ("HTJ2K", HTJ2K)):
        case(f"{name} of 65535 × 65535", encapsulated(uid, j2k_sized(STREAMS[uid], 65535, 65535), rows=65535, columns=65535), pixels="beyond|fewer", deid="written|quarantined")
        case(f"{name} of 8000 × 8000 in few bytes", encapsulated(uid, j2k_sized(STREAMS[uid], 8000, 8000), rows=8000, columns=8000), pixels="beyond|fewer|damaged|stream", deid="written|quarantined")
        case(f"{name} in tiles of one pixel", encapsulated(uid, j2k_sized(STREAMS[uid], 8000, 8000, (1, 1)), rows=8000, columns=8000), pixels="beyond|fewer|damaged|stream|not supported", deid="written|quarantined")
        case(f"{name} in tiles of no pixel", encapsulated(uid, j2k_sized(STREAMS[uid], 16, 16, (0, 0))), pixels="damaged|stream", deid="written|quarantined")
        case(f"{name} cut in the middle", encapsulated(uid, STREAMS[uid][:len(STREAMS[uid]) * 3 // 4]), pixels="|", deid="written|quarantined")
    case("JPEG 2000 of 8000 × 8000 zeros", encapsulated(J2K, J2K_8000, rows=8000, columns=8000), pixels="ok|beyond", deid="written|quarantined")
    case("forty frames of 8000 × 8000 zeros", encapsulated(J2K, *[J2K_8000] * 40, rows=8000, columns=8000, frames=40), pixels="beyond", deid="written|quarantined")
    case("JPEG-LS of 8000 × 8000 zeros", encapsulated(JPEG_LS, JPEG_LS_8000, rows=8000, columns=8000), pixels="ok|beyond", deid="written|quarantined")
    z = zlib.compressobj(9, zlib.DEFLATED, -15); bomb = b"".join(z.compress(bytes(1 << 20)) for _ in range(100)) + z.flush()
    case("deflated frame bomb", encapsulated(FRAME_DEFLATED, bomb), pixels="ok", deid="written|quarantined")
    many = STREAMS[JPEG][:-2] + STREAMS[JPEG][STREAMS[JPEG].index(b"\xff\xda"):-2] * 2000 + b"\xff\xd9"
    case("JPEG of 2000 scans", encapsulated(JPEG, many), pixels="|", deid="written|quarantined")

def hiding():
    case("a secret in the preamble", meta(EXPLICIT, preamble=(HIDDEN * 9)[:128]) + body(image()))
    case("a TIFF in the preamble", meta(EXPLICIT, preamble=(b"II*\0\x10\0\0\0" + HIDDEN * 9)[:128]) + body(image()))
    case("a program in the preamble", meta(EXPLICIT, preamble=(b"MZ" + HIDDEN * 9)[:128]) + body(image()))
    case("a secret after the last element", ct(tail=HIDDEN + b" "), "dicom|malformed|truncated", "ok|none|malformed|element", "written|quarantined")
    case("a secret after zeros after the last element", ct(tail=bytes(512) + HIDDEN * 3), "dicom|malformed|truncated", "ok|none|malformed|element", "written|quarantined")
    case("an element after pixel data", ct(tail=el(0x7FE10010, "LO", HIDDEN) + el(0x7FE11010, "LT", HIDDEN)))
    case("data set trailing padding", ct(tail=el(0xFFFCFFFC, "OB", HIDDEN * 100)))
    case("a zip at the end", ct(tail=zip_of({"zqhidden.txt": HIDDEN})), "dicom|malformed|truncated", "ok|none|malformed|element", "written|quarantined")
    full = dict(t00280101=("US", us(16)), t00280102=("US", us(15)))
    case("behind the pixels", ct(**full, t7FE00010=("OW", PIXELS + HIDDEN * 8)))
    case("a whole frame behind the pixels", ct(**full, t7FE00010=("OW", PIXELS + (HIDDEN * 40)[:512])))
    case("behind float pixels", ct(t7FE00010=None, t7FE00008=("OF", struct.pack("<f", 1.5) * 256 + HIDDEN + b" ")))
    masked = b"".join(struct.pack("<H", 5 | (c >> 4) << 12) + struct.pack("<H", 5 | (c & 15) << 12) for c in (HIDDEN * 9)[:128])
    case("in the unused bits", ct(t7FE00010=("OW", masked)))
    case("behind a fragment", encapsulated(J2K, STREAMS[J2K] + HIDDEN))
    case("in an excess fragment", encapsulated(J2K, STREAMS[J2K], HIDDEN * 4, table=struct.pack("<I", 0)), pixels="|")
    case("in an excess frame", encapsulated(JPEG, STREAMS[JPEG], after_start(STREAMS[JPEG], segment(0xFE, HIDDEN))), pixels="|")
    case("in the offset table", encapsulated(J2K, STREAMS[J2K], table=HIDDEN + b" "))
    case("in the extended offset table", encapsulated(J2K, STREAMS[J2K], t7FE00001=("OV", HIDDEN + b" "), t7FE00002=("OV", HIDDEN + b" ")))
    case("offset table that points outside", encapsulated(J2K, STREAMS[J2K], table=struct.pack("<I", 0xFFFFFFF0)))
    case("empty offset table", encapsulated(JPEG, STREAMS[JPEG], STREAMS[JPEG], frames=2))
    case("fragments of no bytes", encapsulated(JPEG, b"", STREAMS[JPEG], b"", b""), pixels="|", deid="written|quarantined")
    case("no fragments", encapsulated(JPEG), pixels="frame", deid="written|quarantined")
    case("JPEG comment", encapsulated(JPEG, after_start(STREAMS[JPEG], segment(0xFE, HIDDEN))))
    case("JPEG application segments", encapsulated(JPEG, after_start(STREAMS[JPEG], segment(0xE1, b"Exif\0\0" + HIDDEN) + segment(0xED, HIDDEN) + segment(0xE5, HIDDEN * 90))))
    case("thumbnail in JFIF", encapsulated(JPEG, after_start(STREAMS[JPEG], segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\x05\x01" + HIDDEN))))
    case("behind Adobe's marker", encapsulated(JPEG, after_start(STREAMS[JPEG], segment(0xEE, b"Adobe\0\x64\0\0\0\0\0" + HIDDEN))))
    case("behind JPEG's end", encapsulated(JPEG, STREAMS[JPEG] + HIDDEN * 3))
    case("before JPEG's start", encapsulated(JPEG, HIDDEN + STREAMS[JPEG]), pixels="|", deid="written|quarantined")
    case("JPEG reserved segment", encapsulated(JPEG, after_start(STREAMS[JPEG], segment(0xF0, HIDDEN))), pixels="|")
    case("between JPEG's segments", encapsulated(JPEG, after_start(STREAMS[JPEG], HIDDEN)), pixels="|", deid="written|quarantined")
    case("unused JPEG table", encapsulated(JPEG, after_start(STREAMS[JPEG], segment(0xDB, b"\x03" + (HIDDEN * 5)[:64]))), deid="written|quarantined")
    case("lossless JPEG comment", encapsulated(LOSSLESS, after_start(STREAMS[LOSSLESS], segment(0xFE, HIDDEN)), bits=16))
    case("JPEG-LS comment", encapsulated(JPEG_LS, after_start(STREAMS[JPEG_LS], segment(0xFE, HIDDEN) + segment(0xE8, b"SPIFF\0" + HIDDEN))))
    comment = b"\xff\x64" + struct.pack(">HH", len(HIDDEN) + 4, 1) + HIDDEN
    for name, uid in (("JPEG 2000", J2K), ("HTJ2K", HTJ2K)):
        size = 2 + struct.unpack(">H", STREAMS[uid][4:6])[0] + 2
        case(f"{name} comment", encapsulated(uid, after_start(STREAMS[uid], comment, size)))
        tile = STREAMS[uid].index(b"\xff\x90")
        part = patched(after_start(STREAMS[uid], comment, tile + 12), tile + 6, struct.pack(">I", struct.unpack(">I", STREAMS[uid][tile + 6:tile + 10])[0] + len(comment)))
        case(f"{name} comment in a tile", encapsulated(uid, part))
        case(f"behind {name}'s end", encapsulated(uid, STREAMS[uid] + HIDDEN * 2))
    box = lambda kind, content: struct.pack(">I", 8 + len(content)) + kind + content
    jp2 = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + box(b"xml ", b"<n>" + HIDDEN + b"</n>") + box(b"uuid", bytes(16) + HIDDEN)
    header = box(b"jp2h", box(b"ihdr", struct.pack(">IIHBBBB", 16, 16, 1, 7, 7, 0, 0)) + box(b"colr", b"\1\0\0\0\0\0\x11") + box(b"res ", HIDDEN))
    case("JP2 boxes", encapsulated(J2K, jp2 + header + box(b"jp2c", STREAMS[J2K]) + box(b"xml ", HIDDEN)), pixels="ok")
    case("behind RLE's segments", encapsulated(RLE, rle(rle_zeros(256) + HIDDEN + b" ")))
    case("in RLE's header", encapsulated(RLE, rle(rle_zeros(256), counts=[64] + list(struct.unpack("<14I", (HIDDEN * 4)[:56])))))
    case("before RLE's first segment", encapsulated(RLE, rle(HIDDEN + b" " + rle_zeros(256), counts=[80] + [0] * 14)))
    z = zlib.compressobj(9, zlib.DEFLATED, -15); frame = z.compress(bytes(256)) + z.flush()
    case("behind a deflated frame", encapsulated(FRAME_DEFLATED, frame + HIDDEN))
    case("behind deflated data", meta(DEFLATED) + zlib.compress(body(image()))[2:-4] + HIDDEN * 4)
    case("video that nobody decodes", encapsulated("1.2.840.10008.1.2.4.102", b"\0\0\1\6" + bytes(64)), pixels="no decoder", deid="quarantined|written")
    case("a text in an unknown representation", ct(t00100021=("UN", HIDDEN), t00324000=("UN", HIDDEN), t00080081=("UN", HIDDEN)))
    case("a text in an unknown public element", ct(t00080F0F=("UN", HIDDEN), t00280FFF=("OB", HIDDEN), t00440007=("OW", HIDDEN + b" ")))
    case("a text as bytes", ct(t00181030=("OB", HIDDEN), t00081030=("OW", HIDDEN + b" ")))
    case("a sequence in an unknown representation", ct(t00081115=raw(el(0x00081115, "UN", item(implicit(0x00100010, HIDDEN) + implicit(0x00204000, HIDDEN))))))
    case("a sequence of unknown representation and undefined length", ct(t00081115=raw(tag(0x00081115) + b"UN\0\0\xff\xff\xff\xff" + item(implicit(0x00100010, HIDDEN)) + SEQUENCE_END)))
    case("a private block without a creator", ct(t00091010=("LO", HIDDEN), t00211001=("UN", HIDDEN), t000B0010=("LO", HIDDEN)))
    case("the creator's name is a secret", ct(t00090010=("LO", HIDDEN), t00091010=("DS", b"1")))
    case("a group length that is a text", ct(t00100000=("LO", HIDDEN)))
    case("a text as a number's bytes", ct(t00089459=("FD", HIDDEN + b" "), t00189073=("FD", (HIDDEN + b" "))), deid="written|quarantined")
    case("a text as tags", ct(t00280009=("AT", HIDDEN + b" ")), deid="written|quarantined")
    case("a curve and an overlay", ct(t50003000=("OW", HIDDEN * 2), t60003000=("OW", HIDDEN * 2), t60004000=("LT", HIDDEN)))
    case("an icon", ct(t00880200=raw(el(0x00880200, "SQ", item(el(0x00280010, "US", us(1)) + el(0x7FE00010, "OB", HIDDEN + b" "))))))
    case("an encapsulated document", ct(t00420010=("ST", HIDDEN), t00420011=("OB", b"%PDF-1.4 " + HIDDEN), t7FE00010=None), pixels="none", deid="written|quarantined")
    case("the secret in UTF-16", ct(t00081030=("LO", "Zqhidden^Secret".encode("utf-16-le"))))
    case("the secret in base64", ct(t00204000=("LT", base64.b64encode(HIDDEN))))

def text():
    case("escape sequences", ct(t0008103E=("LO", b"\x1b[2J\x1b]0;owned\x07"), t00080070=("LO", b"\x9b31mRed\x1b[0m"), t00081090=("LO", b"\x1bP+q\x1b\\")))
    case("bidirectional marks", ct(t0008103E=("LO", "abc\u202edef\u2066ghi\u200f".encode()), t00080070=("LO", "\ufeff\u2028\u2029\u061c".encode())))
    case("zeros and line ends in text", ct(t0008103E=("LO", b"a\0b\nc\rd\te\x7f"), t00081030=("LO", b"\0\0\0")))
    case("broken UTF-8", ct(t0008103E=("LO", b"\xff\xfe\xc3\x28\xed\xa0\x80\xf4\x90\x80\x80")))
    case("character sets that do not exist", ct(t00080005=("CS", b"\\ISO 2022 IR 999\\" + HIDDEN), t0008103E=("LO", b"\x1b$)C\xb0\xb1\x1b(B")))
    case("escapes of ISO 2022 without end", ct(t00080005=("CS", b"\\ISO 2022 IR 87"), t0008103E=("LO", b"\x1b$B" * 20), t00100010=("PN", PATIENT + b"=\x1b$B;3ED\x1b")))
    case("GB18030 cut in the middle", ct(t00080005=("CS", b"GB18030"), t0008103E=("LO", b"\x81\x30\x81")))
    case("a thousand character sets", ct(t00080005=("CS", b"\\".join([b"ISO_IR 100"] * 1000))))
    case("UIDs that are paths", ct(t00080018=("UI", b"../../../../tmp/zqhidden"), t0020000E=("UI", b"/etc/zqhidden"), t0020000D=("UI", b"..\\zqhidden")))
    case("UIDs of 4,000 characters", ct(t00080018=("UI", b"1." * 2000), t0020000E=("UI", b"2" * 4000)))
    case("UIDs with control characters", ct(t00080018=("UI", b"1.2\n.3\x1b[2J"), t0020000E=("UI", b"1\0.2"), t0020000D=("UI", b"\x1b]0;x\x07")))
    case("no UIDs", ct(t00080018=None, t0020000E=None, t0020000D=None), deid="quarantined:missing_uid")
    case("empty UIDs", ct(t00080018=("UI", b""), t0020000E=("UI", b"")), deid="quarantined:missing_uid")
    case("a class UID that is a secret", ct(t00080016=("UI", b"1.2.Zqhidden")), deid="written|quarantined")
    case("a UID in the header that is a secret", meta(EXPLICIT, group=el(0x00020002, "UI", HIDDEN) + el(0x00020003, "UI", HIDDEN) + el(0x00020010, "UI", EXPLICIT.encode())) + body(image()))

def zip_of(files, mode=0o100644):
    """`files`: name → bytes, or pairs where a name comes twice."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in files.items() if isinstance(files, dict) else files:
            info = zipfile.ZipInfo(name, (2024, 1, 2, 3, 4, 6)); info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system, info.external_attr = 3, mode << 16
            z.writestr(info, data)
    return out.getvalue()

def tar_of(members, packed=True):
    """`members`: pairs of a name and bytes, or of a name and changes to its header."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as t:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes): info.size = len(content)
            else: info.__dict__.update(content) if hasattr(info, "__dict__") else [setattr(info, k, v) for k, v in content.items()]
            t.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return gzip.compress(out.getvalue(), 6, mtime=0) if packed else out.getvalue()

def names():
    for name, n in (("escape", b"zqhidden\x1b[2J.dcm"), ("line end", b"zqhidden\nroot:x:0:0.dcm"), ("bytes that are no UTF-8", b"zqhidden\xff\xfe.dcm"), ("dots", b"..zqhidden..dcm"), ("dash", b"-rf zqhidden --json.dcm"), ("bidirectional mark", "zqhidden\u202emcd.exe".encode()), ("200 characters", b"zqhidden" + b"x" * 200)):
        case(f"{name} in a file name", {n: ct()})
    def link(to):
        return lambda folder: (os.symlink(to, os.path.join(folder, "zqhidden-link.dcm")), open(os.path.join(folder, "good.dcm"), "wb").write(ct()))
    case("link to /etc/passwd", link("/etc/passwd"))
    case("link to its own folder", link("."))
    case("link to itself", link("zqhidden-link.dcm"))
    case("link to a folder outside", link("/usr/include"))
    case("pipe", lambda folder: (os.mkfifo(os.path.join(folder, "zqhidden.dcm")), open(os.path.join(folder, "good.dcm"), "wb").write(ct())))
    def bind(folder):
        here = os.getcwd(); os.chdir(folder); s = socket.socket(socket.AF_UNIX); s.bind("zqhidden.dcm"); s.close(); os.chdir(here)
        open("good.dcm", "wb").close() if False else open(os.path.join(folder, "good.dcm"), "wb").write(ct())
    case("socket", bind)
    def device(folder):
        open(os.path.join(folder, "good.dcm"), "wb").write(ct())
        try: os.mknod(os.path.join(folder, "zqhidden.dcm"), 0o600 | stat.S_IFCHR, os.makedev(1, 5))
        except OSError: pass  # only root may; the file beside it is tried all the same
    case("endless device", device)
    def deep(folder):
        here = os.getcwd(); os.chdir(folder)
        for _ in range(200): os.mkdir("zqhidden-deep"); os.chdir("zqhidden-deep")
        open("deep.dcm", "wb").write(ct()); os.chdir(here)
    case("200 folders deep", deep, "dicom|absent", "ok|none", "written|absent", count="0|1")
    def unreadable(folder):
        path = os.path.join(folder, "zqhidden.dcm"); open(path, "wb").write(ct()); os.chmod(path, 0)
    root = os.geteuid() == 0
    case("file that may not be read", unreadable, "dicom" if root else "unreadable", "ok" if root else "none", "written" if root else "rejected:unreadable")
    def sparse(folder):
        with open(os.path.join(folder, "zqhidden.dcm"), "wb") as f: f.truncate(200 << 30)
    case("sparse file of 200 GiB of zeros", sparse, "not_dicom", "none", "rejected:not_dicom|quarantined|rejected")
    def sparse_dicom(folder):
        with open(os.path.join(folder, "zqhidden.dcm"), "wb") as f: f.write(ct()); f.truncate(200 << 30)
    case("image with 200 GiB of zeros behind it", sparse_dicom, "dicom", "none|large|memory", "quarantined|rejected")
    record = el(0x00041220, "SQ", item(el(0x00041430, "CS", b"PATIENT") + el(0x00100010, "PN", HIDDEN)))
    directory = meta(EXPLICIT, group=el(0x00020002, "UI", b"1.2.840.10008.1.3.10") + el(0x00020010, "UI", EXPLICIT.encode())) + el(0x00041130, "CS", b"ZQHIDDEN") + record
    case("a DICOMDIR", {"DICOMDIR": directory}, "dicomdir", "none", "rejected:dicomdir")
    loop = el(0x00041220, "SQ", item(el(0x00041400, "UL", b"\x10\0\0\0") + el(0x00041420, "UL", b"\x10\0\0\0") + el(0x00041430, "CS", b"IMAGE") + el(0x00041500, "CS", b"..\\..\\ETC\\PASSWD")))
    case("a DICOMDIR that points at itself and outside", {"DICOMDIR": meta(EXPLICIT, group=el(0x00020002, "UI", b"1.2.840.10008.1.3.10") + el(0x00020010, "UI", EXPLICIT.encode())) + loop}, "dicomdir", "none", "rejected:dicomdir")

def archives():
    good, trap, bad = ct(), "rejected:unsafe_archive_member", "rejected:archive_unreadable"
    def one(name, file, data, deid, scan="dicom", pixels="ok", count=1): case(name, {file: data}, scan, pixels, deid, count)
    one("zip of one image", "zqhidden.zip", zip_of({"zqhidden/1": good}), "written")
    one("tar of one image", "zqhidden.tar", tar_of([("zqhidden/1", good)], False), "written")
    one("image named like a zip", "zqhidden.zip", good, "written")
    one("zip that leads out", "a.zip", zip_of({"../../../zqhidden": good, "..\\\\..\\\\zqhidden": good, "a/../../zqhidden": good}), trap, "unsafe_archive_member", "none", 3)
    one("zip of absolute paths", "a.zip", zip_of({"/tmp/zqhidden": good, "C:\\\\zqhidden": good}), trap, "unsafe_archive_member", "none", 2)
    one("zip of links", "a.zip", zip_of({"zqhidden": b"/etc/passwd"}, 0o120777), trap, "unsafe_archive_member", "none")
    one("zip of devices", "a.zip", zip_of({"zqhidden": b""}, 0o020666), trap, "unsafe_archive_member", "none")
    one("zip with one name twice", "a.zip", zip_of([("zqhidden", good), ("./zqhidden", good), ("zqhidden", good)]), "written|" + trap, count=3)
    one("zip in a zip", "a.zip", zip_of({"zqhidden.zip": zip_of({"1": good})}), trap, "unsafe_archive_member", "none")
    encrypted = bytearray(zip_of({"zqhidden": good})); encrypted[6] |= 1; encrypted[encrypted.rindex(b"PK\1\2") + 8] |= 1
    one("encrypted zip", "a.zip", bytes(encrypted), trap, "unsafe_archive_member", "none")
    names = zip_of({"zqhidden\x1b[2J\n.dcm": good, "zqhidden\u202e.dcm": good})
    one("control characters in a zip", "a.zip", names, "written", count=2)
    bomb = zip_of({"zqhidden": bytes(200 << 20)})
    one("zip bomb", "a.zip", bomb, "rejected:too_large", "too_large", "none")
    lie = bytearray(bomb); at = lie.rindex(b"PK\1\2"); lie[at + 24:at + 28] = struct.pack("<I", 1000)
    one("zip bomb that lies", "a.zip", bytes(lie), bad, "not_dicom|archive_unreadable", "none|archive|no")
    over = bytearray(zip_of([(f"z{i}", good) for i in range(3)])); first = over.index(b"PK\1\2")
    for i in range(3):
        entry = over.index(b"PK\1\2", first + i); over[entry + 42:entry + 46] = bytes(4); first = entry
    one("zip whose members overlap", "a.zip", bytes(over), "written|" + trap + "|" + bad, count=3, pixels="|")
    one("cut zip", "a.zip", zip_of({"zqhidden": good})[:-30], bad, "archive_unreadable", "none")
    one("zip of nothing", "a.zip", zip_of({}), bad, "archive_unreadable", "none")
    one("zip of a million names", "a.zip", zip_of({}) [:-22] + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 65535, 65535, 0xFFFFFFF0, 0, 0), bad, "archive_unreadable", "none")
    one("noise named zip", "a.zip", bytes(range(256)) * 8, bad, "archive_unreadable", "none")
    one("zip of 20,000 empty members", "a.zip", zip_of({f"z{i}": b"" for i in range(20_000)}), "rejected:not_dicom", "not_dicom", "none", 20_000)
    one("tar that leads out", "a.tgz", tar_of([("../../zqhidden", good), ("/tmp/zqhidden", good)]), trap, "unsafe_archive_member", "none", 2)
    kinds = [("hard", tarfile.LNKTYPE), ("soft", tarfile.SYMTYPE), ("character", tarfile.CHRTYPE), ("block", tarfile.BLKTYPE), ("pipe", tarfile.FIFOTYPE)]
    one("tar of links and devices", "a.tar.gz", tar_of([(n, dict(type=k, linkname="/etc/passwd")) for n, k in kinds]), trap, "unsafe_archive_member", "none", 5)
    one("tar in a tar", "a.tar", tar_of([("zqhidden.tgz", tar_of([("1", good)]))], False), trap, "unsafe_archive_member", "none")
    one("tar bomb", "a.tgz", tar_of([("zqhidden", bytes(200 << 20))]), "rejected:too_large", "too_large", "none", 2)
    huge = bytearray(tar_of([("zqhidden", good)], False)); huge[124:136] = b"\x80" + bytes(3) + struct.pack(">Q", 1 << 61)
    huge[148:156] = b"        "; huge[148:156] = b"%06o\0 " % sum(huge[:512])
    one("tar of 2 EiB", "a.tar", bytes(huge), "rejected:too_large|" + bad, "too_large|archive_unreadable", "none", "1|2")
    one("tar with a wrong sum", "a.tar", patched(tar_of([("zqhidden", good)], False), 148, b"0000000"), bad, "archive_unreadable", "none")
    one("cut tgz", "a.tgz", tar_of([("zqhidden", good + os.urandom(0) + bytes(range(256)) * 40)])[:-200], bad, "archive_unreadable", "none", "1|2")
    long = "zqhidden/" * 400 + "1"
    one("tar with a name of 3,600 characters", "a.tgz", tar_of([(long, good)]), "written")
    pax = b"30 path=" + b"z" * 2000
    one("gzip that is no tar", "a.tar.gz", gzip.compress(pax, mtime=0), bad, "archive_unreadable", "none")

GROUPS = [truncations, lengths, structure, pixel_lies, bombs, hiding, text, names, archives]

# ---------------------------------------------------------------- making and running

def make(out):
    for group in GROUPS: group()
    os.makedirs(out)
    listed = []
    for number, c in enumerate(CASES):
        folder = os.path.join(out, f"{number:03d}", "in")
        os.makedirs(folder)
        files = c.pop("files")
        if callable(files): files(folder)
        else:
            for name, data in files.items():
                with open(os.path.join(os.fsencode(folder), name if isinstance(name, bytes) else name.encode()), "wb") as f: f.write(data)
        listed.append({"folder": f"{number:03d}", **c})
    names = [c["name"] for c in listed]
    assert len(set(names)) == len(names), [n for n in names if names.count(n) > 1]
    with open(os.path.join(out, "cases.json"), "w") as f: json.dump(listed, f, indent=1)
    print(len(listed), "cases")

def forbidden(word):
    raise ValueError(f"{word} is no JSON")

def strict(text):
    return [json.loads(line, parse_constant=forbidden) for line in text.splitlines()]

def obeyed(text, lines):
    """What a terminal would obey in `text`."""
    for c in text:
        n = ord(c)
        if (n < 32 and not (c == "\n" and lines)) or 127 <= n < 160 or n in (0x61C, 0x200E, 0x200F, 0xFEFF) or 0x2028 <= n <= 0x202E or 0x2066 <= n <= 0x2069:
            return c
    return None

def tried(command, cwd):
    """Runs a command; its exit status, output, processor seconds and peak memory in MiB."""
    with open(os.path.join(cwd, "..", "stdout"), "w+b") as out, open(os.path.join(cwd, "..", "stderr"), "w+b") as err:
        pid = os.fork()
        if pid == 0:
            try:
                os.chdir(cwd)
                os.dup2(out.fileno(), 1); os.dup2(err.fileno(), 2); os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
                resource.setrlimit(resource.RLIMIT_CPU, (120, 120)); resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                os.execv(command[0], command)
            finally: os._exit(127)
        start = time.monotonic()
        while True:
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if done: break
            if time.monotonic() - start > 240: os.kill(pid, 9)
            time.sleep(0.002)
        out.seek(0); err.seek(0)
        text = lambda f: f.read().decode("utf-8", "replace")
        return dict(status=os.waitstatus_to_exitcode(status), out=text(out), err=text(err), seconds=usage.ru_utime + usage.ru_stime, mib=usage.ru_maxrss / 1024)

def snapshot(folder):
    found = {}
    for here, folders, files in os.walk(os.fsencode(folder)):
        for n in folders + files:
            path = os.path.join(here, n); s = os.lstat(path)
            found[path] = (s.st_mode, s.st_size, s.st_mtime_ns)
    return found

def one_of(allowed, found):
    return any(a in found for a in allowed.split("|"))

def outcome_of_scan(lines, summary):
    if summary["files"] == 0: return "absent"
    return "dicom" if summary["dicom"] else next(iter(summary.get("reasons") or {"not_dicom": 1}))

def judge(gantry, out, case, limits):
    """Everything that is wrong with what Gantry made of a case."""
    seconds, mib = limits
    base = os.path.join(out, case["folder"])
    folder, cwd, result = os.path.join(base, "in"), os.path.join(base, "cwd"), os.path.join(base, "result")
    for old in (cwd, result): shutil.rmtree(old, ignore_errors=True)
    os.makedirs(cwd)
    before, wrong = snapshot(folder), []
    say = lambda what: wrong.append(what)
    runs = {"scan": [gantry, "--json", "scan", folder, "--pixels"], "text": [gantry, "scan", folder, "--pixels"], "deid": [gantry, "--json", "deid", folder, result]}
    worst = {}
    for name, command in runs.items():
        run = tried(command, cwd)
        worst[name] = (round(run["seconds"], 2), round(run["mib"]))
        if run["status"] not in (0, 1): say(f"{name}: exit status {run['status']}: {run['err'][:200]}")
        if "panicked" in run["err"]: say(f"{name}: {run['err'][:300]}")
        if run["seconds"] > seconds: say(f"{name}: {run['seconds']:.1f} s")
        if run["mib"] > mib: say(f"{name}: {run['mib']:.0f} MiB")
        for stream_name in ("out", "err"):
            c = obeyed(run[stream_name], True)
            if c: say(f"{name}: a terminal obeys {c!r} on std{stream_name}")
        if name == "deid" and any(w in run["out"] + run["err"] for w in ("Zqhidden", "zqhidden", "Zqpatient")): say("deid: prints what is hidden")
        if name == "text" or run["status"] not in (0, 1): continue
        try: lines = strict(run["out"])
        except ValueError as e:
            say(f"{name}: no strict JSON: {e}"); continue
        judged = judge_scan if name == "scan" else judge_deid
        judged(case, lines, result, say)
    if snapshot(folder) != before: say("the input was changed")
    if os.listdir(cwd): say(f"something was written to the current folder: {os.listdir(cwd)}")
    shutil.rmtree(result, ignore_errors=True)
    return wrong, worst

def counted(case, n):
    return str(n) in str(case["count"]).split("|")

def judge_scan(case, lines, _, say):
    summary = lines[-1]["summary"]
    if not counted(case, summary["files"]): say(f"scan: {summary['files']} files instead of {case['count']}")
    if summary["dicom"] + summary["not_dicom"] + summary["rejected"] != summary["files"]: say(f"scan: not every file is accounted for: {summary}")
    found = outcome_of_scan(lines, summary)
    if case["scan"] and not one_of(case["scan"], found): say(f"scan: {found} instead of {case['scan']}")
    pixels = [l["instance"] for l in lines if "instance" in l]
    for p in pixels[:1] or [None]:
        found = "none" if p is None else "ok" if p["error"] is None else p["error"]
        if case["pixels"] and not one_of(case["pixels"], found): say(f"pixels: {found} instead of {case['pixels']}")
        if p is not None and (p["error"] is None) == (p["pixels_sha256"] is None): say(f"pixels: neither decoded nor refused: {p}")

def judge_deid(case, lines, result, say):
    summary = lines[-1]
    if not counted(case, summary["instances"]): say(f"deid: {summary['instances']} files instead of {case['count']}")
    if summary["written"] + summary["quarantined"] + summary["rejected"] != summary["instances"]: say(f"deid: not every file is accounted for: {summary}")
    if sorted(os.listdir(result)) != ["instances", "ledger.jsonl"]: say(f"deid: OUT holds {os.listdir(result)}")
    with open(os.path.join(result, "ledger.jsonl"), encoding="utf-8") as f: ledger = strict(f.read())
    if len(ledger) != summary["instances"]: say(f"deid: {len(ledger)} lines in the ledger")
    outputs = [l["output"] for l in ledger if l["output"]]
    for l in ledger:
        found = l["status"] + (f":{l['reason']}" if l["reason"] else "")
        if not one_of(case["deid"], found): say(f"deid: {found} ({l.get('detail')}) instead of {case['deid']}")
        if l["status"] == "written" and not l["verified"]: say("deid: written and not verified")
        if (l["status"] == "written") != (l["output"] is not None) or (l["status"] != "written") != bool(l["reason"]): say(f"deid: a line of the ledger contradicts itself: {l}")
    there = []
    for here, folders, files in os.walk(result):
        for n in files:
            path = os.path.join(here, n); there.append(os.path.relpath(path, result))
            with open(path, "rb") as f: data = f.read()
            for needle in needles():
                if needle in data or needle in path.encode(): say(f"deid: {needle!r} stands in {os.path.relpath(path, result)}")
    if sorted(there) != sorted(outputs + ["ledger.jsonl"]): say(f"deid: the ledger does not tell all that was written: {there}")

def needles():
    for word in (b"Zqhidden", b"zqhidden", b"ZQHIDDEN", b"Zqpatient", b"ZQPATIENT"):
        yield word
        yield word.decode().encode("utf-16-le")
    for word in (HIDDEN, PATIENT): yield base64.b64encode(word)[:12]

def run(gantry, out):
    limits = float(os.environ.get("HOSTILE_SECONDS", "2")), float(os.environ.get("HOSTILE_MIB", "512"))
    with open(os.path.join(out, "cases.json")) as f: cases = json.load(f)
    only, bad = os.environ.get("HOSTILE_ONLY"), 0
    for case_ in cases:
        if only and only not in case_["name"]: continue
        wrong, worst = judge(os.path.abspath(gantry), os.path.abspath(out), case_, limits)
        bad += bool(wrong)
        print(json.dumps({"case": case_["name"], "folder": case_["folder"], "wrong": wrong, "seconds_mib": worst}), flush=True)
    print(json.dumps({"cases": len(cases), "bad": bad}))
    return 1 if bad else 0

if __name__ == "__main__":
    if sys.argv[1:2] == ["make"] and len(sys.argv) == 3: make(sys.argv[2])
    elif sys.argv[1:2] == ["run"] and len(sys.argv) == 4: sys.exit(run(sys.argv[2], sys.argv[3]))
    else: sys.exit(__doc__)
