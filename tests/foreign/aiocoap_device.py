"""An LwM2M client on aiocoap: asks to be bootstrapped, serves the bootstrap, prints what it then holds.

With --psk-identity it speaks CoAP over DTLS by tinydtls (DTLSSocket), with --tcp plain CoAP over TCP, else over plain
UDP. Client and server share one socket, as LwM2M demands. What comes in blocks is put together by aiocoap. One JSON document goes to standard output; the exit code is 0 only after an accepted Finish.
"""

import argparse
import asyncio
import importlib.metadata
import json
import sys

from aiocoap import CHANGED, CON, Context, Message
from aiocoap.numbers.codes import Code, DELETE, GET, POST, PUT
from aiocoap.resource import Resource

from holdings import Holdings, Refusal


class Device(Resource):
    """The client's CoAP server: every path of it, since the operations go to any object."""

    def __init__(self, options):
        super().__init__()
        self.options = options
        self.holdings = Holdings(options.bootstrap_instance, server_uri(options), options.account)
        self.requests = []
        self.accepted = asyncio.Event()
        self.ended = asyncio.get_running_loop().create_future()

    async def render(self, request):
        path = "/" + "/".join(request.opt.uri_path)
        shown = f"{request.code.name} {path}"
        if request.opt.content_format is not None:
            shown += f" {int(request.opt.content_format)}"
        try:
            # Over TCP there are no message types (RFC 8323 section 3.2).
            if request.mtype != (None if self.options.tcp else CON) or len(request.token) == 0:
                raise Refusal("4.00", "operations are confirmable and carry a token")
            await self.session_begun()
            response = await self.obey(request, path)
        except Refusal as refusal:
            response = Message(code=code_of(refusal.code), payload=str(refusal).encode())
            shown += f" ({refusal})"
        self.requests.append(f"{shown} -> {response.code.dotted}")
        if path == "/bs":
            finished = response.code == CHANGED
            self.ended.set_result(None if finished else response.payload.decode())
        return response

    async def session_begun(self):
        # aiocoap hands on the answer to /bs and what follows it in tasks of their own, in no certain order.
        try:
            await asyncio.wait_for(self.accepted.wait(), 1)
        except TimeoutError as late:
            raise Refusal("4.00", "an operation came before the answer to /bs") from late

    async def obey(self, request, path):
        if path == "/bs" and request.code == POST:
            if request.payload or request.opt.uri_query:
                raise Refusal("4.00", "Finish carries nothing")
            self.holdings.finish()
            return Message(code=CHANGED)
        ids = [int(part) for part in request.opt.uri_path] if path != "/bs" else None
        if ids is not None and request.code == GET:
            return self.discover(request, ids)
        if ids is not None and request.code == DELETE:
            self.holdings.delete(ids)
            return Message(code=Code.DELETED)
        if ids is not None and request.code == PUT:
            await asyncio.sleep(self.options.slow)
            content_format = int(request.opt.content_format) if request.opt.content_format is not None else None
            if content_format in self.options.refuse_format:
                raise Refusal("4.15", f"content format {content_format} is refused")
            self.holdings.write(ids, content_format, request.payload)
            return Message(code=CHANGED)
        raise Refusal("4.05", f"{request.code} is not for {path}")

    def discover(self, request, ids):
        if self.options.no_discover:
            raise Refusal("4.05", "no Discover here")
        if request.opt.accept is not None and int(request.opt.accept) != 40:
            raise Refusal("4.06", "Discover is answered in link format")
        many = 200 if self.options.big_discover else 0
        links = self.holdings.discover(ids, self.options.lwm2m, many)
        return Message(code=Code.CONTENT, payload=links, content_format=40)


def server_uri(options):
    return f"coap{'s' if options.psk_identity else '+tcp' if options.tcp else ''}://{options.server}"


def code_of(dotted):
    return Code(int(dotted[0]) << 5 | int(dotted[2:]))


async def bootstrap(options):
    device = Device(options)
    transport = "tinydtls" if options.psk_identity else "tcpclient" if options.tcp else "udp6"
    context = await Context.create_client_context(transports=[transport])
    context.serversite = device
    if options.psk_identity:
        credentials = {"psk": key_from(options.psk_file), "client-identity": options.psk_identity.encode()}
        context.client_credentials.load_from_dict({f"{server_uri(options)}/*": {"dtls": credentials}})
    reason = f"no Finish within {options.limit} s"
    try:
        async with asyncio.timeout(options.limit):
            reason = await ask(context, device, options) or await device.ended
            # The answer to Finish may be lost: the server then asks for it again.
            await asyncio.sleep(0.3)
    except TimeoutError:
        pass
    except Exception as error:  # whatever it is belongs into the report
        reason = f"{error!r}"
    await context.shutdown()
    instances, payloads = device.holdings.shown()
    versions = ["aiocoap", "DTLSSocket"] if options.psk_identity else ["aiocoap"]
    return {
        "client": [f"{name} {importlib.metadata.version(name)}" for name in versions],
        "failure": reason,
        "requests": device.requests,
        "instances": instances,
        "payloads": payloads,
    }


async def ask(context, device, options):
    """Sends the Bootstrap-Request; the reason for ending here, if it was refused."""
    request = Message(code=POST, uri=f"{server_uri(options)}/bs")
    request.opt.uri_query = [f"ep={options.endpoint}"] + ([f"pct={options.pct}"] if options.pct else [])
    response = await context.request(request).response
    if response.code != CHANGED:
        return f"/bs was answered {response.code.dotted}"
    device.accepted.set()


def key_from(path):
    with open(path, encoding="ascii") as file:
        return bytes.fromhex(file.read().strip().removeprefix("hex:"))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, metavar="HOST:PORT")
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--psk-identity")
    parser.add_argument("--psk-file", help="a file that holds hex:...")
    parser.add_argument("--tcp", action="store_true", help="plain CoAP over TCP")
    parser.add_argument("--lwm2m", choices=["1.0", "1.1", "1.2"], default="1.0")
    parser.add_argument("--pct", type=int, help="preferred content format")
    parser.add_argument("--bootstrap-instance", type=int, default=0, help="where /0 holds the bootstrap account")
    account = lambda text: tuple(int(part) for part in text.split(":"))
    parser.add_argument("--account", type=account, action="append", default=[], metavar="SSID:SECURITY:SERVER",
                        help="a server account that is there already")
    parser.add_argument("--no-discover", action="store_true", help="answer Discover with 4.05")
    parser.add_argument("--big-discover", action="store_true", help="answer Discover in several blocks")
    parser.add_argument("--refuse-format", type=int, action="append", default=[], help="answer it with 4.15")
    parser.add_argument("--slow", type=float, default=0, help="seconds before a Write is answered, separately")
    parser.add_argument("--limit", type=float, default=60, help="seconds after which the client gives up")
    return parser.parse_args()


def main():
    report = asyncio.run(bootstrap(arguments()))
    print(json.dumps(report, indent=1), flush=True)
    sys.exit(1 if report["failure"] else 0)


if __name__ == "__main__":
    main()
