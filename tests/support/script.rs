//! The steps that a row consists of: what a client, the store and the clock do, and what the server is to do then.
//!
//! Message ids and tokens of the server are random, so the script takes them from the datagrams it has seen.

use std::ops::RangeInclusive;
use std::time::Duration;

use bootstrapd::bootstrap::{Lookup, Outcome, SessionReport};
use bootstrapd::coap::{BlockOption, Code, Message, MessageType, Token};
use bootstrapd::lwm2m::{self, ContentFormat, Object, ObjectInstance, Path, Resource};

use super::fixtures::Resources;
use super::wire;
use super::world::World;

/// Whether a step acts on the server or looks at what it did.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Input,
    Expectation,
}

/// One line of a table.
pub struct Step {
    pub kind: Kind,
    pub text: String,
    pub action: Box<dyn FnOnce(&mut World)>,
}

fn input(text: impl Into<String>, action: impl FnOnce(&mut World) + 'static) -> Step {
    Step { kind: Kind::Input, text: text.into(), action: Box::new(action) }
}

fn expectation(action: impl FnOnce(&mut World) + 'static) -> Step {
    Step { kind: Kind::Expectation, text: String::new(), action: Box::new(action) }
}

/// The client of most rows, as the first of its world.
pub const CLIENT: Is = Is(0);
/// A second client, where a row has one.
pub const OTHER: Is = Is(1);

/// A client of the world, whose deeds and expectations are the methods.
#[derive(Clone, Copy)]
pub struct Is(pub usize);

/// What a client does.
impl Is {
    /// A Bootstrap-Request with these queries, separated by `&`.
    pub fn requests(self, queries: &'static str) -> Step {
        self.sends_request(format!("client {} requests {queries}", self.0), move |message| {
            add_query(message, queries);
        })
    }

    /// A confirmable `POST /bs` without queries, changed.
    pub fn sends_request(self, text: impl Into<String>, change: impl FnOnce(&mut Message) + 'static) -> Step {
        self.sends_a(Code::POST, "bs", text, change)
    }

    /// A confirmable request, changed.
    pub fn sends_a(
        self,
        code: Code,
        path: &'static str,
        text: impl Into<String>,
        change: impl FnOnce(&mut Message) + 'static,
    ) -> Step {
        input(text, move |world| {
            let id = world.fresh_id(self.0);
            let [high, low] = id.to_be_bytes();
            let mut message = Message::request(code, id, Token::new(&[0xC0, high, low]).unwrap());
            for segment in path.split('/') {
                message.add_uri_path(segment).unwrap();
            }
            change(&mut message);
            world.clients[self.0].request = Some(message.clone());
            world.send(self.0, message.encode().to_vec());
        })
    }

    /// Bytes as they are.
    pub fn sends_bytes(self, bytes: &'static [u8]) -> Step {
        input(format!("client {} sends {bytes:02x?}", self.0), move |world| world.send(self.0, bytes.to_vec()))
    }

    /// Its last datagram once more.
    pub fn repeats(self) -> Step {
        input(format!("client {} repeats its datagram", self.0), move |world| {
            let bytes = world.clients[self.0].sent.clone();
            world.send(self.0, bytes);
        })
    }

    /// Its last request once more.
    pub fn repeats_its_request(self) -> Step {
        input(format!("client {} repeats its request", self.0), move |world| {
            let bytes = world.clients[self.0].request.as_ref().expect("a request was sent").encode().to_vec();
            world.send(self.0, bytes);
        })
    }

    /// The piggybacked answer to what it was asked last.
    pub fn answers(self, code: Code, payload: &'static str) -> Step {
        self.answers_with(code, move |message| message.payload = payload.as_bytes().to_vec().into())
    }

    /// The same without payload.
    pub fn says(self, code: Code) -> Step {
        self.answers(code, "")
    }

    /// The same, changed.
    pub fn answers_with(self, code: Code, change: impl FnOnce(&mut Message) + 'static) -> Step {
        input(format!("client {} answers {code}", self.0), move |world| {
            let mut answer = Message::piggybacked_response(&self.asked(world), code);
            change(&mut answer);
            world.send_answer(self.0, &answer);
        })
    }

    /// A piece of a Discover answer in blocks of 16 bytes.
    pub fn answers_block(self, number: u32, more: bool, etag: &'static [u8], payload: &'static str) -> Step {
        self.answers_with(Code::CONTENT, move |message| {
            message.set_block2(BlockOption::new(number, more, 0).unwrap());
            message.set_etag(etag).unwrap();
            message.payload = payload.as_bytes().to_vec().into();
        })
    }

    /// A confirmable response of its own message id.
    pub fn answers_separately(self, code: Code) -> Step {
        input(format!("client {} answers {code} separately", self.0), move |world| {
            let (id, token) = (world.fresh_id(self.0), self.asked(world).token);
            world.send_answer(self.0, &Message::separate_response(code, id, token));
        })
    }

    /// A non-confirmable response of its own message id.
    pub fn answers_nonconfirmably(self, code: Code) -> Step {
        input(format!("client {} answers {code} in a NON", self.0), move |world| {
            let (id, token) = (world.fresh_id(self.0), self.asked(world).token);
            world.send_answer(self.0, &Message::non_confirmable_response(code, id, token));
        })
    }

    /// A piggybacked 2.04 that fits what it was asked but for the change.
    pub fn answers_wrongly(self, text: &'static str, change: impl FnOnce(&mut Message) + 'static) -> Step {
        input(format!("client {} answers with {text}", self.0), move |world| {
            let mut answer = Message::piggybacked_response(&self.asked(world), Code::CHANGED);
            change(&mut answer);
            world.send(self.0, answer.encode().to_vec());
        })
    }

    /// An empty acknowledgement of what it was sent last.
    pub fn acknowledges(self) -> Step {
        input(format!("client {} acknowledges", self.0), move |world| {
            let id = self.asked(world).id;
            world.send(self.0, Message::empty_acknowledgement(id).encode().to_vec());
        })
    }

    /// A Reset to what it was sent last.
    pub fn resets(self) -> Step {
        input(format!("client {} resets", self.0), move |world| {
            let id = self.asked(world).id;
            world.send_answer(self.0, &Message::reset(id));
        })
    }

    /// The end of its association.
    pub fn disconnects(self) -> Step {
        input(format!("client {} disconnects", self.0), move |world| world.close(self.0))
    }

    /// It goes on from another port, and is still known by its connection id.
    pub fn moves_to_port(self, port: u16) -> Step {
        input(format!("client {} moves to port {port}", self.0), move |world| world.move_to_port(self.0, port))
    }

    fn asked(self, world: &World) -> Message {
        world.clients[self.0].asked.clone().unwrap_or_else(|| world.fail("the client was asked nothing"))
    }
}

/// What the server is to do to a client.
impl Is {
    /// The piggybacked response to its last request.
    pub fn gets(self, code: Code) -> Step {
        self.gets_message(format!("a piggybacked {code}"), move |message, request| {
            message.message_type == MessageType::Acknowledgement
                && (message.code, message.id, message.token) == (code, request.id, request.token)
        })
    }

    /// The piggybacked response to its last request, of which this holds.
    pub fn gets_that(self, text: &'static str, holds: impl Fn(&Message) -> bool + 'static) -> Step {
        self.gets_message(text.to_owned(), move |message, request| {
            (message.id, message.token) == (request.id, request.token) && holds(message)
        })
    }

    /// The separate response to its last request.
    pub fn gets_separately(self, message_type: MessageType, code: Code) -> Step {
        self.gets_message(format!("a separate {code}"), move |message, request| {
            message.message_type == message_type && (message.code, message.token) == (code, request.token)
        })
    }

    /// An empty acknowledgement of its last request.
    pub fn gets_empty_acknowledgement(self) -> Step {
        self.gets_message("an empty ACK".to_owned(), |message, request| {
            *message == Message::empty_acknowledgement(request.id)
        })
    }

    /// An empty acknowledgement of its last datagram.
    pub fn is_acknowledged(self) -> Step {
        self.gets_the(|sent| Message::empty_acknowledgement(sent.id))
    }

    /// A Reset to its last datagram, which need not be a message but has a message id.
    pub fn is_reset(self) -> Step {
        self.gets_the(|sent| Message::reset(sent.id))
    }

    /// Bootstrap-Discover.
    pub fn is_discovered(self) -> Step {
        self.is_asked("Bootstrap-Discover /".to_owned(), |message| {
            message.accept() == Some(40) && message.block2() == Ok(None) && message.uri_path() == Ok(vec![])
        })
    }

    /// Bootstrap-Discover of an object.
    pub fn is_discovered_at(self, path: &'static str) -> Step {
        self.is_asked(format!("Bootstrap-Discover {path}"), |message| message.block2() == Ok(None))
    }

    /// Bootstrap-Read.
    pub fn is_read(self, path: &'static str, format: ContentFormat) -> Step {
        self.is_asked(format!("Bootstrap-Read {path}"), move |message| message.accept() == Some(format.number()))
    }

    /// One block of a Bootstrap-Write: its number, whether more follow, its size exponent and its length.
    pub fn is_written_block(
        self,
        path: &'static str,
        (number, more, exponent): (u32, bool, u8),
        length: usize,
    ) -> Step {
        self.is_asked(format!("Bootstrap-Write {path}"), move |message| {
            let block = BlockOption::new(number, more, exponent).unwrap();
            let is_tagged = message.request_tag().is_some();
            message.block1() == Ok(Some(block)) && message.payload.len() == length && is_tagged
        })
    }

    /// The answer to a block, with this Block1 option.
    pub fn takes_block(self, code: Code, (number, more, exponent): (u32, bool, u8)) -> Step {
        self.answers_with(code, move |message| {
            message.set_block1(BlockOption::new(number, more, exponent).unwrap());
        })
    }

    /// Bootstrap-Discover for a later block of 16 bytes.
    pub fn is_asked_for_block(self, number: u32) -> Step {
        self.is_asked("Bootstrap-Discover /".to_owned(), move |message| {
            let block = BlockOption::new(number, false, 0).unwrap();
            message.accept() == Some(40) && message.block2() == Ok(Some(block))
        })
    }

    /// Bootstrap-Delete.
    pub fn is_deleted(self, path: &'static str) -> Step {
        self.is_asked(format!("Bootstrap-Delete {path}"), |message| message.content_format().is_none())
    }

    /// Bootstrap-Write of any content.
    pub fn is_written(self, path: &'static str, format: ContentFormat) -> Step {
        self.is_asked(format!("Bootstrap-Write {path}"), move |message| {
            message.content_format() == Some(format.number())
        })
    }

    /// Bootstrap-Write of these resources.
    pub fn is_written_with(self, path: &'static str, format: ContentFormat, resources: Resources) -> Step {
        let resources = resources.into_iter().map(|(id, value)| Resource::single(id, value)).collect();
        self.is_given(path, format, resources)
    }

    /// Bootstrap-Write of these resources, of which some may have several values.
    pub fn is_given(self, path: &'static str, format: ContentFormat, resources: Vec<Resource>) -> Step {
        self.is_asked(format!("Bootstrap-Write {path}"), move |message| {
            let target: Path = path.parse().unwrap();
            let Path::ObjectInstance(object, instance) = target else { panic!("{path} is no instance") };
            let expected = vec![Object { id: object, instances: vec![ObjectInstance { id: instance, resources }] }];
            let written = lwm2m::decode(format, &target, &message.payload);
            assert_eq!(written.as_ref(), Ok(&expected), "what {path} was written with");
            message.content_format() == Some(format.number())
        })
    }

    /// Bootstrap-Finish.
    pub fn is_finished(self) -> Step {
        self.is_asked("Bootstrap-Finish".to_owned(), |_| true)
    }

    /// Once more the confirmable message that it was sent last.
    pub fn is_asked_again(self) -> Step {
        expectation(move |world| {
            let asked = self.asked(world);
            let message = world.message_to(self.0, "the same once more");
            if message != asked {
                world.fail(&format!("expected the same once more, and not {}", wire::describe(&message)));
            }
        })
    }

    /// The end of its session, with a reason that contains this.
    pub fn ends(self, outcome: Outcome, reason: &'static str) -> Step {
        expectation(move |world| {
            let report = world.ended(self.0, outcome.name());
            if report.outcome != outcome || !report.reason.contains(reason) {
                let told = (report.outcome, report.reason);
                world.fail(&format!("expected the end {outcome}, `{reason}`, and not {told:?}"));
            }
        })
    }

    /// The end of its session, with a report of which this holds.
    pub fn ends_with(self, check: impl FnOnce(&SessionReport) + 'static) -> Step {
        expectation(move |world| check(&world.ended(self.0, "whose report is looked at")))
    }

    /// The end of its session, with these steps, each an operation and its code.
    pub fn ends_after(self, outcome: Outcome, steps: &'static [&'static str]) -> Step {
        expectation(move |world| {
            let report = world.ended(self.0, outcome.name());
            let told: Vec<String> = report
                .steps
                .iter()
                .map(|step| format!("{} {}", step.operation, step.code.as_deref().unwrap_or("-")))
                .collect();
            assert_eq!(
                (report.outcome, told.iter().map(String::as_str).collect::<Vec<_>>()),
                (outcome, steps.to_vec())
            );
        })
    }

    fn is_asked(self, operation: String, holds: impl FnOnce(&Message) -> bool + 'static) -> Step {
        expectation(move |world| {
            let message = world.message_to(self.0, &operation);
            let is_it = message.is_request() && wire::operation(&message) == operation;
            if !is_it || !holds(&message) {
                world.fail(&format!("expected {operation}, and not {}", wire::describe(&message)));
            }
        })
    }

    fn gets_message(self, text: String, holds: impl FnOnce(&Message, &Message) -> bool + 'static) -> Step {
        expectation(move |world| {
            let message = world.message_to(self.0, &text);
            let request = world.clients[self.0].request.clone().expect("a request was sent");
            if !holds(&message, &request) {
                world.fail(&format!("expected {text}, and not {}", wire::describe(&message)));
            }
        })
    }

    fn gets_the(self, expected: impl FnOnce(&SentHead) -> Message + 'static) -> Step {
        expectation(move |world| {
            let sent = &world.clients[self.0].sent;
            let expected = expected(&SentHead { id: u16::from_be_bytes([sent[2], sent[3]]) });
            let message = world.message_to(self.0, &wire::describe(&expected));
            if message != expected {
                world.fail(&format!("expected {}", wire::describe(&expected)));
            }
        })
    }
}

/// What can be read of a datagram even where the rest is malformed.
struct SentHead {
    id: u16,
}

/// The store answers the oldest open look-up.
pub fn store_answers(lookup: Lookup) -> Step {
    input("the store answers", |world| world.answer_lookup(lookup))
}

/// Time passes.
pub fn after(seconds: f64) -> Step {
    input(format!("{seconds} s pass"), move |world| world.pass(Duration::from_secs_f64(seconds)))
}

/// Time passes until the server does something, which takes so many seconds.
pub fn within(seconds: RangeInclusive<f64>) -> Step {
    input(format!("something happens within {seconds:?} s"), move |world| {
        let passed = world.pass_until_something_happens().as_secs_f64();
        if !seconds.contains(&passed) {
            world.fail(&format!("this took {passed} s and not {seconds:?}"));
        }
    })
}

/// Nothing at all is done, which the next input or the end of the table holds the server to in any case.
pub fn nothing() -> Step {
    expectation(|world| {
        if !world.outputs.is_empty() {
            world.fail("expected nothing");
        }
    })
}

/// So many look-ups were made so far.
pub fn looked_up(times: usize) -> Step {
    expectation(move |world| {
        if world.lookups.len() != times {
            world.fail(&format!("expected {times} look-ups, and not {:?}", world.lookups));
        }
    })
}

/// So many sessions are under way.
pub fn running(sessions: usize) -> Step {
    expectation(move |world| {
        if world.server.running() != sessions {
            world.fail(&format!("expected {sessions} sessions under way, and not {}", world.server.running()));
        }
    })
}

/// The server is told to take no new sessions.
pub fn drains() -> Step {
    input("the server drains", |world| world.server.drain())
}

/// The store's answer from now on.
pub fn store_now_says(lookup: Lookup) -> Step {
    input("the store changes", |world| world.store = Some(lookup))
}

pub fn add_query(message: &mut Message, queries: &str) {
    for query in queries.split('&').filter(|query| !query.is_empty()) {
        message.add_uri_query(query).unwrap();
    }
}
