//! What must not become slow: painting and encoding a slice for a large terminal.

use std::sync::Arc;
use std::time::Instant;

use gantry::console::image::encode_sixel;
use gantry::render::{Look, Pixels, Slice, Target, Window, compose};

/// A CT slice with noise, so that runs are short.
fn noisy() -> Slice {
    let mut state = 1_u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as f32
    };
    Slice {
        columns: 512,
        rows: 512,
        pixels: Pixels::Grey((0..512 * 512).map(|_| noise() - 128.0).collect()),
        inverted: false,
        spacing_mm: Some([0.7, 0.7]),
        aspect: 1.0,
        orientation: Some([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        windows: Vec::new(),
        modality: "CT".into(),
        unit: "HU".into(),
    }
}

#[test]
fn large_slice_is_painted_and_encoded() {
    let slice = Arc::new(noisy());
    let target = Target { width: 1000, height: 1000, aspect: 1.0 };
    let begun = Instant::now();
    let image = compose(&slice, &Look::new(Window::new(40.0, 400.0)), &target);
    let painted = begun.elapsed();
    let bytes = encode_sixel(&image, 256).len();
    eprintln!("painted in {painted:?}, with sixel {:?}, {bytes} bytes", begun.elapsed());
    // Noise is the worst case: still less than the pixels take uncompressed.
    assert!((100_000..3_000_000 * 2).contains(&bytes), "{bytes}");
}
