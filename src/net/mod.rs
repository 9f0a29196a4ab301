//! DICOM over a network (PS3.7, PS3.8): protocol data units, negotiation, commands, and an acceptor of C-ECHO, C-STORE and
//! Storage Commitment. What is taken in goes to a [`Receiver`]; nothing here knows of a workspace.
//!
//! PDUs of associations are read and written by `dicom-ul`; data are streamed past it, bounded.

mod acceptor;
mod command;
mod negotiate;
mod requestor;
mod tls;
mod wire;

pub use acceptor::{Acceptor, Live, ObjectHead, Receiver, Reference, Sink, Standing, Summary, Terms};
pub use command::{Status, StatusCount};
pub use negotiate::{caller_fits, shown};
pub use requestor::{Commitment, RequestError, echo, report};
pub use tls::{TlsError, TlsFiles, server};
pub use wire::{Wire, WireError};
