//! The inputs of the state machine: all messages of a client, right and wrong, in the clear and under protection.
//!
//! A name in braces is under protection (epoch 1); what follows a tilde says what is wrong with it.

/// One input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// As the models and the learner know it.
    pub name: &'static str,
    /// What is said.
    pub content: Content,
    /// In epoch 1 rather than in the clear.
    pub is_protected: bool,
}

/// What an input says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// ClientHello without a cookie.
    Hello,
    /// With the cookie that the server gave, or any where it has given none.
    HelloWithCookie,
    /// With a cookie that is not the server's.
    HelloWithWrongCookie,
    /// The client's own.
    Certificate,
    /// A list of none.
    EmptyCertificate,
    /// One that the server does not know.
    UnknownCertificate,
    /// ClientKeyExchange.
    KeyExchange,
    /// With an identity that the server does not know, or with a point off the curve.
    WrongKeyExchange,
    /// CertificateVerify.
    Verify,
    /// With a wrong signature.
    WrongVerify,
    /// No message of a client.
    ServerHello,
    /// ChangeCipherSpec.
    ChangeCipherSpec,
    /// By what was sent so far.
    Finished,
    /// With a wrong verify_data.
    WrongFinished,
    /// Application data.
    ApplicationData,
    /// By keys that are not the client's.
    ForgedData,
    /// The newest record of application data that the server delivered, once more.
    ReplayedData,
    /// A warning, close_notify.
    CloseNotify,
    /// handshake_failure, fatal.
    FatalAlert,
    /// 61 s pass on both sides.
    Timeout,
}

const fn clear(name: &'static str, content: Content) -> Input {
    Input { name, content, is_protected: false }
}

const fn protected(name: &'static str, content: Content) -> Input {
    Input { name, content, is_protected: true }
}

/// All inputs, in the order in which states are numbered.
const INPUTS: [Input; 31] = [
    clear("ClientHello", Content::Hello),
    clear("ClientHello+cookie", Content::HelloWithCookie),
    clear("ClientHello~cookie", Content::HelloWithWrongCookie),
    clear("Certificate", Content::Certificate),
    clear("ClientKeyExchange", Content::KeyExchange),
    clear("CertificateVerify", Content::Verify),
    clear("ChangeCipherSpec", Content::ChangeCipherSpec),
    protected("{Finished}", Content::Finished),
    protected("{ApplicationData}", Content::ApplicationData),
    clear("Certificate~empty", Content::EmptyCertificate),
    clear("Certificate~unknown", Content::UnknownCertificate),
    clear("ClientKeyExchange~wrong", Content::WrongKeyExchange),
    clear("CertificateVerify~wrong", Content::WrongVerify),
    clear("Finished", Content::Finished),
    clear("ServerHello", Content::ServerHello),
    clear("ApplicationData", Content::ApplicationData),
    clear("Alert(close_notify)", Content::CloseNotify),
    clear("Alert(fatal)", Content::FatalAlert),
    protected("{Finished~wrong}", Content::WrongFinished),
    protected("{ApplicationData~forged}", Content::ForgedData),
    protected("{ApplicationData~replayed}", Content::ReplayedData),
    protected("{Alert(close_notify)}", Content::CloseNotify),
    protected("{Alert(fatal)}", Content::FatalAlert),
    protected("{ClientHello}", Content::Hello),
    protected("{Certificate}", Content::Certificate),
    protected("{ClientKeyExchange}", Content::KeyExchange),
    protected("{CertificateVerify}", Content::Verify),
    protected("{ChangeCipherSpec}", Content::ChangeCipherSpec),
    protected("{ServerHello}", Content::ServerHello),
    clear("Finished~wrong", Content::WrongFinished),
    clear("Timeout", Content::Timeout),
];

impl Input {
    /// All inputs, in the order in which states are numbered.
    pub fn all() -> &'static [Input] {
        &INPUTS
    }

    /// By its name.
    pub fn named(name: &str) -> Option<&'static Input> {
        INPUTS.iter().find(|input| input.name == name)
    }

    /// Whether it is a ClientHello in the clear.
    pub fn is_hello(&self) -> bool {
        let is_hello =
            matches!(self.content, Content::Hello | Content::HelloWithCookie | Content::HelloWithWrongCookie);
        is_hello && !self.is_protected
    }
}

impl Content {
    /// Whether a right client says this at some time in the clear.
    pub fn is_right(self) -> bool {
        matches!(self, Content::Certificate | Content::KeyExchange | Content::Verify)
    }
}
