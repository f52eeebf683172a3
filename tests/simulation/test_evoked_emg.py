"""The EMG of the simulated quadriceps: what each pulse leaves in it."""

from dataclasses import replace

import pytest

from gateway.simulation.evoked_emg import LATENCY_S, LONG_S, RATE_HZ, EvokedEmg
from gateway.simulation.models import LIMB, QUADRICEPS, THIGH_CUFF
from gateway.simulation.muscle import SILENT, Train, recruited
from gateway.simulation.plant import DE_ENERGISED, Plant
from tests.simulation.plants import LEAD_CLOSED, run

QUIET = replace(QUADRICEPS, emg_noise_uv=0.0)
PULSES = Train(30_000, 400, 20)
PERIOD = RATE_HZ // PULSES.frequency_hz
PULSE_UV = 10_000.0
WINDOW = slice(round(LATENCY_S * RATE_HZ), round((LATENCY_S + LONG_S) * RATE_HZ))


def emg(train: Train = PULSES, number: int = PERIOD, capacity: float = 1.0) -> list[float]:
    """The signal without noise, from the first pulse on."""
    return EvokedEmg(QUIET, "seed").samples(number, train, train.current_ua, capacity)


def pulses(samples: list[float]) -> int:
    """How many begin in them."""
    return sum(value > PULSE_UV for value in samples)


def height_uv(train: Train = PULSES, capacity: float = 1.0) -> float:
    """The M-wave from peak to peak, above the artifact's tail."""
    tail = emg(replace(train, pulse_width_us=1), capacity=capacity)  # the same current recruits nothing
    wave = [whole - alone for whole, alone in zip(emg(train, capacity=capacity), tail, strict=True)]
    assert max(map(abs, wave[: WINDOW.start])) == 0.0
    assert max(map(abs, wave[WINDOW.stop :])) == 0.0
    return max(wave) - min(wave)


@pytest.mark.parametrize("frequency_hz", [1, 20, 25, 45, 75])
def test_as_many_pulses_as_the_train_has(frequency_hz: int) -> None:
    samples = emg(Train(30_000, 400, frequency_hz), 10 * RATE_HZ)
    assert samples[0] > PULSE_UV
    assert pulses(samples) == pytest.approx(10 * frequency_hz, abs=1)


def test_the_artifact_is_in_proportion_to_the_current() -> None:
    halved = emg(replace(PULSES, current_ua=15_000))
    assert emg()[0] == pytest.approx(2 * halved[0])
    assert emg()[1] == pytest.approx(2 * halved[1])
    assert emg()[0] == -emg()[1]


def test_the_response_is_what_was_recruited() -> None:
    assert height_uv(replace(PULSES, current_ua=20_000)) == pytest.approx(0.0, abs=1e-9)
    for current_ua in (25_000, 40_000):
        train = replace(PULSES, current_ua=current_ua)
        share = recruited(QUADRICEPS, train, current_ua)
        assert 0.0 < share < 1.0
        assert height_uv(train) == pytest.approx(QUADRICEPS.mwave_uv * share)


def test_a_tired_muscle_loses_half_as_much_of_it_as_of_its_force() -> None:
    assert height_uv(capacity=0.5) == pytest.approx(0.75 * height_uv())


def test_what_close_pulses_leave_adds_up() -> None:
    fast = Train(30_000, 400, 100)
    apart, close = emg(number=40), emg(fast, 40)
    assert close[:20] == pytest.approx(apart[:20])
    assert close[30] == pytest.approx(apart[30] + apart[10])


def test_any_number_of_calls_gives_the_same() -> None:
    parts = EvokedEmg(QUADRICEPS, "seed")
    whole = EvokedEmg(QUADRICEPS, "seed").samples(600, PULSES, PULSES.current_ua, 1.0)
    assert [parts.samples(one, PULSES, PULSES.current_ua, 1.0) for one in (1, 7, 592)] == [
        whole[:1],
        whole[1:8],
        whole[8:],
    ]


def test_a_train_that_begins_anew_begins_with_a_pulse() -> None:
    muscle = EvokedEmg(QUIET, "seed")
    muscle.samples(150, PULSES, PULSES.current_ua, 1.0)
    assert pulses(muscle.samples(300, SILENT, 0, 1.0)) == 0
    assert muscle.samples(1, PULSES, PULSES.current_ua, 1.0)[0] > PULSE_UV


def test_without_current_there_is_noise() -> None:
    samples = EvokedEmg(QUADRICEPS, "seed").samples(2_000, PULSES, 0, 1.0)
    spread_uv = (sum(value * value for value in samples) / len(samples)) ** 0.5
    assert spread_uv == pytest.approx(QUADRICEPS.emg_noise_uv, rel=0.1)


def test_through_an_open_lead_no_pulse_arrives() -> None:
    plant = Plant(THIGH_CUFF, LIMB, seed=1)
    plant.train = PULSES
    run(plant, 0.1, DE_ENERGISED)
    assert pulses(plant.emg_uv(RATE_HZ)) == 0
    run(plant, 0.1, LEAD_CLOSED)
    assert pulses(plant.emg_uv(RATE_HZ)) == PULSES.frequency_hz
