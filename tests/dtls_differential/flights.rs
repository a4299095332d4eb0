//! The second flight on its way: every byte, every order, every epoch, every type, and what strangers add.

use crate::case::{Case, Delivery, Part, once_and_always, thin_out};
use crate::comparison::hold;
use crate::differences::{FLIPPED_RECORDS, SECOND_FLIGHTS};
use crate::puppet::Layout;
use crate::puppet::message::Message;
use crate::puppet::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE};
use crate::world::profile;

/// Names of the records of a second flight that is not cut.
fn records_of(name: &str) -> &'static [&'static str] {
    if name.starts_with("psk") {
        &["exchange", "change", "finished"]
    } else {
        &["certificate", "exchange", "verify", "change", "finished"]
    }
}

#[test]
fn flipped_records() {
    let mut cases = Vec::new();
    let masks = [0x01, 0x80];
    for (name, masks) in [("psk-ccm8", &masks[..]), ("psk-gcm", &masks[..1]), ("raw", &masks), ("x509", &masks[..1])] {
        for (index, label) in records_of(name).iter().enumerate() {
            for mask in masks {
                flipped(&mut cases, name, index, label, *mask);
            }
        }
    }
    thin_out(&mut cases, 5);
    hold("flipped records", &cases, &FLIPPED_RECORDS);
}

fn flipped(cases: &mut Vec<Case>, name: &str, index: usize, label: &str, mask: u8) {
    let profile = &profile(name);
    // Of a certificate the middle says nothing new.
    let length = match label {
        "certificate" if name == "x509" => 13 + 12 + 60,
        "certificate" => 13 + 12 + 3 + 91,
        "exchange" if name.starts_with("psk") => 13 + 12 + 2 + 17,
        "exchange" => 13 + 12 + 66,
        "verify" => 13 + 12 + 4 + 70,
        "change" => 13 + 1,
        _ => 13 + 8 + 24 + 8,
    };
    for position in 0..length {
        once_and_always(cases, &format!("{name} {label} byte {position}^{mask:02x}"), |name| {
            Case::new(name, profile).records(move |records| {
                let record = &mut records[index];
                let length = record.len();
                record[position % length] ^= mask;
            })
        });
    }
}

#[test]
fn second_flights() {
    let mut cases = Vec::new();
    for name in ["psk-ccm8", "psk-plain", "raw", "x509"] {
        orders(&mut cases, name);
        lost_and_doubled(&mut cases, name);
        moved(&mut cases, name);
        numbered(&mut cases, name);
        resized(&mut cases, name);
        joined_by_strangers(&mut cases, name);
    }
    thin_out(&mut cases, 11);
    hold("second flights", &cases, &SECOND_FLIGHTS);
}

const DELIVERIES: [(&str, Delivery); 3] =
    [("together", Delivery::Together), ("apart", Delivery::Each), ("before lookup", Delivery::BeforeLookup)];

/// Every permutation, in every delivery.
fn orders(cases: &mut Vec<Case>, name: &str) {
    for order in permutations(records_of(name).len()) {
        for (word, delivery) in DELIVERIES {
            // The five records of certificates have 120 orders, each of which costs signatures.
            if order.len() > 3 && (delivery == Delivery::Each || name == "x509" && delivery == Delivery::Together) {
                continue;
            }
            let order = order.clone();
            let case = Case::new(format!("{name} in order {order:?} {word}"), &profile(name)).delivery(delivery);
            cases.push(case.records(move |records| {
                *records = order.iter().map(|index| records[*index].clone()).collect();
            }));
        }
    }
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(count - 1);
    let insert = |order: &Vec<usize>, position: usize| {
        let mut longer = order.clone();
        longer.insert(position, count - 1);
        longer
    };
    shorter.iter().flat_map(|order| (0..count).map(move |position| insert(order, position))).collect()
}

fn lost_and_doubled(cases: &mut Vec<Case>, name: &str) {
    let profile = &profile(name);
    for (index, label) in records_of(name).iter().enumerate() {
        for (word, delivery) in DELIVERIES {
            let case = |name: String| Case::new(name, profile).delivery(delivery);
            once_and_always(cases, &format!("{name} {label} lost {word}"), |name| {
                case(name).records(move |records| drop(records.remove(index)))
            });
            cases.push(case(format!("{name} {label} doubled {word}")).records(move |records| {
                records.insert(index, records[index].clone());
            }));
            cases.push(case(format!("{name} {label} again at the end {word}")).records(move |records| {
                records.push(records[index].clone());
            }));
            cases.push(case(format!("{name} {label} anew {word}")).parts(move |_, parts| {
                parts.insert(index, parts[index].clone());
            }));
            once_and_always(cases, &format!("{name} {label} alone {word}"), |name| {
                case(name).records(move |records| *records = vec![records[index].clone()])
            });
        }
    }
    for (word, delivery) in DELIVERIES {
        cases.push(Case::new(format!("{name} all doubled {word}"), profile).delivery(delivery).records(|records| {
            *records = records.iter().flat_map(|record| [record.clone(), record.clone()]).collect();
        }));
        cases.push(Case::new(format!("{name} all twice {word}"), profile).delivery(delivery).records(|records| {
            records.extend(records.clone());
        }));
    }
}

/// Other epochs, types and versions, with the protection of the new epoch and without.
fn moved(cases: &mut Vec<Case>, name: &str) {
    let profile = &profile(name);
    for (index, label) in records_of(name).iter().enumerate() {
        let mut add = |what: String, edit: Box<dyn Fn(&mut Layout)>| {
            let edit = std::rc::Rc::new(edit);
            once_and_always(cases, &format!("{name} {label} {what}"), |name| {
                let edit = edit.clone();
                Case::new(name, profile).parts(move |_, parts| edit(&mut parts[index].layout))
            });
        };
        for epoch in [0, 1, 2, 3, 0xffff] {
            for is_encrypted in [false, true] {
                let what = format!("in epoch {epoch} {}", if is_encrypted { "encrypted" } else { "in the clear" });
                add(
                    what,
                    Box::new(move |layout| {
                        (layout.epoch, layout.is_encrypted) = (epoch, Some(is_encrypted));
                        layout.number = Some(7);
                    }),
                );
            }
        }
        for content_type in [0, 19, 20, 21, 22, 23, 24, 25, 255] {
            add(format!("as type {content_type}"), Box::new(move |layout| layout.content_type = content_type));
        }
        for version in [[0xfe, 0xff], [0xfe, 0], [0xfe, 0xfc], [3, 3], [0, 0], [0xff, 0xfd]] {
            add(format!("in version {version:02x?}"), Box::new(move |layout| layout.version = version));
        }
        add("with another nonce".to_owned(), Box::new(|layout| layout.explicit_nonce = Some([9; 8])));
    }
}

/// Numbers of records and of messages.
fn numbered(cases: &mut Vec<Case>, name: &str) {
    let profile = &profile(name);
    for number in [0_u64, 1, 2, 63, 64, 65, 1 << 32, (1 << 48) - 1] {
        for (index, label) in records_of(name).iter().enumerate() {
            once_and_always(cases, &format!("{name} {label} with record number {number}"), |name| {
                Case::new(name, profile).parts(move |_, parts| parts[index].layout.number = Some(number))
            });
        }
        once_and_always(cases, &format!("{name} all with record number {number}"), |name| {
            Case::new(name, profile)
                .parts(move |_, parts| parts.iter_mut().for_each(|part| part.layout.number = Some(number)))
        });
    }
    once_and_always(cases, &format!("{name} with record numbers descending"), |name| {
        Case::new(name, profile).parts(move |_, parts| {
            parts.iter_mut().rev().zip(10..).for_each(|(part, number)| part.layout.number = Some(number));
        })
    });
    for (index, label) in records_of(name).iter().enumerate().filter(|(_, label)| **label != "change") {
        for number in [0, 1, 2, 3, 4, 5, 6, 7, 255] {
            once_and_always(cases, &format!("{name} {label} with message number {number}"), |name| {
                Case::new(name, profile).parts(move |_, parts| parts[index].payload[5] = number)
            });
        }
        for message_type in [0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20, 21, 22, 24, 255] {
            once_and_always(cases, &format!("{name} {label} as message {message_type}"), |name| {
                Case::new(name, profile).parts(move |_, parts| parts[index].payload[0] = message_type)
            });
        }
    }
}

/// Lengths that are wrong by one, in the record and in the message, with bytes to match and without.
fn resized(cases: &mut Vec<Case>, name: &str) {
    let profile = &profile(name);
    for (index, label) in records_of(name).iter().enumerate() {
        for by in [-1_i8, 1] {
            once_and_always(cases, &format!("{name} {label} record length {by:+}"), |name| {
                Case::new(name, profile)
                    .records(move |records| records[index][12] = records[index][12].wrapping_add_signed(by))
            });
            // Of a message: length, offset and length of the fragment.
            for (what, position) in [("length", 3), ("offset", 8), ("fragment length", 11)] {
                once_and_always(cases, &format!("{name} {label} message {what} {by:+}"), |name| {
                    Case::new(name, profile).parts(move |_, parts| {
                        if let Some(byte) = parts[index].payload.get_mut(position) {
                            *byte = byte.wrapping_add_signed(by);
                        }
                    })
                });
            }
            once_and_always(cases, &format!("{name} {label} all lengths of the message {by:+}"), |name| {
                Case::new(name, profile).parts(move |_, parts| {
                    let payload = &mut parts[index].payload;
                    if payload.len() > 12 {
                        payload[3] = payload[3].wrapping_add_signed(by);
                        payload[11] = payload[11].wrapping_add_signed(by);
                        payload.resize(payload.len().wrapping_add_signed(by.into()), 0);
                    }
                })
            });
        }
        for payload in [&[][..], &[0], &[1], &[1, 1], &[22], &[0; 12], &[16; 300]] {
            once_and_always(
                cases,
                &format!("{name} {label} holding {} bytes {:?}", payload.len(), payload.first()),
                |name| Case::new(name, profile).parts(move |_, parts| parts[index].payload = payload.to_vec()),
            );
        }
        once_and_always(cases, &format!("{name} {label} with a byte behind its message"), |name| {
            Case::new(name, profile).parts(move |_, parts| parts[index].payload.push(0))
        });
    }
}

/// What anybody may send besides, in front of each record and behind the last.
fn joined_by_strangers(cases: &mut Vec<Case>, name: &str) {
    let profile = &profile(name);
    let hello = Message::new(1, vec![0xfe; 40]);
    let message = |kind: u8, number: u16| Message::new(kind, [0, 1, 65]).numbered(number).whole();
    let mut strangers: Vec<(String, Part)> = vec![
        ("a ClientHello".to_owned(), Part::new(HANDSHAKE, 0, hello.numbered(2).whole())),
        ("ChangeCipherSpec".to_owned(), Part::new(CHANGE_CIPHER_SPEC, 0, [1])),
        ("ChangeCipherSpec of 0".to_owned(), Part::new(CHANGE_CIPHER_SPEC, 0, [0])),
        ("ChangeCipherSpec of two".to_owned(), Part::new(CHANGE_CIPHER_SPEC, 0, [1, 1])),
        ("data in the clear".to_owned(), Part::new(APPLICATION_DATA, 0, b"early".to_vec())),
        ("data".to_owned(), Part::new(APPLICATION_DATA, 1, b"early".to_vec())),
        ("an empty handshake record".to_owned(), Part::new(HANDSHAKE, 0, [])),
        ("an empty alert".to_owned(), Part::new(ALERT, 0, [])),
        ("half an alert".to_owned(), Part::new(ALERT, 0, [2])),
        ("an alert and a half".to_owned(), Part::new(ALERT, 0, [2, 40, 2])),
        ("garbage in epoch 1".to_owned(), unprotected(HANDSHAKE, vec![0xaa; 60])),
        ("a short record in epoch 1".to_owned(), unprotected(HANDSHAKE, vec![0xaa; 3])),
        ("an empty record in epoch 1".to_owned(), unprotected(HANDSHAKE, vec![])),
        ("garbage data in epoch 1".to_owned(), unprotected(APPLICATION_DATA, vec![0xaa; 60])),
        ("a garbage alert in epoch 1".to_owned(), unprotected(ALERT, vec![0xaa; 30])),
        (
            "garbage in epoch 2".to_owned(),
            Part { layout: Layout { epoch: 2, ..unprotected(HANDSHAKE, vec![]).layout }, payload: vec![0xaa; 60] },
        ),
    ];
    for kind in [0, 11, 15, 16, 20] {
        for number in [0, 1, 2, 3, 4, 5, 6] {
            strangers.push((format!("message {kind} number {number}"), Part::new(HANDSHAKE, 0, message(kind, number))));
        }
    }
    for (level, description) in
        [(1, 0), (2, 0), (1, 41), (1, 90), (1, 100), (1, 255), (2, 10), (2, 40), (2, 80), (3, 40), (0, 0)]
    {
        strangers.push((format!("alert {level}/{description}"), Part::new(ALERT, 0, [level, description])));
        strangers.push((format!("protected alert {level}/{description}"), Part::new(ALERT, 1, [level, description])));
    }
    let count = records_of(name).len();
    for (what, part) in &strangers {
        for position in 0..=count {
            // A sample where it costs signatures: the four places are alike but for the first and the last.
            if count > 3 && !(position == 0 || position == 1 || position == count - 1) {
                continue;
            }
            let case = |name: String| {
                let part = part.clone();
                Case::new(name, profile)
                    .delivery(Delivery::Each)
                    .parts(move |_, parts| parts.insert(position, part.clone()))
            };
            cases.push(case(format!("{name} {what} before record {position} once")).once(true));
        }
    }
}

/// A record of epoch 1 that nobody encrypted.
fn unprotected(content_type: u8, payload: Vec<u8>) -> Part {
    let mut part = Part::new(content_type, 1, payload);
    part.layout.is_encrypted = Some(false);
    part.layout.number = Some(3);
    part
}
