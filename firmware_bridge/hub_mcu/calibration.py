"""The stored calibration of this board's sensors.

Theory of operation
-------------------
Written in here by a technician before the folder is copied to the board's flash; no code writes it.  The hub
tells it in its hello, so that a file of samples says what its counts mean: ``value = (count - zero) x scale
x 10**exponent``.

*Force*: load the cell with nothing and with a known weight, read the counts of both, and
``scale = weight in nN / difference``.  A scale of 0 says that nobody has done so: the hub then tells counts
without a unit, and nothing can mistake them for newtons.

*EMG*: 12 bits of 3.3 V around the half, divided by the gain of the amplifier in front of the converter,
per channel.

Units: nN and pV per count (exponents -9 and -6 of N and uV).
Portable subset: runs on CPython and on MicroPython.
"""

from .. import hub

FORCE_ZERO_COUNT = 0
FORCE_SCALE_NN = 0

EMG_ZERO_COUNT = 2048
EMG_GAIN = 1000
# 3.3 V in 4096 steps
EMG_STEP_PV = 805664062


def force_stream(rate_mhz: int, zero_count: int, scale_nn: int) -> hub.Stream:
    """One HX711: a frame a block, in newtons where somebody has calibrated it, else in counts."""
    if scale_nn:
        return hub.Stream(hub.FORCE, 2, 3, 1, rate_mhz, (hub.Channel(zero_count, scale_nn, -9),))
    return hub.Stream(hub.FORCE, 0, 3, 1, rate_mhz, (hub.Channel(0, 1, 0),))


def emg_stream(rate_mhz: int, frames: int, channels: int, gain: int) -> hub.Stream:
    """The converter of the chip: 16 bits a sample, of which 12 are used."""
    channel = hub.Channel(EMG_ZERO_COUNT, EMG_STEP_PV // gain, -6)
    return hub.Stream(hub.EMG, 1, 2, frames, rate_mhz, (channel,) * channels)
