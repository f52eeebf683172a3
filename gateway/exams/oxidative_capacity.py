"""Oxidative capacity: how fast oxygen consumption recovers, by repeated short occlusions.

Theory of operation
-------------------
While a limb is occluded nothing flows in, so the slope at which its
haemoglobin loses oxygen is its consumption. After exercise (or stimulation) a series of short occlusions
samples how consumption falls back to rest; ``consumption(t) = end - drop exp(-k t)``, and k in 1/min is the
result.

1. *Signal.*  ``hhb`` is corrected for blood volume (``beever2020`` or ``ryan2012``; ``uncorrected`` exists
to show what that does); ``sto2`` needs none.  k from StO2 is larger than k from HHb (2.8 and 2.35 /min in
one study), so the signal is part of the definition id and the two never compare. 2. *Slopes.*
``steepest-3s``: the steepest 3 s of an occlusion without its first second, in which the filling cuff pushes
blood about (Costalat 2025; mnirs).  ``whole``: one line over the same part. 3. *Series.*  Occlusions less
than ``series_gap_s`` apart belong together; the longest run is the series, others (at rest, before) are
reported and not fitted. 4. *Fit.*  ``dsp.fits.recovery``; its interval of k once by curvature and once by
profile.

Slopes have R2 and no interval: a line chosen as the steepest of many, over samples that are not independent,
has none that could be told.  ``ryan2012`` counts changes of blood volume from an anchor, here the beginning
of each line, and its k depends on it: it is always doubtful, and the flag has the k of another anchor.

Flags, one for all occlusions that have it: lines that do not fit, consumption that does not fall, consumption
that rises again after three time constants (hyperaemia or unrest: k is then too large), too few occlusions, a
cuff that fell.

Units: HHb uM, slopes uM/s or %/s, times s, k 1/min.
"""

from array import array
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dsp import fits, nirs, traces
from dsp.errors import SignalRefused
from gateway.exams.folded import folded
from gateway.exams.occlusion_marks import left_over, paired
from gateway.exams.occlusion_quality import fell, unverified
from gateway.exams.occlusion_trace import Choices as Limits
from gateway.exams.occlusions import Occlusion, find
from gateway.exams.oxidative_capacity_definitions import (
    EXAM,
    Choices,
    Signal,
    SlopeWay,
    definitions,
    parameters,
)
from gateway.exams.recording import Recording
from gateway.exams.result import (
    Curve,
    Flag,
    Probe,
    Result,
    Severity,
    Value,
    Window,
)
from gateway.model import Limb

LEAST_OCCLUSIONS = 5
"""Five are what the shortest published series has (Sumner 2020)."""

POOR_R_SQUARED = 0.9
MOST_MISSING = 0.2


class Consumption(NamedTuple):
    """The slope of one occlusion, positive where oxygen is used. ``line`` is ``None`` where none was had."""

    occlusion: Occlusion
    of: str
    line: fits.Line | None
    rate: float | None
    refusal: str = ""

    @property
    def at_s(self) -> float:
        """The middle of the line."""
        assert self.line is not None
        return (self.line.start_s + self.line.end_s) / 2.0


def analyse(
    recording: Recording,
    probe: Probe,
    limb: Limb | None = None,
    choices: Choices | None = None,
    occluding_mmhg: float | None = None,
    systolic_mmhg: float | None = None,
) -> Result:
    """k of the longest series of short occlusions, with every slope. Raises ``ExamRefused`` and its kinds."""
    chosen = choices or Choices()
    way = chosen.slope_way()
    occlusions = find(recording, occluding_mmhg, systolic_mmhg=systolic_mmhg)
    signal = _signal(recording, chosen.signal)
    rising = chosen.signal != "sto2"
    found = [
        _consumption(recording, signal, way, one, str(at + 1), rising=rising)
        for at, one in enumerate(occlusions)
    ]
    series = _series(found, chosen.series_gap_s)
    flags = folded([flag for one in found for flag in _flags_of(recording, one, systolic_mmhg)])
    if occlusions[0].found_by == "marks":
        flags += left_over(paired(recording.marks))
    else:
        flags += unverified(occlusions, is_stated=(occluding_mmhg, systolic_mmhg) != (None, None))
    values = [_slope_value(one, chosen) for one in found]
    curves = [_slope_curve(one) for one in found if one.line is not None]
    _fit(series, chosen, values, flags, curves)
    if chosen.signal == "hhb-ryan2012":
        flags.append(_anchored_elsewhere(recording, series, way))
    return Result(
        exam=EXAM,
        definition=chosen.definition,
        probe=probe,
        limb=limb,
        recording=recording.source,
        values=tuple(values),
        flags=tuple(flags),
        windows=tuple(
            Window(
                name="occlusion", start_s=one.occlusion.occluded_s, end_s=one.occlusion.release_s, of=one.of
            )
            for one in found
        ),
        curves=tuple(curves),
        parameters=parameters(chosen, way, tuple(one.of for one in series)),
        definitions=definitions(chosen, way),
    )


def _consumption(
    recording: Recording,
    signal: Callable[[float], "array[float]"],
    way: SlopeWay,
    one: Occlusion,
    of: str,
    *,
    rising: bool,
) -> Consumption:
    start_s, end_s = one.occluded_s + way.lead_s, one.release_s
    values = signal(start_s)
    try:
        begin, end = fits.window(recording.times_s, start_s, end_s)
        if traces.missing_share(values, begin, end) > MOST_MISSING:
            raise SignalRefused("slope", "missing_samples", "more than a fifth of it is missing")
        if way.span_s is None:
            line = fits.line(recording.times_s, values, start_s, end_s)
        else:
            line = fits.steepest_line(recording.times_s, values, start_s, end_s, way.span_s, rising=rising)
    except SignalRefused as refused:
        return Consumption(one, of, None, None, refused.message)
    return Consumption(one, of, line, line.slope if rising else -line.slope)


def _signal(recording: Recording, signal: Signal) -> Callable[[float], "array[float]"]:
    """The trace whose slope is consumption, for an occlusion whose slope is looked for from this time on."""
    if signal == "sto2":
        values = recording.column("sto2", "%")
        return lambda _: values
    oxy, deoxy = recording.column("o2hb", "uM"), recording.column("hhb", "uM")
    if signal == "hhb-ryan2012":
        return lambda start_s: _since(recording, oxy, deoxy, start_s)
    same = deoxy if signal == "hhb-uncorrected" else nirs.beever2020(oxy, deoxy).deoxy_um
    return lambda _: same


def _since(
    recording: Recording, oxy: "array[float]", deoxy: "array[float]", start_s: float
) -> "array[float]":
    """HHb by ``ryan2012``, which counts changes from the beginning of each occlusion."""
    begin = min(fits.window(recording.times_s, start_s, recording.end_s)[0], len(oxy) - 1)
    return nirs.ryan2012(oxy, deoxy, (oxy[begin], deoxy[begin])).deoxy_um


def _anchored_elsewhere(recording: Recording, series: Sequence["Consumption"], way: SlopeWay) -> Flag:
    """How much k of ``ryan2012`` depends on where its changes are counted from."""
    oxy, deoxy = recording.column("o2hb", "uM"), recording.column("hhb", "uM")
    same = nirs.ryan2012(oxy, deoxy, (oxy[0], deoxy[0])).deoxy_um
    other = [
        _consumption(recording, lambda _: same, way, one.occlusion, one.of, rising=True) for one in series
    ]
    try:
        k_per_s = _recovery([one for one in other if one.rate is not None]).k_per_s
        elsewhere = f"anchored at the recording's first sample k is {60.0 * k_per_s:.2f} /min"
    except SignalRefused as refused:
        elsewhere = f"anchored at the recording's first sample there is none ({refused.message})"
    text = f"ryan2012 is anchored at the beginning of each line here, and k depends on that: {elsewhere}"
    return Flag(id="anchor_matters", severity=Severity.DOUBTFUL, text=text, about="k_per_min")


def _series(found: Sequence[Consumption], gap_s: float) -> list[Consumption]:
    """The longest run of occlusions that are close to one another; of two equal ones the later."""
    runs: list[list[Consumption]] = []
    for one in found:
        if runs and one.occlusion.inflation_s - runs[-1][-1].occlusion.release_s <= gap_s:
            runs[-1].append(one)
        else:
            runs.append([one])
    return max(reversed(runs), key=len)


def _flags_of(recording: Recording, one: Consumption, systolic_mmhg: float | None) -> list[Flag]:
    name = "oxygen_consumption"
    flags = fell(one.occlusion, one.of, Limits().fell_mmhg, systolic_mmhg)
    if one.line is None or one.rate is None:
        missing = Flag(id="no_slope", severity=Severity.MISSING, text=one.refusal, about=name, of=one.of)
        return [*flags, missing]
    if one.rate <= 0.0:
        text = "oxygen was not used: was the limb occluded?"
        flags.append(
            Flag(id="no_deoxygenation", severity=Severity.DOUBTFUL, text=text, about=name, of=one.of)
        )
    if one.line.r_squared < POOR_R_SQUARED:
        text = f"R2 of the line is below {POOR_R_SQUARED:g}"
        flags.append(Flag(id="poor_line", severity=Severity.DOUBTFUL, text=text, about=name, of=one.of))
    if recording.gaps_in(one.occlusion.inflation_s, one.occlusion.release_s):
        text = "samples are missing inside the occlusion"
        flags.append(Flag(id="gap", severity=Severity.DOUBTFUL, text=text, about=name, of=one.of))
    return flags


def _slope_unit(chosen: Choices) -> str:
    return "%/s" if chosen.signal == "sto2" else "uM/s"


def _slope_value(one: Consumption, chosen: Choices) -> Value:
    line = one.line
    return Value(
        name="oxygen_consumption",
        unit=_slope_unit(chosen),
        definition=chosen.definition,
        value=one.rate,
        of=one.of,
        r_squared=None if line is None else line.r_squared,
        samples=None if line is None else line.samples,
    )


def _slope_curve(one: Consumption) -> Curve:
    assert one.line is not None
    return Curve(
        about="oxygen_consumption",
        model="line",
        start_s=one.line.start_s,
        end_s=one.line.end_s,
        coefficients=(one.line.intercept, one.line.slope),
        of=one.of,
    )


_FITTED = (
    ("k_per_min", "1/min"),
    ("time_constant", "s"),
    ("consumption_start", ""),
    ("consumption_end", ""),
)


def _fit(
    series: Sequence[Consumption],
    chosen: Choices,
    values: list[Value],
    flags: list[Flag],
    curves: list[Curve],
) -> None:
    """The recovery of the series' slopes, or the flag that says why there is none."""
    kept = [one for one in series if one.rate is not None]
    try:
        found = _recovery(kept)
    except SignalRefused as refused:
        for name, unit in _FITTED:
            empty = Value(
                name=name, unit=unit or _slope_unit(chosen), definition=chosen.definition, value=None
            )
            values.append(empty)
        flags.append(Flag(id=refused.code, severity=Severity.MISSING, text=refused.message))
        return
    values.extend(_fitted_values(found, chosen))
    flags.extend(_flags_of_fit(found, kept))
    curves.append(
        Curve(
            about="k_per_min",
            model="recovery",
            start_s=found.start_s,
            end_s=kept[-1].at_s,
            coefficients=(found.end, found.drop, found.k_per_s),
        )
    )


def _recovery(kept: Sequence[Consumption]) -> fits.Recovery:
    if len(kept) < LEAST_OCCLUSIONS:
        raise SignalRefused(
            "series", "too_few_occlusions", f"{len(kept)} slopes, {LEAST_OCCLUSIONS} are needed"
        )
    times_s = array("d", [one.at_s for one in kept])
    found = fits.recovery(times_s, array("d", [one.rate or 0.0 for one in kept]))
    if found.drop >= 0.0:
        raise SignalRefused("series", "no_recovery", "consumption rises along the series: nothing recovers")
    return found


def _fitted_values(found: fits.Recovery, chosen: Choices) -> list[Value]:
    unit, by = _slope_unit(chosen), chosen.definition
    made = [
        Value(
            name="k_per_min",
            unit="1/min",
            definition=by,
            value=60.0 * found.k_per_s,
            low=60.0 * found.k_low,
            high=60.0 * found.k_high,
            confidence=found.confidence,
            r_squared=found.r_squared,
            samples=found.samples,
        ),
        Value(name="time_constant", unit="s", definition=by, value=1.0 / found.k_per_s),
        Value(name="consumption_start", unit=unit, definition=by, value=found.end - found.drop),
        Value(name="consumption_end", unit=unit, definition=by, value=found.end),
    ]
    low, high = found.profile_low, found.profile_high
    made.append(
        Value(
            name="k_per_min_profile",
            unit="1/min",
            definition=by,
            value=60.0 * found.k_per_s,
            low=None if low is None else 60.0 * low,
            high=None if high is None else 60.0 * high,
            confidence=found.confidence,
        )
    )
    return made


def _flags_of_fit(found: fits.Recovery, kept: Sequence[Consumption]) -> list[Flag]:
    flags = []
    if found.k_low <= 0.0:
        text = "the interval of k reaches 0: these slopes do not say how fast it recovers"
        flags.append(Flag(id="k_uncertain", severity=Severity.DOUBTFUL, text=text, about="k_per_min"))
    drift = _drift(found, kept)
    if drift is not None and drift.low > 0.0:
        text = f"consumption rises again by {60.0 * drift.slope:.3f} per min at the end: k is too large"
        flags.append(
            Flag(id="drift_after_recovery", severity=Severity.DOUBTFUL, text=text, about="k_per_min")
        )
    if any((one.rate or 0.0) <= 0.0 for one in kept):
        text = "some occlusions used no oxygen and were fitted all the same"
        flags.append(Flag(id="no_deoxygenation", severity=Severity.DOUBTFUL, text=text, about="k_per_min"))
    return flags


def _drift(found: fits.Recovery, kept: Sequence[Consumption]) -> fits.Line | None:
    """The line through the slopes from three time constants on, where there are five or more."""
    late = [one for one in kept if one.at_s - found.start_s >= 3.0 / found.k_per_s]
    if len(late) < LEAST_OCCLUSIONS:
        return None
    times_s = array("d", [one.at_s for one in late])
    return fits.line(times_s, array("d", [one.rate or 0.0 for one in late]), times_s[0], times_s[-1])
