//! Two pixels a cell, in as many colours as the terminal has.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

use super::super::theme::Depth;
use crate::render::Rgb;

/// An image as cells of an upper and a lower pixel.
pub struct Blocks {
    image: Rgb,
}

/// Shades for terminals without colour, from black to white.
const SHADES: [char; 10] = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];
const GREYS: [Color; 4] = [Color::Black, Color::DarkGray, Color::Gray, Color::White];
/// Thresholds of an ordered dither, in sixteenths.
const DITHER: [[u8; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];

impl Blocks {
    /// From an image of one pixel a column and two a row of cells.
    pub fn new(image: &Rgb) -> Self {
        Self { image: image.clone() }
    }

    /// Puts the cells into the buffer.
    pub fn place(&self, area: Rect, buffer: &mut Buffer, depth: Depth) {
        let area = area.intersection(buffer.area);
        for y in 0..area.height.min((self.image.height / 2) as u16) {
            for x in 0..area.width.min(self.image.width as u16) {
                let (px, py) = (u32::from(x), u32::from(y) * 2);
                let (upper, lower) = (self.image.get(px, py), self.image.get(px, py + 1));
                let cell = &mut buffer[(area.x + x, area.y + y)];
                cell.reset();
                match depth {
                    Depth::None => {
                        let mean = u32::midpoint(luminance(upper), luminance(lower));
                        cell.set_char(SHADES[mean as usize * (SHADES.len() - 1) / 255]);
                    }
                    Depth::Sixteen => {
                        cell.set_char('▀').set_fg(dithered(upper, px, py)).set_bg(dithered(
                            lower,
                            px,
                            py + 1,
                        ));
                    }
                    Depth::Indexed | Depth::Full => {
                        let colour = |[r, g, b]: [u8; 3]| depth.nearest(Color::Rgb(r, g, b));
                        let (upper, lower) = (colour(upper), colour(lower));
                        if upper == lower {
                            cell.set_char(' ').set_bg(upper);
                        } else {
                            cell.set_char('▀').set_fg(upper).set_bg(lower);
                        }
                    }
                }
            }
        }
    }
}

fn luminance([r, g, b]: [u8; 3]) -> u32 {
    (299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b)) / 1000
}

fn dithered(pixel: [u8; 3], x: u32, y: u32) -> Color {
    let [r, g, b] = pixel;
    if r.abs_diff(g).max(g.abs_diff(b)) > 40 {
        return Depth::Sixteen.nearest(Color::Rgb(r, g, b));
    }
    let threshold = u32::from(DITHER[(y % 4) as usize][(x % 4) as usize]);
    let level = (luminance(pixel) * 3 * 16 / 255 + threshold) / 16;
    GREYS[(level as usize).min(GREYS.len() - 1)]
}
