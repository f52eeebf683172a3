"""The stimulator's gate against a port that writes down what it is told."""

import pytest

from drivers.stimulation import Pulses, Report
from gateway.model import Output, Reason, Safe, StimulationPermit
from gateway.runtime.stimulator import POLL_MS, RENEW_MS, StimulatorGate

GAP_MS = 600
PERMIT = StimulationPermit(5_000, 400, 450, 10_600)
PULSES = Pulses(5_000, 400, 450)
NO = Safe(Output.STIMULATOR, Reason.NO_REQUEST)
QUIET = Report(stimulating=False, electrode_fault=False)
BUSY = Report(stimulating=True, electrode_fault=False)


class Port:
    """Keeps the words in their order."""

    def __init__(self) -> None:
        self.words: list[Pulses | str] = []

    def start(self, pulses: Pulses) -> None:
        self.words.append(pulses)

    def stop(self) -> None:
        self.words.append("stop")

    def ask(self) -> None:
        self.words.append("ask")

    def taken(self) -> list[Pulses | str]:
        words, self.words = self.words, []
        return words


@pytest.fixture
def port() -> Port:
    return Port()


@pytest.fixture
def gate(port: Port) -> StimulatorGate:
    """Connected, its first word taken."""
    found = StimulatorGate(GAP_MS)
    found.connected(port)
    assert port.taken() == ["stop"]
    return found


def test_without_a_port_nothing_is_said() -> None:
    gate = StimulatorGate(GAP_MS)
    gate.act(PERMIT, True, 0)
    assert gate.reading is None
    assert not gate.answers(0)


def test_a_permit_is_said_again_in_time(gate: StimulatorGate, port: Port) -> None:
    for now in range(10_000, 10_000 + 2 * RENEW_MS + 1, 50):
        gate.act(PERMIT, True, now)
    assert port.taken() == [PULSES] * 3


def test_other_pulses_are_said_at_once(gate: StimulatorGate, port: Port) -> None:
    gate.act(PERMIT, True, 10_000)
    gate.act(StimulationPermit(4_000, 400, 450, 10_650), True, 10_050)
    assert port.taken() == [PULSES, Pulses(4_000, 400, 450)]


def test_into_an_open_lead_nothing_is_sent(gate: StimulatorGate, port: Port) -> None:
    gate.act(PERMIT, False, 10_000)
    assert port.taken() == ["ask"]
    gate.act(PERMIT, True, 10_050)
    assert port.taken() == [PULSES]
    gate.act(PERMIT, False, 10_100)
    assert port.taken() == ["stop"]


def test_anything_but_a_permit_stops_at_once_and_only_once(gate: StimulatorGate, port: Port) -> None:
    gate.act(PERMIT, True, 10_000)
    port.taken()
    gate.act(NO, True, 10_050)
    gate.report(QUIET, 10_080)
    gate.act(NO, True, 10_100)
    assert port.taken() == ["stop"]


@pytest.mark.parametrize("report", [BUSY, Report(False, True), Report(True, True)])
def test_it_is_said_again_while_pulses_or_a_fault_are_reported(
    gate: StimulatorGate, port: Port, report: Report
) -> None:
    gate.report(report, 10_000)
    for now in (10_000, 10_050, 10_100):
        gate.act(NO, False, now)
    assert port.taken() == ["stop"] * 3
    gate.report(QUIET, 10_120)
    gate.act(NO, False, 10_150)
    assert port.taken() == []


def test_in_a_pause_it_is_asked_often_enough(gate: StimulatorGate, port: Port) -> None:
    for now in range(10_000, 11_001, 50):
        gate.act(NO, False, now)
    assert port.taken() == ["ask"] * (1_000 // POLL_MS + 1)
    assert POLL_MS <= 300


def test_a_clock_that_ran_backwards_does_not_silence_it(gate: StimulatorGate, port: Port) -> None:
    gate.act(NO, False, 10_000)
    gate.act(NO, False, 5_000)
    assert port.taken() == ["ask", "ask"]


class TestLink:
    def link(self, gate: StimulatorGate) -> int:
        assert gate.reading is not None
        return gate.reading.link

    def test_a_report_is_stamped_on_arrival(self, gate: StimulatorGate) -> None:
        gate.report(BUSY, 10_000)
        assert gate.reading is not None
        assert (gate.reading.stimulating, gate.reading.electrode_fault) == (True, False)
        assert gate.reading.arrived_ms == 10_000
        assert gate.answers(10_000 + GAP_MS)
        assert not gate.answers(10_000 + GAP_MS + 1)

    def test_reports_without_a_gap_are_one_link(self, gate: StimulatorGate) -> None:
        gate.report(QUIET, 10_000)
        first = self.link(gate)
        gate.report(BUSY, 10_000 + GAP_MS)
        assert self.link(gate) == first

    def test_a_gap_is_another(self, gate: StimulatorGate) -> None:
        gate.report(QUIET, 10_000)
        first = self.link(gate)
        gate.report(QUIET, 10_000 + GAP_MS + 1)
        assert self.link(gate) != first

    def test_a_restart_that_the_device_tells_is_another(self, gate: StimulatorGate) -> None:
        gate.report(QUIET, 10_000)
        first = self.link(gate)
        gate.report(Report(True, False, run=2), 10_010)
        assert self.link(gate) != first

    def test_a_new_port_is_another_and_begins_with_a_stop(self, gate: StimulatorGate, port: Port) -> None:
        gate.report(BUSY, 10_000)
        first = self.link(gate)
        gate.disconnected()
        assert gate.reading is None
        gate.connected(port)
        gate.report(BUSY, 10_010)
        assert self.link(gate) != first
        assert port.taken() == ["stop"]
