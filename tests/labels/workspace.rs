//! Label files in a workspace: whose they are, where they lie, what is kept of them, and how well readers agree.

use std::path::{Path, PathBuf};
use std::process::Command;

use gantry::format::nifti::{Nifti, Voxels as Values};
use serde_json::Value;

use super::made::{Ct, RtFile, SERIES, SegFile, Voxels, read_json, stated, voxels, write_json};

const LIVER: [&str; 3] = ["SCT", "10200004", "Liver"];

/// A workspace with one CT in it.
struct Place {
    dir: tempfile::TempDir,
    ct: Ct,
}

impl Place {
    fn new() -> Self {
        let it = Self { dir: tempfile::tempdir().unwrap(), ct: Ct::turned() };
        it.ct.write(&it.at("ct"));
        it.run(&["init", it.at("w").to_str().unwrap()], 0);
        it.run(&["ingest", it.at("ct").to_str().unwrap(), "--site", "A"], 0);
        it
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a command and gives the last line of its answer.
    fn run(&self, arguments: &[&str], status: i32) -> Value {
        let out = Command::new(env!("CARGO_BIN_EXE_gantry"))
            .args(["--json", "--workspace"])
            .arg(self.at("w"))
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert_eq!(
            out.status.code(),
            Some(status),
            "{arguments:?}: {said}{}",
            String::from_utf8_lossy(&out.stderr)
        );
        serde_json::from_str(said.lines().next().unwrap_or("null")).unwrap_or_default()
    }

    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let out = Command::new(env!("CARGO_BIN_EXE_gantry"))
            .args(["--json", "--workspace"])
            .arg(self.at("w"))
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8(out.stdout).unwrap();
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Takes a file of a reader in.
    fn import(&self, path: &Path, reader: &str, status: i32) -> Value {
        self.run(&["label", "import", path.to_str().unwrap(), "--reader", reader], status)
    }

    /// A labelmap of some voxels.
    fn nifti(&self, name: &str, inside: &Voxels) -> PathBuf {
        let [x, y, z] = self.ct.grid.shape.map(|n| n as usize);
        let mut values = vec![0_u8; x * y * z];
        inside.iter().for_each(|[i, j, k]| values[(*k as usize * y + *j as usize) * x + *i as usize] = 1);
        let path = self.at(name);
        Nifti::new([x, y, z, 1], self.ct.grid.affine_ras(), Values::U8(values))
            .unwrap()
            .write(&path)
            .unwrap();
        path
    }

    /// What a read drew, out of the workspace again.
    fn drawn(&self, read: i64) -> Voxels {
        let path = self.at(&format!("out-{read}.json"));
        self.run(&["label", "export", &read.to_string(), "--to", path.to_str().unwrap()], 0);
        read_json(&path).remove(0).voxels
    }

    fn blobs(&self) -> usize {
        let mut count = 0;
        for folder in std::fs::read_dir(self.at("w/store")).unwrap().flatten() {
            count += std::fs::read_dir(folder.path()).map_or(0, |files| files.flatten().count());
        }
        count
    }
}

fn box_of(shape: [u32; 3], from: u32, to: u32) -> Voxels {
    voxels(shape, |x, y, z| (from..to).contains(&x) && (2..6).contains(&y) && (1..4).contains(&z))
}

#[test]
fn what_is_drawn_in_any_tool_becomes_the_same_read() {
    let place = Place::new();
    let (ct, inside) = (&place.ct, box_of(place.ct.grid.shape, 3, 7));
    // By references to the originals, by contours, by voxels alone; the same voxels are kept once.
    let [columns, rows, _] = ct.grid.shape;
    let frame = |z: u32| {
        let mut pixels = vec![0_u8; (columns * rows) as usize];
        inside.iter().filter(|v| v[2] == z).for_each(|v| pixels[(v[1] * columns + v[0]) as usize] = 1);
        (1, z, pixels)
    };
    let mut seg = SegFile::on(ct, "BINARY", &[frame(2), frame(1), frame(3)]);
    seg.segments = vec![(1, "Liver".into())];
    std::fs::write(place.at("seg.dcm"), seg.bytes()).unwrap();
    let ring = vec![[2.6, 1.7], [6.4, 1.7], [6.4, 5.4], [2.6, 5.4]];
    let lines: Vec<_> = (1..4).map(|z| (f64::from(z), ring.clone())).collect();
    std::fs::write(place.at("rt.dcm"), RtFile::on(ct, &[("Liver", lines)]).bytes()).unwrap();
    write_json(&place.at("own.json"), &ct.grid, &[stated("Liver", LIVER, [1, 2, 3], inside.clone())]);
    let before = place.blobs();
    for (name, format, reader) in
        [("seg.dcm", "dicom_seg", "r-1"), ("rt.dcm", "rtstruct", "r-2"), ("own.json", "json", "r-3")]
    {
        let said = place.import(&place.at(name), reader, 0);
        let file = &said["files"][0];
        assert_eq!(file["format"], format, "{said}");
        assert_eq!(file["structures"][0]["voxels"], inside.len(), "{said}");
        assert_ne!(file["series_uid"], SERIES, "the original UID is not told");
    }
    let map = place.nifti("map.nii.gz", &inside);
    place.run(&["label", "import", map.to_str().unwrap(), "--reader", "r-4", "--names", "1=Liver"], 0);
    assert_eq!(place.blobs(), before + 1, "equal masks are stored once");
    let reads = place.lines(&["label", "list"]);
    assert_eq!(reads.len(), 4);
    for read in &reads {
        assert_eq!(place.drawn(read["read"].as_i64().unwrap()), inside, "{read}");
        let volume = read["labels"][0]["values"]["volume_mm3"].as_f64().unwrap();
        let expected = inside.len() as f64 * ct.grid.voxel_mm3();
        assert!((volume - expected).abs() < 1e-6, "{volume} {expected}");
        assert_eq!(read["labels"][0]["voxels"], inside.len(), "{read}");
    }
    // The same again is a duplicate; another drawing replaces it, and the history stays.
    assert_eq!(place.import(&place.at("seg.dcm"), "r-1", 0)["total"]["duplicates"], 1);
    let other = box_of(ct.grid.shape, 3, 8);
    write_json(&place.at("own.json"), &ct.grid, &[stated("Liver", LIVER, [1, 2, 3], other.clone())]);
    let said = place.import(&place.at("own.json"), "r-1", 0);
    assert_eq!(said["total"]["corrected"], 1);
    let now = place.lines(&["label", "list", "--reader", "r-1"]);
    assert_eq!(place.drawn(now[0]["read"].as_i64().unwrap()), other);
    place.run(&["label", "undo", &said["import"].to_string()], 0);
    let now = place.lines(&["label", "list", "--reader", "r-1"]);
    assert_eq!(place.drawn(now[0]["read"].as_i64().unwrap()), inside, "what stood before stands again");
    assert_eq!(place.run(&["verify"], 0)["whole"], true);
}

#[test]
fn overlap_of_readers_is_a_live_measure() {
    let place = Place::new();
    let shape = place.ct.grid.shape;
    let (a, b) = (box_of(shape, 2, 6), box_of(shape, 4, 8));
    for (reader, inside) in [("r-1", &a), ("r-2", &b)] {
        write_json(
            &place.at("x.json"),
            &place.ct.grid,
            &[stated("nodule", LIVER, [9, 9, 9], inside.clone())],
        );
        place.import(&place.at("x.json"), reader, 0);
    }
    let row = |view: &Value| {
        let rows = view["measures"].as_array().unwrap();
        rows.iter().find(|r| r["id"] == "nodule/dice").cloned().unwrap()
    };
    let view = place.lines(&["agreement", "--measure", "nodule/dice"]).remove(0);
    let both = a.intersection(&b).count() as f64;
    let dice = 2.0 * both / (a.len() + b.len()) as f64;
    assert_eq!(row(&view)["value"]["value"].as_f64(), Some(dice));
    assert_eq!(view["selected"]["pairs"][0]["value"]["value"].as_f64(), Some(dice));
    assert_eq!(view["selected"]["worst"][0]["disagreement"].as_f64(), Some(1.0 - dice));
    // Who found nothing overlaps with nobody.
    write_json(&place.at("x.json"), &place.ct.grid, &[stated("nodule", LIVER, [9, 9, 9], Voxels::new())]);
    let said = place.import(&place.at("x.json"), "r-3", 0);
    assert_eq!(said["files"][0]["structures"][0]["state"], "none");
    let view = place.lines(&["agreement", "--measure", "nodule/dice"]).remove(0);
    assert!((row(&view)["value"]["value"].as_f64().unwrap() - dice / 3.0).abs() < 1e-12);
    assert_eq!(row(&view)["readers"], 3);
    assert_eq!(view["selected"]["readers"][2]["nothing"], 1);
    // Taken back, it counts no longer.
    place.run(&["label", "undo", &said["import"].to_string()], 0);
    let view = place.lines(&["agreement", "--measure", "nodule/dice"]).remove(0);
    assert_eq!(row(&view)["value"]["value"].as_f64(), Some(dice));
}

#[test]
fn what_does_not_fit_is_refused_and_what_nobody_knows_waits() {
    let place = Place::new();
    let inside = box_of(place.ct.grid.shape, 3, 7);
    let map = place.nifti("map.nii.gz", &inside);
    let text = map.to_str().unwrap();
    assert!(place.run(&["label", "import", text], 4)["files"][0]["code"] == "no_reader");
    // Half a voxel aside.
    let mut aside = place.ct.clone();
    aside.grid.origin_mm = aside.grid.centre_mm([0.5, 0.0, 0.0]);
    write_json(&place.at("aside.json"), &aside.grid, &[stated("Liver", LIVER, [1, 1, 1], inside.clone())]);
    let said = place.import(&place.at("aside.json"), "r-1", 4);
    assert_eq!(said["files"][0]["code"], "other_grid", "{said}");
    let apart = said["files"][0]["difference"]["origin_mm"].as_f64().unwrap();
    assert!((apart - 0.35).abs() < 1e-9, "{apart}");
    // A second series with the same voxels: nobody knows which of them is meant.
    let twin = place.at("twin");
    place.ct.write(&twin);
    for file in std::fs::read_dir(&twin).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap();
        let read = gantry::dicom::read(&bytes, gantry::dicom::ReadOptions::default()).unwrap();
        let mut set = read.dataset;
        let sop = set.ascii(gantry::model::tags::SOP_INSTANCE_UID).unwrap().replace(SERIES, "2.25.78.1");
        set.put_str(gantry::model::tags::SOP_INSTANCE_UID, gantry::model::Vr::UI, &sop);
        set.put_str(gantry::model::tags::SERIES_INSTANCE_UID, gantry::model::Vr::UI, "2.25.78.1");
        let written = gantry::dicom::write(&set, gantry::dicom::Syntax::EXPLICIT_LE).unwrap();
        std::fs::write(file.path(), written).unwrap();
    }
    place.run(&["ingest", twin.to_str().unwrap(), "--site", "A"], 0);
    let said = place.import(&map, "r-1", 1);
    assert_eq!((&said["total"]["parked"], &said["import"]), (&Value::from(1), &Value::Null), "{said}");
    assert!(place.lines(&["label", "list"]).is_empty());
    let told = place.run(&["audit", "show", "--text", "label."], 0);
    assert_eq!(told["total"], 0, "nothing was taken: {told}");
    let said = place.run(&["label", "assign", text, "2.25.78.1", "--reader", "r-1", "--names", "1=Liver"], 0);
    assert_eq!(said["total"]["new"], 1);
    // Its name says which series, who and what.
    let named = place.at(&format!("{SERIES}_r-2_left lung.nii.gz"));
    std::fs::copy(&map, &named).unwrap();
    let template =
        ["label", "import", named.to_str().unwrap(), "--match", "{series}_{reader}_{structure}.nii.gz"];
    let said = place.run(&template, 0);
    assert_eq!(said["files"][0]["structures"][0]["name"], "left lung", "{said}");
    let reads = place.lines(&["label", "list", "--reader", "r-2"]);
    assert_ne!(reads[0]["series_uid"], SERIES);
}

#[test]
fn names_that_identify_are_not_kept_and_labels_outlive_backups() {
    let place = Place::new();
    let inside = box_of(place.ct.grid.shape, 3, 7);
    // The patient of the made images.
    let read =
        std::fs::read(std::fs::read_dir(place.at("ct")).unwrap().flatten().next().unwrap().path()).unwrap();
    let file = gantry::dicom::read(&read, gantry::dicom::ReadOptions::default()).unwrap();
    let patient = file.dataset.ascii(gantry::model::tags::PATIENT_NAME).unwrap().to_owned();
    let family = patient.split('^').next().unwrap();
    let name = format!("tumour of {family}");
    write_json(&place.at("x.json"), &place.ct.grid, &[stated(&name, LIVER, [9, 9, 9], inside.clone())]);
    let said = place.import(&place.at("x.json"), "r-1", 0);
    let kept = said["files"][0]["structures"][0]["name"].as_str().unwrap();
    assert!(kept.contains("tumour") && !kept.contains(family), "{kept}");
    let copy = place.at("copy");
    place.run(&["backup", copy.to_str().unwrap()], 0);
    let out = Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["--json", "--workspace", copy.to_str().unwrap(), "verify"])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    // Whoever takes what was drawn out of the store is told.
    let blob = place.lines(&["label", "list"])[0]["labels"][0]["sha256"].as_str().unwrap().to_owned();
    let path = place.at(&format!("w/store/{}/{}.dcm", &blob[..2], &blob[2..]));
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(place.run(&["verify"], 1)["damage"].to_string().contains(&blob));
    std::fs::remove_file(&path).unwrap();
    assert!(place.run(&["verify"], 1)["damage"].to_string().contains(&blob));
    // Its file stores it again.
    assert_eq!(place.import(&place.at("x.json"), "r-1", 0)["total"]["duplicates"], 1);
    assert_eq!(place.run(&["verify"], 0)["whole"], true);
}

#[test]
fn readers_of_a_lidc_file_are_readers_of_their_own() {
    let place = Place::new();
    // The edge map runs over the first pixels outside: 3 × 2 pixels, and 2 × 2 of another reader.
    let edge = |to: u32| {
        let ring = [[2, 2], [to, 2], [to, 5], [2, 5], [2, 2]];
        ring.map(|[x, y]| format!("<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>")).concat()
    };
    let session = |to: u32| {
        format!(
            "<readingSession><unblindedReadNodule><noduleID>Nodule 7</noduleID><roi><imageSOP_UID>{SERIES}.2</imageSOP_UID>\
             <inclusion>TRUE</inclusion>{}</roi></unblindedReadNodule></readingSession>",
            edge(to)
        )
    };
    let text = format!(
        "<?xml version=\"1.0\"?><LidcReadMessage><ResponseHeader><SeriesInstanceUid>{SERIES}</SeriesInstanceUid>\
         </ResponseHeader>{}{}</LidcReadMessage>",
        session(6),
        session(5)
    );
    std::fs::write(place.at("read.xml"), text).unwrap();
    let said = place.import(&place.at("read.xml"), "lidc", 0);
    assert_eq!(said["total"]["new"], 2, "{said}");
    for (reader, voxels) in [("lidc-1", 6), ("lidc-2", 4)] {
        let reads = place.lines(&["label", "list", "--reader", reader]);
        assert_eq!(reads[0]["labels"][0]["structure"], "nodule");
        assert_eq!(place.drawn(reads[0]["read"].as_i64().unwrap()).len(), voxels, "{reader}");
    }
    let view = place.lines(&["agreement", "--measure", "nodule/dice"]).remove(0);
    assert_eq!(view["selected"]["pairs"][0]["value"]["value"].as_f64(), Some(0.8));
}

#[test]
fn measurements_of_a_report_are_values_of_reads() {
    let place = Place::new();
    let inside = box_of(place.ct.grid.shape, 3, 7);
    write_json(&place.at("x.json"), &place.ct.grid, &[stated("Liver", LIVER, [1, 1, 1], inside.clone())]);
    let (from, to) = (place.at("x.json"), place.at("report.dcm"));
    let made = super::made::convert(&from, &to, &place.at("ct"), &["--format", "sr"]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    let said = place.import(&to, "r-1", 0);
    assert_eq!(said["files"][0]["format"], "sr", "{said}");
    let reads = place.lines(&["label", "list"]);
    let value = reads[0]["labels"][0]["values"]["volume_mm3"].as_f64().unwrap();
    let expected = inside.len() as f64 * place.ct.grid.voxel_mm3();
    assert!((value - expected).abs() < 1e-4, "{reads:?}");
}
