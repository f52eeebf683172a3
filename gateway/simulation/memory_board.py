"""The cuff controller's board when firmware and physics share one process and virtual time.

Theory of operation
-------------------
The firmware sees the same small class as on real pins: ``read`` refreshes, the rest answers from
what was read, ``write`` drives the outputs, ``feed_watchdog`` proves life.  The loop that owns the
time calls ``step(now_ms)`` before the firmware's own step; outputs written at one instant act
until the next.  ``unplug`` is the board losing its power: outputs drop at once.

Units: 0.1 mmHg, milliseconds.  A reading older than 100 ms is ``None``, as on the real board.
"""

from firmware_bridge.mcu.board import Board
from gateway.simulation.plant import Actuators, OutputStage, Plant

READING_VALID_MS = 100


class MemoryBoard(Board):
    """A board wired to ``plant`` directly.

    ``pressed`` is the bedside button, ``patient_stop_pressed`` the patient's own; who plays people sets them.
    """

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.pressed = False
        self.patient_stop_pressed = False
        self._stage = OutputStage(plant)
        self._now_ms = plant.now_ms
        self._read_ms = plant.now_ms - READING_VALID_MS - 1
        self._control_dmmhg: int | None = None
        self._limit_dmmhg: int | None = None
        self._button = False
        self._patient_stop = False

    @property
    def actuators(self) -> Actuators:
        """What is driven now."""
        return self._stage.actuators

    def step(self, now_ms: int) -> None:
        """Let the physics run to ``now_ms`` with the outputs as they are."""
        self._now_ms = now_ms
        if now_ms - self._read_ms > READING_VALID_MS:
            self._control_dmmhg = self._limit_dmmhg = None
        self._stage.advance(now_ms)

    def unplug(self) -> None:
        """Take the board's power away."""
        self._stage.drop()

    def read(self) -> None:
        """Sample both sensors and both buttons."""
        self._read_ms = self._now_ms
        self._control_dmmhg = self.plant.control_dmmhg
        self._limit_dmmhg = self.plant.limit_dmmhg
        self._button = self.pressed or self.plant.defects.button_stuck
        self._patient_stop = self.patient_stop_pressed

    def control_dmmhg(self) -> int | None:
        """The control sensor as last read."""
        return self._control_dmmhg

    def limit_dmmhg(self) -> int | None:
        """The limit sensor as last read."""
        return self._limit_dmmhg

    def button(self) -> bool:
        """Whether the device's button was down when last read."""
        return self._button

    def patient_stop(self) -> bool:
        """Whether the patient's stop was pressed when last read."""
        return self._patient_stop

    def write(
        self,
        pump_permille: int,
        inflate_open: bool,
        dump_closed: bool,
        buzzer: bool,
        indicator: int,
        relay_closed: bool = False,
    ) -> None:
        """Drive the outputs."""
        now = self._stage.actuators
        if (
            now.pump_permille == pump_permille
            and now.inflate_open == inflate_open
            and now.dump_closed == dump_closed
            and now.buzzer == buzzer
            and now.indicator == indicator
            and now.relay_closed == relay_closed
        ):
            return
        self._stage.command(
            Actuators(pump_permille, inflate_open, dump_closed, buzzer, indicator, relay_closed)
        )

    def feed_watchdog(self) -> None:
        """Prove life to the hardware watchdog."""
        self._stage.feed(self._now_ms)
