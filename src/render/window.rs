//! Windows: from values to grey levels, PS3.3 C.11.2.1.2, and presets by modality.

use super::Slice;

/// VOI LUT Function (0028,1056).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// `LINEAR`: integers in mind, C.11.2.1.2.1.
    #[default]
    Linear,
    /// `LINEAR_EXACT`, C.11.2.1.3.2.
    LinearExact,
    /// `SIGMOID`, C.11.2.1.3.1.
    Sigmoid,
}

/// A window: which values become black, white and what lies between.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Window Center.
    pub center: f64,
    /// Window Width, above 0.
    pub width: f64,
    /// VOI LUT Function.
    pub shape: Shape,
}

impl Window {
    /// A linear window.
    pub fn new(center: f64, width: f64) -> Self {
        Self { center, width, shape: Shape::Linear }
    }

    /// From black at `low` to white at `high`.
    pub fn between(low: f64, high: f64) -> Self {
        Self { center: f64::midpoint(low, high), width: (high - low).max(1e-6), shape: Shape::LinearExact }
    }

    /// The grey level of a value, 0 … 1; what is no number is black.
    pub fn level(&self, value: f32) -> f32 {
        let value = f64::from(value);
        let level = match self.shape {
            Shape::Linear if self.width > 1.0 => (value - (self.center - 0.5)) / (self.width - 1.0) + 0.5,
            Shape::Linear | Shape::LinearExact if self.width > 0.0 => {
                (value - self.center) / self.width + 0.5
            }
            Shape::Linear | Shape::LinearExact => f64::from(value > self.center),
            Shape::Sigmoid => 1.0 / (1.0 + (-4.0 * (value - self.center) / self.width.max(1e-6)).exp()),
        };
        if level.is_nan() { 0.0 } else { level.clamp(0.0, 1.0) as f32 }
    }
}

/// A window by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// Its name, such as `lung`.
    pub name: String,
    /// How its window is found.
    pub window: PresetWindow,
}

/// How a preset's window is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PresetWindow {
    /// The same for every slice.
    Fixed(Window),
    /// Between two shares of the slice's values.
    Percentiles(f64, f64),
}

impl PresetWindow {
    /// The window for `slice`.
    pub fn resolve(&self, slice: &Slice) -> Window {
        match *self {
            Self::Fixed(window) => window,
            Self::Percentiles(low, high) => match slice.percentiles(low, high) {
                Some((low, high)) if high > low => Window::between(f64::from(low), f64::from(high)),
                Some((low, _)) => Window::between(f64::from(low) - 1.0, f64::from(low) + 1.0),
                None => Window::between(0.0, 1.0),
            },
        }
    }
}

/// Centre and width in Hounsfield units, as radiology departments commonly set them.
const CT: &[(&str, f64, f64)] = &[
    ("soft tissue", 40.0, 400.0),
    ("lung", -600.0, 1500.0),
    ("mediastinum", 50.0, 350.0),
    ("bone", 400.0, 1800.0),
    ("brain", 40.0, 80.0),
    ("liver", 60.0, 160.0),
    ("angio", 300.0, 600.0),
];

/// The windows worth offering for a modality, the one to begin with first. What the file carries comes first, then
/// the modality's own, then shares of the slice's values.
pub fn presets(modality: &str, file: &[(String, Window)]) -> Vec<Preset> {
    let mut all: Vec<Preset> = Vec::new();
    for (name, window) in file.iter().take(8) {
        let name = if name.trim().is_empty() { "as stored".to_string() } else { name.trim().to_lowercase() };
        all.push(Preset { name, window: PresetWindow::Fixed(*window) });
    }
    if modality == "CT" {
        all.extend(CT.iter().map(|&(name, center, width)| Preset {
            name: name.into(),
            window: PresetWindow::Fixed(Window::new(center, width)),
        }));
    }
    let shares: &[(&str, f64, f64)] = match modality {
        "PT" | "NM" => &[("0–99.5 %", 0.0, 0.995), ("full range", 0.0, 1.0)],
        _ => &[("1–99 %", 0.01, 0.99), ("5–95 %", 0.05, 0.95), ("full range", 0.0, 1.0)],
    };
    all.extend(shares.iter().map(|&(name, low, high)| Preset {
        name: name.into(),
        window: PresetWindow::Percentiles(low, high),
    }));
    let mut seen = std::collections::HashSet::new();
    all.retain(|preset| seen.insert(preset.name.clone()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of PS3.3 C.11.2.1.2.1: centre 2048, width 4096 and centre 0, width 100 and the like.
    #[test]
    fn linear_follows_the_standard() {
        let full = Window::new(2048.0, 4096.0);
        assert!(full.level(0.0).abs() < 1e-6);
        assert!((full.level(4095.0) - 1.0).abs() < 1e-6);
        let hundred = Window::new(0.0, 100.0);
        assert!((hundred.level(-50.0)).abs() < 1e-6);
        assert!((hundred.level(49.0) - 1.0).abs() < 1e-6);
        let bit = Window::new(0.5, 1.0);
        assert!(bit.level(1.0) > 0.99 && bit.level(0.0) < 0.01);
        let exact = Window { center: 0.0, width: 100.0, shape: Shape::LinearExact };
        assert!((exact.level(0.0) - 0.5).abs() < 1e-6 && (exact.level(50.0) - 1.0).abs() < 1e-6);
        let sigmoid = Window { center: 0.0, width: 100.0, shape: Shape::Sigmoid };
        assert!((sigmoid.level(0.0) - 0.5).abs() < 1e-6 && (sigmoid.level(50.0) - 0.880_797).abs() < 1e-5);
        assert_eq!(hundred.level(f32::NAN), 0.0);
    }

    #[test]
    fn presets_begin_with_the_file_then_the_modality() {
        let names: Vec<String> = presets("CT", &[("LUNG".into(), Window::new(-500.0, 1400.0))])
            .into_iter()
            .map(|p| p.name)
            .collect();
        assert_eq!(names[..3], ["lung", "soft tissue", "mediastinum"]);
        assert_eq!(presets("MR", &[])[0].window, PresetWindow::Percentiles(0.01, 0.99));
    }
}
