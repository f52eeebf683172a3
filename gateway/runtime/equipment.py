"""The devices of the configuration: a link for each, and what its words mean to core.

Theory of operation
-------------------
``Equipment`` makes a ``DeviceLink`` (or a ``FeederLink``) for each table of the configuration, except for the
cuff, which has a link of its own (``cuff_link``).  Each link has a *taker* that knows core:

- the oximeter's readings become StO2 and haemoglobin;
- a stimulator is given to the gate once it has said who it is and nothing speaks against it; its reports go
  to the gate, its complaints to the journal;
- of the hub's samples the force goes to the closed loop, before anything is recorded;
- the blood pressure module is given to ``FreeLimb`` in the same way as a stimulator to its gate;
- everything that is sampled goes to the waveform file of the session.

Whatever a driver concludes or complains of becomes a row; a device that says who it is, and one that is lost,
too, and why one was refused.  Nothing here decides what may be energised.

Units: ms; mN.
"""

import pwd
from collections.abc import Callable, Coroutine
from contextlib import suppress
from os import getuid
from pathlib import Path
from typing import Any

from drivers.bitalino_host import BitalinoHost
from drivers.cyton_host import CytonHost
from drivers.feeder_link import FeederLink
from drivers.host import Host
from drivers.link import Condition, DeviceLink, H, Taker, Wanted
from drivers.nonin_oem_host import NoninOemHost
from drivers.usb import RP2040, SYS, Expected
from gateway.config import (
    AlgometerConfig,
    BloodPressureConfig,
    EmgConfig,
    HubConfig,
    OximeterConfig,
    PulseConfig,
    StimulatorConfig,
)
from gateway.model import Limb
from gateway.record.waveforms.streams import Stream
from gateway.runtime import takers
from gateway.runtime.core import Core
from gateway.runtime.doubts import DoubtRows
from gateway.runtime.waveforms import Waveforms, device_stream, own_streams, stimulation_stream

FEEDER_USER = "rvos-feeder"
LOOP_HZ = 500.0
"""Decisions of the closed loop: one for each packet of the hub."""

_OXIMETER_SILENT_MS = 10_000
_SENSOR_SILENT_MS = 2_000
_STIMULATOR_SILENT_MS = 600

_GREETING_MS = {
    "nonin": 20_000,
    "invos": 60_000,
    "moxy": 30_000,
    "rehastim2": 5_000,
    "p24": 5_000,
    "hub": 5_000,
}
"""By when the right device has said its first valid frame; three times what it needs, or more.

Nonin says a line a second, and five teach where its checksum ends; INVOS says one every 5 s, and five are
waited for; a feeder has to find its monitor first.  RehaStim2 says Init twice a second; P24 and hub answer
within 0.5 s and are asked again.  Amplifiers and pulse oximeters are asked up to three times, with pauses:
they have the link's own ``GREETING_MS``.
"""

_FTDI = ("0403:",)
_P24 = ("0483:5740",)

AnyLink = DeviceLink[Any] | FeederLink[Any]


class Equipment:
    """Every device but the cuff."""

    def __init__(
        self, core: Core, waveforms: Waveforms, clock: Callable[[], int], sys_root: Path = SYS
    ) -> None:
        self._core, self._waveforms, self._clock, self._sys_root = core, waveforms, clock, sys_root
        self._sources: list[takers.Sampled] = []
        self._rows = DoubtRows(core)
        self.links: list[AnyLink] = []
        self._last_words: list[Callable[[], None]] = []
        config = core.setup.config
        if config.oximeter is not None:
            self.links.append(self._oximeter(config.oximeter))
        if config.stimulator is not None and config.stimulator.port is not None:
            self.links.append(self._stimulator(config.stimulator, config.stimulator.port))
        if config.hub is not None:
            self.links.append(self._hub(config.hub))
        if config.emg is not None:
            self.links.append(self._emg(config.emg))
        if config.pulse is not None:
            self.links.append(self._pulse(config.pulse))
        if config.blood_pressure is not None:
            self.links.append(self._blood_pressure(config.blood_pressure))
        if config.algometer is not None:
            self.links.append(self._algometer(config.algometer))

    def work(self) -> list[Coroutine[None, None, None]]:
        """What has to run for ever."""
        return [link.keep() for link in self.links]

    def turn(self) -> None:
        """Let time pass for every device; called with every turn of the cycle."""
        for link in self.links:
            link.turn()
            doubts = link.doubts()
            if doubts:
                self._rows.write(link.name, link.opened, doubts, self._clock())

    def last_words(self) -> tuple[Callable[[], None], ...]:
        """For each that can energise: tell it to stop, and never say anything to it again. Core has failed.

        Each ends by itself besides: a stimulator's watchdog and the relay's lease, the module's own timer.
        """
        return tuple(self._last_words)

    def conditions(self) -> list[Condition]:
        """How each of them does."""
        return [link.condition() for link in self.links]

    def streams(self, limb: Limb) -> tuple[Stream, ...]:
        """What a session on this limb has to record now."""
        sampled = [device_stream(source, limb) for taker in self._sources for source in taker.sources()]
        loop = (stimulation_stream(LOOP_HZ),) if self._core.setup.config.hub is not None else ()
        return (*own_streams(limb), *loop, *sampled)

    # one device each

    def _oximeter(self, config: OximeterConfig) -> AnyLink:
        wanted = Wanted(
            "oximeter",
            config.port,
            Expected(serial=config.serial),
            _OXIMETER_SILENT_MS,
            greeting_ms=_GREETING_MS[config.driver],
        )
        taker = takers.OximeterTaker(self._core)

        def make() -> Host:
            return self._core.oximeter.new_host(config)

        if config.driver == "moxy":
            return FeederLink(wanted, _feeders(), make, taker, self._clock)
        return DeviceLink(wanted, make, taker, self._clock, self._sys_root)

    def _stimulator(self, config: StimulatorConfig, port: str) -> AnyLink:
        usb = _P24 if config.driver == "p24" else _FTDI
        says_it = (
            config.driver == "p24"
        )  # the other one's protocol has no serial number: its adapter's counts
        expected = Expected(usb, "" if says_it else config.serial)
        wanted = Wanted(
            "stimulator",
            port,
            expected,
            _STIMULATOR_SILENT_MS,
            config.serial if says_it else "",
            _GREETING_MS[config.driver or "rehastim2"],
        )
        taker = takers.StimulatorTaker(self._core, config)
        link = DeviceLink(wanted, taker.make_host, taker, self._clock, self._sys_root)
        taker.send, taker.refusal = link.send_now, link.refusal
        self._last_words.append(lambda: self._end(link, lambda host: host.stop()))
        return link

    def _hub(self, config: HubConfig) -> AnyLink:
        usb = Expected(RP2040, config.serial)
        wanted = Wanted("hub", config.port, usb, _SENSOR_SILENT_MS, greeting_ms=_GREETING_MS["hub"])
        taker = takers.HubTaker(self._core, self._waveforms, config)
        return self._sampled(wanted, taker.make_host, taker)

    def _emg(self, config: EmgConfig) -> AnyLink:
        wanted = Wanted("emg", config.port, Expected(serial=config.serial), _SENSOR_SILENT_MS)
        make: type[CytonHost] | type[BitalinoHost] = CytonHost if config.driver == "cyton" else BitalinoHost
        return self._sampled(
            wanted, make, takers.SensorTaker("emg", self._core, self._waveforms, config.description)
        )

    def _pulse(self, config: PulseConfig) -> AnyLink:
        wanted = Wanted("pulse", config.port, Expected(serial=config.serial), _SENSOR_SILENT_MS)
        taker = takers.SensorTaker("pulse", self._core, self._waveforms, config.description)
        return self._sampled(wanted, lambda: NoninOemHost(config.format), taker)

    def _blood_pressure(self, config: BloodPressureConfig) -> AnyLink:
        from gateway.runtime.cuffed_takers import MODULE_SILENT_MS, ModuleTaker  # few sites have either

        wanted = Wanted("blood_pressure", config.port, Expected(), MODULE_SILENT_MS, config.serial)
        taker = ModuleTaker(self._core, config)
        link = DeviceLink(wanted, taker.make_host, taker, self._clock, self._sys_root)
        taker.send, taker.refusal = link.send_now, link.refusal
        self._last_words.append(lambda: self._end(link, lambda host: host.abort()))
        return link

    def _end(self, link: DeviceLink[H], stop: Callable[[H], None]) -> None:
        host, word = link.host, b""
        try:
            if host is not None:
                stop(host)
                word = host.outgoing(self._clock())
        finally:  # whatever is wrong with its host, and where there is none yet
            link.say_last(word)

    def _algometer(self, config: AlgometerConfig) -> AnyLink:
        from drivers.cpar import CparHost
        from gateway.runtime.cuffed_takers import AlgometerTaker

        wanted = Wanted("algometer", config.port, Expected(), _SENSOR_SILENT_MS, config.serial)
        return self._sampled(
            wanted, CparHost, AlgometerTaker(self._core, self._waveforms, config.description)
        )

    def _sampled(self, wanted: Wanted, make: Callable[[], Any], taker: takers.Sampled) -> AnyLink:
        self._sources.append(taker)
        listener: Taker[Any] = taker
        return DeviceLink(wanted, make, listener, self._clock, self._sys_root)


def _feeders() -> frozenset[int]:
    """Who may feed: the feeder's user, and whoever core runs as (on a bench)."""
    users = {getuid()}
    with suppress(KeyError):
        users.add(pwd.getpwnam(FEEDER_USER).pw_uid)
    return frozenset(users)
