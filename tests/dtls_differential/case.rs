//! One thing that is done to a client: what, where, and once or whenever the flight is sent.

use crate::client::Conversation;
use crate::puppet::{Layout, Message, Profile, Puppet};

/// What a record is to hold, before it is protected.
#[derive(Clone)]
pub struct Part {
    pub layout: Layout,
    pub payload: Vec<u8>,
}

impl Part {
    pub fn new(content_type: u8, epoch: u16, payload: impl Into<Vec<u8>>) -> Part {
        Part { layout: Layout::new(content_type, epoch), payload: payload.into() }
    }
}

/// How the records of the second flight reach the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// As few datagrams as possible.
    Together,
    /// Each by itself.
    Each,
    /// Each by itself, all before the server knows who is on record.
    BeforeLookup,
}

type Bytes = Vec<u8>;

/// What is done to something on its way.
type Edit<T> = Box<dyn Fn(&mut T)>;

/// What is done to the second flight, with the client at hand.
type EditOfParts = Box<dyn Fn(&mut Puppet, &mut Vec<Part>)>;

/// What happens afterwards.
type After = Box<dyn Fn(&mut Conversation<'_>)>;

/// See the module. What is `None` is as it should be.
pub struct Case {
    pub name: String,
    pub profile: Profile,
    /// Edits the body of both ClientHellos, as it is without a cookie. The client stands by it.
    pub hello: Option<Edit<Bytes>>,
    /// Edits the records of the ClientHello with the cookie on their way.
    pub hello_records: Option<Edit<Vec<Bytes>>>,
    /// Edits a message of the second flight, by its type. The client stands by it.
    pub message: Option<(u8, Edit<Message>)>,
    /// Edits the second flight on its way, under protection.
    pub parts: Option<EditOfParts>,
    /// Edits the records of the second flight on their way.
    pub records: Option<Edit<Vec<Bytes>>>,
    /// What was edited on its way is good when it is sent again.
    pub is_once: bool,
    pub delivery: Delivery,
    /// What happens once the association stands.
    pub after: Option<After>,
}

impl Case {
    /// A client that does nothing wrong.
    pub fn new(name: impl Into<String>, profile: &Profile) -> Case {
        Case {
            name: name.into(),
            profile: profile.clone(),
            hello: None,
            hello_records: None,
            message: None,
            parts: None,
            records: None,
            is_once: false,
            delivery: Delivery::Together,
            after: None,
        }
    }

    pub fn hello(mut self, edit: impl Fn(&mut Bytes) + 'static) -> Case {
        self.hello = Some(Box::new(edit));
        self
    }

    pub fn hello_records(mut self, edit: impl Fn(&mut Vec<Bytes>) + 'static) -> Case {
        self.hello_records = Some(Box::new(edit));
        self
    }

    pub fn message(mut self, message_type: u8, edit: impl Fn(&mut Message) + 'static) -> Case {
        self.message = Some((message_type, Box::new(edit)));
        self
    }

    pub fn parts(mut self, edit: impl Fn(&mut Puppet, &mut Vec<Part>) + 'static) -> Case {
        self.parts = Some(Box::new(edit));
        self
    }

    pub fn records(mut self, edit: impl Fn(&mut Vec<Bytes>) + 'static) -> Case {
        self.records = Some(Box::new(edit));
        self
    }

    pub fn once(mut self, is_once: bool) -> Case {
        self.is_once = is_once;
        self
    }

    pub fn delivery(mut self, delivery: Delivery) -> Case {
        self.delivery = delivery;
        self
    }

    pub fn after(mut self, script: impl Fn(&mut Conversation<'_>) + 'static) -> Case {
        self.after = Some(Box::new(script));
        self
    }
}

/// Both ways to do a thing on its way: once, and whenever the flight is sent.
pub fn once_and_always(cases: &mut Vec<Case>, name: &str, make: impl Fn(String) -> Case) {
    for is_once in [true, false] {
        let often = if is_once { "once" } else { "always" };
        cases.push(make(format!("{name} {often}")).once(is_once));
    }
}

/// Leaves of the cases that cost signatures every so many: what they are about is tried with pre-shared keys as well.
pub fn thin_out(cases: &mut Vec<Case>, every: usize) {
    let mut number = 0;
    cases.retain(|case| {
        number += 1;
        case.name.starts_with("psk") || case.name.starts_with("good") || number % every == 0
    });
}
