//! Where log lines go: to the journal with fields where systemd runs us, else to standard error, one line each.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging. `directives` is a level such as `info` or a filter such as `info,bootstrapd::driver=debug`.
///
/// # Errors
/// A sentence, if `directives` cannot be read.
pub fn start_logging(directives: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| format!("`{directives}` is not a log level or filter such as `info` or `debug`: {error}"))?;
    let registry = tracing_subscriber::registry().with(filter);
    let under_systemd = std::env::var_os("JOURNAL_STREAM").is_some();
    // A second start in one process (tests) keeps the first subscriber.
    let _ = match under_systemd.then(tracing_journald::layer) {
        Some(Ok(journal)) => registry.with(journal).try_init(),
        Some(Err(_)) | None => registry.with(lines()).try_init(),
    };
    Ok(())
}

fn lines<S>() -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'lookup> tracing_subscriber::registry::LookupSpan<'lookup>,
{
    tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
}
