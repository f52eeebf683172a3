"""Thresholds, bursts and episodes: made recordings where the truth is known, real ones, and refusals."""

from typing import Any

import numpy as np
import pytest
import scipy.io

from dsp.emg import EmgError
from dsp.emg_definitions import SPASM_CLASSES, TEAGER_MAD_DRAFT, EmgDefinition, chain_for
from dsp.spasm import Activity, activity, robust_threshold
from tests.recordings import recording

Array = np.ndarray[Any, Any]
RATE = 2000.0
QUIET_UV, LOUD_UV = 5.0, 100.0


def muscle(seconds: float, bursts: list[tuple[float, float]], channels: int = 1, seed: int = 1) -> Array:
    """Noise in microvolts [frames][channels], louder from begin to end of each burst, in channel 0."""
    made = np.random.default_rng(seed).normal(0.0, QUIET_UV, (round(seconds * RATE), channels))
    for begin, end in bursts:
        made[round(begin * RATE) : round(end * RATE), 0] *= LOUD_UV / QUIET_UV
    return made


def found(microvolts: Array, definition: EmgDefinition = TEAGER_MAD_DRAFT, **told: Any) -> Activity:
    counts = (microvolts / 0.1).round().clip(-32768, 32767).astype("<i2")
    usual = {
        "rate_hz": RATE,
        "microvolts_per_count": 0.1,
        "channels": counts.shape[1],
        "baseline_s": (0.0, 6.0),
    }
    return activity(counts.tobytes(), definition, **{**usual, **told})


def test_bursts_are_found_where_they_are() -> None:
    bursts = [(8.0, 9.0), (11.0, 11.5), (14.0, 16.0)]
    result = found(muscle(20.0, bursts))
    assert len(result.episodes) == 3
    for episode, (begin, end) in zip(result.episodes, bursts, strict=True):
        assert episode.begin_s == pytest.approx(begin, abs=0.02)
        assert episode.end_s == pytest.approx(end, abs=0.04)
        assert 0.6 * LOUD_UV < episode.peak_rms_uv < 1.2 * LOUD_UV
        assert episode.class_id is None
    assert result.definition_id == "teager_mad_draft"
    assert "definition_unverified" in result.flags


def test_bursts_closer_than_the_merge_gap_are_one_episode() -> None:
    clonus = [(8.0 + 0.35 * k, 8.15 + 0.35 * k) for k in range(6)]
    merged = found(muscle(20.0, clonus))
    assert len(merged.episodes) == 1
    assert len(merged.episodes[0].bursts) == 6
    assert merged.episodes[0].bursts_per_s == pytest.approx(1 / 0.35, rel=0.05)
    split = found(muscle(20.0, clonus), TEAGER_MAD_DRAFT._replace(merge_gap_ms=50.0))
    assert len(split.episodes) == 6


def test_shorter_than_the_hold_is_nothing() -> None:
    assert not found(muscle(20.0, [(10.0, 10.02)])).episodes


def test_within_the_refractory_time_nothing_triggers() -> None:
    result = found(muscle(20.0, [(8.0, 8.5), (9.2, 9.6), (12.0, 12.5)]))
    assert [episode.triggers for episode in result.episodes] == [True, False, True]


def test_nothing_is_judged_during_stimulation() -> None:
    microvolts = muscle(20.0, [(8.0, 12.0)])
    stimuli = np.arange(9.0, 11.0, 0.05)
    result = found(microvolts, stimuli_s=stimuli.tolist())
    assert len(result.episodes) == 2
    before, after = result.episodes
    assert before.end_s <= 9.0
    assert after.begin_s >= stimuli[-1] + TEAGER_MAD_DRAFT.after_stimulation_ms / 1000.0 - 0.01
    assert "cut_by_stimulation" in before.flags
    assert "cut_by_stimulation" in after.flags


def test_stimulation_alone_is_no_spasm() -> None:
    microvolts, stimuli = muscle(20.0, []), np.arange(8.0, 12.0, 0.05)
    for stimulus in stimuli:
        at = round(stimulus * RATE)
        microvolts[at : at + 6, 0] = 3000.0  # the artefact
        microvolts[at + 10 : at + 40, 0] += 300.0 * np.sin(np.arange(30) / 3.0)  # the evoked response
    assert not found(microvolts, stimuli_s=stimuli.tolist()).episodes
    assert found(microvolts).episodes  # what it would be if nobody told of the pulses


def test_what_begins_on_all_channels_at_once_is_an_artefact() -> None:
    microvolts = muscle(20.0, [(12.0, 13.0)], channels=3)
    microvolts[16000:17000] *= 20.0
    result = found(microvolts)
    early = [episode for episode in result.episodes if episode.begin_s < 10.0]
    late = [episode for episode in result.episodes if episode.begin_s > 10.0]
    assert [episode.channel for episode in early] == [0, 1, 2]
    assert all("artefact_on_all_channels" in episode.flags and not episode.triggers for episode in early)
    assert [(episode.channel, episode.triggers) for episode in late] == [(0, True)]


def test_saturation_is_flagged_and_triggers_nothing() -> None:
    microvolts = muscle(20.0, [(8.0, 9.0)])
    microvolts[16500] = 1e5
    result = found(microvolts)
    assert "saturated" in result.episodes[0].flags
    assert not result.episodes[0].triggers
    assert "channel_0_saturates" in result.flags


def test_an_episode_at_the_edge_says_so() -> None:
    result = found(muscle(20.0, [(19.0, 20.0)]))
    assert result.episodes[0].flags == ("ends_after_the_recording",)
    assert result.episodes[0].end_s == pytest.approx(20.0)


def test_an_electrode_that_comes_off_later_is_flagged() -> None:
    microvolts = muscle(20.0, [])
    microvolts[14000:] = 0.0
    assert "channel_0_mostly_flat" in found(microvolts).flags


def test_a_twitch_in_the_baseline_moves_the_threshold_little_and_is_flagged_if_it_is_long() -> None:
    quiet = found(muscle(20.0, [])).thresholds[0]
    twitch = found(muscle(20.0, [(2.0, 2.2)])).thresholds[0]
    long = found(muscle(20.0, [(2.0, 3.0)])).thresholds[0]
    assert twitch.value_uv2 == pytest.approx(quiet.value_uv2, rel=0.2)
    assert quiet.flags == twitch.flags == ()
    assert long.flags == ("baseline_not_quiet",)


@pytest.mark.parametrize(
    ("spoil", "told", "why"),
    [
        (lambda x: x[:0], {}, "no frames"),
        (lambda x: x, {"channels": 7}, "no frames"),
        (lambda x: x * 0.0, {}, "flat"),
        (lambda x: x + 1e6, {}, "saturated"),
        (lambda x: x, {"baseline_s": (0.0, 2.0)}, "needs 5.0 s"),
        (lambda x: x, {"baseline_s": (15.0, 25.0)}, "outside"),
        (lambda x: x, {"baseline_s": (6.0, 0.0)}, "outside"),
        (lambda x: x, {"stimuli_s": [3.0]}, "holds stimuli"),
        (lambda x: x, {"stimuli_s": [-1.0]}, "before the recording"),
        (lambda x: x, {"rate_hz": 0.0}, "rate"),
        (lambda x: x, {"rate_hz": 120.0}, "shorter than two frames"),
        (lambda x: x, {"rate_hz": 800.0, "baseline_s": (0.0, 10.0)}, "half the rate"),
    ],
)
def test_what_allows_no_measure_is_refused(spoil: Any, told: dict[str, Any], why: str) -> None:
    with pytest.raises(EmgError, match=why):
        found(spoil(muscle(20.0, [])), **told)


def test_a_baseline_without_values_or_variation_gives_no_threshold() -> None:
    with pytest.raises(EmgError, match="no block"):
        robust_threshold([float("nan")] * 10, 8.0)
    with pytest.raises(EmgError, match="does not vary"):
        robust_threshold([3.0] * 10, 8.0)


def test_the_threshold_is_median_and_mad() -> None:
    threshold = robust_threshold([1.0, 2.0, 3.0, 4.0, 100.0], 10.0)
    assert (threshold.median_uv2, threshold.mad_uv2) == (3.0, 1.0)
    assert threshold.value_uv2 == pytest.approx(3.0 + 14.826)


def test_a_definition_says_where_each_number_comes_from() -> None:
    said = {name for names in TEAGER_MAD_DRAFT.provenance for name in names.split()}
    numbers = set(TEAGER_MAD_DRAFT._fields) - {"id", "verified", "provenance"}
    assert said == numbers
    assert not TEAGER_MAD_DRAFT.verified
    assert all(spasm.criterion is None and spasm.source for spasm in SPASM_CLASSES)


def test_the_chain_of_a_definition_has_its_times() -> None:
    chain = chain_for(TEAGER_MAD_DRAFT, 2000.0, 0.1, 8, 64)
    assert (chain.channels, chain.row_length, chain.blank_before) == (8, 33, 2)


# --- real recordings -------------------------------------------------------------------------------------

HEART_IN_IT = TEAGER_MAD_DRAFT._replace(
    id="emggo_250_hz", high_hz=110.0, block_ms=20.0, hold_ms=200.0, deviations=15.0
)
"""250 Hz leaves nothing above 125; a hold longer than a QRS complex keeps out the heart, which it shows."""


@pytest.mark.parametrize("baseline_s", [(0.0, 7.0), (10.0, 17.0), (398.0, 420.0)])
def test_the_bursts_of_emggo_are_as_many_as_its_authors_say(baseline_s: tuple[float, float]) -> None:
    data = scipy.io.loadmat(recording("emg/emggo_56_bursts.mat"))["EMG"][0, 0]
    counts = (data["channelData"] / 0.1).round().astype("<i2")
    result = activity(
        counts.tobytes(),
        HEART_IN_IT,
        rate_hz=float(data["fs"].item()),
        microvolts_per_count=0.1,
        channels=1,
        baseline_s=baseline_s,
    )
    assert len(result.episodes) == 56
    assert "rate_below_definition" in result.flags


def test_the_spasms_of_a_person_with_spinal_cord_injury_stand_out() -> None:
    """Five bouts are plain to the eye; times by eye, to 1 s."""
    data = scipy.io.loadmat(recording("emg/sci_no_stimulation.mat"))
    signal = data["raw_off"].ravel()
    counts = ((signal - np.median(signal)) / 0.125).round().astype("<i2")
    definition = TEAGER_MAD_DRAFT._replace(id="draft_15", deviations=15.0)
    result = activity(
        counts.tobytes(),
        definition,
        rate_hz=float(data["Fs"].item()),
        microvolts_per_count=0.125,
        channels=1,
        baseline_s=(2.0, 7.0),
    )
    assert [round(episode.begin_s) for episode in result.episodes] == [27, 39, 50, 64, 73]
    assert all(episode.peak_rms_uv > 200.0 for episode in result.episodes)
