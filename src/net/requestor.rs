//! The asking side of an association: C-ECHO of a remote, and reports on Storage Commitment.

use std::time::Duration;

use super::acceptor::Reference;
use super::association::{Peer, Proposal, RequestError, Requested};
use super::command::{CommandSet, Status, element, field};
use super::negotiate::{COMMITMENT, VERIFICATION};
use super::wire::WireError;
use crate::dicom::{DataSet, Element, ReadOptions, data_set, file_head, read};
use crate::model::{Tag, Vr, tags};

/// Between two tries to report.
const AGAIN: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300)];
/// The well-known instance that commitment is asked of.
const COMMITMENT_INSTANCE: &str = "1.2.840.10008.1.20.1.1";

const TRANSACTION_UID: Tag = Tag(0x0008_1195);
const FAILED_SOP_SEQUENCE: Tag = Tag(0x0008_1198);
const REFERENCED_SOP_SEQUENCE: Tag = Tag(0x0008_1199);
const FAILURE_REASON: Tag = Tag(0x0008_1197);

/// What became of a request for commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// The request's Transaction UID.
    pub transaction: String,
    /// What it asked about: held, or why not.
    pub references: Vec<(Reference, Status)>,
}

impl Commitment {
    /// The N-EVENT-REPORT: command and data set (PS3.4 table J.3-3).
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn message(&self, syntax: &str) -> std::io::Result<(CommandSet, Vec<u8>)> {
        let item = |(reference, status): &(Reference, Status)| {
            let mut item = DataSet::from_elements(vec![
                Element::text(tags::REFERENCED_SOP_CLASS_UID, Vr::UI, &reference.sop_class),
                Element::text(tags::REFERENCED_SOP_INSTANCE_UID, Vr::UI, &reference.sop_uid),
            ]);
            if *status != Status::SUCCESS {
                item.put(Element::new(FAILURE_REASON, Vr::US, status.0.to_le_bytes().to_vec()));
            }
            item
        };
        let (held, failed): (Vec<_>, Vec<_>) =
            self.references.iter().partition(|(_, status)| *status == Status::SUCCESS);
        let mut elements = vec![Element::text(TRANSACTION_UID, Vr::UI, &self.transaction)];
        for (tag, list) in [(FAILED_SOP_SEQUENCE, &failed), (REFERENCED_SOP_SEQUENCE, &held)] {
            if !list.is_empty() {
                elements.push(Element::sequence(tag, list.iter().map(|one| item(one)).collect()));
            }
        }
        let mut command = CommandSet::request(field::EVENT_REPORT, 1, COMMITMENT);
        command.put_text(element::AFFECTED_INSTANCE, COMMITMENT_INSTANCE);
        command.put_number(element::EVENT_TYPE, if failed.is_empty() { 1 } else { 2 });
        command.put_number(element::DATA_SET, 1);
        Ok((command, data_set(&DataSet::from_elements(elements), syntax)?))
    }
}

/// What an N-ACTION of Storage Commitment asks about: its Transaction UID and instances. `None` where it cannot be read.
pub(super) fn read_commitment(data: &[u8], syntax: &str) -> Option<(String, Vec<Reference>)> {
    let mut file = file_head(COMMITMENT, COMMITMENT_INSTANCE, syntax);
    file.extend_from_slice(data);
    let file = read(&file, ReadOptions::default()).ok()?;
    let uid = |set: &DataSet<'_>, tag: Tag| {
        let uid = set.ascii(tag)?.trim_end_matches(['\0', ' ']);
        let is_one =
            !uid.is_empty() && uid.len() <= 64 && uid.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        is_one.then(|| uid.to_owned())
    };
    let transaction = uid(&file.dataset, TRANSACTION_UID)?;
    let reference = |item: &DataSet<'_>| {
        Some(Reference {
            sop_class: uid(item, tags::REFERENCED_SOP_CLASS_UID)?,
            sop_uid: uid(item, tags::REFERENCED_SOP_INSTANCE_UID)?,
        })
    };
    let references: Option<Vec<_>> =
        file.dataset.items(REFERENCED_SOP_SEQUENCE).iter().map(reference).collect();
    Some((transaction, references.filter(|r| !r.is_empty())?))
}

/// Asks an application whether it is there.
///
/// # Errors
/// Why it is not, or does not answer.
pub async fn echo(peer: &Peer) -> Result<(), RequestError> {
    let mut association = Requested::open(peer, &[Proposal::plain(VERIFICATION)]).await?;
    let context = association.context(VERIFICATION, None).ok_or(RequestError::NotAccepted("C-ECHO"))?;
    let command = CommandSet::request(field::ECHO, association.next_id(), VERIFICATION);
    association.ask(context, &command, None).await?.done()?;
    association.release().await;
    Ok(())
}

/// Reports on a request for commitment to who has asked.
///
/// # Errors
/// It is not there, or does not take it.
pub async fn report(peer: &Peer, commitment: &Commitment) -> Result<(), RequestError> {
    let proposal = Proposal { is_provider: true, ..Proposal::plain(COMMITMENT) };
    let mut association = Requested::open(peer, &[proposal]).await?;
    let context =
        association.context(COMMITMENT, None).ok_or(RequestError::NotAccepted("Storage Commitment"))?;
    let (command, data) = commitment
        .message(association.syntax(context))
        .map_err(|error| RequestError::Wire(WireError::Io(error.kind())))?;
    association.ask(context, &command, Some(&data)).await?.done()?;
    association.release().await;
    Ok(())
}

/// The same, tried again where it fails; who never hears of it asks again.
pub(super) async fn report_with_patience(peer: &Peer, commitment: &Commitment) {
    for wait in AGAIN.iter().map(Some).chain([None]) {
        let Err(error) = report(peer, commitment).await else { return };
        tracing::warn!("a report on storage commitment did not reach {}: {error}", peer.theirs);
        let Some(wait) = wait else { return };
        tokio::time::sleep(*wait).await;
    }
}
