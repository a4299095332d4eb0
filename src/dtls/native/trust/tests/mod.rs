//! Both engines' path validation on the same chains: they have to say the same. Where they cannot, `differences` has
//! the reason.

mod agreements;
mod differences;
mod flips;
mod forged;
mod keys;
mod mixtures;

use std::time::{Duration, SystemTime};

use super::Trust;
use crate::dtls::certificate::{CertificateFault, Offered, Verdict};
use crate::dtls::openssl::verdict_on;
use crate::dtls::tests::pki::{Holder, wall_clock};
use crate::peer::{CertificateTrust, Peer};

/// What a judge says; `None`: the anchors cannot be used.
type Word = Option<Result<(), CertificateFault>>;

const ACCEPTED: Word = Some(Ok(()));

const fn refused(fault: CertificateFault) -> Word {
    Some(Err(fault))
}

/// The verdicts of the native engine and of OpenSSL on a chain that is on record of nobody.
fn judge(anchors: &[Vec<u8>], chain: &[Vec<u8>]) -> (Word, Word) {
    judge_at(anchors, chain, wall_clock())
}

fn judge_at(anchors: &[Vec<u8>], chain: &[Vec<u8>], at: SystemTime) -> (Word, Word) {
    let believed = Peer::Certificate { chain: chain.to_vec(), trust: CertificateTrust::Anchored };
    let offered = Offered::Certificate(chain.to_vec());
    let verdict = Verdict::Unpinned { at };
    let native = Trust::new(anchors).ok().map(|trust| {
        let first = trust.judge(offered.clone(), verdict).map(|it| it.peer);
        assert_eq!(trust.judge(offered.clone(), verdict).map(|it| it.peer), first, "again, with what it remembers");
        first
    });
    let [native, openssl] = [native, verdict_on(anchors, offered, verdict)]
        .map(|word| word.map(|verdict| verdict.map(|peer| assert_eq!(peer, believed))));
    (native, openssl)
}

/// The first certificates of several holders.
fn firsts(holders: &[&Holder]) -> Vec<Vec<u8>> {
    holders.iter().map(|holder| holder.der().remove(0)).collect()
}

fn seconds_later(seconds: u64) -> SystemTime {
    wall_clock() + Duration::from_secs(seconds)
}
