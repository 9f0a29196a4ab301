//! Archives as deliveries: counted by member, read in any order, traps refused, nothing left behind.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use common::files::{Slice, file, series};
use common::{gantry, text};
use serde_json::Value;

/// A member of a tar: name, type flag, content.
type Entry<'a> = (&'a str, u8, &'a [u8]);

fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, kind, content) in entries {
        let mut block = [0_u8; 512];
        block[..name.len().min(100)].copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
        block[100..107].copy_from_slice(b"0000644");
        block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        block[156] = *kind;
        block[257..263].copy_from_slice(b"ustar\0");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        out.extend(block);
        out.extend(*content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A member of a zip: name, bits of the general flag, Unix mode, content.
type ZipEntry<'a> = (&'a str, u16, u32, &'a [u8]);

fn zip(entries: &[ZipEntry<'_>]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (number, (name, flags, mode, content)) in entries.iter().enumerate() {
        // Stored and deflated in turn.
        let deflate = number % 2 == 1;
        let mut packed = content.to_vec();
        if deflate {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(content).unwrap();
            packed = encoder.finish().unwrap();
        }
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let mut common = Vec::new();
        common.extend([20, 0]);
        common.extend(flags.to_le_bytes());
        common.extend([if deflate { 8 } else { 0 }, 0, 0, 0, 0, 0]);
        common.extend(crc.sum().to_le_bytes());
        common.extend((packed.len() as u32).to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend((mode << 16).to_le_bytes());
        directory.extend((out.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(packed);
    }
    let at = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((entries.len() as u16).to_le_bytes());
    out.extend((entries.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// Five slices of one series.
fn slices() -> Vec<Vec<u8>> {
    series(5).iter().map(file).collect()
}

fn summary(lines: &[Value]) -> &Value {
    &lines.last().unwrap()["summary"]
}

/// The slices in every kind of archive that is read, beside one another in a folder of its own.
fn deliveries(root: &Path) -> Vec<&'static str> {
    let slices = slices();
    let names: Vec<String> = (0..5).map(|i| format!("delivery/IM{i}")).collect();
    let members: Vec<Entry<'_>> = names.iter().zip(&slices).map(|(n, s)| (&**n, b'0', &**s)).collect();
    let zipped: Vec<ZipEntry<'_>> =
        names.iter().zip(&slices).map(|(n, s)| (&**n, 0, 0o100_644, &**s)).collect();
    let all = [
        ("a.zip", zip(&zipped)),
        ("a.tar", tar(&members)),
        ("a.tar.gz", gz(&tar(&members))),
        ("a.TGZ", gz(&tar(&members))),
    ];
    all.map(|(name, bytes)| {
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join(name), bytes).unwrap();
        name
    })
    .to_vec()
}

#[test]
fn archives_read_as_the_folder_that_they_hold() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    fs::create_dir_all(&plain).unwrap();
    for (i, slice) in slices().iter().enumerate() {
        fs::write(plain.join(format!("IM{i}")), slice).unwrap();
    }
    let hashes = |lines: &[Value]| -> BTreeSet<String> {
        let of = |l: &Value| Some(l["instance"]["pixels_sha256"].as_str()?.to_string());
        lines.iter().filter_map(of).collect()
    };
    let (_, expected, _) = gantry(&["scan", "--pixels", text(&plain)]);
    assert_eq!(hashes(&expected).len(), 5);
    for name in deliveries(dir.path()) {
        let archive = dir.path().join(name).join(name);
        let (exit, lines, _) = gantry(&["scan", "--pixels", text(&archive)]);
        assert_eq!((exit, summary(&lines)["files"].as_u64()), (0, Some(5)), "{name}");
        assert_eq!(hashes(&lines), hashes(&expected), "{name}");
        for key in ["series_uid", "instances", "affine", "slice_order", "spacing_mm", "findings"] {
            assert_eq!(lines[0][key], expected[0][key], "{name} {key}");
        }
        let path = lines.iter().find_map(|l| l["instance"]["path"].as_str()).unwrap();
        assert_eq!(path, archive.join("delivery/IM0").to_str().unwrap(), "{name}");
        let out = dir.path().join(format!("{name}.nii"));
        let (exit, _, err) = gantry(&["convert", text(archive.parent().unwrap()), text(&out)]);
        assert_eq!((exit, out.is_file()), (0, true), "{name} {err}");
        let (exit, lines, _) = gantry(&["qc", text(&archive)]);
        assert!(exit <= 1 && !lines.is_empty(), "{name}");
    }
}

#[test]
fn members_are_deidentified_one_by_one_and_named_only_in_the_map() {
    let dir = tempfile::tempdir().unwrap();
    for name in deliveries(dir.path()) {
        let (input, out, map) = (dir.path().join(name), dir.path().join("out"), dir.path().join("map"));
        let _ = fs::remove_dir_all(&out);
        let (exit, lines, err) = gantry(&["deid", text(&input), text(&out), "--map", text(&map), "--quiet"]);
        assert_eq!((exit, lines[0]["written"].as_u64()), (0, Some(5)), "{name} {err}");
        let mapped = fs::read_to_string(&map).unwrap();
        assert!(mapped.contains(&format!("{name}/delivery/IM4")), "{mapped}");
        let ledger = fs::read_to_string(out.join("ledger.jsonl")).unwrap();
        assert_eq!((ledger.lines().count(), ledger.contains("delivery")), (5, false));
        fs::remove_file(map).unwrap();
    }
}

/// A good slice among traps: how many files, and how often each reason.
fn trapped(name: &str, bytes: &[u8]) -> (u64, Vec<(String, u64)>, u64) {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("in").join(name);
    fs::create_dir(dir.path().join("in")).unwrap();
    fs::write(&archive, bytes).unwrap();
    let (exit, lines, err) = gantry(&["scan", "--pixels", text(&archive)]);
    assert_eq!(exit, 0, "{name} {err}");
    let found = summary(&lines);
    let reasons: Vec<(String, u64)> = found["reasons"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(reason, n)| (reason.clone(), n.as_u64().unwrap()))
        .collect();
    let out = dir.path().join("out");
    let (_, lines, err) = gantry(&["deid", text(&dir.path().join("in")), text(&out), "--quiet"]);
    let (written, all) = (lines[0]["written"].as_u64().unwrap(), lines[0]["instances"].as_u64().unwrap());
    assert_eq!(all, found["files"].as_u64().unwrap(), "{name} {err}");
    assert_eq!(all - written, reasons.iter().map(|r| r.1).sum::<u64>(), "{name} {err} {reasons:?}");
    let left: BTreeSet<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["in", "out"].into_iter().map(Into::into).collect(), "{name}");
    (all, reasons, written)
}

#[test]
fn traps_are_refused_and_the_rest_is_read() {
    let good = file(&series(1)[0]);
    let nested = zip(&[("IM0", 0, 0o100_644, &good)]);
    let traps: &[ZipEntry<'_>] = &[
        ("good", 0, 0o100_644, &good),
        ("/etc/passwd", 0, 0o100_644, &good),
        ("a/../../../tmp/evil", 0, 0o100_644, &good),
        ("..\\..\\evil", 0, 0o100_644, &good),
        ("C:\\evil", 0, 0o100_644, &good),
        ("link", 0, 0o120_777, b"/etc/passwd"),
        ("device", 0, 0o020_666, b""),
        ("secret", 1, 0o100_644, &good),
        ("./good", 0, 0o100_644, &good),
        ("inner.zip", 0, 0o100_644, &nested),
    ];
    let unsafe_members = |n| vec![("unsafe_archive_member".to_string(), n)];
    assert_eq!(trapped("t.zip", &zip(traps)), (10, unsafe_members(9), 1));
    let traps: &[Entry<'_>] = &[
        ("good", b'0', &good),
        ("/etc/passwd", b'0', &good),
        ("a/../../evil", b'0', &good),
        ("hard", b'1', b""),
        ("soft", b'2', b""),
        ("character", b'3', b""),
        ("block", b'4', b""),
        ("pipe", b'6', b""),
        ("good", b'0', &good),
        ("inner.tgz", b'0', &gz(&tar(&[("IM0", b'0', &good)]))),
        ("folder/", b'5', b""),
    ];
    assert_eq!(trapped("t.tar", &tar(traps)), (10, unsafe_members(9), 1));
    assert_eq!(trapped("t.tar.gz", &gz(&tar(traps))), (10, unsafe_members(9), 1));
}

#[test]
fn what_cannot_be_unpacked_is_said_and_what_expands_is_bounded() {
    let good = file(&series(1)[0]);
    let unreadable = |n| vec![("archive_unreadable".to_string(), n)];
    assert_eq!(trapped("empty.zip", b""), (1, unreadable(1), 0));
    assert_eq!(trapped("noise.tar.gz", &[7; 3000]), (1, unreadable(1), 0));
    assert_eq!(trapped("noise.tar", &[7; 3000]), (1, unreadable(1), 0));
    assert_eq!(trapped("nothing.zip", &zip(&[])), (1, unreadable(1), 0));
    let mut cut = tar(&[("a", b'0', &good), ("b", b'0', &good)]);
    cut.truncate(512 + good.len().next_multiple_of(512) + 512 + 100);
    // The second member is cut; the archive as a whole is damaged.
    assert_eq!(trapped("cut.tar", &cut), (3, unreadable(2), 1));
    assert_eq!(trapped("cut.tgz", &gz(&cut)), (3, unreadable(2), 1));
    // 150 MiB of zeros in a few hundred kilobytes.
    let bomb = vec![0; 150 << 20];
    let large = |n| vec![("too_large".to_string(), n)];
    assert_eq!(trapped("bomb.tgz", &gz(&tar(&[("bomb", b'0', &bomb)]))).1, large(2));
    assert_eq!(trapped("bomb.zip", &zip(&[("a", 0, 0, b"x"), ("bomb", 0, 0, &bomb)])).1[1..], large(1)[..]);
}

#[test]
fn a_wrong_check_sum_is_told_when_the_member_is_read_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut wrong = zip(&[("a", 0, 0o100_644, &file(&series(1)[0]))]);
    // A byte of the pixels.
    wrong[1_000] ^= 1;
    let archive = dir.path().join("in.zip");
    fs::write(&archive, &wrong).unwrap();
    let (_, lines, _) = gantry(&["scan", "--pixels", text(&archive)]);
    let error = lines.iter().find_map(|l| l["instance"]["error"].as_str()).unwrap();
    assert!(error.contains("damaged"), "{error}");
    let (exit, lines, _) = gantry(&["deid", text(&archive), text(&dir.path().join("out")), "--quiet"]);
    assert_eq!((exit, lines[0]["rejected"].as_u64()), (1, Some(1)));
}

#[test]
fn of_a_compressed_tar_whose_check_sum_is_wrong_nothing_is_believed() {
    let good = file(&series(1)[0]);
    let mut stored = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    stored.write_all(&tar(&[("a", b'0', &good), ("b", b'0', &file(&series(2)[1]))])).unwrap();
    let stored = stored.finish().unwrap();
    assert_eq!(trapped("whole.tgz", &stored), (2, vec![], 2));
    let unreadable = |n| vec![("archive_unreadable".to_string(), n)];
    let (pixel, sum) = (1_100, stored.len() - 6);
    for at in [pixel, sum] {
        let mut damaged = stored.clone();
        damaged[at] ^= 1;
        assert_eq!(trapped("damaged.tgz", &damaged).1, unreadable(3), "byte {at}");
        assert_eq!(trapped("damaged.tgz", &damaged).2, 0, "byte {at}");
    }
    assert_eq!(trapped("cut.tgz", &stored[..stored.len() - 4]).2, 0, "the length is missing");
}

/// Bytes below a workspace's landing side that are no database, and names of everything in the workspace.
fn landed(workspace: &Path) -> (u64, Vec<String>) {
    let (mut bytes, mut names, mut folders) = (0, Vec::new(), vec![workspace.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            names.push(text(path.strip_prefix(workspace).unwrap()).to_string());
            if path.is_dir() {
                folders.push(path);
            } else if path.starts_with(workspace.join("landing/received")) {
                bytes += entry.metadata().unwrap().len();
            }
        }
    }
    (bytes, names)
}

#[test]
fn ingest_takes_members_in_once_and_leaves_nothing_in_landing() {
    let dir = tempfile::tempdir().unwrap();
    let workspace = dir.path().join("w");
    assert_eq!(gantry(&["init", text(&workspace)]).0, 0);
    let good = file(&series(1)[0]);
    let delivery = dir.path().join("delivery.tar.gz");
    let slices = slices();
    let names: Vec<String> = (0..5).map(|i| format!("zqhidden/IM{i}")).collect();
    let mut members: Vec<Entry<'_>> = names.iter().zip(&slices).map(|(n, s)| (&**n, b'0', &**s)).collect();
    members.push(("../evil", b'0', &good));
    fs::write(&delivery, gz(&tar(&members))).unwrap();
    let ingest = || {
        let (exit, lines, err) =
            gantry(&["--workspace", text(&workspace), "ingest", text(&delivery), "--site", "A"]);
        assert_eq!(exit, 0, "{err}");
        let count = |key: &str| lines[0][key].as_u64().unwrap();
        ["received", "deidentified", "quarantined", "rejected", "duplicates"].map(count)
    };
    assert_eq!(ingest(), [6, 5, 0, 1, 0]);
    assert_eq!(ingest(), [6, 0, 0, 1, 5]);
    let (bytes, names) = landed(&workspace);
    assert_eq!(bytes, 0);
    assert!(names.iter().all(|n| !n.contains("zqhidden") && !n.contains("evil")), "{names:?}");
    assert!(!dir.path().join("evil").exists());
}

#[test]
fn a_watched_archive_is_opened_once() {
    let dir = tempfile::tempdir().unwrap();
    let (workspace, inbox) = (dir.path().join("w"), dir.path().join("inbox"));
    fs::create_dir(&inbox).unwrap();
    assert_eq!(gantry(&["init", text(&workspace)]).0, 0);
    let config = workspace.join("gantry.toml");
    let more = format!("\n[[inbox]]\nname = \"in\"\npath = {:?}\nsite = \"A\"\n", text(&inbox));
    let settings = fs::read_to_string(&config).unwrap().replace("[ingest]", "[ingest]\nsettle_ms = 100");
    fs::write(&config, settings + &more).unwrap();
    let slices = slices();
    let members: Vec<ZipEntry<'_>> = slices.iter().map(|s| ("", 0, 0o100_644, &**s)).collect();
    let names: Vec<String> = (0..5).map(|i| format!("IM{i}")).collect();
    let members: Vec<ZipEntry<'_>> = members.iter().zip(&names).map(|(m, n)| (&**n, m.1, m.2, m.3)).collect();
    fs::write(inbox.join("delivery.zip"), zip(&members)).unwrap();
    let run = || {
        let (exit, lines, err) = gantry(&["--workspace", text(&workspace), "run", "--once"]);
        assert_eq!(exit, 0, "{err}");
        let count = |key: &str| lines[0][key].as_u64().unwrap();
        ["received", "deidentified", "duplicates"].map(count)
    };
    assert_eq!(run(), [5, 5, 0]);
    assert_eq!(run(), [0, 0, 0]);
    // What `after` asks is done once every member is stored; an archive with one that is not stays.
    let settings = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{}\nafter = \"remove\"\n", settings.trim_end())).unwrap();
    let more: Vec<Vec<u8>> = series(3).into_iter().map(|s| file(&Slice { series: 2, ..s })).collect();
    let good: Vec<ZipEntry<'_>> = more.iter().zip(&names).map(|(s, n)| (&**n, 0, 0o100_644, &**s)).collect();
    let mut mixed = good.clone();
    mixed.push(("note.txt", 0, 0o100_644, b"no image"));
    fs::write(inbox.join("good.zip"), zip(&good)).unwrap();
    fs::write(inbox.join("mixed.zip"), zip(&mixed)).unwrap();
    assert_eq!(run(), [7, 3, 3]);
    let left = |name: &str| inbox.join(name).is_file();
    assert!(!left("good.zip") && left("mixed.zip"));
}
