//! `bootstrapctl simulate`: plays a device against any Bootstrap-Server, or many at once.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;

use super::failure::Failure;
use super::key_input::{read_bytes, read_file};
use super::report::{Report, Table};
use super::{load, numbers, runtime};
use crate::lwm2m::{ContentFormat, Version};
use crate::secret::Secret;
use crate::simulator::load::LoadConfiguration;
use crate::simulator::shell::{CipherSuite, ClientCertificate, Psk, Target, bootstrap, bootstrap_with_certificate};
use crate::simulator::{self, ClientConfiguration, Like, PackRequest, ProvisionedView};

// Lines short enough that no terminal of 80 columns breaks them, so that they can be copied.
const EXAMPLES: &str = "\
Examples:
  bootstrapctl simulate --server coaps://127.0.0.1:5684 meter-1 \\
      --psk-file meter-1.key
  bootstrapctl simulate --server coaps://127.0.0.1:5684 'load-⟨n⟩' \\
      --psk-file load.key --count 10000 --concurrency 32
  bootstrapctl simulate --server coaps://127.0.0.1:5684 'load-⟨n⟩' \\
      --certificate 'load-⟨n⟩.pem' --key 'load-⟨n⟩.key' --count 100
  bootstrapctl simulate --server coap://127.0.0.1:5683 meter-1 \\
      --like zephyr --block-size 64";

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
    /// File with the device's certificate, and those that lead to its authority: PEM, or one in DER. With --count, `⟨n⟩`
    /// in the name counts up from 1; without it, all devices show the same certificate.
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "psk_file")]
    certificate: Option<PathBuf>,
    /// File with the certificate's private key: PEM or DER. With --count, `⟨n⟩` in the name counts up from 1.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// File with the authorities that may certify the server, whose certificate has to name the host in --server; left
    /// out, any server is believed.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    trust: Option<PathBuf>,
    /// Preferred content format as a CoAP number: 110 SenML JSON, 112 SenML CBOR, 11542 TLV, 11544 LwM2M CBOR.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pct: Option<u16>,
    /// LwM2M version that the device speaks; left out, that of the client named by --like, 1.2 with --pack, else 1.1.
    #[arg(long, value_name = "VERSION", value_parser = version)]
    lwm2m: Option<Version>,
    /// Behaves like this client, with its habits and its limits: anjay, anjay-lite, wakaama, zephyr or leshan.
    #[arg(long, value_name = "NAME")]
    like: Option<Like>,
    /// Largest block in bytes that the device takes and sends: 16, 32, 64, 128, 256, 512 or 1024.
    #[arg(long, value_name = "BYTES", value_parser = block_size, allow_negative_numbers = true)]
    block_size: Option<BlockSize>,
    /// Asks for a Bootstrap-Pack first, as clients of LwM2M 1.2 may, and for a bootstrap where there is none.
    #[arg(long)]
    pack: bool,
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

/// Size exponent of a block (RFC 7959 section 2.2).
#[derive(Clone, Copy, Debug)]
struct BlockSize(u8);

fn block_size(text: &str) -> Result<BlockSize, String> {
    let exponents = (0..=6).find(|exponent| (16_u16 << exponent).to_string() == text);
    exponents.map(BlockSize).ok_or_else(|| "must be 16, 32, 64, 128, 256, 512 or 1024".to_owned())
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
        let client = self.client()?;
        let certificates = self.certificates()?;
        let suites = CipherSuite::ALL;
        let Some(count) = self.count else {
            let given = match certificates.first() {
                Some(certificate) => {
                    runtime()?.block_on(bootstrap_with_certificate(&self.server, certificate, client))?
                }
                None => runtime()?.block_on(bootstrap(&self.server, psk.as_ref(), &suites, client))?,
            };
            return Ok(report(&given.view(self.reveal)));
        };
        load::run(LoadConfiguration {
            target: self.server,
            psk,
            certificates,
            suites: suites.to_vec(),
            client,
            count,
            concurrency: self.concurrency,
            rate: self.rate,
            server_pid: self.server_pid,
            close_associations: false,
        })
    }

    /// What the device is like.
    fn client(&self) -> Result<ClientConfiguration, Failure> {
        let usual = match (self.like, self.pack) {
            (Some(like), _) => like.versions()[0],
            (None, true) => Version::V1_2,
            (None, false) => Version::V1_1,
        };
        let version = self.lwm2m.unwrap_or(usual);
        let mut client = match self.like {
            Some(like) if !like.versions().contains(&version) => {
                let versions: Vec<String> = like.versions().iter().map(Version::to_string).collect();
                let versions = versions.join(" or ");
                return Err(Failure::Usage(format!("{like} does not speak LwM2M {version}: give --lwm2m {versions}")));
            }
            Some(like) => like.configuration(&self.endpoint, version),
            None => ClientConfiguration { lwm2m_version: version, ..ClientConfiguration::new(&self.endpoint) },
        };
        if let Some(like) = self.like.filter(|like| self.pack && !like.versions().contains(&Version::V1_2)) {
            return Err(Failure::Usage(format!("{like} asks for no packs: leave --pack out")));
        }
        if self.pack && version < Version::V1_2 {
            return Err(Failure::Usage("--pack is of LwM2M 1.2: leave it out, or give --lwm2m 1.2".into()));
        }
        if self.pack && client.pack.is_none() {
            let accept = self.pct.and_then(ContentFormat::from_number).unwrap_or(ContentFormat::SenmlCbor);
            client.pack = Some(PackRequest { accept, names_own_instances: true });
        }
        if let Some(BlockSize(exponent)) = self.block_size {
            client.behaviour.blocks.largest = exponent;
            client.behaviour.blocks.takes_long_payloads = false;
        }
        client.preferred_content_format = self.pct.or(client.preferred_content_format);
        client.limit = Duration::from_secs(self.timeout);
        client.clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Ok(client)
    }

    fn check_key(&self) -> Result<(), Failure> {
        if self.server.tcp && self.count.is_some() {
            return Err(Failure::Usage("--count works over UDP only: give coap:// or coaps://".into()));
        }
        match (self.server.secure, &self.psk_file) {
            // Before it asks for a key.
            (true, _) if !cfg!(feature = "openssl") => Err(simulator::Failure::NoDtlsClient.into()),
            (true, None) if self.certificate.is_some() => Ok(()),
            (true, None) => Err(Failure::Usage(
                "a coaps:// server needs --psk-file FILE, or --certificate FILE and --key FILE; without a key, give coap://"
                    .into(),
            )),
            (false, Some(_)) => {
                Err(Failure::Usage("--psk-file is of no use with coap://: leave it out, or give coaps://".into()))
            }
            _ => Ok(()),
        }
    }

    /// The certificate that all devices show, or one for each where the names of the files are numbered; none where they
    /// show none.
    fn certificates(&self) -> Result<Vec<ClientCertificate>, Failure> {
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else { return Ok(Vec::new()) };
        let trust = self.trust.as_deref().map(|path| read_bytes("authorities", path)).transpose()?;
        let is_numbered = [certificate, key].into_iter().any(|path| path.to_string_lossy().contains("{n}"));
        let devices = self.count.filter(|_| is_numbered);
        let read = |number| {
            let file = |path: &Path| devices.map_or_else(|| path.to_owned(), |_| numbered(path, number));
            let (certificate, key) = (read_bytes("certificate", &file(certificate))?, read_bytes("key", &file(key))?);
            let key = Secret::from(key.as_slice());
            Ok(ClientCertificate::read(&certificate, &key, trust.as_ref().map(|bytes| bytes.as_slice()))?)
        };
        (1..=devices.unwrap_or(1)).map(read).collect()
    }

    fn psk(&self) -> Result<Option<Psk>, Failure> {
        let Some(file) = &self.psk_file else { return Ok(None) };
        let identity = self.psk_identity.clone().unwrap_or_else(|| self.endpoint.clone());
        Ok(Some(Psk { identity, key: read_file(file)?.key().clone() }))
    }
}

/// The path with a number in place of each `{n}`; one that is not UTF-8 holds none.
fn numbered(path: &Path, number: u64) -> PathBuf {
    path.to_str().map_or_else(|| path.to_owned(), |text| text.replace("{n}", &number.to_string()).into())
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Failure, Simulate};
    use crate::lwm2m::{ContentFormat, Version};
    use crate::simulator::{ClientConfiguration, Like};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        simulate: Simulate,
    }

    fn client(flags: &str) -> Result<ClientConfiguration, Failure> {
        let line = format!("simulate --server coap://localhost meter-1 {flags}");
        Line::try_parse_from(line.split_whitespace()).expect("flags that can be read").simulate.client()
    }

    #[test]
    fn the_version_follows_the_client_and_the_pack() {
        for (flags, version, pct) in [
            ("", Version::V1_1, None),
            ("--pack", Version::V1_2, None),
            ("--like anjay", Version::V1_2, Some(112)),
            ("--like anjay --lwm2m 1.0", Version::V1_0, None),
            ("--like zephyr", Version::V1_1, Some(112)),
            ("--like zephyr --pct 110", Version::V1_1, Some(110)),
            ("--lwm2m 1.0", Version::V1_0, None),
        ] {
            let client = client(flags).unwrap();
            assert_eq!((client.lwm2m_version, client.preferred_content_format), (version, pct), "{flags}");
        }
        assert_eq!(client("--like wakaama").unwrap().behaviour, Like::Wakaama.behaviour());
        assert!(client("").unwrap().clock > 1_700_000_000, "the clock is that of today");
    }

    #[test]
    fn a_pack_is_asked_for_in_the_format_of_pct_and_with_acc() {
        assert_eq!(client("").unwrap().pack, None);
        let pack = client("--pack --pct 11544").unwrap().pack.unwrap();
        assert_eq!((pack.accept, pack.names_own_instances), (ContentFormat::Lwm2mCbor, true));
        // Anjay asks by itself, and says nothing of its own account.
        let pack = client("--like anjay --pack").unwrap().pack.unwrap();
        assert_eq!((pack.accept, pack.names_own_instances), (ContentFormat::SenmlCbor, false));
    }

    #[test]
    fn what_no_such_client_does_is_refused_with_a_remedy() {
        for (flags, words) in [
            ("--like zephyr --lwm2m 1.2", "zephyr does not speak LwM2M 1.2: give --lwm2m 1.1 or 1.0"),
            ("--like wakaama --pack", "wakaama asks for no packs: leave --pack out"),
            ("--lwm2m 1.1 --pack", "--pack is of LwM2M 1.2: leave it out, or give --lwm2m 1.2"),
        ] {
            match client(flags) {
                Err(Failure::Usage(said)) => assert_eq!(said, words, "{flags}"),
                _ => panic!("{flags} was not refused"),
            }
        }
    }

    #[test]
    fn a_file_that_is_missing_is_called_what_it_should_hold() {
        let scratch = tempfile::tempdir().unwrap();
        let path = |name: &str| scratch.path().join(name).display().to_string();
        for name in ["1.pem", "2.pem", "1.key"] {
            std::fs::write(path(name), "nothing yet").unwrap();
        }
        let said = |certificate: &str, key: &str, trust: &str| {
            let line = ["simulate", "--server", "coaps://localhost", "load-{n}", "--count", "2", "--certificate"];
            let files = [&path(certificate), "--key", &path(key), "--trust", &path(trust)];
            let line = line.iter().copied().chain(files);
            Line::try_parse_from(line).unwrap().simulate.certificates().unwrap_err().to_string()
        };
        for (said, content, missing) in [
            (said("none-{n}.pem", "1.key", "1.pem"), "certificate", "none-1.pem"),
            (said("1.pem", "none-{n}.key", "1.pem"), "key", "none-1.key"),
            (said("1.pem", "1.key", "none.pem"), "authorities", "none.pem"),
        ] {
            assert!(said.starts_with(&format!("cannot read the {content} from {}: ", path(missing))), "{said}");
        }
    }

    #[test]
    fn blocks_have_the_sizes_of_the_rfc() {
        for (flags, largest, takes_long) in
            [("", 6, true), ("--block-size 16", 0, false), ("--block-size 64", 2, false)]
        {
            let blocks = client(flags).unwrap().behaviour.blocks;
            assert_eq!((blocks.largest, blocks.takes_long_payloads), (largest, takes_long), "{flags}");
        }
        for size in ["0", "8", "63", "2048", "x"] {
            let line = ["simulate", "--server", "coap://localhost", "meter-1", "--block-size", size];
            assert!(Line::try_parse_from(line).is_err(), "{size}");
        }
    }
}
