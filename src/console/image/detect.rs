//! Which pictures the terminal can show. It is asked, within a time limit, and nothing is read beyond its answer.

use std::io::{self, IsTerminal, Write};
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How pictures are sent to a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// DEC sixel graphics.
    Sixel,
    /// The kitty graphics protocol with Unicode placeholders.
    Kitty,
    /// iTerm2's inline images.
    Iterm2,
    /// Two pixels a cell, in text: everywhere.
    HalfBlocks,
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "sixel" => Ok(Self::Sixel),
            "kitty" => Ok(Self::Kitty),
            "iterm2" => Ok(Self::Iterm2),
            "halfblocks" | "half-blocks" => Ok(Self::HalfBlocks),
            other => Err(format!("{other} is none of sixel, kitty, iterm2, halfblocks")),
        }
    }
}

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Graphics {
    /// The protocol to use.
    pub protocol: Protocol,
    /// Width and height of a cell in pixels.
    pub cell_px: (u16, u16),
    /// Colour registers of a sixel terminal.
    pub registers: usize,
    /// A kitty terminal that inflates.
    pub compresses: bool,
    /// The terminal answered.
    pub answered: bool,
}

impl Default for Graphics {
    fn default() -> Self {
        let registers = super::sixel::REGISTERS;
        Self {
            protocol: Protocol::HalfBlocks,
            cell_px: (10, 20),
            registers,
            compresses: false,
            answered: false,
        }
    }
}

/// What a terminal said of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reply {
    /// It knows the kitty graphics protocol.
    pub kitty: bool,
    /// It knows sixel graphics.
    pub sixel: bool,
    /// Width and height of a cell in pixels.
    pub cell_px: Option<(u16, u16)>,
    /// Colour registers.
    pub registers: Option<usize>,
    /// The last answer came.
    pub complete: bool,
}

/// What is asked, and how long the answer may take.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Use this protocol whatever the terminal says.
    pub protocol: Option<Protocol>,
    /// Time limit for the whole answer.
    pub limit: Duration,
}

impl Default for Question {
    fn default() -> Self {
        Self { protocol: None, limit: Duration::from_secs(1) }
    }
}

/// Asks the terminal on stdin and stdout, which must be in raw mode. Falls back to half-blocks.
pub fn detect(question: &Question) -> Graphics {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let tmux = env("TMUX").is_some() || env("TERM").is_some_and(|term| term.starts_with("tmux"));
    let reply = if io::stdin().is_terminal() && io::stdout().is_terminal() {
        ask(tmux, question.limit).unwrap_or_default()
    } else {
        Reply::default()
    };
    let sized = reply.cell_px.or_else(window_cell_px);
    let sixel = reply.sixel && sized.is_some() && (!tmux || tmux_client_has_sixel());
    let placeholders = env("WEZTERM_EXECUTABLE").is_none() && env("KONSOLE_VERSION").is_none();
    let found = if reply.kitty && placeholders && !tmux {
        Protocol::Kitty
    } else if !tmux && is_iterm2(&env) {
        Protocol::Iterm2
    } else if sixel {
        Protocol::Sixel
    } else {
        Protocol::HalfBlocks
    };
    Graphics {
        protocol: question.protocol.unwrap_or(found),
        cell_px: sized.unwrap_or(Graphics::default().cell_px),
        registers: reply.registers.unwrap_or(super::sixel::REGISTERS).clamp(2, super::sixel::REGISTERS),
        compresses: reply.kitty,
        answered: reply.complete,
    }
}

/// tmux reports sixel whether or not the terminal around it has it; it knows which.
fn tmux_client_has_sixel() -> bool {
    let features =
        std::process::Command::new("tmux").args(["display-message", "-p", "#{client_termfeatures}"]).output();
    features.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("sixel"))
}

fn is_iterm2(env: &impl Fn(&str) -> Option<String>) -> bool {
    let program = env("TERM_PROGRAM").unwrap_or_default();
    let known = ["iTerm", "WezTerm", "mintty", "vscode", "Tabby", "Hyper", "rio", "WarpTerminal"];
    known.iter().any(|name| program.contains(name))
        || env("LC_TERMINAL").is_some_and(|name| name.contains("iTerm"))
}

fn window_cell_px() -> Option<(u16, u16)> {
    let size = crossterm::terminal::window_size().ok()?;
    let cell = (size.width.checked_div(size.columns)?, size.height.checked_div(size.rows)?);
    (cell.0 > 1 && cell.1 > 1).then_some(cell)
}

fn ask(tmux: bool, limit: Duration) -> io::Result<Reply> {
    // Cell size, colour registers, and last what every terminal answers: its primary attributes.
    let kitty = if tmux { "" } else { "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\" };
    let mut out = io::stdout().lock();
    write!(out, "{kitty}\x1b[16t\x1b[?1;1;0S\x1b[c")?;
    out.flush()?;
    let (stdin, deadline) = (io::stdin(), Instant::now() + limit);
    let (mut bytes, mut reply) = (Vec::new(), Reply::default());
    while !reply.complete && bytes.len() < 4096 {
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        if poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&wait))? == 0 {
            break;
        }
        let mut chunk = [0; 256];
        // Past the standard library's buffer: what is not an answer must stay for the console.
        let count = rustix::io::read(&stdin, &mut chunk)?;
        if count == 0 {
            break;
        }
        bytes.extend_from_slice(&chunk[..count]);
        reply = parse_reply(&bytes);
    }
    Ok(reply)
}

/// Understands a terminal's answers as far as they have come.
pub fn parse_reply(bytes: &[u8]) -> Reply {
    let mut reply = Reply::default();
    let text = String::from_utf8_lossy(bytes);
    for part in text.split('\x1b') {
        if let Some(answer) = part.strip_prefix("_G") {
            reply.kitty |= answer.contains(";OK");
        } else if let Some(answer) = part.strip_prefix("[?").and_then(|rest| rest.split_once('c')) {
            reply.sixel |= answer.0.split(';').skip(1).any(|attribute| attribute == "4");
            reply.complete = true;
        } else if let Some(answer) = part.strip_prefix("[6;").and_then(|rest| rest.split_once('t')) {
            let size = answer.0.split_once(';').and_then(|(h, w)| Some((w.parse().ok()?, h.parse().ok()?)));
            reply.cell_px = size.filter(|(width, height): &(u16, u16)| {
                (2..=200).contains(width) && (2..=200).contains(height)
            });
        } else if let Some(answer) = part.strip_prefix("[?1;0;").and_then(|rest| rest.split_once('S')) {
            reply.registers = answer.0.parse().ok();
        }
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_terminals_are_understood() {
        let xterm = parse_reply(b"\x1b[6;18;9t\x1b[?1;0;256S\x1b[?63;1;2;4;6;9;15;22c");
        assert!(xterm.sixel && xterm.complete && !xterm.kitty);
        assert_eq!((xterm.cell_px, xterm.registers), (Some((9, 18)), Some(256)));
        let kitty = parse_reply(b"\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;c");
        assert!(kitty.kitty && kitty.complete && !kitty.sixel);
        assert!(!parse_reply(b"\x1b_Gi=31;ENOTSUP\x1b\\\x1b[?6").complete);
        assert_eq!(parse_reply(b"\x1b[6;0;0t").cell_px, None);
    }
}
