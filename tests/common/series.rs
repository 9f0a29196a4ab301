//! Headers of series that tests plant faults in.

use std::sync::Arc;

use gantry::model::geometry::{Orientation, Vec3, add, scale};
use gantry::model::{Common, Frame, Header, PixelFormat};

/// A clean CT series of `n` axial slices, 2.5 mm apart, 64 × 64.
pub fn ct(n: u32) -> Vec<Header> {
    (0..n).map(slice).collect()
}

/// Slice `i` of it.
pub fn slice(i: u32) -> Header {
    let common = Common {
        study_uid: Some("1.2.3".into()),
        series_uid: Some("1.2.3.4".into()),
        frame_of_reference_uid: Some("1.2.3.5".into()),
        sop_class: Some("1.2.840.10008.5.1.4.1.1.2".into()),
        transfer_syntax: "1.2.840.10008.1.2.1".into(),
        modality: Some("CT".into()),
        subject_digest: Some(7),
        study_date: Some(20_240_101),
        acquisition_date: Some(20_240_101),
        rows: Some(64),
        columns: Some(64),
        pixel: PixelFormat {
            samples: 1,
            bits_allocated: 16,
            bits_stored: 12,
            high_bit: Some(11),
            signed: false,
            photometric: Some("MONOCHROME2".into()),
        },
        slice_thickness_mm: Some(2.5),
        ..Common::default()
    };
    let frame = Frame {
        position_mm: Some([-160.0, -160.0, 2.5 * f64::from(i)]),
        orientation: Orientation::new([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        spacing_mm: Some([5.0, 5.0]),
        image_type: Some("ORIGINAL\\PRIMARY\\AXIAL".into()),
        acquisition_number: Some(1),
        rescale: Some([1.0, -1024.0]),
        ..Frame::default()
    };
    Header {
        sop_uid: Some(format!("1.2.3.4.{i}").into()),
        common: Arc::new(common),
        instance_number: Some(i as i32 + 1),
        frame_count: 1,
        frames: vec![frame].into(),
        header_digest: u64::from(i),
        numbers_digest: u64::from(i),
        rank: 0,
        pixel_digest: None,
        pixels_decoded: false,
        pixel_bytes: Some(64 * 64 * 2),
        truncated: false,
        source: i,
    }
}

/// Changes what instances have in common.
pub fn with(mut header: Header, change: impl FnOnce(&mut Common)) -> Header {
    change(Arc::make_mut(&mut header.common));
    header
}

/// Changes the frame.
pub fn framed(mut header: Header, change: impl FnOnce(&mut Frame)) -> Header {
    change(&mut header.frames[0]);
    header
}

/// Another instance of the same place: its own UID, number and source.
pub fn again(header: &Header, number: u32) -> Header {
    let mut header = header.clone();
    header.sop_uid = Some(format!("1.2.3.4.{number}").into());
    header.instance_number = Some(number as i32 + 1);
    (header.source, header.header_digest) = (number, u64::from(number));
    header
}

/// A series in any orientation, with a slice vector that may be sheared.
pub fn oblique(n: u32, origin: Vec3, orientation: Orientation, spacing: [f64; 2], step: Vec3) -> Vec<Header> {
    let place = |i: u32| {
        framed(slice(i), |f| {
            f.position_mm = Some(add(origin, scale(step, f64::from(i))));
            f.orientation = Some(orientation);
            f.spacing_mm = Some(spacing);
        })
    };
    (0..n).map(place).collect()
}
