//! A chart as data, and its rendering as an image; terminals without graphics draw the same data in Braille.

use plotters::prelude::*;

use super::Rgb;

/// A point of a line: (x, y).
pub type Point = (f64, f64);

/// How a line is drawn, so that lines differ without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stroke {
    /// A line through the points.
    #[default]
    Line,
    /// A line and the area under it.
    Area,
    /// Points only.
    Points,
    /// A line broken into dashes.
    Dashed,
}

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name in a legend.
    pub name: String,
    /// Its points, by rising x.
    pub points: Vec<Point>,
    /// How it is drawn.
    pub stroke: Stroke,
    /// Which of the data colours, from 0.
    pub colour: usize,
}

/// A chart: lines, a band, limits and marks over common axes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chart {
    /// The lines.
    pub lines: Vec<Line>,
    /// A band between a lower and an upper bound: (x, low, high).
    pub band: Vec<(f64, f64, f64)>,
    /// Horizontal lines: centre and limits.
    pub levels: Vec<f64>,
    /// Vertical lines: where something changed.
    pub marks: Vec<f64>,
    /// Points that stand out.
    pub alarms: Vec<Point>,
    /// The y axis holds 0.
    pub from_zero: bool,
}

/// Red, green, blue.
pub type Colour = [u8; 3];

/// Colours of a chart's image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ink {
    /// Behind everything.
    pub background: Colour,
    /// Levels and marks.
    pub axis: Colour,
    /// Points that stand out.
    pub alarm: Colour,
    /// Lines, by their colour number.
    pub data: Vec<Colour>,
}

impl Chart {
    /// The least and the greatest x and y that are to be seen; `None` without a finite point.
    pub fn bounds(&self) -> Option<((f64, f64), (f64, f64))> {
        let points = self.lines.iter().flat_map(|line| line.points.iter().copied());
        let band = self.band.iter().flat_map(|&(x, low, high)| [(x, low), (x, high)]);
        let all: Vec<Point> = points
            .chain(band)
            .chain(self.alarms.iter().copied())
            .filter(|p| p.0.is_finite() && p.1.is_finite())
            .collect();
        let range = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
        };
        if all.is_empty() {
            return None;
        }
        let x = range(&mut all.iter().map(|p| p.0));
        let zero = self.from_zero.then_some(0.0);
        let levels = self.levels.iter().copied().filter(|v| v.is_finite());
        let y = range(&mut all.iter().map(|p| p.1).chain(levels).chain(zero));
        let widen = |(low, high): (f64, f64)| if high > low { (low, high) } else { (low, low + 1.0) };
        let (low, high) = widen(y);
        let head = (high - low) * 0.08;
        let foot = if self.from_zero && low >= 0.0 { 0.0 } else { head };
        Some((widen(x), (low - foot, high + head)))
    }

    /// The chart without text as an image; black where there is nothing to draw.
    pub fn image(&self, width: u32, height: u32, ink: &Ink) -> Rgb {
        let mut image = Rgb::new(width, height);
        if width < 4 || height < 4 || self.draw(&mut image, ink).is_none() {
            for pixel in image.data.as_chunks_mut::<3>().0 {
                *pixel = ink.background;
            }
        }
        image
    }

    fn draw(&self, image: &mut Rgb, ink: &Ink) -> Option<()> {
        let ((x0, x1), (y0, y1)) = self.bounds()?;
        let (size, thick) = ((image.width, image.height), (image.height / 160).clamp(1, 4));
        let root = BitMapBackend::with_buffer(&mut image.data, size).into_drawing_area();
        root.fill(&rgb(ink.background)).ok()?;
        let mut chart = ChartBuilder::on(&root).margin(thick + 2).build_cartesian_2d(x0..x1, y0..y1).ok()?;
        let data = |number: usize| rgb(*ink.data.get(number % ink.data.len().max(1)).unwrap_or(&ink.axis));
        if !self.band.is_empty() {
            let upper = self.band.iter().map(|&(x, _, high)| (x, high));
            let lower = self.band.iter().rev().map(|&(x, low, _)| (x, low));
            let outline: Vec<Point> = upper.chain(lower).collect();
            chart.draw_series([Polygon::new(outline, data(0).mix(0.2))]).ok()?;
        }
        let axis = rgb(ink.axis);
        for level in &self.levels {
            let line = DashedLineSeries::new([(x0, *level), (x1, *level)], 6, 4, axis.stroke_width(thick));
            chart.draw_series(line).ok()?;
        }
        for mark in &self.marks {
            chart
                .draw_series([PathElement::new([(*mark, y0), (*mark, y1)], axis.stroke_width(thick))])
                .ok()?;
        }
        for line in &self.lines {
            let (points, colour) = (line.points.iter().copied(), data(line.colour));
            match line.stroke {
                Stroke::Line => {
                    chart.draw_series(LineSeries::new(points, colour.stroke_width(thick))).ok()?
                }
                Stroke::Dashed => {
                    chart.draw_series(DashedLineSeries::new(points, 8, 6, colour.stroke_width(thick))).ok()?
                }
                Stroke::Area => {
                    let area = AreaSeries::new(points, y0, colour.mix(0.25));
                    chart.draw_series(area.border_style(colour.stroke_width(thick))).ok()?
                }
                Stroke::Points => {
                    let dot = |point| Circle::new(point, thick + 1, colour.filled());
                    chart.draw_series(points.map(dot)).ok()?
                }
            };
        }
        let cross = |point: &Point| TriangleMarker::new(*point, 4 + 2 * thick, rgb(ink.alarm).filled());
        chart.draw_series(self.alarms.iter().map(cross)).ok()?;
        drop(chart);
        root.present().ok()
    }
}

fn rgb([red, green, blue]: Colour) -> RGBColor {
    RGBColor(red, green, blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let line = Line {
            name: "open".into(),
            points: vec![(0.0, 0.0), (1.0, 4.0)],
            stroke: Stroke::Line,
            colour: 0,
        };
        Chart { lines: vec![line], from_zero: true, ..Chart::default() }
    }

    #[test]
    fn image_holds_the_line_from_corner_to_corner() {
        let ink = Ink { background: [9, 9, 9], axis: [80; 3], alarm: [255, 0, 0], data: vec![[0, 200, 0]] };
        let image = chart().image(100, 60, &ink);
        let green = |x: u32, y: u32| image.get(x, y)[1] > 100;
        assert!((0..12).any(|x| (48..60).any(|y| green(x, y))), "lower left");
        assert!((88..100).any(|x| (0..12).any(|y| green(x, y))), "upper right");
        assert!(!(0..40).any(|x| (0..20).any(|y| green(x, y))), "nothing upper left");
        assert_eq!(Chart::default().image(10, 10, &ink).get(5, 5), [9, 9, 9]);
    }
}
