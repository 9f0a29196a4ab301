//! `multipart/related` (RFC 2387, RFC 2046), as DICOMweb uses it: read as it streams, part by part. Pure.

use thiserror::Error;

/// The head of a part is not longer.
const LONGEST_HEAD: usize = 16 << 10;
/// A boundary is not longer (RFC 2046, 5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// Why a body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MultipartError {
    /// There is no boundary, or none that may be one.
    #[error("it has no boundary")]
    NoBoundary,
    /// The head of a part does not end, or is no text.
    #[error("the head of a part cannot be read")]
    Head,
    /// It ended before its last boundary.
    #[error("it was cut off")]
    CutOff,
}

/// What comes of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'p> {
    /// A part begins, with this content type; none where it has none.
    Begin(Option<&'p str>),
    /// More of it.
    Data(&'p [u8]),
    /// It is whole.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the first boundary.
    Preamble,
    /// After a boundary: the end of its line, or of all.
    AfterBoundary,
    /// In the head of a part.
    Head,
    /// After a head: its last line end, which may be the beginning of the next boundary.
    AfterHead,
    /// In a part.
    Data,
    /// After the last boundary.
    End,
}

/// Reads a body from pieces of any length.
#[derive(Debug)]
pub struct Multipart {
    /// `\r\n--` and the boundary.
    delimiter: Vec<u8>,
    held: Vec<u8>,
    at: At,
}

/// The media type of a `Content-Type`, in small letters, and a parameter of it, quoted or bare.
///
/// ```
/// use gantry::net::parameter;
/// let (media, boundary) = parameter("Multipart/Related; type=\"application/dicom\"; boundary=\"a b\"", "boundary");
/// assert_eq!((&*media, boundary.as_deref()), ("multipart/related", Some("a b")));
/// ```
pub fn parameter(content_type: &str, name: &str) -> (String, Option<String>) {
    let (media, mut rest) = content_type.split_once(';').unwrap_or((content_type, ""));
    let mut found = None;
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.trim_matches([';', ' ', '\t']);
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted),
            None => {
                let (value, next) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), next)
            }
        };
        if found.is_none() && key.eq_ignore_ascii_case(name) {
            found = Some(value);
        }
        rest = next;
    }
    (media.trim().to_ascii_lowercase(), found)
}

/// What stands up to the closing quote, and what follows.
fn quoted_value(text: &str) -> (String, &str) {
    let (mut value, mut is_escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match c {
            '\\' if !is_escaped => is_escaped = true,
            '"' if !is_escaped => return (value, &text[at + 1..]),
            c => {
                value.push(c);
                is_escaped = false;
            }
        }
    }
    (value, "")
}

impl Multipart {
    /// For a body with this `Content-Type`.
    ///
    /// # Errors
    /// It has no boundary.
    pub fn of(content_type: &str) -> Result<Self, MultipartError> {
        let (media, boundary) = parameter(content_type, "boundary");
        let boundary = boundary.filter(|b| (1..=LONGEST_BOUNDARY).contains(&b.len()));
        match boundary {
            Some(boundary) if media.starts_with("multipart/") => Ok(Self::new(&boundary)),
            _ => Err(MultipartError::NoBoundary),
        }
    }

    /// For a body with this boundary.
    pub fn new(boundary: &str) -> Self {
        // A body may begin with its boundary: it then stands after this line end.
        let (delimiter, held) = (format!("\r\n--{boundary}").into_bytes(), b"\r\n".to_vec());
        Self { delimiter, held, at: At::Preamble }
    }

    /// More of the body; `take` hears what comes of it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn feed<E: From<MultipartError>>(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.held.extend_from_slice(bytes);
        let mut from = 0;
        while let Some(used) = self.step(from, &mut take)? {
            from += used;
        }
        self.held.drain(..from);
        Ok(())
    }

    /// One step in what is held from `from` on: how much of it is done with; none where more has to come.
    fn step<E: From<MultipartError>>(
        &mut self,
        from: usize,
        take: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<Option<usize>, E> {
        let rest = &self.held[from..];
        match self.at {
            At::End => Ok(if rest.is_empty() { None } else { Some(rest.len()) }),
            At::Preamble | At::Data => {
                let is_data = self.at == At::Data;
                match memchr::memmem::find(rest, &self.delimiter) {
                    Some(end) => {
                        if is_data {
                            if end > 0 {
                                take(Piece::Data(&rest[..end]))?;
                            }
                            take(Piece::End)?;
                        }
                        self.at = At::AfterBoundary;
                        Ok(Some(end + self.delimiter.len()))
                    }
                    None => {
                        // The beginning of the boundary may be the last that has come.
                        let safe = rest.len().saturating_sub(self.delimiter.len() - 1);
                        if safe == 0 {
                            return Ok(None);
                        }
                        if is_data {
                            take(Piece::Data(&rest[..safe]))?;
                        }
                        Ok(Some(safe))
                    }
                }
            }
            At::AfterBoundary => {
                if rest.starts_with(b"--") {
                    self.at = At::End;
                    return Ok(Some(2));
                }
                if rest.len() < 2 {
                    return Ok(None);
                }
                let Some(end) = memchr::memmem::find(rest, b"\r\n") else {
                    return if rest.len() > LONGEST_HEAD {
                        Err(MultipartError::Head.into())
                    } else {
                        Ok(None)
                    };
                };
                // Blanks alone may follow a boundary; else it was none but data that look like one.
                if rest[..end].iter().any(|b| !matches!(b, b' ' | b'\t')) {
                    return Err(MultipartError::Head.into());
                }
                self.at = At::Head;
                // The line end stays: an empty head is one line end after it.
                Ok(Some(end))
            }
            At::Head => {
                let Some(end) = memchr::memmem::find(rest, b"\r\n\r\n") else {
                    return if rest.len() > LONGEST_HEAD {
                        Err(MultipartError::Head.into())
                    } else {
                        Ok(None)
                    };
                };
                let head = std::str::from_utf8(&rest[..end]).map_err(|_| MultipartError::Head)?;
                let of = |line: &'_ str| {
                    let (name, value) = line.split_once(':')?;
                    name.trim().eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned())
                };
                let content_type = head.split("\r\n").find_map(of);
                take(Piece::Begin(content_type.as_deref()))?;
                self.at = At::AfterHead;
                Ok(Some(end + 2))
            }
            At::AfterHead => {
                let is_open = rest.len() < self.delimiter.len() && self.delimiter.starts_with(rest);
                if is_open {
                    return Ok(None);
                }
                self.at = At::Data;
                Ok(Some(if rest.starts_with(&self.delimiter) { 0 } else { 2 }))
            }
        }
    }

    /// The body has ended.
    ///
    /// # Errors
    /// It was cut off.
    pub fn finish(&self) -> Result<(), MultipartError> {
        // The last line end is often missing, and so may be the last two hyphens' epilogue.
        if self.at == At::End { Ok(()) } else { Err(MultipartError::CutOff) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Content types and data of the parts, fed in pieces of `step` bytes.
    fn parts(
        multipart: &mut Multipart,
        body: &[u8],
        step: usize,
    ) -> Result<Vec<(Option<String>, Vec<u8>)>, MultipartError> {
        let (mut all, mut open) = (Vec::new(), None);
        for piece in body.chunks(step) {
            multipart.feed::<MultipartError>(piece, |piece| {
                match piece {
                    Piece::Begin(content_type) => {
                        open = Some((content_type.map(ToOwned::to_owned), Vec::new()))
                    }
                    Piece::Data(data) => open.as_mut().unwrap().1.extend_from_slice(data),
                    Piece::End => all.push(open.take().unwrap()),
                }
                Ok(())
            })?;
        }
        multipart.finish()?;
        Ok(all)
    }

    #[test]
    fn parts_are_read_however_they_come() {
        let body = b"preamble\r\n--b c\r\nContent-Type: application/dicom\r\nX: y\r\n\r\none\r\n--b d\r\n--b c  \r\n\r\n\r\n--b c\r\ncontent-type:text/plain\r\n\r\n\r\n\r\n--b c--\r\nepilogue";
        let want = vec![
            (Some("application/dicom".into()), b"one\r\n--b d".to_vec()),
            (None, Vec::new()),
            (Some("text/plain".into()), b"\r\n".to_vec()),
        ];
        for step in 1..body.len() {
            let mut multipart = Multipart::of("multipart/related; boundary=\"b c\"").unwrap();
            assert_eq!(parts(&mut multipart, body, step).unwrap(), want, "in pieces of {step}");
        }
    }

    #[test]
    fn what_is_cut_off_or_endless_is_told() {
        let whole = b"--b\r\n\r\ndata\r\n--b--";
        for end in 0..whole.len() - 1 {
            let cut = parts(&mut Multipart::new("b"), &whole[..end], 7);
            assert_eq!(cut.unwrap_err(), MultipartError::CutOff, "after {end}");
        }
        let endless = [b"--b\r\n".to_vec(), vec![b'a'; 40_000]].concat();
        assert_eq!(parts(&mut Multipart::new("b"), &endless, 1_000).unwrap_err(), MultipartError::Head);
        for wrong in ["text/plain; boundary=b", "multipart/related", "multipart/related; boundary=\"\""] {
            assert_eq!(Multipart::of(wrong).unwrap_err(), MultipartError::NoBoundary, "{wrong}");
        }
    }

    #[test]
    fn boundaries_are_read_quoted_and_bare() {
        for (text, want) in [
            ("multipart/related;type=\"application/dicom\";boundary=abc", "abc"),
            ("multipart/related; boundary=\"a;b=c\"; type=x", "a;b=c"),
            ("multipart/related; BOUNDARY = \"a\\\"b\"", "a\"b"),
        ] {
            assert_eq!(parameter(text, "boundary").1.as_deref(), Some(want), "{text}");
        }
    }
}
