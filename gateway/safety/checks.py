"""Input checks: what must be true of the readings, or the cuff is vented and the gateway latched.

Theory of operation
-------------------
Each check is one row of ``TRIPS``: a reason and a predicate, judged in order of urgency, so that
the first reason found is the one that latches.  Over-pressure and occlusion time come first and
hold whether or not a session runs; checks of the means (sensors, controller, journal, our own
cycle) hold while a session is armed, because an idle gateway is vented anyway and a cable being
plugged in is not an event that a nurse must clear; they are also judged when a latch is to be cleared.

Conditions that last are timed by ``Timers`` ("since when without a break"); nothing counts calls.

Units: pressures 0.1 mmHg, times ms.
"""

from typing import Protocol

from gateway.model import CuffReading, DeviceFault, Reason
from gateway.safety import leak, stream, stuck, verification
from gateway.safety.debt import fresh, is_above, is_seen_above, shows_more
from gateway.safety.inflation import occluding_dmmhg
from gateway.safety.limits import Limits
from gateway.safety.observations import Observations, State, Timers
from gateway.safety.reasons import Kind, kind_of, priority_of


def timed(limits: Limits, state: State, observations: Observations, now: int) -> Timers:
    """The timers at ``now``. A clock that ran backwards proves no duration: all start again."""
    backwards = state.now_ms is not None and now < state.now_ms
    old, cuff = Timers() if backwards else state.timers, fresh(limits, observations.cuff, now)
    no_saturation_ms = _since(old.no_saturation_ms, _no_saturation(observations), now)
    if cuff is None:
        return Timers(no_saturation_ms=no_saturation_ms, absent_ms=_since(old.absent_ms, True, now))
    low, congests = _low(limits, state, observations, cuff), _congests(limits, state, cuff)
    low_seen_ms = _seen(limits, old.low_seen_ms, low, state, now)
    congestion_seen_ms = _seen(limits, old.congestion_seen_ms, congests, state, now)
    settled = leak.is_settled(limits, state, now)
    return Timers(
        no_saturation_ms=no_saturation_ms,
        blood_ms=_since(old.blood_ms, verification.blood_rose(limits, state, observations.tissue, now), now),
        over_ms=_since(old.over_ms, shows_more(cuff, limits.pressure_trip_dmmhg), now),
        missing_ms=_since(old.missing_ms, cuff.highest_dmmhg is None, now),
        disagree_ms=_since(old.disagree_ms, _disagree(limits, cuff), now),
        deviation_ms=_since(old.deviation_ms, _deviates(limits, state, cuff, now), now),
        low_ms=_bridged(old.low_ms, low_seen_ms, now),
        low_seen_ms=low_seen_ms,
        above_ms=_since(old.above_ms, is_above(limits, cuff), now),
        congestion_ms=_bridged(old.congestion_ms, congestion_seen_ms, now),
        congestion_seen_ms=congestion_seen_ms,
        working_ms=_since(old.working_ms, settled and cuff.working, now),
        worked=leak.worked(limits, old.worked, cuff.working, state.elapsed_ms(now)) if settled else 0,
        residual_ms=_since(old.residual_ms, _presses_on(limits, state, cuff), now),
    )


def expected_nonce(limits: Limits, state: State, observations: Observations, now: int) -> int | None:
    """The controller's reset mark that an armed session started with; ``None`` while not armed."""
    if not observations.armed:
        return None
    cuff = fresh(limits, observations.cuff, now)
    return cuff.nonce if state.nonce is None and cuff is not None else state.nonce


def _since(since_ms: int | None, holds: bool, now: int) -> int | None:
    if not holds:
        return None
    return now if since_ms is None else since_ms


def _seen(limits: Limits, seen_ms: int | None, holds: bool, state: State, now: int) -> int | None:
    """When a condition of the inflation under way last held; a moment of relief does not end it."""
    if holds:
        return now
    over = state.inflation is None or seen_ms is None or now - seen_ms >= limits.relief_ms
    return None if over else seen_ms


def _bridged(since_ms: int | None, seen_ms: int | None, now: int) -> int | None:
    if seen_ms is None:
        return None
    return now if since_ms is None else since_ms


def _lasted(since_ms: int | None, span_ms: int, now: int) -> bool:
    return since_ms is not None and now - since_ms >= span_ms


def _no_saturation(observations: Observations) -> bool:
    """Whether the oximeter's newest word is no value; a sensor that moves gives a few of those."""
    saturation = observations.tissue.saturation
    return saturation is None or saturation.value is None


def _disagree(limits: Limits, cuff: CuffReading) -> bool:
    if cuff.control_dmmhg is None or cuff.limit_dmmhg is None:
        return False
    return abs(cuff.control_dmmhg - cuff.limit_dmmhg) > limits.sensors_disagree_dmmhg


def _deviates(limits: Limits, state: State, cuff: CuffReading, now: int) -> bool:
    """Further from its target than it may be; a movement or contraction, and what follows it, widens that."""
    hold = state.inflation
    if hold is None or hold.reached_ms is None or cuff.control_dmmhg is None:
        return False
    moving = state.moved_ms is not None and now - state.moved_ms <= limits.deviation_ms
    allowed = limits.deviation_moving_dmmhg if moving else limits.deviation_dmmhg
    return abs(cuff.control_dmmhg - hold.target_dmmhg) > allowed


def _low(limits: Limits, state: State, observations: Observations, cuff: CuffReading) -> bool:
    """No longer occluding, by the systolic of the inflation or by a higher one entered since.

    A cuff that restricts or measures has lost its pressure when half of the target is gone.
    """
    hold, entered = state.inflation, observations.blood_pressure
    if hold is None or hold.reached_ms is None or cuff.control_dmmhg is None:
        return False
    if not hold.purpose.is_occlusive:
        return 2 * cuff.control_dmmhg < hold.target_dmmhg
    began = hold.systolic_mmhg
    since = began if entered is None else entered.systolic_mmhg
    return cuff.control_dmmhg < occluding_dmmhg(limits, max(began, since))


def _congests(limits: Limits, state: State, cuff: CuffReading) -> bool:
    """Pressure that shuts the veins and not the arteries, where it is not the purpose."""
    rising = state.inflation
    if rising is None or not rising.purpose.is_occlusive or cuff.control_dmmhg is None:
        return False
    least = limits.congestion_lowest_dmmhg
    return least < cuff.control_dmmhg < occluding_dmmhg(limits, rising.systolic_mmhg)


def _presses_on(limits: Limits, state: State, cuff: CuffReading) -> bool:
    """A vented cuff that is not quite empty, on a limb."""
    if state.inflation is not None or state.limb is None or is_above(limits, cuff):
        return False
    return shows_more(cuff, limits.residual_dmmhg)


class _Instant:
    """Everything that a check may look at, gathered once per step."""

    __slots__ = ("cuff", "energised", "limits", "now", "previous_ms", "seen", "state", "watched")

    def __init__(
        self, limits: Limits, state: State, seen: Observations, previous_ms: int | None, now: int
    ) -> None:
        self.limits, self.state, self.seen, self.now = limits, state, seen, now
        self.previous_ms = previous_ms
        self.cuff = fresh(limits, seen.cuff, now)
        self.energised = state.inflation is not None
        self.watched = seen.armed or seen.reset  # a reset must not hide what is still wrong


def _over_pressure(at: _Instant) -> bool:
    if at.cuff is None:
        return False
    once = shows_more(at.cuff, at.limits.pressure_trip_once_dmmhg)
    return once or _lasted(at.state.timers.over_ms, at.limits.pressure_trip_ms, at.now)


def _occlusion_time(at: _Instant) -> bool:
    owed = at.state.debts.largest(at.state.limb)
    owed_ms = owed.value_ms if at.cuff is None else max(owed.value_ms, at.cuff.debt_ms)
    if owed.above and owed_ms >= at.limits.debt_vent_ms:
        return True
    under_way = at.state.inflation
    if under_way is None:
        return False
    return at.now - under_way.started_ms >= under_way.planned_ms + at.limits.overdue_ms


def _deflation_failed(at: _Instant) -> bool:
    """Not seen empty ten seconds after its vent: still above, or nobody knows."""
    return not at.energised and _lasted(at.state.vented_ms, at.limits.not_deflated_ms, at.now)


def _unexpected_pressure(at: _Instant) -> bool:
    if at.energised or at.state.vented_ms is not None:
        return False
    seen = at.cuff is not None and is_seen_above(at.limits, at.cuff)
    return seen and _lasted(at.state.timers.above_ms, at.limits.sensors_disagree_ms, at.now)


def _time_reversed(at: _Instant) -> bool:
    return at.previous_ms is not None and at.now < at.previous_ms


def _cycle_late(at: _Instant) -> bool:
    late = at.previous_ms is not None and at.now - at.previous_ms > at.limits.cycle_late_ms
    return at.energised and late


def _status_lost(at: _Instant) -> bool:
    """Silent, or no longer the controller that was accepted when the inflation started."""
    return at.watched and (at.cuff is None or (at.energised and not at.seen.cuff_accepted))


def _device_reset(at: _Instant) -> bool:
    """Not the mark with which this session began; there is none while not armed."""
    return at.cuff is not None and at.state.nonce not in (None, at.cuff.nonce)


def _device_fault(at: _Instant) -> bool:
    return at.cuff is not None and at.cuff.faults != DeviceFault.NONE


def _sensor_missing(at: _Instant) -> bool:
    missing = at.state.timers.missing_ms
    return at.watched and _lasted(missing, at.limits.sensor_missing_ms, at.now)


def _out_of_range(at: _Instant) -> bool:
    if at.cuff is None or not at.watched:
        return False
    known = [value for value in (at.cuff.control_dmmhg, at.cuff.limit_dmmhg) if value is not None]
    low, high = at.limits.sensor_lowest_dmmhg, at.limits.sensor_highest_dmmhg
    return any(not low <= value <= high for value in known)


def _sensors_disagree(at: _Instant) -> bool:
    disagree = at.state.timers.disagree_ms
    return at.watched and _lasted(disagree, at.limits.sensors_disagree_ms, at.now)


def _too_slow(at: _Instant) -> bool:
    rising = at.state.inflation
    if rising is None or rising.reached_ms is not None:
        return False
    since_ms = at.now - rising.started_ms
    if since_ms >= at.limits.respond_ms and at.cuff is not None and not is_seen_above(at.limits, at.cuff):
        return True  # the pump works and no sensor sees it: a kink, or both sensors on a closed line
    if rising.purpose.is_occlusive and rising.passed_ms is None and since_ms >= at.limits.pass_ms:
        return True
    return at.now - rising.aimed_ms >= at.limits.reach_ms


def _congestion(at: _Instant) -> bool:
    timers = at.state.timers
    if not at.energised:
        return False
    pressed = _lasted(timers.congestion_ms, at.limits.congestion_ms, at.now)
    return pressed or _lasted(timers.blood_ms, at.limits.haemoglobin_ms, at.now)


def _wrong_limb(at: _Instant) -> bool:
    return verification.wrong_limb(at.limits, at.state, at.seen.tissue, at.now)


def _not_reperfused(at: _Instant) -> bool:
    return verification.not_recovered(at.limits, at.state, at.seen.tissue, at.now)


def _electrode(at: _Instant) -> bool:
    return at.seen.armed and at.seen.stimulator is not None and at.seen.stimulator.electrode_fault


def _stimulator_lost(at: _Instant) -> bool:
    """Silent while it is being used, or no longer the link on which it was first used in this session."""
    used, reading = at.state.stimulation, at.seen.stimulator
    if not at.seen.armed or used.link is None:
        return False
    if reading is None or reading.link != used.link:
        return True
    return not 0 <= at.now - reading.arrived_ms <= at.limits.stimulator_age_ms


def _too_rare(at: _Instant) -> bool:
    return stream.is_too_rare(at.limits, at.state.stream)


def _missing(at: _Instant) -> bool:
    return stream.is_missing(at.limits, at.state.stream)


def _damaged(at: _Instant) -> bool:
    return stream.is_damaged(at.limits, at.state.stream)


def _out_of_time(at: _Instant) -> bool:
    return stream.is_out_of_time(at.limits, at.state.stream, at.now)


def _sensor_stuck(at: _Instant) -> bool:
    return stuck.is_stuck(at.limits, at.state.stills, at.now)


def _stimulator_unexpected(at: _Instant) -> bool:
    """It stimulates, and neither is it allowed to nor was it until a moment ago."""
    reading, permitted_ms = at.seen.stimulator, at.state.stimulation.permitted_ms
    if reading is None or not reading.stimulating or at.state.stimulation.on:
        return False
    settled_ms = at.limits.stimulation_permit_ms + at.limits.stimulator_age_ms
    return permitted_ms is None or at.now - permitted_ms > settled_ms


def _pressure_lost(at: _Instant) -> bool:
    return at.energised and _lasted(at.state.timers.low_ms, at.limits.pressure_lost_ms, at.now)


def _lease_refused(at: _Instant) -> bool:
    return (at.energised or at.state.stimulation.on) and at.seen.lease_refused


def _journal_failed(at: _Instant) -> bool:
    return at.seen.journal_failed


class _Check(Protocol):
    def __call__(self, at: _Instant, /) -> bool: ...


TRIPS: tuple[tuple[Reason, _Check], ...] = (
    (Reason.OVER_PRESSURE, _over_pressure),
    (Reason.OCCLUSION_TIME, _occlusion_time),
    (Reason.TIME_REVERSED, _time_reversed),
    (Reason.CYCLE_LATE, _cycle_late),
    (Reason.DEVICE_RESET, _device_reset),
    (Reason.CUFF_STATUS_LOST, _status_lost),
    (Reason.STATUS_TOO_RARE, _too_rare),
    (Reason.STATUS_MISSING, _missing),
    (Reason.STATUS_DAMAGED, _damaged),
    (Reason.DEVICE_CLOCK, _out_of_time),
    (Reason.DEVICE_FAULT, _device_fault),
    (Reason.SENSOR_MISSING, _sensor_missing),
    (Reason.SENSOR_OUT_OF_RANGE, _out_of_range),
    (Reason.SENSORS_DISAGREE, _sensors_disagree),
    (Reason.SENSOR_STUCK, _sensor_stuck),
    (Reason.DEFLATION_FAILED, _deflation_failed),
    (Reason.UNEXPECTED_PRESSURE, _unexpected_pressure),
    (Reason.WRONG_LIMB, _wrong_limb),
    (Reason.PRESSURE_LOST, _pressure_lost),
    (Reason.INFLATION_TOO_SLOW, _too_slow),
    (Reason.VENOUS_CONGESTION, _congestion),
    (Reason.REPERFUSION_FAILED, _not_reperfused),
    (Reason.ELECTRODE_FAULT, _electrode),
    (Reason.STIMULATOR_UNEXPECTED, _stimulator_unexpected),
    (Reason.STIMULATOR_LOST, _stimulator_lost),
    (Reason.DEVICE_REFUSED, _lease_refused),
    (Reason.JOURNAL_FAILED, _journal_failed),
)
"""The checks in order of urgency: the first that holds gives the reason that latches."""

_LIMB = (
    Reason.OVER_PRESSURE,
    Reason.OCCLUSION_TIME,
    Reason.DEFLATION_FAILED,
    Reason.UNEXPECTED_PRESSURE,
    Reason.REPERFUSION_FAILED,
    Reason.STIMULATOR_UNEXPECTED,
)
"""What endangers the limb itself. It alarms even when another reason latched first, because the
alarm of the first may have been acknowledged before the limb came into danger."""


def first_trip(
    limits: Limits, state: State, observations: Observations, previous_ms: int | None, now: int
) -> Reason | None:
    """The first check that fails at ``now``, or ``None``."""
    instant = _Instant(limits, state, observations, previous_ms, now)
    for reason, fails in TRIPS:
        if fails(instant):
            return reason
    return None


def holding(
    limits: Limits, state: State, observations: Observations, refused: frozenset[Reason], now: int
) -> frozenset[Reason]:
    """Every condition that is there at ``now`` and must alarm; ``refused`` says why an output is safe.

    Of the trips those of the limb, and what has latched if it still, or again, holds.
    """
    found = {reason for reason in refused if _alarms_as_answer(observations, reason)}
    if _lasted(state.timers.deviation_ms, limits.deviation_ms, now):
        found.add(Reason.PRESSURE_DEVIATION)
    if _lasted(state.timers.absent_ms, limits.absent_ms, now):
        found.add(Reason.CUFF_ABSENT)
    if observations.armed and _saturation_lost(limits, state, observations, now):
        found.add(Reason.TISSUE_SATURATION_LOST)
    if _lasted(state.timers.missing_ms, limits.sensor_missing_ms, now):
        found.add(Reason.SENSOR_MISSING)
    if _lasted(state.timers.disagree_ms, limits.sensors_disagree_ms, now):
        found.add(Reason.SENSORS_DISAGREE)
    found.update(_notices(limits, state, observations, now))
    instant = _Instant(limits, state, observations, None, now)
    found.update([reason for reason, holds in TRIPS if _is_followed(state, reason) and holds(instant)])
    return frozenset(found)


def _is_followed(state: State, reason: Reason) -> bool:
    return reason in _LIMB or reason is state.latched


def _notices(limits: Limits, state: State, observations: Observations, now: int) -> set[Reason]:
    found = set()
    if leak.is_found(limits, state.timers, now):
        found.add(Reason.LEAK)
    if _lasted(state.timers.residual_ms, limits.residual_ms, now):
        found.add(Reason.RESIDUAL_PRESSURE)
    if state.watch is not None and state.watch.verified == verification.NO and state.inflation is not None:
        found.add(Reason.OCCLUSION_UNVERIFIED)
    if _far_above(limits, state, observations):
        found.add(Reason.TARGET_FAR_ABOVE_SYSTOLIC)
    return found


def _far_above(limits: Limits, state: State, observations: Observations) -> bool:
    """By a systolic entered since; a target that follows a measured limb pressure may be."""
    hold, pressure, arming = state.inflation, observations.blood_pressure, observations.arming
    if hold is None or hold.reached_ms is None or pressure is None or arming is None:
        return False
    if arming.limb_pressure_dmmhg is not None or not hold.purpose.is_occlusive:
        return False
    return hold.target_dmmhg > (pressure.systolic_mmhg + limits.far_above_systolic_mmhg) * 10


def _alarms_as_answer(observations: Observations, answer: Reason) -> bool:
    waits = kind_of(answer) in (Kind.WAIT, Kind.REFUSAL)
    return observations.armed and waits and priority_of(answer) is not None


def _saturation_lost(limits: Limits, state: State, observations: Observations, now: int) -> bool:
    if not observations.saturation_expected:
        return False
    sample, span_ms = observations.tissue.saturation, limits.tissue_saturation_age_ms
    if _lasted(state.timers.no_saturation_ms, span_ms, now):
        return True
    return sample is not None and now - sample.arrived_ms > span_ms
