//! Dates and times as de-identification moves them, read back with pydicom.

use std::fs;
use std::path::Path;
use std::process::Command;

use gantry::dicom::{Syntax, write};
use gantry::model::{Tag, Vr};
use serde_json::Value;

use crate::common::files::{Slice, data_set};
use crate::common::peer;
use crate::{gantry, text};

/// What a file says of its moments: study date and time, acquisition as DT, and a date without a time.
const MOMENTS: [(&str, &str, &str); 4] = [
    ("20240101", "000130", "20240101000130.5"),
    ("20240101", "235959.25", "20240101235959.25"),
    ("20240229", "1201", "202402291201"),
    ("20231231", "12", "2023123112"),
];

/// Files of two subjects that were seen at the same moments.
fn deliver(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (i, (date, time, moment)) in MOMENTS.iter().enumerate() {
        for subject in 1..=2u32 {
            let number = i as u32 + 1;
            let mut set = data_set(&Slice { number, series: subject, ..Slice::default() });
            let mut put = |tag: u32, vr, value: &str| set.put_str(Tag(tag), vr, value);
            put(0x0008_0020, Vr::DA, date);
            put(0x0008_0030, Vr::TM, time);
            put(0x0008_002A, Vr::DT, moment);
            put(0x0010_0020, Vr::LO, &format!("ZQ{subject}"));
            put(0x0010_0040, Vr::CS, "F");
            put(0x0010_1010, Vr::AS, "051Y");
            put(0x0010_1030, Vr::DS, "61");
            put(0x0020_000D, Vr::UI, &format!("2.25.78.{subject}"));
            let bytes = write(&set, Syntax::EXPLICIT_LE).unwrap();
            fs::write(folder.join(format!("{subject}-{number}.dcm")), bytes).unwrap();
        }
    }
}

struct Read {
    subject: String,
    number: usize,
    date: String,
    time: String,
    moment: String,
    kept: [Option<String>; 3],
}

fn deid(folder: &Path, secret: &str, profile: &str) -> Option<Vec<Read>> {
    use std::os::unix::fs::PermissionsExt;
    let (input, out) = (folder.join("in"), folder.join("out"));
    let _ = fs::remove_dir_all(&out);
    let (key, config) = (folder.join("secret"), folder.join("deid.toml"));
    fs::write(&key, secret).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&config, format!("[profile.p]\n{profile}\n")).unwrap();
    let arguments = ["deid", text(&input), text(&out), "--secret-file", text(&key), "--profile", "p"];
    let (exit, lines, err) = gantry(&[&arguments[..], &["--config", text(&config)]].concat());
    assert_eq!(exit, 0, "{lines:?} {err}");
    let script = "import sys,glob,json,pydicom\n\
        for p in sorted(glob.glob(sys.argv[1]+'/instances/**/*',recursive=True)):\n\
        \x20import os\n\
        \x20if os.path.isdir(p): continue\n\
        \x20d=pydicom.dcmread(p)\n\
        \x20g=lambda k: str(d.get(k)) if d.get(k) not in (None,'') else None\n\
        \x20print(json.dumps([d.PatientID,int(d.InstanceNumber),d.StudyDate,d.StudyTime,str(d.AcquisitionDateTime),g('PatientSex'),g('PatientAge'),g('PatientWeight')]))";
    let out = Command::new(peer("python3")?).args(["-c", script]).arg(&out).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let rows = String::from_utf8(out.stdout).unwrap();
    let read = rows.lines().map(|line| {
        let row: Vec<Value> = serde_json::from_str(line).unwrap();
        let word = |i: usize| row[i].as_str().map(str::to_string);
        Read {
            subject: word(0).unwrap(),
            number: row[1].as_u64().unwrap() as usize,
            date: word(2).unwrap(),
            time: word(3).unwrap(),
            moment: word(4).unwrap(),
            kept: [word(5), word(6), word(7)],
        }
    });
    Some(read.collect())
}

/// Minutes since 1970.
fn minutes(date: &str, time: &str) -> i64 {
    let day: jiff::civil::Date = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..8]).parse().unwrap();
    let days = (day - jiff::civil::date(1970, 1, 1)).get_days();
    let part = |range: std::ops::Range<usize>| time.get(range).map_or(0, |t| t.parse::<i64>().unwrap());
    i64::from(days) * 1440 + part(0..2) * 60 + part(2..4)
}

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";

#[test]
fn dates_move_within_their_bounds_all_of_a_subject_alike() {
    let dir = tempfile::tempdir().unwrap();
    deliver(&dir.path().join("in"));
    let profile = "date_shift = { days = [-365, 365], keep_weekday = true }";
    let Some(read) = deid(dir.path(), HEX, profile) else { return };
    assert_eq!(read.len(), 8);
    let shifts = |read: &[Read]| -> std::collections::BTreeMap<String, i64> {
        let mut found = std::collections::BTreeMap::new();
        for file in read {
            let (date, time, moment) = MOMENTS[file.number - 1];
            assert_eq!(file.time, time, "times of day stay");
            let days = (minutes(&file.date, "") - minutes(date, "")) / 1440;
            assert_eq!((minutes(&file.moment, "") - minutes(moment, "")) / 1440, days);
            assert_eq!(&file.moment[8..], &moment[8..]);
            assert!(days != 0 && days.abs() <= 365 && days % 7 == 0, "{days}");
            assert_eq!(*found.entry(file.subject.clone()).or_insert(days), days, "of a subject all alike");
        }
        found
    };
    let first = shifts(&read);
    assert_eq!(first.len(), 2);
    // The same secret in another writing gives the same shifts and the same pseudonyms.
    assert_eq!(shifts(&deid(dir.path(), BASE64, profile).unwrap()), first);
    // As bounds of a workspace's configuration, which come before the profile's.
    let workspace = "date_shift = { days = [1, 9999] }\n[deid]\ndate_shift = { days = [-30, -2] }";
    for file in deid(dir.path(), HEX, workspace).unwrap() {
        let days = (minutes(&file.date, "") - minutes(MOMENTS[file.number - 1].0, "")) / 1440;
        assert!((-30..=-2).contains(&days), "{days}");
    }
}

#[test]
fn times_move_with_their_dates_over_midnight_too() {
    let dir = tempfile::tempdir().unwrap();
    deliver(&dir.path().join("in"));
    let profile = "date_shift = { days = [-10, 10] }\nshift_times = true";
    let Some(read) = deid(dir.path(), HEX, profile) else { return };
    let moved = |file: &Read| {
        let (date, time, _) = MOMENTS[file.number - 1];
        minutes(&file.date, &file.time) - minutes(date, time)
    };
    let shifts: std::collections::BTreeMap<String, i64> =
        read.iter().filter(|file| file.number == 1).map(|file| (file.subject.clone(), moved(file))).collect();
    let mut days = std::collections::BTreeSet::new();
    for file in &read {
        let (date, time, moment) = MOMENTS[file.number - 1];
        assert_eq!(
            file.moment,
            format!("{}{}{}", file.date, &file.time[..time.len().min(6)], &moment[8 + time.len().min(6)..])
        );
        assert_eq!(file.time.len(), time.len(), "as precise as before");
        // An hour alone says no minutes.
        let whole = if time.len() == 2 { 60 } else { 1 };
        let (moved, shift) = (moved(file), shifts[&file.subject]);
        assert!((moved - shift).abs() < whole, "{moved} and {shift}");
        assert!(shift != 0 && shift.abs() <= 10 * 1440 && shift % 1440 != 0, "{shift}");
        days.insert((file.subject.clone(), minutes(&file.date, "") - minutes(date, "")));
    }
    assert_eq!(shifts.len(), 2);
    assert!(days.len() > 2, "moments near midnight get over it, or stay: {days:?}");
}

#[test]
fn patient_characteristics_are_narrowed_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    deliver(&dir.path().join("in"));
    let keeps = "add_options = [\"retain_patient_characteristics\"]\n";
    let kept = |more: &str| {
        let read = deid(dir.path(), HEX, &format!("{keeps}{more}"))?;
        Some(read[0].kept.iter().map(|value| value.is_some()).collect::<Vec<_>>())
    };
    let Some(all) = kept("") else { return };
    assert_eq!(all, [true, true, true]);
    assert_eq!(
        kept("patient_characteristics = [\"PatientSex\", \"PatientAge\"]").unwrap(),
        [true, true, false]
    );
    assert_eq!(kept("patient_characteristics = []").unwrap(), [false, false, false]);
    let lint = |more: &str| {
        let config = dir.path().join("deid.toml");
        fs::write(&config, format!("[profile.p]\n{keeps}{more}")).unwrap();
        let (exit, lines, _) = gantry(&["deid", "--lint", "--profile", "p", "--config", text(&config)]);
        (exit, serde_json::json!(lines).to_string())
    };
    let (exit, said) = lint("patient_characteristics = [\"PatientSex\"]\ndate_shift = { days = [-3, 3] }\n");
    assert!(exit == 1 && said.contains("keeps PatientSex,") && said.contains("one of 6 shifts"), "{said}");
    let (exit, said) = lint("patient_characteristics = [\"PatientName\"]\n");
    assert!(exit == 3 && said.contains("PatientSex"), "{said}");
}
