//! Reconstructions of nuclear medicine: slices and time slots as the vectors say, whatever the order of frames.

use gantry::dicom::{Element, Syntax, write};
use gantry::format::nifti::Nifti;
use gantry::model::{Tag, Vr};

use crate::common::files::{Slice, data_set};
use crate::{gantry, text};

/// A gated reconstruction of `slices` × `slots` frames, each filled with 100 × slot + slice, in the order given by
/// `frames`; slices go against the normal.
fn gated(kind: &str, frames: &[(u16, u16)]) -> Vec<u8> {
    let values: Vec<i16> =
        frames.iter().flat_map(|(slice, slot)| [(100 * slot + slice) as i16; 4 * 4]).collect();
    let mut set = data_set(&Slice { size: [4, 4], values, ..Slice::default() });
    set.put_str(Tag(0x0008_0008), Vr::CS, &format!("ORIGINAL\\PRIMARY\\{kind}\\EMISSION"));
    set.put_str(Tag(0x0008_0016), Vr::UI, "1.2.840.10008.5.1.4.1.1.20");
    set.put_str(Tag(0x0008_0060), Vr::CS, "NM");
    set.put_str(Tag(0x0018_0088), Vr::DS, "-4");
    set.put_str(Tag(0x0028_0008), Vr::IS, &frames.len().to_string());
    let words = |values: Vec<u16>| values.into_iter().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let slices = frames.iter().map(|f| f.0).max().unwrap();
    set.put(Element::new(Tag(0x0054_0070), Vr::US, words(frames.iter().map(|f| f.1).collect())));
    set.put(Element::new(Tag(0x0054_0080), Vr::US, words(frames.iter().map(|f| f.0).collect())));
    set.put(Element::new(Tag(0x0054_0081), Vr::US, words(vec![slices])));
    write(&set, Syntax::EXPLICIT_LE).unwrap()
}

#[test]
fn a_gated_reconstruction_is_a_volume_for_each_time_slot() {
    let mut frames: Vec<(u16, u16)> = (1..=3).flat_map(|t| (1..=4).map(move |k| (k, t))).collect();
    frames.reverse();
    frames.swap(1, 7);
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(dir.path().join("a.dcm"), gated("RECON GATED TOMO", &frames)).unwrap();
    let file = out.path().join("a.nii");
    let (status, _, errors) = gantry(&["convert", text(dir.path()), text(&file)]);
    assert_eq!(status, 0, "{errors}");
    let image = Nifti::read(&file).unwrap();
    assert_eq!(image.shape, [4, 4, 4, 3]);
    let values = image.values().unwrap();
    // Slices are ordered along the normal, against which the first to the last of the vector go.
    let firsts: Vec<f64> = values.chunks(16).map(|slice| slice[0]).collect();
    let expected: Vec<f64> =
        (1..=3).flat_map(|t| (1..=4).rev().map(move |k| f64::from(100 * t + k))).collect();
    assert_eq!(firsts, expected);
    assert!((image.affine[2][2] - 4.0).abs() < 1e-6, "{:?}", image.affine);
}
