//! What a device resolves to, and why it may not.

use super::{AccountCredentials, Provision, ProvisionedAccount, resolve};
use crate::provision::{
    AccountType, Catalog, DeviceDefinition, Discover, KeyText, ProfileDefinition, SecurityMode, ServerDefinition,
    Transport, Writing,
};
use crate::secret::Secret;

const KEY: &[u8] = b"0123456789abcdef";

fn server(name: &str, ssid: u32) -> ServerDefinition {
    ServerDefinition {
        name: name.into(),
        ssid: Some(ssid),
        uri: Some("lwm2m.example.com".into()),
        psk: KeyText::parse("text:0123456789abcdef").ok(),
        ..ServerDefinition::default()
    }
}

fn profile(name: &str, servers: &[&str]) -> ProfileDefinition {
    let servers = servers.iter().map(|server| (*server).to_owned()).collect();
    ProfileDefinition { name: name.into(), servers, ..ProfileDefinition::default() }
}

fn device(profile: Option<&str>) -> DeviceDefinition {
    let profile = profile.map(str::to_owned);
    DeviceDefinition { endpoint: "meter-1".into(), profile, ..DeviceDefinition::default() }
}

/// The sentence with which a device of profile `p` that names `server` is refused.
fn refusal(server: ServerDefinition) -> String {
    let profile = profile("p", &[&server.name]);
    resolve(&device(Some("p")), &Catalog::new([server], [profile])).expect_err("must be refused").to_string()
}

#[test]
fn what_is_left_out_is_filled_in() {
    let catalog = Catalog::new([server("a", 101)], [ProfileDefinition { default: true, ..profile("p", &["a"]) }]);
    let account = ProvisionedAccount {
        name: "a".into(),
        short_server_id: 101,
        uri: "coaps://lwm2m.example.com:5684".into(),
        credentials: AccountCredentials::Psk { identity: "meter-1".into(), key: Secret::from(KEY) },
        lifetime: 86_400,
        binding: "U".into(),
        store_notifications: true,
        default_minimum_period: None,
        default_maximum_period: None,
        disable_timeout: None,
    };
    let writing =
        Writing { format: None, discover: Discover::Auto, delete: vec![0, 1], bootstrap_account_instance: None };
    let provision = Provision { endpoint: "meter-1".into(), profile: "p".into(), accounts: vec![account], writing };
    assert_eq!(resolve(&device(None), &catalog), Ok(provision));
}

#[test]
fn what_is_written_out_is_kept_in_the_order_of_the_profile() {
    let first = ServerDefinition {
        transport: Transport::Tcp,
        psk_identity: Some("id".into()),
        lifetime: Some(300),
        store_notifications: Some(false),
        default_minimum_period: Some(1),
        default_maximum_period: Some(2),
        disable_timeout: Some(3),
        ..server("b", 2)
    };
    let second =
        ServerDefinition { security: SecurityMode::NoSec, psk: None, binding: Some("UQ".into()), ..server("a", 1) };
    let catalog = Catalog::new([second, first], [profile("p", &["b", "a"])]);
    let accounts = resolve(&device(Some("p")), &catalog).map(|provision| provision.accounts).unwrap();
    assert_eq!(accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(accounts[0].uri, "coaps+tcp://lwm2m.example.com:5684");
    assert_eq!(accounts[0].binding, "T");
    assert_eq!(accounts[0].credentials, AccountCredentials::Psk { identity: "id".into(), key: Secret::from(KEY) });
    assert_eq!((accounts[0].lifetime, accounts[0].store_notifications), (300, false));
    assert_eq!(
        (accounts[0].default_minimum_period, accounts[0].default_maximum_period, accounts[0].disable_timeout),
        (Some(1), Some(2), Some(3))
    );
    assert_eq!((accounts[1].uri.as_str(), accounts[1].binding.as_str()), ("coap://lwm2m.example.com:5683", "UQ"));
    assert_eq!(accounts[1].credentials, AccountCredentials::NoSec);
}

#[test]
fn a_device_without_a_usable_profile_is_refused() {
    let catalog = Catalog::new(
        [server("a", 1), server("b", 1)],
        [profile("empty", &[]), profile("dangling", &["gone"]), profile("same", &["a", "b"])],
    );
    for (profile, sentence) in [
        (None, "the device names no profile, and no profile is the default"),
        (Some("gone"), "profile `gone` does not exist"),
        (Some("empty"), "profile `empty` names no server account"),
        (Some("dangling"), "profile `dangling` names server `gone`, which does not exist"),
        (Some("same"), "servers `a` and `b` of profile `same` both have ssid 1"),
    ] {
        assert_eq!(resolve(&device(profile), &catalog).map_err(|error| error.to_string()), Err(sentence.into()));
    }
}

#[test]
fn a_profile_that_cannot_be_written_as_it_says_is_refused() {
    let odd = ProfileDefinition { format: Some("xml".into()), ..profile("p", &["a"]) };
    let error = resolve(&device(Some("p")), &Catalog::new([server("a", 1)], [odd])).unwrap_err().to_string();
    assert_eq!(error, "profile `p`: no such format: use `auto`, `tlv`, `senml-cbor`, `senml-json` or `lwm2m-cbor`");
}

#[test]
fn an_account_that_cannot_be_written_is_refused() {
    for (server, sentence) in [
        (
            ServerDefinition { account_type: AccountType::Bootstrap, ..server("a", 1) },
            "server `a`: its type is bootstrap, and replacing a client's bootstrap account is not safe in this version",
        ),
        (server("a", 0), "server `a`: it has no ssid of 1 to 65534"),
        (server("a", 65535), "server `a`: it has no ssid of 1 to 65534"),
        (ServerDefinition { ssid: None, ..server("a", 1) }, "server `a`: it has no ssid of 1 to 65534"),
        (ServerDefinition { uri: None, ..server("a", 1) }, "server `a`: it has no uri"),
        (
            ServerDefinition { uri: Some(String::new()), ..server("a", 1) },
            "server `a`: `uri` is empty: write the host, such as `eu.lwm2m.example.com`",
        ),
        (ServerDefinition { psk: None, ..server("a", 1) }, "server `a`: its security mode is psk and it has no key"),
        (
            ServerDefinition { security: SecurityMode::Est, ..server("a", 1) },
            "server `a`: its security mode is not supported in this version",
        ),
    ] {
        assert_eq!(refusal(server), sentence);
    }
}

#[test]
fn an_endpoint_name_too_long_for_a_psk_identity_is_refused() {
    let catalog = Catalog::new([server("a", 1)], [profile("p", &["a"])]);
    let named = |length: usize| DeviceDefinition { endpoint: "e".repeat(length), ..device(Some("p")) };
    assert!(resolve(&named(128), &catalog).is_ok());
    let error = resolve(&named(129), &catalog).unwrap_err().to_string();
    assert!(error.contains("which has 129 bytes"), "{error}");
}
