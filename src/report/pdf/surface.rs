//! A surface for charts that writes the operators of a page.

use std::collections::BTreeSet;
use std::convert::Infallible;

use pdf_writer::{Content, Name, Str};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
};

use super::super::chart::UNIT;
use super::super::face::{Faces, Weight};
use super::fonts::{self, Fonts};

/// What a surface draws into.
pub(super) struct Surface<'a> {
    /// The operators of the page.
    pub(super) content: &'a mut Content,
    /// The glyphs in use.
    pub(super) fonts: &'a mut Fonts,
    /// The font.
    pub(super) faces: &'a Faces,
    /// The opacities in use, in hundredths.
    pub(super) opacities: &'a mut BTreeSet<u8>,
    /// The place of its top left corner on the page, from the bottom left.
    pub(super) corner: (f32, f32),
    /// How many points of the page one point of the chart is.
    pub(super) scale: f32,
    /// Its size in units.
    pub(super) size: (u32, u32),
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl Surface<'_> {
    fn length(&self, units: f32) -> f32 {
        units / UNIT as f32 * self.scale
    }

    fn place(&self, (x, y): BackendCoord) -> (f32, f32) {
        (self.corner.0 + self.length(x as f32), self.corner.1 - self.length(y as f32))
    }

    /// Sets the colours and the width of what is drawn next; false if it would be unseen.
    fn begin<S: BackendStyle>(&mut self, style: &S) -> bool {
        let BackendColor { alpha, rgb } = style.color();
        if alpha <= 0.0 {
            return false;
        }
        let [r, g, b] = [rgb.0, rgb.1, rgb.2].map(|part| f32::from(part) / 255.0);
        self.content.save_state().set_fill_rgb(r, g, b).set_stroke_rgb(r, g, b);
        let width = self.length(style.stroke_width() as f32);
        self.content.set_line_width(width);
        if alpha < 1.0 {
            let hundredths = (alpha * 100.0).round() as u8;
            self.opacities.insert(hundredths);
            self.content.set_parameters(Name(opacity_name(hundredths).as_bytes()));
        }
        true
    }

    fn trace(&mut self, places: impl IntoIterator<Item = BackendCoord>) {
        for (index, place) in places.into_iter().enumerate() {
            let (x, y) = self.place(place);
            if index == 0 {
                self.content.move_to(x, y);
            } else {
                self.content.line_to(x, y);
            }
        }
    }
}

/// The name of an opacity in the resources of a page.
pub(super) fn opacity_name(hundredths: u8) -> String {
    format!("A{hundredths}")
}

impl DrawingBackend for Surface<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn {
        self.draw_rect(point, (point.0 + 1, point.1 + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        if self.begin(style) {
            let ((a, b), (c, d)) = (self.place(upper_left), self.place(bottom_right));
            self.content.rect(a.min(c), b.min(d), (c - a).abs(), (d - b).abs());
            if fill {
                self.content.fill_nonzero()
            } else {
                self.content.stroke()
            };
            self.content.restore_state();
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        if self.begin(style) {
            self.content.set_line_join(pdf_writer::types::LineJoinStyle::RoundJoin);
            self.trace(path);
            self.content.stroke().restore_state();
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        vert: I,
        style: &S,
    ) -> Drawn {
        if self.begin(style) {
            self.trace(vert);
            self.content.fill_nonzero().restore_state();
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        if self.begin(style) {
            let (x, y) = self.place(center);
            let r = self.length(radius as f32);
            let k = r * 0.552_284_8;
            self.content.move_to(x + r, y);
            self.content.cubic_to(x + r, y + k, x + k, y + r, x, y + r);
            self.content.cubic_to(x - k, y + r, x - r, y + k, x - r, y);
            self.content.cubic_to(x - r, y - k, x - k, y - r, x, y - r);
            self.content.cubic_to(x + k, y - r, x + r, y - k, x + r, y);
            if fill {
                self.content.fill_nonzero()
            } else {
                self.content.close_and_stroke()
            };
            self.content.restore_state();
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, pos: BackendCoord) -> Drawn {
        if !self.begin(&style.color()) {
            return Ok(());
        }
        let weight = if matches!(style.style(), FontStyle::Bold) { Weight::Bold } else { Weight::Regular };
        let size = self.length((style.size() / 1.24) as f32);
        let width = self.faces.width(text, weight, size);
        let (x, y) = self.place(pos);
        let x = match style.anchor().h_pos {
            HPos::Left => x,
            HPos::Right => x - width,
            HPos::Center => x - width / 2.0,
        };
        let y = match style.anchor().v_pos {
            VPos::Top => y - size * 0.76,
            VPos::Center => y - size * 0.32,
            VPos::Bottom => y + size * 0.25,
        };
        let bytes = self.fonts.encode(self.faces, text, weight);
        self.content.begin_text().set_font(fonts::name(weight), size);
        self.content.next_line(x, y).show(Str(&bytes)).end_text().restore_state();
        Ok(())
    }
}
