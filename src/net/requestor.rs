//! The asking side of an association: C-ECHO of a remote, and reports on Storage Commitment.

use std::time::Duration;

use dicom_ul::pdu::{
    AssociationRQ, Pdu, PresentationContextProposed, PresentationContextResultReason, RequestorRoles,
    UserVariableItem,
};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::acceptor::Reference;
use super::command::{CommandSet, Status, element, field};
use super::negotiate::{APPLICATION_CONTEXT, COMMITMENT, VERIFICATION};
use super::wire::{Wire, WireError, decode, fragments, kind};
use crate::dicom::{
    DataSet, Element, IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, ReadOptions, Syntax, data_set,
    file_head, read,
};
use crate::model::{Tag, Vr, tags};

/// How long a peer may take for each step.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two tries to report.
const AGAIN: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300)];
/// The longest PDU that is taken.
const MAX_PDU: u32 = 16_384;
/// Answers are not longer.
const LONGEST_ANSWER: u32 = 1 << 20;
/// The well-known instance that commitment is asked of.
const COMMITMENT_INSTANCE: &str = "1.2.840.10008.1.20.1.1";

const TRANSACTION_UID: Tag = Tag(0x0008_1195);
const FAILED_SOP_SEQUENCE: Tag = Tag(0x0008_1198);
const REFERENCED_SOP_SEQUENCE: Tag = Tag(0x0008_1199);
const FAILURE_REASON: Tag = Tag(0x0008_1197);

/// Why a remote could not be asked, in its own words where it had some.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    /// Nobody is there.
    #[error("{address}: {why}")]
    Unreachable {
        /// Who was called.
        address: String,
        /// What the network says.
        why: String,
    },
    /// It does not want us.
    #[error("the association was rejected: {0}")]
    Rejected(String),
    /// It does not do this.
    #[error("it does not accept {0}")]
    NotAccepted(&'static str),
    /// It answers that it could not.
    #[error("it answers with status {0:04X}")]
    Status(u16),
    /// The connection ended.
    #[error(transparent)]
    Wire(#[from] WireError),
}

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

/// An association that we asked for.
struct Requested {
    wire: Wire,
    syntax: String,
    most: u32,
}

/// The only context that is asked for.
const CONTEXT: u8 = 1;

impl Requested {
    /// Calls `called` at an address, as `calling`, for one service; with the role of its provider where that is wanted.
    async fn open(
        address: &str,
        (calling, called): (&str, &str),
        (service, what): (&str, &'static str),
        is_provider: bool,
    ) -> Result<Self, RequestError> {
        let unreachable = |why: String| RequestError::Unreachable { address: address.into(), why };
        let stream = timeout(PATIENCE, TcpStream::connect(address))
            .await
            .map_err(|_| unreachable("no answer".into()))?
            .map_err(|error| unreachable(crate::model::words::io_error(&error)))?;
        let _ = stream.set_nodelay(true);
        let mut wire = Wire::new(stream);
        let mut variables = vec![
            UserVariableItem::MaxLength(MAX_PDU),
            UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS_UID.into()),
            UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION_NAME.into()),
        ];
        if is_provider {
            let roles = RequestorRoles { scu: false, scp: true };
            variables.push(UserVariableItem::ScuScpRoleSelectionSubItem(service.into(), roles));
        }
        let request = AssociationRQ {
            protocol_version: 1,
            calling_ae_title: calling.into(),
            called_ae_title: called.into(),
            application_context_name: APPLICATION_CONTEXT.into(),
            presentation_contexts: vec![PresentationContextProposed {
                id: CONTEXT,
                abstract_syntax: service.into(),
                transfer_syntaxes: vec![Syntax::IMPLICIT_LE.into(), Syntax::EXPLICIT_LE.into()],
            }],
            user_variables: variables,
        };
        wire.send_pdu(&Pdu::AssociationRQ(request)).await?;
        let mut body = Vec::new();
        let kind = wire.next(&mut body, LONGEST_ANSWER, PATIENCE).await?;
        match decode(kind, &body)? {
            Pdu::AssociationAC(answer) => {
                let context = answer.presentation_contexts.first();
                let accepted = context.filter(|c| c.reason == PresentationContextResultReason::Acceptance);
                let syntax = accepted.ok_or(RequestError::NotAccepted(what))?.transfer_syntax.clone();
                let most = answer.user_variables.iter().find_map(|item| match item {
                    UserVariableItem::MaxLength(length) => Some(*length),
                    _ => None,
                });
                let syntax = syntax.trim_end_matches(['\0', ' ']).to_owned();
                Ok(Self { wire, syntax, most: most.unwrap_or(MAX_PDU) })
            }
            Pdu::AssociationRJ(rejection) => Err(RequestError::Rejected(rejection.source.to_string())),
            _ => Err(WireError::Broken("no answer to a request for an association").into()),
        }
    }

    /// Sends a message and waits for the status of its answer.
    async fn ask(&mut self, command: &CommandSet, data: Option<&[u8]>) -> Result<(), RequestError> {
        self.wire.send_message((CONTEXT, true), &command.bytes(), self.most).await?;
        if let Some(data) = data {
            self.wire.send_message((CONTEXT, false), data, self.most).await?;
        }
        let (mut body, mut gathered) = (Vec::new(), Vec::new());
        loop {
            match self.wire.next(&mut body, LONGEST_ANSWER, PATIENCE).await? {
                kind::DATA => {}
                kind::ABORT => return Err(WireError::Aborted.into()),
                _ => return Err(WireError::Broken("an unexpected PDU").into()),
            }
            for fragment in fragments(&body) {
                let fragment = fragment?;
                if !fragment.is_command || gathered.len() > LONGEST_ANSWER as usize {
                    return Err(WireError::Broken("no command where one was awaited").into());
                }
                gathered.extend_from_slice(fragment.bytes);
                if fragment.is_last {
                    let answer = CommandSet::parse(&gathered).ok_or(WireError::Broken("no command set"))?;
                    return match answer.number(element::STATUS) {
                        Some(0) => Ok(()),
                        status => Err(RequestError::Status(status.unwrap_or(u16::MAX))),
                    };
                }
            }
        }
    }

    /// Ends the association in good order.
    async fn release(mut self) {
        if self.wire.send_pdu(&Pdu::ReleaseRQ).await.is_ok() {
            let mut body = Vec::new();
            let _ = self.wire.next(&mut body, LONGEST_ANSWER, PATIENCE).await;
        }
        self.wire.close().await;
    }
}

/// Asks a remote whether it is there.
///
/// # Errors
/// Why it is not, or does not answer.
pub async fn echo(address: &str, titles: (&str, &str)) -> Result<(), RequestError> {
    let mut association = Requested::open(address, titles, (VERIFICATION, "C-ECHO"), false).await?;
    association.ask(&CommandSet::request(field::ECHO, 1, VERIFICATION), None).await?;
    association.release().await;
    Ok(())
}

/// Reports on a request for commitment to who has asked.
///
/// # Errors
/// It is not there, or does not take it.
pub async fn report(
    address: &str,
    (ours, theirs): (&str, &str),
    commitment: &Commitment,
) -> Result<(), RequestError> {
    let service = (COMMITMENT, "Storage Commitment");
    let mut association = Requested::open(address, (ours, theirs), service, true).await?;
    let (command, data) =
        commitment.message(&association.syntax).map_err(|error| WireError::Io(error.kind()))?;
    association.ask(&command, Some(&data)).await?;
    association.release().await;
    Ok(())
}

/// The same, tried again where it fails; who never hears of it asks again.
pub(super) async fn report_with_patience(
    address: &str,
    (ours, theirs): &(String, String),
    commitment: &Commitment,
) {
    for wait in AGAIN.iter().map(Some).chain([None]) {
        let Err(error) = report(address, (ours, theirs), commitment).await else { return };
        tracing::warn!("a report on storage commitment did not reach {theirs}: {error}");
        let Some(wait) = wait else { return };
        tokio::time::sleep(*wait).await;
    }
}
