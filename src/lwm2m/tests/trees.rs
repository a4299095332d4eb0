//! The data of the worked examples (spec sheet `formats.md`, sections 8 and 9).

use data_encoding::HEXLOWER_PERMISSIVE;

use crate::lwm2m::{Object, ObjectInstance, Resource, ResourceValue, Value};

pub(super) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(super) fn opaque(hex: &str) -> Value {
    Value::opaque(&HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).expect("hexadecimal digits"))
}

pub(super) fn int(number: i64) -> Value {
    Value::Integer(number)
}

pub(super) fn single(id: u16, value: Value) -> Resource {
    Resource::single(id, value)
}

pub(super) fn multiple<const N: usize>(id: u16, values: [(u16, Value); N]) -> Resource {
    Resource { id, value: ResourceValue::Multiple(values.into()) }
}

pub(super) fn instance<const N: usize>(id: u16, resources: [Resource; N]) -> ObjectInstance {
    ObjectInstance { id, resources: resources.into() }
}

pub(super) fn object<const N: usize>(id: u16, instances: [ObjectInstance; N]) -> Object {
    Object { id, instances: instances.into() }
}

/// One resource alone, as the content of a target that is a resource.
pub(super) fn alone(object_id: u16, instance_id: u16, resource: Resource) -> Vec<Object> {
    vec![object(object_id, [instance(instance_id, [resource])])]
}

pub(super) const IDENTITY: &str = "62333133636332322d663936392d343265632d61643432";
pub(super) const KEY: &str = "1ca2028d7197c778e9aef5ef69082bea";

pub(super) fn psk_account() -> Object {
    let resources = [
        single(0, text("coaps://server1.example.com")),
        single(1, Value::Boolean(false)),
        single(2, int(0)),
        single(3, opaque(IDENTITY)),
        single(4, opaque("")),
        single(5, opaque(KEY)),
        single(10, int(101)),
    ];
    object(0, [instance(0, resources)])
}

pub(super) fn server_instance() -> ObjectInstance {
    let resources = [
        single(0, int(101)),
        single(1, int(86400)),
        single(2, int(300)),
        single(3, int(6000)),
        single(5, int(86400)),
        single(6, Value::Boolean(true)),
        single(7, text("U")),
    ];
    instance(0, resources)
}

pub(super) fn server() -> Object {
    object(1, [server_instance()])
}

pub(super) fn oscore_account() -> Object {
    let resources = [
        single(0, text("coap://server2.example.com")),
        single(1, Value::Boolean(false)),
        single(2, int(3)),
        single(3, opaque("")),
        single(4, opaque("")),
        single(5, opaque("")),
        single(10, int(102)),
        single(17, Value::ObjectLink(21, 1)),
    ];
    object(0, [instance(2, resources)])
}

pub(super) fn oscore_context() -> Object {
    let resources = [
        single(0, opaque("0102030405060708090a0b0c0d0e0f10")),
        single(1, opaque("01")),
        single(2, opaque("02")),
        single(5, opaque("9e7ca92223786340")),
    ];
    object(21, [instance(1, resources)])
}

pub(super) fn access_control() -> Object {
    let acl = multiple(2, [(101, int(31)), (300, int(1))]);
    object(2, [instance(0, [single(0, int(3)), single(1, int(0)), acl, single(3, int(101))])])
}

/// The client of Core Appendix F.
pub(super) fn device() -> Object {
    let resources = [
        single(0, text("Open Mobile Alliance")),
        single(1, text("Lightweight M2M Client")),
        single(2, text("345000123")),
        single(3, text("1.0")),
        multiple(6, [(0, int(1)), (1, int(5))]),
        multiple(7, [(0, int(3800)), (1, int(5000))]),
        multiple(8, [(0, int(125)), (1, int(900))]),
        single(9, int(100)),
        single(10, int(15)),
        multiple(11, [(0, int(0))]),
        single(13, Value::Time(0x5182_428f)),
        single(14, text("+02:00")),
        single(16, text("U")),
    ];
    object(3, [instance(0, resources)])
}
