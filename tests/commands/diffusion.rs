//! Private headers: Siemens' CSA in both layouts, GE's diffusion against dcm2niix.

use std::path::Path;
use std::process::Command;

use gantry::dicom::{DataSet, Element, ReadOptions, Syntax, header, read, with_header, write};
use gantry::model::geometry::{Vec3, dot, norm};
use gantry::model::{Header, Interner, Tag, Vr};

use crate::common;
use crate::common::files::{Slice, data_set};

/// A CSA header in Siemens' first or second layout.
fn csa(entries: &[(&str, &[&str])], second: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let word = |out: &mut Vec<u8>, v: u32| out.extend(v.to_le_bytes());
    if second {
        out.extend(b"SV10\x04\x03\x02\x01");
    }
    word(&mut out, entries.len() as u32);
    word(&mut out, 77);
    // The first layout adds the number of items of the first tag to every length.
    let items = |values: &[&str]| values.len() as u32 + 2;
    let added = items(entries[0].1);
    for (name, values) in entries {
        let mut field = name.as_bytes().to_vec();
        // Rubbish stands behind the end of the name, as scanners leave it.
        field.push(0);
        field.resize(64, 0xCD);
        out.extend(field);
        word(&mut out, values.len() as u32);
        out.extend(b"DS\0\0");
        word(&mut out, 3);
        word(&mut out, items(values));
        word(&mut out, 77);
        for value in values.iter().chain(&["", ""]) {
            let bytes = if value.is_empty() { Vec::new() } else { format!("{value}\0").into_bytes() };
            let length = bytes.len() as u32;
            let sizes =
                if second { [length, length, 77, length] } else { [length + added, length, 77, length] };
            sizes.into_iter().for_each(|size| word(&mut out, size));
            out.extend(&bytes);
            out.resize(out.len().next_multiple_of(4), 0);
        }
    }
    out
}

fn header_of(set: &DataSet<'_>) -> Header {
    let bytes = write(set, Syntax::EXPLICIT_LE).unwrap();
    let file = read(&bytes, ReadOptions::default()).unwrap();
    header(&file, bytes.len() as u64, &Interner::default(), 0)
}

fn siemens(csa: Vec<u8>) -> DataSet<'static> {
    let mut set = data_set(&Slice { size: [24, 24], values: vec![1; 24 * 24], ..Slice::default() });
    set.put_str(Tag(0x0008_0008), Vr::CS, "ORIGINAL\\PRIMARY\\M\\ND\\MOSAIC");
    set.put_str(Tag(0x0008_0070), Vr::LO, "SIEMENS");
    set.put_str(Tag(0x0018_0088), Vr::DS, "3");
    set.put_str(Tag(0x0029_0010), Vr::LO, "SIEMENS CSA HEADER");
    set.put(Element::new(Tag(0x0029_1010), Vr::OB, csa));
    set
}

#[test]
fn both_layouts_of_the_csa_header_give_mosaic_and_diffusion() {
    let entries: &[(&str, &[&str])] = &[
        ("EchoLinePosition", &["64"]),
        ("NumberOfImagesInMosaic", &["       7"]),
        ("B_value", &["1000"]),
        ("DiffusionGradientDirection", &["0.6", "-0.8", "0.0"]),
        ("SliceNormalVector", &["0.0", "0.0", "-1.0"]),
    ];
    for second in [false, true] {
        let found = header_of(&siemens(csa(entries, second)));
        let mosaic = found.common.mosaic.unwrap();
        assert_eq!((mosaic.tiles, mosaic.across, found.frames.len()), (7, 3, 7), "second {second}");
        assert_eq!((found.common.rows, found.common.columns), (Some(8), Some(8)));
        let frame = &found.frames[0];
        assert_eq!((frame.b_value, frame.b_direction), (Some(1000.0), Some([0.6, -0.8, 0.0])));
        // Slices go against the normal of the image, 3 mm a tile; the first is in the middle of the whole mosaic.
        let positions: Vec<Vec3> = found.frames.iter().map(|f| f.position_mm.unwrap()).collect();
        assert_eq!(positions[0], [0.0, 0.0, 0.0]);
        assert_eq!(positions[6], [0.0, 0.0, -18.0]);
    }
}

#[test]
fn a_csa_header_that_lies_is_no_header() {
    let whole = csa(&[("NumberOfImagesInMosaic", &["7"]), ("B_value", &["1000"])], true);
    let mut lies: Vec<Vec<u8>> = (0..whole.len()).step_by(3).map(|n| whole[..n].to_vec()).collect();
    for at in (8..whole.len().min(200)).step_by(4) {
        let mut lie = whole.clone();
        lie[at..at + 4].copy_from_slice(&[0xFF; 4]);
        lies.push(lie);
    }
    for lie in lies {
        let found = header_of(&siemens(lie));
        assert!(found.frames.len() <= 7 && found.frame_count == 1);
    }
}

/// Whether two directions are one axis: diffusion does not tell forth from back.
fn same_axis(a: Vec3, b: Vec3) -> bool {
    (dot(a, b).abs() - 1.0).abs() < 2e-3
}

/// b-values and directions along columns, rows and slices, file by file in the order of instance numbers and of the
/// volumes that they make.
fn found(folder: &Path) -> Vec<(f64, Vec3)> {
    let mut volumes: Vec<(i32, f64, Vec3)> = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for path in files.iter().filter(|p| p.is_file()) {
        let Ok(found) = with_header(path, |file, length| header(file, length, &Interner::default(), 0))
        else {
            continue;
        };
        let frame = &found.frames[0];
        let (Some(b), Some(o)) = (frame.b_value, frame.orientation) else { continue };
        let d = frame.b_direction.unwrap_or([0.0; 3]);
        let along = [dot(d, o.row), dot(d, o.column), dot(d, o.normal())];
        volumes.push((found.instance_number.unwrap_or(0), b, along));
    }
    volumes.sort_by_key(|v| v.0);
    let mut distinct: Vec<(f64, Vec3)> = Vec::new();
    for (_, b, d) in volumes {
        if distinct
            .last()
            .is_none_or(|(last, e)| *last != b || norm([d[0] - e[0], d[1] - e[1], d[2] - e[2]]) > 1e-6)
        {
            distinct.push((b, d));
        }
    }
    distinct
}

#[test]
fn ge_diffusion_is_that_of_dcm2niix() {
    let Some(shared) = common::shared() else { return };
    let Some(dcm2niix) = common::peer("dcm2niix") else { return };
    for name in ["001", "001_implicit"] {
        let folder = shared.join("dicom/dicom2nifti/ge/dti").join(name);
        let out = tempfile::tempdir().unwrap();
        let made = Command::new(&dcm2niix)
            .args(["-b", "n", "-z", "n", "-f", "x", "-o"])
            .arg(out.path())
            .arg(&folder)
            .output()
            .unwrap();
        assert!(made.status.success());
        let numbers = |ending: &str| -> Vec<Vec<f64>> {
            let text = std::fs::read_to_string(out.path().join(format!("x.{ending}"))).unwrap();
            text.lines().map(|l| l.split_whitespace().map(|n| n.parse().unwrap()).collect()).collect()
        };
        let (bval, bvec) = (numbers("bval"), numbers("bvec"));
        let found = found(&folder);
        assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), bval[0], "{name}");
        for (volume, (b, direction)) in found.iter().enumerate().filter(|(_, f)| f.0 > 0.0) {
            // FSL's frame: voxel axes of the image that dcm2niix writes, whose rows run the other way.
            let reference = [bvec[0][volume], -bvec[1][volume], bvec[2][volume]];
            assert!(same_axis(*direction, reference), "{name} {volume} b={b}: {direction:?} {reference:?}");
        }
    }
}
