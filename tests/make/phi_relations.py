"""Compares what files say of each other before and after de-identification: the graph of UIDs, dates, geometry.

usage: phi_relations.py IN OUT MAP      needs pydicom; MAP has lines of {"source", "output"}
Prints {"files", "uids", "edges", "conflicts": [...], "lost": {tag path: count}, "shifts": {"subjects", "dates", "wrong": [...]}}
An edge is (the object that says it, by which path of tags, the UID it says). "conflicts" are UIDs with two images or two
origins and edges that lead elsewhere; "lost" counts edges whose attribute or sequence is gone, by the outermost tag that is.
"""
import collections
import datetime
import json
import pathlib
import sys
import warnings

import pydicom

warnings.simplefilter("ignore")


# Classes, syntaxes, coding schemes: what a UID of these names is no object.
CLASSES = {0x00080016, 0x0008001A, 0x0008001B, 0x00081150, 0x0008115A, 0x0008010C, 0x00080117, 0x00080118, 0x00083002, 0x0040DB0D}


def uids(ds, path=(), steps=()):
    """Every UID in public attributes: path of tags, exact place, value."""
    for e in ds:
        if e.tag.is_private or e.tag.group < 8:
            continue
        here = (*path, f"{int(e.tag):08X}")
        if e.VR == "SQ":
            for i, item in enumerate(e.value or []):
                yield from uids(item, here, (*steps, int(e.tag), i))
        elif e.VR == "UI" and int(e.tag) not in CLASSES:
            values = e.value if isinstance(e.value, pydicom.multival.MultiValue) else [e.value]
            for k, value in enumerate(values):
                if value:
                    yield here, (*steps, int(e.tag), k), str(value).strip()


def gone(ds, steps):
    """The path of the outermost tag of a place that is no more."""
    path = []
    for tag, index in zip(steps[0::2], steps[1::2]):
        path.append(f"{tag:08X}")
        if ds is None or tag not in ds:
            return ".".join(path)
        value = ds[tag].value
        ds = value[index] if ds[tag].VR == "SQ" and index < len(value) else None
    return ".".join(path)


def day(text):
    try:
        return datetime.date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None


def dates(ds, steps=()):
    for e in ds:
        if e.tag.is_private or e.tag.group < 8:
            continue
        if e.VR == "SQ":
            for i, item in enumerate(e.value or []):
                yield from dates(item, (*steps, int(e.tag), i))
        elif e.VR in ("DA", "DT") and isinstance(e.value, str) and len(e.value) >= 8:
            yield (*steps, int(e.tag)), str(e.value)


def main(tree, out, crosswalk):
    image, origin, edges, conflicts, lost = {}, {}, 0, [], collections.Counter()
    graph = [collections.Counter(), collections.Counter()]
    shifts, wrong, moved = collections.defaultdict(set), [], 0
    files = 0
    for line in open(crosswalk):
        m = json.loads(line)
        if not m["output"]:
            continue
        before = pydicom.dcmread(pathlib.Path(tree) / m["source"], force=True, stop_before_pixels=True)
        after = pydicom.dcmread(pathlib.Path(out) / m["output"], stop_before_pixels=True)
        files += 1
        new = {steps: value for _, steps, value in uids(after)}
        owners = [str(d.get("SOPInstanceUID", "")) for d in (before, after)]
        for path, steps, value in uids(before):
            edges += 1
            if steps not in new:
                lost[gone(after, steps)] += 1
                continue
            other = new.pop(steps)
            graph[0][(owners[0], path, value)] += 1
            graph[1][(owners[1], path, other)] += 1
            if image.setdefault(value, other) != other or origin.setdefault(other, value) != value:
                conflicts.append([m["source"], ".".join(path)])
        conflicts += [[m["source"], "new at " + ".".join(f"{s:X}" for s in steps)] for steps in new if steps[0] != 0x00120064]
        there = dict(dates(after))
        for steps, value in dates(before):
            old, moved_to = day(value), day(there.get(steps, ""))
            if old and moved_to:
                moved += 1
                shifts[str(after.PatientID)].add((old - moved_to).days)
                if value[8:] != there[steps][8:]:
                    wrong.append([m["source"], "time of day", [hex(s) for s in steps]])
    # The same graph but for its labels: what the first says, the second says of the images, as often.
    mapped = collections.Counter({(image.get(o, o), path, image[v]): n for (o, path, v), n in graph[0].items()})
    if mapped != graph[1]:
        conflicts.append(["graph", f"{len(mapped - graph[1])} edges lead elsewhere"])
    wrong += [[subject, sorted(days)] for subject, days in shifts.items() if len(days) > 1 or 0 in days]
    print(json.dumps({"files": files, "uids": len(image), "edges": edges, "conflicts": conflicts, "lost": lost, "shifts": {"subjects": len(shifts), "dates": moved, "wrong": wrong}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
