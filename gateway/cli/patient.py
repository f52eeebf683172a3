"""``rvos patient``: what a patient has borne in the last 24 hours, here and elsewhere.

Theory of operation
-------------------
Core keeps the account and decides; these verbs ask it.  A patient's last 24 h elsewhere are entered by hand
or read from a file that another gateway exported.  What is entered is added to what is known and cannot
be taken back, so entering needs ``--confirm``, without which the verb says what it would do.

Units: minutes as a person says them.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from gateway.cli.conversation import carry_out, core_socket, document, needs_confirmation, print_document
from gateway.cli.exits import RunError
from gateway.cli.options import config_option, confirm_option, json_option
from gateway.model import LIMBS
from gateway.runtime.control_client import ask
from gateway.runtime.requests import (
    EXIT_OK,
    EXIT_USAGE,
    DeclaredSession,
    DeclaredStimulation,
    PatientExport,
    PatientHistory,
    PatientImport,
    PatientShow,
)

if TYPE_CHECKING:
    from gateway.record.history_file import HistoryFile

_LIMBS = {limb.value.replace("_", "-"): limb.value for limb in LIMBS}
_MINUTES = re.compile("[0-9]{1,4}")
_KINDS = {"therapy": True, "examination": False}
_FORM = "LIMB,ENDED_MINUTES_AGO,MINUTES_ABOVE,therapy|examination"
_TRAIN_FORM = "LIMB,ENDED_MINUTES_AGO,MINUTES"
_HANDED_ON = (
    "rvos: exported. This gateway asks what was done elsewhere before it treats this patient again: "
    "`rvos patient import` or `rvos patient history`."
)


@click.group()
def patient() -> None:
    """A patient's last 24 hours: tell, take over, hand on, look."""


def _stated_sessions(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> tuple[DeclaredSession, ...]:
    return tuple(map(_stated, values))


def _stated(value: str) -> DeclaredSession:
    """One session elsewhere as it is typed: left-thigh,300,20,therapy. Raises BadParameter."""
    parts = [part.strip() for part in value.split(",")]
    if len(parts) != 4:
        raise click.BadParameter(f"{value!r} is not {_FORM}")
    limb, ended, above, kind = parts
    where, ended_min_ago, above_min = _place_and_minutes(limb, ended, above)
    if kind not in _KINDS:
        raise click.BadParameter(f"{kind!r} is neither therapy nor examination")
    return DeclaredSession(limb=where, ended_min_ago=ended_min_ago, above_min=above_min, therapy=_KINDS[kind])


def _stated_trains(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> tuple[DeclaredStimulation, ...]:
    return tuple(map(_stated_train, values))


def _stated_train(value: str) -> DeclaredStimulation:
    """One session with stimulation elsewhere: left-thigh,300,20. Raises BadParameter."""
    parts = [part.strip() for part in value.split(",")]
    if len(parts) != 3:
        raise click.BadParameter(f"{value!r} is not {_TRAIN_FORM}")
    where, ended_min_ago, lasted_min = _place_and_minutes(*parts)
    return DeclaredStimulation(limb=where, ended_min_ago=ended_min_ago, stimulated_min=lasted_min)


def _place_and_minutes(limb: str, ended: str, lasted: str) -> tuple[str, int, int]:
    if limb not in _LIMBS:
        raise click.BadParameter(f"{limb!r} is no limb: say one of {', '.join(_LIMBS)}")
    if not (_MINUTES.fullmatch(ended) and _MINUTES.fullmatch(lasted)):
        raise click.BadParameter(f"{ended!r} and {lasted!r} must be whole minutes")
    return _LIMBS[limb], int(ended), int(lasted)


@patient.command()
@click.argument("token")
@click.option("--nothing", is_flag=True, help="Nothing happened elsewhere in the last 24 hours.")
@click.option(
    "--session",
    "sessions",
    callback=_stated_sessions,
    multiple=True,
    metavar=_FORM,
    help="One session elsewhere; may be given several times.",
)
@click.option(
    "--stimulation",
    "stimulation",
    callback=_stated_trains,
    multiple=True,
    metavar=_TRAIN_FORM,
    help="One session with stimulation elsewhere: minutes of pulses; may be given several times.",
)
@confirm_option
@config_option
def history(
    token: str,
    nothing: bool,
    sessions: tuple[DeclaredSession, ...],
    stimulation: tuple[DeclaredStimulation, ...],
    confirm: bool,
) -> None:
    """Enter the last 24 hours of patient TOKEN elsewhere.

    Sessions on this gateway are known: leave them out, and what was entered before. Round minutes above
    15 mmHg and of pulses up, and the time since the end down.
    """
    from gateway.cli.patient_sheet import declared_train_words, declared_words

    if nothing == bool(sessions or stimulation):
        raise click.UsageError("Say --nothing, or each --session and --stimulation, and not both.")
    told = "; ".join([*map(declared_words, sessions), *map(declared_train_words, stimulation)]) or "nothing"
    needs_confirmation(
        confirm, f"enter for patient {token}, in the last 24 hours elsewhere: {told}. It cannot be taken back"
    )
    carry_out(
        PatientHistory(
            patient=token,
            sessions=[*sessions],
            stimulation=[*stimulation],
            nothing=nothing,
            confirm=confirm,
        )
    )


@patient.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@confirm_option
@config_option
def import_(file: Path, confirm: bool) -> None:
    """Take over a patient's last 24 hours from FILE.

    Another gateway wrote it with `rvos patient export`.
    """
    from gateway.cli.patient_sheet import borne_words, train_words

    found = _read(file)
    borne = [borne_words(entry.limb.value, entry.above_ms / 1000, entry.therapy) for entry in found.entries]
    borne += [train_words(train.limb.value, train.stimulated_ms / 1000) for train in found.trains]
    needs_confirmation(
        confirm,
        f"take over for patient {found.patient} what gateway {found.device} knew: "
        f"{'; '.join(borne) or 'nothing'}. It cannot be taken back",
    )
    carry_out(PatientImport(document=msgspec.to_builtins(found), confirm=confirm))


@patient.command()
@click.argument("token")
@config_option
def export(token: str) -> None:
    """Print the last 24 hours of patient TOKEN for another gateway.

    From then on this gateway does not know them any more: the patient may be treated elsewhere.
    """
    reply = ask(core_socket(), PatientExport(patient=token))
    if reply.exit_code != EXIT_OK:
        raise RunError(reply.message, reply.exit_code)
    print_document(reply.data)
    click.echo(_HANDED_ON, err=True)


@patient.command()
@click.argument("token")
@json_option
@config_option
def show(token: str, as_json: bool) -> None:
    """Show what patient TOKEN may still bear, and when."""
    from gateway.cli.patient_sheet import sheet
    from gateway.runtime.patient_view import PatientView

    reply = ask(core_socket(), PatientShow(patient=token))
    view = document(reply, PatientView)
    if as_json:
        print_document(reply.data)
    else:
        click.echo(sheet(view))


def _read(file: Path) -> "HistoryFile":
    """What the file says. Raises RunError, and HistoryFileUnusable for anything that is none."""
    from gateway.record.history_file import LONGEST_BYTES, read

    try:
        with file.open("rb") as opened:
            return read(opened.read(LONGEST_BYTES + 1), str(file))
    except OSError as error:
        raise RunError(f"{file} cannot be read ({error.strerror})", EXIT_USAGE) from error
