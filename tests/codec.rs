//! Pixel decoding against independent decoders: the reference of the development data, and vectors whose encoders and
//! peers stand in `tests/make/codec_vectors.py`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gantry::dicom::codec::{self, Codec, PixelSource, fingerprint, frames};
use gantry::dicom::{self, ReadOptions};
use gantry::model::pixels::{Photometric, PixelLayout, SampleKind, Samples};
use serde_json::Value;

fn json(path: &Path) -> Vec<Value> {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Whether a fingerprint is the reference's: exact, or for lossy syntaxes as near as `cli.md` allows.
fn agrees(found: &codec::Fingerprint, reference: &Value) -> bool {
    let number = |key: &str| reference[key].as_f64().unwrap();
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * a.abs().max(b.abs());
    if reference["pixels_sha256"] == found.pixels_sha256 {
        return near(found.min, number("pixels_min"))
            && near(found.max, number("pixels_max"))
            && near(found.sum, number("pixels_sum"));
    }
    let lossy = codec::syntax(reference["transfer_syntax"].as_str().unwrap()).is_some_and(|s| s.lossy);
    let samples: f64 =
        reference["pixels_shape"].as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).product();
    lossy
        && (found.sum - number("pixels_sum")).abs() <= 0.1 * samples
        && (found.min - number("pixels_min")).abs() <= 4.0
        && (found.max - number("pixels_max")).abs() <= 4.0
}

#[test]
fn every_file_of_the_set_has_the_reference_pixels() {
    let Some(shared) = common::shared() else { return };
    let mut wrong = Vec::new();
    let mut right = 0;
    for reference in json(&shared.join("dicom/reference/instances.json")) {
        if reference["decoded"] != true {
            continue;
        }
        let path = reference["path"].as_str().unwrap();
        let bytes = fs::read(shared.join("dicom").join(path)).unwrap();
        let decoded =
            dicom::read(&bytes, ReadOptions::default()).map_err(|e| e.to_string()).and_then(|file| {
                fingerprint(&codec::open(&file).map_err(|e| e.to_string())?).map_err(|e| e.to_string())
            });
        match decoded {
            Ok(found) if agrees(&found, &reference) => right += 1,
            Ok(_) => wrong.push(format!("{path}: other pixels")),
            Err(error) => wrong.push(format!("{path}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{right} right, {} wrong: {wrong:#?}", wrong.len());
    assert!(right >= 900, "only {right} files");
}

/// A vector: its layout, transfer syntax, code stream and what a peer decodes.
struct Vector {
    name: String,
    layout: PixelLayout,
    syntax: String,
    stream: Vec<u8>,
    expected: Vec<f64>,
    mean: f64,
    most: f64,
}

fn vectors() -> Vec<Vector> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/codec");
    json(&folder.join("vectors.json")).iter().map(|entry| vector(&folder, entry)).collect()
}

fn vector(folder: &Path, entry: &Value) -> Vector {
    let name = entry["name"].as_str().unwrap().to_string();
    let number = |key: &str| entry[key].as_u64().unwrap();
    let layout = PixelLayout {
        rows: number("rows") as u32,
        columns: number("columns") as u32,
        samples_per_pixel: number("samples") as u16,
        bits_allocated: number("allocated") as u16,
        bits_stored: number("stored") as u16,
        high_bit: number("stored") as u16 - 1,
        signed: entry["signed"] == true,
        planar: false,
        photometric: Photometric::from_term(entry["photometric"].as_str().unwrap()),
        frames: 1,
        kind: SampleKind::Integer,
    };
    let mut raw = Vec::new();
    let packed = fs::read(folder.join(format!("{name}.raw.z"))).unwrap();
    flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut raw).unwrap();
    let expected = match (layout.bits_allocated, layout.signed) {
        (8, false) => raw.iter().map(|&v| f64::from(v)).collect(),
        (8, true) => raw.iter().map(|&v| f64::from(v as i8)).collect(),
        (_, false) => raw.chunks_exact(2).map(|b| f64::from(u16::from_le_bytes([b[0], b[1]]))).collect(),
        (_, true) => raw.chunks_exact(2).map(|b| f64::from(i16::from_le_bytes([b[0], b[1]]))).collect(),
    };
    Vector {
        stream: fs::read(folder.join(format!("{name}.bin"))).unwrap(),
        syntax: entry["syntax"].as_str().unwrap().to_string(),
        mean: entry["mean"].as_f64().unwrap(),
        most: entry["most"].as_f64().unwrap(),
        name,
        layout,
        expected,
    }
}

fn encapsulated(fragments: Vec<&[u8]>) -> PixelSource<'_> {
    let fragments = fragments.into_iter().map(Into::into).collect();
    PixelSource::Encapsulated { offsets: &[], extended: None, fragments }
}

fn decode(vector: &Vector, stream: &[u8]) -> Result<codec::Frame, codec::PixelError> {
    frames(&vector.layout, &vector.syntax, encapsulated(vec![stream]))?.decode_frame(0)
}

#[test]
fn vectors_decode_to_what_peers_decode() {
    let mut wrong = Vec::new();
    for vector in vectors() {
        let frame = match decode(&vector, &vector.stream) {
            Ok(frame) => frame,
            Err(error) => {
                wrong.push(format!("{}: {error}", vector.name));
                continue;
            }
        };
        assert_eq!(frame.samples.len(), vector.expected.len(), "{}", vector.name);
        let differences: Vec<f64> =
            vector.expected.iter().enumerate().map(|(i, e)| frame.samples.get(i).unwrap() - e).collect();
        let most = differences.iter().fold(0.0, |m: f64, d| m.max(d.abs()));
        let mean = differences.iter().sum::<f64>().abs() / differences.len() as f64;
        if most > vector.most || mean > vector.mean {
            wrong.push(format!("{}: differs by up to {most}, mean {mean}", vector.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A small generator of numbers, the same on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// Peak resident memory of this process in MiB, where the system tells.
fn peak_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib / 1024)
}

#[test]
fn damaged_streams_are_refused_or_decoded_never_worse() {
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let (mut decoded, mut refused) = (0, 0);
    for vector in vectors() {
        for round in 0..60 {
            let mut stream = vector.stream.clone();
            match round % 3 {
                0 => stream.truncate(numbers.below(stream.len())),
                1 => {
                    for _ in 0..=numbers.below(4) {
                        let at = numbers.below(stream.len());
                        stream[at] ^= 1 << numbers.below(8);
                    }
                }
                _ => {
                    // Headers are where lies matter most.
                    let at = numbers.below(stream.len().min(160));
                    stream[at] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF][numbers.below(6)];
                }
            }
            let started = Instant::now();
            match decode(&vector, &stream) {
                Ok(frame) => {
                    assert_eq!(
                        frame.samples.len() as u64,
                        vector.layout.samples_per_frame(),
                        "{}",
                        vector.name
                    );
                    decoded += 1;
                }
                Err(error) => {
                    assert_ne!(error.code(), "decoder_failed", "{} panicked in round {round}", vector.name);
                    refused += 1;
                }
            }
            assert!(started.elapsed() < Duration::from_secs(2), "{} took long in round {round}", vector.name);
        }
    }
    assert!(decoded > 100 && refused > 100, "{decoded} decoded, {refused} refused");
    if let Some(peak) = peak_mib() {
        assert!(peak < 512, "{peak} MiB");
    }
}

#[test]
fn a_frame_larger_than_its_bytes_can_hold_is_refused_at_once() {
    for vector in vectors() {
        for (rows, columns, samples) in [(65535, 65535, 1), (65535, 65535, 3), (16384, 16384, 1)] {
            let layout = PixelLayout { rows, columns, samples_per_pixel: samples, ..vector.layout.clone() };
            let started = Instant::now();
            let result =
                frames(&layout, &vector.syntax, encapsulated(vec![&vector.stream])).unwrap().decode_frame(0);
            assert!(result.is_err(), "{}", vector.name);
            assert!(started.elapsed() < Duration::from_millis(500), "{}", vector.name);
        }
        let many = PixelLayout { frames: u32::MAX, ..vector.layout.clone() };
        let reader = frames(&many, &vector.syntax, encapsulated(vec![&vector.stream])).unwrap();
        assert_eq!(fingerprint(&reader).unwrap_err().code(), "frame_missing", "{}", vector.name);
    }
}

#[test]
fn any_frame_is_decoded_without_the_others() {
    for vector in vectors() {
        let (first, last) = vector.stream.split_at(vector.stream.len() / 2);
        let noise = [0xFF, 0xD8, 1, 2, 3, 4];
        let layout = PixelLayout { frames: 2, ..vector.layout.clone() };
        // The other frame is rubbish; this one may be in two fragments, where its start can be told.
        let fragments = match codec::syntax(&vector.syntax).unwrap().codec {
            Codec::Jpeg | Codec::JpegLs => vec![&noise[..], first, last],
            _ => vec![&noise[..], &vector.stream],
        };
        let reader = frames(&layout, &vector.syntax, encapsulated(fragments)).unwrap();
        assert!(reader.decode_frame(0).is_err());
        assert_eq!(reader.decode_frame(1).unwrap().samples, decode(&vector, &vector.stream).unwrap().samples);
        assert_eq!(reader.decode_frame(2).unwrap_err().code(), "frame_missing");
    }
}

fn layout(samples: u16, allocated: u16, frames: u32) -> PixelLayout {
    PixelLayout {
        rows: 3,
        columns: 5,
        samples_per_pixel: samples,
        bits_allocated: allocated,
        bits_stored: allocated,
        high_bit: allocated - 1,
        signed: false,
        planar: false,
        photometric: if samples == 3 { Photometric::Rgb } else { Photometric::Monochrome2 },
        frames,
        kind: SampleKind::Integer,
    }
}

const EXPLICIT: &str = "1.2.840.10008.1.2.1";

fn native(layout: &PixelLayout, syntax: &str, data: &[u8], index: u32) -> Samples {
    frames(layout, syntax, PixelSource::Native(data.into())).unwrap().decode_frame(index).unwrap().samples
}

#[test]
fn bits_above_bits_stored_do_not_count() {
    let data: Vec<u8> = (0..15_u16).flat_map(|i| (0xA000 | i << 8 | 0x0F).to_le_bytes()).collect();
    let stored = PixelLayout { bits_stored: 12, high_bit: 11, ..layout(1, 16, 1) };
    let Samples::U16(unsigned) = native(&stored, EXPLICIT, &data, 0) else { panic!() };
    assert_eq!((unsigned[1], unsigned[14]), (0x10F, 0xE0F));
    let Samples::I16(signed) = native(&PixelLayout { signed: true, ..stored }, EXPLICIT, &data, 0) else {
        panic!()
    };
    assert_eq!((signed[1], signed[14]), (0x10F, 0xE0F - 0x1000));
}

#[test]
fn one_bit_frames_need_not_begin_on_a_byte() {
    let bits: Vec<u8> = (0..45).map(|i| u8::from(i % 7 == 0 || i % 4 == 1)).collect();
    let packed: Vec<u8> =
        bits.chunks(8).map(|c| c.iter().enumerate().fold(0, |b, (i, v)| b | v << i)).collect();
    for index in 0..3 {
        let Samples::U8(found) = native(&layout(1, 1, 3), EXPLICIT, &packed, index) else { panic!() };
        assert_eq!(found, bits[index as usize * 15..][..15]);
    }
}

#[test]
fn big_endian_words_are_put_right() {
    let values: Vec<u32> = (0..15).map(|i| 0x0102_0304 + i * 0x1111_1111).collect();
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
    // A whole file: the reader turns the words, so that whatever is written from it is right as well.
    let element = |tag: u32, vr: &str, value: &[u8]| {
        let mut out = [&(tag >> 16).to_be_bytes()[2..], &tag.to_be_bytes()[2..], vr.as_bytes()].concat();
        match vr {
            "OW" => out.extend([&[0, 0][..], &(value.len() as u32).to_be_bytes()].concat()),
            _ => out.extend((value.len() as u16).to_be_bytes()),
        }
        out.extend(value);
        out
    };
    let word = |tag, value: u16| element(tag, "US", &value.to_be_bytes());
    let mut bytes = element(0x0008_0016, "UI", b"1.2.840.10008.5.1.4.1.1.481.2\0");
    for (tag, value) in [(0x0028_0002, 1), (0x0028_0010, 3), (0x0028_0011, 5), (0x0028_0100, 32)] {
        bytes.extend(word(tag, value));
    }
    for (tag, value) in [(0x0028_0101, 32), (0x0028_0102, 31), (0x0028_0103, 0)] {
        bytes.extend(word(tag, value));
    }
    bytes.extend(element(0x7FE0_0010, "OW", &data));
    let file = dicom::read(&bytes, ReadOptions::default()).unwrap();
    let written = dicom::write(&file.dataset, EXPLICIT).unwrap();
    let again = dicom::read(&written, ReadOptions::default()).unwrap();
    for file in [&file, &again] {
        let Samples::U32(found) = codec::open(file).unwrap().decode_frame(0).unwrap().samples else {
            panic!()
        };
        assert_eq!(found, values);
    }
}

#[test]
fn short_and_long_native_data_is_told_apart() {
    let reader = |bytes: usize, frames_declared: u32| {
        let data = vec![7; bytes];
        let layout = layout(1, 8, frames_declared);
        let reader = frames(&layout, EXPLICIT, PixelSource::Native(data[..].into())).unwrap();
        let notes: Vec<_> = reader.notes().iter().map(codec::Note::code).collect();
        (notes, fingerprint(&reader).map_err(|e| e.code()))
    };
    assert_eq!(reader(15, 1).0, Vec::<&str>::new());
    assert_eq!(reader(16, 1).0, Vec::<&str>::new());
    assert_eq!(reader(20, 1).0, ["padding"]);
    assert_eq!(reader(45, 2).0, ["excess_frames"]);
    assert_eq!(reader(29, 2), (vec!["fewer_frames"], Err("fewer_pixels_than_declared")));
    assert_eq!(reader(30, 2).1.unwrap().sum, 210.0);
}

#[test]
fn planes_and_chroma_are_put_together() {
    let planar = PixelLayout { planar: true, ..layout(3, 8, 1) };
    let data: Vec<u8> = (0..45).collect();
    let Samples::U8(found) = native(&planar, EXPLICIT, &data, 0) else { panic!() };
    assert_eq!(found[..6], [0, 15, 30, 1, 16, 31]);
    let ybr = PixelLayout { photometric: Photometric::YbrFull, ..layout(3, 8, 1) };
    let grey = [100, 128, 128].repeat(15);
    assert_eq!(native(&ybr, EXPLICIT, &grey, 0), Samples::U8(vec![100; 45]));
}

#[test]
fn a_stream_of_another_codec_of_the_family_is_decoded_with_a_note() {
    for vector in vectors() {
        let declared = codec::syntax(&vector.syntax).unwrap().codec;
        let other = if declared == Codec::Jpeg { "1.2.840.10008.1.2.4.80" } else { "1.2.840.10008.1.2.4.70" };
        if vector.name.starts_with("jp2") {
            continue;
        }
        let source = encapsulated(vec![&vector.stream]);
        let frame = frames(&vector.layout, other, source).unwrap().decode_frame(0).unwrap();
        assert!(frame.notes.contains(&codec::Note::OtherCodec), "{}", vector.name);
        assert_eq!(frame.samples, decode(&vector, &vector.stream).unwrap().samples, "{}", vector.name);
    }
}

#[test]
fn floats_and_deflated_frames_decode() {
    use std::io::Write as _;
    let floats = PixelLayout { kind: SampleKind::Float32, ..layout(1, 32, 2) };
    let values: Vec<f32> = (0..30).map(|i| i as f32 * -0.5).collect();
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(native(&floats, EXPLICIT, &data, 1), Samples::F32(values[15..].to_vec()));
    let doubles = PixelLayout { kind: SampleKind::Float64, ..layout(1, 64, 1) };
    let data: Vec<u8> = (0..15).flat_map(|i| f64::from(i).to_le_bytes()).collect();
    assert_eq!(native(&doubles, EXPLICIT, &data, 0), Samples::F64((0..15).map(f64::from).collect()));

    let original: Vec<u8> = (0..15).collect();
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    deflated.write_all(&original).unwrap();
    let deflated = deflated.finish().unwrap();
    let uid = "1.2.840.10008.1.2.8.1";
    let reader = frames(&layout(1, 8, 1), uid, encapsulated(vec![&deflated])).unwrap();
    assert_eq!(reader.decode_frame(0).unwrap().samples, Samples::U8(original));
}

#[test]
fn lossless_encoding_comes_back() {
    let rle = codec::RLE_LOSSLESS;
    for (samples, allocated) in [(1, 8), (1, 16), (1, 32), (3, 8), (3, 16)] {
        let layout = layout(samples, allocated, 1);
        let count = 15 * usize::from(samples);
        let values = (0..count).map(|i| if i % 4 == 0 { 9 } else { i * 0x0101_0103 });
        let original = match allocated {
            8 => Samples::U8(values.map(|v| v as u8).collect()),
            16 => Samples::U16(values.map(|v| v as u16).collect()),
            _ => Samples::U32(values.map(|v| v as u32).collect()),
        };
        let packed = codec::encode(&layout, rle, &original).unwrap();
        let back = frames(&layout, rle, encapsulated(vec![&packed])).unwrap().decode_frame(0).unwrap();
        assert_eq!(back.samples, original);
        let plain = codec::encode(&layout, EXPLICIT, &original).unwrap();
        assert_eq!(native(&layout, EXPLICIT, &plain, 0), original);
    }
}
