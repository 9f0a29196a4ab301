//! Tesseract, where it is installed: a second reader of text in pictures. It is a program of its own, asked through
//! pipes: no picture and no word touches a disk.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::model::Area;

/// How long one picture may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is asked whether it has ended.
const PULSE: Duration = Duration::from_millis(5);
/// Bytes of an answer at most.
const LONGEST_ANSWER: u64 = 8 << 20;
/// A smaller picture is shown at twice its size: letters of screens are smaller than those of print.
const SMALL: usize = 1600;
/// Confidence, of 100, from which a word counts.
const SURE: f32 = 60.0;
/// Pixels around a word that belong to it: its box ends with its ink.
const MARGIN: u32 = 2;
/// Words that say what side or view a picture is of: they name nobody and stay.
const MARKS: [&str; 24] = [
    "LT", "RT", "AP", "PA", "LAT", "LAO", "RAO", "LPO", "RPO", "CC", "MLO", "LCC", "RCC", "LMLO", "RMLO",
    "LEFT", "RIGHT", "ANT", "POST", "ERECT", "UPRIGHT", "SUPINE", "PRONE", "PORTABLE",
];

/// Why Tesseract gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OcrError {
    /// It cannot be started.
    #[error("Tesseract cannot be started")]
    Start,
    /// It failed, or said what cannot be understood.
    #[error("Tesseract failed")]
    Failed,
    /// It took too long and was ended.
    #[error("Tesseract took too long")]
    Patience,
}

/// The program.
#[derive(Debug, Clone, Copy)]
pub struct Tesseract(());

impl Tesseract {
    /// Finds the program.
    ///
    /// # Errors
    /// [`OcrError::Start`]: it is not installed.
    pub fn find() -> Result<Self, OcrError> {
        let asked = command().arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).status();
        if asked.is_ok_and(|status| status.success()) { Ok(Self(())) } else { Err(OcrError::Start) }
    }

    /// The words of a picture of 8-bit greys, `width` pixels a row, without marks of side and view.
    ///
    /// # Errors
    /// [`OcrError`]
    pub fn words(&self, picture: &[u8], width: usize) -> Result<Vec<Area>, OcrError> {
        let height = picture.len() / width.max(1);
        if width == 0 || height == 0 {
            return Ok(Vec::new());
        }
        let scale = if width.max(height) <= SMALL { 2 } else { 1 };
        let answer = ask(&greymap(picture, width, scale))?;
        let (columns, rows) = (width as u32, height as u32);
        Ok(answer
            .lines()
            .skip(1)
            .filter_map(|line| word(line, scale as u32)?.within(columns, rows))
            .collect())
    }
}

fn command() -> Command {
    let mut command = Command::new("tesseract");
    command.stderr(Stdio::null()).env("OMP_THREAD_LIMIT", "1");
    command
}

/// A portable greymap, each pixel `scale` times wide and high.
fn greymap(picture: &[u8], width: usize, scale: usize) -> Vec<u8> {
    let rows = picture.chunks_exact(width);
    let mut out = format!("P5\n{} {}\n255\n", width * scale, rows.len() * scale).into_bytes();
    for row in rows {
        let wide: Vec<u8> = row.iter().flat_map(|&v| std::iter::repeat_n(v, scale)).collect();
        (0..scale).for_each(|_| out.extend_from_slice(&wide));
    }
    out
}

fn ask(picture: &[u8]) -> Result<String, OcrError> {
    let mut child = command()
        // Words anywhere, in no order (11); as a table.
        .args(["stdin", "stdout", "--psm", "11", "tsv"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|_| OcrError::Start)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else { return Err(OcrError::Start) };
    let until = Instant::now() + PATIENCE;
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || stdin.write_all(picture).is_ok());
        let reader = scope.spawn(move || {
            let mut answer = String::new();
            stdout.take(LONGEST_ANSWER).read_to_string(&mut answer).map(|_| answer)
        });
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break Ok(status),
                Ok(None) if Instant::now() < until => std::thread::sleep(PULSE),
                Ok(None) => break Err(OcrError::Patience),
                Err(_) => break Err(OcrError::Failed),
            }
        };
        if status.is_err() {
            // Its end closes the pipes, on which reader and writer wait.
            let _ = child.kill();
            let _ = child.wait();
        }
        let (written, answer) = (writer.join(), reader.join());
        match (status?.success() && written.unwrap_or(false), answer) {
            (true, Ok(Ok(answer))) => Ok(answer),
            _ => Err(OcrError::Failed),
        }
    })
}

/// The box of a word, of a line of the table: level, five numbers of order, left, top, width, height, confidence, text.
fn word(line: &str, scale: u32) -> Option<Area> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [level, _, _, _, _, _, left, top, width, height, confidence, text] =
        <[&str; 12]>::try_from(fields).ok()?;
    if level != "5" || confidence.parse::<f32>().ok()? < SURE {
        return None;
    }
    let letters: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect();
    if letters.chars().count() < 2 || MARKS.contains(&&*letters) {
        return None;
    }
    let number = |text: &str| text.parse::<u32>().ok();
    let (left, top) = (number(left)?, number(top)?);
    let (right, bottom) = (left.checked_add(number(width)?)?, top.checked_add(number(height)?)?);
    let (x, y) = ((left / scale).saturating_sub(MARGIN), (top / scale).saturating_sub(MARGIN));
    let (width, height) = (right.div_ceil(scale) + MARGIN - x, bottom.div_ceil(scale) + MARGIN - y);
    Some(Area { x, y, width, height })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn words_count_and_marks_noise_and_doubt_do_not() {
        let line =
            |confidence: &str, text: &str| format!("5\t1\t1\t1\t1\t1\t10\t21\t30\t12\t{confidence}\t{text}");
        let found = word(&line("91.5", "DOE"), 2).unwrap();
        assert_eq!(found, Area { x: 3, y: 8, width: 19, height: 11 });
        for (confidence, text) in [("91", "L"), ("91", "Erect"), ("91", "—"), ("30", "DOE"), ("-1", "")] {
            assert_eq!(word(&line(confidence, text), 2), None, "{text}");
        }
        assert_eq!(word("4\t1\t1\t1\t1\t0\t10\t21\t30\t12\t-1\t", 2), None);
    }
}
