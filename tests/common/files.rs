//! Small CT files that tests make themselves.

use gantry::dicom::{DataSet, Element, Syntax, write};
use gantry::model::{Tag, Vr};

/// A slice; signed 16-bit values.
#[derive(Debug, Clone)]
pub struct Slice {
    /// Last part of the SOP Instance UID, and the instance number.
    pub number: u32,
    /// Last part of the Series Instance UID.
    pub series: u32,
    /// Image Position (Patient).
    pub position_mm: [f64; 3],
    /// Image Orientation (Patient).
    pub orientation: [f64; 6],
    /// Distance of rows, distance of columns.
    pub spacing_mm: [f64; 2],
    /// Columns and rows.
    pub size: [u16; 2],
    /// Values, rows from the top.
    pub values: Vec<i16>,
}

impl Default for Slice {
    fn default() -> Self {
        Self {
            number: 1,
            series: 1,
            position_mm: [-8.0, -8.0, 0.0],
            orientation: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            spacing_mm: [1.0, 1.0],
            size: [16, 16],
            values: (0..256).collect(),
        }
    }
}

/// Slices of one clean series, 2 mm apart.
pub fn series(n: u32) -> Vec<Slice> {
    (0..n)
        .map(|i| Slice {
            number: i + 1,
            position_mm: [-8.0, -8.0, 2.0 * f64::from(i)],
            values: (0..256).map(|v| v * 3 + i as i16).collect(),
            ..Slice::default()
        })
        .collect()
}

fn numbers(values: &[f64]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join("\\")
}

/// The slice as a file in Explicit VR Little Endian.
pub fn file(slice: &Slice) -> Vec<u8> {
    write(&data_set(slice), Syntax::EXPLICIT_LE).unwrap()
}

/// The slice as a data set.
pub fn data_set(slice: &Slice) -> DataSet<'static> {
    let mut set = DataSet::new();
    let mut text = |tag: u32, vr, value: &str| set.put_str(Tag(tag), vr, value);
    text(0x0008_0008, Vr::CS, "ORIGINAL\\PRIMARY\\AXIAL");
    text(0x0008_0016, Vr::UI, "1.2.840.10008.5.1.4.1.1.2");
    text(0x0008_0018, Vr::UI, &format!("2.25.77.{}.{}", slice.series, slice.number));
    text(0x0008_0020, Vr::DA, "20240102");
    text(0x0008_0060, Vr::CS, "CT");
    text(0x0008_103E, Vr::LO, "Axial");
    text(0x0010_0010, Vr::PN, "Zqpatient^Jane");
    text(0x0010_0020, Vr::LO, "ZQPATIENT7");
    text(0x0020_000D, Vr::UI, "2.25.77");
    text(0x0020_000E, Vr::UI, &format!("2.25.77.{}", slice.series));
    text(0x0020_0013, Vr::IS, &slice.number.to_string());
    text(0x0020_0032, Vr::DS, &numbers(&slice.position_mm));
    text(0x0020_0037, Vr::DS, &numbers(&slice.orientation));
    text(0x0020_0052, Vr::UI, "2.25.77.9");
    text(0x0028_0004, Vr::CS, "MONOCHROME2");
    text(0x0028_0030, Vr::DS, &numbers(&slice.spacing_mm));
    text(0x0028_1052, Vr::DS, "0");
    text(0x0028_1053, Vr::DS, "1");
    let shorts = [
        (0x0028_0002, 1),
        (0x0028_0010, slice.size[1]),
        (0x0028_0011, slice.size[0]),
        (0x0028_0100, 16),
        (0x0028_0101, 16),
        (0x0028_0102, 15),
        (0x0028_0103, 1),
    ];
    for (tag, value) in shorts {
        set.put(Element::new(Tag(tag), Vr::US, value.to_le_bytes().to_vec()));
    }
    let pixels: Vec<u8> = slice.values.iter().flat_map(|v| v.to_le_bytes()).collect();
    set.put(Element::new(Tag(0x7FE0_0010), Vr::OW, pixels));
    set
}
