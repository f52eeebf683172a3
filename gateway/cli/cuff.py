"""``rvos cuff accept``: the test of the cuff itself, before it is used on anybody.

Theory of operation
-------------------
The person at the bedside says that the cuff lies off every limb, presses the button and runs the verb; core
inflates the cuff to 300 mmHg, empties it and says how long that took.  Nothing here decides.
"""

import click

from gateway.cli.conversation import carry_out, needs_confirmation
from gateway.cli.options import config_option, confirm_option
from gateway.runtime.requests import CuffAccept

_ANSWER_S = 100.0
"""Longer than core lets a test last."""


@click.group()
def cuff() -> None:
    """The cuff itself."""


@cuff.command()
@click.option("--off-every-limb", is_flag=True, help="I have seen it: the cuff lies on nobody.")
@confirm_option
@config_option
def accept(off_every_limb: bool, confirm: bool) -> None:
    """Inflate the empty cuff to 300 mmHg and measure its fall.

    It is accepted when it falls below 15 mmHg within 8 s. Take it off every
    limb, close it around a rigid cylinder, press the bedside button,
    then run this within a minute.
    """
    needs_confirmation(confirm, "inflate the cuff to 300 mmHg and empty it again: it must lie off every limb")
    carry_out(CuffAccept(off_every_limb=off_every_limb, confirm=confirm), _ANSWER_S)
