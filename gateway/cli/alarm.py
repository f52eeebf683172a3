"""``rvos alarm``: what sounds, that a person has seen it, silence for a moment, and what there was.

Theory of operation
-------------------
Alarms live in core.  Acknowledging silences an alarm; pausing silences the sound of all of them for at
most two minutes; neither ends what caused them.  The log is the journal's: it survives a loss of power, and
needs no core to be read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gateway.cli.conversation import carry_out, core_socket, document, print_document, site_language
from gateway.cli.options import config_option, journal_path, json_option, state_option
from gateway.runtime.control_client import ask
from gateway.runtime.requests import PAUSE_LONGEST_S, AlarmAck, AlarmList, AlarmPause

if TYPE_CHECKING:
    from gateway.record.events import Event
    from gateway.record.row import StoredRow
    from gateway.safety.texts import Language

_HAPPENED = {
    "alarm_raised": "raised",
    "alarm_ended": "ended",
    "alarm_acknowledged": "acknowledged",
    "alarm_escalated": "escalated",
    "alarm_paused": "sound paused",
    "alarm_pause_ended": "sound back",
}


@click.group()
def alarm() -> None:
    """List, acknowledge and pause alarms; read their log."""


@alarm.command("list")
@json_option
@config_option
def list_(as_json: bool) -> None:
    """Every alarm that is not over, the most urgent first."""
    from gateway.cli.panel import alarm_lines, pause_line
    from gateway.ward.messages import Alarm

    class Alarms(msgspec.Struct):
        alarms: list[Alarm]
        pause_left_s: float | None = None

    reply = ask(core_socket(), AlarmList())
    found = document(reply, Alarms)
    if as_json:
        print_document(reply.data)
        return
    sound = [] if found.pause_left_s is None else [f"Sound {pause_line(found.pause_left_s)}."]
    click.echo("\n".join([*sound, *alarm_lines(found.alarms)]) or "No alarms.")


@alarm.command()
@click.argument("alarm_id", metavar="[ID]", default="")
@config_option
def ack(alarm_id: str) -> None:
    """Silence the alarm ID, or every alarm when no ID is given.

    This says that a person has seen it; what caused it goes on until it is put right.
    """
    carry_out(AlarmAck(alarm_id=alarm_id))


@alarm.command()
@click.option(
    "--seconds",
    type=click.IntRange(0, PAUSE_LONGEST_S),
    default=PAUSE_LONGEST_S,
    show_default=True,
    help="For how long; 0 ends a pause.",
)
@config_option
def pause(seconds: int) -> None:
    """Silence the sound for a moment.

    For instance while you work at the limb. Lamps and lists go on. A new alarm
    sounds at once and ends the pause.
    """
    carry_out(AlarmPause(seconds=seconds))


@alarm.command()
@click.option("-n", "--lines", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@json_option
@state_option
@config_option
def log(lines: int, as_json: bool, state: Path | None) -> None:
    """Show what happened to alarms, oldest first, from the journal."""
    from collections import deque

    from gateway.record.reader import JournalReader

    with JournalReader.open(journal_path(state)) as reader:
        rows = deque((row for row in reader.rows(kind="event") if row.type in _HAPPENED), maxlen=lines)
    if as_json:
        print_document({"log": [_document(row) for row in rows]})
        return
    language = site_language()
    click.echo("\n".join(_line(row, language) for row in rows) or "No alarms in this journal.")


def _event(row: "StoredRow") -> "Event":
    """What the row says. Raises RowUnreadable."""
    from gateway.record.errors import RowUnreadable
    from gateway.record.events import EVENTS

    try:
        return msgspec.json.decode(row.body, type=EVENTS[row.type])
    except msgspec.DecodeError as error:
        raise RowUnreadable(row.seq, row.type, str(error)) from error


def _document(row: "StoredRow") -> dict[str, Any]:
    from gateway.ward.messages import timestamp

    head = {"ts": timestamp(row.stamp.wall_ms), "type": row.type, "session": row.session or None}
    return head | msgspec.structs.asdict(_event(row))


def _line(row: "StoredRow", language: "Language") -> str:
    from gateway.ward.messages import timestamp

    happened, told = _HAPPENED[row.type], "  ".join(_told(_event(row), language))
    return f"{timestamp(row.stamp.wall_ms)}  {happened:<12}  {told}"


def _told(event: "Event", language: "Language") -> Iterator[str]:
    """What is worth a column; the whole is in ``--json``."""
    from gateway.cli.panel import reason_text
    from gateway.record import events

    match event:
        case events.AlarmRaised():
            yield from (f"{event.alarm_id:<7}", f"{event.priority.upper():<6}", event.text)
        case events.AlarmEscalated():
            yield from (f"{event.alarm_id:<7}", f"{event.presented.upper():<6}")
            yield reason_text(event.condition, language)
        case events.AlarmAcknowledged() | events.AlarmEnded():
            yield from (f"{event.alarm_id:<7}", " " * 6, reason_text(event.condition, language))
        case events.AlarmPaused():
            yield f"for {event.pause_ms / 1000:g} s"
        case events.AlarmPauseEnded():
            yield event.why.replace("_", " ")
