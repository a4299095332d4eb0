//! Messages of the second flight in fragments: small ones, in any order, overlapping, contradicting, of nothing.

use crate::case::{Case, Delivery, Part, once_and_always, thin_out};
use crate::comparison::hold;
use crate::differences::FRAGMENTS;
use crate::puppet::message::raw_fragment;
use crate::puppet::record::HANDSHAKE;
use crate::puppet::wire::SplitMix;
use crate::world::profile;

#[test]
fn fragments() {
    let mut cases = Vec::new();
    for name in ["psk-ccm8", "raw", "x509"] {
        cut_evenly(&mut cases, name);
        contradicting(&mut cases, name);
    }
    for seed in 0..400 {
        at_random(&mut cases, "psk-ccm8", seed);
    }
    for seed in 0..60 {
        at_random(&mut cases, "raw", seed);
        at_random(&mut cases, "x509", seed);
    }
    thin_out(&mut cases, 7);
    hold("fragments", &cases, &FRAGMENTS);
}

/// A whole message in a part: type, number, body.
fn message_of(part: &Part) -> Option<(u8, u16, &[u8])> {
    let payload = &part.payload;
    (part.layout.content_type == HANDSHAKE && payload.len() >= 12)
        .then(|| (payload[0], u16::from_be_bytes([payload[4], payload[5]]), &payload[12..]))
}

/// The part once more with other content.
fn with(part: &Part, payload: Vec<u8>) -> Part {
    Part { layout: part.layout.clone(), payload }
}

/// Fragments of `size` bytes that each reach `overlap` bytes into the next.
fn cut(part: &Part, size: usize, overlap: usize) -> Vec<Part> {
    let Some((message_type, number, body)) = message_of(part) else { return vec![part.clone()] };
    let piece = |offset: usize| {
        let end = body.len().min(offset + size + overlap);
        with(part, raw_fragment(message_type, body.len(), number, offset, &body[offset..end]))
    };
    (0..body.len().max(1)).step_by(size).map(piece).collect()
}

fn epoch_is(part: &Part, epoch: u16) -> bool {
    part.layout.epoch == epoch
}

fn cut_evenly(cases: &mut Vec<Case>, name: &str) {
    let profile = &profile(name);
    let sizes: &[usize] = if name.starts_with("psk") { &[1, 2, 3, 5, 7, 11, 12, 18] } else { &[1, 2, 12, 33, 64] };
    for &size in sizes {
        for overlap in [0, 1, 4] {
            for epochs in [&[0_u16][..], &[1], &[0, 1]] {
                for (word, delivery) in [("together", Delivery::Together), ("before lookup", Delivery::BeforeLookup)] {
                    let cut_all = move |part: &Part| match epochs.contains(&part.layout.epoch) {
                        true => cut(part, size, overlap),
                        false => vec![part.clone()],
                    };
                    let what = format!("{name} in pieces of {size}+{overlap} in epochs {epochs:?} {word}");
                    let case = |order: &str| Case::new(format!("{what} {order}"), profile).delivery(delivery);
                    cases.push(
                        case("in order").parts(move |_, parts| *parts = parts.iter().flat_map(cut_all).collect()),
                    );
                    if delivery == Delivery::BeforeLookup && size > 3 {
                        continue;
                    }
                    cases.push(case("reversed").parts(move |_, parts| {
                        *parts = parts.iter().flat_map(|part| cut_all(part).into_iter().rev()).collect();
                    }));
                    cases.push(case("doubled").parts(move |_, parts| {
                        *parts = parts.iter().flat_map(cut_all).flat_map(|part| [part.clone(), part]).collect();
                    }));
                    cases.push(case("in one record").parts(move |_, parts| {
                        *parts = parts
                            .iter()
                            .map(|part| {
                                let joined: Vec<u8> = cut_all(part).into_iter().flat_map(|part| part.payload).collect();
                                with(part, joined)
                            })
                            .collect();
                    }));
                }
            }
        }
    }
    for first in 0..3 {
        once_and_always(cases, &format!("{name} without piece {first}"), |name| {
            Case::new(name, profile).parts(move |_, parts| {
                *parts = parts
                    .iter()
                    .flat_map(|part| {
                        let mut pieces = cut(part, 5, 0);
                        if epoch_is(part, 0) && pieces.len() > first {
                            pieces.remove(first);
                        }
                        pieces
                    })
                    .collect();
            })
        });
    }
}

/// What the header of the second of two pieces says instead, by the place of the byte.
fn contradicting(cases: &mut Vec<Case>, name: &str) {
    let profile = &profile(name);
    for epoch in [0, 1] {
        for (what, position) in [
            ("type", 0),
            ("length", 3),
            ("length in its high byte", 1),
            ("number", 5),
            ("offset", 8),
            ("offset in its high byte", 6),
            ("fragment length", 11),
            ("fragment length in its high byte", 9),
            ("content", 12),
        ] {
            for by in [1_u8, 0xff, 0x80] {
                for piece in [0, 1] {
                    once_and_always(
                        cases,
                        &format!("{name} piece {piece} in epoch {epoch} with {what} +{by}"),
                        |name| {
                            Case::new(name, profile).parts(move |_, parts| {
                                *parts = parts
                                    .iter()
                                    .flat_map(|part| {
                                        let mut pieces =
                                            if epoch_is(part, epoch) { cut(part, 7, 0) } else { vec![part.clone()] };
                                        if let Some(piece) = pieces.get_mut(piece)
                                            && epoch_is(part, epoch)
                                            && piece.layout.content_type == HANDSHAKE
                                        {
                                            piece.payload[position] = piece.payload[position].wrapping_add(by);
                                        }
                                        pieces
                                    })
                                    .collect();
                            })
                        },
                    );
                }
            }
        }
        strange_pieces(cases, name, epoch);
    }
}

/// A piece besides, before and after the whole message.
fn strange_pieces(cases: &mut Vec<Case>, name: &str, epoch: u16) {
    let profile = &profile(name);
    type Piece = fn(u8, u16, &[u8]) -> Vec<u8>;
    let pieces: [(&str, Piece); 9] = [
        ("nothing at 0", |kind, number, body| raw_fragment(kind, body.len(), number, 0, &[])),
        ("nothing in the middle", |kind, number, body| raw_fragment(kind, body.len(), number, body.len() / 2, &[])),
        ("nothing at the end", |kind, number, body| raw_fragment(kind, body.len(), number, body.len(), &[])),
        ("nothing beyond the end", |kind, number, body| raw_fragment(kind, body.len(), number, body.len() + 1, &[])),
        ("other content at 0", |kind, number, body| raw_fragment(kind, body.len(), number, 0, &[0xee; 4])),
        ("other content at 4", |kind, number, body| raw_fragment(kind, body.len(), number, 4, &[0xee; 4])),
        ("a longer message", |kind, number, body| raw_fragment(kind, body.len() + 9, number, 0, body)),
        ("a huge message", |kind, number, _| raw_fragment(kind, 0xff_ffff, number, 0, &[0; 20])),
        ("an empty message", |kind, number, _| raw_fragment(kind, 0, number, 0, &[])),
    ];
    for (what, piece) in pieces {
        for is_before in [true, false] {
            let word = if is_before { "before" } else { "behind" };
            once_and_always(cases, &format!("{name} {what} {word} each message in epoch {epoch}"), |name| {
                Case::new(name, profile).parts(move |_, parts| {
                    *parts = parts
                        .iter()
                        .flat_map(|part| match message_of(part).filter(|_| epoch_is(part, epoch)) {
                            None => vec![part.clone()],
                            Some((kind, number, body)) => {
                                let strange = with(part, piece(kind, number, body));
                                if is_before { vec![strange, part.clone()] } else { vec![part.clone(), strange] }
                            }
                        })
                        .collect();
                })
            });
        }
    }
}

/// Pieces of any size at any place in any order until all is covered; seldom one that contradicts.
fn at_random(cases: &mut Vec<Case>, name: &str, seed: u64) {
    let case = Case::new(format!("{name} pieces by chance {seed}"), &profile(name)).once(!seed.is_multiple_of(4));
    let deliveries = [Delivery::Together, Delivery::Each, Delivery::BeforeLookup];
    cases.push(case.delivery(deliveries[seed as usize % 3]).parts(move |_, parts| {
        let mut random = SplitMix(seed);
        let mut below = |limit: usize| (random.next() % limit as u64) as usize;
        let mut pieces = Vec::new();
        for part in parts.iter() {
            let Some((kind, number, body)) = message_of(part).filter(|(_, _, body)| !body.is_empty()) else {
                pieces.push(part.clone());
                continue;
            };
            let mut is_covered = vec![false; body.len()];
            while is_covered.contains(&false) {
                let offset = below(body.len());
                let end = body.len().min(offset + 1 + below(1 + body.len() / 2));
                is_covered[offset..end].fill(true);
                pieces.push(with(part, raw_fragment(kind, body.len(), number, offset, &body[offset..end])));
            }
        }
        // Neighbours change places, across messages and epochs.
        for _ in 0..seed % 7 {
            let place = below(pieces.len());
            let other = (place + below(3)).min(pieces.len() - 1);
            pieces.swap(place, other);
        }
        *parts = pieces;
    }));
}
