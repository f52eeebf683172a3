"""The P24 host behind the runtime's own gate: its words lead to pulses, a gap to another link."""

from dataclasses import dataclass, field

import pytest

from drivers.p24 import P24Host
from drivers.stimulation import Pulses, Report
from gateway.model import Output, Reason, Safe, StimulationPermit
from gateway.runtime import stimulator
from gateway.safety.limits import Limits
from gateway.simulation.p24 import P24

STEP_MS = 10
PERMIT = StimulationPermit(20_000, 300, 350, 0)
SAFE = Safe(Output.STIMULATOR, Reason.NO_REQUEST)


@dataclass
class Port:
    """The words of the gate as the host takes them."""

    host: P24Host

    def start(self, pulses: Pulses) -> None:
        self.host.start(pulses)

    def stop(self) -> None:
        self.host.stop()

    def ask(self) -> None:
        self.host.ask()


@dataclass
class Bedside:
    host: P24Host = field(default_factory=P24Host)
    device: P24 = field(default_factory=P24)
    gate: stimulator.StimulatorGate = field(
        default_factory=lambda: stimulator.StimulatorGate(Limits().stimulator_age_ms)
    )
    now_ms: int = 0

    def run(self, answer: StimulationPermit | Safe, duration_ms: int) -> None:
        for _ in range(duration_ms // STEP_MS):
            self.now_ms += STEP_MS
            self.gate.act(answer, relay_closed=True, now=self.now_ms)
            said = self.device.step(self.host.outgoing(self.now_ms), self.now_ms)
            for event in self.host.receive(said, self.now_ms):
                assert isinstance(event, Report)
                self.gate.report(event, self.now_ms)


@pytest.fixture
def bedside() -> Bedside:
    bedside = Bedside()
    bedside.gate.connected(Port(bedside.host))
    bedside.run(SAFE, 1_000)
    return bedside


def link(bedside: Bedside) -> int:
    assert bedside.gate.reading is not None
    return bedside.gate.reading.link


def test_trains_and_pauses_are_one_link(bedside: Bedside) -> None:
    before = link(bedside)
    for _ in range(10):
        bedside.run(PERMIT, 2_000)
        assert bedside.device.trains[0].current_ua == 20_000
        assert bedside.gate.answers(bedside.now_ms)
        bedside.run(SAFE, 2_000)
        assert not bedside.device.active
        assert bedside.gate.answers(bedside.now_ms)
    assert link(bedside) == before
    assert (bedside.device.pauses, bedside.device.resumes) == (0, 0)


def test_pulses_that_rise_with_each_contraction_are_one_link(bedside: Bedside) -> None:
    before = link(bedside)
    for current_ua in range(1_000, 30_000, 1_000):
        bedside.run(StimulationPermit(current_ua, 300, 350, 0), 200)
    bedside.run(PERMIT, 200)
    assert link(bedside) == before


@pytest.mark.parametrize("lost_ms", [700, 3_000])
def test_a_device_that_was_silent_is_another_link(bedside: Bedside, lost_ms: int) -> None:
    bedside.run(PERMIT, 1_000)
    before = link(bedside)
    bedside.device.faults.silent = True
    bedside.run(PERMIT, lost_ms)
    bedside.device.faults.silent = False
    bedside.run(PERMIT, 2_000)
    assert link(bedside) > before
    assert not bedside.device.active
    assert bedside.device.resumes == 0


def test_an_electrode_that_is_off_reaches_the_gate_and_a_stop_clears_it(bedside: Bedside) -> None:
    bedside.run(PERMIT, 1_000)
    bedside.device._lead = lambda channel: 1_000_000
    bedside.run(PERMIT, 1_000)
    assert bedside.gate.reading is not None
    assert bedside.gate.reading.electrode_fault
    bedside.run(SAFE, 500)
    assert not bedside.gate.reading.electrode_fault
