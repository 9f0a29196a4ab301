//! Files larger than memory should hold: what becomes of them is what becomes of small ones, in little memory.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "burned_in/compose.rs"]
#[allow(dead_code, clippy::pedantic)]
mod compose;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use compose::{Picture, Random, lay};
use gantry::bytes::{ByteSource, FileRange, NoRoom, SpillConfig};
use gantry::deid::{Context, Deidentifier, Outcome, Profile, Reason, Secret};
use gantry::dicom::{
    self, Contents, DataSet, Element, Fragments, ReadError, ReadOptions, Syntax, Value, codec,
};
use gantry::model::pixels::Samples;
use gantry::model::{Tag, Vetting, Vr, tags};
use proptest::prelude::*;

const NAME: &str = "Brackenthwaite";

fn text(tag: Tag, vr: Vr, value: &str) -> Element<'static> {
    Element::text(tag, vr, value)
}

/// A header of `frames` of 640 x 480 pixels.
fn header(modality: &str, bits: (u16, u16), frames: usize) -> DataSet<'static> {
    let value = |tag, v: u16| Element::new(tag, Vr::US, v.to_le_bytes().to_vec());
    DataSet::from_elements(vec![
        text(tags::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.3.1"),
        text(tags::SOP_INSTANCE_UID, Vr::UI, "1.3.6.1.4.1.99999.9.1"),
        text(tags::STUDY_INSTANCE_UID, Vr::UI, "1.3.6.1.4.1.99999.9.2"),
        text(tags::SERIES_INSTANCE_UID, Vr::UI, "1.3.6.1.4.1.99999.9.3"),
        text(tags::PATIENT_NAME, Vr::PN, &format!("{NAME}^Osbert")),
        text(tags::PATIENT_ID, Vr::LO, "MRN-7719-0043"),
        text(tags::MODALITY, Vr::CS, modality),
        value(tags::SAMPLES_PER_PIXEL, 1),
        text(tags::PHOTOMETRIC_INTERPRETATION, Vr::CS, "MONOCHROME2"),
        text(tags::NUMBER_OF_FRAMES, Vr::IS, &frames.to_string()),
        value(tags::ROWS, 480),
        value(tags::COLUMNS, 640),
        value(tags::BITS_ALLOCATED, bits.0),
        value(tags::BITS_STORED, bits.1),
        value(tags::HIGH_BIT, bits.1 - 1),
        value(tags::PIXEL_REPRESENTATION, 0),
    ])
}

/// Noise without a pattern: nothing in it is text.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(bytes);
    out
}

fn with_pixels(mut set: DataSet<'static>, vr: Vr, pixels: Vec<u8>) -> Vec<u8> {
    set.put(Element::new(tags::PIXEL_DATA, vr, pixels));
    dicom::write(&set, Syntax::EXPLICIT_LE).unwrap()
}

/// A frame with writing that cannot be overlooked.
fn written_frame() -> Vec<u8> {
    let packed = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/burned_in.z")).unwrap();
    let mut bytes = Vec::new();
    flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    let strips: Vec<_> = compose::strips(&bytes).into_iter().filter(|s| !s.mark && s.size >= 16).collect();
    let mut picture = Picture { width: 640, height: 480, pixels: vec![0; 640 * 480] };
    lay(&mut picture, &strips, 2, &mut Random(5));
    picture.pixels
}

fn deidentifier() -> Deidentifier {
    Deidentifier::new(Profile::default(), &Secret::new([42; 32])).unwrap()
}

/// De-identifies from memory and from a file: the outcome must be the same to the last bit. Also the output, where there
/// is one, which must not be held if it is large.
fn both(source: &[u8], vetting: &Vetting) -> (Outcome, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source");
    std::fs::write(&path, source).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let context = Context { vetting, scratch: SpillConfig::at(scratch.path()), ..Context::default() };
    let from_memory = deidentifier().process(&Contents::from(source), &context).unwrap();
    let stored = Contents::of(ByteSource::Stored(extent(&path)), SpillConfig::default());
    let from_file = deidentifier().process(&stored, &context).unwrap();
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "nothing has a name");
    match (&from_memory, &from_file) {
        (Outcome::Written { bytes: a, record: r, .. }, Outcome::Written { bytes: b, record: s, .. }) => {
            assert_eq!(matches!(b, ByteSource::Stored(_)), b.len() > 4 << 20, "large outputs are not held");
            let (a, b) = (a.all().unwrap(), b.all().unwrap().into_owned());
            assert!(a == b && r == s);
            (from_memory.clone(), b)
        }
        (a, b) => {
            assert_eq!(a, b);
            (from_file, Vec::new())
        }
    }
}

fn extent(path: &Path) -> FileRange {
    let file = File::open(path).unwrap();
    let length = file.metadata().unwrap().len();
    FileRange::new(Arc::new(file), 0, length)
}

fn frame(bytes: &[u8], index: u32) -> Samples {
    let file = dicom::read(bytes, ReadOptions::default()).unwrap();
    codec::open(&file).unwrap().decode_frame(index).unwrap().samples
}

#[test]
fn large_native_pixels_lose_what_hides_in_unused_bits_and_behind_them() {
    let frames = 20;
    let mut pixels: Vec<u8> = noise(640 * 480 * 2 * frames, 1);
    pixels.extend_from_slice(NAME.as_bytes());
    let source = with_pixels(header("CT", (16, 12), frames), Vr::OW, pixels.clone());
    let (outcome, output) = both(&source, &Vetting::None);
    assert!(matches!(outcome, Outcome::Written { .. }), "{outcome:?}");
    let file = dicom::read(&output, ReadOptions::default()).unwrap();
    let clean = file.dataset.bytes(tags::PIXEL_DATA).unwrap();
    assert_eq!(clean.len(), 640 * 480 * 2 * frames);
    let word = |bytes: &[u8], i: usize| u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]);
    assert!((0..clean.len() / 2).all(|i| word(clean, i) == word(&pixels, i) & 0x0FFF));
}

#[test]
fn a_small_picture_before_much_that_is_none_is_what_is_left() {
    let mut set = header("CT", (16, 16), 1);
    for tag in [tags::ROWS, tags::COLUMNS] {
        set.put(Element::new(tag, Vr::US, 10_u16.to_le_bytes().to_vec()));
    }
    let pixels = noise(2 << 20, 6);
    let (outcome, output) = both(&with_pixels(set, Vr::OW, pixels.clone()), &Vetting::None);
    assert!(matches!(outcome, Outcome::Written { .. }), "{outcome:?}");
    let file = dicom::read(&output, ReadOptions::default()).unwrap();
    assert_eq!(file.dataset.bytes(tags::PIXEL_DATA), Some(&pixels[..200]));
}

#[test]
fn text_in_a_long_cine_is_masked_and_nothing_else() {
    let frames = 24;
    let written = written_frame();
    let source = with_pixels(header("US", (8, 8), frames), Vr::OB, written.repeat(frames));
    let (outcome, output) = both(&source, &Vetting::None);
    let Outcome::Written { record, .. } = outcome else { panic!("{outcome:?}") };
    assert!(record.masks.iter().any(|m| m.frame == frames as u32));
    let Samples::U8(last) = frame(&output, frames as u32 - 1) else { panic!() };
    for (at, (was, is)) in written.iter().zip(&last).enumerate() {
        let (x, y) = ((at % 640) as u32, (at / 640) as u32);
        let masked = record.masks.iter().any(|m| {
            m.frame == frames as u32
                && (m.x..m.x + m.width).contains(&x)
                && (m.y..m.y + m.height).contains(&y)
        });
        assert_eq!(*is, if masked { 0 } else { *was }, "{x} {y}");
    }
}

#[test]
fn fragments_are_read_where_they_are() {
    // Run-length coded, with a name in the gap behind the last segment of a frame in the middle.
    let frames = 16;
    let layout = {
        let plain = with_pixels(header("CT", (8, 8), frames), Vr::OB, vec![0; 640 * 480 * frames]);
        let file = dicom::read(&plain, ReadOptions::default()).unwrap();
        codec::layout(&file.dataset).unwrap()
    };
    let samples = |i: usize| Samples::U8(noise(640 * 480, i as u64 + 7));
    let mut fragments: Vec<ByteSource<'_>> = Vec::new();
    for i in 0..frames {
        let mut bytes = codec::encode(&layout, codec::RLE_LOSSLESS, &samples(i)).unwrap();
        if i == 5 {
            bytes.extend_from_slice(NAME.as_bytes());
        }
        fragments.push(bytes.into());
    }
    let mut set = header("CT", (8, 8), frames);
    let value = Value::from(Fragments { offsets: Vec::new().into(), fragments });
    set.put(Element { tag: tags::PIXEL_DATA, vr: Vr::OB, value });
    let source = dicom::write(&set, codec::RLE_LOSSLESS).unwrap();
    let (outcome, output) = both(&source, &Vetting::None);
    assert!(matches!(outcome, Outcome::Written { .. }), "{outcome:?}");
    assert!(!output.windows(NAME.len()).any(|w| w == NAME.as_bytes()));
    for i in [0, 5, 11] {
        assert_eq!(frame(&output, i), samples(i as usize));
    }
}

#[test]
fn big_endian_samples_are_turned_where_they_are() {
    let frames = 2;
    let words = noise(640 * 480 * 4 * frames, 11);
    // Every element in the other byte order: the numbers of the header, and samples of 32 bits.
    let mut bytes = vec![0; 128];
    bytes.extend_from_slice(b"DICM");
    let meta = [&[2, 0, 0x10, 0, b'U', b'I', 20, 0][..], b"1.2.840.10008.1.2.2\0"].concat();
    bytes.extend_from_slice(&meta);
    let mut set = header("CT", (32, 32), frames);
    set.put(Element::new(tags::PIXEL_DATA, Vr::OW, words.clone()));
    for element in set.elements() {
        let (group, number) = (element.tag.group(), element.tag.element());
        let value = element.bytes().unwrap();
        bytes.extend_from_slice(&[group.to_be_bytes(), number.to_be_bytes()].concat());
        bytes.extend_from_slice(element.vr.code().as_bytes());
        if element.vr == Vr::OW {
            bytes.extend_from_slice(&[0, 0]);
            bytes.extend_from_slice(&(value.len() as u32).to_be_bytes());
            value.chunks(4).for_each(|word| bytes.extend(word.iter().rev()));
        } else {
            bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
            let swap = element.vr == Vr::US;
            bytes.extend(if swap { vec![value[1], value[0]] } else { value.to_vec() });
        }
    }
    let (outcome, output) = both(&bytes, &Vetting::None);
    assert!(matches!(outcome, Outcome::Written { .. }), "{outcome:?}");
    let file = dicom::read(&output, ReadOptions::default()).unwrap();
    assert!(file.dataset.bytes(tags::PIXEL_DATA) == Some(&words[..]));
}

#[test]
fn a_name_across_the_seam_of_two_windows_is_found() {
    let frames = 14;
    let clean = noise(640 * 480 * 2 * frames, 3);
    let source = |at: Option<usize>| {
        let mut pixels = clean.clone();
        if let Some(at) = at {
            pixels[at..at + NAME.len()].copy_from_slice(NAME.as_bytes());
        }
        with_pixels(header("CT", (16, 16), frames), Vr::OW, pixels)
    };
    assert!(matches!(both(&source(None), &Vetting::None).0, Outcome::Written { .. }));
    for seam in [4 << 20, 5 << 20, 8 << 20] {
        let (outcome, _) = both(&source(Some(seam - 6)), &Vetting::None);
        let Outcome::Quarantined { reason: Reason::CannotBeMadeSafe, detail, .. } = outcome else {
            panic!("{seam}: {outcome:?}")
        };
        assert!(detail.contains("part of a name") && !detail.contains("racken"), "{detail}");
    }
}

#[test]
fn large_values_that_are_no_pixels_go_or_stay_as_small_ones_do() {
    let private = Tag::new(0x0029, 0x1010);
    let mut set = header("CT", (8, 8), 4);
    set.put(text(Tag::new(0x0029, 0x0010), Vr::LO, "ACME RAW"));
    set.put(Element::new(private, Vr::OB, noise(3 << 20, 9)));
    // Samples of spectroscopy stay; a message in their place does not.
    let spectroscopy = Tag::new(0x5600, 0x0020);
    for (data, stays) in [(noise(2 << 20, 4), true), (NAME.repeat(150_000).into_bytes(), false)] {
        set.put(Element::new(spectroscopy, Vr::OF, data));
        let source = with_pixels(set.clone(), Vr::OB, noise(640 * 480 * 4, 2));
        let (outcome, output) = both(&source, &Vetting::None);
        assert!(matches!(outcome, Outcome::Written { .. }), "{outcome:?}");
        let file = dicom::read(&output, ReadOptions::default()).unwrap();
        assert!(file.dataset.get(private).is_none());
        assert_eq!(file.dataset.get(spectroscopy).is_some(), stays);
    }
}

#[test]
fn damage_is_told_apart_and_said_where_it_is() {
    let source = with_pixels(header("CT", (16, 16), 8), Vr::OW, noise(640 * 480 * 2 * 8, 3));
    let mut followed = source.clone();
    // An element of group FFFE stands where none may.
    followed.extend_from_slice(&[0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0, 1, 0, 0, 0]);
    for (bytes, what) in [(&source[..3 << 20], "truncated"), (&followed[..], "malformed")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("source");
        std::fs::write(&path, bytes).unwrap();
        let stored = Contents::of(ByteSource::Stored(extent(&path)), SpillConfig::default());
        let in_memory = dicom::read(bytes, ReadOptions::default());
        match (stored.read(ReadOptions::default()), in_memory) {
            (Err(found), Err(expected)) => assert_eq!(found, expected),
            (Err(found), Ok(file)) => {
                assert!(file.truncated_at.is_some(), "{what}");
                assert_eq!(found.code(), "truncated");
            }
            (Ok(_), expected) => panic!("{what}: {expected:?}"),
        }
        let (a, b) =
            (Contents::from(bytes), Contents::of(ByteSource::Stored(extent(&path)), SpillConfig::default()));
        let outcome = |c: &Contents<'_>| match deidentifier().process(c, &Context::default()).unwrap() {
            Outcome::Rejected { reason, .. } | Outcome::Quarantined { reason, .. } => {
                reason.code().to_string()
            }
            other @ Outcome::Written { .. } => panic!("{what}: {other:?}"),
        };
        assert_eq!((outcome(&a), outcome(&b)), (what.to_string(), what.to_string()));
    }
}

/// A data set whose large values are in memory.
fn held(set: &DataSet<'_>) -> DataSet<'static> {
    let mut set = set.clone().into_owned();
    for element in set.elements_mut() {
        match &mut element.value {
            Value::Stored(extent) => {
                element.value = Value::Bytes(ByteSource::Stored(extent.clone()).into_bytes().unwrap().into());
            }
            Value::Fragments(f) => {
                for fragment in &mut f.fragments {
                    *fragment = fragment.all().unwrap().into_owned().into();
                }
            }
            _ => {}
        }
    }
    set
}

fn encapsulated() -> Vec<u8> {
    let mut set = header("CT", (8, 8), 3);
    let fragments = (0..3).map(|i| noise(500 + 2 * i, i as u64 + 1).into()).collect();
    let value = Value::from(Fragments { offsets: vec![0; 12].into(), fragments });
    set.put(Element { tag: tags::PIXEL_DATA, vr: Vr::OB, value });
    set.put(Element::new(Tag::new(0xFFFC, 0xFFFC), Vr::OB, vec![0; 30]));
    dicom::write(&set, codec::RLE_LOSSLESS).unwrap()
}

fn native() -> Vec<u8> {
    let mut set = header("CT", (16, 16), 2);
    set.put(Element::sequence(Tag::new(0x0008, 0x1140), vec![header("CT", (8, 8), 1), DataSet::new()]));
    set.put(Element::new(Tag::new(0x5600, 0x0020), Vr::OF, noise(1 << 20, 8)));
    set.put(Element::new(tags::PIXEL_DATA, Vr::OW, noise(640 * 480 * 2 * 2, 9)));
    set.put(Element::new(Tag::new(0xFFFC, 0xFFFC), Vr::OB, vec![0; 30]));
    dicom::write(&set, Syntax::EXPLICIT_LE).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// However a file is damaged, from a file it reads as it does from memory.
    #[test]
    fn damage_reads_alike_from_memory_and_from_a_file(
        native_pixels in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 0..5),
        cut in proptest::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let mut bytes = if native_pixels { native() } else { encapsulated() };
        let ends = [1700.min(bytes.len()), bytes.len()];
        for (at, value, place) in changes {
            // Mostly where structure is: at the beginning, and at the end.
            let at = match place {
                0 => at.index(ends[1]),
                1 => ends[1] - 1 - at.index(60),
                _ => at.index(ends[0]),
            };
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()).max(1));
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let contents = Contents::of(ByteSource::Stored(FileRange::new(Arc::new(file), 0, bytes.len() as u64)), SpillConfig::default());
        match (dicom::read(&bytes, ReadOptions::default()), contents.read(ReadOptions::default())) {
            (Ok(a), Ok(b)) => {
                prop_assert_eq!(&a.syntax, &b.syntax);
                prop_assert_eq!(a.truncated_at, b.truncated_at);
                prop_assert!(held(&a.dataset) == held(&b.dataset));
            }
            (Ok(a), Err(b)) => prop_assert!(a.truncated_at.is_some() && b.code() == "truncated", "{b}"),
            (Err(a), b) => prop_assert_eq!(b.err(), Some(a)),
        }
    }
}

#[test]
fn without_room_for_what_is_made_of_it_nothing_is_said_of_a_file() {
    let gone = tempfile::tempdir().unwrap().path().join("gone");
    let context = Context { scratch: SpillConfig::at(&gone), ..Context::default() };
    // Of one the output finds no room, of one its masked pixels, of one what is left without what hid in unused bits.
    let written = with_pixels(header("CT", (16, 16), 8), Vr::OW, noise(640 * 480 * 2 * 8, 3));
    let masked = with_pixels(header("US", (8, 8), 16), Vr::OB, written_frame().repeat(16));
    let cleared = with_pixels(header("CT", (16, 12), 8), Vr::OW, noise(640 * 480 * 2 * 8, 3));
    for source in [&written, &masked, &cleared] {
        let outcome = deidentifier().process(&Contents::from(source), &context);
        assert_eq!(outcome, Err(NoRoom(std::io::ErrorKind::NotFound)));
    }
}

#[test]
fn a_file_that_is_written_to_meanwhile_is_not_passed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source");
    std::fs::write(&path, with_pixels(header("CT", (16, 16), 8), Vr::OW, noise(640 * 480 * 2 * 8, 3)))
        .unwrap();
    let stored = Contents::of(ByteSource::Stored(extent(&path)), SpillConfig::default());
    assert_eq!(stored.check_unchanged(), Ok(()));
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(b"more").unwrap();
    assert_eq!(stored.check_unchanged(), Err(ReadError::Changed));
    let outcome = deidentifier().process(&stored, &Context::default()).unwrap();
    assert!(matches!(outcome, Outcome::Rejected { reason: Reason::Unreadable, .. }), "{outcome:?}");
}

#[test]
fn a_deflated_data_set_is_read_from_what_it_inflates_to() {
    let deflate = |bytes: &[u8]| {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let source = with_pixels(header("US", (8, 8), 16), Vr::OB, written_frame().repeat(16));
    let uid = Syntax::EXPLICIT_LE.as_bytes();
    let meta = source.windows(uid.len()).position(|w| w == uid).unwrap() + uid.len() + 1;
    // The longer UID of the syntax, and the lengths of its element and of the group.
    let mut head = source[..meta - uid.len() - 1].to_vec();
    let at = head.len() - 2;
    head[at..].copy_from_slice(&22_u16.to_le_bytes());
    head.extend_from_slice(Syntax::DEFLATED.as_bytes());
    let group = u32::from_le_bytes(head[140..144].try_into().unwrap()) + 2;
    head[140..144].copy_from_slice(&group.to_le_bytes());
    let rest = source.len() - meta;
    let set = 144 + group as usize - 2;
    head.extend_from_slice(&source[meta..set]);
    assert!(rest > 16 * 640 * 480);
    let (mut whole, mut zlib) = (head.clone(), head.clone());
    whole.extend(deflate(&source[set..]));
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&source[set..]).unwrap();
    zlib.extend(encoder.finish().unwrap());
    let plain = both(&source, &Vetting::None).1;
    assert!(plain.len() > 4 << 20, "it goes to a file");
    for deflated in [&whole, &zlib] {
        assert!(both(deflated, &Vetting::None).1 == plain);
    }
    let cut = &whole[..whole.len() - 100];
    let (outcome, _) = both(cut, &Vetting::None);
    assert!(matches!(outcome, Outcome::Quarantined { reason: Reason::DeflateBroken, .. }), "{outcome:?}");
    // Without room for what it inflates to, nothing is said of it.
    let gone = tempfile::tempdir().unwrap().path().join("gone");
    let path = gone.with_extension("source");
    std::fs::create_dir_all(gone.parent().unwrap()).unwrap();
    std::fs::write(&path, &whole).unwrap();
    let scratch = SpillConfig::at(&gone);
    let contents = Contents::of(ByteSource::Stored(extent(&path)), scratch);
    let outcome = deidentifier().process(&contents, &Context { scratch, ..Context::default() });
    assert_eq!(outcome, Err(NoRoom(std::io::ErrorKind::NotFound)));
}
