//! Look-up tables: Modality LUT (PS3.3 C.11.1) and palette colour (PS3.3 C.7.9).

use crate::dicom::DataSet;
use crate::model::pixels::Photometric;
use crate::model::{Tag, tags};

const LUT_DESCRIPTOR: Tag = Tag::new(0x0028, 0x3002);
const LUT_DATA: Tag = Tag::new(0x0028, 0x3006);

/// A table from stored to output values.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    first: f64,
    values: Vec<u16>,
}

impl Table {
    /// From a descriptor (entries, first value mapped, bits) and its data.
    fn new(set: &DataSet<'_>, descriptor: Tag, data: Tag, signed: bool) -> Option<Self> {
        let head = set.numbers(descriptor);
        let [entries, first, bits] = *head.first_chunk()?;
        let entries = if entries == 0.0 { 65536 } else { entries as usize };
        // The first value mapped is signed if the pixels are, whatever the file calls it.
        let first = match (signed, first > 32767.0) {
            (true, true) => first - 65536.0,
            (false, _) if first < 0.0 => first + 65536.0,
            _ => first,
        };
        let bytes = set.bytes(data)?;
        let values: Vec<u16> = if bytes.len() >= entries * 2 {
            bytes.as_chunks().0.iter().take(entries).map(|b| u16::from_le_bytes(*b)).collect()
        } else if bits <= 8.0 && bytes.len() >= entries {
            bytes.iter().take(entries).map(|b| u16::from(*b)).collect()
        } else {
            return None;
        };
        (!values.is_empty()).then_some(Self { first, values })
    }

    /// The Modality LUT of a data set.
    pub fn modality(set: &DataSet<'_>, signed: bool) -> Option<Self> {
        Self::new(set.item(tags::MODALITY_LUT_SEQUENCE)?, LUT_DESCRIPTOR, LUT_DATA, signed)
    }

    /// The output for a stored value; values outside take the nearest end.
    pub fn at(&self, stored: f64) -> u16 {
        let last = self.values.len() - 1;
        let index = (stored - self.first).clamp(0.0, last as f64);
        self.values[index as usize]
    }
}

/// Red, green and blue tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Palette([Table; 3], u32);

impl Palette {
    /// The palette of a data set whose pixels are indices.
    pub fn of(set: &DataSet<'_>, photometric: &Photometric) -> Option<Self> {
        if *photometric != Photometric::Palette {
            return None;
        }
        let table =
            |i: u16| Table::new(set, Tag::new(0x0028, 0x1101 + i), Tag::new(0x0028, 0x1201 + i), false);
        let tables = [table(0)?, table(1)?, table(2)?];
        // Sixteen-bit entries may hold eight-bit colours.
        let wide = tables.iter().any(|t| t.values.iter().any(|v| *v > 255));
        Some(Self(tables, if wide { 8 } else { 0 }))
    }

    /// The colour of an index.
    pub fn at(&self, index: f64) -> [u8; 3] {
        std::array::from_fn(|channel| (self.0[channel].at(index) >> self.1) as u8)
    }
}
