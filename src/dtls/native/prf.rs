//! What the two sides derive from a shared secret: master secret, key block and the data of Finished (RFC 5246,
//! sections 5, 6.3, 7.4.9 and 8.1; RFC 7627, section 4; RFC 4279, section 2).
//!
//! Every suite served has SHA-256 as its hash, keys of 16 bytes and an implicit nonce of 4 (RFC 6655, RFC 5288), so
//! nothing here depends on the suite. Nothing here knows messages or records: transcripts come in as hashes.

use aws_lc_rs::tls_prf::{P_SHA256, Secret};
use zeroize::{Zeroize, Zeroizing};

/// Which of the two a key or a Finished belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// The 48 bytes from which everything else of one handshake is derived (RFC 5246, section 8.1). Wiped on drop, and
/// never shown.
pub(super) struct MasterSecret(Zeroizing<[u8; 48]>);

impl MasterSecret {
    /// Bound to the whole handshake (RFC 7627, section 4): `session_hash` is the SHA-256 of every handshake message
    /// from the ClientHello that brought the cookie up to and including ClientKeyExchange.
    pub(super) fn extended(premaster: &[u8], session_hash: &[u8; 32]) -> MasterSecret {
        MasterSecret::derive(premaster, b"extended master secret", &[session_hash])
    }

    /// For clients that do not offer the extension, bound to the two randoms alone (RFC 5246, section 8.1).
    pub(super) fn plain(premaster: &[u8], client_random: &[u8; 32], server_random: &[u8; 32]) -> MasterSecret {
        MasterSecret::derive(premaster, b"master secret", &[client_random, server_random])
    }

    fn derive(premaster: &[u8], label: &[u8], seeds: &[&[u8]]) -> MasterSecret {
        let mut secret = Zeroizing::new([0; 48]);
        prf(premaster, label, seeds, &mut *secret);
        MasterSecret(secret)
    }

    /// The keys of both directions (RFC 5246, section 6.3). An AEAD has no MAC keys, so these are all.
    pub(super) fn key_block(&self, client_random: &[u8; 32], server_random: &[u8; 32]) -> KeyBlock {
        let mut block = Zeroizing::new([0; 40]);
        // The server's random comes first here, unlike in the master secret.
        prf(&*self.0, b"key expansion", &[server_random, client_random], &mut *block);
        let mut keys = KeyBlock { client_key: [0; 16], server_key: [0; 16], client_iv: [0; 4], server_iv: [0; 4] };
        keys.client_key.copy_from_slice(&block[..16]);
        keys.server_key.copy_from_slice(&block[16..32]);
        keys.client_iv.copy_from_slice(&block[32..36]);
        keys.server_iv.copy_from_slice(&block[36..]);
        keys
    }

    /// What the Finished of `sender` says (RFC 5246, section 7.4.9): `transcript` is the SHA-256 of every handshake
    /// message before that Finished, from the ClientHello that brought the cookie (RFC 6347, section 4.2.6).
    pub(super) fn verify_data(&self, sender: Side, transcript: &[u8; 32]) -> [u8; 12] {
        let label: &[u8] = match sender {
            Side::Client => b"client finished",
            Side::Server => b"server finished",
        };
        let mut data = [0; 12];
        prf(&*self.0, label, &[transcript], &mut data);
        data
    }
}

/// The keys and implicit nonces of both directions (RFC 5246, section 6.3). Wiped on drop.
pub(super) struct KeyBlock {
    /// Protects what the client sends.
    pub(super) client_key: [u8; 16],
    /// Protects what the server sends.
    pub(super) server_key: [u8; 16],
    /// The first four bytes of every nonce of the client.
    pub(super) client_iv: [u8; 4],
    /// The first four bytes of every nonce of the server.
    pub(super) server_iv: [u8; 4],
}

impl Drop for KeyBlock {
    fn drop(&mut self) {
        self.client_key.zeroize();
        self.server_key.zeroize();
        self.client_iv.zeroize();
        self.server_iv.zeroize();
    }
}

/// The premaster secret of a plain PSK handshake (RFC 4279, section 2): the length of the key, as many zero bytes, the
/// length again, and the key. Keys are far below the 65,535 bytes which the lengths can say.
pub(super) fn psk_premaster(key: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = (key.len() as u16).to_be_bytes();
    // Reserved whole, so that growing leaves no copy of the key behind.
    let mut premaster = Zeroizing::new(Vec::with_capacity(4 + 2 * key.len()));
    premaster.extend_from_slice(&length);
    premaster.resize(2 + key.len(), 0);
    premaster.extend_from_slice(&length);
    premaster.extend_from_slice(key);
    premaster
}

/// The pseudo-random function of TLS 1.2 with SHA-256 (RFC 5246, section 5): fills `out`, which must not be empty, nor
/// may `secret`. The seeds are public: randoms and hashes.
pub(super) fn prf(secret: &[u8], label: &[u8], seeds: &[&[u8]], out: &mut [u8]) {
    let derived = Secret::new(&P_SHA256, secret)
        .and_then(|secret| secret.derive(label, &seeds.concat(), out.len()))
        .expect("fails for an empty secret or output only, and no caller has one");
    out.copy_from_slice(derived.as_ref());
}

#[cfg(test)]
mod tests;
