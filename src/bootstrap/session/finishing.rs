//! The end of a session: Bootstrap-Finish, and one repair where the client finds its configuration inconsistent.
//!
//! LwM2M Core 1.2 section 6.1.7.6; spec sheet `bootstrap.md`, sections 10 and 17; `clients.md`, section 3.

use std::time::Instant;

use super::{Next, Session, State, diagnostic};
use crate::bootstrap::conversation::Wire;
use crate::bootstrap::outcome::Outcome;
use crate::coap::{Code, Message};
use crate::provision::{ClientKnowledge, Level, Mode, Provision};

impl Session {
    pub(super) fn finish(&mut self, now: Instant, provision: Box<Provision>, wire: &mut Wire<'_>) -> Next {
        Ok(State::Finishing(wire.finish(now), provision))
    }

    /// 2.04 means that the client has taken everything. 4.06 means that it finds something inconsistent: everything is
    /// written once more, and Finish is sent again, but for a second refusal nothing more can be done.
    pub(super) fn handle_finish_answer(
        &mut self,
        now: Instant,
        message: &Message,
        provision: Box<Provision>,
        wire: &mut Wire<'_>,
    ) -> Next {
        if message.code.is_success() {
            return Err((Outcome::Completed, "The client has taken everything and answered Finish.".to_owned()));
        }
        if message.code == Code::NOT_ACCEPTABLE && !self.has_repaired {
            return self.repair(now, provision, wire);
        }
        let explanation = diagnostic(message).map(|text| format!(" ({text})")).unwrap_or_default();
        let meaning = match (message.code, self.has_repaired) {
            (Code::NOT_ACCEPTABLE, true) => {
                ": it finds its configuration inconsistent, also after all was written again"
            }
            (Code::NOT_ACCEPTABLE, false) => ": it finds its configuration inconsistent",
            _ => "",
        };
        Err((
            Outcome::FinishRejected,
            format!("The client answered Finish with {}{explanation}{meaning}.", message.code),
        ))
    }

    /// Asks anew what the client has, deletes what the operator has deleted (halves of what was written may be there by
    /// now), and writes all of every account, whatever was thought to be needless before.
    fn repair(&mut self, now: Instant, mut provision: Box<Provision>, wire: &mut Wire<'_>) -> Next {
        self.has_repaired = true;
        self.trace.note("inconsistent, says the client: everything is written again");
        self.knowledge = ClientKnowledge {
            refused_resources: Vec::new(),
            lacks_access_control: false,
            ..std::mem::take(&mut self.knowledge)
        };
        provision.writing.mode = Mode::Replace;
        provision.writing.level = Level::Instance;
        self.survey(now, provision, wire)
    }
}
