//! The memory that a run takes at most, whatever is given to it and however many threads there are; how often it reads.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use gantry::dicom::{self, DataSet, Element, Syntax};
use gantry::model::{Tag, Vr, tags};
use serde_json::Value;

/// What is promised.
const MOST: u64 = 300_000_000;

/// Runs `gantry deid` on a folder with so many threads: its summary, and the bytes of memory that it took at most.
fn run(input: &Path, threads: usize) -> (Value, u64) {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "42".repeat(32)).unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let output = folder.path().join("out");
    let mut child = Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["deid", common::text(input), common::text(&output)])
        .args(["--secret-file", common::text(&secret), "--json"])
        .env("RAYON_NUM_THREADS", threads.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        if let Some(line) = text.lines().find(|l| l.starts_with("VmHWM:")) {
            let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            most = most.max(kib << 10);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(most > 10 << 20, "nothing was measured");
    let out = child.wait_with_output().unwrap();
    let summary: Value = serde_json::from_slice(&out.stdout).unwrap();
    println!("{threads} threads, {} files: {} MB", summary["instances"], most / 1_000_000);
    (summary, most)
}

fn header(modality: &str, bits: u16, (columns, rows, frames): (u16, u16, usize)) -> DataSet<'static> {
    let value = |tag, v: u16| Element::new(tag, Vr::US, v.to_le_bytes().to_vec());
    let text = Element::text;
    DataSet::from_elements(vec![
        text(tags::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.7.2"),
        text(tags::SOP_INSTANCE_UID, Vr::UI, "1.3.6.1.4.1.99999.9.1"),
        text(tags::STUDY_INSTANCE_UID, Vr::UI, "1.3.6.1.4.1.99999.9.2"),
        text(tags::SERIES_INSTANCE_UID, Vr::UI, "1.3.6.1.4.1.99999.9.3"),
        text(tags::PATIENT_NAME, Vr::PN, "Brackenthwaite^Osbert"),
        text(tags::PATIENT_ID, Vr::LO, "MRN-7719-0043"),
        text(tags::MODALITY, Vr::CS, modality),
        value(tags::SAMPLES_PER_PIXEL, 1),
        text(tags::PHOTOMETRIC_INTERPRETATION, Vr::CS, "MONOCHROME2"),
        text(tags::NUMBER_OF_FRAMES, Vr::IS, &frames.to_string()),
        value(tags::ROWS, rows),
        value(tags::COLUMNS, columns),
        value(tags::BITS_ALLOCATED, bits),
        value(tags::BITS_STORED, bits),
        value(tags::HIGH_BIT, bits - 1),
        value(tags::PIXEL_REPRESENTATION, 0),
    ])
}

/// Writes a file whose frames are the same slope, without holding them.
fn write(path: &Path, modality: &str, bits: u16, size: (u16, u16, usize)) {
    let mut set = header(modality, bits, size);
    set.put(Element::new(tags::PIXEL_DATA, Vr::OW, Vec::new()));
    let head = dicom::write(&set, Syntax::EXPLICIT_LE).unwrap();
    let (columns, rows, frames) = (usize::from(size.0), usize::from(size.1), size.2);
    let row_bytes = columns * usize::from(bits / 8);
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(&head[..head.len() - 4]).unwrap();
    file.write_all(&((row_bytes * rows * frames) as u32).to_le_bytes()).unwrap();
    let mut row = vec![0; row_bytes];
    for y in 0..rows * frames {
        row.iter_mut().enumerate().for_each(|(x, b)| {
            *b = if bits == 16 && x % 2 == 1 { 1 } else { (x / 97 + y % rows / 61) as u8 }
        });
        file.write_all(&row).unwrap();
    }
    file.into_inner().unwrap();
}

#[test]
fn it_does_not_grow_with_the_size_of_a_file() {
    for modality in ["CT", "US"] {
        let [small, large] = [50, 250].map(|frames| {
            let folder = tempfile::tempdir().unwrap();
            write(&folder.path().join("large.dcm"), modality, 8, (640, 480, frames));
            let (summary, bytes) = run(folder.path(), 2);
            assert_eq!(summary["written"], 1);
            bytes
        });
        assert!(large < small + (24 << 20) && large < 150 << 20, "{modality}: {small} {large}");
    }
}

#[test]
fn it_does_not_grow_with_the_threads_that_search_large_frames() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..5 {
        write(&folder.path().join(format!("{number}.dcm")), "MG", 16, (2560, 3328, 1));
    }
    write(&folder.path().join("cine.dcm"), "US", 8, (1280, 960, 8));
    let (summary, bytes) = run(folder.path(), 16);
    assert_eq!(summary["written"], 6);
    assert!(bytes < MOST, "{bytes}");
}

#[test]
fn frames_that_no_memory_is_there_for_wait_for_a_person() {
    for modality in ["XC", "US"] {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("huge.dcm"), modality, 8, (12_000, 10_000, 1));
        let (summary, bytes) = run(folder.path(), 2);
        assert_eq!(summary["reasons"]["pixels_unchecked"], 1);
        assert!(bytes < 100 << 20, "{bytes}");
    }
}

/// The head of an item or an element of explicit length in explicit VR little endian.
fn element(tag: Tag, vr: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = [tag.group().to_le_bytes(), tag.element().to_le_bytes()].concat();
    bytes.extend_from_slice(vr.as_bytes());
    bytes.extend_from_slice(&(value.len() as u16).to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

/// A sequence of so many items that are alike.
fn sequence(tag: Tag, item: &[u8], items: usize) -> Vec<u8> {
    let mut one = vec![0xFE, 0xFF, 0x00, 0xE0];
    one.extend_from_slice(&(item.len() as u32).to_le_bytes());
    one.extend_from_slice(item);
    let mut bytes = [tag.group().to_le_bytes(), tag.element().to_le_bytes()].concat();
    bytes.extend_from_slice(b"SQ\0\0");
    bytes.extend_from_slice(&((one.len() * items) as u32).to_le_bytes());
    bytes.extend(one.repeat(items));
    bytes
}

#[test]
fn headers_of_any_length_pass_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut set = header("MR", 16, (4, 4, 1));
    set.remove(tags::PIXEL_DATA);
    let head = dicom::write(&set, Syntax::EXPLICIT_LE).unwrap();
    let file = |name: &str, sequence: Vec<u8>| {
        std::fs::write(folder.path().join(name), [&head[..], &sequence].concat()).unwrap();
    };
    let number = element(Tag::new(0x0018, 0x9073), "FD", &1.5_f64.to_le_bytes());
    let short = [number, element(Tag::new(0x0020, 0x9057), "UL", &[1, 0, 0, 0])].concat();
    let short = [short, element(Tag::new(0x0020, 0x9157), "UL", &[1, 0, 0, 0])].concat();
    let contour = element(Tag::new(0x3006, 0x0050), "DS", "12.5\\-118.25\\43".repeat(600).as_bytes());
    for copy in 0..2 {
        file(&format!("short {copy}"), sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, &short, 370_000));
        file(&format!("long {copy}"), sequence(Tag::new(0x3006, 0x0040), &contour, 15_000));
    }
    let (summary, bytes) = run(folder.path(), 16);
    assert_eq!(summary["written"], 4, "{summary}");
    assert!(bytes < MOST, "{bytes}");
}

#[test]
fn outputs_that_are_larger_than_their_sources_are_not_gathered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("0.dcm");
    write(&path, "CT", 16, (1024, 1024, 1));
    let whole = std::fs::read(&path).unwrap();
    // The data set begins behind the group that the file meta information says the length of.
    let start = 144 + u32::from_le_bytes(whole[140..144].try_into().unwrap()) as usize;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&whole[start..]).unwrap();
    let deflated = encoder.finish().unwrap();
    let mut meta = whole[144..start].to_vec();
    let uid = meta.windows(19).position(|w| w == Syntax::EXPLICIT_LE.as_bytes()).unwrap();
    meta.splice(uid..uid + 20, Syntax::DEFLATED.bytes());
    meta[uid - 2..uid].copy_from_slice(&22_u16.to_le_bytes());
    let mut file = whole[..140].to_vec();
    file.extend_from_slice(&(meta.len() as u32).to_le_bytes());
    file.extend([meta, deflated].concat());
    assert!(file.len() < 100_000, "{}", file.len());
    (0..80).for_each(|number| std::fs::write(folder.path().join(format!("{number}.dcm")), &file).unwrap());
    let (summary, bytes) = run(folder.path(), 4);
    assert_eq!(summary["written"], 80);
    assert!(bytes < 100 << 20, "{bytes}");
}

/// How many calls that read a command makes, as the system counts them; `None` where it does not.
fn reads(arguments: &[&str]) -> Option<u64> {
    // What a child has done counts for the shell that waited for it.
    let script = "\"$0\" \"$@\" >/dev/null 2>&1 || exit 1; cat /proc/$$/io";
    let out = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_gantry")])
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let line = text.lines().find_map(|l| l.strip_prefix("syscr: "));
    if line.is_none() {
        common::skip("/proc/PID/io is not here");
    }
    line.map(|n| n.trim().parse().unwrap())
}

#[test]
fn a_small_file_is_read_once_and_by_one_call() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "42".repeat(32)).unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let counted = |files: usize| {
        let input = folder.path().join(format!("in {files}"));
        std::fs::create_dir(&input).unwrap();
        for n in 0..files {
            let mut set = header("CT", 16, (96, 96, 1));
            set.put_str(tags::SOP_INSTANCE_UID, Vr::UI, &format!("1.3.6.1.4.1.99999.9.1.{n}"));
            // Longer than what is read of a header.
            set.put(Element::new(tags::PIXEL_DATA, Vr::OW, vec![0; 2 * 96 * 96]));
            let file = dicom::write(&set, Syntax::EXPLICIT_LE).unwrap();
            std::fs::write(input.join(format!("{n}.dcm")), file).unwrap();
        }
        let (input, output) = (common::text(&input), folder.path().join(format!("out {files}")));
        let deid = ["deid", input, common::text(&output), "--secret-file", common::text(&secret)];
        Some([reads(&deid)?, reads(&["scan", input])?])
    };
    let (Some(few), Some(many)) = (counted(20), counted(220)) else { return };
    for (few, many) in few.into_iter().zip(many) {
        // Each run also reads its libraries and itself.
        assert!((200..=210).contains(&(many - few)), "{few} {many}");
    }
}
