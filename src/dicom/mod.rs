//! DICOM files: bounded reading and writing, pixel codecs, character sets.

mod attributes;
mod charset;
pub mod codec;
mod contents;
mod dataset;
mod dictionary;
mod file;
mod header;
mod json;
mod parse;
mod tree;
mod write;

pub use attributes::{attributes, holder};
pub use charset::Charset;
pub use contents::Contents;
pub use dataset::{DataSet, Element, Fragments, Value};
pub use dictionary::{keyword, tag_of, vr_of};
pub use file::{File, Meta, ReadError, ReadOptions, Syntax, header_of, read, with_header};
pub use header::{Digest, csa, date_time, ge, header, moment, pixel_digest, private, seconds};
pub use json::to_json;
pub use parse::is_pixel_data;
pub use tree::{Directory, Refusal, Tree, decoded_digest, read_tree};
pub use write::{
    IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, data_set, file_head, size_hint, write, write_to,
    write_to_as,
};
