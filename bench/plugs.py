"""A core that has simulated devices behind pseudo-terminals configured.

Theory of operation
-------------------
``Room`` is a core without a cuff, its ``Equipment``, and a plug (``gateway.simulation.plugs``) for each
device that is wanted.  One *turn* is what the service does every 50 ms and what the devices do meanwhile;
whose time it is, the caller says.

Units: ms of the clock that the caller hands in.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import msgspec

from drivers.link import Condition
from drivers.usb import SYS
from gateway.config import (
    AlgometerConfig,
    BloodPressureConfig,
    Config,
    EmgConfig,
    HubConfig,
    OximeterConfig,
    PulseConfig,
    StimulatorConfig,
)
from gateway.model import Limb
from gateway.record.journal import Journal
from gateway.runtime.clock import Clock
from gateway.runtime.equipment import Equipment
from gateway.runtime.service import compose
from gateway.runtime.waveforms import Waveforms
from gateway.runtime.writer import DirectWriter
from gateway.simulation.full import configuration
from gateway.simulation.muscle import SILENT
from gateway.simulation.p24 import P24
from gateway.simulation.plugs import COLUMNS, MAKE, NONIN_CHECKSUM_END, AnyPlug, FedPlug, Plug
from gateway.simulation.protocols import STIMULATOR
from gateway.simulation.rehastim2 import RehaStim2

CLASS_OF = {
    "nonin": "oximeter",
    "invos": "oximeter",
    "moxy": "oximeter",
    "rehastim2": "stimulator",
    "p24": "stimulator",
    "hub": "hub",
    "cyton": "emg",
    "bitalino": "emg",
    "nonin-oem": "pulse",
    "suntech": "blood_pressure",
    "cpar": "algometer",
}
"""Which table of the configuration each belongs to."""


def configured(folder: Path, drivers: tuple[str, ...]) -> Config:
    """A configuration with these drivers; each port is a name in ``folder``."""
    tables: dict[str, Any] = {"oximeter": None}
    for driver in drivers:
        tables[CLASS_OF[driver]] = _table(driver, os.fspath(folder / CLASS_OF[driver]))
    return msgspec.structs.replace(configuration("fast_cuff", "fast_limb", None), **tables)


def _table(driver: str, port: str) -> object:
    match driver:
        case "nonin" | "invos" | "moxy":
            return _oximeter(driver, port)
        case "rehastim2" | "p24":
            return _stimulator(driver, port)
        case "hub":
            return HubConfig(port=port, description="simulated hub")
        case "cyton" | "bitalino":
            return EmgConfig(driver=driver, port=port, description="simulated amplifier")
        case "suntech":
            limb = Limb.LEFT_UPPER_ARM
            return BloodPressureConfig(port=port, limb=limb, description="simulated module")
        case "cpar":
            return AlgometerConfig(
                port=port, research_use="signed for the simulated device", description="simulated algometer"
            )
        case _:
            return PulseConfig(port=port, description="simulated pulse oximeter")


def _oximeter(driver: Literal["nonin", "invos", "moxy"], port: str) -> OximeterConfig:
    return OximeterConfig(
        driver=driver,
        port=port,
        channel=1,
        columns=COLUMNS if driver == "invos" else None,
        checksum_end=NONIN_CHECKSUM_END if driver == "nonin" else None,
        description="simulated oximeter",
    )


def _stimulator(driver: Literal["rehastim2", "p24"], port: str) -> StimulatorConfig:
    signed = "signed for the simulated device" if driver == "p24" else None
    return msgspec.structs.replace(STIMULATOR, driver=driver, port=port, research_use=signed)


class Room:
    """A core with these drivers. ``plugs``: by the name of their table; nothing is plugged in yet."""

    def __init__(self, folder: Path, drivers: tuple[str, ...], clock: Clock, sys_root: Path = SYS) -> None:
        self._clock = clock
        self._journal = folder / "journal.db"
        self._ports = folder / "dev"
        self._ports.mkdir()
        journal = Journal.open(self._journal, device="rvos-room")
        config = configured(self._ports, drivers)
        self._sink = DirectWriter(journal)
        self.core = compose(config, self._journal, journal.next_boot(), self._sink, clock)
        self._files = ThreadPoolExecutor(1)
        waveforms = Waveforms(folder / "waveforms", self.core.recorder.stamp, self.core.note, self._files)
        self.equipment = Equipment(self.core, waveforms, clock.now_ms, sys_root)
        self.core.conditions = self.equipment.conditions
        self.plugs: dict[str, AnyPlug] = {CLASS_OF[driver]: self._plug(driver) for driver in drivers}

    def port(self, name: str) -> Path:
        """Where the configuration expects this device."""
        return self._ports / name

    def _plug(self, driver: str) -> AnyPlug:
        path = self.port(CLASS_OF[driver])
        return FedPlug(path, self._clock.now_ms) if driver == "moxy" else Plug(path, MAKE[driver])

    def turn(self) -> None:
        """What the service does in a turn of its cycle, and what the devices do."""
        now_ms = self._clock.now_ms()
        self.equipment.turn()
        self.core.step(now_ms)
        self.live()

    def live(self) -> None:
        """Let the devices live, and core stand."""
        for plug in self.plugs.values():
            plug.turn(self._clock.now_ms())

    def condition(self, name: str) -> Condition:
        """How the device of this table does."""
        [found] = [one for one in self.equipment.conditions() if one.name == name]
        return found

    def gives_current(self) -> bool:
        """Whether the stimulator that is plugged in gives pulses on any output."""
        plug = self.plugs.get("stimulator")
        if not isinstance(plug, Plug) or not plug.is_in:
            return False
        device = plug.device
        if isinstance(device, RehaStim2):
            return any(device.train(channel) != SILENT for channel in range(1, 9))
        return isinstance(device, P24) and any(train != SILENT for train in device.trains)

    def close(self) -> None:
        """Pull everything and close the files."""
        for plug in self.plugs.values():
            plug.pull()
        self._files.shutdown()
        self._sink.close()
