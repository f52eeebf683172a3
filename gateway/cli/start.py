"""``rvos session start`` and ``rvos session screening``: what is asked before anything is energised.

Theory of operation
-------------------
On a terminal the screening's questions are asked one by one, in the site's words.  Where nobody can be
asked, ``--answers FILE`` gives them: a JSON object from question to "yes" or "no", whose empty form
``rvos session screening`` prints.  Core judges the answers; nothing here can leave one out.

Units: mmHg, cm as a tape measure says them.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from gateway.cli.conversation import carry_out, needs_confirmation, print_document
from gateway.cli.exits import RunError
from gateway.cli.options import arming_options, config_option, confirm_option, measured_again_option
from gateway.model import LIMBS, Limb
from gateway.runtime.requests import EXIT_USAGE, SessionStart

if TYPE_CHECKING:
    from gateway.therapy.prescription import NmesPrescription, Written
    from gateway.therapy.screening import Question

_EXAMINATIONS_FIRST = (
    "Next: rvos exam run NAME --confirm, as often as needed. Nothing inflates before you say so.\n"
    "Then begin the prescription, within ten minutes of the last examination: rvos session begin --confirm\n"
    "To stop at any time: rvos session stop"
)
LIMB_WORDS = {limb.value.replace("_", "-"): limb for limb in LIMBS}


def _stated_limb(context: click.Context, _: click.Parameter, value: str | None) -> Limb | None:
    if value is not None:
        return LIMB_WORDS[value]
    if context.resilient_parsing:
        return None
    raise click.UsageError(f"Which limb is treated? Say --limb {', '.join(LIMB_WORDS)}.")


_limb_option = click.option(
    "--limb",
    type=click.Choice(list(LIMB_WORDS)),
    callback=_stated_limb,
    help="The limb with the cuff or the electrodes.",
)


@click.command()
@_limb_option
@click.option(
    "--prescription", metavar="NAME", help="Ask what this one needs; without it, what a cuff needs."
)
def screening(limb: Limb, prescription: str | None) -> None:
    """Print the questions of a session as a file to fill in."""
    from gateway.therapy.prescription import load
    from gateway.therapy.screening import questions

    asked = questions(limb) if prescription is None else _asked(load(prescription), limb)
    for question in asked:
        click.echo(f"{question.id:20}{question.text}", err=True)
    print_document({question.id: "" for question in asked})


@click.command()
@click.option("--prescription", required=True, metavar="NAME", help="See: rvos prescription list")
@click.option(
    "--patient",
    required=True,
    metavar="TOKEN",
    help="Your study's token, never a name; stays on this device.",
)
@_limb_option
@click.option(
    "--systolic", type=int, metavar="MMHG", help="Systolic blood pressure, just measured; a cuff needs it."
)
@arming_options
@click.option(
    "--with-examinations",
    "examinations",
    is_flag=True,
    help="Examinations first; the prescription waits for rvos session begin.",
)
@click.option("--resume", is_flag=True, help="Go on with the session that was interrupted within the hour.")
@measured_again_option
@confirm_option
@config_option
def start(
    prescription: str,
    patient: str,
    limb: Limb,
    systolic: int | None,
    diastolic: int | None,
    cuff_width: float | None,
    circumference: float | None,
    answers: Path | None,
    examinations: bool,
    resume: bool,
    measured_again: bool,
    confirm: bool,
) -> None:
    """Start a session: the cuff will inflate, or the muscle contract."""
    from gateway.therapy.prescription import load

    plan = load(prescription)
    if plan.uses_cuff and (systolic is None or diastolic is None):
        raise click.UsageError("A cuff needs a blood pressure: say --systolic and --diastolic.")
    when = ", examinations first and this once you say rvos session begin" if examinations else ""
    does = _what_it_does(plan, limb, systolic or 0)
    needs_confirmation(confirm, f"start {plan.name} for patient {patient}{when}: {does}")
    asked = _asked(plan, limb)
    carry_out(
        SessionStart(
            prescription=prescription,
            patient=patient,
            limb=limb.value,
            systolic_mmhg=systolic,
            diastolic_mmhg=diastolic,
            confirm=confirm,
            answers=written_answers(answers) if answers else spoken_answers(asked),
            cuff_width_mm=millimetres(cuff_width),
            circumference_mm=millimetres(circumference),
            measured_again=measured_again,
            resume=resume,
            examinations=examinations,
        )
    )
    click.echo(_EXAMINATIONS_FIRST if examinations else _what_happens_next(plan, systolic or 0))


def written_answers(path: Path) -> dict[str, str]:
    """The answers of a file. Raises RunError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError) as error:
        raise RunError(
            f"{path} holds no answers ({error}): fill in what `rvos session screening` prints", EXIT_USAGE
        ) from error


def spoken_answers(asked: "tuple[Question, ...]") -> dict[str, str]:
    """The answers of the person at the terminal; none where there is no terminal."""
    if not sys.stdin.isatty():
        return {}
    answer = click.Choice(["yes", "no"])
    return {question.id: str(click.prompt(question.text, type=answer)) for question in asked}


def _asked(plan: "Written", limb: Limb) -> "tuple[Question, ...]":
    """What has to be asked for this prescription on this limb."""
    from gateway.therapy.screening import questions

    return questions(limb, cuff=plan.uses_cuff, stimulation=plan.uses_stimulator)


def millimetres(length_cm: float | None) -> int | None:
    return None if length_cm is None else round(length_cm * 10)


def _what_it_does(plan: "Written", limb: Limb, systolic_mmhg: int) -> str:
    """What will happen to the limb."""
    from gateway.record.words import duration
    from gateway.record.words import limb as limb_words
    from gateway.therapy.prescription import NmesPrescription

    if isinstance(plan, NmesPrescription):
        return (
            f"the muscle of the {limb_words(limb)} is made to contract {plan.contractions} times for "
            f"{duration(plan.on_ms / 1000)}, with {plan.current_ua // 1000} mA at most{_towards(plan)}"
        )
    return (
        f"the cuff on the {limb_words(limb)} inflates {plan.cycles} times for "
        f"{duration(plan.occlusion_ms / 1000)} to {systolic_mmhg + plan.margin_mmhg} mmHg"
    )


def _towards(plan: "NmesPrescription") -> str:
    """What a closed loop is after."""
    from gateway.therapy.prescription import NmesLoopPrescription

    return f", in closed loop towards {plan.goal}" if isinstance(plan, NmesLoopPrescription) else ""


def _how_it_rises(plan: "NmesPrescription") -> str:
    """What becomes of the current if nobody says anything."""
    from gateway.therapy.prescription import NmesLoopPrescription
    from gateway.therapy.response import UNANSWERED_MOST

    if not isinstance(plan, NmesLoopPrescription):
        return "Each one has 1 mA more, until you say otherwise."
    return (
        "The loop lowers the current at once and raises it by 1 mA a contraction at most.\n"
        f"Raise it yourself until the muscle answers: after {UNANSWERED_MOST} contractions without a "
        "response the loop waits for you."
    )


def _what_happens_next(plan: "Written", systolic_mmhg: int) -> str:
    """What a person who has just started a session must know."""
    from gateway.record.words import duration
    from gateway.safety.limits import HARD
    from gateway.therapy.prescription import NmesPrescription

    if isinstance(plan, NmesPrescription):
        return (
            f"Next: the first contraction, with 1 mA. {_how_it_rises(plan)}\n"
            "Watch the muscle. More, up to 5 mA at once: rvos session raise --by 5 --confirm; less: "
            "rvos session lower\n"
            "To stop at any time: rvos session stop"
        )
    return (
        f"Next: {duration(plan.baseline_ms / 1000)} of rest. Then, as soon as the limb may be occluded, the "
        f"cuff inflates to {systolic_mmhg + plan.margin_mmhg} mmHg and deflates "
        f"{duration(plan.occlusion_ms / 1000)} later; {plan.cycles} times in all.\n"
        f"Before each inflation the blood pressure must be at most "
        f"{duration(HARD.blood_pressure_age_ms / 1000)} old: measure it, then run rvos session pressure\n"
        "To stop at any time: rvos session stop"
    )
