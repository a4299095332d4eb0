//! Messages as a row's failure prints them, and operations as the reports name them. Payloads are never printed.

use bootstrapd::coap::{Code, Message, MessageType};
use bootstrapd::lwm2m::Path;

/// One line about a message.
pub fn describe(message: &Message) -> String {
    let kind = match message.message_type {
        MessageType::Confirmable => "CON",
        MessageType::NonConfirmable => "NON",
        MessageType::Acknowledgement => "ACK",
        MessageType::Reset => "RST",
    };
    let what = if message.is_request() { request_line(message) } else { message.code.to_string() };
    format!("{kind} {what} id {} {:?}, {} bytes", message.id, message.token, message.payload.len())
}

fn request_line(message: &Message) -> String {
    let method = match message.code {
        Code::GET => "GET",
        Code::POST => "POST",
        Code::PUT => "PUT",
        Code::DELETE => "DELETE",
        _ => "request",
    };
    let accept = message.accept().map(|number| format!(" accept {number}")).unwrap_or_default();
    let format = message.content_format().map(|number| format!(" format {number}")).unwrap_or_default();
    let queries = message.uri_query().unwrap_or_default().join("&");
    format!("{method} {} {queries}{accept}{format}", path_text(message))
}

/// The Uri-Path as text.
pub fn path_text(message: &Message) -> String {
    format!("/{}", message.uri_path().expect("paths of the tests are text").join("/"))
}

/// The Uri-Path as an LwM2M path.
pub fn path(message: &Message) -> Path {
    path_text(message).parse().expect("the server asks for LwM2M paths only")
}

/// The operation that a request of the server is, named as in a report.
pub fn operation(message: &Message) -> String {
    match message.code {
        Code::GET if message.accept() == Some(40) => format!("Bootstrap-Discover {}", path(message)),
        Code::GET => format!("Bootstrap-Read {}", path(message)),
        Code::DELETE => format!("Bootstrap-Delete {}", path(message)),
        Code::PUT => format!("Bootstrap-Write {}", path(message)),
        Code::POST if message.uri_path_is(&["bs"]) => "Bootstrap-Finish".to_owned(),
        _ => panic!("no operation of the bootstrap interface: {}", describe(message)),
    }
}
