"""What a P24 can give of the pulses that it is asked for.

Theory of operation
-------------------
Asked are a current, the width of one phase, a frequency and channels (``drivers.stimulation.Pulses``); told
to the device are points in steps of 0.5 mA and a period in steps of 0.5 ms.  What lies between two steps is
rounded to the weaker side: a lower current, a longer period.  ``given`` says what is left.

A pulse is two phases of one width and opposite sign, apart by a gap where one is configured; all channels
take the same.  There is no ramp: every step of the current is the supervisor's, and the device adds none of
its own.

Refused (``PulsesRefused``): phases below 10 us, of which the device would make 10 us in silence, or too long
for one point; currents that round to nothing or are above 130 mA; pulses of all channels that together leave
no time in their period (60 us are reckoned beside each pulse, as HASOMED's library does).

Sources: 130 mA into 1 kohm in steps of 0.5 mA: HASOMED's page of the P24 (the field would carry 150 mA); the
rest: ``drivers.sciencemode4_messages``.  Units: uA, us, 0.1 Hz.
"""

from functools import lru_cache
from typing import NamedTuple

from drivers import sciencemode4_messages as messages
from drivers.stimulation import Pulses, PulsesRefused

DEVICE = "P24"
HIGHEST_CURRENT_UA = 130_000
LONGEST_PHASE_US = messages.LONGEST_POINT_US
BESIDE_PULSE_US = 60

ALL_CHANNELS = (1 << messages.CHANNELS) - 1

_SECOND_DUS = 10_000_000
"""A period in us is this number divided by the frequency in 0.1 Hz."""

WISHES_KEPT = 256
"""One for each step of the current."""

LOWEST_DHZ = -(-_SECOND_DUS // messages.LONGEST_PERIOD_US)


class Wish(NamedTuple):
    """Pulses as they are told to the device, what it gives of those that were asked for, and the update."""

    trains: tuple[messages.Train | None, ...]
    given: Pulses
    update: bytes


def is_gap(gap_us: int) -> bool:
    """Whether the device can leave such a gap between two phases; 0 is none."""
    return gap_us == 0 or messages.SHORTEST_POINT_US <= gap_us <= messages.LONGEST_POINT_US


def wish(pulses: Pulses, gap_us: int = 0) -> Wish:
    """What the device is told for these pulses, and what it gives of them. Raises ``PulsesRefused``."""
    current_ua = pulses.current_ua
    _check("current_ua", current_ua, messages.CURRENT_STEP_UA, HIGHEST_CURRENT_UA)
    return _stepped(pulses._replace(current_ua=current_ua - current_ua % messages.CURRENT_STEP_UA), gap_us)


@lru_cache(WISHES_KEPT)
def _stepped(pulses: Pulses, gap_us: int) -> Wish:
    """The same for a current that is one of the device's steps. A closed loop asks for few of them often."""
    _check("channels", pulses.channels, 1, ALL_CHANNELS)
    _check("pulse_width_us", pulses.pulse_width_us, messages.SHORTEST_POINT_US, LONGEST_PHASE_US)
    _check("frequency_dhz", pulses.frequency_dhz, LOWEST_DHZ, _highest_dhz(pulses, gap_us))
    spacing_us = period_us(pulses.frequency_dhz)
    train = messages.Train(spacing_us, 0, messages.biphasic(pulses.current_ua, pulses.pulse_width_us, gap_us))
    given = pulses._replace(frequency_dhz=_SECOND_DUS // spacing_us)
    channels = range(messages.CHANNELS)
    trains = tuple([train if pulses.channels >> channel & 1 else None for channel in channels])
    return Wish(trains, given, messages.encode_ml_update(trains))


def period_us(frequency_dhz: int) -> int:
    """The shortest period of the device that is no shorter than this frequency's."""
    step_us = messages.PERIOD_STEP_US
    return -(-_SECOND_DUS // (frequency_dhz * step_us)) * step_us


def _highest_dhz(pulses: Pulses, gap_us: int) -> int:
    """The highest frequency whose period has room for the pulses of all channels."""
    pulse_us = 2 * pulses.pulse_width_us + gap_us + BESIDE_PULSE_US
    needed_us = pulse_us * pulses.channels.bit_count()
    step_us = messages.PERIOD_STEP_US
    return _SECOND_DUS // ((needed_us // step_us + 1) * step_us)


def _check(quantity: str, asked: int, lowest: int, highest: int) -> None:
    if not lowest <= asked <= highest:
        raise PulsesRefused(DEVICE, quantity, asked, lowest, highest)
