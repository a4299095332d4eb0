//! What a command said and how it ended, and the patience of a test that waits for something.

use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::PATIENCE;

/// Between two looks at something that is waited for.
pub const PAUSE: Duration = Duration::from_millis(10);

/// A command that has ended.
#[derive(Debug)]
pub struct Answer {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    said: String,
}

impl Answer {
    /// Runs `command` with `input` on its standard input; kills it and fails where it takes too long.
    pub fn of(command: Command, input: &str) -> Answer {
        let said = format!("{command:?}");
        let mut command = assert_cmd::Command::from_std(command);
        let output = command.timeout(PATIENCE).write_stdin(input).output();
        let Output { status, stdout, stderr } = output.unwrap_or_else(|error| panic!("{said}: {error}"));
        let text = |bytes| String::from_utf8(bytes).expect("commands write UTF-8");
        Answer { code: status.code(), stdout: text(stdout), stderr: text(stderr), said }
    }

    /// Itself, having ended with 0.
    #[track_caller]
    pub fn succeeded(self) -> Answer {
        self.ended_with(0)
    }

    /// Itself, having ended with `code`.
    #[track_caller]
    pub fn ended_with(self, code: i32) -> Answer {
        assert_eq!(self.code, Some(code), "{}\nstdout:\n{}\nstderr:\n{}", self.said, self.stdout, self.stderr);
        self
    }

    /// Itself, having written all of `sentences` to standard error.
    #[track_caller]
    pub fn explaining(self, sentences: &[&str]) -> Answer {
        for sentence in sentences {
            assert!(self.stderr.contains(sentence), "{sentence:?} is missing in\n{}", self.stderr);
        }
        self
    }

    /// Itself, having written all of `sentences` to standard output.
    #[track_caller]
    pub fn saying(self, sentences: &[&str]) -> Answer {
        for sentence in sentences {
            assert!(self.stdout.contains(sentence), "{sentence:?} is missing in\n{}", self.stdout);
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in\n{}", self.stdout))
    }

    /// All that it wrote.
    pub fn everything(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Looks again and again until `condition` holds; fails with what `state` says where that takes too long.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool, state: impl Fn() -> String) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}; this is how it stands:\n{}", state());
        thread::sleep(PAUSE);
    }
}
