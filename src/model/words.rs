//! Numbers of things and refusals of the system in a person's words, the same wherever they are said.

use std::io::ErrorKind;

/// What the system said when it refused, or what stands in its place.
pub fn io_error(error: &std::io::Error) -> String {
    error.get_ref().map_or_else(|| io_words(error.kind()).into(), ToString::to_string)
}

/// `1 file`, `2 files`.
pub fn plural(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// `1.2 GB`.
pub fn bytes(number: u64) -> String {
    let mut value = number as f64;
    for unit in ["B", "kB", "MB", "GB", "TB"] {
        if value < 1000.0 {
            return if unit == "B" || value >= 100.0 {
                format!("{value:.0} {unit}")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1000.0;
    }
    format!("{value:.1} PB")
}

/// A span of time that is given in days: `2.4 d`, `3.5 h`, `12 min`.
pub fn days(number: f64) -> String {
    let (hours, minutes) = (number * 24.0, number * 24.0 * 60.0);
    match hours.abs() {
        hours if hours >= 24.0 => format!("{number:.1} d"),
        1.0.. => format!("{hours:.1} h"),
        _ => format!("{minutes:.0} min"),
    }
}

/// What the system said when it refused a file, a folder or a connection; it follows a colon.
pub fn io_words(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "there is no such file or folder",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::AlreadyExists => "it is there already",
        ErrorKind::StorageFull => "there is no room on the disk",
        ErrorKind::QuotaExceeded => "the disk quota of this user is used up",
        ErrorKind::FileTooLarge => "the file would be larger than the system allows",
        ErrorKind::ReadOnlyFilesystem => "its disk is read only",
        ErrorKind::NotADirectory => "a part of its path is a file, not a folder",
        ErrorKind::IsADirectory => "it is a folder, not a file",
        ErrorKind::DirectoryNotEmpty => "the folder is not empty",
        ErrorKind::InvalidFilename => "the system does not allow this name",
        ErrorKind::CrossesDevices => "it lies on another disk",
        ErrorKind::ResourceBusy | ErrorKind::ExecutableFileBusy => "something else uses it",
        ErrorKind::StaleNetworkFileHandle => "its network folder was mounted anew",
        ErrorKind::UnexpectedEof => "it ends too early",
        ErrorKind::InvalidData => "its content changed or is damaged",
        ErrorKind::InvalidInput => "the system does not take it",
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "it took too long",
        ErrorKind::Interrupted => "it was interrupted",
        ErrorKind::OutOfMemory => "there is not enough memory",
        ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {
            "the other side has ended"
        }
        ErrorKind::ConnectionRefused | ErrorKind::NotConnected => "nobody answers there",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "no way leads there",
        ErrorKind::NetworkDown => "the network is down",
        ErrorKind::AddrInUse => "another program has this address",
        ErrorKind::AddrNotAvailable => "this machine has no such address",
        ErrorKind::Unsupported => "the system cannot do this",
        _ => "the disk or the system reports an error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_the_unit_that_fits() {
        assert_eq!([2.44, 0.145, 0.0083, 0.0].map(days), ["2.4 d", "3.5 h", "12 min", "0 min"]);
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|n| plural(n, "file")), ["0 files", "1 file", "2 files"]);
    }
}
