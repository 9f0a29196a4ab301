//! De-identification: the table, planted identities, hostile files, conformance, relations between objects.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use gantry::bytes::{ByteSource, FileRange, SpillConfig};
use gantry::deid::table::{self, ProfileOption};
use gantry::deid::{Context, Deidentifier, Outcome, Profile, Reason, Secret};
use gantry::dicom::{
    Contents, DataSet, Element, ReadOptions, Syntax, Value, codec, is_pixel_data, read, write,
};
use gantry::model::{Tag, Vetting, Vr, tags};

fn deidentifier() -> Deidentifier {
    Deidentifier::new(Profile::default(), &Secret::new([42; 32])).unwrap()
}

fn trusted() -> Context<'static> {
    Context { vetting: &Vetting::Trusted, ..Context::default() }
}

/// Regular files of the development set.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => pending.push(entry.path()),
                kind if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// Fields of a CSV line; quotes keep commas and line ends together.
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field).trim_end_matches('\r').to_string());
                rows.push(std::mem::take(&mut row));
            }
            c => field.push(c),
        }
    }
    rows
}

#[test]
fn the_table_is_the_standards() {
    let Some(shared) = common::shared() else { return };
    let text = std::fs::read_to_string(shared.join("deid/ps315_e1_1.csv")).unwrap();
    let expected = csv(&text);
    let rows = table::rows();
    assert_eq!((rows.len(), expected.len()), (621, 622));
    for (row, line) in rows.iter().zip(&expected[1..]) {
        let tag = if line[0].starts_with("(GGGG") { "(GGGG,EEEE)" } else { &line[0] };
        assert_eq!((row.tag, row.basic.text()), (tag, &*line[3]), "{line:?}");
        assert_eq!(row.in_composite_iod, line[2] == "Y", "{line:?}");
        for (option, (rule, code)) in ProfileOption::ALL.iter().zip(row.options.iter().zip(&line[4..])) {
            let found = match rule {
                Some(table::OptionRule::Keep) => "K",
                Some(table::OptionRule::Clean) => "C",
                None => "",
            };
            assert_eq!(found, code, "{line:?} {option:?}");
        }
    }
}

/// Every row of the table, on an object that has every attribute, under every option alone.
#[test]
fn every_row_gets_what_the_table_says() {
    let mut elements = vec![
        Element::text(tags::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.2"),
        Element::text(tags::MODALITY, Vr::CS, "CT"),
    ];
    for row in table::rows() {
        let Some(tag) = row.single_tag().filter(|t| t.group() >= 8) else { continue };
        let Some(vr) = gantry::dicom::vr_of(tag) else { continue };
        elements.push(planted(tag, vr));
    }
    let source = write(&DataSet::from_elements(elements), Syntax::EXPLICIT_LE).unwrap();
    let options: Vec<Option<ProfileOption>> =
        std::iter::once(None).chain(ProfileOption::ALL.into_iter().map(Some)).collect();
    let mut wrong = Vec::new();
    for option in options {
        let profile = option.map_or_else(Profile::basic, |o| Profile::basic().with_option(o));
        let deidentifier = Deidentifier::new(profile, &Secret::new([42; 32])).unwrap();
        let bytes = match deidentifier.process(&Contents::from(&source), &trusted()).unwrap() {
            Outcome::Written { bytes, .. } => bytes.into_bytes().unwrap(),
            other => panic!("{option:?}: {}", refusal(&other)),
        };
        let before = read(&source, ReadOptions::default()).unwrap();
        let after = read(&bytes, ReadOptions::default()).unwrap();
        for row in table::rows() {
            let Some(tag) = row.single_tag().filter(|t| t.group() >= 8) else { continue };
            let Some(old) = before.dataset.get(tag) else { continue };
            let rule = option.and_then(|o| row.options[o as usize]);
            let new = after.dataset.get(tag);
            if !agrees(row.basic.text(), rule, old, new) {
                wrong.push(format!("{option:?} {tag} {} {}: {new:?}", row.name, row.basic.text()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

fn agrees(code: &str, rule: Option<table::OptionRule>, old: &Element<'_>, new: Option<&Element<'_>>) -> bool {
    let differs = |n: &Element<'_>| n.is_empty() || n.value != old.value;
    match (rule, new) {
        (Some(table::OptionRule::Keep), Some(new)) => {
            new.value == old.value || matches!(old.value, Value::Items(_)) || old.vr == Vr::AS
        }
        (Some(table::OptionRule::Keep), None) => false,
        // Cleaned text may be anything without the planted name; times of day stay.
        (Some(table::OptionRule::Clean), Some(new)) => {
            old.vr == Vr::TM || old.vr == Vr::SH || matches!(old.value, Value::Items(_)) || differs(new)
        }
        (Some(table::OptionRule::Clean), None) => code.contains('X'),
        (None, None) => code.contains('X'),
        (None, Some(new)) => match code {
            "X" => false,
            "Z" => differs(new),
            _ => differs(new) || matches!(old.value, Value::Items(_)),
        },
    }
}

fn planted(tag: Tag, vr: Vr) -> Element<'static> {
    let text = match vr {
        Vr::SQ => {
            return Element::sequence(
                tag,
                vec![DataSet::from_elements(vec![planted(tags::PATIENT_NAME, Vr::PN)])],
            );
        }
        Vr::AE => "GRIMBLE",
        Vr::AS => "045Y",
        Vr::CS => "OTHER",
        Vr::DA => "20230917",
        Vr::DT => "20230917101112",
        Vr::TM => "101112",
        Vr::DS | Vr::IS => "17",
        Vr::UI => return Element::text(tag, vr, &format!("1.3.6.1.4.1.99999.{}", tag.0)),
        Vr::PN => "Wetherquill^Lucasta",
        _ if tag == Tag::new(0x0008, 0x0201) => "+0100",
        // Each its own: a kept value that equals a removed one is a leak, and refused.
        Vr::SH | Vr::LO | Vr::ST | Vr::LT | Vr::UT | Vr::UC | Vr::UR => {
            return Element::text(tag, vr, &format!("Zq{:08x}", tag.0));
        }
        vr => return Element::new(tag, vr, vec![7; vr.unit().max(2)]),
    };
    Element::text(tag, vr, text)
}

fn refusal(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Written { .. } => "written".into(),
        Outcome::Quarantined { reason, detail, .. } | Outcome::Rejected { reason, detail, .. } => {
            format!("{}: {detail}", reason.code())
        }
    }
}

#[test]
fn every_file_of_the_development_set_has_its_true_end() {
    let Some(shared) = common::shared() else { return };
    let deidentifier = deidentifier();
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    let mut unsafe_files = Vec::new();
    for path in files(&shared.join("dicom")) {
        let bytes = std::fs::read(&path).unwrap();
        let outcome = deidentifier.process(&Contents::from(&bytes), &Context::default()).unwrap();
        if let Outcome::Quarantined { reason: Reason::CannotBeMadeSafe, .. } = &outcome {
            unsafe_files.push(format!("{}: {}", path.display(), refusal(&outcome)));
        }
        let end = match &outcome {
            Outcome::Written { record, .. } => {
                assert!(record.verified);
                "written"
            }
            Outcome::Quarantined { reason, .. } | Outcome::Rejected { reason, .. } => reason.code(),
        };
        *ends.entry(end.to_string()).or_default() += 1;
    }
    // One file says that it has "1A" frames.
    unsafe_files.retain(|f| {
        !f.ends_with("badVR.dcm: cannot_be_made_safe: (0028,0008) should hold a number and does not")
    });
    assert!(unsafe_files.is_empty(), "{}", unsafe_files.join("\n"));
    assert!(ends["written"] > 900 && ends["dicomdir"] == 8 && ends["truncated"] >= 2, "{ends:?}");
}

#[test]
fn pixels_are_unchanged() {
    let Some(shared) = common::shared() else { return };
    let deidentifier = deidentifier();
    let mut same = 0;
    for path in files(&shared.join("dicom")) {
        let bytes = std::fs::read(&path).unwrap();
        let outcome = deidentifier.process(&Contents::from(&bytes), &trusted()).unwrap();
        // From a file that stays where it is the outcome is the same, to the last bit.
        let stored = FileRange::new(Arc::new(File::open(&path).unwrap()), 0, bytes.len() as u64);
        let from_file = deidentifier
            .process(&Contents::of(ByteSource::Stored(stored), SpillConfig::default()), &trusted())
            .unwrap();
        assert_eq!(whole(&outcome), whole(&from_file), "{}", path.display());
        let Outcome::Written { bytes: written, .. } = outcome else { continue };
        let written = written.into_bytes().unwrap();
        let before = read(&bytes, ReadOptions::default()).unwrap();
        let after = read(&written, ReadOptions::default()).unwrap();
        let unused = before.dataset.integer(tags::BITS_STORED) < before.dataset.integer(tags::BITS_ALLOCATED);
        for old in before.dataset.elements().iter().filter(|e| is_pixel_data(e.tag)) {
            let new = after.dataset.get(old.tag).unwrap();
            match (&old.value, &new.value) {
                // What lies behind the last pixel goes, and bits that no pixel uses are cleared.
                (Value::Bytes(a), Value::Bytes(b)) if unused => assert!(b.len() <= a.len() + 1),
                (Value::Bytes(a), Value::Bytes(b)) => {
                    let pixels = b.len().min(a.len());
                    assert!(a[..pixels] == b[..pixels] && pixels + 1 >= b.len(), "{}", path.display());
                }
                // Streams lose their remarks: what they decode to is the same, be it an error.
                (Value::Fragments(a), Value::Fragments(b)) if a.fragments != b.fragments => {
                    let decoded = |file| {
                        codec::open(file).and_then(|r| codec::fingerprint(&r)).map(|f| f.pixels_sha256)
                    };
                    assert_eq!(decoded(&before), decoded(&after), "{}", path.display());
                }
                (Value::Fragments(_), Value::Fragments(_)) => {}
                other => panic!("{}: {other:?}", path.display()),
            }
            same += 1;
        }
    }
    assert!(same > 900, "{same}");
}

/// The smallest object that is written: what hostile cases are made from.
fn base() -> Vec<Element<'static>> {
    vec![
        Element::text(tags::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.2"),
        Element::text(tags::SOP_INSTANCE_UID, Vr::UI, "1.3.6.1.4.1.99999.1"),
        Element::text(tags::STUDY_INSTANCE_UID, Vr::UI, "1.3.6.1.4.1.99999.2"),
        Element::text(tags::SERIES_INSTANCE_UID, Vr::UI, "1.3.6.1.4.1.99999.3"),
        Element::text(tags::PATIENT_NAME, Vr::PN, "Wetherquill^Lucasta"),
        Element::text(tags::PATIENT_ID, Vr::LO, "MRN-7719-0043"),
        Element::text(tags::MODALITY, Vr::CS, "CT"),
    ]
}

/// One row of 8-bit pixels.
fn image(bytes: &[u8]) -> Vec<Element<'static>> {
    let number = |tag, n: u16| Element::new(tag, Vr::US, n.to_le_bytes().to_vec());
    vec![
        number(tags::SAMPLES_PER_PIXEL, 1),
        Element::text(tags::PHOTOMETRIC_INTERPRETATION, Vr::CS, "MONOCHROME2"),
        number(tags::ROWS, 1),
        number(tags::COLUMNS, bytes.len() as u16),
        number(tags::BITS_ALLOCATED, 8),
        number(tags::BITS_STORED, 8),
        number(tags::HIGH_BIT, 7),
        number(tags::PIXEL_REPRESENTATION, 0),
        Element::new(tags::PIXEL_DATA, Vr::OB, [bytes, &[0][..bytes.len() % 2]].concat()),
    ]
}

fn with(extra: Vec<Element<'static>>) -> Vec<u8> {
    let mut elements = extra;
    elements.extend(base());
    write(&DataSet::from_elements(elements), Syntax::EXPLICIT_LE).unwrap()
}

#[test]
fn hostile_files_are_refused_for_the_true_reason() {
    let whole = with(Vec::new());
    // Fewer frames than declared: nothing can look at all of them.
    let frames = Element::text(tags::NUMBER_OF_FRAMES, Vr::IS, "2");
    let drawn = |element| with([vec![element, frames.clone()], image(&[1; 64])].concat());
    let mut deep = DataSet::from_elements(vec![Element::text(tags::PATIENT_NAME, Vr::PN, "A")]);
    for _ in 0..80 {
        deep = DataSet::from_elements(vec![Element::sequence(Tag::new(0x0008, 0x1115), vec![deep])]);
    }
    let modality = |m: &str| Element::text(tags::MODALITY, Vr::CS, m);
    let class = |c: &str| Element::text(tags::SOP_CLASS_UID, Vr::UI, c);
    let mut lying = whole.clone();
    lying.extend_from_slice(&[0x20, 0x40, 0, 0, b'U', b'T', 0, 0, 0xF0, 0xFF, 0xFF, 0x7F]);
    let mut garbage = whole.clone();
    garbage.extend_from_slice(&[0xFE, 0xFF, 0x0D, 0xE0, 1, 2, 3, 4, 5, 6, 7, 8]);
    let no_uid: Vec<_> = base().into_iter().filter(|e| e.tag != tags::SOP_INSTANCE_UID).collect();
    let hidden = |bytes: &[u8]| with(image(bytes));
    let cases: Vec<(&str, Vec<u8>, Reason)> = vec![
        ("empty", Vec::new(), Reason::NotDicom),
        ("text", b"Wetherquill is not DICOM and long enough".to_vec(), Reason::NotDicom),
        ("cut", whole[..whole.len() - 5].to_vec(), Reason::Truncated),
        ("lying length", lying, Reason::Truncated),
        ("garbage after it", garbage, Reason::Malformed),
        ("too deep", with(deep.into_elements()), Reason::NestedTooDeep),
        ("ultrasound", drawn(modality("US")), Reason::PixelsUnchecked),
        ("angiography", drawn(modality("XA")), Reason::PixelsUnchecked),
        ("fluoroscopy", drawn(modality("RF")), Reason::PixelsUnchecked),
        ("endoscopy", drawn(modality("ES")), Reason::PixelsUnchecked),
        ("capture", drawn(class("1.2.840.10008.5.1.4.1.1.7.2")), Reason::PixelsUnchecked),
        (
            "burned in",
            drawn(Element::text(tags::BURNED_IN_ANNOTATION, Vr::CS, "YES")),
            Reason::PixelsUnchecked,
        ),
        ("no UID", write(&DataSet::from_elements(no_uid), Syntax::EXPLICIT_LE).unwrap(), Reason::MissingUid),
        (
            "unknown syntax",
            write(&DataSet::from_elements(base()), "1.3.6.1.4.1.99999.9").unwrap(),
            Reason::UnknownSyntax,
        ),
        ("name in pixels", hidden(b"....Wetherquill....."), Reason::CannotBeMadeSafe),
        ("number in pixels", hidden(b"..mrn-7719-0043....."), Reason::CannotBeMadeSafe),
        ("base64 in pixels", hidden(b"..V2V0aGVycXVpbGw=.."), Reason::CannotBeMadeSafe),
        (
            "hexadecimal in pixels",
            hidden(b"..57657468657271756c6c5765746865727175696c6c.."),
            Reason::CannotBeMadeSafe,
        ),
        (
            "UTF-16 in pixels",
            hidden(&"Wetherquill.".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()),
            Reason::CannotBeMadeSafe,
        ),
    ];
    let deidentifier = deidentifier();
    for (name, bytes, expected) in &cases {
        let outcome = deidentifier.process(&Contents::from(bytes), &Context::default()).unwrap();
        match &outcome {
            Outcome::Written { .. } => panic!("{name}: written"),
            Outcome::Quarantined { reason, detail, .. } | Outcome::Rejected { reason, detail, .. } => {
                assert_eq!(reason, expected, "{name}: {detail}");
                assert!(!detail.to_lowercase().contains("wetherquill"), "{name}: {detail}");
            }
        }
    }
    // The command writes none of them either, and its ledger says why for each.
    let dir = tempfile::tempdir().unwrap();
    let [input, output] = ["in", "out"].map(|n| dir.path().join(n));
    std::fs::create_dir(&input).unwrap();
    for (n, (_, bytes, _)) in cases.iter().enumerate() {
        std::fs::write(input.join(format!("{n:02}")), bytes).unwrap();
    }
    let run =
        Command::new(env!("CARGO_BIN_EXE_gantry")).arg("deid").args([&input, &output]).output().unwrap();
    assert_eq!(run.status.code(), Some(1), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(files(&output.join("instances")).is_empty());
    let ledger = std::fs::read_to_string(output.join("ledger.jsonl")).unwrap();
    let reasons: Vec<String> = ledger
        .lines()
        .map(|l| {
            serde_json::from_str::<serde_json::Value>(l).unwrap()["reason"].as_str().unwrap().to_string()
        })
        .collect();
    assert_eq!(reasons, cases.iter().map(|(_, _, reason)| reason.code()).collect::<Vec<_>>());
    let fine = with(
        [vec![modality("US"), Element::text(tags::BURNED_IN_ANNOTATION, Vr::CS, "NO")], image(&[1; 64])]
            .concat(),
    );
    assert!(matches!(
        deidentifier.process(&Contents::from(&fine), &Context::default()).unwrap(),
        Outcome::Written { .. }
    ));
}

#[test]
fn dates_keep_their_intervals_and_subjects_their_pseudonym() {
    let deidentifier = deidentifier();
    let out = |id: &str, day: &str, uid: &str| {
        let source = with(vec![
            Element::text(tags::PATIENT_ID, Vr::LO, id),
            Element::text(tags::SOP_INSTANCE_UID, Vr::UI, uid),
            Element::text(tags::STUDY_DATE, Vr::DA, day),
            Element::text(tags::STUDY_TIME, Vr::TM, "235959.5"),
            Element::text(Tag::new(0x0018, 0x1078), Vr::DT, &format!("{day}221500.000000+0100")),
        ]);
        match deidentifier.process(&Contents::from(&source), &Context::default()).unwrap() {
            Outcome::Written { bytes, facts, .. } => {
                let bytes = bytes.into_bytes().unwrap();
                let file = read(&bytes, ReadOptions::default()).unwrap();
                let text = |t| file.dataset.ascii(t).unwrap().to_string();
                (
                    facts.subject.clone(),
                    text(tags::STUDY_DATE),
                    text(tags::STUDY_TIME),
                    text(Tag::new(0x0018, 0x1078)),
                )
            }
            other => panic!("{}", refusal(&other)),
        }
    };
    let (a, b, c) = (
        out("P1", "20240228", "1.2.3.4.5.6"),
        out("P1", "20240302", "1.2.3.4.5.7"),
        out("P2", "20240228", "1.2.3.4.5.8"),
    );
    assert_eq!(a.0, b.0);
    assert_ne!(a.0, c.0);
    assert_ne!(a.1, c.1, "subjects move by different offsets");
    let day = |t: &str| jiff::civil::Date::strptime("%Y%m%d", t).unwrap();
    assert_eq!(day(&a.1).until(day(&b.1)).unwrap().get_days(), 3);
    assert_eq!(a.2, "235959.5");
    assert_eq!(a.3, format!("{}221500.000000+0100", a.1), "a date and a date-time of one day stay together");
}

/// An outcome with the bytes of its output in memory, and what the record says.
fn whole(outcome: &Outcome) -> (String, Option<Vec<u8>>) {
    match outcome {
        Outcome::Written { bytes, record, facts } => {
            (format!("{facts:?} {record:?}"), Some(bytes.all().unwrap().into_owned()))
        }
        other => (format!("{other:?}"), None),
    }
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    let source = with(vec![Element::text(tags::STUDY_DESCRIPTION, Vr::LO, "CT CHEST Wetherquill")]);
    let bytes = |d: &Deidentifier| match d.process(&Contents::from(&source), &Context::default()).unwrap() {
        Outcome::Written { bytes, .. } => bytes.into_bytes().unwrap(),
        other => panic!("{}", refusal(&other)),
    };
    let first = bytes(&deidentifier());
    assert_eq!(first, bytes(&deidentifier()));
    let other = Deidentifier::new(Profile::default(), &Secret::new([43; 32])).unwrap();
    assert_ne!(first, bytes(&other));
    let file = read(&first, ReadOptions::default()).unwrap();
    assert_eq!(file.dataset.ascii(tags::STUDY_DESCRIPTION), Some("CT CHEST ***"));
    assert_eq!(file.dataset.ascii(tags::PATIENT_IDENTITY_REMOVED), Some("YES"));
    assert_eq!(file.dataset.ascii(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED), Some("MODIFIED"));
}

#[test]
fn the_command_keeps_its_contract() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    let [input, output, map, secret] = ["in", "out", "map.jsonl", "secret"].map(|n| dir.path().join(n));
    std::fs::create_dir_all(input.join("Wetherquill")).unwrap();
    for name in ["a.dcm", "b.dcm"] {
        std::fs::write(input.join("Wetherquill").join(name), with(Vec::new())).unwrap();
    }
    std::fs::write(input.join("note.txt"), "Wetherquill is not DICOM").unwrap();
    symlink(input.join("Wetherquill"), input.join("link")).unwrap();
    std::fs::write(&secret, "07".repeat(32)).unwrap();
    let run = |extra: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_gantry"))
            .args(["deid", "--json", "--secret-file"])
            .arg(&secret)
            .arg("--map")
            .args([&map, &input, &output])
            .args(extra)
            .output()
            .unwrap()
    };
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(run(&[]).status.code(), Some(3), "others may read the secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let first = run(&[]);
    assert_eq!(first.status.code(), Some(1), "{}", String::from_utf8_lossy(&first.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(
        (&summary["instances"], &summary["written"], &summary["rejected"]),
        (&3.into(), &2.into(), &1.into())
    );
    assert_eq!(std::fs::metadata(&map).unwrap().permissions().mode() & 0o777, 0o600);
    let tree = |root: &Path| -> BTreeMap<PathBuf, Vec<u8>> {
        files(root)
            .into_iter()
            .map(|p| (p.strip_prefix(root).unwrap().to_path_buf(), std::fs::read(p).unwrap()))
            .collect()
    };
    let before = tree(&output);
    assert_eq!(before.len(), 3, "two that share a UID, and the ledger");
    for (path, bytes) in &before {
        let text = format!("{} {}", path.display(), String::from_utf8_lossy(bytes));
        assert!(!text.contains("Wetherquill") && !text.contains("7719"), "{}", path.display());
    }
    let ledger = String::from_utf8(before[Path::new("ledger.jsonl")].clone()).unwrap();
    for line in ledger.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let written = line["status"] == "written";
        assert_eq!(line["verified"], written);
        assert_eq!(line["output"].as_str().is_some_and(|o| output.join(o).is_file()), written);
        for key in ["reason", "profile", "options", "version", "actions", "masks"] {
            assert!(line.get(key).is_some(), "{key}");
        }
    }
    assert_eq!(run(&[]).status.code(), Some(1));
    assert_eq!(tree(&output), before, "safe to run again, byte for byte");
    assert_eq!(run(&["--option", "keep_everything"]).status.code(), Some(2));
    assert_eq!(run(&["--profile", "nobody"]).status.code(), Some(3));
}
