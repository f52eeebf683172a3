"""What a plot of an examination shows, as data: panels with traces, shaded stretches, fitted lines and marks.

Theory of operation
-------------------
Each examination says what a person would check by eye and knows nothing of how it is drawn;
``gateway.exams.plot`` draws it and knows nothing of examinations.  A long trace is thinned to the lowest and
highest sample of each bin, so that a spike is seen however many samples there are, and what is missing (NaN)
breaks the line.

Units: in the labels of the axes.
"""

import math
from array import array
from collections.abc import Sequence
from typing import Literal, NamedTuple

from dsp import traces
from gateway.exams.result import Curve, Result

Tone = Literal["signal", "second", "fit", "other_fit", "found", "quiet", "left_out"]
"""What something is, not its colour."""

MOST_POINTS = 4000
_CURVE_POINTS = 100
TIME = "Time from the first sample (s)"


class Line(NamedTuple):
    """A trace or a fitted line over ``xs``; ``bars`` are half the heights of error bars."""

    xs: Sequence[float]
    ys: Sequence[float]
    label: str = ""
    tone: Tone = "signal"
    style: Literal["line", "thin", "thick", "dashed", "dotted", "points", "hollow"] = "line"
    bars: tuple[Sequence[float], Sequence[float]] | None = None


class Span(NamedTuple):
    """A shaded stretch, with a word at its top."""

    start: float
    end: float
    label: str = ""
    tone: Tone = "found"
    text: str = ""


class Point(NamedTuple):
    """A marked place with a word beside it."""

    x: float
    y: float
    text: str
    tone: Tone = "found"


class Level(NamedTuple):
    """A dashed line across the panel, or, ``upright``, from its bottom to its top."""

    at: float
    text: str
    upright: bool = False


class Panel(NamedTuple):
    """One pair of axes; ``share`` is its height beside the others'. ``ticks`` replaces numbers by names."""

    y_label: str
    lines: tuple[Line, ...]
    x_label: str = TIME
    spans: tuple[Span, ...] = ()
    points: tuple[Point, ...] = ()
    levels: tuple[Level, ...] = ()
    title: str = ""
    x_range: tuple[float, float] | None = None
    share: float = 1.0
    is_log: bool = False
    ticks: tuple[str, ...] = ()


class Drawing(NamedTuple):
    """All panels, from top to bottom, and the numbers that stand under the title."""

    panels: tuple[Panel, ...]
    numbers: str = ""


class Analysed(NamedTuple):
    """A result and what to look at before believing it."""

    result: Result
    drawing: Drawing


def thinned(xs: Sequence[float], ys: Sequence[float], label: str = "", tone: Tone = "signal") -> Line:
    """The trace as a line of at most about ``MOST_POINTS`` points."""
    every = max(1, -(-2 * len(xs) // MOST_POINTS))
    if every <= 2:
        return Line(xs, ys, label, tone)
    at_x, at_y = array("d"), array("d")
    for low, high in traces.extremes(array("d", ys), every):
        for at in sorted({low, high}):
            at_x.append(xs[at])
            at_y.append(ys[at] if math.isfinite(ys[at]) else math.nan)
    return Line(at_x, at_y, label, tone)


def part(
    xs: Sequence[float], ys: Sequence[float], start: float, end: float, label: str = "", tone: Tone = "signal"
) -> Line:
    """The trace between two instants."""
    kept = [at for at, x in enumerate(xs) if start <= x <= end]
    if not kept:
        return Line((), (), label, tone)
    begin, last = kept[0], kept[-1] + 1
    return thinned(xs[begin:last], ys[begin:last], label, tone)


def fitted(curve: Curve, label: str = "", tone: Tone = "fit") -> Line:
    """A curve of the result as a line."""
    points = 2 if curve.model == "line" else _CURVE_POINTS
    span_s = curve.end_s - curve.start_s
    xs = [curve.start_s + span_s * at / (points - 1) for at in range(points)]
    return Line(xs, [curve.at(x) for x in xs], label, tone, "thick")


def words(name: str) -> str:
    """The name of a value for a person; what its unit says already is left out."""
    return name.replace("_per_min", "").replace("_", " ")


def unit_words(unit: str) -> str:
    """A unit for a person: ``/min`` rather than ``1/min``, and nothing for a plain number."""
    return "" if unit == "1" else unit.removeprefix("1")


def told(result: Result, name: str, of: str = "", definition: str | None = None) -> str:
    """A value with its interval and unit in words, such as ``k 3.16 /min (95 %: 2.35 to 3.97)``."""
    one = result.value(name, of, definition)
    if one.value is None:
        return f"{words(name)} missing"
    sure = "" if one.confidence is None else f"{100 * one.confidence:.0f} %: "
    between = "" if one.low is None or one.high is None else f" ({sure}{one.low:.3g} to {one.high:.3g})"
    unit = unit_words(one.unit)
    return f"{words(name)} {one.value + 0.0:.3g}{unit and ' '}{unit}{between}"
