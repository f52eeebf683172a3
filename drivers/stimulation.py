"""What a stimulator is asked for and what it says, in the same words for every device.

Theory of operation
-------------------
A stimulator's host offers three words, none of which waits: ``start(pulses)``, ``stop()`` and ``ask()``; each
leads to a ``Report`` among what ``receive`` returns.  They have the shape of the port that the runtime
drives; the values stand here because drivers know nothing of the rooms above them.

A ``Report`` is always the answer of the *device*, newer than the word that led to it: a host that refuses a
word asks the device how it is and says in ``result`` what it refused.  A device that is silent leads to none.

Devices give currents, widths and frequencies in steps.  What lies between two steps is rounded down, never
up, and ``given`` says what is given.  What lies outside a device's range is refused by ``PulsesRefused``,
and what it gave until then is stopped: pulses that nobody asks for any more must not go on because others
were asked for wrongly.

A *run* is the life of one conversation.  It gets another number when the device restarted, an answer did
not come, pulses ended or flowed unasked, or our own side fell silent.  After each of these ``start`` is
refused until the caller, told the new run by a report, has said something else (a stop, or an ask) and was
answered: whoever just goes on saying ``start`` never resumes what was interrupted.  An electrode fault stays
until a stop.

Units: uA, us of one phase, 0.1 Hz; channels as a mask, bit 0 is channel 1.
"""

from typing import NamedTuple


class Pulses(NamedTuple):
    """Rectangular biphasic single pulses, ``pulse_width_us`` of one phase, the same on each channel."""

    current_ua: int
    pulse_width_us: int
    frequency_dhz: int
    channels: int = 1


class Report(NamedTuple):
    """What a stimulator says of itself.

    ``stimulating``: it gives pulses; ``electrode_fault``: it found an electrode off, until a stop;
    ``run``: see the top; ``channel_faults``: mask of the channels whose electrodes are off, 0 where there is
    no fault or the protocol names no channel; ``given``: the pulses that it was told last and confirmed,
    after rounding, ``None`` while it is told none; ``result``: what went wrong, in words, or empty.
    """

    stimulating: bool
    electrode_fault: bool
    run: int = 0
    channel_faults: int = 0
    given: Pulses | None = None
    result: str = ""


class PulsesRefused(ValueError):
    """Pulses that the device cannot give; what was given before is stopped.

    ``quantity``: which of them, ``asked``: the number, ``lowest`` and ``highest``: the limits.
    """

    def __init__(self, device: str, quantity: str, asked: int, lowest: int, highest: int) -> None:
        super().__init__(
            f"{device}: {quantity} = {asked} cannot be given, its limits are {lowest} to {highest}. "
            "Correct the prescription or the site's limits."
        )
        self.quantity = quantity
        self.asked = asked
        self.lowest = lowest
        self.highest = highest
