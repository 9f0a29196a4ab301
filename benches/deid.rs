//! De-identification of one small CT instance (about 70 elements, 64 × 64), verification included, on one thread; and what
//! the search for text adds to it for a slice of 64 × 64 and of 512 × 512.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Instant;

use gantry::deid::{Context, Deidentifier, Outcome, Profile, Secret};
use gantry::dicom::{Contents, DataSet, Element, Syntax, write};
use gantry::model::{Tag, Vr};

fn instance(n: usize, side: u32) -> Vec<u8> {
    let text: &[(u32, Vr, &str)] = &[
        (0x0008_0008, Vr::CS, "ORIGINAL\\PRIMARY\\AXIAL"),
        (0x0008_0016, Vr::UI, "1.2.840.10008.5.1.4.1.1.2"),
        (0x0008_0020, Vr::DA, "20240115"),
        (0x0008_0021, Vr::DA, "20240115"),
        (0x0008_0022, Vr::DA, "20240115"),
        (0x0008_0023, Vr::DA, "20240115"),
        (0x0008_0030, Vr::TM, "101112.5"),
        (0x0008_0031, Vr::TM, "101112.5"),
        (0x0008_0032, Vr::TM, "101112.5"),
        (0x0008_0033, Vr::TM, "101112.5"),
        (0x0008_0050, Vr::SH, "ACC77"),
        (0x0008_0060, Vr::CS, "CT"),
        (0x0008_0070, Vr::LO, "ACME"),
        (0x0008_0080, Vr::LO, "General Hospital"),
        (0x0008_0090, Vr::PN, "Smith^Adam"),
        (0x0008_1010, Vr::SH, "CT01"),
        (0x0008_1030, Vr::LO, "CT CHEST"),
        (0x0008_103E, Vr::LO, "Axial 1"),
        (0x0008_1050, Vr::PN, "Roe^Richard"),
        (0x0008_1070, Vr::PN, "Tech^One"),
        (0x0008_1090, Vr::LO, "Scan 64"),
        (0x0010_0010, Vr::PN, "Doe^Jane"),
        (0x0010_0020, Vr::LO, "MRN0000017"),
        (0x0010_0030, Vr::DA, "19600203"),
        (0x0010_0040, Vr::CS, "F"),
        (0x0010_1000, Vr::LO, "ALT17"),
        (0x0010_1010, Vr::AS, "064Y"),
        (0x0010_1040, Vr::LO, "17 Long Road, Town"),
        (0x0018_0015, Vr::CS, "CHEST"),
        (0x0018_0050, Vr::DS, "2.5"),
        (0x0018_0060, Vr::DS, "120"),
        (0x0018_0088, Vr::DS, "2.5"),
        (0x0018_1000, Vr::LO, "12345"),
        (0x0018_1020, Vr::LO, "1.0"),
        (0x0018_1030, Vr::LO, "Chest routine"),
        (0x0018_1150, Vr::IS, "500"),
        (0x0018_1151, Vr::IS, "200"),
        (0x0018_1210, Vr::SH, "B31f"),
        (0x0018_5100, Vr::CS, "HFS"),
        (0x0020_000D, Vr::UI, "1.2.826.0.1.3680043.10.1.1.2.0"),
        (0x0020_000E, Vr::UI, "1.2.826.0.1.3680043.10.1.1.3.0"),
        (0x0020_0010, Vr::SH, "7"),
        (0x0020_0011, Vr::IS, "1"),
        (0x0020_0012, Vr::IS, "1"),
        (0x0020_0032, Vr::DS, "-160\\-160\\0"),
        (0x0020_0037, Vr::DS, "1\\0\\0\\0\\1\\0"),
        (0x0020_0052, Vr::UI, "1.2.826.0.1.3680043.10.1.1.5.0"),
        (0x0020_1041, Vr::DS, "0.0"),
        (0x0028_0004, Vr::CS, "MONOCHROME2"),
        (0x0028_0030, Vr::DS, "5\\5"),
        (0x0028_1050, Vr::DS, "40"),
        (0x0028_1051, Vr::DS, "400"),
        (0x0028_1052, Vr::DS, "-1024"),
        (0x0028_1053, Vr::DS, "1"),
    ];
    let mut elements: Vec<Element<'_>> =
        text.iter().map(|&(t, vr, v)| Element::text(Tag(t), vr, v)).collect();
    elements.push(Element::text(Tag(0x0008_0018), Vr::UI, &format!("1.2.826.0.1.3680043.10.1.1.4.0.{n}")));
    elements.push(Element::text(Tag(0x0020_0013), Vr::IS, &n.to_string()));
    for (tag, value) in [
        (0x0028_0002, 1u16),
        (0x0028_0010, side as u16),
        (0x0028_0011, side as u16),
        (0x0028_0100, 16),
        (0x0028_0101, 12),
        (0x0028_0102, 11),
        (0x0028_0103, 0),
    ] {
        elements.push(Element::new(Tag(tag), Vr::US, value.to_le_bytes().to_vec()));
    }
    let reference = DataSet::from_elements(vec![
        Element::text(Tag(0x0008_1150), Vr::UI, "1.2.840.10008.5.1.4.1.1.2"),
        Element::text(Tag(0x0008_1155), Vr::UI, "1.2.826.0.1.3680043.10.1.1.4.0.0"),
    ]);
    elements.push(Element::sequence(Tag(0x0008_1140), vec![reference]));
    let pixels: Vec<u8> =
        (0..side * side).flat_map(|i| body(i % side, i / side, side).to_le_bytes()).collect();
    elements.push(Element::new(Tag(0x7FE0_0010), Vr::OW, pixels));
    write(&DataSet::from_elements(elements), Syntax::EXPLICIT_LE).unwrap()
}

/// A body of soft tissue with bones and air in it, on a table, with noise of 20 Hounsfield units.
fn body(x: u32, y: u32, side: u32) -> u16 {
    let (u, v) = (f64::from(x) / f64::from(side) - 0.5, f64::from(y) / f64::from(side) - 0.5);
    let within = |cx: f64, cy: f64, a: f64, b: f64| ((u - cx) / a).powi(2) + ((v - cy) / b).powi(2) < 1.0;
    let tissue =
        if within(0.0, 0.2, 0.05, 0.06) || within(-0.3, 0.0, 0.02, 0.09) || within(0.3, 0.0, 0.02, 0.09) {
            1800.0
        } else if within(-0.15, -0.05, 0.12, 0.16) || within(0.15, -0.05, 0.12, 0.16) {
            200.0
        } else if within(0.0, 0.0, 0.4, 0.3) || (v - 0.36).abs() < 0.008 {
            1070.0
        } else {
            24.0
        };
    let hash =
        |salt: u32| (((y * side + x) ^ salt).wrapping_mul(2_654_435_761) >> 8) as f64 / f64::from(1u32 << 24);
    let noise = hash(1) + hash(77) + hash(991) + hash(13_001) - 2.0;
    (tissue + 35.0 * noise).clamp(0.0, 4095.0) as u16
}

/// Milliseconds that one instance takes.
fn each(deidentifier: &Deidentifier, files: &[Vec<u8>]) -> f64 {
    let started = Instant::now();
    for file in files {
        let outcome = deidentifier.process(&Contents::from(file), &Context::default()).unwrap();
        assert!(matches!(outcome, Outcome::Written { .. }));
    }
    started.elapsed().as_secs_f64() * 1e3 / files.len() as f64
}

fn main() {
    let deidentifier = |search_pixels| {
        Deidentifier::new(Profile { search_pixels, ..Profile::default() }, &Secret::new([7; 32])).unwrap()
    };
    let (searching, blind) = (deidentifier(true), deidentifier(false));
    for (side, count) in [(64, 2_000), (512, 200)] {
        let files: Vec<Vec<u8>> = (0..count).map(|n| instance(n, side)).collect();
        for round in 1..=3 {
            let (with, without) = (each(&searching, &files), each(&blind, &files));
            println!(
                "{side} × {side}, round {round}: {with:.3} ms an instance, of which {:.3} ms to look for text",
                with - without
            );
        }
    }
}
