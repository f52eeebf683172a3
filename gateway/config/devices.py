"""The tables of the devices at the bedside: where each is plugged in, what it is, what this site allows it.

Theory of operation
-------------------
A device is named by a port that udev made for it, never by the order in which it was plugged in.  What is
left out is not there: a table without a device costs nothing.  Some devices are no medical devices by their
maker's own word: the site signs for them (``research_use``), or no session uses them.  One that is a research
instrument and nothing else (an algometer) has no table without that line.

Units: pressure mmHg, current mA, charge uC, as a technician writes them.  ``/dev/rvos-*`` come from
systemd/60-rvos.rules.
"""

from typing import Annotated, ClassVar, Literal

import msgspec

from gateway.config.fields import Table, ceiling, field, port_path, words
from gateway.model import Limb
from gateway.safety.limits import PRESSURE_CEILING_DMMHG

HARD_CEILING_MMHG = PRESSURE_CEILING_DMMHG // 10
INVOS_COLUMN = (
    r"version|date|time|any"
    r"|(label|rso2|event|status|baseline|auc|upper|lower|a|b|c|reserved|sensor)-[1-4]"
)
"""A column of an INVOS line; a test holds it to ``drivers.invos.NAMES``, which this room may not import."""


_SERIAL = field(
    'Serial number of the device, or of the USB adapter that it is behind; "" accepts any.',
    "at most 32 printable characters without blanks",
    '""',
    pattern=r"\A[!-~]{0,32}\Z",
)

_SIGNED = field(
    "Who signed for the use of this device in research, when, and under which approval: one line.\n"
    "Without it no session uses a device that its maker does not call a medical one.",
    "1 to 120 characters on one line",
    "",
    pattern=r"\A[^\n\r]{1,120}\Z",
)


class CuffConfig(Table, frozen=True, kw_only=True):
    """The cuff controller."""

    port: Annotated[str, port_path("Serial port of the controller.", '"/dev/rvos-cuff"')]
    serial: Annotated[
        str,
        field(
            'Serial number that the controller must report; "" accepts any.',
            "at most 16 printable characters without blanks",
            '""',
            pattern=r"\A[!-~]{0,16}\Z",
        ),
    ] = ""
    description: Annotated[
        str,
        words("The cuff and its controller in your words (maker, width, limb); recorded with each session."),
    ]
    ceiling_mmhg: Annotated[
        int,
        field(
            "No target above this many mmHg is accepted at this site. 250 is an engineering proposal:\n"
            "go higher only where limb occlusion pressures were measured.",
            f"a whole number from 1 to {HARD_CEILING_MMHG} mmHg ({HARD_CEILING_MMHG} is the hard limit of "
            "gateway and controller; a site can only tighten it)",
            "250",
            ge=1,
            le=HARD_CEILING_MMHG,
        ),
    ] = 250


class OximeterConfig(Table, frozen=True, kw_only=True):
    """The tissue oximeter (StO2). Leave the table out where there is none."""

    driver: Annotated[
        Literal["nonin", "invos", "moxy"],
        field(
            "What it speaks: the lines of Nonin oximeters, INVOS PC LINK (needs columns), or Moxy by way of\n"
            "the Bluetooth feeder (port is then the feeder's socket).",
            '"nonin", "invos" or "moxy", in quotes',
            '"nonin"',
        ),
    ] = "nonin"
    port: Annotated[str, port_path("Serial port of the oximeter.", '"/dev/rvos-oximeter"')]
    serial: Annotated[str, _SERIAL] = ""
    columns: (
        Annotated[
            tuple[str, ...],
            field(
                "For INVOS: what each column of its lines is. Its document could not be read: look\n"
                "at the lines of your device first. docs/devices/invos.md has the names.",
                "a list of 1 to 64 names of columns",
                '["version", "date", "time", "rso2-1"]',
                min_length=1,
                max_length=64,
            ),
        ]
        | None
    ) = None
    checksum_end: (
        Annotated[
            int,
            field(
                "For Nonin: where the checksum's coverage ends, once it was seen on your device.\n"
                "Left out, it is learnt from five lines after each start.",
                "-1, 0, 1, 5 or 6",
                "6",
                ge=-1,
                le=6,
            ),
        ]
        | None
    ) = None
    accept_unchecked: Annotated[
        bool,
        field(
            "For Nonin: take lines whose checksum fits no known end. A technician's word, after a look at\n"
            "the cable: each value is then flagged as unchecked.",
            "true or false",
            "false",
        ),
    ] = False
    address: Annotated[
        str,
        field(
            'For Moxy: the Bluetooth address of the monitor; "" takes the one that the feeder was told.',
            "an address like AA:BB:CC:DD:EE:FF, or nothing",
            '""',
            pattern=r"\A(([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})?\Z",
        ),
    ] = ""
    channel: Annotated[
        int,
        field(
            "The oximeter's channel whose sensor is on the treated limb.",
            "a channel number from 1 to 4",
            "1",
            ge=1,
            le=4,
        ),
    ]
    other_channel: (
        Annotated[
            int,
            field(
                "The channel whose sensor is on the other limb, where there is one: it shows a cuff on the\n"
                "wrong limb.",
                "a channel number from 1 to 4",
                "2",
                ge=1,
                le=4,
            ),
        ]
        | None
    ) = None
    description: Annotated[
        str, words("The oximeter and its sensor in your words (maker, sensor, site on the limb).")
    ]


class StimulatorConfig(Table, frozen=True, kw_only=True):
    """The stimulator and its ceilings; without them nothing stimulates."""

    optional: ClassVar[bool] = True

    driver: (
        Annotated[
            Literal["rehastim2", "p24"],
            field(
                "Which one it is: RehaStim2, or P24 (by its maker's word not for medical use: needs\n"
                "research_use). Without one this gateway stimulates nobody.",
                '"rehastim2" or "p24", in quotes',
                '"rehastim2"',
            ),
        ]
        | None
    ) = None
    port: Annotated[str, port_path("Serial port of the stimulator.", '"/dev/rvos-stimulator"')] | None = None
    serial: Annotated[str, _SERIAL] = ""
    output: Annotated[
        int,
        field(
            "The output of the stimulator, and with it the electrodes, that sessions use.",
            "a whole number from 1 to 8",
            "1",
            ge=1,
            le=8,
        ),
    ] = 1
    research_use: Annotated[str, _SIGNED] | None = None
    description: Annotated[
        str, words("The stimulator and its electrodes in your words; recorded with each session.")
    ]
    current_ma: Annotated[int, ceiling("Highest current that this site allows.", "mA", 200)]
    pulse_width_us: Annotated[
        int, ceiling("Longest phase of a pulse that this site allows; a pulse has two.", "us", 1000)
    ]
    frequency_hz: Annotated[int, ceiling("Highest frequency that this site allows.", "Hz", 400)]
    charge_uc: Annotated[int, ceiling("Highest charge of one phase that this site allows.", "uC", 200)]
    pad_area_cm2: Annotated[
        int,
        ceiling("Area of one electrode; half of it is taken for lost when doses are judged.", "cm2", 400),
    ]
    daily_minutes: Annotated[
        int, ceiling("Minutes of pulses, without the pauses, for one patient in any 24 h.", "min", 1440)
    ]
    device_current_ma: Annotated[int, ceiling("The device's own highest current.", "mA", 200)]
    device_pulse_width_us: Annotated[int, ceiling("The device's own longest phase.", "us", 1000)]
    device_frequency_hz: Annotated[int, ceiling("The device's own highest frequency.", "Hz", 400)]


class HubConfig(Table, frozen=True, kw_only=True):
    """The force and EMG hub, our own microcontroller."""

    optional: ClassVar[bool] = True

    port: Annotated[str, port_path("Serial port of the hub.", '"/dev/rvos-hub"')]
    serial: Annotated[str, _SERIAL] = ""
    description: Annotated[str, words("The hub and its sensors in your words (load cell, muscle).")]
    evoked_channel: (
        Annotated[
            int,
            field(
                "The EMG channel over the stimulated muscle: a closed loop on the evoked response needs it.",
                "a channel number from 1 to 8",
                "1",
                ge=1,
                le=8,
            ),
        ]
        | None
    ) = None
    artifact_uv: (
        Annotated[
            int,
            field(
                "What a stimulation pulse of 5 mA looks like in that channel: a step between two samples,\n"
                "in uV. With it the pulses of every stimulation are counted, and missing ones alarmed for.\n"
                "Take it from a recording: below what 5 mA leaves, above the steepest that the muscle\n"
                "makes, its strongest M-wave included.",
                "a whole number of uV from 50 to 1000000",
                "2500",
                ge=50,
                le=1_000_000,
            ),
        ]
        | None
    ) = None


class EmgConfig(Table, frozen=True, kw_only=True):
    """An amplifier of muscle activity; recorded, and used by nothing else."""

    optional: ClassVar[bool] = True

    driver: Annotated[
        Literal["cyton", "bitalino"],
        field("Which amplifier it is.", '"cyton" or "bitalino", in quotes', '"cyton"'),
    ] = "cyton"
    port: Annotated[str, port_path("Serial port of the amplifier.", '"/dev/rvos-emg"')]
    serial: Annotated[str, _SERIAL] = ""
    description: Annotated[str, words("The amplifier and its electrodes in your words (muscles, sides).")]


class PulseConfig(Table, frozen=True, kw_only=True):
    """A pulse oximeter of Nonin's OEM line; recorded, and used by nothing else."""

    optional: ClassVar[bool] = True

    format: Annotated[
        Literal[2, 7],
        field("The data format that it is set to: 2 has a pulse wave of 8 bits, 7 of 16.", "2 or 7", "7"),
    ] = 7
    port: Annotated[str, port_path("Serial port of the pulse oximeter.", '"/dev/rvos-pulse"')]
    serial: Annotated[str, _SERIAL] = ""
    description: Annotated[str, words("The pulse oximeter and its probe in your words (finger, toe, side).")]


class BloodPressureConfig(Table, frozen=True, kw_only=True):
    """The module that takes the blood pressure of a free limb, before each inflation."""

    optional: ClassVar[bool] = True

    driver: Annotated[
        Literal["suntech"],
        field("Which module it is: SunTech Advantage OEM.", '"suntech", in quotes', '"suntech"'),
    ] = "suntech"
    port: Annotated[str, port_path("Serial port of the module.", '"/dev/rvos-blood-pressure"')]
    serial: Annotated[str, _SERIAL] = ""
    limb: Annotated[
        Limb,
        field(
            "The limb that the module's cuff is on. A session with the occlusion cuff on the same limb is\n"
            "refused. No line and no fistula on it, and the module's cuff of the size that it needs.",
            ", ".join(f'"{limb}"' for limb in Limb) + ", in quotes",
            "",
        ),
    ]
    further_firmware: (
        Annotated[
            tuple[Annotated[str, msgspec.Meta(pattern=r"\A[!-~]{2,8}\Z")], ...],
            field(
                "Firmware texts that this site accepts besides those that the driver knows: how they begin.",
                "a list of at most 8 texts of 2 to 8 printable characters",
                "[]",
                max_length=8,
            ),
        ]
        | None
    ) = None
    confirmed_time_unit_ms: (
        Annotated[
            int,
            field(
                "What one unit of a venous occlusion's time lasts on your module, once it was measured on\n"
                "the bench (docs/devices/suntech-nibp.md). No examination uses it yet.",
                "a whole number from 100 to 60000 ms",
                "10000",
                ge=100,
                le=60_000,
            ),
        ]
        | None
    ) = None
    description: Annotated[str, words("The module and its cuff in your words (maker, width, limb).")]


class AlgometerConfig(Table, frozen=True, kw_only=True):
    """A CPAR+ cuff algometer, a research instrument: identified and recorded; no session inflates it."""

    optional: ClassVar[bool] = True

    driver: Annotated[
        Literal["cpar"],
        field("Which algometer it is: CPAR+.", '"cpar", in quotes', '"cpar"'),
    ] = "cpar"
    port: Annotated[str, port_path("Serial port of the algometer.", '"/dev/rvos-algometer"')]
    serial: Annotated[str, _SERIAL] = ""
    research_use: Annotated[str, _SIGNED]
    description: Annotated[str, words("The algometer and its cuffs in your words (maker, widths, limbs).")]
