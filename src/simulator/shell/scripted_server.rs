//! A server of the tests' own: a thread with a UDP socket that follows a script, one step per answer of a client.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use data_encoding::HEXLOWER;

use super::Target;
use crate::coap::{Code, Message, Token};

/// What the server does with a Bootstrap-Request.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Script {
    /// 2.04, Discover, Delete `/0` and `/1`, Write `/0/1` and `/1/0`, Finish.
    Bootstrap,
    /// 4.00.
    Refuse,
    /// Nothing at all.
    Silence,
}

pub(crate) struct ScriptedServer {
    address: SocketAddr,
    endpoints: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ScriptedServer {
    pub(crate) fn start(script: Script) -> ScriptedServer {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let address = socket.local_addr().unwrap();
        let (endpoints, stop) = (Arc::new(Mutex::default()), Arc::new(AtomicBool::new(false)));
        let (seen, stopped) = (Arc::clone(&endpoints), Arc::clone(&stop));
        let thread = std::thread::spawn(move || serve(&socket, script, &seen, &stopped));
        ScriptedServer { address, endpoints, stop, thread: Some(thread) }
    }

    pub(crate) fn target(&self) -> Target {
        format!("coap://{}", self.address).parse().unwrap()
    }

    /// The `ep` queries, in the order of the requests.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.endpoints.lock().unwrap().clone()
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

fn serve(socket: &UdpSocket, script: Script, endpoints: &Mutex<Vec<String>>, stop: &AtomicBool) {
    let mut steps: HashMap<SocketAddr, usize> = HashMap::new();
    let mut buffer = [0; 2048];
    let mut id = 0;
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
        let message = Message::decode(&buffer[..length]).unwrap();
        if message.is_request() {
            let endpoint = message.uri_query().unwrap()[0].to_owned();
            endpoints.lock().unwrap().push(endpoint);
            let code = match script {
                Script::Bootstrap => Code::CHANGED,
                Script::Refuse => Code::BAD_REQUEST,
                Script::Silence => continue,
            };
            socket.send_to(&Message::piggybacked_response(&message, code).encode(), peer).unwrap();
            steps.insert(peer, 0);
        }
        let step = steps.entry(peer).or_default();
        id += 1;
        if let Some(operation) = operation(script, *step, id) {
            *step += 1;
            socket.send_to(&operation.encode(), peer).unwrap();
        }
    }
}

/// Spec sheet `formats.md`, section 8.1, with a NoSec account in place of the PSK one.
fn operation(script: Script, step: usize, id: u16) -> Option<Message> {
    let security = "c80015636f61703a2f2f65752e6578616d706c652e636f6dc10100c10203c10a65";
    let server = "c10065c40100015180c10601c10755";
    let (code, path, payload) = match (script, step) {
        (Script::Bootstrap, 0) => (Code::GET, "", ""),
        (Script::Bootstrap, 1) => (Code::DELETE, "0", ""),
        (Script::Bootstrap, 2) => (Code::DELETE, "1", ""),
        (Script::Bootstrap, 3) => (Code::PUT, "0/1", security),
        (Script::Bootstrap, 4) => (Code::PUT, "1/0", server),
        (Script::Bootstrap, 5) => (Code::POST, "bs", ""),
        _ => return None,
    };
    let mut message = Message::request(code, id, Token::from([3; 8]));
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        message.add_uri_path(segment).unwrap();
    }
    match code {
        Code::GET => message.set_accept(40),
        Code::PUT => message.set_content_format(11542),
        _ => {}
    }
    Some(message.with_payload(HEXLOWER.decode(payload.as_bytes()).unwrap()))
}
