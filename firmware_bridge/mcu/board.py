"""What the controller needs of a board: two pressures, two buttons, a pump, two valves, a relay, a buzzer.

Theory of operation
-------------------
The controller knows no pins and no clock; it talks to one object of this shape.  This class is the shape
and at the same time a board with nothing connected: no pressures, no button, outputs that go nowhere.
``board_unix`` and ``board_rp2040`` override it.

The dump valve is normally open: ``dump_closed=True`` energises it, and everything that fails (power, loop,
watchdog, cable) opens it.  So is the relay in the stimulator's lead: open, it lets no current through.
Pressures are 0.1 mmHg; ``None`` says that there is no reading younger than 100 ms.

Portable subset: runs on CPython and on MicroPython.
"""


class Board:
    """The shape of a board, and a board with nothing connected."""

    def read(self) -> None:
        """Refresh what the getters below return; raises ``BoardError`` when the board is gone."""

    def control_dmmhg(self) -> int | None:
        """The sensor that the pressure is regulated by."""
        return None

    def limit_dmmhg(self) -> int | None:
        """The independent second sensor."""
        return None

    def button(self) -> bool:
        """Whether the bedside button is pressed."""
        return False

    def patient_stop(self) -> bool:
        """Whether the patient's own stop is pressed."""
        return False

    def write(
        self,
        pump_permille: int,
        inflate_open: bool,
        dump_closed: bool,
        buzzer: bool,
        indicator: int,
        relay_closed: bool = False,
    ) -> None:
        """Set all outputs at once; ``indicator`` is one of the states in ``firmware_bridge.cuff``."""

    def feed_watchdog(self) -> None:
        """Tell the hardware watchdog that the last step is complete."""
