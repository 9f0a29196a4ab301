//! What is said of a command line that cannot be read, without the words of the parsers of numbers.

use std::io::IsTerminal;

/// What a parser of the standard library says, and what a person is told.
const PLAIN: [(&str, &str); 6] = [
    ("invalid digit found in string", "a whole number is wanted"),
    ("cannot parse integer from empty string", "a whole number is wanted"),
    ("number too large to fit in target type", "the number is too large"),
    ("number too small to fit in target type", "the number is too small"),
    ("invalid float literal", "a number is wanted"),
    ("cannot parse float from empty string", "a number is wanted"),
];

/// Says on stderr what is wrong with the command line; help and version, which are no mistake, on stdout.
pub fn tell(error: &clap::Error) {
    if error.kind() != clap::error::ErrorKind::ValueValidation {
        let _ = error.print();
        return;
    }
    let text = error.render();
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = if coloured { text.ansi().to_string() } else { text.to_string() };
    eprint!("{}", PLAIN.iter().fold(text, |text, (rust, plain)| text.replace(rust, plain)));
}
