//! The CSA image header of Siemens MR, a private table of named values, in both of its layouts.

use super::private;
use crate::dicom::DataSet;
use crate::model::geometry::Vec3;

/// Tags a real header has at most.
const MAX_TAGS: u32 = 128;
/// Items of one tag that are read.
const MAX_ITEMS: u32 = 64;

/// The values that Gantry asks for, by their names.
#[derive(Debug, Default, PartialEq)]
pub struct Csa {
    entries: Vec<(String, Vec<f64>)>,
}

impl Csa {
    /// The first number of an entry.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.entries.iter().find(|e| e.0 == name)?.1.first().copied()
    }

    /// The first three numbers of an entry.
    pub fn vector(&self, name: &str) -> Option<Vec3> {
        self.entries.iter().find(|e| e.0 == name)?.1.first_chunk().copied()
    }
}

/// The CSA image header of a data set.
pub fn image_header(set: &DataSet<'_>) -> Option<Csa> {
    parse(private::get(set, 0x0029, "SIEMENS CSA HEADER", 0x10)?.bytes()?)
}

/// Names that are worth reading.
const WANTED: [&str; 5] = [
    "NumberOfImagesInMosaic",
    "SliceNormalVector",
    "B_value",
    "DiffusionGradientDirection",
    "SpacingBetweenSlices",
];

fn parse(bytes: &[u8]) -> Option<Csa> {
    let second_layout = bytes.starts_with(b"SV10");
    let mut reader = Reader { bytes, at: if second_layout { 8 } else { 0 } };
    let count = reader.u32()?;
    reader.take(4)?;
    if !(1..=MAX_TAGS).contains(&count) {
        return None;
    }
    let mut csa = Csa::default();
    let mut first_items = None;
    for _ in 0..count {
        let name = reader.take(64)?;
        let name =
            String::from_utf8_lossy(&name[..name.iter().position(|&b| b == 0).unwrap_or(64)]).into_owned();
        reader.take(12)?;
        let items = reader.u32()?;
        reader.take(4)?;
        let first_items = *first_items.get_or_insert(items);
        let mut values = Vec::new();
        for item in 0..items {
            let sizes = [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?];
            // The first layout adds the number of items of the first tag to every length.
            let length = if second_layout { sizes[1] } else { sizes[0].checked_sub(first_items)? };
            let value = reader.take(length as usize)?;
            reader.take((4 - length as usize % 4) % 4)?;
            let text =
                String::from_utf8_lossy(&value[..value.iter().position(|&b| b == 0).unwrap_or(value.len())])
                    .trim()
                    .to_string();
            if let (true, Ok(number)) = (item < MAX_ITEMS, text.parse::<f64>())
                && number.is_finite()
            {
                values.push(number);
            }
        }
        if WANTED.contains(&&*name) && !values.is_empty() {
            csa.entries.push((name, values));
        }
    }
    Some(csa)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }
}
