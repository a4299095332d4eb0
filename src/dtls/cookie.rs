//! The stateless cookie exchange (RFC 6347, section 4.2.1): an address proves that it receives what is sent to it
//! before anything is remembered for it.
//!
//! A cookie is one byte that tells which secret made it, and 15 bytes of HMAC-SHA-256 over address, port and what the
//! client must repeat. 16 bytes suit tinydtls, which takes at most 32. A HelloVerifyRequest is smaller than any
//! ClientHello, so the exchange amplifies nothing.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::client_hello::ClientHello;
use super::record::{handshake_message, handshake_record};

/// Length of a cookie in bytes.
pub const COOKIE_LENGTH: usize = 16;

/// How long a secret makes cookies. It is accepted for as long again.
pub const SECRET_LIFETIME: Duration = Duration::from_secs(600);

/// Handshake message type of a HelloVerifyRequest.
const HELLO_VERIFY_REQUEST: u8 = 3;

/// RFC 6347, section 4.2.1: a server says DTLS 1.0 in a HelloVerifyRequest, whatever will be negotiated.
const VERSION_1_0: [u8; 2] = [0xfe, 0xff];

/// What a ClientHello is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It brings a cookie of ours for this address: state may be created.
    Valid,
    /// It brings none, or a wrong or outdated one: send this datagram and remember nothing.
    Verify(Vec<u8>),
}

/// Makes and checks the cookies of one listener.
pub struct Cookies {
    seed: Zeroizing<[u8; 32]>,
    current: Key,
    previous: Option<Key>,
    /// When `current` was first used; unknown until the first ClientHello.
    since: Option<Instant>,
}

struct Key {
    /// The number of secrets before this one. Its low byte is the first of its cookies.
    generation: u64,
    mac: Hmac<Sha256>,
}

impl Cookies {
    /// Every secret is derived from `seed`, which must be random and must not be used for anything else.
    pub fn new(seed: [u8; 32]) -> Cookies {
        let seed = Zeroizing::new(seed);
        let current = Key::derive(&seed, 0);
        Cookies { seed, current, previous: None, since: None }
    }

    /// Judges a ClientHello from `remote`.
    pub fn judge(&mut self, now: Instant, remote: SocketAddr, hello: &ClientHello<'_>) -> Verdict {
        self.rotate(now);
        let keys = [Some(&self.current), self.previous.as_ref()];
        let maker = keys.into_iter().flatten().find(|key| hello.cookie.first() == Some(&key.mark()));
        if maker.is_some_and(|key| key.cookie(remote, hello).ct_eq(hello.cookie).into()) {
            return Verdict::Valid;
        }
        Verdict::Verify(hello_verify_request(hello.record_sequence_number, &self.current.cookie(remote, hello)))
    }

    fn rotate(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let age = now.saturating_duration_since(since);
        if age < SECRET_LIFETIME {
            return;
        }
        let next = Key::derive(&self.seed, self.current.generation + 1);
        let outdated = std::mem::replace(&mut self.current, next);
        // After a long silence the secret is older than two lifetimes, and nobody's cookie of it is still good.
        self.previous = (age < 2 * SECRET_LIFETIME).then_some(outdated);
        self.since = Some(now);
    }
}

impl Key {
    fn derive(seed: &[u8; 32], generation: u64) -> Key {
        let mut mac = keyed(seed);
        mac.update(b"cookie secret");
        mac.update(&generation.to_be_bytes());
        let secret = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
        Key { generation, mac: keyed(&secret) }
    }

    fn mark(&self) -> u8 {
        self.generation.to_be_bytes()[7]
    }

    fn cookie(&self, remote: SocketAddr, hello: &ClientHello<'_>) -> [u8; COOKIE_LENGTH] {
        let mut mac = self.mac.clone();
        // The same for an IPv4 client however the socket shows it; lengths are fixed, so nothing can be shifted.
        let address = match remote.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        mac.update(&address.octets());
        mac.update(&remote.port().to_be_bytes());
        mac.update(hello.before_cookie);
        mac.update(hello.after_cookie);
        let tag = mac.finalize().into_bytes();
        let mut cookie = [self.mark(); COOKIE_LENGTH];
        cookie[1..].copy_from_slice(&tag[..COOKIE_LENGTH - 1]);
        cookie
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// RFC 6347, section 4.2.1: the record sequence number is that of the ClientHello, so that nothing needs counting.
fn hello_verify_request(record_sequence_number: [u8; 6], cookie: &[u8; COOKIE_LENGTH]) -> Vec<u8> {
    let mut body = [0; 3 + COOKIE_LENGTH];
    body[..2].copy_from_slice(&VERSION_1_0);
    body[2] = COOKIE_LENGTH as u8;
    body[3..].copy_from_slice(cookie);
    handshake_record(VERSION_1_0, record_sequence_number, &handshake_message(HELLO_VERIFY_REQUEST, 0, &body))
}

#[cfg(test)]
mod tests {
    use super::super::client_hello::tests::example;
    use super::*;

    const CLIENT: &str = "192.0.2.1:40000";

    fn judge(cookies: &mut Cookies, now: Instant, remote: &str, datagram: &[u8]) -> Verdict {
        let hello = ClientHello::parse(datagram).expect("well-formed");
        cookies.judge(now, remote.parse().expect("an address"), &hello)
    }

    fn cookie_for(cookies: &mut Cookies, now: Instant, remote: &str) -> Vec<u8> {
        match judge(cookies, now, remote, &example(b"")) {
            Verdict::Verify(datagram) => datagram[datagram.len() - COOKIE_LENGTH..].to_vec(),
            Verdict::Valid => panic!("no cookie is not a valid cookie"),
        }
    }

    #[test]
    fn a_hello_verify_request_byte_for_byte() {
        let mut cookies = Cookies::new([7; 32]);
        let Verdict::Verify(datagram) = judge(&mut cookies, Instant::now(), CLIENT, &example(b"")) else {
            panic!("no cookie is not a valid cookie");
        };
        let head =
            [22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 3, 0, 31, 3, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0, 19, 0xfe, 0xff, 16, 0];
        assert_eq!(datagram[..29], head);
        assert_eq!(datagram.len(), 44);
        assert!(datagram.len() < example(b"").len());
    }

    #[test]
    fn a_cookie_is_good_for_its_address_port_and_parameters_only() {
        let mut cookies = Cookies::new([7; 32]);
        let now = Instant::now();
        let cookie = cookie_for(&mut cookies, now, CLIENT);
        assert_eq!(judge(&mut cookies, now, CLIENT, &example(&cookie)), Verdict::Valid);
        assert_eq!(judge(&mut cookies, now, "[::ffff:192.0.2.1]:40000", &example(&cookie)), Verdict::Valid);
        for other in ["192.0.2.1:40001", "192.0.2.2:40000", "[2001:db8::1]:40000"] {
            assert!(matches!(judge(&mut cookies, now, other, &example(&cookie)), Verdict::Verify(_)), "{other}");
        }
        for index in [27, example(&cookie).len() - 9] {
            let mut changed = example(&cookie); // the client's random, then its suite
            changed[index] ^= 1;
            assert!(matches!(judge(&mut cookies, now, CLIENT, &changed), Verdict::Verify(_)), "byte {index}");
        }
        for index in 0..COOKIE_LENGTH {
            let mut forged = cookie.clone();
            forged[index] ^= 1;
            assert!(matches!(judge(&mut cookies, now, CLIENT, &example(&forged)), Verdict::Verify(_)), "byte {index}");
        }
        let short = &cookie[..COOKIE_LENGTH - 1];
        assert!(matches!(judge(&mut cookies, now, CLIENT, &example(short)), Verdict::Verify(_)));
    }

    #[test]
    fn extensions_may_change_between_the_two_hellos() {
        let mut cookies = Cookies::new([7; 32]);
        let now = Instant::now();
        let cookie = cookie_for(&mut cookies, now, CLIENT);
        let mut changed = example(&cookie);
        let last = changed.len() - 3;
        changed[last] = 22;
        assert_eq!(judge(&mut cookies, now, CLIENT, &changed), Verdict::Valid);
    }

    #[test]
    fn the_previous_secret_is_still_accepted_and_the_one_before_is_not() {
        let mut cookies = Cookies::new([7; 32]);
        let start = Instant::now();
        let cookie = cookie_for(&mut cookies, start, CLIENT);
        let second = start + SECRET_LIFETIME;
        assert_ne!(cookie_for(&mut cookies, second, CLIENT), cookie);
        assert_eq!(judge(&mut cookies, second, CLIENT, &example(&cookie)), Verdict::Valid);
        let third = second + SECRET_LIFETIME;
        assert!(matches!(judge(&mut cookies, third, CLIENT, &example(&cookie)), Verdict::Verify(_)));
    }

    #[test]
    fn a_cookie_does_not_outlive_a_long_silence() {
        let mut cookies = Cookies::new([7; 32]);
        let start = Instant::now();
        let cookie = cookie_for(&mut cookies, start, CLIENT);
        let later = start + 3 * SECRET_LIFETIME;
        assert!(matches!(judge(&mut cookies, later, CLIENT, &example(&cookie)), Verdict::Verify(_)));
    }

    #[test]
    fn listeners_do_not_accept_each_other_s_cookies() {
        let now = Instant::now();
        let cookie = cookie_for(&mut Cookies::new([7; 32]), now, CLIENT);
        assert!(matches!(judge(&mut Cookies::new([8; 32]), now, CLIENT, &example(&cookie)), Verdict::Verify(_)));
    }
}
