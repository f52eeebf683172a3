"""The options of ``rvos exam analyse``: those that every examination has, and those that some share.

Theory of operation
-------------------
``recording_options`` gives a verb the file, what a person states of it (``stated``, one value) and where the
result goes (``show``).  Occlusions and muscle activity have options of their own.  Options are handed to the
rooms as they were written; the rooms refuse what cannot be meant, and say so in one line.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gateway.cli.options import json_option
from gateway.model import LIMBS, Limb

Verb = Callable[..., Any]

LIMB_WORDS = {limb.value.replace("_", "-"): limb for limb in LIMBS}
_FILE = click.Path(path_type=Path)


def _limb(_: click.Context, __: click.Parameter, value: str | None) -> Limb | None:
    return None if value is None else LIMB_WORDS[value]


_OUTPUT = (
    json_option,
    click.option(
        "--plot", type=_FILE, metavar="FILE", help="Also draw it: a file ending in .png, .svg or .pdf."
    ),
)
_PROBE = (
    click.option(
        "--limb", type=click.Choice(list(LIMB_WORDS)), callback=_limb, help="The limb that was examined."
    ),
    click.option("--device", default="", metavar="TEXT", help="What measured, such as PortaMon."),
    click.option("--site", "place", default="", metavar="TEXT", help="Where on the body, in your words."),
    click.option("--channel", default="", metavar="TEXT", help="Which of its channels."),
    click.option(
        "--spacing-mm", type=float, metavar="MM", help="Light source to detector, or between electrodes."
    ),
)
_ANALYSIS = (
    click.option(
        "--definition",
        "definitions",
        multiple=True,
        metavar="ID",
        help="Analyse by this definition; see: rvos exam list",
    ),
    click.option("--site", default="", metavar="TEXT", help="Where the probe lies, in your words."),
    click.option(
        "--spacing", type=float, metavar="MM", help="From the probe's light source to its detector."
    ),
    click.option(
        "--recording",
        type=_FILE,
        metavar="FILE",
        help="Keep every sample in this new file, for: rvos exam analyse NAME FILE",
    ),
)
_COLUMNS = (
    click.option("--rate", type=float, metavar="HZ", help="Samples a second, of a file without times."),
    click.option(
        "--header", default="", metavar="A,B,...", help="The names of the columns of a file without any."
    ),
    click.option(
        "--time", "clock", default="", metavar="NAME:UNIT", help="The column of time, such as elapsed:ms."
    ),
    click.option(
        "--scale",
        "scales",
        multiple=True,
        metavar="ROLE=GAIN,OFFSET",
        help="Make a column value x GAIN + OFFSET.",
    ),
)
_COLUMN = click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="ROLE=NAME[:UNIT]",
    help="Which column is what, such as cuff=P1:mmHg.",
)


def wearing(function: Verb, *options: Callable[[Verb], Verb]) -> Verb:
    """The function with these options, in this order."""
    for option in reversed(options):
        function = option(function)
    return function


def recording_options(function: Verb) -> Verb:
    """File, output, probe and columns of a recording; what is stated becomes the argument ``stated``."""

    @functools.wraps(function)
    def with_stated(**given: Any) -> Any:
        from gateway.cli.waveform_recording import FORMAT
        from gateway.exams.files.stated import Stated

        stated = Stated(
            formats=(FORMAT,),
            rate_hz=given.pop("rate"),
            header=given.pop("header"),
            time=given.pop("clock"),
            columns=given.pop("columns"),
            scales=given.pop("scales"),
            **probe_of(given),
        )
        return function(stated=stated, **given)

    made: Any = with_stated
    return wearing(
        made, click.argument("file", type=_FILE), *_OUTPUT, *_PROBE, *_COLUMNS[:3], _COLUMN, _COLUMNS[3]
    )


def analysis_options(function: Verb) -> Verb:
    """What a person says of an examination's analysis; it becomes the argument ``wanted``."""

    @functools.wraps(function)
    def with_wanted(**given: Any) -> Any:
        from gateway.cli.exam_giving import Wanted

        names = ("site", "definitions", "recording", "plot", "as_json")
        own = {name: given.pop(name) for name in names}
        return function(wanted=Wanted(spacing_mm=given.pop("spacing"), **own), **given)

    made: Any = with_wanted
    return wearing(made, *_ANALYSIS, *_OUTPUT)


def sites_options(function: Verb) -> Verb:
    """File, output and probe, and ``--column``, which a table of sweeps has too."""

    @functools.wraps(function)
    def with_stated(**given: Any) -> Any:
        from gateway.exams.files.stated import Stated

        return function(stated=Stated(**probe_of(given)), **given)

    return wearing(with_stated, click.argument("file", type=_FILE), *_OUTPUT, *_PROBE, _COLUMN)


def probe_of(given: dict[str, Any]) -> dict[str, Any]:
    """What was stated of the probe, taken out of ``given``."""
    named = {
        "limb": "limb",
        "device": "device",
        "place": "site",
        "channel": "channel",
        "spacing_mm": "spacing_mm",
    }
    return {ours: given.pop(option) for option, ours in named.items()}


def occlusion_options(function: Verb) -> Verb:
    """When the limb was occluded: becomes the argument ``times``."""

    @functools.wraps(function)
    def with_times(
        occlusions: tuple[str, ...],
        begins: tuple[str, ...],
        ends: tuple[str, ...],
        occluding_mmhg: float | None,
        systolic: float | None,
        **given: Any,
    ) -> Any:
        from gateway.exams.files.occlusion_times import Times

        times = Times(
            occlusions=occlusions,
            begins=begins,
            ends=ends,
            occluding_mmhg=occluding_mmhg,
            systolic_mmhg=systolic,
        )
        return function(times=times, **given)

    return wearing(
        with_times,
        click.option(
            "--occlusion",
            "occlusions",
            multiple=True,
            metavar="START-END",
            help="One occlusion, in s from the first sample; for each again.",
        ),
        click.option(
            "--begin-word",
            "begins",
            multiple=True,
            metavar="WORD",
            help="A whole word of marks that begin one.",
        ),
        click.option(
            "--end-word", "ends", multiple=True, metavar="WORD", help="A whole word of marks that end one."
        ),
        click.option(
            "--occluding-mmhg", type=float, metavar="MMHG", help="From which cuff pressure on it is occluded."
        ),
        click.option(
            "--systolic", type=float, metavar="MMHG", help="The systolic pressure: less occludes nothing."
        ),
        click.option(
            "--from-haemoglobin", is_flag=True, help="Make sto2 of o2hb and hhb; relative, and flagged."
        ),
    )


def emg_options(function: Verb) -> Verb:
    """How muscle activity is told: becomes the argument ``detection``, without its definition."""

    @functools.wraps(function)
    def with_detection(
        changes: tuple[str, ...],
        baseline: str,
        stimulated: tuple[str, ...],
        full_scale_mv: float | None,
        baseline_limit_uv: float | None,
        **given: Any,
    ) -> Any:
        from gateway.exams.files.emg import Detection

        detection = Detection(
            changes=changes,
            baseline=baseline,
            stimulated=stimulated,
            full_scale_mv=full_scale_mv,
            baseline_limit_uv=baseline_limit_uv,
        )
        return function(detection=detection, **given)

    return wearing(
        with_detection,
        click.option("--baseline", default="", metavar="START-END", help="When the muscle was quiet, in s."),
        click.option(
            "--stimulated",
            multiple=True,
            metavar="START-END",
            help="When it was stimulated: not watched; for each again.",
        ),
        click.option(
            "--set",
            "changes",
            multiple=True,
            metavar="NAME=VALUE",
            help="Change a number of the detector, such as high_hz=110.",
        ),
        click.option("--full-scale-mv", type=float, metavar="MV", help="Where the amplifier's scale ends."),
        click.option(
            "--baseline-limit-uv", type=float, metavar="UV", help="A baseline above this is doubtful; 20."
        ),
    )
