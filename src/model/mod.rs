//! Words of the trade as types: tags, value representations, identifiers, safe text.

pub mod pixels;
pub mod text;
