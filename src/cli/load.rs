//! `bootstrapctl simulate --count`: the load generator's progress and what it found out.

use std::fmt;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::failure::Failure;
use super::human::printable;
use super::report::{Report, Table};
use super::runtime;
use crate::counted::count;
use crate::simulator::load::{self, LoadConfiguration, LoadReport, Progress, ServerUsage};

const BAR: &str = "{bar:40} {pos}/{len} {rate} {msg} {eta} left";

/// Runs the load; Ctrl-C ends it early, with a report of what was done by then. The exit code is 1 if any bootstrap
/// failed.
///
/// # Errors
/// [`Failure::Load`] where nothing could be measured.
pub fn run(configuration: LoadConfiguration) -> Result<Report, Failure> {
    if let Some(warning) = warning(&configuration) {
        // Said before the run, so that it can be broken off.
        let _ = writeln!(anstream::stderr(), "warning: {warning}");
    }
    let interrupted = watch_for_interrupt()?;
    // Drawn on stderr, and on a terminal only.
    let bar = ProgressBar::new(configuration.count);
    bar.set_style(style());
    let mut progress = |progress: Progress| {
        bar.set_position(progress.completed + progress.failed);
        if progress.failed > 0 {
            bar.set_message(format!("{} failed", count(progress.failed)));
        }
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let result = load::run(configuration, &mut progress);
    bar.finish_and_clear();
    Ok(report(&result?))
}

/// Clients of one name at the same time displace each other, as the server holds one session per device.
fn warning(configuration: &LoadConfiguration) -> Option<&'static str> {
    let numbered = |text: &str| text.contains("{n}");
    if let [_] = configuration.certificates[..] {
        let misleads = configuration.concurrency > 1 || numbered(&configuration.client.endpoint);
        return (configuration.count > 1 && misleads).then_some(
            "all clients show the same certificate, so that they are the same device, whatever they call themselves, and \
             those at the same time disturb each other: put {n} into the names of the files of certificate and key",
        );
    }
    let named = !configuration.certificates.is_empty()
        || numbered(&configuration.client.endpoint)
        || configuration.psk.as_ref().is_some_and(|psk| numbered(&psk.identity));
    (configuration.count > 1 && configuration.concurrency > 1 && !named).then_some(
        "all clients are the same device, and those at the same time disturb each other: put {n} into the endpoint name",
    )
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rate", |state: &ProgressState, output: &mut dyn fmt::Write| {
        // An error here costs the figure, not the run.
        let _ = output.write_str(&per_second(state.per_sec()));
    })
}

/// With a decimal where it says something.
fn per_second(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1}/s") } else { format!("{}/s", count(rate as u64)) }
}

/// A thread waits for Ctrl-C; it ends with the process.
fn watch_for_interrupt() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let (runtime, noted) = (runtime()?, Arc::clone(&interrupted));
    let watch = move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            noted.store(true, Ordering::Relaxed);
        }
    };
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(watch).map_err(Failure::Runtime)?;
    Ok(interrupted)
}

fn report(load: &LoadReport) -> Report {
    let mut rows = vec![
        (
            "bootstraps".to_owned(),
            format!("{} of {} in {:.2} s", count(load.completed), count(load.requested), load.elapsed_s),
        ),
        ("per second".to_owned(), format!("{:.1}", load.bootstraps_per_second)),
    ];
    if let Some(latency) = &load.latency {
        let points = [
            ("p50", latency.p50_ms),
            ("p99", latency.p99_ms),
            ("p99.9", latency.p999_ms),
            ("longest", latency.max_ms),
            ("mean", latency.mean_ms),
        ];
        rows.extend(points.map(|(name, milliseconds)| (name.to_owned(), format!("{milliseconds:.2} ms"))));
    }
    rows.push(("failed".to_owned(), count(load.failed)));
    for (cause, failure) in &load.failures {
        rows.push((
            format!("  {cause}"),
            format!("{}, the first: {}", count(failure.count), printable(&failure.first)),
        ));
    }
    if load.late_starts > 0 {
        rows.push(("late starts".to_owned(), format!("{}: too few clients for this rate", count(load.late_starts))));
    }
    let traffic = &load.traffic;
    rows.push((
        "sent again".to_owned(),
        format!("{} by the devices, {} by the server", count(traffic.retransmissions), count(traffic.duplicates)),
    ));
    if let Some(cpu) = load.generator_cpu_us_per_bootstrap {
        rows.push(("generator CPU".to_owned(), format!("{cpu:.1} µs per bootstrap")));
    }
    rows.extend(load.server.iter().flat_map(server_rows));
    let table = Table::new(["figure", "value"]).rows(rows.into_iter().map(|(name, value)| vec![name, value]));
    Report::record(table, load).with_code(u8::from(load.failed > 0 || load.completed == 0))
}

fn server_rows(server: &ServerUsage) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    if let Some(cpu) = server.cpu_us_per_bootstrap {
        rows.push(("server CPU".to_owned(), format!("{cpu:.1} µs per bootstrap")));
    }
    if let Some(rate) = server.bootstraps_per_cpu_second {
        rows.push(("per CPU-second".to_owned(), format!("{rate:.0} bootstraps")));
    }
    let mebibytes = |kibibytes: u64| kibibytes as f64 / 1024.0;
    rows.push((
        "server memory".to_owned(),
        format!(
            "{:.1} MiB before, {:.1} MiB at most, {:.1} MiB after",
            mebibytes(server.rss_before_kib),
            mebibytes(server.rss_highest_kib),
            mebibytes(server.rss_after_kib)
        ),
    ));
    rows
}

#[cfg(test)]
mod tests {
    use super::{LoadConfiguration, per_second, warning};
    use crate::secret::Secret;
    use crate::simulator::ClientConfiguration;
    use crate::simulator::shell::Psk;

    fn load(endpoint: &str, identity: Option<&str>, count: u64, concurrency: usize) -> LoadConfiguration {
        let psk = identity.map(|identity| Psk { identity: identity.to_owned(), key: Secret::new(vec![1; 16]) });
        LoadConfiguration {
            target: "coaps://127.0.0.1".parse().unwrap(),
            psk,
            certificates: Vec::new(),
            suites: Vec::new(),
            client: ClientConfiguration::new(endpoint),
            count,
            concurrency,
            rate: None,
            server_pid: None,
            close_associations: false,
        }
    }

    #[test]
    fn one_device_many_times_at_once_is_warned_of() {
        assert!(warning(&load("meter", Some("meter"), 2, 2)).unwrap().contains("{n}"));
        assert!(warning(&load("meter", None, 2, 2)).is_some());
        for sensible in [
            load("meter-{n}", None, 2, 2),
            load("meter", Some("id-{n}"), 2, 2),
            load("meter", None, 1, 2),
            load("meter", None, 2, 1),
        ] {
            assert_eq!(warning(&sensible), None, "{sensible:?}");
        }
    }

    #[test]
    fn a_rate_has_sane_decimals() {
        for (rate, text) in [(0.0, "0.0/s"), (12.3456, "12.3/s"), (123.9, "123/s"), (12345.6789, "12,345/s")] {
            assert_eq!(per_second(rate), text);
        }
    }
}
