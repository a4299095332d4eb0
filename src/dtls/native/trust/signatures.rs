//! The signatures on authorities that were found right, so that a maker's one authority is not verified anew for each of
//! its million devices; and those of one chain that were found wrong, so that it cannot have them computed again and again
//! by the many ways in which its names lead to the anchor.
//!
//! Nothing but the arithmetic is left out: what was signed, by which key and how, is the same to the last bit, and all
//! else about a path is looked at every time. What is right is remembered as long as the trust anchors are in force, and
//! cannot be made up without the key of an authority; what is wrong is forgotten with its chain.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use der::Decode;
use der::asn1::AnyRef;
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use sha2::{Digest, Sha256};

/// Most signatures that are remembered, 32 bytes each; then the oldest is forgotten.
const KNOWN_MAX: usize = 256;

/// SHA-256 of a question.
pub(super) type Fingerprint = [u8; 32];

/// Those that were found right. See the module.
#[derive(Debug, Default)]
pub(super) struct Signatures(Mutex<VecDeque<Fingerprint>>);

impl Signatures {
    /// The signatures of one chain, whose `leaf` is a certificate in DER. That on the leaf is not remembered if it is
    /// right: there are too many leaves, and each comes once.
    pub(super) fn of_chain<'a>(&'a self, leaf: &'a [u8]) -> ChainSignatures<'a> {
        let leaf = AnyRef::from_der(leaf).map_or(leaf, |leaf| leaf.value());
        ChainSignatures { right: &self.0, wrong: Mutex::default(), leaf }
    }
}

/// Those of one chain.
#[derive(Debug)]
pub(super) struct ChainSignatures<'a> {
    right: &'a Mutex<VecDeque<Fingerprint>>,
    /// As many as there are pairs of its certificates and keys at most.
    wrong: Mutex<Vec<Fingerprint>>,
    /// What is in the leaf, beginning with what is signed of it.
    leaf: &'a [u8],
}

impl<'a> ChainSignatures<'a> {
    /// An algorithm that looks here first.
    pub(super) fn remember(&'a self, algorithm: &'a dyn SignatureVerificationAlgorithm) -> Remembering<'a> {
        Remembering { algorithm, chain: self }
    }

    /// What was computed and found wrong, in this order.
    #[cfg(all(test, feature = "openssl"))]
    pub(super) fn wrong(&self) -> Vec<Fingerprint> {
        lock(&self.wrong).clone()
    }
}

/// An algorithm that remembers.
#[derive(Debug)]
pub(super) struct Remembering<'a> {
    algorithm: &'a dyn SignatureVerificationAlgorithm,
    chain: &'a ChainSignatures<'a>,
}

impl SignatureVerificationAlgorithm for Remembering<'_> {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let ChainSignatures { right, wrong, leaf } = self.chain;
        let question = self.fingerprint([public_key, message, signature]);
        if lock(right).contains(&question) {
            return Ok(());
        }
        if lock(wrong).contains(&question) {
            return Err(InvalidSignature);
        }
        if let Err(invalid) = self.algorithm.verify_signature(public_key, message, signature) {
            lock(wrong).push(question);
            return Err(invalid);
        }
        if !leaf.starts_with(message) {
            let mut right = lock(right);
            if right.len() == KNOWN_MAX {
                right.pop_front();
            }
            right.push_back(question);
        }
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }

    fn fips(&self) -> bool {
        self.algorithm.fips()
    }
}

impl Remembering<'_> {
    fn fingerprint(&self, question: [&[u8]; 3]) -> Fingerprint {
        let (key_kind, method) = (self.algorithm.public_key_alg_id(), self.algorithm.signature_alg_id());
        let mut hash = Sha256::new();
        for part in [key_kind.as_ref(), method.as_ref()].into_iter().chain(question) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

/// What is remembered is whole, whatever became of whoever had it last.
fn lock<T>(remembered: &Mutex<T>) -> MutexGuard<'_, T> {
    remembered.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustls_pki_types::alg_id;

    use super::*;

    /// Finds right whatever is signed by its own key, and counts.
    #[derive(Debug)]
    struct Counting(AlgorithmIdentifier, AtomicUsize);

    impl SignatureVerificationAlgorithm for Counting {
        fn verify_signature(&self, key: &[u8], _: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
            self.1.fetch_add(1, Ordering::Relaxed);
            if signature == key { Ok(()) } else { Err(InvalidSignature) }
        }

        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ECDSA_P256
        }

        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            self.0
        }
    }

    /// SEQUENCE of what is signed, `[1, 2]`, and more.
    const LEAF: &[u8] = &[0x30, 4, 1, 2, 3, 4];

    /// How many of the questions (key, message, signature) were answered with yes, and how many were computed.
    fn ask(signatures: &Signatures, method: AlgorithmIdentifier, questions: &[[&[u8]; 3]]) -> (usize, usize) {
        let counting = Counting(method, AtomicUsize::new(0));
        let chain = signatures.of_chain(LEAF);
        let remembering = chain.remember(&counting);
        let yes = questions.iter().filter(|[key, message, by]| remembering.verify_signature(key, message, by).is_ok());
        (yes.count(), counting.1.load(Ordering::Relaxed))
    }

    #[test]
    fn what_was_right_is_computed_once_and_what_differs_anew() {
        let signatures = Signatures::default();
        let (sha_256, sha_384) = (alg_id::ECDSA_SHA256, alg_id::ECDSA_SHA384);
        let question: [&[u8]; 3] = [b"key", b"message", b"key"];
        assert_eq!(ask(&signatures, sha_256, &[question, question, question]), (3, 1));
        assert_eq!(ask(&signatures, sha_256, &[question]), (1, 0), "whichever leaf asks");
        assert_eq!(ask(&signatures, sha_384, &[question]), (1, 1), "another algorithm");
        assert_eq!(ask(&signatures, sha_256, &[[b"key", b"messages", b"key"]]), (1, 1), "another message");
        assert_eq!(ask(&signatures, sha_256, &[[b"yek", b"message", b"yek"]]), (1, 1), "another key");
        let wrong: [&[u8]; 3] = [b"yek", b"message", b"key"];
        assert_eq!(ask(&signatures, sha_256, &[wrong, wrong, question]), (1, 1), "once for a chain, and never right");
        assert_eq!(ask(&signatures, sha_256, &[wrong]), (0, 1), "and anew for the next");
        // The same bytes, divided otherwise.
        assert_eq!(ask(&signatures, sha_256, &[[b"keym", b"essage", b"keym"]]), (1, 1));
    }

    #[test]
    fn a_right_signature_on_the_leaf_is_not_remembered() {
        let (signatures, question): (_, [&[u8]; 3]) = (Signatures::default(), [b"key", &[1, 2], b"key"]);
        assert_eq!(ask(&signatures, alg_id::ECDSA_SHA256, &[question; 3]), (3, 3));
        assert!(signatures.0.lock().unwrap().is_empty());
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let signatures = Signatures::default();
        let messages: Vec<[u8; 4]> = (0..=KNOWN_MAX as u32).map(u32::to_be_bytes).collect();
        let questions: Vec<[&[u8]; 3]> = messages.iter().map(|message| [b"key", &message[..], b"key"]).collect();
        let method = alg_id::ECDSA_SHA256;
        assert_eq!(ask(&signatures, method, &questions), (questions.len(), questions.len()));
        assert_eq!(signatures.0.lock().unwrap().len(), KNOWN_MAX);
        assert_eq!(ask(&signatures, method, &questions[1..]), (KNOWN_MAX, 0));
        assert_eq!(ask(&signatures, method, &questions[..1]), (1, 1));
    }
}
