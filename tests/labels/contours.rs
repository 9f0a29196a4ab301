//! Structure sets: which voxels a contour encloses, and which slice it belongs to.

use std::collections::BTreeSet;
use std::path::PathBuf;

use gantry::label::Run;
use gantry::label::raster::fill;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::made::{Ct, RtFile, Said, Voxels, convert, label, placed, read_json, voxels};

type Line = Vec<[f64; 2]>;

fn pixels(runs: &[Run]) -> BTreeSet<[u32; 2]> {
    runs.iter().flat_map(|r| (r.from..r.to).map(|x| [x.into(), r.row])).collect()
}

/// Even–odd by exact fractions, pixel by pixel: an edge counts for the rows from its upper end up to before its lower one, and
/// for the centres that are not left of it.
fn naive(outlines: &[Vec<[i64; 2]>], unit: i64, columns: u32, rows: u32) -> BTreeSet<[u32; 2]> {
    let crosses = |a: [i64; 2], b: [i64; 2], x: i128, y: i128| {
        let ([ax, ay], [bx, by]) = (a.map(i128::from), b.map(i128::from));
        if (ay <= y) == (by <= y) {
            return false;
        }
        // ax + (y − ay)(bx − ax) / (by − ay) ≤ x, without a division.
        let (left, right) = ((y - ay) * (bx - ax), (x - ax) * (by - ay));
        if by > ay { left <= right } else { left >= right }
    };
    let inside = |x: u32, y: u32| {
        let (x, y) = (i128::from(x) * i128::from(unit), i128::from(y) * i128::from(unit));
        let edges = outlines.iter().flat_map(|o| o.iter().zip(o.iter().cycle().skip(1)));
        edges.filter(|(a, b)| crosses(**a, **b, x, y)).count() % 2 == 1
    };
    let all = (0..rows).flat_map(|y| (0..columns).map(move |x| [x, y]));
    all.filter(|[x, y]| inside(*x, *y)).collect()
}

fn scaled(outline: &[[i64; 2]], unit: i64) -> Line {
    outline.iter().map(|p| p.map(|v| v as f64 / unit as f64)).collect()
}

/// Triangles that share out the quadrangle of a lattice of 5 × 5 points, each moved by less than half a cell; in eighths.
fn triangles(moves: &[[i64; 2]]) -> (Vec<Vec<[i64; 2]>>, Vec<[i64; 2]>) {
    let point = |x: i64, y: i64| {
        let [dx, dy] = moves[(y * 5 + x) as usize];
        [x * 32 + dx + 8, y * 32 + dy + 8]
    };
    let mut parts = Vec::new();
    for (x, y) in (0..4).flat_map(|y| (0..4).map(move |x| (x, y))) {
        let [a, b, c, d] = [point(x, y), point(x + 1, y), point(x + 1, y + 1), point(x, y + 1)];
        // The diagonal that lies inside of the quadrangle whatever corner bends inwards.
        let turn = |p: [i64; 2], q: [i64; 2], r: [i64; 2]| {
            (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
        };
        let (first, second) = if turn(a, c, b) * turn(a, c, d) < 0 {
            (vec![a, b, c], vec![c, d, a])
        } else {
            (vec![b, c, d], vec![d, a, b])
        };
        parts.extend([first, second]);
    }
    let border = (0..4).map(|k| point(k, 0));
    let border = border.chain((0..4).map(|k| point(4, k)));
    let border = border.chain((1..=4).rev().map(|k| point(k, 4))).chain((1..=4).rev().map(|k| point(0, k)));
    (parts, border.collect())
}

proptest! {
    #[test]
    fn parts_of_a_region_share_out_its_voxels(moves in prop::collection::vec([-9_i64..10, -9_i64..10], 25)) {
        let (parts, border) = triangles(&moves);
        let mut union = BTreeSet::new();
        for part in &parts {
            for pixel in pixels(&fill(&[scaled(part, 8)], 20, 20)) {
                prop_assert!(union.insert(pixel), "{:?} belongs to two parts", pixel);
            }
        }
        prop_assert_eq!(union, pixels(&fill(&[scaled(&border, 8)], 20, 20)));
    }

    #[test]
    fn even_odd_is_exact(
        outlines in prop::collection::vec(prop::collection::vec([-40_i64..200, -40_i64..200], 1..14), 1..4),
        unit in prop::sample::select(vec![1_i64, 2, 8, 16, 1 << 20]),
    ) {
        // In units of a sixteenth, so that many edges run through centres; with 2^20 they are slivers.
        let lines: Vec<Line> = outlines.iter().map(|o| scaled(o, unit)).collect();
        prop_assert_eq!(pixels(&fill(&lines, 17, 13)), naive(&outlines, unit, 17, 13));
    }

    #[test]
    fn a_line_that_is_run_the_other_way_or_from_another_point_is_the_same(
        outline in prop::collection::vec([-40_i64..200, -40_i64..200], 3..12), turn in 0_usize..12,
    ) {
        let line = scaled(&outline, 8);
        let mut other: Line = line.iter().rev().copied().collect();
        other.rotate_left(turn % line.len());
        prop_assert_eq!(fill(&[line], 30, 30), fill(&[other], 30, 30));
    }
}

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

    fn file(&self, structures: &[(&str, Vec<(f64, Line)>)]) -> PathBuf {
        let path = self.dir.path().join("rt.dcm");
        std::fs::write(&path, RtFile::on(&self.ct, structures).bytes()).unwrap();
        path
    }

    fn to(&self, structures: &[(&str, Vec<(f64, Line)>)], output: &str, more: &[&str]) -> (Said, PathBuf) {
        let output = self.dir.path().join(output);
        (convert(&self.file(structures), &output, &self.image, more), output)
    }
}

fn square(low: f64, high: f64) -> Line {
    vec![[low, low], [high, low], [high, high], [low, high]]
}

#[test]
fn an_edge_through_centres_belongs_to_one_of_two_structures() {
    let world = World::new(Ct::turned());
    let left = vec![[-0.5, -0.5], [4.0, -0.5], [6.0, 8.5], [-0.5, 8.5]];
    let right = vec![[4.0, -0.5], [10.5, -0.5], [10.5, 8.5], [6.0, 8.5]];
    let found =
        placed(&world.file(&[("left", vec![(1.0, left)]), ("right", vec![(1.0, right)])]), &world.image, &[]);
    assert!(found[0].voxels.is_disjoint(&found[1].voxels));
    let both: Voxels = found[0].voxels.union(&found[1].voxels).copied().collect();
    assert_eq!(both, voxels(world.ct.grid.shape, |_, _, z| z == 1));
}

#[test]
fn keyholes_and_inner_lines_are_the_same_hole_and_an_island_is_in_it() {
    let world = World::new(Ct::turned());
    let (outer, hole, island) = (square(0.5, 7.5), square(1.5, 6.5), square(2.5, 4.5));
    let mut keyhole = outer.clone();
    keyhole.push(outer[0]);
    keyhole.extend([0, 3, 2, 1, 0].map(|k| hole[k]));
    let lines = [
        ("lines", vec![(2.0, outer), (2.0, island.clone()), (2.0, hole)]),
        ("keyhole", vec![(2.0, keyhole), (2.0, island)]),
    ];
    let found = placed(&world.file(&lines), &world.image, &[]);
    let within = |v: u32, low: u32, high: u32| (low..=high).contains(&v);
    let expected = voxels(world.ct.grid.shape, |x, y, z| {
        let both = |low, high| within(x, low, high) && within(y, low, high);
        z == 2 && (both(1, 7) && !both(2, 6) || both(3, 4))
    });
    assert_eq!(found[0].voxels, expected);
    assert_eq!(found[1].voxels, expected);
    let (said, _) = world.to(&lines, "again.json", &[]);
    assert!(
        said.warnings().contains(&"contour_policy"),
        "tools that unite contours fill the hole: {:?}",
        said.warnings()
    );
}

#[test]
fn what_is_shown_is_the_area_by_even_odd_and_the_points() {
    let world = World::new(Ct::straight([12, 12, 4], [0.5, 0.5, 3.0]));
    let lines = vec![(0.0, square(1.0, 9.0)), (0.0, square(2.0, 4.0)), (2.0, square(1.0, 3.0))];
    let shown = label(&["show", world.file(&[("ring", lines)]).to_str().unwrap()]).value;
    let ring = &shown["contours"][0];
    assert_eq!((&ring["slices"], &ring["contours"], &ring["points"]), (&2.into(), &3.into(), &12.into()));
    // (64 − 4 + 4) pixels of a quarter of a square millimetre.
    assert!((ring["area_mm2"].as_f64().unwrap() - 16.0).abs() < 1e-9, "{ring}");
}

#[test]
fn a_contour_belongs_to_the_nearest_slice_within_half_a_step() {
    let world = World::new(Ct::tilted());
    let near = vec![(-0.4, square(1.0, 3.0)), (2.4, square(1.0, 3.0)), (5.4, square(2.0, 4.0))];
    let (said, out) = world.to(&[("near", near)], "near.json", &[]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    let slices: BTreeSet<u32> = read_json(&out)[0].voxels.iter().map(|v| v[2]).collect();
    assert_eq!(slices, BTreeSet::from([0, 2, 5]));
    for beyond in [-0.6, 5.6, 40.0] {
        let (said, out) = world.to(&[("far", vec![(beyond, square(1.0, 3.0))])], "far.json", &[]);
        assert_eq!((said.status, said.code(), out.exists()), (4, "outside_image", false), "{beyond}");
    }
}

#[test]
fn of_two_planes_at_one_slice_the_nearest_counts() {
    let world = World::new(Ct::turned());
    let lines = vec![(2.3, square(0.5, 6.5)), (1.9, square(2.5, 4.5))];
    let (said, out) = world.to(&[("two", lines)], "two.json", &[]);
    assert_eq!((said.status, said.warnings()), (0, vec!["several_planes"]));
    let within = |v: u32| (3..=4).contains(&v);
    assert_eq!(
        read_json(&out)[0].voxels,
        voxels(world.ct.grid.shape, |x, y, z| z == 2 && within(x) && within(y))
    );
}

#[test]
fn what_lies_off_the_image_in_the_plane_is_cut_and_said() {
    let world = World::new(Ct::turned());
    let (said, out) = world.to(&[("wide", vec![(1.0, square(-50.0, 4.5))])], "wide.json", &[]);
    assert_eq!((said.status, said.warnings()), (0, vec!["cut_at_border"]));
    assert_eq!(read_json(&out)[0].voxels, voxels(world.ct.grid.shape, |x, y, z| z == 1 && x <= 4 && y <= 4));
}

#[test]
fn planes_that_are_tilted_against_the_slices_by_more_than_a_degree_are_refused() {
    let world = World::new(Ct::straight([200, 200, 20], [1.0, 1.0, 1.0]));
    let leaning = |degrees: f64| {
        let rise = degrees.to_radians().tan();
        let points = square(20.0, 180.0)
            .into_iter()
            .flat_map(|p| world.ct.grid.centre_mm([p[0], p[1], 10.0 + rise * (p[0] - 100.0)]));
        let points: Vec<f64> = points.collect();
        let mut file = RtFile::on(&world.ct, &[("leaning", Vec::new())]);
        file.structures[0].1 = vec![crate::made::decimals(&points)];
        let path = world.dir.path().join("rt.dcm");
        std::fs::write(&path, file.bytes()).unwrap();
        let out = world.dir.path().join(format!("{degrees}.json"));
        (convert(&path, &out, &world.image, &[]), out)
    };
    assert_eq!(leaning(0.9).0.status, 0);
    let (said, out) = leaning(1.1);
    assert_eq!((said.status, said.code(), out.exists()), (4, "oblique_contours", false));
}

#[test]
fn points_and_open_lines_enclose_nothing() {
    let world = World::new(Ct::turned());
    for kind in ["POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"] {
        let mut file = RtFile::on(&world.ct, &[("marks", vec![(1.0, square(1.0, 5.0))])]);
        file.kind = Some(kind);
        let (path, out) = (world.dir.path().join("marks.dcm"), world.dir.path().join("marks.json"));
        std::fs::write(&path, file.bytes()).unwrap();
        let said = convert(&path, &out, &world.image, &[]);
        assert_eq!((said.status, said.warnings()), (0, vec!["open_contours"]), "{kind}");
        assert!(read_json(&out)[0].voxels.is_empty());
    }
}

#[test]
fn a_series_with_gaps_takes_contours_on_the_slices_there_are_and_is_no_volume() {
    let mut ct = Ct::straight([8, 8, 6], [1.0, 1.0, 2.0]);
    ct.at = vec![0.0, 1.0, 2.0, 3.0, 7.0, 8.0];
    let world = World::new(ct);
    let on = |slice: f64| vec![("body", vec![(slice, square(1.5, 4.5))])];
    for (slice, number) in [(0.0, 1), (3.0, 4), (7.0, 5), (7.8, 6), (3.4, 4)] {
        let (said, out) = world.to(&on(slice), "gap.json", &["--format", "coco"]);
        assert_eq!(said.status, 0, "{slice}: {}", said.stderr);
        let coco: serde_json::Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
        let annotations = coco["annotations"].as_array().unwrap();
        assert_eq!(annotations.len(), 1);
        assert_eq!(
            (&annotations[0]["image_id"], &annotations[0]["area"]),
            (&number.into(), &9.0.into()),
            "{slice}"
        );
    }
    // Where a slice is left out there is none to paint.
    let (said, _) = world.to(&on(5.0), "none.json", &["--format", "coco"]);
    assert_eq!((said.status, said.code()), (4, "outside_image"));
    for output in ["volume.nii.gz", "volume.nrrd", "volume.mha", "volume.json", "folder/"] {
        let (said, out) = world.to(&on(3.0), output, &[]);
        assert_eq!((said.status, said.code(), out.exists()), (4, "irregular_series", false), "{output}");
    }
    let (said, seg) = world.to(&on(7.0), "seg.dcm", &["--format", "seg"]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    let (back, rt) = (world.dir.path().join("back.json"), world.dir.path().join("again.dcm"));
    assert_eq!(convert(&seg, &rt, &world.image, &["--format", "rtstruct"]).status, 0);
    assert_eq!(convert(&rt, &back, &world.image, &["--format", "coco"]).status, 0);
    let coco: serde_json::Value = serde_json::from_slice(&std::fs::read(&back).unwrap()).unwrap();
    assert_eq!(
        (&coco["annotations"][0]["image_id"], &coco["annotations"][0]["area"]),
        (&5.into(), &9.0.into())
    );
}

#[test]
fn references_to_the_image_count_more_than_its_frame_of_reference() {
    let world = World::new(Ct::turned());
    let mut file = RtFile::on(&world.ct, &[("body", vec![(1.0, square(1.5, 4.5))])]);
    file.frame_of_reference = Some("2.25.55".into());
    let (path, out) = (world.dir.path().join("rt.dcm"), world.dir.path().join("rt.json"));
    std::fs::write(&path, file.bytes()).unwrap();
    assert_eq!(convert(&path, &out, &world.image, &[]).warnings(), ["frame_of_reference"]);
    file.referred.clear();
    let out = world.dir.path().join("no.json");
    std::fs::write(&path, file.bytes()).unwrap();
    let said = convert(&path, &out, &world.image, &[]);
    assert_eq!((said.status, said.code(), out.exists()), (4, "other_frame_of_reference", false));
}
