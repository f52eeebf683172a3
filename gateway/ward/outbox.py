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
merely passed proves nothing, because a lost connection can look like a silent one for a minute.
What was answered and is not settled is *in doubt*: a new connection, also of a restarted link, sends it
once more; consumers drop the duplicates by ``(device, seq)``.

Where connections live for less than 30 s, nothing ever settles, and repeating all that is in doubt on each
would send the more the longer it lasts.  So *patience*: the first repetition begins with the connection;
after one that settled not everything, the next waits until its connection is 30 s old, then 60 s, doubling
to 8 min; when all is settled, patience is back at nothing.  Events that were never answered, and unheard
ones, never wait.  So each event is repeated a few times at most however connections come and go, and nothing
in doubt is given up: it goes out once more on the first connection that lives long enough.  Patience is
raised when a repetition begins, so that a link that is killed in it remembers.

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
PATIENCE_FIRST_MS = SETTLE_MS
PATIENCE_LONGEST_MS = 16 * SETTLE_MS


@dataclass(frozen=True, slots=True)
class Position:
    """What must survive a restart of the link."""

    settled_through: int = 0
    answered_through: int = 0
    unheard: frozenset[int] = frozenset()
    patience_ms: int = 0

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
        self._patience_ms = position.patience_ms
        self._begin_positions()

    def _begin_positions(self) -> None:
        self._through = self._settled
        self._repeated = self._settled
        self._doubtful = self._offered = max(self._settled, self._answered)
        self._due_ms = self._patience_ms  # how old this connection must be to repeat what is in doubt
        self._began_ms: int | None = None
        self._beyond: set[int] = set()  # answered, but not in one piece with ``_through``
        self._refused: set[int] = set()
        self._retries_left = 0
        self._paused_until_ms: int | None = None
        probed_through = self._doubtful if self._due_ms else self._settled
        self._probes = deque(sorted(seq for seq in self._unheard if seq <= probed_through))
        self._probes_left = PROBES
        self._probes_refill_ms: int | None = None

    @property
    def position(self) -> Position:
        return Position(self._settled, self._answered, frozenset(self._unheard), self._patience_ms)

    def begin(self) -> None:
        """A connection is up: what is in doubt is repeated, at once or later, and news goes on."""
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
        if self._settled >= self._doubtful:
            self._patience_ms = 0

    def next(self, now_ms: int, newest: int) -> int | None:
        """The event to offer now: refused ones first, then doubtful ones, new ones, unheard ones."""
        self._began_ms = now_ms if self._began_ms is None else self._began_ms
        if self._is_paused(now_ms):
            return None
        if self._refused and self._retries_left > 0:
            self._retries_left -= 1
            seq = min(self._refused)
            self._refused.remove(seq)
            return seq
        if now_ms - self._began_ms >= self._due_ms and (doubtful := self._next_doubtful()) is not None:
            return doubtful
        if self._offered < newest:
            self._offered += 1
            return self._offered
        return self._next_probe(now_ms)

    def _next_doubtful(self) -> int | None:
        while self._repeated < self._doubtful:
            self._repeated += 1
            if not self._is_answered(self._repeated):
                self._patience_ms = min(PATIENCE_LONGEST_MS, max(PATIENCE_FIRST_MS, 2 * self._due_ms))
                return self._repeated
        return None

    def _is_answered(self, seq: int) -> bool:
        """Whether this connection, or a settled one, brought an answer to it."""
        return seq <= self._through or seq in self._beyond

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
        if self._is_answered(seq):
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
        while self._is_answered(self._answered + 1):
            self._answered += 1
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
