"""What can go wrong at the bedside, and a plan of it for one session, from a seed.

Theory of operation
-------------------
A ``Kind`` is one row of ``KINDS``: its name, its family, a sentence, how its numbers are drawn and how long
it lasts.  A ``Fault`` is one of them at an instant; a plan is a few of those.  This is data only:
``injector`` does what it says, ``rvos simulate --list-faults`` prints the table.

The fault model.  A session gets one to three faults, half of them at an instant drawn evenly over the
session, half while its cuff is inflated.  Of what is broken in the equipment or unexpected in the body
(families *sensor*, *air*, *body*) a session gets one at most: more than one is more than the single fault
condition of IEC 60601-1 (standard from memory), and some pairs (hose and sensor lumen both blocked) nothing
could notice. Wires, processes, disks, clocks and people may fail on top of it and on top of each other,
because a single cause (a pulled plug, a crash) does that.

A kind with ``wanting`` is named and not given yet; the text says what it waits for.

Units: 0.1 mmHg for what a sensor adds, mmHg for the body, chances in 1/1000, times ms since the session was
asked for.  Source of the numbers: engineering proposals, chosen so that both sides of every limit are met.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

FOREVER_MS = 10_000_000
"""Longer than any session: what breaks stays broken."""

_MOST_FAULTS = 3
_COUNTS = (1, 1, 1, 2, 2, 3)

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


EQUIPMENT = frozenset({Family.SENSOR, Family.AIR, Family.BODY})
"""One of these a session, at most."""


class UnknownFault(Exception):
    """A name that is no kind of fault, or one that cannot be given yet; the message lists what there is."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to fail. ``lasting_ms``: between these; ``wanting``: why it cannot be given yet."""

    name: str
    family: Family
    text: str
    draw: Draw
    lasting_ms: Span = (FOREVER_MS, FOREVER_MS)
    from_the_start: bool = False
    wanting: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong at ``at_ms`` and is right again after ``for_ms``."""

    kind: str
    at_ms: int
    for_ms: int
    numbers: Numbers = field(default_factory=dict)


def plan(
    randomness: random.Random, names: Sequence[str], span_ms: int, inflated: Sequence[Span] = ()
) -> tuple[Fault, ...]:
    """The faults of one session of about ``span_ms``, in order of time; none when ``names`` is empty.

    ``inflated``: when the cuff is expected to be under pressure.
    """
    left = [KINDS[name] for name in names]
    faults: list[Fault] = []
    for _ in range(randomness.choice(_COUNTS)):
        if not left:
            break
        kind = randomness.choice(left)
        faults.append(_at_some_time(randomness, kind, span_ms, inflated))
        left = [other for other in left if other is not kind and not _excluded(kind, other)]
    return tuple(sorted(faults, key=lambda fault: (fault.at_ms, fault.kind)))


def available() -> list[str]:
    """Every kind that can be given, in the order of the table."""
    return [kind.name for kind in KINDS.values() if not kind.wanting]


def chosen(words: str) -> list[str]:
    """What ``all``, ``none`` or names with commas between them mean. Raises ``UnknownFault``."""
    if words == "all":
        return available()
    if words == "none":
        return []
    names = [word.strip() for word in words.split(",") if word.strip()]
    wrong = [name for name in names if name not in available()]
    if wrong or not names:
        said = ", ".join(wrong) or repr(words)
        raise UnknownFault(f"{said} cannot be given; choose all, none or of: {', '.join(available())}")
    return names


def listing() -> str:
    """The table of kinds for a person."""
    width = max(map(len, KINDS))
    lines = []
    for kind in KINDS.values():
        ending = f"  [not yet: {kind.wanting}]" if kind.wanting else ""
        lines.append(f"{kind.name:<{width}}  {kind.text}{ending}")
    return "\n".join(lines)


def _excluded(kind: Kind, other: Kind) -> bool:
    return kind.family in EQUIPMENT and other.family in EQUIPMENT


def _at_some_time(randomness: random.Random, kind: Kind, span_ms: int, inflated: Sequence[Span]) -> Fault:
    at_ms = 0 if kind.from_the_start else _instant(randomness, span_ms, inflated)
    shortest, longest = kind.lasting_ms
    for_ms = randomness.randint(shortest, longest)
    return Fault(kind.name, at_ms, for_ms, kind.draw(randomness))


def _instant(randomness: random.Random, span_ms: int, inflated: Sequence[Span]) -> int:
    """Any instant of the session, or with even chances one while the cuff is inflated."""
    if inflated and randomness.random() < 0.5:
        return randomness.randrange(*randomness.choice(inflated))
    return randomness.randrange(span_ms)


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
    Kind("oximeter_vanishes", Family.LINK, "The oximeter's port is gone and comes back.", _none, _WHILE),
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
    Kind("lumen_blocked", Family.AIR, "The limit sensor's own lumen to the cuff is blocked.", _none),
    Kind("dump_stuck_open", Family.AIR, "The dump valve does not close.", _none),
    Kind(
        "dump_stuck_closed",
        Family.AIR,
        "The dump valve does not open: hardware keeps the cuff inflated.",
        _none,
        (500, 30_000),
    ),
    Kind("inflate_stuck_open", Family.AIR, "The inflate valve does not close.", _none),
    Kind("pump_stuck_on", Family.AIR, "The pump runs whatever it is told.", _none),
    Kind("leak", Family.AIR, "The cuff leaks 10 to 3000 times as much.", _between(factor=(10, 3_000))),
    Kind(
        "hose_kinked",
        Family.AIR,
        "The hose between controller and cuff is shut: hardware keeps the cuff as it is.",
        _none,
        (500, 30_000),
    ),
    Kind("cuff_off", Family.AIR, "The cuff lies beside the limb.", _none, from_the_start=True),
    Kind(
        "cuff_on_other_limb",
        Family.AIR,
        "The cuff is on the limb that the session does not name.",
        _none,
        from_the_start=True,
    ),
    Kind(
        "systolic_changes",
        Family.BODY,
        "The systolic pressure changes by up to 40 mmHg.",
        _signed("change_mmhg", 10, 40),
    ),
    Kind(
        "occlusion_pressure_high",
        Family.BODY,
        "This limb needs more pressure than the target to be occluded.",
        _between(margin_mmhg=(55, 120)),
        from_the_start=True,
    ),
    Kind(
        "probe_on_other_limb",
        Family.BODY,
        "The oximeter's probe sits on the other limb.",
        _none,
        from_the_start=True,
    ),
    Kind("probe_above_cuff", Family.BODY, "The probe sits above the cuff.", _none, from_the_start=True),
    Kind("probe_off", Family.BODY, "The probe has come off.", _none, (2_000, 30_000)),
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

_NO_STIMULATOR = "waits for the stimulator"
_NO_WARD = "the simulated bedside has no broker: see tests/ward and bench/kills"

_NOT_YET: tuple[Kind, ...] = tuple(
    Kind(name, family, text, _none, wanting=wanting)
    for name, family, text, wanting in (
        ("electrode_peels", Family.STIMULATION, "An electrode comes off.", _NO_STIMULATOR),
        (
            "electrode_peels_unseen",
            Family.STIMULATION,
            "An electrode comes off in part, below what the device detects.",
            _NO_STIMULATOR,
        ),
        (
            "stimulator_restarts",
            Family.STIMULATION,
            "The stimulator goes on by itself after a gap in its link.",
            _NO_STIMULATOR,
        ),
        ("broker_down", Family.WARD, "The broker is gone.", _NO_WARD),
        ("broker_slow", Family.WARD, "The broker answers late.", _NO_WARD),
        ("broker_half_open", Family.WARD, "The broker's connection is dead and open.", _NO_WARD),
    )
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (*_ALL, *_NOT_YET)}
"""Every kind, by name."""
