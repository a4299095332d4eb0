//! The part of a session between the survey and Finish: the requests that carry the plan, one at a time, and what becomes
//! of each when the client refuses it.
//!
//! LwM2M Core 1.2 sections 6.1.7.4 to 6.1.7.6; spec sheets `bootstrap.md`, sections 8, 9 and 17, and `clients.md`,
//! section 1.

use std::collections::VecDeque;
use std::time::Instant;

use super::blocks::Blocks;
use super::{Next, Session, State, diagnostic};
use crate::bootstrap::conversation::Wire;
use crate::bootstrap::dispatch::{Dispatch, WriteRequest, dispatch};
use crate::bootstrap::outcome::Outcome;
use crate::bootstrap::plan::{self, Part, Plan, Purpose};
use crate::bootstrap::{adaptation, consistency, difference, format};
use crate::coap::{Block1Transfer, Code, Exchange, Message};
use crate::lwm2m::path::{ObjectId, ResourceId};
use crate::lwm2m::{ContentFormat, DiscoverAnswer, Object};
use crate::provision::{Mode, Provision};

/// How far the plan has got.
pub(super) struct Execution {
    pub(super) provision: Box<Provision>,
    /// What is still to be done; the first is under way.
    pub(super) queue: VecDeque<Dispatch>,
    /// Whether any write has been accepted; before that a 4.15 changes the format.
    has_written: bool,
    /// Bytes of payload of the request under way.
    payload_length: usize,
    /// The blocks in which it goes, where it does.
    pub(super) transfer: Option<Block1Transfer>,
    /// When the first of its messages was sent, and how often others before the present one were sent again.
    pub(super) begun: Option<(Instant, u32)>,
    /// What was taken out of the write under way because the client refused it so.
    taken_out: Vec<(ObjectId, ResourceId)>,
}

/// What the answer to a request means.
enum Verdict {
    Next,
    /// Goes on without what was refused; why, for the trace.
    Skip(String),
    /// The same once more, changed; how, for the trace.
    Again(String),
    /// The same in smaller requests; why, for the trace.
    Split(&'static str),
    ChangeFormat,
}

impl Session {
    /// Makes the plan, judges it and begins to carry it out.
    pub(super) fn execute_plan(
        &mut self,
        now: Instant,
        provision: Box<Provision>,
        discovered: Option<&DiscoverAnswer>,
        held: Vec<Object>,
        wire: &mut Wire<'_>,
    ) -> Next {
        let refuse = |reason: String| (Outcome::InvalidProvision, format!("Nothing was written: {reason}."));
        let version = self.version;
        let plan = plan::plan(&provision, version, discovered).map_err(|error| refuse(error.to_string()))?;
        let findings = consistency::judge(&provision, &plan.operations, discovered, version);
        if let Some(finding) = findings.iter().find(|finding| finding.is_error()) {
            return Err(refuse(format!("{} ({})", finding.message, finding.rule)));
        }
        let Plan { mut operations, notes } = plan;
        notes.iter().for_each(|note| self.trace.note(note));
        adaptation::leave_out_refused(&mut operations, &self.knowledge);
        if provision.writing.mode == Mode::Incremental {
            operations = difference::difference(operations, &held);
        }
        let preferred = self.request.preferred_content_format;
        // What this client asks for now outranks what it, or others of its model, refused once; and where all was refused,
        // that was another firmware.
        self.knowledge.refused_formats.retain(|refused| Some(*refused) != preferred);
        if format::is_all_refused(&self.knowledge.refused_formats) {
            self.knowledge.refused_formats.clear();
        }
        self.format = Some(format::choose(&provision.writing, preferred, &self.knowledge).format);
        let queue = dispatch(operations, provision.writing.level);
        let execution = Execution {
            provision,
            queue,
            has_written: false,
            payload_length: 0,
            transfer: None,
            begun: None,
            taken_out: Vec::new(),
        };
        self.perform(now, execution, wire)
    }

    /// Sends the first request of the queue, or Finish when there is none.
    pub(super) fn perform(&mut self, now: Instant, mut execution: Execution, wire: &mut Wire<'_>) -> Next {
        (execution.transfer, execution.begun) = (None, None);
        let exchange = match execution.queue.front() {
            None => return self.finish(now, execution.provision, wire),
            Some(Dispatch::Delete(path)) => {
                execution.payload_length = 0;
                wire.delete(now, path)
            }
            Some(Dispatch::Write(request)) => {
                self.pending.has_written = true;
                let format = self.format_of(request);
                let payload = request.encode(format).map_err(|error| {
                    (Outcome::InvalidProvision, format!("{} cannot be written in {format}: {error}.", request.target))
                })?;
                execution.payload_length = payload.len();
                let is_large = payload.len() > self.largest_payload();
                if is_large && self.knowledge.refuses_blocks && request.split().is_some() {
                    execution.split();
                    return self.perform(now, execution, wire);
                }
                if is_large && !self.knowledge.refuses_blocks {
                    let tag = Some(wire.request_tag());
                    let transfer = Block1Transfer::new(payload, self.size_exponent(), tag).map_err(|error| {
                        (Outcome::Internal, format!("{} cannot go in blocks: {error}.", request.target))
                    })?;
                    let exchange = wire.write_block(now, &request.target, format, &transfer);
                    execution.transfer = Some(transfer);
                    exchange
                } else {
                    wire.write(now, &request.target, format, payload)
                }
            }
        };
        execution.begun = Some((now, 0));
        Ok(State::Executing(exchange, execution))
    }

    /// The format of a request: its own, or that of the session as far as it can say it.
    pub(super) fn format_of(&self, request: &WriteRequest) -> ContentFormat {
        let format = request.format.or(self.format).unwrap_or(ContentFormat::Tlv);
        request.sayable_in(format)
    }

    pub(super) fn handle_operation_answer(
        &mut self,
        now: Instant,
        message: &Message,
        mut execution: Execution,
        wire: &mut Wire<'_>,
    ) -> Next {
        if execution.transfer.is_some() {
            match self.handle_block_answer(now, message, execution, wire)? {
                Blocks::Sent(state) => return Ok(*state),
                Blocks::Judge(judged) => execution = *judged,
            }
        }
        let has_written = execution.has_written;
        let verdict = match execution.queue.front_mut() {
            None => Verdict::Next,
            // A client error to Delete is not fatal: some refuse what they do not have (`bootstrap.md`, section 9).
            Some(Dispatch::Delete(_)) if message.code.is_success() || message.code.is_client_error() => Verdict::Next,
            Some(Dispatch::Delete(path)) => {
                let reason = format!("The client answered Bootstrap-Delete {path} with {}.", message.code);
                return Err((Outcome::DeleteFailed, reason));
            }
            // What was refused in blocks is not begun again in blocks: that would have no end.
            Some(Dispatch::Write(_))
                if execution.transfer.is_none() && self.takes_smaller(message, execution.payload_length) =>
            {
                Verdict::Again("too large for the client: again, in blocks".to_owned())
            }
            Some(Dispatch::Write(request)) => judge_write(message, request, has_written, &mut execution.taken_out)?,
        };
        match verdict {
            Verdict::Next => self.handle_taken(&mut execution),
            Verdict::Skip(note) => {
                self.trace.note(&note);
                self.leave_out(&mut execution);
            }
            Verdict::Again(note) => self.trace.note(&note),
            Verdict::Split(note) => {
                self.trace.note(note);
                execution.split();
            }
            Verdict::ChangeFormat => {
                let refused = &mut self.knowledge.refused_formats;
                refused.extend(self.format.filter(|format| !refused.contains(format)));
                let is_fixed = execution.provision.writing.format.is_some();
                self.format = Some(format::after_refusal(refused, self.version, is_fixed)?);
            }
        }
        self.perform(now, execution, wire)
    }

    /// The request under way has been carried out.
    fn handle_taken(&mut self, execution: &mut Execution) {
        let Some(Dispatch::Write(request)) = execution.queue.pop_front() else { return };
        execution.has_written = true;
        for note in request.writes.iter().filter_map(|write| write.note.as_deref()) {
            self.trace.note(note);
        }
        if request.format.is_none() {
            self.knowledge.accepted_format = self.format;
            let format = self.format;
            self.knowledge.refused_formats.retain(|refused| Some(*refused) != format);
        }
        for resource in execution.taken_out.drain(..) {
            if !self.knowledge.refused_resources.contains(&resource) {
                self.knowledge.refused_resources.push(resource);
            }
        }
    }

    /// Goes on without the request under way. Access Control that nobody asked for goes as a whole.
    fn leave_out(&mut self, execution: &mut Execution) {
        let Some(Dispatch::Write(request)) = execution.queue.pop_front() else { return };
        if request.is_for(Purpose::AutomaticAccessControl) {
            self.knowledge.lacks_access_control = true;
            execution.queue.retain(|dispatch| {
                !matches!(dispatch, Dispatch::Write(request) if request.is_for(Purpose::AutomaticAccessControl))
            });
        }
    }
}

impl Execution {
    /// What is under way, in words.
    pub(super) fn current(&self) -> String {
        match self.queue.front() {
            Some(Dispatch::Delete(path)) => format!("Bootstrap-Delete {path}"),
            Some(Dispatch::Write(request)) => format!("Bootstrap-Write {}", request.target),
            None => "nothing".to_owned(),
        }
    }

    pub(super) fn payload_length(&self) -> usize {
        self.payload_length
    }

    /// When the request under way was begun, and how often its messages were sent again.
    pub(super) fn effort(&self, exchange: &Exchange) -> (Instant, u32) {
        let (begun, before) = self.begun.unwrap_or((exchange.started(), 0));
        (begun, before + exchange.retransmissions())
    }

    /// One message of the request under way has been answered.
    pub(super) fn count(&mut self, exchange: &Exchange) {
        if let Some((_, retransmissions)) = &mut self.begun {
            *retransmissions += exchange.retransmissions();
        }
    }

    /// Puts smaller requests in the place of the one under way; says whether there are any.
    pub(super) fn split(&mut self) -> bool {
        let Some(Dispatch::Write(request)) = self.queue.front() else { return false };
        let Some(parts) = request.split() else { return false };
        self.queue.pop_front();
        for part in parts.into_iter().rev() {
            self.queue.push_front(Dispatch::Write(part));
        }
        true
    }
}

/// What the answer to a Bootstrap-Write means; takes out of it what the client may have stumbled over.
fn judge_write(
    message: &Message,
    request: &mut WriteRequest,
    has_written: bool,
    taken_out: &mut Vec<(ObjectId, ResourceId)>,
) -> Result<Verdict, (Outcome, String)> {
    let code = message.code;
    if code.is_success() {
        return Ok(Verdict::Next);
    }
    if code == Code::UNSUPPORTED_CONTENT_FORMAT && request.format.take().is_some() {
        return Ok(Verdict::Again("not taken raw: written in the format of the other writes".to_owned()));
    }
    if code == Code::UNSUPPORTED_CONTENT_FORMAT && !has_written {
        return Ok(Verdict::ChangeFormat);
    }
    if code == Code::REQUEST_ENTITY_TOO_LARGE && request.split().is_some() {
        return Ok(Verdict::Split("too large for the client: written in smaller parts"));
    }
    if request.is_of_object() {
        return Ok(Verdict::Split("the client takes no write of the whole object: each instance by itself"));
    }
    if matches!(code, Code::BAD_REQUEST | Code::NOT_FOUND | Code::METHOD_NOT_ALLOWED)
        && let Some(verdict) = without_what_is_optional(request, taken_out)
    {
        return Ok(verdict);
    }
    let explanation = diagnostic(message).map(|text| format!(" ({text})")).unwrap_or_default();
    let path = request.target;
    let reason = format!("The client answered Bootstrap-Write {path} with {code}{explanation}; Finish was not sent.");
    Err((Outcome::WriteFailed, reason))
}

/// Whether the bootstrap can go on without what the client refused, or without some of it.
fn without_what_is_optional(
    request: &mut WriteRequest,
    taken_out: &mut Vec<(ObjectId, ResourceId)>,
) -> Option<Verdict> {
    let write = request.writes.first_mut()?;
    let object = write.object;
    match (write.purpose, write.part) {
        (Purpose::AutomaticAccessControl, _) => {
            Some(Verdict::Skip("the client refused it, and goes without Access Control".to_owned()))
        }
        (Purpose::Account, Part::Instance) => {
            let before: Vec<ResourceId> = write.instance.resources.iter().map(|resource| resource.id).collect();
            let resources = write.without_later_resources()?;
            let is_left = |id: &ResourceId| write.instance.resources.iter().any(|resource| resource.id == *id);
            taken_out.extend(before.iter().filter(|id| !is_left(id)).map(|id| (object, *id)));
            Some(Verdict::Again(format!("the client refused {resources}; written without them")))
        }
        (Purpose::Account, Part::Resource) => {
            let mut whole = write.clone();
            whole.part = Part::Instance;
            let resources = whole.without_later_resources()?;
            Some(Verdict::Skip(format!("the client refused {resources}; left out")))
        }
        (Purpose::Extra, _) => None,
    }
}
