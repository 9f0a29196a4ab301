//! Identities in pictures of every modality: masked, or kept back for a person; pictures without any are not kept back.

use std::collections::BTreeMap;
use std::path::Path;

use gantry::deid::{Context, Mask, Outcome, Reason};
use gantry::dicom::{self, Contents, DataSet, Element, ReadOptions, Syntax, codec};
use gantry::model::{Vetting, Vr, tags};
use rayon::prelude::*;

use super::compose::{Look, Picture, Random, Strip, scene};
use super::{common, deidentifier, dev_files, number, writing};

/// Pictures of each modality.
const EACH: usize = 12;
/// Part of the identities that must not pass, of all and of any modality.
const RECALL: f64 = 0.97;
const RECALL_EACH: f64 = 0.75;

/// A modality, its SOP class, Image Type, bits stored, and files of the development set with anatomy of it.
type Kind = (&'static str, &'static str, &'static str, u16, &'static [&'static str]);

const ORIGINAL: &str = "ORIGINAL\\PRIMARY";
const KINDS: [Kind; 22] = [
    (
        "CT",
        "2",
        ORIGINAL,
        12,
        &[
            "nema_wg04/CT1_UNC",
            "dcmqi/ct-3slice/01.dcm",
            "dcmqi/ct-3slice/03.dcm",
            "rt-utils/mock_data/ct_1.dcm",
            "pydicom/test_files/693_J2KI.dcm",
        ],
    ),
    (
        "MR",
        "4",
        ORIGINAL,
        12,
        &["nema_wg04/MR1_UNC", "pydicom/test_files/examples_overlay.dcm", "nema_multiframe/BRFSMPRS"],
    ),
    ("PT", "128", ORIGINAL, 15, &[]),
    ("NM", "20", ORIGINAL, 16, &["nema_wg04/NM1_UNC"]),
    ("US", "6.1", ORIGINAL, 8, &[]),
    ("IVUS", "6.1", ORIGINAL, 8, &[]),
    ("XA", "12.1", ORIGINAL, 10, &["nema_wg04/XA1_UNC"]),
    ("RF", "12.2", ORIGINAL, 10, &["nema_wg04/XA1_RLE"]),
    ("CR", "1", ORIGINAL, 12, &["nema_wg04/RG3_RLE"]),
    ("DX", "1.1", ORIGINAL, 14, &["highdicom/dx_image.dcm"]),
    ("MG", "1.2", ORIGINAL, 12, &[]),
    ("SC", "7", "DERIVED\\SECONDARY", 8, &[]),
    ("OT", "7", "DERIVED\\SECONDARY", 8, &[]),
    ("ES", "77.1.1", ORIGINAL, 8, &[]),
    ("XC", "77.1.4", ORIGINAL, 8, &[]),
    ("OP", "77.1.5.1", ORIGINAL, 8, &[]),
    ("IO", "1.3", ORIGINAL, 12, &[]),
    ("PX", "1.1", ORIGINAL, 12, &[]),
    ("RTIMAGE", "481.1", ORIGINAL, 12, &[]),
    ("SM", "77.1.6", "DERIVED\\PRIMARY\\VOLUME\\NONE", 8, &[]),
    ("CT", "2", "DERIVED\\SECONDARY\\MPR", 12, &["nema_wg04/CT1_UNC", "dcmqi/ct-3slice/01.dcm"]),
    ("MR", "4", "DERIVED\\SECONDARY\\ADC", 16, &["nema_wg04/MR1_UNC"]),
];

/// Modalities that are photographs in colour.
const COLOUR: [&str; 4] = ["ES", "XC", "OP", "SM"];

/// A slice as it is stored, and what its window shows black and white.
struct Slice {
    width: usize,
    height: usize,
    values: Vec<f64>,
    shown: (f64, f64),
}

/// The first frame of a file, from zero; padding far below all else is what would not fit.
fn real(path: &Path, bits: u16) -> Option<Slice> {
    let bytes = std::fs::read(path).ok()?;
    let file = dicom::read(&bytes, ReadOptions::default()).ok()?;
    let frame = codec::open(&file).ok()?.decode_frame(0).ok()?;
    let mut values = Vec::new();
    frame.samples.each(|v| values.push(v));
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
    let low = low.max(high - top(bits));
    values.iter_mut().for_each(|v| *v = (*v - low).max(0.0));
    let set = &file.dataset;
    let window = set.number(tags::WINDOW_CENTER).zip(set.number(tags::WINDOW_WIDTH)).map(|(c, w)| {
        let slope = set.number(tags::RESCALE_SLOPE).unwrap_or(1.0);
        let stored = |v: f64| (v - set.number(tags::RESCALE_INTERCEPT).unwrap_or(0.0)) / slope - low;
        (stored(c - w / 2.0), stored(c + w / 2.0))
    });
    let mut sorted = values.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let usual = (sorted[sorted.len() / 50], sorted[sorted.len() * 99 / 100]);
    let shown = window.filter(|(a, b)| b > a).unwrap_or(usual);
    (frame.samples_per_pixel == 1 && frame.columns >= 128).then_some(Slice {
        width: frame.columns as usize,
        height: frame.rows as usize,
        values,
        shown,
    })
}

/// The largest value of so many bits.
fn top(bits: u16) -> f64 {
    f64::from((1u32 << bits) - 1)
}

/// A slice of an emission tomograph: blurred spots that noise is under.
fn emission(random: &mut Random) -> Slice {
    let (width, height) = (200, 200);
    let spots: Vec<[f32; 4]> = (0..12)
        .map(|_| {
            [
                random.between(40.0, 160.0),
                random.between(40.0, 160.0),
                random.between(3.0, 25.0),
                random.between(300.0, 9000.0),
            ]
        })
        .collect();
    let value = |i: usize| {
        let (x, y) = ((i % width) as f32, (i / width) as f32);
        spots
            .iter()
            .map(|[a, b, r, v]| v * (-((x - a).powi(2) + (y - b).powi(2)) / (r * r)).exp())
            .sum::<f32>()
    };
    let noisy = |v: f32, n: f32| f64::from((v + v.sqrt() * 3.0 * n).max(0.0));
    let values = (0..width * height).map(|i| noisy(value(i), random.normal())).collect();
    Slice { width, height, values, shown: (0.0, 6000.0) }
}

fn made(modality: &str, bits: u16, random: &mut Random) -> Slice {
    let look = match modality {
        "US" | "IVUS" => Look::Ultrasound,
        "XA" | "RF" | "RTIMAGE" => Look::Angiogram,
        "SC" | "OT" => Look::Capture,
        "ES" | "XC" | "OP" | "SM" => Look::Anatomy,
        "PT" | "NM" => return emission(random),
        _ => Look::Radiograph,
    };
    let Picture { width, height, pixels } = scene(look, 512, 400, &[], random);
    let most = top(bits);
    let values = pixels.iter().map(|&v| (f64::from(v) / 255.0 * most * 0.8).round()).collect();
    Slice { width, height, values, shown: (0.0, most * 0.8) }
}

/// Lays an identity on a slice as scanners and workstations do; the pixels of its strokes.
fn burn(slice: &mut Slice, bits: u16, strips: &[Strip], random: &mut Random) -> Vec<(usize, usize)> {
    let side = slice.width.min(slice.height);
    let (least, most) = if side < 400 { (8, 14) } else { (9, 24) };
    let zoom = (side / 1000).max(1);
    let fits = |s: &&Strip| {
        (least..=most).contains(&usize::from(s.size))
            && s.cover.width > 4 * s.cover.height
            && zoom * s.cover.width + 12 < slice.width
    };
    let strips: Vec<&Strip> = strips.iter().filter(fits).collect();
    let top = top(bits);
    let style = random.below(6);
    let peak = slice.values.iter().copied().fold(0.0, f64::max);
    let (white, black) = match style {
        0 | 1 => (top, 0.0),
        2 => (peak.max(slice.shown.1), 0.0),
        3 => (slice.shown.1.min(top), slice.shown.0.max(0.0)),
        _ => (top, slice.shown.0.max(0.0)),
    };
    let mut ink = Vec::new();
    let lines = 1 + random.below(3);
    let corner = (random.below(2) == 0, random.below(2) == 0, random.below(3) > 0);
    let mut y = if corner.2 && corner.1 { slice.height - lines * zoom * (most + 16) } else { 4 };
    if !corner.2 {
        y = random.below(slice.height - lines * zoom * (most + 16)).max(4);
    }
    for _ in 0..lines {
        let cover = &strips[random.below(strips.len())].cover;
        let (w, h) = (zoom * cover.width, zoom * cover.height);
        let x = if corner.2 && corner.0 { slice.width - w - 4 } else { 4 };
        let alpha =
            |dx: usize, dy: usize| f64::from(cover.pixels[dy / zoom * cover.width + dx / zoom]) / 255.0;
        // Nobody burns white on white in.
        let under = (0..w * h).map(|i| slice.values[(y + i / w) * slice.width + x + i % w]);
        let ground = under.sum::<f64>() / (w * h) as f64;
        let is_hidden = style < 4 && (white - ground).abs() < 0.15 * (slice.shown.1 - slice.shown.0);
        let white = if is_hidden { slice.shown.0.max(0.0) } else { white };
        for (dx, dy) in (0..h).flat_map(|dy| (0..w).map(move |dx| (dx, dy))) {
            let at = &mut slice.values[(y + dy) * slice.width + x + dx];
            match style {
                // Black on a white box.
                4 => *at = white + (black - white) * alpha(dx, dy),
                // White with a black outline.
                5 => {
                    let near = (dy.saturating_sub(1)..(dy + 2).min(h))
                        .flat_map(|b| (dx.saturating_sub(1)..(dx + 2).min(w)).map(move |a| (a, b)));
                    let around = near.map(|(a, b)| alpha(a, b)).fold(0.0, f64::max);
                    *at += (black - *at) * around;
                    *at += (white - *at) * alpha(dx, dy);
                }
                _ => *at += (white - *at) * alpha(dx, dy),
            }
            *at = at.round();
            if alpha(dx, dy) >= 0.5 {
                ink.push((x + dx, y + dy));
            }
        }
        y += h + 3;
    }
    ink
}

fn instance(kind: &Kind, slice: &Slice, index: usize) -> Vec<u8> {
    let (modality, class, image_type, bits, _) = *kind;
    let colour = COLOUR.contains(&modality);
    let uid = |n: usize| format!("1.3.6.1.4.1.99999.8.{n}.{index}");
    let pixels: Vec<u8> = if colour {
        slice.values.iter().flat_map(|&v| [v as u8, (v * 0.8) as u8, (v * 0.75) as u8]).collect()
    } else if bits == 8 {
        slice.values.iter().map(|&v| v as u8).collect()
    } else {
        slice.values.iter().flat_map(|&v| (v as u16).to_le_bytes()).collect()
    };
    let (centre, width) = (f64::midpoint(slice.shown.0, slice.shown.1), slice.shown.1 - slice.shown.0);
    let set = DataSet::from_elements(vec![
        Element::text(tags::SOP_CLASS_UID, Vr::UI, &format!("1.2.840.10008.5.1.4.1.1.{class}")),
        Element::text(tags::SOP_INSTANCE_UID, Vr::UI, &uid(1)),
        Element::text(tags::STUDY_INSTANCE_UID, Vr::UI, &uid(2)),
        Element::text(tags::SERIES_INSTANCE_UID, Vr::UI, &uid(3)),
        Element::text(tags::MODALITY, Vr::CS, modality),
        Element::text(tags::IMAGE_TYPE, Vr::CS, image_type),
        Element::text(tags::WINDOW_CENTER, Vr::DS, &format!("{centre:.1}")),
        Element::text(tags::WINDOW_WIDTH, Vr::DS, &format!("{width:.1}")),
        number(tags::SAMPLES_PER_PIXEL, if colour { 3 } else { 1 }),
        number(tags::PLANAR_CONFIGURATION, 0),
        Element::text(tags::PHOTOMETRIC_INTERPRETATION, Vr::CS, if colour { "RGB" } else { "MONOCHROME2" }),
        number(tags::ROWS, slice.height as u16),
        number(tags::COLUMNS, slice.width as u16),
        number(tags::BITS_ALLOCATED, if bits == 8 { 8 } else { 16 }),
        number(tags::BITS_STORED, bits),
        number(tags::HIGH_BIT, bits - 1),
        number(tags::PIXEL_REPRESENTATION, 0),
        Element::new(tags::PIXEL_DATA, if bits == 8 { Vr::OB } else { Vr::OW }, pixels),
    ]);
    dicom::write(&set, Syntax::EXPLICIT_LE).unwrap()
}

/// What became of an instance: its masks, or that it is kept back.
fn outcome(bytes: &[u8], vetting: &Vetting) -> Result<Vec<Mask>, Reason> {
    let context = Context { vetting, ..Context::default() };
    match deidentifier().process(&Contents::from(bytes), &context).unwrap() {
        Outcome::Written { record, .. } => Ok(record.masks),
        Outcome::Quarantined { reason, .. } | Outcome::Rejected { reason, .. } => Err(reason),
    }
}

fn part_hidden(masks: &[Mask], ink: &[(usize, usize)]) -> f64 {
    let inside = |&&(x, y): &&(usize, usize)| {
        let (x, y) = (x as u32, y as u32);
        masks.iter().any(|m| x >= m.x && y >= m.y && x < m.x + m.width && y < m.y + m.height)
    };
    ink.iter().filter(inside).count() as f64 / ink.len().max(1) as f64
}

#[test]
fn identities_in_pictures_of_every_modality_do_not_pass() {
    let strips = writing();
    let shared = common::shared();
    let one = |i: usize| {
        let kind = &KINDS[i / EACH];
        let mut random = Random(7000 + i as u64);
        let files: Vec<&str> = if shared.is_some() { kind.4.to_vec() } else { Vec::new() };
        let from = (!files.is_empty()).then(|| files[i % files.len()]);
        let found = from.zip(shared.as_ref()).and_then(|(f, root)| real(&root.join("dicom").join(f), kind.3));
        let mut slice = found.unwrap_or_else(|| made(kind.0, kind.3, &mut random));
        let ink = burn(&mut slice, kind.3, &strips, &mut random);
        let name = format!("{} {}", kind.0, kind.2.split('\\').next().unwrap_or_default());
        match outcome(&instance(kind, &slice, i), &Vetting::None) {
            Err(Reason::PixelsDoubtful) => (name, true, false),
            Ok(masks) => {
                let part = part_hidden(&masks, &ink);
                if part < 0.95 {
                    println!(
                        "{i} {name} passes, {:.0} % masked: {from:?}, shown {:?}",
                        100.0 * part,
                        slice.shown
                    );
                }
                (name, part >= 0.95, true)
            }
            Err(other) => panic!("{name}: {other:?}"),
        }
    };
    let all: Vec<_> = (0..KINDS.len() * EACH).into_par_iter().map(one).collect();
    let mut table: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for (name, safe, written) in &all {
        let row = table.entry(name).or_default();
        *row = [row[0] + usize::from(*safe), row[1] + usize::from(*safe && *written), row[2] + 1];
    }
    for (name, [safe, masked, of]) in &table {
        println!("{name:18} {safe} of {of} do not pass: {masked} masked, {} kept back", safe - masked);
    }
    for (name, [safe, _, of]) in &table {
        assert!(*safe as f64 >= RECALL_EACH * *of as f64, "{name}: {safe} of {of}");
    }
    let safe = all.iter().filter(|(_, safe, _)| *safe).count();
    assert!(safe as f64 >= RECALL * all.len() as f64, "{safe} of {}", all.len());
}

#[test]
fn slices_of_the_development_set_are_not_kept_back() {
    let Some(shared) = common::shared() else { return };
    let root = shared.join("dicom");
    let look = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        let file = dicom::read(&bytes, ReadOptions::default()).ok()?;
        let modality = file.dataset.ascii(tags::MODALITY)?.to_string();
        let slices = ["CT", "MR", "PT", "NM", "SEG", "RTDOSE", "SM"].contains(&modality.as_str());
        // Colours of a slice are a derived picture, which is searched like any other.
        let is_colour =
            file.dataset.ascii(tags::PHOTOMETRIC_INTERPRETATION).is_some_and(|p| p.starts_with("RGB"));
        if !slices || is_colour || codec::open(&file).is_err() {
            return None;
        }
        let series = file.dataset.ascii(tags::SERIES_INSTANCE_UID).unwrap_or_default().to_string();
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        Some((series, name, outcome(&bytes, &Vetting::None)))
    };
    // Of a folder some files: all of them are counted by the tests of the whole set.
    let mut of_folder: BTreeMap<std::path::PathBuf, usize> = BTreeMap::new();
    let some = |path: &std::path::PathBuf| {
        let count = of_folder.entry(path.parent().unwrap().to_path_buf()).or_default();
        *count += 1;
        *count <= 12
    };
    let files: Vec<std::path::PathBuf> = dev_files(&root).into_iter().filter(some).collect();
    let all: Vec<_> = files.par_iter().filter_map(look).collect();
    let series: std::collections::BTreeSet<&String> = all.iter().map(|(series, ..)| series).collect();
    let held: Vec<_> =
        all.iter().filter(|(.., o)| *o == Err(Reason::PixelsDoubtful)).map(|(_, n, _)| n).collect();
    println!("{} of {} slices of {} series are kept back: {held:?}", held.len(), all.len(), series.len());
    assert!(all.len() > 200 && held.is_empty(), "{held:?}");
}

/// A slice of a body with organs and bones in noise, and what stands beside or in it that is no writing.
fn phantom(index: usize) -> Slice {
    let mut random = Random(40_000 + index as u64);
    let side = [64, 128, 192, 256, 320, 512][index % 6];
    let s = side as f32;
    let (noise, scale) = (random.between(2.0, 60.0), random.between(0.5, 1.2));
    let organs: Vec<[f32; 5]> = (0..14)
        .map(|_| {
            let size = random.between(0.01, 0.15) * s;
            let bone = random.below(4) == 0;
            let value = if bone { random.between(1400.0, 2600.0) } else { random.between(900.0, 1300.0) };
            [
                random.between(0.3, 0.7) * s,
                random.between(0.3, 0.7) * s,
                size,
                size * random.between(0.4, 1.0),
                value,
            ]
        })
        .collect();
    let mut values = vec![0.0; side * side];
    for (i, value) in values.iter_mut().enumerate() {
        let (x, y) = ((i % side) as f32, (i / side) as f32);
        let body = ((x - s / 2.0) / (0.4 * s)).powi(2) + ((y - s / 2.0) / (0.32 * s)).powi(2) < 1.0;
        let within = |o: &&[f32; 5]| ((x - o[0]) / o[2]).powi(2) + ((y - o[1]) / o[3]).powi(2) < 1.0;
        let tissue = if body { organs.iter().rev().find(within).map_or(1040.0, |o| o[4]) } else { 24.0 };
        *value = f64::from((scale * (tissue + noise * random.normal())).clamp(0.0, 4095.0)).round();
    }
    let mut put = |x: usize, y: usize, v: f64| {
        if x < side && y < side {
            values[y * side + x] = v;
        }
    };
    match index / 6 % 7 {
        // A table below the body.
        0 => (0..side).for_each(|x| {
            (0..3).for_each(|t| put(x, side * 9 / 10 + t + (x * (side - x)) / (4 * side), 1500.0))
        }),
        // Lines of a localizer across all of it.
        1 => (0..12).for_each(|n| (0..side).for_each(|x| put(x, side / 5 + n * side / 20 + x / 9, 4095.0))),
        // A grid.
        2 => (0..side * side)
            .filter(|i| i % side % 16 == 0 || i / side % 16 == 0)
            .for_each(|i| put(i % side, i / side, 4095.0)),
        // Balls of metal in a row, all of one size.
        3 => (0..9).for_each(|n| {
            (0..side * side)
                .filter(|i| {
                    (i % side).abs_diff(side / 8 + n * side / 12).pow(2)
                        + (i / side).abs_diff(side / 2).pow(2)
                        < 8
                })
                .for_each(|i| put(i % side, i / side, 4095.0));
        }),
        // Bars of a resolution phantom.
        4 => (0..10).for_each(|n| {
            (0..side / 16).for_each(|t| (0..2).for_each(|w| put(side / 4 + 5 * n + w, side / 3 + t, 3000.0)));
        }),
        // Padding outside the field.
        5 => (0..side * side)
            .filter(|i| {
                (i % side).abs_diff(side / 2).pow(2) + (i / side).abs_diff(side / 2).pow(2) > side * side / 4
            })
            .for_each(|i| put(i % side, i / side, 0.0)),
        _ => {}
    }
    let shown = [(864.0, 1264.0), (0.0, 1500.0), (0.0, 4095.0)][index % 3];
    Slice { width: side, height: side, values, shown }
}

#[test]
fn phantoms_metal_tables_grids_and_lines_are_not_kept_back() {
    let of = |index: usize| {
        let kind = &KINDS[[0, 1, 2, 3][index % 4]];
        (index, outcome(&instance(kind, &phantom(index), index), &Vetting::None))
    };
    let held: Vec<_> = (0..168).into_par_iter().map(of).filter(|(_, o)| *o != Ok(Vec::new())).collect();
    assert!(held.is_empty(), "{held:?}");
}

/// A header that denies writing does not switch the search off; a person does.
#[test]
fn writing_that_the_header_denies_is_kept_back() {
    let strips = writing();
    let mut random = Random(11);
    for kind in [&KINDS[4], &KINDS[11], &KINDS[8]] {
        let mut slice = made(kind.0, kind.3, &mut random);
        let clean = instance(kind, &slice, 1);
        burn(&mut slice, kind.3, &strips, &mut random);
        let denied = |bytes: &[u8]| {
            let mut set = dicom::read(bytes, ReadOptions::default()).unwrap().dataset.into_owned();
            set.put(Element::text(tags::BURNED_IN_ANNOTATION, Vr::CS, "NO"));
            dicom::write(&set, Syntax::EXPLICIT_LE).unwrap()
        };
        let burned = denied(&instance(kind, &slice, 2));
        assert_eq!(outcome(&denied(&clean), &Vetting::None), Ok(Vec::new()), "{}", kind.0);
        assert_eq!(outcome(&burned, &Vetting::None), Err(Reason::PixelsDoubtful), "{}", kind.0);
        assert_eq!(outcome(&burned, &Vetting::Trusted), Ok(Vec::new()), "{}", kind.0);
    }
}

#[test]
fn the_picture_of_a_label_of_a_slide_is_kept_back() {
    let mut kind = KINDS[19];
    kind.2 = "ORIGINAL\\PRIMARY\\LABEL\\NONE";
    let slice = made("SM", 8, &mut Random(5));
    assert_eq!(outcome(&instance(&kind, &slice, 1), &Vetting::None), Err(Reason::PixelsDoubtful));
}

/// A page of lines of words inside a margin; where the strokes are.
fn page(lines: usize, margin: usize, random: &mut Random) -> (Slice, Vec<(usize, usize)>) {
    let strips: Vec<Strip> = writing().into_iter().filter(|s| (12..=16).contains(&s.size)).collect();
    let (width, height) = (800, 1000);
    let mut slice = Slice { width, height, values: vec![255.0; width * height], shown: (0.0, 255.0) };
    let mut ink = Vec::new();
    for line in 0..lines {
        let (mut x, y) = (margin, margin + 26 * line);
        loop {
            let cover = &strips[random.below(strips.len())].cover;
            if x + cover.width > width - margin || cover.height > 24 {
                break;
            }
            for (i, &alpha) in cover.pixels.iter().enumerate() {
                let (px, py) = (x + i % cover.width, y + i / cover.width);
                slice.values[py * width + px] = f64::from(255 - alpha);
                if alpha >= 128 {
                    ink.push((px, py));
                }
            }
            x += cover.width + 14;
        }
    }
    (slice, ink)
}

#[test]
fn a_page_of_text_is_masked_word_by_word_and_one_that_would_be_black_is_kept_back() {
    let mut random = Random(21);
    let kind = &KINDS[11];
    let (slice, ink) = page(16, 50, &mut random);
    let masks = outcome(&instance(kind, &slice, 1), &Vetting::None).unwrap();
    let hidden = part_hidden(&masks, &ink);
    let everywhere: Vec<(usize, usize)> = (0..800 * 1000).map(|i| (i % 800, i / 800)).collect();
    let share = part_hidden(&masks, &everywhere);
    println!(
        "{} masks hide {:.1} % of the letters and {:.1} % of the page",
        masks.len(),
        100.0 * hidden,
        100.0 * share
    );
    assert!(masks.len() >= 16 && hidden > 0.97 && share < 0.4);
    let (full, _) = page(38, 4, &mut random);
    assert_eq!(outcome(&instance(kind, &full, 2), &Vetting::None), Err(Reason::PixelsDoubtful));
}
