//! The client's messages after its hello, the transcript, and the keys.

use super::message::{CERTIFICATE, CLIENT_HELLO, CLIENT_KEY_EXCHANGE, FINISHED, Handshake, Message};
use super::protection::{Keys, Suite};
use super::{Proof, Puppet, hello, prf, proof, protection, record};

impl Puppet {
    /// What the client shows of itself; an empty list where it has nothing of the type that the server wants.
    pub fn certificate(&self) -> Message {
        match (&self.profile.proof, self.server.client_certificate_type) {
            (Proof::Certificate { key, .. } | Proof::RawPublicKey { key }, hello::RAW_PUBLIC_KEY) => {
                Message::raw_public_key(&proof::spki(key))
            }
            (Proof::Certificate { chain, .. }, _) => Message::certificate(chain),
            _ => Message::certificate(&[]),
        }
    }

    /// The PSK identity or the ephemeral point, by the suite.
    pub fn client_key_exchange(&self) -> Message {
        match &self.profile.proof {
            Proof::Psk { identity, .. } if self.suite_or_first().is_psk => Message::psk_key_exchange(identity),
            _ => Message::ecdh_key_exchange(&proof::point_of(&self.ephemeral)),
        }
    }

    /// A signature over the transcript as it is now. Without a key of its own the client signs by one of zeros' seed.
    pub fn certificate_verify(&self) -> Message {
        let key = match &self.profile.proof {
            Proof::Certificate { key, .. } | Proof::RawPublicKey { key } => key.clone(),
            Proof::Psk { .. } => proof::signing_key(0),
        };
        Message::certificate_verify(proof::ECDSA_SHA256, &proof::sign(&key, &self.transcript))
    }

    /// What proves the handshake, over the transcript as it is now.
    pub fn finished(&mut self) -> Message {
        self.keys();
        Message::new(FINISHED, prf::verify_data(&self.master, b"client finished", &self.transcript))
    }

    /// The payload of a record of type [`record::CHANGE_CIPHER_SPEC`].
    pub fn change_cipher_spec(&self) -> Vec<u8> {
        vec![1]
    }

    /// The payload of a record of type [`record::ALERT`]: level 1 is a warning, 2 is fatal.
    pub fn alert(&self, level: u8, description: u8) -> Vec<u8> {
        vec![level, description]
    }

    /// Gives a message its number and adds it to the transcript; after a ClientKeyExchange the keys are made. A
    /// ClientHello before any ServerHello begins the transcript anew.
    pub fn commit(&mut self, message: &Message) -> Handshake {
        let handshake = message.numbered(self.next_message);
        self.next_message += 1;
        if message.message_type == CLIENT_HELLO && self.server.messages.is_empty() {
            self.transcript.clear();
        }
        self.transcript.extend_from_slice(&handshake.whole());
        if message.message_type == CLIENT_KEY_EXCHANGE {
            self.derive_keys();
        }
        handshake
    }

    /// Commits a message and makes it one datagram of one record.
    pub fn send(&mut self, message: &Message, epoch: u16) -> Vec<u8> {
        let handshake = self.commit(message);
        self.record(record::HANDSHAKE, epoch, &handshake.whole())
    }

    /// Makes the keys of what is there now: the transcript, both randoms, and the secret by the suite.
    pub fn derive_keys(&mut self) {
        let premaster = self.premaster();
        self.master = if self.server.extended_master_secret {
            prf::extended_master_secret(&premaster, &self.transcript)
        } else {
            prf::master_secret(&premaster, &self.client_random, &self.server.random)
        };
        let suite = self.suite_or_first();
        self.keys = Some(Keys::derive(suite, &self.master, &self.client_random, &self.server.random));
    }

    /// The keys, made now where there are none.
    pub(super) fn keys(&mut self) -> &Keys {
        if self.keys.is_none() {
            self.derive_keys();
        }
        self.keys.as_ref().expect("just made")
    }

    pub(super) fn suite_or_first(&self) -> Suite {
        let offered = self.profile.suites.iter().find_map(|code| Suite::of(*code));
        let fallback = || Suite::of(protection::PSK_CCM_8).expect("a suite");
        self.server.suite.or(offered).unwrap_or_else(fallback)
    }

    /// The secret that both ends agree on. Zeros, where the server's point is missing or none.
    pub fn premaster(&self) -> Vec<u8> {
        match &self.profile.proof {
            Proof::Psk { key, .. } if self.suite_or_first().is_psk => prf::psk_premaster(key),
            _ => proof::agree(&self.ephemeral, &self.server.point).unwrap_or_else(|| vec![0; 32]),
        }
    }

    /// Whether a Certificate of the client's has something in it.
    pub(super) fn has_certificate(&self) -> bool {
        self.certificate() != Message::new(CERTIFICATE, [0, 0, 0])
    }
}
