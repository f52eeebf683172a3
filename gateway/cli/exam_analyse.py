"""``rvos exam analyse``: a recording in, numbers that say how they were made out.

Theory of operation
-------------------
One verb for each examination, so that its help shows what it needs and nothing else.  Each calls the room of
files (``gateway.exams.files``) and hands the result to ``_show``.  A file that ``rvos exam run --recording``
wrote says all of itself, and is analysed as it was at the bedside (``exam_again``).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import exam_again
from gateway.cli.exam_options import emg_options, occlusion_options, recording_options, sites_options
from gateway.cli.exam_showing import check, show
from gateway.cli.exits import RunError
from gateway.runtime.requests import EXIT_USAGE

if TYPE_CHECKING:
    from gateway.exams.drawing import Analysed
    from gateway.exams.files.emg import Detection
    from gateway.exams.files.occlusion_times import Times
    from gateway.exams.files.stated import Stated

_definition = click.option(
    "--definition", default="", metavar="ID", help="By which definition; see exam list."
)


class _Examinations(click.Group):
    """A name that is none is answered with those that there are."""

    def resolve_command(
        self, context: click.Context, words: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb of this examination. Raises ``RunError`` where there is none."""
        if words and self.get_command(context, words[0]) is None and not words[0].startswith("-"):
            text = f"no examination {words[0]!r}: choose one of {', '.join(self.commands)}"
            raise RunError(text, EXIT_USAGE)
        return super().resolve_command(context, words)

    def list_commands(self, context: click.Context) -> list[str]:
        """In the order of ``exam list``."""
        return list(self.commands)


@click.group(cls=_Examinations)
def analyse() -> None:
    """Analyse a recording: rvos exam analyse NAME FILE.

    FILE is comma-separated values (also with semicolons or tabs), an Oxysoft
    export, a Moxy export, a waveform file of this gateway, or what
    `rvos exam run --recording` wrote. `rvos exam list` says what each
    examination needs, `rvos exam analyse NAME --help` its options.
    """


def _show(analysed: "Analysed", as_json: bool, plot: Path | None) -> None:
    show(analysed.result, lambda: analysed.drawing, as_json, plot)


@analyse.command("occlusion-test")
@recording_options
@occlusion_options
@click.option(
    "--definition",
    "definitions",
    multiple=True,
    metavar="ID",
    help="Slopes by this definition; for each again. See exam list.",
)
@click.option("--baseline-s", type=float, metavar="S", help="How long before the inflation is the baseline.")
@click.option("--smoothing-s", type=float, metavar="S", help="Mean over so long, for extremes and crossings.")
@click.option("--recovery-s", type=float, metavar="S", help="How long after the release is looked at.")
def occlusion_test(
    file: Path,
    stated: "Stated",
    times: "Times",
    definitions: tuple[str, ...],
    baseline_s: float | None,
    smoothing_s: float | None,
    recovery_s: float | None,
    from_haemoglobin: bool,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Vascular occlusion test: slopes, overshoot, times and areas of StO2.

    Needs a column sto2 and the occlusions: a column cuff, marks, or --occlusion.
    Without --definition slopes are taken by every definition whose method was
    read in its source.
    """
    from gateway.exams.files import occlusion_test as room

    check(plot)
    others = (times, baseline_s, smoothing_s, recovery_s, from_haemoglobin)
    if exam_again.analysed("occlusion-test", file, stated, definitions, others, as_json, plot):
        return
    choices = room.choices(baseline_s, smoothing_s, recovery_s)
    analysed = room.analyse(file, stated, times, definitions, choices, from_haemoglobin=from_haemoglobin)
    _show(analysed, as_json, plot)


@analyse.command("limb-pressure")
@recording_options
@_definition
@click.option("--posture", default="", metavar="WORD", help="How the patient lay; only supine is taken.")
@click.option("--cuff-width-mm", type=int, metavar="MM", help="The width of the cuff.")
@click.option("--systolic", type=int, metavar="MMHG", help="The systolic pressure at the time.")
@click.option(
    "--blood-pressure", default="", metavar="ID", help="Also read three pressures by this definition."
)
@click.option("--ratios", default="", metavar="SYS,DIA", help="Or by these parts of the largest oscillation.")
@click.option("--ratios-source", default="", metavar="TEXT", help="Where these ratios are from.")
@click.option("--mains-hz", type=float, metavar="HZ", help="The mains, to be left out; 50 where not stated.")
def limb_pressure(
    file: Path, stated: "Stated", definition: str, as_json: bool, plot: Path | None, **bedside: Any
) -> None:
    """Limb occlusion pressure: where the oscillation of the cuff levels off.

    Needs a column cuff in mmHg with a slow run up or down, and --limb, --posture,
    --cuff-width-mm and --systolic: the number holds for these only. With a column
    distal, a pulse sensor beyond the cuff, it is read from that.
    """
    from gateway.exams.files import limb_pressure as room

    check(plot)
    if exam_again.analysed("limb-pressure", file, stated, definition, bedside.values(), as_json, plot):
        return
    bedside["systolic_mmhg"] = bedside.pop("systolic")
    _show(room.analyse(file, stated, room.Bedside(**bedside), definition), as_json, plot)


@analyse.command("oxidative-capacity")
@recording_options
@occlusion_options
@_definition
@click.option(
    "--series-gap-s", type=float, metavar="S", help="Occlusions closer than this are one series; 60."
)
def oxidative_capacity(
    file: Path,
    stated: "Stated",
    times: "Times",
    definition: str,
    series_gap_s: float | None,
    from_haemoglobin: bool,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Oxidative capacity: k of the recovery of oxygen consumption.

    Needs columns o2hb and hhb in uM (or sto2 with a definition of it) and five or
    more short occlusions: a column cuff, marks, or --occlusion.
    """
    from gateway.exams.files import oxidative_capacity as room

    check(plot)
    others = (times, series_gap_s, from_haemoglobin)
    if exam_again.analysed("oxidative-capacity", file, stated, definition, others, as_json, plot):
        return
    chosen = room.chosen(definition, series_gap_s)
    _show(room.analyse(file, stated, times, chosen, from_haemoglobin=from_haemoglobin), as_json, plot)


@analyse.command()
@sites_options
@_definition
@click.option(
    "--criteria", type=click.Path(path_type=Path), metavar="FILE", help="The laboratory's own criteria."
)
@click.option("--amplitude-is", default="", metavar="ID", help="Of a table: negative_peak or peak_to_peak.")
@click.option(
    "--area-is", default="", metavar="ID", help="Of a table: negative_phase or last_negative_phase."
)
@click.option("--duration-is", default="", metavar="ID", help="Of a table: as for --area-is.")
@click.option("--lower-limit-mv", type=float, metavar="MV", help="The laboratory's limit, of a single nerve.")
@click.option("--negative-is", type=click.Choice(["up", "down"]), help="Of sweeps: which way is negative.")
@click.option("--artifact-ms", type=float, metavar="MS", help="Of sweeps: not looked at after the stimulus.")
@click.option("--end-ms", type=float, metavar="MS", help="Of sweeps: the response is over by then.")
@click.option(
    "--full-scale-mv", type=float, metavar="MV", help="Of sweeps: where the amplifier's scale ends."
)
@click.option("--nerve", default="", metavar="NAME", help="Of sweeps: the nerve, where no column says it.")
@click.option("--side", default="", metavar="SIDE", help="Of sweeps: left or right.")
@click.option("--at", default="", metavar="SITE", help="Of sweeps: the site of stimulation.")
@click.option(
    "--distance",
    "distances",
    multiple=True,
    metavar="SITE=MM",
    help="Of sweeps: from the next more distal site.",
)
def conduction(
    file: Path,
    stated: "Stated",
    columns: tuple[str, ...],
    definition: str,
    criteria: Path | None,
    amplitude_is: str,
    area_is: str,
    duration_is: str,
    lower_limit_mv: float | None,
    distances: tuple[str, ...],
    at: str,
    negative_is: str | None,
    as_json: bool,
    plot: Path | None,
    **sweeps: Any,
) -> None:
    """Nerve conduction: does a response fall on its way, by which criterion.

    FILE is a study (.toml, .json), a table of one row a site, or one of sweeps. An
    outcome meets a criterion; it is never a diagnosis.
    """
    from gateway.exams.files import conduction as room
    from gateway.exams.files.studies import Measured
    from gateway.exams.files.sweeps import Measuring

    check(plot)
    asked = room.Asked(
        definition=definition,
        criteria=criteria,
        measured=Measured(amplitude=amplitude_is, area=area_is, duration=duration_is),
        measuring=Measuring(columns=columns, site=at, negative_is=negative_is or "", **sweeps),
        distances=distances,
        lower_limit_mv=lower_limit_mv,
    )
    _show(room.analyse(file, stated, asked), as_json, plot)


@analyse.command()
@recording_options
@emg_options
@_definition
def spasm(
    file: Path, stated: "Stated", detection: "Detection", definition: str, as_json: bool, plot: Path | None
) -> None:
    """Spasm monitor: episodes of muscle activity while nothing stimulates.

    Needs a column emg, as recorded. Stimuli are marks with "stim", a column
    stimulus, or --stimulated. Without --baseline the quietest part is taken, and
    the result says so.
    """
    from dataclasses import replace

    from gateway.exams.files import spasm as room

    check(plot)
    _show(room.analyse(file, stated, replace(detection, definition=definition)), as_json, plot)


@analyse.command()
@recording_options
@_definition
@click.option("--quantity", default="", metavar="NAME", help="peak, force or emg; else the first there is.")
@click.option("--above", type=float, metavar="VALUE", help="Of force: a contraction is above this.")
@click.option("--ends", type=int, default=3, show_default=True, metavar="N", help="Peaks at each end.")
@click.option("--current-ma", type=float, metavar="MA", help="The current of the stimulation.")
@click.option("--pulse-width-us", type=float, metavar="US", help="Its pulse width.")
@click.option("--frequency-hz", type=float, metavar="HZ", help="Its frequency.")
@click.option("--voluntary", "is_voluntary", is_flag=True, help="Nothing stimulated: a person contracted.")
@emg_options
def fatigue(
    file: Path,
    stated: "Stated",
    detection: "Detection",
    definition: str,
    as_json: bool,
    plot: Path | None,
    **course: Any,
) -> None:
    """Fatigue test: how much the peaks of repeated contractions fall.

    Needs a column peak (one row a contraction), force, or emg as recorded, and the
    stimulation: --current-ma, --pulse-width-us and --frequency-hz, or --voluntary.
    """
    from gateway.exams.files import fatigue as room

    check(plot)
    _show(room.analyse(file, stated, room.Course(**course), detection, definition), as_json, plot)


@analyse.command()
@recording_options
@_definition
@click.option("--least-resemblance", type=float, metavar="R", help="A good beat resembles its like so much.")
@click.option(
    "--light", "is_light", is_flag=True, help="It is light without an offset: perfusion has a meaning."
)
@click.option("--inverted", "is_inverted", is_flag=True, help="It falls with the pulse.")
def pulse(
    file: Path, stated: "Stated", definition: str, as_json: bool, plot: Path | None, **choices: Any
) -> None:
    """Pulse: rate, how good the beats are, the shape of the mean beat.

    Needs a column ppg, in any unit.
    """
    from gateway.exams.files import pulse as room

    check(plot)
    _show(room.analyse(file, stated, definition, **choices), as_json, plot)
