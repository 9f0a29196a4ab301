//! DICOM over a network (PS3.7, PS3.8, PS3.18): protocol data units, negotiation, commands, an acceptor of C-ECHO, C-STORE and
//! Storage Commitment, and archives that are asked by DICOM or DICOMweb. What is taken in goes to a [`Receiver`]; nothing here
//! knows of a workspace.
//!
//! PDUs of associations are read and written by `dicom-ul`; data are streamed past it, bounded.

mod acceptor;
mod archive;
mod association;
mod command;
mod multipart;
mod negotiate;
mod requestor;
mod tls;
mod wire;

pub use acceptor::{
    Acceptor, Live, ObjectHead, Provider, Receiver, Reference, Sink, Standing, Summary, Terms,
};
pub use archive::{
    Address, Archive, Attributes, Fetched, FileReceiver, Key, KeyError, Level, Outgoing, Wanted, keys_of,
    open as open_archive,
};
pub use association::{Peer, RequestError};
pub use command::{Status, StatusCount};
pub use multipart::{Multipart, MultipartError, Piece, parameter};
pub use negotiate::{caller_fits, shown};
pub use requestor::{Commitment, echo, report};
pub use tls::{ClientTlsFiles, TlsError, TlsFiles, client, server};
pub use wire::{Wire, WireError};
