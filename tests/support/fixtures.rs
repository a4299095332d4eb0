//! Devices, accounts and the resources that a client must be found to hold of them.

use bootstrapd::bootstrap::{Credentials, KnownDevice, Lookup, Withheld};
use bootstrapd::lwm2m::path::ResourceId;
use bootstrapd::lwm2m::{ContentFormat, Path, Resource, Value};
use bootstrapd::provision::{
    AccessControl, AccountCredentials, AccountRole, ClientKnowledge, Discover, ProfileChoice, Provision,
    ProvisionedAccount, ServerSettings, TimingOverride, Writing,
};
use bootstrapd::secret::Secret;

/// The endpoint name of the device that most rows are about.
pub const ENDPOINT: &str = "dev1";
/// The PSK identity of its bootstrap credentials; not its endpoint name.
pub const IDENTITY: &[u8] = b"identity-of-dev1";
/// The key of its account at the first LwM2M Server. It may appear on the wire in writes only, and in no report.
pub const PLANTED_KEY: &[u8] = b"planted-key-0123";

/// An account with a key and the optional resources of LwM2M 1.0, SSID 101.
pub fn first_account() -> ProvisionedAccount {
    let settings = ServerSettings {
        short_server_id: 101,
        lifetime: 86400,
        binding: "UQ".to_owned(),
        store_notifications: true,
        resources: vec![
            Resource::single(2, Value::Integer(1)),
            Resource::single(3, Value::Integer(300)),
            Resource::single(5, Value::Integer(86400)),
        ],
    };
    ProvisionedAccount {
        name: "fleet-eu".to_owned(),
        uri: "coaps://eu.example.com:5684".to_owned(),
        credentials: AccountCredentials::Psk { identity: b"dev1@eu".to_vec(), key: Secret::from(PLANTED_KEY) },
        security_resources: Vec::new(),
        role: AccountRole::Management(settings),
        issued: None,
    }
}

/// An account without a key, SSID 102.
pub fn second_account() -> ProvisionedAccount {
    let settings = ServerSettings {
        short_server_id: 102,
        lifetime: 300,
        binding: "U".to_owned(),
        store_notifications: false,
        resources: Vec::new(),
    };
    ProvisionedAccount {
        name: "lab".to_owned(),
        uri: "coap://lab.example.com:5683".to_owned(),
        credentials: AccountCredentials::NoSec,
        security_resources: Vec::new(),
        role: AccountRole::Management(settings),
        issued: None,
    }
}

/// A bootstrap account with a key.
pub fn bootstrap_account() -> ProvisionedAccount {
    ProvisionedAccount {
        name: "ourselves".to_owned(),
        uri: "coaps://bootstrap.example.com:5684".to_owned(),
        credentials: AccountCredentials::Psk { identity: b"dev1@bootstrap".to_vec(), key: Secret::from(PLANTED_KEY) },
        security_resources: vec![Resource::single(11, Value::Integer(10))],
        role: AccountRole::Bootstrap,
        issued: None,
    }
}

/// What a management account says of its Server Object instance.
pub fn settings_of(account: &mut ProvisionedAccount) -> &mut ServerSettings {
    match &mut account.role {
        AccountRole::Management(settings) => settings,
        AccountRole::Bootstrap => panic!("a bootstrap account has no Server Object instance"),
    }
}

/// What the device of the rows receives unless a row says otherwise.
pub fn provision() -> Provision {
    Provision {
        endpoint: ENDPOINT.to_owned(),
        profile: "default".to_owned(),
        choice: ProfileChoice::Device,
        accounts: vec![first_account()],
        writes: Vec::new(),
        writing: Writing {
            format: None,
            discover: Discover::Auto,
            delete: vec![Path::Object(0), Path::Object(1)],
            access_control: AccessControl::Auto,
            bootstrap_account_instance: None,
            timing: TimingOverride::default(),
            ..Writing::default()
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
    let provision = provision.map_err(Withheld::Invalid);
    let psk_identity = identity.map(<[u8]>::to_vec);
    Lookup::Known(Box::new(KnownDevice {
        endpoint: ENDPOINT.to_owned(),
        credentials: Credentials { psk_identity, ..Credentials::default() },
        blocked: false,
        knowledge: ClientKnowledge::default(),
        provision,
    }))
}

/// The device of the rows, of which so much is known.
pub fn known_so(provision: Provision, knowledge: ClientKnowledge) -> Lookup {
    match device(provision) {
        Lookup::Known(device) => Lookup::Known(Box::new(KnownDevice { knowledge, ..*device })),
        other => other,
    }
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

/// The Security Object instance of [`bootstrap_account`].
pub fn bootstrap_security() -> Resources {
    vec![
        (0, text("coaps://bootstrap.example.com:5684")),
        (1, Value::Boolean(true)),
        (2, Value::Integer(0)),
        (3, Value::opaque(b"dev1@bootstrap")),
        (4, Value::opaque(b"")),
        (5, Value::opaque(PLANTED_KEY)),
        (11, Value::Integer(10)),
    ]
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub const TLV: ContentFormat = ContentFormat::Tlv;
pub const OPAQUE: ContentFormat = ContentFormat::Opaque;
pub const SENML_CBOR: ContentFormat = ContentFormat::SenmlCbor;
pub const SENML_JSON: ContentFormat = ContentFormat::SenmlJson;
pub const LWM2M_CBOR: ContentFormat = ContentFormat::Lwm2mCbor;
