"""Plants identities of many scripts and formats in every hiding place of DICOM objects, with an answer key.

usage: phi_corpus.py OUT TABLE [DICOM_TREE]      needs pydicom
TABLE is PS3.15 table E.1-1, as CSV or as src/deid/table.txt; without DICOM_TREE only synthetic objects are made.
OUT gets in/ (the corpus) and key.json:
  {"files": {path: {"subject", "study", "forbidden": [...], "expect": [[path of tags, class, argument], ...]}},
   "poison": {path: {"forbidden": [...], "why"}}, "forbidden": [...]}
Classes of required action, under the basic profile with clean descriptors, structured content and graphics, and
modified dates: removed (absent), emptied (there, but not what it was), dummy (there with a value that is not what it
was), gone (absent or not what it was), uid (another UID, everywhere the same), shifted (the subject's own number of
days), time (still a time), kept (unchanged), words (cleaned; the argument's words stay), pixels, pseudonym, marked.
"""
import base64
import csv
import json
import pathlib
import sys
import warnings
import zlib

import pydicom
from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from phi_bases import BASES, code, document, image, instance, plane, real
from phi_people import OTHERS, PHRASES, PLACE, STATION, STRANGERS, SUBJECTS, URL, encodable, forbidden, identities

warnings.simplefilter("ignore")  # Much of what is planted is not what the standard allows.
pydicom.config.replace_un_with_known_vr = False
ROOT = "1.3.6.1.4.1.99999"
DAY = "20230917"
NUMERIC = {"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "DS", "IS", "AT", "OW", "OF", "OD", "OL", "OV"}
# Text that the table does not name and that images cannot be read without.
TECHNICAL = {0x00080070, 0x00081090, 0x00180024, 0x00181210, 0x00281054, 0x00080100, 0x00080102, 0x00080104, 0x00541101, 0x00541105, 0x00541103}
CLASS_UIDS = {0x00080016, 0x0008001A, 0x00081150, 0x0008010C, 0x00080117, 0x00080118, 0x0040DB0D, 0x00020010, 0x00083002, 0x0008115A, 0x0008001B, 0x00080062, 0x04000010}


def read_table(path):
    """Tag to (basic code, whether dates are modified, whether it is cleaned)."""
    if path.suffix == ".csv":
        rows = [(r["tag"], r["basic_profile"], r["retain_long_modified_dates"], r["clean_descriptors"] + r["clean_structured_content"] + r["clean_graphics"]) for r in csv.DictReader(open(path))]
    else:
        lines = [line.split(" ", 4) for line in open(path) if line.startswith("(")]
        rows = [(tag, basic, options[6].strip("-."), options[7:].strip("-.")) for tag, _, basic, options, _ in lines]
    table = {}
    for tag, basic, dates, clean in rows:
        digits = tag.strip("()").replace(",", "")
        if "X" not in digits and not digits.startswith("G"):
            table[int(digits, 16)] = (basic, dates == "C", "C" in clean)
    return table


# ---- planting

def put(ds, tag, vr, value):
    ds.add(DataElement(Tag(tag), vr, value))


def fits(texts, limit, charset):
    return [t for t in texts if len(t) <= limit and encodable(t, charset)]


class Planter:
    """Plants one subject into one object and notes what must become of each thing."""

    def __init__(self, ds, number, subject, strangers, table):
        self.ds, self.number, self.table, self.stated = ds, number, table, {}
        self.who, (self.named_here, self.named_elsewhere) = subject, strangers
        self.charset, self.name, _, self.ids, self.birth = subject
        self.texts, self.words = identities(subject), forbidden(subject, [])
        self.phrase = PHRASES[number % len(PHRASES)]
        self.other = OTHERS[number % 3].replace("^", " ")

    def state(self, path, kind, argument=None):
        self.stated[path] = (kind, argument)

    def all_of_the_table(self):
        """Every attribute that the table names, holding an identity in its own representation."""
        for n, (tag, (basic, _, clean)) in enumerate(sorted(self.table.items())):
            try:
                vr = dictionary_VR(tag).split(" ")[0]
            except KeyError:
                continue
            if tag >> 16 < 8 or tag in self.ds and vr in ("SQ", "OB", "OW", "UN"):
                continue
            text = self.texts[(n + self.number) % len(self.texts)]
            short = fits(self.texts, 16, self.charset)
            if vr in ("LO", "SH", "ST", "LT", "UT", "UC") and clean:
                self.descriptor(tag, vr, n)
            elif vr in ("LO", "ST", "LT", "UT", "UC"):
                put(self.ds, tag, vr, text if encodable(text, self.charset) and len(text) <= 64 else self.other)
            elif vr == "SH":
                put(self.ds, tag, vr, short[n % len(short)])
            elif vr == "PN":
                put(self.ds, tag, vr, [self.name, *OTHERS][n % 4])
            elif vr == "SQ":
                put(self.ds, tag, vr, Sequence([self.person_item(n)]))
            else:
                plain = {"DA": DAY, "DT": DAY + "101112.5", "TM": "101112", "AE": STATION, "UR": URL, "AS": "094Y", "CS": "PLANTEDID", "DS": "17", "IS": "17", "UI": f"{ROOT}.77.{tag}", "US": 17}
                put(self.ds, tag, vr, plain.get(vr, (self.other + " " * (len(self.other) % 2)).encode()))
        self.ds.TimezoneOffsetFromUTC = "+0100"

    def descriptor(self, tag, vr, n):
        room = {"SH": 16, "LO": 64}.get(vr, 4000)
        usable = fits(self.texts, room - len(self.phrase) - 1, self.charset)
        if vr == "SH" or not usable:
            put(self.ds, tag, vr, fits(self.texts, 16, self.charset)[0])
            return
        if room > 64:
            value = "\r\n".join([self.phrase] + [f"{self.phrase} {t}" for t in usable])
        else:
            value = f"{self.phrase} {usable[n % len(usable)]}"
        put(self.ds, tag, vr, value)
        self.state(f"{tag:08X}", "words", self.phrase)

    def person_item(self, n):
        item = Dataset()
        item.add_new(0x00100010, "PN", self.name)
        item.add_new(0x0040A123, "PN", OTHERS[n % 3])
        item.add_new(0x00080080, "LO", PLACE)
        item.add_new(0x00081155, "UI", f"{ROOT}.3.{n % 7}")
        return item

    def subject(self):
        """Patient, study and institution as every object has them."""
        ds = self.ds
        if self.charset:
            ds.SpecificCharacterSet = self.charset.split("\\")
        ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = self.name, self.ids[0], self.birth, "O"
        ds.OtherPatientNames, ds.PatientComments = self.name, "\r\n".join(fits(self.texts, 64, self.charset))
        self.state("00104000", "gone")
        ds.IssuerOfPatientID, ds.StationName, ds.PatientWeight, ds.PatientSize = "GRIMBLEWICK", STATION, "61.5", "1.68"
        ds.InstitutionName, ds.ReferringPhysicianName, ds.OperatorsName = PLACE, OTHERS[0], OTHERS[1]
        ds.PerformingPhysicianName = self.named_here
        ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = DAY
        ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = "101112.25"

    def elsewhere(self):
        """A person whom only another instance of the study names as such, where names are least expected."""
        word = self.named_elsewhere.split("^")[0]
        ds = self.ds
        put(ds, 0x00181160, "SH", word[:16])
        put(ds, 0x00189005, "SH", "_" + word[:15])
        ds.add_new(0x00282000 + 0x1010, "SQ", Sequence([self.lut(word)]))
        ds.add_new(0x00082228, "SQ", Sequence([code("T-D1100", "SRT", f"Head {word}")]))
        put(ds, 0x00189424, "LT", base64.b64encode(f"seen by {self.named_elsewhere}".encode()).decode())
        block = ds.private_block(0x2001, "Philips Imaging DD 001", create=True)
        block.add_new(0x06, "CS", word.upper()[:16])
        if self.number % 2:
            put(ds, 0x00180015, "CS", word.upper()[:16])
        for path in ("00181160", "00189005", "00180015", "00082228.0.00080104", "00189424"):
            self.state(path, "gone" if self.number % 2 or path != "00180015" else None)
        self.state(f"{block.get_tag(0x06):08X}", "gone")

    def lut(self, word):
        item = Dataset()
        item.LUTDescriptor, item.LUTExplanation = [4, 0, 16], f"window of {word}"
        item["LUTDescriptor"].VR = "US"
        item.add_new(0x00283006, "OW", b"\0\0\1\0\2\0\3\0")
        return item

    def deep(self):
        """Twelve levels down, with private elements inside items."""
        inner = self.person_item(1)
        text = fits(self.texts, 64, self.charset)[self.number % 3]
        inner.add_new(0x0040A160, "UT", f"{self.phrase} {text}")
        inner.add_new(0x00100020, "LO", self.ids[0])
        inner.add_new(0x0008103E, "LO", self.other)
        inner.add_new(0x00404037, "PN", OTHERS[2])
        inner.add_new(0x00080022, "DA", DAY)
        inner.add_new(0x00280010, "US", 512)
        block = inner.private_block(0x0019, "GRIMBLE PRIVATE", create=True)
        block.add_new(0x01, "LO", self.ids[0])
        block.add_new(0x02, "UN", self.ids[0].encode() + b" " * (len(self.ids[0]) % 2))
        path = "00081115.0." * 12
        self.state(f"{path}0040A160", "words", self.phrase)
        for element in (0x00191001, 0x00191002):
            self.state(f"{path}{element:08X}", "removed")
        for _ in range(12):
            outer = Dataset()
            outer.add_new(0x00081115, "SQ", Sequence([inner]))
            inner = outer
        put(self.ds, 0x00081115, "SQ", inner[0x00081115].value)

    def private(self):
        """Private elements of makers: identities in them go, numbers that geometry and physics need stay."""
        secret = f"{self.other} {self.ids[0]}"
        for group in (0x0009, 0x0019, 0x0029, 0x0051, 0x2001, 0x2005):
            creator = {0x0019: "SIEMENS MR HEADER", 0x2001: "Philips Imaging DD 001"}.get(group, "GRIMBLE PRIVATE")
            block = self.ds.private_block(group, creator, create=True)
            values = {
                0x08: ("LO", self.ids[0]), 0x40: ("OB", padded(zlib.compress(secret.encode()))), 0x41: ("LT", base64.b64encode(secret.encode()).decode()),
                0x42: ("LT", secret.encode().hex()), 0x43: ("PN", self.name), 0x44: ("UN", padded(secret.encode())), 0x45: ("UT", secret), 0x46: ("DA", DAY), 0x47: ("UI", f"{ROOT}.9"),
            }
            for element, (vr, value) in values.items():
                block.add_new(element, vr, value)
                self.state(f"{block.get_tag(element):08X}", "removed")
        for group, creator, element in ((0x0019, "SIEMENS MR HEADER", 0x0C), (0x0019, "SIEMENS MR HEADER", 0x0E), (0x0019, "SIEMENS MR HEADER", 0x27), (0x0043, "GEMS_PARM_01", 0x39), (0x2001, "Philips Imaging DD 001", 0x03), (0x7053, "Philips PET Private Group", 0x00), (0x7053, "Philips PET Private Group", 0x09)):
            try:
                tag = self.ds.private_block(group, creator).get_tag(element)
            except KeyError:
                continue
            if tag in self.ds:
                self.state(f"{tag:08X}", "kept")

    def graphics(self):
        """Overlays, curves, icons."""
        secret = padded(f"{self.other} {self.ids[0]}".encode())
        if "PixelData" in self.ds:
            for g in (0x6000, 0x6002):
                for element, vr, value in ((0x10, "US", 8), (0x11, "US", 128), (0x22, "LO", self.other), (0x40, "CS", "G"), (0x50, "SS", [1, 1]), (0x100, "US", 1), (0x102, "US", 0), (0x3000, "OW", secret.ljust(128, b"\0")), (0x4000, "LT", self.other)):
                    self.ds.add_new((g, element), vr, value)
        self.ds.add_new((0x5000, 0x3000), "OW", secret)
        self.ds.add_new((0x5000, 0x2500), "LO", self.other)
        icon = Dataset()
        icon.Rows = icon.Columns = 8
        icon.PixelData = (self.other * 9)[:64].encode()
        icon["PixelData"].VR = "OB"
        put(self.ds, 0x00880200, "SQ", Sequence([icon]))

    def sequences(self):
        """Signatures, original attributes, equipment, requests, codes of the house."""
        ds, mrn = self.ds, self.ids[0]
        signature, original, changed, equipment, request, house = (Dataset() for _ in range(6))
        signature.add_new(0x04000115, "OB", padded(f"{self.other} {mrn}".encode()))
        signature.add_new(0x04000120, "OB", b"\1\2")
        put(ds, 0xFFFAFFFA, "SQ", Sequence([signature]))
        changed.PatientName, changed.PatientID = self.name, mrn
        original.add_new(0x04000550, "SQ", Sequence([changed]))
        original.add_new(0x04000563, "LO", STATION)
        put(ds, 0x04000561, "SQ", Sequence([original]))
        equipment.Manufacturer, equipment.InstitutionName, equipment.StationName = "ACME", PLACE, STATION
        equipment.add_new(0x0018A003, "ST", f"sent by {self.other}")
        put(ds, 0x0018A001, "SQ", Sequence([equipment]))
        request.add_new(0x00401001, "SH", mrn[:16])
        request.add_new(0x00400007, "LO", f"{self.phrase} {self.other}"[:64])
        put(ds, 0x00400275, "SQ", Sequence([request]))
        house.CodeValue, house.CodingSchemeDesignator, house.CodeMeaning = "GR1", "99GRIMBLE", f"{self.other} chest"
        put(ds, 0x00082229, "SQ", Sequence([house]))
        self.state("00082229.0.00080104", "gone")
        self.state("00082229.0.00080102", None)

    def odd_corners(self):
        """Attributes that the table does not name, unknown representations, alternative calendars, padding."""
        ds = self.ds
        put(ds, 0x00181010, "LO", STATION)
        put(ds, 0x00081190, "UR", URL)
        put(ds, 0x00100033, "LO", "S16.02.07 " + self.ids[0])
        put(ds, 0x00420010, "ST", f"Report of {self.other}")
        put(ds, 0x00380062, "LO", f"{self.other} {self.ids[0]}")
        put(ds, 0x00282041, "UN", padded(self.other.encode()))
        put(ds, 0x00089459, "FL", 7.5)
        put(ds, 0xFFFCFFFC, "OB", padded(f"{self.other} {self.ids[0]}".encode()))
        for tag in (0x00181010, 0x00081190, 0x00100033, 0x00282041, 0xFFFCFFFC, 0x00380062):
            self.state(f"{tag:08X}", "gone")
        self.state("00420010", None)

    def functional_groups(self):
        content, item = Dataset(), Dataset()
        text = fits(self.texts, 64, self.charset)[self.number % 3]
        content.add_new(0x00209158, "LT", f"{self.phrase} {text}")
        content.add_new(0x00189074, "DT", DAY + "101112")
        item.add_new(0x00209111, "SQ", Sequence([content]))
        block = item.private_block(0x0021, "GRIMBLE PRIVATE", create=True)
        block.add_new(0x10, "PN", self.name)
        if 0x52009229 in self.ds and self.ds[0x52009229].value:
            for element in item:
                self.ds[0x52009229].value[0][element.tag] = element
        else:
            put(self.ds, 0x52009229, "SQ", Sequence([item]))
        self.state("52009229.0.00209111.0.00209158", "words", self.phrase)
        self.state(f"52009229.0.{block.get_tag(0x10):08X}", "removed")

    def unused_bits(self):
        """A message in the bits above Bits Stored, where overlays of old are kept."""
        ds = self.ds
        native = "PixelData" in ds and not ds.file_meta.TransferSyntaxUID.is_compressed and ds.file_meta.TransferSyntaxUID.is_little_endian
        if not native or ds.get("BitsAllocated") != 16 or ds.get("BitsStored", 16) > 12 or ds.get("PixelRepresentation") or ds.get("HighBit") != ds.BitsStored - 1:
            return
        words = bytearray(ds.PixelData)
        bits = [b >> k & 1 for b in f"{self.other} {self.ids[0]}".encode() for k in range(8)]
        for i, bit in enumerate(bits[: len(words) // 2]):
            words[2 * i + 1] |= bit << 7
        ds.PixelData = bytes(words)

    def rest_of_the_dictionary(self, disguised):
        """Every attribute of PS3.6 that the table does not name; `disguised`: as UN, whatever it is."""
        n = 0
        for tag, (vr, *_) in sorted(DicomDictionary.items()):
            if tag >> 16 < 8 or tag >> 16 in (0x0028, 0x7FE0, 0xFFFE) or tag in self.table or tag in self.ds or tag in CLASS_UIDS:
                continue
            n += 1
            vr = vr.split(" ")[0]
            value = self.of_kind(vr, n)
            if value is None or disguised and vr in ("SQ", "UI"):
                continue
            if disguised:
                raw = value if isinstance(value, bytes) else str(value).encode("ascii", "replace")
                put(self.ds, tag, "UN", padded(raw))
            else:
                put(self.ds, tag, vr, value)

    def of_kind(self, vr, n):
        text, person = self.texts[(n + self.number) % len(self.texts)], OTHERS[n % 3].replace("^", " ")
        short = fits(self.texts, 16, self.charset)
        if vr in ("LO", "ST", "LT", "UT", "UC"):
            return text if encodable(text, self.charset) and len(text) <= 64 else person
        if vr == "SQ":
            item = self.person_item(n)
            item.add_new(0x00080104, "LO", f"{person} x")
            item.add_new(0x00080100, "SH", self.ids[0][:16])
            return Sequence([item])
        binary = padded(f"{person} {self.ids[0]}".encode())
        plain = {"SH": short[n % len(short)], "PN": [self.name, *OTHERS][n % 4], "CS": person.split()[0].upper()[:16], "AE": STATION, "UR": URL, "UI": f"{ROOT}.5.{n}", "DA": self.birth, "DT": self.birth + "101010", "TM": "101010", "DS": "17", "IS": "17"}
        return plain.get(vr, binary + b"\0" * (-len(binary) % 8) if vr in ("OB", "UN", "OW", "OF", "OD", "OL", "OV") else None)

    def everything(self):
        self.all_of_the_table()
        self.subject()
        self.sequences()
        self.elsewhere()
        self.deep()
        self.private()
        self.graphics()
        self.odd_corners()
        self.functional_groups()
        self.unused_bits()


def padded(value):
    return value + b"\0" * (len(value) % 2)


# ---- the answer key

def expectations(planter):
    """What must become of every element, at every depth: the planter's word, else the table's, else by its kind."""
    found = []
    walk(planter.ds, "", planter, found)
    found.append(["", "marked", None])
    return found


def walk(ds, path, planter, found):
    for e in ds:
        here = f"{path}{int(e.tag):08X}"
        if here in planter.stated:
            kind, argument = planter.stated[here]
            if kind:
                found.append([here, kind, argument])
        elif e.tag.is_private or e.tag.element == 0:
            continue
        elif e.tag.group & 0xFF00 in (0x5000, 0x6000) and e.tag.group < 0x6100:
            found.append([here, "removed", None])
        elif int(e.tag) in planter.table and not (int(e.tag) == 0x00101030 and path == "" and planter.ds.get("Modality") == "PT"):
            by_table(e, here, planter, found)
        else:
            by_kind(e, here, planter, found)


def items(e, here, planter, found):
    for i, item in enumerate(e.value):
        walk(item, f"{here}.{i}.", planter, found)


def by_table(e, here, planter, found):
    basic, dates, clean = planter.table[int(e.tag)]
    if int(e.tag) == 0x00100020 and "." not in here:
        found.append([here, "pseudonym", None])
    elif int(e.tag) == 0x00080201:
        return
    elif dates and e.VR in ("DA", "DT", "TM"):
        found.append([here, "time" if e.VR == "TM" else "shifted", None])
    elif e.VR == "SQ" and (clean or basic == "X/Z/U*"):
        items(e, here, planter, found)
    elif clean:
        # What an object says by itself may stay; what was planted may not.
        if any(word in str(e.value) for word in planter.words):
            found.append([here, "gone", None])
    else:
        found.append([here, {"X": "removed", "Z": "emptied", "D": "dummy", "U": "uid"}.get(basic, "gone"), None])


def by_kind(e, here, planter, found):
    tag = int(e.tag)
    if e.VR == "SQ":
        items(e, here, planter, found)
    elif tag == 0x7FE00010:
        found.append([here, "pixels", None] if "." not in here else [here, "removed", None])
    elif e.VR == "UI":
        standard = str(e.value).startswith("1.2.840.10008.")
        found.append([here, "kept" if tag in CLASS_UIDS or standard else "uid", None])
    elif e.VR in ("DA", "DT"):
        found.append([here, "shifted", None])
    elif e.VR == "TM":
        found.append([here, "time", None])
    elif e.VR == "PN":
        found.append([here, "gone", None])
    elif e.VR in NUMERIC or e.VR == "CS" and tag not in (0x00080005,) or tag in TECHNICAL:
        found.append([here, "kept", None])


# ---- files

def save(ds, path, planter):
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = ds.file_meta
    meta.SourceApplicationEntityTitle, meta.PrivateInformationCreatorUID = STATION, f"{ROOT}.1"
    meta.PrivateInformation = padded(OTHERS[0].encode())
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.preamble = f"{planter.ids[0]} {OTHERS[0]}".encode().ljust(128, b"\0")[:128]
    ds.save_as(path, enforce_file_format=True)


def load(make):
    ds = make()
    if "TransferSyntaxUID" not in ds.file_meta:
        ds.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    ds.pop("SpecificCharacterSet", None)
    for e in list(ds.group_dataset(0x0010)):
        del ds[e.tag]
    return ds


def uids(ds, subject, number):
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = f"{ROOT}.1.{subject}", f"{ROOT}.2.{subject}.{number}", f"{ROOT}.3.{number}"
    if "PixelData" in ds:
        ds.BurnedInAnnotation = "NO"


def corpus(out, table, tree):
    makers = [(name, make) for name, make in BASES.items()] + list(real(tree))
    key = {"files": {}, "poison": {}, "forbidden": sorted({w for who in SUBJECTS for w in forbidden(who, STRANGERS)})}
    number = 0
    for s, who in enumerate(SUBJECTS):
        mine = [makers[(s + k) % len(makers)] for k in range(0, len(makers), 2)]
        for k, (name, make) in enumerate(mine):
            strangers = (STRANGERS[(s + k) % 8], STRANGERS[(s + (k - 1) % len(mine)) % 8])
            try:
                ds = load(make)
                planter = Planter(ds, number, who, strangers, table)
                planter.everything()
                uids(ds, s, number)
                path = pathlib.Path(f"{planter.name.split('=')[0].split('^')[0]}_{who[3][0]}") / f"{who[3][0]}_{number:03d}.dcm"
                save(ds, out / "in" / path, planter)
            except Exception as error:
                raise SystemExit(f"{name} for {who[0]}: {type(error).__name__} {error}") from error
            if number % 40 == 0:
                with open(out / "in" / path, "ab") as file:
                    file.write(b"\0" * 8)
            again = pydicom.dcmread(out / "in" / path)
            planter.ds = again
            key["files"][str(path)] = {"subject": s, "study": s, "base": name, "forbidden": forbidden(who, [STRANGERS[(s + j) % 8] for j in range(min(8, len(mine)))]), "expect": expectations(planter)}
            number += 1
    for s, who in enumerate(SUBJECTS):
        ds = load(BASES["ct"])
        planter = Planter(ds, number, who, (STRANGERS[s % 8], STRANGERS[s % 8]), table)
        planter.subject()
        planter.rest_of_the_dictionary(disguised=s % 3 == 2)
        for tag in (0x00080100, 0x00080102, 0x00080104, 0x00181210, 0x00181160, 0x00280301):
            ds.pop(Tag(tag), None)
        uids(ds, s, number)
        path = pathlib.Path("dictionary") / f"{who[3][0]}.dcm"
        save(ds, out / "in" / path, planter)
        planter.ds = pydicom.dcmread(out / "in" / path)
        entry = {"subject": s, "study": s, "base": "dictionary", "forbidden": forbidden(who, [STRANGERS[s % 8]])}
        key["files"][str(path)] = {**entry, "expect": [e for e in expectations(planter) if e[1] in ("removed", "gone", "uid", "shifted", "time", "pixels", "pseudonym", "marked") and not (e[1] == "uid" and "." in e[0])]}
        number += 1
    poison(out, key, table, number)
    return key


def poison(out, key, table, number):
    """What no header can make safe: it may be refused, or written clean, but never leak."""
    who = SUBJECTS[0]
    secret = padded(f"{OTHERS[0]} {who[3][0]} {who[1]}".encode())

    def case(name, make, change, after=None):
        nonlocal number
        ds = load(make)
        planter = Planter(ds, number, who, (STRANGERS[0], STRANGERS[1]), table)
        planter.subject()
        uids(ds, 0, number)
        change(ds)
        path = pathlib.Path("poison") / f"{name}.dcm"
        save(ds, out / "in" / path, planter)
        if after:
            data = (out / "in" / path).read_bytes()
            (out / "in" / path).write_bytes(after(data))
        key["poison"][str(path)] = {"forbidden": forbidden(who, STRANGERS[:2]), "why": name}
        number += 1

    def ct():
        return image(plane(instance("2", "CT")), bits=16)

    def pixels(data):
        return lambda ds: setattr(ds, "PixelData", data + ds.PixelData[len(data):])

    def tail(ds):
        ds.PixelData = pydicom.encaps.encapsulate([f + secret for f in pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=4)])

    case("name_in_pixels", ct, pixels(secret))
    case("base64_in_pixels", ct, pixels(base64.b64encode(secret) + b"\0" * (len(base64.b64encode(secret)) % 2)))
    case("hexadecimal_in_pixels", ct, pixels(secret.hex().encode()))
    case("deflated_in_pixels", ct, pixels(padded(zlib.compress(secret * 3))))
    case("utf16_in_pixels", ct, pixels(OTHERS[0].encode("utf-16-le")))
    case("after_a_fragment", BASES["ultrasound"], tail)
    case("after_the_last_element", BASES["report"], lambda ds: None, lambda data: data + secret)
    unknown = b"\xfe\x7f\x01\x00ZZ" + len(secret).to_bytes(2, "little") + secret
    case("unknown_representation", BASES["report"], lambda ds: None, lambda data: data + unknown)
    case("behind_a_zero_byte", ct, lambda ds: ds.add_new(0x00181210, "SH", f"B31f\0{OTHERS[0].split('^')[0]}"))
    case("in_a_uid", ct, lambda ds: ds.add_new(0x00080016, "UI", f"1.2.840.10008.5.1.4.1.1.2\0{OTHERS[0].split('^')[0]}"))
    case("in_a_number", ct, lambda ds: put(ds, 0x00181152, "UN", padded(OTHERS[0].encode())))
    case("in_an_age", ct, lambda ds: put(ds, 0x00101010, "UN", padded(OTHERS[0].encode())))


def documents(out, key, table, number):
    """Encapsulated documents: their text is nowhere afterwards."""
    who = SUBJECTS[0]
    payloads = {
        "pdf": ("1", "application/pdf", b"%PDF-1.4 " + zlib.compress(OTHERS[0].encode()) + who[3][0].encode()),
        "cda": ("2", "text/XML", f"<ClinicalDocument><name>{OTHERS[1]}</name></ClinicalDocument>".encode()),
        "stl": ("3", "model/stl", f"solid {OTHERS[2]}".encode()),
    }
    for name, (kind, mime, payload) in payloads.items():
        ds = document(kind, mime, payload)
        planter = Planter(ds, number, who, (STRANGERS[0], STRANGERS[0]), table)
        planter.subject()
        ds.DocumentTitle = f"{planter.phrase} {planter.other}"
        planter.state("00420010", "words", planter.phrase)
        uids(ds, 0, number)
        path = pathlib.Path("documents") / f"{name}.dcm"
        save(ds, out / "in" / path, planter)
        key["files"][str(path)] = {"subject": 0, "study": 0, "base": name, "forbidden": forbidden(who, STRANGERS[:1]), "expect": expectations(planter)}
        number += 1


def main(out, table, tree=None):
    out, table = pathlib.Path(out), read_table(pathlib.Path(table))
    key = corpus(out, table, pathlib.Path(tree) if tree else None)
    documents(out, key, table, 900)
    directory = tree and next((p for p in pathlib.Path(tree).glob("**/DICOMDIR") if p.is_file()), None)
    if directory:
        (out / "in" / "DICOMDIR").write_bytes(directory.read_bytes())
    (out / "in" / f"{OTHERS[0]}.txt").write_text(f"{OTHERS[0]} is not DICOM")
    json.dump(key, open(out / "key.json", "w"), ensure_ascii=False)
    print(json.dumps({"files": len(key["files"]), "poison": len(key["poison"]), "actions": sum(len(f["expect"]) for f in key["files"].values())}))


if __name__ == "__main__":
    main(*sys.argv[1:])
