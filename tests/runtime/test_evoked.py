"""The responses in a hub's EMG: one number a pulse, with the packet that completes it, and never a guess."""

import math
import struct

import pytest

from drivers.host import Block, Channel, Stream
from drivers.hub_streams import described
from firmware_bridge.hub_mcu.calibration import emg_stream
from gateway.runtime.evoked import (
    BEYOND,
    Counts,
    Emg,
    PulseWatch,
    ResponseWatch,
    emg_in,
    misfit,
    pulses_alone,
)
from gateway.runtime.judging import arrived
from gateway.therapy.prescription import Sweep
from gateway.therapy.response import Answer, Sensor

SWEEP = Sweep(artifact_uv=2_500, begin_ms=3, end_ms=25, least_uv=150)
EMG = Emg(channels=2, channel=1, rate_hz=2_000.0, uv=0.2)
PERIOD, ARTIFACT, M_WAVE = 80, 20_000, 2_500
FRAMES_A_PACKET = 4


def one_pulse(artifact: int = ARTIFACT, m_wave: int = M_WAVE) -> list[int]:
    """A pulse and what follows, in counts: up and down, a pause of 5 ms, an M-wave up and down."""
    samples = [artifact, -artifact] + [0] * (PERIOD - 2)
    for at, share in ((10, 0.5), (11, 1.0), (12, 0.5), (14, -0.5), (15, -1.0), (16, -0.5)):
        samples[at] = round(share * m_wave)
    return samples


def packets(samples: list[int], missing_before: int | None = None) -> list[Block]:
    """The channel between zeros of the other, four frames a packet."""
    found = []
    for at in range(0, len(samples), FRAMES_A_PACKET):
        frames = samples[at : at + FRAMES_A_PACKET]
        data = b"".join(struct.pack("<hh", 0, value) for value in frames)
        lost = 4 if at == missing_before else 0
        found.append(Block("emg", len(frames), data, lost, at // 2))
    return found


def seen(samples: list[int], missing_before: int | None = None) -> tuple[ResponseWatch, list[int]]:
    """Everything that is told of these samples after 10 ms of rest."""
    watch = ResponseWatch(EMG, SWEEP)
    said = [watch.take(block, block.arrived_ms) for block in packets([0, 1] * 30 + samples, missing_before)]
    return watch, [one for one in said if one is not None]


def test_each_pulse_has_its_response_in_microvolts() -> None:
    watch, said = seen(one_pulse() * 3)
    assert said == [round(2 * M_WAVE * 0.2)] * 3
    assert watch.counts.pulses == 3


def test_it_is_told_with_the_packet_that_completes_the_window() -> None:
    watch = ResponseWatch(EMG, SWEEP)
    told = [watch.take(block, block.arrived_ms) is not None for block in packets([0, 1] * 30 + one_pulse())]
    last = 60 + round(SWEEP.end_ms * 2) - 1
    assert told.index(True) == last // FRAMES_A_PACKET
    assert told.count(True) == 1


def test_a_pulse_that_the_muscle_does_not_answer_says_so() -> None:
    _, said = seen(one_pulse(m_wave=300))
    assert said == [0]


def test_without_an_artifact_nothing_is_told() -> None:
    watch, said = seen(one_pulse(artifact=0) * 3)
    assert (said, watch.counts, watch.newest) == ([], Counts(sampled_ms=150), None)


def test_an_amplifier_at_its_end_says_nothing() -> None:
    watch, said = seen(one_pulse() + one_pulse(m_wave=32_767))
    assert said[1:] == [BEYOND]
    assert watch.newest is not None
    assert watch.newest.value == said[0]
    assert watch.counts[:3] == (2, 1, 1)


def test_hum_that_could_pass_for_a_response_is_none() -> None:
    for hum_counts, told in ((500, []), (100, [0])):
        at = range(200 + PERIOD)
        hum = [round(hum_counts * math.sin(2 * math.pi * one / 40)) for one in at]
        pulses = [0] * 200 + one_pulse(m_wave=0)
        watch = ResponseWatch(EMG, SWEEP)
        said = [
            watch.take(block, block.arrived_ms)
            for block in packets([value + one for value, one in zip(pulses, hum, strict=True)])
        ]
        assert [one for one in said if one is not None] == told
        assert watch.noisy == (not told)


def test_of_several_in_a_packet_the_highest_counts() -> None:
    """Of 64 frames at 1 kHz, the longest packet of a hub."""
    watch = ResponseWatch(EMG._replace(rate_hz=1_000.0), SWEEP)
    for samples, told in (
        ([0, 1] * 30, None),
        ([*one_pulse()[:30], *one_pulse(m_wave=1_000)[:30]], round(2 * M_WAVE * 0.2)),
    ):
        data = b"".join(struct.pack("<hh", 0, value) for value in samples)
        assert watch.take(Block("emg", len(samples), data, 0, 5), 5) == told
    assert watch.counts[:3] == (2, 2, 0)


def test_frames_that_are_missing_end_the_sweep() -> None:
    _, said = seen(one_pulse() * 2, missing_before=72)
    assert len(said) == 1


def test_where_its_converter_ends() -> None:
    """The RP2040's: 12 bits around the half, as its firmware tells it."""
    told = described(emg_stream(2_000_000, 4, 3, 1_000))
    emg = emg_in(told, 2)
    assert emg is not None
    assert (emg.ends, round(emg.uv, 3)) == ((0, 4_095), 0.806)
    whole = emg_in(Stream("emg", 2_000.0, "int16", (Channel("emg", "uV", 0.2),)), 0)
    assert whole is not None
    assert whole.ends == (-32_767, 32_767)


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (Stream("emg", 2_000.0, "int16", (Channel("emg_1", "uV", 0.2), Channel("emg_2", "uV", 0.5))), 0.5),
        (Stream("emg", 2_000.0, "int16", (Channel("emg_1", "uV"), Channel("emg_2", "mV", 0.001))), 1.0),
        (Stream("emg", 250.0, "int16", (Channel("emg_1", "uV"), Channel("emg_2", "uV"))), None),
        (Stream("emg", 2_000.0, "int24", (Channel("emg_1", "uV"), Channel("emg_2", "uV"))), None),
        (Stream("emg", 2_000.0, "int16", (Channel("emg_1", "uV"), Channel("emg_2", "N"))), None),
        (Stream("emg", 2_000.0, "int16", (Channel("emg_1", "uV"), Channel("emg_2", "uV", 0.0))), None),
        (Stream("emg", 2_000.0, "int16", (Channel("emg_1", "uV"),)), None),
        (Stream("ppg", 2_000.0, "int16", (Channel("ppg_1", "uV"), Channel("ppg_2", "uV"))), None),
    ],
)
def test_which_emg_a_loop_can_use(stream: Stream, found: float | None) -> None:
    emg = emg_in(stream, 1)
    assert (None if emg is None else emg.uv) == found
    if emg is not None:
        assert (emg.channels, emg.channel, emg.rate_hz) == (2, 1, 2_000.0)


def test_an_emg_that_cannot_show_a_sweep_is_told_apart() -> None:
    """The RP2040 with a gain of 1000 ends 1650 uV from its zero; an artifact may be beyond that."""
    board = emg_in(described(emg_stream(2_000_000, 4, 3, 1_000)), 0)
    assert board is not None
    assert "an artifact of 2500 uV does not fit into an EMG that ends 1650 uV" in misfit(
        board, SWEEP.artifact_uv, 1_150
    )
    assert "a response of 7000 uV does not fit" in misfit(EMG, SWEEP.artifact_uv, 7_000)
    assert not misfit(EMG, SWEEP.artifact_uv, 1_150)


@pytest.mark.parametrize(
    ("frequency_dhz", "rest_ms"), [(10, 30), (250, 20), (450, 11), (1_000, 5), (4_000, 2)]
)
def test_pulses_are_told_apart_at_every_frequency(frequency_dhz: int, rest_ms: int) -> None:
    """Each with its second half; the next one is not missed."""
    sweep = pulses_alone(2_500, frequency_dhz)
    assert sweep.end_ms == rest_ms
    period = round(20_000 / frequency_dhz)
    one = [ARTIFACT, -ARTIFACT, 0, 0, 0][: max(2, period)] + [0] * max(0, period - 5)
    watch = PulseWatch(EMG, sweep)
    for block in packets([0, 1] * 30 + one * 8):
        assert watch.take(block, block.arrived_ms) is None
    assert watch.counts == Counts(8, 0, 0, round((60 + len(one) * 8) / 2))


def test_a_channel_that_is_flat_from_the_start_has_fallen_silent() -> None:
    watch = PulseWatch(EMG, pulses_alone(2_500, 450))
    for block in packets([0] * 400):
        watch.take(block, 100 + block.arrived_ms)
    look = watch.look()
    assert look is not None
    assert (look.heard_ms, look.counts) == (100, Counts(sampled_ms=200))  # when its first packet came


def test_a_packet_at_the_converters_end_is_counted() -> None:
    """Either end, in the channel that is looked at, and no other."""
    watch = PulseWatch(EMG, pulses_alone(2_500, 450))
    for other, value in ((32_767, 0), (0, 32_767), (0, -32_767), (0, 32_766), (-32_767, -32_766)):
        data = struct.pack("<hhhh", other, 0, other, value)
        watch.take(Block("emg", 2, data, 0, 1), 1)
    assert watch.counts.saturated == 2


def test_an_amplifier_that_stays_at_its_end_hides_pulses_and_says_so() -> None:
    """45 Hz, artifacts of 50 mV in a range of 6.5 mV, a recovery of 10 ms: the next step is too small."""
    watch, samples, tail = PulseWatch(EMG, pulses_alone(2_500, 450)), [], 0.0
    for at in range(4_000):
        tail = tail * math.exp(-0.5 / 10) + (250_000 if at % 44 == 0 else 0)
        samples.append(min(32_767, round(tail)) + at % 2)
    for block in packets([min(32_767, one) for one in samples]):
        watch.take(block, block.arrived_ms)
    assert watch.counts.pulses < 45
    assert arrived(watch.counts, 90.0) == (Answer.UNKNOWN, Sensor.SATURATED)
