"""What can be wrong with the simulated bedside's hardware, hour by hour.

Theory of operation
-------------------
``Defects`` is the one mutable value through which a fault plan reaches the physics: plant, board and
stimulator look at it, nobody else does.  The default is a bedside without a defect.  Nothing in here is known
to firmware or gateway; they see its consequences through their own sensors.

Units: 0.1 mmHg for what a sensor adds, mmHg for the body, factors without a unit.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class SensorDefect:
    """What one pressure sensor does wrong."""

    frozen: bool = False
    missing: bool = False
    offset_dmmhg: int = 0
    noise_factor: float = 1.0
    spike_dmmhg: int = 0


@dataclass(slots=True)
class Defects:
    """Everything that may be wrong now."""

    control: SensorDefect = field(default_factory=SensorDefect)
    limit: SensorDefect = field(default_factory=SensorDefect)
    leak_factor: float = 1.0
    hose_kinked: bool = False
    """Between controller and cuff: the controller's side sees its own air only."""
    lumen_blocked: bool = False
    """The limit sensor's own lumen to the cuff."""
    dump_stuck_open: bool = False
    dump_stuck_closed: bool = False
    inflate_stuck_open: bool = False
    pump_stuck_on: bool = False
    cuff_off: bool = False
    """The cuff lies beside the limb: it fills, and occludes nothing."""
    cuff_on_other_limb: bool = False
    """The cuff is on the limb that the session does not name."""
    hose_unplugged: bool = False
    """Somebody pulled the hose off the cuff: both ends are open to the air."""
    systolic_change_mmhg: float = 0.0
    probe_on_other_limb: bool = False
    probe_above_cuff: bool = False
    probe_off: bool = False
    electrode_peel: float = 0.0
    """Share of the electrode's area that has lost contact, 0 to 1."""
    stimulator_silent: bool = False
    """It hears nothing and says nothing; its own watchdog works on."""
    stimulator_restarts: bool = False
    """When it is no longer silent it goes on with its last pulses, by itself."""
    stimulator_runs_on: bool = False
    """It obeys no stop, and its watchdog is dead."""
    stimulator_idle: bool = False
    """It says that it stimulates, and gives nothing."""
    muscle_sensor_silent: bool = False
    """Load cell and EMG say nothing."""
    muscle_sensor_stuck: bool = False
    """The load cell tells the same force, the EMG is a flat line."""
    muscle_sensor_hums: bool = False
    """The mains stand in the EMG."""
    button_stuck: bool = False

    @property
    def sensors_err_alike(self) -> bool:
        """Whether both pressure sensors are off by the same: nothing that they say gives that away."""
        return self.control.offset_dmmhg == self.limit.offset_dmmhg != 0
