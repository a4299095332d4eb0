//! Devices, accounts and the resources that a client must be found to hold of them.

use bootstrapd::bootstrap::{KnownDevice, Lookup};
use bootstrapd::lwm2m::path::ResourceId;
use bootstrapd::lwm2m::{ContentFormat, Value};
use bootstrapd::provision::{AccountCredentials, Discover, Provision, ProvisionedAccount, Writing};
use bootstrapd::secret::Secret;

/// The endpoint name of the device that most rows are about.
pub const ENDPOINT: &str = "dev1";
/// The PSK identity of its bootstrap credentials; not its endpoint name.
pub const IDENTITY: &[u8] = b"identity-of-dev1";
/// The key of its account at the first LwM2M Server. It may appear on the wire in writes only, and in no report.
pub const PLANTED_KEY: &[u8] = b"planted-key-0123";

/// An account with a key and every optional resource, SSID 101.
pub fn first_account() -> ProvisionedAccount {
    ProvisionedAccount {
        name: "fleet-eu".to_owned(),
        short_server_id: 101,
        uri: "coaps://eu.example.com:5684".to_owned(),
        credentials: AccountCredentials::Psk { identity: "dev1@eu".to_owned(), key: Secret::from(PLANTED_KEY) },
        lifetime: 86400,
        binding: "UQ".to_owned(),
        store_notifications: true,
        default_minimum_period: Some(1),
        default_maximum_period: Some(300),
        disable_timeout: Some(86400),
    }
}

/// An account without a key, SSID 102.
pub fn second_account() -> ProvisionedAccount {
    ProvisionedAccount {
        name: "lab".to_owned(),
        short_server_id: 102,
        uri: "coap://lab.example.com:5683".to_owned(),
        credentials: AccountCredentials::NoSec,
        lifetime: 300,
        binding: "U".to_owned(),
        store_notifications: false,
        default_minimum_period: None,
        default_maximum_period: None,
        disable_timeout: None,
    }
}

/// What the device of the rows receives unless a row says otherwise.
pub fn provision() -> Provision {
    Provision {
        endpoint: ENDPOINT.to_owned(),
        profile: "default".to_owned(),
        accounts: vec![first_account()],
        writing: Writing {
            format: None,
            discover: Discover::Auto,
            delete: vec![0, 1],
            bootstrap_account_instance: None,
        },
    }
}

/// A provision that differs from the usual one.
pub fn provision_with(change: impl FnOnce(&mut Provision)) -> Provision {
    let mut provision = provision();
    change(&mut provision);
    provision
}

/// The device, which has bootstrap credentials, with this provision.
pub fn device(provision: Provision) -> Lookup {
    known(Some(IDENTITY), Ok(provision))
}

/// The device without bootstrap credentials.
pub fn device_without_credentials(provision: Provision) -> Lookup {
    known(None, Ok(provision))
}

/// The device in any form.
pub fn known(identity: Option<&[u8]>, provision: Result<Provision, String>) -> Lookup {
    let psk_identity = identity.map(<[u8]>::to_vec);
    Lookup::Known(Box::new(KnownDevice { endpoint: ENDPOINT.to_owned(), psk_identity, provision }))
}

/// Resources as a row lists them.
pub type Resources = Vec<(ResourceId, Value)>;

/// The Security Object instance of [`first_account`]: spec sheet `objects.md`, section 2.
pub fn first_security() -> Resources {
    vec![
        (0, text("coaps://eu.example.com:5684")),
        (1, Value::Boolean(false)),
        (2, Value::Integer(0)),
        (3, Value::opaque(b"dev1@eu")),
        (4, Value::opaque(b"")),
        (5, Value::opaque(PLANTED_KEY)),
        (10, Value::Integer(101)),
    ]
}

/// The Server Object instance of [`first_account`] with the binding that the client is to find.
pub fn first_server(binding: &str) -> Resources {
    vec![
        (0, Value::Integer(101)),
        (1, Value::Integer(86400)),
        (2, Value::Integer(1)),
        (3, Value::Integer(300)),
        (5, Value::Integer(86400)),
        (6, Value::Boolean(true)),
        (7, text(binding)),
    ]
}

/// The Security Object instance of [`second_account`].
pub fn second_security() -> Resources {
    vec![
        (0, text("coap://lab.example.com:5683")),
        (1, Value::Boolean(false)),
        (2, Value::Integer(3)),
        (3, Value::opaque(b"")),
        (4, Value::opaque(b"")),
        (5, Value::opaque(b"")),
        (10, Value::Integer(102)),
    ]
}

/// The Server Object instance of [`second_account`].
pub fn second_server() -> Resources {
    vec![(0, Value::Integer(102)), (1, Value::Integer(300)), (6, Value::Boolean(false)), (7, text("U"))]
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub const TLV: ContentFormat = ContentFormat::Tlv;
pub const SENML_CBOR: ContentFormat = ContentFormat::SenmlCbor;
pub const SENML_JSON: ContentFormat = ContentFormat::SenmlJson;
pub const LWM2M_CBOR: ContentFormat = ContentFormat::Lwm2mCbor;
