//! Documents for people: QA, de-identification, a site, the dossier. Every number comes from a query, or from what a snapshot
//! holds, and says which.

mod content;
mod evidence;
mod parts;

use std::fs;
use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

use self::content::Content;
use super::folders;
use crate::engine::command::{ReportKind, ReportWritten, WriteReport};
use crate::engine::{EngineError, Session};
use crate::format::whole::write_whole_bytes;
use crate::model::words::io_error;
use crate::pipeline::now_ms;
use crate::report::{Document, Fact, RenderError, html, pdf};

/// The action of the entry that tells of a document.
const WRITTEN: &str = "report.write";

pub fn write(session: &Session, command: &WriteReport) -> Result<ReportWritten, EngineError> {
    let to = Path::new(&command.to);
    let invalid = |why: &str| EngineError::Invalid { why: why.into() };
    let ending = to.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    if !matches!(ending.as_str(), "html" | "pdf") {
        return Err(invalid("a document is written as .html or .pdf; give the file such a name"));
    }
    if command.kind == ReportKind::Site && command.site.is_none() {
        return Err(invalid("a site report is of one site (--site)"));
    }
    folders::is_target(session, to, Some(&session.engine.workspace.exports()))?;
    if to.exists() {
        return Err(EngineError::Conflict { why: "the file exists already; nothing is written over".into() });
    }
    let content = Content::of(session, command)?;
    let document = document(session, command, &content)?;
    let (bytes, pages) = match ending.as_str() {
        "pdf" => pdf::render(&document).map(|pdf| (pdf.bytes, pdf.pages)),
        _ => html::render(&document).map(|text| (text.into_bytes(), 1)),
    }
    .map_err(|error: RenderError| EngineError::Storage { why: error.to_string() })?;
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(refused)?;
    }
    write_whole_bytes(to, &bytes).map_err(refused)?;
    let figures = document.figures();
    let detail = json!({
        "kind": command.kind, "snapshot": content.snapshot.as_ref().map(|s| &s.name), "site": command.site,
        "sha256": hex::encode(Sha256::digest(&bytes)),
    });
    session
        .engine
        .shared
        .catalog
        .write_first(|tx| tx.audit(now_ms(), &session.user, WRITTEN, "report", &detail))?;
    Ok(ReportWritten { path: command.to.clone(), pages, figures })
}

fn refused(error: std::io::Error) -> EngineError {
    EngineError::Storage { why: format!("the document cannot be written: {}", io_error(&error)) }
}

fn document(session: &Session, command: &WriteReport, content: &Content) -> Result<Document, EngineError> {
    let (title, subtitle) = match command.kind {
        ReportKind::Qa => ("Quality of annotations", "Agreement of readers, process and findings"),
        ReportKind::Deid => ("De-identification", "What was done with every image before anything else"),
        ReportKind::Site => ("Site report", "What was delivered, and what to mend"),
        ReportKind::Dossier => {
            ("Dossier of the reference standard", "For the technical documentation of a device")
        }
    };
    let mut document = Document {
        title: title.into(),
        subtitle: subtitle.into(),
        language: "en".into(),
        identity: identity(command, content),
        footer: content.snapshot.as_ref().map_or_else(
            || format!("Gantry {}", env!("CARGO_PKG_VERSION")),
            |s| {
                format!(
                    "Gantry {} · snapshot {} · {}",
                    env!("CARGO_PKG_VERSION"),
                    s.name,
                    &s.id[..12.min(s.id.len())]
                )
            },
        ),
        ..Document::default()
    };
    document.sections = match command.kind {
        ReportKind::Qa => parts::qa(session, command, content)?,
        ReportKind::Deid => parts::deid(session, content)?,
        ReportKind::Site => parts::site(session, content)?,
        ReportKind::Dossier => parts::dossier(session, command, content)?,
    };
    Ok(document)
}

/// What the document is of.
fn identity(command: &WriteReport, content: &Content) -> Vec<Fact> {
    let mut facts = Vec::new();
    match &content.snapshot {
        Some(s) => {
            let source = format!("gantry snapshot show {}", s.name);
            facts.push(Fact::new("Snapshot", &s.name, &source));
            facts.push(Fact::new("Identifier", &s.id, &source));
            facts.push(Fact::new("Made", content::time(s.created_ms), ""));
        }
        None => facts.push(Fact::new("Of", "the workspace as it was when this was written", "")),
    }
    facts.push(Fact::new("Written", content::time(now_ms()), ""));
    if let Some(site) = &command.site {
        facts.push(Fact::new("Site", site, ""));
    }
    facts.push(Fact::new("Gantry", env!("CARGO_PKG_VERSION"), "gantry --version"));
    facts
}
