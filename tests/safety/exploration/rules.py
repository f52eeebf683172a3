"""The promises of the supervisor, written down as rules over what can be seen from outside.

Theory of operation
-------------------
``Rules.judge`` is told what was seen, how much time went by and what was answered; it never looks into the
supervisor.  What it must remember is a ``Memory``.  The same rules serve two drivers:

* ``breadth_first`` steps every reachable state with every observation of a small world;
* ``test_rules_unquantised`` lets Hypothesis choose observations and times at will, with the real limits.

Per step three lists are read off: the *dangers* (each must latch), for each output the *denials* in the
order in which a person wants to hear them, and the *conditions* that must alarm.  Then the answers have to
be exactly those that the lists leave:

* latched: every output safe for the latched reason, which stays until a reset and is among the conditions;
* any danger: latched by one of the dangers, over-pressure and occlusion time before all others;
* any denial: safe, for the first of them, and an inflation that was under way has ended;
* otherwise a permit for the wish, for its time and not longer.

Besides, whatever was answered: the debts are those that are owed, never negative, never falling faster than
time.

Units: pressures 0.1 mmHg, blood pressures mmHg, times ms.
"""

from collections.abc import Iterator
from typing import Protocol

from gateway.model import (
    BloodPressure,
    Intent,
    Output,
    Permit,
    Purpose,
    Reason,
    Safe,
    StimulationIntent,
    StimulationPermit,
)
from tests.safety.exploration import pulse_rules
from tests.safety.exploration.instant import Instant, Numbers, is_occlusive, is_therapy, occluding
from tests.safety.exploration.memory import LIMBS, Memory, Pulses, Running
from tests.safety.exploration.passing import NO, awaits_recovery, not_recovered, pass_time


class Told(Protocol):
    """A verdict of the supervisor."""

    @property
    def cuff(self) -> Permit | Safe: ...
    @property
    def stimulator(self) -> StimulationPermit | Safe: ...
    @property
    def latched(self) -> Reason | None: ...
    @property
    def conditions(self) -> frozenset[Reason]: ...


FIRST = frozenset({Reason.OVER_PRESSURE, Reason.OCCLUSION_TIME})
"""What hurts the limb now latches before everything that only might."""

ALARMED_DENIALS = frozenset(
    {
        Reason.BLOOD_PRESSURE_MISSING,
        Reason.BLOOD_PRESSURE_STALE,
        Reason.BLOOD_PRESSURE_OUT_OF_RANGE,
        Reason.TARGET_ABOVE_CEILING,
        Reason.TARGET_BELOW_SYSTOLIC,
        Reason.TARGET_NEEDS_LIMB_PRESSURE,
        Reason.PLANNED_TIME_TOO_LONG,
        Reason.REQUEST_CHANGED,
        Reason.NOT_READY,
        Reason.BUDGET_SPENT,
        Reason.STIMULATION_ABOVE_LIMIT,
        Reason.STIMULATION_RISE_TOO_FAST,
    }
)
"""The denials that somebody must do something about; the others pass by themselves or were expected."""

Listed = Iterator[tuple[Reason, bool]]


class Rules:
    """The rules with one set of numbers."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers

    def judge(
        self, memory: Memory, at: Instant, elapsed_ms: int, told: Told, owed_told_ms: tuple[int, ...]
    ) -> tuple[Memory, list[str]]:
        """The memory after this step, and every rule that the answer broke, in words.

        ``elapsed_ms`` since the step before is negative when the clock ran backwards; the first step of all
        cannot know that.  ``owed_told_ms`` are the debts that the supervisor reports, limb by limb.
        """
        before, elapsed_ms = memory, elapsed_ms if memory.begun else max(0, elapsed_ms)
        if at.seen.reset and memory.latched is not None:
            memory = _cleared(memory)
        memory = pass_time(self.numbers, memory, at, elapsed_ms)
        broken = list(_debts(before, memory, at, elapsed_ms, owed_told_ms))
        denied: set[Reason] = set()
        if memory.latched is not None:
            broken += _latched(memory.latched, told, "the first reason is kept until a reset")
        elif dangers := {reason for reason, holds in self._dangers(memory, at, elapsed_ms) if holds}:
            broken += _trip(dangers, told)
        elif told.latched is not None:
            broken.append(f"latches without a danger: {told.latched}")
        else:
            denied, wrong = self._answers(memory, at, told)
            broken += wrong
        memory = self._noted(memory, at, told)
        broken += self._alarms(memory, at, denied, told)
        return memory, broken

    # dangers

    def _dangers(self, memory: Memory, at: Instant, elapsed_ms: int) -> Listed:
        n = self.numbers
        yield from self._limb(memory, at)
        yield Reason.TIME_REVERSED, elapsed_ms < 0
        yield Reason.DEVICE_FAULT, at.cuff is not None and int(at.cuff.faults) != 0
        yield Reason.JOURNAL_FAILED, at.seen.journal_failed
        energised = memory.running is not None or memory.pulses.on
        yield Reason.DEVICE_REFUSED, energised and at.seen.lease_refused
        yield from pulse_rules.dangers(n, memory, at)
        if at.seen.armed or at.seen.reset:
            yield from self._means(memory, at)
        if memory.running is not None:
            yield from self._under_way(memory, memory.running, at, elapsed_ms)

    def _limb(self, memory: Memory, at: Instant) -> Listed:
        n, lasting, idle = self.numbers, memory.lasting, memory.running is None
        yield Reason.OVER_PRESSURE, at.far_over or _reaches(lasting.over_ms, n.pressure_trip_ms)
        owed_ms = max(memory.account.owed_ms, at.device_ms)
        yield Reason.OCCLUSION_TIME, memory.account.pressed and owed_ms >= n.debt_vent_ms
        late = idle and _reaches(memory.venting_ms, n.not_deflated_ms)
        yield Reason.DEFLATION_FAILED, late and not at.empty
        unasked = idle and memory.venting_ms is None and at.shows
        lasts = _reaches(lasting.pressed_ms, n.sensors_disagree_ms)
        yield Reason.UNEXPECTED_PRESSURE, unasked and lasts
        yield Reason.REPERFUSION_FAILED, not_recovered(n, memory, at)

    def _means(self, memory: Memory, at: Instant) -> Listed:
        n = self.numbers
        yield Reason.CUFF_STATUS_LOST, at.cuff is None
        strange = at.cuff is not None and memory.nonce is not None and at.cuff.nonce != memory.nonce
        yield Reason.DEVICE_RESET, at.seen.armed and strange
        yield Reason.SENSOR_MISSING, _reaches(memory.lasting.blind_ms, n.sensor_missing_ms)
        yield Reason.SENSOR_OUT_OF_RANGE, at.impossible
        yield Reason.SENSORS_DISAGREE, _reaches(memory.lasting.apart_ms, n.sensors_disagree_ms)

    def _under_way(self, memory: Memory, running: Running, at: Instant, elapsed_ms: int) -> Listed:
        n, since_ms = self.numbers, running.since_ms
        yield Reason.OCCLUSION_TIME, since_ms >= running.wish.planned_ms + n.overdue_ms
        yield Reason.CYCLE_LATE, elapsed_ms > n.cycle_late_ms
        yield Reason.CUFF_STATUS_LOST, at.seen.armed and not at.seen.cuff_accepted
        yield Reason.PRESSURE_LOST, _reaches(memory.lasting.low_ms, n.pressure_lost_ms)
        yield Reason.INFLATION_TOO_SLOW, self._is_slow(running, at)
        blood = _reaches(memory.lasting.bleeding_ms, n.haemoglobin_ms)
        shut = _reaches(memory.lasting.congesting_ms, n.congestion_ms)
        yield Reason.VENOUS_CONGESTION, blood or shut
        others = () if memory.oximetry is None else memory.oximetry.others
        falls = [before - at.other for _, before in others if at.other is not None]
        yield Reason.WRONG_LIMB, max(falls, default=0) >= n.saturation_fall_permille

    def _is_slow(self, running: Running, at: Instant) -> bool:
        """Not arrived, and nothing moves, or the systolic is not passed or the target not reached in time."""
        n = self.numbers
        if running.arrived_ms is not None:
            return False
        nothing_moves = at.cuff is not None and not at.shows and running.since_ms >= n.respond_ms
        lingers = is_occlusive(running.purpose) and not running.passed and running.since_ms >= n.pass_ms
        return nothing_moves or lingers or running.aimed_ms >= n.reach_ms

    # denials, in the order in which a person wants to hear them

    def _denials(self, memory: Memory, at: Instant) -> Listed:
        """Of everything that energises."""
        yield at.seen.stop or Reason.STOPPED_BY_OPERATOR, at.seen.stop is not None
        yield Reason.NOT_ARMED, not at.seen.armed
        yield Reason.STOPPED_BY_PATIENT, at.cuff is not None and at.cuff.patient_stop
        pressed = at.cuff is not None and at.cuff.presses != memory.session.presses
        yield Reason.STOPPED_AT_BEDSIDE, pressed

    def _cuff_denials(self, memory: Memory, at: Instant) -> Listed:
        wish, running = at.wish, memory.running
        yield Reason.NO_REQUEST, wish is None
        if wish is None:
            return
        if running is not None:
            yield from self._changes(running, wish)
            return
        yield Reason.NOT_ARMED, not at.seen.cuff_accepted
        yield from self._refusals(memory, at, wish)
        yield from self._blood_pressure(memory, at, wish)
        yield from self._waits(memory, at, wish)

    def _changes(self, running: Running, wish: Intent) -> Listed:
        """Nothing about an inflation under way changes, but a measurement of the limb pressure climbs."""
        granted = running.wish
        same = (wish.cycle, wish.planned_ms, wish.purpose)
        yield Reason.REQUEST_CHANGED, same != (granted.cycle, granted.planned_ms, granted.purpose)
        moved = wish.pressure_dmmhg != granted.pressure_dmmhg
        yield Reason.REQUEST_CHANGED, moved and wish.purpose is not Purpose.LIMB_PRESSURE
        above = (wish.pressure_dmmhg or 0) > self.numbers.pressure_ceiling_dmmhg
        yield Reason.TARGET_ABOVE_CEILING, moved and above

    def _refusals(self, memory: Memory, at: Instant, wish: Intent) -> Listed:
        n, target, arming = self.numbers, wish.pressure_dmmhg or 0, at.arming
        if arming is None:
            return
        tests_cuff = wish.purpose is Purpose.ACCEPTANCE
        yield Reason.NOT_READY, not at.ready or tests_cuff is not (arming.limb is None)
        yield Reason.TARGET_ABOVE_CEILING, target > n.pressure_ceiling_dmmhg
        short = wish.purpose is Purpose.SHORT_OCCLUSIONS
        longest = n.short_longest_ms if short else n.planned_longest_ms
        yield Reason.PLANNED_TIME_TOO_LONG, not 1 <= wish.planned_ms <= longest
        measured, restricts = arming.limb_pressure_dmmhg, wish.purpose is Purpose.RESTRICTION
        if wish.purpose is not Purpose.LIMB_PRESSURE:
            high = restricts or target > n.unmeasured_target_dmmhg
            yield Reason.TARGET_NEEDS_LIMB_PRESSURE, measured is None and high
            yield Reason.TARGET_ABOVE_CEILING, restricts and target > (measured or 0)
        left = arming.therapy_left_ms - memory.session.therapy_ms
        if not is_therapy(wish.purpose):
            left = arming.examination_left_ms - memory.session.examination_ms
        yield Reason.BUDGET_SPENT, _whole_ms(wish) + n.not_deflated_ms > left

    def _blood_pressure(self, memory: Memory, at: Instant, wish: Intent) -> Listed:
        n, entered = self.numbers, at.seen.blood_pressure
        yield Reason.BLOOD_PRESSURE_MISSING, entered is None
        if entered is None:
            return
        age_ms = at.now - entered.entered_ms
        if age_ms > 0 and (series_ms := self._series_ms(memory, wish)) is not None:
            age_ms = max(0, age_ms - series_ms)  # as old as it was when the series began
        yield Reason.BLOOD_PRESSURE_STALE, not 0 <= age_ms <= n.blood_pressure_age_ms
        yield Reason.BLOOD_PRESSURE_OUT_OF_RANGE, not self._tolerable(entered)
        target_dmmhg = wish.pressure_dmmhg or 0
        low = target_dmmhg < occluding(n, entered.systolic_mmhg)
        low = low or (at.arming is not None and target_dmmhg < at.arming.least_dmmhg)
        yield Reason.TARGET_BELOW_SYSTOLIC, low and is_occlusive(wish.purpose)

    def _series_ms(self, memory: Memory, wish: Intent) -> int | None:
        """How long ago the series began that this short occlusion still belongs to, if it does."""
        since_ms = memory.session.series_ms
        if wish.purpose is not Purpose.SHORT_OCCLUSIONS or since_ms is None or since_ms < 0:
            return None
        if memory.session.series != wish.series:
            return None
        return since_ms if since_ms + wish.planned_ms <= self.numbers.short_series_ms else None

    def _tolerable(self, entered: BloodPressure) -> bool:
        n, systolic = self.numbers, entered.systolic_mmhg
        high_enough = systolic + 2 * entered.diastolic_mmhg >= 3 * n.mean_lowest_mmhg
        return high_enough and n.systolic_lowest_mmhg <= systolic <= n.systolic_highest_mmhg

    def _waits(self, memory: Memory, at: Instant, wish: Intent) -> Listed:
        n, arming = self.numbers, at.arming
        yield Reason.NOT_DEFLATED_YET, not at.empty
        if arming is None or arming.limb is None:
            return
        here = LIMBS.index(arming.limb)
        owed_ms = max(memory.accounts[here].owed_ms, at.device_owes_ms(arming.limb))
        too_much = owed_ms + _whole_ms(wish) > n.debt_inflation_ms
        yield Reason.ISCHAEMIA_DEBT, too_much or awaits_recovery(n, memory)
        others = [one for limb, one in enumerate(memory.rests) if limb != here and one is not None]
        yield Reason.OTHER_LIMB_DEFLATED, any(one < n.limb_gap_ms for one in others)
        yield Reason.JOURNAL_PENDING, not at.authorised

    # the answers

    def _answers(self, memory: Memory, at: Instant, told: Told) -> tuple[set[Reason], list[str]]:
        """Why each output is denied, and where the answers say otherwise."""
        n, broken, denied = self.numbers, [], set()
        general = _first(self._denials(memory, at))
        cuff = general or _first(self._cuff_denials(memory, at))
        pulses = general or _first(pulse_rules.denials(n, memory, at))
        for output, denial, answer, due in (
            (Output.CUFF, cuff, told.cuff, _cuff_permit(n, at)),
            (Output.STIMULATOR, pulses, told.stimulator, _pulse_permit(n, at)),
        ):
            expected = due if denial is None else Safe(output, denial)
            if answer != expected:
                broken.append(f"answers {answer} where {expected} is due")
            if denial is not None:
                denied.add(denial)
        return denied, broken

    def _noted(self, memory: Memory, at: Instant, told: Told) -> Memory:
        """What was answered is history from here on."""
        pulses = memory.pulses
        pulses = pulses._replace(on=False, rested_ms=0 if pulses.on else pulses.rested_ms)
        if isinstance(told.stimulator, StimulationPermit) and at.pulses is not None:
            pulses = pulse_rules.given(self.numbers, memory, at, at.pulses)
        memory = memory._replace(latched=told.latched, pulses=pulses)
        if not isinstance(told.cuff, Permit) or at.wish is None:
            venting = memory.venting_ms if memory.running is None else 0
            return memory._replace(running=None, venting_ms=venting)
        if memory.running is not None:
            return memory._replace(running=_aimed(memory.running, at.wish))
        return self._started(memory, at, at.wish)

    def _started(self, memory: Memory, at: Instant, wish: Intent) -> Memory:
        entered = at.seen.blood_pressure
        series_ms = None
        if wish.purpose is Purpose.SHORT_OCCLUSIONS:
            series_ms = self._series_ms(memory, wish) or 0
        examining = not is_therapy(wish.purpose)
        session = memory.session._replace(series=wish.series, series_ms=series_ms, examining=examining)
        running = Running(wish, 0 if entered is None else entered.systolic_mmhg)
        return memory._replace(running=running, venting_ms=None, oximetry=None, session=session)

    # alarms

    def _alarms(self, memory: Memory, at: Instant, denied: set[Reason], told: Told) -> Iterator[str]:
        due = {reason for reason, holds in self._conditions(memory, at) if holds}
        due |= {reason for reason, holds in self._limb(memory, at) if holds}
        unpermitted = pulse_rules.is_unpermitted(self.numbers, memory.pulses, at)
        due |= {Reason.STIMULATOR_UNEXPECTED} if unpermitted else set()
        if memory.latched is not None:
            due.add(memory.latched)
        elif at.seen.armed:
            due |= denied & ALARMED_DENIALS
        if due - told.conditions:
            yield f"silent about {sorted(due - told.conditions)}"
        if told.conditions - due:
            yield f"alarms without a cause: {sorted(told.conditions - due)}"

    def _conditions(self, memory: Memory, at: Instant) -> Listed:
        n, lasting, running = self.numbers, memory.lasting, memory.running
        yield Reason.PRESSURE_DEVIATION, _reaches(lasting.deviating_ms, n.deviation_ms)
        yield Reason.CUFF_ABSENT, _reaches(lasting.absent_ms, n.absent_ms)
        yield Reason.SENSOR_MISSING, _reaches(lasting.blind_ms, n.sensor_missing_ms)
        yield Reason.SENSORS_DISAGREE, _reaches(lasting.apart_ms, n.sensors_disagree_ms)
        bursts = lasting.worked > n.leak_ms * (1000 - n.leak_duty_permille)
        yield Reason.LEAK, bursts or _reaches(lasting.working_ms, n.leak_ms)
        yield Reason.RESIDUAL_PRESSURE, _reaches(lasting.residual_ms, n.residual_ms)
        lost = at.saturation_old or _reaches(lasting.unsaturated_ms, n.tissue_saturation_age_ms)
        yield Reason.TISSUE_SATURATION_LOST, at.seen.armed and at.seen.saturation_expected and lost
        seen = memory.oximetry
        unverified = seen is not None and seen.verdict == NO
        yield Reason.OCCLUSION_UNVERIFIED, running is not None and unverified
        yield Reason.TARGET_FAR_ABOVE_SYSTOLIC, self._is_far_above(running, at)

    def _is_far_above(self, running: Running | None, at: Instant) -> bool:
        """By the systolic entered last; a target that follows a measured limb pressure may be."""
        entered, arming = at.seen.blood_pressure, at.arming
        if running is None or running.arrived_ms is None or entered is None or arming is None:
            return False
        if arming.limb_pressure_dmmhg is not None or not is_occlusive(running.purpose):
            return False
        most = 10 * (entered.systolic_mmhg + self.numbers.far_above_systolic_mmhg)
        return running.target_dmmhg > most


def _cleared(memory: Memory) -> Memory:
    """After a reset: a limb that did not recover is still waited for, everything else starts anew."""
    oximetry = memory.oximetry
    if oximetry is not None and memory.latched is Reason.REPERFUSION_FAILED:
        oximetry = oximetry._replace(told=True)
    return memory._replace(latched=None, nonce=None, oximetry=oximetry, pulses=Pulses())


def _reaches(lasted_ms: int | None, span_ms: int) -> bool:
    return lasted_ms is not None and lasted_ms >= span_ms


def _first(listed: Listed) -> Reason | None:
    return next((reason for reason, holds in listed if holds), None)


def _whole_ms(wish: Intent) -> int:
    """How much time must be there: an examination starts only if its whole schedule fits."""
    return wish.planned_ms if is_therapy(wish.purpose) else max(wish.planned_ms, wish.schedule_ms)


def _cuff_permit(n: Numbers, at: Instant) -> Permit | None:
    if at.wish is None:
        return None
    return Permit(Output.CUFF, at.wish.pressure_dmmhg or 0, at.now + n.permit_ms)


def _pulse_permit(n: Numbers, at: Instant) -> StimulationPermit | None:
    wish: StimulationIntent | None = at.pulses
    if wish is None:
        return None
    expires_ms = at.now + n.stimulation_permit_ms
    return StimulationPermit(wish.current_ua, wish.pulse_width_us, wish.frequency_dhz, expires_ms)


def _aimed(running: Running, wish: Intent) -> Running:
    """The measurement that climbs has a new target and its time again."""
    if wish.pressure_dmmhg == running.target_dmmhg:
        return running
    return running._replace(wish=wish, aimed_ms=0, arrived_ms=None)


def _debts(
    before: Memory, memory: Memory, at: Instant, elapsed_ms: int, told_ms: tuple[int, ...]
) -> Iterator[str]:
    owed_ms = tuple(account.owed_ms for account in memory.accounts)
    if told_ms != owed_ms:
        yield f"reports debts of {told_ms} ms where {owed_ms} ms are owed"
    here = None if memory.place is None else LIMBS.index(memory.place)
    for limb, (old, new_ms) in enumerate(zip(before.accounts, told_ms, strict=True)):
        if new_ms < 0:
            yield "a negative debt"
        if old.owed_ms - new_ms > max(0, elapsed_ms):
            yield "a debt falls faster than time"
        if new_ms < old.owed_ms and limb == here and not at.empty:
            yield "the debt of the limb under the cuff falls without an empty cuff"


def _trip(dangers: set[Reason], told: Told) -> Iterator[str]:
    first = dangers & FIRST or dangers
    if told.latched is None:
        yield f"does not latch: {sorted(dangers)}"
    elif told.latched not in first:
        yield f"latches {told.latched} where one of {sorted(first)} is due"
    else:
        yield from _latched(told.latched, told, "what latches makes every output safe")


def _latched(reason: Reason, told: Told, rule: str) -> Iterator[str]:
    safe = (Safe(Output.CUFF, reason), Safe(Output.STIMULATOR, reason))
    if told.latched is not reason or (told.cuff, told.stimulator) != safe:
        yield f"{rule}: {told.latched}, {told.cuff}, {told.stimulator} instead of {reason}"
