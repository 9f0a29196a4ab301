//! A chart as data, and its rendering as an image; terminals without graphics draw the same data in Braille.

use plotters::coord::types::RangedCoordf64;
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
    /// Points with a faint line from one to the next: a control chart.
    Chained,
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

/// What a horizontal line stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LevelKind {
    /// The centre of a control chart: a whole line.
    Centre,
    /// A control limit: a broken line.
    Limit,
}

/// A horizontal line over the whole chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Where it lies.
    pub value: f64,
    /// What it is.
    pub kind: LevelKind,
    /// What stands at its right end, such as `upper`.
    pub name: String,
}

/// What a vertical line stands for; each is broken another way, so that they differ without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MarkKind {
    /// Since then the values are others: a whole line.
    Since,
    /// A guideline came into force: long dashes.
    Guideline,
    /// A scanner changed: dots.
    Scanner,
}

impl MarkKind {
    /// Pixels (or dots) drawn and left out in turn.
    pub fn dash(self) -> (i32, i32) {
        match self {
            Self::Since => (1, 0),
            Self::Guideline => (6, 3),
            Self::Scanner => (1, 3),
        }
    }
}

/// A vertical line: where something changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Where it lies on the x axis.
    pub at: f64,
    /// What changed.
    pub kind: MarkKind,
    /// What stands over it, such as `v3`.
    pub name: String,
}

/// A chart: lines, a band, limits and marks over common axes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chart {
    /// The lines.
    pub lines: Vec<Line>,
    /// A band between a lower and an upper bound: (x, low, high).
    pub band: Vec<(f64, f64, f64)>,
    /// Horizontal lines: centre and limits.
    pub levels: Vec<Level>,
    /// Vertical lines: where something changed.
    pub marks: Vec<Mark>,
    /// The part of the x axis that the limits were made from.
    pub reference: Option<(f64, f64)>,
    /// Points that stand out.
    pub alarms: Vec<Point>,
    /// The point under the cursor.
    pub cursor: Option<Point>,
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
    /// Centres, and what the limits were made from.
    pub axis: Colour,
    /// Limits.
    pub limit: Colour,
    /// Changes of guideline and scanner.
    pub mark: Colour,
    /// Points that stand out, and since when.
    pub alarm: Colour,
    /// The ring around the point under the cursor.
    pub cursor: Colour,
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
        let levels = self.levels.iter().map(|level| level.value).filter(|v| v.is_finite());
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
        self.draw_ground(&mut chart, ink, thick)?;
        for line in &self.lines {
            draw_line(&mut chart, line, ink.data(line.colour), (y0, thick))?;
        }
        let cross = |point: &Point| TriangleMarker::new(*point, 4 + 2 * thick, rgb(ink.alarm).filled());
        chart.draw_series(self.alarms.iter().map(cross)).ok()?;
        if let Some(at) = self.cursor {
            let ring = |grow: u32| Circle::new(at, 5 + 2 * thick + grow, rgb(ink.cursor).stroke_width(1));
            chart.draw_series((0..=thick).map(ring)).ok()?;
        }
        drop(chart);
        root.present().ok()
    }

    /// What lies under the lines: reference, band, levels, marks.
    fn draw_ground(&self, chart: &mut Axes<'_, '_>, ink: &Ink, thick: u32) -> Option<()> {
        let ((x0, x1), (y0, y1)) = self.bounds()?;
        let axis = rgb(ink.axis);
        if let Some((from, to)) = self.reference {
            let corners = [(from.max(x0), y0), (to.min(x1), y1)];
            chart.draw_series([Rectangle::new(corners, axis.mix(0.3).filled())]).ok()?;
        }
        if !self.band.is_empty() {
            let upper = self.band.iter().map(|&(x, _, high)| (x, high));
            let lower = self.band.iter().rev().map(|&(x, low, _)| (x, low));
            let outline: Vec<Point> = upper.chain(lower).collect();
            chart.draw_series([Polygon::new(outline, ink.data(0).mix(0.2))]).ok()?;
        }
        for level in &self.levels {
            let ends = [(x0, level.value), (x1, level.value)];
            let style = axis.stroke_width(thick);
            match level.kind {
                LevelKind::Centre => chart.draw_series(LineSeries::new(ends, style)).ok()?,
                LevelKind::Limit => chart
                    .draw_series(DashedLineSeries::new(ends, 8, 5, rgb(ink.limit).stroke_width(thick)))
                    .ok()?,
            };
        }
        for mark in self.marks.iter().filter(|mark| (x0..=x1).contains(&mark.at)) {
            let ends = [(mark.at, y0), (mark.at, y1)];
            let colour = if mark.kind == MarkKind::Since { rgb(ink.alarm) } else { rgb(ink.mark) };
            let (on, off) = mark.kind.dash();
            let (on, off) = (on * 2 * thick as i32, off * 2 * thick as i32);
            chart.draw_series(DashedLineSeries::new(ends, on, off, colour.stroke_width(thick))).ok()?;
        }
        Some(())
    }
}

type Axes<'a, 'b> = ChartContext<'a, BitMapBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn draw_line(
    chart: &mut Axes<'_, '_>,
    line: &Line,
    colour: RGBColor,
    (foot, thick): (f64, u32),
) -> Option<()> {
    let points = line.points.iter().copied();
    let style = colour.stroke_width(thick);
    match line.stroke {
        Stroke::Line => {
            chart.draw_series(LineSeries::new(points, style)).ok()?;
        }
        Stroke::Dashed => {
            chart.draw_series(DashedLineSeries::new(points, 8, 6, style)).ok()?;
        }
        Stroke::Area => {
            let area = AreaSeries::new(points, foot, colour.mix(0.25));
            chart.draw_series(area.border_style(style)).ok()?;
        }
        Stroke::Points => {
            let dot = |point| Circle::new(point, thick + 1, colour.filled());
            chart.draw_series(points.map(dot)).ok()?;
        }
        Stroke::Chained => {
            chart.draw_series(LineSeries::new(points.clone(), colour.mix(0.5).stroke_width(1))).ok()?;
            let dot = |point| Circle::new(point, thick + 2, colour.filled());
            chart.draw_series(points.map(dot)).ok()?;
        }
    }
    Some(())
}

impl Ink {
    fn data(&self, number: usize) -> RGBColor {
        rgb(*self.data.get(number % self.data.len().max(1)).unwrap_or(&self.axis))
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

    fn ink() -> Ink {
        Ink {
            background: [9, 9, 9],
            axis: [80; 3],
            limit: [0, 0, 220],
            mark: [200, 0, 200],
            alarm: [255, 0, 0],
            cursor: [255; 3],
            data: vec![[0, 200, 0]],
        }
    }

    /// Whether any pixel of a part of the image is nearer to a colour than to anything else drawn.
    fn holds(image: &Rgb, x: std::ops::Range<u32>, y: std::ops::Range<u32>, colour: Colour) -> bool {
        let near = |pixel: Colour| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 70);
        x.into_iter().any(|x| y.clone().any(|y| near(image.get(x, y))))
    }

    #[test]
    fn control_chart_shows_limits_marks_alarms_and_the_cursor_where_they_are() {
        let line = Line {
            name: String::new(),
            points: vec![(0.0, 5.0), (50.0, 5.0), (100.0, 9.0)],
            stroke: Stroke::Chained,
            colour: 0,
        };
        let level = |value, kind| Level { value, kind, name: String::new() };
        let mark = |at, kind| Mark { at, kind, name: String::new() };
        let chart = Chart {
            lines: vec![line],
            levels: vec![
                level(5.0, LevelKind::Centre),
                level(8.0, LevelKind::Limit),
                level(0.0, LevelKind::Limit),
            ],
            marks: vec![mark(25.0, MarkKind::Guideline), mark(75.0, MarkKind::Since)],
            alarms: vec![(100.0, 9.0)],
            cursor: Some((50.0, 5.0)),
            reference: Some((0.0, 20.0)),
            ..Chart::default()
        };
        let image = chart.image(200, 100, &ink());
        // y runs from −0.72 to 9.72 over 100 rows: 8 lies near row 17, 5 near row 45.
        assert!(holds(&image, 30..45, 12..22, [0, 0, 220]), "upper limit");
        assert!(holds(&image, 45..56, 0..100, [200, 0, 200]), "guideline at a quarter");
        assert!(holds(&image, 145..156, 60..90, [255, 0, 0]), "change at three quarters");
        assert!(holds(&image, 185..200, 0..20, [255, 0, 0]), "alarm");
        assert!(holds(&image, 88..112, 35..60, [255; 3]), "cursor in the middle");
        assert!(!holds(&image, 120..140, 60..90, [255, 0, 0]), "nothing where nothing is");
    }

    #[test]
    fn image_holds_the_line_from_corner_to_corner() {
        let image = chart().image(100, 60, &ink());
        let green = |x: u32, y: u32| image.get(x, y)[1] > 100;
        assert!((0..12).any(|x| (48..60).any(|y| green(x, y))), "lower left");
        assert!((88..100).any(|x| (0..12).any(|y| green(x, y))), "upper right");
        assert!(!(0..40).any(|x| (0..20).any(|y| green(x, y))), "nothing upper left");
        assert_eq!(Chart::default().image(10, 10, &ink()).get(5, 5), [9, 9, 9]);
    }
}
