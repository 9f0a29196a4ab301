//! The console: screens over the engine's seam, drawn as a pure function of their state.

pub mod app;
pub mod canvas;
mod check;
mod dialog;
pub mod image;
pub mod keymap;
mod runtime;
pub mod screen;
pub mod terminal;
pub mod theme;
pub mod widget;
mod worker;

pub use check::{invalid_values, is_file as is_theme_file};
pub use runtime::{Options, run};
