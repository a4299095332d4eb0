//! The command line of `bootstrapd`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::{check, life, logging, rekey, restore};
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
    /// Seals the database with another key, while the daemon does not run.
    ///
    /// Both key files are only read. Where the old key is the daemon's own (`sealing.key` in the state directory), the
    /// new one takes its place. Killed half-way, the database belongs to one of the two keys; give the command again.
    Rekey {
        /// The config file.
        file: PathBuf,
        /// File with the key that the database is sealed with; left out, it is the key that the daemon would take.
        #[arg(long, value_name = "FILE")]
        old_key: Option<PathBuf>,
        /// File with the key that it is to be sealed with: 32 bytes.
        #[arg(long, value_name = "FILE")]
        new_key: PathBuf,
    },
    /// Puts a copy that `bootstrapctl backup` made in the place of the database, while the daemon does not run.
    Restore {
        /// The config file.
        file: PathBuf,
        /// The copy, or `-` for standard input.
        backup: PathBuf,
        /// Restores even where devices have proven credentials that the copy does not have, which locks them out.
        #[arg(long)]
        force: bool,
    },
    /// Serves an embedded config from a scratch directory and bootstraps a made device, to show how it looks.
    Demo(demo::Arguments),
}

impl Arguments {
    /// Does what the command line says. Returns when the process is to end.
    pub fn run(self) -> ExitCode {
        let outcome = match self.command {
            Some(Command::Check { file }) => check::check(&file),
            Some(Command::Rekey { file, old_key, new_key }) => rekey::rekey(&file, old_key.as_deref(), &new_key),
            Some(Command::Restore { file, backup, force }) => restore::restore(&file, &backup, force),
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
