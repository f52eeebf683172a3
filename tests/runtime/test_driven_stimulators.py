"""Real drivers and simulated devices under the whole bedside: plan, supervisor, gate, bytes, current."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from drivers.link import Wanted, refusal_of
from drivers.listening import Listening
from drivers.stimulation import Report
from drivers.usb import Expected
from gateway.config import StimulatorConfig
from gateway.record.events import DeviceIdentified, DeviceLost
from gateway.runtime.requests import SessionStop
from gateway.runtime.takers import StimulatorTaker
from gateway.simulation.p24 import P24
from gateway.simulation.protocols import STIMULATOR
from gateway.simulation.rehastim2 import RehaStim2
from tests.runtime.stimulation import Stimulated

WANTED = Wanted("stimulator", "/dev/rvos-stimulator", Expected(), 600)
Driver = Literal["rehastim2", "p24"]
DRIVERS: list[Driver] = ["rehastim2", "p24"]


def configured(driver: Driver, **more: Any) -> StimulatorConfig:
    signed = {"research_use": "A. Technician, 2026-11-22, approval 7"} if driver == "p24" else {}
    changes = {"driver": driver, "port": "/dev/rvos-stimulator", **signed, **more}
    return msgspec.convert({**msgspec.to_builtins(STIMULATOR), **changes}, StimulatorConfig)


class Driven:
    """Stands where the bedside's own stimulator stands: a taker, its host, a wire and a device behind it."""

    def __init__(self, bed: Stimulated, config: StimulatorConfig) -> None:
        self._bed = bed
        self.taker = StimulatorTaker(bed.bedside.core, config)
        self.taker.refusal = lambda: refusal_of(
            WANTED._replace(serial=config.serial), self.host, Listening(5_000, "", 0)
        )
        self.device = RehaStim2() if config.driver == "rehastim2" else P24()
        self.plugged = True
        self.connect()

    def connect(self) -> None:
        """The port is opened."""
        self.host = self.taker.make_host()
        self.taker.connected(self.host, self._bed.bedside.core_ms)

    def pull(self) -> None:
        """The cable is pulled."""
        self.plugged = False
        self.taker.lost("unplugged", self._bed.bedside.core_ms)

    def plug(self) -> None:
        """It is back."""
        self.plugged = True
        self.connect()

    def step(self, now: int) -> list[Report]:
        """A turn of the wire."""
        core_ms = self._bed.bedside.core_ms
        said = self.host.outgoing(core_ms) if self.plugged else b""
        heard = self.device.step(said, now)
        if self.plugged:
            events = self.host.receive(heard, core_ms)
            if events:
                self.taker.heard(events, core_ms)
        device = self.device
        self._bed.bedside.plant.train = device.train(1) if isinstance(device, RehaStim2) else device.trains[0]
        return []


def thigh_with(driver: Driver, journal: Path, **more: Any) -> tuple[Stimulated, Driven]:
    config = configured(driver, **more)
    bed = Stimulated(journal, ceilings=config)
    bed.bedside.core.stimulator.disconnected()
    driven = Driven(bed, config)
    bed.bedside.stimulator = driven  # type: ignore[assignment]
    bed.bedside.run(3_000)
    return bed, driven


@pytest.fixture(params=DRIVERS)
def thigh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Stimulated, Driven]]:
    bed, driven = thigh_with(request.param, tmp_path / "journal.db")
    yield bed, driven
    bed.bedside.close()


def test_a_whole_session_is_given_as_prescribed(thigh: tuple[Stimulated, Driven]) -> None:
    bed, _ = thigh
    assert bed.stimulate().exit_code == 0
    highest = 0
    while bed.bedside.core.session is not None:
        bed.bedside.turn()
        highest = max(highest, bed.current_ua)
    assert highest == 6_000
    assert {(one.reason, one.confirmed) for one in bed.contractions()} == {("planned", True)}
    assert [one.current_ua for one in bed.contractions()] == [number * 1_000 for number in range(1, 7)]


def test_it_is_written_down_who_it_is(thigh: tuple[Stimulated, Driven]) -> None:
    bed, driven = thigh
    rows = [msgspec.json.decode(row.body, type=DeviceIdentified) for row in bed.events_of(DeviceIdentified)]
    [row] = [row for row in rows if row.device == "stimulator"]
    assert driven.host.identity is not None
    assert row.model == driven.host.identity.model


def test_a_stop_ends_the_current_within_a_turn_of_the_wire(thigh: tuple[Stimulated, Driven]) -> None:
    bed, _ = thigh
    bed.contracting()
    bed.bedside.ask(SessionStop())
    assert bed.ms_of_current(1_000) <= 100


def test_a_pulled_cable_ends_the_session_and_nothing_resumes_when_it_is_back(
    thigh: tuple[Stimulated, Driven],
) -> None:
    bed, driven = thigh
    bed.contracting()
    driven.pull()
    assert bed.ms_of_current(5_000) <= 1_500, "the relay opens, or the device's own watchdog ends it"
    bed.bedside.run(2_000)
    driven.plug()
    bed.bedside.run(5_000)
    assert bed.current_ua == 0
    assert bed.state()["latched"] == "stimulator_lost"
    assert bed.events_of(DeviceLost)


def test_a_device_that_restarts_while_it_gives_is_not_resumed(thigh: tuple[Stimulated, Driven]) -> None:
    bed, driven = thigh
    bed.contracting()
    if isinstance(driven.device, RehaStim2):
        driven.device.restart(bed.bedside.now)
    else:
        driven.device.restart()
    bed.bedside.run(3_000)
    assert bed.current_ua == 0
    assert bed.state()["latched"] == "stimulator_lost"


def test_a_device_not_for_medical_use_needs_the_sites_signature(tmp_path: Path) -> None:
    bed, _ = thigh_with("p24", tmp_path / "journal.db", research_use=None)
    reply = bed.stimulate()
    assert reply.exit_code != 0
    assert "not for medical use" in reply.message
    bed.bedside.close()


def test_another_serial_number_is_not_given_to_the_gate(tmp_path: Path) -> None:
    bed, _ = thigh_with("p24", tmp_path / "journal.db", serial="SOMETHING-ELSE")
    assert not bed.bedside.core.stimulator.answers(bed.bedside.core_ms)
    assert bed.stimulate().exit_code != 0
    bed.bedside.close()
