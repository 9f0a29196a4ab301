//! Protocol data units over a stream (PS3.8 clause 9.3): lengths are bounded, and every wait ends.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use dicom_ul::pdu::{MINIMUM_PDU_SIZE, Pdu, read_pdu, write_pdu};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::{Instant, timeout, timeout_at};

use crate::bytes::ByteSource;
use crate::model::words::io_words;

/// A connection, encrypted or not.
trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// PDU types.
pub mod kind {
    /// A-ASSOCIATE-RQ.
    pub const ASSOCIATE: u8 = 1;
    /// P-DATA-TF.
    pub const DATA: u8 = 4;
    /// A-RELEASE-RQ.
    pub const RELEASE: u8 = 5;
    /// A-ABORT.
    pub const ABORT: u8 = 7;
}

/// How long a peer may take to accept what is sent to it.
const SENDING: Duration = Duration::from_secs(30);
/// How long what a peer still sends is read away once it was refused, so that it hears why.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes that are read away at most.
const LINGER_BYTES: u64 = 4 << 20;

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// The peer closed it.
    #[error("the peer closed the connection")]
    Closed,
    /// The peer was silent for too long.
    #[error("the peer was silent for too long")]
    Silent,
    /// The peer ended the association.
    #[error("the peer aborted the association")]
    Aborted,
    /// This side serves nobody any more.
    #[error("this side ends")]
    Ending,
    /// The peer does not keep to the protocol.
    #[error("{0}")]
    Broken(&'static str),
    /// The network refuses.
    #[error("{}", io_words(*.0))]
    Io(ErrorKind),
}

impl From<std::io::Error> for WireError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Self::Closed,
            kind => Self::Io(kind),
        }
    }
}

/// One fragment of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'b> {
    /// The presentation context.
    pub context: u8,
    /// Of a command, not of a data set.
    pub is_command: bool,
    /// The last of its command or data set.
    pub is_last: bool,
    /// Its bytes.
    pub bytes: &'b [u8],
}

/// A connection that carries PDUs.
pub struct Wire {
    stream: BufReader<Box<dyn Duplex>>,
}

impl Wire {
    /// Over a stream.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self { stream: BufReader::with_capacity(16 << 10, Box::new(stream)) }
    }

    /// The next PDU within `patience`, of at most `most` bytes: its type; its body is put into `body`. Memory is taken as
    /// bytes arrive, never by what a header promises.
    ///
    /// # Errors
    /// It is longer, does not come in time, or the connection ends.
    pub async fn next(&mut self, body: &mut Vec<u8>, most: u32, patience: Duration) -> Result<u8, WireError> {
        let until = Instant::now() + patience;
        let read = async {
            let kind = self.stream.read_u8().await?;
            if !(kind::ASSOCIATE..=kind::ABORT).contains(&kind) {
                return Err(WireError::Broken("no DICOM: an unknown kind of PDU"));
            }
            self.stream.read_u8().await?;
            let length = self.stream.read_u32().await?;
            if length > most {
                return Err(WireError::Broken("a PDU is longer than was agreed"));
            }
            body.clear();
            let got = (&mut self.stream).take(length.into()).read_to_end(body).await?;
            if got < length as usize { Err(WireError::Closed) } else { Ok(kind) }
        };
        timeout_at(until, read).await.unwrap_or(Err(WireError::Silent))
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The peer does not take them.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        Ok(timeout(SENDING, sent).await.map_err(|_| WireError::Silent)??)
    }

    /// Sends a PDU of an association.
    ///
    /// # Errors
    /// As [`Wire::send`]; it cannot be written.
    pub async fn send_pdu(&mut self, pdu: &Pdu) -> Result<(), WireError> {
        let mut bytes = Vec::with_capacity(256);
        write_pdu(&mut bytes, pdu).map_err(|_| WireError::Broken("an answer cannot be written"))?;
        self.send(&bytes).await
    }

    /// Sends a command, or a data set, in fragments that the peer takes.
    ///
    /// # Errors
    /// As [`Wire::send`].
    pub async fn send_message(
        &mut self,
        (context, is_command): (u8, bool),
        bytes: &[u8],
        most: u32,
    ) -> Result<(), WireError> {
        let most = longest_fragment(most);
        let pieces = bytes.chunks(most).count().max(1);
        for at in 0..pieces {
            let piece = bytes.get(at * most..bytes.len().min((at + 1) * most)).unwrap_or_default();
            self.send_fragment(context, (is_command, at + 1 == pieces), piece).await?;
        }
        Ok(())
    }

    /// Sends a data set that may be large, piece by piece.
    ///
    /// # Errors
    /// As [`Wire::send`]; it cannot be read.
    pub async fn send_bulk(
        &mut self,
        context: u8,
        data: &ByteSource<'_>,
        most: u32,
    ) -> Result<(), WireError> {
        let (length, most) = (data.len(), longest_fragment(most) as u64);
        let mut at = 0;
        loop {
            let end = length.min(at + most);
            let piece = data.read(at..end).map_err(|error| WireError::Io(error.kind()))?;
            self.send_fragment(context, (false, end == length), &piece).await?;
            if end == length {
                return Ok(());
            }
            at = end;
        }
    }

    async fn send_fragment(
        &mut self,
        context: u8,
        (is_command, is_last): (bool, bool),
        piece: &[u8],
    ) -> Result<(), WireError> {
        let length = piece.len() as u32 + 2;
        let mut pdu = Vec::with_capacity(piece.len() + 12);
        pdu.extend([kind::DATA, 0]);
        pdu.extend((length + 4).to_be_bytes());
        pdu.extend(length.to_be_bytes());
        pdu.extend([context, u8::from(is_command) | u8::from(is_last) << 1]);
        pdu.extend(piece);
        self.send(&pdu).await
    }

    /// Ends the connection so that the peer hears what was sent last.
    pub async fn close(mut self) {
        let end = async {
            let _ = self.stream.shutdown().await;
            let mut rest = (&mut self.stream).take(LINGER_BYTES);
            let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
        };
        let _ = timeout(LINGER, end).await;
    }
}

/// A fragment of ours is not longer, whatever the peer takes.
const MAX_FRAGMENT: usize = 128 << 10;

/// Bytes of a fragment where the peer takes PDUs up to `most`; 0 says any.
fn longest_fragment(most: u32) -> usize {
    let most = if most == 0 { MAX_FRAGMENT } else { (most as usize).clamp(64, MAX_FRAGMENT) };
    most - 6
}

/// The PDU with this type and body.
///
/// # Errors
/// It cannot be read.
pub fn decode(kind: u8, body: &[u8]) -> Result<Pdu, WireError> {
    let broken = WireError::Broken("a PDU that cannot be read");
    let mut whole = Vec::with_capacity(body.len() + 6);
    whole.extend([kind, 0]);
    whole.extend((body.len() as u32).to_be_bytes());
    whole.extend(body);
    let read = || read_pdu(&*whole, MINIMUM_PDU_SIZE, false);
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(Some(pdu))) => Ok(pdu),
        _ => Err(broken),
    }
}

/// The fragments of a P-DATA-TF PDU.
pub fn fragments(mut body: &[u8]) -> impl Iterator<Item = Result<Fragment<'_>, WireError>> {
    std::iter::from_fn(move || {
        if body.is_empty() {
            return None;
        }
        let one = first_fragment(body);
        body = one.as_ref().map_or(&[], |(_, rest)| rest);
        Some(one.map(|(fragment, _)| fragment).ok_or(WireError::Broken("a fragment of a wrong length")))
    })
}

/// The first fragment of what is left of a P-DATA-TF PDU, and the rest; `None` where its length is wrong.
pub fn first_fragment(body: &[u8]) -> Option<(Fragment<'_>, &[u8])> {
    let (length, rest) = body.split_first_chunk::<4>()?;
    let (whole, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let ([context, flags], bytes) = whole.split_first_chunk::<2>()?;
    let fragment = Fragment { context: *context, is_command: flags & 1 != 0, is_last: flags & 2 != 0, bytes };
    Some((fragment, rest))
}
