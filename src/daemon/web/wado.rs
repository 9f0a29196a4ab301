//! WADO-RS: files, headers, frames, pictures (PS3.18 clause 10.4).

use hyper::StatusCode;
use serde_json::Value;

use super::reply::{JSON, Out, Refused, Reply};
use super::route::{BASE, Place};
use super::stored::{Found, at, bytes_of, metadata};
use crate::bytes::{ByteSource, SpillConfig};
use crate::dicom::codec;
use crate::dicom::{Contents, ReadOptions, Syntax};
use crate::engine::Session;
use crate::engine::tools::picture;
use crate::model::Tag;
use crate::net::parameter;
use crate::render::{Look, Target, compose, presets};

/// Bytes of a piece of an answer.
const PIECE: u64 = 256 << 10;
/// Between parts.
const BOUNDARY: &str = "gantry-9b2e7c41d05f63a8";
/// A picture is not larger, in pixels of its sides.
const LARGEST: u32 = 4_096;

/// What a client takes, of one media type.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Taken {
    /// The media type, or that of the parts.
    media: String,
    /// The transfer syntax that it asks for.
    syntax: Option<String>,
}

/// What a client takes; anything where it says nothing.
fn accepted(accept: &str) -> Vec<Taken> {
    let one = |text: &str| {
        let (media, kind) = parameter(text, "type");
        let media = if media == "multipart/related" { kind.unwrap_or(media) } else { media };
        Taken { media: media.to_ascii_lowercase(), syntax: parameter(text, "transfer-syntax").1 }
    };
    let all: Vec<Taken> = split_list(accept).into_iter().map(one).filter(|t| !t.media.is_empty()).collect();
    if all.is_empty() { vec![Taken { media: "*/*".into(), syntax: None }] } else { all }
}

/// A list by its commas, those within quotes aside.
fn split_list(text: &str) -> Vec<&str> {
    let (mut all, mut from, mut is_quoted) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => {
                all.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    all.push(text[from..].trim());
    all
}

fn takes(accept: &str, media: &str) -> bool {
    let major = media.split('/').next().unwrap_or_default();
    accepted(accept).iter().any(|t| t.media == media || t.media == "*/*" || t.media == format!("{major}/*"))
}

fn not_acceptable(what: &str) -> Refused {
    Refused(StatusCode::NOT_ACCEPTABLE, format!("this is answered with {what}"))
}

/// Sends bytes piece by piece; whether more are wanted.
fn put(out: Out<'_>, bytes: &ByteSource<'_>) -> bool {
    let (length, mut at) = (bytes.len(), 0);
    while at < length {
        let end = length.min(at + PIECE);
        let Ok(piece) = bytes.read(at..end) else { return false };
        if !out(piece.into_owned()) {
            return false;
        }
        at = end;
    }
    true
}

fn head(kind: &str, place: &str) -> Vec<u8> {
    format!("--{BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Location: {place}\r\n\r\n").into_bytes()
}

fn multipart(kind: &str) -> String {
    format!("multipart/related; type=\"{kind}\"; boundary={BOUNDARY}")
}

fn address(found: &Found) -> String {
    let Found { study_uid, series_uid, instance } = found;
    format!("{BASE}/studies/{study_uid}/series/{series_uid}/instances/{}", instance.sop_uid)
}

/// Files as they are stored.
pub fn files(session: &Session, place: &Place, accept: &str) -> Result<Reply, Refused> {
    if !takes(accept, "application/dicom") {
        return Err(not_acceptable("multipart/related; type=\"application/dicom\""));
    }
    let all = at(session, place)?;
    let session = session.clone();
    let make = move |out: Out<'_>| {
        for found in &all {
            let Ok(bytes) = bytes_of(&session, &found.instance.blob) else { return false };
            let is_sent =
                out(head("application/dicom", &address(found))) && put(out, &bytes) && out(b"\r\n".to_vec());
            if !is_sent {
                return false;
            }
        }
        out(format!("--{BOUNDARY}--\r\n").into_bytes())
    };
    Ok(Reply::Pieces(multipart("application/dicom"), Box::new(make)))
}

/// Headers, as DICOM JSON.
pub fn headers(session: &Session, place: &Place, accept: &str) -> Result<Reply, Refused> {
    if !takes(accept, "application/dicom+json") && !takes(accept, "application/json") {
        return Err(not_acceptable("application/dicom+json"));
    }
    let (all, session) = (at(session, place)?, session.clone());
    let make = move |out: Out<'_>| {
        for (number, found) in all.iter().enumerate() {
            let base = address(found);
            let bulk = |tag: Tag| Some(format!("{base}/bulkdata/{:08X}", tag.0));
            let Ok(json) = metadata(&session, &found.instance.blob, &bulk) else { return false };
            let before = if number == 0 { "[" } else { "," };
            if !out(format!("{before}{}", Value::Object(json)).into_bytes()) {
                return false;
            }
        }
        out(b"]".to_vec())
    };
    Ok(Reply::Pieces(JSON.into(), Box::new(make)))
}

fn one(session: &Session, place: &Place) -> Result<(Found, ByteSource<'static>), Refused> {
    let found = at(session, place)?.into_iter().next().ok_or_else(Refused::not_found)?;
    let bytes = session.blob_verified_lately(&found.instance.blob)?;
    Ok((found, bytes))
}

fn defect() -> Refused {
    Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "the instance cannot be read")
}

/// Frames as they are stored, or decoded where the client takes only that.
pub fn frames(session: &Session, place: &Place, numbers: &[u32], accept: &str) -> Result<Reply, Refused> {
    let (found, bytes) = one(session, place)?;
    let contents = Contents::of(bytes.clone(), SpillConfig::default());
    let file = contents.read(ReadOptions::default()).map_err(|_| defect())?;
    let reader = codec::open(&file).map_err(|_| Refused::new(StatusCode::NOT_FOUND, "it holds no frames"))?;
    let there = reader.layout().frames;
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() < numbers.len() || sorted.last().is_none_or(|last| *last > there) {
        return Err(Refused::new(StatusCode::NOT_FOUND, "there is no such frame"));
    }
    let (syntax, is_encapsulated) = (file.syntax.uid.clone(), reader.syntax().encapsulated);
    let kind = media_of(&syntax, is_encapsulated);
    let is_taken = |t: &Taken| {
        let is_media = t.media == kind || t.media == "*/*";
        let is_bytes = t.media == "application/octet-stream" && t.syntax.as_deref() == Some("*");
        (is_media || is_bytes) && t.syntax.as_deref().is_none_or(|s| s == "*" || s == syntax)
    };
    let as_stored = accepted(accept).iter().any(is_taken);
    if !as_stored && !takes(accept, "application/octet-stream") {
        return Err(not_acceptable(&format!("multipart/related; type=\"{kind}\"; transfer-syntax={syntax}")));
    }
    let (kind, told) =
        if as_stored { (kind, syntax) } else { ("application/octet-stream", Syntax::EXPLICIT_LE.into()) };
    let (base, numbers) = (address(&found), numbers.to_vec());
    let make = move |out: Out<'_>| {
        let contents = Contents::of(bytes, SpillConfig::default());
        let Ok(file) = contents.read(ReadOptions::default()) else { return false };
        let Ok(reader) = codec::open(&file) else { return false };
        for number in numbers {
            let frame = if as_stored || !is_encapsulated {
                reader.encoded_frame(number - 1).map(std::borrow::Cow::into_owned)
            } else {
                reader.decode_frame(number - 1).map(|frame| frame.samples.little_endian().into_owned())
            };
            let Ok(frame) = frame else { return false };
            let line = format!("{kind}; transfer-syntax={told}");
            let begin = head(&line, &format!("{base}/frames/{number}"));
            if !(out(begin) && out(frame) && out(b"\r\n".to_vec())) {
                return false;
            }
        }
        out(format!("--{BOUNDARY}--\r\n").into_bytes())
    };
    Ok(Reply::Pieces(multipart(kind), Box::new(make)))
}

/// The media type of frames (PS3.18 table 8.7.3-5).
fn media_of(syntax: &str, is_encapsulated: bool) -> &'static str {
    match syntax {
        _ if !is_encapsulated => "application/octet-stream",
        "1.2.840.10008.1.2.5" => "image/dicom-rle",
        "1.2.840.10008.1.2.4.80" | "1.2.840.10008.1.2.4.81" => "image/jls",
        "1.2.840.10008.1.2.4.90" | "1.2.840.10008.1.2.4.91" => "image/jp2",
        "1.2.840.10008.1.2.4.92" | "1.2.840.10008.1.2.4.93" => "image/jpx",
        "1.2.840.10008.1.2.4.201" | "1.2.840.10008.1.2.4.202" | "1.2.840.10008.1.2.4.203" => "image/jphc",
        "1.2.840.10008.1.2.4.50"
        | "1.2.840.10008.1.2.4.51"
        | "1.2.840.10008.1.2.4.57"
        | "1.2.840.10008.1.2.4.70" => "image/jpeg",
        _ => "application/octet-stream",
    }
}

/// A long value.
pub fn bulk(session: &Session, place: &Place, tag: Tag) -> Result<Reply, Refused> {
    let (_, bytes) = one(session, place)?;
    let contents = Contents::of(bytes, SpillConfig::default());
    let file = contents.read(ReadOptions::default()).map_err(|_| defect())?;
    let element = file.dataset.get(tag).ok_or_else(Refused::not_found)?;
    let Some(value) = element.bulk() else {
        return Err(Refused::new(StatusCode::NOT_ACCEPTABLE, "compressed pixel data are had by frames"));
    };
    let value = value.into_owned();
    let make = move |out: Out<'_>| {
        let line = format!("--{BOUNDARY}\r\nContent-Type: application/octet-stream\r\n\r\n");
        out(line.into_bytes()) && put(out, &value) && out(format!("\r\n--{BOUNDARY}--\r\n").into_bytes())
    };
    Ok(Reply::Pieces(multipart("application/octet-stream"), Box::new(make)))
}

/// A picture, as PNG.
pub fn rendered(
    session: &Session,
    place: &Place,
    frame: Option<u32>,
    accept: &str,
) -> Result<Reply, Refused> {
    if !takes(accept, "image/png") {
        return Err(not_acceptable("image/png"));
    }
    let (_, bytes) = one(session, place)?;
    let frame = frame.unwrap_or(1) - 1;
    let slice = picture(&bytes, frame)
        .map_err(|_| Refused::new(StatusCode::NOT_FOUND, "there is no such picture"))?;
    let side = |n: u32| n.clamp(1, LARGEST);
    let target = Target { width: side(slice.columns), height: side(slice.rows), aspect: 1.0 };
    let preset = slice.presets().into_iter().next().or_else(|| presets("", &[]).into_iter().next());
    let window = preset.ok_or_else(defect)?.window.resolve(&slice);
    let look = Look { marks: false, ..Look::new(window) };
    let png = compose(&slice, &look, &target).to_png().map_err(|_| defect())?;
    Ok(Reply::Whole(StatusCode::OK, "image/png".into(), png))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_takes_is_read() {
        let all =
            accepted("multipart/related; type=\"application/dicom\"; transfer-syntax=*, image/png;q=0.5");
        assert_eq!(all[0], Taken { media: "application/dicom".into(), syntax: Some("*".into()) });
        assert_eq!(all[1].media, "image/png");
        assert!(takes("", "image/png") && takes("*/*", "image/png") && takes("image/*", "image/png"));
        assert!(!takes("image/jpeg", "image/png"));
    }
}
