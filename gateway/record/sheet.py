"""The session summary as a sheet of text, for a terminal.

Theory of operation
-------------------
``sheet`` is a pure function of a ``Summary``; nothing is computed here but the wording.  One fact a
line, a name before it; what is not known is called "no value".

Units: as in ``Summary``.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from gateway.record.summary import Summary
from gateway.record.words import NO_VALUE, duration, limb, quantity, share

_WIDTH = 16


def sheet(summary: Summary) -> str:
    """The summary, one fact a line."""
    return "\n".join(f"{name:<{_WIDTH}}{text}" for name, text in _rows(summary))


def _rows(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "Session", f"{summary.session}: {_outcome(summary)}"
    yield "Prescription", _prescription(summary)
    yield "Started", _started(summary)
    if summary.cycles_prescribed:
        yield from _occlusions(summary)
    if summary.contractions_prescribed:
        yield from _contractions(summary)
    yield "Blood pressure", _pressures(summary)
    yield "Ischaemia debt", _debt_at_start(summary)
    yield "Alarms", _reasons(summary.alarms)
    yield "Trips", _reasons(summary.trips)
    yield "Stops", _reasons(summary.stops)
    yield "Cuff", f"{summary.cuff_description} ({summary.cuff_serial or 'serial unknown'})"
    yield "Oximeter", summary.oximeter_description or "none"
    if summary.stimulator_description:
        yield "Stimulator", summary.stimulator_description
    yield (
        "Versions",
        (
            f"rvos {summary.version}, firmware {summary.firmware or 'unknown'}, "
            f"limits {summary.firmware_limits_crc:08x}"
        ),
    )


def _prescription(summary: Summary) -> str:
    margin = f", systolic + {summary.margin_mmhg} mmHg" if summary.cycles_prescribed else ""
    return f"{summary.prescription}, {limb(summary.limb)}{margin}"


def _occlusions(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "Cycles", _cycles(summary)
    for number in range(1, len(summary.target_mmhg) + 1):
        yield f"  cycle {number}", _cycle(summary, number - 1)
    yield "Time in band", _time_in_band(summary)
    yield "StO2", _saturation(summary)


def _contractions(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "Contractions", f"{summary.contractions_given} of {summary.contractions_prescribed} given"
    highest = quantity(summary.current_highest_ma, "mA")
    yield "Stimulation", f"{duration(summary.stimulation_s)} of pulses, highest current {highest}"
    if summary.contractions_without_response:
        yield "No response", f"{summary.contractions_without_response} contractions at the highest current"
    if summary.contractions_without_pulses:
        yield "No pulses", f"{summary.contractions_without_pulses} contractions, as the muscle's EMG shows"


def _outcome(summary: Summary) -> str:
    if summary.end_reason in (None, "planned"):
        return summary.outcome
    return f"{summary.outcome} ({_words(summary.end_reason)})"


def _started(summary: Summary) -> str:
    at = datetime.fromtimestamp(summary.started_wall_ms // 1000, UTC)
    lasted = NO_VALUE if summary.duration_s is None else duration(summary.duration_s)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC (clock {summary.clock_quality}), lasted {lasted}"


def _cycles(summary: Summary) -> str:
    skipped = f", {summary.cycles_skipped} skipped" if summary.cycles_skipped else ""
    return f"{summary.cycles_delivered} of {summary.cycles_prescribed} delivered{skipped}"


def _cycle(summary: Summary, index: int) -> str:
    if summary.target_mmhg[index] is None:
        return "not inflated"
    return (
        f"target {quantity(summary.target_mmhg[index], 'mmHg')}, "
        f"occluded {quantity(summary.occlusion_s[index], 's')}, "
        f"then reperfused {quantity(summary.reperfusion_s[index], 's')}, "
        f"vented: {_words(summary.vent_reasons[index])}"
    )


def _time_in_band(summary: Summary) -> str:
    if summary.time_in_band_5pct is None:
        return f"{NO_VALUE}: the target was never held"
    return (
        f"{share(summary.time_in_band_5pct)} of the hold within 5 %, "
        f"{share(summary.time_in_band_10pct)} within 10 %, "
        f"{share(summary.time_in_band_15mmhg)} within 15 mmHg of the target"
    )


def _saturation(summary: Summary) -> str:
    return (
        f"baseline {quantity(summary.sto2_baseline_percent, '%')}, "
        f"minimum {quantity(summary.sto2_minimum_percent, '%')}, "
        f"back at baseline after {quantity(summary.sto2_recovery_s, 's')}"
    )


def _pressures(summary: Summary) -> str:
    """Each with whose it is; a summary of an earlier version says of none that a module took it."""
    pairs = zip(summary.systolic_mmhg, summary.diastolic_mmhg, strict=True)
    sources = [*summary.blood_pressure_sources, *[""] * len(summary.systolic_mmhg)]
    counted = ", ".join(
        f"{systolic}/{diastolic}{' (module)' if source == 'module' else ''}"
        for (systolic, diastolic), source in zip(pairs, sources, strict=False)
    )
    return f"{counted} mmHg" if counted else "none entered"


def _debt_at_start(summary: Summary) -> str:
    debt_s = summary.ischaemia_debt_start_s
    return NO_VALUE if debt_s is None else f"{duration(debt_s)} at the start"


def _reasons(reasons: Sequence[str]) -> str:
    return ", ".join(map(_words, reasons)) or "none"


def _words(reason: str | None) -> str:
    return "unknown" if reason is None else reason.replace("_", " ")
