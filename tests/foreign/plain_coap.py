"""CoAP over datagrams, as much of it as a device needs: RFC 7252 messages, and bodies in blocks by RFC 7959 section 2.5.

It knows no socket and no clock of its own: datagrams and times come in as arguments, datagrams go out by a function. Code
is written as in the RFCs, "0.02" or "2.04". Written without a line of the server's code, so that the two can disagree.
"""

from dataclasses import dataclass, field

CON, NON, ACK, RST = range(4)
URI_PATH, CONTENT_FORMAT, URI_QUERY, ACCEPT, BLOCK1 = 11, 12, 15, 17, 27
METHODS = {"0.01": "GET", "0.02": "POST", "0.03": "PUT", "0.04": "DELETE"}
# What is known of the critical options of a request; any other makes it a bad one (RFC 7252 section 5.4.1).
KNOWN = {3, 7, URI_PATH, URI_QUERY, ACCEPT, BLOCK1}


@dataclass
class Message:
    """One message; options are (number, value) in their order."""

    kind: int
    code: str
    mid: int
    token: bytes = b""
    options: list = field(default_factory=list)
    payload: bytes = b""

    def all(self, number):
        return [value for other, value in self.options if other == number]

    def uint(self, number):
        """The number in an option; none where it is missing."""
        return next((int.from_bytes(value, "big") for value in self.all(number)), None)

    def encode(self):
        major, minor = self.code.split(".")
        out = bytes([1 << 6 | self.kind << 4 | len(self.token), int(major) << 5 | int(minor)])
        out += self.mid.to_bytes(2, "big") + self.token
        last = 0
        for number, value in sorted(self.options, key=lambda option: option[0]):
            parts = [extended(number - last), extended(len(value))]
            out += bytes([parts[0][0] << 4 | parts[1][0]]) + parts[0][1] + parts[1][1] + value
            last = number
        return out + (b"\xff" + self.payload if self.payload else b"")


def extended(number):
    """A delta or length of an option: its four bits, and the bytes that extend them."""
    if number < 13:
        return number, b""
    return (13, bytes([number - 13])) if number < 269 else (14, (number - 269).to_bytes(2, "big"))


def decode(data):
    """The message in a datagram. Raises ValueError where there is none."""
    if len(data) < 4 or data[0] >> 6 != 1 or data[0] & 15 > 8:
        raise ValueError(f"no CoAP message: {data.hex()}")
    at = 4 + (data[0] & 15)
    message = Message(data[0] >> 4 & 3, f"{data[1] >> 5}.{data[1] & 31:02}", int.from_bytes(data[2:4], "big"), data[4:at])
    number = 0
    while at < len(data) and data[at] != 0xFF:
        sizes = []
        head, at = data[at], at + 1
        for nibble in (head >> 4, head & 15):
            width = {13: 1, 14: 2}.get(nibble, 0)
            sizes.append(int.from_bytes(data[at : at + width], "big") + {0: nibble, 1: 13, 2: 269}[width])
            at += width
        number += sizes[0]
        if at + sizes[1] > len(data) or head == 0xF0:
            raise ValueError(f"option {number} does not fit in: {data.hex()}")
        message.options.append((number, data[at : at + sizes[1]]))
        at += sizes[1]
    message.payload = data[at + 1 :]
    if at < len(data) and not message.payload:
        raise ValueError(f"a payload marker and no payload: {data.hex()}")
    return message


class Peer:
    """One association with the server: requests of ours that are sent until they are answered, and requests of its that
    are each obeyed once, however often they come.

    `obey(request, body)` answers `(code, content format or none, payload)`. A body in blocks is handed on whole; blocks
    of more than `block_size` bytes are refused with 4.13 and the size that is taken.
    """

    def __init__(self, send, obey, block_size, ack_timeout):
        self.send, self.obey, self.block_size, self.ack_timeout = send, obey, block_size, ack_timeout
        self.answered = {}
        self.mid, self.request, self.response = 0x4000, None, None
        self.body, self.blocks = b"", []

    def ask(self, now, path, queries):
        """Sends a POST; its response will stand in `response`."""
        options = [(URI_PATH, path.encode())] + [(URI_QUERY, query.encode()) for query in queries]
        self.request = Message(CON, "0.02", self.mid, b"\xb5\x01", options).encode()
        self.wait, self.due = self.ack_timeout, now
        self.handle_time(now)

    def handle_time(self, now):
        """Sends the request again when its time has come (RFC 7252 section 4.2)."""
        if self.request and now >= self.due:
            self.send(self.request)
            self.due, self.wait = now + self.wait, min(2 * self.wait, 2)

    def handle_datagram(self, data):
        message = decode(data)
        if message.code in METHODS:
            self.handle_request(message)
        elif message.code != "0.00":
            if message.kind == CON:
                self.send(Message(ACK, "0.00", message.mid).encode())
            if message.token == b"\xb5\x01" and (message.kind != ACK or message.mid == self.mid):
                self.response, self.request = message, None
        elif message.kind == ACK and message.mid == self.mid:
            self.due = float("inf")
        elif message.kind == CON:
            self.send(Message(RST, "0.00", message.mid).encode())

    def handle_request(self, message):
        # What overtakes the answer to our own request is ignored: it will come again.
        if self.response is None:
            return
        if message.mid not in self.answered:
            code, options, payload = self.answer(message)
            self.answered[message.mid] = Message(ACK, code, message.mid, message.token, options, payload).encode()
        self.send(self.answered[message.mid])

    def answer(self, message):
        unknown = [number for number, _ in message.options if number % 2 and number not in KNOWN]
        if message.kind != CON or not message.token or unknown:
            return "4.02", [], f"kind {message.kind}, token {message.token.hex()}, options {unknown}".encode()
        block, body, options = message.uint(BLOCK1), message.payload, []
        size = 16 << (block & 7) if block is not None else len(body)
        if size > self.block_size:
            exponent = self.block_size.bit_length() - 5
            return "4.13", [(BLOCK1, bytes([8 | exponent]))], b""
        if block is not None:
            if block >> 4 == 0:
                self.body = b""
            if len(self.body) != (block >> 4) * size or (block & 8 and len(body) != size):
                return "4.08", [], f"block {block >> 4} of {len(body)} bytes is not due".encode()
            self.body += body
            self.blocks.append(len(body))
            options = [(BLOCK1, block.to_bytes((block.bit_length() + 7) // 8, "big"))]
            if block & 8:
                return "2.31", options, b""
            body = self.body
        code, content_format, payload = self.obey(message, body)
        if content_format is not None:
            options.append((CONTENT_FORMAT, bytes([content_format])))
        return code, options, payload
