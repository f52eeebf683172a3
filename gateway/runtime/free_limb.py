"""The blood pressure of a free limb, taken by itself before each inflation of a session.

Theory of operation
-------------------
``FreeLimb`` is core's side of the module whose cuff is on a limb without ours.  Every turn it asks the plan
when the next inflation is due (the ischaemia debt may make it later) and ``BloodPressureTaker`` whether a
blood pressure has to be taken for it.  The module's own cuff is an energised output too:

- it measures only in a session that occludes, with our cuff empty, and nothing latched; the row that allows
  it is durable before the module hears of it;
- a stop, a trip and the end of a session abort it at once, and ``make_safe`` is part of the whole safe state;
- while it measures no inflation begins: two limbs are not closed at once, and the result is waited for;
- a cuff that is not known to be empty 10 s after a measurement, or in no measurement, is an alarm, which
  escalates, and no inflation begins beside it;
- a module that was lost in a measurement is not used again before a person at the bedside has entered a
  pressure, and no inflation begins before that or a reading that shows its cuff empty.

**What a reading counts for.**  One that agrees with what a person last entered in this session is taken as an
entry is: by the same rules, with a row that says who measured it.  The target of the cuff follows the
systolic, so one that is further away than ``CHANGE_MMHG`` changes nothing by itself: it is held back, what
was known before counts no longer, an alarm calls, and no inflation begins until a person enters a pressure.
It is always compared with a person's entry, never with an earlier reading, so that no drift of small steps
leads away from what somebody has seen.  A session begins with a pressure that a person measured; the module
never gives the first.

Two failures in a row, and a module that is gone, are alarms; then persons measure and enter as ever.

Units: mmHg, ms.  30 mmHg is an engineering proposal.  A device that passes ISO 81060-2 (from memory: standard
deviation of its error at most 8 mmHg) tells readings of one unchanged pressure that differ by 11 mmHg (one
standard deviation of the difference), so that 30 is one in more than a hundred; and a limb occlusion pressure
counts for nothing from a change of 20 mmHg on.
"""

from typing import TYPE_CHECKING, Protocol

from drivers.blood_pressure_taker import BloodPressureTaker, Decision
from drivers.nibp_events import BloodPressureTaken, CuffPressure, MeasurementFailed
from gateway.model import BloodPressure, Intent, Reason, Safe
from gateway.record.events import BloodPressureAuthorised, DeviceNoticed
from gateway.safety.limits import HARD
from gateway.therapy.plan import Wish
from gateway.therapy.prescription import RvosPrescription

if TYPE_CHECKING:
    from gateway.runtime.core import Core
    from gateway.runtime.session import Session

DEVICE = "blood_pressure"
CHANGE_MMHG = 30
"""A systolic of the module further than this from the last one that a person entered needs a person."""

EMPTYING_MS = 10_000
"""How long the module's cuff may take to empty, as long as ours (``Limits.not_deflated_ms``)."""

_UNUSABLE = (
    Reason.BLOOD_PRESSURE_MISSING,
    Reason.BLOOD_PRESSURE_STALE,
    Reason.BLOOD_PRESSURE_OUT_OF_RANGE,
)


class ModulePort(Protocol):
    """A connected module. None of these waits; what came of it is heard as an event."""

    @property
    def serial(self) -> str:
        """Its serial number."""

    @property
    def measuring(self) -> bool:
        """Whether a blood pressure is being taken, or its result read."""

    def answers(self, now_ms: int) -> bool:
        """Whether something valid has come of late."""

    def use_refusal(self, now_ms: int) -> str:
        """Why its cuff cannot be used now; empty where it can."""

    def measure(self, now_ms: int) -> str:
        """Take a blood pressure; why not, or an empty text."""

    def abort(self) -> None:
        """Let the air out: the next thing on the wire."""


def needs_a_person(confirmed: BloodPressure | None, measured: BloodPressure) -> bool:
    """Whether this reading of the module may count only if a person says the same."""
    systolic_mmhg = measured.systolic_mmhg
    typed = range(HARD.systolic_entry_lowest_mmhg, HARD.systolic_entry_highest_mmhg + 1)
    if confirmed is None or systolic_mmhg not in typed:  # a person could not enter it either
        return True
    return abs(systolic_mmhg - confirmed.systolic_mmhg) > CHANGE_MMHG


def next_inflation(session: "Session", now: int) -> tuple[int, int] | None:
    """When the plan will ask for the cuff next, and how much time under pressure it will then need."""
    examination = session.examining.current
    plan = session.plan if examination is None else examination.plan
    at_ms = plan.next_inflation_ms(now)
    if at_ms is None:
        return None
    if examination is not None:
        wish = examination.plan.next_inflation(session.blood_pressure)
        return at_ms, max(wish.planned_ms, wish.schedule_ms)
    wanted = session.prescription
    return at_ms, wanted.occlusion_ms if isinstance(wanted, RvosPrescription) else 0


class FreeLimb:
    """The module of one core; without one in the configuration it does nothing."""

    def __init__(self, core: "Core") -> None:
        self._core = core
        self._port: ModulePort | None = None
        self._schedule = BloodPressureTaker()
        self._session: Session | None = None
        self._confirmed: BloodPressure | None = None
        self._ticket: int | None = None
        self._asked = False
        self._failed = False
        self._mmhg: int | None = 0  # nobody has used it yet
        self._pressed_ms: int | None = None
        self._left_ms: int | None = None
        self.held_back: BloodPressure | None = None
        """A reading that waits for a person's own."""

    # the module

    def connected(self, port: ModulePort) -> None:
        """It has said who it is, and nothing speaks against it."""
        self._port = port

    def disconnected(self, now: int) -> None:
        """It is gone; a measurement that was under way ends by itself and is lost, and nobody sees it end."""
        if self._asked:
            self._mmhg, self._left_ms = None, now
        self._port = None
        self._end_asked(failed=True, now=now)

    def heard(self, event: object, now: int) -> None:
        """What its driver says."""
        match event:
            case CuffPressure(mmhg=mmhg):
                self._mmhg = mmhg
            case BloodPressureTaken():
                self._take(event, now)
            case MeasurementFailed(text=text):
                self._notice(f"no blood pressure was taken: {text}", now)
                self._end_asked(failed=True, now=now)
            case _:
                pass

    # the cycle

    def step(self, now: int) -> None:
        """One turn, after the supervisor's."""
        self._look_at_cuff(now)
        session = self._follow()
        if session is None:
            if self._asked or self._ticket is not None:
                self.make_safe()
        elif not self._asked and self.held_back is None:
            self._decide(session, now)

    def make_safe(self) -> None:
        """No pressure in its cuff, whatever we believe of it."""
        self._ticket, self._asked = None, False
        if self._port is not None:
            self._port.abort()

    def let_through(self, wishes: tuple[Wish, ...]) -> tuple[Wish, ...]:
        """The wishes of the plan; none for an inflation while a blood pressure is being taken.

        One that is refused for want of a pressure goes on being refused: its alarm and ten minutes run on.
        """
        answer = self._core.answer
        refused = isinstance(answer, Safe) and answer.reason in _UNUSABLE
        waits = self._asked or self._ticket is not None or self._is_doubtful
        if refused or not waits:
            return wishes
        return tuple(wish for wish in wishes if not isinstance(wish, Intent) or wish.pressure_dmmhg is None)

    @property
    def _is_doubtful(self) -> bool:
        """Whether its cuff may not be empty; where it is gone, until a person has entered a pressure."""
        if self._mmhg is None:
            return self._left_ms is not None
        return self._pressed_ms is not None

    def conditions(self, now: int) -> set[Reason]:
        """What has to be alarmed for."""
        found = set()
        if self._pressed_ms is not None and now - self._pressed_ms >= EMPTYING_MS:
            found.add(Reason.FREE_LIMB_NOT_DEFLATED)
        if self._usable_session() is None or self._core.setup.config.blood_pressure is None:
            return found
        if self.held_back is not None:
            found.add(Reason.BLOOD_PRESSURE_CHANGED)
        if self._failed:
            found.add(Reason.BLOOD_PRESSURE_NOT_TAKEN)
        if self._port is None or not self._port.answers(now):
            found.add(Reason.BLOOD_PRESSURE_MODULE_LOST)
        return found

    # when

    def _usable_session(self) -> "Session | None":
        """The session that may have blood pressures taken; nothing is measured for anything else."""
        session = self._core.session
        usable = session is not None and session.running and session.occludes
        return session if usable and self._core.state.latched is None else None

    def _follow(self) -> "Session | None":
        """Notice another session, and what a person entered in this one."""
        session = self._usable_session()
        if session is not self._session:
            self._session, self._confirmed = session, None
            self._schedule, self.held_back, self._failed = BloodPressureTaker(), None, False
        entered = None if session is None else session.confirmed
        if entered is not None and entered is not self._confirmed:
            self._confirmed, self.held_back = entered, None
            self._left_ms = None
            self._schedule.taken(entered.entered_ms)
        return session

    def _decide(self, session: "Session", now: int) -> None:
        decision = self._schedule.decide(now, self._next_ms(session, now))
        self._failed = decision is Decision.FAILED or self._left_ms is not None
        port = self._port
        wanted = decision is Decision.TAKE and self._left_ms is None
        if not wanted or port is None or not self._may_begin(port, now):
            self._ticket = None
        elif self._ticket is None:
            limb = self._core.setup.config.blood_pressure
            authorised = BloodPressureAuthorised(limb=limb.limb.value if limb else "", serial=port.serial)
            self._ticket = session.note(authorised, now)
        elif self._core.recorder.is_durable(self._ticket):
            self._begin(port, now)

    def _next_ms(self, session: "Session", now: int) -> int | None:
        """When the next inflation may begin: by the plan, and not before the debt allows it."""
        planned = next_inflation(session, now)
        if planned is None:
            return None
        core, (at_ms, wanted_ms) = self._core, planned
        device_ms = core.cuff.debt_of_ms(core.state.limb) if core.cuff is not None else 0
        rest_ms = max(core.owed_ms, device_ms) + wanted_ms - core.setup.limits.debt_inflation_ms
        return max(at_ms, now + rest_ms)

    def _may_begin(self, port: ModulePort, now: int) -> bool:
        core = self._core
        ours_is_empty = core.state.inflation is None and core.deflated(now)
        return ours_is_empty and core.recorder.failure is None and not port.use_refusal(now)

    def _begin(self, port: ModulePort, now: int) -> None:
        self._ticket = None
        why = port.measure(now)
        if why:
            self._notice(f"no blood pressure was taken: {why}", now)
            self._schedule.failed(now)
        else:
            self._asked = True
            self._schedule.started()

    # what came of it

    def _take(self, event: BloodPressureTaken, now: int) -> None:
        session = self._follow()  # what a person has just entered goes first
        if not self._asked or session is None or not session.running:
            return
        self._end_asked(failed=False, now=now)
        serial = self._port.serial if self._port is not None else ""
        measured = BloodPressure(event.systolic_mmhg, event.diastolic_mmhg, now, serial)
        if needs_a_person(session.confirmed, measured):
            self.held_back = measured
            session.hold_back(measured, now)
        else:
            session.take_pressure(measured, now)

    def _end_asked(self, *, failed: bool, now: int) -> None:
        if self._asked:
            self._asked = False
            (self._schedule.failed if failed else self._schedule.taken)(now)

    def _look_at_cuff(self, now: int) -> None:
        """Since when its cuff is not known to be empty, with nobody measuring."""
        measuring = self._port is not None and self._port.measuring
        empty = self._mmhg is not None and self._mmhg * 10 <= HARD.deflated_dmmhg
        pressed = not empty and not measuring
        since_ms = now if self._pressed_ms is None else self._pressed_ms
        self._pressed_ms = since_ms if pressed else None

    def _notice(self, text: str, now: int) -> None:
        self._core.note(DeviceNoticed(device=DEVICE, text=text), now)
