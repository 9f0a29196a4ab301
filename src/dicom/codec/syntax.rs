//! The registry of transfer syntaxes (PS3.6 Annex A): one line each.

/// What undoes a transfer syntax's encoding of pixel data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not compressed; big-endian data is swapped and deflated data inflated by the reader.
    Native,
    /// Run lengths (PS3.5 Annex G).
    Rle,
    /// Each frame deflated (PS3.5 A.4.12).
    DeflatedFrame,
    /// JPEG: baseline, extended, progressive, lossless (ISO/IEC 10918-1).
    Jpeg,
    /// JPEG-LS (ISO/IEC 14495-1).
    JpegLs,
    /// JPEG 2000 and HTJ2K (ISO/IEC 15444-1, -2, -15).
    Jpeg2000,
    /// Known, but not decoded (video, JPIP, JPEG XL).
    None,
}

/// One transfer syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// Its UID.
    pub uid: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Pixels may have lost something by being encoded.
    pub lossy: bool,
    /// Pixel data is in fragments.
    pub encapsulated: bool,
    /// What decodes its pixels.
    pub codec: Codec,
}

const fn native(uid: &'static str, name: &'static str) -> Syntax {
    Syntax { uid, name, lossy: false, encapsulated: false, codec: Codec::Native }
}

const fn lossless(uid: &'static str, name: &'static str, codec: Codec) -> Syntax {
    Syntax { uid, name, lossy: false, encapsulated: true, codec }
}

const fn lossy(uid: &'static str, name: &'static str, codec: Codec) -> Syntax {
    Syntax { uid, name, lossy: true, encapsulated: true, codec }
}

/// RLE Lossless.
pub const RLE_LOSSLESS: &str = "1.2.840.10008.1.2.5";

const SYNTAXES: &[Syntax] = &[
    native("1.2.840.10008.1.2", "Implicit VR Little Endian"),
    native("1.2.840.10008.1.2.1", "Explicit VR Little Endian"),
    native("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian"),
    native("1.2.840.10008.1.2.2", "Explicit VR Big Endian"),
    native("1.2.840.113619.5.2", "Implicit VR Big Endian, pixels (GE private)"),
    lossless("1.2.840.10008.1.2.1.98", "Encapsulated Uncompressed Explicit VR Little Endian", Codec::Native),
    lossless("1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression", Codec::DeflatedFrame),
    lossless(RLE_LOSSLESS, "RLE Lossless", Codec::Rle),
    lossy("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", Codec::Jpeg),
    lossy("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 & 4)", Codec::Jpeg),
    lossy("1.2.840.10008.1.2.4.53", "JPEG Spectral Selection (Process 6 & 8)", Codec::Jpeg),
    lossy("1.2.840.10008.1.2.4.55", "JPEG Full Progression (Process 10 & 12)", Codec::Jpeg),
    lossless("1.2.840.10008.1.2.4.57", "JPEG Lossless (Process 14)", Codec::Jpeg),
    lossless("1.2.840.10008.1.2.4.70", "JPEG Lossless, First-Order Prediction", Codec::Jpeg),
    lossless("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", Codec::JpegLs),
    lossy("1.2.840.10008.1.2.4.81", "JPEG-LS Near-Lossless", Codec::JpegLs),
    lossless("1.2.840.10008.1.2.4.90", "JPEG 2000 (Lossless Only)", Codec::Jpeg2000),
    lossy("1.2.840.10008.1.2.4.91", "JPEG 2000", Codec::Jpeg2000),
    lossless("1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Multi-component (Lossless Only)", Codec::Jpeg2000),
    lossy("1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2 Multi-component", Codec::Jpeg2000),
    lossless("1.2.840.10008.1.2.4.201", "HTJ2K (Lossless Only)", Codec::Jpeg2000),
    lossless("1.2.840.10008.1.2.4.202", "HTJ2K with RPCL (Lossless Only)", Codec::Jpeg2000),
    lossy("1.2.840.10008.1.2.4.203", "HTJ2K", Codec::Jpeg2000),
    lossy("1.2.840.10008.1.2.4.94", "JPIP Referenced", Codec::None),
    lossy("1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate", Codec::None),
    lossy("1.2.840.10008.1.2.4.204", "JPIP HTJ2K Referenced", Codec::None),
    lossy("1.2.840.10008.1.2.4.205", "JPIP HTJ2K Referenced Deflate", Codec::None),
    lossless("1.2.840.10008.1.2.4.110", "JPEG XL Lossless", Codec::None),
    lossy("1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression", Codec::None),
    lossy("1.2.840.10008.1.2.4.112", "JPEG XL", Codec::None),
    lossy("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level", Codec::None),
    lossy("1.2.840.10008.1.2.4.100.1", "Fragmentable MPEG2 Main Profile / Main Level", Codec::None),
    lossy("1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level", Codec::None),
    lossy("1.2.840.10008.1.2.4.101.1", "Fragmentable MPEG2 Main Profile / High Level", Codec::None),
    lossy("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", Codec::None),
    lossy("1.2.840.10008.1.2.4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1", Codec::None),
    lossy("1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", Codec::None),
    lossy(
        "1.2.840.10008.1.2.4.103.1",
        "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
        Codec::None,
    ),
    lossy("1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 (2D)", Codec::None),
    lossy("1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 (3D)", Codec::None),
    lossy("1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", Codec::None),
    lossy("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile / Level 5.1", Codec::None),
    lossy("1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", Codec::None),
];

/// Every transfer syntax known.
pub fn syntaxes() -> &'static [Syntax] {
    SYNTAXES
}

/// The transfer syntax of this UID; spaces and NULs around it do not count.
pub fn syntax(uid: &str) -> Option<&'static Syntax> {
    let uid = uid.trim_matches(|c: char| c == ' ' || c == '\0');
    SYNTAXES.iter().find(|s| s.uid == uid)
}
