"""An LwM2M client on Mbed TLS 2.28 (python-mbedtls) with a CoAP of its own: asks to be bootstrapped over DTLS, serves the
bootstrap on the same association, prints what it then holds.

It proves itself with a pre-shared key or with a certificate, may ask for records of 512 bytes at most (RFC 6066
section 4), and may have a bad link to the server. One JSON document goes to standard output; the exit code is 0 only
after an accepted Finish.
"""

import argparse
import importlib.metadata
import select
import socket
import time

from mbedtls import pk, tls, x509

from dtls_device import add_arguments, bootstrap
from faults import Link

LARGEST_DATAGRAM = 1200
READ_AT_ONCE = 4096
SERVER_HELLO, MAX_FRAGMENT_LENGTH = 2, 1


class Association:
    """DTLS over a socket, through the bad link if there is one."""

    def __init__(self, options):
        # Mbed TLS keeps pointers to what Python would otherwise free.
        self.kept = self.credentials(options)
        self.buffer = tls.ClientContext(tls.DTLSConfiguration(
            lowest_supported_version=tls.DTLSVersion.DTLSv1_2,
            max_fragmentation_length=tls.MaxFragmentLength.MFL_512K if options.max_fragment_512 else None,
            handshake_timeout_min=options.patience, handshake_timeout_max=128 * options.patience, **self.kept,
        )).wrap_buffers(options.server_name)
        host, port = options.server.rsplit(":", 1)
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.connect((host.strip("[]"), int(port)))
        rates = {"lost": options.lost, "doubled": options.doubled, "reordered": options.reordered}
        self.link = Link(options.seed, rates)
        self.largest_records, self.agreed_fragment_length, self.established = Counters(), None, False

    @staticmethod
    def credentials(options):
        if options.psk_identity:
            return {"pre_shared_key": (options.psk_identity, key_from(options.psk_file)),
                    "ciphers": ("TLS-PSK-WITH-AES-128-CCM-8",), "validate_certificates": False}
        chain = tuple(x509.CRT.from_file(path) for path in options.certificate)
        with open(options.private_key, encoding="ascii") as file:
            key = pk.ECC.from_PEM(file.read())
        anchors = tls.TrustStore([x509.CRT.from_file(options.trust_anchor)])
        return {"certificate_chain": (chain, key), "trust_store": anchors, "validate_certificates": True,
                "ciphers": ("TLS-ECDHE-ECDSA-WITH-AES-128-CCM-8",)}

    def advance(self):
        """Goes on as far as what has come allows; the application data that were in it."""
        data = []
        try:
            while True:
                if not self.established:
                    self.step()
                else:
                    room = bytearray(READ_AT_ONCE)
                    data.append(bytes(room[: self.buffer.readinto(room, len(room))]))
        except tls.WantReadError:
            self.flush()
        return data

    def step(self):
        try:
            self.buffer.do_handshake()
        except tls.WantWriteError:
            pass
        self.flush()
        # pylint: disable-next=protected-access
        self.established = self.buffer._handshake_state is tls.HandshakeStep.HANDSHAKE_OVER

    def send(self, data):
        self.buffer.write(data)
        self.flush()

    def flush(self):
        """Sends what Mbed TLS has written: the binding runs its datagrams together, so they are cut again."""
        written = self.buffer.peek_outgoing(1 << 15)
        self.buffer.consume_outgoing(len(written))
        datagram = b""
        for record in records(written):
            if datagram and len(datagram) + len(record) > LARGEST_DATAGRAM:
                self.put(self.link.out.through(time.monotonic(), datagram))
                datagram = b""
            datagram += record
        if datagram:
            self.put(self.link.out.through(time.monotonic(), datagram))

    def put(self, datagrams):
        for datagram in datagrams:
            try:
                self.socket.send(datagram)
            except ConnectionRefusedError:
                pass  # of an earlier one, and no more than a loss

    def wait(self, seconds):
        """What has come within that time, fed datagram by datagram; the application data that were in it."""
        now = time.monotonic()
        self.put(self.link.out.late(now))
        datagrams = self.link.back.late(now)
        if select.select([self.socket], [], [], seconds)[0]:
            try:
                datagrams += self.link.back.through(time.monotonic(), self.socket.recv(1 << 16))
            except ConnectionRefusedError:
                pass
        data = [] if datagrams else self.advance()
        for datagram in datagrams:
            self.look_at(datagram)
            self.buffer.receive_from_network(datagram)
            data += self.advance()
        return data

    def look_at(self, datagram):
        for record in records(datagram):
            is_protected = record[3:5] != b"\0\0"
            # With CCM_8 an explicit nonce and a tag of 8 bytes each stand around the content (RFC 6655 section 3).
            self.largest_records.note("protected" if is_protected else "clear", len(record) - 13 - 16 * is_protected)
            if record[0] == 22 and not is_protected and record[13] == SERVER_HELLO:
                self.agreed_fragment_length = extensions_of(record[25:]).get(MAX_FRAGMENT_LENGTH, b"").hex() or None

    def facts(self):
        return {
            "client": [f"python-mbedtls {importlib.metadata.version('python-mbedtls')}"],
            "cipher": self.buffer.cipher(),
            "max_fragment_length": self.agreed_fragment_length,
            "largest_records": self.largest_records,
            "link": self.link.counter,
        }


class Counters(dict):
    """The largest number by name."""

    def note(self, name, number):
        self[name] = max(number, self.get(name, 0))


def records(data):
    """The DTLS records that stand side by side (RFC 6347 section 4.1)."""
    while data:
        end = 13 + int.from_bytes(data[11:13], "big")
        yield data[:end]
        data = data[end:]


def extensions_of(server_hello):
    """The extensions of a ServerHello in one piece, by number (RFC 5246 section 7.4.1.3)."""
    at = 35 + server_hello[34] + 3 + 2
    found = {}
    while at + 4 <= len(server_hello):
        number, length = (int.from_bytes(server_hello[at + i : at + i + 2], "big") for i in (0, 2))
        found[number] = server_hello[at + 4 : at + 4 + length]
        at += 4 + length
    return found


def key_from(path):
    with open(path, encoding="ascii") as file:
        return bytes.fromhex(file.read().strip().removeprefix("hex:"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--certificate", action="append", default=[], help="PEM; its issuers follow, each by itself")
    parser.add_argument("--seed", type=int, default=0, help="of the bad link")
    for fault in ("lost", "doubled", "reordered"):
        parser.add_argument(f"--{fault}", type=int, default=0, help="per cent of the datagrams each way")
    options = parser.parse_args()
    bootstrap(options, Association(options))


if __name__ == "__main__":
    main()
