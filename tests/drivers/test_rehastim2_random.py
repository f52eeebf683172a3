"""Any order of words, cuts, restarts and faults: which pulses may flow, told by rules of its own.

Theory of operation
-------------------
The rules know nothing of the host's states.  They look at what the caller said, at what happened to wire and
device, and at each pulse with its instant:

1. a pulse has a current that was asked for, rounded down, within the time that one word can live: the
   host's 600 ms, and 1200 ms of the device's watchdog where the wire was cut meanwhile;
2. on a whole wire nothing flows from two turns after a stop on;
3. after the run has changed nothing flows until the caller has said stop or ask, and start after it.
"""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.rehastim2 import SILENCE_MS
from drivers.stimulation import Pulses
from gateway.simulation.rehastim2 import WATCHDOG_MS, Pulse
from tests.drivers.rehastim2_bench import TURN_MS, Bench

GRACE_MS = 3 * TURN_MS
STEPS = (
    *("start", "start", "start", "start", "other", "faster", "stop", "ask", "ask", "single"),
    *("restart", "cut_out", "cut_in", "join", "join", "peel", "press", "free", "free"),
)
PULSES = {
    "start": Pulses(20_500, 300, 500),
    "other": Pulses(30_000, 250, 500),
    "faster": Pulses(10_000, 200, 800),
}


@dataclass
class Watched(Bench):
    """A bench that knows what was said when, and what pulses are forgiven."""

    said: list[tuple[int, int]] = field(default_factory=list)
    stopped_ms: int | None = None
    cut_ms: int = -(10**6)
    run_seen: int = 0
    blocked_ms: int | None = None
    flowed: int = 0

    def do(self, step: str) -> None:
        if step in PULSES:
            self.host.start(PULSES[step])
            self._said(PULSES[step].current_ua // 1000)
        elif step == "single":
            self.host.single_pulse(1, 15_700, 300)
            self._said(15)
        elif step == "stop":
            self.host.stop()
            self.stopped_ms, self.blocked_ms = self.now, None
        elif step == "ask":
            self.host.ask()
            self.blocked_ms = None
        else:
            self._happen(step)

    def _said(self, current_ma: int) -> None:
        self.said.append((self.now, current_ma))
        self.stopped_ms = None

    def _happen(self, step: str) -> None:
        if step == "restart":
            self.device.restart(self.now)
        elif step == "cut_out":
            self.to_device = False
        elif step == "cut_in":
            self.to_host = False
        elif step == "join":
            self.to_device = self.to_host = True
        self.device.open_electrodes = int(step == "peel")
        self.device.emergency_pressed = step == "press"

    def turn(self) -> None:
        super().turn()
        if not (self.to_device and self.to_host):
            self.cut_ms = self.now
        run = max((report.run for report in self.reports), default=0)
        if run != self.run_seen:
            self.run_seen, self.blocked_ms = run, self.now
        self.reports = self.reports[-1:]
        for pulse in self.pulses:
            self._check(pulse)
        self.flowed += len(self.pulses)
        self.pulses.clear()

    def _check(self, pulse: Pulse) -> None:
        at_ms = pulse.at_half_ms // 2
        whole = at_ms - self.cut_ms > WATCHDOG_MS
        lives_ms = SILENCE_MS + GRACE_MS + (0 if whole else WATCHDOG_MS)
        alive = {current for said_ms, current in self.said if 0 <= at_ms - said_ms + TURN_MS <= lives_ms}
        assert pulse.current_ma in alive, f"{pulse} lives by no word"
        if whole and self.stopped_ms is not None:
            assert at_ms <= self.stopped_ms + GRACE_MS, f"{pulse} after the stop at {self.stopped_ms}"
        if whole and self.blocked_ms is not None:
            assert at_ms <= self.blocked_ms + GRACE_MS, f"{pulse} after the gap at {self.blocked_ms}"


def watched() -> Watched:
    bench = Watched(says=False)
    bench.do("stop")
    bench.run(700)
    return bench


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from((0, 10, 20, 50, 200, 700))), max_size=40)
)
def test_no_pulse_without_its_word(steps: list[tuple[str, int]]) -> None:
    bench = watched()
    for step, wait_ms in steps:
        bench.do(step)
        bench.run(wait_ms)
    bench.do("join")
    bench.do("free")
    bench.run(SILENCE_MS + WATCHDOG_MS)
    flowed = bench.flowed
    bench.run(1000)
    assert bench.flowed == flowed, "somebody goes on without a word"
    for step in ("stop", "ask"):
        bench.do(step)
        bench.run(600)
    bench.do("start")
    bench.run(300)
    assert bench.flowed > flowed, "who has stopped and asked is heard"


def test_the_rules_see_pulses() -> None:
    """The rules above are worth something only if pulses flow."""
    bench = watched()
    for _ in range(10):
        bench.do("start")
        bench.run(200)
    assert bench.flowed > 90
