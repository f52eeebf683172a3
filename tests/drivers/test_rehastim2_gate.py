"""The runtime's own gate drives a simulated RehaStim2 through this host."""

from drivers.rehastim2 import SILENCE_MS
from drivers.stimulation import Pulses
from gateway.model import Output, Reason, Safe, StimulationPermit
from gateway.runtime import stimulator as gate
from tests.drivers.rehastim2_bench import TURN_MS, Bench


class Gated(Bench):
    """The runtime's own gate as the caller; ``answer`` is what the supervisor says."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.gate = gate.StimulatorGate(600)
        self.answer: StimulationPermit | Safe = Safe(Output.STIMULATOR, Reason.NO_REQUEST)
        self.links: list[int] = []
        self.gate.connected(self)

    def start(self, pulses: Pulses) -> None:
        self.host.start(pulses)

    def stop(self) -> None:
        self.host.stop()

    def ask(self) -> None:
        self.host.ask()

    def speak(self) -> None:
        for report in self.reports:
            self.gate.report(report, self.now - TURN_MS)
        self.reports.clear()
        self.gate.act(self.answer, True, self.now)
        if self.gate.reading is not None and self.gate.reading.link not in self.links:
            self.links.append(self.gate.reading.link)


PERMIT = StimulationPermit(20_000, 300, 500, 10**9)
NO = Safe(Output.STIMULATOR, Reason.NO_REQUEST)


def gated() -> Gated:
    bench = Gated()
    bench.run(1500)
    assert bench.gate.answers(bench.now)
    assert len(bench.links) == 1
    return bench


def contracting() -> Gated:
    bench = gated()
    bench.answer = PERMIT
    bench.run(500)
    assert bench.pulses
    assert bench.gate.reading is not None
    assert bench.gate.reading.stimulating
    return bench


def test_the_gate_gives_and_stops_through_this_host() -> None:
    bench = contracting()
    bench.run(5000)
    assert len(bench.links) == 1
    assert bench.gate.answers(bench.now)
    bench.answer = NO
    bench.turn()
    at = bench.now
    bench.run(2000)
    assert bench.pulses_after(at) == []
    assert bench.gate.reading is not None
    assert not bench.gate.reading.stimulating
    assert len(bench.links) == 1


def test_ten_contractions_are_one_link() -> None:
    bench = gated()
    for _ in range(10):
        bench.answer = PERMIT
        bench.run(1000)
        bench.answer = NO
        bench.run(1000)
    assert len(bench.links) == 1
    assert bench.host.link.unexpected == 0


def test_a_restart_within_a_contraction_is_another_link_and_no_pulse() -> None:
    """Even if nobody above took any notice and the permit stood."""
    bench = contracting()
    bench.device.restart(bench.now)
    at = bench.now
    bench.run(5000)
    assert bench.pulses_after(at) == []
    assert len(bench.links) == 2


def test_a_restart_in_a_pause_is_another_link_and_costs_no_contraction() -> None:
    bench = gated()
    bench.device.restart(bench.now)
    bench.run(1000)
    assert len(bench.links) == 2
    bench.answer = PERMIT
    bench.run(300)
    assert bench.pulses


def test_an_electrode_fault_is_cleared_by_the_gates_own_stop() -> None:
    bench = contracting()
    bench.device.open_electrodes = 1
    bench.run(100)
    assert bench.gate.reading is not None
    assert bench.gate.reading.electrode_fault
    bench.device.open_electrodes = 0
    bench.answer = NO
    bench.run(500)
    assert not bench.gate.reading.electrode_fault
    assert len(bench.links) == 1


def test_a_core_that_hangs_within_a_contraction_ends_it() -> None:
    bench = contracting()
    bench.speak = lambda: None  # type: ignore[method-assign]
    at = bench.now
    bench.run(3000)
    assert bench.pulses_after(at + SILENCE_MS + 2 * TURN_MS) == []
