//! What the admin socket says of certificates that have expired or soon will.

use serde_json::{Value, json};

use super::world::World;
use crate::store::UnixMillis;

/// A self-signed certificate that was made two days ago and is valid until `days` from now, and its key.
fn certificate(days: i64) -> (String, String) {
    use openssl::asn1::Asn1Time;
    use openssl::{bn, ec, hash, nid, pkey, x509};
    let group = ec::EcGroup::from_curve_name(nid::Nid::X9_62_PRIME256V1).unwrap();
    let key = pkey::PKey::from_ec_key(ec::EcKey::generate(&group).unwrap()).unwrap();
    let now = UnixMillis::from(std::time::SystemTime::now()).0 / 1000;
    let at = |days: i64| Asn1Time::from_unix(now + days * 86_400).unwrap();
    let mut certificate = x509::X509::builder().unwrap();
    let mut name = x509::X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "eu.example.com").unwrap();
    let name = name.build();
    certificate.set_version(2).unwrap();
    certificate.set_serial_number(&bn::BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    certificate.set_subject_name(&name).unwrap();
    certificate.set_issuer_name(&name).unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.set_not_before(&at(-2)).unwrap();
    certificate.set_not_after(&at(days)).unwrap();
    certificate.sign(&key, hash::MessageDigest::sha256()).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(certificate.build().to_pem().unwrap()), text(key.private_key_to_pem_pkcs8().unwrap()))
}

#[tokio::test]
async fn an_expired_certificate_is_refused_when_it_is_saved() {
    let world = World::new().await;
    let account = |days| {
        let (certificate, key) = certificate(days);
        json!({"name": "eu", "ssid": 101, "uri": "eu.example.com", "security": "certificate", "private_key": key,
            "client_certificate": certificate, "server_certificate": certificate})
    };
    let refused = world.post("/v1/servers", &account(-1)).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    for field in ["client_certificate", "server_certificate"] {
        let problems = refused.json()["problems"].as_array().unwrap().clone();
        let said = |problem: &Value| {
            problem["field"] == field && problem["message"].as_str().unwrap().contains("the certificate expired at ")
        };
        assert!(problems.iter().any(said), "{field}: {problems:?}");
    }
    let taken = world.post("/v1/servers", &account(3)).await;
    assert_eq!(taken.status, 201, "{taken:?}");
    let warnings = taken.json()["warnings"].to_string();
    assert!(warnings.contains("the certificate expires at "), "{warnings}");
    let mut patch = account(-1);
    patch.as_object_mut().unwrap().remove("name");
    assert_eq!(world.patch("/v1/servers/eu", &patch).await.status, 422);
    assert_eq!(world.patch("/v1/servers/eu", &json!({"lifetime": 300})).await.status, 200);
    let refused = world.post("/v1/apply", &json!({"servers": [account(-1)]})).await;
    assert!(refused.status == 422 && refused.body.contains("the certificate expired at "), "{refused:?}");
    assert_eq!(world.post("/v1/apply", &json!({"servers": [account(3)]})).await.status, 200);
}
