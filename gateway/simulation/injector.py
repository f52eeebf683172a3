"""Makes a fault plan happen to a bedside.

Theory of operation
-------------------
``step(now)`` begins the faults whose time has come and ends those whose time is over.  Each kind has an
entry in ``_BEGIN`` and, where it passes, in ``_END``; a few need a word every turn (``_EACH_TURN``).  What
people do (the operator's stop, nobody answering) is not done here: the attendant looks at ``active``.

A core or a controller that several faults hold down starts when the last of them is over.  Troubles of a
wire add up: the worst of each that is active.  Units: ms since ``start_ms``."""

import contextlib
from collections.abc import Callable
from dataclasses import fields

from gateway.record.errors import RecordError
from gateway.record.row import ClockQuality
from gateway.simulation.defects import SensorDefect
from gateway.simulation.disk import Health
from gateway.simulation.fault_kinds import FOREVER_MS
from gateway.simulation.faults import Fault
from gateway.simulation.links import SOUND, Trouble
from gateway.simulation.troubled import TroubledBedside, TroubledClock

_ALL_WIRES = 3

Act = Callable[[TroubledBedside, Fault], None]


_CORE_DOWN = ("core_killed", "gateway_exchanged", "power_lost")
_CONTROLLER_DOWN = ("device_reboots", "device_reset_loop", "power_lost")
_RESTART_MS = 1_000
"""How often the service manager tries to start a core that did not come up."""
_BUTTON_DOWN = ("button_pressed", "button_stuck")


class Injector:
    """Applies one plan to one bedside."""

    def __init__(self, bedside: TroubledBedside, plan: tuple[Fault, ...], start_ms: int) -> None:
        self.begun: list[Fault] = []
        self.active: list[Fault] = []
        self._bedside, self._start_ms = bedside, start_ms
        self._left = list(plan)

    def is_active(self, *kinds: str) -> bool:
        """Whether a fault of one of these kinds is going on."""
        return any(fault.kind in kinds for fault in self.active)

    @property
    def over(self) -> bool:
        """Whether nothing is left that begins or ends by itself."""
        return not self._left and all(fault.for_ms >= FOREVER_MS for fault in self.active)

    def step(self, now: int) -> None:
        """Begin and end what is due."""
        if not self._left and not self.active and self._bedside.core is not None:
            return
        at_ms = now - self._start_ms
        for fault in [fault for fault in self.active if at_ms >= fault.at_ms + fault.for_ms]:
            self.active.remove(fault)
            self._do(_END, fault)
        while self._left and self._left[0].at_ms <= at_ms:
            fault = self._left.pop(0)
            self.active.append(fault)
            self.begun.append(fault)
            self._do(_BEGIN, fault)
        if self._bedside.core is None and at_ms % _RESTART_MS == 0:
            self._power_what_may_run()
        for fault in self.active:
            each_turn = _EACH_TURN.get(fault.kind)
            if each_turn is not None:
                each_turn(self._bedside, fault, at_ms)

    def _do(self, acts: dict[str, Act], fault: Fault) -> None:
        act = acts.get(fault.kind)
        if act is not None:
            act(self._bedside, fault)
        self._trouble_wires()
        self._trouble_disk()
        if fault.kind in _BUTTON_DOWN:
            self._bedside.board.pressed = self.is_active(*_BUTTON_DOWN)
        self._power_what_may_run()

    def _power_what_may_run(self) -> None:
        """What nothing holds down any more starts again."""
        bedside = self._bedside
        if bedside.controller is None and not self.is_active(*_CONTROLLER_DOWN):
            bedside.start_firmware()
        if bedside.core is None and not self.is_active(*_CORE_DOWN):
            with contextlib.suppress(RecordError):  # a disk that lets no core start: tried again
                bedside.start_core()

    def _trouble_wires(self) -> None:
        bedside = self._bedside
        for number, wire in enumerate((bedside.down, bedside.up, bedside.line)):
            here = [
                _TROUBLES[fault.kind](fault)
                for fault in self.active
                if fault.kind in _TROUBLES and fault.numbers["direction"] in (number, _ALL_WIRES)
            ]
            wire.trouble = _worst(here)

    def _trouble_disk(self) -> None:
        health, delay_ms = Health.SOUND, 0
        for fault in self.active:
            health = _DISKS.get(fault.kind, health)
            if fault.kind == "disk_slow":
                delay_ms = max(delay_ms, fault.numbers["delay_ms"])
            elif fault.kind == "disk_silent":
                delay_ms = FOREVER_MS
        self._bedside.set_disk(health, delay_ms)


_DISKS = {"disk_full": Health.FULL, "disk_fails": Health.FAILING}


def _worst(troubles: list[Trouble]) -> Trouble:
    if not troubles:
        return SOUND
    return Trouble(*(max(getattr(trouble, one.name) for trouble in troubles) for one in fields(Trouble)))


_TROUBLES: dict[str, Callable[[Fault], Trouble]] = {
    "frames_split": lambda fault: Trouble(split=fault.numbers["chance"]),
    "frames_dropped": lambda fault: Trouble(drop=fault.numbers["chance"]),
    "frames_duplicated": lambda fault: Trouble(duplicate=fault.numbers["chance"]),
    "frames_corrupted": lambda fault: Trouble(corrupt=fault.numbers["chance"]),
    "frames_delayed": lambda fault: Trouble(delay_ms=fault.numbers["delay_ms"]),
    "line_noise": lambda fault: Trouble(noise=fault.numbers["chance"]),
    "wire_dead": lambda fault: Trouble(cut=True),
}


# --- one function for each thing that fails --------------------------------------------------------


def _sensor(bedside: TroubledBedside, fault: Fault) -> SensorDefect:
    defects = bedside.plant.defects
    return (defects.control, defects.limit)[fault.numbers["sensor"]]


def _oximeter_lost(bedside: TroubledBedside, _: Fault) -> None:
    bedside.oximeter_there = False
    if bedside.core is not None:
        bedside.core.oximeter_lost("the port is gone", bedside.core_ms)


def _oximeter_found(bedside: TroubledBedside, _: Fault) -> None:
    bedside.oximeter_there = True
    if bedside.core is not None:
        bedside.core.oximeter_connected(bedside.core_ms)


def _reset_loop(bedside: TroubledBedside, fault: Fault, at_ms: int) -> None:
    """On for a period, off for a tenth of it, again and again."""
    period_ms = fault.numbers["period_ms"]
    on = (at_ms - fault.at_ms) % period_ms >= period_ms // 10
    if on and bedside.controller is None and bedside.powered:
        bedside.start_firmware()
    elif not on and bedside.controller is not None:
        bedside.kill_firmware()


def _greets_otherwise(bedside: TroubledBedside, **fields_changed: int) -> None:
    bedside.greeting_rewritten = fields_changed
    bedside.kill_firmware()
    bedside.start_firmware()


def _stall_firmware(bedside: TroubledBedside, _: Fault) -> None:
    if bedside.controller is not None:
        bedside.firmware_stands_since_ms = bedside.now


def _go_on_firmware(bedside: TroubledBedside, _: Fault) -> None:
    bedside.firmware_stands_since_ms = None


def _jump_ahead(bedside: TroubledBedside, fault: Fault) -> None:
    bedside.controller_ahead_ms += fault.numbers["ahead_ms"]


def _zero_under_pressure(bedside: TroubledBedside, fault: Fault) -> None:
    """What the sensor reads now becomes its zero."""
    plant = bedside.plant
    reading = (plant.control_dmmhg, plant.limit_dmmhg)[fault.numbers["sensor"]]
    _sensor(bedside, fault).offset_dmmhg = -(reading or 0)


def _offset_both(bedside: TroubledBedside, fault: Fault) -> None:
    defects = bedside.plant.defects
    defects.control.offset_dmmhg = defects.limit.offset_dmmhg = fault.numbers["offset_dmmhg"]


def _on(name: str) -> Act:
    return lambda bedside, _: setattr(bedside.plant.defects, name, True)


def _off(name: str) -> Act:
    return lambda bedside, _: setattr(bedside.plant.defects, name, False)


def _on_sensor(name: str, value: object) -> Act:
    return lambda bedside, fault: setattr(_sensor(bedside, fault), name, value)


def _clock(bedside: TroubledBedside) -> TroubledClock:
    assert isinstance(bedside.clock, TroubledClock)
    return bedside.clock


def _step_wall(bedside: TroubledBedside, fault: Fault) -> None:
    """Who sets the clock ends its discipline, by the kernel's own rule."""
    _clock(bedside).wall_ahead_ms += fault.numbers["step_ms"]
    _clock(bedside).quality = ClockQuality.UNSYNCHRONISED


def _step_monotonic(bedside: TroubledBedside, fault: Fault) -> None:
    _clock(bedside).behind_ms -= fault.numbers["step_ms"]


def _lose_power(bedside: TroubledBedside, _: Fault) -> None:
    bedside.powered = False
    bedside.kill_core()
    bedside.kill_firmware()


def _regain_power(bedside: TroubledBedside, fault: Fault) -> None:
    bedside.powered = True
    _clock(bedside).lose_power(fault.numbers["lost_ms"])


def _exchange(bedside: TroubledBedside, _: Fault) -> None:
    bedside.exchange_gateway(bedside.journal_path.with_name("exchanged.db"))


def _peel(bedside: TroubledBedside, fault: Fault) -> None:
    """The electrode lifts; some devices end their pulses by themselves when they notice."""
    bedside.plant.defects.electrode_peel = fault.numbers["peel_percent"] / 100
    if bedside.stimulator is not None and "stops_itself" in fault.numbers:
        bedside.stimulator.stops_itself = bool(fault.numbers["stops_itself"])


def _stick(bedside: TroubledBedside, _: Fault) -> None:
    bedside.plant.defects.electrode_peel = 0.0


def _fall_silent_to_restart(bedside: TroubledBedside, _: Fault) -> None:
    bedside.plant.defects.stimulator_silent = bedside.plant.defects.stimulator_restarts = True


_BEGIN: dict[str, Act] = {
    "port_vanishes": lambda bedside, _: bedside.pull_cable(),
    "oximeter_vanishes": _oximeter_lost,
    "device_reboots": lambda bedside, _: bedside.kill_firmware(),
    "device_wrong_version": lambda bedside, fault: _greets_otherwise(
        bedside, protocol_min=fault.numbers["protocol"], protocol_max=fault.numbers["protocol"]
    ),
    "device_wrong_limits": lambda bedside, fault: _greets_otherwise(bedside, limits_crc=fault.numbers["crc"]),
    "device_stalls": _stall_firmware,
    "device_clock_jumps": _jump_ahead,
    "sensor_frozen": _on_sensor("frozen", True),
    "sensor_missing": _on_sensor("missing", True),
    "sensor_offset": lambda bedside, fault: _on_sensor("offset_dmmhg", fault.numbers["offset_dmmhg"])(
        bedside, fault
    ),
    "sensors_offset_alike": _offset_both,
    "sensor_zeroed_under_pressure": _zero_under_pressure,
    "sensor_noisy": lambda bedside, fault: _on_sensor("noise_factor", float(fault.numbers["factor"]))(
        bedside, fault
    ),
    "sensor_spiking": lambda bedside, fault: _on_sensor("spike_dmmhg", fault.numbers["spike_dmmhg"])(
        bedside, fault
    ),
    "lumen_blocked": _on("lumen_blocked"),
    "dump_stuck_open": _on("dump_stuck_open"),
    "dump_stuck_closed": _on("dump_stuck_closed"),
    "inflate_stuck_open": _on("inflate_stuck_open"),
    "pump_stuck_on": _on("pump_stuck_on"),
    "leak": lambda bedside, fault: setattr(
        bedside.plant.defects, "leak_factor", float(fault.numbers["factor"])
    ),
    "hose_kinked": _on("hose_kinked"),
    "cuff_off": _on("cuff_off"),
    "cuff_on_other_limb": _on("cuff_on_other_limb"),
    "systolic_changes": lambda bedside, fault: setattr(
        bedside.plant.defects, "systolic_change_mmhg", float(fault.numbers["change_mmhg"])
    ),
    "probe_on_other_limb": _on("probe_on_other_limb"),
    "probe_above_cuff": _on("probe_above_cuff"),
    "probe_off": _on("probe_off"),
    "wall_clock_steps": _step_wall,
    "monotonic_clock_steps": _step_monotonic,
    "power_lost": _lose_power,
    "core_stalls": lambda bedside, _: setattr(bedside, "core_stands", True),
    "core_killed": lambda bedside, _: bedside.kill_core(),
    "gateway_exchanged": _exchange,
    "link_silent": lambda bedside, _: setattr(bedside, "feed_is_read", False),
    "broker_down": lambda bedside, fault: bedside.broker.die(bedside.now, fault.numbers["lag_ms"]),
    "broker_slow": lambda bedside, fault: setattr(bedside.broker, "delay_ms", fault.numbers["delay_ms"]),
    "broker_half_open": lambda bedside, _: bedside.broker.go_half_open(),
    "patient_stops": lambda bedside, _: setattr(bedside.board, "patient_stop_pressed", True),
    "electrode_peels": _peel,
    "electrode_peels_unseen": _peel,
    "stimulator_silent": _on("stimulator_silent"),
    "stimulator_restarts": _fall_silent_to_restart,
    "stimulator_runs_on": _on("stimulator_runs_on"),
    "stimulator_idle": _on("stimulator_idle"),
    "muscle_sensor_silent": _on("muscle_sensor_silent"),
    "muscle_sensor_stuck": _on("muscle_sensor_stuck"),
    "muscle_sensor_hums": _on("muscle_sensor_hums"),
}

_END: dict[str, Act] = {
    "port_vanishes": lambda bedside, _: bedside.plug_cable(),
    "oximeter_vanishes": _oximeter_found,
    "device_stalls": _go_on_firmware,
    "sensor_frozen": _on_sensor("frozen", False),
    "sensor_noisy": _on_sensor("noise_factor", 1.0),
    "sensor_spiking": _on_sensor("spike_dmmhg", 0),
    "dump_stuck_closed": _off("dump_stuck_closed"),
    "hose_kinked": _off("hose_kinked"),
    "probe_off": _off("probe_off"),
    "power_lost": _regain_power,
    "core_stalls": lambda bedside, _: setattr(bedside, "core_stands", False),
    "link_silent": lambda bedside, _: setattr(bedside, "feed_is_read", True),
    "broker_down": lambda bedside, fault: bedside.broker.rise(bedside.now, fault.numbers["away_ms"]),
    "broker_slow": lambda bedside, _: setattr(bedside.broker, "delay_ms", 0),
    "broker_half_open": lambda bedside, _: setattr(bedside.broker, "half_open", False),
    "patient_stops": lambda bedside, _: setattr(bedside.board, "patient_stop_pressed", False),
    "electrode_peels": _stick,
    "electrode_peels_unseen": _stick,
    "stimulator_silent": _off("stimulator_silent"),
    "stimulator_restarts": _off("stimulator_silent"),
    "stimulator_runs_on": _off("stimulator_runs_on"),
    "stimulator_idle": _off("stimulator_idle"),
    "muscle_sensor_silent": _off("muscle_sensor_silent"),
    "muscle_sensor_stuck": _off("muscle_sensor_stuck"),
    "muscle_sensor_hums": _off("muscle_sensor_hums"),
}

_EACH_TURN: dict[str, Callable[[TroubledBedside, Fault, int], None]] = {
    "device_reset_loop": _reset_loop,
}
