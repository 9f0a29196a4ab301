//! Archives elsewhere, whichever way they are spoken to: asked, fetched from, sent to.
//!
//! An archive is used by one thread at a time, which waits; it must not be a thread of a runtime.

mod attributes;
mod dicom;
mod json;
mod web;

use std::path::PathBuf;

pub use attributes::{Attributes, Key, KeyError, Level, keys_of};

use super::acceptor::Receiver;
use super::association::{Peer, RequestError};
use super::command::Status;
use super::tls::ClientTlsFiles;
use crate::bytes::ByteSource;

/// Where an archive is, and as whom we ask.
#[derive(Debug, Clone)]
pub enum Address {
    /// A DICOM application.
    Dicom {
        /// It, and us.
        peer: Peer,
        /// The listener of ours that objects are moved to; without one they are got.
        move_destination: Option<String>,
    },
    /// A DICOMweb service.
    Web {
        /// The base of its services.
        url: String,
        /// A file with the header by which we prove who we are.
        header_file: Option<PathBuf>,
        /// Files of an encrypted connection.
        tls: ClientTlsFiles,
    },
}

/// What is to come of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The study.
    pub study: String,
    /// The series.
    pub series: String,
    /// The instances, with their SOP classes where they are known.
    pub instances: Vec<(String, String)>,
    /// They are all of the series.
    pub is_whole: bool,
}

/// What came of a series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Why something did not come, in the other's words, and how much.
    pub failed: Vec<(String, u64)>,
}

/// An object that is sent.
#[derive(Debug)]
pub struct Outgoing {
    /// Its SOP class.
    pub sop_class: String,
    /// Its SOP instance UID.
    pub sop_uid: String,
    /// Its transfer syntax.
    pub syntax: String,
    /// The whole file.
    pub file: ByteSource<'static>,
    /// Bytes before its data set.
    pub head: u64,
}

/// Hears what became of each object that was sent: its place in what was given, and why not.
pub type Told<'t> = &'t mut dyn FnMut(usize, Result<(), String>);

/// An archive elsewhere.
pub trait Archive {
    /// Asks whether it is there.
    ///
    /// # Errors
    /// Why it is not, or does not answer.
    fn echo(&mut self) -> Result<(), RequestError>;

    /// What it holds at a level, each once. `each` says whether more is wanted. Keys of levels above name one study, or one
    /// series, where the level is lower.
    ///
    /// # Errors
    /// It does not answer.
    fn find(
        &mut self,
        level: Level,
        keys: &[Key],
        each: &mut dyn FnMut(Attributes) -> bool,
    ) -> Result<(), RequestError>;

    /// Fetches instances of a series. What came is known to the receiver.
    ///
    /// # Errors
    /// Nothing more can be asked of it.
    fn fetch(&mut self, wanted: &Wanted, receiver: &dyn FileReceiver) -> Result<Fetched, RequestError>;

    /// Sends objects.
    ///
    /// # Errors
    /// Nothing more can be sent to it; objects of which nothing was told were not sent.
    fn send(&mut self, objects: &[Outgoing], told: Told<'_>) -> Result<(), RequestError>;
}

/// Takes objects, and whole files.
pub trait FileReceiver: Receiver {
    /// A whole file begins.
    ///
    /// # Errors
    /// The status with which it is refused.
    fn begin_file(&self) -> Result<Box<dyn super::acceptor::Sink>, Status>;

    /// Whether an instance has come.
    fn has(&self, sop_uid: &str) -> bool;
}

/// The archive at an address.
///
/// # Errors
/// A file that is needed to reach it cannot be used.
pub fn open(address: &Address) -> Result<Box<dyn Archive>, RequestError> {
    Ok(match address {
        Address::Dicom { peer, move_destination } => {
            Box::new(dicom::DicomArchive::new(peer, move_destination.as_deref())?)
        }
        Address::Web { url, header_file, tls } => {
            Box::new(web::WebArchive::new(url, header_file.as_deref(), tls)?)
        }
    })
}

/// A runtime for one connection.
fn runtime() -> Result<tokio::runtime::Runtime, RequestError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| RequestError::Here(crate::model::words::io_error(&error)))
}
