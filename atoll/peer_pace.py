"""How fast each peer begins to answer, and which one has lately given no answer. Pure; time is passed in.

What is measured is the time to the first byte: it says whether a peer is alive, whatever the size of what
it sends. A race that a peer lost counts with the time it had: leaving it out would make a peer that has
become slow look fast for ever. Used by hedging.py; one per daemon or client.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

SAMPLES = 64  # of each peer, the newest
ENOUGH = 8  # fewer say nothing about a 95th percentile
PEERS = 1024  # remembered; the one asked longest ago is forgotten first
LOSSES = 2  # in a row, each against another peer that did answer
SHUN_SECONDS = 3.0

LEAST_DELAY, MOST_DELAY, FIRST_DELAY = 0.02, 1.0, 0.25  # seconds until a second peer may be asked


@dataclass(slots=True)
class _Peer:
    samples: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    losses: int = 0
    shunned_until: float = 0.0


class PeerPace:
    """Peers by name. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._peers: OrderedDict[str, _Peer] = OrderedDict()

    def answered(self, peer: str, seconds: float) -> None:
        """Its first byte came after `seconds`."""
        known = self._of(peer)
        known.samples.append(seconds)
        known.losses, known.shunned_until = 0, 0.0

    def lost(self, peer: str, seconds: float, now: float) -> None:
        """Another peer, asked later, answered sooner: this one had `seconds` and said nothing."""
        known = self._of(peer)
        known.samples.append(seconds)
        known.losses += 1
        if known.losses >= LOSSES:
            known.shunned_until = now + SHUN_SECONDS

    def failed(self, peer: str, now: float) -> None:
        """It could not be reached, broke off, or its deadline passed."""
        self._of(peer).shunned_until = now + SHUN_SECONDS

    def is_shunned(self, peer: str, now: float) -> bool:
        """Whether others should be asked first."""
        known = self._peers.get(peer)
        return known is not None and now < known.shunned_until

    def p95(self, peer: str) -> float | None:
        """The 95th percentile of the peer's recent times to the first byte; None while too few are known."""
        known = self._peers.get(peer)
        if known is None or len(known.samples) < ENOUGH:
            return None
        ordered = sorted(known.samples)
        return ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]

    def patience(self, peer: str) -> float:
        """How long to wait for the peer before a second one may be asked as well, in seconds."""
        p95 = self.p95(peer)
        return FIRST_DELAY if p95 is None else min(MOST_DELAY, max(LEAST_DELAY, p95))

    def _of(self, peer: str) -> _Peer:
        known = self._peers.setdefault(peer, _Peer())
        self._peers.move_to_end(peer)
        if len(self._peers) > PEERS:
            self._peers.popitem(last=False)
        return known


class HedgeBudget:
    """Second requests are at most a tenth of the first ones (and a few): they must never double the load.

    A token bucket (Dean and Barroso, The Tail at Scale, 2013, hedge the same way): when every peer is slow,
    hedging would make all of it worse, and the bucket runs dry.
    """

    SHARE = 0.1
    MOST = 4.0

    def __init__(self) -> None:
        self._tokens = self.MOST  # at the start nothing is known of anybody
        self.requests = 0
        self.hedges = 0

    def asked(self) -> None:
        """A first request is made."""
        self.requests += 1
        self._tokens = min(self.MOST, self._tokens + self.SHARE)

    def take(self) -> bool:
        """Whether a second request may be made now; if so, it counts as made."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        self.hedges += 1
        return True
