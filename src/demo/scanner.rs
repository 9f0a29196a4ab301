//! Scanners that differ in vendor, kernel, spacing, dose and in how they write their files.

use super::phantom::AIR_HU;
use crate::dicom::Syntax;
use crate::dicom::codec::RLE_LOSSLESS;
use crate::measure::agreement::bootstrap::SplitMix;

/// Rows and columns of every image.
pub const MATRIX: usize = 256;

/// How a kernel draws edges and noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Smooth edges, coarse noise.
    Soft,
    /// Between the two.
    Medium,
    /// Crisp edges, fine noise.
    Sharp,
}

/// One scanner with its chest protocol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scanner {
    /// The site that it stands in.
    pub site: &'static str,
    /// The inbox into which the site sends.
    pub inbox: &'static str,
    /// Institution Name.
    pub institution: &'static str,
    /// Institution Address.
    pub address: &'static str,
    /// Manufacturer.
    pub manufacturer: &'static str,
    /// Manufacturer's Model Name.
    pub model: &'static str,
    /// Station Name.
    pub station: &'static str,
    /// Device Serial Number.
    pub serial: &'static str,
    /// Software Versions.
    pub software: &'static str,
    /// Protocol Name.
    pub protocol: &'static str,
    /// Series Description.
    pub description: &'static str,
    /// Convolution Kernel.
    pub kernel_name: &'static str,
    /// What the kernel does.
    pub kernel: Kernel,
    /// Peak tube voltage.
    pub kvp: f64,
    /// Tube current.
    pub tube_ma: i32,
    /// Exposure time.
    pub exposure_ms: i32,
    /// Standard deviation of the noise in the middle of the body.
    pub noise_hu: f64,
    /// Field of view.
    pub field_mm: f64,
    /// Slice thickness.
    pub thickness_mm: f64,
    /// Distance of slices.
    pub step_mm: f64,
    /// Slices of a series.
    pub slices: usize,
    /// Transfer syntax of its files.
    pub syntax: &'static str,
    /// Stored values are signed.
    pub signed: bool,
    /// Bits Stored.
    pub bits: u16,
    /// Rescale Intercept.
    pub intercept_hu: i32,
    /// What stands outside the round field of view, in stored values.
    pub padding: Option<i32>,
    /// Images in Acquisition is written.
    pub declares_count: bool,
    /// Slices are numbered from the head downwards.
    pub head_first: bool,
}

/// The four scanners of the three sites.
pub const SCANNERS: [Scanner; 4] = [
    Scanner {
        site: "north",
        inbox: "north",
        institution: "Nordklinikum Elbtal",
        address: "Uferweg 12, 01099 Elbtal",
        manufacturer: "SIEMENS",
        model: "SOMATOM Force",
        station: "CTAWP73241",
        serial: "75512",
        software: "syngo CT VB20A",
        protocol: "Thorax_LowDose",
        description: "Thorax 2.0 Br40",
        kernel_name: "Br40d",
        kernel: Kernel::Soft,
        kvp: 100.0,
        tube_ma: 52,
        exposure_ms: 500,
        noise_hu: 17.0,
        field_mm: 384.0,
        thickness_mm: 2.0,
        step_mm: 2.0,
        slices: 56,
        syntax: Syntax::EXPLICIT_LE,
        signed: false,
        bits: 12,
        intercept_hu: -1024,
        padding: None,
        declares_count: false,
        head_first: true,
    },
    Scanner {
        site: "north",
        inbox: "north",
        institution: "Nordklinikum Elbtal",
        address: "Uferweg 12, 01099 Elbtal",
        manufacturer: "GE MEDICAL SYSTEMS",
        model: "Revolution CT",
        station: "revo02",
        serial: "GE0419",
        software: "revo_ct_21.b.56.3",
        protocol: "5.1 Chest routine",
        description: "CHEST 1.25 LUNG",
        kernel_name: "LUNG",
        kernel: Kernel::Sharp,
        kvp: 120.0,
        tube_ma: 180,
        exposure_ms: 400,
        noise_hu: 38.0,
        field_mm: 360.0,
        thickness_mm: 1.25,
        step_mm: 1.25,
        slices: 72,
        syntax: Syntax::EXPLICIT_LE,
        signed: true,
        bits: 16,
        intercept_hu: -1024,
        padding: Some(-2000),
        declares_count: true,
        head_first: true,
    },
    Scanner {
        site: "harbour",
        inbox: "harbour",
        institution: "Harbour Imaging Centre",
        address: "4 Quayside, Port Ellery",
        manufacturer: "Philips",
        model: "IQon - Spectral CT",
        station: "HOST-880142",
        serial: "880142",
        software: "4.7.7.27510",
        protocol: "Chest w/o /Thorax",
        description: "LUNG 2.5mm iDose (4)",
        kernel_name: "YB",
        kernel: Kernel::Medium,
        kvp: 120.0,
        tube_ma: 95,
        exposure_ms: 750,
        noise_hu: 24.0,
        field_mm: 372.0,
        thickness_mm: 3.0,
        step_mm: 2.5,
        slices: 44,
        syntax: RLE_LOSSLESS,
        signed: false,
        bits: 12,
        intercept_hu: -1024,
        padding: None,
        declares_count: false,
        head_first: false,
    },
    Scanner {
        site: "valley",
        inbox: "valley",
        institution: "Taniguchi General Hospital",
        address: "Taniguchi 3-1",
        manufacturer: "TOSHIBA",
        model: "Aquilion ONE",
        station: "ID_STATION",
        serial: "ACA1582",
        software: "V7.0ER005",
        protocol: "CHEST HELICAL",
        description: "Lung 2.0 CE",
        kernel_name: "FC13",
        kernel: Kernel::Soft,
        kvp: 120.0,
        tube_ma: 210,
        exposure_ms: 500,
        noise_hu: 11.0,
        field_mm: 400.0,
        thickness_mm: 2.0,
        step_mm: 2.0,
        slices: 52,
        syntax: Syntax::IMPLICIT_LE,
        signed: true,
        bits: 16,
        intercept_hu: 0,
        padding: None,
        declares_count: false,
        head_first: false,
    },
];

impl Scanner {
    /// Distance of pixels.
    pub fn pixel_mm(&self) -> f64 {
        self.field_mm / MATRIX as f64
    }

    /// Blurs as the kernel does, adds the noise of the dose, and gives stored values (two's complement where signed).
    pub fn expose(&self, mut hu: Vec<f32>, random: &mut SplitMix) -> Vec<u16> {
        let n = MATRIX;
        let (blur, grain) = match self.kernel {
            Kernel::Soft => ([0.24, 0.52], Some(0.27)),
            Kernel::Medium => ([0.18, 0.64], Some(0.15)),
            Kernel::Sharp => ([0.08, 0.84], None),
        };
        smooth(&mut hu, n, blur);
        let mut noise = white(n * n, random);
        if let Some(side) = grain {
            // What smoothing takes from the deviation is given back.
            let kept: f32 = 2.0 * side * side + (1.0 - 2.0 * side) * (1.0 - 2.0 * side);
            smooth(&mut noise, n, [side, 1.0 - 2.0 * side]);
            noise.iter_mut().for_each(|v| *v /= kept);
        }
        let middle = (n as f64 - 1.0) / 2.0;
        let mut stored = Vec::with_capacity(n * n);
        for (i, (value, grain)) in hu.iter().zip(&noise).enumerate() {
            let (dy, dx) = ((i / n) as f64 - middle, (i % n) as f64 - middle);
            let away = (dx * dx + dy * dy) / (middle * middle);
            stored.push(match self.padding {
                Some(padding) if away > 1.0 => padding as i16 as u16,
                _ => {
                    // Less is absorbed on the way through the edge than through the middle.
                    let deviation = self.noise_hu * (1.0 - 0.6 * away).max(0.35);
                    self.stored(f64::from(*value) + deviation * f64::from(*grain))
                }
            });
        }
        stored
    }

    /// The stored value of Hounsfield units, within what the format can hold.
    pub fn stored(&self, hu: f64) -> u16 {
        let value = hu.round() as i32 - self.intercept_hu;
        if self.signed {
            value.clamp(-32_768, 32_767) as i16 as u16
        } else {
            value.clamp(0, (1 << self.bits) - 1) as u16
        }
    }

    /// The stored value of air.
    pub fn air(&self) -> u16 {
        self.stored(f64::from(AIR_HU))
    }
}

/// Three taps along rows, then along columns: side, middle, side.
fn smooth(image: &mut [f32], n: usize, [side, middle]: [f32; 2]) {
    let mut before = vec![0.0; n];
    for row in image.chunks_exact_mut(n) {
        before.copy_from_slice(row);
        for (i, value) in row.iter_mut().enumerate() {
            *value = middle * before[i] + side * (before[i.saturating_sub(1)] + before[(i + 1).min(n - 1)]);
        }
    }
    let mut above = image[..n].to_vec();
    for y in 0..image.len() / n {
        let below = image[(y + 1).min(image.len() / n - 1) * n..][..n].to_vec();
        let row = &mut image[y * n..][..n];
        before.copy_from_slice(row);
        for (i, value) in row.iter_mut().enumerate() {
            *value = middle * before[i] + side * (above[i] + below[i]);
        }
        above.copy_from_slice(&before);
    }
}

/// Noise with mean 0 and deviation 1: the sum of eight bytes is as good as normal here, and quick.
fn white(n: usize, random: &mut SplitMix) -> Vec<f32> {
    let deviation = (8.0_f32 * (65_536.0 - 1.0) / 12.0).sqrt();
    (0..n)
        .map(|_| {
            let sum: i32 = random.next_u64().to_le_bytes().iter().map(|b| i32::from(*b)).sum();
            (sum - 1020) as f32 / deviation
        })
        .collect()
}
