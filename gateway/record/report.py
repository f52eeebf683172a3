"""The picture of a session: pressure and tissue saturation over one time axis.

Theory of operation
-------------------
Drawn from the journal's rows and the session's summary, nothing else, with Matplotlib (extra
``report``, imported on use).  Upper panel: control pressure over the stepped target, holds shaded,
the 15 mmHg line below which a cuff counts as deflated.  Lower panel: StO2 with its baseline.  Alarms
and trips stand in a strip of their own above both, at their times.  Silence of more than a second
breaks a curve: what was not measured is not drawn.

Colours are those of Okabe and Ito, which stay apart for colour-blind readers and in grey.  The same
rows give the same picture, byte for byte, with the same Matplotlib and fonts.

Units on paper: mmHg, percent, minutes and seconds since the session's start.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.record.facts import Cycle, Facts, Moment, gather
from gateway.record.measures import last_recorded_ms
from gateway.record.row import StoredRow
from gateway.record.summary import Summary
from gateway.record.words import limb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DISCLAIMER = "Research software, not a medical device"
DEFLATED_MMHG = 15

_GAP_S = 1.0  # of the cuff's 20 values a second
_STO2_GAP_S = 3.0  # of the oximeter's one
_LEFT, _RIGHT = 0.075, 0.975  # of the figure, for its texts
_INK, _MUTED, _GRID = "#222222", "#6b6b6b", "#e6e6e6"
_PRESSURE, _TARGET, _HOLD, _STO2 = "#0072B2", "#D55E00", "#56B4E9", "#009E73"
_PRIORITY_COLOURS = {"high": "#B2182B", "medium": "#E69F00", "low": "#56B4E9"}


class _Mark(NamedTuple):
    """An alarm or trip on the strip."""

    at_s: float
    text: str
    colour: str
    leftwards: bool  # late marks are written towards the left, so that they stay on the page


def draw_session(rows: Iterable[StoredRow], summary: Summary, path: Path | str) -> None:
    """Write a PNG of ``summary.session`` to ``path``.

    Raises ``ImportError`` without Matplotlib, ``SessionUnknown``, ``RowUnreadable``, ``OSError``.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    facts = gather(rows, summary.session)
    with rc_context({"font.family": "DejaVu Sans", "font.size": 9.5, "axes.linewidth": 0.8}):
        figure = Figure(figsize=(10, 6.2), facecolor="white")
        FigureCanvasAgg(figure)
        _fill(figure, facts, summary)
        figure.savefig(path, format="png", dpi=160, metadata={"Software": None})


def _fill(figure: "Figure", facts: Facts, summary: Summary) -> None:
    span_s = _span_s(facts)
    lanes = _lanes(_marks(facts, span_s), span_s)
    strip_inches = 0.08 + 0.24 * len(lanes)
    figure.set_figheight(6.2 + strip_inches)
    strip, pressure, saturation = figure.subplots(
        3, 1, sharex=True, height_ratios=(strip_inches, 2.9, 1.9), gridspec_kw={"hspace": 0.09}
    )
    top = 1 - 0.98 / figure.get_figheight()
    bottom = 0.78 / figure.get_figheight()
    figure.subplots_adjust(left=_LEFT, right=0.915, bottom=bottom, top=top)
    _draw_strip(strip, lanes)
    _draw_pressure(pressure, facts, summary)
    _draw_saturation(saturation, facts, summary)
    for panel in (pressure, saturation):
        _dress(panel, facts)
    _scale_time(saturation, span_s)
    figure.legend(
        *pressure.get_legend_handles_labels(), loc="lower right", ncols=3, frameon=False, fontsize=9,
        handlelength=1.6, bbox_to_anchor=(_RIGHT + 0.01, 0.27 / figure.get_figheight()),
    )  # fmt: skip
    _write_header(figure, summary)
    _write_footer(figure, summary)


def _write_header(figure: "Figure", summary: Summary) -> None:
    title = f"Prescription {summary.prescription}, {limb(summary.limb)}: {_outcome(summary)}"
    devices = f"Cuff: {summary.cuff_description}.  StO₂: {summary.oximeter_description}."
    _write_line(figure, 0.2, title, 14, color=_INK, weight="bold")
    _write_line(figure, 0.53, devices, 10, color=_INK)
    _write_line(figure, 0.74, _figures(summary), 9, color=_MUTED)


def _write_line(figure: "Figure", below_top: float, text: str, size: float, **style: Any) -> None:
    """One line of the header, made smaller when it would run off the page."""
    fitting = min(size, 1080 / max(1, len(text)))
    y = 1 - below_top / figure.get_figheight()
    figure.text(_LEFT, y, text, fontsize=fitting, va="top", parse_math=False, **style)


def _write_footer(figure: "Figure", summary: Summary) -> None:
    bottom = 0.12 / figure.get_figheight()
    origin = f"Session {summary.session}    rvos {summary.version}    firmware {summary.firmware}"
    figure.text(_LEFT, bottom, origin, fontsize=8, color=_MUTED, parse_math=False)
    figure.text(_RIGHT, bottom, DISCLAIMER, fontsize=8.5, color=_INK, weight="bold", ha="right")


def _outcome(summary: Summary) -> str:
    if summary.end_reason is None or summary.outcome == "completed":
        return summary.outcome
    return f"{summary.outcome} ({_words(summary.end_reason)})"


def _figures(summary: Summary) -> str:
    """The session's numbers in one line; what is not known is left out."""
    found = [f"{summary.cycles_delivered} of {summary.cycles_prescribed} cycles delivered"]
    if summary.contractions_prescribed:
        found = [f"{summary.contractions_given} of {summary.contractions_prescribed} contractions given"]
    if summary.time_in_band_5pct is not None and summary.time_in_band_15mmhg is not None:
        found.append(
            f"of hold time {100 * summary.time_in_band_5pct:.1f} % within 5 % of target, "
            f"{100 * summary.time_in_band_15mmhg:.1f} % within 15 mmHg"
        )
    if summary.sto2_minimum_percent is not None:
        found.append(f"lowest StO₂ {summary.sto2_minimum_percent:.1f} %")
    if summary.sto2_recovery_s is not None:
        found.append(f"recovery {summary.sto2_recovery_s:.1f} s")
    return "; ".join(found)


def _draw_strip(axes: "Axes", lanes: Sequence[Sequence[_Mark]]) -> None:
    axes.axis("off")
    axes.set_ylim(-0.5, max(len(lanes), 1) - 0.5)
    for height, lane in enumerate(lanes):
        for mark in lane:
            axes.plot([mark.at_s], [height], marker="v", markersize=6, color=mark.colour, clip_on=False)
            axes.annotate(
                mark.text, (mark.at_s, height), xytext=(-7 if mark.leftwards else 7, 0),
                textcoords="offset points", ha="right" if mark.leftwards else "left", va="center",
                fontsize=8.5, color=_INK,
            )  # fmt: skip


def _draw_pressure(axes: "Axes", facts: Facts, summary: Summary) -> None:
    times, values = _curve(_control(facts), lambda dmmhg: dmmhg / 10, _GAP_S)
    for number, cycle in sorted(facts.cycles.items()):
        _draw_cycle(axes, facts, number, cycle)
    axes.axhline(DEFLATED_MMHG, color=_MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.plot(times, values, color=_PRESSURE, linewidth=1.4, label="cuff pressure", zorder=3)
    _label_line(axes, DEFLATED_MMHG, "deflated:\n< 15 mmHg")
    highest = max((target for target in summary.target_mmhg if target), default=0.0)
    measured = [value for value in values if value == value]
    axes.set_ylim(min(0.0, min(measured, default=0.0)), max(highest, max(measured, default=0.0), 50.0) * 1.16)
    axes.set_ylabel("Cuff pressure (mmHg)")


def _label_line(axes: "Axes", at: float, text: str) -> None:
    """A word about a horizontal line, in the margin where no curve crosses it."""
    axes.annotate(
        text, (1, at), xycoords=("axes fraction", "data"), xytext=(5, 0), textcoords="offset points",
        va="center", fontsize=8, color=_MUTED, annotation_clip=False,
    )  # fmt: skip


def _draw_cycle(axes: "Axes", facts: Facts, number: int, cycle: Cycle) -> None:
    if cycle.inflation_started is None or cycle.target_dmmhg is None:
        return
    begin, target = _at(facts, cycle.inflation_started), cycle.target_dmmhg / 10
    end = _end_s(facts, cycle)
    if begin is None or end is None:
        return
    first = number == min(facts.cycles)
    axes.plot(
        [begin, begin, end, end], [0, target, target, 0], color=_TARGET, linewidth=1.1,
        linestyle=(0, (5, 2)), label="target" if first else None, zorder=2,
    )  # fmt: skip
    axes.annotate(
        f"cycle {number}", ((begin + end) / 2, 1), xycoords=("data", "axes fraction"), xytext=(0, -4),
        textcoords="offset points", ha="center", va="top", fontsize=8.5, color=_MUTED,
    )  # fmt: skip
    held = None if cycle.hold_reached is None else _at(facts, cycle.hold_reached)
    if held is not None:
        axes.axvspan(held, end, color=_HOLD, alpha=0.16, linewidth=0, label="hold" if first else None)


def _draw_saturation(axes: "Axes", facts: Facts, summary: Summary) -> None:
    times, values = _curve(_permilles(facts), lambda permille: permille / 10, _STO2_GAP_S)
    for cycle in facts.cycles.values():
        held = None if cycle.hold_reached is None else _at(facts, cycle.hold_reached)
        end = _end_s(facts, cycle)
        if held is not None and end is not None:
            axes.axvspan(held, end, color=_HOLD, alpha=0.16, linewidth=0)
    axes.plot(times, values, color=_STO2, linewidth=1.5)
    baseline = summary.sto2_baseline_percent
    if baseline is not None:
        axes.axhline(baseline, color=_MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        _label_line(axes, baseline, f"baseline\n{baseline:.1f} %")
    if not any(value == value for value in values):
        axes.text(0.5, 0.5, "no StO₂ values", transform=axes.transAxes, ha="center", color=_MUTED)
        axes.set_ylim(0, 100)
    axes.margins(y=0.15)
    axes.set_ylabel("Tissue saturation\nStO₂ (%)")


def _dress(axes: "Axes", facts: Facts) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="y", color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, labelsize=9)
    for moment, _ in facts.trips:
        at_s = _at(facts, moment)
        if at_s is not None:
            axes.axvline(at_s, color=_PRIORITY_COLOURS["high"], linewidth=1.0, zorder=4)


def _scale_time(axes: "Axes", span_s: float) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

    axes.set_xlim(0, span_s)
    if span_s <= 180:
        axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 5, 10]))
        axes.set_xlabel("Time since session start (s)")
        return
    step_min = next((step for step in (0.5, 1, 2, 5, 10) if span_s / 60 / step <= 12), 20)
    axes.xaxis.set_major_locator(MultipleLocator(60 * step_min))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at_s, _: f"{at_s / 60:g}"))
    axes.set_xlabel("Time since session start (min)")


def _marks(facts: Facts, span_s: float) -> list[_Mark]:
    """Trips and alarms in order of time; those of unknown time are left to the summary."""
    found = [(at, f"trip: {_words(trip.reason)}", "high") for at, trip in facts.trips]
    found += [(at, f"{_words(a.condition)} ({a.priority})", a.priority) for at, a in facts.alarms]
    found += [(at, f"stop: {_words(stop.reason)}", "") for at, stop in facts.stops]
    placed = [(_at(facts, at), text, priority) for at, text, priority in sorted(found)]
    return [
        _Mark(at_s, text, _PRIORITY_COLOURS.get(priority, _INK), at_s > 0.7 * span_s)
        for at_s, text, priority in placed
        if at_s is not None
    ]


def _lanes(marks: Iterable[_Mark], span_s: float) -> list[list[_Mark]]:
    """Marks in as many rows as their texts need to stay apart."""
    lanes: list[list[_Mark]] = []
    ends: list[float] = []
    for mark in marks:
        width = span_s * (0.025 + 0.0085 * len(mark.text))
        begin = mark.at_s - (width if mark.leftwards else 0)
        free = next((lane for lane, taken in enumerate(ends) if taken <= begin), len(lanes))
        if free == len(lanes):
            lanes.append([])
            ends.append(0.0)
        lanes[free].append(mark)
        ends[free] = begin + width + span_s * 0.01
    return lanes


def _span_s(facts: Facts) -> float:
    times, _ = _curve(_control(facts), float, _GAP_S)
    return max(_at(facts, facts.over_at) or 0.0, times[-1] if times else 0.0, 1.0)


def _end_s(facts: Facts, cycle: Cycle) -> float | None:
    """The vent command, or as far as the record goes when there was none."""
    if cycle.vent_commanded is not None:
        return _at(facts, cycle.vent_commanded)
    return (last_recorded_ms(facts, facts.started_at.boot) - facts.started_at.mono_ms) / 1000


def _at(facts: Facts, moment: Moment) -> float | None:
    return facts.started_at.seconds_until(moment)


def _control(facts: Facts) -> Sequence[tuple[float, int | None]]:
    return _since_start(facts, facts.cuff.get(facts.started_at.boot, []))


def _permilles(facts: Facts) -> Sequence[tuple[float, int | None]]:
    return _since_start(facts, facts.saturation.get(facts.started_at.boot, []))


def _since_start(
    facts: Facts, samples: Iterable[tuple[int, int | None]]
) -> Sequence[tuple[float, int | None]]:
    """Samples of the run of core in which the session started: no other has the same clock."""
    start_ms = facts.started_at.mono_ms
    return [((at_ms - start_ms) / 1000, value) for at_ms, value in samples if at_ms >= start_ms]


def _curve(
    samples: Sequence[tuple[float, int | None]], scale: Callable[[int], float], gap_s: float
) -> tuple[list[float], list[float]]:
    """Points to draw, broken by a not-a-number where nothing was measured."""
    times: list[float] = []
    values: list[float] = []
    for at_s, value in samples:
        if times and at_s - times[-1] > gap_s:
            times.append(at_s)
            values.append(float("nan"))
        times.append(at_s)
        values.append(float("nan") if value is None else scale(value))
    return times, values


def _words(reason: str) -> str:
    return reason.replace("_", " ")
