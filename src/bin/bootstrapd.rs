//! `bootstrapd`: the daemon.

use std::process::ExitCode;

use bootstrapd::daemon::command::Arguments;
use clap::Parser;

fn main() -> ExitCode {
    Arguments::parse().run()
}
