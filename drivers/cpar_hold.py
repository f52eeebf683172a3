"""A pressure held by a CPAR+: short programs, one after the other, each of which ends by itself. Pure.

Theory of operation
-------------------
A CPAR+ has no lease.  What it has is a *program*: a list of pressures and durations that it plays to the end
by itself, 600 s at most, and then lets the air out.  So a program is the lease: it is never longer than what
the caller still wants, it ends in a STEP to zero, and while it runs nothing that we do can make it longer.
The decision, with its price:

**A hold is cut into equal programs of at most ``segment_ms``** (10 s unless configured).  The next one is
loaded and started only when the device says that the last is over (idle, reason 3), and only while the
caller goes on asking.  If the gateway dies, the pressure ends with the program or by the device's watchdog
(reason 9), whichever is first; the watchdog's length is unconfirmed, the program's is ours.

**The price is a seam.**  The device refuses to load or start while it is not idle (error 3), so between two
programs the pressure falls for as long as one status, two functions and the final STEP take: about 0.3 s.
Each seam is told with the lowest pressure seen, for a cuff that falls below systolic lets blood in.

**A site that has measured the watchdog may have no seams.**  With ``confirmed_watchdog_ms`` from its
configuration, 2 s at most, the dead-man is as good as a short program, and one program carries the whole
hold.  Without that figure nothing is assumed.

Not done: loading the next program into the running one.  Whether a CPAR+ allows that, and what it then
plays, is unknown.

Units: pressures 0.1 mmHg, times ms of the caller's clock.
"""

from drivers import cpar_messages as wire
from drivers import cpar_waveform as waveform

SEGMENT_MS = 10_000
SHORTEST_SEGMENT_MS = 1_000
RELEASE_MS = 100
"""The STEP to zero that ends every program; part of its length."""

START_RESERVE_MS = 200
"""Left free at the end of the wanted time, for the way of the program and of its start to the device."""

LONGEST_WATCHDOG_MS = 2_000


class Hold:
    """One wanted pressure on one outlet until ``ends_ms``. ``number``: how many programs were started."""

    __slots__ = ("_segment_ms", "channel", "ends_ms", "lease_until_ms", "number", "program", "target_dmmhg")

    def __init__(self, channel: int, target_dmmhg: int, ends_ms: int, segment_ms: int) -> None:
        self.channel = channel
        self.target_dmmhg = target_dmmhg
        self.ends_ms = ends_ms
        self.lease_until_ms = 0
        self.number = 0
        self.program: waveform.SetWaveform | None = None
        self._segment_ms = segment_ms

    @property
    def ceiling_counts(self) -> int:
        """The highest target that the device may report for it."""
        return waveform.counts_of_operand(waveform.operand_of_dmmhg(self.target_dmmhg)) + 1

    @property
    def start(self) -> wire.Start:
        """What gives the program on the outlet of the same number; the stop button always ends it."""
        outlets = [waveform.NO_CHANNEL, waveform.NO_CHANNEL]
        outlets[self.channel] = self.channel
        return wire.Start(wire.ON_BUTTON_PRESSED, outlets[0], outlets[1], 1, 0)

    def renew(self, ends_ms: int, lease_until_ms: int) -> None:
        """The caller still wants it. The end only ever comes nearer."""
        self.ends_ms = min(self.ends_ms, ends_ms)
        self.lease_until_ms = lease_until_ms

    def cut(self, now_ms: int) -> bool:
        """Make the next program; False when too little time is left for one."""
        self.program = None
        left_ms = self.ends_ms - START_RESERVE_MS - now_ms
        if left_ms < SHORTEST_SEGMENT_MS:
            return False
        pieces = -(-left_ms // self._segment_ms)
        self.program = program(self.channel, self.target_dmmhg, left_ms // pieces)
        return True

    def fits(self, now_ms: int) -> bool:
        """Whether the program, started now, ends within the wanted time."""
        return self.program is not None and now_ms + waveform.program_ms(self.program) <= self.ends_ms


def program(channel: int, target_dmmhg: int, length_ms: int) -> waveform.SetWaveform:
    """The target, then zero: ``length_ms`` in all. Raises ``EncodingError`` for what the device cannot do."""
    release = waveform.cycles_of_ms(RELEASE_MS)
    held = waveform.cycles_of_ms(length_ms) - release
    target = waveform.Instruction(waveform.STEP, waveform.operand_of_dmmhg(target_dmmhg), held)
    return waveform.SetWaveform(channel, 1, (target, waveform.Instruction(waveform.STEP, 0, release)))


def segment_for(confirmed_watchdog_ms: int | None, segment_ms: int) -> int:
    """How long one program may be. Raises ``ValueError`` for a watchdog or a segment that is none."""
    if confirmed_watchdog_ms is not None:
        if not 0 < confirmed_watchdog_ms <= LONGEST_WATCHDOG_MS:
            raise ValueError(
                f"a confirmed watchdog of {confirmed_watchdog_ms} ms is not within 1 to "
                f"{LONGEST_WATCHDOG_MS}: leave it out, and holds are made of short programs"
            )
        return waveform.LONGEST_PROGRAM_MS
    if not SHORTEST_SEGMENT_MS <= segment_ms <= waveform.LONGEST_PROGRAM_MS:
        raise ValueError(
            f"a program of {segment_ms} ms is not within {SHORTEST_SEGMENT_MS} to "
            f"{waveform.LONGEST_PROGRAM_MS}"
        )
    return segment_ms
