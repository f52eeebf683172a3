"""The simulated Moxy as a process: a real plant, core's real socket."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.host import Identity
from drivers.oximetry_events import Oximetry
from gateway.simulation.moxy_process import ADDRESS
from tests.drivers.ptys import run
from tests.drivers.test_moxy_feeder import Core

Process = subprocess.Popen[bytes]

pytestmark = pytest.mark.system


def test_core_hears_the_physics_and_again_after_a_restart(
    tmp_path: Path, start_plant: Callable[..., Process], start: Callable[..., Process]
) -> None:
    plant = start_plant(tmp_path / "plant.sock")
    moxy = start("moxy_process", "--plant", tmp_path / "plant.sock", "--socket", tmp_path / "moxy.sock")

    async def scenario() -> None:
        core = Core(str(tmp_path / "moxy.sock"), address=ADDRESS)
        for restarts in range(2):
            port = await core.listen()
            heard = len(core.counters)
            while len(core.counters) < heard + 3:
                await core.changed.wait()
                core.changed.clear()
            assert core.connections == restarts + 1
            assert core.host.identity == Identity("Moxy", ADDRESS)
            await port.close()
        values = [event.channels[0] for event in core.events if isinstance(event, Oximetry)]
        assert {value.saturation_permille for value in values} <= set(range(660, 701)) | {None}
        assert values[-1].saturation_permille is not None
        plant.terminate()
        assert await asyncio.to_thread(moxy.wait, 5) == 0

    run(scenario)


def test_without_a_plant_it_says_what_to_start(tmp_path: Path, start: Callable[..., Process]) -> None:
    process = start("moxy_process", "--plant", tmp_path / "none", "--socket", tmp_path / "moxy.sock")
    assert process.wait(10) == 69
