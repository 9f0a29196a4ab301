//! A DICOM application: C-FIND, C-GET, C-MOVE and C-STORE (PS3.4 annexes B and C, study root).

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::attributes::identifier;
use super::{Archive, Attributes, Fetched, FileReceiver, Key, Level, Outgoing, Told, Wanted, runtime};
use crate::dicom::{ReadOptions, Syntax, data_set, file_head, read};
use crate::model::tags;
use crate::net::acceptor::ObjectHead;
use crate::net::association::{MOST_CONTEXTS, Peer, Proposal, RequestError, Requested};
use crate::net::command::{CommandSet, Status, element, field};
use crate::net::requestor;
use crate::net::wire::WireError;

const FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
const MOVE: &str = "1.2.840.10008.5.1.4.1.2.2.2";
const GET: &str = "1.2.840.10008.5.1.4.1.2.2.3";

/// Between two answers of a search.
const SEARCHING: Duration = Duration::from_secs(120);
/// Between two objects that come, or two words on objects that are moved.
const FETCHING: Duration = Duration::from_secs(300);
/// Answers to one question, at most.
const MOST_FOUND: u64 = 1_000_000;
/// Instances that are named in one question.
const NAMED_AT_ONCE: usize = 64;

/// Transfer syntaxes of objects that come, each in a context of its own, so that nothing is transcoded on the way.
const SYNTAXES: [&str; 20] = [
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.4.100",
    "1.2.840.10008.1.2.4.102",
    "1.2.840.10008.1.2.4.103",
    "1.2.840.10008.1.2.4.107",
    "1.2.840.10008.1.2.1.98",
    "1.2.840.10008.1.2.8.1",
];
/// Contexts of one class: one for what is not compressed, one for each other syntax.
const A_CLASS: usize = SYNTAXES.len() + 1;
/// Classes of an association that fetches, beside the one that asks.
const CLASSES: usize = (MOST_CONTEXTS - 1) / A_CLASS;

/// Classes that are expected where the archive does not say which it holds.
const COMMON: [&str; 6] = [
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.128",
    "1.2.840.10008.5.1.4.1.1.66.4",
];

/// A DICOM application.
pub struct DicomArchive {
    runtime: Runtime,
    peer: Peer,
    move_destination: Option<String>,
    asking: Option<Requested>,
    fetching: Option<(BTreeSet<String>, Requested)>,
}

/// What an application says of the objects that it was to send.
struct Suboperations {
    failed: u64,
    end: Status,
    comment: String,
}

impl DicomArchive {
    /// The application with an address; nothing is asked of it yet.
    ///
    /// # Errors
    /// This machine refuses.
    pub fn new(peer: &Peer, move_destination: Option<&str>) -> Result<Self, RequestError> {
        Ok(Self {
            runtime: runtime()?,
            peer: peer.clone(),
            move_destination: move_destination.map(ToOwned::to_owned),
            asking: None,
            fetching: None,
        })
    }
}

impl Archive for DicomArchive {
    fn echo(&mut self) -> Result<(), RequestError> {
        self.runtime.block_on(requestor::echo(&self.peer))
    }

    fn find(
        &mut self,
        level: Level,
        keys: &[Key],
        each: &mut dyn FnMut(Attributes) -> bool,
    ) -> Result<(), RequestError> {
        let Self { runtime, peer, asking, .. } = self;
        let found = runtime.block_on(async {
            if asking.is_none() {
                *asking = Some(Requested::open(peer, &[Proposal::plain(FIND)]).await?);
            }
            let Some(association) = asking else { return Err(WireError::Closed.into()) };
            find(association, level, keys, each).await
        });
        // What is left of an answer would be taken for the next.
        if found.is_err() {
            self.asking = None;
        }
        found
    }

    fn fetch(&mut self, wanted: &Wanted, receiver: &dyn FileReceiver) -> Result<Fetched, RequestError> {
        let fetched = match &self.move_destination {
            Some(move_destination) => {
                self.runtime.block_on(fetch_by_move(&self.peer, move_destination, &mut self.fetching, wanted))
            }
            None => self.runtime.block_on(fetch_by_get(&self.peer, &mut self.fetching, wanted, receiver)),
        };
        if fetched.is_err() {
            self.fetching = None;
        }
        fetched
    }

    fn send(&mut self, objects: &[Outgoing], told: Told<'_>) -> Result<(), RequestError> {
        self.runtime.block_on(send(&self.peer, objects, told))
    }
}

impl Drop for DicomArchive {
    fn drop(&mut self) {
        let open = [self.asking.take(), self.fetching.take().map(|(_, association)| association)];
        for association in open.into_iter().flatten() {
            self.runtime.block_on(association.release());
        }
    }
}

async fn find(
    association: &mut Requested,
    level: Level,
    keys: &[Key],
    each: &mut dyn FnMut(Attributes) -> bool,
) -> Result<(), RequestError> {
    let context = association.context(FIND, None).ok_or(RequestError::NotAccepted("C-FIND of studies"))?;
    let question = question(association.syntax(context), level, keys)?;
    let id = association.next_id();
    let mut command = CommandSet::request(field::FIND, id, FIND);
    command.put_number(element::PRIORITY, 0);
    command.put_number(element::DATA_SET, 1);
    association.send(context, &command, Some(&question)).await?;
    let (mut seen, mut count, mut is_wanted) = (BTreeSet::new(), 0, true);
    loop {
        let (context, command) = association.command(SEARCHING).await?;
        let data = if command.has_data_set() { association.held(context).await? } else { Vec::new() };
        let status = Status(command.number(element::STATUS).unwrap_or(u16::MAX));
        // Asked to stop: what was found is all that was wanted.
        if status.0 == 0xFE00 && !is_wanted {
            return Ok(());
        }
        if !status.is_pending() {
            let refused = || RequestError::Status { status, comment: command.comment() };
            return status.is_done().then_some(()).ok_or_else(refused);
        }
        count += 1;
        if count > MOST_FOUND {
            return Err(RequestError::Answer("it finds no end"));
        }
        let attributes = answer(association.syntax(context), &data)?;
        let is_new = attributes.uid(level.unique()).is_some_and(|uid| seen.insert(uid.to_owned()));
        if is_wanted && is_new && !each(attributes) {
            is_wanted = false;
            association.send(context, &CommandSet::cancel(id), None).await?;
        }
    }
}

fn question(syntax: &str, level: Level, keys: &[Key]) -> Result<Vec<u8>, RequestError> {
    let written = data_set(&identifier(level, keys), syntax);
    written.map_err(|error| RequestError::Wire(WireError::Io(error.kind())))
}

fn answer(syntax: &str, data: &[u8]) -> Result<Attributes, RequestError> {
    let mut file = file_head(FIND, "1", syntax);
    file.extend_from_slice(data);
    let file = read(&file, ReadOptions::default()).map_err(|_| RequestError::Answer("it is no data set"))?;
    Ok(Attributes::of(&file.dataset))
}

/// Contexts for objects of classes to come in.
fn expecting(classes: &BTreeSet<String>) -> Vec<Proposal> {
    let mut proposals = vec![Proposal::plain(GET)];
    for class in classes {
        proposals.push(Proposal { is_provider: true, ..Proposal::plain(class) });
        proposals.extend(SYNTAXES.iter().map(|syntax| Proposal {
            class: class.clone(),
            syntaxes: vec![(*syntax).into()],
            is_provider: true,
        }));
    }
    proposals
}

/// The classes of what is wanted, in groups that fit an association.
fn classes_of(wanted: &Wanted) -> Vec<BTreeSet<String>> {
    let mut all: BTreeSet<String> = wanted.instances.iter().map(|(_, class)| class.clone()).collect();
    if all.remove("") {
        all.extend(COMMON.iter().map(|class| (*class).to_owned()));
    }
    let all: Vec<String> = all.into_iter().collect();
    all.chunks(CLASSES).map(|part| part.iter().cloned().collect()).collect()
}

async fn fetch_by_get(
    peer: &Peer,
    open: &mut Option<(BTreeSet<String>, Requested)>,
    wanted: &Wanted,
    receiver: &dyn FileReceiver,
) -> Result<Fetched, RequestError> {
    let mut fetched = Fetched::default();
    let groups = classes_of(wanted);
    let is_one = groups.len() == 1;
    for classes in groups {
        if !open.as_ref().is_some_and(|(agreed, _)| agreed.is_superset(&classes)) {
            if let Some((_, association)) = open.take() {
                association.release().await;
            }
            let association = Requested::open(peer, &expecting(&classes)).await?;
            *open = Some((classes.clone(), association));
        }
        let Some((_, association)) = open else { continue };
        let context = association.context(GET, None).ok_or(RequestError::NotAccepted("C-GET"))?;
        let mine: Vec<&str> = wanted
            .instances
            .iter()
            .filter(|(_, class)| class.is_empty() || classes.contains(class))
            .map(|(uid, _)| &**uid)
            .filter(|uid| !receiver.has(uid))
            .collect();
        for keys in questions(wanted, &mine, is_one) {
            let done = get(association, context, &keys, receiver).await?;
            note(&mut fetched, &done);
        }
    }
    Ok(fetched)
}

/// What a series is asked for by: as a whole where all of it is wanted, else instance by instance.
fn questions(wanted: &Wanted, instances: &[&str], may_be_whole: bool) -> Vec<(Level, Vec<Key>)> {
    let above = || {
        vec![
            Key::new(tags::STUDY_INSTANCE_UID, &wanted.study),
            Key::new(tags::SERIES_INSTANCE_UID, &wanted.series),
        ]
    };
    if wanted.is_whole && may_be_whole && instances.len() == wanted.instances.len() {
        return vec![(Level::Series, above())];
    }
    let named = |some: &[&str]| {
        let mut keys = above();
        keys.push(Key::new(tags::SOP_INSTANCE_UID, &some.join("\\")));
        (Level::Instance, keys)
    };
    instances.chunks(NAMED_AT_ONCE).map(named).collect()
}

fn note(fetched: &mut Fetched, done: &Suboperations) {
    if done.failed > 0 || !done.end.is_done() {
        let words = if done.comment.is_empty() { String::new() } else { format!(": {}", done.comment) };
        fetched
            .failed
            .push((format!("it answers with status {:04X}{words}", done.end.0), done.failed.max(1)));
    }
}

/// Keys alone: nothing else is asked to come back.
fn retrieval(syntax: &str, level: Level, keys: &[Key]) -> Result<Vec<u8>, RequestError> {
    let mut set = identifier(level, keys);
    set.retain_mut(|element| !element.is_empty());
    let written = data_set(&set, syntax);
    written.map_err(|error| RequestError::Wire(WireError::Io(error.kind())))
}

async fn get(
    association: &mut Requested,
    context: u8,
    (level, keys): &(Level, Vec<Key>),
    receiver: &dyn FileReceiver,
) -> Result<Suboperations, RequestError> {
    let question = retrieval(association.syntax(context), *level, keys)?;
    let mut command = CommandSet::request(field::GET, association.next_id(), GET);
    command.put_number(element::PRIORITY, 0);
    command.put_number(element::DATA_SET, 1);
    association.send(context, &command, Some(&question)).await?;
    let mut refused = 0;
    loop {
        let (at, command) = association.command(FETCHING).await?;
        match command.number(element::FIELD) {
            Some(field::STORE) => {
                let status = store(association, at, &command, receiver).await?;
                if status == Status::OUT_OF_RESOURCES {
                    return Err(RequestError::NoRoom);
                }
                refused += u64::from(!status.is_done());
            }
            Some(of) if of == field::GET | field::ANSWER => {
                if command.has_data_set() {
                    association.held(at).await?;
                }
                let status = Status(command.number(element::STATUS).unwrap_or(u16::MAX));
                if !status.is_pending() {
                    let failed = u64::from(command.number(element::FAILED).unwrap_or(0)).max(refused);
                    return Ok(Suboperations { failed, end: status, comment: command.comment() });
                }
            }
            _ => return Err(WireError::Broken("an unexpected command").into()),
        }
    }
}

/// Takes one object that comes over the association that asked for it.
async fn store(
    association: &mut Requested,
    context: u8,
    command: &CommandSet,
    receiver: &dyn FileReceiver,
) -> Result<Status, RequestError> {
    let (class, uid) = (command.text(element::AFFECTED_CLASS), command.text(element::AFFECTED_INSTANCE));
    let syntax = match association.agreed(context) {
        Some((_, syntax)) => syntax.to_owned(),
        None => return Err(WireError::Broken("a presentation context that was not agreed").into()),
    };
    let head = ObjectHead { sop_class: &class, sop_uid: &uid, syntax: &syntax };
    let mut sink = receiver.begin(&head);
    if command.has_data_set() {
        association
            .data(context, |piece| {
                if let Ok(open) = &mut sink
                    && let Err(status) = open.write(piece)
                {
                    sink = Err(status);
                }
            })
            .await?;
    }
    let status = sink.and_then(|sink| sink.finish()).err().unwrap_or(Status::SUCCESS);
    association.send(context, &CommandSet::answer(command, status), None).await?;
    Ok(status)
}

async fn fetch_by_move(
    peer: &Peer,
    move_destination: &str,
    open: &mut Option<(BTreeSet<String>, Requested)>,
    wanted: &Wanted,
) -> Result<Fetched, RequestError> {
    if open.is_none() {
        *open = Some((BTreeSet::new(), Requested::open(peer, &[Proposal::plain(MOVE)]).await?));
    }
    let Some((_, association)) = open else { return Err(WireError::Closed.into()) };
    let context = association.context(MOVE, None).ok_or(RequestError::NotAccepted("C-MOVE"))?;
    let instances: Vec<&str> = wanted.instances.iter().map(|(uid, _)| &**uid).collect();
    let mut fetched = Fetched::default();
    for (level, keys) in questions(wanted, &instances, true) {
        let question = retrieval(association.syntax(context), level, &keys)?;
        let mut command = CommandSet::request(field::MOVE, association.next_id(), MOVE);
        command.put_number(element::PRIORITY, 0);
        command.put_number(element::DATA_SET, 1);
        command.put_title(element::MOVE_DESTINATION, move_destination);
        association.send(context, &command, Some(&question)).await?;
        loop {
            let (at, command) = association.command(FETCHING).await?;
            if command.has_data_set() {
                association.held(at).await?;
            }
            let status = Status(command.number(element::STATUS).unwrap_or(u16::MAX));
            if status.is_pending() {
                continue;
            }
            if status.0 == 0xA801 {
                return Err(RequestError::Rejected(format!(
                    "it does not know {move_destination}, to which it should move"
                )));
            }
            let failed = u64::from(command.number(element::FAILED).unwrap_or(0));
            note(&mut fetched, &Suboperations { failed, end: status, comment: command.comment() });
            break;
        }
    }
    Ok(fetched)
}

async fn send(peer: &Peer, objects: &[Outgoing], told: Told<'_>) -> Result<(), RequestError> {
    let mut pairs: Vec<(&str, &str)> = objects.iter().map(|o| (&*o.sop_class, &*o.syntax)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    for pairs in pairs.chunks(MOST_CONTEXTS) {
        let proposal = |(class, syntax): &(&str, &str)| Proposal {
            class: (*class).into(),
            syntaxes: vec![(*syntax).into()],
            is_provider: false,
        };
        let proposals: Vec<Proposal> = pairs.iter().map(proposal).collect();
        let mut association = Requested::open(peer, &proposals).await?;
        for (at, object) in objects.iter().enumerate() {
            if !pairs.contains(&(&*object.sop_class, &*object.syntax)) {
                continue;
            }
            let Some(context) = association.context(&object.sop_class, Some(&object.syntax)) else {
                told(at, Err(format!("it does not accept {}", shown_syntax(&object.syntax))));
                continue;
            };
            told(at, send_one(&mut association, context, object).await?);
        }
        association.release().await;
    }
    Ok(())
}

async fn send_one(
    association: &mut Requested,
    context: u8,
    object: &Outgoing,
) -> Result<Result<(), String>, RequestError> {
    let mut command = CommandSet::request(field::STORE, association.next_id(), &object.sop_class);
    command.put_number(element::PRIORITY, 0);
    command.put_number(element::DATA_SET, 1);
    command.put_text(element::AFFECTED_INSTANCE, &object.sop_uid);
    let data = object.file.range(object.head..object.file.len());
    association.send_bulk(context, &command, &data).await?;
    let answer = association.answer().await?;
    Ok(answer.done().map_err(|refused| refused.to_string()))
}

/// A transfer syntax by what people call it.
fn shown_syntax(uid: &str) -> String {
    use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
    if uid == Syntax::EXPLICIT_LE {
        return "Explicit VR Little Endian".into();
    }
    let known = dicom_transfer_syntax_registry::TransferSyntaxRegistry.get(uid);
    known.map_or_else(|| format!("transfer syntax {uid}"), |syntax| syntax.name().to_owned())
}
