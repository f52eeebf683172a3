"""The hub's samples in core: the newest force reaches the loop before anything is recorded."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from drivers.host import Block
from drivers.hub_events import Started
from firmware_bridge.hub import EMG
from gateway.config import HubConfig
from gateway.model import Limb, Priority, Reason, StimulationPermit
from gateway.record.events import DeviceIdentified, DeviceNoticed
from gateway.record.waveforms.reader import Waveform
from gateway.runtime.requests import SessionRaise
from gateway.runtime.takers import HubTaker
from gateway.runtime.waveforms import Recorded, Waveforms, device_stream
from gateway.simulation.bedside import TURN_MS
from gateway.simulation.hub import FULL, LOAD_CELL, Leg, SimulatedHub
from gateway.simulation.plant import Plant
from tests.runtime.conftest import People
from tests.runtime.stimulation import Stimulated

HUB = HubConfig(port="memory", description="hub on the bed")


class Hub:
    """A simulated hub on a wire, its driver, and the taker over a core."""

    def __init__(self, people: People, folder: Path, config: HubConfig = HUB) -> None:
        self.people, self.leg = people, Leg(force_n=100.0)
        self.device = SimulatedHub(self.leg, FULL)
        core = people.bedside.core
        self.executor = ThreadPoolExecutor(1)
        self.waveforms = Waveforms(folder, core.recorder.stamp, core.note, self.executor)
        self.taker = HubTaker(core, self.waveforms, config)
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
    force = hub.people.bedside.core.senses.force
    assert force is not None
    assert force.value == pytest.approx(25_000, abs=1_000)
    assert hub.now - force.arrived_ms <= 2


def test_each_packet_is_one_decision(hub: Hub) -> None:
    hub.run(1_000)
    felt: list[int] = []
    core = hub.people.bedside.core
    read = core.senses.force_read
    core.senses.force_read = lambda mn, now: (felt.append(now), read(mn, now))[1]  # type: ignore[method-assign]
    hub.run(1_000)
    assert len(felt) == pytest.approx(500, abs=2)


def test_force_comes_before_what_is_recorded(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.run(1_000)
    order: list[str] = []
    core = hub.people.bedside.core
    monkeypatch.setattr(core.senses, "force_read", lambda mn, now: order.append("force"))
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
    assert people.bedside.core.senses.force is None


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


class StimulatedLeg(Leg):
    """A leg whose third pair of EMG electrodes lies over the stimulated muscle."""

    def __init__(self, plant: Plant) -> None:
        super().__init__()
        self._plant = plant

    def __call__(self, kind: int, at_us: int, channels: int) -> Sequence[float]:
        frame = super().__call__(kind, at_us, channels)
        return frame if kind != EMG else [*frame[:2], self._plant.emg_uv(1)[0], *frame[3:]]


def wired(people: Stimulated, folder: Path) -> Hub:
    assert people.bedside.core.setup.config.hub is not None
    hub = Hub(people, folder, people.bedside.core.setup.config.hub)
    hub.device = SimulatedHub(StimulatedLeg(people.bedside.plant), FULL)
    hub.now = people.bedside.core_ms
    return hub


def together(hub: Hub, duration_ms: int) -> list[int]:
    """Bedside and hub go on; the currents that packets of the hub, between two turns, led to."""
    core, led_to = hub.people.bedside.core, []
    for _ in range(0, duration_ms, TURN_MS):
        hub.people.bedside.turn()
        before, hub.now = core.pulses, hub.people.bedside.core_ms
        hub.run(TURN_MS)
        if core.pulses != before and isinstance(core.pulses, StimulationPermit):
            led_to.append(core.pulses.current_ua)
    return led_to


class TestEvoked:
    """The hub's EMG for a loop on the evoked response: the packet that completes a response is answered."""

    @pytest.fixture
    def thigh(self, tmp_path: Path) -> Iterator[Stimulated]:
        config = HubConfig(port="memory", description="hub on the bed", evoked_channel=3)
        people = Stimulated(tmp_path / "thigh.db", hub=config)
        yield people
        people.bedside.close()

    def test_it_lowers_the_current_between_two_turns(self, thigh: Stimulated, tmp_path: Path) -> None:
        hub = wired(thigh, tmp_path / "waveforms")
        together(hub, 1_000)
        assert thigh.stimulate("nmes-evoked-demo").exit_code == 0
        for _ in range(8):
            together(hub, 2_400)
            thigh.bedside.ask(SessionRaise(by_ma=5, confirm=True))
        led_to = together(hub, 10_000)
        assert thigh.contractions()[-1].response == "yes"
        assert led_to[-1] < led_to[0]
        assert led_to == sorted(led_to, reverse=True)

    def test_through_an_electrode_that_is_off_nothing_is_seen(
        self, thigh: Stimulated, tmp_path: Path
    ) -> None:
        hub = wired(thigh, tmp_path / "waveforms")
        together(hub, 1_000)
        hub.device.faults.electrodes_off = 0b011
        assert thigh.stimulate("nmes-evoked-demo").exit_code == 0
        together(hub, 3_000)
        core = thigh.bedside.core
        assert core.senses.looks(core.session).muscle is not None  # type: ignore[arg-type]
        hub.device.faults.electrodes_off = 0b100
        together(hub, 10_000)
        assert thigh.contractions()[-1].response == "unknown"
        assert Reason.EMG_LOST in thigh.alarmed()

    def test_what_was_seen_before_the_hub_began_anew_counts_for_nothing(
        self, thigh: Stimulated, tmp_path: Path
    ) -> None:
        hub = wired(thigh, tmp_path / "waveforms")
        together(hub, 1_000)
        assert thigh.stimulate("nmes-evoked-demo").exit_code == 0
        together(hub, 3_000)
        core = thigh.bedside.core
        assert core.senses.looks(core.session).muscle.answer == 0  # type: ignore[union-attr, arg-type]
        hub.taker.heard([Started(("emg",), hub.now)], hub.now)
        assert core.senses.looks(core.session).muscle is None  # type: ignore[arg-type]

    def test_an_emg_that_it_cannot_use_is_told(self, thigh: Stimulated, tmp_path: Path) -> None:
        hub = wired(thigh, tmp_path / "waveforms")
        hub.device = SimulatedHub(hub.leg, LOAD_CELL)
        hub.run(1_000)
        thigh.bedside.run(100)
        notices = [row.body for row in thigh.events_of(DeviceNoticed)]
        assert any(b"no evoked responses and no pulses from channel 3" in body for body in notices)

    def test_an_artifact_that_does_not_fit_into_its_range_is_told(
        self, thigh: Stimulated, tmp_path: Path
    ) -> None:
        hub = wired(thigh, tmp_path / "waveforms")
        config = thigh.bedside.core.setup.config.hub
        assert config is not None
        high = msgspec.structs.replace(config, artifact_uv=7_000)
        hub.taker = HubTaker(thigh.bedside.core, hub.waveforms, high)
        hub.host = hub.taker.make_host()
        hub.taker.connected(hub.host, hub.now)
        hub.run(1_000)
        thigh.bedside.run(100)
        notices = [row.body for row in thigh.events_of(DeviceNoticed)]
        assert any(
            b"pulses are not counted outside a loop: an artifact of 7000 uV does not fit" in one
            for one in notices
        )


class TestPulses:
    """The hub's EMG in a session without a loop: pulses are counted over the samples that came."""

    @pytest.fixture
    def thigh(self, tmp_path: Path) -> Iterator[Stimulated]:
        config = HubConfig(port="memory", description="hub", evoked_channel=3, artifact_uv=2_500)
        people = Stimulated(tmp_path / "thigh.db", hub=config)
        yield people
        people.bedside.close()

    def given(self, hub: Hub, number: int) -> None:
        people = hub.people
        assert isinstance(people, Stimulated)
        wanted = len(people.contractions()) + number
        while len(people.contractions()) < wanted:
            together(hub, TURN_MS)
        together(hub, 100)

    def test_they_arrive(self, thigh: Stimulated, tmp_path: Path) -> None:
        hub = wired(thigh, tmp_path / "waveforms")
        together(hub, 1_000)
        assert thigh.stimulate().exit_code == 0
        self.given(hub, 2)
        assert [one.pulses for one in thigh.contractions()] == ["yes"] * 2
        assert not thigh.alarmed()

    @pytest.mark.parametrize("contraction", [1, 2])
    def test_a_hub_that_begins_anew_in_a_contraction_says_nothing_of_it(
        self, thigh: Stimulated, tmp_path: Path, contraction: int
    ) -> None:
        """In the first one the counts of before are 0 as well."""
        hub = wired(thigh, tmp_path / "waveforms")
        together(hub, 1_000)
        assert thigh.stimulate().exit_code == 0
        self.given(hub, contraction - 1)
        while not thigh.current_ua:
            together(hub, TURN_MS)
        together(hub, 1_200)
        hub.taker.heard([Started(("emg",), hub.now)], hub.now)
        self.given(hub, 1)
        assert thigh.contractions()[-1].pulses == "unknown"
        assert thigh.alarmed() == {Reason.EMG_LOST: Priority.LOW}
        self.given(hub, 1)
        assert thigh.contractions()[-1].pulses == "yes"
        assert not thigh.alarmed()

    def test_an_electrode_that_comes_and_goes_says_nothing(self, thigh: Stimulated, tmp_path: Path) -> None:
        hub = wired(thigh, tmp_path / "waveforms")
        together(hub, 1_000)
        assert thigh.stimulate().exit_code == 0
        while not thigh.current_ua:
            together(hub, TURN_MS)
        for off in (0b100, 0, 0b100, 0):
            hub.device.faults.electrodes_off = off
            together(hub, 400)
        self.given(hub, 1)
        assert thigh.contractions()[-1].pulses == "unknown"
        assert Reason.EMG_LOST in thigh.alarmed()
