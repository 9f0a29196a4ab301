//! Parts that screens are made of; each draws on any buffer.

mod chart;
mod facts;
mod heat;
mod list;
mod pages;
mod table;
pub mod words;

pub use chart::{Axes, Plot, draw_chart, mark_sign, sparkline};
pub use facts::{Fact, draw_facts};
pub use heat::{draw_heat, draw_scale};
pub use list::ListState;
pub use pages::Pages;
pub use table::{Align, Cell, Column, Table};
