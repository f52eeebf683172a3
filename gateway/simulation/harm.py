"""The harm monitor: judges a simulated session by what happened to the limb, not by what we believe.

Theory of operation
-------------------
``step(now, physics)`` is fed what is physically true at that instant, and what a listener at the wire and a
person at the bedside could tell: pressures on the limbs, current in the tissue, whether the controller has
granted a lease that still runs, whether the pump is driven, what can be heard.  It knows no supervisor, no
firmware and no table of limits; its numbers are written here a second time, by hand, from the issue that
asks for them.  It and its parts (``physics``, ``harm_current``) import nothing of ``gateway`` but the words
of ``gateway.model``.

Persons count: ``person_stopped`` says that somebody stopped everything, ``person_began`` that what somebody
asked for at an instant began, and with it that what was stopped *before that* may go on.  A stop that came
between the asking and the beginning stands.

Each harm is found once a session.  What counts, and what the extra time is for:

over_pressure       above 330 mmHg at all; above 310 for 0.1 s and 0.4 s more.  The controller samples every
                    10 ms and the pump runs down in 50 ms; then air leaves: 330 to 310 takes 0.13 s in the
                    slowest model cuff and as much again through the hose.
over_debt           a limb's own account, +1 s a second above 15 mmHg, -1 below, never under 0, above 340 s:
                    the gateway vents at 315, the controller at 330, a cuff empties in 10.
both_thighs         both above 15 mmHg at the same instant.
congestion          more than 30 s between 20 mmHg and systolic + 20 while a lease is in force, and 1 s more,
                    the longest that a lease outlives the decision to vent.  Deflation passes this band too;
                    it is judged by its own limit, so the count stops when the lease ends.  A way out of the
                    band shorter than 1 s does not begin a new count.  Restriction and the search for the
                    limb occlusion pressure congest on purpose and are left out.  The systolic is the one that
                    a person could know: the last that was measured.  Two sensors that err alike are beyond
                    what software can tell (docs/safety): they use up the margin of 20 mmHg, and the band then
                    ends where blood really begins to flow in.
the current         has its own file (``harm_current``).
still_inflated      above 15 mmHg 10 s after a vent was due: after a trip, after a person's stop, or after the
                    lease ended.
unsafe_without_alarm   a latched, inflated-against-order, over-pressure or over-debt state that nothing made
                    audible within 2 s, or that fell silent for 7 s (a burst interval of 5 s and 2 s) before a
                    person acknowledged it, or after the time for which a person silenced it.  A gateway that
                    stands still for a moment and goes on is latched as before, and as acknowledged.
record_lost         a row that was promised to be on the disk is not, or the journal does not verify.
defect              the product raised an exception.

Hardware duties
---------------
Nothing that software drives empties a cuff whose dump valve sticks closed, whose hose is blocked on the way
to the valve, or into which a welded pump blows through an inflate valve that sticks open.  While this is so
(``defeated``, the fault plan's word) and a vent is due, what remains to software is a duty: the pump
commanded off within 1 s, and a HIGH alarm within 2 s of the instant at which the fault can be told from a
healthy vent.  That instant is 1 s after the vent, or after the fault, at 53 mmHg or more (a healthy valve
takes off more than 10 mmHg in that time, the slowest model cuff a third of the pressure; 50 mmHg and the 3 of
a sensor's accuracy) and 10 s after a vent from less, where only the deflation time tells.  The duty counts
apart, passed or failed, never as safe; the limb stays inflated and owes until a person unplugs the hose, so
still_inflated and over_debt are not counted twice.
Over-pressure and silence are judged as ever: the relief valve and the alarm do not depend on the vent path.
What is *not* a hardware fault here: anything of which one sensor, one actuator or the other layer is left.
A pump that cannot be stopped is none as long as the inflate valve closes and the dump valve opens; a
blocked sensor lumen is none, the other sensor sees the hose.  A blocked hose together with a blocked lumen
would be invisible to every pressure sensor; the fault plan never draws two faults of the body of the
equipment at once.

Units: mmHg and mA as floats (it is physics), times ms.
"""

from collections.abc import Sequence

from gateway.model import LIMBS, Limb, Priority
from gateway.simulation.harm_current import CurrentWatch
from gateway.simulation.physics import AT_REST, HardwareDuty, Harm, HarmKind, Held, Physics

PRESSURE_NEVER_MMHG = 330.0
PRESSURE_LONG_MMHG = 310.0
PRESSURE_LONG_MS = 500
DEFLATED_MMHG = 15.0
DEBT_HARM_MS = 340_000
CONGESTING_FROM_MMHG = 20.0
OCCLUDING_MARGIN_MMHG = 20.0
CONGESTION_MS = 31_000
CONGESTION_GAP_MS = 1_000
DEFLATE_MS = 10_000
ALARM_MS = 2_000
SILENCE_MS = 7_000
PUMP_OFF_MS = 1_000
TELLING_FROM_MMHG = 53.0
TELLING_MS = 1_000
TELLING_SLOW_MS = 10_000

_THIGHS = (Limb.LEFT_THIGH.number, Limb.RIGHT_THIGH.number)


class _Audible:
    """Whether an unsafe state was made heard, and stays so until a person has acknowledged."""

    __slots__ = ("_acknowledged", "due_ms")

    def __init__(self) -> None:
        self.due_ms: int | None = None
        self._acknowledged = False

    def is_missed(self, unsafe: bool, physics: Physics, now: int) -> bool:
        """Says so from the instant on at which silence has lasted too long."""
        if not unsafe and physics.gateway_stands:
            return False
        if not unsafe:
            self.due_ms, self._acknowledged = None, False
            return False
        if self.due_ms is None:
            self.due_ms = now + ALARM_MS
        if physics.alarm is not None:
            self.due_ms = max(self.due_ms, now + SILENCE_MS)
        if physics.silenced_ms:
            self.due_ms = now + physics.silenced_ms + SILENCE_MS
        self._acknowledged = self._acknowledged or physics.acknowledged
        return not self._acknowledged and now > self.due_ms


class _Duty:
    """A duty under way: from a vent that is due and cannot happen."""

    __slots__ = ("_telling_ms", "alarm_ms", "due_ms", "pump_ms")

    def __init__(self, now: int, pressure_mmhg: float) -> None:
        self.due_ms = now
        self._telling_ms = TELLING_MS if pressure_mmhg >= TELLING_FROM_MMHG else TELLING_SLOW_MS
        self.pump_ms = now
        self.alarm_ms: int | None = None

    def look(self, physics: Physics, now: int) -> None:
        """Note the last instant with the pump on, and the first with a HIGH alarm."""
        if physics.pump_on:
            self.pump_ms = now
        if self.alarm_ms is None and physics.alarm is Priority.HIGH:
            self.alarm_ms = now

    @property
    def deadline_ms(self) -> int:
        """When everything must have been done."""
        return self.due_ms + self._telling_ms + ALARM_MS

    @property
    def pump_is_off(self) -> bool:
        """Whether the pump was not driven later than it may be."""
        return self.pump_ms - self.due_ms <= PUMP_OFF_MS

    def result(self) -> HardwareDuty:
        """The duty as it was done."""
        alarm = self.alarm_ms is not None and self.alarm_ms <= self.deadline_ms
        return HardwareDuty(self.due_ms, self.pump_is_off, alarm)


class HarmMonitor:
    """Watches one session from ``start_ms`` on; the limbs owe nothing then, and nothing is inflated."""

    def __init__(self, start_ms: int) -> None:
        self.harms: dict[HarmKind, Harm] = {}
        self.duties: list[HardwareDuty] = []
        self.debts_ms = [0] * len(LIMBS)
        self.highest_mmhg = 0.0
        self._now_ms = start_ms
        self._over = Held()
        self._inflated = Held()
        self._current = CurrentWatch()
        self._stopped_ms: int | None = None
        self._congested_since_ms: int | None = None
        self._last_congested_ms = 0
        self._tripped_audible = _Audible()
        self._inflated_audible = _Audible()
        self._pressure_audible = _Audible()
        self._debt_audible = _Audible()
        self._duty: _Duty | None = None
        self._duty_told = False
        self._debt_excused = False
        self._rests = False

    @property
    def settled(self) -> bool:
        """Whether no duty is still under way."""
        return self._duty is None or self._duty_told

    def person_began(self, asked_ms: int) -> None:
        """What somebody asked for at ``asked_ms`` began."""
        if self._stopped_ms is None or asked_ms > self._stopped_ms:
            self._stopped_ms = None
            self._current.began()

    def person_stopped(self, now: int) -> None:
        """Somebody stopped everything, in whatever way that is meant to work at this instant."""
        self._stopped_ms = now
        self._current.stopped(now)

    def step(self, now: int, physics: Physics) -> None:
        """Judge the instant ``now``."""
        elapsed_ms, self._now_ms = now - self._now_ms, now
        if physics is AT_REST and self._rests:  # nothing but time has passed
            self._pay_back(elapsed_ms)
            return
        self._rests = physics is AT_REST and max(self.debts_ms) <= DEBT_HARM_MS
        self._judge(now, elapsed_ms, physics)

    def _judge(self, now: int, elapsed_ms: int, physics: Physics) -> None:
        pressure = max(physics.limbs_mmhg)
        unwanted = physics.tripped or self._stopped_ms is not None or not physics.leased
        vent_due = pressure > DEFLATED_MMHG and unwanted
        self._watch_duty(vent_due and physics.defeated, pressure, physics, now)
        self._watch_debts(physics, elapsed_ms, now)
        if pressure > 0.0:
            self._watch_pressure(pressure, physics, now)
            self._watch_congestion(pressure, physics, now)
        self._watch_deflation(vent_due, physics, now)
        for kind, detail in self._current.look(now, physics):
            self._found(kind, detail, now)
        if physics.tripped or self._tripped_audible.due_ms is not None:
            self._hear(self._tripped_audible, physics.tripped, "it is latched", physics, now)

    def record(self, lost: Sequence[str], broken: str, now: int) -> None:
        """Judge the journal after the end: promised rows that are ``lost``, what a verification found."""
        if lost:
            self._found(HarmKind.RECORD_LOST, f"{len(lost)} promised rows are missing, first {lost[0]}", now)
        if broken:
            self._found(HarmKind.RECORD_LOST, f"the journal does not verify: {broken}", now)

    def defect(self, error: BaseException, now: int) -> None:
        """The product raised."""
        self._found(HarmKind.DEFECT, repr(error), now)

    def _found(self, kind: HarmKind, detail: str, now: int) -> None:
        if kind not in self.harms:
            self.harms[kind] = Harm(kind, now, detail)

    def _hear(self, audible: _Audible, unsafe: bool, why: str, physics: Physics, now: int) -> None:
        """Whether this unsafe state can be heard; ``why`` is a sentence about it."""
        if audible.is_missed(unsafe, physics, now):
            self._found(HarmKind.UNSAFE_WITHOUT_ALARM, f"{why} and no alarm can be heard", now)

    def _pay_back(self, elapsed_ms: int) -> None:
        if any(self.debts_ms):
            self.debts_ms = [max(0, debt - elapsed_ms) for debt in self.debts_ms]

    def _watch_debts(self, physics: Physics, elapsed_ms: int, now: int) -> None:
        debts = self.debts_ms
        for limb, pressure in enumerate(physics.limbs_mmhg):
            if pressure > DEFLATED_MMHG:
                debts[limb] += elapsed_ms
            elif debts[limb]:
                debts[limb] = max(0, debts[limb] - elapsed_ms)
        owed = max(debts)
        self._debt_excused = owed > DEBT_HARM_MS and (self._debt_excused or self._duty is not None)
        if owed > DEBT_HARM_MS and not self._debt_excused:
            self._found(HarmKind.OVER_DEBT, f"a limb owes {owed / 1000:.1f} s", now)
        if owed > DEBT_HARM_MS or self._debt_audible.due_ms is not None:
            self._hear(self._debt_audible, owed > DEBT_HARM_MS, "a limb owes too much", physics, now)
        if all(physics.limbs_mmhg[thigh] > DEFLATED_MMHG for thigh in _THIGHS):
            self._found(HarmKind.BOTH_THIGHS, "both thighs are under pressure", now)

    def _watch_pressure(self, pressure: float, physics: Physics, now: int) -> None:
        if pressure > self.highest_mmhg:
            self.highest_mmhg = pressure
        held_ms = self._over.update(pressure > PRESSURE_LONG_MMHG, now)
        if pressure > PRESSURE_NEVER_MMHG or held_ms > PRESSURE_LONG_MS:
            self._found(HarmKind.OVER_PRESSURE, f"{pressure:.1f} mmHg for {held_ms} ms", now)
        if held_ms >= 0 or self._pressure_audible.due_ms is not None:
            self._hear(self._pressure_audible, held_ms >= 0, "the pressure is too high", physics, now)

    def _watch_congestion(self, pressure: float, physics: Physics, now: int) -> None:
        """Time in the band, one way out of it shorter than the gap included."""
        if not physics.leased or physics.partial:
            self._congested_since_ms = None
            return
        closed_from = physics.closed_from_mmhg
        if closed_from is None:
            closed_from = physics.systolic_mmhg + OCCLUDING_MARGIN_MMHG
        if CONGESTING_FROM_MMHG < pressure < closed_from:
            if self._congested_since_ms is None:
                self._congested_since_ms = now
            self._last_congested_ms = now
            if now - self._congested_since_ms > CONGESTION_MS:
                held_s = (now - self._congested_since_ms) / 1000
                detail = f"{pressure:.0f} mmHg at systolic {physics.systolic_mmhg:.0f} for {held_s:.1f} s"
                self._found(HarmKind.CONGESTION, detail, now)
        elif now - self._last_congested_ms > CONGESTION_GAP_MS:
            self._congested_since_ms = None

    def _watch_deflation(self, vent_due: bool, physics: Physics, now: int) -> None:
        """A valve that comes free has its 10 s from then on."""
        held_ms = self._inflated.update(vent_due and not physics.defeated, now)
        if held_ms > DEFLATE_MS:
            pressure = max(physics.limbs_mmhg)
            self._found(
                HarmKind.STILL_INFLATED, f"{pressure:.0f} mmHg {held_ms} ms after a vent was due", now
            )
        if held_ms > DEFLATE_MS or self._inflated_audible.due_ms is not None:
            self._hear(self._inflated_audible, held_ms > DEFLATE_MS, "the cuff does not empty", physics, now)

    def _watch_duty(self, owed: bool, pressure: float, physics: Physics, now: int) -> None:
        """A duty begins when a vent is due that cannot happen, and ends with the cuff or with the defect."""
        if not owed:
            self._close_duty()
            return
        if self._duty is None:
            self._duty, self._duty_told = _Duty(now, pressure), False
        self._duty.look(physics, now)
        if now > self._duty.deadline_ms and not self._duty_told:
            self._duty_told = True
            self.duties.append(self._duty.result())

    def _close_duty(self) -> None:
        """What ended before its deadline owed no alarm; a pump that ran too long has failed all the same."""
        duty, self._duty = self._duty, None
        if duty is not None and not self._duty_told and not duty.pump_is_off:
            self.duties.append(duty.result())
