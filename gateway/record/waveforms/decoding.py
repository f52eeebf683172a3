"""Samples as they are stored, to values of a channel.

Theory of operation
-------------------
``value = raw x scale + offset``, computed in float64 in this order, so that it is the same wherever it is
computed.  24-bit integers are put into the upper three bytes of 32, which multiplies them by 256; the scale
is divided by 256 instead, which changes no bit of the product.

Units: as the channel says.
"""

import math
import sys
from array import array

from gateway.record.waveforms.streams import Channel, Stream

_CODES = {"int16": "h", "int32": "i", "float64": "d"}


def values(payload: bytes, stream: Stream, at: int) -> "array[float]":
    """The values of the channel at this place in each frame; a missing one is NaN."""
    channel, step = stream.channels[at], len(stream.channels)
    if stream.sample == "int24":
        return _scaled(_widened(payload, at, step), channel, 256)
    raw = array(_CODES[stream.sample])
    raw.frombytes(payload)
    if sys.byteorder == "big":
        raw.byteswap()
    return _scaled(raw[at::step], channel, 1)


def _widened(payload: bytes, at: int, step: int) -> "array[int]":
    """24-bit integers of one channel of ``step``, times 256, as 32-bit ones."""
    wide = bytearray(len(payload) // (3 * step) * 4)
    for byte in range(3):
        wide[byte + 1 :: 4] = payload[3 * at + byte :: 3 * step]
    made = array("i")
    made.frombytes(bytes(wide))
    if sys.byteorder == "big":
        made.byteswap()
    return made


def _scaled(raw: "array[int] | array[float]", channel: Channel, widened_by: int) -> "array[float]":
    scale, offset = channel.scale / widened_by, channel.offset
    if scale == 1.0 and offset == 0.0 and channel.missing is None:
        return array("d", raw)
    made = array("d", [one * scale + offset for one in raw])
    if channel.missing is not None:
        code = channel.missing * widened_by
        for place, one in enumerate(raw):
            if one == code:
                made[place] = math.nan
    return made
