//! The command line of `bootstrapd`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::{check, life, logging};
use crate::demo;

/// Exit code for what the operator can mend: a file with mistakes, a port that is taken.
const FAILURE: u8 = 1;

/// LwM2M Bootstrap-Server: tells devices which servers they belong to.
#[derive(Debug, Parser)]
#[command(name = "bootstrapd", version)]
pub struct Arguments {
    /// The config file.
    #[arg(short, long, value_name = "FILE", default_value = "/etc/bootstrapd/bootstrapd.toml")]
    config: PathBuf,
    /// What is logged: error, warn, info, debug, trace, or a filter such as `info,bootstrapd::driver=debug`.
    #[arg(long, value_name = "LEVEL", env = "BOOTSTRAPD_LOG", default_value = "info", global = true)]
    log: String,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reads a config file, names every mistake in it, and starts nothing.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Serves an embedded config from a scratch directory and bootstraps a made device, to show how it looks.
    Demo(demo::Arguments),
}

impl Arguments {
    /// Does what the command line says. Returns when the process is to end.
    pub fn run(self) -> ExitCode {
        let outcome = match self.command {
            Some(Command::Check { file }) => check::check(&file),
            Some(Command::Demo(arguments)) => logging::start_logging(&self.log).and_then(|()| arguments.run()),
            None => logging::start_logging(&self.log).and_then(|()| serve(&self.config)),
        };
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(sentence) => {
                let _ = writeln!(anstream::stderr(), "{sentence}");
                ExitCode::from(FAILURE)
            }
        }
    }
}

fn serve(file: &Path) -> Result<(), String> {
    let config = check::load(file).map_err(|diagnostics| format!("{diagnostics}\nbootstrapd was not started."))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("The runtime cannot be started: {error}."))?;
    runtime.block_on(async {
        let running = life::start(config, Some(file.to_owned()))
            .await
            .map_err(|error| format!("bootstrapd was not started: {error}"))?;
        running.until_stopped().await;
        Ok(())
    })
}
