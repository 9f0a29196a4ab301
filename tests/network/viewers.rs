//! Viewers over DICOMweb: who has a token sees what is theirs, and what they draw becomes a read.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use gantry::format::nifti::{Nifti, Voxels};
use serde_json::Value;

use super::common::{gantry, text};
use super::{Place, Running, port};

/// A server, and somebody who asks it.
struct Viewer {
    port: u16,
    token: String,
}

/// An answer: status, content type, body.
struct Answer(u16, String, Vec<u8>);

impl Answer {
    fn json(&self) -> Vec<Value> {
        serde_json::from_slice(&self.2)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.2)))
    }
}

impl Viewer {
    fn send(&self, method: &str, path: &str, more: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let token = if self.token.is_empty() {
            String::new()
        } else {
            format!("Authorization: Bearer {}\r\n", self.token)
        };
        let head = format!(
            "{method} /dicom-web{path} HTTP/1.1\r\nHost: x\r\n{token}{more}Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut whole = Vec::new();
        stream.read_to_end(&mut whole).unwrap();
        let end = whole.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&whole[..end]).into_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let header = |name: &str| {
            let line = head.lines().find(|l| l.to_lowercase().starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let mut body = whole.split_off(end + 4);
        if header("transfer-encoding").is_some_and(|e| e == "chunked") {
            body = unchunked(&body);
        }
        Answer(status, header("content-type").unwrap_or_default(), body)
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", b"")
    }

    fn store(&self, file: &[u8]) -> Answer {
        let head = b"--b\r\nContent-Type: application/dicom\r\n\r\n";
        let body = [&head[..], file, b"\r\n--b--\r\n"].concat();
        let kind = "Content-Type: multipart/related; type=\"application/dicom\"; boundary=b\r\n";
        self.send("POST", "/studies", kind, &body)
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            break;
        }
        whole.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 2 + length + 2..];
    }
    whole
}

/// A workspace with a series of four slices that is served.
fn served() -> (Place, u16) {
    let (place, web) = (Place::with(""), port());
    place.configure(&format!("[[web]]\nbind = '127.0.0.1:{web}'\n"));
    let files = place.sources(4);
    let folder = files[0].parent().unwrap().to_owned();
    assert_eq!(place.ask(&["ingest", text(&folder), "--site", "A"]).0, 0);
    (place, web)
}

fn token(place: &Place, name: &str, role: &str) -> String {
    let (code, lines, why) = place.ask(&["user", "token", name, "--role", role]);
    assert_eq!(code, 0, "{why}");
    lines[0]["token"].as_str().unwrap().to_owned()
}

fn uid<'v>(object: &'v Value, tag: &str) -> &'v str {
    object[tag]["Value"][0].as_str().unwrap()
}

/// What somebody has drawn on the series, as a DICOM segmentation.
fn drawn(place: &Place) -> Vec<u8> {
    let (image, mask, seg) = (place.at("image.nii"), place.at("mask.nii.gz"), place.at("seg.dcm"));
    let store = place.root().join("store");
    let (code, _, why) = gantry(&["convert", text(&store), text(&image)]);
    assert_eq!(code, 0, "{why}");
    let image: PathBuf = if image.is_dir() {
        fs::read_dir(&image)
            .unwrap()
            .flatten()
            .map(|e| e.path())
            .find(|p| p.to_string_lossy().contains(".nii"))
            .unwrap()
    } else {
        image
    };
    let image = Nifti::read(&image).unwrap();
    let mut voxels = vec![0_u8; image.shape.iter().product()];
    voxels[40..60].fill(1);
    Nifti::new(image.shape, image.affine, Voxels::U8(voxels)).unwrap().write(&mask).unwrap();
    let names = ["--format", "seg", "--image", text(&store), "--names", "1=nodule"];
    let (code, _, why) = gantry(&[&["label", "convert", text(&mask), text(&seg)], &names[..]].concat());
    assert_eq!(code, 0, "{why}");
    fs::read(seg).unwrap()
}

#[test]
fn who_has_a_token_finds_reads_and_stores() {
    let (place, port) = served();
    let seg = drawn(&place);
    let lead = Viewer { port, token: token(&place, "lead", "reviewer") };
    let running: Running = place.run();
    for unknown in ["", "0123456789abcdef0123456789abcdef"] {
        let nobody = Viewer { port, token: unknown.into() };
        assert_eq!(nobody.get("/studies").0, 401);
        assert_eq!(nobody.store(&seg).0, 401);
    }
    let studies = lead.get("/studies?ModalitiesInStudy=CT").json();
    assert_eq!(studies.len(), 1);
    assert_eq!(studies[0]["00201208"]["Value"][0], 4);
    let study = uid(&studies[0], "0020000D").to_owned();
    let series = lead.get(&format!("/studies/{study}/series")).json();
    let at = format!("/studies/{study}/series/{}", uid(&series[0], "0020000E"));
    let instances = lead.get(&format!("{at}/instances?limit=3&offset=2")).json();
    assert_eq!(instances.len(), 2, "the rest after two");
    let one = format!("{at}/instances/{}", uid(&instances[0], "00080018"));
    let header = &lead.get(&format!("{one}/metadata")).json()[0];
    assert_eq!(header["00280010"]["Value"][0], 16);
    assert!(header["7FE00010"]["BulkDataURI"].as_str().unwrap().ends_with("/bulkdata/7FE00010"));
    let Answer(status, kind, frames) = lead.get(&format!("{one}/frames/1"));
    assert!(status == 200 && kind.starts_with("multipart/related"), "{kind}");
    let Answer(_, _, whole) = lead.get(&one);
    let pixels = |bytes: &[u8]| {
        let begin = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        bytes[begin..begin + 512].to_vec()
    };
    assert!(whole.windows(512).any(|w| w == pixels(&frames)), "the frame is that of the file");
    assert_eq!(lead.get(&format!("{one}/frames/2")).0, 404);
    let Answer(_, kind, png) = lead.send("GET", &format!("{one}/rendered"), "Accept: image/png\r\n", b"");
    assert!(kind == "image/png" && png.starts_with(b"\x89PNG"));
    assert_eq!(lead.send("GET", &format!("{one}/rendered"), "Accept: image/jpeg\r\n", b"").0, 406);
    // Names and UIDs of the source are nowhere.
    assert_eq!(lead.get("/instances?SOPInstanceUID=2.25.77.1.1").json().len(), 0);
    for bytes in [&whole, &lead.get(&format!("{at}/metadata")).2] {
        assert!(!bytes.windows(8).any(|w| w == b"2.25.77."), "a UID of the source is told");
    }
    let Answer(status, _, body) = lead.store(&seg);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let (_, labels, _) = place.ask(&["label", "list"]);
    assert!(labels.iter().any(|l| l["reader"] == "lead"), "{labels:?}");
    assert_eq!(lead.store(b"no DICOM at all").0, 409);
    // Images are for those who take data in.
    let image = fs::read(place.at("sources").join("1.dcm")).unwrap();
    let Answer(status, _, body) = lead.store(&image);
    assert_eq!((status, String::from_utf8_lossy(&body).contains("292")), (409, true), "0124: not authorised");
    let (_, revoked, _) = place.ask(&["user", "revoke", "lead"]);
    assert_eq!(revoked[0]["revoked"], 1);
    assert_eq!(lead.get("/studies").0, 401);
    drop(running);
    assert!(
        fs::read_dir(place.root().join("landing/stowed")).unwrap().next().is_none(),
        "nothing is left there"
    );
}

#[test]
fn a_reader_sees_the_cases_that_they_hold_and_submits_what_they_draw() {
    let (place, port) = served();
    let seg = drawn(&place);
    fs::write(
        place.at("plan.toml"),
        "name = 'x'\nreads = 1\nseries_review = 'none'\n[[structure]]\nname = 'nodule'\nkind = 'mask'\n",
    )
    .unwrap();
    for reader in ["amira", "ben"] {
        let (code, _, why) = place.ask(&["reader", "add", reader, "--level", "2"]);
        assert_eq!(code, 0, "{why}");
    }
    assert_eq!(place.ask(&["plan", "apply", text(&place.at("plan.toml"))]).0, 0);
    let amira = Viewer { port, token: token(&place, "amira", "reader") };
    let ben = Viewer { port, token: token(&place, "ben", "reader") };
    assert_eq!(place.ask(&["user", "token", "nobody"]).0, 4, "there is no such reader");
    let _running = place.run();
    assert_eq!(amira.get("/studies").json().len(), 0, "nothing is hers yet");
    assert_eq!(amira.store(&seg).0, 409, "she holds no task on it");
    let (code, task, why) = place.ask(&["--as", "amira", "task", "next"]);
    assert_eq!(code, 0, "{why}");
    let task = task[0]["task"].as_i64().unwrap();
    assert_eq!(amira.get("/studies").json().len(), 1);
    assert_eq!(ben.get("/studies").json().len(), 0);
    let series = amira.get("/series").json();
    let (study, uid_of) = (uid(&series[0], "0020000D"), uid(&series[0], "0020000E"));
    assert_eq!(amira.get(&format!("/studies/{study}/series/{uid_of}/metadata")).json().len(), 4);
    assert_eq!(ben.get(&format!("/studies/{study}/series/{uid_of}/metadata")).0, 404);
    let Answer(status, _, body) = amira.store(&seg);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let (_, shown, _) = place.ask(&["task", "list", "--state", "done"]);
    let all: Vec<&Value> = shown.iter().filter(|line| line["task"] == task).collect();
    assert!(all.iter().any(|line| line["state"] == "done"), "{shown:?}");
    assert_eq!(amira.get("/studies").json().len(), 0, "it is done");
}
