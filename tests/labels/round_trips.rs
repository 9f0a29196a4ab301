//! From every format to every other: what a format can hold is there again.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::made::{Ct, Stated, convert, placed, read_json, stated, text, voxels, write_json};

/// A format and what it can hold.
struct Holds {
    file: &'static str,
    format: &'static [&'static str],
    names: bool,
    codes: bool,
    categories: bool,
    /// By how much a colour may come back changed.
    colors: Option<u8>,
    tracking: bool,
}

const NOTHING: Holds = Holds {
    file: "",
    format: &[],
    names: false,
    codes: false,
    categories: false,
    colors: None,
    tracking: false,
};

/// Formats that hold structures that overlap and structures without a voxel.
const RICH: [Holds; 5] = [
    Holds {
        file: "own.json",
        names: true,
        codes: true,
        categories: true,
        colors: Some(0),
        tracking: true,
        ..NOTHING
    },
    // Colours are CIELab there.
    Holds {
        file: "seg.dcm",
        format: &["--format", "seg"],
        names: true,
        codes: true,
        categories: true,
        colors: Some(1),
        tracking: true,
    },
    Holds {
        file: "rt.dcm",
        format: &["--format", "rtstruct"],
        names: true,
        codes: true,
        colors: Some(0),
        ..NOTHING
    },
    Holds { file: "slicer.seg.nrrd", names: true, codes: true, categories: true, colors: Some(0), ..NOTHING },
    Holds { file: "coco.json", format: &["--format", "coco"], names: true, ..NOTHING },
];

/// Formats with one value a voxel.
const PLAIN: [Holds; 4] = [
    Holds { file: "map.nii.gz", ..NOTHING },
    Holds { file: "map.nii", ..NOTHING },
    Holds { file: "map.nrrd", ..NOTHING },
    Holds { file: "map.mha", ..NOTHING },
];

/// Structures that share no voxel: one with a hole and an island in it, single voxels that touch by corners, one that runs
/// along the border.
fn apart(shape: [u32; 3]) -> Vec<Stated> {
    let ring =
        |x: u32, y: u32| (2..8).contains(&x) && (2..7).contains(&y) && !((4..6).contains(&x) && y == 4);
    let corners = |x: u32, y: u32, z: u32| z > 1 && x + y == 13 && x > 7;
    vec![
        stated(
            "Leber",
            ["SCT", "10200004", "Liver"],
            [221, 130, 101],
            voxels(shape, |x, y, z| z % 4 != 1 && ring(x, y)),
        ),
        stated("病变 é", ["99GNTR", "LES-7", "Lésion privée"], [10, 200, 30], voxels(shape, corners)),
        stated(
            "Border",
            ["SCT", "52988006", "Lesion"],
            [0, 0, 255],
            voxels(shape, |x, y, _| x == 0 || y == 0),
        ),
    ]
}

/// The same with one that overlaps two of them and one without a voxel.
fn overlapping(shape: [u32; 3]) -> Vec<Stated> {
    let mut all = apart(shape);
    all.push(stated(
        "All",
        ["SCT", "38266002", "Entire body"],
        [9, 99, 199],
        voxels(shape, |x, y, z| x < 6 && y < 6 && z < 3),
    ));
    all.push(stated("None", ["SCT", "52988006", "Lesion"], [1, 2, 3], voxels(shape, |_, _, _| false)));
    all
}

struct World {
    dir: TempDir,
    image: PathBuf,
}

impl World {
    fn new(ct: &Ct, structures: &[Stated]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let image = ct.write(&dir.path().join("ct"));
        write_json(&dir.path().join("truth.json"), &ct.grid, structures);
        Self { dir, image }
    }

    /// Converts a file; the new one.
    fn to(&self, from: &Path, target: &Holds, stem: &str) -> PathBuf {
        let to = self.dir.path().join(format!("{stem}-{}", target.file));
        let said = convert(from, &to, &self.image, target.format);
        assert_eq!(said.status, 0, "{} to {}: {}", from.display(), to.display(), said.stderr);
        to
    }
}

fn same(found: &[Stated], truth: &[Stated], by: &[&Holds], what: &str) {
    assert_eq!(found.len(), truth.len(), "{what}");
    let all = |holds: fn(&Holds) -> bool| by.iter().all(|h| holds(h));
    for (found, truth) in found.iter().zip(truth) {
        let what = format!("{what}: {}", truth.name);
        assert_eq!(found.voxels, truth.voxels, "{what}");
        assert!(!all(|h| h.names) || found.name == truth.name, "{what}: {}", found.name);
        assert!(!all(|h| h.codes) || found.code == truth.code, "{what}: {:?}", found.code);
        assert!(!all(|h| h.categories) || found.category == truth.category, "{what}: {:?}", found.category);
        assert!(!all(|h| h.tracking) || found.tracking == truth.tracking, "{what}: {:?}", found.tracking);
        if all(|h| h.colors.is_some()) {
            let most: u8 = by.iter().filter_map(|h| h.colors).sum();
            let (a, b) = (found.color.unwrap(), truth.color.unwrap());
            assert!(a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= most), "{what}: {a:?} {b:?}");
        }
    }
}

fn every_pair(ct: &Ct, structures: &[Stated], formats: &[&Holds]) {
    let world = World::new(ct, structures);
    for first in formats {
        let a = world.to(&world.dir.path().join("truth.json"), first, "a");
        same(&placed(&a, &world.image, &[]), structures, &[first], first.file);
        for second in formats {
            let what = format!("{} to {}", first.file, second.file);
            let b = world.to(&a, second, &format!("b-{}", first.file));
            same(&placed(&b, &world.image, &[]), structures, &[first, second], &what);
        }
    }
}

#[test]
fn structures_that_share_no_voxel_survive_every_pair_of_formats() {
    let ct = Ct::turned();
    let formats: Vec<&Holds> = RICH.iter().chain(&PLAIN).collect();
    every_pair(&ct, &apart(ct.grid.shape), &formats);
}

#[test]
fn overlap_and_empty_structures_survive_every_pair_of_formats_that_hold_them() {
    let ct = Ct::turned();
    every_pair(&ct, &overlapping(ct.grid.shape), &RICH.iter().collect::<Vec<_>>());
}

#[test]
fn a_tilted_gantry_changes_no_voxel() {
    let ct = Ct::tilted();
    let formats: Vec<&Holds> = RICH.iter().chain(&PLAIN).filter(|h| h.file != "map.mha").collect();
    every_pair(&ct, &apart(ct.grid.shape), &formats);
    // MetaImage has directions at right angles alone.
    let world = World::new(&ct, &apart(ct.grid.shape));
    let to = world.dir.path().join("map.mha");
    let said = convert(&world.dir.path().join("truth.json"), &to, &world.image, &[]);
    assert_eq!((said.status, said.code(), to.exists()), (4, "sheared", false));
}

#[test]
fn a_folder_has_a_file_for_each_structure_in_the_order_that_is_told() {
    let ct = Ct::turned();
    let mut structures = overlapping(ct.grid.shape);
    // Names that are no file names, and names that differ by case alone.
    structures[0].name = "../../up/and away".into();
    structures[1].name = "leber".into();
    structures[2].name = "LEBER".into();
    let world = World::new(&ct, &structures);
    let folder = world.dir.path().join("masks/");
    let said = convert(&world.dir.path().join("truth.json"), &folder, &world.image, &[]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    let outputs: Vec<PathBuf> =
        said.value["outputs"].as_array().unwrap().iter().map(|p| p.as_str().unwrap().into()).collect();
    assert_eq!(outputs.len(), structures.len());
    for (path, truth) in outputs.iter().zip(&structures).filter(|(_, s)| !s.voxels.is_empty()) {
        assert_eq!(path.parent(), Some(world.dir.path().join("masks").as_path()), "beside the others");
        let found = placed(path, &world.image, &[]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].voxels, truth.voxels, "{}", truth.name);
    }
    let there = std::fs::read_dir(&folder).unwrap().filter(|e| {
        let name = e.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".nii.gz")
    });
    assert_eq!(there.count(), structures.len(), "nothing else lies there");
}

#[test]
fn a_structure_whose_number_takes_two_bytes_is_written_too() {
    let ct = Ct::straight([6, 5, 2], [1.0, 1.0, 2.0]);
    let world = World::new(&ct, &apart(ct.grid.shape)[..1]);
    let truth = world.dir.path().join("truth.json");
    let numbered = std::fs::read_to_string(&truth).unwrap().replace("\"number\":1", "\"number\":700");
    std::fs::write(&truth, numbered).unwrap();
    let folder = world.dir.path().join("masks/");
    assert_eq!(convert(&truth, &folder, &world.image, &[]).status, 0);
    let found = placed(&folder.join("Leber.nii.gz"), &world.image, &[]);
    assert_eq!((found[0].name.as_str(), &found[0].voxels), ("700", &apart(ct.grid.shape)[0].voxels));
}

#[test]
fn the_same_label_is_the_same_file() {
    let ct = Ct::turned();
    let structures = overlapping(ct.grid.shape);
    let (one, two) = (World::new(&ct, &structures), World::new(&ct, &structures));
    for format in &RICH {
        let files = [&one, &two].map(|w| w.to(&w.dir.path().join("truth.json"), format, "a"));
        assert!(std::fs::read(&files[0]).unwrap() == std::fs::read(&files[1]).unwrap(), "{}", format.file);
    }
}

#[test]
fn a_report_has_the_volume_of_each_structure_and_its_segmentation_beside_it() {
    let ct = Ct::turned();
    let structures = overlapping(ct.grid.shape);
    let world = World::new(&ct, &structures);
    let report = world.dir.path().join("report.dcm");
    let truth = world.dir.path().join("truth.json");
    assert_eq!(convert(&truth, &report, &world.image, &["--format", "sr"]).status, 0);
    let shown = crate::made::label(&["show", report.to_str().unwrap()]).value;
    assert_eq!((&shown["format"], &shown["series_uid"]), (&"sr".into(), &crate::made::SERIES.into()));
    let measurements = shown["measurements"].as_array().unwrap();
    assert_eq!(measurements.len(), structures.len());
    for (measured, truth) in measurements.iter().zip(&structures) {
        let volume = truth.voxels.len() as f64 * ct.grid.voxel_mm3();
        assert!((measured["value"].as_f64().unwrap() - volume).abs() < 1e-6 * volume.max(1.0), "{measured}");
        assert_eq!((&measured["unit"], &measured["code"]["value"]), (&"mm3".into(), &"118565006".into()));
        assert!(measured["of"].as_str().unwrap().contains(&truth.name), "{measured}");
    }
    same(
        &placed(&report.with_extension("seg.dcm"), &world.image, &[]),
        &structures,
        &[&RICH[1]],
        "beside the report",
    );
}

#[test]
fn an_image_without_a_position_takes_segmentations_and_no_contours() {
    let dir = tempfile::tempdir().unwrap();
    let slice = crate::common::files::Slice { size: [6, 4], values: vec![0; 24], ..Default::default() };
    let mut image = crate::common::files::data_set(&slice);
    for tag in [0x0020_0032, 0x0020_0037, 0x0020_0052, 0x0028_0030] {
        image.remove(gantry::model::Tag(tag));
    }
    image.put(text(0x0018_1164, gantry::model::Vr::DS, "0.1\\0.2"));
    let folder = dir.path().join("mammogram");
    std::fs::create_dir(&folder).unwrap();
    let syntax = gantry::dicom::Syntax::EXPLICIT_LE;
    std::fs::write(folder.join("a.dcm"), gantry::dicom::write(&image, syntax).unwrap()).unwrap();
    let coco = dir.path().join("drawn.json");
    // A square of 2 × 2 pixels between pixel edges.
    let file = serde_json::json!({
        "images": [{"id": 5, "file_name": "folder/a.dcm", "width": 6, "height": 4}],
        "categories": [{"id": 3, "name": "mass"}],
        "annotations": [{"id": 1, "image_id": 5, "category_id": 3, "segmentation": [[1.0, 1.0, 3.0, 1.0, 3.0, 3.0, 1.0, 3.0]]}],
    });
    std::fs::write(&coco, file.to_string()).unwrap();
    let seg = dir.path().join("seg.dcm");
    let said = convert(&coco, &seg, &folder, &["--format", "seg"]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert_eq!(said.value["structures"][0]["volume_mm3"], serde_json::Value::Null);
    let json = dir.path().join("back.json");
    assert_eq!(convert(&seg, &json, &folder, &[]).status, 0);
    let expected = [[1, 1, 0], [2, 1, 0], [1, 2, 0], [2, 2, 0]].into_iter().collect();
    assert_eq!(read_json(&json)[0].voxels, expected);
    let rt = dir.path().join("rt.dcm");
    let said = convert(&coco, &rt, &folder, &["--format", "rtstruct"]);
    assert_eq!((said.status, said.code(), rt.exists()), (4, "no_position", false));
}

#[test]
fn segmentations_of_older_slicers_have_a_layer_for_each_segment() {
    let ct = Ct::straight([8, 6, 4], [1.0, 1.0, 2.0]);
    let dir = tempfile::tempdir().unwrap();
    let image = ct.write(&dir.path().join("ct"));
    let [x, y, z] = ct.grid.origin_mm;
    let header = format!(
        "NRRD0004\ntype: unsigned char\ndimension: 4\nspace: left-posterior-superior\nsizes: 2 8 6 4\n\
         space directions: none (1,0,0) (0,1,0) (0,0,2)\nencoding: raw\nspace origin: ({x},{y},{z})\n\
         Segment0_ID:=Segment_1\nSegment0_Name:=left\nSegment1_ID:=Segment_2\nSegment1_Name:=upper\n\n"
    );
    let pixels = (0..192_u32).flat_map(|k| [u8::from(k % 8 < 4), u8::from(k / 8 % 6 < 3)]);
    let path = dir.path().join("old.seg.nrrd");
    std::fs::write(&path, [header.into_bytes(), pixels.collect()].concat()).unwrap();
    let found = placed(&path, &image, &[]);
    assert_eq!(found.iter().map(|s| &*s.name).collect::<Vec<_>>(), ["left", "upper"]);
    assert_eq!(found[0].voxels, voxels(ct.grid.shape, |x, _, _| x < 4));
    assert_eq!(found[1].voxels, voxels(ct.grid.shape, |_, y, _| y < 3));
}
