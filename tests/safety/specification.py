"""What the supervisor must answer, written down a second time and differently.

Theory of operation
-------------------
The supervisor carries a compact state from step to step.  This specification carries none of it: it
keeps the history of everything that was seen and answered, and reads each rule off that history
("the pressure has been over 310 in every moment of the last 100 ms").  It imports the shared value types
and the numbers, and none of the supervisor's code.

``expect`` gives every reason for which a trip is due, and the permit that is due, or ``None``.
``note`` adds the supervisor's own answer to the history.

Units: 0.1 mmHg, ms.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.model import CuffReading, Intent, Output, Permit, Reason, Safe
from gateway.safety.limits import Limits
from gateway.safety.observations import Observations

Predicate = Callable[["Moment"], bool]


@dataclass(frozen=True, slots=True)
class Moment:
    """One step: what was seen and, once ``note`` was called, what was answered."""

    now: int
    seen: Observations
    wish: Intent | None
    cuff: CuffReading | None
    answer: Permit | Safe | None = None

    @property
    def sensors(self) -> list[int]:
        """The sensors that are known from a fresh status."""
        if self.cuff is None:
            return []
        return [p for p in (self.cuff.control_dmmhg, self.cuff.limit_dmmhg) if p is not None]

    @property
    def missing(self) -> bool:
        return self.cuff is not None and len(self.sensors) < 2

    @property
    def permitted(self) -> bool:
        return isinstance(self.answer, Permit)


@dataclass(frozen=True, slots=True)
class Expected:
    """What is due at a moment."""

    trips: frozenset[Reason]
    permit: Permit | None


class Specification:
    """The history of one limb and what it demands."""

    def __init__(self, limits: Limits, debt_ms: int, now: int, latched: Reason | None = None) -> None:
        self.limits, self.latched = limits, latched
        self.debt_ms, self.debt_at_ms, self.was_above = debt_ms, now, False
        self.past: list[Moment] = []
        self.clock_from = 0
        self.nonce_from = 0

    def expect(self, seen: Observations, wishes: tuple[Intent, ...], now: int) -> Expected:
        """What is due now, and whether it leaves everything latched."""
        moment = Moment(now, seen, self._wish(wishes), self._fresh(seen.cuff, now))
        if self.past and now < self.past[-1].now:
            self.clock_from = len(self.past)
        if seen.reset and self.latched is not None:
            self.latched, self.nonce_from = None, len(self.past)
        self._owe(moment)
        trips = frozenset(reason for reason, due in self._trips(moment) if due)
        if self.latched is not None or trips or not self._allowed(moment):
            return Expected(trips, None)
        assert moment.wish is not None
        assert moment.wish.pressure_dmmhg is not None
        return Expected(trips, Permit(Output.CUFF, moment.wish.pressure_dmmhg, now + self.limits.permit_ms))

    def note(
        self,
        seen: Observations,
        wishes: tuple[Intent, ...],
        now: int,
        answer: Permit | Safe,
        latched: Reason | None,
    ) -> None:
        """What was answered is history from here on."""
        self.latched = latched
        self.past.append(Moment(now, seen, self._wish(wishes), self._fresh(seen.cuff, now), answer))

    # reading one moment

    def _fresh(self, cuff: CuffReading | None, now: int) -> CuffReading | None:
        if cuff is None or cuff.arrived_ms > now or now - cuff.arrived_ms > self.limits.status_age_ms:
            return None
        return cuff

    def _wish(self, wishes: tuple[Intent, ...]) -> Intent | None:
        return wishes[0] if len(wishes) == 1 and wishes[0].pressure_dmmhg is not None else None

    def _occluding(self, moment: Moment) -> bool:
        return moment.missing or any(p > self.limits.deflated_dmmhg for p in moment.sensors)

    def _shows_pressure(self, moment: Moment) -> bool:
        return any(p > self.limits.deflated_dmmhg for p in moment.sensors)

    def _empty(self, moment: Moment) -> bool:
        return moment.cuff is not None and not self._occluding(moment)

    # reading the history

    def _lasted(self, moment: Moment, holds: Predicate, span_ms: int, since: int = 0) -> bool:
        """Whether ``holds`` in this moment and in all before it for at least ``span_ms``."""
        first = None
        for one in self._back_from(moment, max(since, self.clock_from)):
            if not holds(one):
                break
            first = one.now
        return first is not None and moment.now - first >= span_ms

    def _lasted_nearly(self, moment: Moment, holds: Predicate, span_ms: int, since: int) -> bool:
        """The same, but a relief of less than a second is none; a moment without a status is one."""
        first = last = None
        for one in self._back_from(moment, max(since, self.clock_from)):
            if one.cuff is None:
                break
            if holds(one):
                first = one.now
                last = one.now if last is None else last
            elif (first if first is not None else moment.now) - one.now >= 1_000:
                break
        fresh = last is not None and moment.now - last < 1_000
        return fresh and first is not None and moment.now - first >= span_ms

    def _back_from(self, moment: Moment, since: int) -> Iterator[Moment]:
        yield moment
        for index in range(len(self.past) - 1, since - 1, -1):
            yield self.past[index]

    def _inflation(self) -> list[Moment]:
        """The unbroken permits up to now, oldest first; empty when the cuff is safe."""
        first = len(self.past)
        while first > 0 and self.past[first - 1].permitted:
            first -= 1
        return self.past[first:]

    def _vent(self) -> list[Moment]:
        """Everything since the last vent, its own moment first; empty before any, and while inflated."""
        after = len(self.past)
        while after > 0 and not self.past[after - 1].permitted:
            after -= 1
        return self.past[after:] if after else []

    def _owe(self, moment: Moment) -> None:
        gone = max(0, moment.now - self.debt_at_ms)
        self.debt_at_ms = moment.now
        if moment.cuff is None:
            unseen = min(self.debt_ms + gone, self.limits.debt_vent_ms) if self.was_above else 0
            self.debt_ms = max(self.debt_ms, unseen)
            return
        occluding = self._occluding(moment)
        if moment.missing and not self._shows_pressure(moment):
            self.debt_ms = max(self.debt_ms, min(self.debt_ms + gone, self.limits.debt_unknown_ms))
        elif occluding or self.was_above:
            self.debt_ms += gone
        else:
            self.debt_ms = max(0, self.debt_ms - min(gone, self.limits.status_age_ms))
        self.was_above = occluding

    # trips

    def _trips(self, moment: Moment) -> Iterator[tuple[Reason, bool]]:
        yield from self._limb(moment)
        yield from self._means(moment)
        if inflation := self._inflation():
            yield from self._under_way(moment, inflation)

    def _limb(self, moment: Moment) -> Iterator[tuple[Reason, bool]]:
        limits, sensors, cuff = self.limits, moment.sensors, moment.cuff
        over = self._lasted(
            moment, lambda m: any(p > limits.pressure_trip_dmmhg for p in m.sensors), limits.pressure_trip_ms
        )
        yield Reason.OVER_PRESSURE, over or any(p > limits.pressure_trip_once_dmmhg for p in sensors)
        debt_ms = max(self.debt_ms, cuff.debt_ms if cuff else 0)
        yield Reason.OCCLUSION_TIME, self.was_above and debt_ms >= limits.debt_vent_ms
        yield from self._after_vent(moment)
        faulty = cuff is not None and int(cuff.faults) != 0
        yield Reason.DEVICE_FAULT, faulty
        yield Reason.JOURNAL_FAILED, moment.seen.journal_failed
        yield Reason.TIME_REVERSED, bool(self.past) and moment.now < self.past[-1].now

    def _after_vent(self, moment: Moment) -> Iterator[tuple[Reason, bool]]:
        if self._inflation():
            return
        vent = self._vent()
        emptied = any(self._empty(one) for one in [*vent[1:], moment])
        if vent and not emptied:
            began = min(one.now for one in [*vent, moment])
            late = moment.now - began >= self.limits.not_deflated_ms
            yield Reason.DEFLATION_FAILED, late and (moment.cuff is None or self._occluding(moment))
            return
        lasted = self._lasted(moment, self._occluding, self.limits.sensors_disagree_ms)
        known = any(p > self.limits.deflated_dmmhg for p in moment.sensors)
        yield Reason.UNEXPECTED_PRESSURE, known and lasted

    def _means(self, moment: Moment) -> Iterator[tuple[Reason, bool]]:
        limits, seen, cuff = self.limits, moment.seen, moment.cuff
        if not seen.armed and not seen.reset:
            return
        yield Reason.CUFF_STATUS_LOST, cuff is None
        yield Reason.DEVICE_RESET, seen.armed and cuff is not None and cuff.nonce != self._first_nonce(moment)
        yield Reason.SENSOR_MISSING, self._lasted(moment, lambda m: m.missing, limits.sensor_missing_ms)
        outside = [
            p for p in moment.sensors if p < limits.sensor_lowest_dmmhg or p > limits.sensor_highest_dmmhg
        ]
        yield Reason.SENSOR_OUT_OF_RANGE, bool(outside)
        yield Reason.SENSORS_DISAGREE, self._lasted(moment, self._apart, limits.sensors_disagree_ms)

    def _apart(self, moment: Moment) -> bool:
        both = moment.sensors
        return len(both) == 2 and max(both) - min(both) > self.limits.sensors_disagree_dmmhg

    def _first_nonce(self, moment: Moment) -> int | None:
        first = None
        for one in self._back_from(moment, self.nonce_from):
            if not one.seen.armed:
                break
            first = one.cuff.nonce if one.cuff else first
        return first

    def _under_way(self, moment: Moment, inflation: list[Moment]) -> Iterator[tuple[Reason, bool]]:
        limits, begun = self.limits, inflation[0]
        wish, pressure = begun.wish, begun.seen.blood_pressure
        assert wish is not None
        assert wish.pressure_dmmhg is not None
        assert pressure is not None
        overdue = moment.now - begun.now >= wish.planned_ms + limits.overdue_ms
        yield Reason.OCCLUSION_TIME, overdue
        yield Reason.CYCLE_LATE, moment.now - inflation[-1].now > limits.cycle_late_ms
        yield Reason.CUFF_STATUS_LOST, moment.seen.armed and not moment.seen.cuff_accepted
        yield Reason.DEVICE_REFUSED, moment.seen.lease_refused
        arrived = [
            index
            for index, one in enumerate([*inflation, moment])
            if index > 0 and self._at_target(one, wish.pressure_dmmhg)
        ]
        since_ms = moment.now - begun.now
        dead = moment.cuff is not None and not self._shows_pressure(moment) and since_ms >= limits.respond_ms
        occluding = 10 * (pressure.systolic_mmhg + limits.occluding_margin_mmhg)
        passed = any(_control_from(one, occluding) for one in [*inflation[1:], moment])
        stuck = not passed and since_ms >= limits.pass_ms
        yield Reason.INFLATION_TOO_SLOW, not arrived and (dead or stuck or since_ms >= limits.reach_ms)
        since = len(self.past) - len(inflation) + 1

        def congests(one: Moment) -> bool:
            filled = _control_from(one, limits.congestion_lowest_dmmhg + 1)
            return filled and _control_below(one, occluding)

        yield Reason.VENOUS_CONGESTION, self._lasted_nearly(moment, congests, limits.congestion_ms, since)
        yield Reason.SENSOR_STUCK, any(self._stuck(moment, which, since) for which in (0, 1))
        if arrived and arrived[0] < len(inflation):

            def low_then(one: Moment) -> bool:
                entered = one.seen.blood_pressure
                systolic = max(pressure.systolic_mmhg, entered.systolic_mmhg if entered else 0)
                return _control_below(one, (systolic + limits.occluding_margin_mmhg) * 10)

            first = len(self.past) - len(inflation) + arrived[0] + 1
            low = self._lasted_nearly(moment, low_then, limits.pressure_lost_ms, first)
            yield Reason.PRESSURE_LOST, low

    def _stuck(self, moment: Moment, which: int, since: int) -> bool:
        """One sensor on one value, and the other for a second 5 mmHg from what it was when that began."""
        value = _pair(moment)[which]
        run: list[Moment] = []
        for one in self._back_from(moment, max(since, self.clock_from)):
            if one.cuff is None or value is None or _pair(one)[which] != value:
                break
            run.append(one)
        known = [_pair(one)[1 - which] for one in reversed(run) if _pair(one)[1 - which] is not None]
        if not known:
            return False
        first = None
        for one in run:
            other = _pair(one)[1 - which]
            if other is None or abs(other - known[0]) < self.limits.stuck_beside_dmmhg:
                break
            first = one.now
        return first is not None and moment.now - first >= self.limits.stuck_beside_ms

    def _at_target(self, moment: Moment, target: int) -> bool:
        control = moment.cuff.control_dmmhg if moment.cuff else None
        return control is not None and control >= target - self.limits.reached_dmmhg

    # permits

    def _allowed(self, moment: Moment) -> bool:
        seen, wish = moment.seen, moment.wish
        if wish is None or seen.stop or not seen.armed or self._stopped_at_the_bedside(moment):
            return False
        if inflation := self._inflation():
            return wish == inflation[0].wish
        return self._may_begin(moment, wish)

    def _stopped_at_the_bedside(self, moment: Moment) -> bool:
        """The patient's button, or more presses than when this session was first seen armed."""
        if moment.cuff is None:
            return False
        presses = moment.cuff.presses
        for one in self._back_from(moment, 0):
            if not one.seen.armed:
                break
            presses = one.cuff.presses if one.cuff else presses
        return moment.cuff.patient_stop or moment.cuff.presses != presses

    def _may_begin(self, moment: Moment, wish: Intent) -> bool:
        limits, seen, cuff = self.limits, moment.seen, moment.cuff
        pressure, row, target = seen.blood_pressure, seen.authorisation, wish.pressure_dmmhg or 0
        if cuff is None or pressure is None or row is None or not seen.cuff_accepted:
            return False
        return all(
            (
                self._empty(moment),
                target <= min(limits.pressure_ceiling_dmmhg, limits.unmeasured_target_dmmhg),
                target >= 10 * (pressure.systolic_mmhg + limits.occluding_margin_mmhg),
                0 < wish.planned_ms <= limits.planned_longest_ms,
                max(self.debt_ms, cuff.debt_ms) + wish.planned_ms <= limits.debt_inflation_ms,
                0 <= moment.now - pressure.entered_ms <= limits.blood_pressure_age_ms,
                limits.systolic_lowest_mmhg <= pressure.systolic_mmhg <= limits.systolic_highest_mmhg,
                pressure.systolic_mmhg + 2 * pressure.diastolic_mmhg >= 3 * limits.mean_lowest_mmhg,
                0 <= moment.now - row.durable_ms <= limits.authorisation_age_ms,
                (row.cycle, row.target_dmmhg, row.planned_ms) == (wish.cycle, target, wish.planned_ms),
            )
        )


def _pair(moment: Moment) -> tuple[int | None, int | None]:
    """Both sensors as a fresh status shows them."""
    return (None, None) if moment.cuff is None else (moment.cuff.control_dmmhg, moment.cuff.limit_dmmhg)


def _control_from(moment: Moment, pressure_dmmhg: int) -> bool:
    """Whether the control sensor is known to read this much or more."""
    control = moment.cuff.control_dmmhg if moment.cuff else None
    return control is not None and control >= pressure_dmmhg


def _control_below(moment: Moment, pressure_dmmhg: int) -> bool:
    """Whether the control sensor is known to read less than this."""
    control = moment.cuff.control_dmmhg if moment.cuff else None
    return control is not None and control < pressure_dmmhg
