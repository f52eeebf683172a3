"""``rvos session``: start, stop and look at the one session that may run.

Theory of operation
-------------------
Core decides; these verbs ask it and print its sentence.  What moves the cuff or allows it to move
needs ``--confirm``, without which the verb says what it would do.  Stopping needs nothing: no
confirmation, no group, no valid configuration.

Units: mmHg as a person measures them.
"""

from typing import TYPE_CHECKING

import click

from gateway.cli.conversation import (
    carry_out,
    core_socket,
    document,
    needs_confirmation,
    print_document,
    settle,
    stop_socket,
)
from gateway.cli.options import config_option, confirm_option, json_option
from gateway.model import Side
from gateway.runtime.control_client import CoreUnavailable, ask
from gateway.runtime.requests import (
    SessionCuffRemoved,
    SessionPressure,
    SessionReset,
    SessionStart,
    SessionStatus,
    SessionStop,
)

if TYPE_CHECKING:
    from gateway.therapy.prescription import RvosPrescription

_UNPLUG = "If the cuff is still tight, unplug its hose at the cuff now."


@click.group()
def session() -> None:
    """Start, stop and look at a session."""


def _stated_side(context: click.Context, _: click.Parameter, value: str | None) -> str:
    if value is None and not context.resilient_parsing:
        raise click.UsageError("Which leg carries the cuff? Say --side left or --side right.")
    return value or ""


@session.command()
@click.option("--prescription", required=True, metavar="NAME", help="See: rvos prescription list")
@click.option(
    "--patient",
    required=True,
    metavar="TOKEN",
    help="Your study's token, never a name; stays on this device.",
)
@click.option(
    "--side",
    type=click.Choice([side.value for side in Side]),
    callback=_stated_side,
    help="The leg that carries the cuff.",
)
@click.option(
    "--systolic", type=int, required=True, metavar="MMHG", help="Systolic blood pressure, just measured."
)
@click.option("--diastolic", type=int, required=True, metavar="MMHG", help="Diastolic blood pressure.")
@confirm_option
@config_option
def start(prescription: str, patient: str, side: str, systolic: int, diastolic: int, confirm: bool) -> None:
    """Start a session: the cuff will inflate."""
    from gateway.record.words import duration
    from gateway.therapy.prescription import load

    plan = load(prescription)
    needs_confirmation(
        confirm,
        f"start {plan.name} for patient {patient}: the cuff on the {side} leg inflates {plan.cycles} times "
        f"for {duration(plan.occlusion_ms / 1000)} to {systolic + plan.margin_mmhg} mmHg",
    )
    carry_out(
        SessionStart(
            prescription=prescription,
            patient=patient,
            side=side,
            systolic_mmhg=systolic,
            diastolic_mmhg=diastolic,
            confirm=confirm,
        )
    )
    click.echo(_what_happens_next(plan, systolic))


@session.command()
@click.option(
    "--systolic", type=int, required=True, metavar="MMHG", help="Systolic blood pressure, just measured."
)
@click.option("--diastolic", type=int, required=True, metavar="MMHG", help="Diastolic blood pressure.")
@confirm_option
@config_option
def pressure(systolic: int, diastolic: int, confirm: bool) -> None:
    """Enter a blood pressure: needed before each inflation."""
    needs_confirmation(
        confirm,
        f"enter a blood pressure of {systolic}/{diastolic} mmHg, which sets the cuff's next target",
    )
    carry_out(SessionPressure(systolic_mmhg=systolic, diastolic_mmhg=diastolic, confirm=confirm))


@session.command()
@config_option
def stop() -> None:
    """Stop now and deflate the cuff; anybody may."""
    try:
        reply = ask(stop_socket(), SessionStop())
    except CoreUnavailable as error:
        raise type(error)(f"{error}. {_UNPLUG}") from error
    settle(reply)


@session.command()
@json_option
@config_option
def status(as_json: bool) -> None:
    """Show what is happening now."""
    from gateway.cli.panel import panel
    from gateway.ward.messages import Feed

    reply = ask(core_socket(), SessionStatus())
    feed = document(reply, Feed)
    if as_json:
        print_document(reply.data)
    else:
        click.echo(panel(feed))


@session.command()
@confirm_option
@config_option
def reset(confirm: bool) -> None:
    """Clear a latched fault, after looking at the limb."""
    needs_confirmation(
        confirm,
        "clear the latched fault so that a session can be started again; first look at the limb and the cuff",
    )
    carry_out(SessionReset(confirm=confirm))


@session.command("cuff-removed")
@config_option
def cuff_removed() -> None:
    """Say that the cuff is off the limb."""
    carry_out(SessionCuffRemoved())


def _what_happens_next(plan: "RvosPrescription", systolic_mmhg: int) -> str:
    """What a person who has just started a session must know."""
    from gateway.record.words import duration
    from gateway.safety.limits import HARD

    return (
        f"Next: {duration(plan.baseline_ms / 1000)} of rest. Then, as soon as the limb may be occluded, the "
        f"cuff inflates to {systolic_mmhg + plan.margin_mmhg} mmHg and deflates "
        f"{duration(plan.occlusion_ms / 1000)} later; {plan.cycles} times in all.\n"
        f"Before each inflation the blood pressure must be at most "
        f"{duration(HARD.blood_pressure_age_ms / 1000)} old: measure it, then run rvos session pressure\n"
        "To stop at any time: rvos session stop"
    )
