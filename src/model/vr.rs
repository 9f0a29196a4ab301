//! Value representations (PS3.5 section 6.2).

use std::fmt;

macro_rules! vrs {
    ($($name:ident)*) => {
        /// A value representation; each variant is the code that stands in the file.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the names are the standard's own two-letter codes")]
        pub enum Vr { $($name),* }

        impl Vr {
            /// Every value representation.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The two letters.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// From two letters; `None` for anything else.
            pub const fn from_code(code: [u8; 2]) -> Option<Self> {
                const LETTERS: usize = 26;
                /// By both letters: one more than the place among all, or 0.
                const PLACES: [u8; LETTERS * LETTERS] = {
                    let mut places = [0; LETTERS * LETTERS];
                    let mut i = 0;
                    while i < Vr::ALL.len() {
                        let code = Vr::ALL[i].code().as_bytes();
                        places[(code[0] - b'A') as usize * LETTERS + (code[1] - b'A') as usize] = i as u8 + 1;
                        i += 1;
                    }
                    places
                };
                if !code[0].is_ascii_uppercase() || !code[1].is_ascii_uppercase() {
                    return None;
                }
                match PLACES[(code[0] - b'A') as usize * LETTERS + (code[1] - b'A') as usize] {
                    0 => None,
                    place => Some(Self::ALL[place as usize - 1]),
                }
            }
        }
    };
}

vrs!(AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV);

impl Vr {
    /// Explicit VR encodings give this representation a 32-bit length after two reserved bytes (PS3.5 table 7.1-1).
    pub const fn has_long_length(self) -> bool {
        matches!(
            self,
            Self::OB
                | Self::OD
                | Self::OF
                | Self::OL
                | Self::OV
                | Self::OW
                | Self::SQ
                | Self::SV
                | Self::UC
                | Self::UN
                | Self::UR
                | Self::UT
                | Self::UV
        )
    }

    /// Character strings of any kind.
    pub const fn is_string(self) -> bool {
        matches!(
            self,
            Self::AE
                | Self::AS
                | Self::CS
                | Self::DA
                | Self::DS
                | Self::DT
                | Self::IS
                | Self::LO
                | Self::LT
                | Self::PN
                | Self::SH
                | Self::ST
                | Self::TM
                | Self::UC
                | Self::UI
                | Self::UR
                | Self::UT
        )
    }

    /// Strings in the data set's Specific Character Set; the others are plain ASCII.
    pub const fn uses_character_set(self) -> bool {
        matches!(self, Self::LO | Self::LT | Self::PN | Self::SH | Self::ST | Self::UC | Self::UT)
    }

    /// Strings in which a backslash is text and no separator of values.
    pub const fn is_single_text(self) -> bool {
        matches!(self, Self::LT | Self::ST | Self::UT | Self::UR)
    }

    /// The byte that pads a value to even length.
    pub const fn padding(self) -> u8 {
        if self.is_string() && !matches!(self, Self::UI) { b' ' } else { 0 }
    }

    /// Bytes of one number of this representation, the unit of byte swapping; 1 where bytes have no order.
    pub const fn unit(self) -> usize {
        match self {
            Self::AT | Self::OW | Self::SS | Self::US => 2,
            Self::FL | Self::OF | Self::OL | Self::SL | Self::UL => 4,
            Self::FD | Self::OD | Self::OV | Self::SV | Self::UV => 8,
            _ => 1,
        }
    }
}

impl fmt::Display for Vr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_and_nothing_else() {
        for a in 0..=u8::MAX {
            for b in 0..=u8::MAX {
                let known = Vr::ALL.iter().copied().find(|vr| vr.code().as_bytes() == [a, b]);
                assert_eq!(Vr::from_code([a, b]), known, "{a} {b}");
            }
        }
    }
}
