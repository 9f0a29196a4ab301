//! The asking side of an association: what is proposed, what is agreed, and messages both ways.

use std::sync::Arc;
use std::time::Duration;

use dicom_ul::pdu::{
    AssociationRQ, Pdu, PresentationContextProposed, PresentationContextResultReason, RequestorRoles,
    UserVariableItem,
};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::command::{CommandSet, Status, element};
use super::negotiate::APPLICATION_CONTEXT;
use super::wire::{Wire, WireError, decode, first_fragment, kind};
use crate::bytes::ByteSource;
use crate::dicom::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, Syntax};
use crate::model::words::io_error;

/// How long a peer may take for each step.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest PDU that is taken.
const MAX_PDU: u32 = 131_072;
/// Some send longer PDUs than was agreed; these are taken.
const TOLERATED_PDU: u32 = 1 << 20;
/// A command, or an answer that is held in memory, is not longer.
const LONGEST_HELD: usize = 1 << 20;
/// Contexts of an association, at most (PS3.8 table 9-18).
pub const MOST_CONTEXTS: usize = 128;

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
    #[error("it answers with status {:04X}{}", status.0, said(comment))]
    Status {
        /// The status.
        status: Status,
        /// What it says to it.
        comment: String,
    },
    /// A DICOMweb service answers that it could not.
    #[error("it answers {status}{}", said(what))]
    Http {
        /// The HTTP status.
        status: u16,
        /// What that means.
        what: String,
    },
    /// What came is no answer.
    #[error("its answer cannot be read: {0}")]
    Answer(&'static str),
    /// There is no room here for what comes.
    #[error("there is no room on the disk")]
    NoRoom,
    /// Something on this side is missing.
    #[error("{0}")]
    Here(String),
    /// The connection ended.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl RequestError {
    /// The same for who knows whom was asked.
    pub fn in_short(&self) -> String {
        match self {
            Self::Unreachable { why, .. } => why.clone(),
            other => other.to_string(),
        }
    }
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// Whom we call, and as whom.
#[derive(Debug, Clone)]
pub struct Peer {
    /// `HOST:PORT`.
    pub address: String,
    /// Our AE title.
    pub ours: String,
    /// Its AE title.
    pub theirs: String,
    /// How the connection is encrypted, where it is.
    pub tls: Option<Arc<ClientConfig>>,
}

/// A context that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The abstract syntax.
    pub class: String,
    /// Transfer syntaxes, any of which will do.
    pub syntaxes: Vec<String>,
    /// We are its provider, not its user.
    pub is_provider: bool,
}

impl Proposal {
    /// For messages that are written by us.
    pub fn plain(class: &str) -> Self {
        let syntaxes = vec![Syntax::EXPLICIT_LE.into(), Syntax::IMPLICIT_LE.into()];
        Self { class: class.into(), syntaxes, is_provider: false }
    }
}

#[derive(Debug)]
struct Agreed {
    number: u8,
    class: String,
    syntax: String,
}

/// An association that we asked for.
pub struct Requested {
    wire: Wire,
    agreed: Vec<Agreed>,
    /// The longest PDU that the peer takes; 0 for any.
    most: u32,
    message: u16,
    /// What came last, and how much of it was looked at.
    body: Vec<u8>,
    at: usize,
}

/// An answer without its data set.
#[derive(Debug)]
pub struct Answer {
    /// The command set.
    pub command: CommandSet,
    /// Its status.
    pub status: Status,
}

impl Answer {
    /// Nothing, where it was done.
    ///
    /// # Errors
    /// It was not.
    pub fn done(&self) -> Result<(), RequestError> {
        if self.status.is_done() { Ok(()) } else { Err(self.refusal()) }
    }

    /// Why it was not done.
    pub fn refusal(&self) -> RequestError {
        RequestError::Status { status: self.status, comment: self.command.comment() }
    }
}

impl Requested {
    /// Calls somebody and proposes contexts, at most [`MOST_CONTEXTS`].
    ///
    /// # Errors
    /// Nobody is there, or they do not want us.
    pub async fn open(peer: &Peer, proposals: &[Proposal]) -> Result<Self, RequestError> {
        let mut wire = connect(peer).await?;
        let mut variables = vec![
            UserVariableItem::MaxLength(MAX_PDU),
            UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS_UID.into()),
            UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION_NAME.into()),
        ];
        let mut provided: Vec<&str> =
            proposals.iter().filter(|p| p.is_provider).map(|p| p.class.as_str()).collect();
        provided.sort_unstable();
        provided.dedup();
        let roles = |class: &&str| {
            UserVariableItem::ScuScpRoleSelectionSubItem(
                (*class).into(),
                RequestorRoles { scu: false, scp: true },
            )
        };
        variables.extend(provided.iter().map(roles));
        let number = |at: usize| (at * 2 + 1) as u8;
        let proposals = &proposals[..proposals.len().min(MOST_CONTEXTS)];
        let request = AssociationRQ {
            protocol_version: 1,
            calling_ae_title: peer.ours.clone(),
            called_ae_title: peer.theirs.clone(),
            application_context_name: APPLICATION_CONTEXT.into(),
            presentation_contexts: proposals
                .iter()
                .enumerate()
                .map(|(at, proposal)| PresentationContextProposed {
                    id: number(at),
                    abstract_syntax: proposal.class.clone(),
                    transfer_syntaxes: proposal.syntaxes.clone(),
                })
                .collect(),
            user_variables: variables,
        };
        wire.send_pdu(&Pdu::AssociationRQ(request)).await?;
        let mut body = Vec::new();
        let kind = wire.next(&mut body, TOLERATED_PDU, PATIENCE).await?;
        let answer = match decode(kind, &body)? {
            Pdu::AssociationAC(answer) => answer,
            Pdu::AssociationRJ(rejection) => {
                return Err(RequestError::Rejected(rejection.source.to_string()));
            }
            Pdu::AbortRQ { .. } => return Err(WireError::Aborted.into()),
            _ => return Err(WireError::Broken("no answer to a request for an association").into()),
        };
        let most = answer.user_variables.iter().find_map(|item| match item {
            UserVariableItem::MaxLength(length) => Some(*length),
            _ => None,
        });
        let accepted = answer
            .presentation_contexts
            .iter()
            .filter(|context| context.reason == PresentationContextResultReason::Acceptance);
        let agreed = accepted.filter_map(|context| {
            let at = proposals.iter().enumerate().find(|(at, _)| number(*at) == context.id)?;
            let syntax = context.transfer_syntax.trim_end_matches(['\0', ' ']).to_owned();
            Some(Agreed { number: context.id, class: at.1.class.clone(), syntax })
        });
        let agreed = agreed.collect();
        Ok(Self { wire, agreed, most: most.unwrap_or(MAX_PDU), message: 0, body: Vec::new(), at: 0 })
    }

    /// The context that was agreed for a class, in a transfer syntax where one is named.
    pub fn context(&self, class: &str, syntax: Option<&str>) -> Option<u8> {
        let fits = |a: &&Agreed| a.class == class && syntax.is_none_or(|syntax| a.syntax == syntax);
        self.agreed.iter().find(fits).map(|a| a.number)
    }

    /// The class and the transfer syntax of a context; none where it was not agreed.
    pub fn agreed(&self, context: u8) -> Option<(&str, &str)> {
        self.agreed.iter().find(|a| a.number == context).map(|a| (&*a.class, &*a.syntax))
    }

    /// The transfer syntax of a context; that of messages where it was not agreed.
    pub fn syntax(&self, context: u8) -> &str {
        self.agreed(context).map_or(Syntax::IMPLICIT_LE, |(_, syntax)| syntax)
    }

    /// A number for the next message.
    pub fn next_id(&mut self) -> u16 {
        self.message = self.message.checked_add(1).unwrap_or(1);
        self.message
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The connection ends.
    pub async fn send(
        &mut self,
        context: u8,
        command: &CommandSet,
        data: Option<&[u8]>,
    ) -> Result<(), RequestError> {
        self.wire.send_message((context, true), &command.bytes(), self.most).await?;
        if let Some(data) = data {
            self.wire.send_message((context, false), data, self.most).await?;
        }
        Ok(())
    }

    /// Sends a message whose data set may be large.
    ///
    /// # Errors
    /// The connection ends, or the data set cannot be read.
    pub async fn send_bulk(
        &mut self,
        context: u8,
        command: &CommandSet,
        data: &ByteSource<'_>,
    ) -> Result<(), RequestError> {
        self.wire.send_message((context, true), &command.bytes(), self.most).await?;
        Ok(self.wire.send_bulk(context, data, self.most).await?)
    }

    /// Sends a message and waits for its answer, without a data set.
    ///
    /// # Errors
    /// The connection ends, or what comes is no answer.
    pub async fn ask(
        &mut self,
        context: u8,
        command: &CommandSet,
        data: Option<&[u8]>,
    ) -> Result<Answer, RequestError> {
        self.send(context, command, data).await?;
        self.answer().await
    }

    /// Waits for an answer, without a data set.
    ///
    /// # Errors
    /// The connection ends, or what comes is no answer.
    pub async fn answer(&mut self) -> Result<Answer, RequestError> {
        let (context, command) = self.command(PATIENCE * 4).await?;
        if command.has_data_set() {
            self.held(context).await?;
        }
        let status = command.number(element::STATUS).map_or(Status(u16::MAX), Status);
        Ok(Answer { command, status })
    }

    /// The next command, with its context.
    ///
    /// # Errors
    /// The connection ends; a data set comes instead.
    pub async fn command(&mut self, patience: Duration) -> Result<(u8, CommandSet), RequestError> {
        let mut gathered = Vec::new();
        loop {
            let fragment = self.fragment(patience).await?;
            if !fragment.is_command || gathered.len() > LONGEST_HELD {
                return Err(WireError::Broken("no command where one was awaited").into());
            }
            gathered.extend_from_slice(&self.body[fragment.bytes]);
            if fragment.is_last {
                let command = CommandSet::parse(&gathered).ok_or(WireError::Broken("no command set"))?;
                return Ok((fragment.context, command));
            }
        }
    }

    /// The data set that follows a command, piece by piece.
    ///
    /// # Errors
    /// The connection ends; something else comes instead.
    pub async fn data(&mut self, context: u8, mut take: impl FnMut(&[u8])) -> Result<(), RequestError> {
        loop {
            let fragment = self.fragment(PATIENCE * 4).await?;
            if fragment.is_command || fragment.context != context {
                return Err(WireError::Broken("no data set where one was awaited").into());
            }
            take(&self.body[fragment.bytes]);
            if fragment.is_last {
                return Ok(());
            }
        }
    }

    /// The data set that follows a command, in memory.
    ///
    /// # Errors
    /// As [`Requested::data`]; it is too long.
    pub async fn held(&mut self, context: u8) -> Result<Vec<u8>, RequestError> {
        let mut held = Vec::new();
        let mut length = 0;
        self.data(context, |piece| {
            length += piece.len();
            if length <= LONGEST_HELD {
                held.extend_from_slice(piece);
            }
        })
        .await?;
        if length > LONGEST_HELD { Err(RequestError::Answer("it is too long")) } else { Ok(held) }
    }

    async fn fragment(&mut self, patience: Duration) -> Result<Piece, RequestError> {
        while self.at >= self.body.len() {
            self.at = 0;
            match self.wire.next(&mut self.body, MAX_PDU.max(TOLERATED_PDU), patience).await? {
                kind::DATA => {}
                kind::ABORT => return Err(WireError::Aborted.into()),
                kind::RELEASE => return Err(WireError::Closed.into()),
                _ => return Err(WireError::Broken("an unexpected PDU").into()),
            }
            if self.body.is_empty() {
                return Err(WireError::Broken("a PDU of data without data").into());
            }
        }
        let rest = &self.body[self.at..];
        let (fragment, after) =
            first_fragment(rest).ok_or(WireError::Broken("a fragment of a wrong length"))?;
        let end = self.body.len() - after.len();
        let bytes = end - fragment.bytes.len()..end;
        self.at = end;
        Ok(Piece {
            context: fragment.context,
            is_command: fragment.is_command,
            is_last: fragment.is_last,
            bytes,
        })
    }

    /// Ends the association in good order.
    pub async fn release(mut self) {
        if self.wire.send_pdu(&Pdu::ReleaseRQ).await.is_ok() {
            let mut body = Vec::new();
            let _ = self.wire.next(&mut body, TOLERATED_PDU, PATIENCE).await;
        }
        self.wire.close().await;
    }
}

/// A fragment by where it lies in the PDU.
struct Piece {
    context: u8,
    is_command: bool,
    is_last: bool,
    bytes: std::ops::Range<usize>,
}

async fn connect(peer: &Peer) -> Result<Wire, RequestError> {
    let unreachable = |why: String| RequestError::Unreachable { address: peer.address.clone(), why };
    let stream = timeout(PATIENCE, TcpStream::connect(&peer.address))
        .await
        .map_err(|_| unreachable("no answer".into()))?
        .map_err(|error| unreachable(io_error(&error)))?;
    let _ = stream.set_nodelay(true);
    let Some(tls) = &peer.tls else { return Ok(Wire::new(stream)) };
    let host = peer.address.rsplit_once(':').map_or(&*peer.address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name =
        ServerName::try_from(host).map_err(|_| unreachable("no name that a certificate can hold".into()))?;
    let connector = tokio_rustls::TlsConnector::from(tls.clone());
    let stream = timeout(PATIENCE, connector.connect(name, stream))
        .await
        .map_err(|_| unreachable("no answer to an encrypted connection".into()))?
        .map_err(|error| unreachable(format!("no encrypted connection: {}", tls_words(&error))))?;
    Ok(Wire::new(stream))
}

/// What is wrong with an encrypted connection: rustls says it within the error of the stream.
fn tls_words(error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    inner.map_or_else(|| io_error(error), ToString::to_string)
}
