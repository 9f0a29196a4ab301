//! The same data under any secret and in any order of arrival: the same findings, the same choice between instances that
//! contradict each other, the same volumes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::common::files::{Slice, file, series};
use crate::common::text;
use crate::{Place, files_below};

/// A clean series; one with a gap, one slice of which came twice with other pixels; one of two slices at one place.
fn sources() -> Vec<Vec<u8>> {
    let mut slices: Vec<Slice> = series(5);
    let of = |number: u32, series: u32, shift: i16, at: f64| Slice {
        number,
        series,
        position_mm: [-8.0, -8.0, at],
        values: (0..256).map(|v| v * 3 + shift).collect(),
        ..Slice::default()
    };
    slices.extend([0u32, 1, 2, 4, 5].map(|i| of(i + 1, 2, 7, 2.0 * f64::from(i))));
    slices.extend([of(3, 2, 90, 4.0), of(3, 2, 50, 4.0)]);
    slices.extend([0u32, 1, 2, 3].map(|i| of(i + 1, 3, 9, 2.0 * f64::from(i / 2))));
    slices.iter().map(file).collect()
}

/// What a workspace says of the sources, taken in one by one in this order: findings without UIDs, and the volumes.
fn outcome(order: &[usize], sources: &[Vec<u8>]) -> (Vec<String>, BTreeSet<Vec<u8>>) {
    let place = Place { dir: tempfile::tempdir().unwrap() };
    place.command(&["init", text(&place.workspace())], 0);
    fs::create_dir_all(place.sources()).unwrap();
    for at in order {
        let path = place.sources().join(format!("{at}.dcm"));
        fs::write(&path, &sources[*at]).unwrap();
        place.run(&["ingest", text(&path), "--site", "A"], 0);
    }
    let workspace = place.workspace();
    let run = |arguments: &[&str]| crate::gantry(&[&["--workspace", text(&workspace)], arguments].concat()).1;
    let series = run(&["search", ""]);
    let uids: Vec<&str> = series.iter().map(|s| s["series_uid"].as_str().unwrap()).collect();
    let mut told: Vec<String> = uids
        .iter()
        .map(|uid| {
            let shown = run(&["show", uid]);
            let shown: &Value = shown.last().unwrap();
            let findings = shown["series"]["findings"].as_array().unwrap();
            let mut lines: Vec<String> = findings
                .iter()
                .map(|f| format!("{} {} {} {}", f["check"], f["severity"], f["message"], f["slices"]))
                .collect();
            lines.sort();
            format!("{} {}: {lines:?}", shown["series"]["row"]["instances"], shown["series"]["row"]["frames"])
        })
        .collect();
    told.sort();
    let to = place.at("out");
    run(&["export", "--format", "nifti", "--to", text(&to), "--query", "modality:CT"]);
    let is_volume = |path: &Path| path.to_string_lossy().contains(".nii");
    let volumes =
        files_below(&to).into_iter().filter(|path| is_volume(path)).map(|path| fs::read(path).unwrap());
    (told, volumes.collect())
}

#[test]
fn neither_the_secret_nor_the_order_of_arrival_shows_in_findings_and_volumes() {
    let sources = sources();
    let forwards: Vec<usize> = (0..sources.len()).collect();
    let backwards: Vec<usize> = forwards.iter().rev().copied().collect();
    // A step that shares no factor with their number visits all of them.
    let scattered: Vec<usize> = forwards.iter().map(|i| (i * 5 + 3) % sources.len()).collect();
    let expected = outcome(&forwards, &sources);
    assert!(
        expected.0.len() == 3 && expected.0.iter().any(|s| s.contains("instance_conflict")),
        "{expected:?}"
    );
    assert!(!expected.1.is_empty());
    for order in [backwards, scattered] {
        let other = outcome(&order, &sources);
        assert_eq!(other.0, expected.0, "{order:?}");
        assert!(other.1 == expected.1, "other volumes in the order {order:?}");
    }
}
