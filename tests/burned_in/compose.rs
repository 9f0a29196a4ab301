//! Frames with writing burned in: strips that another program rendered, laid over pictures of several looks.

/// A picture of 8-bit greys.
#[derive(Clone)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

/// Writing as coverage, 0 to 255.
#[derive(Clone)]
pub struct Strip {
    pub size: u8,
    /// A mark of a side or direction, which must stay.
    pub mark: bool,
    pub cover: Picture,
}

/// The strips of a file that `tests/make/burned_in.py` made.
pub fn strips(mut bytes: &[u8]) -> Vec<Strip> {
    let mut all = Vec::new();
    while let [a, b, c, d, size, mark, rest @ ..] = bytes {
        let (width, height) =
            (usize::from(u16::from_le_bytes([*a, *b])), usize::from(u16::from_le_bytes([*c, *d])));
        let mut pixels = Vec::new();
        bytes = rest;
        while pixels.len() < width * height {
            pixels.resize(pixels.len() + usize::from(bytes[0]), bytes[1]);
            bytes = &bytes[2..];
        }
        all.push(Strip { size: *size, mark: *mark == 1, cover: Picture { width, height, pixels } });
    }
    all
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }
    pub fn between(&mut self, a: f32, b: f32) -> f32 {
        a + (b - a) * self.unit()
    }
    pub fn normal(&mut self) -> f32 {
        (0..6).map(|_| self.unit()).sum::<f32>() * 1.414 - 4.243
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Ultrasound,
    Radiograph,
    Capture,
    Angiogram,
    Anatomy,
}

pub const LOOKS: [Look; 5] =
    [Look::Ultrasound, Look::Radiograph, Look::Capture, Look::Angiogram, Look::Anatomy];

fn clip(v: f32) -> u8 {
    v.clamp(0.0, 255.0) as u8
}

/// A picture of a look, without writing. `anatomy` are real frames, where there are any.
pub fn scene(look: Look, width: usize, height: usize, anatomy: &[Picture], random: &mut Random) -> Picture {
    let mut pixels = vec![0; width * height];
    let (w, h) = (width as f32, height as f32);
    let (cx, cy, turn) =
        (random.between(0.3, 0.7) * w, random.between(0.3, 0.7) * h, random.between(0.0, 6.0));
    let noise = random.between(0.5, 5.0);
    let base = random.between(20.0, 190.0);
    for y in 0..height {
        for x in 0..width {
            let (fx, fy) = (x as f32, y as f32);
            pixels[y * width + x] = match look {
                Look::Ultrasound => {
                    let (dx, dy) = (fx - w / 2.0, fy - 0.1 * h);
                    let (r, a) = (dx.hypot(dy), dx.atan2(dy).abs());
                    if a > 0.65 || r > 0.82 * h || r < 0.08 * h {
                        0
                    } else {
                        let tissue = 50.0 + 30.0 * (r / 23.0 + turn).sin() + 20.0 * (dx / 31.0).cos();
                        let speckle = random.normal().hypot(random.normal()) * 0.8;
                        clip(tissue.max(4.0) * speckle)
                    }
                }
                Look::Radiograph => {
                    let body = 150.0 - 110.0 * ((fx - cx) / w).powi(2) * 4.0;
                    let ribs = 22.0 * (fy / 11.0 + 0.00002 * (fx - cx).powi(2) * 20.0 + turn).sin();
                    clip(body + ribs + noise * random.normal())
                }
                Look::Capture => clip(if turn < 3.0 {
                    0.0
                } else if turn < 4.0 {
                    255.0
                } else {
                    base
                }),
                Look::Angiogram => {
                    let vessel =
                        (fx - cx - 30.0 * (fy / 40.0 + turn).sin()).abs() < 3.0 + 3.0 * (1.0 - fy / h);
                    let field = base + 40.0 - 0.4 * (fx - cx).hypot(fy - cy) * 200.0 / w;
                    clip(field - if vessel { 45.0 } else { 0.0 } + noise * random.normal())
                }
                Look::Anatomy => clip(
                    60.0 + 50.0 * ((fx / 17.0).sin() + (fy / 23.0 + turn).cos()) + noise * random.normal(),
                ),
            };
        }
    }
    if look == Look::Anatomy && !anatomy.is_empty() {
        let from = &anatomy[random.below(anatomy.len())];
        // Small pictures are enlarged, large ones cut.
        let zoom = width.div_ceil(from.width).max(height.div_ceil(from.height)).max(1);
        let (ox, oy) = (
            random.below((from.width * zoom).saturating_sub(width)),
            random.below((from.height * zoom).saturating_sub(height)),
        );
        for y in 0..height {
            for x in 0..width {
                pixels[y * width + x] =
                    smooth(from, (x + ox) as f32 / zoom as f32, (y + oy) as f32 / zoom as f32);
            }
        }
    }
    Picture { width, height, pixels }
}

fn smooth(p: &Picture, x: f32, y: f32) -> u8 {
    let at = |x: usize, y: usize| f32::from(p.pixels[y.min(p.height - 1) * p.width + x.min(p.width - 1)]);
    let (ix, iy) = (x as usize, y as usize);
    let (tx, ty) = (x.fract(), y.fract());
    clip(
        at(ix, iy) * (1.0 - tx) * (1.0 - ty)
            + at(ix + 1, iy) * tx * (1.0 - ty)
            + at(ix, iy + 1) * (1.0 - tx) * ty
            + at(ix + 1, iy + 1) * tx * ty
            + 0.5,
    )
}

/// Writing that was laid on.
pub struct Laid {
    /// Pixels that letters cover at least by half.
    pub ink: Vec<(usize, usize)>,
    pub size: u8,
    pub degrees: f32,
    pub contrast: f32,
}

fn turned(strip: &Picture, degrees: f32) -> Picture {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (w, h) = (strip.width as f32, strip.height as f32);
    let (width, height) = (
        ((w * cos).abs() + (h * sin).abs()).ceil() as usize + 1,
        ((w * sin).abs() + (h * cos).abs()).ceil() as usize + 1,
    );
    let mut pixels = vec![0; width * height];
    for y in 0..height {
        for x in 0..width {
            let (dx, dy) = (x as f32 - (width as f32 - 1.0) / 2.0, y as f32 - (height as f32 - 1.0) / 2.0);
            let (sx, sy) = (dx * cos + dy * sin + (w - 1.0) / 2.0, -dx * sin + dy * cos + (h - 1.0) / 2.0);
            if sx >= 0.0 && sy >= 0.0 && sx <= w - 1.0 && sy <= h - 1.0 {
                pixels[y * width + x] = smooth(strip, sx, sy);
            }
        }
    }
    Picture { width, height, pixels }
}

/// Lays up to `count` strips on a picture.
pub fn lay(picture: &mut Picture, strips: &[Strip], count: usize, random: &mut Random) -> Vec<Laid> {
    let mut laid = Vec::new();
    let mut boxes: Vec<[usize; 4]> = Vec::new();
    for _ in 0..40 * count {
        if laid.len() == count {
            break;
        }
        let strip = &strips[random.below(strips.len())];
        let degrees = match random.below(20) {
            0..=11 => 0.0,
            12 | 13 => 90.0,
            14 => 270.0,
            _ => random.between(-6.0, 6.0),
        };
        let cover = if degrees == 0.0 { strip.cover.clone() } else { turned(&strip.cover, degrees) };
        if cover.width + 8 > picture.width || cover.height + 8 > picture.height {
            continue;
        }
        let (x0, y0) = (
            3 + random.below(picture.width - cover.width - 6),
            3 + random.below(picture.height - cover.height - 6),
        );
        let gap = 6;
        let own = [x0, y0, x0 + cover.width, y0 + cover.height];
        if boxes
            .iter()
            .any(|b| own[0] < b[2] + gap && b[0] < own[2] + gap && own[1] < b[3] + gap && b[1] < own[3] + gap)
        {
            continue;
        }
        let under: Vec<f32> = (0..cover.height)
            .flat_map(|y| (0..cover.width).map(move |x| (x, y)))
            .map(|(x, y)| f32::from(picture.pixels[(y0 + y) * picture.width + x0 + x]))
            .collect();
        let mean = under.iter().sum::<f32>() / under.len() as f32;
        let spread = (under.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / under.len() as f32).sqrt();
        // Legible: well above what is under it.
        let least = 25.0_f32.max(3.0 * spread);
        let most = if random.below(3) == 0 { least + 20.0 } else { 255.0 };
        let ink = if mean + least < 255.0 && (mean < 150.0 || mean - least < 0.0) {
            random.between(mean + least, (mean + most).min(255.0))
        } else if mean - least >= 0.0 {
            random.between((mean - most).max(0.0), mean - least)
        } else {
            continue;
        };
        let mut pixels = Vec::new();
        for y in 0..cover.height {
            for x in 0..cover.width {
                let alpha = f32::from(cover.pixels[y * cover.width + x]) / 255.0;
                let at = &mut picture.pixels[(y0 + y) * picture.width + x0 + x];
                *at = clip(f32::from(*at) * (1.0 - alpha) + ink * alpha + 0.5);
                if alpha >= 0.5 {
                    pixels.push((x0 + x, y0 + y));
                }
            }
        }
        boxes.push(own);
        laid.push(Laid { ink: pixels, size: strip.size, degrees, contrast: (ink - mean).abs() });
    }
    laid
}
