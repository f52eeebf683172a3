"""The configuration room: one TOML file to typed, frozen values; every error names place and rule.

Theory of operation
-------------------
A technician writes ``rvos.toml`` once; ``rvos core`` and ``rvos link`` both ``load`` it.  ``values`` and
``devices`` have the tables and their rules, ``reader`` reads and locates errors, ``findings`` is the error,
``example`` writes the commented file to start from.
"""

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
from gateway.config.example import example
from gateway.config.findings import ConfigError, Finding
from gateway.config.reader import config_hash, load, parse
from gateway.config.values import (
    AnnunciatorConfig,
    Config,
    CoreConfig,
    LinkConfig,
    MqttConfig,
    SiteConfig,
    TlsConfig,
)

__all__ = [
    "AlgometerConfig",
    "AnnunciatorConfig",
    "BloodPressureConfig",
    "Config",
    "ConfigError",
    "CoreConfig",
    "CuffConfig",
    "EmgConfig",
    "Finding",
    "HubConfig",
    "LinkConfig",
    "MqttConfig",
    "OximeterConfig",
    "PulseConfig",
    "SiteConfig",
    "StimulatorConfig",
    "TlsConfig",
    "config_hash",
    "example",
    "load",
    "parse",
]
