//! Grids that are the same, turned round, a part, or others: what is placed, and what differs where it is refused.

use std::path::PathBuf;

use gantry::model::geometry::{Grid, Vec3, add, scale};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::made::{
    Ct, RtFile, Said, SegFile, Voxels, convert, label, placed, read_json, stated, voxels, write_json,
};

struct World {
    dir: TempDir,
    image: PathBuf,
    ct: Ct,
}

impl World {
    fn new(ct: Ct) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let image = ct.write(&dir.path().join("ct"));
        Self { dir, image, ct }
    }

    /// A label file on a grid of its own.
    fn label(&self, grid: &Grid, body: Voxels) -> PathBuf {
        let path = self.dir.path().join("label.json");
        write_json(&path, grid, &[stated("body", ["SCT", "1", "Body"], [1, 2, 3], body)]);
        path
    }

    fn convert(&self, grid: &Grid, more: &[&str]) -> (Said, PathBuf) {
        let out = self.dir.path().join("out.nrrd");
        let body = voxels(grid.shape, |x, y, z| x == 0 && y < 2 && z == 0);
        (convert(&self.label(grid, body), &out, &self.image, more), out)
    }

    /// What differs, after the refusal has been looked at.
    fn difference(&self, grid: &Grid) -> Value {
        let (said, out) = self.convert(grid, &[]);
        assert_eq!((said.status, said.code(), out.exists()), (4, "other_grid", false), "{}", said.stderr);
        said.value["error"]["difference"].clone()
    }
}

fn near(found: &Value, expected: f64) -> bool {
    found.as_f64().is_some_and(|v| (v - expected).abs() < 1e-6)
}

#[test]
fn what_differs_is_told_exactly() {
    let world = World::new(Ct::straight([20, 16, 8], [0.5, 0.75, 2.0]));
    let grid = world.ct.grid;
    let moved = Grid { origin_mm: add(grid.origin_mm, [0.25, 0.0, 0.0]), ..grid };
    let d = world.difference(&moved);
    assert!(near(&d["origin_mm"], 0.25), "{d}");
    assert_eq!(
        (&d["shape"], &d["spacing_mm"], &d["rotation_deg"]),
        (&json!(null), &json!(null), &json!(null))
    );

    let thick = Grid { slice_mm: [0.0, 0.0, 2.5], ..grid };
    let d = world.difference(&thick);
    assert!((0..3).all(|k| near(&d["spacing_mm"][k], [0.0, 0.0, 0.5][k])), "{d}");
    assert_eq!(
        (&d["shape"], &d["origin_mm"], &d["rotation_deg"]),
        (&json!(null), &json!(null), &json!(null))
    );

    let (s, c) = 5_f64.to_radians().sin_cos();
    let turned = Grid { column_mm: [0.5 * c, 0.5 * s, 0.0], row_mm: [-0.75 * s, 0.75 * c, 0.0], ..grid };
    let d = world.difference(&turned);
    assert!(near(&d["rotation_deg"], 5.0), "{d}");
    assert_eq!((&d["shape"], &d["origin_mm"], &d["spacing_mm"]), (&json!(null), &json!(null), &json!(null)));

    // All at once, and with the axes in another order: the label's are told as the image's run.
    let other = Grid {
        shape: [8, 20, 15],
        column_mm: [0.0, 0.0, 2.0],
        row_mm: [0.6, 0.0, 0.0],
        slice_mm: [0.0, 0.75, 0.0],
        origin_mm: add(grid.origin_mm, [0.0, 3.0, 4.0]),
    };
    let d = world.difference(&other);
    assert_eq!((&d["shape"], &d["rotation_deg"]), (&json!([[20, 15, 8], [20, 16, 8]]), &json!(null)));
    assert!(
        near(&d["origin_mm"], 5.0) && near(&d["spacing_mm"][0], 0.1) && near(&d["spacing_mm"][2], 0.0),
        "{d}"
    );
}

#[test]
fn one_part_in_a_hundred_of_the_smallest_step_is_the_line() {
    let world = World::new(Ct::straight([20, 16, 8], [0.5, 0.75, 2.0]));
    let by = |mm: f64| Grid { origin_mm: add(world.ct.grid.origin_mm, [0.0, 0.0, mm]), ..world.ct.grid };
    assert_eq!(world.convert(&by(0.004_9), &[]).0.status, 0);
    std::fs::remove_file(world.dir.path().join("out.nrrd")).unwrap();
    assert!(near(&world.difference(&by(0.005_1))["origin_mm"], 0.005_1));
}

#[test]
fn flipped_permuted_and_cropped_grids_are_turned_and_placed() {
    let world = World::new(Ct::turned());
    let grid = world.ct.grid;
    let steps = [grid.column_mm, grid.row_mm, grid.slice_mm];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for flips in 0..8_u32 {
            // A part of it: from voxel (2, 1, 1) on, one less at the end.
            let (low, size) = ([2, 1, 1], [8, 7, 3]);
            let flipped = |axis: usize| flips >> axis & 1 == 1;
            let corner = [0, 1, 2].map(|a| f64::from(low[a] + if flipped(a) { size[a] - 1 } else { 0 }));
            let step =
                |k: usize| -> Vec3 { scale(steps[order[k]], if flipped(order[k]) { -1.0 } else { 1.0 }) };
            let own = Grid {
                shape: order.map(|a| size[a]),
                column_mm: step(0),
                row_mm: step(1),
                slice_mm: step(2),
                origin_mm: grid.centre_mm(corner),
            };
            let there = |own: [u32; 3]| {
                let mut at = [0; 3];
                for k in 0..3 {
                    let a = order[k];
                    at[a] = low[a] + if flipped(a) { size[a] - 1 - own[k] } else { own[k] };
                }
                at
            };
            let body = voxels(own.shape, |x, y, z| (x * 5 + y * 3 + z) % 4 < 2);
            let expected: Voxels = body.iter().map(|v| there(*v)).collect();
            let found = placed(&world.label(&own, body), &world.image, &[]);
            assert_eq!(found[0].voxels, expected, "{order:?} {flips:03b}");
        }
    }
}

#[test]
fn a_voxel_where_the_image_has_none_is_refused_and_an_empty_border_is_not() {
    let world = World::new(Ct::turned());
    let grid = world.ct.grid;
    let around = Grid { shape: [13, 11, 7], origin_mm: grid.centre_mm([-1.0, -1.0, -1.0]), ..grid };
    let inside = voxels(around.shape, |x, y, z| x == 1 && y > 0 && y < 10 && z == 1);
    let found = placed(&world.label(&around, inside), &world.image, &[]);
    assert_eq!(found[0].voxels, voxels(grid.shape, |x, _, z| x == 0 && z == 0));
    let (said, out) = world.convert(&around, &[]);
    assert_eq!((said.status, said.code(), out.exists()), (4, "outside_image", false));
}

#[test]
fn the_nearest_voxel_is_taken_where_that_is_asked_for() {
    let world = World::new(Ct::straight([20, 16, 8], [0.5, 0.75, 2.0]));
    let grid = world.ct.grid;
    // Twice as fine in the plane, a tenth of a voxel aside.
    let fine = Grid {
        shape: [40, 32, 8],
        column_mm: [0.25, 0.0, 0.0],
        row_mm: [0.0, 0.375, 0.0],
        origin_mm: add(grid.origin_mm, [0.05, 0.0, 0.0]),
        ..grid
    };
    let path = world.label(&fine, voxels(fine.shape, |x, _, z| x < 10 && z == 2));
    let out = world.dir.path().join("out.json");
    let said = convert(&path, &out, &world.image, &["--resample"]);
    assert_eq!((said.status, said.warnings()), (0, vec!["resampled"]));
    assert_eq!(read_json(&out)[0].voxels, voxels(grid.shape, |x, _, z| x < 5 && z == 2));
}

#[test]
fn structures_that_share_voxels_are_no_labelmap() {
    let world = World::new(Ct::turned());
    let grid = world.ct.grid;
    let path = world.dir.path().join("two.json");
    let half = |name: &str, low: u32| {
        stated(name, ["SCT", "1", "One"], [1, 1, 1], voxels(grid.shape, |x, _, _| x >= low && x < low + 6))
    };
    write_json(&path, &grid, &[half("a", 0), half("b", 5)]);
    for output in ["x.nii", "x.nii.gz", "x.nrrd", "x.mha"] {
        let out = world.dir.path().join(output);
        let said = convert(&path, &out, &world.image, &[]);
        assert_eq!((said.status, said.code(), out.exists()), (4, "overlap", false), "{output}");
        assert!(said.stderr.contains("'a'") && said.stderr.contains("'b'"), "{}", said.stderr);
    }
    // One of them alone is.
    let out = world.dir.path().join("one.nii.gz");
    assert_eq!(convert(&path, &out, &world.image, &["--structures", "b"]).status, 0);
    let said = convert(&path, &world.dir.path().join("no.nii.gz"), &world.image, &["--structures", "c"]);
    assert_eq!((said.status, said.code()), (4, "unknown_structure"));
}

#[test]
fn an_image_is_asked_for_where_it_is_needed() {
    let world = World::new(Ct::turned());
    let grid = world.ct.grid;
    let own = world.label(&grid, voxels(grid.shape, |x, _, _| x < 2));
    let rt = world.dir.path().join("rt.dcm");
    let square = vec![[1.5, 1.5], [4.5, 1.5], [4.5, 4.5], [1.5, 4.5]];
    std::fs::write(&rt, RtFile::on(&world.ct, &[("body", vec![(1.0, square)])]).bytes()).unwrap();
    let coco = world.dir.path().join("coco.json");
    assert_eq!(convert(&own, &coco, &world.image, &["--format", "coco"]).status, 0);
    let alone = |from: &PathBuf, to: &str, more: &[&str]| {
        let out = world.dir.path().join(to);
        let said = label(&[&["convert", from.to_str().unwrap(), out.to_str().unwrap()], more].concat());
        (said.status, said.code().to_owned(), out.exists())
    };
    let no_image = (2, "no_image".to_owned(), false);
    for (from, to, more) in [
        (&rt, "a.nii.gz", &[][..]),
        (&rt, "a.json", &[]),
        (&coco, "a.nrrd", &[]),
        (&own, "a.dcm", &["--format", "seg"]),
        (&own, "b.dcm", &["--format", "rtstruct"]),
        (&own, "c.dcm", &["--format", "sr"]),
        (&own, "coco2.json", &["--format", "coco"]),
    ] {
        assert_eq!(alone(from, to, more), no_image, "{} {to}", from.display());
    }
    assert_eq!(alone(&own, "own.nii.gz", &[]), (0, String::new(), true), "it has a grid of its own");
}

#[test]
fn the_grid_of_a_segmentation_alone_runs_from_its_first_frame_to_its_last() {
    let world = World::new(Ct::straight([6, 4, 9], [0.5, 0.75, 2.0]));
    let full = vec![1_u8; 24];
    let seg = world.dir.path().join("seg.dcm");
    std::fs::write(&seg, SegFile::on(&world.ct, "BINARY", &[(1, 7, full.clone()), (1, 3, full)]).bytes())
        .unwrap();
    let out = world.dir.path().join("own.json");
    let said = label(&["convert", seg.to_str().unwrap(), out.to_str().unwrap()]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert_eq!(said.value["grid"]["shape"], json!([6, 4, 5]));
    assert_eq!(read_json(&out)[0].voxels, voxels([6, 4, 5], |_, _, z| z == 0 || z == 4));
}

#[test]
fn a_label_finds_its_series_among_others_or_none() {
    let world = World::new(Ct::turned());
    let slice = crate::common::files::Slice {
        series: 2,
        number: 50,
        size: [11, 9],
        values: vec![1; 99],
        ..Default::default()
    };
    std::fs::write(world.image.join("other.dcm"), crate::common::files::file(&slice)).unwrap();
    let body = voxels(world.ct.grid.shape, |x, y, z| x == y && z > 1);
    let path = world.label(&world.ct.grid, body.clone());
    assert_eq!(placed(&path, &world.image, &[])[0].voxels, body);
    // Without a series by its voxels; of another series by none.
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"2.25.77.1\"", "null")).unwrap();
    assert_eq!(placed(&path, &world.image, &[])[0].voxels, body);
    let moved = Grid { origin_mm: [900.0, 0.0, 0.0], ..world.ct.grid };
    let path = world.label(&moved, body);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"2.25.77.1\"", "null")).unwrap();
    let said = convert(&path, &world.dir.path().join("no.json"), &world.image, &[]);
    assert_eq!((said.status, said.code()), (4, "other_image"));
}
