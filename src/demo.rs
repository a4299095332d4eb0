//! `bootstrapd demo`: the newcomer's first bootstrap.
//!
//! Starts the daemon on an embedded config with all state in a scratch directory, lets a simulated device bootstrap over
//! DTLS, shows what it received, and says where to go next. Nothing outside the scratch directory is touched.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use crate::config::Config;
use crate::daemon::{self, Running};
use crate::provision::{DeviceDefinition, KeyText};
use crate::simulator::shell::{self, CipherSuite, Psk, Target};
use crate::simulator::{ClientConfiguration, Provisioned};

/// The config of the demo; paths and ports are replaced.
const CONFIG: &str = include_str!("../config/demo.toml");

/// What is said where there would be nobody to bootstrap.
const NO_CLIENT: &str = "The demo bootstraps a device over DTLS, and this build has no DTLS client, which takes OpenSSL: \
                         build with the cargo feature `openssl` (`cargo run -- demo`), or run bootstrapd with a config of \
                         your own, as README.md shows.";

/// Arguments of `bootstrapd demo`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// End after the bootstrap instead of serving until Ctrl-C.
    #[arg(long)]
    exit: bool,
}

impl Arguments {
    /// Runs the demo.
    ///
    /// # Errors
    /// A sentence for the newcomer.
    pub fn run(self) -> Result<(), String> {
        if !cfg!(feature = "openssl") {
            return Err(NO_CLIENT.to_owned());
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("The runtime cannot be started: {error}."))?;
        runtime.block_on(self.show())
    }

    async fn show(self) -> Result<(), String> {
        let scratch = TempDir::with_prefix("bootstrapd-demo-")
            .map_err(|error| format!("No scratch directory can be made: {error}."))?;
        let config = config(scratch.path())?;
        let socket = config.admin.socket.clone();
        let device = config.devices.first().cloned().ok_or("The demo config has no device.")?;
        let running =
            daemon::start(config, None).await.map_err(|error| format!("The demo was not started: {error}"))?;
        let address = *running.listeners().first().ok_or("The demo config has no listener.")?;
        let given = bootstrap(address, &device).await?;
        tell(address, &socket, &device, &given);
        self.wait(running).await;
        Ok(())
    }

    async fn wait(&self, running: Running) {
        if self.exit {
            running.stop().await;
        } else {
            running.until_stopped().await;
        }
    }
}

/// The embedded config, on a free port of the loopback and with all state in `scratch`.
fn config(scratch: &Path) -> Result<Config, String> {
    let mut config = Config::parse(CONFIG, scratch, "demo.toml").map_err(|error| error.to_string())?;
    config.state_dir = scratch.join("state");
    config.admin.socket = scratch.join("admin.sock");
    for listener in &mut config.listeners {
        listener.bind = SocketAddr::from(([127, 0, 0, 1], 0));
    }
    Ok(config)
}

/// Plays the device.
async fn bootstrap(address: SocketAddr, device: &DeviceDefinition) -> Result<Provisioned, String> {
    let key = device.psk.as_ref().ok_or("The device of the demo config has no key.")?.key().clone();
    let identity = device.psk_identity.clone().unwrap_or_else(|| device.endpoint.clone());
    let psk = Psk { identity, key };
    let target: Target = format!("coaps://{address}").parse().map_err(|error| format!("{error}."))?;
    let client = ClientConfiguration::new(device.endpoint.clone());
    shell::bootstrap(&target, Some(&psk), &CipherSuite::ALL, client)
        .await
        .map_err(|failure| format!("The device was not bootstrapped: {failure}."))
}

fn tell(address: SocketAddr, socket: &Path, device: &DeviceDefinition, given: &Provisioned) {
    let socket = socket.display();
    let control = format!("cargo run -q --bin bootstrapctl -- --socket {socket}");
    let mut output = anstream::stdout();
    let _ = writeln!(
        output,
        "
bootstrapd serves DTLS on {address}. A simulated device with one key has just asked it who it belongs to,
and this is what the device was given (keys are blanked):

{given}
Look at it from the operator's side, in another terminal:

    {control} session show 1
    {control} device list
    {control} status

Bootstrap the device yourself, as often as you like:

    printf {key} > demo.key
    cargo run -q --bin bootstrapctl -- simulate --server coaps://{address} demo-device --psk-file demo.key

Then read README.md for a config of your own. Ctrl-C ends the demo and removes everything it made.",
        key = device.psk.as_ref().map_or("", KeyText::expose_text),
        given = given.view(false)
    );
}
