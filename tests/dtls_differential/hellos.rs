//! ClientHellos: every byte of them, their extensions, suites and versions, and how they are sent.

use crate::case::{Case, Delivery, once_and_always, thin_out};
use crate::comparison::hold;
use crate::differences::{CLIENT_HELLOS, EXTENSIONS};
use crate::puppet::Profile;
use crate::puppet::wire::{numbers, vector};
use crate::world::{profile, profiles};

/// What a byte is changed by.
const MASKS: [u8; 4] = [0x01, 0x10, 0x80, 0xff];

#[test]
fn client_hellos() {
    let mut cases = Vec::new();
    good_ones(&mut cases);
    for name in ["psk-ccm8", "psk-bare", "raw", "x509-512"] {
        flipped(&mut cases, name);
    }
    offers(&mut cases);
    for name in ["psk-ccm8", "psk-bare", "x509"] {
        on_their_way(&mut cases, name);
    }
    thin_out(&mut cases, 3);
    hold("ClientHellos", &cases, &CLIENT_HELLOS);
}

#[test]
fn extensions() {
    let mut cases = Vec::new();
    for name in ["psk-ccm8", "raw", "x509"] {
        lists_of_extensions(&mut cases, name);
        contents_of_extensions(&mut cases, name);
    }
    thin_out(&mut cases, 2);
    hold("extensions", &cases, &EXTENSIONS);
}

fn good_ones(cases: &mut Vec<Case>) {
    for (name, profile) in profiles() {
        for (word, delivery) in
            [("together", Delivery::Together), ("apart", Delivery::Each), ("before lookup", Delivery::BeforeLookup)]
        {
            cases.push(Case::new(format!("good {name} {word}"), profile).delivery(delivery));
        }
    }
}

/// Every byte of the body, in both ClientHellos, and the client stands by it; then on the way of the second, headers
/// included.
fn flipped(cases: &mut Vec<Case>, name: &str) {
    let profile = profile(name);
    let length = body_of(&profile).len();
    for mask in MASKS {
        for position in 0..length {
            let case = Case::new(format!("{name} says byte {position}^{mask:02x}"), &profile);
            cases.push(case.hello(move |body| body[position] ^= mask));
        }
        // 13 and 12 of headers, 16 of a cookie.
        for position in 0..length + 13 + 12 + 16 {
            once_and_always(cases, &format!("{name} wire byte {position}^{mask:02x}"), |name| {
                Case::new(name, &profile).hello_records(move |records| records[0][position] ^= mask)
            });
        }
    }
}

fn body_of(profile: &Profile) -> Vec<u8> {
    crate::puppet::Puppet::new(profile.clone(), 0).client_hello_with(&[]).body
}

/// Suites, compression methods, session ids and versions, which the client stands by.
fn offers(cases: &mut Vec<Case>) {
    let psk = profile("psk-ccm8");
    let x509 = profile("x509");
    let lists: [&[u16]; 19] = [
        &[0xc0a8],
        &[0xc0a4, 0xc0a8],
        &[0x00a8, 0xc0a4],
        &[0x0a0a, 0xc0a8],
        &[0xc0a8, 0x5a5a],
        &[0xc0a8, 0xc0a8],
        &[0x00ff, 0xc0a8],
        &[0xc0a8, 0x00ff],
        &[0x5600, 0xc0a8],
        &[0x0000, 0xc0a8],
        &[0x1301, 0xc0a8],
        &[0x0a0a],
        &[0x00ff],
        &[0x00ae],
        &[0xc023],
        &[0xc0ae, 0xc0ac, 0xc02b],
        &[0xc0ac, 0xc0ae],
        &[0xc02b, 0x00a8],
        &[0xffff, 0xc0ac, 0x0001],
    ];
    for (name, profile) in [("psk-ccm8", &psk), ("x509", &x509)] {
        for suites in lists {
            let profile = Profile { suites: suites.to_vec(), ..profile.clone() };
            cases.push(Case::new(format!("{name} offers {suites:04x?}"), &profile));
            let profile = Profile { renegotiation_info: false, ..profile };
            cases.push(Case::new(format!("{name} offers {suites:04x?} without renegotiation_info"), &profile));
        }
        let many: Vec<u16> = (0x4000..0x4000 + 400).chain(profile.suites.iter().copied()).collect();
        cases.push(Case::new(format!("{name} offers 400 suites"), &Profile { suites: many, ..profile.clone() }));
        for length in [1, 8, 31, 32, 33, 255] {
            let profile = Profile { session_id: vec![7; length], ..profile.clone() };
            cases.push(Case::new(format!("{name} resumes a session of {length} bytes"), &profile));
        }
        let methods: [&[u8]; 8] =
            [&[0], &[0, 1], &[1, 0], &[1, 64, 0], &[0, 0], &[1], &[], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0]];
        for methods in methods {
            let case = Case::new(format!("{name} compresses by {methods:?}"), profile);
            cases.push(case.hello(move |body| {
                let position = after_suites(body);
                body.splice(position..position + 2, vector(1, methods));
            }));
        }
        for version in [[0xfe, 0xff], [0xfe, 0xfe], [0xfe, 0xfc], [0xfe, 0xfb], [0xfe, 0], [3, 3], [3, 4], [0, 0]] {
            let case = Case::new(format!("{name} says version {version:02x?}"), profile);
            cases.push(case.hello(move |body| body[..2].copy_from_slice(&version)));
        }
        for tail in [&[0][..], &[0, 0], &[0, 1], &[0, 0, 0, 0]] {
            let case = Case::new(format!("{name} says more, {tail:?}"), profile);
            cases.push(case.hello(move |body| body.extend_from_slice(tail)));
        }
    }
}

/// The end of the suites in a body without cookie and session id.
fn after_suites(body: &[u8]) -> usize {
    let suites = 34 + 1 + 1;
    suites + 2 + usize::from(u16::from_be_bytes([body[suites], body[suites + 1]]))
}

type Extensions = Vec<(u16, Vec<u8>)>;

fn extensions_of(body: &[u8]) -> (usize, Extensions) {
    let start = after_suites(body) + 2;
    let mut rest = body.get(start + 2..).unwrap_or_default();
    let mut list = Vec::new();
    while let [k0, k1, l0, l1, after @ ..] = rest {
        let (content, next) = after.split_at(usize::from(u16::from_be_bytes([*l0, *l1])));
        list.push((u16::from_be_bytes([*k0, *k1]), content.to_vec()));
        rest = next;
    }
    (start, list)
}

/// A case in which the list of extensions is another one.
fn with_extensions(name: String, profile: &Profile, edit: impl Fn(&mut Extensions) + 'static) -> Case {
    Case::new(name, profile).hello(move |body| {
        let (start, mut list) = extensions_of(body);
        edit(&mut list);
        let bytes: Vec<u8> = list
            .iter()
            .flat_map(|(kind, content)| [kind.to_be_bytes().to_vec(), vector(2, content)].concat())
            .collect();
        body.truncate(start);
        body.extend_from_slice(&vector(2, &bytes));
    })
}

fn lists_of_extensions(cases: &mut Vec<Case>, name: &str) {
    let profile = &profile(name);
    let (_, list) = extensions_of(&body_of(profile));
    for (index, (kind, _)) in list.iter().enumerate() {
        cases.push(with_extensions(format!("{name} lacks extension {kind}"), profile, move |list| {
            list.remove(index);
        }));
        cases.push(with_extensions(format!("{name} has extension {kind} twice"), profile, move |list| {
            list.push(list[index].clone());
        }));
        cases.push(with_extensions(
            format!("{name} has extension {kind} twice, the second empty"),
            profile,
            move |list| {
                let kind = list[index].0;
                list.push((kind, Vec::new()));
            },
        ));
        cases.push(with_extensions(format!("{name} has extension {kind} first"), profile, move |list| {
            let first = list.remove(index);
            list.insert(0, first);
        }));
    }
    cases.push(with_extensions(format!("{name} has its extensions reversed"), profile, |list| list.reverse()));
    cases.push(with_extensions(format!("{name} has an empty list"), profile, Vec::clear));
    for kind in [0x0a0a_u16, 0x7a7a, 0xfafa, 0xffff, 3, 99, 60_000] {
        for length in [0_usize, 1, 300] {
            cases.push(with_extensions(format!("{name} has unknown {kind} of {length}"), profile, move |list| {
                list.insert(0, (kind, vec![1; length]));
            }));
        }
        cases.push(with_extensions(format!("{name} has unknown {kind} twice"), profile, move |list| {
            list.extend([(kind, vec![]), (kind, vec![])]);
        }));
    }
    cases.push(with_extensions(format!("{name} has 100 unknown"), profile, |list| {
        list.extend((0..100).map(|kind| (0x4000 + kind, vec![0; 2])));
    }));
}

/// Extensions that either engine may know, and numbers around them.
const KINDS: [u16; 26] =
    [0, 1, 2, 4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 35, 43, 45, 51, 54, 0xff01];

/// Every one of [`KINDS`] with contents that suit some and not others.
fn contents_of_extensions(cases: &mut Vec<Case>, name: &str) {
    let profile = &profile(name);
    let contents: Vec<Vec<u8>> = vec![
        vec![],
        vec![0],
        vec![1],
        vec![4],
        vec![5],
        vec![0, 0],
        vec![1, 0],
        vec![1, 1],
        vec![1, 2],
        vec![2, 0, 2],
        vec![2, 2, 0],
        vec![2, 1, 2],
        vec![3, 0, 0],
        vec![0, 1],
        vec![0, 2, 0, 23],
        vec![0, 2, 0, 24],
        vec![0, 2, 0, 29],
        vec![0, 4, 0, 29, 0, 23],
        vec![0, 4, 0x0a, 0x0a, 0, 23],
        vec![0, 3, 0, 23, 0],
        vec![0, 2, 4, 3],
        vec![0, 2, 5, 3],
        vec![0, 2, 2, 3],
        vec![0, 4, 4, 1, 4, 3],
        vec![0, 2, 0, 23, 9],
        vec![0, 5, 4, b'c', b'o', b'a', b'p'],
        vec![0, 7, 0, 0, 4, b'h', b'o', b's', b't'],
        vec![0, 7, 0, 0, 4, b'h', 0, b's', b't'],
        vec![0, 3, 0, 0, 0],
        vec![1, 0, 0, 0, 0],
        vec![2, 0xfe, 0xfd],
        vec![0xff; 40],
        vec![0; 300],
    ];
    for kind in KINDS {
        for (number, content) in contents.iter().enumerate() {
            let content = content.clone();
            let shown: String = content.iter().take(9).map(|byte| format!("{byte:02x}")).collect();
            let name = format!("{name} with {kind} holding #{number} {shown}");
            cases.push(with_extensions(name, profile, move |list| {
                match list.iter_mut().find(|(there, _)| *there == kind) {
                    Some(found) => found.1.clone_from(&content),
                    None => list.push((kind, content.clone())),
                }
            }));
        }
    }
}

/// The second ClientHello on its way: doubled, cut, in fragments, in other records.
fn on_their_way(cases: &mut Vec<Case>, name: &str) {
    let profile = &profile(name);
    let mut add = |what: String, edit: fn(usize, &mut Vec<Vec<u8>>), value: usize| {
        once_and_always(cases, &format!("{name} hello {what}"), |name| {
            Case::new(name, profile).hello_records(move |records| edit(value, records))
        });
    };
    add("lost".to_owned(), |_, records| records.clear(), 0);
    add("doubled".to_owned(), |_, records| records.push(records[0].clone()), 0);
    add("tenfold".to_owned(), |_, records| *records = vec![records[0].clone(); 10], 0);
    add("twice in a datagram".to_owned(), |_, records| records[0] = records[0].repeat(2), 0);
    for cut in [1, 2, 10, 30] {
        add(format!("cut by {cut}"), |cut, records| records[0] = records[0][..records[0].len() - cut].to_vec(), cut);
    }
    for tail in [1, 12, 13, 40] {
        add(format!("with {tail} zeros behind"), |tail, records| records[0].extend(vec![0; tail]), tail);
    }
    for epoch in [1, 2, 255] {
        add(format!("in epoch {epoch}"), |epoch, records| records[0][4] = epoch as u8, epoch);
    }
    for content_type in [0, 20, 21, 23, 24, 25, 26, 255] {
        add(format!("as type {content_type}"), |kind, records| records[0][0] = kind as u8, content_type);
    }
    for number in [0, 2, 3, 255] {
        add(format!("with message number {number}"), |number, records| records[0][18] = number as u8, number);
    }
    for number in [0, 200, 255] {
        add(format!("with record number {number}"), |number, records| records[0][10] = number as u8, number);
    }
    for message_type in [0, 2, 3, 11, 16, 20, 254] {
        add(format!("as message {message_type}"), |kind, records| records[0][13] = kind as u8, message_type);
    }
    for minor in [0, 0xfc, 0xfe, 0xff] {
        add(format!("in version fe{minor:02x}"), |minor, records| records[0][2] = minor as u8, minor);
    }
    add("in two fragments".to_owned(), fragment_in_two, 20);
    add("in two fragments, shortly".to_owned(), fragment_in_two, 1);
}

/// The record of a whole message as two records with a part of it each.
fn fragment_in_two(first: usize, records: &mut Vec<Vec<u8>>) {
    let record = records.remove(0);
    let (header, body) = (&record[13..25], &record[25..]);
    for (offset, part) in [(0, &body[..first]), (first, &body[first..])] {
        let mut message = header.to_vec();
        message[6..9].copy_from_slice(&three(offset));
        message[9..12].copy_from_slice(&three(part.len()));
        message.extend_from_slice(part);
        let mut bytes = record[..11].to_vec();
        bytes[10] += u8::from(offset > 0);
        bytes.extend_from_slice(&numbers(&[message.len() as u16]));
        bytes.extend_from_slice(&message);
        records.push(bytes);
    }
}

fn three(value: usize) -> [u8; 3] {
    [(value >> 16) as u8, (value >> 8) as u8, value as u8]
}
