"""One hold of a CPAR+ from its first program to its end, without the link that carries it. Pure.

Theory of operation
-------------------
``Holding`` says which function is due (load, then start), is told what was answered and what each status
shows, and decides when the hold is over and why.  States of one piece::

    load --CRC right--> start --answered--> runs --idle, completed--> load ...
                                            runs --anything else----> ended

The device is believed about what it does, and only within what was asked: a target above ours, a target on
another outlet, a program that runs on, a start that waits for a trigger are *straying* and end the hold.
``ended`` is called once with each ending; whoever carries the bytes then stops the device.

Units: pressures 0.1 mmHg, times ms of the caller's clock.
"""

from collections.abc import Callable
from dataclasses import dataclass

from drivers import cpar_messages as wire
from drivers import cpar_texts as texts
from drivers import cpar_waveform as waveform
from drivers.cpar_events import Ending, HoldEnded, ProgramStarted, Seam, Status
from drivers.cpar_hold import Hold

LEASE_MS = 1_000
STATUS_SILENCE_MS = 500
SETTLE_MS = 300
"""After its start a program may take so long to show in a status, and may end so much before its time."""
OVERRUN_MS = 500


@dataclass(slots=True)
class _Run:
    """The program that was started last. ``ends_ms``: when it ends at the latest, by our clock."""

    started_ms: int
    ends_ms: int
    stimulating_ms: int | None = None

    def has_settled(self, now_ms: int) -> bool:
        """Whether it must have shown by now, or has."""
        return self.stimulating_ms is not None or now_ms - self.started_ms >= SETTLE_MS


@dataclass(slots=True)
class _Gap:
    """Since when nothing stimulates between two programs, and the lowest pressure seen."""

    since_ms: int
    lowest_dmmhg: int


class Holding:
    """At most one hold. ``tell`` takes its events."""

    def __init__(self, tell: Callable[[object], None], ended: Callable[[Ending, str], None]) -> None:
        self._tell = tell
        self._ended = ended
        self._hold: Hold | None = None
        self._loaded = False
        self._run: _Run | None = None
        self._gap: _Gap | None = None

    @property
    def hold(self) -> Hold | None:
        """What is wanted now."""
        return self._hold

    def begin(self, hold: Hold, now_ms: int) -> None:
        """Hold this from now on."""
        self._hold, self._run, self._gap, self._loaded = hold, None, None, False
        hold.renew(hold.ends_ms, now_ms + LEASE_MS)

    def end(self, ending: Ending, text: str, stop_reason: int | None = None) -> None:
        """Give it up; nothing happens where nothing is held."""
        if self._hold is not None:
            self._hold = None
            self._tell(HoldEnded(ending, text, stop_reason))
            self._ended(ending, text)

    # --- functions ---------------------------------------------------------------------------------

    def function(self, now_ms: int) -> tuple[int, bytes] | None:
        """The code and the frame of what is due now."""
        hold = self._hold
        if hold is None or self._run is not None:
            return None
        if not (self._loaded and hold.fits(now_ms)):
            self._loaded = False
            if not hold.cut(now_ms):
                self.end(Ending.COMPLETED, "the time asked for is over")
                return None
        if self._loaded:
            return wire.START, wire.encode_start(hold.start)
        assert hold.program is not None
        return wire.SET_WAVEFORM, wire.encode_set_waveform(hold.program)

    def is_loaded(self, crc: int) -> bool:
        """The device answered the program with this CRC-8; whether that is right."""
        program = self._hold.program if self._hold else None
        self._loaded = program is not None and waveform.waveform_crc(program) == crc
        return self._loaded

    def started(self, now_ms: int) -> None:
        """The device answered the start."""
        hold = self._hold
        if hold is not None and hold.program is not None:
            ends_ms = now_ms + waveform.program_ms(hold.program)
            hold.number += 1
            self._run = _Run(now_ms, ends_ms)
            self._tell(ProgramStarted(hold.number, hold.target_dmmhg, ends_ms))

    # --- what is seen ------------------------------------------------------------------------------

    def pass_time(self, now_ms: int, status: Status | None) -> None:
        """Give up what nobody renews, what is over, and what nobody can see."""
        hold = self._hold
        if hold is None:
            return
        if now_ms > hold.lease_until_ms:
            self.end(Ending.LAPSED, "nobody asked for the pressure any more")
        elif now_ms >= hold.ends_ms:
            self.end(Ending.COMPLETED, "the time asked for is over")
        elif status is None or now_ms - status.arrived_ms >= STATUS_SILENCE_MS:
            self.end(Ending.SILENT, "the device sends no status: look at its cable and its power")

    def follow(self, status: Status) -> None:
        """What a status shows of it."""
        hold, run, state = self._hold, self._run, status.frame.state
        if hold is None:
            return
        if self._gap is not None:
            self._gap.lowest_dmmhg = min(self._gap.lowest_dmmhg, status.actual_dmmhg[hold.channel])
        stray = _stray(hold, status.frame)
        if stray:
            self.end(Ending.STRAYED, stray)
        elif state == wire.EMERGENCY:
            self._ended_by_itself(wire.REASON_EMERGENCY)
        elif run is not None and state == wire.STIMULATING:
            self._stimulates(run, status.arrived_ms)
        elif run is not None and run.has_settled(status.arrived_ms):
            self._is_not_stimulating(hold, run, status)

    def _stimulates(self, run: _Run, now_ms: int) -> None:
        if run.stimulating_ms is None and self._gap is not None:
            self._tell(Seam(now_ms - self._gap.since_ms, self._gap.lowest_dmmhg))
            self._gap = None
        run.stimulating_ms = now_ms
        if now_ms > run.ends_ms + OVERRUN_MS:
            self.end(Ending.STRAYED, "the CPAR+ runs a program longer than it was told to")

    def _is_not_stimulating(self, hold: Hold, run: _Run, status: Status) -> None:
        reason = status.frame.stop_reason
        if status.frame.state == wire.PENDING:
            self.end(Ending.STRAYED, "the CPAR+ waits for a trigger that nobody asked for")
        elif (
            reason == wire.REASON_COMPLETED
            and run.stimulating_ms is not None
            and status.arrived_ms >= run.ends_ms - SETTLE_MS
        ):
            self._gap = _Gap(run.stimulating_ms, status.actual_dmmhg[hold.channel])
            self._run, self._loaded = None, False
        else:
            self._ended_by_itself(reason)

    def _ended_by_itself(self, reason: int) -> None:
        self.end(Ending.DEVICE, f"the CPAR+ ended it: {texts.stop_reason(reason)}", reason)


def _stray(hold: Hold, frame: wire.Status) -> str:
    """What the device says that it gives and nobody asked for; empty when nothing."""
    targets = (frame.target_1, frame.target_2)
    if targets[hold.channel] > hold.ceiling_counts:
        return "the CPAR+ reports a target above the one that it was given"
    if targets[1 - hold.channel]:
        return "the CPAR+ reports a target on an outlet that nobody asked for"
    return ""
