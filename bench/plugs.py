"""Simulated devices behind pseudo-terminals, under names that stay, and a core that has them configured.

Theory of operation
-------------------
``Plug`` is a device on a cable: its name is a symbolic link, as udev makes them.  ``pull`` closes the
device's end, which is what a driver sees of a cable that is pulled, and takes the name away; ``plug`` makes
a device that was just switched on, behind another pseudo-terminal, under the same name.  ``FedPlug`` is the
Moxy, whose feeder comes over a socket.

``Room`` is a core without a cuff, its ``Equipment``, and a plug for each device that is wanted.  One *turn*
is what the service does every 50 ms and what the devices do meanwhile; whose time it is, the caller says.

What it does not show: the kernel's own work when a USB device goes or comes (a disconnect, an enumeration and
udev's rule are some hundred ms of their own).

Units: ms of the clock that the caller hands in.
"""

import asyncio
import os
import tty
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from drivers.feeder_outlet import Outlet
from drivers.link import Condition
from drivers.usb import SYS
from gateway.config import Config, EmgConfig, HubConfig, OximeterConfig, PulseConfig, StimulatorConfig
from gateway.record.journal import Journal
from gateway.runtime.clock import Clock
from gateway.runtime.equipment import Equipment
from gateway.runtime.service import compose
from gateway.runtime.waveforms import Waveforms
from gateway.runtime.writer import DirectWriter
from gateway.simulation.bitalino import Bitalino
from gateway.simulation.cyton import Cyton
from gateway.simulation.full import configuration
from gateway.simulation.hub import LOAD_CELL, Leg, SimulatedHub
from gateway.simulation.invos import InvosMonitor
from gateway.simulation.moxy import MoxyFeed, MoxyMonitor
from gateway.simulation.muscle import SILENT
from gateway.simulation.nonin_oem import NoninOem
from gateway.simulation.oximeter import Oximeter, Shown
from gateway.simulation.p24 import P24
from gateway.simulation.protocols import STIMULATOR
from gateway.simulation.rehastim2 import RehaStim2

COLUMNS = ("version", "date", "time", "rso2-1", "rso2-2")
ADDRESS = "02:00:00:00:00:01"
NONIN_CHECKSUM_END = 6
"""As the simulated oximeter makes it; a site that has not seen it waits four lines longer."""

_READ_BYTES = 65_536


class Device(Protocol):
    """A simulated device: lives until ``now_ms``, takes what arrived, returns what it sends."""

    def step(self, data: bytes, now_ms: int) -> bytes: ...


class OneWay:
    """A device that listens to nothing."""

    def __init__(self, speak: Callable[[int], bytes]) -> None:
        self._speak = speak

    def step(self, data: bytes, now_ms: int) -> bytes:
        """What it says now."""
        return self._speak(now_ms)


class Hub:
    """The simulated hub, in the order of words of the others."""

    def __init__(self) -> None:
        self._hub = SimulatedHub(Leg(), LOAD_CELL)

    def step(self, data: bytes, now_ms: int) -> bytes:
        """What leaves its port now."""
        return self._hub.step(now_ms, data)


def shown(_now_ms: int) -> Shown:
    """What the probes of every simulated oximeter see: 70 %."""
    return Shown(700, 1000, 690)


MAKE: dict[str, Callable[[], Device]] = {
    "nonin": lambda: OneWay(Oximeter(shown).step),
    "invos": lambda: OneWay(InvosMonitor(shown, COLUMNS).step),
    "rehastim2": RehaStim2,
    "p24": P24,
    "hub": Hub,
    "cyton": lambda: Cyton(lambda number: (number % 1000,) * 8),
    "bitalino": lambda: Bitalino(lambda number: ((512,) * 4 + (32,) * 2, 0)),
    "nonin-oem": lambda: NoninOem(lambda number: number % 1000),
}
"""A device of each driver that core drives by a port, just switched on."""

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
}
"""Which table of the configuration each belongs to."""


class Plug:
    """A device on a cable. ``received`` from core and ``sent`` to it: bytes since the port was opened."""

    def __init__(self, name: Path, make: Callable[[], Device]) -> None:
        self.name, self._make = name, make
        self.device = make()
        self.received = self.sent = 0
        self._heard = b""
        self._master: int | None = None

    @property
    def is_in(self) -> bool:
        """Whether it is plugged in."""
        return self._master is not None

    def plug(self) -> None:
        """Plug in a device that was just switched on."""
        master, slave = os.openpty()
        tty.setraw(slave)
        self.name.symlink_to(os.ttyname(slave))
        os.close(slave)
        os.set_blocking(master, False)
        self._master, self.device, self._heard = master, self._make(), b""
        self.opened()

    def pull(self) -> None:
        """Pull the cable; safe to say twice."""
        if self._master is not None:
            self.name.unlink()
            os.close(self._master)
            self._master = None

    def opened(self) -> None:
        """Count from here."""
        self.received = self.sent = 0

    def listen(self) -> bool:
        """Take what has arrived; whether anybody has the far end open."""
        if self._master is None:
            return False
        try:
            data = os.read(self._master, _READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:  # EIO: nobody has the far end open
            return False
        self._heard += data
        self.received += len(data)
        return True

    def turn(self, now_ms: int) -> None:
        """The device lives on; what it says while nobody listens is lost."""
        if self._master is None:
            return
        somebody = self.listen()
        heard, self._heard = self._heard, b""
        said = self.device.step(heard, now_ms)
        if said and somebody:
            self.sent += os.write(self._master, said)


class FedPlug:
    """The Moxy behind its feeder: *pulled* is the feeder ended, as when its radio is pulled."""

    def __init__(self, socket: Path, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._feed = self._new_feed()
        self._outlet = Outlet(os.fspath(socket), lambda: [self._feed.greeting(self._clock())])
        self._speaking: asyncio.Task[None] | None = None

    @property
    def is_in(self) -> bool:
        """Whether the feeder runs."""
        return self._speaking is not None

    def plug(self) -> None:
        """Start the feeder, with a monitor that was just switched on."""
        self._feed = self._new_feed()
        self._speaking = asyncio.ensure_future(self._outlet.run())

    def pull(self) -> None:
        """End the feeder."""
        if self._speaking is not None:
            self._speaking.cancel()
            self._speaking = None

    def turn(self, now_ms: int) -> None:
        """The monitor lives on."""
        if self.is_in:
            said = self._feed.step(now_ms)
            if said:
                self._outlet.say(said)

    @staticmethod
    def _new_feed() -> MoxyFeed:
        return MoxyFeed(MoxyMonitor(shown), ADDRESS)


AnyPlug = Plug | FedPlug


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
