//! Tables as people have them: whatever the writing, the numbers are the same, or the row is named.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use gantry::engine::tools::{agree, drift};
use gantry::format::ratings::{Defaults, sheet};
use gantry::format::table::{Moments, Table};
use gantry::measure::agreement::Level;
use serde_json::json;

/// Ratings of three readers on five items, some of them missing.
const RATINGS: [(&str, [Option<f64>; 5]); 3] = [
    ("a", [Some(1.0), Some(2.5), Some(3.0), Some(10.5), None]),
    ("b", [Some(1.0), Some(2.0), Some(3.0), Some(10.5), Some(4.0)]),
    ("c", [None, Some(2.5), Some(3.5), Some(9.0), Some(4.0)]),
];

/// The ratings as a long table with this separator, decimal mark and word for what is missing.
fn long(separator: &str, mark: &str, missing: &str) -> String {
    let mut text = ["item", "reader", "value"].join(separator) + "\n";
    for (reader, values) in RATINGS {
        for (item, value) in values.iter().enumerate() {
            let value = value.map_or(missing.to_owned(), |v| v.to_string().replace('.', mark));
            writeln!(text, "i{item}{separator}{reader}{separator}{value}").unwrap();
        }
    }
    text
}

/// The ratings as a matrix with a column per reader.
fn matrix() -> String {
    let mut text = String::from("Item;a;b;c\n");
    for item in 0..5 {
        let cell =
            |r: usize| RATINGS[r].1[item].map_or("NA".into(), |v: f64| v.to_string().replace('.', ","));
        writeln!(text, "i{item};{};{};{}", cell(0), cell(1), cell(2)).unwrap();
    }
    text
}

fn gz(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

fn utf16(text: &str, big: bool, mark: bool) -> Vec<u8> {
    let marked = if mark { format!("\u{feff}{text}") } else { text.to_owned() };
    marked.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
}

fn put(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("table");
    fs::write(&path, bytes).unwrap();
    path
}

fn agreement(bytes: &[u8], level: Level) -> Result<serde_json::Value, String> {
    let folder = tempfile::tempdir().unwrap();
    let options = agree::Options { level, ..agree::Options::default() };
    let report = agree::run(&put(folder.path(), bytes), &options).map_err(|e| e.to_string())?;
    Ok(serde_json::to_value(report).unwrap())
}

#[test]
fn the_same_ratings_give_the_same_agreement_in_whatever_form_they_come() {
    let plain = long(",", ".", "");
    let expected = agreement(plain.as_bytes(), Level::Interval).unwrap();
    assert_eq!((&expected["items"], &expected["ratings"]), (&json!(5), &json!(13)));
    let quoted: String = plain.lines().map(|l| format!("\"{}\"\r\n", l.replace(',', "\",\""))).collect();
    let forms: Vec<(&str, Vec<u8>)> = vec![
        ("semicolons and decimal commas", long(";", ",", "-").into()),
        ("semicolons and decimal points", long(";", ".", " n/a ").into()),
        ("tabs", long("\t", ".", "#N/A").into()),
        ("a declared separator", format!("sep=;\r\n{}", long(";", ",", "Null")).into()),
        ("a byte order mark", format!("\u{feff}{plain}").into()),
        ("UTF-16", utf16(&plain, false, true)),
        ("UTF-16, big-endian", utf16(&long(";", ",", "nan"), true, true)),
        ("UTF-16 without a mark", utf16(&plain, false, false)),
        ("names in capitals", plain.replacen("item,reader,value", "ITEM, Reader ,VALUE", 1).into()),
        ("other names", plain.replacen("item,reader,value", "Case ID,Rater,Score", 1).into()),
        ("quotes and the line ends of Windows", quoted.into()),
        ("the line ends of an old Mac", plain.replace('\n', "\r").into()),
        ("empty rows, and separators at the end of lines", plain.replace('\n', ",,\n,,\n").into()),
        ("gzip", gz(long(";", ",", "NA").as_bytes(), 6)),
        ("gzip of two members", [gz(&plain.as_bytes()[..20], 6), gz(&plain.as_bytes()[20..], 6)].concat()),
        ("a matrix", matrix().into()),
    ];
    for (form, bytes) in forms {
        assert_eq!(agreement(&bytes, Level::Interval).as_ref(), Ok(&expected), "{form}");
    }
}

#[test]
fn what_is_no_number_is_refused_with_its_row() {
    let table = |value: &str| format!("item,reader,value\n1,a,1\n1,b,2\n2,a,{value}\n2,b,2\n");
    for word in ["high", "inf", "-inf", "1e999", "\"10,5\"", "12 mm", "#REF!", "none"] {
        for level in [Level::Interval, Level::Ratio] {
            let why = agreement(table(word).as_bytes(), level).unwrap_err();
            assert!(why.starts_with("row 3: the value is no finite number"), "{word}: {why}");
        }
    }
    for word in ["NA", "n/A", "#n/a", "NULL", "NaN", " - ", ""] {
        let found = agreement(table(word).as_bytes(), Level::Ratio).unwrap();
        assert_eq!(found["ratings"], json!(3), "{word:?}");
    }
    // Words that are declared in order are taken by position.
    let folder = tempfile::tempdir().unwrap();
    let words = put(folder.path(), b"item,reader,value\n1,a,low\n1,b,high\n2,a,low\n2,b,low\n");
    let scale = Some(["low", "mid", "high"].map(String::from).to_vec());
    let options = agree::Options { level: Level::Interval, scale, ..agree::Options::default() };
    assert_eq!(agree::run(&words, &options).unwrap().ratings, 4);
}

#[test]
fn other_files_and_damaged_ones_are_refused_by_name() {
    let plain = long(",", ".", "");
    let mut flipped = gz(plain.as_bytes(), 0);
    let at = flipped.windows(4).position(|w| w == b"10.5").unwrap();
    flipped[at] = b'9';
    let packed = gz(plain.as_bytes(), 6);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (flipped, "check sum"),
        (packed[..packed.len() - 6].to_vec(), "cut"),
        (b"PK\x03\x04 a workbook".to_vec(), "Excel"),
        (b"<!DOCTYPE html><table>".to_vec(), "page"),
        (b"item,reader,value\n1,a,\0\n".to_vec(), "binary"),
        (b"item,reader,value\n1,a,1\n2,a,1,7\n".to_vec(), "row 2: more cells"),
        (b"item,reader,value\n1,a,\"1\n2,a,1\n".to_vec(), "row 1: a quoted cell without an end"),
        (b"item;reader;value\n1;a;1,5\n1;b;1.5\n".to_vec(), "row 2: a column with decimal commas"),
        (b"item,reader,value,value\n1,a,1,2\n".to_vec(), "2 columns are named 'value'"),
        (b"item,ana,ben,age\n1,1,2,70\n".to_vec(), "column 4 is no reader's"),
        (b"a,b\n1,2\n".to_vec(), "no column 'item'"),
    ];
    for (bytes, says) in cases {
        let why = agreement(&bytes, Level::Nominal).unwrap_err();
        assert!(why.contains(says), "{says}: {why}");
    }
}

#[test]
fn a_table_in_latin_1_is_read() {
    let bytes = b"item,reader,value\n1,M\xfcller,ja\n1,ben,nein\n".to_vec();
    let found = agreement(&bytes, Level::Nominal).unwrap();
    assert!(found["cohen_kappa"].get("Müller|ben").is_some(), "{found}");
}

#[test]
fn moments_are_read_as_people_write_them() {
    let none = Moments::default();
    let at = |text: &str| none.instant(text).map(|t| t.to_string());
    for text in [
        "2026-10-01T14:05:00Z",
        "2026-10-01 14:05",
        "2026-10-01T16:05+02:00",
        "2026/10/01 14:05:00",
        "20261001140500",
        "20261001140500.000000",
        "1.10.2026 14:05",
        "01.10.2026, 14:05:00",
        "1-Oct-2026 2:05 PM",
        "1 October 2026 14:05",
        "Oct 1, 2026 2:05:00 pm",
        "1790863500",
        "1790863500000",
    ] {
        assert_eq!(at(text).as_deref(), Ok("2026-10-01T14:05:00Z"), "{text}");
    }
    assert_eq!(at("20261001").as_deref(), Ok("2026-10-01T00:00:00Z"));
    assert_eq!(at("4/4/2026").as_deref(), Ok("2026-04-04T00:00:00Z"));
    for text in ["3/4/2026", "03-04-2026"] {
        assert!(at(text).unwrap_err().to_string().contains("day or the month first"), "{text}");
    }
    for text in ["1.10.26", "2026-13-01", "31.02.2026", "yesterday", "45000", "Oct 2026", "12:30", ""] {
        assert!(at(text).is_err(), "{text}");
    }
    let (days, months) = (Moments::of(["3/4/2026", "25/4/2026"]), Moments::of(["3/4/2026", "4/25/2026"]));
    assert_eq!(days.instant("3/4/2026").unwrap().to_string(), "2026-04-03T00:00:00Z");
    assert_eq!(months.instant("3/4/2026").unwrap().to_string(), "2026-03-04T00:00:00Z");
    assert!(Moments::of(["25/4/2026", "4/25/2026"]).instant("3/4/2026").is_err(), "both orders");
}

#[test]
fn drift_reads_the_same_tables() {
    let folder = tempfile::tempdir().unwrap();
    let value = |day: usize| if day <= 20 { 10.0 + (day % 3) as f64 } else { 14.5 };
    let rows = |line: &dyn Fn(usize) -> String| (1..=28).map(line).collect::<String>();
    let run = |text: &str| {
        let (value, time) = ("dice".into(), "DAY".into());
        let options = drift::Options { value, time, ..drift::Options::default() };
        let report = drift::run(&put(folder.path(), text.as_bytes()), &options);
        report.map(|r| (r.groups[0].psi.value, r.groups[0].cusum.first_signal, r.groups[0].n))
    };
    let iso = rows(&|d| format!("2026-10-{d:02},{}\n", value(d)));
    let expected = run(&format!("day,Dice\n{iso}")).unwrap();
    assert!(expected.1.is_some());
    let german = rows(&|d| format!("{d}.10.2026;{}\n", value(d).to_string().replace('.', ",")));
    assert_eq!(run(&format!("Day;DICE\n{german}")).unwrap(), expected);
    let american = rows(&|d| format!("10/{d}/2026\t{}\n", value(d)));
    assert_eq!(run(&format!("Day\tDICE\n{american}")).unwrap(), expected);
    let error = run(&format!("day,dice\n{}", iso.replacen(",14.5", ",high", 1))).unwrap_err().to_string();
    assert!(error.starts_with("row 21:"), "{error}");
}

#[test]
fn a_word_among_the_numbers_of_a_measure_is_refused_with_row_and_column() {
    let defaults = Defaults::default();
    let read = |text: &str, defaults: &Defaults| {
        let table = Table::from_bytes(text.as_bytes().to_vec()).unwrap();
        sheet(&table, defaults).map_err(|e| e.to_string())
    };
    let long = "item,reader,name,value\n1,a,size,3\n1,a,shape,round\n2,a,size,big\n";
    let why = read(long, &defaults).unwrap_err();
    assert!(why.starts_with("row 3, column 'value': a word in a measure"), "{why}");
    let wide = "item,reader,size,remark\n1,a,3,fine\n2,a,NA,\n3,a,big,\n";
    let why = read(wide, &defaults).unwrap_err();
    assert!(why.starts_with("row 3, column 'size': a word in a measure"), "{why}");
    let found = read(&wide.replace("big", "none"), &defaults).unwrap();
    assert_eq!((found.reads.len(), found.empty_rows, &*found.ignored), (2, 1, &["remark".to_owned()][..]));
    // An index that a program wrote without a name is no rating.
    assert_eq!(read(",item,reader,size\n0,1,a,3\n", &defaults).unwrap().reads[0].values.len(), 1);
    let matrix = "Case,ana,ben\n1,3,4\n2,NA,big\n";
    assert!(read(matrix, &defaults).unwrap_err().contains("(a matrix)"));
    let rated = Defaults { matrix: Some("malignancy".into()), ..Defaults::default() };
    let why = read(matrix, &rated).unwrap_err();
    assert!(why.starts_with("row 2, column 'value'"), "{why}");
    let found = read(&matrix.replace("big", "2"), &rated).unwrap();
    let said: Vec<_> =
        found.reads.iter().map(|r| (r.row, r.reader.as_str(), r.values[0].0.as_str())).collect();
    assert_eq!(said, [(1, "ana", "malignancy"), (1, "ben", "malignancy"), (2, "ben", "malignancy")]);
    assert!(read(&matrix.replace("ana", "age").replace("big", "2"), &rated).is_err(), "an age is no reader");
}
