//! The seam: commands, queries and events that faces use alike; [`tools`] holds what needs no workspace.

pub mod tools;
