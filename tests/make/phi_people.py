"""Invented people of many scripts, and every way in which they are written: what phi_corpus.py plants."""

# charset, name with its component groups, how else people write it, identifiers, birth date
SUBJECTS = [
    ("", "Wetherquill^Lucasta^M", ["Lucasta Wetherquill", "WETHERQUILL, LUCASTA", "wetherquill_lucasta", "Wetherquill-Lucasta"], ["MRN-7719-0043", "ZK88Q1"], "19410207"),
    ("ISO_IR 100", "Müllenhoff^Jörgen", ["Joergen Muellenhoff", "Jorgen Mullenhoff", "MÜLLENHOFF JÖRGEN"], ["4471-99823", "HX77-PQ"], "19550917"),
    ("ISO_IR 101", "Łukaszewicz^Żanetta", ["Lukaszewicz Zanetta", "Żanetta Łukaszewicz"], ["PL55081299917"], "19620315"),
    ("ISO_IR 109", "Ġwiedwila^Ħelenka", ["Gwiedwila Helenka"], ["MT-0088123"], "19670809"),
    ("ISO_IR 110", "Ķirsbērziņš^Ļudvika", ["Kirsberzins Ludvika"], ["LV-311267-1"], "19671231"),
    ("ISO_IR 148", "Gökçeoğlan^İpekşah", ["Gokceoglan Ipeksah"], ["TR10293847566"], "19840229"),
    ("ISO_IR 203", "Šœurdžan^Žélinda", ["Soeurdzan Zelinda"], ["FR-2-84-11"], "19841105"),
    ("ISO_IR 192", "Nguyễnvỹ^Đặngthảo", ["Nguyenvy Dangthao", "Đặngthảo Nguyễnvỹ"], ["VN-0099-8811"], "19700630"),
    ("ISO_IR 13\\ISO 2022 IR 87", "ﾔﾏﾃﾞﾗｷ^ﾀﾛｳｼﾞ=山寺木^太郎次=やまでらき^たろうじ", ["山寺木太郎次"], ["JP00991178"], "19480102"),
    ("\\ISO 2022 IR 87", "Yamadera^Tarouji=山寺^太郎次=やまでら^たろうじ", ["山寺太郎次", "Tarouji Yamadera", "やまでら"], ["JP00991177"], "19480101"),
    ("\\ISO 2022 IR 149", "Hongpyo^Gildongsu=洪杓^吉洞秀=홍표^길동수", ["홍표 길동수", "Gildongsu Hongpyo"], ["KR-660101-118"], "19660101"),
    ("GB18030", "Wangzhe^XiaoDongli=王哲^小东丽", ["王哲小东丽", "XiaoDongli Wangzhe"], ["CN330106199"], "19910228"),
    ("GBK", "Zhaoqian^Sunliwei=赵倩^孙丽伟", ["赵倩孙丽伟"], ["CN440301200"], "19930506"),
    ("ISO_IR 144", "Люксёвич^Пётрович", ["Пётрович Люксёвич", "ЛЮКСЁВИЧ"], ["RU-77-01-4432"], "19731231"),
    ("ISO_IR 126", "Διονυσάκης^Σταύρακας", ["Σταύρακας Διονυσάκης"], ["GR-88-1-77123"], "19800229"),
    ("ISO_IR 138", "שרוןברג^דבורהלה", ["דבורהלה שרוןברג"], ["IL3399184"], "19590505"),
    ("ISO_IR 127", "قبانيزاد^نزارالدين", ["نزارالدين قبانيزاد"], ["SY-19230321"], "19230321"),
    ("ISO_IR 166", "ศรีสุวรรณา^ประเสริฐพร", ["ประเสริฐพร ศรีสุวรรณา"], ["TH1103700"], "19770413"),
]
# Physicians, operators, relatives: named in every instance of every study.
OTHERS = ["Brackenthwaite^Osbert", "Quillfeather^Ottoline", "Fotheringay^Peregrine"]
# Physicians of whom each is named, as a person, in one instance of a study; the next instance has the bare word.
STRANGERS = ["Vandermolink^Ignatius", "Oyelaranmi^Babatunda", "Szczepankow^Wieslawa", "Brankovicek^Dragutina", "Haugstadvik^Torbjorna", "Kereszthegyi^Zsoltana", "Echeverrigar^Itziarra", "Papachristou^Evangelina"]
PLACE, ADDRESS = "Grimblewick Infirmary", "17 Thistledown Crescent, Ormsgarth"
PHONES = ["+44 7700 900123", "(07700) 900-123", "07700/900123"]
MAIL, URL, STATION = "lucasta.w@grimblewick.example", "https://pacs.grimblewick.example/p?id=4471", "GRIMBLECT9"
# What must stay of a text after cleaning.
PHRASES = [
    "CT CHEST WITH CONTRAST 2.5mm", "AX T2 FLAIR FS", "t1_mprage_sag_p2_iso", "DWI b1000 ADC", "PET WB AC", "Lung 1.0 Bl57", "MIP COR 10",
    "ABDOMEN PELVIS PORTAL VENOUS", "LEFT KNEE PD FS SAG", "CEREBRAL PERFUSION", "HEAD WO CONTRAST", "LIVER ARTERIAL PHASE", "THORAX", "MAMMOGRAPHY MLO LEFT", "SCOUT", "LOCALIZER",
]
CODECS = {"": "ascii", "ISO_IR 100": "latin-1", "ISO_IR 101": "iso8859_2", "ISO_IR 109": "iso8859_3", "ISO_IR 110": "iso8859_4", "ISO_IR 144": "iso8859_5", "ISO_IR 127": "iso8859_6", "ISO_IR 126": "iso8859_7", "ISO_IR 138": "iso8859_8", "ISO_IR 148": "iso8859_9", "ISO_IR 203": "iso8859_15", "ISO_IR 166": "cp874"}


def encodable(text, charset):
    """Whether a text can stand in a data set with this Specific Character Set."""
    try:
        text.encode(CODECS.get(charset, "utf-8"))
    except UnicodeError:
        return False
    return True


def dates(day):
    """The layouts in which people write a date."""
    y, m, d = day[:4], day[4:6], day[6:]
    return [day, f"{y}-{m}-{d}", f"{y}/{m}/{d}", f"{d}.{m}.{y}", f"{m}/{d}/{y}", f"{d}/{m}/{y}", f"{d}-{m}-{y}"]


def identities(who):
    """Every way in which the subject, people around it and places are written."""
    _, name, variants, ids, birth = who
    people = [name.split("=")[0].replace("^", " ")] + variants + [o.replace("^", ", ") for o in OTHERS]
    return people + ids + dates(birth) + [PLACE, ADDRESS, MAIL, URL] + PHONES


def forbidden(who, strangers):
    """What must not occur in an output about this subject."""
    import re

    _, name, variants, ids, birth = who
    words = re.split(r"[\^=]", name) + [w for v in variants for w in re.split(r"[ ,._-]+", v)]
    words += [w for p in OTHERS + strangers for w in p.split("^")]
    words += ids + dates(birth) + [PLACE, "grimblewick", "Thistledown", "Ormsgarth", MAIL, URL, STATION, "900123", "900-123"]
    words += ["1.3.6.1.4.1.99999", "PLANTEDID"]
    return sorted({w for w in words if len(w) >= 3 or (w and ord(w[0]) > 0x2E00 and len(w) >= 2)})
