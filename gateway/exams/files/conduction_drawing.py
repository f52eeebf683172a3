"""What to look at of a conduction study: responses with their points, and what falls from site to site.

Theory of operation
-------------------
A recorded response is drawn with its sweeps, its mean and the points that were measured, and its recruitment
curve below.  A nerve is drawn along its sites, with the levels of the table's criteria: each over its own
segment, because a fall counts from the next more distal site.

Units: in the labels.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from gateway.exams.conduction import MotorNerve, Study
from gateway.exams.criteria import CRITICAL_ILLNESS, BlockTable
from gateway.exams.critical_illness import Examined
from gateway.exams.drawing import Drawing, Level, Line, Panel, Point
from gateway.exams.files.sweeps import SiteSweeps, Sweep
from gateway.exams.result import Result

_MOST_SWEEPS = 40


def drawing(result: Result, study: Study, table: BlockTable, recorded: Sequence[SiteSweeps]) -> Drawing:
    """Each recorded response, each nerve along its sites, and the peroneal test."""
    panels = [panel for one in recorded for panel in _sweeps(one)]
    for motor in study.motor:
        if len(motor.sites) > 1:
            panels.append(_along(result, motor, table))
    if not panels:
        panels = [_along(result, motor, table) for motor in study.motor]
    if study.critical_illness is not None:
        panels.append(_critical_illness(study.critical_illness))
    found = [
        f"{name}: {text}"
        for name, text in result.findings.items()
        if "-" not in name or ":" in name or "patient" in name
    ]
    return Drawing(tuple(panels), "\n".join(found[:6]))


def _sweeps(one: SiteSweeps) -> list[Panel]:
    every = max(1, -(-len(one.sweeps) // _MOST_SWEEPS))
    lines = [
        Line(_times_ms(sweep), sweep.samples, "single sweeps" if at == 0 else "", "second")
        for at, sweep in enumerate(one.sweeps[::every])
        if len(one.sweeps) > 1
    ]
    lines.append(Line(_times_ms(one.mean), one.mean.samples, f"mean of {one.averaged}", "signal", "thick"))
    panels = [
        Panel(
            "Response (mV)",
            tuple(lines),
            "Time from the stimulus (ms)",
            points=_points(one),
            levels=(Level(0.0, "stimulus", upright=True),),
            title=one.of,
            share=2.6,
        )
    ]
    if one.amplitudes_mv:
        panels.append(_recruitment(one))
    return panels


def _times_ms(sweep: Sweep) -> list[float]:
    return [sweep.first_ms + 1000.0 * at / sweep.rate_hz for at in range(len(sweep.samples))]


def _points(one: SiteSweeps) -> tuple[Point, ...]:
    found = one.response
    if found is None:
        return ()
    end_ms = None
    if found.onset_ms is not None and found.duration_ms is not None:
        end_ms = found.onset_ms + found.duration_ms
    named = (("onset", found.onset_ms), ("negative peak", found.negative_peak_ms), ("end", end_ms))
    return tuple(Point(at_ms, _at(one.mean, at_ms), word) for word, at_ms in named if at_ms is not None)


def _at(sweep: Sweep, at_ms: float) -> float:
    place = (at_ms - sweep.first_ms) * sweep.rate_hz / 1000.0
    before = max(0, min(int(place), len(sweep.samples) - 2))
    share = place - before
    return (1.0 - share) * sweep.samples[before] + share * sweep.samples[before + 1]


def _recruitment(one: SiteSweeps) -> Panel:
    strengths = [sweep.strength or 0.0 for sweep in one.sweeps]
    lines = [Line(strengths, one.amplitudes_mv, "each stimulus", "signal", "points")]
    title = f"{one.of}: recruitment; {one.no_plateau or 'with its plateau'}"
    if one.plateau is not None:
        ends = (one.plateau.from_strength, strengths[-1])
        lines.append(Line(ends, (one.plateau.median_mv,) * 2, "plateau", "fit", "thick"))
    return Panel("Amplitude (mV)", tuple(lines), "Stimulus (as in the file)", title=title, share=2.0)


class _Measure(NamedTuple):
    name: str
    unit: str
    attribute: str
    tone: Any


_MEASURES = (
    _Measure("amplitude", "mV", "amplitude_mv", "signal"),
    _Measure("area", "mV ms", "area_mv_ms", "fit"),
    _Measure("duration", "ms", "duration_ms", "quiet"),
)


def _along(result: Result, motor: MotorNerve, table: BlockTable) -> Panel:
    """Amplitude, area and duration from site to site in per cent of the most distal."""
    lines = []
    for one in _MEASURES:
        first = getattr(motor.sites[0], one.attribute)
        values = [getattr(site, one.attribute) for site in motor.sites]
        known = [(at, value) for at, value in enumerate(values) if value is not None]
        if first and known:
            xs, ys = [float(at) for at, _ in known], [100.0 * value / first for _, value in known]
            lines.append(Line(xs, ys, f"{one.name}, {first:g} {one.unit} distal", one.tone))
            lines.append(Line(xs, ys, "", one.tone, "points"))
            lines += _criteria(table, motor, one)
    name = f"{motor.nerve} {motor.side}"
    outcomes = []
    for distal, proximal in pairwise(motor.sites):
        finding = result.findings[f"{name} {distal.site}-{proximal.site}"]
        outcomes.append(f"{distal.site} to {proximal.site}: {_short(finding)}")
    return Panel(
        "Share of the most distal site (%)",
        tuple(lines),
        "Site of stimulation, from distal to proximal",
        title=f"{name}; {'; '.join(outcomes) or 'one site only'}",
        share=2.4,
        ticks=tuple(site.site for site in motor.sites),
    )


def _short(finding: str) -> str:
    """A finding without its table and reasons, which stand above; never without that it has a condition."""
    condition = " on a condition" if ", provided " in finding else ""
    return finding.partition(" by ")[0].partition(":")[0] + condition


def _criteria(table: BlockTable, motor: MotorNerve, measure: _Measure) -> list[Line]:
    """Of each segment, down to where this measure has to fall for a rule of the table."""
    named = f"{measure.name}_drop_percent"
    bounds = {one.bound for rule in table.rule for one in rule.conditions if one.measure == named}
    first = getattr(motor.sites[0], measure.attribute)
    made = []
    for bound in sorted(bounds):
        label = f"criterion: {measure.name} falls by {bound:g} %"
        for at, site in enumerate(motor.sites[:-1]):
            distal = getattr(site, measure.attribute)
            if distal is not None:
                level = (100.0 - bound) * distal / first
                made.append(
                    Line(
                        (at + 0.1, at + 1.2),
                        (level, level),
                        label,
                        "other_fit",
                        "dashed" if bound >= 50.0 else "dotted",
                    )
                )
                label = ""
    return made


def _critical_illness(examined: Examined) -> Panel:
    """Amplitudes beside their limits, ratios beside the threshold, as far as they were examined."""
    own = examined.peroneal
    rows = (
        [
            ("peroneal left", own.left_mv, own.lower_limit_mv),
            ("peroneal right", own.right_mv, own.lower_limit_mv),
        ]
        if own
        else []
    )
    rows += [
        (f"ratio, {one.muscle}", one.nerve_mv / one.direct_mv, CRITICAL_ILLNESS.ratio.threshold)
        for one in examined.ratio
    ]
    rows += [(f"duration, {one.muscle}", one.duration_ms, one.longest_normal_ms) for one in examined.duration]
    known = [
        (float(at), 100.0 * value / limit) for at, (_, value, limit) in enumerate(rows) if value is not None
    ]
    line = Line([at for at, _ in known], [share for _, share in known], "examined", "signal", "points")
    ends, word = (-0.5, len(rows) - 0.5), "the laboratory's limit; of a ratio its threshold"
    return Panel(
        "Share of its limit (%)",
        (line, Line(ends, (100.0, 100.0), word, "fit", "dashed")),
        "What was examined",
        title="Critical illness: an indicator that is met asks for a full study",
        share=2.4,
        ticks=tuple(name for name, _, _ in rows),
    )
