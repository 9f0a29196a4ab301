//! Masks by hand: a quarantined picture, the boxes that would be masked, and what a person makes of them.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crossterm::event::MouseEventKind;
use ratatui::layout::{Rect, Size};

use super::IngestAnswer;
use crate::bytes::ByteSource;
use crate::console::canvas::Canvas;
use crate::console::image::{Graphics, Want, target};
use crate::console::keymap::{Action, action};
use crate::console::screen::{Context, Effect, Effects, Loadable, Task, ask, draw_absent};
use crate::console::widget::words;
use crate::engine::command::IntakeChoice;
use crate::engine::query::{IntakeMasks, IntakeMasksView};
use crate::engine::{EngineError, tools};
use crate::model::{Area, Drawing, DrawnMask};
use crate::render::{LabelMask, Labels, Look, Mapping, Slice, Target, View, compose};

/// Pixels that a key moves by.
const STEPS: [u32; 3] = [16, 4, 1];
/// How far a key zooms.
const ZOOM: f64 = 1.5;
/// Frames that a page is.
const PAGE: i64 = 10;
/// Opacity of a mask while it is drawn, and as it will be.
const FILLS: [f32; 2] = [0.25, 1.0];
/// Colours of a mask, and of the selected one: numbers of labels.
const COLOURS: [u16; 2] = [2, 1];
/// Cells of the list beside the picture.
const LIST_WIDTH: u16 = 30;

pub(super) const ACTIONS: &[Action] = &[
    action("mask.pass", &["enter"], "pass", "mask the chosen files as drawn and pass them on"),
    action(
        "mask.add",
        &["n"],
        "new",
        "a new mask in the middle of what is seen (or draw one with the mouse)",
    ),
    action("mask.remove", &["x", "delete"], "remove", "remove the selected mask"),
    action("mask.wider", &["L"], "wider", "the selected mask wider"),
    action("mask.narrower", &["H"], "", "the selected mask narrower"),
    action("mask.taller", &["J"], "taller", "the selected mask taller"),
    action("mask.lower", &["K"], "", "the selected mask less tall"),
    action("mask.step", &["s"], "step", "move and size by 16, 4 or 1 pixels"),
    action("mask.frames", &["t"], "frames", "the selected mask in every frame, or in this one alone"),
    action("mask.next_frame", &[".", "pagedown"], "", "the next frame (PgDn: ten on)"),
    action("mask.previous_frame", &[",", "pageup"], "", "the frame before (PgUp: ten back)"),
    action("mask.preview", &["v"], "", "the masks as they will be, or seen through"),
    action("mask.window", &["w"], "", "the next window"),
    action("mask.zoom_in", &["+", "="], "zoom", "zoom in on the selected mask"),
    action("mask.zoom_out", &["-"], "", "zoom out"),
    action("mask.again", &["r"], "", "the masks as they were proposed"),
];

/// A picture whose masks are drawn.
pub(super) struct Masking {
    id: i64,
    /// What the masks will be used on, and how many files that is.
    pub choice: IntakeChoice,
    pub count: u64,
    proposed: Loadable<IntakeMasksView>,
    masks: Vec<DrawnMask>,
    selected: usize,
    /// The frame that is shown, from 1.
    frame: u32,
    bytes: Option<Arc<ByteSource<'static>>>,
    picture: Option<(u32, Result<Arc<Slice>, String>)>,
    preset: usize,
    step: usize,
    preview: bool,
    zoom: f64,
    /// The middle of what is seen, as shares of the picture's sides.
    center: (f64, f64),
    drag: Option<Drag>,
    /// Where the picture was drawn last.
    place: Cell<Rect>,
}

/// A mask that is drawn with the mouse: where it began, and which it is once it has a size.
#[derive(Debug, Clone, Copy)]
struct Drag {
    x: u32,
    y: u32,
    mask: Option<usize>,
}

/// A decoded frame with the file that it is from, so that the file is fetched once.
pub(super) struct FrameSeen {
    id: i64,
    frame: u32,
    bytes: Option<Arc<ByteSource<'static>>>,
    slice: Result<Arc<Slice>, String>,
}

impl Masking {
    /// Begins with one file, for all that are chosen.
    pub fn begin(id: i64, choice: IntakeChoice, count: u64, context: &Context<'_>) -> (Self, Effects) {
        let mut masking = Self {
            id,
            choice,
            count,
            proposed: Loadable::default(),
            masks: Vec::new(),
            selected: 0,
            frame: 1,
            bytes: None,
            picture: None,
            preset: 0,
            step: 0,
            preview: false,
            zoom: 1.0,
            center: (0.5, 0.5),
            drag: None,
            place: Cell::default(),
        };
        masking.proposed.wait(context.now_ms);
        let question = ask("masks", IntakeMasks { id }, move |answer| IngestAnswer::Masks(id, answer));
        (masking, vec![question])
    }

    /// What was drawn.
    pub fn drawing(&self) -> Option<Drawing> {
        let Drawing { columns, rows, .. } = self.proposed.value.as_ref()?.drawing;
        Some(Drawing { columns, rows, masks: self.masks.clone() })
    }

    pub fn answer(&mut self, id: i64, answer: Result<IntakeMasksView, EngineError>) -> Effects {
        if id != self.id {
            return Vec::new();
        }
        self.proposed.set(answer);
        self.start_over();
        vec![self.look()]
    }

    pub fn seen(&mut self, seen: FrameSeen) {
        if (seen.id, seen.frame) == (self.id, self.frame) {
            self.bytes = seen.bytes.or(self.bytes.take());
            self.picture = Some((seen.frame, seen.slice));
        }
    }

    fn start_over(&mut self) {
        self.masks = self.proposed.value.as_ref().map_or_else(Vec::new, |view| view.drawing.masks.clone());
        self.selected = 0;
    }

    /// Decodes the frame.
    fn look(&self) -> Effect {
        let (id, frame, bytes) = (self.id, self.frame, self.bytes.clone());
        let task: Task = Box::new(move |client| {
            let bytes = match bytes {
                Some(bytes) => Ok(bytes),
                None => client.quarantined(id).map(Arc::new).map_err(|error| error.to_string()),
            };
            let slice = bytes.clone().and_then(|bytes| {
                tools::stored_frame(&bytes, frame - 1).map(Arc::new).map_err(|error| error.to_string())
            });
            Box::new(IngestAnswer::Frame(FrameSeen { id, frame, bytes: bytes.ok(), slice }))
        });
        Effect::Ask("frame", task)
    }

    fn frames(&self) -> u32 {
        self.proposed.value.as_ref().map_or(1, |view| view.frames.max(1))
    }

    fn turn_to(&mut self, by: i64) -> Effects {
        let frame = (i64::from(self.frame) + by).clamp(1, i64::from(self.frames())) as u32;
        if frame == self.frame {
            return Vec::new();
        }
        // The frame before must not be taken for this one.
        (self.frame, self.picture) = (frame, None);
        vec![self.look()]
    }

    /// Masks of the frame that is shown, as numbers in the list.
    fn here(&self) -> impl Iterator<Item = usize> + '_ {
        let shown = |mask: &DrawnMask| mask.frame.is_none_or(|frame| frame == self.frame);
        self.masks.iter().enumerate().filter(move |(_, mask)| shown(mask)).map(|(at, _)| at)
    }

    /// What the keys of the editor do; `None` where the key is none of them.
    pub fn action(&mut self, name: &str) -> Option<Effects> {
        let step = i64::from(STEPS[self.step]);
        match name {
            "list.left" => self.change(|a| shift(&mut a.x, -step)),
            "list.right" => self.change(|a| shift(&mut a.x, step)),
            "list.up" => self.change(|a| shift(&mut a.y, -step)),
            "list.down" => self.change(|a| shift(&mut a.y, step)),
            "mask.wider" => self.change(|a| shift(&mut a.width, step)),
            "mask.narrower" => self.change(|a| shift(&mut a.width, -step)),
            "mask.taller" => self.change(|a| shift(&mut a.height, step)),
            "mask.lower" => self.change(|a| shift(&mut a.height, -step)),
            "mask.step" => self.step = (self.step + 1) % STEPS.len(),
            "mask.add" => self.add(),
            "mask.remove" => self.remove(),
            "mask.frames" => {
                let frame = self.frame;
                if let Some(mask) = self.masks.get_mut(self.selected) {
                    mask.frame = if mask.frame.is_none() { Some(frame) } else { None };
                }
            }
            "mask.preview" => self.preview = !self.preview,
            "mask.window" => self.preset += 1,
            "mask.zoom_in" => self.zoom = (self.zoom * ZOOM).min(16.0),
            "mask.zoom_out" => self.zoom = (self.zoom / ZOOM).max(1.0),
            "mask.again" => self.start_over(),
            "pane.next" => self.select(1),
            "pane.previous" => self.select(-1),
            "mask.next_frame" => return Some(self.turn_to(1)),
            "mask.previous_frame" => return Some(self.turn_to(-1)),
            "list.page_down" => return Some(self.turn_to(PAGE)),
            "list.page_up" => return Some(self.turn_to(-PAGE)),
            "list.first" => return Some(self.turn_to(i64::MIN / 2)),
            "list.last" => return Some(self.turn_to(i64::MAX / 2)),
            _ => return None,
        }
        self.follow();
        Some(Vec::new())
    }

    /// Selects another mask of this frame.
    fn select(&mut self, by: i64) {
        let here: Vec<usize> = self.here().collect();
        if here.is_empty() {
            return;
        }
        let at = here.iter().position(|at| *at == self.selected);
        let next = at.map_or(0, |at| (at as i64 + by).rem_euclid(here.len() as i64));
        self.selected = here[next as usize];
    }

    /// Changes the selected mask and keeps it in the picture.
    fn change(&mut self, change: impl FnOnce(&mut Area)) {
        let Some((columns, rows)) = self.matrix() else { return };
        if let Some(mask) = self.masks.get_mut(self.selected) {
            change(&mut mask.area);
            let area = &mut mask.area;
            (area.x, area.y) = (area.x.min(columns - 1), area.y.min(rows - 1));
            area.width = area.width.clamp(1, columns - area.x);
            area.height = area.height.clamp(1, rows - area.y);
        }
    }

    fn matrix(&self) -> Option<(u32, u32)> {
        let drawing = &self.proposed.value.as_ref()?.drawing;
        (drawing.columns > 0 && drawing.rows > 0).then_some((drawing.columns, drawing.rows))
    }

    fn add(&mut self) {
        let Some((columns, rows)) = self.matrix() else { return };
        let (width, height) = ((columns / 4).max(1), (rows / 16).max(1));
        let (x, y) = self.center;
        let middle =
            |share: f64, of: u32, size: u32| ((share * f64::from(of)) as u32).saturating_sub(size / 2);
        let area = Area { x: middle(x, columns, width), y: middle(y, rows, height), width, height };
        self.push(area);
        self.change(|_| {});
    }

    fn push(&mut self, area: Area) {
        self.masks.push(DrawnMask { frame: None, area });
        self.selected = self.masks.len() - 1;
    }

    fn remove(&mut self) {
        if self.selected < self.masks.len() {
            self.masks.remove(self.selected);
            self.selected = self.selected.min(self.masks.len().saturating_sub(1));
        }
    }

    /// A press selects the mask below it or begins a new one; a drag draws it.
    pub fn mouse(&mut self, kind: MouseEventKind, x: u16, y: u16, context: &Context<'_>) {
        let Some((column, row)) = self.under(x, y, &context.graphics) else {
            if !matches!(kind, MouseEventKind::Drag(_)) {
                self.drag = None;
            }
            return;
        };
        match kind {
            MouseEventKind::Down(_) => {
                let pixel = Area { x: column, y: row, width: 1, height: 1 };
                let hit = self.here().find(|at| self.masks[*at].area.contains(&pixel));
                self.drag = hit.is_none().then_some(Drag { x: column, y: row, mask: None });
                self.selected = hit.unwrap_or(self.selected);
            }
            MouseEventKind::Drag(_) | MouseEventKind::Up(_) => {
                let Some(Drag { x, y, mask }) = self.drag else { return };
                let area = Area {
                    x: x.min(column),
                    y: y.min(row),
                    width: x.abs_diff(column) + 1,
                    height: y.abs_diff(row) + 1,
                };
                let drawn = mask.and_then(|at| self.masks.get_mut(at));
                match drawn {
                    Some(mask) => mask.area = area,
                    None if area.pixels() > 1 => self.push(area),
                    None => {}
                }
                let mask = mask.or_else(|| (area.pixels() > 1).then_some(self.selected));
                self.drag = matches!(kind, MouseEventKind::Drag(_)).then_some(Drag { x, y, mask });
            }
            _ => {}
        }
    }

    /// The column and row of the picture under a cell.
    fn under(&self, x: u16, y: u16, graphics: &Graphics) -> Option<(u32, u32)> {
        let (place, Some((_, Ok(slice)))) = (self.place.get(), &self.picture) else { return None };
        if place.is_empty() || !place.contains((x, y).into()) {
            return None;
        }
        let target = target(graphics, Size::new(place.width, place.height), false);
        let share = |at: u16, from: u16, of: u16| (f64::from(at - from) + 0.5) / f64::from(of);
        let mapping = Mapping::new(slice, &self.view(), &target);
        let (column, row) = mapping.to_slice(
            share(x, place.x, place.width) * f64::from(target.width),
            share(y, place.y, place.height) * f64::from(target.height),
        );
        let limit = |at: f64, end: u32| at.clamp(0.0, f64::from(end.saturating_sub(1))) as u32;
        Some((limit(column, slice.columns), limit(row, slice.rows)))
    }

    /// What part of the picture is seen.
    fn view(&self) -> View {
        let mut view = View { zoom: self.zoom, center: self.center };
        view.pan_by(0.0, 0.0);
        view
    }

    /// Brings the selected mask into the middle.
    fn follow(&mut self) {
        if let (Some(mask), Some((columns, rows))) = (self.masks.get(self.selected), self.matrix()) {
            let Area { x, y, width, height } = mask.area;
            let share = |at: u32, size: u32, of: u32| (f64::from(at) + f64::from(size) / 2.0) / f64::from(of);
            self.center = (share(x, width, columns), share(y, height, rows));
        }
    }

    pub fn note(&self) -> String {
        format!("step {} · {} masked", STEPS[self.step], words::plural(self.masks.len() as u64, "area"))
    }

    pub fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let list = LIST_WIDTH.min(area.width / 3);
        let title = match self.frames() {
            1 => "What a person sees".to_string(),
            frames => format!("Frame {} of {frames}", self.frame),
        };
        let inner = canvas.pane(Rect { width: area.width - list, ..area }, &title, true);
        self.place.set(inner);
        match &self.picture {
            Some((_, Ok(slice))) => {
                canvas.picture(inner, self.want(slice, inner));
            }
            Some((_, Err(why))) => canvas.empty(inner, &format!("no picture: {why}")),
            None => draw_absent::<IntakeMasksView>(canvas, inner, &self.proposed, context, ""),
        }
        let beside = Rect { x: area.right() - list, width: list, ..area };
        self.draw_list(canvas, beside, context);
    }

    fn draw_list(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let title = format!("Masks for {}", words::plural(self.count, "file"));
        let inner = canvas.pane(area, &title, false);
        if self.proposed.value.is_none() {
            draw_absent(canvas, inner, &self.proposed, context, "");
            return;
        }
        if self.masks.is_empty() {
            canvas.empty(inner, "No mask. n adds one; Enter passes the picture as it is.");
            return;
        }
        let rows = usize::from(inner.height.max(1));
        let first = (self.selected + 1).saturating_sub(rows);
        for (row, (at, mask)) in self.masks.iter().enumerate().skip(first).take(rows).enumerate() {
            let Area { x, y, width, height } = mask.area;
            let frames = mask.frame.map_or(String::new(), |frame| format!(" · frame {frame}"));
            let here = mask.frame.is_none_or(|frame| frame == self.frame);
            let style = if here { canvas.theme.text() } else { canvas.theme.dim() };
            let line = Rect { y: inner.y + row as u16, height: 1, ..inner };
            canvas.text(line.x, line.y, line.width, &format!("{width}×{height} at {x},{y}{frames}"), style);
            if at == self.selected {
                let style = canvas.theme.selected(style, true);
                canvas.restyle(line, style);
            }
        }
    }

    fn want(&self, slice: &Arc<Slice>, place: Rect) -> Want {
        let presets = slice.presets();
        let window = presets.get(self.preset % presets.len().max(1)).map(|p| p.window.resolve(slice));
        let (view, fill) = (self.view(), FILLS[usize::from(self.preview)]);
        let drawn: Vec<(Area, bool)> =
            self.here().map(|at| (self.masks[at].area, at == self.selected)).collect();
        let mut hasher = DefaultHasher::new();
        (self.id, self.frame, self.preset, self.preview, &drawn).hash(&mut hasher);
        [view.zoom, view.center.0, view.center.1].map(f64::to_bits).hash(&mut hasher);
        let slice = Arc::clone(slice);
        let painter = Arc::new(move |target: &Target| {
            let mask = labelled(slice.columns, slice.rows, &drawn);
            let look =
                Look { view, marks: false, labels: Some(Labels { mask: &mask, fill }), ..Look::new(window?) };
            Some(compose(&slice, &look, target))
        });
        let size = Size { width: place.width, height: place.height };
        Want { pane: "masks", size, content: hasher.finish(), coarse: false, painter }
    }
}

/// The masks as labels, the selected one over the others.
fn labelled(columns: u32, rows: u32, drawn: &[(Area, bool)]) -> LabelMask {
    let mut labels = vec![0; columns as usize * rows as usize];
    for wanted in [false, true] {
        for (area, _) in drawn.iter().filter(|(_, selected)| *selected == wanted) {
            let Some(area) = area.within(columns, rows) else { continue };
            for y in area.y..area.bottom() {
                let row = y as usize * columns as usize;
                labels[row + area.x as usize..row + area.right() as usize].fill(COLOURS[usize::from(wanted)]);
            }
        }
    }
    LabelMask { columns, rows, labels }
}

fn shift(side: &mut u32, by: i64) {
    *side = (i64::from(*side) + by).clamp(0, i64::from(u32::MAX)) as u32;
}
