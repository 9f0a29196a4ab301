//! DICOM segmentations: against the truth that made them, and made here with known voxels.

use std::io::Read;
use std::path::Path;
use std::process::Command;

use gantry::dicom::{DataSet, Element, write};
use gantry::engine::tools::label;
use gantry::engine::tools::measure::{Options, run};
use gantry::format::nifti::{Nifti, Voxels};
use gantry::model::{Tag, Vr};
use serde_json::Value;

use crate::common;

const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";

/// A frame of a made segmentation: segment, z in mm, pixels of 4 × 3 that are set.
type MadeFrame<'a> = (u16, f64, &'a [usize]);

fn text(tag: (u16, u16), vr: Vr, value: &str) -> Element<'static> {
    Element::text(Tag::new(tag.0, tag.1), vr, value)
}

fn us(tag: (u16, u16), value: u16) -> Element<'static> {
    Element::new(Tag::new(tag.0, tag.1), Vr::US, value.to_le_bytes().to_vec())
}

fn sequence(tag: (u16, u16), items: Vec<Vec<Element<'static>>>) -> Element<'static> {
    Element::sequence(Tag::new(tag.0, tag.1), items.into_iter().map(DataSet::from_elements).collect())
}

/// A binary segmentation of 4 × 3 pixels of 2 × 1.5 mm, axial, with 2.5 mm between slices.
fn made(path: &Path, frames: &[MadeFrame<'_>]) {
    let mut bits = vec![0_u8; (frames.len() * 12).div_ceil(8).next_multiple_of(2)];
    let mut per_frame = Vec::new();
    for (n, (segment, z, pixels)) in frames.iter().enumerate() {
        for pixel in *pixels {
            bits[(n * 12 + pixel) / 8] |= 1 << ((n * 12 + pixel) % 8);
        }
        per_frame.push(vec![
            sequence((0x0020, 0x9113), vec![vec![text((0x0020, 0x0032), Vr::DS, &format!("-10\\20\\{z}"))]]),
            sequence((0x0062, 0x000A), vec![vec![us((0x0062, 0x000B), *segment)]]),
        ]);
    }
    let shared = vec![
        sequence((0x0020, 0x9116), vec![vec![text((0x0020, 0x0037), Vr::DS, "1\\0\\0\\0\\1\\0")]]),
        sequence(
            (0x0028, 0x9110),
            vec![vec![text((0x0018, 0x0088), Vr::DS, "2.5"), text((0x0028, 0x0030), Vr::DS, "1.5\\2")]],
        ),
    ];
    let segment =
        |n: u16| vec![us((0x0062, 0x0004), n), text((0x0062, 0x0005), Vr::LO, &format!("part {n}"))];
    let set = DataSet::from_elements(vec![
        text((0x0008, 0x0016), Vr::UI, "1.2.840.10008.5.1.4.1.1.66.4"),
        text((0x0008, 0x0018), Vr::UI, "2.25.1"),
        text((0x0008, 0x0060), Vr::CS, "SEG"),
        text((0x0020, 0x000D), Vr::UI, "2.25.2"),
        text((0x0020, 0x000E), Vr::UI, "2.25.3"),
        us((0x0028, 0x0002), 1),
        text((0x0028, 0x0004), Vr::CS, "MONOCHROME2"),
        text((0x0028, 0x0008), Vr::IS, &frames.len().to_string()),
        us((0x0028, 0x0010), 3),
        us((0x0028, 0x0011), 4),
        us((0x0028, 0x0100), 1),
        us((0x0028, 0x0101), 1),
        us((0x0028, 0x0102), 0),
        us((0x0028, 0x0103), 0),
        text((0x0062, 0x0001), Vr::CS, "BINARY"),
        sequence((0x0062, 0x0002), vec![segment(1), segment(2)]),
        sequence((0x5200, 0x9229), vec![shared]),
        sequence((0x5200, 0x9230), per_frame),
        Element::new(Tag::new(0x7FE0, 0x0010), Vr::OB, bits),
    ]);
    std::fs::write(path, write(&set, EXPLICIT_LE).unwrap()).unwrap();
}

#[test]
fn frames_are_placed_by_position_and_left_out_slices_are_background() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.dcm"), dir.path().join("b.dcm"));
    // Frames out of order; the slice at 5 mm is left out; in B everything lies one slice higher but for one frame.
    made(&a, &[(1, 7.5, &[0, 1, 2]), (1, 0.0, &[5]), (1, 2.5, &[5, 6])]);
    made(&b, &[(1, 2.5, &[5, 6]), (1, 10.0, &[0, 1, 2])]);
    let shown = label::show(&a).unwrap();
    assert_eq!(
        (shown.format, shown.segments[0].voxels, shown.segments[0].frames),
        (label::FormatId::DicomSeg, 6, 3)
    );
    assert_eq!(shown.segments[0].volume_mm3, Some(6.0 * 2.0 * 1.5 * 2.5));
    assert_eq!(shown.segments[1].voxels, 0, "described and empty");
    let report = run(&a, &b, &Options::default()).unwrap();
    let s = &report.structures[0];
    assert_eq!((s.label, s.voxels_a, s.voxels_b), (1, 6, 5));
    // Two voxels in common.
    assert_eq!(s.measures["dice"].value, Some(4.0 / 11.0));
    assert_eq!(run(&a, &a, &Options::default()).unwrap().structures[0].measures["dice"].value, Some(1.0));
}

#[test]
fn a_segmentation_is_compared_with_a_labelmap_whatever_way_its_axes_run() {
    let dir = tempfile::tempdir().unwrap();
    let (seg, map) = (dir.path().join("a.dcm"), dir.path().join("b.nii"));
    made(&seg, &[(1, 7.5, &[0, 1, 2]), (2, 2.5, &[5, 6])]);
    // The same patient space as RAS+, first axis from left to right and slices from the head down: 4 × 3 × 5 voxels
    // from z 10 to 0 mm. Pixel 0 is at (-10, 20) LPS, that is (10, -20) RAS; x grows to the left in LPS.
    let mut voxels = vec![0_u8; 60];
    let at = |pixel: usize, z: f64| {
        let (column, row, slice) = (pixel % 4, pixel / 4, ((10.0 - z) / 2.5) as usize);
        (slice * 3 + row) * 4 + column
    };
    [0, 1, 2].iter().for_each(|p| voxels[at(*p, 7.5)] = 1);
    voxels[at(5, 2.5)] = 2;
    let affine =
        [[-2.0, 0.0, 0.0, 10.0], [0.0, -1.5, 0.0, -20.0], [0.0, 0.0, -2.5, 10.0], [0.0, 0.0, 0.0, 1.0]];
    Nifti::new([4, 3, 5, 1], affine, Voxels::U8(voxels)).unwrap().write(&map).unwrap();
    for (a, b) in [(&seg, &map), (&map, &seg)] {
        let report = run(a, b, &Options::default()).unwrap();
        let dice: Vec<_> = report.structures.iter().map(|s| (s.label, s.measures["dice"].value)).collect();
        assert_eq!(dice, [(1, Some(1.0)), (2, Some(2.0 / 3.0))]);
    }
    // Half a voxel aside is another grid, and is refused.
    let aside =
        [[-2.0, 0.0, 0.0, 11.0], [0.0, -1.5, 0.0, -20.0], [0.0, 0.0, -2.5, 10.0], [0.0, 0.0, 0.0, 1.0]];
    Nifti::new([4, 3, 5, 1], aside, Voxels::U8(vec![0; 60])).unwrap().write(&map).unwrap();
    assert!(run(&seg, &map, &Options::default()).is_err());
}

#[test]
fn overlapping_segments_are_measured_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.dcm"), dir.path().join("b.dcm"));
    made(&a, &[(1, 0.0, &[0, 1, 2, 3]), (2, 0.0, &[1, 2])]);
    made(&b, &[(1, 0.0, &[0, 1]), (2, 0.0, &[1, 2])]);
    let report = run(&a, &b, &Options::default()).unwrap();
    let dice: Vec<_> = report.structures.iter().map(|s| (s.label, s.measures["dice"].value)).collect();
    assert_eq!(dice, [(1, Some(4.0 / 6.0)), (2, Some(1.0))]);
}

/// Three-dimensional gzip-encoded NRRD of `short`, as the reference tool wrote it.
fn nrrd(path: &Path) -> (Vec<usize>, Vec<i16>) {
    let bytes = std::fs::read(path).unwrap();
    let end = bytes.windows(2).position(|w| w == b"\n\n").unwrap();
    let header = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let sizes = header.lines().find_map(|l| l.strip_prefix("sizes: ")).unwrap();
    let sizes = sizes.split(' ').map(|n| n.parse().unwrap()).collect();
    let mut raw = Vec::new();
    flate2::read::GzDecoder::new(&bytes[end + 2..]).read_to_end(&mut raw).unwrap();
    (sizes, raw.as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b)).collect())
}

#[test]
fn a_real_segmentation_equals_the_labelmap_it_was_made_from() {
    let Some(shared) = common::shared() else { return };
    let dcmqi = shared.join("dicom/dcmqi");
    let (sizes, values) = nrrd(&dcmqi.join("liver_seg.nrrd"));
    let expected = values.iter().filter(|v| **v != 0).count() as u64;
    let dir = tempfile::tempdir().unwrap();
    let map = dir.path().join("liver.nii.gz");
    // Its header: left-posterior-superior, 0.810547 mm, 1 mm, origin (-235.2, -226.8, -128.69).
    let s = 0.810_547;
    let affine =
        [[-s, 0.0, 0.0, 235.2], [0.0, -s, 0.0, 226.8], [0.0, 0.0, 1.0, -128.69], [0.0, 0.0, 0.0, 1.0]];
    let labels = values.iter().map(|v| u8::from(*v != 0)).collect();
    Nifti::new([sizes[0], sizes[1], sizes[2], 1], affine, Voxels::U8(labels)).unwrap().write(&map).unwrap();
    let report = run(&dcmqi.join("liver.dcm"), &map, &Options::default()).unwrap();
    let s = &report.structures[0];
    assert_eq!((s.voxels_a, s.voxels_b, s.measures["dice"].value), (expected, expected, Some(1.0)));
}

#[test]
fn the_command_says_what_a_file_holds_and_refuses_what_it_cannot_read() {
    let dir = tempfile::tempdir().unwrap();
    let seg = dir.path().join("a.dcm");
    made(&seg, &[(2, 0.0, &[1, 2])]);
    let show = |path: &Path| {
        Command::new(env!("CARGO_BIN_EXE_gantry"))
            .args(["--json", "label", "show"])
            .arg(path)
            .output()
            .unwrap()
    };
    let shown: Value = serde_json::from_slice(&show(&seg).stdout).unwrap();
    assert_eq!(shown["segments"][1]["name"], "part 2");
    assert_eq!(shown["segments"][1]["voxels"], 2);
    let other = dir.path().join("b.dcm");
    std::fs::write(&other, "neither").unwrap();
    assert_eq!(show(&other).status.code(), Some(4));
}
