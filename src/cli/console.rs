//! `gantry console`: the console on a workspace, as its owner or attached to who owns it.

use clap::Args as ClapArgs;

use super::connect::{Connection, connect_console, workspace};
use super::{Exit, Failure, Global};
use crate::config::Workspace;
use crate::console::image::Protocol;
use crate::console::{self, Options};
use crate::daemon::Web;
use crate::engine::Schedule;
use crate::engine::query::DeepLink;
use crate::model::words::io_error;

/// Arguments of `gantry console`.
#[derive(Debug, Default, ClapArgs)]
#[command(
    after_help = "Examples:\n  gantry console\n  gantry --workspace W console --protocol halfblocks\n  gantry console --screen catalog --filter modality:CT\n\nWithout another process on the workspace the console runs the pipeline itself; else it attaches.\n\nExit codes: 0 left; 2 no terminal, or a theme or key that does not exist; 3 workspace; 6 storage"
)]
pub struct ConsoleArgs {
    /// Send pictures this way: sixel, kitty, iterm2, halfblocks (else as configured, else what the terminal has)
    #[arg(long, value_name = "PROTOCOL")]
    protocol: Option<Protocol>,
    /// Theme: dark, light, high-contrast, sixteen, or a TOML file
    #[arg(long, value_name = "THEME")]
    theme: Option<String>,
    /// Begin on this screen: overview, ingest, catalog, queue, review, agreement, drift, audit
    #[arg(long, value_name = "SCREEN")]
    screen: Option<String>,
    /// Begin with this filter
    #[arg(long, value_name = "QUERY", requires = "screen", default_value = "")]
    filter: String,
}

/// Opens the workspace and runs the console on it.
///
/// # Errors
/// No workspace, no terminal, a theme or key that does not exist.
pub fn run(args: &ConsoleArgs, global: &Global) -> Result<Exit, Failure> {
    let workspace = workspace(global)?;
    let options = options(args, &workspace)?;
    let connection = connect_console(workspace, global.acts_for.as_deref())?;
    if let Some(engine) = &connection.engine {
        engine.watch();
    }
    show(&connection, options)
}

/// Runs the console on a connection; the pipeline is shut down afterwards when it is ours.
///
/// # Errors
/// As [`run`].
pub fn show(connection: &Connection, options: Options) -> Result<Exit, Failure> {
    // Where it cannot be served the log says why, and it is tried again.
    let schedule = connection.engine.as_ref().map(Schedule::start);
    let web = connection.engine.as_ref().and_then(|engine| Web::start(engine).ok());
    let shown = console::run(connection.client.clone(), options);
    drop((web, schedule));
    if let Some(engine) = &connection.engine {
        engine.shut_down();
    }
    shown.map_err(|error| {
        if error.kind() == std::io::ErrorKind::Other {
            return Failure::new(Exit::Defect, "console", error.to_string())
                .hint("what you decided is kept; please report it with the line above");
        }
        Failure::new(Exit::Usage, "console", error.to_string())
            .hint("the console needs a terminal on stdin and stdout")
    })?;
    Ok(Exit::Done)
}

/// What arguments and configuration say together.
///
/// # Errors
/// The configuration or the theme's file cannot be read.
pub fn options(args: &ConsoleArgs, workspace: &Workspace) -> Result<Options, Failure> {
    let config = workspace.config()?.console;
    let theme = args.theme.clone().unwrap_or(config.theme);
    let mut options = Options {
        protocol: args.protocol.or_else(|| config.protocol.parse().ok()),
        keys: config
            .keys
            .into_iter()
            .map(|(action, keys)| (action, keys.split_whitespace().map(str::to_string).collect()))
            .collect(),
        door: args.screen.clone().map(|screen| DeepLink {
            screen,
            filter: args.filter.clone(),
            select: None,
        }),
        ..Options::default()
    };
    if console::is_theme_file(&theme) {
        let path = workspace.root().join(&theme);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::new(Exit::Workspace, "theme", format!("{}: {}", path.display(), io_error(&error)))
        })?;
        options.theme_toml = Some(text);
    } else if theme != "dark" {
        options.theme = theme;
    }
    Ok(options)
}
