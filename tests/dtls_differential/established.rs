//! An association that stands: replays, forgeries, old records, alerts, handshakes and whatever else may arrive there.

use crate::case::{Case, Part, thin_out};
use crate::client::Conversation;
use crate::comparison::hold;
use crate::differences::ESTABLISHED;
use crate::puppet::message::{Message, raw_fragment};
use crate::puppet::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, VERSION_1_2};
use crate::puppet::{ConnectionId, Layout, Profile, Puppet};
use crate::world::{IDENTITY, KEY, profile};

#[test]
fn established() {
    let mut cases = Vec::new();
    for name in ["psk-ccm8", "psk-gcm", "psk-512"] {
        replays(&mut cases, name);
        data(&mut cases, name);
        in_one_datagram(&mut cases, name);
    }
    for name in ["psk-ccm8", "psk-gcm"] {
        forgeries(&mut cases, name);
    }
    for name in ["psk-ccm8", "raw"] {
        alerts(&mut cases, name);
        handshakes(&mut cases, name);
    }
    thin_out(&mut cases, 5);
    rivals(&mut cases);
    // The other side of the coin: nobody who has no key gets here.
    cases.push(Case::new("nobody", &Profile::psk(IDENTITY, b"another key")));
    hold("established", &cases, &ESTABLISHED);
}

struct Scripts<'a> {
    cases: &'a mut Vec<Case>,
    name: &'a str,
}

impl Scripts<'_> {
    fn add(&mut self, what: impl std::fmt::Display, script: impl Fn(&mut Conversation<'_>) + 'static) {
        self.cases.push(Case::new(format!("{} {what}", self.name), &profile(self.name)).after(script));
    }

    fn part(&mut self, what: impl std::fmt::Display, part: Part) {
        self.add(what, move |conversation| conversation.give_part(&part));
    }
}

fn numbered(number: u64, data: &[u8]) -> Part {
    let mut part = Part::new(APPLICATION_DATA, 1, data);
    part.layout.number = Some(number);
    part
}

fn replays(cases: &mut Vec<Case>, name: &str) {
    let mut scripts = Scripts { cases, name };
    scripts.add("says it twice in the same record", |conversation| {
        let record = conversation.puppet.seal(b"one");
        conversation.give(&record);
        conversation.give(&record);
        conversation.give(&[&record[..], &record].concat());
    });
    for back in [0, 1, 2, 30, 31, 32, 33, 62, 63, 64, 65, 66, 99] {
        scripts.add(format!("says a record {back} behind, and again"), move |conversation| {
            conversation.puppet.set_next_record_number(1, 101);
            conversation.give_part(&numbered(100, b"newest"));
            conversation.give_part(&numbered(100 - back, b"older"));
            conversation.give_part(&numbered(100 - back, b"again"));
        });
    }
    for ahead in [1_u64, 63, 64, 65, 128, 1 << 16, 1 << 31, 1 << 32, (1 << 48) - 20] {
        scripts.add(format!("says a record {ahead} ahead, and what was before"), move |conversation| {
            let next = conversation.puppet.next_record_number(1);
            conversation.give_part(&numbered(next + ahead, b"ahead"));
            conversation.give_part(&numbered(next, b"before"));
            conversation.give_part(&numbered(next + ahead - 1, b"behind"));
            conversation.puppet.set_next_record_number(1, next + ahead + 1);
        });
    }
    scripts.add("uses up all record numbers", |conversation| {
        conversation.give_part(&numbered((1 << 48) - 1, b"the last"));
        conversation.give_part(&numbered((1 << 48) - 1, b"again"));
        conversation.give_part(&numbered(3, b"around"));
    });
    scripts.add("says a forged record ahead, and then its own", |conversation| {
        let mut record = conversation.puppet.record_with(&numbered(1 << 40, b"forged").layout, b"forged");
        let last = record.len() - 1;
        record[last] ^= 1;
        conversation.give(&record);
    });
}

fn forgeries(cases: &mut Vec<Case>, name: &str) {
    let mut scripts = Scripts { cases, name };
    // Header 13, nonce 8, content 6, tag 8 or 16.
    for position in 0..13 + 8 + 6 + 16 {
        for mask in [0x01, 0x80, 0xff] {
            scripts.add(format!("forges byte {position}^{mask:02x}"), move |conversation| {
                let mut record = conversation.puppet.seal(b"forged");
                let length = record.len();
                record[position % length] ^= mask;
                conversation.give(&record);
            });
        }
        scripts.add(format!("cuts {position} bytes"), move |conversation| {
            let record = conversation.puppet.seal(b"cut");
            conversation.give(&record[..record.len().saturating_sub(position)]);
        });
        scripts.add(format!("cuts {position} bytes and says so"), move |conversation| {
            let mut record = conversation.puppet.seal(b"cut");
            record.truncate(13.max(record.len().saturating_sub(position)));
            record[12] = (record.len() - 13) as u8;
            conversation.give(&record);
        });
    }
    for tail in [1, 8, 16, 300] {
        scripts.add(format!("appends {tail} bytes"), move |conversation| {
            let record = conversation.puppet.seal(b"tail");
            conversation.give(&[record, vec![0; tail]].concat());
        });
    }
    let layouts: Vec<(String, Layout)> = [0_u16, 2, 3, 0xffff]
        .into_iter()
        .map(|epoch| {
            let layout =
                Layout { epoch, number: Some(50), is_encrypted: Some(true), ..Layout::new(APPLICATION_DATA, 1) };
            (format!("seals in epoch {epoch}"), layout)
        })
        .chain([[0xfe, 0xff], [0xfe, 0xfc], [0xfe, 0], [3, 3]].into_iter().map(|version| {
            (format!("seals in version {version:02x?}"), Layout { version, ..Layout::new(APPLICATION_DATA, 1) })
        }))
        .chain(
            [0, 19, 20, 24, 25, 26, 99, 255]
                .into_iter()
                .map(|kind| (format!("seals type {kind}"), Layout::new(kind, 1))),
        )
        .collect();
    for (what, layout) in layouts {
        scripts.part(what, Part { layout, payload: b"hello".to_vec() });
    }
    let mut other_nonce = Part::new(APPLICATION_DATA, 1, b"nonce");
    other_nonce.layout.explicit_nonce = Some([3; 8]);
    scripts.part("seals with another nonce", other_nonce);
    let mut with_id = Part::new(APPLICATION_DATA, 1, b"id");
    with_id.layout.connection_id = ConnectionId::This(vec![0; 8]);
    scripts.part("seals with a connection id", with_id);
    for epoch in [0, 1] {
        let mut clear = Part::new(APPLICATION_DATA, epoch, b"clear");
        clear.layout.is_encrypted = Some(false);
        scripts.part(format!("says data in the clear in epoch {epoch}"), clear);
    }
}

fn data(cases: &mut Vec<Case>, name: &str) {
    let mut scripts = Scripts { cases, name };
    for length in [0, 1, 2, 511, 512, 513, 1_024, 4_096, 16_383, 16_384, 16_385, 16_400, 17_000] {
        scripts.part(format!("says {length} bytes"), Part::new(APPLICATION_DATA, 1, vec![7; length]));
    }
    scripts.add("says nothing forty times", |conversation| {
        (0..40).for_each(|_| conversation.give_part(&Part::new(APPLICATION_DATA, 1, [])));
    });
    scripts.add("says nothing forty times in a datagram", |conversation| {
        let records: Vec<u8> = (0..40).flat_map(|_| conversation.puppet.seal(b"")).collect();
        conversation.give(&records);
    });
}

fn alerts(cases: &mut Vec<Case>, name: &str) {
    let mut scripts = Scripts { cases, name };
    for level in [0, 1, 2, 3] {
        for description in [0, 10, 20, 40, 41, 90, 100, 112, 255] {
            for (word, epoch) in [("in the clear", 0), ("protected", 1)] {
                let part = Part::new(ALERT, epoch, [level, description]);
                scripts.part(format!("alert {level}/{description} {word}"), part);
            }
        }
    }
    for payload in
        [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[1, 0, 1, 0], &[2, 40, 2, 40], &[1, 90, 2, 40], &[1, 90, 1, 0]]
    {
        for (word, epoch) in [("in the clear", 0), ("protected", 1)] {
            scripts.part(format!("alert of {payload:?} {word}"), Part::new(ALERT, epoch, payload));
        }
    }
    scripts.add("warns ten times", |conversation| {
        (0..10).for_each(|_| conversation.give_part(&Part::new(ALERT, 1, [1, 90])));
    });
    scripts.add("says goodbye and then more", |conversation| {
        let close = conversation.puppet.close_notify();
        conversation.give(&close);
        let more = conversation.puppet.seal(b"more");
        conversation.give(&more);
    });
}

fn handshakes(cases: &mut Vec<Case>, name: &str) {
    let mut scripts = Scripts { cases, name };
    for epoch in [0, 1] {
        for (what, payload) in [("1", &[1][..]), ("0", &[0]), ("nothing", &[]), ("two", &[1, 1])] {
            scripts.part(
                format!("ChangeCipherSpec of {what} in epoch {epoch}"),
                Part::new(CHANGE_CIPHER_SPEC, epoch, payload),
            );
        }
        for kind in [0, 2, 3, 11, 14, 15, 16, 20, 24, 255] {
            for number in [0, 2, 3, 4, 6, 7] {
                for body in [&[][..], &[7; 12], &[1; 60]] {
                    let part = Part::new(HANDSHAKE, epoch, Message::new(kind, body).numbered(number).whole());
                    scripts.part(format!("message {kind} number {number} of {} in epoch {epoch}", body.len()), part);
                }
            }
        }
        for length in [0, 1, 5, 11, 12, 13, 40] {
            scripts.part(
                format!("handshake record of {length} zeros in epoch {epoch}"),
                Part::new(HANDSHAKE, epoch, vec![0; length]),
            );
            scripts.part(
                format!("handshake record of {length} 20s in epoch {epoch}"),
                Part::new(HANDSHAKE, epoch, vec![20; length]),
            );
        }
        for number in [0, 1, 2, 4, 6, 7, 9] {
            scripts.add(format!("ClientHello number {number} in epoch {epoch}"), move |conversation| {
                let hello = conversation.puppet.client_hello_with(&[]).numbered(number).whole();
                conversation.give_part(&Part::new(HANDSHAKE, epoch, hello));
            });
            scripts.add(format!("ClientHello number {number} with its cookie in epoch {epoch}"), move |conversation| {
                let hello = conversation.puppet.client_hello().numbered(number).whole();
                conversation.give_part(&Part::new(HANDSHAKE, epoch, hello));
            });
        }
        let piece = raw_fragment(1, 100, 4, 0, &[0xfe; 30]);
        scripts.part(format!("a piece of a ClientHello in epoch {epoch}"), Part::new(HANDSHAKE, epoch, piece));
        let huge = raw_fragment(1, 0xff_ffff, 4, 0, &[0xfe; 30]);
        scripts.part(format!("a piece of a huge ClientHello in epoch {epoch}"), Part::new(HANDSHAKE, epoch, huge));
    }
    scripts.add("ClientHello five times in epoch 1", |conversation| {
        for number in 4..9 {
            let hello = conversation.puppet.client_hello_with(&[]).numbered(number).whole();
            conversation.give_part(&Part::new(HANDSHAKE, 1, hello));
        }
    });
    scripts.add("repeats its last flight", |conversation| {
        let datagram = conversation.last_flight();
        conversation.give(&datagram);
    });
    scripts.add("repeats its last flight three times", |conversation| {
        for _ in 0..3 {
            let datagram = conversation.last_flight();
            conversation.give(&datagram);
        }
    });
    scripts.add("repeats the bytes of its last flight", |conversation| {
        let datagram = conversation.last_flight();
        conversation.give(&datagram);
        conversation.give(&datagram);
    });
}

fn in_one_datagram(cases: &mut Vec<Case>, name: &str) {
    let mut scripts = Scripts { cases, name };
    let data = |word: &'static [u8]| Part::new(APPLICATION_DATA, 1, word);
    let garbage = || {
        let layout = Layout { is_encrypted: Some(false), number: Some(60), ..Layout::new(APPLICATION_DATA, 1) };
        Part { layout, payload: vec![0xaa; 40] }
    };
    let short = || Part { payload: vec![0xaa; 3], ..garbage() };
    let tls = || Part { layout: Layout { version: [3, 3], ..garbage().layout }, ..garbage() };
    let clear_alert = || Part::new(ALERT, 0, [2, 40]);
    let close = || Part::new(ALERT, 1, [1, 0]);
    let many = |count: usize| (0..count).map(|_| data(b"many")).collect::<Vec<_>>();
    let lists: Vec<(&str, Vec<Part>)> = vec![
        ("two records", vec![data(b"one"), data(b"two")]),
        ("forty records", many(40)),
        ("garbage and a record", vec![garbage(), data(b"one")]),
        ("a record, garbage, a record", vec![data(b"one"), garbage(), data(b"two")]),
        ("a short record and a record", vec![short(), data(b"one")]),
        ("a record of TLS and a record", vec![tls(), data(b"one")]),
        ("an alert in the clear and a record", vec![clear_alert(), data(b"one")]),
        ("a record and an alert in the clear", vec![data(b"one"), clear_alert()]),
        ("a record, goodbye, a record", vec![data(b"one"), close(), data(b"two")]),
        ("goodbye twice", vec![close(), close()]),
        ("a warning and a record", vec![Part::new(ALERT, 1, [1, 90]), data(b"one")]),
        ("a handshake record and a record", vec![Part::new(HANDSHAKE, 1, [0; 12]), data(b"one")]),
        ("nothing and a record", vec![data(b""), data(b"one")]),
    ];
    for (what, parts) in lists {
        scripts.add(format!("in one datagram {what}"), move |conversation| {
            let datagram: Vec<u8> =
                parts.iter().flat_map(|part| conversation.puppet.record_with(&part.layout, &part.payload)).collect();
            conversation.give(&datagram);
        });
    }
    assert_eq!(Layout::new(ALERT, 0).version, VERSION_1_2);
}

/// Another client, or the same one anew, at the same address.
fn rivals(cases: &mut Vec<Case>) {
    for (what, key, steps) in [
        ("with the key, all the way", KEY, 9),
        ("without the key", b"another key.....", 9),
        ("with the key, to the ServerHello", KEY, 2),
        ("with the key, to the cookie", KEY, 1),
    ] {
        let mut scripts = Scripts { cases, name: "psk-ccm8" };
        scripts.add(format!("rival {what}"), move |conversation| {
            let mut rival = Puppet::new(Profile { suites: vec![0xc0a8], ..Profile::psk(IDENTITY, key) }, 0xfeed);
            let mut datagrams = rival.start();
            for _ in 0..steps {
                let answers: Vec<Vec<u8>> =
                    datagrams.iter().flat_map(|datagram| conversation.world.give(datagram)).collect();
                datagrams = answers.iter().flat_map(|answer| rival.handle_datagram(answer)).collect();
            }
        });
    }
}
