//! The `gantry` command.

fn main() -> std::process::ExitCode {
    gantry::cli::main()
}
