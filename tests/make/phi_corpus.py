"""Plants identities of many scripts and formats in every hiding place of real files, with an answer key.
usage: phi_corpus.py DICOM_TREE PS315_CSV OUT      needs pydicom
OUT gets in/ (the corpus) and key.json: {"identities": [...], "files": {path: {"who", "required": [[tag path, value]], ...}}}"""
import base64, copy, csv, json, os, pathlib, struct, sys, zlib
import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.datadict import dictionary_VR
from pydicom.sequence import Sequence
from pydicom.tag import Tag

tree, table, out = map(pathlib.Path, sys.argv[1:4])
WHO = [  # charset, name, how else people write the name, ids, birth date
    ("", "Wetherquill^Lucasta^M", ["Lucasta Wetherquill", "WETHERQUILL, LUCASTA", "wetherquill_lucasta", "L. Wetherquill"], ["MRN-7719-0043", "ZK88Q1"], "19410207"),
    ("ISO_IR 100", "Müllenhoff^Jörgen", ["Joergen Muellenhoff", "Jorgen Mullenhoff", "MÜLLENHOFF JÖRGEN"], ["4471-99823", "HX77-PQ"], "19550917"),
    ("ISO_IR 101", "Łukaszewicz^Żanetta", ["Lukaszewicz Zanetta", "Żanetta Łukaszewicz"], ["PL55081299917"], "19620315"),
    ("ISO_IR 192", "Nguyễnvỹ^Đặngthảo", ["Nguyenvy Dangthao", "Đặngthảo Nguyễnvỹ"], ["VN-0099-8811"], "19700630"),
    ("\\ISO 2022 IR 87", "Yamadera^Tarouji=山寺^太郎次=やまでら^たろうじ", ["山寺太郎次", "Tarouji Yamadera", "やまでら"], ["JP00991177"], "19480101"),
    ("\\ISO 2022 IR 149", "Hongpyo^Gildongsu=洪杓^吉洞秀=홍표^길동수", ["홍표 길동수", "Gildongsu Hongpyo"], ["KR-660101-118"], "19660101"),
    ("GB18030", "Wangzhe^XiaoDongli=王哲^小东丽", ["王哲小东丽", "XiaoDongli Wangzhe"], ["CN330106199"], "19910228"),
    ("ISO_IR 144", "Люксёвич^Пётрович", ["Пётрович Люксёвич", "ЛЮКСЁВИЧ"], ["RU-77-01-4432"], "19731231"),
    ("ISO_IR 126", "Διονυσάκης^Σταύρακας", ["Σταύρακας Διονυσάκης"], ["GR-88-1-77123"], "19800229"),
    ("ISO_IR 138", "שרוןברג^דבורהלה", ["דבורהלה שרוןברג"], ["IL3399184"], "19590505"),
]
OTHERS = ["Brackenthwaite^Osbert", "Quillfeather^Ottoline", "Fotheringay^Peregrine"]  # physicians, relatives
PLACE, ADDRESS, PHONE, MAIL, URL = "Grimblewick Infirmary", "17 Thistledown Crescent, Ormsgarth", "+44 7700 900123", "lucasta.w@grimblewick.example", "https://pacs.grimblewick.example/p?id=4471"
KEPT = "CT CHEST WITH CONTRAST 2.5mm"

def dates(d):
    y, m, dd = d[:4], d[4:6], d[6:]
    return [d, f"{y}-{m}-{dd}", f"{dd}.{m}.{y}", f"{m}/{dd}/{y}", f"{dd}/{m}/{y}"]

def everything(who):
    charset, name, variants, ids, birth = who
    people = [name] + variants + [o.replace("^", ", ") for o in OTHERS]
    return people + ids + dates(birth) + [PLACE, ADDRESS, PHONE, MAIL, URL]

def encodable(text, charset):
    codec = {"": "ascii", "ISO_IR 100": "latin-1", "ISO_IR 101": "iso8859_2", "ISO_IR 144": "iso8859_5", "ISO_IR 126": "iso8859_7", "ISO_IR 138": "iso8859_8"}.get(charset)
    if codec is None: return True
    try: text.encode(codec); return True
    except UnicodeError: return False

def put(ds, tag, vr, value):
    try: ds.add(DataElement(Tag(tag), vr, value))
    except Exception: pass

def person_fields(ds, who, i):
    charset, name, variants, ids, birth = who
    if charset: ds.SpecificCharacterSet = charset.split("\\") if "\\" in charset else charset
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientAge, ds.PatientSex = name, ids[0], birth, "092Y", "F"
    ds.OtherPatientIDs = ids
    ds.PatientAddress, ds.PatientTelephoneNumbers, ds.InstitutionName, ds.InstitutionAddress = ADDRESS, PHONE, PLACE, ADDRESS
    ds.ReferringPhysicianName, ds.OperatorsName, ds.PerformingPhysicianName = OTHERS[0], OTHERS[1], OTHERS[2]
    ds.AccessionNumber, ds.StudyID, ds.StationName, ds.DeviceSerialNumber = f"ACCN{88100 + i}Z", f"STDY{i}77", "GRIMBLECT9", f"SNQX{77000 + i}"
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = "20230917"
    ds.StudyTime = ds.SeriesTime = ds.ContentTime = "091500"
    ds.PatientComments = f"{variants[0]} born {dates(birth)[1]}, call {PHONE} or {MAIL}"

def all_of_the_table(ds, who):
    texts = [t for t in everything(who) if encodable(t, who[0])]
    n = 0
    for row in csv.DictReader(open(table)):
        tag = row["tag"].strip("()").replace(",", "")
        if len(tag) != 8 or not all(c in "0123456789ABCDEFabcdef" for c in tag): continue
        tag = int(tag, 16)
        if tag >> 16 < 8 or Tag(tag) in ds: continue
        try: vr = dictionary_VR(tag)
        except KeyError: continue
        value = texts[n % len(texts)]; n += 1
        if vr in ("LO", "LT", "ST", "UT", "UC"): put(ds, tag, vr, value[:64])
        elif vr == "SH": put(ds, tag, vr, value[:16])
        elif vr == "PN": put(ds, tag, vr, who[1])
        elif vr == "DA": put(ds, tag, vr, who[4])
        elif vr == "DT": put(ds, tag, vr, who[4] + "101112")
        elif vr == "AE": put(ds, tag, vr, "GRIMBLECT9")
        elif vr == "UR": put(ds, tag, vr, URL)
        elif vr == "UI": put(ds, tag, vr, f"1.3.6.1.4.1.99999.77.{tag}")

def notes(ds, who):
    """Free text that must keep its words and lose its people."""
    texts = [t for t in who[2] if encodable(t, who[0])]
    ds.StudyDescription = f"{KEPT} {texts[0]}"[:64]
    ds.SeriesDescription = KEPT
    ds.ImageComments = "\r\n".join([KEPT] + [f"seen {t} on {d}" for t, d in zip(texts, dates(who[4]))] + [f"{PHONE} {MAIL} {URL} {ADDRESS} {PLACE}"])
    ds.add_new(0x00189424, "LT", f"protocol of {texts[0]}")
    return [["(0008,103E)", KEPT], ["(0008,1030)", "CHEST"], ["(0020,4000)", "CONTRAST"]]

def deep(ds, who):
    inner = Dataset()
    inner.add_new(0x0040A160, "UT", f"{KEPT} {who[2][0] if encodable(who[2][0], who[0]) else OTHERS[0]}")
    inner.add_new(0x0040A123, "PN", who[1]); inner.add_new(0x00100020, "LO", who[3][0]); inner.add_new(0x00080080, "LO", PLACE)
    inner.add_new(0x0008103E, "LO", OTHERS[1].replace("^", " ")); inner.add_new(0x00404037, "PN", OTHERS[2])
    block = inner.private_block(0x0019, "GRIMBLE PRIVATE", create=True); block.add_new(0x01, "LO", who[3][0]); block.add_new(0x02, "UN", who[3][0].encode())
    for _ in range(12):
        outer = Dataset(); outer.add_new(0x00081115, "SQ", Sequence([inner])); inner = outer
    ds.add_new(0x00081115, "SQ", Sequence([inner]))

def hidden(ds, who):
    name, mrn = OTHERS[0].replace("^", " "), who[3][0]
    ds.add_new(0x00080060, "CS", ds.get("Modality", "OT")); ds.add_new(0x00180015, "CS", OTHERS[0].split("^")[0].upper()[:16])
    for group in (0x0009, 0x0019, 0x0029, 0x0051, 0x2001, 0x2005):
        creator = {0x0019: "SIEMENS MR HEADER", 0x2001: "Philips Imaging DD 001"}.get(group, "GRIMBLE PRIVATE")
        block = ds.private_block(group, creator, create=True)
        block.add_new(0x08, "LO", mrn); block.add_new(0x0C, "UN", name.encode()); block.add_new(0x40, "OB", zlib.compress((name + mrn).encode()))
        block.add_new(0x41, "LT", base64.b64encode((name + " " + mrn).encode()).decode()); block.add_new(0x42, "LT", (name + mrn).encode().hex())
    if "PixelData" in ds:
        for g in (0x6000, 0x6002):
            ds.add_new((g, 0x0010), "US", 8); ds.add_new((g, 0x0011), "US", 128); ds.add_new((g, 0x0040), "CS", "G"); ds.add_new((g, 0x0050), "SS", [1, 1])
            ds.add_new((g, 0x0100), "US", 1); ds.add_new((g, 0x0102), "US", 0); ds.add_new((g, 0x3000), "OW", (name + mrn).encode().ljust(128, b"\0")); ds.add_new((g, 0x4000), "LT", name); ds.add_new((g, 0x0022), "LO", name)
    ds.add_new((0x5000, 0x3000), "OW", (name + mrn + " ").encode()[:len(name + mrn) // 2 * 2]); ds.add_new((0x5000, 0x2500), "LO", name)
    icon = Dataset(); icon.Rows, icon.Columns, icon.PixelData = 8, 8, (name * 9)[:64].encode(); icon["PixelData"].VR = "OB"
    ds.add_new(0x00880200, "SQ", Sequence([icon]))
    signature = Dataset(); signature.add_new(0x04000115, "OB", (name + mrn + " ").encode()[:len(name + mrn) // 2 * 2]); signature.add_new(0x04000120, "OB", b"\1\2")
    ds.add_new(0xFFFAFFFA, "SQ", Sequence([signature]))
    original = Dataset(); changed = Dataset(); changed.PatientName, changed.PatientID = who[1], mrn
    original.add_new(0x04000550, "SQ", Sequence([changed])); original.add_new(0x04000563, "LO", "GRIMBLECT9")
    ds.add_new(0x04000561, "SQ", Sequence([original]))
    equipment = Dataset(); equipment.Manufacturer, equipment.InstitutionName, equipment.StationName = "ACME", PLACE, "GRIMBLECT9"; equipment.add_new(0x0018A003, "ST", f"sent by {name}")
    ds.add_new(0x0018A001, "SQ", Sequence([equipment]))
    request = Dataset(); request.add_new(0x00401001, "SH", mrn[:16]); request.add_new(0x00400007, "LO", f"{KEPT} {name}"[:64]); ds.add_new(0x00400275, "SQ", Sequence([request]))
    ds.add_new(0x00181010, "LO", "GRIMBLECT9"); ds.add_new(0x00081190, "UR", URL); ds.add_new(0x00100033, "LO", "S16.02.07 " + mrn)
    ds.add_new(0x00420010, "ST", f"Report of {name}"); ds.add_new(0x0040A168 - 8, "UT", f"{name} {mrn}")
    code = Dataset(); code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "GR1", "99GRIMBLE", f"{name} chest"; ds.add_new(0x00082228, "SQ", Sequence([code]))
    ds.add_new(0x00182041 + 0x100000, "UN", name.encode() + b" " * (len(name) % 2))

def groups(ds, who):
    item = Dataset(); content = Dataset(); content.add_new(0x00209158, "LT", who[2][0] if encodable(who[2][0], who[0]) else OTHERS[0]); content.add_new(0x00189074, "DT", "20230917101112"); item.add_new(0x00209111, "SQ", Sequence([content]))
    block = item.private_block(0x0021, "GRIMBLE PRIVATE", create=True); block.add_new(0x10, "PN", who[1])
    ds.add_new(0x52009229, "SQ", Sequence([item])) if 0x52009229 not in ds else ds[0x52009229].value[0].update({e.tag: e for e in item})

def unused_bits(ds, message):
    if ds.get("BitsAllocated") != 16 or ds.get("BitsStored", 16) > 12 or ds.get("PixelRepresentation") or ds.file_meta.TransferSyntaxUID.is_compressed or ds.get("HighBit") != ds.get("BitsStored", 0) - 1: return
    words = bytearray(ds.PixelData); bits = [b >> k & 1 for b in message.encode() for k in range(8)]
    for i, bit in enumerate(bits[: len(words) // 2]): words[2 * i + 1] |= bit << 7
    ds.PixelData = bytes(words)

def write(ds, path, who):
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.file_meta.SourceApplicationEntityTitle = "GRIMBLECT9"; ds.file_meta.PrivateInformationCreatorUID = "1.3.6.1.4.1.99999.1"; ds.file_meta.PrivateInformation = OTHERS[0].encode() + b" " * (len(OTHERS[0]) % 2)
    ds.preamble = (who[3][0] + " " + OTHERS[0]).encode().ljust(128, b"\0")
    ds.save_as(path, enforce_file_format=True)

bases = [p for p in ["pydicom/test_files/CT_small.dcm", "pydicom/test_files/MR_small.dcm", "highdicom/ct_image.dcm", "highdicom/sr_document.dcm", "pydicom/test_files/rtplan.dcm", "pydicom/test_files/rtdose.dcm", "pydicom/test_files/waveform_ecg.dcm", "pydicom/test_files/JPEG2000.dcm", "pydicom/test_files/MR_small_RLE.dcm", "pydicom/test_files/MR_small_bigendian.dcm", "pydicom/test_files/image_dfl.dcm", "pydicom/test_files/eCT_Supplemental.dcm", "highdicom/seg_image_ct_binary.dcm"] if (tree / p).is_file()]
key = {"identities": [], "files": {}}
for charset, name, variants, ids, birth in WHO: key["identities"].append({"name": name, "variants": variants, "ids": ids, "birth": birth})
key["others"], key["texts"] = OTHERS, [PLACE, ADDRESS, PHONE, MAIL, URL, "GRIMBLECT9", "grimblewick", "Thistledown", "Ormsgarth"]
n = 0
for i, who in enumerate(WHO):
    for base in bases:
        try: ds = pydicom.dcmread(tree / base, force=True); ds.decode() if False else None
        except Exception: continue
        if not hasattr(ds.file_meta, "TransferSyntaxUID"): ds.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
        for e in list(ds.group_dataset(0x0010)): del ds[e.tag]
        ds.pop("SpecificCharacterSet", None)
        person_fields(ds, who, i); required = notes(ds, who); all_of_the_table(ds, who); deep(ds, who); hidden(ds, who); groups(ds, who)
        ds.StudyInstanceUID = f"1.3.6.1.4.1.99999.1.{i}"; ds.SeriesInstanceUID = f"1.3.6.1.4.1.99999.2.{i}.{n}"; ds.SOPInstanceUID = f"1.3.6.1.4.1.99999.3.{n}"; ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        if "PixelData" in ds: ds.BurnedInAnnotation = "NO"; unused_bits(ds, OTHERS[0] + who[3][0])
        family = OTHERS[n % 3].split("^")[0]
        path = pathlib.Path(f"{family}_{who[3][0]}") / f"{who[3][0]}_{n:03d}.dcm"
        try: write(ds, out / "in" / path, who)
        except Exception as error: print("left out", base, charset, type(error).__name__, error, file=sys.stderr); continue
        if n % 4 == 0:
            with open(out / "in" / path, "ab") as f: f.write(b"\0" * 8)
        key["files"][str(path)] = {"who": i, "required": required if "StudyDescription" in ds else []}
        n += 1
# Documents
for kind, mime, payload in (("pdf", "application/pdf", b"%PDF-1.4 " + zlib.compress(OTHERS[0].encode()) + WHO[0][3][0].encode()), ("cda", "text/XML", f"<ClinicalDocument><name>{OTHERS[1]}</name></ClinicalDocument>".encode())):
    ds = pydicom.dcmread(tree / "pydicom/test_files/CT_small.dcm")
    for e in list(ds): 
        if e.tag.group in (0x0028, 0x7FE0, 0x0018, 0x0020) and e.tag not in (0x0020000D, 0x0020000E): del ds[e.tag]
    person_fields(ds, WHO[0], 0); ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = f"1.2.840.10008.5.1.4.1.1.104.{1 if kind == 'pdf' else 2}"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.3.6.1.4.1.99999.4.{len(kind)}{kind == 'pdf'}".replace("True", "1").replace("False", "0")
    ds.MIMETypeOfEncapsulatedDocument, ds.EncapsulatedDocument, ds.DocumentTitle, ds.BurnedInAnnotation = mime, payload + b"\0" * (len(payload) % 2), f"{OTHERS[0]} chest", "NO"
    path = pathlib.Path("docs") / f"{kind}.dcm"; write(ds, out / "in" / path, WHO[0]); key["files"][str(path)] = {"who": 0, "required": []}
directory = tree / "pydicom/test_files/DICOMDIR"
for p in [directory, *tree.glob("**/DICOMDIR")]:
    if p.is_file(): (out / "in" / "DICOMDIR").write_bytes(p.read_bytes()); break
(out / "in" / f"{OTHERS[0]}.txt").write_text(f"{OTHERS[0]} is not DICOM")
json.dump(key, open(out / "key.json", "w"), ensure_ascii=False, indent=1)
print(len(key["files"]))
