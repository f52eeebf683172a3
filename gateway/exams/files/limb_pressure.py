"""Limb occlusion pressure from a file: the runs of the cuff, what a person states, and what to look at.

Theory of operation
-------------------
Needs the trace of the ``cuff``; with a ``distal`` column (a pulse sensor beyond the cuff) the pressure is
read from that.  Limb, posture, cuff width and systolic pressure belong to the number and are always stated,
never defaulted.  The ratios of a blood pressure differ between authors, so there is one only where a
definition or ratios with their source are stated.
"""

import math
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dsp import cuff_reading, oscillometry
from dsp.cuff_reading import MAXIMUM_SLOPE, RATIOS_BMRI_2017, OcclusionPressure, Ratios
from dsp.errors import SignalRefused
from dsp.oscillometry import Envelope
from gateway.exams import limb_pressure_result
from gateway.exams.drawing import Analysed, Drawing, Level, Line, Panel, Span, thinned, told
from gateway.exams.errors import DefinitionUnknown, NotStated, TraceUnusable
from gateway.exams.even import even
from gateway.exams.files.stated import COMMAND_LINE, Stated, completed, entered, needed, opened
from gateway.exams.limb_pressure_result import Circumstances, Run
from gateway.exams.recording import Recording
from gateway.exams.result import Certainty, Result

EXAM = "limb-pressure"
ROLES = {"cuff": "mmHg", "distal": ""}
DEFINITIONS = ("cuff_flattening", "distal_disappearance")
PRESSURES: dict[str, Ratios | str] = {RATIOS_BMRI_2017.id: RATIOS_BMRI_2017, MAXIMUM_SLOPE: MAXIMUM_SLOPE}
MAINS_HZ = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bedside:
    """What a person states beside the file. ``ratios`` is ``SYSTOLIC,DIASTOLIC`` of ``ratios_source``."""

    posture: str = ""
    cuff_width_mm: int | None = None
    systolic_mmhg: int | None = None
    blood_pressure: str = ""
    ratios: str = ""
    ratios_source: str = ""
    mains_hz: float | None = None


def analyse(path: Path, stated: Stated, bedside: Bedside, definition: str = "") -> Analysed:
    """The pressure of every run in the file. Raises ``ExamRefused`` and its kinds."""
    circumstances = _circumstances(stated, bedside)
    by = _pressures_by(bedside)
    known = opened(path, stated, ROLES)
    recording = known.recording
    needed(recording, "cuff", *(("distal",) if _is_distal(definition) else ()))
    runs = _runs(recording, definition)
    mains_hz = MAINS_HZ if bedside.mains_hz is None else bedside.mains_hz
    try:
        result = limb_pressure_result.analyse(
            runs, circumstances, known.probe, recording.source, pressures_by=by, mains_hz=mains_hz
        )
    except ValueError as error:
        raise TraceUnusable(recording.source.name, str(error)) from error
    mains = entered("mains", mains_hz, "Hz", assumed=bedside.mains_hz is None)
    whole = completed(result, known, (mains,))
    return Analysed(whole, drawing(whole, recording, runs, mains_hz))


def _circumstances(stated: Stated, bedside: Bedside) -> Circumstances:
    wanted = {
        "--limb": stated.limb,
        "--posture": bedside.posture,
        "--cuff-width-mm": bedside.cuff_width_mm,
        "--systolic": bedside.systolic_mmhg,
    }
    missing = [name for name, value in wanted.items() if not value]
    if missing:
        raise NotStated(EXAM, f"state {', '.join(missing)}: the number holds for these only")
    assert stated.limb is not None
    return Circumstances(stated.limb, bedside.posture, bedside.cuff_width_mm or 0, bedside.systolic_mmhg or 0)


def _pressures_by(bedside: Bedside) -> Ratios | str | None:
    if bedside.ratios:
        return _ratios(bedside)
    if not bedside.blood_pressure:
        return None
    if bedside.blood_pressure not in PRESSURES:
        raise DefinitionUnknown("blood pressure", bedside.blood_pressure, list(PRESSURES))
    return PRESSURES[bedside.blood_pressure]


def _ratios(bedside: Bedside) -> Ratios:
    try:
        systolic, diastolic = (float(one) for one in bedside.ratios.split(","))
    except ValueError:
        systolic = diastolic = 0.0
    if not (0.0 < systolic < 1.0 and 0.0 < diastolic < 1.0):
        raise NotStated("--ratios", f"{bedside.ratios!r}: give SYSTOLIC,DIASTOLIC between 0 and 1")
    if not bedside.ratios_source.strip():
        raise NotStated("--ratios", "say where these ratios are from: --ratios-source")
    source = f"{bedside.ratios_source.strip()} ({COMMAND_LINE})"
    return Ratios("stated_ratios", systolic, diastolic, source, Certainty.ENTERED.value)


def _is_distal(definition: str) -> bool:
    if definition not in ("", *DEFINITIONS):
        raise DefinitionUnknown(EXAM, definition, list(DEFINITIONS))
    return definition == "distal_disappearance"


def _runs(recording: Recording, definition: str) -> list[Run]:
    pressures = even(recording, recording.column("cuff", "mmHg"))
    distal = recording.columns.get("distal")
    beyond = None
    if distal is not None and definition != "cuff_flattening":
        beyond = even(recording, distal.values)
    runs = limb_pressure_result.runs_of(pressures, recording.rate_hz, beyond)
    if not runs:
        text = (
            "no run of the cuff: it never rises or falls by 40 mmHg in 15 s or longer, above 25 mmHg; "
            f"it has {_range(pressures)}: is the right column the cuff, in mmHg?"
        )
        raise TraceUnusable(recording.source.name, text)
    return runs


def _range(pressures: "array[float]") -> str:
    known = [one for one in pressures if math.isfinite(one)]
    return f"{min(known):.0f} to {max(known):.0f} mmHg" if known else "no pressure at all"


class _Reading(NamedTuple):
    """What one run's plot shows; the pressure is ``None`` where it was refused."""

    envelope: Envelope
    pressure: OcclusionPressure | None
    unit: str


def _reading(run: Run, definition: str, mains_hz: float) -> _Reading | None:
    try:
        if run.distal is None:
            unit = "mmHg"
            envelope = oscillometry.envelope(run.pressures_mmhg, run.rate_hz, mains_hz=mains_hz)
        else:
            unit = "% of its range"
            envelope = cuff_reading.distal_envelope(
                run.pressures_mmhg, run.distal, run.rate_hz, mains_hz=mains_hz
            )
    except SignalRefused:
        return None
    try:
        return _Reading(envelope, cuff_reading.limb_occlusion_pressure(envelope, definition), unit)
    except SignalRefused:
        return _Reading(envelope, None, unit)


def drawing(result: Result, recording: Recording, runs: list[Run], mains_hz: float) -> Drawing:
    """What to look at: the runs of the cuff, and each one's oscillation with its corner."""
    spans = tuple(Span(one.start_s, one.end_s, "run", "found", one.of) for one in result.windows)
    cuff = thinned(recording.times_s, recording.columns["cuff"].values, "cuff")
    panels = [Panel("Cuff (mmHg)", (cuff,), spans=spans, title="The whole recording", share=1.3)]
    definition = result.definition
    for number, run in enumerate(runs, 1):
        read = _reading(run, definition, mains_hz)
        if read is not None:
            panels.append(_envelope(result, str(number), read))
    spread = told(result, "spread")
    return Drawing(tuple(panels), f"{told(result, 'limb_occlusion_pressure')}, {spread}, median of the runs")


def _envelope(result: Result, of: str, read: _Reading) -> Panel:
    beats = read.envelope.beats
    used, others = ([one for one in beats if one.used is kept] for kept in (True, False))
    lines = [
        Line(
            [one.pressure_mmhg for one in others],
            [one.amplitude_mmhg for one in others],
            "beats left out",
            "left_out",
            "hollow",
        ),
        Line(
            [one.pressure_mmhg for one in used],
            [one.amplitude_mmhg for one in used],
            "beats",
            "signal",
            "points",
        ),
        Line(read.envelope.pressures_mmhg, read.envelope.amplitudes_mmhg, "envelope", "signal"),
    ]
    spans: tuple[Span, ...] = ()
    levels = (*_stated(result), *_blood_pressure(result, of))
    title = f"Run {of}: oscillation over pressure; no occlusion pressure was read"
    if read.pressure is not None and result.value("limb_occlusion_pressure", of).value is not None:
        lines.append(_broken(read.pressure, read.envelope.highest_mmhg))
        spans = (Span(read.pressure.low_mmhg, read.pressure.high_mmhg, _interval(read.pressure), "quiet"),)
        levels = (*levels, Level(read.pressure.mmhg, f"occlusion {read.pressure.mmhg:.0f}", upright=True))
        title = f"Run {of}: oscillation over pressure, the broken line and its corner"
    return Panel(
        f"Oscillation ({read.unit})",
        tuple(lines),
        "Cuff pressure (mmHg)",
        spans,
        levels=levels,
        title=title,
        share=2.4,
    )


def _interval(found: OcclusionPressure) -> str:
    return "95 % of the corner" if found.step_mmhg is None else "from step to step"


def _broken(found: OcclusionPressure, highest_mmhg: float) -> Line:
    start = found.level + found.slope * (found.mmhg - found.from_mmhg)
    xs, ys = (found.from_mmhg, found.mmhg, highest_mmhg), (start, found.level, found.level)
    return Line(xs, ys, "broken line", "fit", "thick")


def _stated(result: Result) -> tuple[Level, ...]:
    systolic = next(one.value for one in result.parameters if one.name == "systolic")
    return (Level(float(systolic), f"systolic stated {systolic}", upright=True),)  # type: ignore[arg-type]


def _blood_pressure(result: Result, of: str) -> tuple[Level, ...]:
    return tuple(
        Level(one.value, f"{one.name} {one.value:.0f}", upright=True)
        for one in result.values
        if one.of == of and one.name in ("systolic", "mean", "diastolic") and one.value is not None
    )
