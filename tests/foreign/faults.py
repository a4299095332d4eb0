"""A bad link between a device and its socket: it loses, doubles and reorders datagrams, each way, by a seed.

What becomes of the n-th datagram of a direction is settled by the seed alone. It behaves after LIFE datagrams, and never
loses more than two in a row, so that whoever sends again often enough gets through.
"""

from collections import Counter
from random import Random

LIFE = 120
HOLD = 0.05  # seconds after which a datagram that was held back goes on without another having passed it


class Direction:
    """One way through the link. The counter says what it did, as in `lost out handshake`."""

    def __init__(self, name, seed, rates, counter):
        random = Random(f"{seed} {name}")
        self.fates = iter([random.choices([*rates, "passed"], [*rates.values(), 100 - sum(rates.values())])[0]
                           for _ in range(LIFE)])
        self.name, self.counter, self.held, self.losses = name, counter, [], 0

    def through(self, now, datagram):
        """The datagrams that come out when this one goes in."""
        fate = next(self.fates, "passed")
        self.losses = self.losses + 1 if fate == "lost" else 0
        if self.losses > 2:
            fate, self.losses = "passed", 0
        self.counter[f"{fate} {self.name} {kind(datagram)}"] += 1
        if fate == "reordered":
            self.held.append((now + HOLD, datagram))
            return []
        overtaken, self.held = [late for _, late in self.held], []
        return {"lost": [], "doubled": [datagram, datagram], "passed": [datagram]}[fate] + overtaken

    def late(self, now):
        """The datagrams that have been held back long enough."""
        due = [datagram for until, datagram in self.held if until <= now]
        self.held = [(until, datagram) for until, datagram in self.held if until > now]
        return due


class Link:
    """Both directions."""

    def __init__(self, seed, rates):
        self.counter = Counter()
        self.out, self.back = (Direction(name, seed, rates, self.counter) for name in ("out", "back"))


def kind(datagram):
    """Whether a datagram of DTLS belongs to a handshake or carries what it protects (RFC 6347 section 4.1)."""
    return "data" if datagram[0] == 23 else "handshake"
