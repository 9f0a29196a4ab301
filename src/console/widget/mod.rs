//! Parts that screens are made of; each draws on any buffer.

mod chart;
mod facts;
mod list;
mod pages;
mod table;
pub mod words;

pub use chart::{draw_chart, sparkline};
pub use facts::{Fact, draw_facts};
pub use list::ListState;
pub use pages::Pages;
pub use table::{Align, Cell, Column, Table};
