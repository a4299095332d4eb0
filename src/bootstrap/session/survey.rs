//! The part of a session before the plan: what the client is asked about what it has.
//!
//! Bootstrap-Discover and Bootstrap-Read, LwM2M Core 1.2 sections 6.1.7.2 and 6.1.7.3; spec sheet `bootstrap.md`, sections
//! 6 and 7. The root is asked first, because every client answers that best; where it is refused, the two objects that
//! the instance ids depend on are asked by themselves. Read comes only where the difference is to be written.

use std::time::Instant;

use super::{Next, Session, State};
use crate::bootstrap::conversation::{Question, Wire};
use crate::bootstrap::format;
use crate::bootstrap::outcome::Outcome;
use crate::coap::{Block2Assembly, Code, Message, Progress};
use crate::lwm2m::objects::{ACCESS_CONTROL, SECURITY, SERVER};
use crate::lwm2m::path::ObjectId;
use crate::lwm2m::{self, ContentFormat, DiscoverAnswer, Object, Path, Version};
use crate::provision::{Discover, Mode, Provision};

/// A larger answer is refused; real ones stay below 4 KiB.
const LARGEST_ANSWER: usize = lwm2m::link_format::MAX_LENGTH;

/// What has been asked and answered so far.
pub(super) struct Survey {
    pub(super) provision: Box<Provision>,
    pub(super) question: Question,
    pub(super) discovered: Option<DiscoverAnswer>,
    pub(super) held: Vec<Object>,
}

impl Session {
    /// The first operation after the 2.04.
    pub(super) fn survey(&mut self, now: Instant, provision: Box<Provision>, wire: &mut Wire<'_>) -> Next {
        if provision.writing.discover == Discover::Never {
            return self.execute_plan(now, provision, None, Vec::new(), wire);
        }
        let question = Question::Discover(Path::Root);
        self.ask(now, Survey { provision, question, discovered: None, held: Vec::new() }, wire)
    }

    fn ask(&mut self, now: Instant, survey: Survey, wire: &mut Wire<'_>) -> Next {
        let exchange = wire.ask(now, survey.question, None);
        Ok(State::Surveying(exchange, Block2Assembly::with_limit(LARGEST_ANSWER), survey))
    }

    pub(super) fn handle_survey_answer(
        &mut self,
        now: Instant,
        message: &Message,
        mut assembly: Block2Assembly,
        survey: Survey,
        wire: &mut Wire<'_>,
    ) -> Next {
        let question = survey.question;
        if message.code != Code::CONTENT {
            return self.handle_refused_question(now, message.code, survey, wire);
        }
        match assembly.push(message) {
            Ok(Progress::Next(block)) => {
                let exchange = wire.ask(now, question, Some(block));
                Ok(State::Surveying(exchange, assembly, survey))
            }
            Ok(Progress::Complete(payload)) => match question {
                Question::Discover(path) => self.handle_discovered(now, path, &payload, survey, wire),
                Question::Read(object, format) => {
                    let format = message.content_format().and_then(ContentFormat::from_number).unwrap_or(format);
                    self.handle_read(now, object, lwm2m::decode(format, &Path::Object(object), &payload), survey, wire)
                }
            },
            Err(error) => {
                let reason = format!("The blocks of the answer to {question} do not fit together: {error}.");
                Err((Outcome::DiscoverFailed, reason))
            }
        }
    }

    fn handle_discovered(
        &mut self,
        now: Instant,
        path: Path,
        payload: &[u8],
        mut survey: Survey,
        wire: &mut Wire<'_>,
    ) -> Next {
        let answer = match DiscoverAnswer::parse(payload) {
            // Every client has something: where nothing is found, nothing was understood.
            Ok(answer) if path == Path::Root && answer.objects.is_empty() && answer.instances.is_empty() => {
                let trouble = format!("The answer to {} names no object.", survey.question);
                return self.without_discover(now, survey, trouble, wire);
            }
            Ok(answer) => answer,
            Err(error) => {
                let trouble = format!("The answer to {} cannot be read: {error}.", survey.question);
                return self.without_discover(now, survey, trouble, wire);
            }
        };
        match path {
            Path::Object(object) => survey.discovered.get_or_insert_default().add_answer_of(object, answer),
            _ => survey.discovered = Some(answer),
        }
        if path == Path::Object(SECURITY) {
            survey.question = Question::Discover(Path::Object(SERVER));
            return self.ask(now, survey, wire);
        }
        self.learn_from_discover(survey.discovered.as_ref());
        self.read_next(now, survey, wire)
    }

    /// A refusal of the root leads to the objects where the client must be known; a refusal of a Read means that what it would have told is written.
    fn handle_refused_question(&mut self, now: Instant, code: Code, mut survey: Survey, wire: &mut Wire<'_>) -> Next {
        match survey.question {
            Question::Discover(Path::Root) if code.is_client_error() && must_know(&survey.provision) => {
                survey.question = Question::Discover(Path::Object(SECURITY));
                self.ask(now, survey, wire)
            }
            Question::Discover(_) => {
                let trouble = format!("The client answered {} with {code}.", survey.question);
                self.without_discover(now, survey, trouble, wire)
            }
            Question::Read(object, _) => {
                self.trace.note("what it would have told is written");
                self.knowledge.refuses_read |= object == SERVER;
                self.read_next(now, survey, wire)
            }
        }
    }

    /// Reads what an incremental bootstrap may find to be there already: of the Server Object, then of Access Control.
    fn read_next(&mut self, now: Instant, mut survey: Survey, wire: &mut Wire<'_>) -> Next {
        let candidates: &[ObjectId] = match survey.question {
            Question::Discover(_) => &[SERVER, ACCESS_CONTROL],
            Question::Read(SERVER, _) => &[ACCESS_CONTROL],
            Question::Read(..) => &[],
        };
        let is_readable = survey.provision.writing.mode == Mode::Incremental
            && self.version.is_none_or(|version| version >= Version::V1_1)
            && !self.knowledge.refuses_read;
        let has = |object: &&ObjectId| survey.discovered.iter().any(|it| it.instances_of(**object).next().is_some());
        match candidates.iter().find(has).filter(|_| is_readable) {
            Some(object) => {
                let wanted =
                    format::choose(&survey.provision.writing, self.request.preferred_content_format, &self.knowledge);
                // A whole object cannot be said in a format of single values.
                let format = match wanted.format {
                    ContentFormat::PlainText | ContentFormat::Cbor => ContentFormat::Tlv,
                    format => format,
                };
                survey.question = Question::Read(*object, format);
                self.ask(now, survey, wire)
            }
            None => {
                let Survey { provision, discovered, held, .. } = survey;
                self.execute_plan(now, provision, discovered.as_ref(), held, wire)
            }
        }
    }

    fn handle_read(
        &mut self,
        now: Instant,
        object: ObjectId,
        answer: Result<Vec<Object>, lwm2m::DecodeError>,
        mut survey: Survey,
        wire: &mut Wire<'_>,
    ) -> Next {
        match answer {
            Ok(objects) => survey.held.extend(objects.into_iter().filter(|it| it.id == object)),
            Err(error) => {
                self.trace.note(&format!("the answer cannot be read: {error}; what it would have told is written"))
            }
        }
        self.read_next(now, survey, wire)
    }

    /// Goes on without knowing what the client has, unless the profile insists on knowing.
    fn without_discover(&mut self, now: Instant, survey: Survey, trouble: String, wire: &mut Wire<'_>) -> Next {
        if survey.provision.writing.discover == Discover::Always {
            return Err((Outcome::DiscoverFailed, format!("{trouble} The profile insists on it.")));
        }
        self.trace.note("going on without knowing what the client has");
        self.knowledge.refuses_discover = true;
        let mut provision = survey.provision;
        let known = self.knowledge.bootstrap_account_instance;
        provision.writing.bootstrap_account_instance = provision.writing.bootstrap_account_instance.or(known);
        self.execute_plan(now, provision, None, Vec::new(), wire)
    }

    /// What Discover shows is newer than what was known.
    fn learn_from_discover(&mut self, answer: Option<&DiscoverAnswer>) {
        let Some(answer) = answer else { return };
        self.version = self.version_by_request().max(answer.version).or(self.version);
        self.knowledge.version = self.version;
        self.knowledge.refuses_discover = false;
        let own = answer.bootstrap_account();
        self.knowledge.bootstrap_account_instance = own.or(self.knowledge.bootstrap_account_instance);
    }
}

/// Whether more questions are worth their round trips: without an answer the profile would have the session end, or
/// nobody would know what differs or where the client keeps its bootstrap account.
fn must_know(provision: &Provision) -> bool {
    let writing = &provision.writing;
    let seeks_place = provision.bootstrap_account().is_some() && writing.bootstrap_account_instance.is_none();
    writing.discover == Discover::Always || writing.mode == Mode::Incremental || seeks_place
}
