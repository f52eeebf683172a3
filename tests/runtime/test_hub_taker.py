"""The hub's samples in core: the newest force reaches the loop before anything is recorded."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from drivers.host import Block
from gateway.model import Limb
from gateway.record.events import DeviceIdentified, DeviceNoticed
from gateway.record.waveforms.reader import Waveform
from gateway.runtime.takers import HubTaker
from gateway.runtime.waveforms import Recorded, Waveforms, device_stream
from gateway.simulation.hub import FULL, LOAD_CELL, Leg, SimulatedHub
from tests.runtime.conftest import People


class Hub:
    """A simulated hub on a wire, its driver, and the taker over a core."""

    def __init__(self, people: People, folder: Path) -> None:
        self.people, self.leg = people, Leg(force_n=100.0)
        self.device = SimulatedHub(self.leg, FULL)
        core = people.bedside.core
        self.executor = ThreadPoolExecutor(1)
        self.waveforms = Waveforms(folder, core.recorder.stamp, core.note, self.executor)
        self.taker = HubTaker(core, self.waveforms, "hub on the bed")
        self.host = self.taker.make_host()
        self.taker.connected(self.host, 0)
        self.now = 0

    def run(self, duration_ms: int) -> None:
        for _ in range(0, duration_ms, 2):
            self.now += 2
            heard = self.host.receive(self.device.step(self.now, self.host.outgoing(self.now)), self.now)
            if heard:
                self.taker.heard(heard, self.now)


@pytest.fixture
def hub(people: People, tmp_path: Path) -> Hub:
    return Hub(people, tmp_path / "waveforms")


def test_force_is_in_millinewtons_and_fresh(hub: Hub) -> None:
    hub.leg.activation = 0.25
    hub.run(1_000)
    force = hub.people.bedside.core.force
    assert force is not None
    assert force.value == pytest.approx(25_000, abs=1_000)
    assert hub.now - force.arrived_ms <= 2


def test_each_packet_is_one_decision(hub: Hub) -> None:
    hub.run(1_000)
    felt: list[int] = []
    core = hub.people.bedside.core
    read = core.force_read
    core.force_read = lambda mn, now: (felt.append(now), read(mn, now))[1]  # type: ignore[method-assign]
    hub.run(1_000)
    assert len(felt) == pytest.approx(500, abs=2)


def test_force_comes_before_what_is_recorded(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.run(1_000)
    order: list[str] = []
    core = hub.people.bedside.core
    monkeypatch.setattr(core, "force_read", lambda mn, now: order.append("force"))
    monkeypatch.setattr(hub.waveforms, "block", lambda block: order.append(block.stream))
    hub.run(2)
    assert order == ["force", "emg", "force", "ppg"]


def test_it_is_written_down_who_it_is_and_what_is_wrong_with_it(hub: Hub) -> None:
    hub.run(1_000)
    hub.device.faults.electrodes_off = 0b100
    hub.run(1_000)
    hub.people.bedside.run(1_000)
    assert len(hub.people.events_of(DeviceIdentified)) >= 1
    assert any(b"electrode 3 off" in row.body for row in hub.people.events_of(DeviceNoticed))


def test_a_load_cell_that_was_not_calibrated_moves_no_loop(people: People, tmp_path: Path) -> None:
    hub = Hub(people, tmp_path / "waveforms")
    hub.taker._sampled = None
    hub.taker._feel(Block("force", 1, bytes(3), 0, 5), 5)
    assert people.bedside.core.force is None


def test_its_streams_are_recorded(hub: Hub) -> None:
    hub.device = SimulatedHub(hub.leg, LOAD_CELL)
    hub.run(1_000)
    session = Recorded("rvos-1-1", "rvos", 1, Limb.LEFT_THIGH)

    async def scenario() -> None:
        def streams(limb: Limb) -> tuple:  # type: ignore[type-arg]
            return tuple(device_stream(source, limb) for source in hub.taker.sources())

        hub.waveforms.turn(session, streams, hub.now)
        await hub.waveforms.settled(hub.now)
        hub.run(1_000)
        await hub.waveforms.close(hub.now)

    asyncio.run(scenario())
    hub.executor.shutdown()
    with Waveform.open(hub.waveforms._folder / "rvos-1-1.rvw") as found:
        [track] = found.tracks
        assert track.stream.name == "force"
        assert sum(run.frames for run in track.runs) == pytest.approx(80, abs=3)
