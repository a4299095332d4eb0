"""An LwM2M client on an association that somebody else's code makes up: asks to be bootstrapped, serves the bootstrap,
tells what it then holds.

An association has `wait(seconds)`, which gives the application data that have come within that time, `send(data)`,
`established`, and `facts()` for the report, with which it ends.
"""

import json
import sys
import time

from holdings import Holdings, Refusal
from plain_coap import ACCEPT, CONTENT_FORMAT, METHODS, URI_PATH, URI_QUERY, Peer


class Device:
    """What the client holds, and its answer to each operation."""

    def __init__(self, options):
        self.options = options
        self.holdings = Holdings(options.bootstrap_instance, f"coaps://{options.server}", [])
        self.requests, self.finished, self.failure = [], False, None

    def obey(self, request, body):
        path = "/" + "/".join(segment.decode() for segment in request.all(URI_PATH))
        method, content_format = METHODS[request.code], request.uint(CONTENT_FORMAT)
        shown = f"{method} {path}" + (f" {content_format}" if content_format is not None else "")
        try:
            answer = self.operate(request, method, path, content_format, body)
        except Refusal as refusal:
            answer = refusal.code, None, str(refusal).encode()
            shown += f" ({refusal})"
        self.requests.append(f"{shown} -> {answer[0]}")
        if path == "/bs":
            self.finished, self.failure = True, None if answer[0] == "2.04" else answer[2].decode()
        return answer

    def operate(self, request, method, path, content_format, body):
        if path == "/bs":
            if method != "POST" or body or request.all(URI_QUERY):
                raise Refusal("4.00", "Finish is a POST that carries nothing")
            self.holdings.finish()
            return "2.04", None, b""
        ids = [int(segment) for segment in request.all(URI_PATH)]
        if method == "GET" and request.uint(ACCEPT) == 40:
            return "2.05", 40, self.holdings.discover(ids, self.options.lwm2m, 0)
        if method == "DELETE":
            self.holdings.delete(ids)
            return "2.02", None, b""
        if method == "PUT":
            self.holdings.write(ids, content_format, body)
            return "2.04", None, b""
        raise Refusal("4.05", f"{method} is not for {path}")


def bootstrap(options, association):
    """Bootstraps once, prints the report and ends."""
    device = Device(options)
    failure = f"no Finish within {options.limit} s"
    peer = Peer(association.send, device.obey, options.block_size, options.patience)
    queries = [f"ep={options.endpoint}"] + ([f"pct={options.pct}"] if options.pct else [])
    until, ending = time.monotonic() + options.limit, False
    try:
        while time.monotonic() < until:
            for data in association.wait(0.02):
                peer.handle_datagram(data)
            if association.established and not peer.request and not peer.response:
                peer.ask(time.monotonic(), "bs", queries)
            peer.handle_time(time.monotonic())
            if peer.response and peer.response.code != "2.04":
                failure = f"/bs was answered {peer.response.code}"
                break
            if device.finished and not ending:
                # The answer to Finish may be lost: the server then asks for it again.
                failure, ending, until = device.failure, True, time.monotonic() + options.linger
    except Exception as error:  # whatever it is belongs into the report
        failure = f"{error!r}: {error}"
    instances, payloads = device.holdings.shown()
    report = {
        **association.facts(),
        "blocks": {"taken": len(peer.blocks), "largest": max(peer.blocks, default=0)},
        "failure": failure,
        "requests": device.requests,
        "instances": instances,
        "payloads": payloads,
    }
    print(json.dumps(report, indent=1), flush=True)
    sys.exit(1 if failure else 0)


def add_arguments(parser):
    """What every such device may be told."""
    parser.add_argument("--server", required=True, metavar="ADDRESS:PORT")
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--psk-identity")
    parser.add_argument("--psk-file", help="a file that holds hex:...")
    parser.add_argument("--private-key", help="PEM")
    parser.add_argument("--trust-anchor", help="PEM, of the server's issuer")
    parser.add_argument("--server-name", help="the name to ask for and to find in the server's certificate")
    parser.add_argument("--pct", type=int, help="preferred content format")
    parser.add_argument("--block-size", type=int, default=1024, help="refuse larger payloads with 4.13")
    parser.add_argument("--max-fragment-512", action="store_true", help="ask for records of 512 bytes at most")
    parser.add_argument("--lwm2m", choices=["1.0", "1.1", "1.2"], default="1.0")
    parser.add_argument("--bootstrap-instance", type=int, default=0, help="where /0 holds the bootstrap account")
    parser.add_argument("--patience", type=float, default=1, help="seconds before anything is sent again first")
    parser.add_argument("--linger", type=float, default=0.1, help="seconds after Finish")
    parser.add_argument("--limit", type=float, default=60, help="seconds after which the client gives up")
