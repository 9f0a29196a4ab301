//! The accepting side of an association: C-ECHO, C-STORE and Storage Commitment for who calls.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dicom_ul::pdu::{
    AbortRQServiceProviderReason, AbortRQSource, AssociationRJ, AssociationRJResult,
    AssociationRJServiceProviderPresentationReason, AssociationRJSource, Pdu,
};
use tokio::sync::{Semaphore, watch};
use tokio::task::block_in_place;

use super::association::Peer;
use super::command::{CommandSet, Status, StatusCount, element, field};
use super::negotiate::{Agreed, Context, Service, agree, shown};
use super::requestor::{Commitment, read_commitment};
use super::wire::{Fragment, Wire, WireError, decode, fragments, kind};

/// A request for an association is not longer: 128 contexts with thirty transfer syntaxes each. Who has not asked yet may
/// hold so much of memory.
const LONGEST_REQUEST: u32 = 256 << 10;
/// A command is not longer.
const LONGEST_COMMAND: usize = 64 << 10;
/// A data set that is held in memory, of a commitment, is not longer: some 60,000 references.
const LONGEST_HELD: usize = 8 << 20;
/// Some send longer PDUs than was agreed; these are taken.
const TOLERATED_PDU: u32 = 256 << 10;

/// An object that is about to come.
#[derive(Debug, Clone, Copy)]
pub struct ObjectHead<'h> {
    /// Its SOP class.
    pub sop_class: &'h str,
    /// Its SOP instance UID.
    pub sop_uid: &'h str,
    /// Its transfer syntax.
    pub syntax: &'h str,
}

/// An instance that somebody asks about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Its SOP class.
    pub sop_class: String,
    /// Its SOP instance UID.
    pub sop_uid: String,
}

/// Takes what comes. Called from threads that may wait.
pub trait Receiver: Send + Sync {
    /// An object begins: its data set comes without what stands before it in a file.
    ///
    /// # Errors
    /// The status with which it is refused.
    fn begin(&self, head: &ObjectHead<'_>) -> Result<Box<dyn Sink>, Status>;
}

/// What others ask of us beside.
pub trait Provider: Receiver + 'static {
    /// Whether instances are held safely: success, or why not, one for each.
    fn held(&self, references: &[Reference]) -> Vec<Status>;

    /// How the application with this title is called.
    fn peer(&self, title: &str) -> Option<Peer>;
}

/// Takes the data set of one object. Dropped before its end, it leaves nothing.
pub trait Sink: Send {
    /// More of it.
    ///
    /// # Errors
    /// The status with which it is refused.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Status>;

    /// All of it came. When this returns it survives a power cut.
    ///
    /// # Errors
    /// The status with which it is refused.
    fn finish(self: Box<Self>) -> Result<(), Status>;
}

/// How associations are accepted.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Our title.
    pub ae_title: String,
    /// Patterns of the titles that may call; any without.
    pub callers: Option<Vec<String>>,
    /// The longest PDU that is taken.
    pub max_pdu: u32,
    /// How long a connection may be silent before an association stands.
    pub artim: Duration,
    /// How long an association may be silent.
    pub idle: Duration,
}

/// An association as it goes on.
#[derive(Debug, Default)]
pub struct Live {
    /// Who calls.
    pub caller: String,
    /// Objects that were taken.
    pub objects: AtomicU64,
    /// Bytes of data sets that came, of refused ones too.
    pub bytes: AtomicU64,
}

/// What became of an association.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Who called.
    pub caller: String,
    /// Whom they called.
    pub called: String,
    /// Objects that were taken.
    pub objects: u64,
    /// Bytes of data sets that came, of refused ones too.
    pub bytes: u64,
    /// Objects that were refused, by status.
    pub refused: Vec<StatusCount>,
    /// How long it stood.
    pub elapsed_ms: u64,
}

/// Accepts associations.
pub struct Acceptor {
    /// How.
    pub terms: Terms,
    /// Who takes what comes.
    pub receiver: Arc<dyn Provider>,
    /// Associations that may stand at a time.
    pub slots: Arc<Semaphore>,
    /// True when all is to end.
    pub stop: watch::Receiver<bool>,
}

/// A message that is being gathered.
#[derive(Default)]
struct Message {
    command: Vec<u8>,
    /// The command, where all of it came, and where its data set goes.
    open: Option<(u8, CommandSet, Data)>,
}

enum Data {
    /// To the disk; nowhere once it was refused.
    Object(Result<Box<dyn Sink>, Status>),
    /// Into memory.
    Held(Vec<u8>),
}

/// One association.
struct Association<'a> {
    acceptor: &'a Acceptor,
    wire: Wire,
    agreed: Agreed,
    live: Arc<Live>,
    refused: BTreeMap<Status, u64>,
    /// What is to be reported over this association.
    reports: Vec<(u8, Commitment)>,
}

impl Acceptor {
    /// Serves a connection until it ends. `stands` is called with the association once it is accepted; its summary is returned,
    /// none where it never was.
    pub async fn serve(&self, mut wire: Wire, stands: impl FnOnce(&Arc<Live>) + Send) -> Option<Summary> {
        let mut body = Vec::new();
        let first = wire.next(&mut body, LONGEST_REQUEST, self.terms.artim).await;
        let request = match first.and_then(|kind| decode(kind, &body)) {
            Ok(Pdu::AssociationRQ(request)) => request,
            Ok(_) => return refuse(wire, AbortRQServiceProviderReason::UnexpectedPdu).await,
            Err(WireError::Broken(_)) => {
                return refuse(wire, AbortRQServiceProviderReason::UnrecognizedPdu).await;
            }
            Err(_) => {
                wire.close().await;
                return None;
            }
        };
        let agreed = match agree(&request, self.terms.callers.as_deref(), self.terms.max_pdu) {
            Ok(agreed) => agreed,
            Err(rejection) => {
                tracing::warn!("an association of {:?} was rejected", shown(&request.calling_ae_title));
                return reject(wire, rejection).await;
            }
        };
        let Ok(_slot) = self.slots.try_acquire() else { return reject(wire, busy()).await };
        if wire.send_pdu(&Pdu::AssociationAC(agreed.answer.clone())).await.is_err() {
            return None;
        }
        let live = Arc::new(Live { caller: agreed.caller.clone(), ..Live::default() });
        stands(&live);
        let began = Instant::now();
        let mut association =
            Association { acceptor: self, wire, agreed, live, refused: BTreeMap::new(), reports: Vec::new() };
        let ended = association.run().await;
        let Association { mut wire, agreed, live, refused, .. } = association;
        if let Err(error) = ended
            && !matches!(error, WireError::Closed | WireError::Aborted)
        {
            tracing::warn!("an association of {:?} was aborted: {error}", agreed.caller);
            let _ = wire.send_pdu(&abort(reason_of(&error))).await;
        }
        wire.close().await;
        Some(Summary {
            caller: agreed.caller,
            called: agreed.called,
            objects: live.objects.load(Ordering::Relaxed),
            bytes: live.bytes.load(Ordering::Relaxed),
            refused: refused.into_iter().map(|(status, count)| StatusCount { status, count }).collect(),
            elapsed_ms: began.elapsed().as_millis() as u64,
        })
    }
}

fn busy() -> AssociationRJ {
    let reason = AssociationRJServiceProviderPresentationReason::LocalLimitExceeded;
    AssociationRJ {
        result: AssociationRJResult::Transient,
        source: AssociationRJSource::ServiceProviderPresentation(reason),
    }
}

fn abort(reason: AbortRQServiceProviderReason) -> Pdu {
    Pdu::AbortRQ { source: AbortRQSource::ServiceProvider(reason) }
}

fn reason_of(error: &WireError) -> AbortRQServiceProviderReason {
    match error {
        WireError::Broken(_) => AbortRQServiceProviderReason::InvalidPduParameter,
        _ => AbortRQServiceProviderReason::ReasonNotSpecified,
    }
}

async fn refuse(mut wire: Wire, reason: AbortRQServiceProviderReason) -> Option<Summary> {
    let _ = wire.send_pdu(&abort(reason)).await;
    wire.close().await;
    None
}

async fn reject(mut wire: Wire, rejection: AssociationRJ) -> Option<Summary> {
    let _ = wire.send_pdu(&Pdu::AssociationRJ(rejection)).await;
    wire.close().await;
    None
}

impl Association<'_> {
    async fn run(&mut self) -> Result<(), WireError> {
        let (mut body, mut message) = (Vec::new(), Message::default());
        let most = self.acceptor.terms.max_pdu.max(TOLERATED_PDU);
        let mut stop = self.acceptor.stop.clone();
        loop {
            let is_between = message.open.is_none() && message.command.is_empty();
            if is_between {
                self.report_here().await?;
            }
            let next = self.wire.next(&mut body, most, self.acceptor.terms.idle);
            let kind = tokio::select! {
                kind = next => kind?,
                // Nothing of a message has come: it is told that all ends here.
                _ = stop.wait_for(|stop| *stop), if is_between => return Err(WireError::Ending),
            };
            match kind {
                kind::DATA => {
                    for fragment in fragments(&body) {
                        self.take(fragment?, &mut message).await?;
                    }
                    if body.is_empty() {
                        return Err(WireError::Broken("a PDU of data without data"));
                    }
                }
                kind::RELEASE => return self.wire.send_pdu(&Pdu::ReleaseRP).await,
                kind::ABORT => return Err(WireError::Aborted),
                _ => return Err(WireError::Broken("an unexpected PDU")),
            }
        }
    }

    async fn take(&mut self, fragment: Fragment<'_>, message: &mut Message) -> Result<(), WireError> {
        let context = self.agreed.contexts.get(&fragment.context);
        let Some(context) = context.cloned() else {
            return Err(WireError::Broken("a presentation context that was not agreed"));
        };
        if fragment.is_command {
            if message.open.is_some() || message.command.len() + fragment.bytes.len() > LONGEST_COMMAND {
                return Err(WireError::Broken("a command where none may be, or one that does not end"));
            }
            message.command.extend_from_slice(fragment.bytes);
            if !fragment.is_last {
                return Ok(());
            }
            let command = CommandSet::parse(&std::mem::take(&mut message.command))
                .ok_or(WireError::Broken("no command set"))?;
            return self.begin(fragment.context, &context, command, message).await;
        }
        let Some((number, _, data)) = &mut message.open else {
            return Err(WireError::Broken("a data set without a command"));
        };
        if *number != fragment.context {
            return Err(WireError::Broken("a data set in another context than its command"));
        }
        match data {
            Data::Object(sink) => {
                self.live.bytes.fetch_add(fragment.bytes.len() as u64, Ordering::Relaxed);
                if let Ok(open) = sink
                    && let Err(status) = block_in_place(|| open.write(fragment.bytes))
                {
                    *sink = Err(status);
                }
            }
            Data::Held(held) if held.len() + fragment.bytes.len() > LONGEST_HELD => {
                return Err(WireError::Broken("a data set that does not end"));
            }
            Data::Held(held) => held.extend_from_slice(fragment.bytes),
        }
        match message.open.take_if(|_| fragment.is_last) {
            Some((number, command, data)) => self.end(number, &context, &command, data).await,
            None => Ok(()),
        }
    }

    /// A command came whole.
    async fn begin(
        &mut self,
        number: u8,
        context: &Context,
        command: CommandSet,
        message: &mut Message,
    ) -> Result<(), WireError> {
        let field = command.number(element::FIELD).unwrap_or(0);
        // An answer to what we have asked.
        if field & field::ANSWER != 0 || field == field::CANCEL {
            return Ok(());
        }
        let data = match (field, context.service) {
            (field::STORE, Service::Storage) if command.has_data_set() => {
                let (sop_class, sop_uid) =
                    (command.text(element::AFFECTED_CLASS), command.text(element::AFFECTED_INSTANCE));
                let head = ObjectHead { sop_class: &sop_class, sop_uid: &sop_uid, syntax: &context.syntax };
                Data::Object(block_in_place(|| self.acceptor.receiver.begin(&head)))
            }
            _ if command.has_data_set() => Data::Held(Vec::new()),
            _ => return self.end(number, context, &command, Data::Held(Vec::new())).await,
        };
        message.open = Some((number, command, data));
        Ok(())
    }

    /// A message came whole.
    async fn end(
        &mut self,
        number: u8,
        context: &Context,
        command: &CommandSet,
        data: Data,
    ) -> Result<(), WireError> {
        let field = command.number(element::FIELD).unwrap_or(0);
        let status = match (field, context.service, data) {
            (field::ECHO, _, _) => Status::SUCCESS,
            (field::STORE, _, Data::Object(sink)) => {
                let taken = sink.and_then(|sink| block_in_place(|| sink.finish()));
                match taken {
                    Ok(()) => {
                        self.live.objects.fetch_add(1, Ordering::Relaxed);
                        Status::SUCCESS
                    }
                    Err(status) => {
                        *self.refused.entry(status).or_default() += 1;
                        status
                    }
                }
            }
            (field::STORE, Service::Storage, _) => Status::CANNOT_UNDERSTAND,
            (field::STORE, _, _) => Status::CLASS_NOT_SUPPORTED,
            (field::ACTION, Service::Commitment, Data::Held(held)) => {
                return self.commit(number, context, command, &held).await;
            }
            _ => Status::UNRECOGNIZED_OPERATION,
        };
        self.answer(number, &CommandSet::answer(command, status)).await
    }

    async fn answer(&mut self, number: u8, answer: &CommandSet) -> Result<(), WireError> {
        self.wire.send_message((number, true), &answer.bytes(), self.agreed.most).await
    }

    /// Storage Commitment is asked for: it is taken, and reported on when it was looked into.
    async fn commit(
        &mut self,
        number: u8,
        context: &Context,
        command: &CommandSet,
        data: &[u8],
    ) -> Result<(), WireError> {
        let asked = read_commitment(data, &context.syntax);
        let status = match (&asked, command.number(element::ACTION_TYPE)) {
            (_, action) if action != Some(1) => Status::NO_SUCH_ACTION,
            (None, _) => Status::INVALID_ARGUMENT,
            _ => Status::SUCCESS,
        };
        let mut answer = CommandSet::answer(command, status);
        answer.put_number(element::ACTION_TYPE, command.number(element::ACTION_TYPE).unwrap_or(0));
        self.answer(number, &answer).await?;
        let Some((transaction, references)) = asked.filter(|_| status == Status::SUCCESS) else {
            return Ok(());
        };
        let receiver = self.acceptor.receiver.clone();
        let peer = receiver.peer(&self.agreed.caller);
        let look = move || {
            let statuses = receiver.held(&references);
            Commitment { transaction, references: references.into_iter().zip(statuses).collect() }
        };
        match peer {
            Some(peer) => {
                let peer = Peer { ours: self.acceptor.terms.ae_title.clone(), ..peer };
                tokio::spawn(async move {
                    let Ok(commitment) = tokio::task::spawn_blocking(look).await else { return };
                    super::requestor::report_with_patience(&peer, &commitment).await;
                });
            }
            None => {
                let commitment = block_in_place(look);
                self.reports.push((number, commitment));
            }
        }
        Ok(())
    }

    /// Reports over this association, between messages.
    async fn report_here(&mut self) -> Result<(), WireError> {
        for (number, commitment) in std::mem::take(&mut self.reports) {
            let Some(context) = self.agreed.contexts.get(&number) else { continue };
            let (command, data) =
                commitment.message(&context.syntax).map_err(|error| WireError::Io(error.kind()))?;
            self.wire.send_message((number, true), &command.bytes(), self.agreed.most).await?;
            self.wire.send_message((number, false), &data, self.agreed.most).await?;
        }
        Ok(())
    }
}

/// Associations that stand.
#[derive(Debug, Default)]
pub struct Standing(Mutex<Vec<Arc<Live>>>);

impl Standing {
    /// One more.
    pub fn add(&self, live: &Arc<Live>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(live.clone());
    }

    /// Those that stand: who holds no other share in one has ended it.
    pub fn list(&self) -> Vec<Arc<Live>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|live| Arc::strong_count(live) > 1);
        all.clone()
    }
}
