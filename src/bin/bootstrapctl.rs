//! `bootstrapctl`: the operator's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    bootstrapd::cli::run(std::env::args_os())
}
