//! Commands carried out, one file per family.

mod backup;
mod catalog;
mod config;
mod deid;
mod export;
mod folders;
mod intake;
mod label_files;
mod labels;
mod masks;
mod remotes;
mod report;
mod review;
mod snapshots;
mod subjects;
mod tokens;
mod typed;
mod vault;
mod verify;
mod withdraw;
mod work;

pub(super) use config::follow_file;
pub(super) use intake::{counted, outcome};
pub(super) use remotes::Pulling;

use serde_json::Value;

use super::answer::wire;
use super::command::Command;
use super::{EngineError, Session};

/// Carries a command out, in its wire form.
pub(super) fn perform(session: &Session, command: Command) -> Result<Value, EngineError> {
    match command {
        Command::AddInbox(c) => wire(intake::add_inbox(session, c)?),
        Command::RemoveInbox(c) => wire(intake::remove_inbox(session, &c)?),
        Command::Ingest(c) => wire(intake::ingest(session, &c)?),
        Command::RetryIntake(c) => wire(intake::retry(session, &c.choice)?),
        Command::MaskIntake(c) => wire(intake::mask(session, c)?),
        Command::LookIntake(c) => wire(intake::look(session, &c)?),
        Command::ReleaseIntake(c) => wire(intake::release(session, &c.choice)?),
        Command::DiscardIntake(c) => wire(intake::discard(session, &c.choice)?),
        Command::RetryJobs(c) => wire(intake::retry_jobs(session, &c.jobs)?),
        Command::ClaimTask(c) => wire(review::claim(session, &c)?),
        Command::ClaimNext(c) => wire(review::claim_next(session, &c)?),
        Command::UnclaimTask(c) => wire(review::unclaim(session, c.task)?),
        Command::DecideTask(c) => wire(review::decide(session, &c)?),
        Command::UndoDecision(c) => wire(review::undo(session, c.task)?),
        Command::Backup(c) => wire(backup::backup(session, &c)?),
        Command::SaveSearch(c) => wire(catalog::save(session, &c)?),
        Command::ForgetSearch(c) => wire(catalog::forget(session, &c)?),
        Command::ApplyRules(_) => wire(catalog::apply_rules(session)?),
        Command::ImportReads(c) => wire(labels::import(session, &c)?),
        Command::UndoImport(c) => wire(labels::undo(session, c.import)?),
        Command::ExportLabel(c) => wire(label_files::export(session, &c)?),
        Command::SealVault(c) => wire(vault::seal(session, &c)?),
        Command::FillVault(c) => wire(vault::fill(session, &c)?),
        Command::SetConfig(c) => wire(config::set(session, &c)?),
        Command::JoinSubjects(c) => wire(subjects::join(session, &c)?),
        Command::PartSubject(c) => wire(subjects::part(session, &c)?),
        Command::KeepSubject(c) => wire(subjects::keep(session, &c)?),
        Command::OpenVault(c) => wire(vault::open(session, &c)?),
        Command::Reprocess(c) => wire(deid::reprocess(session, &c)?),
        Command::QuestionMasks(c) => wire(deid::question_masks(session, &c)?),
        Command::Repair(c) => wire(verify::repair(session, &c)?),
        Command::WriteReport(c) => wire(report::write(session, &c)?),
        Command::Export(c) => wire(export::export(session, &c)?),
        Command::PutReader(c) => wire(work::put(session, &c)?),
        Command::ApplyPlan(c) => wire(work::apply(session, &c)?),
        Command::TakeNext(c) => wire(work::next(session, &c)?),
        Command::ActOnTask(c) => wire(work::act(session, &c)?),
        Command::SteerTask(c) => wire(work::steer(session, &c)?),
        Command::SubmitTask(c) => wire(work::submit(session, &c)?),
        Command::ReopenCase(c) => wire(work::reopen(session, &c)?),
        Command::SetGold(c) => wire(work::gold(session, &c)?),
        Command::CheckoutTask(c) => wire(work::checkout(session, &c)?),
        Command::CreateSnapshot(c) => wire(snapshots::create(session, &c)?),
        Command::FindRemote(c) => wire(remotes::find(session, &c)?),
        Command::PullRemote(c) => wire(remotes::pull(session, &c)?),
        Command::SendRemote(c) => wire(remotes::send(session, &c)?),
        Command::MakeToken(c) => wire(tokens::make(session, &c)?),
        Command::RevokeTokens(c) => wire(tokens::revoke(session, &c)?),
        Command::StoreLabel(c) => wire(tokens::store_label(session, &c)?),
        Command::StoreImage(c) => wire(tokens::store_image(session, &c)?),
        Command::Withdraw(c) => wire(withdraw::withdraw(session, &c)?),
    }
}
