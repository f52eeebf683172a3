"""``rvos exam run NAME`` and ``rvos exam collect``: an examination with the cuff, from arming to its result.

Theory of operation
-------------------
With ``--patient`` a session for examinations is armed first, by the same questions and the same press at the
bedside as any session; without it the examination runs in the session that is armed already, so several may
follow each other.  Everything that a person can have mistyped is looked at before anything inflates.  Core
decides and conducts; ``exam_giving`` asks, tells what happens, and makes the result.

``collect`` does the last part alone, for an examination whose ``run`` was left or lost.

``--simulation`` gives the same examination on a simulated limb in virtual time, without hardware.

Units: s, mmHg and % as a person says them; cm as a tape measure says them.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.conversation import core_socket, needs_confirmation, settle
from gateway.cli.exam_giving import Wanted, collected, given
from gateway.cli.exam_options import analysis_options
from gateway.cli.exam_session import Bedside, RealBedside, arming_request
from gateway.cli.exam_showing import show
from gateway.cli.exits import RunError
from gateway.cli.options import arming_options, config_option, confirm_option, measured_again_option
from gateway.cli.start import LIMB_WORDS
from gateway.runtime.requests import EXIT_USAGE, ExamStart

if TYPE_CHECKING:
    from gateway.cli.exam_giving import Given
    from gateway.model import Limb

_EXAMS = ("occlusion-test", "limb-pressure", "oxidative-capacity")


def _limb(_: click.Context, __: click.Parameter, value: str | None) -> "Limb | None":
    return None if value is None else LIMB_WORDS[value]


def _tell(text: str) -> None:
    click.echo(text, err=True)


@click.command()
@click.argument("name", type=click.Choice(_EXAMS), metavar="NAME")
@click.option("--patient", metavar="TOKEN", help="Arm a session for examinations first: a token, no name.")
@click.option("--limb", type=click.Choice(list(LIMB_WORDS)), callback=_limb, help="The limb with the cuff.")
@click.option("--systolic", type=int, metavar="MMHG", help="Systolic blood pressure, just measured.")
@arming_options
@click.option(
    "--posture", default="", metavar="WORD", help="How the patient lies; a limb pressure needs: supine"
)
@click.option("--occlusion", type=float, metavar="S", help="How long the limb is occluded, each time.")
@click.option(
    "--target", type=float, metavar="PERCENT", help="Occlusion test: until this StO2, 300 s at most."
)
@click.option("--margin", type=int, metavar="MMHG", help="The cuff's target: so far above the systolic.")
@click.option("--baseline", type=float, metavar="S", help="Occlusion test: rest before the occlusion.")
@click.option("--recovery", type=float, metavar="S", help="Occlusion test: how long to watch afterwards.")
@click.option("--runs", type=int, metavar="N", help="Limb pressure: so many runs, 2 to 5.")
@click.option(
    "--step", type=float, metavar="S", help="Limb pressure: so long on each step of 10 mmHg, 5 to 10."
)
@click.option("--occlusions", type=int, metavar="N", help="Oxidative capacity: so many, 5 or more.")
@click.option("--rest", type=float, metavar="S", help="Oxidative capacity: so long between two.")
@click.option("--simulation", is_flag=True, help="On a simulated limb, in virtual time, without hardware.")
@analysis_options
@measured_again_option
@confirm_option
@config_option
def run(name: str, posture: str, simulation: bool, confirm: bool, wanted: Wanted, **said: Any) -> None:
    """Give an examination with the cuff: it will inflate.

    NAME is occlusion-test, limb-pressure or oxidative-capacity; docs/examinations.md
    says what each does to the limb. Without --patient it runs in the session that
    is armed. --simulation shows the same on a simulated limb.
    """
    wanted.check(name)
    request = ExamStart(exam=name, confirm=True, posture=posture, choices=_choices(said))
    if simulation:
        _show(_simulated(request, wanted, said), wanted)
    else:
        needs_confirmation(confirm, _what_it_does(name, said))
        _show(_at_the_bedside(request, wanted, said), wanted)


@click.command()
@analysis_options
@config_option
def collect(wanted: Wanted) -> None:
    """Analyse the examination that was given last.

    For one whose `rvos exam run` was left alone or lost: its samples stay with
    core until the next examination begins or core ends. The result is stored.
    """
    wanted.check()
    _show(collected(RealBedside(core_socket()), wanted, _tell), wanted)


def _show(found: "Given", wanted: Wanted) -> None:
    from gateway.runtime.exam_analysis import drawing

    show(found.result, lambda: drawing(found.examined, found.result), wanted.as_json, wanted.plot)


_CHOICES = {
    "occlusion": ("occlusion_ms", 1000),
    "target": ("target_permille", 10),
    "margin": ("margin_mmhg", 1),
    "baseline": ("baseline_ms", 1000),
    "recovery": ("recovery_ms", 1000),
    "runs": ("runs", 1),
    "step": ("step_ms", 1000),
    "occlusions": ("occlusions", 1),
    "rest": ("rest_ms", 1000),
}


def _choices(said: Mapping[str, Any]) -> dict[str, int]:
    """What a person chose, in core's units."""
    chosen = {key: said[key] for key in _CHOICES if said.get(key) is not None}
    return {_CHOICES[key][0]: round(value * _CHOICES[key][1]) for key, value in chosen.items()}


def _what_it_does(name: str, said: Mapping[str, Any]) -> str:
    patient, limb = said.get("patient"), said.get("limb")
    whose = f" for patient {patient}" if patient else " in the session that is armed"
    where = f" on the {limb.value.replace('_', ' ')}" if limb is not None else ""
    return f"start the examination {name}{whose}: the cuff{where} inflates"


def _at_the_bedside(request: ExamStart, wanted: Wanted, said: Mapping[str, Any]) -> "Given":
    bedside: Bedside = RealBedside(core_socket())
    if said.get("patient"):
        settle(bedside.ask(arming_request(said)))
    elif any(said.get(key) is not None for key in ("limb", "systolic", "answers")):
        raise RunError("say --patient too: limb, pressure and answers belong to arming a session", EXIT_USAGE)
    return given(bedside, request, wanted, _tell)


def _simulated(request: ExamStart, wanted: Wanted, said: Mapping[str, Any]) -> "Given":
    from gateway.simulation.examination import SimulatedBedside

    armed = [key for key in ("patient", "limb", "systolic", "answers") if said.get(key) is not None]
    if armed:
        raise RunError(
            f"leave out --{armed[0]}: the simulation has a limb and a nurse of its own", EXIT_USAGE
        )
    with SimulatedBedside(request.exam) as bedside:
        _tell(f"simulation in virtual time: {bedside.description}")
        return given(bedside, request, wanted.with_site("simulated muscle"), _tell)
