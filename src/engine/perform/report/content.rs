//! What a document is about: series with their accepted labels, of a snapshot or of the workspace.

use jiff::Timestamp;

use crate::catalog::SnapshotRecord;
use crate::engine::answer::found_snapshot;
use crate::engine::command::WriteReport;
use crate::engine::{EngineError, Session};
use crate::pipeline::freeze::content_now;
use crate::pipeline::frozen::frozen;
use crate::snapshot::{Content as Held, ImageRef};

/// A series of the document.
pub struct Told {
    pub held: Held,
    pub images: Vec<ImageRef>,
    pub split: Option<String>,
}

/// Series of the document.
pub struct Content {
    pub snapshot: Option<SnapshotRecord>,
    pub series: Vec<Told>,
    /// Series that are not in it any more: why, and how many.
    pub gone: std::collections::BTreeMap<&'static str, u64>,
}

impl Content {
    pub fn of(session: &Session, command: &WriteReport) -> Result<Self, EngineError> {
        let reader = session.engine.shared.catalog.read();
        let mut content = Self { snapshot: None, series: Vec::new(), gone: Default::default() };
        match &command.snapshot {
            Some(name) => {
                drop(reader);
                let record = found_snapshot(session, name)?;
                for (_, series) in frozen(&session.engine.shared.catalog.read(), &record.name)? {
                    match series {
                        Ok(s) => {
                            content.series.push(Told { held: s.content, images: s.images, split: s.split })
                        }
                        Err(why) => *content.gone.entry(why.words()).or_default() += 1,
                    }
                }
                content.snapshot = Some(record);
            }
            None => {
                for candidate in reader.candidates_for_snapshot()? {
                    if candidate.is_withdrawn {
                        continue;
                    }
                    if let Some((held, images)) = content_now(&reader, &candidate.series_uid)? {
                        content.series.push(Told { held, images, split: None });
                    }
                }
            }
        }
        if let Some(site) = &command.site {
            content.series.retain(|told| told.held.site == *site);
        }
        Ok(content)
    }

    pub fn subjects(&self) -> usize {
        let all: std::collections::BTreeSet<&str> = self.series.iter().map(|t| &*t.held.subject).collect();
        all.len()
    }

    pub fn instances(&self) -> u64 {
        self.series.iter().map(|t| t.held.instances).sum()
    }

    pub fn labels(&self) -> usize {
        self.series.iter().map(|t| t.held.labels().len()).sum()
    }
}

/// A time in UTC, to the minute.
pub fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or_default().strftime("%Y-%m-%d %H:%M UTC").to_string()
}
