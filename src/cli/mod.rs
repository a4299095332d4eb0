//! `bootstrapctl`: the operator's command line.
//!
//! | Module | What it is for |
//! |---|---|
//! | `definitions` | `list show add set delete` of every kind of definition |
//! | `server`, `profile`, `device` | the flags of each kind, and its columns |
//! | `device_table`, `fleet` | many at once: devices as CSV, a fleet as TOML files |
//! | `issued` | credentials, blocking and unknown clients: the further verbs of devices |
//! | `model` | kinds of client, and what is known of clients, in words |
//! | `session`, `status`, `explain`, `simulate` | the commands that only look or try |
//! | `backup` | a copy of the live database, into a file |
//! | `report`, `human`, `failure` | what a command says: table, JSON or CSV; exit codes |
//! | `key_input`, `resources`, `numbers`, `confirm` | keys come from files; values by resource id; which numbers are taken; deleting asks |
//! | `wording` | the daemon's sentences in the flags of the command line |
//!
//! One struct per subcommand becomes a `Report`. JSON is what the API answers. Nothing here exits the
//! process: [`run`] returns the exit code.

mod backup;
mod confirm;
mod definitions;
mod device;
mod device_table;
mod explain;
mod failure;
mod fleet;
mod human;
mod issued;
mod key_input;
mod load;
mod model;
mod numbers;
mod profile;
mod report;
mod resources;
mod server;
mod session;
mod simulate;
mod status;
mod wording;

use std::ffi::OsString;
use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::definitions::Verb;
use self::failure::Failure;
use self::report::{Format, Report};
use crate::admin::client::{Client, ClientError};

const DEFAULT_SOCKET: &str = "/run/bootstrapd/admin.sock";

/// Heading of what every command understands.
const GENERAL: &str = "General options";

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 conflict, 5 daemon unreachable or access denied.

Keys are never given as arguments. A key file holds one key as hex:..., base64:... or text:...";

/// Talks to a bootstrapd, and plays a device that bootstraps.
#[derive(Debug, Parser)]
#[command(name = "bootstrapctl", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
struct Arguments {
    /// Where the daemon's admin socket is.
    #[arg(long, global = true, help_heading = GENERAL, value_name = "PATH", env = "BOOTSTRAPD_SOCKET", default_value = DEFAULT_SOCKET)]
    socket: PathBuf,
    /// How to print the answer; JSON is what the API says.
    #[arg(long, global = true, help_heading = GENERAL, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(subcommand)]
    noun: Noun,
}

#[derive(Debug, Subcommand)]
enum Noun {
    /// Server accounts: what is written into a client so that it can reach a server.
    #[command(subcommand)]
    Server(Verb<server::ServerFields>),
    /// Profiles: lists of server accounts, and how they are written.
    #[command(subcommand)]
    Profile(Verb<profile::ProfileFields>),
    /// Devices: endpoint names, their bootstrap credentials and profiles.
    #[command(subcommand)]
    Device(device::DeviceVerb),
    /// Models: kinds of client, and what is known of each.
    #[command(subcommand)]
    Model(model::Verb),
    /// Sessions: the bootstraps that the daemon remembers, step by step.
    #[command(subcommand)]
    Session(session::Verb),
    /// How the daemon is doing, and why it is degraded if it is.
    Status(status::Status),
    /// Has the daemon read its file again; a broken file leaves the old one in force.
    Reload(status::Reload),
    /// Who changed what: the last lines of the audit trail.
    Audit(status::Audit),
    /// Makes the database say what the TOML files of a directory say, in one transaction.
    Apply(fleet::Apply),
    /// Prints what the database defines as TOML, or writes it into a directory; what `apply` reads.
    Export(fleet::Export),
    /// Writes a copy of the live database, without its sealing key, into a file.
    Backup(backup::Backup),
    /// What a device would receive, operation by operation, and what is wrong with it; sends nothing.
    Explain(explain::Explain),
    /// Plays a device against any Bootstrap-Server, or many devices at once.
    Simulate(Box<simulate::Simulate>),
}

/// What a command has at hand.
struct Context {
    client: Client,
}

impl Context {
    /// Waits for what the daemon is asked.
    fn wait<T>(&self, question: impl Future<Output = Result<T, ClientError>>) -> Result<T, Failure> {
        Ok(runtime()?.block_on(question)?)
    }
}

/// One thread is enough to ask and wait.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)
}

/// Does what the command line says, prints what came of it and returns the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            return say(&error);
        }
    };
    let format = arguments.format;
    match arguments.noun.run(&Context { client: Client::new(&arguments.socket) }) {
        Ok(report) => report.print(format),
        Err(failure) => failure.print(),
    }
}

/// What stands for `{n}` in help texts: clap makes a line end of `{n}`. As wide, so that lines break alike.
const NUMBER_SIGN: &str = "⟨n⟩";

/// Help and version go to stdout with 0, mistakes to stderr with 2.
fn say(error: &clap::Error) -> ExitCode {
    let text = words_of(error);
    let code = u8::try_from(error.exit_code()).unwrap_or(failure::USAGE);
    if error.use_stderr() {
        // Where stderr is gone, the exit code is all that can be said.
        let _ = anstream::stderr().write_all(text.as_bytes());
        return ExitCode::from(code);
    }
    match report::put(&text, &mut anstream::stdout()) {
        Ok(()) => ExitCode::from(code),
        Err(failure) => failure.print(),
    }
}

/// What clap has to say, with its colours.
fn words_of(error: &clap::Error) -> String {
    error.render().ansi().to_string().replace(NUMBER_SIGN, "{n}")
}

impl Noun {
    fn run(self, context: &Context) -> Result<Report, Failure> {
        match self {
            Noun::Server(verb) => verb.run(context),
            Noun::Profile(verb) => verb.run(context),
            Noun::Device(verb) => verb.run(context),
            Noun::Model(verb) => verb.run(context),
            Noun::Session(verb) => verb.run(context),
            Noun::Status(status) => status.run(context),
            Noun::Reload(reload) => reload.run(context),
            Noun::Audit(audit) => audit.run(context),
            Noun::Apply(apply) => apply.run(context),
            Noun::Export(export) => export.run(context),
            Noun::Backup(backup) => backup.run(context),
            Noun::Explain(explain) => explain.run(context),
            Noun::Simulate(simulate) => simulate.run(),
        }
    }
}

#[cfg(test)]
mod tests;
