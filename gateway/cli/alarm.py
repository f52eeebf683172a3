"""``rvos alarm``: what sounds, and that a person has seen it.

Theory of operation
-------------------
Alarms live in core.  Acknowledging silences an alarm; it does not end what caused it.
"""

import click
import msgspec

from gateway.cli.conversation import carry_out, core_socket, document, print_document
from gateway.cli.options import config_option, json_option
from gateway.runtime.control_client import ask
from gateway.runtime.requests import AlarmAck, AlarmList


@click.group()
def alarm() -> None:
    """List and acknowledge alarms."""


@alarm.command("list")
@json_option
@config_option
def list_(as_json: bool) -> None:
    """Every alarm that is not over, the most urgent first."""
    from gateway.cli.panel import alarm_lines
    from gateway.ward.messages import Alarm

    class Alarms(msgspec.Struct):
        alarms: list[Alarm]

    reply = ask(core_socket(), AlarmList())
    found = document(reply, Alarms)
    if as_json:
        print_document(reply.data)
    else:
        click.echo("\n".join(alarm_lines(found.alarms)) or "No alarms.")


@alarm.command()
@click.argument("alarm_id", metavar="[ID]", default="")
@config_option
def ack(alarm_id: str) -> None:
    """Silence the alarm ID, or every alarm when no ID is given.

    This says that a person has seen it; what caused it goes on until it is put right.
    """
    carry_out(AlarmAck(alarm_id=alarm_id))
