"""Makes src/deid/words.txt: words that may stand in cleaned text. Terms of the standard (dictionary, coded concepts, anatomy) and of
tests/make/deid_words.txt, without what is first of all a person's name.
usage: deid_words.py > src/deid/words.txt      needs pydicom, names (US census lists, most frequent first)"""
import pathlib, re, unicodedata
import names
from pydicom._dicom_dict import DicomDictionary
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts

here = pathlib.Path(__file__).parent
def fold(text): return "".join(c for c in unicodedata.normalize("NFKD", text.replace("ß", "ss")) if not unicodedata.combining(c)).lower()
def words(text): return re.findall(r"[a-z]+", fold(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)))
core = set(re.findall(r"[a-z0-9]+", fold((here / "deid_words.txt").read_text())))
terms = {w for e in DicomDictionary.values() for w in words(e[2])}
for scheme in concepts.values():
    for keyword, codes in scheme.items():
        for meaning, *_ in codes.values(): terms.update(words(meaning))
folder = pathlib.Path(names.__file__).parent
def frequent(file, n): return {line.split()[0].lower() for line in (folder / file).read_text().splitlines()[:n]}
people = frequent("dist.all.last", 12000) | frequent("dist.male.first", 1219) | frequent("dist.female.first", 3000)
lexicon = core | {w for w in terms if len(w) > 1 and w not in people}
print("\n".join(sorted(lexicon)))
