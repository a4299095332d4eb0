//! `bootstrapctl simulate`: plays a device against any Bootstrap-Server, or many at once.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use super::key_input::read_file;
use super::report::{Report, Table};
use super::{load, numbers, runtime};
use crate::lwm2m::Version;
use crate::simulator::load::LoadConfiguration;
use crate::simulator::shell::{CipherSuite, Psk, Target, bootstrap};
use crate::simulator::{ClientConfiguration, ProvisionedView};

// Lines short enough that no terminal of 80 columns breaks them, so that they can be copied.
const EXAMPLES: &str = "\
Examples:
  bootstrapctl simulate --server coaps://127.0.0.1:5684 meter-1 \\
      --psk-file meter-1.key
  bootstrapctl simulate --server coaps://127.0.0.1:5684 'load-⟨n⟩' \\
      --psk-file load.key --count 10000 --concurrency 32";

/// Flags of `simulate`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Simulate {
    /// The Bootstrap-Server: coaps://HOST:PORT, coap://HOST:PORT or coap+tcp://HOST:PORT; left out, the port is
    /// 5684 or 5683.
    #[arg(long, value_name = "URI")]
    server: Target,
    // `⟨n⟩` is shown as `{n}`: see `NUMBER_SIGN`.
    /// Endpoint name of the device. With --count, `⟨n⟩` in it counts up from 1.
    endpoint: String,
    /// PSK identity; left out, it is the endpoint name. With --count, `⟨n⟩` in it counts up from 1.
    #[arg(long, value_name = "IDENTITY", requires = "psk_file")]
    psk_identity: Option<String>,
    /// File with the pre-shared key, as hex:..., base64:... or text:...; `-` reads it from stdin.
    #[arg(long, value_name = "FILE")]
    psk_file: Option<PathBuf>,
    /// Preferred content format as a CoAP number: 110 SenML JSON, 112 SenML CBOR, 11542 TLV, 11544 LwM2M CBOR.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pct: Option<u16>,
    /// LwM2M version that the device speaks.
    #[arg(long, value_name = "VERSION", default_value = "1.1", value_parser = version)]
    lwm2m: Version,
    /// Prints the keys that the device was given.
    #[arg(long, conflicts_with = "count")]
    reveal: bool,
    /// Seconds until the device gives up.
    #[arg(long, value_name = "SECONDS", default_value_t = 247, allow_negative_numbers = true)]
    timeout: u64,
    /// Does so many bootstraps and measures them.
    #[arg(long, value_name = "NUMBER", value_parser = numbers::positive::<u64>, allow_negative_numbers = true)]
    count: Option<u64>,
    /// How many at the same time.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, requires = "count", value_parser = numbers::positive::<usize>, allow_negative_numbers = true)]
    concurrency: usize,
    /// How many to begin per second; left out, as many as the server takes.
    #[arg(long, value_name = "NUMBER", requires = "count", value_parser = numbers::rate, allow_negative_numbers = true)]
    rate: Option<f64>,
    /// Process id of the server, to measure its CPU time and memory.
    #[arg(long, value_name = "PID", requires = "count", allow_negative_numbers = true)]
    server_pid: Option<u32>,
}

/// The versions that a simulated client can play.
fn version(text: &str) -> Result<Version, String> {
    let known = [Version::V1_0, Version::V1_1, Version::V1_2];
    known.into_iter().find(|version| version.to_string() == text).ok_or_else(|| "must be 1.0, 1.1 or 1.2".to_owned())
}

impl Simulate {
    pub(super) fn run(self) -> Result<Report, Failure> {
        self.check_key()?;
        let psk = self.psk()?;
        let mut client = ClientConfiguration::new(self.endpoint);
        client.lwm2m_version = self.lwm2m;
        client.preferred_content_format = self.pct;
        client.limit = Duration::from_secs(self.timeout);
        let suites = CipherSuite::ALL;
        let Some(count) = self.count else {
            let given = runtime()?.block_on(bootstrap(&self.server, psk.as_ref(), &suites, client))?;
            return Ok(report(&given.view(self.reveal)));
        };
        load::run(LoadConfiguration {
            target: self.server,
            psk,
            suites: suites.to_vec(),
            client,
            count,
            concurrency: self.concurrency,
            rate: self.rate,
            server_pid: self.server_pid,
            close_associations: false,
        })
    }

    fn check_key(&self) -> Result<(), Failure> {
        if self.server.tcp && self.count.is_some() {
            return Err(Failure::Usage("--count works over UDP only: give coap:// or coaps://".into()));
        }
        match (self.server.secure, &self.psk_file) {
            (true, None) => {
                Err(Failure::Usage("a coaps:// server needs --psk-file FILE; without a key, give coap://".into()))
            }
            (false, Some(_)) => {
                Err(Failure::Usage("--psk-file is of no use with coap://: leave it out, or give coaps://".into()))
            }
            _ => Ok(()),
        }
    }

    fn psk(&self) -> Result<Option<Psk>, Failure> {
        let Some(file) = &self.psk_file else { return Ok(None) };
        let identity = self.psk_identity.clone().unwrap_or_else(|| self.endpoint.clone());
        Ok(Some(Psk { identity, key: read_file(file)?.key().clone() }))
    }
}

/// What the device was given: its server accounts.
fn report(given: &ProvisionedView) -> Report {
    let table = Table::new(["ssid", "uri", "security", "identity", "lifetime", "binding"]).rows(
        given.accounts.iter().map(|account| {
            vec![
                account.short_server_id.to_string(),
                account.server_uri.clone(),
                account.security.to_owned(),
                account.identity.clone().unwrap_or_default(),
                account.lifetime.to_string(),
                account.binding.clone(),
            ]
        }),
    );
    Report::text(given.to_string().trim_end(), table, given)
}
