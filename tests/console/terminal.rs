//! The console in a real terminal (tmux): what it leaves behind, however it ends.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::common;

/// A tmux server of its own with one shell.
struct Tmux {
    socket: String,
}

impl Tmux {
    fn start(name: &str) -> Option<Self> {
        common::peer("tmux")?;
        let tmux = Self { socket: format!("gantry-test-{name}-{}", std::process::id()) };
        let started = tmux.run(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            "env PS1='ready$ ' sh",
        ]);
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        tmux.wait("ready$");
        Some(tmux)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket]).args(arguments).env_remove("TMUX");
        command.output().expect("tmux runs")
    }

    fn send(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.run(&["capture-pane", "-p"]).stdout).into_owned()
    }

    fn ask(&self, format: &str) -> String {
        let output = self.run(&["display-message", "-p", format]).stdout;
        String::from_utf8_lossy(&output).trim().to_string()
    }

    /// Waits until the screen holds a text.
    fn wait(&self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "no {text:?} on\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Nothing is left of the console: no alternate screen, no mouse reports, the cursor and the shell's echo are back.
    fn assert_restored(&self) {
        let state = self.ask("#{alternate_on} #{cursor_flag} #{mouse_any_flag}");
        assert_eq!(state, "0 1 0", "{}", self.screen());
        self.send(&["clear; stty -a | tr ' ' '\\n' | grep -c '^-\\(icanon\\|echo\\|isig\\|opost\\);*$'; echo shell-is-back", "Enter"]);
        let screen = self.wait("\nshell-is-back");
        assert!(screen.lines().any(|line| line.trim() == "0"), "raw mode is left on:\n{screen}");
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

/// A workspace, and the command that opens the console on it.
fn console(folder: &Path, environment: &str) -> String {
    let gantry = env!("CARGO_BIN_EXE_gantry");
    let workspace = folder.join("workspace");
    let made = Command::new(gantry).arg("init").arg(&workspace).output().expect("gantry runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    format!("clear; {environment} {gantry} --workspace {} console; echo ended $?", workspace.display())
}

#[test]
fn leaving_and_signals_give_the_terminal_back() {
    let Some(tmux) = Tmux::start("leave") else { return };
    let folder = tempfile::tempdir().unwrap();
    let command = console(folder.path(), "");
    tmux.send(&[&command, "Enter"]);
    tmux.wait("Attention");
    assert_eq!(tmux.ask("#{alternate_on}"), "1");
    // No picture protocol goes around tmux behind its back.
    assert_ne!(tmux.ask("#{allow-passthrough}"), "on");
    tmux.send(&["q"]);
    tmux.wait("ended 0");
    tmux.assert_restored();

    tmux.send(&[&command, "Enter"]);
    tmux.wait("Attention");
    let shell = tmux.ask("#{pane_pid}");
    let children =
        Command::new("ps").args(["-o", "pid=", "--ppid", &shell]).output().expect("ps runs").stdout;
    let child = String::from_utf8_lossy(&children).trim().to_string();
    Command::new("kill").args(["-TERM", &child]).status().unwrap();
    tmux.wait("ended 0");
    tmux.assert_restored();
}

#[cfg(debug_assertions)]
#[test]
fn panic_of_the_render_loop_gives_the_terminal_back_and_is_told() {
    let Some(tmux) = Tmux::start("panic") else { return };
    let folder = tempfile::tempdir().unwrap();
    tmux.send(&[&console(folder.path(), "GANTRY_DEBUG_PANIC=render"), "Enter"]);
    let screen = tmux.wait("ended 70");
    assert!(screen.contains("a defect at") && screen.contains("hook.rs"), "{screen}");
    tmux.assert_restored();
}

#[cfg(debug_assertions)]
#[test]
fn panic_of_a_worker_ends_nothing_and_is_told_at_the_end() {
    let Some(tmux) = Tmux::start("worker") else { return };
    let folder = tempfile::tempdir().unwrap();
    tmux.send(&[&console(folder.path(), "GANTRY_DEBUG_PANIC=worker"), "Enter"]);
    tmux.wait("Overview");
    tmux.send(&["?"]);
    tmux.wait("everywhere");
    tmux.send(&["q"]);
    tmux.send(&["q"]);
    let screen = tmux.wait("ended 0");
    assert!(screen.contains("hook.rs"), "{screen}");
    tmux.assert_restored();
}
