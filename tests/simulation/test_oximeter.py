"""The simulated oximeter, heard by the real driver."""

from drivers.nonin import COVERAGE_THROUGH_LABEL, LineDecoder, Reading
from gateway.simulation.models import FAST_CUFF, FAST_LIMB
from gateway.simulation.oximeter import Oximeter, Shown, Source
from gateway.simulation.plant import Actuators, Plant


def heard(source: Source, times_ms: range) -> list[Reading]:
    oximeter = Oximeter(source)
    decoder = LineDecoder(COVERAGE_THROUGH_LABEL)
    readings = []
    for now_ms in times_ms:
        readings += decoder.feed(oximeter.step(now_ms), now_ms)
    assert (decoder.crc_errors, decoder.malformed, decoder.layout_errors) == (0, 0, 0)
    return readings


def test_one_line_a_second_with_the_value_of_that_instant() -> None:
    readings = heard(lambda now_ms: Shown(700 - now_ms // 100), range(0, 3001, 10))
    assert [reading.arrived_ms for reading in readings] == [0, 1000, 2000, 3000]
    assert [reading.channels for reading in readings] == [
        (value, None, None, None) for value in (700, 690, 680, 670)
    ]


def test_the_clock_of_the_device_runs_with_the_time_given() -> None:
    readings = heard(lambda _: Shown(700), range(86_399_000, 86_400_001, 1000))
    assert [reading.clock for reading in readings] == ["2000-01-01T23:59:59", "2000-01-02T00:00:00"]


def test_a_probe_without_value_sends_no_number() -> None:
    assert heard(lambda _: Shown(None), range(1))[0].channels == (None, None, None, None)


def test_the_other_limb_is_channel_2_and_haemoglobin_the_index_of_channel_1() -> None:
    [reading] = heard(lambda _: Shown(650, 1050, 680), range(1))
    assert reading.channels == (650, 680, None, None)
    assert reading.haemoglobin == (126, None, None, None)


def test_an_index_that_the_device_cannot_show_is_its_highest() -> None:
    [reading] = heard(lambda _: Shown(650, 9999), range(1))
    assert reading.haemoglobin[0] == 999


def test_called_late_it_sends_one_line_and_keeps_its_rhythm() -> None:
    oximeter = Oximeter(lambda _: Shown(650))
    sent = [now_ms for now_ms in (0, 4300, 4400, 4990, 5000, 5010) if oximeter.step(now_ms)]
    assert sent == [0, 4300, 5000]


def test_it_sees_an_occlusion_of_the_plant() -> None:
    plant = Plant(FAST_CUFF, FAST_LIMB, seed=1)

    def source(now_ms: int) -> Shown:
        plant.step(
            now_ms, Actuators(1000, True, True) if plant.pressure_mmhg < 170 else Actuators(0, False, True)
        )
        return Shown(plant.sto2_permille)

    values = [reading.channels[0] for reading in heard(source, range(0, 8001, 10))]
    assert values[0] > 650
    assert values[-1] < 450
