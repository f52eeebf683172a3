"""What a P24's current data say of its channels, against what it was told.

Theory of operation
-------------------
For each channel the device says whether it gives pulses and what is wrong with it.  It finds an electrode
that is off from 15 mA on only (HASOMED's library, result 10); below that a channel without electrode looks
well.  Anything else that is wrong is told in words: another error, a channel that was told to give pulses and
gives none, one that gives some untold.

``wanted`` is the mask of the channels that were told to give pulses; bit 0 is channel 1.
"""

from drivers import sciencemode4_messages as messages

DETECTED_FROM_UA = 15_000

_WORDS = {
    messages.CHANNEL_PULSE_TIMEOUT: messages.RESULTS[messages.PULSE_TIMEOUT],
    messages.CHANNEL_LOW_CURRENT: messages.RESULTS[messages.LOW_CURRENT],
}


def electrodes_off(current: messages.CurrentData, wanted: int) -> int:
    """Mask of the channels whose electrodes are off; all that are in use where the device names none."""
    off = 0
    for channel, state in enumerate(current.states):
        off |= (state == messages.CHANNEL_ELECTRODE_OFF) << channel
    return wanted if current.result == messages.ELECTRODE_ERROR and not off else off


def trouble(current: messages.CurrentData, wanted: int) -> str:
    """What is wrong, electrodes aside; empty where the device does what it was told, and only that."""
    told = [
        f"channel {channel + 1}: {_WORDS.get(state, f'unknown state {state}')}"
        for channel, state in enumerate(current.states)
        if state not in (messages.CHANNEL_OK, messages.CHANNEL_ELECTRODE_OFF)
    ]
    if told:
        return "; ".join(told)
    if current.result != messages.OK:
        return words(current.result)
    if wanted & ~current.active:
        return f"pulses ended that nobody had stopped, channel {numbers(wanted & ~current.active)}"
    if current.active & ~wanted:
        return f"pulses flow that nobody had asked for, channel {numbers(current.active & ~wanted)}"
    return ""


def words(result: int | None) -> str:
    """A result in words."""
    return "no result" if result is None else messages.RESULTS.get(result, f"error {result}")


def numbers(mask: int) -> str:
    """The channels of a mask as people count them."""
    return ", ".join([str(channel + 1) for channel in range(messages.CHANNELS) if mask >> channel & 1])
