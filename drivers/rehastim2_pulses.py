"""What a RehaStim2 can give of what is asked: its limits and its steps.

Theory of operation
-------------------
``deliverable`` turns wanted pulses into those that the device can give.  Currents come in whole mA and are
rounded down.  Frequencies are made by a main interval in steps of 0.5 ms; it is rounded up, so the frequency
is never above the one asked for, and what is reported is rounded down to 0.1 Hz.  What lies outside the
limits is refused, never bent: the firmware would raise a pulse width below 20 us to 20 us by itself.

Only single pulses are used, no doublets and triplets.  Each channel then has one slot of 1.5 ms in an
interval, four slots in a row for each of the two current sources.

Sources: HASOMED, ScienceMode2 description and protocol v1.24.  Unconfirmed: it names 50 Hz for eight
channels and a shortest interval of 8 ms, and nothing for numbers of channels between; what fewer than eight
channels may have is taken from the interval (125 Hz).  A device that sees it otherwise answers with a
parameter error, which stops.  Units: uA, us, 0.1 Hz, half milliseconds.
"""

from typing import NamedTuple

from drivers import sciencemode2 as wire
from drivers.stimulation import Pulses, PulsesRefused

DEVICE = "RehaStim2"

HIGHEST_UA = 130_000
LOWEST_WIDTH_US = 20
LOWEST_FREQUENCY_DHZ = 10
HIGHEST_FREQUENCY_DHZ = 1250
HIGHEST_FREQUENCY_ALL_DHZ = 500
"""With all eight channels in use."""

SHORTEST_HALF_MS = 16
"""The firmware's shortest interval, main and inter-pulse. The latter is meaningless without doublets."""

_ALL_CHANNELS = (1 << wire.CHANNELS) - 1
_DHZ_HALF_MS = 20_000  # 0.1 Hz x half ms


class Setting(NamedTuple):
    """Pulses that the device can give exactly, and the main interval that makes their frequency."""

    given: Pulses
    main_half_ms: int

    @property
    def channel_list(self) -> wire.ChannelList:
        """What sets the device up for them."""
        return wire.ChannelList(0, self.given.channels, 0, SHORTEST_HALF_MS, self.main_half_ms)

    @property
    def entries(self) -> tuple[wire.ChannelPulse, ...]:
        """One entry for each channel in use."""
        entry = wire.ChannelPulse(wire.SINGLE, self.given.pulse_width_us, self.given.current_ua // 1000)
        return (entry,) * self.given.channels.bit_count()


def deliverable(asked: Pulses) -> Setting:
    """What the device gives for these pulses. Raises ``PulsesRefused``."""
    _within("channels", asked.channels, 1, _ALL_CHANNELS)
    _check_shape(asked.current_ua, asked.pulse_width_us)
    highest_dhz = HIGHEST_FREQUENCY_ALL_DHZ if asked.channels == _ALL_CHANNELS else HIGHEST_FREQUENCY_DHZ
    _within("frequency_dhz", asked.frequency_dhz, LOWEST_FREQUENCY_DHZ, highest_dhz)
    half_ms = -(-_DHZ_HALF_MS // asked.frequency_dhz)
    whole_ua = asked.current_ua // 1000 * 1000
    return Setting(Pulses(whole_ua, asked.pulse_width_us, _DHZ_HALF_MS // half_ms, asked.channels), half_ms)


def one_pulse(channel: int, current_ua: int, pulse_width_us: int) -> wire.SinglePulse:
    """One pulse on ``channel`` (1 to 8), its current rounded down. Raises ``PulsesRefused``."""
    _within("channel", channel, 1, wire.CHANNELS)
    _check_shape(current_ua, pulse_width_us)
    return wire.SinglePulse(channel - 1, pulse_width_us, current_ua // 1000)


def _check_shape(current_ua: int, pulse_width_us: int) -> None:
    _within("current_ua", current_ua, 0, HIGHEST_UA)
    _within("pulse_width_us", pulse_width_us, LOWEST_WIDTH_US, wire.HIGHEST_WIDTH_US)


def _within(quantity: str, asked: int, lowest: int, highest: int) -> None:
    if not lowest <= asked <= highest:
        raise PulsesRefused(DEVICE, quantity, asked, lowest, highest)
