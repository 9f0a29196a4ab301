//! SOP Instance UIDs that several series use.

use serde_json::json;

use super::{Study, StudyCheck};
use crate::model::{Finding, Severity};
use crate::qc::series::count;

/// Instances of the series have SOP Instance UIDs that instances of other series have, too.
#[derive(Debug, Clone, Copy)]
pub struct UidReuse;

impl StudyCheck for UidReuse {
    fn id(&self) -> &'static str {
        "uid_reuse"
    }

    fn run(&self, study: &Study<'_>) -> Vec<(usize, Finding)> {
        let reusing = study.members.iter().enumerate().filter(|(_, m)| !m.shares_instances.is_empty());
        reusing
            .map(|(at, m)| {
                let n: u64 = m.shares_instances.iter().map(|(_, n)| n).sum();
                let others = m.shares_instances.len();
                let message = format!(
                    "{} found in {} as well: a SOP Instance UID belongs to one series only",
                    count(n as usize, "instance UID"),
                    if others == 1 { "another series".into() } else { format!("{others} other series") }
                );
                let series: Vec<&String> = m.shares_instances.iter().take(20).map(|(uid, _)| uid).collect();
                (at, self.finding(Severity::Error, message, json!({"instances": n, "series_uids": series})))
            })
            .collect()
    }
}
