"""Every way in which a simulated bedside can fail: one table.

Theory of operation
-------------------
A ``Kind`` is one row of ``KINDS``: its name, its family, a sentence, how its numbers are drawn and how long
it lasts.  ``faults`` makes plans of them, ``injector`` makes them happen, ``rvos simulate --list-faults``
prints the table.  What ``needs`` a cuff or a stimulator is not given to a session that does not use it.

Units: 0.1 mmHg for what a sensor adds, mmHg for the body, percent of an electrode's area, chances in 1/1000,
times ms.  Source of the numbers: engineering proposals, chosen so that both sides of every limit are met.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

FOREVER_MS = 10_000_000
"""Longer than any session: what breaks stays broken."""

Numbers = Mapping[str, int]
Draw = Callable[[random.Random], dict[str, int]]
Span = tuple[int, int]


class Family(StrEnum):
    """What a fault is a fault of."""

    LINK = "link"
    DEVICE = "device"
    SENSOR = "sensor"
    AIR = "air"
    BODY = "body"
    TIME = "time"
    RECORD = "record"
    GATEWAY = "gateway"
    PEOPLE = "people"
    STIMULATION = "stimulation"
    WARD = "ward"


class Needs(StrEnum):
    """What a session must use for a fault to mean anything."""

    NOTHING = ""
    CUFF = "cuff"
    STIMULATOR = "stimulator"


EQUIPMENT = frozenset({Family.SENSOR, Family.AIR, Family.BODY, Family.STIMULATION})
"""One of these a session, at most."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to fail. ``lasting_ms``: between these."""

    name: str
    family: Family
    text: str
    draw: Draw
    lasting_ms: Span = (FOREVER_MS, FOREVER_MS)
    from_the_start: bool = False
    needs: Needs = Needs.NOTHING


# --- how numbers are drawn ---------------------------------------------------------------------------


def _none(_: random.Random) -> dict[str, int]:
    return {}


def _between(**bounds: Span) -> Draw:
    return lambda randomness: {name: randomness.randint(*span) for name, span in bounds.items()}


def _signed(name: str, least: int, most: int, **more: Span) -> Draw:
    """A number whose size lies between the two and whose sign is either; then others."""

    def draw(randomness: random.Random) -> dict[str, int]:
        value = randomness.randint(least, most) * randomness.choice((-1, 1))
        return {name: value, **{key: randomness.randint(*span) for key, span in more.items()}}

    return draw


_ONE_SENSOR = (0, 1)
"""0 the control sensor, 1 the limit sensor."""
_DIRECTION = (0, 3)
"""0 to the controller, 1 from it, 2 the oximeter's line, 3 all of them."""
_WHILE = (300, 30_000)


def _link(name: str, text: str, **bounds: Span) -> Kind:
    return Kind(name, Family.LINK, text, _between(direction=_DIRECTION, **bounds), _WHILE)


_ALL: tuple[Kind, ...] = (
    _link("frames_split", "Bytes arrive in small parts.", chance=(200, 1000)),
    _link("frames_dropped", "Frames are lost.", chance=(20, 900)),
    _link("frames_duplicated", "Frames arrive twice.", chance=(50, 1000)),
    _link("frames_corrupted", "Bits turn over.", chance=(1, 60)),
    _link("frames_delayed", "Frames wait.", delay_ms=(20, 2500)),
    _link("line_noise", "Bytes that nobody sent.", chance=(10, 800)),
    _link("wire_dead", "Nothing arrives in one direction, and nobody is told (half open)."),
    Kind(
        "port_vanishes",
        Family.LINK,
        "The controller's port is gone and comes back.",
        _none,
        (200, 20_000),
    ),
    Kind(
        "oximeter_vanishes",
        Family.LINK,
        "The oximeter's port is gone and comes back.",
        _none,
        _WHILE,
        needs=Needs.CUFF,
    ),
    Kind("device_reboots", Family.DEVICE, "The controller loses power for a moment.", _none, (100, 8_000)),
    Kind(
        "device_reset_loop",
        Family.DEVICE,
        "The controller restarts again and again.",
        _between(period_ms=(150, 3_000)),
        (2_000, 20_000),
    ),
    Kind(
        "device_wrong_version",
        Family.DEVICE,
        "After a restart the controller speaks another protocol version.",
        _between(protocol=(3, 9)),
    ),
    Kind(
        "device_wrong_limits",
        Family.DEVICE,
        "After a restart the controller has other limits built in.",
        _between(crc=(0, 0xFFFFFFFF)),
    ),
    Kind(
        "device_stalls",
        Family.DEVICE,
        "The controller's loop stands still; from 1 s on its hardware watchdog resets it.",
        _none,
        (50, 3_000),
    ),
    Kind(
        "device_clock_jumps",
        Family.DEVICE,
        "The controller's clock jumps ahead: readings are stamped from the future.",
        _between(ahead_ms=(50, 100_000)),
    ),
    Kind(
        "sensor_frozen",
        Family.SENSOR,
        "One pressure sensor keeps its value.",
        _between(sensor=_ONE_SENSOR),
        (500, 30_000),
    ),
    Kind(
        "sensor_missing", Family.SENSOR, "One pressure sensor gives no value.", _between(sensor=_ONE_SENSOR)
    ),
    Kind(
        "sensor_offset",
        Family.SENSOR,
        "One pressure sensor is off by up to 100 mmHg.",
        _signed("offset_dmmhg", 30, 1000, sensor=_ONE_SENSOR),
    ),
    Kind(
        "sensors_offset_alike",
        Family.SENSOR,
        "Both are off by the same, up to 40 mmHg (a shared supply; beyond that only the relief valve helps).",
        _signed("offset_dmmhg", 30, 400),
    ),
    Kind(
        "sensor_zeroed_under_pressure",
        Family.SENSOR,
        "One sensor takes the present pressure for zero.",
        _between(sensor=_ONE_SENSOR),
        needs=Needs.CUFF,
    ),
    Kind(
        "sensor_noisy",
        Family.SENSOR,
        "One sensor is 5 to 60 times as noisy.",
        _between(factor=(5, 60), sensor=_ONE_SENSOR),
        (1_000, 30_000),
    ),
    Kind(
        "sensor_spiking",
        Family.SENSOR,
        "One sensor gives single wild values.",
        _signed("spike_dmmhg", 200, 5000, sensor=_ONE_SENSOR),
        (1_000, 30_000),
    ),
    Kind(
        "lumen_blocked",
        Family.AIR,
        "The limit sensor's own lumen to the cuff is blocked.",
        _none,
        needs=Needs.CUFF,
    ),
    Kind("dump_stuck_open", Family.AIR, "The dump valve does not close.", _none, needs=Needs.CUFF),
    Kind(
        "dump_stuck_closed",
        Family.AIR,
        "The dump valve does not open: hardware keeps the cuff inflated.",
        _none,
        (500, 30_000),
        needs=Needs.CUFF,
    ),
    Kind("inflate_stuck_open", Family.AIR, "The inflate valve does not close.", _none),
    Kind("pump_stuck_on", Family.AIR, "The pump runs whatever it is told.", _none),
    Kind(
        "leak",
        Family.AIR,
        "The cuff leaks 10 to 3000 times as much.",
        _between(factor=(10, 3_000)),
        needs=Needs.CUFF,
    ),
    Kind(
        "hose_kinked",
        Family.AIR,
        "The hose between controller and cuff is shut: hardware keeps the cuff as it is.",
        _none,
        (500, 30_000),
        needs=Needs.CUFF,
    ),
    Kind(
        "cuff_off", Family.AIR, "The cuff lies beside the limb.", _none, from_the_start=True, needs=Needs.CUFF
    ),
    Kind(
        "cuff_on_other_limb",
        Family.AIR,
        "The cuff is on the limb that the session does not name.",
        _none,
        from_the_start=True,
        needs=Needs.CUFF,
    ),
    Kind(
        "systolic_changes",
        Family.BODY,
        "The systolic pressure changes by up to 40 mmHg.",
        _signed("change_mmhg", 10, 40),
        needs=Needs.CUFF,
    ),
    Kind(
        "occlusion_pressure_high",
        Family.BODY,
        "This limb needs more pressure than the target to be occluded.",
        _between(margin_mmhg=(55, 120)),
        from_the_start=True,
        needs=Needs.CUFF,
    ),
    Kind(
        "probe_on_other_limb",
        Family.BODY,
        "The oximeter's probe sits on the other limb.",
        _none,
        from_the_start=True,
        needs=Needs.CUFF,
    ),
    Kind(
        "probe_above_cuff",
        Family.BODY,
        "The probe sits above the cuff.",
        _none,
        from_the_start=True,
        needs=Needs.CUFF,
    ),
    Kind("probe_off", Family.BODY, "The probe has come off.", _none, (2_000, 30_000), needs=Needs.CUFF),
    Kind(
        "wall_clock_steps",
        Family.TIME,
        "The wall clock is set by up to a day.",
        _signed("step_ms", 1_000, 86_400_000),
    ),
    Kind(
        "monotonic_clock_steps",
        Family.TIME,
        "The clock of the intervals jumps, as after a suspend or a defect of the kernel.",
        _signed("step_ms", 100, 60_000),
    ),
    Kind(
        "power_lost",
        Family.TIME,
        "Gateway and controller lose power; the clock is not trusted afterwards.",
        _between(lost_ms=(0, 3_600_000)),
        (1_000, 30_000),
    ),
    Kind("disk_full", Family.RECORD, "The disk is full.", _none, (1_000, 40_000)),
    Kind(
        "disk_slow",
        Family.RECORD,
        "A row is on the disk only after up to 4 s.",
        _between(delay_ms=(50, 4_000)),
        (1_000, 40_000),
    ),
    Kind("disk_fails", Family.RECORD, "The disk refuses to write.", _none, (100, 30_000)),
    Kind("disk_silent", Family.RECORD, "The disk takes rows and never answers.", _none, (1_000, 30_000)),
    Kind("core_stalls", Family.GATEWAY, "The gateway's cycle stands still.", _none, (100, 5_000)),
    Kind("core_killed", Family.GATEWAY, "The gateway is killed and started again.", _none, (300, 20_000)),
    Kind(
        "gateway_exchanged",
        Family.GATEWAY,
        "Another gateway with an empty journal takes over.",
        _none,
        (2_000, 30_000),
    ),
    Kind("link_silent", Family.GATEWAY, "Nobody reads the live feed.", _none, (1_000, 40_000)),
    Kind("nobody_answers", Family.PEOPLE, "No person does anything any more.", _none),
    Kind("operator_stops", Family.PEOPLE, "A person runs `rvos session stop`.", _none),
    Kind(
        "button_pressed",
        Family.PEOPLE,
        "The bedside button is pressed.",
        _none,
        (60, 2_000),
    ),
    Kind("button_stuck", Family.PEOPLE, "The bedside button stays pressed.", _none, (2_000, FOREVER_MS)),
    Kind("patient_stops", Family.PEOPLE, "The patient presses the stop button.", _none, (60, 2_000)),
)

_STIMULATION: tuple[Kind, ...] = tuple(
    Kind(name, Family.STIMULATION, text, draw, lasting_ms, needs=Needs.STIMULATOR)
    for name, text, draw, lasting_ms in (
        (
            "electrode_peels",
            "An electrode comes off; the device finds that, and ends its pulses itself or does not.",
            _between(peel_percent=(93, 100), stops_itself=(0, 1)),
            (300, 60_000),
        ),
        (
            "electrode_peels_unseen",
            "An electrode comes off in part, below what the device detects.",
            _between(peel_percent=(5, 92)),
            (300, 60_000),
        ),
        (
            "stimulator_silent",
            "The stimulator hears nothing and says nothing for a while.",
            _none,
            (300, 30_000),
        ),
        (
            "stimulator_restarts",
            "The stimulator goes on by itself with its last pulses after a gap in its link.",
            _none,
            (50, 5_000),
        ),
        (
            "stimulator_runs_on",
            "The stimulator obeys no stop, and its own watchdog is dead.",
            _none,
            (1_000, 60_000),
        ),
        (
            "stimulator_idle",
            "The stimulator says that it stimulates, and gives nothing.",
            _none,
            (1_000, 60_000),
        ),
        (
            "muscle_sensor_silent",
            "The load cell, or the EMG of the stimulated muscle, says nothing.",
            _none,
            (200, 60_000),
        ),
        (
            "muscle_sensor_stuck",
            "The load cell tells the same force, or the EMG of the stimulated muscle is a flat line.",
            _none,
            (200, 60_000),
        ),
        (
            "muscle_sensor_hums",
            "The mains stand in the EMG of the stimulated muscle.",
            _none,
            (200, 60_000),
        ),
    )
)

_WARD: tuple[Kind, ...] = (
    Kind(
        "broker_down",
        Family.WARD,
        "The broker dies, forgets what it took last, and comes back.",
        _between(lag_ms=(0, 25_000), away_ms=(0, 4_000)),
        (1_000, 600_000),
    ),
    Kind(
        "broker_slow",
        Family.WARD,
        "The broker answers late.",
        _between(delay_ms=(100, 40_000)),
        (5_000, 300_000),
    ),
    Kind(
        "broker_half_open",
        Family.WARD,
        "The broker's connections are dead and nobody is told.",
        _none,
        (1_000, 300_000),
    ),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (*_ALL, *_STIMULATION, *_WARD)}
"""Every kind, by name."""
