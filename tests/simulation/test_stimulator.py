"""The simulated stimulator: it obeys, it watches itself, and it can be made to do wrong."""

import pytest

from drivers.stimulation import Pulses, Report
from gateway.simulation import stimulator as device
from gateway.simulation.models import CUFFS, LIMBS
from gateway.simulation.muscle import SILENT, Train
from gateway.simulation.plant import Actuators, Plant
from gateway.simulation.stimulator import Stimulator

PULSES = Pulses(20_000, 400, 450)
TRAIN = Train(20_000, 400, 45)


class Bench:
    """A device on a plant whose relay is closed."""

    def __init__(self, *, stops_itself: bool = True) -> None:
        self.plant = Plant(CUFFS["fast_cuff"], LIMBS["fast_limb"], 1)
        self.device = Stimulator(self.plant, 0, stops_itself=stops_itself)
        self.now = 0
        self.closed = True

    def run(self, for_ms: int) -> list[Report]:
        reports = []
        for _ in range(for_ms // 10):
            self.now += 10
            self.plant.step(self.now, Actuators(relay_closed=self.closed))
            reports += self.device.step(self.now)
        return reports

    def stimulating(self) -> "Bench":
        self.device.start(PULSES)
        self.run(100)
        assert self.plant.train == TRAIN
        return self


def test_pulses_reach_the_plant_and_each_word_is_answered() -> None:
    bench = Bench()
    bench.device.ask()
    bench.device.start(PULSES)
    assert bench.run(100) == [Report(False, False, 1), Report(True, False, 1)]
    assert bench.plant.train == TRAIN
    assert bench.plant.tissue_current_ua == 20_000


def test_a_stop_overtakes_what_waits() -> None:
    bench = Bench().stimulating()
    for _ in range(5):
        bench.device.start(PULSES)
    bench.device.stop()
    assert bench.run(device.ANSWER_MS + 10) == [Report(False, False, 1)]
    assert bench.plant.train is SILENT
    assert bench.run(500) == []


@pytest.mark.parametrize("word", ["start", "ask"])
def test_words_feed_its_watchdog_and_silence_ends_its_pulses(word: str) -> None:
    bench = Bench().stimulating()
    for _ in range(20):
        if word == "ask":
            bench.device.ask()
        else:
            bench.device.start(PULSES)
        bench.run(200)
        assert bench.plant.train == TRAIN
    bench.run(device.WATCHDOG_MS)
    assert bench.plant.train is SILENT


@pytest.mark.parametrize(("peel", "found"), [(0.9, False), (0.95, True)])
def test_electrodes_are_found_off_above_its_threshold_only(peel: float, found: bool) -> None:
    bench = Bench().stimulating()
    bench.plant.defects.electrode_peel = peel
    assert (bench.plant.electrode_ohm > device.OPEN_OHM) is found
    bench.run(device.DETECT_MS + 20)
    assert bench.device.electrode_fault is found
    assert (bench.plant.train is SILENT) is found


def test_an_open_lead_counts_only_while_it_stimulates_and_lasts() -> None:
    bench = Bench()
    bench.closed = False
    bench.run(1_000)
    assert not bench.device.electrode_fault
    bench.device.start(PULSES)
    bench.run(device.DETECT_MS)
    assert not bench.device.electrode_fault
    bench.run(50)
    assert bench.device.electrode_fault


def test_one_that_does_not_stop_itself_goes_on_and_says_so() -> None:
    bench = Bench(stops_itself=False).stimulating()
    bench.plant.defects.electrode_peel = 0.95
    bench.run(device.DETECT_MS + 20)
    bench.device.ask()
    assert bench.run(50) == [Report(True, True, 1)]


def test_after_a_fault_nothing_starts_before_a_stop() -> None:
    bench = Bench().stimulating()
    bench.plant.defects.electrode_peel = 1.0
    bench.run(200)
    bench.plant.defects.electrode_peel = 0.0
    bench.device.start(PULSES)
    assert bench.run(100) == [Report(False, True, 1)]
    bench.device.stop()
    assert bench.run(100) == [Report(False, False, 1)]
    bench.device.start(PULSES)
    bench.run(100)
    assert bench.plant.train == TRAIN


class TestDefects:
    def test_silent_it_hears_nothing_and_its_watchdog_works_on(self) -> None:
        bench = Bench().stimulating()
        bench.plant.defects.stimulator_silent = True
        bench.device.stop()
        assert bench.run(500) == []
        assert bench.plant.train == TRAIN
        bench.run(device.WATCHDOG_MS)
        assert bench.plant.train is SILENT

    def test_one_that_restarts_goes_on_with_its_last_pulses(self) -> None:
        bench = Bench().stimulating()
        defects = bench.plant.defects
        defects.stimulator_silent = defects.stimulator_restarts = True
        bench.run(2_000)
        assert bench.plant.train is SILENT
        defects.stimulator_silent = False
        bench.run(10)
        assert bench.plant.train == TRAIN
        bench.device.ask()
        assert bench.run(100) == [Report(True, False, 2)]

    def test_one_that_runs_on_obeys_no_stop_and_no_watchdog(self) -> None:
        bench = Bench().stimulating()
        bench.plant.defects.stimulator_runs_on = True
        bench.device.stop()
        bench.run(5_000)
        assert bench.plant.train == TRAIN

    def test_an_idle_one_says_that_it_stimulates(self) -> None:
        bench = Bench()
        bench.plant.defects.stimulator_idle = True
        bench.device.start(PULSES)
        assert bench.run(100) == [Report(True, False, 1)]
        assert bench.plant.train is SILENT
