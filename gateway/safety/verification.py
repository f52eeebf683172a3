"""Did the limb really do what the cuff was for? Verdict on each occlusion, recovery after it, the wrong limb.

Theory of operation
-------------------
When an inflation reaches its target, a ``Watch`` remembers what the oximeter shows: the saturation, and the
first total haemoglobin that comes after the target, since blood still collects until then.  A minute later
the occlusion is *verified* ("yes") when the saturation has fallen by at least 5 points and no sign that is
available contradicts (total haemoglobin within 5 % of its value at the target; no oscillation, no distal
pulse); "unknown" when the saturation is missing or the hold ends sooner; "no" otherwise.

After a hold of a minute with such a fall, half of the fall has to come back within a minute of the
cuff being empty; until then nothing is inflated, also after a person has cleared the trip.  A saturation
that is missing then proves nothing and trips nothing: its loss has its own alarm.  A restart does not end
this: what an earlier run has not seen recover is judged again, for a whole minute from the cuff being seen
empty, and what it has seen fail to recover goes on being waited for (``resumed``).  A person who says that
the cuff is off the limb ends it (``taken_off``).  On the other limb,
where a channel watches it, the saturation must not fall by 5 points within any minute: the cuff would be
on the wrong limb.

Units: per mille, 0.1 mmHg, ms.  Sources: gateway.safety.limits.
"""

from dataclasses import replace
from typing import NamedTuple

from gateway.model import Reason, Sample
from gateway.safety.debt import fresh, is_above
from gateway.safety.limits import Limits
from gateway.safety.observations import Inflation, Observations, State, Tissue, Watch

YES, NO, UNKNOWN = "yes", "no", "unknown"


class Unrecovered(NamedTuple):
    """A fall that nobody has seen come back; ``failed``: its minute was over, and it had not."""

    saturation: int
    lowest: int
    failed: bool = False


def resumed(limits: Limits, fall: Unrecovered | None, now: int) -> Watch | None:
    """The watch on what an earlier run has left: of no cycle of this one, and not to be verified any more."""
    if fall is None:
        return None
    return Watch(
        cycle=0,
        reached_ms=now - limits.verify_ms,
        saturation=fall.saturation,
        haemoglobin=None,
        others=(),
        lowest=fall.lowest,
        verified=UNKNOWN,
        vented_ms=now,
        told=fall.failed,
    )


def taken_off(state: State) -> State:
    """The state when a person says that the cuff is off the limb: nothing in here can press on it again."""
    return state if state.inflation is not None else replace(state, watch=None)


def told(watch: Watch | None, latched: Reason | None) -> Watch | None:
    """The watch when a person has cleared this trip: what failed to recover goes on being waited for."""
    if watch is None or latched is not Reason.REPERFUSION_FAILED:
        return watch
    return replace(watch, told=True)


def follow(limits: Limits, state: State, observations: Observations, now: int) -> State:
    """The state with its watch at ``now``."""
    watch = state.watch
    under_way, tissue = state.inflation, observations.tissue
    if watch is None:
        begun = _begun(limits, under_way, tissue, now)
        return state if begun is None else replace(state, watch=begun)
    if watch.vented_ms is not None:
        followed = _after(limits, watch, observations, now)
    elif under_way is None:
        followed = _vented(watch, now)
    else:
        followed = _during(limits, watch, tissue, now)
    return state if followed == watch else replace(state, watch=followed)


def value_of(limits: Limits, sample: Sample | None, now: int) -> int | None:
    """A sample's value while it is young enough to say something about ``now``."""
    if sample is None or not 0 <= now - sample.arrived_ms <= limits.tissue_saturation_age_ms:
        return None
    return sample.value


def _begun(limits: Limits, under_way: Inflation | None, tissue: Tissue, now: int) -> Watch | None:
    if under_way is None or under_way.reached_ms is None:
        return None
    saturation = value_of(limits, tissue.saturation, now)
    return Watch(
        cycle=under_way.cycle,
        reached_ms=now,
        saturation=saturation,
        haemoglobin=_at_target(limits, now, tissue.haemoglobin, now),
        others=_others(limits, (), tissue, now),
        lowest=saturation,
        verified=None if under_way.purpose.is_occlusive else UNKNOWN,
    )


def _during(limits: Limits, watch: Watch, tissue: Tissue, now: int) -> Watch:
    lowest, saturation = watch.lowest, value_of(limits, tissue.saturation, now)
    if saturation is not None and lowest is not None:
        lowest = min(lowest, saturation)
    blood = watch.haemoglobin
    if blood is None:
        blood = _at_target(limits, watch.reached_ms, tissue.haemoglobin, now)
    others = _others(limits, watch.others, tissue, now)
    watch = replace(watch, lowest=lowest, haemoglobin=blood, others=others)
    if watch.verified is None and now - watch.reached_ms >= limits.verify_ms:
        return replace(watch, verified=_verdict(limits, watch, tissue, now))
    return watch


def _at_target(limits: Limits, reached_ms: int, sample: Sample | None, now: int) -> int | None:
    """The value of a sample that came when the target was reached, or soon after it."""
    if sample is None or not 0 <= sample.arrived_ms - reached_ms <= limits.tissue_saturation_age_ms:
        return None
    return value_of(limits, sample, now)


def _others(
    limits: Limits, known: tuple[tuple[int, int], ...], tissue: Tissue, now: int
) -> tuple[tuple[int, int], ...]:
    """The other limb's values of the last minute, with the newest when ten seconds have passed."""
    recent = tuple(one for one in known if 0 <= now - one[0] <= limits.verify_ms)
    value = value_of(limits, tissue.other, now)
    if value is None or (recent and now - recent[-1][0] < limits.other_limb_every_ms):
        return recent
    return (*recent, (now, value))


def _verdict(limits: Limits, watch: Watch, tissue: Tissue, now: int) -> str:
    saturation = value_of(limits, tissue.saturation, now)
    if saturation is None or watch.saturation is None:
        return UNKNOWN
    if watch.saturation - saturation < limits.saturation_fall_permille or tissue.flow_seen:
        return NO
    return NO if blood_changed(limits, watch, tissue, now) else YES


def blood_changed(limits: Limits, watch: Watch, tissue: Tissue, now: int) -> bool:
    """Whether total haemoglobin is more than 5 % from its value at the target."""
    blood = value_of(limits, tissue.haemoglobin, now)
    if blood is None or watch.haemoglobin is None:
        return False
    return abs(blood - watch.haemoglobin) * 1000 > watch.haemoglobin * limits.haemoglobin_permille


def blood_rose(limits: Limits, state: State, tissue: Tissue, now: int) -> bool:
    """Whether blood collects in a limb that should be closed."""
    watch, under_way = state.watch, state.inflation
    if watch is None or under_way is None or not under_way.purpose.is_occlusive:
        return False
    blood = value_of(limits, tissue.haemoglobin, now)
    if blood is None or watch.haemoglobin is None:
        return False
    return (blood - watch.haemoglobin) * 1000 > watch.haemoglobin * limits.haemoglobin_permille


def wrong_limb(limits: Limits, state: State, tissue: Tissue, now: int) -> bool:
    """Whether the oxygen falls in the limb that the cuff should not be on."""
    watch, other = state.watch, value_of(limits, tissue.other, now)
    if state.inflation is None or watch is None or other is None:
        return False
    return any(before - other >= limits.saturation_fall_permille for _, before in watch.others)


def _vented(watch: Watch, now: int) -> Watch:
    return replace(watch, vented_ms=now, verified=watch.verified or UNKNOWN)


def _after(limits: Limits, watch: Watch, observations: Observations, now: int) -> Watch:
    if watch.released_ms is None:
        cuff = fresh(limits, observations.cuff, now)
        empty = cuff is not None and not is_above(limits, cuff)
        return replace(watch, released_ms=now) if empty else watch
    saturation = value_of(limits, observations.tissue.saturation, now)
    if watch.saturation is None or watch.lowest is None or saturation is None:
        return watch
    half_way = 2 * saturation >= watch.saturation + watch.lowest
    return replace(watch, recovered=True) if half_way else watch


def not_recovered(limits: Limits, state: State, tissue: Tissue, now: int) -> bool:
    """Whether a minute has passed since the release and less than half of a real fall has come back."""
    watch = state.watch
    if watch is None or watch.released_ms is None or watch.told or not _must_recover(limits, watch):
        return False
    known = value_of(limits, tissue.saturation, now) is not None
    return known and now - watch.released_ms >= limits.recovery_ms


def awaits_recovery(limits: Limits, state: State, now: int) -> bool:
    """Whether nothing may be inflated because the blood has not been seen to come back.

    For a minute where the oximeter says nothing; without end once it has shown that the blood stayed away.
    """
    watch = state.watch
    if watch is None or not _must_recover(limits, watch):
        return False
    return watch.told or watch.released_ms is None or now - watch.released_ms < limits.recovery_ms


def _must_recover(limits: Limits, watch: Watch) -> bool:
    """A hold of a minute with a real fall, and half of it has not come back so far."""
    if watch.vented_ms is None or watch.recovered or watch.saturation is None or watch.lowest is None:
        return False
    held_ms, fall = watch.vented_ms - watch.reached_ms, watch.saturation - watch.lowest
    return held_ms >= limits.verify_ms and fall >= limits.saturation_fall_permille
