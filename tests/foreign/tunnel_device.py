"""An LwM2M client whose DTLS is a program of its own, a tunnel as `tunnels/tunnel.h` says: asks to be bootstrapped, serves
the bootstrap on the same association, prints what it then holds.

It may go on from another UDP port while it is bootstrapped, which only an association with a connection id survives
(RFC 9146). One JSON document goes to standard output; the exit code is 0 only after an accepted Finish.
"""

import argparse
import os
import select
import subprocess

from dtls_device import add_arguments, bootstrap

READ_AT_ONCE = 1 << 16
# Handed on to the tunnel as they are.
VALUES = ("server", "psk_identity", "psk_file", "certificate", "private_key", "trust_anchor", "server_name", "connection_id")


class Tunnel:
    """The association; what the tunnel states of it is in `stated`."""

    def __init__(self, options):
        command = [options.tunnel]
        for name in VALUES:
            if getattr(options, name) is not None:
                command += ["--" + name.replace("_", "-"), str(getattr(options, name))]
        command += ["--max-fragment-512"] if options.max_fragment_512 else []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.unread, self.stated, self.sent, self.ports = b"", {}, 0, 1
        self.moves, self.only_with_id = options.moves, options.connection_id is not None

    @property
    def established(self):
        return "established" in self.stated

    def send(self, data):
        # The request that begins everything goes out from the first port.
        if self.moves and self.sent > 0 and self.sent % self.moves == 0 and self.survives_a_move():
            self.put(b"")
            self.ports += 1
        self.sent += 1
        self.put(data)

    def survives_a_move(self):
        """Whether the server found a connection id worth having; one that was not asked for is not waited for."""
        return not self.only_with_id or int(self.stated.get("connection_id", 0)) > 0

    def put(self, frame):
        self.process.stdin.write(len(frame).to_bytes(2, "big") + frame)
        self.process.stdin.flush()

    def wait(self, seconds):
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            return []
        read = os.read(self.process.stdout.fileno(), READ_AT_ONCE)
        if not read:
            raise ConnectionError(self.process.stderr.read().decode().strip())
        return self.taken(read)

    def taken(self, read):
        """The application data in the frames that are whole; facts among them are kept."""
        self.unread += read
        data = []
        while len(self.unread) >= 3 and len(self.unread) >= 3 + int.from_bytes(self.unread[1:3], "big"):
            end = 3 + int.from_bytes(self.unread[1:3], "big")
            kind, content, self.unread = self.unread[:1], self.unread[3:end], self.unread[end:]
            if kind == b">":
                data.append(content)
            else:
                name, value = content.decode().split(" ", 1)
                self.stated[name] = value
        return data

    def facts(self):
        """Ends the tunnel."""
        if not self.established:
            self.process.terminate()  # it listens to the server alone
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended by itself
        self.taken(self.process.stdout.read())
        self.process.wait()
        number = lambda name: int(self.stated[name]) if name in self.stated else None
        return {
            "client": [self.stated.get("library", "a tunnel that said nothing")],
            "cipher": self.stated.get("cipher"),
            "connection_id": number("connection_id"),
            "records_with_id": number("records_with_id"),
            "largest_record": number("largest_record"),
            "ports": self.ports,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--tunnel", required=True, help="the program")
    parser.add_argument("--certificate", help="PEM; its issuers follow in the same file")
    parser.add_argument("--connection-id", type=int, metavar="BYTES", help="offer connection ids, one of that length")
    parser.add_argument("--moves", type=int, metavar="N", help="go on from another port before every N-th answer; "
                        "if connection ids were offered, only with one of the server's")
    options = parser.parse_args()
    bootstrap(options, Tunnel(options))


if __name__ == "__main__":
    main()
