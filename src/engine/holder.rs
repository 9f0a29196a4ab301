//! Who holds a task, beyond the user's name: the process that claimed it, and the terminal session that it belongs to.
//! A console holds for as long as it runs; a command holds on behalf of its terminal, which lasts longer.

use std::fmt;

/// A process with its terminal session. A number of a process comes again; with its start time it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    process: Life,
    session: Life,
}

/// A process by its number and its start, in ticks since the machine was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Life {
    number: u32,
    start: u64,
}

impl Life {
    fn is_alive(self) -> bool {
        stat(self.number).is_some_and(|(_, start)| start == self.start)
    }
}

impl Holder {
    /// The holder that a process is; nothing is known of one that has ended.
    pub fn of(process: u32) -> Option<Self> {
        let (session, start) = stat(process)?;
        let session = Life { number: session, start: stat(session).map_or(0, |(_, start)| start) };
        Some(Self { process: Life { number: process, start }, session })
    }

    /// As it was written.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers: Vec<u64> = text.split(' ').map(|n| n.parse().ok()).collect::<Option<_>>()?;
        let &[process, start, session, begun] = &*numbers else { return None };
        let life = |number, start| Some(Life { number: u32::try_from(number).ok()?, start });
        Some(Self { process: life(process, start)?, session: life(session, begun)? })
    }

    /// Where a claim of this holder still stands, when it is not the same as `own`: another process that runs, or
    /// another terminal that is open.
    pub fn elsewhere(&self, own: Option<&Self>) -> Option<String> {
        let is_own = |life: fn(&Self) -> Life| own.is_some_and(|own| life(own) == life(self));
        if is_own(|h| h.process) {
            return None;
        }
        if self.process.is_alive() {
            return Some(format!("process {}", self.process.number));
        }
        (!is_own(|h| h.session) && self.session.is_alive())
            .then(|| format!("the terminal session {}", self.session.number))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p, s) = (self.process, self.session);
        write!(f, "{} {} {} {}", p.number, p.start, s.number, s.start)
    }
}

/// The session and the start of a process (proc_pid_stat(5), fields 6 and 22).
fn stat(process: u32) -> Option<(u32, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program may hold anything, parentheses too; it ends at the last one.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some((fields.get(3)?.parse().ok()?, fields.get(19)?.parse().ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn another_process_that_runs_holds_and_one_that_has_ended_does_not() {
        let own = Holder::of(std::process::id()).unwrap();
        assert_eq!(Holder::parse(&own.to_string()), Some(own));
        assert_eq!(own.elsewhere(Some(&own)), None);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let other = Holder::of(child.id()).unwrap();
        assert_eq!(other.elsewhere(Some(&own)), Some(format!("process {}", child.id())));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(other.elsewhere(Some(&own)), None, "it was of the same terminal");
        let elsewhere = Holder { session: own.process, ..other };
        assert!(elsewhere.elsewhere(Some(&Holder { process: other.process, ..own })).is_none());
        assert!(elsewhere.elsewhere(Some(&own)).is_some_and(|text| text.contains("terminal")));
        assert_eq!(Holder::parse("1 2 3"), None);
    }
}
