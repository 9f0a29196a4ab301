//! DICOM files: bounded reading and writing, pixel codecs, character sets.

pub mod codec;
