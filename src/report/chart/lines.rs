//! Lines over time or over a number.

use plotters::prelude::DrawingBackend;

use super::super::{Limit, Point, RenderError, Trace, XAxis};
use super::axis::Scale;
use super::bars::{below, under, upright};
use super::canvas::{AXIS, Anchor, Canvas, LIMIT, Mark, Rect, SMALL, colour};
use super::{MARGIN, WIDTH, finite, nothing};

/// The most series that are drawn.
const MOST_SERIES: usize = 24;
/// The most points of a line that get a mark each.
const MOST_MARKS: usize = 80;

/// Draws a line chart.
pub(super) fn draw<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    x: &XAxis,
    series: &[Trace],
    limits: &[Limit],
    unit: &str,
) -> Result<(), RenderError> {
    let traces: Vec<Vec<Point>> =
        series.iter().take(MOST_SERIES).map(|trace| drawable(&trace.points)).collect();
    let limits: Vec<_> =
        limits.iter().filter_map(|limit| Some((&limit.name, finite(limit.value)?))).take(8).collect();
    let Some((across, upward)) = extent(&traces, &limits) else { return nothing(canvas) };
    let names: Vec<_> = series.iter().map(|trace| trace.name.as_str()).collect();
    let top = if names.len() > 1 { canvas.legend(&names, true)? } else { 4.0 };
    let limit_names: Vec<_> = limits.iter().map(|(name, _)| canvas.fit(name, SMALL, 130.0)).collect();
    let beside = limit_names.iter().map(|name| canvas.width(name, SMALL) + 8.0).fold(MARGIN, f64::max);
    let below_room = match x {
        XAxis::Time => under(""),
        XAxis::Number(unit) => under(unit),
    };
    let area = Rect::new(0.0, top + 26.0, WIDTH - beside, canvas.height - below_room);
    let upward = Scale::new(upward.0, upward.1, area.bottom, area.top).rounded(5);
    let left = upright(canvas, &upward, area, unit)?;
    let area = Rect { left, ..area };
    let across = Scale::new(across.0, across.1, area.left + 6.0, area.right - 6.0);
    let flat = Rect { top: area.bottom, ..area };
    match x {
        XAxis::Time => below(canvas, &across, flat, &across.times(6), "")?,
        XAxis::Number(unit) => below(canvas, &across, flat, &across.ticks(7), unit)?,
    }
    canvas.path(&[(area.left, area.bottom), (area.right, area.bottom)], AXIS, 1.0)?;
    for (index, points) in traces.iter().enumerate() {
        band(canvas, points, (&across, &upward), index)?;
    }
    limit_lines(canvas, &limits, &limit_names, &upward, area)?;
    for (index, points) in traces.iter().enumerate() {
        line(canvas, points, (&across, &upward), index)?;
    }
    Ok(())
}

/// The points that can be drawn, by rising x.
fn drawable(points: &[Point]) -> Vec<Point> {
    let point = |point: &Point| {
        let band = point.band.and_then(|(low, high)| Some((finite(low)?, finite(high)?)));
        Some(Point { x: finite(point.x)?, y: finite(point.y)?, band })
    };
    let mut points: Vec<_> = points.iter().filter_map(point).collect();
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    points
}

type Ends = (f64, f64);

/// The lowest and the highest values along both axes.
fn extent(traces: &[Vec<Point>], limits: &[(&String, f64)]) -> Option<(Ends, Ends)> {
    let points = || traces.iter().flatten();
    let bands = points().filter_map(|point| point.band).flat_map(|(low, high)| [low, high]);
    let ys = points().map(|point| point.y).chain(bands).chain(limits.iter().map(|limit| limit.1));
    Some((ends(points().map(|point| point.x))?, ends(ys)?))
}

fn ends(values: impl Iterator<Item = f64>) -> Option<Ends> {
    values.fold(None, |ends, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

/// Draws the band around a line.
fn band<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    points: &[Point],
    (across, upward): (&Scale, &Scale),
    series: usize,
) -> Result<(), RenderError> {
    let bands: Vec<_> = points.iter().filter_map(|point| Some((across.at(point.x), point.band?))).collect();
    if bands.len() == 1 {
        let (x, (low, high)) = bands[0];
        return canvas.path(&[(x, upward.at(low)), (x, upward.at(high))], colour(series), 1.0);
    }
    let high = bands.iter().map(|(x, band)| (*x, upward.at(band.1)));
    let low = bands.iter().rev().map(|(x, band)| (*x, upward.at(band.0)));
    let (high, low) = (high.collect::<Vec<_>>(), low.collect::<Vec<_>>());
    let outline = [thinned(&high), thinned(&low)].concat();
    canvas.area(&outline, colour(series), 0.16)
}

/// Draws limits and writes their names at their right end, one above the other if they are close.
fn limit_lines<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    limits: &[(&String, f64)],
    names: &[String],
    upward: &Scale,
    area: Rect,
) -> Result<(), RenderError> {
    let mut order: Vec<_> =
        limits.iter().zip(names).map(|((_, value), name)| (upward.at(*value), name)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = f64::MIN;
    for (y, name) in order {
        canvas.dashes((area.left, y), (area.right, y), LIMIT)?;
        let place = (area.right + 6.0, y.max(free));
        canvas.text(name, place, SMALL, Anchor::LEFT, LIMIT)?;
        free = place.1 + 13.0;
    }
    Ok(())
}

/// Draws a line and its marks.
fn line<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    points: &[Point],
    (across, upward): (&Scale, &Scale),
    series: usize,
) -> Result<(), RenderError> {
    let places: Vec<_> = points.iter().map(|point| (across.at(point.x), upward.at(point.y))).collect();
    canvas.path(&thinned(&places), colour(series), 1.6)?;
    if places.len() <= MOST_MARKS {
        for place in places {
            canvas.mark(Mark::of(series), place, 3.0, colour(series))?;
        }
    }
    Ok(())
}

/// A line of many points by its first, lowest, highest and last point on each step of one point to the right.
fn thinned(places: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if places.len() <= 1500 {
        return places.to_vec();
    }
    let mut kept = Vec::new();
    for same in places.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let ends = [same.first(), same.iter().min_by(by_height), same.iter().max_by(by_height), same.last()];
        kept.extend(ends.into_iter().flatten().copied());
    }
    kept
}
