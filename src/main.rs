//! The `gantry` command.

/// Headers are many small values, made and dropped on every core: the system's allocator is where ingest would wait.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` and `mi_option_disallow_arena_alloc` of mimalloc 2.
const PURGE_DELAY_MS: i32 = 15;
const DISALLOW_ARENA_ALLOC: i32 = 27;

fn main() -> std::process::ExitCode {
    give_back_soon();
    gantry::cli::main()
}

/// What a frame or a header took goes back to the system soon after it is dropped, whichever thread did that: it would
/// else stay in the allocator's arenas, for every thread, and the memory of a run would be twice what it uses.
#[allow(unsafe_code)]
fn give_back_soon() {
    // SAFETY: the function writes two fields of a static table of the allocator, at an index that it checks itself, and
    // touches nothing else. No other thread exists yet that could read them meanwhile. Any value of these options is
    // sound: they only say where memory is taken from that is asked for later, and when what is free is given back.
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY_MS, 1);
        libmimalloc_sys::mi_option_set(DISALLOW_ARENA_ALLOC, 1);
    }
}
