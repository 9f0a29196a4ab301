//! The `gantry` command.

/// Headers are many small values, made and dropped on every core: the system's allocator is where ingest would wait.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    gantry::cli::main()
}
