//! Burned-in text: found, masked, recorded; pictures without text untouched; outputs that other programs read.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "burned_in/compose.rs"]
#[allow(clippy::pedantic)]
mod compose;
#[path = "burned_in/everywhere.rs"]
mod everywhere;
#[path = "burned_in/stored.rs"]
mod stored;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use compose::{LOOKS, Laid, Look, Picture, Random, Strip, lay, scene};
use gantry::deid::{Context, Deidentifier, Mask, Outcome, Profile, Reason, Secret};
use gantry::dicom::{self, Contents, DataSet, Element, ReadOptions, Syntax, codec};
use gantry::model::{Tag, Vr, tags};
use rayon::prelude::*;

const FRAMES: usize = 500;
const SIZES: [(usize, usize); 4] = [(320, 240), (512, 512), (320, 240), (640, 480)];
/// Part of the area of writing that must be masked.
const RECALL: f64 = 0.99;

/// Files of the development set in whose pixels there is text, each with what it is.
const WITH_TEXT: [(&str, &str); 11] = [
    ("issues/US-PAL-8-10x-echo.dcm", "ultrasound: settings, date and time, ID"),
    ("nema_wg04/US1_UNC", "ultrasound: hospital, numbers, LYMPH NODE"),
    ("nema_wg04/US1_RLE", "the same"),
    ("nema_wg04/US1_J2KR", "the same"),
    ("nema_wg04/US1_J2KI", "the same"),
    ("pydicom/test_files/examples_jpeg2k.dcm", "the same"),
    ("pydicom/test_files/examples_rgb_color.dcm", "the same, smaller"),
    ("pydicom/test_files/examples_palette.dcm", "ultrasound: maker, date, settings"),
    ("pydicom/test_files/examples_ybr_color.dcm", "ultrasound: settings, menu"),
    ("pydicom/test_files/GDCMJ2K_TextGBR.dcm", "the words red, green, blue"),
    ("pydicom/test_files/ExplVR_BigEnd.dcm", "ultrasound, too small to be read"),
];

fn deidentifier() -> Deidentifier {
    Deidentifier::new(Profile::default(), &Secret::new([7; 32])).unwrap()
}

fn strips() -> Vec<Strip> {
    let packed = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/burned_in.z")).unwrap();
    let mut bytes = Vec::new();
    flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    compose::strips(&bytes)
}

/// The strips of writing, without the marks that stay.
fn writing() -> Vec<Strip> {
    strips().into_iter().filter(|s| !s.mark).collect()
}

fn number(tag: Tag, value: u16) -> Element<'static> {
    Element::new(tag, Vr::US, value.to_le_bytes().to_vec())
}

/// A picture as an instance: radiographs as MONOCHROME1 of 16 bits, the rest as MONOCHROME2 of 8.
fn instance(picture: &Picture, look: Look, index: usize) -> Vec<u8> {
    let (class, modality) = match look {
        Look::Ultrasound => ("1.2.840.10008.5.1.4.1.1.6.1", "US"),
        Look::Radiograph => ("1.2.840.10008.5.1.4.1.1.1", "CR"),
        Look::Angiogram => ("1.2.840.10008.5.1.4.1.1.12.1", "XA"),
        Look::Capture | Look::Anatomy => ("1.2.840.10008.5.1.4.1.1.7", "OT"),
    };
    let negative = look == Look::Radiograph;
    let (bits, pixels) = if negative {
        let word = |v: &u8| (4095 - u16::from(*v) * 16).to_le_bytes();
        (12, picture.pixels.iter().flat_map(word).collect())
    } else {
        (8, picture.pixels.clone())
    };
    let allocated = if negative { 16 } else { 8 };
    let uid = |n: usize| format!("1.3.6.1.4.1.99999.7.{n}.{index}");
    let photometric = if negative { "MONOCHROME1" } else { "MONOCHROME2" };
    let set = DataSet::from_elements(vec![
        Element::text(tags::SOP_CLASS_UID, Vr::UI, class),
        Element::text(tags::SOP_INSTANCE_UID, Vr::UI, &uid(1)),
        Element::text(tags::STUDY_INSTANCE_UID, Vr::UI, &uid(2)),
        Element::text(tags::SERIES_INSTANCE_UID, Vr::UI, &uid(3)),
        Element::text(tags::MODALITY, Vr::CS, modality),
        number(tags::SAMPLES_PER_PIXEL, 1),
        Element::text(tags::PHOTOMETRIC_INTERPRETATION, Vr::CS, photometric),
        number(tags::ROWS, picture.height as u16),
        number(tags::COLUMNS, picture.width as u16),
        number(tags::BITS_ALLOCATED, allocated),
        number(tags::BITS_STORED, bits),
        number(tags::HIGH_BIT, bits - 1),
        number(tags::PIXEL_REPRESENTATION, 0),
        Element::new(tags::PIXEL_DATA, if negative { Vr::OW } else { Vr::OB }, pixels),
    ]);
    dicom::write(&set, Syntax::EXPLICIT_LE).unwrap()
}

/// The masks of an instance; `None` where so much of it would be masked that a person is asked.
fn masks_or_held(bytes: &[u8]) -> Option<Vec<Mask>> {
    match deidentifier().process(&Contents::from(bytes), &Context::default()).unwrap() {
        Outcome::Quarantined { reason: Reason::PixelsDoubtful, detail, .. } if detail.contains("half") => {
            None
        }
        Outcome::Written { record, .. } => Some(record.masks),
        other => panic!("{other:?}"),
    }
}

/// The masks of an instance that is written.
fn masks(bytes: &[u8]) -> Vec<Mask> {
    match deidentifier().process(&Contents::from(bytes), &Context::default()).unwrap() {
        Outcome::Written { record, .. } => {
            assert!(record.verified);
            record.masks
        }
        Outcome::Quarantined { detail, .. } | Outcome::Rejected { detail, .. } => panic!("{detail}"),
    }
}

/// Real frames without text, as greys.
fn anatomy() -> Vec<Picture> {
    let Some(shared) = common::shared() else { return Vec::new() };
    let files = [
        "nema_wg04/RG3_UNC",
        "nema_wg04/RG3_RLE",
        "nema_wg04/XA1_UNC",
        "nema_wg04/MR1_UNC",
        "nema_wg04/CT1_UNC",
        "nema_wg04/CT2_UNC",
        "pydicom/test_files/CT_small.dcm",
        "highdicom/dx_image.dcm",
        "dcmqi/ct-3slice/01.dcm",
    ];
    files.iter().filter_map(|f| greys(&shared.join("dicom").join(f))).collect()
}

fn greys(path: &Path) -> Option<Picture> {
    let bytes = std::fs::read(path).ok()?;
    let file = dicom::read(&bytes, ReadOptions::default()).ok()?;
    let frame = codec::open(&file).ok()?.decode_frame(0).ok()?;
    if frame.samples_per_pixel != 1 || frame.columns < 128 {
        return None;
    }
    let mut values = Vec::new();
    frame.samples.each(|v| values.push(v));
    let mut sorted = values.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let (low, high) = (sorted[sorted.len() / 100], sorted[sorted.len() * 99 / 100]);
    let grey = |v: f64| ((v - low) / (high - low).max(1.0) * 255.0).clamp(0.0, 255.0) as u8;
    let pixels = values.into_iter().map(grey).collect();
    Some(Picture { width: frame.columns as usize, height: frame.rows as usize, pixels })
}

#[test]
fn writing_over_pictures_of_every_look_is_masked() {
    let (strips, anatomy) = (writing(), anatomy());
    let frame = |i: usize| {
        let look = LOOKS[i % LOOKS.len()];
        let mut random = Random(i as u64 + 1);
        let (width, height) = SIZES[(i / LOOKS.len()) % SIZES.len()];
        let mut picture = scene(look, width, height, &anatomy, &mut random);
        let count = 1 + random.below(3);
        let laid = lay(&mut picture, &strips, count, &mut random);
        let masks = masks_or_held(&instance(&picture, look, i));
        let inside = |&(x, y): &(usize, usize)| {
            let Some(masks) = &masks else { return true };
            let (x, y) = (x as u32, y as u32);
            masks.iter().any(|m| x >= m.x && y >= m.y && x < m.x + m.width && y < m.y + m.height)
        };
        let hits = |l: &Laid| (l.ink.iter().filter(|p| inside(p)).count(), l.ink.len());
        let lines = laid.iter().map(|l| (l.size, l.degrees, l.contrast, hits(l))).collect::<Vec<_>>();
        (look, masks.is_none(), lines)
    };
    let all: Vec<_> = (0..FRAMES).into_par_iter().map(frame).collect();
    let mut table: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let held = all.iter().filter(|(_, held, _)| *held).count();
    println!("{held} of {FRAMES} frames wait for a person: more than half of them would go");
    assert!(held * 20 <= FRAMES, "{held}");
    for (look, _, lines) in &all {
        for (size, degrees, contrast, (hit, of)) in lines {
            let turn = if *degrees == 0.0 {
                "upright"
            } else if degrees.abs() < 10.0 {
                "slanted"
            } else {
                "quarter turn"
            };
            let keys = [
                "all".into(),
                format!("{look:?}"),
                format!("glyphs of {:02} to {:02}", size / 8 * 8, size / 8 * 8 + 7),
                turn.into(),
                if *contrast < 60.0 { "low contrast".into() } else { "higher contrast".into() },
            ];
            for key in keys {
                let entry = table.entry(key).or_default();
                entry.0 += hit;
                entry.1 += of;
            }
        }
    }
    for (key, (hit, of)) in &table {
        println!("{key:20} {:6.2} % of {of} pixels of writing", 100.0 * *hit as f64 / *of as f64);
    }
    let (hit, of) = table["all"];
    assert!(of > 100_000 && hit as f64 >= RECALL * of as f64, "{hit} of {of}");
}

fn dev_files(under: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![under.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// The same file as one whose pixels are searched; `None` where there are none that can be decoded.
fn searched(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut file = dicom::read(bytes, ReadOptions::default()).ok()?;
    let frames = codec::open(&file).ok()?;
    if frames.layout().frames > 4 || frames.decode_frame(0).is_err() {
        return None;
    }
    file.dataset.put(Element::text(tags::MODALITY, Vr::CS, "OT"));
    file.dataset.remove(tags::BURNED_IN_ANNOTATION);
    let syntax = if file.syntax.is_native() { Syntax::EXPLICIT_LE.into() } else { file.syntax.uid.clone() };
    Some(dicom::write(&file.dataset, &syntax).unwrap())
}

#[test]
fn pictures_without_text_are_untouched_and_those_with_text_are_not() {
    let Some(shared) = common::shared() else { return };
    let root = shared.join("dicom");
    let look = |path: &PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let bytes = searched(&std::fs::read(path).unwrap())?;
        match deidentifier().process(&Contents::from(&bytes), &Context::default()).unwrap() {
            Outcome::Written { record, .. } => Some((name, record.masks.len())),
            _ => None,
        }
    };
    let all: Vec<(String, usize)> = dev_files(&root).par_iter().filter_map(look).collect();
    let (text, none): (Vec<_>, Vec<_>) = all.iter().partition(|(n, _)| WITH_TEXT.iter().any(|(t, _)| n == t));
    let fired: Vec<_> = none.iter().filter(|(_, masks)| *masks > 0).collect();
    println!(
        "{} of {} files without text untouched; masked: {fired:?}",
        none.len() - fired.len(),
        none.len()
    );
    println!("with text: {text:?}");
    let kinds = ["CR", "DX", "US", "XA", "OT"];
    let looked_at = |name: &String| {
        let bytes = std::fs::read(root.join(name)).unwrap();
        let file = dicom::read(&bytes, ReadOptions::default()).unwrap();
        file.dataset.ascii(tags::MODALITY).is_some_and(|m| kinds.contains(&m))
    };
    let of: Vec<_> = none.iter().filter(|(name, _)| looked_at(name)).collect();
    let kept = of.iter().filter(|(_, masks)| *masks == 0).count();
    println!("of kinds that are looked at ({kinds:?}): {kept} of {} untouched", of.len());
    assert!(none.len() > 500 && fired.len() * 100 <= none.len(), "{fired:?}");
    let missed = |n: &str| text.iter().any(|(t, masks)| t == n && *masks == 0);
    assert!(WITH_TEXT[..10].iter().all(|(n, _)| !missed(n)), "{text:?}");
}

/// Lays the pixels of a strip on a picture.
fn put(picture: &mut Picture, cover: &Picture, x0: usize, y0: usize, ink: u8) {
    for (i, &alpha) in cover.pixels.iter().enumerate() {
        let at = &mut picture.pixels[(y0 + i / cover.width) * picture.width + x0 + i % cover.width];
        let (under, over, alpha) = (u32::from(*at), u32::from(ink), u32::from(alpha));
        *at = ((under * (255 - alpha) + over * alpha) / 255) as u8;
    }
}

fn line(picture: &mut Picture, from: (usize, usize), to: (usize, usize), ink: u8) {
    let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
    for i in 0..=steps {
        let along = |a: usize, b: usize| (a * (steps - i) + b * i) / steps;
        picture.pixels[along(from.1, to.1) * picture.width + along(from.0, to.0)] = ink;
    }
}

#[test]
fn marks_of_sides_and_directions_stay() {
    let marks: Vec<Strip> = strips().into_iter().filter(|s| s.mark).collect();
    assert!(marks.len() >= 40);
    let mut masked = Vec::new();
    for look in [Look::Capture, Look::Radiograph, Look::Angiogram] {
        for (i, mark) in marks.iter().enumerate() {
            let mut picture = scene(look, 320, 240, &[], &mut Random(900 + i as u64));
            let at = (20 + 23 * (i % 9), 20 + 15 * (i % 11));
            let under = picture.pixels[at.1 * picture.width + at.0];
            put(&mut picture, &mark.cover, at.0, at.1, if under > 127 { 0 } else { 255 });
            if !masks(&instance(&picture, look, i)).is_empty() {
                masked.push((look, i, mark.size));
            }
        }
    }
    println!("masked: {} of {} marks {masked:?}", masked.len(), 3 * marks.len());
    // Letters of a face with hollow strokes may touch or fall apart; what is one letter always stays.
    assert!(masked.iter().all(|(_, i, _)| i % 11 >= 8), "{masked:?}");
    assert!(masked.len() * 20 <= 3 * marks.len(), "{masked:?}");
}

#[test]
fn rulers_callipers_and_scale_bars_stay() {
    let mut picture = Picture { width: 400, height: 300, pixels: vec![12; 400 * 300] };
    // A ruler with a long tick of every five, one of ticks alone, a scale bar.
    for i in 0..21 {
        let long = if i % 5 == 0 { 12 } else { 6 };
        line(&mut picture, (380 - long, 20 + 12 * i), (380, 20 + 12 * i), 220);
        line(&mut picture, (30 + 9 * i, 280), (30 + 9 * i, 288), 160);
    }
    line(&mut picture, (380, 20), (380, 260), 220);
    line(&mut picture, (40, 250), (140, 250), 255);
    line(&mut picture, (40, 246), (40, 254), 255);
    line(&mut picture, (140, 246), (140, 254), 255);
    // Callipers: two crosses and a dotted line between them.
    for (x, y) in [(90, 80), (250, 170)] {
        line(&mut picture, (x - 5, y), (x + 5, y), 255);
        line(&mut picture, (x, y - 5), (x, y + 5), 255);
    }
    for i in 1..20 {
        let (x, y) = (90 + 8 * i, 80 + 9 * i / 2);
        line(&mut picture, (x, y), (x + 2, y + 1), 255);
    }
    assert_eq!(masks(&instance(&picture, Look::Ultrasound, 0)), []);
}

/// An ultrasound cine whose speckle moves below a name that stays.
#[test]
fn what_stands_in_many_frames_is_masked_in_all() {
    let strips = writing();
    let (width, height) = (256, 192);
    let name = strips.iter().find(|s| s.size >= 12 && s.cover.width < 200 && s.cover.width > 60).unwrap();
    let mut frames = Vec::new();
    for seed in 0..12 {
        let mut picture = scene(Look::Ultrasound, width, height, &[], &mut Random(seed + 1));
        put(&mut picture, &name.cover, 4, 4, 230);
        frames.extend_from_slice(&picture.pixels);
    }
    let whole = Picture { width, height, pixels: frames };
    let file = instance(&whole, Look::Ultrasound, 0);
    let mut set = dicom::read(&file, ReadOptions::default()).unwrap().dataset.into_owned();
    set.put(Element::text(tags::NUMBER_OF_FRAMES, Vr::IS, "12"));
    let masks = masks(&dicom::write(&set, Syntax::EXPLICIT_LE).unwrap());
    for frame in 1..=12 {
        let (x, y) = (4 + name.cover.width as u32 / 2, 4 + name.cover.height as u32 / 2);
        let over = |m: &&Mask| m.x <= x && x < m.x + m.width && m.y <= y && y < m.y + m.height;
        assert!(masks.iter().filter(|m| m.frame == frame).any(|m| over(&m)), "frame {frame}: {masks:?}");
    }
}

/// Writing that shows only in the window that the header gives.
#[test]
fn writing_is_found_as_the_window_shows_it() {
    let strips = writing();
    let name = strips.iter().find(|s| s.size >= 14 && s.cover.width < 280 && s.cover.width > 80).unwrap();
    let mut picture = Picture { width: 300, height: 100, pixels: vec![100; 300 * 100] };
    put(&mut picture, &name.cover, 10, 40, 140);
    // A bright wedge spans the range of twelve bits; forty of its grey levels are twenty of 4095.
    let words = picture.pixels.iter().enumerate().map(|(i, &v)| {
        let row = i / 300;
        if row < 20 { (row * 200) as u16 } else { 200 + u16::from(v) / 2 }
    });
    let pixels: Vec<u8> = words.flat_map(u16::to_le_bytes).collect();
    let file = instance(&picture, Look::Capture, 0);
    let mut set = dicom::read(&file, ReadOptions::default()).unwrap().dataset.into_owned();
    for (tag, value) in [(tags::BITS_ALLOCATED, 16), (tags::BITS_STORED, 12), (tags::HIGH_BIT, 11)] {
        set.put(number(tag, value));
    }
    set.put(Element::new(tags::PIXEL_DATA, Vr::OW, pixels));
    set.put(Element::text(tags::WINDOW_CENTER, Vr::DS, "250"));
    set.put(Element::text(tags::WINDOW_WIDTH, Vr::DS, "128"));
    assert!(
        masks(&dicom::write(&set, Syntax::EXPLICIT_LE).unwrap())
            .iter()
            .any(|m| m.y < 50 && m.y + m.height > 45)
    );
}

#[test]
fn every_encoding_keeps_all_but_the_masks() {
    let Some(shared) = common::shared() else { return };
    for (name, _) in &WITH_TEXT[..10] {
        let source = std::fs::read(shared.join("dicom").join(name)).unwrap();
        let Outcome::Written { bytes, record, .. } =
            deidentifier().process(&Contents::from(&source), &Context::default()).unwrap()
        else {
            panic!("{name} is not written")
        };
        let bytes = bytes.into_bytes().unwrap();
        let (before, after) = (
            dicom::read(&source, ReadOptions::default()).unwrap(),
            dicom::read(&bytes, ReadOptions::default()).unwrap(),
        );
        let (old, new) = (codec::open(&before).unwrap(), codec::open(&after).unwrap());
        assert!(!record.masks.is_empty(), "{name}");
        assert_eq!(after.dataset.ascii(tags::BURNED_IN_ANNOTATION), Some("NO"), "{name}");
        assert!(after.dataset.ascii(tags::IMAGE_TYPE).is_some_and(|v| v.starts_with("DERIVED")), "{name}");
        let code = Tag::new(0x0008, 0x0100);
        let codes = after.dataset.items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE);
        assert!(codes.iter().any(|c| c.ascii(code) == Some("113101")), "{name}");
        for frame in 0..old.declared().min(3) {
            let (a, b) = (old.decode_frame(frame).unwrap(), new.decode_frame(frame).unwrap());
            let per = usize::from(a.samples_per_pixel);
            let here: Vec<&Mask> = record.masks.iter().filter(|m| m.frame == frame + 1).collect();
            let mut fill = None;
            for i in 0..a.samples.len() {
                let (x, y) = ((i / per) as u32 % a.columns, (i / per) as u32 / a.columns);
                let inside =
                    here.iter().any(|m| x >= m.x && y >= m.y && x < m.x + m.width && y < m.y + m.height);
                if inside {
                    let first = *fill.get_or_insert_with(|| b.samples.get(i));
                    assert!(per > 1 || b.samples.get(i) == first, "{name}: not constant at {x}, {y}");
                } else {
                    assert_eq!(a.samples.get(i), b.samples.get(i), "{name}: changed at {x}, {y}");
                }
            }
        }
        println!("{name}: {} masks, {}", record.masks.len(), after.syntax.uid);
    }
}

#[test]
fn what_cannot_be_searched_is_kept_back_for_the_true_reason() {
    let picture = scene(Look::Ultrasound, 64, 64, &[], &mut Random(3));
    let mut file = instance(&picture, Look::Ultrasound, 1);
    let set = dicom::read(&file, ReadOptions::default()).unwrap().dataset.into_owned();
    // Fewer frames than declared.
    let mut short = set.clone();
    short.put(Element::text(tags::NUMBER_OF_FRAMES, Vr::IS, "3"));
    file = dicom::write(&short, Syntax::EXPLICIT_LE).unwrap();
    let outcome = deidentifier().process(&Contents::from(&file), &Context::default()).unwrap();
    assert!(matches!(outcome, Outcome::Quarantined { reason: Reason::PixelsUnchecked, .. }), "{outcome:?}");
    // The header says that there is text, and none is found.
    let mut says = set.clone();
    says.put(Element::text(tags::BURNED_IN_ANNOTATION, Vr::CS, "YES"));
    let outcome = deidentifier()
        .process(&Contents::from(&dicom::write(&says, Syntax::EXPLICIT_LE).unwrap()), &Context::default())
        .unwrap();
    assert!(matches!(outcome, Outcome::Quarantined { reason: Reason::PixelsDoubtful, .. }), "{outcome:?}");
    // A profile that does not search.
    let profile = Profile { search_pixels: false, ..Profile::default() };
    let blind = Deidentifier::new(profile, &Secret::new([7; 32])).unwrap();
    let outcome = blind
        .process(&Contents::from(&dicom::write(&set, Syntax::EXPLICIT_LE).unwrap()), &Context::default())
        .unwrap();
    assert!(matches!(outcome, Outcome::Quarantined { reason: Reason::PixelsUnchecked, .. }), "{outcome:?}");
}
