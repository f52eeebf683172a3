"""The plot of an examination: its drawing on paper, with Matplotlib.

Theory of operation
-------------------
``write`` is the one place that draws.  Matplotlib (extra ``plot``) is loaded when a plot is asked for and not
before, always with the Agg canvas, so that no display is needed.  The file's ending says the format.  Colours
are those of Okabe and Ito, which stay apart for colour-blind readers; kinds of lines differ in more than
colour.  Above the panels stand examination, definition, recording, probe, the main numbers and, in the same
ink directly under them, what is doubtful about them and then what is missing: a number is read with its
doubts.  The same result gives the same bytes with the same Matplotlib and fonts.
"""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.exams.drawing import Analysed, Drawing, Line, Panel, Point, Span, Tone
from gateway.exams.errors import NotStated
from gateway.exams.result import Result, Severity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DISCLAIMER = "research software; not a diagnosis"
FORMATS = (".png", ".svg", ".pdf")
HOW_TO_INSTALL = "pip install 'matplotlib>=3.9'"

_INK, _MUTED, _GRID = "#222222", "#6b6b6b", "#e6e6e6"
_COLOURS: dict[Tone, str] = {
    "signal": "#0072B2",
    "second": "#8a8a8a",
    "fit": "#D55E00",
    "other_fit": "#CC79A7",
    "found": "#56B4E9",
    "quiet": "#009E73",
    "left_out": "#8a8a8a",
}
_SHADES: dict[Tone, float] = {"found": 0.28, "quiet": 0.18}
_WIDTH, _HEADER, _FOOTER, _UNIT = 10.0, 1.4, 0.6, 1.25
_MOST_FLAGS = 4
_LETTERS, _BOLD_LETTERS, _WRAP = 1180, 1030, 128
_LEGEND_COLUMNS, _LEGEND_LETTERS = 5, 125
_MOST_SPAN_TEXTS = 30
_LEVEL_ROWS, _LEVEL_POINTS = 3, 11


class PlotUnavailable(Exception):
    """There is no Matplotlib; says how to install it."""


def check(path: Path) -> None:
    """Raises ``NotStated`` for an ending that is no format, ``PlotUnavailable`` without Matplotlib."""
    if path.suffix.lower() not in FORMATS:
        raise NotStated("--plot", f"{path}: name a file that ends in {', '.join(FORMATS)}")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        text = f"a plot needs Matplotlib, which is not installed here: {HOW_TO_INSTALL} (extra 'plot')"
        raise PlotUnavailable(text) from error


def write(analysed: Analysed, path: Path) -> None:
    """Draw into this file. Raises as ``check`` does, and ``OSError``."""
    check(path)
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style: Any = {"font.family": "DejaVu Sans", "font.size": 9, "svg.hashsalt": "rvos"}
    kind = path.suffix.lower()[1:]
    dated = {"png": "Software", "svg": "Date", "pdf": "CreationDate"}[kind]
    with rc_context(style):
        figure = Figure(facecolor="white")
        FigureCanvasAgg(figure)
        _fill(figure, analysed)
        figure.savefig(path, format=kind, dpi=150, metadata={dated: None})


def _fill(figure: "Figure", analysed: Analysed) -> None:
    result, drawing = analysed
    numbers = drawing.numbers.count("\n") + 1
    notes = _notes(result)
    header, footer = _HEADER - 0.15 + 0.17 * (numbers + len(notes)), _FOOTER
    shares = [one.share for one in drawing.panels]
    height = header + footer + _UNIT * sum(shares) + 0.85 * (len(shares) - 1)
    figure.set_size_inches(_WIDTH, height)
    axes = figure.subplots(len(shares), 1, squeeze=False, height_ratios=shares)[:, 0]
    space = 0.92 * len(shares) / (_UNIT * sum(shares))
    figure.subplots_adjust(
        left=0.085, right=0.97, top=1 - header / height, bottom=footer / height, hspace=space
    )
    for one, panel in zip(axes, drawing.panels, strict=True):
        _draw(one, panel)
    _write_header(figure, result, drawing, notes)


def _write_header(figure: "Figure", result: Result, drawing: Drawing, notes: list[str]) -> None:
    _text(figure, 0.14, f"{result.exam}: {result.definition}", fontsize=13, weight="bold", color=_INK)
    _text(figure, 0.44, _where(result), color=_INK)
    _text(figure, 0.64, drawing.numbers, color=_INK, linespacing=1.35, weight="bold")
    below = 0.64 + 0.17 * (drawing.numbers.count("\n") + 1) + 0.03
    for at, text in enumerate(notes):
        _text(figure, below + 0.17 * at, text, color=_INK)
    height = figure.get_figheight()
    figure.text(
        0.98, 1 - 0.14 / height, DISCLAIMER, fontsize=9, color=_INK, ha="right", va="top", weight="bold"
    )


def _text(figure: "Figure", below_inches: float, text: str, **style: Any) -> None:
    style = {"fontsize": 9, **style}
    longest = max(map(len, text.split("\n")), default=1)
    room = _BOLD_LETTERS if style.get("weight") == "bold" else _LETTERS
    style["fontsize"] = min(style["fontsize"], room / max(1, longest))
    at = 1 - below_inches / figure.get_figheight()
    figure.text(0.02, at, text, va="top", parse_math=False, **style)


def _where(result: Result) -> str:
    probe = result.probe
    known = [
        result.recording.name,
        probe.device,
        probe.site,
        "" if probe.spacing_mm is None else f"{probe.spacing_mm:g} mm",
        "" if result.limb is None else result.limb.value.replace("_", " "),
    ]
    return ", ".join(one for one in known if one)


def _notes(result: Result) -> list[str]:
    """What is doubtful and then what is missing, shortest way of saying it; not more than a few lines."""
    doubted = [one for one in result.flags if one.severity is Severity.DOUBTFUL]
    doubted += [one for one in result.flags if one.severity is Severity.MISSING]
    texts = list(
        dict.fromkeys(f"{one.severity.value}: {_of(one.about, one.of)}{one.text}" for one in doubted)
    )
    lines = [
        line for one in texts[:_MOST_FLAGS] for line in textwrap.wrap(one, _WRAP, subsequent_indent="    ")
    ]
    if len(texts) > _MOST_FLAGS:
        lines.append(f"and {len(texts) - _MOST_FLAGS} more: see the result")
    return lines


def _of(about: str, of: str) -> str:
    words = " ".join(one for one in (about.replace("_", " "), of) if one)
    return f"{words}: " if words else ""


def _draw(axes: "Axes", panel: Panel) -> None:
    labelled: set[str] = set()
    is_crowded = sum(bool(one.text) for one in panel.spans) > _MOST_SPAN_TEXTS
    for span in panel.spans:
        _draw_span(axes, span._replace(text="") if is_crowded else span, labelled)
    for line in panel.lines:
        _draw_line(axes, line)
    for number, level in enumerate(sorted(panel.levels, key=lambda one: one.at)):
        _draw_level(axes, level.at, level.text, upright=level.upright, row=number % _LEVEL_ROWS)
    for point in panel.points:
        _draw_point(axes, point)
    _dress(axes, panel)


def _draw_span(axes: "Axes", span: Span, labelled: set[str]) -> None:
    label = None if span.label in labelled or not span.label else span.label
    labelled.add(span.label)
    shade = _SHADES.get(span.tone, 0.2)
    axes.axvspan(
        span.start, span.end, color=_COLOURS[span.tone], alpha=shade, linewidth=0, label=label, zorder=0
    )
    if span.text:
        axes.annotate(
            span.text, ((span.start + span.end) / 2, 1), xycoords=("data", "axes fraction"), xytext=(0, -3),
            textcoords="offset points", ha="center", va="top", fontsize=8, color=_INK, parse_math=False,
            annotation_clip=True,
        )  # fmt: skip


_STYLES: dict[str, dict[str, Any]] = {
    "line": {"linewidth": 0.9},
    "thin": {"linewidth": 1.3},
    "thick": {"linewidth": 2.2, "solid_capstyle": "butt"},
    "dashed": {"linewidth": 1.1, "linestyle": (0, (5, 3))},
    "dotted": {"linewidth": 1.3, "linestyle": (0, (1, 2))},
    "points": {"linestyle": "none", "marker": "o", "markersize": 4.5},
    "hollow": {"linestyle": "none", "marker": "s", "markersize": 4.5, "markerfacecolor": "none"},
}
_ORDER: dict[Tone, int] = {
    "second": 2,
    "left_out": 2,
    "signal": 3,
    "quiet": 4,
    "found": 4,
    "fit": 5,
    "other_fit": 5,
}


def _draw_line(axes: "Axes", line: Line) -> None:
    if not len(line.xs):
        return
    style: dict[str, Any] = {
        "color": _COLOURS[line.tone],
        "label": line.label or None,
        "zorder": _ORDER[line.tone],
    }
    if line.bars is None:
        axes.plot(line.xs, line.ys, **style, **_STYLES[line.style])
    else:
        axes.errorbar(
            line.xs, line.ys, yerr=line.bars, elinewidth=0.9, capsize=2, **style, **_STYLES[line.style]
        )


def _draw_level(axes: "Axes", at: float, text: str, *, upright: bool, row: int) -> None:
    style: dict[str, Any] = {"color": _INK, "linewidth": 1.0, "linestyle": (0, (4, 3)), "zorder": 4}
    if upright:
        axes.axvline(at, **style)
        place: dict[str, Any] = {
            "xy": (at, 1),
            "xycoords": ("data", "axes fraction"),
            "xytext": (3, -3 - _LEVEL_POINTS * row),
        }
    else:
        axes.axhline(at, **style)
        place = {"xy": (1, at), "xycoords": ("axes fraction", "data"), "xytext": (-3, 2)}
    side: dict[str, Any] = {"ha": "left", "va": "top"} if upright else {"ha": "right", "va": "bottom"}
    axes.annotate(
        text, **place, **side, textcoords="offset points", fontsize=8, color=_INK, parse_math=False,
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.0}, zorder=8,
    )  # fmt: skip


def _draw_point(axes: "Axes", point: Point) -> None:
    axes.plot(
        [point.x], [point.y], marker="o", markersize=6, markerfacecolor="white", markeredgecolor=_INK,
        markeredgewidth=1.3, linestyle="none", zorder=6,
    )  # fmt: skip
    axes.annotate(
        point.text, (point.x, point.y), xytext=(6, 5), textcoords="offset points", fontsize=8, color=_INK,
        parse_math=False, annotation_clip=True, zorder=7,
    )  # fmt: skip


def _dress(axes: "Axes", panel: Panel) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="y", color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel(panel.x_label, labelpad=2)
    axes.set_ylabel(panel.y_label)
    if panel.is_log:
        axes.set_yscale("log")
    else:
        axes.margins(y=0.12)
        _make_room(axes, panel)
    axes.margins(x=0.01)
    if panel.x_range is not None:
        axes.set_xlim(*panel.x_range)
    if panel.ticks:
        axes.set_xticks(range(len(panel.ticks)), panel.ticks)
        axes.set_xlim(-0.5, len(panel.ticks) - 0.5)
    _name(axes, panel)


def _make_room(axes: "Axes", panel: Panel) -> None:
    """Above what is drawn, for the words of the upright levels: they must not cover it."""
    rows = min(_LEVEL_ROWS, sum(one.upright for one in panel.levels))
    if not rows:
        return
    share = (_LEVEL_POINTS * rows + 3) / (72 * _UNIT * panel.share)
    low, high = axes.get_ylim()
    axes.set_ylim(low, low + (high - low) / (1 - share))


def _name(axes: "Axes", panel: Panel) -> None:
    """Title and legend above the panel: side by side where both fit, else the title over the legend."""
    handles, labels = axes.get_legend_handles_labels()
    columns = max(1, min(len(labels), _LEGEND_COLUMNS))
    rows = max(1, -(-len(labels) // columns))
    if labels:
        axes.legend(
            handles, labels, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=columns, frameon=False,
            fontsize=8, handlelength=1.6, borderaxespad=0.1, columnspacing=1.2, labelspacing=0.25,
        )  # fmt: skip
    if panel.title:
        letters = len(panel.title) + sum(len(one) + 6 for one in labels) / rows if labels else 0
        lift = 4 if letters < _LEGEND_LETTERS else 5 + 13 * rows
        axes.annotate(
            textwrap.shorten(panel.title, 130, placeholder=" ..."), (0, 1), xycoords="axes fraction",
            xytext=(0, lift), textcoords="offset points", ha="left", va="bottom", fontsize=9, color=_MUTED,
            parse_math=False,
        )  # fmt: skip
