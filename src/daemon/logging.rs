//! Where log lines go: to the journal with fields where systemd runs us, else to standard error, one line each.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging. `directives` is a level such as `info` or a filter such as `info,bootstrapd::driver=debug`.
///
/// # Errors
/// A sentence, if `directives` cannot be read.
pub fn start_logging(directives: &str) -> Result<(), String> {
    if let Some(word) = misspelled_level(directives) {
        return Err(format!("`{word}` is no log level: error, warn, info, debug and trace are"));
    }
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| format!("`{directives}` is not a log level or filter such as `info` or `debug`: {error}"))?;
    let registry = tracing_subscriber::registry().with(filter);
    let journal = std::env::var("JOURNAL_STREAM").is_ok_and(|stream| stderr().is_ok_and(|stderr| stderr.is(&stream)));
    // A second start in one process (tests) keeps the first subscriber.
    let _ = match journal.then(tracing_journald::layer) {
        Some(Ok(journal)) => registry.with(journal).try_init(),
        Some(Err(_)) | None => registry.with(lines()).try_init(),
    };
    Ok(())
}

/// A word that stands for nothing. A filter takes it for the name of a crate, and nothing at all would be logged.
fn misspelled_level(directives: &str) -> Option<&str> {
    directives.split(',').map(str::trim).find(|word| {
        let bare = !word.is_empty() && word.chars().all(char::is_alphanumeric);
        bare && word.parse::<LevelFilter>().is_err() && *word != env!("CARGO_PKG_NAME")
    })
}

/// What tells one open file from another.
struct FileNumbers {
    device: u64,
    inode: u64,
}

fn stderr() -> io::Result<FileNumbers> {
    let metadata = File::from(io::stderr().as_fd().try_clone_to_owned()?).metadata()?;
    Ok(FileNumbers { device: metadata.dev(), inode: metadata.ino() })
}

impl FileNumbers {
    /// Whether `JOURNAL_STREAM` means this file (systemd.exec(5)). The variable alone says little: whatever is started
    /// from a desktop inherits it, and there standard error is a terminal.
    fn is(&self, journal_stream: &str) -> bool {
        journal_stream == format!("{}:{}", self.device, self.inode)
    }
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

#[cfg(test)]
mod tests {
    use super::{FileNumbers, misspelled_level, stderr};

    #[test]
    fn the_journal_is_used_only_where_standard_error_leads_there() {
        let stderr = stderr().unwrap();
        assert!(stderr.is(&format!("{}:{}", stderr.device, stderr.inode)));
        for other in ["", "8", "8:1", &format!("{}:{}", stderr.device, stderr.inode + 1)] {
            assert!(!stderr.is(other), "{other}");
        }
        assert!(FileNumbers { device: 8, inode: 1 }.is("8:1"));
    }

    #[test]
    fn a_misspelled_level_is_noticed_and_filters_are_left_alone() {
        for fine in
            ["info", "DEBUG", "off", "0", "warn,bootstrapd::driver=debug", "bootstrapd", "hyper=info, trace", ""]
        {
            assert_eq!(misspelled_level(fine), None, "{fine}");
        }
        assert_eq!(misspelled_level("inof"), Some("inof"));
        assert_eq!(misspelled_level("hyper=info, verbose"), Some("verbose"));
    }
}
