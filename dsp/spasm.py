"""Muscle activity of a recording: thresholds from a clean baseline, bursts, and episodes of spasm.

Theory of operation
-------------------
The baseline goes through the chain of ``dsp.emg`` first; a channel's threshold is the median of its blocks'
Teager-Kaiser energies plus so many robust deviations (MAD).  Median and MAD do not mind a twitch in
the baseline; one in which more than a twentieth of the blocks lie above the threshold is flagged.  Then the
whole recording goes through the chain.

A **burst** is what the chain calls active, from the first block above the threshold to the last.  Bursts of a
channel that are closer than the merge gap are one **episode**.  Only blocks far enough from stimulation are
judged; an episode that meets such a block says so.  An episode that begins in the same block on every one of
two or more channels is flagged as an artefact (movement of the cable, mains, defibrillator).  An episode
**triggers** unless it is flagged as an artefact or saturated, or begins within the refractory time of the
last one that did.

No class is assigned: ``dsp.emg_definitions.SPASM_CLASSES`` says why.  A result meets a definition; it is no
diagnosis.

Units: seconds from the first frame; microvolts; microvolts squared.
"""

from array import array
from collections.abc import Iterable, Sequence

from dsp import traces
from dsp._traces import small_numbers
from dsp.emg import FLAT, SATURATED, EmgChain, EmgError, rows
from dsp.emg_definitions import MAD_TO_DEVIATION, EmgDefinition, blocks_in, chain_for
from dsp.record import NamedTuple

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["Activity", "Burst", "Episode", "Threshold", "activity", "robust_threshold"]

QUIET_SHARE = 0.05
"""The largest share of baseline blocks above the threshold that is not flagged (ours)."""

LARGEST_CHUNK = 4096


class Threshold(NamedTuple):
    """Of one channel, and what it was made of."""

    channel: int
    value_uv2: float
    median_uv2: float
    mad_uv2: float
    blocks: int
    flags: tuple[str, ...]


class Burst(NamedTuple):
    """From the first block above the threshold to the last; frames and seconds of its edges."""

    first_block: int
    last_block: int
    begin_s: float
    end_s: float


class Episode(NamedTuple):
    """One or more bursts of one channel. ``class_id`` is for a person to give."""

    channel: int
    begin_s: float
    end_s: float
    bursts: tuple[Burst, ...]
    peak_rms_uv: float
    bursts_per_s: float | None
    triggers: bool
    flags: tuple[str, ...]
    class_id: str | None = None


class Activity(NamedTuple):
    """All that was found, and by which definition."""

    definition_id: str
    definition_verified: bool
    rate_hz: float
    block_frames: int
    thresholds: tuple[Threshold, ...]
    episodes: tuple[Episode, ...]
    flags: tuple[str, ...]
    rows: "array[float]"
    """What the chain wrote, ``4 * channels + 1`` numbers a block (``dsp.emg``)."""


def robust_threshold(energies_uv2: Sequence[float], deviations: float, channel: int = 0) -> Threshold:
    """The threshold from a baseline's block energies; blocks without a value count as missing.

    ``EmgError`` for a baseline without values or one that does not vary: no threshold can be had from it.
    """
    energies = array("d", energies_uv2)
    known = traces.known(energies, 0, len(energies))
    if not known:
        raise EmgError(
            f"channel {channel}: the baseline has no block with a value; choose one without stimulation"
        )
    middle, mad = traces.spread(energies)
    if not mad > 0.0:
        raise EmgError(f"channel {channel}: the baseline does not vary; look at the electrode")
    value = middle + deviations * MAD_TO_DEVIATION * mad
    flags = ("baseline_not_quiet",) if traces.above(energies, value) > QUIET_SHARE * known else ()
    return Threshold(channel, value, middle, mad, known, flags)


def activity(
    frames: "ReadableBuffer",
    definition: EmgDefinition,
    *,
    rate_hz: float,
    microvolts_per_count: float,
    channels: int,
    baseline_s: tuple[float, float],
    stimuli_s: Iterable[float] = (),
) -> Activity:
    """Thresholds and episodes of a recording of little-endian int16 frames.

    ``baseline_s``: from when to when the muscle was quiet and nothing stimulated. ``EmgError`` for a
    recording that is empty or no whole number of frames, and for a baseline that is too short, outside of the
    recording, stimulated, flat or saturated.
    """
    data = memoryview(frames).cast("B")
    chain = chain_for(definition, rate_hz, microvolts_per_count, channels, LARGEST_CHUNK)
    if len(data) == 0 or len(data) % (2 * channels):
        raise EmgError(f"{len(data)} bytes are no frames of {channels} channels of int16: look at the format")
    stimuli = [round(at_s * rate_hz) for at_s in stimuli_s]
    if any(at < 0 for at in stimuli):
        raise EmgError(
            f"a stimulus at frame {min(stimuli)}: before the recording; look at the clock of the pulses"
        )
    thresholds = _baseline(data, chain, definition, rate_hz, baseline_s, stimuli)
    for threshold in thresholds:
        chain.set_threshold(threshold.channel, threshold.value_uv2)
    state = _Rows(rows(chain, data, stimuli), channels, rate_hz, definition)
    found = [episode for channel in range(channels) for episode in _episodes(state, channel, definition)]
    return Activity(
        definition.id,
        definition.verified,
        rate_hz,
        state.block_frames,
        tuple(thresholds),
        tuple(_judged(found, channels, definition)),
        tuple(_flags(state, definition, rate_hz)),
        state.rows,
    )


class _Rows:
    """Columns of what the chain wrote, and which blocks may be judged."""

    def __init__(
        self, made: "array[float]", channels: int, rate_hz: float, definition: EmgDefinition
    ) -> None:
        self.rows, self.channels, self.rate_hz = made, channels, rate_hz
        self.block_frames = round(definition.block_ms * rate_hz / 1000.0)
        self.block_s = self.block_frames / rate_hz
        self.hold = blocks_in(definition.hold_ms, 1000.0 * self.block_s)
        self.release = blocks_in(definition.release_ms, 1000.0 * self.block_s)
        self.count = len(made) // (4 * channels + 1)
        self.active = [self._marks(2 * channels + one) for one in range(channels)]
        self.quality = [self._marks(3 * channels + one) for one in range(channels)]
        self.stimulated = self._stimulated(blocks_in(definition.after_stimulation_ms, 1000.0 * self.block_s))

    def column(self, number: int) -> "array[float]":
        return self.rows[number :: 4 * self.channels + 1]

    def _marks(self, number: int) -> bytes:
        """A column of small whole numbers."""
        made = bytearray(self.count)
        small_numbers(self.rows, number, 4 * self.channels + 1, made)
        return bytes(made)

    def _stimulated(self, after: int) -> bytes:
        """1 for each block with a blanked frame, and for those soon after it."""
        marks, clean = bytearray(self.count), self.column(4 * self.channels)
        if clean.count(self.block_frames) == self.count:
            return bytes(marks)
        for block, frames in enumerate(clean):
            if frames < self.block_frames:
                last = min(block + after + 1, self.count)
                marks[block:last] = b"\1" * (last - block)
        return bytes(marks)


def _flat(marks: bytes) -> int:
    return marks.count(FLAT) + marks.count(FLAT + SATURATED)


def _saturated(marks: bytes) -> int:
    return marks.count(SATURATED) + marks.count(FLAT + SATURATED)


def _baseline(
    data: memoryview,
    chain: EmgChain,
    definition: EmgDefinition,
    rate_hz: float,
    baseline_s: tuple[float, float],
    stimuli: list[int],
) -> list[Threshold]:
    """The thresholds, from a chain of its own that begins with the baseline."""
    first, last = (round(at * rate_hz) for at in baseline_s)
    whole = len(data) // (2 * chain.channels)
    if not 0 <= first < last <= whole:
        raise EmgError(
            f"a baseline from {baseline_s[0]} to {baseline_s[1]} s: outside of {whole / rate_hz:g} s"
        )
    if (last - first) / rate_hz < definition.baseline_s:
        raise EmgError(
            f"a baseline of {(last - first) / rate_hz:g} s: {definition.id} needs {definition.baseline_s} s"
        )
    if any(first <= at + chain.blank_before and at <= last for at in stimuli):
        raise EmgError("the baseline holds stimuli: choose one without")
    fresh = EmgChain.resumed(LARGEST_CHUNK, chain.state())
    made = _Rows(
        rows(fresh, data[first * 2 * chain.channels : last * 2 * chain.channels]),
        chain.channels,
        rate_hz,
        definition,
    )
    found = []
    for channel in range(chain.channels):
        marks = made.quality[channel]
        bad = len(marks) - marks.count(0)
        if bad:
            what = "saturated" if _saturated(marks) else "flat"
            raise EmgError(
                f"channel {channel}: {bad} of {len(marks)} baseline blocks are {what}; look at the electrode"
            )
        energies = made.column(chain.channels + channel)
        found.append(robust_threshold(energies, definition.deviations, channel))
    return found


def _bursts(made: _Rows, channel: int) -> list[Burst]:
    """Where the chain is active and no stimulation is near; edges corrected for hold and release."""
    active, found, at = made.active[channel], [], 0
    while (on := active.find(1, at)) >= 0:
        off = active.find(0, on)
        last = (off - made.release if off >= 0 else made.count) - (1 if off < 0 else 0)
        first = on - made.hold + 1
        at = off if off >= 0 else made.count
        found += [
            Burst(begin, end, begin * made.block_s, (end + 1) * made.block_s)
            for begin, end in _unstimulated(made.stimulated, first, max(first, last))
        ]
    return found


def _unstimulated(stimulated: bytes, first: int, last: int) -> list[tuple[int, int]]:
    """The stretches of ``first`` to ``last`` that may be judged."""
    found, at = [], first
    while at <= last:
        begin = stimulated.find(0, at, last + 1)
        if begin < 0:
            break
        end = stimulated.find(1, begin, last + 1)
        found.append((begin, (end if end >= 0 else last + 1) - 1))
        at = end if end >= 0 else last + 1
    return found


def _episodes(made: _Rows, channel: int, definition: EmgDefinition) -> list[Episode]:
    groups: list[list[Burst]] = []
    for burst in _bursts(made, channel):
        if groups and (burst.begin_s - groups[-1][-1].end_s) * 1000.0 < definition.merge_gap_ms:
            groups[-1].append(burst)
        else:
            groups.append([burst])
    rms = made.column(channel)
    return [_episode(made, channel, group, rms) for group in groups]


def _episode(made: _Rows, channel: int, group: list[Burst], rms: "array[float]") -> Episode:
    first, last = group[0].first_block, group[-1].last_block
    known = [value for value in rms[first : last + 1] if value == value]
    marks = made.quality[channel][first : last + 1]
    near = made.stimulated[max(0, first - 1) : last + 2]
    said = (
        ("saturated", _saturated(marks) > 0),
        ("flat", _flat(marks) > 0),
        ("cut_by_stimulation", 1 in near),
        ("begins_before_the_recording", first <= 0),
        ("ends_after_the_recording", last >= made.count - 1),
    )
    spread = group[-1].begin_s - group[0].begin_s
    return Episode(
        channel,
        group[0].begin_s,
        group[-1].end_s,
        tuple(group),
        max(known, default=float("nan")),
        (len(group) - 1) / spread if spread > 0 else None,
        False,
        tuple(name for name, holds in said if holds),
    )


def _judged(found: list[Episode], channels: int, definition: EmgDefinition) -> list[Episode]:
    """In order of time, with what only all of them together show: artefacts and triggers."""
    begins: dict[float, set[int]] = {}
    for episode in found:
        begins.setdefault(episode.begin_s, set()).add(episode.channel)
    judged, last_trigger_s = [], float("-inf")
    for episode in sorted(found, key=lambda one: (one.begin_s, one.channel)):
        flags = episode.flags
        if channels > 1 and len(begins[episode.begin_s]) == channels:
            flags = (*flags, "artefact_on_all_channels")
        free = (episode.begin_s - last_trigger_s) * 1000.0 >= definition.refractory_ms
        triggers = free and "artefact_on_all_channels" not in flags and "saturated" not in flags
        if triggers:
            last_trigger_s = episode.begin_s
        judged.append(episode._replace(flags=flags, triggers=triggers))
    return judged


def _flags(made: _Rows, definition: EmgDefinition, rate_hz: float) -> list[str]:
    """About the recording as a whole."""
    found = []
    if not definition.verified:
        found.append("definition_unverified")
    if rate_hz < definition.lowest_rate_hz:
        found.append("rate_below_definition")
    for channel in range(made.channels):
        marks = made.quality[channel]
        if _flat(marks) > len(marks) // 2:
            found.append(f"channel_{channel}_mostly_flat")
        if _saturated(marks):
            found.append(f"channel_{channel}_saturates")
    if made.count and made.stimulated.count(1) > made.count // 2:
        found.append("mostly_stimulated")
    return found
