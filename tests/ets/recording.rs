//! One bootstrap as the ETS looks at it: who asked what, what it was answered, and what the payloads say.

use std::time::Instant;

use bootstrapd::bootstrap::SessionReport;
use bootstrapd::coap::{Code, Message, MessageType};
use bootstrapd::lwm2m::path::{ObjectId, ObjectInstanceId, ResourceId};
use bootstrapd::lwm2m::{self, ContentFormat, DiscoverAnswer, Path, Resource, ResourceValue, Value, Version};
use bootstrapd::peer::Peer;
use bootstrapd::provision::{AccountCredentials, Provision};
use bootstrapd::secret::Secret;
use bootstrapd::simulator::{Client, ClientConfiguration, Failure, Provisioned, StaleAccount};

use crate::fixtures;
use crate::link::{Direction, Site, StandIn, Weather};

/// A request, and the response to it.
pub struct Exchange {
    pub asked: Direction,
    pub request: Message,
    pub response: Message,
}

/// All that was said in one bootstrap, in order, and what came of it.
pub struct Recording {
    pub exchanges: Vec<Exchange>,
    pub result: Result<Provisioned, Failure>,
    pub report: SessionReport,
}

/// The configuration C.13: the bootstrap account in /0/1, a Device Object, an Object 1 without instances.
pub fn c13(version: Version) -> ClientConfiguration {
    let usual = ClientConfiguration::new(fixtures::ENDPOINT);
    ClientConfiguration { lwm2m_version: version, bootstrap_account_instance: 1, ..usual }
}

/// The same with a server account of Short Server ID 1 in /0/0 and /1/0, as a bootstrap to C.1 leaves it.
pub fn c13_with_account(version: Version) -> ClientConfiguration {
    let stale = StaleAccount { security_instance: 0, server_instance: 0, short_server_id: 1 };
    ClientConfiguration { stale_account: Some(stale), ..c13(version) }
}

/// What an operator's definitions resolve to that lead to C.1: PSK-SA and SRV-MIN.
pub fn c1_provision() -> Provision {
    fixtures::provision_with(|provision| {
        let account = &mut provision.accounts[0];
        account.uri = "coaps://server.example.com:5684".to_owned();
        let key = Secret::from(fixtures::PLANTED_KEY);
        account.credentials = AccountCredentials::Psk { identity: b"dev1@server".to_vec(), key };
        let settings = fixtures::settings_of(account);
        settings.short_server_id = 1;
        settings.lifetime = 86400;
        settings.binding = "U".to_owned();
        settings.store_notifications = false;
        settings.resources.clear();
    })
}

/// PSK-SA: what /0/0 must hold. Of resource 4 the ETS says that it does not apply: we write it empty.
pub fn psk_sa() -> fixtures::Resources {
    vec![
        (0, Value::String("coaps://server.example.com:5684".to_owned())),
        (1, Value::Boolean(false)),
        (2, Value::Integer(0)),
        (3, Value::opaque(b"dev1@server")),
        (4, Value::opaque(b"")),
        (5, Value::opaque(fixtures::PLANTED_KEY)),
        (10, Value::Integer(1)),
    ]
}

/// SRV-MIN: what /1/0 must hold.
pub fn srv_min() -> fixtures::Resources {
    vec![
        (0, Value::Integer(1)),
        (1, Value::Integer(86400)),
        (6, Value::Boolean(false)),
        (7, Value::String("U".to_owned())),
    ]
}

/// Bootstraps a client of this configuration with this provision.
pub fn record(configuration: ClientConfiguration, provision: Provision) -> Recording {
    record_with(configuration, provision, Box::new(|_| None))
}

/// The same, while somebody answers in the client's stead where he likes to.
pub fn record_with(configuration: ClientConfiguration, provision: Provision, stand_in: StandIn) -> Recording {
    let peer = Peer::PskIdentity(fixtures::IDENTITY.to_vec());
    let mut site = Site::new(fixtures::device(provision), peer, [7; 32]);
    site.stand_in = stand_in;
    let mut client = Client::new(configuration, [3; 32]);
    let mut messages = Vec::new();
    let mut observe = |direction, bytes: &[u8]| {
        messages.push((direction, Message::decode(bytes).expect("both sides speak CoAP")));
    };
    let attempt = site.attempt(Instant::now(), 1, &mut client, (&Weather::PERFECT, 0), &mut observe);
    let exchanges = messages.iter().filter(|(_, message)| message.is_request()).map(|(asked, request)| {
        assert_eq!(request.message_type, MessageType::Confirmable, "all bootstrap requests are confirmable");
        let answers = |(direction, message): &&(Direction, Message)| {
            direction != asked && message.is_response() && message.token == request.token
        };
        let response = messages.iter().find(answers).expect("nothing is lost").1.clone();
        Exchange { asked: *asked, request: request.clone(), response }
    });
    let report = attempt.report.expect("the server has ended its session");
    Recording { exchanges: exchanges.collect(), result: attempt.result, report }
}

impl Recording {
    /// Every exchange in order, as the ETS writes them: `PUT /0/0 2.04`.
    pub fn lines(&self) -> Vec<String> {
        self.exchanges.iter().map(Exchange::line).collect()
    }

    /// Fails unless these were the exchanges. The first is the client's; that its 2.04 comes before any operation is
    /// what [`Recording::exchanges`] being in order means, because each asks once only what is answered.
    pub fn assert_lines(&self, expected: &[&str]) {
        assert_eq!(self.lines(), expected, "{:#?}", self.report);
        let by: Vec<Direction> = self.exchanges.iter().map(|exchange| exchange.asked).collect();
        assert!(by[0] == Direction::ToServer && by[1..].iter().all(|asked| *asked == Direction::ToClient), "{by:?}");
    }

    /// The only exchange with this line.
    pub fn exchange(&self, line: &str) -> &Exchange {
        let mut found = self.exchanges.iter().filter(|exchange| exchange.line() == line);
        let first = found.next().unwrap_or_else(|| panic!("no {line}: {:?}", self.lines()));
        assert!(found.next().is_none(), "{line} more than once");
        first
    }

    /// The resources that were written to an instance in one Bootstrap-Write, which was answered 2.04.
    pub fn written(&self, object: ObjectId, instance: ObjectInstanceId) -> Vec<(ResourceId, Value)> {
        let exchange = self.exchange(&format!("PUT /{object}/{instance} 2.04"));
        let path = Path::ObjectInstance(object, instance);
        exchange.content(path, exchange.request.content_format(), &exchange.request.payload)
    }

    /// What the client answered Bootstrap-Discover of the root with 2.05 and the Content-Format of links.
    pub fn discovered(&self) -> DiscoverAnswer {
        let Exchange { request, response, .. } = self.exchange("GET / 2.05");
        assert_eq!((request.accept(), response.content_format()), (Some(40), Some(40)));
        DiscoverAnswer::parse(&response.payload).expect("the client writes links")
    }

    /// What the client holds.
    pub fn provisioned(&self) -> &Provisioned {
        self.result.as_ref().unwrap_or_else(|failure| panic!("{failure}: {:#?}", self.report))
    }
}

impl Exchange {
    fn line(&self) -> String {
        let method = match self.request.code {
            Code::GET => "GET",
            Code::POST => "POST",
            Code::PUT => "PUT",
            Code::DELETE => "DELETE",
            _ => "?",
        };
        let path = self.request.uri_path().expect("paths are text").join("/");
        let queries = self.request.uri_query().expect("queries are text").join("&");
        let mark = if queries.is_empty() { "" } else { "?" };
        format!("{method} /{path}{mark}{queries} {}", self.response.code)
    }

    /// The single resources of the only instance in a payload.
    pub fn content(&self, path: Path, format: Option<u16>, payload: &[u8]) -> Vec<(ResourceId, Value)> {
        let format = format.and_then(ContentFormat::from_number).expect("a Content-Format that is known");
        let objects = lwm2m::decode(format, &path, payload).expect("a payload that can be read");
        let [object] = &objects[..] else { panic!("one object and not {}", objects.len()) };
        let [instance] = &object.instances[..] else { panic!("one instance and not {}", object.instances.len()) };
        instance.resources.iter().map(single).collect()
    }
}

fn single(resource: &Resource) -> (ResourceId, Value) {
    match &resource.value {
        ResourceValue::Single(value) => (resource.id, value.clone()),
        ResourceValue::Multiple(_) => panic!("resource {} has several instances", resource.id),
    }
}
