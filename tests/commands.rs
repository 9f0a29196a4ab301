//! `scan`, `convert` and `qc` as processes, and what the readers of makers' private headers find, from outside.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "commands/architecture.rs"]
mod architecture;
#[path = "commands/beside.rs"]
mod beside;
#[path = "commands/clinic.rs"]
mod clinic;
mod common;
#[path = "commands/dates.rs"]
mod dates;
#[path = "commands/diffusion.rs"]
mod diffusion;
#[path = "commands/directory.rs"]
mod directory;
#[path = "commands/exporting.rs"]
mod exporting;
#[path = "commands/findings.rs"]
mod findings;
#[path = "commands/grids.rs"]
mod grids;
#[path = "commands/help.rs"]
mod help;
#[path = "commands/intake.rs"]
mod intake;
#[path = "commands/interrupted.rs"]
mod interrupted;
#[path = "commands/messages.rs"]
mod messages;
#[path = "commands/nuclear.rs"]
mod nuclear;
#[path = "commands/process.rs"]
mod process;
#[path = "commands/workspace.rs"]
mod workspace;

use std::path::Path;

use common::{gantry, text};

/// Writes slices as files of a folder.
fn write_all(folder: &Path, slices: &[common::files::Slice]) {
    std::fs::create_dir_all(folder).unwrap();
    for slice in slices {
        let name = format!("{}-{}.dcm", slice.series, slice.number);
        std::fs::write(folder.join(name), common::files::file(slice)).unwrap();
    }
}
