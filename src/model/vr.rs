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
                $(if let [a, b] = stringify!($name).as_bytes() && code[0] == *a && code[1] == *b {
                    return Some(Self::$name);
                })*
                None
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
