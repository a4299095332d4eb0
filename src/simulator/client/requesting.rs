//! What the client asks: a Bootstrap-Pack, if it knows such a thing, and a bootstrap.
//!
//! LwM2M Core 1.2 sections 6.1.7.1 and 6.1.7.7; spec sheet `bootstrap.md`, sections 4 and 11.

use std::time::Instant;

use zeroize::Zeroizing;

use super::{Client, State};
use crate::coap::{
    Block2Assembly, BlockOption, Code, Exchange, Message, MessageType, OptionRefused, Progress, Reaction,
};
use crate::lwm2m::{ContentFormat, Path, decode};
use crate::simulator::configuration::{PackRequest, is_hierarchical};
use crate::simulator::consistency;
use crate::simulator::failure::Failure;

impl Client {
    /// Sends a Bootstrap-Pack-Request, for `block` of the answer where some of it has come.
    pub(super) fn request_pack(
        &mut self,
        now: Instant,
        started: Instant,
        pack: PackRequest,
        assembly: Block2Assembly,
        block: Option<BlockOption>,
    ) {
        match self.pack_request(pack, block) {
            Ok(request) => {
                let exchange = self.send_request(now, request);
                self.state = State::FetchingPack { exchange, assembly, started };
            }
            Err(_) => self.finish(Err(Failure::EndpointTooLong(self.configuration.endpoint.len()))),
        }
    }

    /// Sends a Bootstrap-Request with this `pct`.
    pub(super) fn request_bootstrap(&mut self, now: Instant, started: Instant, format: Option<u16>) {
        match self.bootstrap_request(format) {
            Ok(request) => {
                let exchange = self.send_request(now, request);
                self.state = State::Requesting { exchange, started, states_format: format.is_some() };
            }
            Err(_) => self.finish(Err(Failure::EndpointTooLong(self.configuration.endpoint.len()))),
        }
    }

    fn send_request(&mut self, now: Instant, request: Message) -> Box<Exchange> {
        let exchange = Exchange::start(now, &self.configuration.timing, self.random.jitter, request);
        self.send(Zeroizing::new(exchange.datagram().to_vec()));
        Box::new(exchange)
    }

    /// `POST /bs?ep={name}&pct={content-format}` (Core 1.2 section 6.1.7.1).
    fn bootstrap_request(&mut self, format: Option<u16>) -> Result<Message, OptionRefused> {
        let mut request = self.named_request(Code::POST, "bs")?;
        if let Some(number) = format {
            request.add_uri_query(&format!("pct={number}"))?;
        }
        Ok(request)
    }

    /// `GET /bspack?ep={name}&acc={links}` with Accept (Core 1.2 section 6.1.7.7).
    fn pack_request(&mut self, pack: PackRequest, block: Option<BlockOption>) -> Result<Message, OptionRefused> {
        let mut request = self.named_request(Code::GET, "bspack")?;
        if pack.names_own_instances {
            let links: Vec<String> = self.model.own_instances().map(|path| format!("<{path}>")).collect();
            request.add_uri_query(&format!("acc={}", links.join(",")))?;
        }
        request.set_accept(pack.accept.number());
        // A client that takes small blocks only says so before the first one (RFC 7959 section 2.4).
        let largest = self.configuration.behaviour.blocks.largest;
        let hint = || BlockOption::new(0, false, largest).ok().filter(|_| largest < 6);
        block.or_else(hint).into_iter().for_each(|block| request.set_block2(block));
        Ok(request)
    }

    fn named_request(&mut self, code: Code, path: &str) -> Result<Message, OptionRefused> {
        let (id, token) = (self.next_message_id(), self.next_token());
        let mut request = Message::request(code, id, token);
        request.add_uri_path(path)?;
        if !self.configuration.endpoint.is_empty() {
            request.add_uri_query(&format!("ep={}", self.configuration.endpoint))?;
        }
        Ok(request)
    }

    pub(super) fn handle_response(&mut self, now: Instant, message: &Message) {
        if self.handle_acknowledgement(now, message) {
            return;
        }
        let reaction = match &mut self.state {
            State::FetchingPack { exchange, .. } | State::Requesting { exchange, .. } => {
                let known = [crate::coap::options::number::BLOCK2];
                match message.unknown_critical_option(&known) {
                    None => exchange.handle(now, message),
                    Some(_) => Reaction::NotMine,
                }
            }
            _ => Reaction::NotMine,
        };
        match reaction {
            Reaction::Acknowledged => {}
            Reaction::Reset => self.finish(Err(Failure::Reset)),
            Reaction::Response { acknowledge } => {
                self.acknowledged = acknowledge;
                if let Some(id) = acknowledge {
                    self.send(Message::empty_acknowledgement(id).encode());
                }
                self.traffic.exchanges += 1;
                match self.state {
                    State::FetchingPack { .. } => self.handle_pack(now, message),
                    _ => self.handle_verdict(now, message),
                }
            }
            Reaction::NotMine if message.message_type == MessageType::Confirmable => {
                // A repeated separate response means that our acknowledgement was lost; anything else is nothing that
                // we asked for (RFC 7252 section 5.3.2).
                let known = self.acknowledged == Some(message.id);
                let answer =
                    if known { Message::empty_acknowledgement(message.id) } else { Message::reset(message.id) };
                self.send(answer.encode());
            }
            Reaction::NotMine => {}
        }
    }

    /// The answer to the Bootstrap-Request. Only 2.04 lets a bootstrap begin (spec sheet `bootstrap.md`, section 4).
    fn handle_verdict(&mut self, now: Instant, response: &Message) {
        let State::Requesting { started, states_format, .. } = self.state else { return };
        if response.code == Code::CHANGED {
            self.state = State::Served { started, last: None, refusal: None, answer: None, half_fetched: None };
            return;
        }
        let falls_back = self.configuration.behaviour.messages.falls_back_to_1_0 && response.code.is_client_error();
        if falls_back && states_format {
            self.model.fall_back_to_1_0();
            return self.request_bootstrap(now, started, None);
        }
        let diagnostic = (!response.payload.is_empty()).then(|| String::from_utf8_lossy(&response.payload).into());
        self.finish(Err(Failure::Refused { code: response.code.to_string(), diagnostic }));
    }

    /// A piece of the Bootstrap-Pack. Whatever is wrong with it, the client goes on with a Bootstrap-Request.
    fn handle_pack(&mut self, now: Instant, response: &Message) {
        let before = std::mem::replace(&mut self.state, State::Idle);
        let (State::FetchingPack { mut assembly, started, .. }, Some(pack)) = (before, self.configuration.pack) else {
            return;
        };
        let progress = match response.code {
            Code::CONTENT => assembly.push(response).ok(),
            _ => None,
        };
        let taken = match progress {
            Some(Progress::Next(block)) => return self.request_pack(now, started, pack, assembly, Some(block)),
            Some(Progress::Complete(body)) => self.apply_pack(response.content_format(), &body),
            None => false,
        };
        if !taken {
            return self.request_bootstrap(now, started, self.configuration.preferred_content_format);
        }
        self.model.commit();
        let provisioned = self.provisioned(now.saturating_duration_since(started), true);
        self.finish(Ok(provisioned));
    }

    /// Tells whether the pack could be had, made sense and left the client with a configuration that it can live with.
    fn apply_pack(&mut self, content_format: Option<u16>, body: &[u8]) -> bool {
        let format = content_format.and_then(ContentFormat::from_number);
        // There is no pack in TLV (spec sheet `bootstrap.md`, section 11).
        let Some(format) = format.filter(|&format| is_hierarchical(format) && format != ContentFormat::Tlv) else {
            return false;
        };
        let Ok(content) = decode(format, &Path::Root, body) else { return false };
        // A pack brings at least one account (Core 1.2 section 6.1.7.7); with none it would pass for what was there.
        if content.iter().all(|object| object.instances.is_empty()) {
            return false;
        }
        let check = |model: &_| consistency::check(model).and_then(|()| consistency::check_usable(model));
        let taken = self.model.apply_pack(content, check).is_ok();
        if taken {
            self.content_format = Some(format);
        }
        taken
    }
}
