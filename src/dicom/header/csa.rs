//! The CSA headers of Siemens MR: the image header, a private table of named values in both of its layouts, and the
//! protocol in the series header.

use std::collections::BTreeMap;

use super::private;
use crate::dicom::DataSet;
use crate::model::geometry::Vec3;

/// Tags a real header has at most.
const MAX_TAGS: u32 = 128;
/// Items of one tag that are read: a mosaic has a time for each slice.
const MAX_ITEMS: u32 = 1024;
/// Lines of a protocol that are read.
const MAX_LINES: usize = 100_000;

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

    /// All numbers of an entry.
    pub fn numbers(&self, name: &str) -> &[f64] {
        self.entries.iter().find(|e| e.0 == name).map_or(&[], |e| &e.1)
    }

    /// The first three numbers of an entry.
    pub fn vector(&self, name: &str) -> Option<Vec3> {
        self.entries.iter().find(|e| e.0 == name)?.1.first_chunk().copied()
    }
}

/// The creator of both headers, and whose equipment it is.
const HEADER: (&str, &str) = ("SIEMENS CSA HEADER", "SIEMENS");

/// The CSA image header of a data set.
pub fn image_header(set: &DataSet<'_>) -> Option<Csa> {
    parse(private::of_maker(set, 0x0029, HEADER, 0x10)?.bytes()?)
}

/// Names that are worth reading.
const WANTED: [&str; 8] = [
    "BandwidthPerPixelPhaseEncode",
    "MosaicRefAcqTimes",
    "PhaseEncodingDirectionPositive",
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

/// The protocol of a measurement: lines `name = value`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protocol(BTreeMap<String, String>);

impl Protocol {
    /// A number by its name, decimal or hexadecimal.
    pub fn number(&self, name: &str) -> Option<f64> {
        let value = self.0.get(name)?;
        match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok().map(|n| n as f64),
            None => value.parse().ok().filter(|n: &f64| n.is_finite()),
        }
    }

    /// A text by its name, without its quotes.
    pub fn text(&self, name: &str) -> Option<String> {
        Some(self.0.get(name)?.trim_matches('"').to_string()).filter(|t| !t.is_empty())
    }

    /// The text of the first name that ends so.
    pub fn ending(&self, end: &str) -> Option<String> {
        let found = self.0.iter().find(|(name, _)| name.ends_with(end))?;
        Some(found.1.trim_matches('"').to_string()).filter(|t| !t.is_empty())
    }
}

/// The protocol in the CSA series header of a data set.
pub fn protocol(set: &DataSet<'_>) -> Option<Protocol> {
    lines(private::of_maker(set, 0x0029, HEADER, 0x20)?.bytes()?)
}

/// The protocol in the private item of an enhanced object of XA.
pub fn protocol_of(item: &DataSet<'_>) -> Option<Protocol> {
    lines(private::get(item, 0x0021, "SIEMENS MR SDS 01", 0x19)?.bytes()?)
}

fn lines(bytes: &[u8]) -> Option<Protocol> {
    let find = |what: &[u8]| bytes.windows(what.len()).position(|w| w == what);
    let begin = find(b"### ASCCONV BEGIN")?;
    let end = find(b"### ASCCONV END").filter(|end| *end > begin).unwrap_or(bytes.len());
    let line = |line: &[u8]| {
        let text = String::from_utf8_lossy(line);
        let (name, value) = text.split_once('=')?;
        let quoted = value.trim_start().starts_with('"');
        // A character is written beside its code: `0x20 # ' '`.
        let value = if quoted { value } else { value.split('#').next().unwrap_or_default() };
        Some((name.trim().to_string(), value.trim().to_string()))
    };
    let lines = bytes[begin..end].split(|&b| b == b'\n').skip(1).take(MAX_LINES);
    Some(Protocol(lines.filter_map(line).collect()))
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
