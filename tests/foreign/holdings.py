"""What an LwM2M client holds during a bootstrap, and how it reads what is written to it.

Written against LwM2M Core 1.2 (6.1.7 operations, 7.5 content formats, annexes C and E) and RFC 8428, without a line of
the server's code, so that the two can disagree. It knows nothing of CoAP beyond the names of its codes.

A resource value is shown in JSON as it is meant: a number, a boolean, a string, or {"opaque": "<hex>"}.
"""

import base64
import json

import cbor2

TLV, SENML_JSON, SENML_CBOR = 11542, 110, 112

# Types of the resources of Object 0 (Security) and Object 1 (Server) that a bootstrap may carry, LwM2M Core annex E.
TYPES = {
    0: {0: "string", 1: "boolean", 2: "integer", 3: "opaque", 4: "opaque", 5: "opaque", 10: "integer",
        11: "integer", 12: "integer"},
    1: {0: "integer", 1: "integer", 2: "integer", 3: "integer", 5: "integer", 6: "boolean", 7: "string"},
}


class Refusal(Exception):
    """The request cannot be obeyed; `code` is the CoAP code to answer, such as "4.00"."""

    def __init__(self, code, reason):
        super().__init__(reason)
        self.code = code


class Holdings:
    """The object instances of one client, `(object, instance) -> {resource: value}`, and the wire form of each write."""

    def __init__(self, bootstrap_instance, bootstrap_uri, stale_accounts):
        self.bootstrap = (0, bootstrap_instance)
        self.instances = {self.bootstrap: {0: bootstrap_uri, 1: True}, (3, 0): {}}
        self.payloads = {}
        for ssid, security, server in stale_accounts:
            self.instances[0, security] = {0: f"coap://stale-{ssid}.example.com", 1: False, 2: 3, 10: ssid}
            self.instances[1, server] = {0: ssid, 1: 60, 6: True, 7: "U"}

    def discover(self, path, version, extra_instances):
        """The answer to Bootstrap-Discover in the form that the version prescribes (Core 6.1.7.2)."""
        if len(path) > 1:
            raise Refusal("4.00", "Discover goes to the root or to an object")
        links = ['lwm2m="1.0"' if version == "1.0" else f"</>;lwm2m={version}"]
        # Further instances stand first, so that what matters is in the last block.
        links += [f"</3300/{instance}>" for instance in range(extra_instances) if not path or path[0] == 3300]
        for (obj, inst), resources in sorted(self.instances.items()):
            ssid = resources.get(10 if obj == 0 else 0) if (obj, inst) != self.bootstrap and obj in (0, 1) else None
            link = f"</{obj}/{inst}>" + (f";ssid={ssid}" if ssid is not None else "")
            if obj == 0 and version != "1.0":
                link += f';uri="{resources[0]}"'
            if not path or path[0] == obj:
                links.append(link)
        return ",".join(links).encode()

    def delete(self, path):
        """Bootstrap-Delete (Core 6.1.7.6): the bootstrap account and `/3/0` stay."""
        if tuple(path) in (self.bootstrap, (3, 0)):
            raise Refusal("4.00", f"/{path[0]}/{path[1]} must not be deleted")
        for key in [key for key in self.instances if key[: len(path)] == tuple(path)]:
            if key not in (self.bootstrap, (3, 0)):
                del self.instances[key]
                self.payloads.pop(key, None)

    def write(self, path, content_format, payload):
        """Bootstrap-Write of one object instance (Core 6.1.7.5): it is replaced by what the payload holds."""
        if len(path) != 2:
            raise Refusal("4.05", "this client takes writes of one object instance only")
        obj, inst = path
        if obj not in TYPES:
            raise Refusal("4.04", f"no object {obj}")
        if (obj, inst) == self.bootstrap:
            raise Refusal("4.00", "the bootstrap account must not be written over")
        self.instances[obj, inst] = decode(obj, inst, content_format, payload)
        self.payloads[obj, inst] = {"format": content_format, "hex": payload.hex()}

    def finish(self):
        """Bootstrap-Finish (Core 6.1.7.3): refused unless Security and Server instances pair by Short Server ID."""
        accounts = sorted(r.get(10) or 0 for key, r in self.instances.items() if key[0] == 0 and key != self.bootstrap)
        servers = sorted(r.get(0) or 0 for key, r in self.instances.items() if key[0] == 1)
        if not accounts or accounts != servers or len(set(accounts)) != len(accounts) or 0 in accounts:
            raise Refusal("4.06", f"security accounts {accounts} do not pair with servers {servers}")

    def shown(self):
        """The instances and the payloads that wrote them, keyed by path, ready for JSON."""
        show = lambda value: {"opaque": value.hex()} if isinstance(value, bytes) else value
        instances = {f"/{o}/{i}": {str(r): show(v) for r, v in sorted(held.items())}
                     for (o, i), held in sorted(self.instances.items())}
        return instances, {f"/{o}/{i}": payload for (o, i), payload in sorted(self.payloads.items())}


def decode(obj, inst, content_format, payload):
    """The resources in a payload that was written to `/obj/inst`."""
    decoders = {TLV: from_tlv, SENML_JSON: from_senml_json, SENML_CBOR: from_senml_cbor}
    if content_format not in decoders:
        raise Refusal("4.15", f"content format {content_format} is not known")
    try:
        resources = decoders[content_format](obj, inst, payload)
    except (ValueError, KeyError, IndexError, TypeError, cbor2.CBORDecodeError) as error:
        raise Refusal("4.00", f"payload of /{obj}/{inst}: {error!r}") from error
    if not resources:
        raise Refusal("4.00", f"payload of /{obj}/{inst} holds no resource")
    return resources


def from_tlv(obj, inst, payload):
    """Resource TLVs (Core 7.5.5), bare or in the one Object Instance TLV that the path names."""
    entries = list(tlv_entries(payload))
    if entries and entries[0][0] == 0:
        [(_, named, inner)] = entries
        if named != inst:
            raise ValueError(f"instance {named} written to {inst}")
        entries = list(tlv_entries(inner))
    resources = {}
    for kind, resource, value in entries:
        if kind != 3 or resource in resources:
            raise ValueError(f"TLV of kind {kind}, id {resource} is out of place")
        resources[resource] = tlv_value(TYPES[obj].get(resource, "opaque"), value)
    return resources


def tlv_entries(data):
    """Yields (kind, id, value) of the TLVs that stand side by side in `data`."""
    at = 0
    while at < len(data):
        head = data[at]
        id_width, length_width = 2 if head & 0x20 else 1, (head >> 3) & 3
        at += 1
        identifier = int.from_bytes(data[at : at + id_width], "big")
        at += id_width
        length = int.from_bytes(data[at : at + length_width], "big") if length_width else head & 7
        at += length_width
        if at + length > len(data):
            raise ValueError("TLV longer than what holds it")
        yield head >> 6, identifier, data[at : at + length]
        at += length


def tlv_value(kind, value):
    if kind == "string":
        return value.decode()
    if kind == "boolean":
        return {b"\x00": False, b"\x01": True}[value]
    if kind == "integer":
        if len(value) not in (1, 2, 4, 8):
            raise ValueError(f"integer of {len(value)} bytes")
        return int.from_bytes(value, "big", signed=True)
    return value


def from_senml_cbor(obj, inst, payload):
    names = {-2: "bn", 0: "n", 2: "v", 3: "vs", 4: "vb", 8: "vd"}
    return from_records(obj, inst, [{names.get(k, k): v for k, v in record.items()} for record in cbor2.loads(payload)])


def from_senml_json(obj, inst, payload):
    records = json.loads(payload)
    for record in records:
        if "vd" in record:
            if "=" in record["vd"]:
                raise ValueError("vd is padded")
            record["vd"] = base64.b64decode(record["vd"] + "=" * (-len(record["vd"]) % 4), altchars=b"-_", validate=True)
    return from_records(obj, inst, records)


def from_records(obj, inst, records):
    """SenML records (RFC 8428) whose names are absolute LwM2M paths of resources of `/obj/inst`."""
    fields = {"integer": "v", "string": "vs", "boolean": "vb", "opaque": "vd"}
    shapes = {"v": int, "vs": str, "vb": bool, "vd": bytes}
    base, resources = "", {}
    for record in records:
        base = record.get("bn", base)
        name = base + record.get("n", "")
        nothing, *path = name.split("/")
        if nothing or [int(part) for part in path[:2]] != [obj, inst] or len(path) != 3:
            raise ValueError(f"name {name!r} is no resource of /{obj}/{inst}")
        [field] = record.keys() & shapes.keys()
        resource, value = int(path[2]), record[field]
        expected = fields.get(TYPES[obj].get(resource), field)
        if field != expected or type(value) is not shapes[field] or resource in resources:
            raise ValueError(f"record {name!r} carries {field}, expected {expected}")
        resources[resource] = value
    return resources
