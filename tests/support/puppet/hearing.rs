//! What the server says, read strictly and without answering.

use super::message::{
    Assembly, CERTIFICATE, CERTIFICATE_REQUEST, FINISHED, Fragment, HELLO_REQUEST, HELLO_VERIFY_REQUEST, Message,
    SERVER_HELLO, SERVER_HELLO_DONE, SERVER_KEY_EXCHANGE, fragments_of,
};
use super::record::{
    ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Received, TLS12_CID, VERSION_1_2, records_of,
};
use super::wire::Cursor;
use super::{Puppet, hello, prf, proof};

/// Longest message body that is put together, in bytes.
const BODY_MAX: usize = 1 << 17;
/// How far ahead messages are kept.
const AHEAD_MAX: u16 = 16;
/// Most protected records that are kept until they can be read.
const EARLY_MAX: usize = 32;

/// What one thing in a datagram was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A new cookie.
    HelloVerifyRequest,
    /// A handshake message is whole and was its turn; its type.
    Message(u8),
    /// The last fragment of one that was heard before.
    Repeated(u8),
    /// ChangeCipherSpec, the first or again.
    ChangeCipherSpec,
    /// Level and description.
    Alert(u8, u8),
    /// Application data, which [`Puppet::received`] has once the server's Finished is there.
    ApplicationData,
    /// A genuine record for the second time.
    Duplicate,
    /// A protected record that cannot be read yet; it is kept.
    Early,
    /// Dropped: forged, malformed or out of place.
    Dropped,
}

/// Something that no server may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How a client tells it.
    pub alert: u8,
    /// What it is.
    pub text: String,
}

impl Fault {
    pub(super) fn new(alert: u8, text: &str) -> Fault {
        Fault { alert, text: text.to_owned() }
    }

    pub(super) fn illegal(text: &str) -> Fault {
        Fault::new(47, text)
    }

    pub(super) fn decode(what: &str) -> Fault {
        Fault::new(50, &format!("malformed {what}"))
    }

    pub(super) fn decode_of(what: &str, number: u16) -> Fault {
        Fault::new(47, &format!("wrong {what}: {number}"))
    }
}

impl Puppet {
    /// Takes a datagram and answers nothing; says what was in it, in order. Faults go to [`Puppet::faults`].
    pub fn hear(&mut self, datagram: &[u8]) -> Vec<Heard> {
        let id_length = self.profile.connection_id.as_ref().map_or(0, Vec::len);
        let (records, is_whole) = records_of(datagram, id_length);
        let mut heard = Vec::new();
        for record in &records {
            self.hear_record(record, &mut heard);
        }
        if !is_whole {
            heard.push(Heard::Dropped);
        }
        self.dropped += heard.iter().filter(|heard| **heard == Heard::Dropped).count();
        heard
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    fn hear_record(&mut self, record: &Received<'_>, heard: &mut Vec<Heard>) {
        match record.header.epoch {
            0 if record.header.version[0] == 0xfe => self.hear_clear(record, heard),
            1 if record.header.version == VERSION_1_2 && !self.server.has_changed_cipher_spec => {
                let is_kept = self.server.early.len() < EARLY_MAX;
                if is_kept {
                    self.server.early.push((record.header.clone(), record.fragment.to_vec()));
                }
                heard.push(if is_kept { Heard::Early } else { Heard::Dropped });
            }
            1 if record.header.version == VERSION_1_2 => self.hear_protected(record, heard),
            _ => heard.push(Heard::Dropped),
        }
    }

    fn hear_clear(&mut self, record: &Received<'_>, heard: &mut Vec<Heard>) {
        match record.header.content_type {
            HANDSHAKE => {
                self.check_length(record.fragment.len());
                self.hear_fragments(0, record.fragment, heard);
            }
            CHANGE_CIPHER_SPEC if record.fragment == [1] && self.awaits_change_cipher_spec() => {
                self.server.has_changed_cipher_spec = true;
                heard.push(Heard::ChangeCipherSpec);
                for (header, fragment) in std::mem::take(&mut self.server.early) {
                    self.hear_protected(&Received { header, fragment: &fragment }, heard);
                }
            }
            // Said by nobody knows whom: it ends a handshake, never a connection.
            ALERT if record.fragment.len() == 2 && !self.is_established => {
                let (level, description) = (record.fragment[0], record.fragment[1]);
                self.alert = Some((level, description));
                self.is_over |= level == 2;
                heard.push(Heard::Alert(level, description));
            }
            _ => heard.push(Heard::Dropped),
        }
    }

    fn awaits_change_cipher_spec(&self) -> bool {
        self.keys.is_some() && self.server.messages.contains(&SERVER_HELLO_DONE)
    }

    fn hear_protected(&mut self, record: &Received<'_>, heard: &mut Vec<Heard>) {
        let wants_id =
            self.server.connection_id.is_some() && self.profile.connection_id.as_ref().is_some_and(|id| !id.is_empty());
        let has_right_id = match &record.header.connection_id {
            Some(id) => wants_id && self.profile.connection_id.as_ref() == Some(id),
            None => !wants_id,
        };
        let opened = if has_right_id { self.open(record) } else { None };
        let Some((content_type, plaintext)) = opened else {
            heard.push(Heard::Dropped);
            return;
        };
        let number = record.header.number;
        let digest = prf::hash(record.fragment);
        if let Some(earlier) = self.server.numbers.insert(number, digest) {
            if earlier != digest {
                self.fault(Fault::illegal("a record number is used twice with one key"));
            }
            heard.push(Heard::Duplicate);
            return;
        }
        self.server.newest = self.server.newest.max(Some(number));
        self.check_length(plaintext.len());
        self.hear_plaintext(content_type, plaintext, heard);
    }

    fn hear_plaintext(&mut self, content_type: u8, plaintext: Vec<u8>, heard: &mut Vec<Heard>) {
        match content_type {
            HANDSHAKE => self.hear_fragments(1, &plaintext, heard),
            APPLICATION_DATA => {
                heard.push(Heard::ApplicationData);
                if self.is_established {
                    self.received.push(plaintext);
                } else {
                    self.server.early_data.push(plaintext);
                }
            }
            ALERT if plaintext.len() == 2 => {
                self.alert = Some((plaintext[0], plaintext[1]));
                self.is_over |= !self.is_established && plaintext[0] == 2;
                self.is_closed |= plaintext[0] == 2 || plaintext[1] == 0;
                heard.push(Heard::Alert(plaintext[0], plaintext[1]));
            }
            _ => self.fault(Fault::new(10, "a genuine record of a content type that has no place here")),
        }
    }

    /// RFC 6066, section 4: the limit counts plaintext, headers of handshake messages included.
    fn check_length(&mut self, length: usize) {
        let limit = self.server.max_fragment_length.map_or(1 << 14, |code| 256 << code);
        if length > limit {
            self.fault(Fault::new(22, "a record is longer than max_fragment_length allows"));
        }
    }

    fn hear_fragments(&mut self, epoch: u16, plaintext: &[u8], heard: &mut Vec<Heard>) {
        match fragments_of(plaintext) {
            Some(fragments) => fragments.iter().for_each(|fragment| self.hear_fragment(epoch, fragment, heard)),
            None if epoch == 0 => heard.push(Heard::Dropped),
            None => self.fault(Fault::decode("handshake record")),
        }
    }

    fn hear_fragment(&mut self, epoch: u16, fragment: &Fragment<'_>, heard: &mut Vec<Heard>) {
        if fragment.message_type == HELLO_VERIFY_REQUEST && epoch == 0 && self.server.messages.is_empty() {
            heard.push(self.hear_hello_verify_request(fragment));
            return;
        }
        if self.server.messages.is_empty() {
            // RFC 6347, section 4.2.2: a ServerHello has the number of the ClientHello that it answers, because as many
            // HelloVerifyRequests went before.
            self.server.next_message = self.next_message.saturating_sub(1);
        }
        let next = self.server.next_message;
        let in_epoch = u16::from(fragment.message_type == FINISHED || fragment.message_type == HELLO_REQUEST);
        if fragment.number < next {
            if fragment.offset + fragment.part.len() == fragment.length {
                heard.push(Heard::Repeated(fragment.message_type));
            }
            return;
        }
        if fragment.number > next + AHEAD_MAX || fragment.length > BODY_MAX || (epoch == 0 && in_epoch == 1) {
            heard.push(Heard::Dropped);
            return;
        }
        if epoch != in_epoch {
            self.fault(Fault::new(10, "a handshake message under protection that belongs before it"));
            return;
        }
        let assembly = self.server.assemblies.entry(fragment.number).or_insert_with(|| Assembly::new(fragment));
        if !assembly.add(fragment) {
            heard.push(Heard::Dropped);
        }
        while let Some(message) = self.server.assemblies.get(&self.server.next_message).and_then(Assembly::message) {
            let number = self.server.next_message;
            self.server.assemblies.remove(&number);
            self.server.next_message += 1;
            self.hear_message(number, &message);
            heard.push(Heard::Message(message.message_type));
        }
    }

    /// Only the first one counts, or a later one that answers a ClientHello with a cookie.
    fn hear_hello_verify_request(&mut self, fragment: &Fragment<'_>) -> Heard {
        let mut cursor = Cursor(fragment.part);
        let parsed = (|| {
            let version = cursor.take(2)?;
            let cookie = cursor.vector(1)?;
            (version[0] == 0xfe && cursor.is_empty() && fragment.part.len() == fragment.length).then_some(cookie)
        })();
        match parsed {
            None => Heard::Dropped,
            Some(cookie) if self.cookie.is_empty() || (fragment.number > 0 && cookie != self.cookie) => {
                self.cookie = cookie.to_vec();
                Heard::HelloVerifyRequest
            }
            Some(_) => Heard::Repeated(HELLO_VERIFY_REQUEST),
        }
    }

    fn hear_message(&mut self, number: u16, message: &Message) {
        // RFC 5246, section 7.4.1.1: it is in no transcript.
        if message.message_type == HELLO_REQUEST {
            return;
        }
        let previous = self.server.messages.last().copied();
        self.server.messages.push(message.message_type);
        if message.message_type != SERVER_HELLO
            && !may_follow(self.suite_or_first().is_psk, previous, message.message_type)
            || message.message_type == SERVER_HELLO && previous.is_some()
        {
            self.fault(Fault::new(10, &format!("message {} after {previous:?}", message.message_type)));
        }
        let result = match message.message_type {
            SERVER_HELLO => self.hear_server_hello(&message.body),
            CERTIFICATE => self.hear_certificate(&message.body),
            SERVER_KEY_EXCHANGE => self.hear_server_key_exchange(&message.body),
            CERTIFICATE_REQUEST => self.hear_certificate_request(&message.body),
            SERVER_HELLO_DONE if !message.body.is_empty() => Err(Fault::decode("ServerHelloDone")),
            FINISHED => self.hear_finished(&message.body),
            _ => Ok(()),
        };
        self.transcript.extend_from_slice(&message.numbered(number).whole());
        if let Err(fault) = result {
            self.fault(fault);
        }
    }

    fn hear_certificate(&mut self, body: &[u8]) -> Result<(), Fault> {
        let malformed = || Fault::decode("Certificate");
        let mut cursor = Cursor(body);
        let list = cursor.vector(3).filter(|_| cursor.is_empty()).ok_or_else(malformed)?;
        if self.server.server_certificate_type == hello::RAW_PUBLIC_KEY {
            self.server.spki = list.to_vec();
            return Ok(());
        }
        let mut list = Cursor(list);
        while !list.is_empty() {
            self.server.chain.push(list.vector(3).ok_or_else(malformed)?.to_vec());
        }
        let leaf = self.server.chain.first().ok_or_else(malformed)?;
        self.server.spki =
            proof::spki_within(leaf).ok_or(Fault::new(43, "no key on P-256 in the certificate"))?.to_vec();
        Ok(())
    }

    /// RFC 4279, section 2; RFC 8422, section 5.4.
    fn hear_server_key_exchange(&mut self, body: &[u8]) -> Result<(), Fault> {
        let malformed = || Fault::decode("ServerKeyExchange");
        let mut cursor = Cursor(body);
        if self.suite_or_first().is_psk {
            let hint = cursor.vector(2).filter(|_| cursor.is_empty()).ok_or_else(malformed)?;
            self.server.hint = Some(hint.to_vec());
            return Ok(());
        }
        let curve = cursor.take(3).ok_or_else(malformed)?;
        if curve != [3, 0, 23] {
            return Err(Fault::illegal("ServerKeyExchange on another curve than secp256r1"));
        }
        self.server.point = cursor.vector(1).ok_or_else(malformed)?.to_vec();
        let parameters = &body[..body.len() - cursor.0.len()];
        let algorithm = cursor.number(2).ok_or_else(malformed)?;
        let signature = cursor.vector(2).filter(|_| cursor.is_empty()).ok_or_else(malformed)?;
        if algorithm != usize::from(proof::ECDSA_SHA256) {
            return Err(Fault::illegal("ServerKeyExchange signed by an algorithm that was not offered"));
        }
        let signed = [&self.client_random[..], &self.server.random, parameters].concat();
        if !proof::is_signed_by(&self.server.spki, &signed, signature) {
            return Err(Fault::new(51, "the signature of ServerKeyExchange is wrong"));
        }
        if proof::agree(&self.ephemeral, &self.server.point).is_none() {
            return Err(Fault::illegal("the point of ServerKeyExchange is none"));
        }
        Ok(())
    }

    /// RFC 5246, section 7.4.4.
    fn hear_certificate_request(&mut self, body: &[u8]) -> Result<(), Fault> {
        let mut cursor = Cursor(body);
        let parts = (|| Some((cursor.vector(1)?, cursor.vector(2)?, cursor.vector(2)?)))();
        let (types, algorithms, _) = parts.filter(|_| cursor.is_empty()).ok_or(Fault::decode("CertificateRequest"))?;
        self.server.certificate_is_requested = true;
        let takes_ecdsa = types.contains(&64) && algorithms.chunks(2).any(|pair| pair == [4, 3]);
        if takes_ecdsa { Ok(()) } else { Err(Fault::new(40, "CertificateRequest without ECDSA on P-256")) }
    }

    fn hear_finished(&mut self, body: &[u8]) -> Result<(), Fault> {
        if body != prf::verify_data(&self.master, b"server finished", &self.transcript) {
            return Err(Fault::new(51, "the server's Finished is wrong"));
        }
        self.is_established = self.faults.is_empty() && !self.is_over;
        self.received.append(&mut self.server.early_data);
        Ok(())
    }
}

/// RFC 5246, section 7.3, and RFC 4279, section 2.
fn may_follow(is_psk: bool, previous: Option<u8>, next: u8) -> bool {
    let Some(previous) = previous else { return false };
    match (previous, next) {
        (SERVER_HELLO, CERTIFICATE) | (CERTIFICATE, SERVER_KEY_EXCHANGE) => !is_psk,
        (SERVER_HELLO, SERVER_KEY_EXCHANGE | SERVER_HELLO_DONE) => is_psk,
        (SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST) | (CERTIFICATE_REQUEST, SERVER_HELLO_DONE) => !is_psk,
        (SERVER_KEY_EXCHANGE, SERVER_HELLO_DONE) | (SERVER_HELLO_DONE, FINISHED) => true,
        _ => false,
    }
}
