"""The EMG chain: the conformance suite, blanking, onsets, quality, and every vector width."""

from array import array
from typing import Any

import numpy as np
import pytest

from dsp import emg, reference
from dsp.design import bandpass, cascade, notch
from dsp.emg import FLAT, SATURATED, WIDEST_LANES, EmgChain, EmgError
from tests.dsp.conformance import KernelConformance

Array = np.ndarray[Any, Any]
RATE = 2000.0
BAND = bandpass(4, 20.0, 450.0, RATE)
THRESHOLD = 4000.0
STIMULI = [150, 190, 195, 900, 1400, 1401]


def settings(**changed: Any) -> dict[str, Any]:
    usual = {
        "sections": BAND,
        "microvolts_per_count": 0.1,
        "block_frames": 20,
        "window_blocks": 5,
        "hold_blocks": 3,
        "release_blocks": 2,
        "blank_before": 2,
        "blank_after": 15,
        "channels": 8,
    }
    return {**usual, **changed}


def muscle(frames: int, channels: int) -> Array:
    """Noise around an offset, with a burst, a flat stretch, and a saturated one."""
    made = np.random.default_rng(1).normal(900.0, 100.0, (frames, channels))
    burst = made[frames // 2 : frames // 2 + 300]
    burst += np.random.default_rng(2).normal(0.0, 4000.0, burst.shape)
    made[frames // 4 : frames // 4 + 60, 0] = 17.0
    made[frames // 8, channels - 1] = 40000.0
    made[frames // 8 + 21, channels - 1] = -40000.0
    return made.round().clip(-32768, 32767).astype("<i2")


class TestEmgChain(KernelConformance):
    ulps, absolute = 256, 1e-7
    """The absolute bound is for energies of microvolts squared that are differences of large products."""

    changed: dict[str, Any] = {}  # noqa: RUF012
    stimuli = STIMULI

    def settings(self) -> dict[str, Any]:
        return settings(**self.changed)

    def make(self, largest_chunk: int) -> EmgChain:
        chain = EmgChain(largest_chunk, **self.settings())
        for channel in range(chain.channels):
            chain.set_threshold(channel, THRESHOLD)
        for stimulus in self.stimuli:
            chain.stimulus(stimulus)
        return chain

    def resumed(self, largest_chunk: int, state: bytes) -> EmgChain:
        return EmgChain.resumed(largest_chunk, state)

    def recording(self) -> Array:
        return muscle(2011, self.settings()["channels"])

    def oracle(self, recording: Array) -> Array:
        told = self.settings()
        del told["channels"]
        standard = np.array(told.pop("sections").standard())
        has = reference.EmgSettings(standard, **told, threshold=THRESHOLD, stimuli=list(self.stimuli))
        rows = reference.emg_rows(recording, has)
        channels = recording.shape[1]
        assert rows[:, 2 * channels : 3 * channels].any()  # activity is among it
        return rows.ravel()


class TestEmgChainOfThreeChannels(TestEmgChain):
    changed = {"channels": 3}  # noqa: RUF012


class TestEmgChainOfTwentyChannels(TestEmgChain):
    changed = {"channels": 20, "window_blocks": 1, "hold_blocks": 1, "release_blocks": 1}  # noqa: RUF012


class TestEmgChainWithoutBlanking(TestEmgChain):
    stimuli: list[int] = []  # noqa: RUF012
    changed = {"sections": cascade(bandpass(3, 20.0, 450.0, RATE), notch(50.0, 30.0, RATE))}  # noqa: RUF012


class TestEmgChainBlankedFromTheStart(TestEmgChain):
    stimuli = [0, 30, 31, 60]  # noqa: RUF012
    changed = {"block_frames": 7, "window_blocks": 2, "blank_before": 0, "blank_after": 40}  # noqa: RUF012


def rows_of(frames: Array, chunk: int = 64, stimuli: tuple[int, ...] = (), **changed: Any) -> Array:
    chain = EmgChain(chunk, **settings(channels=frames.shape[1], **changed))
    for channel in range(chain.channels):
        chain.set_threshold(channel, THRESHOLD)
    return np.array(emg.rows(chain, frames.tobytes(), stimuli)).reshape(-1, chain.row_length)


@pytest.mark.parametrize("lanes", [lanes for lanes in (2, 4, 8) if lanes <= WIDEST_LANES])
@pytest.mark.parametrize("channels", [1, 4, 8, 12, 64])
@pytest.mark.parametrize("chunk", [1, 16, 200])
def test_every_vector_width_gives_the_same_bits(lanes: int, channels: int, chunk: int) -> None:
    frames = muscle(400, channels)
    made = []
    for width in (2, lanes):
        chain = EmgChain(chunk, **settings(channels=channels, sections=bandpass(3, 20.0, 450.0, RATE)))
        chain.use_lanes(width)
        made.append((emg.rows(chain, frames.tobytes(), [100]).tobytes(), chain.state()))
    assert made[0] == made[1]


def test_an_artefact_that_is_blanked_leaves_nothing() -> None:
    quiet = np.random.default_rng(3).normal(0.0, 50.0, (2000, 8)).round().astype("<i2")
    torn = quiet.copy()
    torn[1000:1012] = 30000
    blanked = rows_of(torn, stimuli=(1000,))
    assert np.nanmax(np.abs(blanked[:, :8] - rows_of(quiet, stimuli=(1000,))[:, :8])) == 0.0
    assert np.nanmax(rows_of(torn)[:, :8]) > 30 * np.nanmax(blanked[:, :8])  # what it would have been


def test_frames_that_are_blanked_are_counted_out() -> None:
    rows = rows_of(muscle(400, 8), stimuli=(100,))
    wanted = [20.0] * 20
    wanted[4] = 20.0 - 2  # 98 and 99
    wanted[5] = 20.0 - 16  # 100 to 115
    assert rows[:, 32].tolist() == wanted


def test_a_block_without_a_clean_frame_has_no_value_and_is_no_activity() -> None:
    loud = np.random.default_rng(4).normal(0.0, 4000.0, (400, 8)).round().astype("<i2")
    rows = rows_of(loud, stimuli=tuple(range(200, 300, 10)), release_blocks=1)
    assert np.isnan(rows[11, 8:16]).all()
    assert rows[9, 16:24].all()
    assert not rows[11, 16:24].any()


def test_a_stimulus_that_is_told_too_late_is_counted_and_blanks_the_rest() -> None:
    chain = EmgChain(100, **settings())
    chain.push(muscle(100, 8).tobytes())
    chain.stimulus(100)
    assert chain.late_stimuli == 1
    chain.push(muscle(100, 8)[:20].tobytes())
    assert chain.out[32] == 20.0 - 16


def test_stimuli_come_in_order_and_not_too_many_at_once() -> None:
    chain = EmgChain(100, **settings())
    chain.stimulus(50)
    with pytest.raises(ValueError, match="in order"):
        chain.stimulus(49)
    for _ in range(emg.MOST_MARKS - 1):
        chain.stimulus(50)
    with pytest.raises(ValueError, match="push frames first"):
        chain.stimulus(51)
    chain.push(bytes(16 * 100))
    assert chain.waiting_stimuli == 0


def test_a_recording_takes_more_stimuli_than_can_wait() -> None:
    frames, stimuli = muscle(8000, 8), range(0, 8000, 40)
    made = rows_of(frames, chunk=8000, stimuli=tuple(stimuli))
    assert made[:, 32].tolist() == [*([4.0, 18.0] * 199), 4.0, 20.0]
    assert made.tobytes() == rows_of(frames, chunk=13, stimuli=tuple(stimuli)).tobytes()


def test_onset_needs_its_hold_and_its_release() -> None:
    frames = np.zeros((800, 8), dtype="<i2")
    burst = np.random.default_rng(5).normal(0.0, 4000.0, (100, 8)).round().astype("<i2")
    frames[200:300] = burst  # blocks 10 to 14
    frames[500:520] = burst[:20]  # one block, and the filters ring into the next: shorter than the hold
    rows = rows_of(frames)
    active, above = rows[:, 16], rows[:, 8] > THRESHOLD
    assert above[10:15].all()
    assert above[25]
    last = int(np.flatnonzero(above[:20])[-1])
    assert np.flatnonzero(active).tolist() == list(
        range(12, last + 2)
    )  # from the third to one after the last


def test_before_a_threshold_is_set_nothing_is_active() -> None:
    chain = EmgChain(64, **settings())
    loud = np.random.default_rng(6).normal(0.0, 8000.0, (2000, 8)).round().clip(-32768, 32767).astype("<i2")
    rows = np.array(emg.rows(chain, loud.tobytes())).reshape(-1, chain.row_length)
    assert not rows[:, 16:24].any()


def test_stuck_and_overdriven_channels_are_marked() -> None:
    frames = muscle(400, 8)
    frames[100:200, 2] = 5
    frames[130, 3], frames[150, 4] = 32767, -32768
    quality = rows_of(frames)[:, 24:32]
    assert quality[5:10, 2].tolist() == [FLAT] * 5
    assert quality[6, 3] == SATURATED
    assert quality[7, 4] == SATURATED
    frames[100:200, 2] = 32767
    assert rows_of(frames)[6, 26] == FLAT + SATURATED


def test_a_single_clean_frame_is_not_called_flat() -> None:
    rows = rows_of(muscle(400, 8), stimuli=(22, 41))
    assert rows[1, 32] == 1.0
    assert not rows[1, 24:32].any()


def test_the_rms_of_a_sine_is_that_of_a_sine() -> None:
    at = np.arange(4000) / RATE
    sine = (10000 * np.sin(2 * np.pi * 100 * at)).round().astype("<i2")[:, np.newaxis]
    rows = rows_of(sine)
    assert rows[-1, 0] == pytest.approx(1000.0 / np.sqrt(2), rel=2e-3)
    teager = 1000.0**2 * np.sin(2 * np.pi * 100 / RATE) ** 2
    assert rows[-1, 1] == pytest.approx(teager, rel=2e-3)


def test_rms_does_not_drift() -> None:
    chain = EmgChain(4096, **settings(channels=1))
    loud, quiet = bytes(array("h", [30000, -30000] * 2048)), bytes(2 * 4096)
    for _ in range(200):
        chain.push(loud)
    for _ in range(20):
        count = chain.push(quiet)
    assert chain.out[count - 5] == 0.0


def test_silence_does_not_leave_denormal_numbers() -> None:
    burst, silent = (EmgChain(100_020, **settings(channels=1)) for _ in range(2))
    burst.push(bytes(array("h", [3000, 0] * 10)) + bytes(200_000))
    silent.push(bytes(40) + bytes(200_000))
    assert burst.state() == silent.state()


@pytest.mark.parametrize(
    "changed",
    [
        {"channels": 0},
        {"channels": 65},
        {"block_frames": 1},
        {"window_blocks": 0},
        {"hold_blocks": 0},
        {"release_blocks": 0},
        {"blank_before": -1},
        {"blank_after": 2**40},
        {"microvolts_per_count": 0.0},
        {"microvolts_per_count": float("nan")},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(EmgError):
        EmgChain(64, **settings(**changed))


@pytest.mark.parametrize("threshold", [-1.0, float("nan")])
def test_a_threshold_that_cannot_be_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        EmgChain(64, **settings()).set_threshold(0, threshold)


def test_a_state_with_impossible_numbers_is_refused() -> None:
    good = EmgChain(64, **settings()).state()
    for at in range(9):
        for wrong in (-1, 2**40):
            bad = good[: 8 * at] + wrong.to_bytes(8, "little", signed=True) + good[8 * at + 8 :]
            with pytest.raises(ValueError, match=r"state|must have"):
                EmgChain.resumed(64, bad)
