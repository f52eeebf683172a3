"""A result in words, for a nurse or a researcher at a terminal.

Theory of operation
-------------------
First what was examined, then every number with its unit, interval and definition, what was found in words,
what is doubtful, what is missing and why, what is worth knowing, and last what the definitions mean and how
sure we are of each.  Nothing is left out but the parameters that are plain defaults; the JSON has those too.
"""

import textwrap
from collections.abc import Iterable, Sequence

from gateway.exams.drawing import unit_words, words
from gateway.exams.result import Certainty, Flag, Result, Severity, Value

_HEADS = ((Severity.DOUBTFUL, "Doubtful: look before it is used"), (Severity.NOTE, "Notes"))
WIDTH = 110
END = "Research software: a result meets a definition or a criterion; it is never a diagnosis."


def sheet(result: Result) -> str:
    """The whole result as text."""
    parts = [
        _head(result),
        _table("Numbers", _number_rows(result)),
        _findings(result),
        *(_flags(head, result, severity) for severity, head in _HEADS),
        _stated(result),
        _definitions(result),
        END,
    ]
    return "\n\n".join(part for part in parts if part)


def _head(result: Result) -> str:
    recording, probe = result.recording, result.probe
    length = "" if recording.duration_s is None else f", {recording.duration_s:.1f} s"
    rate = "" if recording.rate_hz is None else f" at {recording.rate_hz:.4g} Hz"
    spacing = "" if probe.spacing_mm is None else f"{probe.spacing_mm:g} mm"
    limb = "" if result.limb is None else result.limb.value.replace("_", " ")
    where = ", ".join(one for one in (probe.device, probe.site, probe.channel, spacing, limb) if one)
    return "\n".join(
        (
            f"Examination  {result.exam}, by {result.definition}",
            f"Recording    {recording.name}{length}{rate}",
            f"Measured     {where or 'device, site and limb not stated'}",
        )
    )


def _number_rows(result: Result) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("", "", "value", "unit", "interval", "by definition")]
    several = any(one.of for one in result.values)
    for one in sorted(result.values, key=lambda value: bool(value.of)):
        rows.append((words(one.name), one.of, *_number(result, one), one.definition))
    return rows if several else [(row[0], *row[2:]) for row in rows]


def _number(result: Result, one: Value) -> tuple[str, str, str]:
    unit = unit_words(one.unit)
    if one.value is None:
        return "missing", unit, why(result, one)
    interval = ""
    if one.low is not None and one.high is not None:
        sure = "" if one.confidence is None else f" ({100 * one.confidence:.0f} %)"
        interval = f"{_rounded(one.low)} to {_rounded(one.high)}{sure}"
    return _rounded(one.value), unit, interval


def why(result: Result, one: Value) -> str:
    """Why a value is missing, in the words of its nearest flag."""
    about = [flag for flag in result.flags_about(one.name, one.of) if _is_of(result, flag, one.definition)]
    reasons = [flag for flag in about if flag.severity is Severity.MISSING]
    reasons.sort(key=lambda flag: (flag.about != one.name, flag.of != one.of, not flag.definition))
    chosen = reasons or list(about)
    return chosen[0].text if chosen else ""


def _is_of(result: Result, flag: Flag, definition: str) -> bool:
    """Not of another definition: one that the flag names, or that its text begins with."""
    named = flag.definition or flag.text.partition(": ")[0]
    return named == definition or named not in {one.definition for one in result.values}


def _rounded(value: float) -> str:
    """Four digits; no powers of ten where a person would not write them, and no minus before a zero."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value + 0.0:.4g}"


def _table(title: str, rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    number = 2 if len(rows[0]) == 6 else 1
    lines = [title]
    for row in rows:
        cells = (
            text.rjust(width) if at == number else text.ljust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return "\n".join(lines)


def _findings(result: Result) -> str:
    if not result.findings:
        return ""
    width = max(map(len, result.findings))
    return "\n".join(["Findings", *(f"  {name:<{width}}  {text}" for name, text in result.findings.items())])


def _flags(head: str, result: Result, severity: Severity) -> str:
    found = [_wrapped(f"{_about(one)}{one.text}") for one in result.flags if one.severity is severity]
    if severity is Severity.DOUBTFUL:
        found += [_wrapped(f"{_about(one)}{one.text}") for one in _missing_of_the_whole(result)]
    return "\n".join([head, *dict.fromkeys(found)]) if found else ""


def _missing_of_the_whole(result: Result) -> Iterable[Flag]:
    """What is missing and is told beside no number."""
    names = {(one.name, one.of) for one in result.values if one.value is None}
    for one in result.flags:
        if one.severity is Severity.MISSING and (one.about, one.of) not in names:
            yield one


def _about(one: Flag) -> str:
    about = " ".join(text for text in (words(one.about), one.of) if text)
    return f"{about}: " if about else ""


def _stated(result: Result) -> str:
    shown = (Certainty.ENTERED, Certainty.MEASURED, Certainty.MEMORY, Certainty.UNKNOWN)
    rows = [
        (one.name.replace("_", " "), _written(one.value), one.unit, one.certainty.value, one.source)
        for one in result.parameters
        if one.certainty in shown
    ]
    if not rows:
        return ""
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    lines = ("  ".join([*(f"{row[at]:<{widths[at]}}" for at in range(4)), row[4]]) for row in rows)
    return "\n".join(["Stated and measured", *(f"  {line}" for line in lines)])


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_written, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _definitions(result: Result) -> str:
    lines = ["Definitions"]
    for one in result.definitions:
        lines += [_wrapped(f"{one.id}: {one.text}"), _wrapped(f"[{one.certainty.value}: {one.source}]", 4)]
    return "\n".join(lines) if result.definitions else ""


def _wrapped(text: str, indent: int = 2) -> str:
    """In lines that fit a terminal; the second and later ones stand further in."""
    first = " " * indent
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=first + "  ")
