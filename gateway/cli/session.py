"""``rvos session``: start, stop and look at the one session that may run.

Theory of operation
-------------------
Core decides; these verbs ask it and print its sentence.  What moves the cuff or allows it to move
needs ``--confirm``, without which the verb says what it would do.  Stopping needs nothing: no
confirmation, no group, no valid configuration.

Units: mmHg as a person measures them.
"""

import click

from gateway.cli.conversation import (
    carry_out,
    core_socket,
    document,
    needs_confirmation,
    print_document,
    settle,
    site_language,
    stop_socket,
)
from gateway.cli.options import config_option, confirm_option, json_option, measured_again_option
from gateway.cli.start import screening, start
from gateway.runtime.control_client import CoreUnavailable, ask
from gateway.runtime.requests import (
    SessionBegin,
    SessionClearPatient,
    SessionCuffRemoved,
    SessionLower,
    SessionPain,
    SessionPressure,
    SessionRaise,
    SessionReset,
    SessionStatus,
    SessionStop,
)

_UNPLUG = "If the cuff is still tight, unplug its hose at the cuff now."


@click.group()
def session() -> None:
    """Start, stop and look at a session."""


session.add_command(start)
session.add_command(screening)


@session.command()
@click.option("--posture", default="", metavar="WORD", help="How the patient lies, such as supine.")
@click.option(
    "--at-limb-pressure", is_flag=True, help="Lift each target to what the limb was measured to need."
)
@confirm_option
@config_option
def begin(posture: str, at_limb_pressure: bool, confirm: bool) -> None:
    """Begin the prescription after examinations; the cuff will inflate."""
    lifted = ", its targets lifted to the measured limb occlusion pressure" if at_limb_pressure else ""
    needs_confirmation(
        confirm, f"begin the prescription of the session that is armed{lifted}: the cuff inflates"
    )
    carry_out(SessionBegin(confirm=confirm, posture=posture, at_limb_pressure=at_limb_pressure))


@session.command()
@click.option(
    "--systolic", type=int, required=True, metavar="MMHG", help="Systolic blood pressure, just measured."
)
@click.option("--diastolic", type=int, required=True, metavar="MMHG", help="Diastolic blood pressure.")
@measured_again_option
@confirm_option
@config_option
def pressure(systolic: int, diastolic: int, measured_again: bool, confirm: bool) -> None:
    """Enter a blood pressure: needed before each inflation."""
    needs_confirmation(
        confirm,
        f"enter a blood pressure of {systolic}/{diastolic} mmHg, which sets the cuff's next target",
    )
    carry_out(
        SessionPressure(
            systolic_mmhg=systolic,
            diastolic_mmhg=diastolic,
            confirm=confirm,
            measured_again=measured_again,
        )
    )


@session.command()
@click.option("--nrs", type=int, metavar="0-10", help="What the patient says: 0 no pain, 10 the worst.")
@click.option("--cpot", type=int, metavar="0-8", help="What you see where the patient cannot say.")
@config_option
def pain(nrs: int | None, cpot: int | None) -> None:
    """Enter a pain score; a high one vents and ends the session."""
    carry_out(SessionPain(nrs=nrs, cpot=cpot))


@session.command("raise")
@click.option("--by", type=int, default=1, show_default=True, metavar="1-5", help="By so many mA.")
@confirm_option
@config_option
def raise_(by: int, confirm: bool) -> None:
    """Raise the stimulator's current, at most once a second."""
    needs_confirmation(confirm, f"raise the stimulator's current by {by} mA")
    carry_out(SessionRaise(by_ma=by, confirm=confirm))


@session.command()
@click.option("--by", type=int, default=1, show_default=True, metavar="MA", help="By so many mA.")
@config_option
def lower(by: int) -> None:
    """Lower the stimulator's current at once; it stays there."""
    carry_out(SessionLower(by_ma=by))


@session.command()
@config_option
def stop() -> None:
    """Stop now and deflate the cuff; anybody may."""
    _stop(SessionStop())


@session.command("clear-patient")
@config_option
def clear_patient() -> None:
    """Vent and disconnect at once, for a shock or a transport."""
    _stop(SessionClearPatient())


def _stop(request: SessionStop | SessionClearPatient) -> None:
    try:
        reply = ask(stop_socket(), request)
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
        click.echo(panel(feed, site_language()))


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
