//! `Site`: a scratch directory with config, state directory and admin socket, which daemons may come to and go from.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use super::{Answer, Daemon};

/// One listener of each kind.
pub const LISTENERS: &str = r#"
[[listen]]
bind = "127.0.0.1:0"
security = "nosec"
insecure_secrets = true

[[listen]]
bind = "127.0.0.1:0"
security = "dtls"
"#;

/// Where a daemon has its files. It goes with the last that knows it.
pub struct Site {
    scratch: TempDir,
}

impl Site {
    /// A site whose config has one listener of each kind and `definitions`.
    pub fn new(definitions: &str) -> Arc<Site> {
        Site::with_listeners(LISTENERS, definitions)
    }

    /// A site with other listeners.
    pub fn with_listeners(listeners: &str, definitions: &str) -> Arc<Site> {
        let scratch = tempfile::tempdir().expect("a scratch directory can be made");
        let site = Site { scratch };
        fs::create_dir(site.state_dir()).expect("the scratch directory can be written");
        site.configure(listeners, definitions);
        Arc::new(site)
    }

    /// Writes the config anew.
    pub fn configure(&self, listeners: &str, definitions: &str) {
        let (state, socket) = (self.state_dir(), self.admin_socket());
        let head = format!("state_dir = {state:?}\n{listeners}\n[admin]\nsocket = {socket:?}\n");
        self.write_config(&(head + definitions));
    }

    /// Writes the config anew, all of it.
    pub fn write_config(&self, text: &str) {
        fs::write(self.config(), text).expect("the scratch directory can be written");
        // It holds keys; a daemon warns where others may read it.
        fs::set_permissions(self.config(), PermissionsExt::from_mode(0o600)).expect("the file is ours");
    }

    /// The text of the config.
    pub fn config_text(&self) -> String {
        fs::read_to_string(self.config()).expect("the config is there")
    }

    /// Line of the config, counted from 1, that holds `text` first.
    #[track_caller]
    pub fn line_of(&self, text: &str) -> usize {
        let found = self.config_text().lines().position(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("{text:?} is not in the config")) + 1
    }

    /// The config file.
    pub fn config(&self) -> PathBuf {
        self.path("bootstrapd.toml")
    }

    /// The state directory.
    pub fn state_dir(&self) -> PathBuf {
        self.path("state")
    }

    /// The admin socket.
    pub fn admin_socket(&self) -> PathBuf {
        self.path("admin.sock")
    }

    /// A path in the scratch directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Writes a file that only the test and what it starts can find; its path.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("the scratch directory can be written");
        path
    }

    /// `bootstrapd` with no arguments, and nothing around it that would change what it does.
    pub fn bootstrapd(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrapd"));
        for variable in ["JOURNAL_STREAM", "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "WATCHDOG_USEC", "BOOTSTRAPD_LOG"]
        {
            command.env_remove(variable);
        }
        command
    }

    /// Starts a daemon and waits until it serves.
    pub fn start(self: &Arc<Self>) -> Daemon {
        self.start_with(|_| {})
    }

    /// Starts a daemon whose command `change` has changed.
    pub fn start_with(self: &Arc<Self>, change: impl FnOnce(&mut Command)) -> Daemon {
        let mut command = self.bootstrapd();
        command.arg("--config").arg(self.config());
        change(&mut command);
        Daemon::spawn(Arc::clone(self), command)
    }

    /// Runs a daemon that is to end by itself at once.
    pub fn run(&self) -> Answer {
        let mut command = self.bootstrapd();
        command.arg("--config").arg(self.config());
        Answer::of(command, "")
    }

    /// Runs `bootstrapd COMMAND CONFIG` with more words behind.
    pub fn offline(&self, command: &str, words: &[&OsStr]) -> Answer {
        let mut bootstrapd = self.bootstrapd();
        bootstrapd.arg(command).arg(self.config()).args(words);
        Answer::of(bootstrapd, "")
    }

    /// Runs `bootstrapd check` on the config.
    pub fn check(&self) -> Answer {
        let mut command = self.bootstrapd();
        command.arg("check").arg(self.config());
        Answer::of(command, "")
    }

    /// Runs `bootstrapctl` against whoever serves the admin socket.
    pub fn ctl(&self, words: &[&str]) -> Answer {
        self.ctl_with_input(words, "")
    }

    /// Runs `bootstrapctl` with `input` on its standard input.
    pub fn ctl_with_input(&self, words: &[&str], input: &str) -> Answer {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrapctl"));
        command.arg("--socket").arg(self.admin_socket()).args(words).env_remove("BOOTSTRAPD_SOCKET");
        Answer::of(command, input)
    }
}
