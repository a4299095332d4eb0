//! The load generator against a small server of the tests' own.

use std::ops::ControlFlow;

use super::{LoadConfiguration, LoadError, run};
use crate::simulator::shell::scripted_server::{Script, ScriptedServer};
use crate::simulator::shell::{CipherSuite, Target};
use crate::simulator::{ClientConfiguration, StaleAccount};

fn configuration(server: &ScriptedServer, count: u64) -> LoadConfiguration {
    let stale_account = Some(StaleAccount::default());
    LoadConfiguration {
        target: server.target(),
        psk: None,
        certificates: Vec::new(),
        suites: CipherSuite::ALL.to_vec(),
        client: ClientConfiguration { stale_account, ..ClientConfiguration::new("meter-{n}") },
        count,
        concurrency: 4,
        rate: None,
        server_pid: Some(std::process::id()),
        close_associations: false,
    }
}

#[test]
fn every_client_is_counted_and_the_server_is_measured() {
    let server = ScriptedServer::start(Script::Bootstrap);
    let mut told = Vec::new();
    let report = run(configuration(&server, 40), &mut |progress| {
        told.push(progress);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((report.requested, report.completed, report.failed), (40, 40, 0));
    assert_eq!(report.traffic.exchanges, 40 * 7);
    assert_eq!(told.last().map(|progress| progress.completed), Some(40));
    let latency = report.latency.unwrap();
    assert!(0.0 < latency.p50_ms && latency.p50_ms <= latency.p99_ms && latency.p99_ms <= latency.max_ms);
    let usage = report.server.unwrap();
    assert!(usage.cpu_us_per_bootstrap.unwrap() > 0.0 && usage.rss_before_kib > 0);
    let mut endpoints = server.endpoints();
    endpoints.sort_by_key(|endpoint| endpoint.len());
    assert_eq!((endpoints.len(), endpoints[0].as_str()), (40, "ep=meter-1"));
    assert!(endpoints.contains(&"ep=meter-40".to_owned()));
    assert!(serde_json::to_value(&report).unwrap()["latency"]["p999_ms"].is_number());
}

#[test]
fn failures_are_counted_by_cause() {
    let server = ScriptedServer::start(Script::Refuse);
    let report = run(configuration(&server, 5), &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((report.completed, report.failed, report.latency), (0, 5, None));
    assert_eq!(report.failures["refused"].count, 5);
    assert!(report.failures["refused"].first.contains("4.00"));
}

#[test]
fn a_rate_spreads_the_starts() {
    let server = ScriptedServer::start(Script::Bootstrap);
    let spread = LoadConfiguration { rate: Some(100.0), ..configuration(&server, 11) };
    let report = run(spread, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(report.elapsed_s >= 0.1, "{}", report.elapsed_s);
    assert_eq!(report.completed, 11);
}

#[test]
fn a_run_can_be_broken_off() {
    let server = ScriptedServer::start(Script::Silence);
    let report = run(configuration(&server, 5), &mut |_| ControlFlow::Break(())).unwrap();
    assert_eq!((report.completed, report.failed), (0, 0));
}

#[test]
fn senseless_numbers_and_missing_processes_are_refused() {
    let server = ScriptedServer::start(Script::Silence);
    let good = configuration(&server, 5);
    let secure = Target { secure: true, ..good.target.clone() };
    for bad in [
        LoadConfiguration { count: 0, ..good.clone() },
        LoadConfiguration { concurrency: 0, ..good.clone() },
        LoadConfiguration { rate: Some(0.0), ..good.clone() },
        LoadConfiguration { rate: Some(f64::NAN), ..good.clone() },
        LoadConfiguration { target: secure, ..good.clone() },
        LoadConfiguration { target: Target { tcp: true, ..good.target.clone() }, ..good.clone() },
        LoadConfiguration { server_pid: Some(u32::MAX), ..good },
    ] {
        let error = run(bad, &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert!(!matches!(error, LoadError::Broken(_) | LoadError::Sockets { .. }), "{error}");
    }
}
