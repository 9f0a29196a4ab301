//! DICOM segmentations: fractions, labelmaps, sparse and reversed frames.

use gantry::dicom::{ReadOptions, read};
use gantry::model::{Tag, Vr};

use crate::made::{Ct, SegFile, Voxels, convert, label, placed, us, voxels};

const SHAPE: [u32; 3] = [6, 4, 5];

fn ct() -> Ct {
    Ct::straight(SHAPE, [0.5, 0.75, 2.0])
}

/// Values of a slice.
fn plane(value: impl Fn(u32, u32) -> u8) -> Vec<u8> {
    (0..SHAPE[1]).flat_map(|y| (0..SHAPE[0]).map(move |x| [x, y])).map(|[x, y]| value(x, y)).collect()
}

#[test]
fn frames_lie_where_they_say_in_whatever_order_and_left_out_slices_are_empty() {
    let (ct, dir) = (ct(), tempfile::tempdir().unwrap());
    let image = ct.write(&dir.path().join("ct"));
    let row = |y: u32| plane(move |_, at| u8::from(at == y));
    // Reversed, two segments in turn, slices 2 and 3 left out, one frame without a pixel, two frames of one slice.
    let frames = [
        (2, 4, row(0)),
        (1, 4, row(3)),
        (1, 1, row(1)),
        (2, 1, plane(|_, _| 0)),
        (1, 0, row(2)),
        (1, 0, row(0)),
    ];
    let path = dir.path().join("seg.dcm");
    std::fs::write(&path, SegFile::on(&ct, "BINARY", &frames).bytes()).unwrap();
    let found = placed(&path, &image, &[]);
    let one = voxels(SHAPE, |_, y, z| matches!([y, z], [3, 4] | [1, 1] | [2, 0] | [0, 0]));
    assert_eq!(found[0].voxels, one);
    assert_eq!(found[1].voxels, voxels(SHAPE, |_, y, z| [y, z] == [0, 4]));
    let shown = label(&["show", path.to_str().unwrap()]).value;
    assert_eq!((&shown["segments"][0]["frames"], &shown["segments"][1]["frames"]), (&4.into(), &1.into()));
    assert_eq!(shown["segments"][0]["voxels"], one.len());
    let volume = one.len() as f64 * 0.75;
    assert!((shown["segments"][0]["volume_mm3"].as_f64().unwrap() - volume).abs() < 1e-9);
}

#[test]
fn fractions_are_kept_and_count_from_a_half_or_from_what_is_asked() {
    let (ct, dir) = (ct(), tempfile::tempdir().unwrap());
    let image = ct.write(&dir.path().join("ct"));
    let values = plane(|x, y| (x * 40 + y) as u8);
    let mut file = SegFile::on(&ct, "FRACTIONAL", &[(1, 2, values.clone())]);
    file.more = vec![us(0x0062_000E, 200), crate::made::text(0x0062_0010, Vr::CS, "OCCUPANCY")];
    let path = dir.path().join("seg.dcm");
    std::fs::write(&path, file.bytes()).unwrap();
    let counted = |least: u32| voxels(SHAPE, |x, y, z| z == 2 && x * 40 + y >= least);
    assert_eq!(placed(&path, &image, &[])[0].voxels, counted(100));
    assert_eq!(placed(&path, &image, &["--threshold", "0.2"])[0].voxels, counted(40));
    assert_eq!(placed(&path, &image, &["--threshold", "0.205"])[0].voxels, counted(41));
    assert_eq!(placed(&path, &image, &["--threshold", "1"])[0].voxels, counted(200));
    // From segmentation to segmentation every value is as it was.
    let again = dir.path().join("again.dcm");
    assert_eq!(convert(&path, &again, &image, &["--format", "seg"]).status, 0);
    let bytes = std::fs::read(&again).unwrap();
    let set = read(&bytes, ReadOptions::default()).unwrap().dataset;
    assert_eq!(set.ascii(Tag(0x0062_0001)), Some("FRACTIONAL"));
    assert_eq!(set.ascii(Tag(0x0062_0010)), Some("OCCUPANCY"));
    assert_eq!(set.number(Tag(0x0062_000E)), Some(200.0));
    assert_eq!(set.bytes(Tag(0x7FE0_0010)), Some(&values[..]));
}

#[test]
fn background_and_padding_of_a_labelmap_are_no_structures() {
    let (ct, dir) = (ct(), tempfile::tempdir().unwrap());
    let image = ct.write(&dir.path().join("ct"));
    // Value 9 is padding, 7 is not described.
    let slice = |z: u32| plane(move |x, y| [0, 1, 2, 9, 7, 1][((x + y + z) % 6) as usize]);
    let frames: Vec<_> = (0..SHAPE[2]).rev().map(|z| (1, z, slice(z))).collect();
    let mut file = SegFile::on(&ct, "LABELMAP", &frames);
    file.segments = [0, 1, 2, 9].map(|n| (n, format!("part {n}"))).to_vec();
    file.more = vec![us(0x0028_0120, 9)];
    let path = dir.path().join("seg.dcm");
    std::fs::write(&path, file.bytes()).unwrap();
    let found = placed(&path, &image, &[]);
    let of = |values: &[u32]| voxels(SHAPE, |x, y, z| values.contains(&((x + y + z) % 6)));
    assert_eq!(found.iter().map(|s| &*s.name).collect::<Vec<_>>(), ["part 1", "part 2"]);
    assert_eq!((&found[0].voxels, &found[1].voxels), (&of(&[1, 5]), &of(&[2])));
    let shown = label(&["show", path.to_str().unwrap()]).value;
    assert_eq!(shown["segments"].as_array().unwrap().len(), 2);
    assert!(shown["warnings"][0].as_str().unwrap().contains("1 values stand for no segment"), "{shown}");
}

#[test]
fn an_unknown_frame_of_reference_counts_less_than_references_to_the_image() {
    let (ct, dir) = (ct(), tempfile::tempdir().unwrap());
    let image = ct.write(&dir.path().join("ct"));
    let mut file = SegFile::on(&ct, "BINARY", &[(1, 3, plane(|x, _| u8::from(x > 2)))]);
    file.frame_of_reference = "2.25.1234".into();
    let path = dir.path().join("seg.dcm");
    std::fs::write(&path, file.bytes()).unwrap();
    let out = dir.path().join("out.json");
    let said = convert(&path, &out, &image, &[]);
    assert_eq!((said.status, said.warnings()), (0, vec!["frame_of_reference"]));
    // Without the references it lies in a space that nobody knows.
    file.referred.clear();
    std::fs::write(&path, file.bytes()).unwrap();
    let out = dir.path().join("other.json");
    let said = convert(&path, &out, &image, &[]);
    assert_eq!((said.status, said.code(), out.exists()), (4, "other_frame_of_reference", false));
}

#[test]
fn frames_between_turned_round_and_across_the_slices() {
    let (ct, dir) = (ct(), tempfile::tempdir().unwrap());
    let image = ct.write(&dir.path().join("ct"));
    let path = dir.path().join("seg.dcm");
    let wanted: Voxels = voxels(SHAPE, |x, y, z| z == 3 && (x > 3 || y == 0));
    // Columns from the other side.
    let mut file = SegFile::on(&ct, "BINARY", &[(1, 3, plane(|x, y| u8::from(x < 2 || y == 0)))]);
    file.orientation = "-1\\0\\0\\0\\1\\0".into();
    file.frames[0].1 = crate::made::decimals(&ct.grid.centre_mm([5.0, 0.0, 3.0]));
    std::fs::write(&path, file.bytes()).unwrap();
    assert_eq!(placed(&path, &image, &[])[0].voxels, wanted);
    // A coronal frame: its columns are columns, its rows slices.
    let mut file = SegFile::on(&ct, "BINARY", &[(1, 0, Vec::new())]);
    (file.rows, file.orientation, file.spacing) = (5, "1\\0\\0\\0\\0\\1".into(), "2\\0.5".into());
    file.frames[0].1 = crate::made::decimals(&ct.grid.centre_mm([0.0, 2.0, 0.0]));
    file.pixels = crate::made::bits(&(0..30).map(|k| u8::from(k / 6 == 3 && k % 6 > 3)).collect::<Vec<_>>());
    std::fs::write(&path, file.bytes()).unwrap();
    assert_eq!(placed(&path, &image, &[])[0].voxels, voxels(SHAPE, |x, y, z| y == 2 && z == 3 && x > 3));
    // Half a step between two slices.
    let mut file = SegFile::on(&ct, "BINARY", &[(1, 3, plane(|x, _| u8::from(x == 0)))]);
    file.frames[0].1 = crate::made::decimals(&ct.grid.centre_mm([0.0, 0.0, 2.5]));
    std::fs::write(&path, file.bytes()).unwrap();
    let said = convert(&path, &dir.path().join("no.json"), &image, &[]);
    assert_eq!((said.status, said.code()), (4, "other_grid"));
}
