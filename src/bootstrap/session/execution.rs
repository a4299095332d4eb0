//! The part of a session between Discover and Finish: the operations of the plan, one at a time, and what becomes of
//! each when the client refuses it.
//!
//! LwM2M Core 1.2 sections 6.1.7.4 to 6.1.7.6; spec sheets `bootstrap.md`, sections 8, 9 and 17, and `clients.md`,
//! section 1.

use std::time::Instant;

use super::{Next, Session, State, diagnostic};
use crate::bootstrap::consistency;
use crate::bootstrap::conversation::Wire;
use crate::bootstrap::format;
use crate::bootstrap::outcome::Outcome;
use crate::bootstrap::plan::{self, Operation, Plan, Purpose, Write};
use crate::coap::{Code, Message};
use crate::lwm2m::{self, ContentFormat, DiscoverAnswer, Object};
use crate::provision::Provision;

/// How far the plan has got.
pub(super) struct Execution {
    pub(super) operations: Vec<Operation>,
    pub(super) position: usize,
    /// Whether any write has been accepted; before that a 4.15 changes the format.
    has_written: bool,
    fixed_format: bool,
    /// Bytes of payload of the operation under way.
    pub(super) payload_length: usize,
}

/// What the answer to an operation means.
enum Verdict {
    Next,
    /// Goes on without what was refused; why, for the trace.
    Skip(String),
    /// The same once more, changed; how, for the trace.
    Again(String),
    ChangeFormat,
}

impl Session {
    pub(super) fn execute_plan(
        &mut self,
        now: Instant,
        provision: &Provision,
        discovered: Option<&DiscoverAnswer>,
        wire: &mut Wire<'_>,
    ) -> Next {
        let refuse = |reason: String| (Outcome::InvalidProvision, format!("Nothing was written: {reason}."));
        let version = self.client.version;
        let plan = plan::plan(provision, version, discovered).map_err(|error| refuse(error.to_string()))?;
        let findings = consistency::judge(provision, &plan.operations, discovered, version);
        if let Some(finding) = findings.iter().find(|finding| finding.is_error()) {
            return Err(refuse(format!("{} ({})", finding.message, finding.rule)));
        }
        let Plan { operations, notes } = plan;
        notes.iter().for_each(|note| self.note(note));
        self.format = Some(format::choose(&provision.writing, self.request.preferred_content_format).format);
        let fixed_format = provision.writing.format.is_some();
        self.perform(
            now,
            Execution { operations, position: 0, has_written: false, fixed_format, payload_length: 0 },
            wire,
        )
    }

    /// Sends the operation at the execution's position, or Finish when all are done.
    fn perform(&mut self, now: Instant, mut execution: Execution, wire: &mut Wire<'_>) -> Next {
        let Some(operation) = execution.operations.get(execution.position) else {
            return Ok(State::Finishing(wire.finish(now)));
        };
        let exchange = match operation {
            Operation::Delete(path) => {
                execution.payload_length = 0;
                wire.delete(now, path)
            }
            Operation::Write(write) => {
                self.pending.has_written = true;
                let path = write.path();
                let format = self.format.unwrap_or(ContentFormat::Tlv);
                let content = [Object { id: write.object, instances: vec![write.instance.clone()] }];
                let payload = lwm2m::encode(format, &path, &content).map_err(|error| {
                    (Outcome::InvalidProvision, format!("{path} cannot be written in {format}: {error}."))
                })?;
                execution.payload_length = payload.len();
                wire.write(now, &path, format, payload)
            }
        };
        Ok(State::Executing(exchange, execution))
    }

    pub(super) fn handle_operation_answer(
        &mut self,
        now: Instant,
        message: &Message,
        mut execution: Execution,
        wire: &mut Wire<'_>,
    ) -> Next {
        let verdict = match &mut execution.operations[execution.position] {
            // A client error to Delete is not fatal: some refuse what they do not have (`bootstrap.md`, section 9).
            Operation::Delete(_) if message.code.is_success() || message.code.is_client_error() => Verdict::Next,
            Operation::Delete(path) => {
                let reason = format!("The client answered Bootstrap-Delete {path} with {}.", message.code);
                return Err((Outcome::DeleteFailed, reason));
            }
            Operation::Write(write) => judge_write(message, write, execution.has_written)?,
        };
        match verdict {
            Verdict::Next => {
                if let Operation::Write(Write { note, .. }) = &execution.operations[execution.position] {
                    execution.has_written = true;
                    note.iter().for_each(|note| self.note(note));
                }
                execution.position += 1;
            }
            Verdict::Skip(note) => {
                self.note(&note);
                execution.leave_out_the_rest(Purpose::AutomaticAccessControl);
            }
            Verdict::Again(note) => self.note(&note),
            Verdict::ChangeFormat => {
                self.client.refused_formats.extend(self.format);
                let refused = &self.client.refused_formats;
                self.format = Some(format::after_refusal(refused, self.client.version, execution.fixed_format)?);
            }
        }
        self.perform(now, execution, wire)
    }
}

impl Execution {
    /// Takes every operation of this purpose out that has not been done, that under way included.
    fn leave_out_the_rest(&mut self, purpose: Purpose) {
        let mut place = 0;
        let position = self.position;
        self.operations.retain(|operation| {
            place += 1;
            place <= position || !matches!(operation, Operation::Write(write) if write.purpose == purpose)
        });
    }
}

/// What the answer to a Bootstrap-Write means; takes out of it what the client may have stumbled over.
fn judge_write(message: &Message, write: &mut Write, has_written: bool) -> Result<Verdict, (Outcome, String)> {
    let code = message.code;
    if code.is_success() {
        return Ok(Verdict::Next);
    }
    if code == Code::UNSUPPORTED_CONTENT_FORMAT && !has_written {
        return Ok(Verdict::ChangeFormat);
    }
    if matches!(code, Code::BAD_REQUEST | Code::NOT_FOUND | Code::METHOD_NOT_ALLOWED) {
        match write.purpose {
            Purpose::AutomaticAccessControl => {
                return Ok(Verdict::Skip("the client refused it, and goes without Access Control".to_owned()));
            }
            Purpose::Account => {
                if let Some(resources) = write.without_later_resources() {
                    return Ok(Verdict::Again(format!("the client refused {resources}; written without them")));
                }
            }
            Purpose::Extra | Purpose::Resource => {}
        }
    }
    let explanation = diagnostic(message).map(|text| format!(" ({text})")).unwrap_or_default();
    let path = write.path();
    let reason = format!("The client answered Bootstrap-Write {path} with {code}{explanation}; Finish was not sent.");
    Err((Outcome::WriteFailed, reason))
}
