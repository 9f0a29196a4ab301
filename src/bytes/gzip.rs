//! Gzip (RFC 1952), verified to its end: the check sum and the length of every member.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use thiserror::Error;

/// Why compressed bytes cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GzipError {
    /// A check sum or length that is not that of the content, or data that cannot be inflated.
    #[error("the compressed file is damaged: its gzip check sum or length is wrong")]
    Damaged,
    /// It ends before it should.
    #[error("the compressed file is cut: the gzip data end too early")]
    Cut,
}

impl GzipError {
    /// What a decoder's error says about the compressed data; an error of reading the file stays what it is.
    fn of(error: io::Error) -> io::Error {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::new(io::ErrorKind::UnexpectedEof, Self::Cut),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                io::Error::new(io::ErrorKind::InvalidData, Self::Damaged)
            }
            _ => error,
        }
    }

    /// The damage that an I/O error of [`Unpacker`] tells, if it does.
    pub fn in_error(error: &io::Error) -> Option<Self> {
        error.get_ref().and_then(|e| e.downcast_ref::<Self>()).copied()
    }
}

/// Whether bytes begin like a gzip file.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Gives the content of all members; what is wrong with the compressed data comes as [`GzipError`] inside the error.
/// Zeros behind the last member are padding; anything else there is damage. Only who reads to the end knows that the
/// check sums are right.
pub struct Unpacker<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Unpacker<R> {
    /// Reads from compressed bytes.
    pub fn new(packed: R) -> Self {
        Self(Some(GzDecoder::new(packed)))
    }

    /// Goes on with the next member; whether there is one.
    fn next(&mut self) -> io::Result<bool> {
        let Some(mut packed) = self.0.take().map(GzDecoder::into_inner) else { return Ok(false) };
        loop {
            let ahead = packed.fill_buf()?;
            let zeros = ahead.iter().take_while(|b| **b == 0).count();
            match (ahead.len(), zeros) {
                (0, _) => return Ok(false),
                (_, 0) => break,
                (_, zeros) => packed.consume(zeros),
            }
        }
        self.0 = Some(GzDecoder::new(packed));
        Ok(true)
    }
}

impl<R: BufRead> Read for Unpacker<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let n = member.read(buffer).map_err(GzipError::of)?;
            if n > 0 || buffer.is_empty() || !self.next()? {
                return Ok(n);
            }
        }
        Ok(0)
    }
}

/// The whole content; `None` where it is more than `most` bytes.
///
/// # Errors
/// It is damaged or cut.
pub fn unpacked(packed: &[u8], most: u64) -> Result<Option<Vec<u8>>, GzipError> {
    let mut content = Vec::new();
    match Unpacker::new(packed).take(most + 1).read_to_end(&mut content) {
        Ok(n) => Ok((n as u64 <= most).then_some(content)),
        Err(error) => Err(GzipError::in_error(&error).unwrap_or(GzipError::Damaged)),
    }
}
