//! The demo: its data is what it says, and the line finds what was planted in it and nothing else.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::process::Command;

use gantry::demo::{
    Fault, Kernel, MATRIX, NoduleKind, Plane, ReaderFault, SCANNERS, Senders, Study, StudyPlan, plans,
};
use gantry::dicom::codec::open;
use gantry::dicom::{ReadOptions, read};
use gantry::model::pixels::Samples;

fn clean(scanner: usize) -> StudyPlan {
    StudyPlan { seed: 5, number: 1, subject: scanner + 1, scanner, visit: 0, fault: None }
}

/// The demo through the binary, at a seed.
fn headless(seed: &str) -> serde_json::Value {
    let dir = tempfile::tempdir().unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["demo", "--headless", "--json", "--strict", "--studies", "18", "--seed", seed, "--dir"])
        .arg(dir.path().join("w"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{:?} {told} {}", ran.status, String::from_utf8_lossy(&ran.stderr));
    serde_json::from_str(&told).unwrap()
}

#[test]
fn every_planted_fault_is_found_and_none_invented_at_two_seeds() {
    for seed in ["1", "77"] {
        let report = headless(seed);
        let planted = report["planted"].as_array().unwrap();
        let mut names: Vec<&str> = planted.iter().map(|p| p["fault"].as_str().unwrap()).collect();
        names.sort_unstable();
        let mut every: Vec<&str> = Fault::ALL.iter().map(|f| f.name()).collect();
        every.extend(ReaderFault::ALL.iter().map(|f| f.name()));
        every.sort_unstable();
        assert_eq!(names, every, "seed {seed}");
        let missed: Vec<_> =
            planted.iter().filter(|p| p["found"] != true || p["finding"].is_null()).collect();
        assert!(missed.is_empty(), "seed {seed}: {missed:?}");
        assert_eq!(report["invented"], serde_json::json!([]), "seed {seed}");
        // One series each, and the dose report whose text is masked.
        assert_eq!((&report["studies"], &report["series"]), (&18.into(), &19.into()));
    }
}

#[test]
fn the_same_seed_gives_the_same_files_and_another_others() {
    let chosen: Vec<StudyPlan> = plans(9, 20).into_iter().filter(|p| p.number % 6 == 1).collect();
    assert_eq!(chosen, plans(9, 20).into_iter().filter(|p| p.number % 6 == 1).collect::<Vec<_>>());
    for plan in chosen {
        let files = Study::make(plan).files().unwrap();
        assert_eq!(files, Study::make(plan).files().unwrap(), "{plan:?}");
        assert_ne!(files[9].bytes, Study::make(StudyPlan { seed: 10, ..plan }).files().unwrap()[9].bytes);
    }
}

#[test]
fn every_scanner_is_true_to_hounsfield_units() {
    for scanner in 0..SCANNERS.len() {
        let study = Study::make(clean(scanner));
        let (mut air, mut lung, mut soft) = (Vec::new(), Vec::new(), Vec::new());
        let mut deviations = Vec::new();
        for image in &study.images {
            let hu = |i: usize| {
                let v = image.stored[i];
                let v = if image.signed { f64::from(v as i16) } else { f64::from(v) };
                v + f64::from(study.scanner.intercept_hu)
            };
            // Above the patient there is nothing but air, within the round field of view.
            air.extend((12..20).flat_map(|row| (110..146).map(move |c| row * MATRIX + c)).map(hu));
            // Lung is what lies between air and soft tissue, away from edges: by the values, not by the drawing.
            let inside = |i: usize| (0..9).map(move |k| i + k / 3 * MATRIX + k % 3);
            let block = |i: usize| inside(i).map(hu).sum::<f64>() / 9.0;
            for i in (40..200).step_by(5).flat_map(|r| (30..226).step_by(5).map(move |c| r * MATRIX + c)) {
                match block(i) {
                    m if (-920.0..-760.0).contains(&m) => lung.push(m),
                    m if (10.0..90.0).contains(&m) => {
                        soft.push(m);
                        deviations.push(statistics(&inside(i).map(hu).collect::<Vec<_>>()).1);
                    }
                    _ => {}
                }
            }
        }
        let name = study.scanner.model;
        let (mean_air, _) = statistics(&air);
        let (mean_lung, _) = statistics(&lung);
        let (mean_soft, _) = statistics(&soft);
        // The median block lies within one tissue; most lie between the middle and the edge, where noise is less.
        deviations.sort_by(f64::total_cmp);
        let sd_soft = deviations[deviations.len() / 2];
        assert!((mean_air + 1000.0).abs() < 6.0, "{name}: air {mean_air}");
        assert!((-880.0..-820.0).contains(&mean_lung), "{name}: lung {mean_lung}");
        assert!((35.0..65.0).contains(&mean_soft), "{name}: soft tissue {mean_soft}");
        let noise = study.scanner.noise_hu;
        assert!((0.4 * noise..1.2 * noise).contains(&sd_soft), "{name}: noise {sd_soft} for {noise}");
        assert!(lung.len() > 2000, "{name}: {} blocks of lung", lung.len());
    }
}

fn statistics(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
    (mean, variance.sqrt())
}

#[test]
fn a_soft_kernel_makes_neighbouring_noise_alike_and_a_sharp_one_does_not() {
    for (scanner, alike) in [(0, true), (1, false)] {
        let study = Study::make(clean(scanner));
        assert_eq!(study.scanner.kernel == Kernel::Soft, alike);
        let image = &study.images[20];
        let row = |r: usize| (100..150).map(move |c| r * MATRIX + c);
        let hu = |i: usize| {
            if image.signed { f64::from(image.stored[i] as i16) } else { f64::from(image.stored[i]) }
        };
        let pairs: Vec<(f64, f64)> = (10..22).flat_map(row).map(|i| (hu(i), hu(i + 1))).collect();
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let ((ma, sa), (mb, sb)) = (statistics(&a), statistics(&b));
        let correlation =
            pairs.iter().map(|(x, y)| (x - ma) * (y - mb)).sum::<f64>() / pairs.len() as f64 / (sa * sb);
        assert_eq!(correlation > 0.3, alike, "{}: {correlation}", study.scanner.model);
    }
}

#[test]
fn nodules_are_where_they_are_said_to_be() {
    let mut seen = 0;
    for scanner in 0..SCANNERS.len() {
        let study = Study::make(clean(scanner));
        for nodule in &study.nodules {
            let near = |i: &&gantry::demo::Image| (i.plane.origin_mm[2] - nodule.centre_mm[2]).abs() <= 1.3;
            let Some(image) = study.images.iter().find(near) else { continue };
            let Plane { origin_mm, pixel_mm, .. } = image.plane;
            let at = |mm: f64, axis: usize| ((mm - origin_mm[axis]) / pixel_mm).round() as usize;
            let (column, row) = (at(nodule.centre_mm[0], 0), at(nodule.centre_mm[1], 1));
            let mean = (0..9)
                .map(|k| image.stored[(row + k / 3 - 1) * MATRIX + column + k % 3 - 1])
                .map(|v| if image.signed { f64::from(v as i16) } else { f64::from(v) })
                .sum::<f64>()
                / 9.0
                + f64::from(study.scanner.intercept_hu);
            // A vessel may run through ground glass.
            let range = if nodule.kind == NoduleKind::Solid { -250.0..120.0 } else { -680.0..-250.0 };
            assert!(range.contains(&mean), "{nodule:?}: {mean}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
}

#[test]
fn every_scanners_pixels_read_back_as_they_were_made() {
    for scanner in 0..SCANNERS.len() {
        let study = Study::make(clean(scanner));
        for (image, file) in study.images.iter().zip(study.files().unwrap()).step_by(13) {
            let file = read(&file.bytes, ReadOptions::default()).unwrap();
            let samples = match open(&file).unwrap().decode_frame(0).unwrap().samples {
                Samples::U16(v) => v,
                Samples::I16(v) => v.into_iter().map(|v| v as u16).collect(),
                other => panic!("{other:?}"),
            };
            assert_eq!(samples, image.stored, "{}", study.scanner.model);
        }
    }
}

#[test]
fn files_conform() {
    let Some(dciodvfy) = common::peer("dciodvfy") else { return };
    let dir = tempfile::tempdir().unwrap();
    for scanner in 0..SCANNERS.len() {
        let path = dir.path().join(format!("{scanner}.dcm"));
        std::fs::write(&path, &Study::make(clean(scanner)).files().unwrap()[3].bytes).unwrap();
        let ran = Command::new(&dciodvfy).arg(&path).output().unwrap();
        let told = String::from_utf8_lossy(&ran.stderr).into_owned() + &String::from_utf8_lossy(&ran.stdout);
        let errors: Vec<&str> = told.lines().filter(|l| l.starts_with("Error")).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", SCANNERS[scanner].model);
        assert!(told.contains("CTImage"), "{told}");
    }
}

#[test]
fn studies_go_on_arriving_file_by_file_and_stop_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let workspace = dir.path().join("demo");
    let senders = Senders::new(&workspace).unwrap();
    let pace = gantry::demo::Pace {
        file: std::time::Duration::from_millis(20),
        study: std::time::Duration::from_secs(60),
        studies: 3,
    };
    let arrivals = gantry::demo::Arrivals::start(senders, 1, 100, pace);
    let there = || gantry_files(&Senders::folder(&workspace).join("inbox"));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while there() < 5 && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let first = there();
    assert!((5..40).contains(&first), "{first}");
    assert!(arrivals.files() >= first as u64);
    drop(arrivals);
    let last = there();
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(there(), last);
}

fn gantry_files(folder: &std::path::Path) -> usize {
    let below = |e: std::fs::DirEntry| if e.path().is_dir() { gantry_files(&e.path()) } else { 1 };
    std::fs::read_dir(folder).unwrap().flatten().map(below).sum()
}
