"""What the oximeter's second channel and haemoglobin index bring about, through its own lines."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.model import Priority, Reason
from gateway.record.events import OcclusionJudged
from gateway.simulation.bedside import Bed, Bedside
from gateway.simulation.full import configuration
from gateway.simulation.models import CUFFS, LIMBS
from tests.runtime.conftest import READINGS_MS, People


class Patient(People):
    """People at the bedside of a patient with this limb and a cuff of natural speed."""

    def __init__(self, journal: Path, limb: str) -> None:
        self.journal = journal
        config = configuration("thigh_cuff", "limb", None)
        self.bedside = Bedside(Bed(config, CUFFS["thigh_cuff"], LIMBS[limb], 1), journal)

    def occlude(self) -> None:
        """Start a session and come to its first hold."""
        self.bedside.run(READINGS_MS)
        assert self.start(prescription="rvos-after-rosprox").exit_code == 0
        self.run_until("inflating", 400_000)
        self.run_until("holding", 60_000)

    def latched_within(self, longest_ms: int) -> Reason | None:
        """Let time pass until something has latched."""
        for _ in range(longest_ms // 1_000):
            assert self.bedside.core is not None
            if self.bedside.core.state.latched is not None:
                return self.bedside.core.state.latched
            self.bedside.run(1_000)
        return None


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    """A patient with an ordinary limb."""
    found = Patient(tmp_path / "journal.db", "limb")
    yield found
    found.bedside.close()


def test_the_oximeter_says_what_it_can(patient: Patient) -> None:
    patient.bedside.run(READINGS_MS)
    core = patient.bedside.core
    assert core is not None
    tissue = core.oximeter.tissue
    for sample in (tissue.saturation, tissue.haemoglobin, tissue.other):
        assert sample is not None
        assert sample.value is not None
    assert tissue.haemoglobin is not None
    assert tissue.haemoglobin.value == pytest.approx(1200, abs=40)
    assert tissue.flow_seen is None


def test_an_occlusion_is_verified_with_haemoglobin_as_a_sign(patient: Patient) -> None:
    patient.occlude()
    assert patient.latched_within(65_000) is None
    [judged] = patient.events_of(OcclusionJudged)
    assert msgspec.json.decode(judged.body, type=OcclusionJudged).verified == "yes"
    watch = patient.bedside.core.state.watch if patient.bedside.core else None
    assert watch is not None
    assert watch.haemoglobin == pytest.approx(1200, abs=60)


def test_a_cuff_on_the_other_limb_vents_high(patient: Patient) -> None:
    patient.bedside.plant.defects.cuff_on_other_limb = True
    patient.occlude()
    assert patient.latched_within(60_000) is Reason.WRONG_LIMB
    assert not patient.bedside.board.actuators.dump_closed
    assert _loudest(patient) is Priority.HIGH


def test_probes_that_are_swapped_vent_high(patient: Patient) -> None:
    patient.bedside.plant.defects.probe_on_other_limb = True
    patient.occlude()
    assert patient.latched_within(60_000) is Reason.WRONG_LIMB
    assert _loudest(patient) is Priority.HIGH


def test_a_limb_that_fills_with_blood_vents(tmp_path: Path) -> None:
    """The cuff is at its target, and the target does not occlude this limb."""
    patient = Patient(tmp_path / "journal.db", "padded_limb")
    patient.occlude()
    assert patient.latched_within(120_000) is Reason.VENOUS_CONGESTION
    assert patient.bedside.plant.blood_rise_percent < 12
    assert not patient.bedside.board.actuators.dump_closed
    patient.bedside.close()


def _loudest(patient: Patient) -> Priority:
    core = patient.bedside.core
    assert core is not None
    return core.alarms.alarms[0].priority
