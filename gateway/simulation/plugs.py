"""Simulated devices behind pseudo-terminals, under names that stay.

Theory of operation
-------------------
``MAKE`` has a device for each driver that core drives by a port.  Where a protocol has a text for it, each
says that it is simulated.

``Plug`` is a device on a cable: its name is a symbolic link, as udev makes them.  ``pull`` closes the
device's end, which is what a driver sees of a cable that is pulled, and takes the name away; ``plug`` makes a
device that was just switched on, behind another pseudo-terminal, under the same name.  ``FedPlug`` is the
Moxy, whose feeder comes over a socket.

What it does not show: the kernel's own work when a USB device goes or comes (a disconnect, an enumeration and
udev's rule are some hundred ms of their own).

Units: ms of the clock that the caller hands in.
"""

import asyncio
import os
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from drivers.feeder_outlet import Outlet
from gateway.simulation import cpar, cyton, suntech
from gateway.simulation.bitalino import Bitalino
from gateway.simulation.cpar import Cpar
from gateway.simulation.cyton import Cyton
from gateway.simulation.hub import LOAD_CELL, Leg, SimulatedHub
from gateway.simulation.invos import InvosMonitor
from gateway.simulation.moxy import MoxyFeed, MoxyMonitor
from gateway.simulation.nonin_oem import NoninOem
from gateway.simulation.oximeter import Oximeter, Shown
from gateway.simulation.p24 import P24
from gateway.simulation.rehastim2 import RehaStim2
from gateway.simulation.suntech import SunTech

COLUMNS = ("version", "date", "time", "rso2-1", "rso2-2")
ADDRESS = "02:00:00:00:00:01"
NONIN_CHECKSUM_END = 6
"""As the simulated oximeter makes it; a site that has not seen it waits four lines longer."""

_READ_BYTES = 65_536
_SIMULATED = ".simulated"
"""Behind a firmware's number, where a protocol has no other text."""


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


def _cyton() -> Cyton:
    device = Cyton(lambda number: (number % 1000,) * 8)
    device.defects.text = cyton.TEXT.replace("v3.1.2", f"v3.1.2{_SIMULATED}")
    return device


def _bitalino() -> Bitalino:
    device = Bitalino(lambda number: ((512,) * 4 + (32,) * 2, 0))
    device.defects.text = f"BITalino_v5.2{_SIMULATED}"
    return device


def shown(_now_ms: int) -> Shown:
    """What the probes of every simulated oximeter see: 70 %."""
    return Shown(700, 1000, 690)


MAKE: dict[str, Callable[[], Device]] = {
    "nonin": lambda: OneWay(Oximeter(shown).step),
    "invos": lambda: OneWay(InvosMonitor(shown, COLUMNS).step),
    "rehastim2": RehaStim2,
    "p24": P24,
    "hub": Hub,
    "cyton": _cyton,
    "bitalino": _bitalino,
    "nonin-oem": lambda: NoninOem(lambda number: number % 1000),
    "suntech": lambda: SunTech(text=suntech.TEXT._replace(serial="SIMULATED")),
    "cpar": lambda: Cpar(cpar.IDENTITY._replace(name="CPAR+ simulated")),
}
"""A device of each driver that core drives by a port, just switched on."""


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
            with suppress(BlockingIOError):  # it is open and nobody reads: lost, as on a serial port
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
