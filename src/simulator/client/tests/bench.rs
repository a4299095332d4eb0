//! A client, its clock and an invented server, for the tables about clients.

use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;

use crate::coap::{Code, Message, MessageType, Token};
use crate::simulator::configuration::ClientConfiguration;
use crate::simulator::{Client, Failure, Output, Provisioned};

/// Spec sheet `formats.md`, section 8.1: `/0/0` of the Core's example.
pub(in crate::simulator) const SECURITY_TLV: &str = "c8001b636f6170733a2f2f736572766572312e6578616d706c652e636f6dc10100c10200c8031762333133636332322d663936392d343265632d61643432c004c805101ca2028d7197c778e9aef5ef69082beac10a65";
/// The same sheet: `/1/0`.
pub(in crate::simulator) const SERVER_TLV: &str = "c10065c40100015180c202012cc2031770c40500015180c10601c10755";

pub(in crate::simulator) fn unhex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// A client whose bootstrap account lies at `/0/1`, so that the examples' `/0/0` is free for a server account.
pub(in crate::simulator) fn configuration() -> ClientConfiguration {
    ClientConfiguration { bootstrap_account_instance: 1, ..ClientConfiguration::new("urn:imei:1") }
}

/// A client, its clock and the message ids of an invented server.
pub(in crate::simulator) struct Bench {
    pub client: Client,
    pub begin: Instant,
    pub now: Instant,
    next_id: u16,
}

impl Bench {
    pub fn new(configuration: ClientConfiguration) -> Bench {
        let now = Instant::now();
        Bench { client: Client::new(configuration, [7; 32]), begin: now, now, next_id: 1000 }
    }

    /// A client that has asked and been told 2.04.
    pub fn served(configuration: ClientConfiguration) -> Bench {
        let mut bench = Bench::new(configuration);
        bench.client.start(bench.now);
        let request = bench.sent();
        let answer = Message::piggybacked_response(&request, Code::CHANGED);
        assert_eq!(bench.hand(&answer.encode()), vec![]);
        bench
    }

    pub fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.client.poll_output()).collect()
    }

    pub fn hand(&mut self, datagram: &[u8]) -> Vec<Output> {
        self.client.handle_datagram(self.now, datagram);
        self.outputs()
    }

    /// The one message that the client wants sent.
    pub fn sent(&mut self) -> Message {
        let mut outputs = self.outputs();
        assert_eq!(outputs.len(), 1, "{outputs:?}");
        message(&outputs.remove(0))
    }

    pub fn request(&mut self, code: Code, path: &str) -> Message {
        self.next_id += 1;
        let mut request = Message::request(code, self.next_id, Token::from([9; 8]));
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            request.add_uri_path(segment).unwrap();
        }
        request
    }

    /// Sends a request and gives the client's answer to it.
    pub fn ask(&mut self, request: &Message) -> Message {
        let outputs = self.hand(&request.encode());
        let answer = message(outputs.first().expect("an answer"));
        assert_eq!((answer.id, answer.token), (request.id, request.token));
        assert_eq!(answer.message_type, MessageType::Acknowledgement);
        self.client.outputs.extend(outputs.into_iter().skip(1));
        answer
    }

    pub fn simple(&mut self, code: Code, path: &str) -> Message {
        let request = self.request(code, path);
        self.ask(&request)
    }

    pub fn discover(&mut self, path: &str) -> Message {
        let mut request = self.request(Code::GET, path);
        request.set_accept(40);
        self.ask(&request)
    }

    pub fn write(&mut self, path: &str, format: u16, payload: Vec<u8>) -> Message {
        let mut request = self.request(Code::PUT, path).with_payload(payload);
        request.set_content_format(format);
        self.ask(&request)
    }

    pub fn write_example(&mut self) {
        assert_eq!(self.write("/0/0", 11542, unhex(SECURITY_TLV)).code, Code::CHANGED);
        assert_eq!(self.write("/1/0", 11542, unhex(SERVER_TLV)).code, Code::CHANGED);
    }

    /// Goes to the next deadline and lets the client act.
    pub fn wait(&mut self) -> Vec<Output> {
        self.now = self.client.poll_timeout().expect("a deadline");
        self.client.handle_timeout(self.now);
        self.outputs()
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.begin
    }
}

pub(in crate::simulator) fn message(output: &Output) -> Message {
    match output {
        Output::Datagram(datagram) => Message::decode(datagram).unwrap(),
        Output::Finished(result) => panic!("finished: {result:?}"),
    }
}

pub(in crate::simulator) fn result(outputs: Vec<Output>) -> Result<Provisioned, Failure> {
    match <[Output; 1]>::try_from(outputs) {
        Ok([Output::Finished(result)]) => result,
        other => panic!("not the one result: {other:?}"),
    }
}
