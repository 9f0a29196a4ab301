//! Files below some paths as assembled series: the beginning of `scan`, `convert` and `qc`.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;

use crate::dicom::{Tree, read_tree};
use crate::series::{Series, assemble};

/// Series and the files that they were read from.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The series, in the order of their study and series UIDs.
    pub series: Vec<Series>,
    /// The files; its headers went into the series.
    pub tree: Tree,
    /// Files that are instances.
    pub dicom: u64,
}

/// Reads and assembles; see [`read_tree`] for `decode_copies`. `progress` counts files as they are read.
///
/// # Errors
/// A path that cannot be found.
pub fn gather(paths: &[PathBuf], decode_copies: bool, progress: &AtomicU64) -> io::Result<Gathered> {
    let mut tree = read_tree(paths, decode_copies, progress)?;
    let headers = std::mem::take(&mut tree.headers);
    Ok(Gathered { dicom: headers.len() as u64, series: assemble(headers), tree })
}
