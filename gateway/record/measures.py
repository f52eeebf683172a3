"""The numbers of a session: definitions of everything that its summary measures.

Theory of operation
-------------------
Pure functions of ``Facts``.  ``None`` means "not known", never zero.

hold        from hold reached to vent command.  Where no vent was commanded, because core died, it
            ends with the cuff's deflation, the session's end or the last thing this run of core
            recorded, whichever came first.
occlusion   from the first lease of an inflation to its vent command
reperfusion from the cuff below 15 mmHg to the next inflation or the session's end
baseline    mean of the StO2 values of the last 30 s before the first inflation, of 5 values at least
minimum     lowest StO2 from the first inflation until the cuff has deflated after the last one
recovery    from the vent command of the last delivered cycle to the first StO2 value, before any
            later inflation or the session's end, that has come back to the baseline or above;
            unknown if StO2 had not been below it since that cycle's inflation
given       a contraction whose time was up and which the stimulator confirmed
no response a contraction at the highest current authorised in which a sensor of force, or of EMG in a
            loop on the evoked response, saw none; unknown where none looked at one at that current
no pulses   a contraction of whose pulses the EMG of the muscle showed too few, given or not; unknown where
            none looked

Comparisons of StO2 with its baseline are made in integers, so no rounding decides them.

Units: seconds and percent are floats; samples are integers as in ``events``.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from dsp.band import LARGEST_DMMHG, MISSING, STANDS_FOR_MS, TimeInBand
from gateway.record.facts import Cycle, Facts, Moment, SaturationSample

_BASELINE_MS = 30_000
_BASELINE_VALUES = 5
_PLANNED, _NO, _UNKNOWN = "planned", "no", "unknown"


class Shares(NamedTuple):
    """Shares of hold time near the target, ``None`` without any hold."""

    within_5pct: float | None
    within_10pct: float | None
    within_15mmhg: float | None


class Baseline(NamedTuple):
    """A mean as a fraction, so that comparing with it is exact."""

    total_permille: int
    values: int

    @property
    def percent(self) -> float:
        return self.total_permille / (10 * self.values)

    def is_above(self, permille: int) -> bool:
        return permille * self.values < self.total_permille


def occlusion_s(cycle: Cycle) -> float | None:
    """From the inflation command to the vent command."""
    if cycle.inflation_started is None or cycle.vent_commanded is None:
        return None
    return cycle.inflation_started.seconds_until(cycle.vent_commanded)


def reperfusion_s(facts: Facts, cycle: Cycle) -> float | None:
    """From deflation to the next inflation or the session's end; unknown before either."""
    if cycle.deflated is None:
        return None
    until = facts.inflation_after(cycle.deflated) or facts.ended_at
    return None if until is None else cycle.deflated.seconds_until(until)


def shares_in_band(facts: Facts) -> Shares:
    """Over the holds of all cycles, weighted by time."""
    total = within_5 = within_10 = within_15 = 0
    for cycle in facts.cycles.values():
        if cycle.hold_reached is None:
            continue
        begin, end_ms = cycle.hold_reached, _hold_end_ms(facts, cycle, cycle.hold_reached)
        band = _band(facts, begin, end_ms, cycle.hold_target_dmmhg)
        total += end_ms - begin.mono_ms
        within_5 += band.within_5pct_ms
        within_10 += band.within_10pct_ms
        within_15 += band.within_15mmhg_ms
    if total == 0:
        return Shares(None, None, None)
    return Shares(within_5 / total, within_10 / total, within_15 / total)


def baseline(facts: Facts) -> Baseline | None:
    """StO2 before anything was done to the limb."""
    start = facts.first_inflation()
    if start is None:
        return None
    found = [
        sample.permille
        for sample in facts.saturation.get(start.boot, [])
        if start.mono_ms - _BASELINE_MS <= sample.mono_ms < start.mono_ms and sample.permille is not None
    ]
    return Baseline(sum(found), len(found)) if len(found) >= _BASELINE_VALUES else None


def minimum_percent(facts: Facts) -> float | None:
    """The lowest StO2 of the occlusions."""
    start = facts.first_inflation()
    if start is None:
        return None
    window = _saturation(facts, start, _last_deflation(facts))
    lowest = min((permille for _, permille in window if permille is not None), default=None)
    return None if lowest is None else lowest / 10


def recovery_s(facts: Facts, reference: Baseline | None) -> float | None:
    """How long StO2 took to come back after the last delivered cycle."""
    cycle = max((c for c in facts.cycles.values() if c.delivered), key=_vented, default=None)
    if cycle is None or reference is None or cycle.inflation_started is None or cycle.vent_commanded is None:
        return None
    vent = cycle.vent_commanded
    until = facts.inflation_after(vent) or facts.over_at
    fallen = False
    for at_ms, permille in _saturation(facts, cycle.inflation_started, until):
        if permille is None:
            continue
        if reference.is_above(permille):
            fallen = True
        elif at_ms >= vent.mono_ms:
            return (at_ms - vent.mono_ms) / 1000 if fallen else None
    return None


def contractions_given(facts: Facts) -> int:
    """Contractions that lasted their time and were confirmed."""
    return sum(train.confirmed and train.reason == _PLANNED for train in facts.trains)


def contractions_without_response(facts: Facts) -> int | None:
    """Contractions at the cap that evoked no force; ``None`` where nothing could tell."""
    judged = [train.response for train in facts.trains if train.at_cap and train.response != _UNKNOWN]
    return judged.count(_NO) if judged else None


def contractions_without_pulses(facts: Facts) -> int | None:
    """Contractions whose pulses did not arrive at the muscle; ``None`` where nothing could tell."""
    judged = [train.pulses for train in facts.trains if train.pulses != _UNKNOWN]
    return judged.count(_NO) if judged else None


def current_highest_ma(facts: Facts) -> float | None:
    """The highest current of the session."""
    highest_ua = max((train.current_ua for train in facts.trains), default=None)
    return None if highest_ua is None else highest_ua / 1000


def last_recorded_ms(facts: Facts, boot: int) -> int:
    """The newest time of any row or cuff sample of one run of core."""
    samples = facts.cuff.get(boot, [])
    return max(samples[-1].mono_ms if samples else 0, facts.last_ms_of_boot[boot])


def _vented(cycle: Cycle) -> tuple[int, int]:
    return (cycle.vent_commanded.boot, cycle.vent_commanded.mono_ms) if cycle.vent_commanded else (0, 0)


def _hold_end_ms(facts: Facts, cycle: Cycle, begin: Moment) -> int:
    ends = (cycle.vent_commanded, cycle.deflated, facts.ended_at)
    known = [end.mono_ms for end in ends if end is not None and end.boot == begin.boot]
    return max(begin.mono_ms, min(known) if known else last_recorded_ms(facts, begin.boot))


def _band(facts: Facts, begin: Moment, end_ms: int, target_dmmhg: int) -> TimeInBand:
    band = TimeInBand(target_dmmhg, begin.mono_ms)
    samples = facts.cuff.get(begin.boot, [])
    first = bisect_left(samples, begin.mono_ms - STANDS_FOR_MS, key=lambda sample: sample.mono_ms)
    beyond = bisect_left(samples, end_ms, key=lambda sample: sample.mono_ms)
    pairs = array("q")
    for at_ms, dmmhg in samples[first:beyond]:
        pairs.extend((at_ms, _measurable(dmmhg)))
    band.push(pairs)
    band.finish(end_ms)
    return band


def _measurable(dmmhg: int | None) -> int:
    """A value that no 16-bit sensor can send is no value."""
    return dmmhg if dmmhg is not None and MISSING < dmmhg <= LARGEST_DMMHG else MISSING


def _last_deflation(facts: Facts) -> Moment:
    """When the cuff had deflated after the last inflation, or as far as the record goes."""
    inflated = [(c.inflation_started, c.deflated) for c in facts.cycles.values() if c.inflation_started]
    _, deflated = max(inflated, key=lambda pair: pair[0])
    return deflated or facts.over_at


def _saturation(facts: Facts, begin: Moment, end: Moment) -> Iterator[SaturationSample]:
    """The samples of ``begin``'s run of core up to ``end``, both included."""
    for sample in facts.saturation.get(begin.boot, []):
        if sample.mono_ms >= begin.mono_ms and (begin.boot, sample.mono_ms) <= (end.boot, end.mono_ms):
            yield sample
