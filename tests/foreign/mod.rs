//! Runs the foreign devices that stand here and reads what they report.
//!
//! A device that is not installed fails the test: that it cannot be run says nothing good about the server.

pub mod pki;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A client that somebody else's code makes up.
#[derive(Clone, Copy, Debug)]
pub enum ForeignDevice {
    /// aiocoap, over plain UDP, plain TCP or, given credentials, over DTLS by tinydtls.
    Aiocoap,
    /// libcoap over OpenSSL, or over plain TCP; LwM2M 1.0 with TLV and nothing else.
    Libcoap,
    /// The same over GnuTLS, which knows raw public keys too.
    LibcoapGnutls,
    /// Mbed TLS 2.28 by python-mbedtls, with a CoAP of its own.
    Mbedtls,
    /// Mbed TLS 3.6 with the connection ids of RFC 9146, in a tunnel.
    Mbedtls3,
    /// node-dtls-client, which sends a ClientHello without extensions.
    Node,
    /// webrtc-dtls, in a tunnel.
    Webrtc,
    /// wolfSSL with the connection ids of RFC 9146, in a tunnel.
    Wolfssl,
}

/// Bootstrap credentials as a device has them.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// PSK identity.
    pub identity: &'a str,
    /// File that holds the key as `hex:...`.
    pub key_file: &'a Path,
}

/// What a device held and was asked when it ended.
#[derive(Debug)]
pub struct Report(Value);

impl ForeignDevice {
    /// Bootstraps once; `options` are those of the device's program.
    pub fn bootstrap(
        self,
        server: SocketAddr,
        endpoint: &str,
        credentials: Option<Credentials<'_>>,
        options: &[&str],
    ) -> Report {
        let mut command = self.command();
        command.args(["--server", &server.to_string(), "--endpoint", endpoint]).args(options);
        if let Some(Credentials { identity, key_file }) = credentials {
            command.args(["--psk-identity", identity]).arg("--psk-file").arg(key_file);
        }
        let output = command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("NODE_PATH", installed("node/node_modules"))
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{self:?} cannot be run: {error}; run tests/run, which installs it"));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            let said = String::from_utf8_lossy(&output.stderr);
            panic!("{self:?} made no report ({error}); tests/run installs what it needs. It said:\n{said}")
        });
        assert_eq!(report["failure"].is_null(), output.status.success(), "{self:?}: {report:#}");
        Report(report)
    }

    fn command(self) -> Command {
        match self {
            Self::Aiocoap => script("venv/bin/python", "aiocoap_device.py"),
            Self::Libcoap => Command::new(installed("libcoap_device_openssl")),
            Self::LibcoapGnutls => Command::new(installed("libcoap_device_gnutls")),
            Self::Mbedtls => script("venv/bin/python", "mbedtls_device.py"),
            Self::Mbedtls3 => through_tunnel("mbedtls_tunnel"),
            Self::Node => script("node", "node_device.js"),
            Self::Webrtc => through_tunnel("webrtc_tunnel"),
            Self::Wolfssl => through_tunnel("wolfssl_tunnel"),
        }
    }
}

impl Report {
    /// Why the device gave up; none if it accepted Finish.
    pub fn failure(&self) -> Option<&str> {
        self.0["failure"].as_str()
    }

    /// The operations in their order, such as `PUT /0/1 11542 -> 2.04`.
    pub fn requests(&self) -> Vec<&str> {
        self.0["requests"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The resources of the instance at `path`; null where there is none.
    pub fn instance(&self, path: &str) -> &Value {
        &self.0["instances"][path]
    }

    /// Paths of all instances.
    pub fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> =
            self.0["instances"].as_object().into_iter().flatten().map(|(path, _)| path.as_str()).collect();
        paths.sort_unstable();
        paths
    }

    /// Content format and hexadecimal payload of the write that made the instance at `path`.
    pub fn payload(&self, path: &str) -> (u64, &str) {
        let payload = &self.0["payloads"][path];
        (payload["format"].as_u64().unwrap_or_default(), payload["hex"].as_str().unwrap_or_default())
    }

    /// How many blocks the device put together itself, and bytes of the largest.
    pub fn blocks(&self) -> (u64, u64) {
        let number = |name: &str| self.0["blocks"][name].as_u64().expect("the device counts blocks");
        (number("taken"), number("largest"))
    }

    /// Bytes of the largest plaintext in a record from the server, in the clear and protected.
    pub fn largest_records(&self) -> (u64, u64) {
        let number = |name: &str| self.0["largest_records"][name].as_u64().expect("the device looks at records");
        (number("clear"), number("protected"))
    }

    /// max_fragment_length in the ServerHello, and the cipher suite.
    pub fn agreed(&self) -> (Option<&str>, Option<&str>) {
        (self.0["max_fragment_length"].as_str(), self.0["cipher"].as_str())
    }

    /// Bytes of the connection id that the server wants to be addressed by (RFC 9146); none where none was agreed.
    pub fn connection_id(&self) -> Option<u64> {
        self.0["connection_id"].as_u64()
    }

    /// How many records from the server carried the device's connection id.
    pub fn records_with_id(&self) -> u64 {
        self.0["records_with_id"].as_u64().expect("the device counts them")
    }

    /// Bytes of the largest record from the server, without its header.
    pub fn largest_record(&self) -> u64 {
        self.0["largest_record"].as_u64().expect("the device looks at records")
    }

    /// From how many UDP ports the device spoke, one after another.
    pub fn ports(&self) -> u64 {
        self.0["ports"].as_u64().expect("the device knows its ports")
    }

    /// What a bad link did, as in `lost out handshake`, and how often.
    pub fn link(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0["link"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(what, often)| (what.as_str(), often.as_u64().unwrap_or(0)))
    }

    /// Cipher suites and extensions of the ClientHello, where the device reports them.
    pub fn client_hello(&self) -> &Value {
        &self.0["client_hello"]
    }
}

/// A script of `tests/foreign`. Node.js is found in the path, the Python of the venv is not.
fn script(interpreter: &str, name: &str) -> Command {
    let program = if interpreter.contains('/') { installed(interpreter) } else { PathBuf::from(interpreter) };
    let mut command = Command::new(program);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign").join(name));
    command
}

/// The device whose DTLS is a program of its own.
fn through_tunnel(program: &str) -> Command {
    let mut command = script("venv/bin/python", "tunnel_device.py");
    command.arg("--tunnel").arg(installed(program));
    command
}

/// What `tests/foreign/install` leaves behind.
fn installed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/foreign").join(name)
}
