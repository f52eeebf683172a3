"""Which journal event is offered to the broker next, and which ones the ward surely has.

Theory of operation
-------------------
The journal is the outbox; this machine only keeps positions in it.  Within one connection events
are first offered in order.  An answer (PUBACK) sorts an event:

- *heard* (reason below 0x80, not 0x10): the broker took it.
- *unheard* (0x10, no matching subscribers): the broker took it and threw it away, because nobody
  had subscribed.  A hospital whose archive is installed a day after the bedside would lose that day,
  so the event is remembered and offered again when there is room, at most 16 unheard offers in 10 s
  (an archive that appears is noticed, a topic that nobody ever wants costs next to nothing), and at
  full speed as long as they are heard.  Other events do not wait for it.
- *refused* (0x80 and above: access control, quota): offering pauses, 1 s doubling to 60 s, then one
  refused event is tried again, and all of them once anything is accepted.  Nothing is given up: a
  refusal is somebody's mistake that will be mended, and a topic that is denied holds up no other.

``answered_through`` is the last event up to which every one was heard or is listed as unheard.  A
broker that dies forgets what it took in its last seconds (mosquitto saves its database now and then:
set its ``autosave_interval`` to 30 or less).  So an event is *settled* only when the same connection
brought another answer at least 30 s after its own: that broker lived through them.  Time that
merely passed proves nothing, because a lost connection can look like a silent one for a minute.  A
new connection, also of a restarted link, begins again at ``settled_through``, which sends what was
acknowledged in the last 30 s once more; consumers drop the duplicates by ``(device, seq)``.

A durable event number is therefore delivered if it is at most ``settled_through`` and not in
``unheard``; ``acknowledged_through`` says the same of answers, settled or not.

Pure: no IO, no clock.  Times are ms of one monotonic clock.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

NO_SUBSCRIBERS = 0x10
FIRST_REFUSAL = 0x80
SETTLE_MS = 30_000
MARK_MS = 1000
REFUSAL_FIRST_MS = 1000
REFUSAL_LONGEST_MS = 60_000
PROBES = 16
PROBE_MS = 10_000


@dataclass(frozen=True, slots=True)
class Position:
    """What must survive a restart of the link."""

    settled_through: int = 0
    answered_through: int = 0
    unheard: frozenset[int] = frozenset()

    @property
    def acknowledged_through(self) -> int:
        """Every event up to this one got a PUBACK that says somebody may have it."""
        return min(self.answered_through, min(self.unheard, default=self.answered_through + 1) - 1)


class _Mark(NamedTuple):
    """Everything up to ``through`` had been answered at ``at_ms``; marks are a second apart."""

    opened_ms: int
    at_ms: int
    through: int


class Outbox:
    """The positions of one link in one journal."""

    def __init__(self, position: Position) -> None:
        self._settled = position.settled_through
        self._answered = position.answered_through
        self._unheard = set(position.unheard)
        self._marks: deque[_Mark] = deque()
        self._confirming: dict[int, int] = {}  # heard at last: event -> when
        self._refusals = 0
        self._begin_positions()

    def _begin_positions(self) -> None:
        self._through = self._settled
        self._offered = self._settled
        self._beyond: set[int] = set()  # answered, but not in one piece with ``_through``
        self._refused: set[int] = set()
        self._retries_left = 0
        self._paused_until_ms: int | None = None
        self._probes = deque(sorted(seq for seq in self._unheard if seq <= self._settled))
        self._probes_left = PROBES
        self._probes_refill_ms: int | None = None

    @property
    def position(self) -> Position:
        return Position(self._settled, self._answered, frozenset(self._unheard))

    def begin(self) -> None:
        """A connection is up: start again after what is settled."""
        self._begin_positions()

    def end(self) -> None:
        """The connection is lost: what was answered lately may be lost with it."""
        self._marks.clear()
        self._confirming.clear()

    def settle(self, now_ms: int) -> None:
        """The broker answered something just now: what it took 30 s ago counts for good."""
        while self._marks and self._marks[0].at_ms <= now_ms - SETTLE_MS:
            self._settled = max(self._settled, self._marks.popleft().through)
        for seq in [seq for seq, at_ms in self._confirming.items() if at_ms <= now_ms - SETTLE_MS]:
            del self._confirming[seq]
            self._unheard.discard(seq)

    def next(self, now_ms: int, newest: int) -> int | None:
        """The event to offer now: refused ones first, then new ones, then unheard ones."""
        if self._is_paused(now_ms):
            return None
        if self._refused and self._retries_left > 0:
            self._retries_left -= 1
            seq = min(self._refused)
            self._refused.remove(seq)
            return seq
        if self._offered < newest:
            self._offered += 1
            return self._offered
        return self._next_probe(now_ms)

    def _is_paused(self, now_ms: int) -> bool:
        return self._paused_until_ms is not None and now_ms < self._paused_until_ms

    def _next_probe(self, now_ms: int) -> int | None:
        if self._probes_refill_ms is None:
            self._probes_refill_ms = now_ms + PROBE_MS
        elif now_ms >= self._probes_refill_ms:
            self._probes_left, self._probes_refill_ms = PROBES, now_ms + PROBE_MS
        if not self._probes or self._probes_left <= 0:
            return None
        self._probes_left -= 1
        return self._probes.popleft()

    def answered(self, seq: int, reason: int, now_ms: int) -> None:
        """The broker answered the offer of ``seq`` of this connection."""
        if reason >= FIRST_REFUSAL:
            self._refuse(seq, now_ms)
            return
        self._refusals = 0
        self._retries_left = len(self._refused)
        heard = reason != NO_SUBSCRIBERS
        if seq <= self._through or seq in self._beyond:
            self._answer_probe(seq, heard, now_ms)
        else:
            self._answer_offer(seq, heard, now_ms)

    def _refuse(self, seq: int, now_ms: int) -> None:
        """The answers to one window of offers count as one refusal."""
        self._refused.add(seq)
        if self._is_paused(now_ms):
            return
        self._paused_until_ms = now_ms + min(REFUSAL_LONGEST_MS, REFUSAL_FIRST_MS << min(self._refusals, 10))
        self._refusals += 1
        self._retries_left = 1

    def _answer_probe(self, seq: int, heard: bool, now_ms: int) -> None:
        if heard:
            self._confirming[seq] = now_ms
            self._probes_left += 1
        else:
            self._probes.append(seq)

    def _answer_offer(self, seq: int, heard: bool, now_ms: int) -> None:
        if heard:
            self._unheard.discard(seq)
        else:
            self._unheard.add(seq)
            self._probes.append(seq)
        self._beyond.add(seq)
        while self._through + 1 in self._beyond:
            self._through += 1
            self._beyond.remove(self._through)
        self._answered = max(self._answered, self._through)
        self._mark(now_ms)

    def _mark(self, now_ms: int) -> None:
        if self._marks and now_ms - self._marks[-1].opened_ms < MARK_MS:
            self._marks[-1] = _Mark(self._marks[-1].opened_ms, now_ms, self._through)
        else:
            self._marks.append(_Mark(now_ms, now_ms, self._through))


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers as runs of neighbours, first and last of each: what the cursor file holds."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
