"""The configuration's tables and keys, but for the devices': what each is for, its rule, its default.

Theory of operation
-------------------
``fields`` says what a table is made of; the tables of the devices are in ``devices``.

A limit in here can only tighten: the hard limits are in ``gateway.safety.limits``.

Units: pressure mmHg (``_mmhg``), time s (``_s``), current mA, charge uC, as a technician writes them.
Sources: MQTT 5.0 and 3.1.1 (OASIS); ``/dev/rvos-*`` come from systemd/60-rvos.rules.
"""

from typing import Annotated, Literal

from gateway.config.devices import (
    AlgometerConfig,
    BloodPressureConfig,
    CuffConfig,
    EmgConfig,
    HubConfig,
    OximeterConfig,
    PulseConfig,
    StimulatorConfig,
)
from gateway.config.fields import Table, field, file_path, gpio_line, identifier


class SiteConfig(Table, frozen=True, kw_only=True):
    """Who this gateway is. The three make up its MQTT topics: rvos/v1/{site}/{ward}/{device}/..."""

    site: Annotated[str, identifier("The hospital or research site.")]
    ward: Annotated[str, identifier("The ward within it.")]
    device: Annotated[
        str,
        identifier("This gateway, unique in the site; also its MQTT client id. Never a bed or a patient."),
    ]
    language: Annotated[
        Literal["en", "fr"],
        field(
            "Language of the sentences that say what an alarm means and what to do about it.",
            '"en" or "fr", in quotes',
            '"en"',
        ),
    ] = "en"


class CoreConfig(Table, frozen=True, kw_only=True):
    """The service that drives the devices."""

    state_dir: Annotated[
        str,
        file_path("Directory of the journal; it must survive a reboot.", '"/var/lib/rvos"'),
    ] = "/var/lib/rvos"
    runtime_dir: Annotated[
        str,
        field(
            "Directory of the control socket and the live feed.",
            "an absolute path of at most 80 characters (the kernel allows 107 for a socket with its name)",
            '"/run/rvos"',
            pattern=r"\A/[^\0]{1,79}\Z",
        ),
    ] = "/run/rvos"
    operators_group: Annotated[
        str,
        field(
            "Members of this Unix group may start sessions and enter pressures; anybody may stop.",
            "the name of a Unix group (small letters, digits, '_' and '-', at most 32)",
            '"rvos-operators"',
            pattern=r"\A[a-z_][a-z0-9_-]{0,31}\Z",
        ),
    ] = "rvos-operators"


class AnnunciatorConfig(Table, frozen=True, kw_only=True):
    """The gateway's own alarm signals; the cuff controller's buzzer sounds whatever stands here."""

    output: Annotated[
        Literal["terminal", "gpio"],
        field(
            "Where alarms show and sound: lines on the terminal with its bell (in a service's log without),\n"
            "or a lamp and a buzzer on GPIO lines of this machine as well, which needs the extra 'pi'.",
            '"terminal" or "gpio", in quotes',
            '"terminal"',
        ),
    ] = "terminal"
    chip: Annotated[
        str, file_path("GPIO chip of the lines; on a Raspberry Pi the first one.", '"/dev/gpiochip0"')
    ] = "/dev/gpiochip0"
    red_line: Annotated[int, gpio_line("Line of the red lamp: high priority, flashing.", "17")] | None = None
    yellow_line: (
        Annotated[int, gpio_line("Line of the yellow lamp: medium priority flashing, low steady.", "27")]
        | None
    ) = None
    buzzer_line: (
        Annotated[int, gpio_line("Line of a buzzer that sounds by itself while its line is high.", "22")]
        | None
    ) = None


class TlsConfig(Table, frozen=True, kw_only=True):
    """Encryption towards the broker. Leave the table out for a broker on this machine only."""

    ca: Annotated[
        str, file_path("Certificates (PEM) that the broker's must be signed by.", '"/etc/rvos/broker-ca.pem"')
    ]
    cert: (
        Annotated[
            str,
            file_path(
                "Certificate (PEM) of this gateway; its common name is the device.", '"/etc/rvos/link.pem"'
            ),
        ]
        | None
    ) = None
    key: Annotated[str, file_path("Private key (PEM) that belongs to it.", '"/etc/rvos/link.key"')] | None = (
        None
    )


class MqttConfig(Table, frozen=True, kw_only=True):
    """The broker that the link publishes to. It publishes only; it subscribes to nothing."""

    host: Annotated[
        str,
        field(
            "Name or address of the broker.",
            "1 to 253 characters without blanks",
            "",
            pattern=r"\A[^\s]{1,253}\Z",
        ),
    ]
    port: Annotated[
        int,
        field(
            "TCP port of the broker: usually 1883, with TLS 8883.",
            "a port number from 1 to 65535",
            "1883",
            ge=1,
            le=65535,
        ),
    ] = 1883
    protocol: Annotated[
        Literal["5", "3.1.1", "auto"],
        field(
            'MQTT version; "auto" tries 5 and falls back to 3.1.1.',
            '"5", "3.1.1" or "auto", in quotes',
            '"auto"',
        ),
    ] = "auto"
    keepalive_s: Annotated[
        int,
        field(
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
            field(
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
            file_path(
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
        file_path(
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
    hub: HubConfig | None = None
    emg: EmgConfig | None = None
    pulse: PulseConfig | None = None
    blood_pressure: BloodPressureConfig | None = None
    algometer: AlgometerConfig | None = None
    annunciator: AnnunciatorConfig = AnnunciatorConfig()
    mqtt: MqttConfig
    link: LinkConfig = LinkConfig()
