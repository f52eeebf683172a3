"""The desk as a machine: whatever people ask, in any order and before any answer, nothing begins unasked.

``tests/safety`` explores what the supervisor permits; here people, disk, wire and button meet in any order at
a whole bedside, a few requests waiting at once.  Judged on the controller's wire: a lease that begins needs
a session that was granted or a test that waits for its result; after a stop it needs an asking and a press
that came later than the stop.
"""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.model import Limb
from gateway.runtime.requests import (
    AlarmAck,
    AlarmPause,
    AnyRequest,
    CuffAccept,
    PatientExport,
    PatientHistory,
    Reply,
    SelfTest,
    SessionClearPatient,
    SessionCuffRemoved,
    SessionPain,
    SessionReset,
    SessionStart,
    SessionStop,
)
from gateway.simulation.bedside import OPERATOR
from gateway.simulation.campaign import _warm_bedside
from gateway.simulation.disk import Health
from gateway.simulation.models import LIMBS
from gateway.simulation.nurse import start_request
from gateway.simulation.protocols import SHORT

PATIENT = "token-1"
STOPS = (SessionStop, SessionClearPatient)
BEGINS = (SessionStart, CuffAccept)
ASKED = (
    start_request("demo", Limb.LEFT_THIGH, 120, 70, patient=PATIENT),
    start_request("demo", Limb.LEFT_THIGH, 120, 70, patient=PATIENT, resume=True),
    CuffAccept(off_every_limb=True, confirm=True),
    SelfTest(),
    SessionStop(),
    SessionClearPatient(),
    SessionReset(confirm=True),
    SessionPain(nrs=8),
    SessionCuffRemoved(),
    PatientHistory(patient=PATIENT, nothing=True, confirm=True),
    PatientExport(patient=PATIENT),
    AlarmAck(),
    AlarmPause(seconds=60),
)
FIRST = tuple(one for one in ASKED if isinstance(one, BEGINS))
ASKED_STOPS = tuple(one for one in ASKED if isinstance(one, (*STOPS, SessionPain)))
LEASE_MS = 1_100
"""A stop that the wire did not carry ends with the lease, and that with the next turn."""


class DeskMachine(RuleBasedStateMachine):
    """People at one bedside."""

    @initialize()
    def arrive(self) -> None:
        """A rested bedside, and a patient whose last day is known."""
        self.folder = tempfile.TemporaryDirectory(prefix="rvos-desk-")
        journal = Path(self.folder.name) / "journal.db"
        self.bedside = _warm_bedside(SHORT).bedside(LIMBS[SHORT.limb], 1, journal)
        self.stopped_ms = self.asked_ms = self.pressed_ms = -1
        self.replies: list[tuple[AnyRequest, list[Reply]]] = []
        self.leased = False
        self.ask(PatientHistory(patient=PATIENT, nothing=True, confirm=True))

    @rule(request=st.sampled_from(ASKED))
    def ask(self, request: AnyRequest) -> None:
        """Somebody asks, and waits for no answer."""
        if isinstance(request, BEGINS):
            self.asked_ms = self.bedside.now
        answers: list[Reply] = []
        self.replies.append((request, answers))
        self.bedside.desk.ask(request, OPERATOR, self.bedside.core_ms, answers.append)
        if isinstance(request, STOPS) or (isinstance(request, SessionPain) and answers[0].exit_code == 0):
            self.stopped_ms = self.bedside.now

    @rule()
    def press(self) -> None:
        """Somebody presses the button at the bedside."""
        self.bedside.board.pressed = True
        self._turn(300)
        self.bedside.board.pressed = False
        self.pressed_ms = self.bedside.now
        self._turn(100)

    @rule(turns=st.sampled_from([1, 5, 20, 100, 700]))
    def wait(self, turns: int) -> None:
        """Time passes."""
        self._turn(turns * 10)

    @rule()
    def press_and_start(self) -> None:
        """What usually happens, so that there is something to stop."""
        self.press()
        self.ask(ASKED[0])
        self._turn(2_000)

    @rule(first=st.sampled_from(FIRST), second=st.sampled_from(ASKED), turns=st.integers(0, 2))
    def overtake(self, first: AnyRequest, second: AnyRequest, turns: int) -> None:
        """One asks for something to begin, and before the answer comes another asks for something else."""
        self.press()
        self.ask(first)
        self._turn(turns * 10)
        self.ask(second)
        self._turn(3_000)

    @rule(stop=st.sampled_from(ASKED_STOPS), again=st.sampled_from(FIRST))
    def stop_and_begin_again(self, stop: AnyRequest, again: AnyRequest) -> None:
        """Somebody stops, and asks again without going to the bedside."""
        self.ask(stop)
        self._turn(6_000)
        self.ask(again)
        self._turn(3_000)

    @rule(delay_ms=st.sampled_from([0, 500, 4_000]))
    def change_disk(self, delay_ms: int) -> None:
        """The disk becomes slow, or well."""
        self.bedside.set_disk(Health.SOUND, delay_ms)

    @rule(missing=st.booleans())
    def break_sensor(self, missing: bool) -> None:
        """A sensor fails, or comes back."""
        self.bedside.plant.defects.limit.missing = missing

    @rule()
    def pull_and_plug(self) -> None:
        """The cable is pulled and plugged in again."""
        self.bedside.pull_cable()
        self._turn(50)
        self.bedside.plug_cable()

    def _turn(self, duration_ms: int) -> None:
        for _ in range(duration_ms // 10):
            self.bedside.turn()
            self._judge()

    def _judge(self) -> None:
        now, leased = self.bedside.now, self.bedside.tap.leased(self.bedside.now)
        begins = leased and not self.leased
        if begins:
            assert self._has_a_run(), "a lease that nobody was granted"
        if self.stopped_ms >= 0 and (begins or (leased and now - self.stopped_ms > LEASE_MS)):
            assert self.asked_ms > self.stopped_ms, "a lease after a stop, and nobody asked since"
            assert self.pressed_ms > self.stopped_ms, "a lease after a stop, and nobody pressed since"
        self.leased = leased

    def _has_a_run(self) -> bool:
        core = self.bedside.core
        assert core is not None
        if core.acceptance is not None:
            return any(isinstance(asked, CuffAccept) and not said for asked, said in self.replies)
        granted = [said[0] for asked, said in self.replies if isinstance(asked, SessionStart) and said]
        names = [reply.data["session"] for reply in granted if reply.exit_code == 0]
        return core.session is not None and core.session.name in names

    @invariant()
    def one_run_at_a_time(self) -> None:
        """Never a session and a test."""
        if hasattr(self, "bedside"):
            core = self.bedside.core
            assert core is not None
            assert core.session is None or core.acceptance is None

    def teardown(self) -> None:
        """Everything that was asked for has an answer in the end."""
        if hasattr(self, "bedside"):
            self.bedside.set_disk()
            self._turn(95_000)
            left = [type(asked).__name__ for asked, said in self.replies if len(said) != 1]
            self.bedside.close()
            self.folder.cleanup()
            assert not left, f"asked and not answered once: {left}"


TestDesk = DeskMachine.TestCase
TestDesk.settings = settings(
    max_examples=10,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
