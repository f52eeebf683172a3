"""The loop on the response to one pulse: uV, and no rest to count from."""

import pytest

from gateway.model import Reason
from gateway.therapy.nmes import LEAST_UA, Phase
from gateway.therapy.prescription import NmesEvokedPrescription, load
from gateway.therapy.response import Sensor
from tests.therapy.limb import Limb


def evoked() -> NmesEvokedPrescription:
    found = load("nmes-evoked-demo")
    assert isinstance(found, NmesEvokedPrescription)
    return found


@pytest.fixture
def limb() -> Limb:
    """In a contraction of 10 mA."""
    limb = Limb(evoked())
    limb.contracting(10_000)
    return limb


def answered(limb: Limb, response_uv: int, after_ms: int) -> int | None:
    """The current that this response leads to; ``None``: to no other."""
    limb.now += after_ms
    limb.plan, wish = limb.plan.feel(response_uv, limb.now)
    return None if wish is None else wish.current_ua


def test_the_first_response_is_enough_to_lower_the_current(limb: Limb) -> None:
    assert answered(limb, 1_500, 40) == 10_000 - 3_000 * 500 // 1_000


def test_within_the_tolerance_nothing_changes(limb: Limb) -> None:
    assert answered(limb, 1_150, 40) is None
    assert answered(limb, 850, 40) is None


def test_after_a_fall_the_response_gets_its_time(limb: Limb) -> None:
    answered(limb, 1_500, 40)
    assert answered(limb, 1_500, 59) is None
    assert answered(limb, 1_500, 1) == 7_000


def test_what_is_beyond_its_sensor_lowers_by_1_ma_and_waits(limb: Limb) -> None:
    limb.plan, wish = limb.plan.exceed(limb.now)
    assert wish is not None
    assert wish.current_ua == 9_000
    assert limb.plan.exceed(limb.now + 59)[1] is None
    limb.plan, wish = limb.plan.exceed(limb.now + 60)
    assert wish is not None
    assert wish.current_ua == 8_000
    limb.until(Phase.RESTING)
    assert limb.plan.exceed(limb.now)[1] is None
    limb.until(Phase.CONTRACTING)
    assert limb.current_ua == 8_000


def test_what_is_beyond_its_sensor_goes_no_lower_than_1_ma() -> None:
    limb = Limb(evoked())
    limb.contracting(LEAST_UA)
    assert limb.plan.exceed(limb.now)[1] is None


def test_what_comes_after_the_contraction_counts_for_nothing(limb: Limb) -> None:
    answered(limb, 500, 40)
    limb.until(Phase.RESTING)
    rested = limb.plan
    assert answered(limb, 900, 10) is None
    assert limb.plan == rested


@pytest.mark.parametrize("sensor", [Sensor.SILENT, Sensor.SATURATED, Sensor.ABSENT])
def test_an_emg_that_tells_nothing_is_named(sensor: Sensor) -> None:
    limb = Limb(evoked())
    limb.sensor = sensor
    assert [limb.contraction(None) for _ in range(3)] == [LEAST_UA] * 3
    assert limb.plan.concerns == {Reason.EMG_LOST}
