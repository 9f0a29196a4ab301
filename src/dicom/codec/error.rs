//! Why pixels could not be decoded, and what is odd about those that could.

use std::io;

use thiserror::Error;

use crate::bytes::NoRoom;
use crate::model::words::io_words;

/// Why a frame could not be decoded. No attribute value of the file is in any message but sizes and counts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PixelError {
    /// The transfer syntax is not in the registry, or has no decoder (video, JPIP, JPEG XL).
    #[error("no decoder for transfer syntax {0}")]
    UnsupportedSyntax(String),
    /// There is no pixel data.
    #[error("no pixel data")]
    NoPixels,
    /// Rows, columns, samples or bits that no image can have, or that this program does not know.
    #[error("pixel layout not usable: {0}")]
    Layout(&'static str),
    /// The frame, or all frames, would take more memory than allowed, or than so few bytes can stand for.
    #[error("frame of {needed} bytes is beyond the limit ({limit} bytes from {available} encoded)")]
    TooLarge {
        /// Bytes the decoded samples would take.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
        /// Encoded bytes present.
        available: u64,
    },
    /// There are fewer bytes, or fewer samples, than declared.
    #[error("fewer pixels than declared: {found} of {expected} {unit}")]
    Truncated {
        /// How many there are.
        found: u64,
        /// How many were declared.
        expected: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// There is no frame of this index (from 0).
    #[error("frame {index} of {frames} is not there")]
    NoFrame {
        /// The frame asked for, from 0.
        index: u32,
        /// How many frames the data holds.
        frames: u32,
    },
    /// The code stream has other rows, columns or samples than the header.
    #[error(
        "code stream holds {found_columns}×{found_rows}×{found_samples}, header says {columns}×{rows}×{samples}"
    )]
    Mismatch {
        /// Columns of the code stream.
        found_columns: u32,
        /// Rows of the code stream.
        found_rows: u32,
        /// Components of the code stream.
        found_samples: u32,
        /// Columns declared.
        columns: u32,
        /// Rows declared.
        rows: u32,
        /// Samples per pixel declared.
        samples: u32,
    },
    /// The code stream breaks its own rules.
    #[error("damaged {codec} stream: {what}")]
    Damaged {
        /// Which codec.
        codec: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// The code stream uses a part of its standard that Gantry does not decode.
    #[error("{codec} stream uses {what}, which is not supported")]
    Unsupported {
        /// Which codec.
        codec: &'static str,
        /// Which feature.
        what: &'static str,
    },
    /// The file that holds them cannot be read.
    #[error("the pixels cannot be read: {}", io_words(*.0))]
    Io(io::ErrorKind),
    /// What is made of them cannot be put aside.
    #[error(transparent)]
    NoRoom(NoRoom),
    /// A decoder failed in a way it should not have.
    #[error("{0} decoder failed")]
    Defect(&'static str),
}

impl PixelError {
    /// Whether it is our own limits that hide the pixels, not what they are: a disk, a size, a part of a standard.
    pub fn others_may_see(&self) -> bool {
        matches!(
            self,
            Self::Io(_)
                | Self::TooLarge { .. }
                | Self::Unsupported { .. }
                | Self::UnsupportedSyntax(_)
                | Self::Defect(_)
        )
    }

    /// A stable word for scripts and ledgers.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnsupportedSyntax(_) => "syntax_unsupported",
            Self::NoPixels => "no_pixels",
            Self::Layout(_) => "layout_invalid",
            Self::TooLarge { .. } => "pixels_too_large",
            Self::Truncated { .. } => "fewer_pixels_than_declared",
            Self::NoFrame { .. } => "frame_missing",
            Self::Mismatch { .. } => "dimensions_differ",
            Self::Damaged { .. } => "stream_damaged",
            Self::Unsupported { .. } => "feature_unsupported",
            Self::Io(_) => "unreadable",
            Self::NoRoom(_) => "no_room",
            Self::Defect(_) => "decoder_failed",
        }
    }
}

impl From<io::Error> for PixelError {
    fn from(error: io::Error) -> Self {
        NoRoom::of(&error).map_or(Self::Io(error.kind()), Self::NoRoom)
    }
}

/// What is odd about pixels that decode all the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Note {
    /// The precision of the code stream is not Bits Stored.
    Precision {
        /// Bits of the code stream.
        stream: u16,
        /// Bits Stored.
        stored: u16,
    },
    /// The code stream is signed and the header says unsigned, or the other way round.
    Signedness,
    /// There are more frames than declared; they are left out.
    ExcessFrames {
        /// Frames that are there.
        found: u64,
        /// Frames declared.
        declared: u32,
    },
    /// Bytes beyond the last declared frame (more than the one byte that makes the length even).
    Padding {
        /// How many.
        bytes: u64,
    },
    /// There are fewer frames than declared.
    FewerFrames {
        /// Frames that are there.
        found: u32,
        /// Frames declared.
        declared: u32,
    },
    /// The (extended) offset table contradicts the fragments and was not used.
    OffsetTableIgnored,
    /// A JPEG 2000 stream was cut between packets: details its header promises are not there.
    FewerPackets,
    /// Blocks of a JPEG 2000 stream have less data than passes: the picture may be damaged there.
    BlocksEndEarly,
    /// The code stream has no end marker.
    NoEndMarker,
    /// The code stream is longer than its end marker says by more than padding.
    TrailingBytes,
    /// The colour model of the code stream is not the Photometric Interpretation of the header.
    ColourModel,
    /// The code stream is of another codec than the transfer syntax says.
    OtherCodec,
    /// High Bit is not Bits Stored − 1.
    HighBit,
}

impl Note {
    /// A stable word for findings.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Precision { .. } => "precision_differs",
            Self::Signedness => "signedness_differs",
            Self::ExcessFrames { .. } => "excess_frames",
            Self::Padding { .. } => "padding",
            Self::FewerFrames { .. } => "fewer_frames",
            Self::OffsetTableIgnored => "offset_table_ignored",
            Self::FewerPackets => "fewer_packets",
            Self::BlocksEndEarly => "blocks_end_early",
            Self::NoEndMarker => "no_end_marker",
            Self::TrailingBytes => "trailing_bytes",
            Self::ColourModel => "colour_model_differs",
            Self::OtherCodec => "other_codec",
            Self::HighBit => "high_bit",
        }
    }
}
