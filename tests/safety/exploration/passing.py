"""What goes on by itself between two answers: debts, stopwatches, the way of an inflation, the oximetry.

Theory of operation
-------------------
``pass_time`` takes the memory from the step before to this one, before anything is answered.  Order matters
where one thing is told by another: first who is at the bedside and where the cuff is, then what has lasted
(by the inflation and the oximetry of the step before), then debts and accounts, then what the cuff shows,
last what the oximeter shows of it.

Units: ms, 0.1 mmHg, per mille.
"""

from tests.safety.exploration.instant import Instant, Numbers, is_occlusive, occluding
from tests.safety.exploration.memory import (
    LIMBS,
    Account,
    Lasting,
    Memory,
    Oximetry,
    Pulses,
    Running,
    Session,
    later,
)

YES, NO, UNKNOWN = "yes", "no", "unknown"


def pass_time(n: Numbers, memory: Memory, at: Instant, elapsed_ms: int) -> Memory:
    """The memory of now, before anything is answered. A clock that ran backwards proves no duration."""
    gone = max(0, elapsed_ms)
    memory = _at_the_bedside(memory._replace(session=_older(memory.session, elapsed_ms)), at)
    pressed_before = memory.account.pressed
    lasting = Lasting() if elapsed_ms < 0 else memory.lasting
    venting = memory.venting_ms
    pulses = memory.pulses
    memory = memory._replace(
        lasting=_lasting(n, memory, lasting, at, elapsed_ms),
        accounts=_owing(n, memory, at, gone),
        moved_ms=0 if at.seen.moving or pulses.on else later(memory.moved_ms, elapsed_ms),
        venting_ms=None if venting is None else max(0, venting + elapsed_ms),
        nonce=_first_nonce(memory, at),
        rests=tuple(later(one, elapsed_ms) for one in memory.rests),
        pulses=pulses._replace(
            pressed_ms=later(pulses.pressed_ms, elapsed_ms),
            permitted_ms=later(pulses.permitted_ms, elapsed_ms),
            begun_ms=later(pulses.begun_ms, elapsed_ms),
            rested_ms=later(pulses.rested_ms, elapsed_ms),
        ),
    )
    if memory.begun and (pressed_before or memory.account.pressed):
        memory = memory._replace(session=_spent(memory.session, gone))
    memory = _seen_by_the_cuff(n, memory, at, elapsed_ms)
    oximetry = _seen_by_the_oximeter(n, memory, at, elapsed_ms)
    return memory._replace(oximetry=oximetry, begun=True)


# the session


def _at_the_bedside(memory: Memory, at: Instant) -> Memory:
    """Which session it is, whether the button was pressed since it was armed, and where the cuff is."""
    session = memory.session
    if at.arming is None:
        return memory._replace(session=session._replace(presses=None))
    if at.cuff is None:
        return memory
    if session.presses is None:
        session = session._replace(presses=at.cuff.presses)
    if session.number != at.arming.number:
        session = Session(number=at.arming.number, presses=session.presses, examining=session.examining)
        memory = memory._replace(pulses=Pulses())
    place = at.arming.limb if at.empty else memory.place
    return memory._replace(session=session, place=place)


def _older(session: Session, elapsed_ms: int) -> Session:
    return session._replace(series_ms=later(session.series_ms, elapsed_ms))


def _spent(session: Session, gone: int) -> Session:
    """Time under pressure, paid by what the last inflation was for."""
    if session.examining:
        return session._replace(examination_ms=session.examination_ms + gone)
    return session._replace(therapy_ms=session.therapy_ms + gone)


def _first_nonce(memory: Memory, at: Instant) -> int | None:
    """The controller's reset mark, first seen since the session was armed or reset."""
    if not at.seen.armed:
        return None
    return at.cuff.nonce if memory.nonce is None and at.cuff is not None else memory.nonce


# debts


def _owing(n: Numbers, memory: Memory, at: Instant, gone: int) -> tuple[Account, ...]:
    """The limb under the cuff by the reading; the others rest. Before anybody said which, all of them."""
    return tuple(
        _owing_under(n, account, at, gone)
        if memory.place in (None, limb)
        else Account(max(0, account.owed_ms - gone))
        for limb, account in zip(LIMBS, memory.accounts, strict=True)
    )


def _owing_under(n: Numbers, account: Account, at: Instant, gone: int) -> Account:
    """One more for each ms under pressure, one less for each without; the unknown counts as pressure."""
    owed = account.owed_ms
    if at.cuff is None:
        grown = max(owed, min(owed + gone, n.debt_vent_ms)) if account.pressed else owed
        return Account(grown, account.pressed)
    if at.blind and not at.shows:
        return Account(max(owed, min(owed + gone, n.debt_unknown_ms)), True)
    if at.pressed or account.pressed:
        return Account(owed + gone, at.pressed)
    return Account(max(0, owed - min(gone, n.status_age_ms)))


# stopwatches


def _lasting(n: Numbers, memory: Memory, old: Lasting, at: Instant, elapsed_ms: int) -> Lasting:
    gone = max(0, elapsed_ms)
    unsaturated = _watch(old.unsaturated_ms, not at.saturated, gone)
    bleeding = _watch(old.bleeding_ms, _bleeds(n, memory, at), gone)
    if at.cuff is None:
        absent = _watch(old.absent_ms, True, gone)
        return Lasting(absent_ms=absent, unsaturated_ms=unsaturated, bleeding_ms=bleeding)
    running = memory.running
    held = running if running is not None and running.arrived_ms is not None else None
    settled = _is_settled(n, held, elapsed_ms)
    low_seen = _relieved(n, old.low_seen_ms, _is_low(n, held, at), running, gone)
    shut_seen = _relieved(n, old.congesting_seen_ms, _congests(n, running, at), running, gone)
    return Lasting(
        over_ms=_watch(old.over_ms, at.over, gone),
        blind_ms=_watch(old.blind_ms, at.blind, gone),
        apart_ms=_watch(old.apart_ms, at.apart, gone),
        pressed_ms=_watch(old.pressed_ms, at.pressed, gone),
        deviating_ms=_watch(old.deviating_ms, _deviates(n, memory, held, at, elapsed_ms), gone),
        low_ms=_watch(old.low_ms, low_seen is not None, gone),
        low_seen_ms=low_seen,
        congesting_ms=_watch(old.congesting_ms, shut_seen is not None, gone),
        congesting_seen_ms=shut_seen,
        working_ms=_watch(old.working_ms, settled and at.cuff.working, gone),
        worked=_worked(n, old.worked, at.cuff.working, gone) if settled else 0,
        residual_ms=_watch(old.residual_ms, _presses_on(n, memory, at), gone),
        unsaturated_ms=unsaturated,
        bleeding_ms=bleeding,
    )


def _watch(old_ms: int | None, holds: bool, gone_ms: int) -> int | None:
    """A stopwatch: starts at 0 when the condition does and goes on while it holds."""
    if not holds:
        return None
    return 0 if old_ms is None else old_ms + gone_ms


def _relieved(
    n: Numbers, seen_ms: int | None, holds: bool, running: Running | None, gone_ms: int
) -> int | None:
    """How long ago the condition last held; after enough relief, or without an inflation, it is over."""
    if holds:
        return 0
    if seen_ms is None or running is None or seen_ms + gone_ms >= n.relief_ms:
        return None
    return seen_ms + gone_ms


def _deviates(n: Numbers, memory: Memory, held: Running | None, at: Instant, elapsed_ms: int) -> bool:
    """Too far from the target that was reached; more is allowed with and just after a movement.

    A movement counts from the step after the one in which it is seen.
    """
    if held is None or at.control is None:
        return False
    moved = memory.moved_ms
    moving = moved is not None and moved + elapsed_ms <= n.deviation_ms
    allowed = n.deviation_moving_dmmhg if moving else n.deviation_dmmhg
    return abs(at.control - held.target_dmmhg) > allowed


def _is_low(n: Numbers, held: Running | None, at: Instant) -> bool:
    """Under the larger of both systolics + margin: blood flows in and cannot flow out.

    A cuff that restricts or measures has lost its pressure when half of the target is gone.
    """
    if held is None or at.control is None:
        return False
    if not is_occlusive(held.purpose):
        return 2 * at.control < held.target_dmmhg
    entered = at.seen.blood_pressure
    systolic = max(held.systolic_mmhg, 0 if entered is None else entered.systolic_mmhg)
    return at.control < occluding(n, systolic)


def _congests(n: Numbers, running: Running | None, at: Instant) -> bool:
    """The veins are shut and the arteries are not, though they should be."""
    if running is None or at.control is None or not is_occlusive(running.purpose):
        return False
    return n.congestion_lowest_dmmhg < at.control < occluding(n, running.systolic_mmhg)


def _is_settled(n: Numbers, held: Running | None, elapsed_ms: int) -> bool:
    """A hold in which what is pumped is what gets lost."""
    return (
        held is not None and held.arrived_ms is not None and held.arrived_ms + elapsed_ms >= n.leak_after_ms
    )


def _worked(n: Numbers, worked: int, works: bool, gone_ms: int) -> int:
    """Work counts with what it is more than its share, rest pays its share back; twice too much is kept."""
    share = n.leak_duty_permille
    worked += gone_ms * (1000 - share) if works else -gone_ms * share
    return max(0, min(worked, 2 * n.leak_ms * (1000 - share)))


def _presses_on(n: Numbers, memory: Memory, at: Instant) -> bool:
    """A vented cuff on somebody's limb that is not quite empty."""
    idle = memory.running is None and memory.place is not None
    return idle and not at.pressed and at.highest > n.residual_dmmhg


def _bleeds(n: Numbers, memory: Memory, at: Instant) -> bool:
    """Blood collects in a limb that should be shut."""
    running, oximetry = memory.running, memory.oximetry
    if running is None or oximetry is None or not is_occlusive(running.purpose):
        return False
    first, blood = oximetry.haemoglobin, at.haemoglobin
    return first is not None and blood is not None and _beyond(n, blood - first, first)


def _beyond(n: Numbers, change: int, first: int) -> bool:
    return 1000 * change > n.haemoglobin_permille * first


# what is seen


def _seen_by_the_cuff(n: Numbers, memory: Memory, at: Instant, elapsed_ms: int) -> Memory:
    """An inflation passes the systolic and arrives; a vented cuff is empty at last."""
    running = memory.running
    if running is not None:
        return memory._replace(running=_on_its_way(n, running, at, elapsed_ms))
    if memory.venting_ms is None or not at.empty:
        return memory
    place = memory.place
    rests = tuple(0 if limb is place else one for limb, one in zip(LIMBS, memory.rests, strict=True))
    return memory._replace(venting_ms=None, rests=rests)


def _on_its_way(n: Numbers, running: Running, at: Instant, elapsed_ms: int) -> Running:
    running = running._replace(
        since_ms=running.since_ms + elapsed_ms,
        aimed_ms=running.aimed_ms + elapsed_ms,
        arrived_ms=later(running.arrived_ms, elapsed_ms),
    )
    if at.control is None:
        return running
    if at.control >= occluding(n, running.systolic_mmhg):
        running = running._replace(passed=True)
    if running.arrived_ms is None and at.control >= running.target_dmmhg - n.reached_dmmhg:
        running = running._replace(arrived_ms=0)
    return running


def _seen_by_the_oximeter(n: Numbers, memory: Memory, at: Instant, elapsed_ms: int) -> Oximetry | None:
    """Watched from the arrival at the target until the blood has come back."""
    seen, running = memory.oximetry, memory.running
    if seen is None:
        return None if running is None or running.arrived_ms is None else _first_look(n, running, at)
    seen = seen._replace(
        since_ms=seen.since_ms + elapsed_ms,
        others=tuple((age_ms + elapsed_ms, value) for age_ms, value in seen.others),
        released_ms=later(seen.released_ms, elapsed_ms),
    )
    if seen.held_ms is not None:
        return _after_the_hold(seen, at)
    if running is None:
        return seen._replace(held_ms=seen.since_ms, verdict=seen.verdict or UNKNOWN)
    return _during_the_hold(n, seen, at)


def _first_look(n: Numbers, running: Running, at: Instant) -> Oximetry:
    verdict = None if is_occlusive(running.purpose) else UNKNOWN
    others = _noted_others(n, (), at)
    return Oximetry(0, at.saturation, _blood_at_target(n, 0, at), others, at.saturation, verdict)


def _blood_at_target(n: Numbers, since_ms: int, at: Instant) -> int | None:
    """The first haemoglobin that came once the target was reached, if it came soon."""
    sample = at.seen.tissue.haemoglobin
    if sample is None:
        return None
    came_after_ms = since_ms - (at.now - sample.arrived_ms)
    return at.haemoglobin if 0 <= came_after_ms <= n.tissue_saturation_age_ms else None


def _noted_others(n: Numbers, known: tuple[tuple[int, int], ...], at: Instant) -> tuple[tuple[int, int], ...]:
    """What the other limb showed within the last minute, not more often than every so many seconds."""
    recent = tuple(one for one in known if 0 <= one[0] <= n.verify_ms)
    due = not recent or recent[-1][0] >= n.other_limb_every_ms
    return (*recent, (0, at.other)) if due and at.other is not None else recent


def _during_the_hold(n: Numbers, seen: Oximetry, at: Instant) -> Oximetry:
    if seen.lowest is not None and at.saturation is not None:
        seen = seen._replace(lowest=min(seen.lowest, at.saturation))
    if seen.haemoglobin is None:
        seen = seen._replace(haemoglobin=_blood_at_target(n, seen.since_ms, at))
    seen = seen._replace(others=_noted_others(n, seen.others, at))
    if seen.verdict is None and seen.since_ms >= n.verify_ms:
        seen = seen._replace(verdict=_verdict(n, seen, at))
    return seen


def _verdict(n: Numbers, seen: Oximetry, at: Instant) -> str:
    """Verified when the saturation fell and no sign contradicts; unknown without a saturation."""
    if seen.saturation is None or at.saturation is None:
        return UNKNOWN
    fell = seen.saturation - at.saturation >= n.saturation_fall_permille
    first, blood = seen.haemoglobin, at.haemoglobin
    changed = first is not None and blood is not None and _beyond(n, abs(blood - first), first)
    return YES if fell and not changed and not at.seen.tissue.flow_seen else NO


def _after_the_hold(seen: Oximetry, at: Instant) -> Oximetry:
    if seen.released_ms is None:
        return seen._replace(released_ms=0) if at.empty else seen
    if seen.saturation is None or seen.lowest is None or at.saturation is None:
        return seen
    half_back = at.saturation - seen.lowest >= seen.saturation - at.saturation
    return seen._replace(recovered=seen.recovered or half_back)


def must_recover(n: Numbers, memory: Memory) -> bool:
    """After a hold of a minute with a real fall, as long as half of the fall has not come back."""
    seen = memory.oximetry
    if seen is None or seen.held_ms is None or seen.recovered:
        return False
    if seen.saturation is None or seen.lowest is None:
        return False
    fall = seen.saturation - seen.lowest
    return seen.held_ms >= n.verify_ms and fall >= n.saturation_fall_permille


def not_recovered(n: Numbers, memory: Memory, at: Instant) -> bool:
    """A minute after the release, by a saturation that is known."""
    seen = memory.oximetry
    if seen is None or seen.released_ms is None or at.saturation is None:
        return False
    return must_recover(n, memory) and not seen.told and seen.released_ms >= n.recovery_ms


def awaits_recovery(n: Numbers, memory: Memory) -> bool:
    """The minute in which the blood may come back is not over, or it was seen not to have come back."""
    seen = memory.oximetry
    if seen is None or not must_recover(n, memory):
        return False
    return seen.told or seen.released_ms is None or seen.released_ms < n.recovery_ms
