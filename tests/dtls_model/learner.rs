//! Runs learner.py and answers what it asks.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::input::Input;
use crate::system::System;

/// Learns `system` and returns the machine in the form that learner.py says. `proper` is a handshake and a word on it.
pub fn learn(system: &mut System, proper: &[&str]) -> Vec<String> {
    let mut learner = start();
    let mut questions = BufReader::new(learner.stdout.take().expect("a pipe"));
    let mut answers = learner.stdin.take().expect("a pipe");
    let inputs: Vec<&str> = Input::all().iter().map(|input| input.name).collect();
    let mut answer = |line: &str| answers.write_all(format!("{line}\n").as_bytes()).expect("the learner listens");
    answer(&format!("inputs {}", inputs.join(" ")));
    answer(&format!("proper {}", proper.join(" ")));
    let mut machine = Vec::new();
    let mut line = String::new();
    loop {
        line.clear();
        let length = questions.read_line(&mut line).expect("text");
        match line.trim_end() {
            _ if length == 0 => panic!("the learner broke down: {:?}", learner.wait()),
            "end" => break,
            "reset" => {
                system.reset();
                answer("ok");
            }
            word => match Input::named(word) {
                Some(input) => answer(&system.step(input)),
                None => machine.push(word.to_owned()),
            },
        }
    }
    assert!(learner.wait().expect("it ends").success());
    machine
}

/// That it cannot be run says nothing good about the server, so it fails the test.
fn start() -> Child {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/foreign/venv/bin/python");
    Command::new(&python)
        .arg(root.join("tests/dtls_model/learner.py"))
        .args(std::env::var("DTLS_MODEL_OPTIONS").unwrap_or_default().split_whitespace())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // Else the order of what is in a set differs from run to run.
        .env("PYTHONHASHSEED", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{} cannot be run: {error}; tests/foreign/install makes it", python.display()))
}
