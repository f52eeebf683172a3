"""A limb whose blood does not come back, and a core that dies meanwhile: end to end."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.model import Reason
from gateway.runtime.core import Core
from gateway.runtime.requests import SessionCuffRemoved, SessionStop
from gateway.simulation.bedside import Bed, Bedside
from gateway.simulation.full import configuration
from gateway.simulation.models import CUFFS, LIMBS
from tests.runtime.conftest import READINGS_MS, People

NEVER_S = 1e6


class Patient(People):
    """People at the bedside of a patient whose limb is closed for good after the first occlusion."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        config = configuration("fast_cuff", "limb", None)
        limb = replace(LIMBS["limb"], reperfusion_s=NEVER_S)
        self.bedside = Bedside(Bed(config, CUFFS["fast_cuff"], limb, 1), journal)

    def occlude_and_stop(self) -> None:
        """A hold of 80 s, and a few seconds in which the cuff empties."""
        self.bedside.run(READINGS_MS)
        assert self.start(prescription="rvos-after-rosprox").exit_code == 0
        self.run_until("holding", 400_000)
        self.bedside.run(80_000)
        self.bedside.ask(SessionStop())
        self.run_until_mode("idle")

    def restart(self) -> None:
        """Core dies, and comes again."""
        self.bedside.kill_core()
        self.bedside.start_core()
        self.bedside.run(READINGS_MS)

    def latched_within(self, longest_ms: int) -> Reason | None:
        """Let time pass until something has latched."""
        for _ in range(longest_ms // 1_000):
            if self.core.state.latched is not None:
                break
            self.bedside.run(1_000)
        return self.core.state.latched

    @property
    def core(self) -> Core:
        """The present run."""
        assert self.bedside.core is not None
        return self.bedside.core


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    found = Patient(tmp_path / "journal.db")
    yield found
    found.bedside.close()


def test_a_restart_within_the_judged_minute_does_not_skip_the_judgement(patient: Patient) -> None:
    patient.occlude_and_stop()
    patient.restart()
    assert patient.latched_within(90_000) is Reason.REPERFUSION_FAILED


def test_a_failed_recovery_stands_through_a_restart_a_press_and_a_clearing(patient: Patient) -> None:
    patient.occlude_and_stop()
    assert patient.latched_within(90_000) is Reason.REPERFUSION_FAILED
    assert patient.reset().exit_code == 0
    patient.restart()
    assert patient.core.state.latched is None
    assert patient.core.state.watch is not None
    assert patient.core.state.watch.told


def test_a_cuff_that_is_removed_ends_it_in_this_run_and_in_the_next(patient: Patient) -> None:
    patient.occlude_and_stop()
    assert patient.bedside.ask(SessionCuffRemoved()).exit_code == 0
    assert patient.core.state.watch is None
    patient.restart()
    assert patient.core.state.watch is None
    assert patient.latched_within(90_000) is None
