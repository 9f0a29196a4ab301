//! Faces blurred: in slices of a head, the skin of the front and what lies close below it is smoothed until no rendering
//! shows whose it is (after Milchenko and Marcus, Neuroinformatics 11:65, 2013: a layer on either side of the surface is
//! filtered, the rest stays bit for bit). Slice by slice, for instances come alone; slices that face the face cut through
//! it in ways that no single one can hide, and are refused.

use super::{grouped, groups};
use crate::dicom::DataSet;
use crate::model::pixels::{PixelLayout, SampleKind, Samples};
use crate::model::{Area, tags};

/// How deep below the skin pixels are smoothed: scalp and bone, hardly any brain.
const DEPTH_MM: f32 = 10.0;
/// How far above the skin: the surface spreads.
const ABOVE_MM: f32 = 6.0;
/// Half of the side of the square that means are taken over, three times.
const REACH_MM: f64 = 6.0;
/// Part of the direction to the front that lies in the plane of a slice; where it is less, the slice faces the face.
const IN_PLANE: f64 = 0.7;
/// Cosines of directions that are the same differ by less.
const ALIKE: f64 = 1e-3;
/// Skin is denser than this.
const SKIN_HU: f32 = -300.0;
/// Skin is brighter than this part of what is brightest in a slice of MR.
const SKIN_SIGNAL: f32 = 0.12;
/// Pixels of head below which a slice has none.
const LEAST_MM2: f64 = 400.0;

/// How the faces of an instance are blurred.
#[derive(Debug, Clone, PartialEq)]
pub struct Blur {
    ct: bool,
    slope: f32,
    intercept: f32,
    /// Between rows, between columns.
    spacing_mm: [f64; 2],
    /// Towards the front of the patient, in columns and rows (millimetres).
    front: [f64; 2],
}

impl Blur {
    /// For a data set of CT or MR.
    ///
    /// # Errors
    /// Why a face could not be hidden, in words that hold nothing from the file.
    pub fn of(set: &DataSet<'_>) -> Result<Self, &'static str> {
        let ct = set.ascii(tags::MODALITY) == Some("CT");
        let transformation = tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE;
        let rescale = |tag| grouped(set, transformation, tag).and_then(|e| e.number());
        if ct && rescale(tags::RESCALE_INTERCEPT).is_none() {
            return Err("its values are not known in Hounsfield units");
        }
        if set.ascii_values(tags::IMAGE_TYPE).any(|v| v == "MOSAIC") {
            return Err("the slices of a mosaic stand in one picture");
        }
        let [_, row_y, _, _, column_y, _] = orientation(set)?;
        let spacing = grouped(set, tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING);
        let spacing_mm = spacing.and_then(|e| <[f64; 2]>::try_from(e.numbers()).ok());
        let in_range = |mm: &[f64; 2]| mm.iter().all(|mm| (0.05..=20.0).contains(mm));
        let spacing_mm = spacing_mm.filter(in_range).ok_or("the size of its pixels is not known")?;
        // Of the patient's axes the second goes to the back (PS3.3 C.7.6.2.1.1).
        let front = [-row_y, -column_y];
        if front[0].hypot(front[1]) < IN_PLANE {
            return Err("its slices face the face: no single one can be blurred");
        }
        let number = |tag, absent| rescale(tag).unwrap_or(absent) as f32;
        Ok(Self {
            ct,
            slope: number(tags::RESCALE_SLOPE, 1.0),
            intercept: number(tags::RESCALE_INTERCEPT, 0.0),
            spacing_mm,
            front,
        })
    }

    /// Whether frames of this layout can be blurred.
    pub fn fits(layout: &PixelLayout) -> bool {
        layout.samples_per_pixel == 1 && layout.kind == SampleKind::Integer && layout.bits_allocated >= 8
    }

    /// Smooths the face of a frame; the box around what changed.
    pub fn apply(&self, samples: &mut Samples, layout: &PixelLayout) -> Option<Area> {
        let (width, height) = (layout.columns as usize, layout.rows as usize);
        let mut values = Vec::with_capacity(samples.len());
        samples.each(|v| values.push(v as f32));
        if values.len() != width * height || width < 3 || height < 3 {
            return None;
        }
        let air = outside(&values, width, self.skin(&values));
        if (air.iter().filter(|a| !**a).count() as f64) * self.spacing_mm[0] * self.spacing_mm[1] < LEAST_MM2
        {
            return None;
        }
        let depth = self.distance(&air, width, true);
        let above = self.distance(&air, width, false);
        let front = self.is_front(&air, width);
        let layer: Vec<bool> = (0..values.len())
            .map(|at| front[at] && if air[at] { above[at] <= ABOVE_MM } else { depth[at] <= DEPTH_MM })
            .collect();
        let smooth = self.smoothed(values, width);
        put(samples, layout, &layer, &smooth);
        around(&layer, width)
    }

    /// The stored value that skin is above.
    fn skin(&self, values: &[f32]) -> f32 {
        if self.ct {
            let slope = if self.slope == 0.0 { 1.0 } else { self.slope };
            return (SKIN_HU - self.intercept) / slope;
        }
        let mut sample: Vec<f32> = values.iter().step_by((values.len() / 65_536).max(1)).copied().collect();
        sample.sort_unstable_by(f32::total_cmp);
        let (low, high) = (sample[0], sample[(sample.len() - 1) * 99 / 100]);
        low + SKIN_SIGNAL * (high - low)
    }

    /// Whether pixels lie in the front half of the head.
    fn is_front(&self, air: &[bool], width: usize) -> Vec<bool> {
        let along = |at: usize| {
            let (x, y) = ((at % width) as f64, (at / width) as f64);
            x * self.spacing_mm[1] * self.front[0] + y * self.spacing_mm[0] * self.front[1]
        };
        let head = (0..air.len()).filter(|at| !air[*at]).map(along);
        let (back, front) = head.fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        let middle = f64::midpoint(back, front);
        (0..air.len()).map(|at| along(at) > middle).collect()
    }

    /// How far pixels of head are from air, or pixels of air from head: in steps to neighbours, forth and back.
    fn distance(&self, air: &[bool], width: usize, inside: bool) -> Vec<f32> {
        let [down, across] = self.spacing_mm.map(|mm| mm as f32);
        let slant = down.hypot(across);
        let height = air.len() / width;
        let mut far: Vec<f32> = air.iter().map(|a| if *a == inside { 0.0 } else { f32::MAX }).collect();
        let nearer = |far: &mut [f32], x: usize, y: usize, forth: bool| {
            let sign = if forth { -1 } else { 1 };
            for (dx, dy, step) in [(sign, 0, across), (-1, sign, slant), (0, sign, down), (1, sign, slant)] {
                let (Some(nx), Some(ny)) = (x.checked_add_signed(dx), y.checked_add_signed(dy)) else {
                    continue;
                };
                if nx < width && ny < height {
                    far[y * width + x] = far[y * width + x].min(far[ny * width + nx] + step);
                }
            }
        };
        for y in 0..height {
            (0..width).for_each(|x| nearer(&mut far, x, y, true));
        }
        for y in (0..height).rev() {
            (0..width).rev().for_each(|x| nearer(&mut far, x, y, false));
        }
        far
    }

    /// Means of means of means over squares: nearly a Gaussian.
    fn smoothed(&self, mut values: Vec<f32>, width: usize) -> Vec<f32> {
        let reach = self.spacing_mm.map(|mm| ((REACH_MM / mm).round() as usize).max(1));
        for _ in 0..3 {
            for row in values.chunks_exact_mut(width) {
                mean(row, reach[1]);
            }
            let height = values.len() / width;
            let mut column = vec![0.0; height];
            for x in 0..width {
                column.iter_mut().enumerate().for_each(|(y, v)| *v = values[y * width + x]);
                mean(&mut column, reach[0]);
                column.iter().enumerate().for_each(|(y, v)| values[y * width + x] = *v);
            }
        }
        values
    }
}

/// Image Orientation (Patient), which all frames share.
fn orientation(set: &DataSet<'_>) -> Result<[f64; 6], &'static str> {
    let tag = tags::IMAGE_ORIENTATION_PATIENT;
    let own = groups(set).filter_map(|g| g.item(tags::PLANE_ORIENTATION_SEQUENCE)).filter_map(|i| i.get(tag));
    let mut all = set.get(tag).into_iter().chain(own).map(|e| <[f64; 6]>::try_from(e.numbers()));
    let Some(Ok(first)) = all.next() else { return Err("the orientation of its slices is not known") };
    let alike = |other: [f64; 6]| other.iter().zip(first).all(|(a, b)| (a - b).abs() < ALIKE);
    if all.all(|other| other.is_ok_and(alike)) {
        Ok(first)
    } else {
        Err("its slices lie in several directions")
    }
}

/// Pixels that are not above `skin` and reach the edge of the picture without crossing what is.
fn outside(values: &[f32], width: usize, skin: f32) -> Vec<bool> {
    let height = values.len() / width;
    let mut air = vec![false; values.len()];
    let edge = (0..width).flat_map(|x| [x, (height - 1) * width + x]);
    let edge = edge.chain((0..height).flat_map(|y| [y * width, y * width + width - 1]));
    let mut open: Vec<usize> = edge.collect();
    while let Some(at) = open.pop() {
        if air[at] || values[at] > skin {
            continue;
        }
        air[at] = true;
        let x = at % width;
        let beside = [(x > 0).then(|| at - 1), (x + 1 < width).then_some(at + 1)];
        let over = [at.checked_sub(width), Some(at + width).filter(|n| *n < values.len())];
        open.extend(beside.into_iter().chain(over).flatten());
    }
    air
}

/// The running mean over `reach` values on either side; beyond the ends the end goes on.
fn mean(values: &mut [f32], reach: usize) {
    let last = values.len() - 1;
    let at = |values: &[f32], i: isize| f64::from(values[i.clamp(0, last as isize) as usize]);
    let before = values.to_vec();
    let reach = reach as isize;
    let mut sum: f64 = (-reach..=reach).map(|i| at(&before, i)).sum();
    for (i, value) in (0..).zip(values.iter_mut()) {
        *value = (sum / (2 * reach + 1) as f64) as f32;
        sum += at(&before, i + reach + 1) - at(&before, i - reach);
    }
}

fn put(samples: &mut Samples, layout: &PixelLayout, layer: &[bool], smooth: &[f32]) {
    let bits = layout.significant_bits().clamp(1, 32);
    let high = 2f64.powi(bits as i32 - i32::from(layout.signed)) - 1.0;
    let low = if layout.signed { -high - 1.0 } else { 0.0 };
    for at in (0..layer.len()).filter(|at| layer[*at]) {
        samples.set(at, f64::from(smooth[at]).round().clamp(low, high));
    }
}

fn around(layer: &[bool], width: usize) -> Option<Area> {
    let pixels = || layer.iter().enumerate().filter(|(_, is)| **is).map(|(at, _)| (at % width, at / width));
    let (x, y) = (pixels().map(|p| p.0).min()?, pixels().map(|p| p.1).min()?);
    let (right, bottom) = (pixels().map(|p| p.0).max()?, pixels().map(|p| p.1).max()?);
    Some(Area { x: x as u32, y: y as u32, width: (right - x + 1) as u32, height: (bottom - y + 1) as u32 })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dicom::Element;
    use crate::model::Vr;
    use crate::model::pixels::Photometric;

    const SIDE: usize = 128;

    fn layout() -> PixelLayout {
        PixelLayout {
            rows: SIDE as u32,
            columns: SIDE as u32,
            samples_per_pixel: 1,
            bits_allocated: 16,
            bits_stored: 12,
            high_bit: 11,
            signed: false,
            planar: false,
            photometric: Photometric::Monochrome2,
            frames: 1,
            kind: SampleKind::Integer,
        }
    }

    fn header(orientation: &str) -> DataSet<'static> {
        DataSet::from_elements(vec![
            Element::text(tags::MODALITY, Vr::CS, "CT"),
            Element::text(tags::IMAGE_ORIENTATION_PATIENT, Vr::DS, orientation),
            Element::text(tags::PIXEL_SPACING, Vr::DS, "2\\2"),
            Element::text(tags::RESCALE_INTERCEPT, Vr::DS, "-1024"),
        ])
    }

    /// An axial head with a nose towards the upper edge: air, 4 px of skin, brain.
    fn head() -> Vec<u16> {
        let value = |x: f64, y: f64| {
            let nose = (x - 64.0).abs() < 4.0 && (8.0..24.0).contains(&y);
            match (x - 64.0).hypot(y - 64.0) {
                r if r < 40.0 => 1060,
                r if r < 44.0 => 1900,
                _ if nose => 1040,
                _ => 20,
            }
        };
        (0..SIDE * SIDE).map(|at| value((at % SIDE) as f64, (at / SIDE) as f64)).collect()
    }

    #[test]
    fn the_front_loses_its_features_and_the_rest_stays() {
        let blur = Blur::of(&header("1\\0\\0\\0\\1\\0")).unwrap();
        let before = head();
        let mut samples = Samples::U16(before.clone());
        let area = blur.apply(&mut samples, &layout()).unwrap();
        let Samples::U16(after) = &samples else { panic!() };
        // A tip eight pixels wide is no longer seen as skin; the skull of the back and the brain are what they were.
        assert!(before[12 * SIDE + 64] > 724 && after[12 * SIDE + 64] < 724);
        assert!(area.bottom() <= 66, "{area:?}");
        for (at, (a, b)) in before.iter().zip(after).enumerate() {
            let (x, y) = ((at % SIDE) as f64, (at / SIDE) as f64);
            if y > 66.0 || (x - 64.0).hypot(y - 64.0) < 37.0 {
                assert_eq!(a, b, "{x} {y}");
            }
        }
        // The same again from what it was: the proof after writing relies on it.
        let mut again = Samples::U16(before);
        blur.apply(&mut again, &layout());
        assert_eq!(again, samples);
    }

    #[test]
    fn the_front_is_where_the_orientation_says() {
        let turned = Blur::of(&header("-1\\0\\0\\0\\-1\\0")).unwrap();
        let mut samples = Samples::U16(head().into_iter().rev().collect());
        let area = turned.apply(&mut samples, &layout()).unwrap();
        assert!(area.y >= 62, "{area:?}");
        assert!(Blur::of(&header("1\\0\\0\\0\\0\\-1")).is_err(), "a coronal slice faces the face");
        assert!(Blur::of(&header("0\\1\\0\\0\\0\\-1")).is_ok(), "a sagittal one shows its profile");
        assert!(Blur::of(&header("1\\0")).is_err());
        let mut mosaic = header("1\\0\\0\\0\\1\\0");
        mosaic.put(Element::text(tags::IMAGE_TYPE, Vr::CS, "ORIGINAL\\PRIMARY\\M\\MOSAIC"));
        assert!(Blur::of(&mosaic).is_err());
        let mut air = Samples::U16(vec![20; SIDE * SIDE]);
        assert_eq!(turned.apply(&mut air, &layout()), None);
    }
}
