"""Makes src/deid/types.txt: where an attribute with a combined action code is type 1 or 2.
usage: deid_types.py PS315_CSV > src/deid/types.txt      needs pydicom, highdicom"""
import csv, json, pathlib, sys
import highdicom
from pydicom.datadict import tag_for_keyword

folder = pathlib.Path(highdicom.__file__).parent / "_standard"
modules, iods, classes = (json.load(open(folder / f"{n}.json")) for n in ("module_attribute_map", "iod_module_map", "sop_class_iod_map"))
wanted = {int(r["tag"].strip("()").replace(",", ""), 16) for r in csv.DictReader(open(sys.argv[1])) if "/" in r["basic_profile"]}
root, nested = {}, {}
for module, attributes in modules.items():
    for a in attributes:
        tag, kind = tag_for_keyword(a["keyword"]), a["type"][:1]
        if tag not in wanted or kind not in "12": continue
        if a["path"]:
            parent = tag_for_keyword(a["path"][-1])
            if parent: nested[parent, tag] = min(kind, nested.get((parent, tag), "9"))
            continue
        for uid, iod in classes.items():
            if any(m["key"] == module for m in iods[iod]):
                root[tag, uid] = min(kind, root.get((tag, uid), "9"))
print("# Type of attributes with a combined action code: tag, sequence that holds it or -, type, SOP classes below 1.2.840.10008.5.1.4")
for tag in sorted(wanted):
    for kind in "12":
        uids = sorted(u.removeprefix("1.2.840.10008.5.1.4.") for (t, u), k in root.items() if t == tag and k == kind)
        if uids: print(f"{tag:08X} - {kind} {' '.join(uids)}")
    for (parent, t), kind in sorted(nested.items()):
        if t == tag: print(f"{tag:08X} {parent:08X} {kind}")
