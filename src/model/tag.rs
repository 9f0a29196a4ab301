//! Data element tags (PS3.5 section 7.1).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A data element tag: group in the upper, element in the lower sixteen bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u32);

impl Tag {
    /// The tag (group,element).
    pub const fn new(group: u16, element: u16) -> Self {
        Self((group as u32) << 16 | element as u32)
    }

    /// The group number.
    pub const fn group(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The element number.
    pub const fn element(self) -> u16 {
        self.0 as u16
    }

    /// Odd group: a private element or a private creator.
    pub const fn is_private(self) -> bool {
        self.group() & 1 == 1
    }

    /// A private creator data element, (gggg,0010–00FF) with gggg odd (PS3.5 section 7.8.1).
    pub const fn is_private_creator(self) -> bool {
        self.is_private() && self.element() >= 0x10 && self.element() <= 0xFF
    }

    /// The creator element that reserves the block of this private element.
    pub const fn private_creator(self) -> Self {
        Self::new(self.group(), self.element() >> 8)
    }

    /// Group length, (gggg,0000).
    pub const fn is_group_length(self) -> bool {
        self.element() == 0
    }

    /// Gives it as `(GGGG,EEEE)`.
    fn with_text<T>(self, use_it: impl FnOnce(&str) -> T) -> T {
        let mut text = *b"(0000,0000)";
        for (nibble, at) in [1, 2, 3, 4, 6, 7, 8, 9].into_iter().enumerate() {
            text[at] = b"0123456789ABCDEF"[(self.0 >> (28 - 4 * nibble) & 15) as usize];
        }
        use_it(std::str::from_utf8(&text).unwrap_or_default())
    }

    /// Reads `GGGGEEEE`, `GGGG,EEEE` or `(GGGG,EEEE)`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| !matches!(c, '(' | ')' | ',' | ' ')).collect();
        (digits.len() == 8).then(|| u32::from_str_radix(&digits, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Tag {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a tag is written (GGGG,EEEE)"))
    }
}
