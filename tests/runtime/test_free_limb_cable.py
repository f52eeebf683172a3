"""A blood pressure before an inflation, over a pseudo-terminal: port, link, driver, core, module."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.plugs import Plug
from drivers import link
from drivers.serial_port import SerialPort, open_port
from gateway.record.events import BloodPressureEntered, DeviceIdentified
from gateway.runtime import device_view
from gateway.runtime.equipment import Equipment
from gateway.runtime.waveforms import Waveforms
from gateway.simulation import suntech as simulated
from gateway.simulation.suntech import Limb as Arm
from gateway.simulation.suntech import SunTech
from tests.drivers.ptys import run
from tests.runtime.arm_cuff import MODULE, ArmRoom

BEFORE_MS = 228_000
"""Until a minute and a half before the first inflation: nothing to see, and no wire needed for it."""


class Cabled(ArmRoom):
    """The same bedside, its module behind a port that the equipment keeps."""

    def __init__(self, folder: Path) -> None:
        module = msgspec.structs.replace(MODULE, port=str(folder / "module"), serial="NB-000317")
        super().__init__(folder / "journal.db", module, plugged=False)
        self.bedside.module = None
        core = self.bedside.core
        assert core is not None
        self.files = ThreadPoolExecutor(1)
        waveforms = Waveforms(folder / "waveforms", core.recorder.stamp, core.note, self.files)
        self.equipment = Equipment(core, waveforms, lambda: self.bedside.core_ms)
        core.conditions = self.equipment.conditions
        self.plug = Plug(folder / "module", lambda: SunTech(lambda now_ms: Arm(128, 74)))
        self.port: SerialPort | None = None

    async def opened(self, path: str, *words: Any, **named: Any) -> SerialPort:
        """Core opens the port: bytes are counted from here."""
        self.port = await open_port(path, *words, **named)
        self.plug.opened()
        return self.port

    @property
    def is_ready(self) -> bool:
        """Whether the module is there and has said who it is."""
        return any(one[:2] == ("blood_pressure", "ready") for one in self.equipment.conditions())

    async def run_until(self, holds: Any, longest_ms: int) -> None:
        """Turn by turn, until this holds; time stands while bytes are on their way."""
        until_ms = self.bedside.now + longest_ms
        while not holds():
            assert self.bedside.now < until_ms, (self.state, self.equipment.conditions())
            self.bedside.turn()
            self.equipment.turn()
            self.plug.turn(self.bedside.core_ms)
            await asyncio.sleep(0)
            while not self._is_carried():  # noqa: ASYNC110 - the kernel has no event for the last byte
                await asyncio.sleep(0)

    def _is_carried(self) -> bool:
        port = self.port
        if port is None or not port.is_open or not self.plug.is_in:
            return True
        self.plug.listen()
        return port.bytes_received >= self.plug.sent and self.plug.received >= port.bytes_written


def test_core_takes_it_through_the_port_that_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Cabled(tmp_path)
    monkeypatch.setattr(link, "open_port", room.opened)
    monkeypatch.setattr(link, "RETRY_S", 0.0)
    monkeypatch.setattr(simulated, "BLEED_MMHG_S", 20.0)
    room.start()
    room.bedside.run(BEFORE_MS)
    core = room.bedside.core
    assert core is not None

    async def scenario() -> None:
        keeping = [asyncio.create_task(work) for work in room.equipment.work()]
        room.plug.plug()
        await room.run_until(lambda: room.is_ready, 5_000)
        [seen] = [
            one for one in device_view.devices(core, core.state.now_ms or 0) if one.name == "blood_pressure"
        ]
        assert (seen.state, seen.serial, seen.notice) == ("ready", "NB-000317", "")
        module = room.plug.device
        assert isinstance(module, SunTech)
        await room.run_until(lambda: not module.is_idle, 20_000)
        await room.run_until(lambda: module.is_idle, 60_000)
        assert module.mmhg < 80
        ended_ms = room.bedside.now
        await room.run_until(lambda: room.bedside.now > ended_ms + 1_000, 60_000)
        room.plug.pull()
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)

    run(scenario)
    [(_, taken)] = room.rows(BloodPressureEntered)[1:]
    assert taken == {"systolic_mmhg": 128, "diastolic_mmhg": 74, "source": "module", "serial": "NB-000317"}
    assert "blood_pressure" in {row["device"] for _, row in room.rows(DeviceIdentified)}
    room.until_inflating(1)
    assert room.state["target_mmhg"] == 178
    room.files.shutdown()
    room.bedside.close()
