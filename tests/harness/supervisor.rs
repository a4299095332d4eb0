//! Plays systemd: the other end of `NOTIFY_SOCKET` (sd_notify(3)).

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use super::PATIENCE;

/// A socket that a daemon tells how it is.
pub struct Supervisor {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Supervisor {
    /// Listens at `path`.
    pub fn at(path: PathBuf) -> Supervisor {
        let socket = UnixDatagram::bind(&path).expect("the scratch directory can be written");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time limit can be set");
        Supervisor { socket, path }
    }

    /// What belongs into `NOTIFY_SOCKET`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the next message; its assignments, one a line.
    #[track_caller]
    pub fn told(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("the daemon tells systemd something in time");
        let text = std::str::from_utf8(&buffer[..length]).expect("sd_notify is text");
        text.lines().map(str::to_owned).collect()
    }
}
