//! A Mealy machine in its written form, what it allows, and how two of them differ.
//!
//! The form that is kept: comments after `#`; a line `state NUMBER: SHORTEST WORD` for each state, numbered in
//! breadth-first order; then a line `INPUT -> OUTPUT, STATE` for each transition. An input that is not listed is met
//! with silence and changes nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

use crate::input::Input;
use crate::system::SILENCE;

/// See the module.
#[derive(Debug, Default)]
pub struct Machine {
    /// For each state, by input: output and next state.
    states: Vec<BTreeMap<String, (String, usize)>>,
}

/// What a path has brought about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Progress {
    /// Whether the server has given a cookie.
    has_cookie: bool,
    /// The right messages since the handshake began; none, where none runs.
    said: Option<BTreeSet<String>>,
    is_established: bool,
}

impl Machine {
    /// What learner.py says.
    pub fn learned(lines: &[String]) -> Machine {
        let mut machine = Machine::default();
        for line in lines.iter().filter(|line| !line.starts_with("states ")) {
            let (from, transition) = line.split_once(' ').expect("a transition");
            machine.insert(from.parse().expect("a state"), transition);
        }
        machine
    }

    fn insert(&mut self, from: usize, transition: &str) {
        let (input, effect) = transition.split_once(" -> ").expect("an input and its effect");
        let (output, to) = effect.rsplit_once(", ").expect("an output and a state");
        if self.states.len() <= from {
            self.states.resize_with(from + 1, BTreeMap::new);
        }
        self.states[from].insert(input.to_owned(), (output.to_owned(), to.parse().expect("a state")));
    }

    /// The form that is kept.
    pub fn write(&self) -> String {
        let mut text = String::new();
        for (number, word) in self.shortest_words().iter().enumerate() {
            writeln!(text, "\nstate {number}: {}", if word.is_empty() { "the beginning" } else { word }).expect("text");
            for input in Input::all() {
                let (output, to) = &self.states[number][input.name];
                if (output.as_str(), *to) != (SILENCE, number) {
                    writeln!(text, "{} -> {output}, {to}", input.name).expect("text");
                }
            }
        }
        text
    }

    fn shortest_words(&self) -> Vec<String> {
        let mut words: Vec<Option<String>> = vec![None; self.states.len()];
        words[0] = Some(String::new());
        let mut waiting = VecDeque::from([0]);
        while let Some(state) = waiting.pop_front() {
            for input in Input::all() {
                let to = self.states[state][input.name].1;
                if words[to].is_none() {
                    let before = words[state].clone().expect("it was reached");
                    words[to] = Some(format!("{before} {}", input.name).trim_start().to_owned());
                    waiting.push_back(to);
                }
            }
        }
        words.into_iter().map(|word| word.expect("every state is reached")).collect()
    }

    /// Where application data is delivered, or a handshake is taken for proven, and not all of `required` were said right
    /// since it began, after the cookie: the shortest words that lead there.
    ///
    /// In which order they were said is free, because the network may change it and DTLS puts it right (RFC 6347, section
    /// 4.2.2); what the server lacks it cannot have, so the order of what it does with them is none the less that of RFC
    /// 5246, section 7.3.
    pub fn shortcuts(&self, required: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::from([(0, Progress::default())]);
        let mut waiting = VecDeque::from([(0, Progress::default(), String::new())]);
        while let Some((state, progress, word)) = waiting.pop_front() {
            for (input, (output, to)) in &self.states[state] {
                let word = format!("{word} {input}");
                let (next, is_proper) = progress.after(input, output, required);
                if !is_proper {
                    found.push(format!("{}: {output}", word.trim_start()));
                } else if seen.insert((*to, next.clone())) {
                    waiting.push_back((*to, next, word));
                }
            }
        }
        found
    }

    /// Whether application data is delivered anywhere at all.
    pub fn delivers(&self) -> bool {
        self.states.iter().flat_map(BTreeMap::values).any(|(output, _)| output.contains("Delivered"))
    }
}

impl Progress {
    /// What follows from an input and what it brought about; and whether that was proper.
    fn after(&self, input: &str, output: &str, required: &[&str]) -> (Progress, bool) {
        let mut next = self.clone();
        let words: Vec<&str> = output.split(',').collect();
        next.has_cookie |= words.contains(&"HelloVerifyRequest");
        if words.contains(&"ServerHello") {
            next.said = next.has_cookie.then(BTreeSet::new);
        }
        if let Some(said) = &mut next.said
            && required.contains(&input)
        {
            said.insert(input.to_owned());
        }
        let mut is_proper = true;
        for word in words {
            if word == "Established" {
                is_proper &= required.iter().all(|input| next.said.as_ref().is_some_and(|said| said.contains(*input)));
                next.is_established = true;
            }
            if word.starts_with("Delivered") {
                is_proper &= next.is_established;
            }
            if word.starts_with("Closed") {
                next = Progress { has_cookie: next.has_cookie, ..Progress::default() };
            }
        }
        // A handshake that nobody was told of may end without a word.
        if input == "Timeout" {
            next = Progress::default();
        }
        (next, is_proper)
    }
}

/// Most lines of a difference that are shown: where one state is new, the numbers of all after it change.
const SHOWN: usize = 60;

/// The lines of `kept` and of `now` that differ, with the state that they belong to; comments do not count. None, where
/// both are the same.
pub fn difference(kept: &str, now: &str) -> Option<String> {
    let lines = |text: &str| -> Vec<(String, String)> {
        let mut state = String::new();
        let mut lines = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with("state ") {
                state = line.to_owned();
            }
            lines.push((state.clone(), line.to_owned()));
        }
        lines
    };
    let (kept, now) = (lines(kept), lines(now));
    let mut text = String::new();
    for (sign, these, others) in [('-', &kept, &now), ('+', &now, &kept)] {
        let mut shown = "";
        for (state, line) in these.iter().filter(|line| !others.contains(line)).take(SHOWN) {
            if state != shown && state != line {
                writeln!(text, "  {state}").expect("text");
            }
            shown = state;
            writeln!(text, "{sign} {line}").expect("text");
        }
    }
    (!text.is_empty()).then_some(text)
}
