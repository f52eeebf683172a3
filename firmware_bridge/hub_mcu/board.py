"""What the hub needs of a board: sensors that sample by themselves and keep what they sampled in blocks.

Theory of operation
-------------------
The hub knows no pins and no converters; it talks to one object of this shape.  This class is the shape, and
at the same time a board with nothing connected.  ``board_unix``, ``board_rp2040`` and the simulated bedside
override it.

A board describes its streams once (``firmware_bridge.hub.Stream``) and numbers them as it lists them.
Sampling is its own: by DMA, an interrupt or a converter that is read when it is ready.  ``waiting`` and
``take`` hand out whole blocks, laid out as they go onto the wire (little-endian, interleaved), so that no
code of the hub touches a sample.  What a board could not keep is told by ``lost``.

Portable subset: runs on CPython and on MicroPython.
"""

from .. import hub


class Board:
    """The shape of a board, and a board with nothing connected."""

    period_us = 2000
    streams: tuple[hub.Stream, ...] = ()

    def start(self, wanted: int) -> None:
        """Power up the sensors of these streams (bit n: stream n) and sample from now on; nothing waits."""

    def stop(self) -> None:
        """Stop sampling and power the sensors down."""

    def poll(self) -> None:
        """Look after the sensors; raises ``BoardError`` when the board is gone."""

    def waiting(self, number: int) -> int:
        """How many whole blocks of this stream wait."""
        return 0

    def take(self, number: int) -> bytes:
        """The oldest block that waits; only while there is one."""
        return b""

    def lost(self, number: int) -> int:
        """How many frames of this stream were lost just before the oldest block, asked once."""
        return 0

    def flags(self) -> int:
        """What was wrong since this was last asked: the flags of ``firmware_bridge.hub`` but LOST."""
        return 0

    def electrodes_off(self) -> int:
        """Which electrodes have no contact now; bit 0 is the first channel of the EMG."""
        return 0

    def feed_watchdog(self) -> None:
        """Tell the hardware watchdog that the last step is complete."""
