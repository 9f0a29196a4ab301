//! `gantry agreement`: how well the readers of the workspace agree.

use std::fmt::Write as _;

use super::connect::connect;
use super::label::said_text;
use super::{Exit, Failure, Global, Output};
use crate::engine::query::{Agreement, AgreementDetail, AgreementView, Measured, Verdict};

const HELP: &str = "\
Every measure that readers speak of (a rating, a measured value, presence) has Krippendorff's alpha beside the threshold
that the configuration wants ([agreement]); one of them, --measure or the one that needs it most, is shown reader by
reader with its worst cases. The latest read of each reader and item counts. Readers who looked and found nothing are
told apart from those who did not look. Levels: names for words, an order for up to twenty whole numbers, equal steps
for other numbers; [[agreement.measure]] declares others. Pairs: Cohen's kappa (names), with quadratic weights (an order),
Lin's concordance (continuous). Intervals: BCa bootstrap by item (up to 500 items, 1,000 samples, seed 1), else jackknife.

Examples:
  gantry agreement
  gantry agreement --structure nodule --since 2026-11-01
  gantry agreement --measure nodule/malignancy --query 'site:A slice<=1.5' --json

Exit codes: 0 done; 1 a measure lies below its threshold; 2 wrong usage; 3 workspace";

/// Arguments of `gantry agreement`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct AgreementArgs {
    /// Only measures of this structure
    #[arg(long, value_name = "S")]
    structure: Option<String>,
    /// The measure to take apart
    #[arg(long, value_name = "ID")]
    measure: Option<String>,
    /// Only reads since then: an ISO date or time (UTC), or 7d, 4w
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// Only series that match, in the query language of search
    #[arg(long, value_name = "Q", default_value = "")]
    query: String,
    /// Worst cases at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    worst: u32,
}

/// Runs the command.
///
/// # Errors
/// The workspace cannot be used, or a filter cannot be understood.
pub fn run(args: &AgreementArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let since_ms = args.since.as_deref().map(super::stats::since).transpose()?;
    let question = Agreement {
        structure: args.structure.clone(),
        measure: args.measure.clone(),
        since_ms,
        filter: args.query.clone(),
        worst: args.worst.max(1),
    };
    let view = connect(global)?.client.ask(question)?;
    if let (Some(id), None) = (&args.measure, &view.selected) {
        return Err(Failure::new(Exit::Input, "not_found", format!("nobody says anything of {id:?}")));
    }
    out.result(&view, text);
    let below = view.measures.iter().any(|m| m.verdict == Verdict::Below);
    Ok(if below { Exit::Findings } else { Exit::Done })
}

fn text(view: &AgreementView) -> String {
    if let (Some(reason), true) = (&view.reason, view.measures.is_empty()) {
        return reason.clone();
    }
    let mut text = format!("{} reads on {} items\n\n", view.reads, view.items);
    let width = view.measures.iter().map(|m| m.id.chars().count()).max().unwrap_or(0);
    for m in &view.measures {
        let verdict = match m.verdict {
            Verdict::Below => "▲ below",
            Verdict::Unsure => "◆ unsure",
            Verdict::Met => "  met",
            Verdict::Undefined => "– undefined",
        };
        let threshold = m.threshold.map_or_else(String::new, |t| format!("wanted {t:.2}"));
        let what = if m.coefficient == "mean_dice" { "Dice" } else { "alpha" };
        let _ =
            writeln!(text, "{:width$}  {what:<5} {:<24} {threshold:<12} {verdict}", m.id, number(&m.value));
        for words in [&m.warning, &m.note].into_iter().flatten() {
            let _ = writeln!(text, "{:width$}  {words}", "");
        }
    }
    if let Some(detail) = &view.selected {
        text.push('\n');
        text += &taken_apart(detail);
    }
    text
}

fn taken_apart(d: &AgreementDetail) -> String {
    let mut text = format!("{}: {} of pairs\n", d.row.id, d.pair_coefficient.replace('_', " "));
    let width = d.readers.iter().map(|r| r.name.chars().count()).max().unwrap_or(0).max(7);
    let _ = write!(text, "  {:width$}", "");
    for r in &d.readers {
        let _ = write!(text, " {:>width$}", r.name);
    }
    let _ = writeln!(text, "   found nothing not looked");
    for (a, r) in d.readers.iter().enumerate() {
        let _ = write!(text, "  {:width$}", r.name);
        for b in 0..d.readers.len() {
            let key = (a.min(b) as u32, a.max(b) as u32);
            let pair = d.pairs.iter().find(|p| (p.a, p.b) == key);
            let cell = match pair {
                None => "·".to_owned(),
                Some(p) => p.value.value.map_or_else(|| "–".into(), |v| format!("{v:.2}")),
            };
            let _ = write!(text, " {cell:>width$}");
        }
        let _ = writeln!(text, "   {:>5} {:>7} {:>10}", r.found, r.nothing, r.not_looked);
    }
    if !d.worst.is_empty() {
        text += "\nworst cases\n";
    }
    for case in &d.worst {
        let said: Vec<String> = case.values.iter().map(said_text).collect();
        let at = case.series_uid.as_deref().unwrap_or("-");
        let _ = writeln!(text, "  {:>5.2}  {:<10} {at}  {}", case.disagreement, case.item, said.join("  "));
    }
    text
}

/// A value with its interval and the items it rests on, or why there is none.
fn number(m: &Measured) -> String {
    match (m.value, m.ci95) {
        (Some(v), Some((low, high))) => format!("{v:.3} [{low:.3}, {high:.3}] n {}", m.n),
        (Some(v), None) => format!("{v:.3} n {}", m.n),
        (None, _) => format!("– ({})", m.reason.as_deref().unwrap_or("undefined")),
    }
}
