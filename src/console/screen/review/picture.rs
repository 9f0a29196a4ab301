//! What is looked at: stack, plane, slice, window, zoom.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use ratatui::layout::Size;

use super::case::Case;
use super::drawn::{Cut, Over, Shown, worst_slices};
use crate::console::image::{Decoded, Want};
use crate::console::screen::Context;
use crate::engine::query::{FrameRef, StackView};
use crate::render::{Labels, Look, Plane, Slice, View, Window, compose, is_reversed, reslice};

/// Opacity of what readers drew; outlines are opaque.
const FILL: f32 = 0.25;

/// Frames that are decoded ahead on either side.
const AHEAD: usize = 400;

/// The state of looking at one case.
#[derive(Debug, Clone, Default)]
pub(super) struct Looking {
    pub stack: usize,
    pub volume: usize,
    pub plane: Plane,
    /// The slice in each plane: native, rows, columns.
    at: [u32; 3],
    pub preset: usize,
    /// A window set by hand.
    pub own: Option<Window>,
    pub invert: bool,
    pub view: View,
    /// Whose drawings lie over the picture.
    pub shown: Shown,
    backwards: bool,
}

/// What there is to draw.
pub(super) enum Seen {
    /// A slice, with the number that identifies it.
    Slice(Arc<Slice>, u64),
    /// Not decoded yet.
    Waiting,
    /// It cannot be decoded.
    Failed(String),
    /// The series has no image.
    Nothing,
}

impl Looking {
    /// The middle of a case's first stack.
    pub fn at(case: &Case) -> Self {
        let mut looking = Self::default();
        if let Some(stack) = case.series.stacks.first() {
            looking.at = [stack.slices.max(1) / 2, stack.rows / 2, stack.columns / 2];
        }
        looking
    }

    pub fn stack<'a>(&self, case: &'a Case) -> Option<&'a StackView> {
        case.series.stacks.get(self.stack)
    }

    /// Slices of a volume, however the stack counts them.
    fn slices(stack: &StackView) -> u32 {
        let frames = stack.frames.len() as u32;
        if stack.volumes > 1 { (frames / stack.volumes).max(1) } else { frames.max(1) }
    }

    /// How many slices the plane has.
    pub fn count(&self, case: &Case) -> u32 {
        let Some(stack) = self.stack(case) else { return 0 };
        match self.plane {
            Plane::Native => Self::slices(stack),
            Plane::Rows => stack.rows,
            Plane::Columns => stack.columns,
        }
    }

    fn plane_index(&self) -> usize {
        match self.plane {
            Plane::Native => 0,
            Plane::Rows => 1,
            Plane::Columns => 2,
        }
    }

    /// The slice, from 0.
    pub fn index(&self) -> u32 {
        self.at[self.plane_index()]
    }

    fn set_index(&mut self, index: u32, case: &Case) {
        let last = self.count(case).saturating_sub(1);
        self.at[self.plane_index()] = index.min(last);
    }

    /// Shows a frame of a stack as it was acquired; whether another one was shown before.
    pub fn show_native(&mut self, stack: u32, frame: u32, case: &Case) -> bool {
        let before = (self.plane, self.stack, self.volume, self.at);
        (self.plane, self.stack) = (Plane::Native, stack as usize);
        let slices = self.stack(case).map_or(1, Self::slices);
        self.volume = (frame / slices) as usize;
        self.set_index(frame % slices, case);
        before != (self.plane, self.stack, self.volume, self.at)
    }

    fn frame<'a>(&self, case: &'a Case, slice: u32) -> Option<&'a FrameRef> {
        let stack = self.stack(case)?;
        stack.frames.get(self.volume * Self::slices(stack) as usize + slice as usize)
    }

    /// The frame on screen, where it is one as it was acquired.
    pub fn shown<'a>(&self, case: &'a Case) -> Option<&'a FrameRef> {
        if self.plane == Plane::Native { self.frame(case, self.index()) } else { None }
    }

    /// The frames to decode, the most urgent first: outwards from the one on screen.
    pub fn wanted(&self, case: &Case) -> Vec<FrameRef> {
        let Some(stack) = self.stack(case) else { return Vec::new() };
        let (slices, middle) = (Self::slices(stack) as usize, self.at[0] as usize);
        let reach = if self.plane == Plane::Native { AHEAD.min(slices) } else { slices };
        let outwards = std::iter::once(middle).chain(
            (1..=reach).flat_map(|step| [middle.checked_add(step), middle.checked_sub(step)]).flatten(),
        );
        let known =
            |slice: usize| (slice < slices).then(|| self.frame(case, slice as u32)).flatten().cloned();
        outwards.filter_map(known).collect()
    }

    /// What there is to draw now.
    pub fn seen(&self, case: &Case, context: &Context<'_>) -> Seen {
        let Some(stack) = self.stack(case) else { return Seen::Nothing };
        if self.plane == Plane::Native {
            let Some(frame) = self.frame(case, self.index()) else { return Seen::Nothing };
            return match (context.slice)(frame) {
                Some(Ok(slice)) => Seen::Slice(slice, hashed(frame)),
                Some(Err(why)) => Seen::Failed(why),
                None => Seen::Waiting,
            };
        }
        let decoded: Vec<Option<Decoded>> = (0..Self::slices(stack))
            .map(|slice| self.frame(case, slice).and_then(|frame| (context.slice)(frame)))
            .collect();
        let have = decoded.iter().flatten().filter(|slice| slice.is_ok()).count();
        let slices: Vec<Option<&Slice>> =
            decoded.iter().map(|slice| slice.as_ref().and_then(|slice| slice.as_deref().ok())).collect();
        let step = stack.spacing_mm.map_or(1.0, |[_, _, step]| step);
        match reslice(&slices, self.plane, self.index(), step) {
            Some(slice) => {
                Seen::Slice(Arc::new(slice), hashed(&(stack.frames.first(), self.plane, self.index(), have)))
            }
            None => Seen::Waiting,
        }
    }

    /// The window, and its name.
    pub fn window(&self, slice: &Slice) -> (Window, String) {
        if let Some(own) = self.own {
            return (own, "own".into());
        }
        let presets = slice.presets();
        match presets.get(self.preset % presets.len().max(1)) {
            Some(preset) => (preset.window.resolve(slice), preset.name.clone()),
            None => (Window::between(0.0, 1.0), String::new()),
        }
    }

    /// The picture of what is seen.
    pub fn want(&self, case: &Case, slice: &Arc<Slice>, identity: u64, size: Size, coarse: bool) -> Want {
        let (window, _) = self.window(slice);
        let (invert, view) = (self.invert, self.view);
        // Laid over the slice by whoever paints, not by who draws the screen.
        let over = self.over(case);
        let slice = Arc::clone(slice);
        let bits = [window.center, window.width, view.zoom, view.center.0, view.center.1].map(f64::to_bits);
        let content = hashed(&(identity, bits, self.invert, self.shown, case.drawn.len()));
        let painter = Arc::new(move |target: &crate::render::Target| {
            let mask = over.as_ref().and_then(Over::labels);
            let labels = mask.as_ref().map(|mask| Labels { mask, fill: FILL });
            Some(compose(&slice, &Look { window, invert, view, marks: true, labels }, target))
        });
        Want { pane: "review", size, content, coarse, painter }
    }

    /// What readers drew on the cut that is seen; nothing where it is hidden.
    fn over(&self, case: &Case) -> Option<Over> {
        let stack = self.stack(case).filter(|_| self.shown != Shown::Nobody && !case.drawn.is_empty())?;
        let reversed = is_reversed(stack.orientation.as_ref());
        let shape = [stack.columns, stack.rows, stack.slices];
        let cut = Cut { plane: self.plane, at: self.index(), reversed };
        Some(Over { masks: Arc::clone(&case.drawn), shown: self.shown, shape, cut })
    }

    /// To the slice on which readers differ most, or from one of those to the next; in words which.
    pub fn differ(&mut self, case: &Case) -> String {
        let Some(stack) = self.stack(case) else { return "nothing was drawn".into() };
        let worst = worst_slices(&case.drawn, stack);
        if worst.is_empty() {
            return "no two readers differ in what they drew".into();
        }
        let here = worst.iter().position(|(slice, _)| self.plane == Plane::Native && *slice == self.at[0]);
        let next = here.map_or(0, |at| (at + 1) % worst.len());
        let (slice, voxels) = worst[next];
        self.plane = Plane::Native;
        self.set_index(slice, case);
        format!("slice {}: readers differ on {voxels} voxels ({} of {})", slice + 1, next + 1, worst.len())
    }

    /// Does what an action says about looking.
    pub fn act(&mut self, name: &str, case: &Case, context: &Context<'_>) {
        let index = self.index();
        match name {
            "review.next_slice" => self.set_index(index.saturating_add(1), case),
            "review.previous_slice" => self.set_index(index.saturating_sub(1), case),
            "review.ten_on" => self.set_index(index.saturating_add(10), case),
            "review.ten_back" => self.set_index(index.saturating_sub(10), case),
            "review.first" => self.set_index(0, case),
            "review.last" => self.set_index(u32::MAX, case),
            "review.window" => self.next_preset(case, context, 1),
            "review.window_back" => self.next_preset(case, context, usize::MAX),
            "review.narrower" => self.adjust(case, context, 0.85, 0.0),
            "review.wider" => self.adjust(case, context, 1.0 / 0.85, 0.0),
            "review.darker" => self.adjust(case, context, 1.0, 0.05),
            "review.brighter" => self.adjust(case, context, 1.0, -0.05),
            "review.invert" => self.invert = !self.invert,
            "review.drawn" => self.shown = self.shown.next(&case.drawn),
            "review.zoom_in" => self.view.zoom_by(1.25),
            "review.zoom_out" => self.view.zoom_by(0.8),
            "review.fit" => {
                (self.view, self.own, self.preset, self.invert) = (View::default(), None, 0, false);
            }
            "review.pan_left" => self.view.pan_by(-0.1, 0.0),
            "review.pan_right" => self.view.pan_by(0.1, 0.0),
            "review.pan_up" => self.view.pan_by(0.0, -0.1),
            "review.pan_down" => self.view.pan_by(0.0, 0.1),
            "review.plane" => self.next_plane(case),
            "review.stack" => self.next_stack(case),
            _ => {}
        }
    }

    fn next_plane(&mut self, case: &Case) {
        let cuts = self.stack(case).is_some_and(|stack| Self::slices(stack) > 2);
        self.plane = if cuts { self.plane.next() } else { Plane::Native };
        self.view = View::default();
    }

    fn next_stack(&mut self, case: &Case) {
        let volumes = self.stack(case).map_or(1, |stack| stack.volumes.max(1) as usize);
        if self.volume + 1 < volumes {
            self.volume += 1;
        } else {
            self.volume = 0;
            self.stack = (self.stack + 1) % case.series.stacks.len().max(1);
            let middle =
                self.stack(case).map(|stack| [Self::slices(stack) / 2, stack.rows / 2, stack.columns / 2]);
            self.at = middle.unwrap_or_default();
        }
    }

    fn next_preset(&mut self, case: &Case, context: &Context<'_>, step: usize) {
        let Seen::Slice(slice, _) = self.seen(case, context) else { return };
        let count = slice.presets().len().max(1);
        self.preset = if self.own.take().is_some() {
            self.preset
        } else if step == 1 {
            (self.preset + 1) % count
        } else {
            (self.preset + count - 1) % count
        };
    }

    /// Changes the window by hand: its width by a factor, its level by a share of the width.
    pub fn adjust(&mut self, case: &Case, context: &Context<'_>, widen: f64, raise: f64) {
        let Seen::Slice(slice, _) = self.seen(case, context) else { return };
        let (window, _) = self.window(&slice);
        let center = window.center + raise * window.width;
        self.own = Some(Window { center, width: (window.width * widen).clamp(1e-3, 1e7), ..window });
    }

    /// The next picture of the film: to the end and back.
    pub fn play(&mut self, case: &Case, context: &Context<'_>) {
        let (index, last) = (self.index(), self.count(case).saturating_sub(1));
        self.backwards = (self.backwards && index > 0) || index >= last;
        let next = if self.backwards { index.saturating_sub(1) } else { index + 1 };
        // The film waits for slices that are not decoded yet.
        let here = self.at;
        self.set_index(next, case);
        if matches!(self.seen(case, context), Seen::Waiting) {
            self.at = here;
        }
    }
}

fn hashed(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
