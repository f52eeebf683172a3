"""The configuration's tables and keys: what each is for, its rule, its default.

Theory of operation
-------------------
One frozen struct per TOML table.  Each key carries its explanation, the rule that an error cites and
the value that the example shows, so the three cannot drift apart; ``explanation_of``, ``rule_of`` and
``example_of`` read them back.  Keys that only the technician can know have an empty example.  A table that
most sites leave out is ``optional``: the example shows it behind a "#".

A limit in here can only tighten: the hard limits are in ``gateway.safety.limits``.

Units: pressure mmHg (``_mmhg``), time s (``_s``), current mA, charge uC, as a technician writes them.
Sources: MQTT 5.0 and 3.1.1 (OASIS); ``/dev/rvos-*`` come from systemd/60-rvos.rules.
"""

from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, get_args

import msgspec

from gateway.safety.limits import PRESSURE_CEILING_DMMHG

HARD_CEILING_MMHG = PRESSURE_CEILING_DMMHG // 10


def _field(explanation: str, rule: str, example: str, **limits: Any) -> msgspec.Meta:
    """The constraints of one value with the words that go with it.

    ``rule`` completes "<key> = <value>: must be ..."; ``example`` is TOML, empty where the technician
    must write it.
    """
    return msgspec.Meta(description=explanation, extra={"rule": rule, "example": example}, **limits)


def _identifier(explanation: str) -> msgspec.Meta:
    rule = "1 to 32 small letters a-z, digits or '-' (it is a level of the MQTT topics)"
    return _field(explanation, rule, "", pattern=r"\A[a-z0-9-]{1,32}\Z")


def _words(explanation: str) -> msgspec.Meta:
    rule = "1 to 120 characters on one line"
    return _field(explanation, rule, "", pattern=r"\A[^\n\r]{1,120}\Z")


def _port(explanation: str, example: str) -> msgspec.Meta:
    rule = (
        "an absolute path that stays with the device: /dev/rvos-* (from 60-rvos.rules) or "
        "/dev/serial/by-id/*, never /dev/ttyUSB* or /dev/ttyACM*, whose numbers change"
    )
    return _field(explanation, rule, example, pattern=r"\A/(?!dev/tty(USB|ACM)\d)[^\0]+\Z")


def _file(explanation: str, example: str) -> msgspec.Meta:
    return _field(explanation, "an absolute path", example, pattern=r"\A/[^\0]+\Z")


def _ceiling(explanation: str, unit: str, most: int) -> msgspec.Meta:
    """A number that a site must state: there is no default, and no example that could be copied."""
    return _field(explanation, f"a whole number from 1 to {most} {unit}", "", ge=1, le=most)


def _line(explanation: str, example: str) -> msgspec.Meta:
    rule = "the number of a GPIO line, 0 to 1023 (not the number of a pin on the connector)"
    return _field(explanation, rule, example, ge=0, le=1023)


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TOML table: frozen, no unknown keys. Its docstring introduces it in the example."""

    optional: ClassVar[bool] = False


class SiteConfig(Table, frozen=True, kw_only=True):
    """Who this gateway is. The three make up its MQTT topics: rvos/v1/{site}/{ward}/{device}/..."""

    site: Annotated[str, _identifier("The hospital or research site.")]
    ward: Annotated[str, _identifier("The ward within it.")]
    device: Annotated[
        str,
        _identifier("This gateway, unique in the site; also its MQTT client id. Never a bed or a patient."),
    ]
    language: Annotated[
        Literal["en", "fr"],
        _field(
            "Language of the sentences that say what an alarm means and what to do about it.",
            '"en" or "fr", in quotes',
            '"en"',
        ),
    ] = "en"


class CoreConfig(Table, frozen=True, kw_only=True):
    """The service that drives the devices."""

    state_dir: Annotated[
        str,
        _file("Directory of the journal; it must survive a reboot.", '"/var/lib/rvos"'),
    ] = "/var/lib/rvos"
    runtime_dir: Annotated[
        str,
        _field(
            "Directory of the control socket and the live feed.",
            "an absolute path of at most 80 characters (the kernel allows 107 for a socket with its name)",
            '"/run/rvos"',
            pattern=r"\A/[^\0]{1,79}\Z",
        ),
    ] = "/run/rvos"
    operators_group: Annotated[
        str,
        _field(
            "Members of this Unix group may start sessions and enter pressures; anybody may stop.",
            "the name of a Unix group (small letters, digits, '_' and '-', at most 32)",
            '"rvos-operators"',
            pattern=r"\A[a-z_][a-z0-9_-]{0,31}\Z",
        ),
    ] = "rvos-operators"


class CuffConfig(Table, frozen=True, kw_only=True):
    """The cuff controller."""

    port: Annotated[str, _port("Serial port of the controller.", '"/dev/rvos-cuff"')]
    serial: Annotated[
        str,
        _field(
            'Serial number that the controller must report; "" accepts any.',
            "at most 16 printable characters without blanks",
            '""',
            pattern=r"\A[!-~]{0,16}\Z",
        ),
    ] = ""
    description: Annotated[
        str,
        _words("The cuff and its controller in your words (maker, width, limb); recorded with each session."),
    ]
    ceiling_mmhg: Annotated[
        int,
        _field(
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

    port: Annotated[str, _port("Serial port of the oximeter.", '"/dev/rvos-oximeter"')]
    channel: Annotated[
        int,
        _field(
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
            _field(
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
        str, _words("The oximeter and its sensor in your words (maker, sensor, site on the limb).")
    ]


class StimulatorConfig(Table, frozen=True, kw_only=True):
    """The stimulator's ceilings; without them nothing stimulates. Its port comes with its driver, later."""

    optional: ClassVar[bool] = True

    description: Annotated[
        str, _words("The stimulator and its electrodes in your words; recorded with each session.")
    ]
    current_ma: Annotated[int, _ceiling("Highest current that this site allows.", "mA", 200)]
    pulse_width_us: Annotated[
        int, _ceiling("Longest phase of a pulse that this site allows; a pulse has two.", "us", 1000)
    ]
    frequency_hz: Annotated[int, _ceiling("Highest frequency that this site allows.", "Hz", 400)]
    charge_uc: Annotated[int, _ceiling("Highest charge of one phase that this site allows.", "uC", 200)]
    pad_area_cm2: Annotated[
        int,
        _ceiling("Area of one electrode; half of it is taken for lost when doses are judged.", "cm2", 400),
    ]
    daily_minutes: Annotated[
        int, _ceiling("Minutes of pulses, without the pauses, for one patient in any 24 h.", "min", 1440)
    ]
    device_current_ma: Annotated[int, _ceiling("The device's own highest current.", "mA", 200)]
    device_pulse_width_us: Annotated[int, _ceiling("The device's own longest phase.", "us", 1000)]
    device_frequency_hz: Annotated[int, _ceiling("The device's own highest frequency.", "Hz", 400)]


class AnnunciatorConfig(Table, frozen=True, kw_only=True):
    """The gateway's own alarm signals; the cuff controller's buzzer sounds whatever stands here."""

    output: Annotated[
        Literal["terminal", "gpio"],
        _field(
            "Where alarms show and sound: lines on the terminal with its bell (in a service's log without),\n"
            "or a lamp and a buzzer on GPIO lines of this machine as well, which needs the extra 'pi'.",
            '"terminal" or "gpio", in quotes',
            '"terminal"',
        ),
    ] = "terminal"
    chip: Annotated[
        str, _file("GPIO chip of the lines; on a Raspberry Pi the first one.", '"/dev/gpiochip0"')
    ] = "/dev/gpiochip0"
    red_line: Annotated[int, _line("Line of the red lamp: high priority, flashing.", "17")] | None = None
    yellow_line: (
        Annotated[int, _line("Line of the yellow lamp: medium priority flashing, low steady.", "27")] | None
    ) = None
    buzzer_line: (
        Annotated[int, _line("Line of a buzzer that sounds by itself while its line is high.", "22")] | None
    ) = None


class TlsConfig(Table, frozen=True, kw_only=True):
    """Encryption towards the broker. Leave the table out for a broker on this machine only."""

    ca: Annotated[
        str, _file("Certificates (PEM) that the broker's must be signed by.", '"/etc/rvos/broker-ca.pem"')
    ]
    cert: (
        Annotated[
            str,
            _file(
                "Certificate (PEM) of this gateway; its common name is the device.", '"/etc/rvos/link.pem"'
            ),
        ]
        | None
    ) = None
    key: Annotated[str, _file("Private key (PEM) that belongs to it.", '"/etc/rvos/link.key"')] | None = None


class MqttConfig(Table, frozen=True, kw_only=True):
    """The broker that the link publishes to. It publishes only; it subscribes to nothing."""

    host: Annotated[
        str,
        _field(
            "Name or address of the broker.",
            "1 to 253 characters without blanks",
            "",
            pattern=r"\A[^\s]{1,253}\Z",
        ),
    ]
    port: Annotated[
        int,
        _field(
            "TCP port of the broker: usually 1883, with TLS 8883.",
            "a port number from 1 to 65535",
            "1883",
            ge=1,
            le=65535,
        ),
    ] = 1883
    protocol: Annotated[
        Literal["5", "3.1.1", "auto"],
        _field(
            'MQTT version; "auto" tries 5 and falls back to 3.1.1.',
            '"5", "3.1.1" or "auto", in quotes',
            '"auto"',
        ),
    ] = "auto"
    keepalive_s: Annotated[
        int,
        _field(
            "Seconds of silence after which either side checks the connection.",
            "a whole number from 5 to 3600 s",
            "30",
            ge=5,
            le=3600,
        ),
    ] = 30
    username: (
        Annotated[
            str,
            _field(
                "User name for the broker.",
                "1 to 128 characters",
                '"icu-bed-gateway"',
                min_length=1,
                max_length=128,
            ),
        ]
        | None
    ) = None
    password_file: (
        Annotated[
            str,
            _file(
                "File whose first line is the password; it never stands in this file.",
                '"/etc/rvos/mqtt-password"',
            ),
        ]
        | None
    ) = None
    tls: TlsConfig | None = None


class LinkConfig(Table, frozen=True, kw_only=True):
    """The service that publishes the journal."""

    state_dir: Annotated[
        str,
        _file(
            "Directory of the link's own cursor: what the broker has acknowledged.", '"/var/lib/rvos-link"'
        ),
    ] = "/var/lib/rvos-link"


class Config(Table, frozen=True, kw_only=True):
    """The whole file."""

    site: SiteConfig
    core: CoreConfig = CoreConfig()
    cuff: CuffConfig
    oximeter: OximeterConfig | None = None
    stimulator: StimulatorConfig | None = None
    annunciator: AnnunciatorConfig = AnnunciatorConfig()
    mqtt: MqttConfig
    link: LinkConfig = LinkConfig()


def table_of(declared: Any) -> type[Table] | None:
    """The struct of a key that is a table, alone or ``| None``; None for any other key."""
    members = get_args(declared) if isinstance(declared, UnionType) else (declared,)
    for member in members:
        if isinstance(member, type) and issubclass(member, Table):
            return member
    return None


def explanation_of(declared: Any) -> str:
    """What a key is for, one or more lines."""
    return str(_meta(declared).description)


def rule_of(declared: Any) -> str:
    """What completes "must be ..." for the type of a key."""
    return "a table of its own" if table_of(declared) else str((_meta(declared).extra or {})["rule"])


def example_of(declared: Any) -> str:
    """The TOML that the example shows for a key; empty where only the technician knows it."""
    return str((_meta(declared).extra or {})["example"])


def _meta(declared: Any) -> msgspec.Meta:
    """The words of ``Annotated[X, words]``, alone or ``| None``."""
    for member in (declared, *get_args(declared)):
        for argument in get_args(member):
            if isinstance(argument, msgspec.Meta):
                return argument
    raise TypeError(f"{declared} says nothing about itself: give it an explanation, a rule and an example")
