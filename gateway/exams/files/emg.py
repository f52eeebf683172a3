"""Muscle activity from a recording: samples to frames, what is blanked, the quiet baseline, the episodes.

Theory of operation
-------------------
The detector (``dsp.spasm``) takes frames of int16 as an amplifier sends them.  A recording in volts becomes
such frames by one factor, chosen so that its largest sample just fits; samples that stand at the end of the
scale (three in a row at the extreme, or at ``full_scale_mv``) become the ends of int16, so that they are seen
as saturated.

*Blanked* is what no activity is told from: from the marks or the column of the stimuli, stretches that a
person states, and every gap or missing sample.  *Watched* is the rest, without what follows a blanked block
too closely and without a second or more of a flat line.  An interruption shorter than the merge gap ends no
window, since it ends no episode either.

*Baseline*: when the muscle was quiet, stated by a person.  Without that it is the quietest part of its
shortest length by the mean step from sample to sample, and a flag says so.

Units: uV, s, frames.
"""

import math
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dsp import traces
from dsp.emg import FLAT, EmgError
from dsp.emg_definitions import TEAGER_MAD_DRAFT, EmgDefinition, blocks_in, frames_in
from dsp.spasm import Activity, activity
from gateway.exams.errors import DefinitionUnknown, NotStated, TraceUnusable
from gateway.exams.even import even, stretches
from gateway.exams.files.occlusion_times import stretch
from gateway.exams.files.stated import entered, positive
from gateway.exams.recording import Recording
from gateway.exams.result import Certainty, Flag, Parameter, Severity
from gateway.exams.spasm import Watched

ROLES = {"emg": "uV", "stimulus": ""}
DEFINITIONS = {TEAGER_MAD_DRAFT.id: TEAGER_MAD_DRAFT}
STIMULUS_WORDS = ("stim", "pulse")

_LARGEST = 32_000
_AT_THE_END = 3
_FLAT_S = 1.0
_MOST_STILL = 0.2
_CERTAINTIES = {"R": Certainty.READ, "M": Certainty.MEMORY, "E": Certainty.PROPOSAL}
_UNITS = {"hz": "Hz", "ms": "ms", "s": "s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """``changes`` are ``NAME=VALUE`` of the definition; ``baseline`` and ``stimulated`` are stretches."""

    definition: str = ""
    changes: tuple[str, ...] = ()
    baseline: str = ""
    stimulated: tuple[str, ...] = ()
    full_scale_mv: float | None = None
    baseline_limit_uv: float | None = None


class Muscle(NamedTuple):
    """What was found in one channel, and what it was found with."""

    found: Activity
    definition: EmgDefinition
    samples_uv: "array[float]"
    """Evenly sampled, without its median; NaN where nothing was recorded."""
    watched: tuple[Watched, ...]
    baseline_s: tuple[float, float]
    parameters: tuple[Parameter, ...]
    flags: tuple[Flag, ...]

    @property
    def rate_hz(self) -> float:
        """Of the samples."""
        return self.found.rate_hz

    @property
    def block_s(self) -> float:
        """How long one block of the detector is."""
        return self.found.block_frames / self.found.rate_hz

    def energies_uv2(self) -> "array[float]":
        """The mean Teager-Kaiser energy of each block."""
        return self.found.rows[1::5]


def muscle(recording: Recording, detection: Detection) -> Muscle:
    """The activity of column ``emg``. Raises ``ExamRefused`` and its kinds."""
    definition = _definition(detection)
    positive("--full-scale-mv", detection.full_scale_mv)
    positive("--baseline-limit-uv", detection.baseline_limit_uv)
    samples, middle = _centred(recording, even(recording, recording.column("emg", "uV")))
    rate_hz = recording.rate_hz
    blanked = _blanked(recording, samples, detection)
    frames, microvolts = _frames(recording, samples, _ends(samples, middle, detection.full_scale_mv))
    baseline_s, flags = _baseline(recording, samples, blanked, detection, definition)
    try:
        found = activity(
            frames,
            definition,
            rate_hz=rate_hz,
            microvolts_per_count=microvolts,
            channels=1,
            baseline_s=baseline_s,
            stimuli_s=[at / rate_hz for at in _marked(blanked, definition, rate_hz)],
        )
    except EmgError as error:
        raise TraceUnusable(recording.source.name, f"{error}{_how(str(error))}") from error
    parameters = (
        *_settings(definition, detection),
        entered("baseline", baseline_s, "s", assumed=not detection.baseline),
        *(entered(f"stimulated {n}", text, "s") for n, text in enumerate(detection.stimulated, 1)),
    )
    watched = _watched(found, definition)
    return Muscle(
        found, definition, samples, watched, baseline_s, parameters, (*flags, *_flags(recording, found))
    )


def _how(message: str) -> str:
    if " Hz: " in message or " Hz are " in message:
        return " (record faster, or change its numbers, which the result tells: --set high_hz=...)"
    return ""


def _definition(detection: Detection) -> EmgDefinition:
    name = detection.definition or TEAGER_MAD_DRAFT.id
    if name not in DEFINITIONS:
        raise DefinitionUnknown("muscle activity", name, list(DEFINITIONS))
    changes = dict(_change(one) for one in detection.changes)
    if not changes:
        return DEFINITIONS[name]
    made = DEFINITIONS[name]._replace(**changes)  # type: ignore[arg-type]
    return made._replace(id=f"{name} changed", verified=False)


def _numbers() -> list[str]:
    left_out = ("id", "verified", "provenance")
    return [name for name in EmgDefinition._fields if name not in left_out]


def _change(text: str) -> tuple[str, float | int]:
    name, _, written = text.partition("=")
    name = name.strip()
    if name not in _numbers():
        raise NotStated("--set", f"{text!r}: write NAME=VALUE, NAME being one of {', '.join(_numbers())}")
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not 0.0 <= value < 1e9 or (name == "order" and value != int(value)):
        raise NotStated("--set", f"{text!r}: {written!r} is no value that {name} can have")
    return name, int(value) if name == "order" else value


def _settings(definition: EmgDefinition, detection: Detection) -> tuple[Parameter, ...]:
    changed = {_change(one)[0] for one in detection.changes}
    sources = {name: text for names, text in definition.provenance.items() for name in names.split()}
    made = [entered("detector", definition.id, assumed=not (detection.definition or detection.changes))]
    for name in _numbers():
        unit = _UNITS.get(name.rpartition("_")[2], "")
        value = getattr(definition, name)
        if name in changed:
            made.append(entered(name, value, unit))
            continue
        text = sources.get(name, "E")
        certainty = _CERTAINTIES.get(text[:1], Certainty.UNKNOWN)
        made.append(Parameter(name=name, value=value, unit=unit, source=text, certainty=certainty))
    return tuple(made)


def _centred(recording: Recording, samples: "array[float]") -> tuple["array[float]", float]:
    """The samples without their median, and the median."""
    name = recording.source.name
    if traces.known(samples, 0, len(samples)) < len(samples) / 2:
        raise TraceUnusable(name, "most of emg is missing: check the electrode and the column")
    lowest, highest = traces.extent(samples)
    if lowest == highest:
        raise TraceUnusable(name, f"emg is {lowest:g} uV throughout: look at the electrode")
    middle = traces.middle(samples)
    return traces.less(samples, middle), middle


def _blanked(recording: Recording, samples: "array[float]", detection: Detection) -> list[tuple[int, int]]:
    """Frames that no activity is told from: beginnings and ends, in order."""
    rate_hz, count = recording.rate_hz, len(samples)
    found = traces.missing(samples)
    found += [(at, at + 1) for at in _stimuli(recording)]
    for text in detection.stimulated:
        start_s, end_s = stretch("--stimulated", text)
        if start_s * rate_hz >= count:
            raise NotStated("--stimulated", f"{text}: the recording ends at {count / rate_hz:g} s")
        found.append((round(start_s * rate_hz), min(count, round(end_s * rate_hz))))
    return sorted(found)


def _stimuli(recording: Recording) -> list[int]:
    """The frames of stimuli, from marks and from the column of the stimulator."""
    rate_hz = recording.rate_hz
    times_s = [
        one.at_s for one in recording.marks if any(word in one.text.lower() for word in STIMULUS_WORDS)
    ]
    column = recording.columns.get("stimulus")
    if column is not None:
        half = sum(traces.extent(column.values)) / 2.0
        times_s += [recording.times_s[at] for at in traces.rises_over(column.values, half)]
    return [round(at_s * rate_hz) for at_s in times_s]


def _marked(blanked: Sequence[tuple[int, int]], definition: EmgDefinition, rate_hz: float) -> list[int]:
    """Marks that are close enough for the detector to blank all of these stretches."""
    every = max(1, frames_in(definition.blank_after_ms, rate_hz))
    return [at for begin, end in blanked for at in range(begin, end, every)]


def _frames(
    recording: Recording, samples: "array[float]", ends: tuple[float, float]
) -> "tuple[array[int], float]":
    """int16 with a missing sample held, and how many microvolts a count is."""
    lowest, highest = traces.extent(samples)
    microvolts = max(-max(lowest, ends[0]), min(highest, ends[1])) / _LARGEST
    if not microvolts > 0.0:
        raise TraceUnusable(recording.source.name, "all of emg is beyond --full-scale-mv: correct it")
    return traces.counted(samples, microvolts, ends), microvolts


def _ends(samples: "array[float]", middle: float, full_scale_mv: float | None) -> tuple[float, float]:
    """The ends of the scale: stated, or where three samples in a row stand at the extreme, else none."""
    if full_scale_mv is not None:
        return -1e3 * full_scale_mv - middle, 1e3 * full_scale_mv - middle
    lowest, highest = traces.extent(samples)
    return (
        lowest if traces.stands(samples, lowest, _AT_THE_END) else -math.inf,
        highest if traces.stands(samples, highest, _AT_THE_END) else math.inf,
    )


def _baseline(
    recording: Recording,
    samples: "array[float]",
    blanked: Sequence[tuple[int, int]],
    detection: Detection,
    definition: EmgDefinition,
) -> tuple[tuple[float, float], tuple[Flag, ...]]:
    if detection.baseline:
        return stretch("--baseline", detection.baseline), ()
    found = _quietest(samples, recording.rate_hz, blanked, definition)
    if found is None:
        text = f"no {definition.baseline_s:g} s without stimuli and gaps: record longer, or state --baseline"
        raise TraceUnusable(recording.source.name, text)
    text = (
        f"nobody stated when the muscle was quiet: its calmest part, {found[0]:.1f} to {found[1]:.1f} s, was "
        "taken as baseline; state --baseline START-END"
    )
    return found, (Flag(id="baseline_assumed", severity=Severity.DOUBTFUL, text=text),)


def _quietest(
    samples: "array[float]", rate_hz: float, blanked: Sequence[tuple[int, int]], definition: EmgDefinition
) -> tuple[float, float] | None:
    length, every = math.ceil(definition.baseline_s * rate_hz), max(1, round(rate_hz))
    margin = frames_in(definition.blank_after_ms + definition.after_stimulation_ms, rate_hz)
    ahead, best, least = deque(blanked), None, math.inf
    for begin in range(0, len(samples) - length, every):
        last = begin + length
        while ahead and ahead[0][1] + margin <= begin:
            ahead.popleft()
        if ahead and ahead[0][0] < last + margin:
            continue
        moved, still = traces.steps(samples, begin, last + 1)
        if still <= _MOST_STILL * length and moved < least:
            best, least = begin, moved
    return None if best is None else (best / rate_hz, (best + length) / rate_hz)


def _watched(found: Activity, definition: EmgDefinition) -> tuple[Watched, ...]:
    block_s = found.block_frames / found.rate_hz
    unseen = _unseen(found, definition, block_s)
    made: list[Watched] = []
    for begin, end in stretches(not one for one in unseen):
        start_s, end_s = begin * block_s, end * block_s
        if made and (start_s - made[-1].end_s) * 1000.0 < definition.merge_gap_ms:
            made[-1] = Watched(made[-1].start_s, end_s)
        else:
            made.append(Watched(start_s, end_s))
    return tuple(made)


def _unseen(found: Activity, definition: EmgDefinition, block_s: float) -> bytearray:
    """1 for each block that was blanked, followed too soon, or was part of a flat line."""
    clean, quality = found.rows[4::5], found.rows[3::5]
    unseen, after = bytearray(len(clean)), blocks_in(definition.after_stimulation_ms, 1000.0 * block_s)
    for at, frames in enumerate(clean):
        if frames < found.block_frames:
            last = min(at + after + 1, len(clean))
            unseen[at:last] = b"\1" * (last - at)
    for begin, end in stretches(bool(int(one) & FLAT) for one in quality):
        holds = any(one.begin_s < end * block_s and one.end_s > begin * block_s for one in found.episodes)
        if (end - begin) * block_s >= _FLAT_S and not holds:
            unseen[begin:end] = b"\1" * (end - begin)
    return unseen


_TEXTS = {
    "definition_unverified": "the detector's numbers were never read together in a source: a draft",
    "rate_below_definition": "sampled more slowly than the definition asks for",
    "channel_0_saturates": "parts stand at the end of the amplifier's scale",
    "mostly_stimulated": "more than half was stimulated or missing",
    "baseline_not_quiet": "the baseline is not quiet: it has activity above its own threshold",
    "saturated": "stands at the end of the amplifier's scale",
    "flat": "has a flat line inside: look at the electrode",
    "cut_by_stimulation": "meets stimulation or a gap: longer than shown",
    "begins_before_the_recording": "began before the recording: longer than shown",
    "ends_after_the_recording": "did not end in the recording: longer than shown",
}


def _flags(recording: Recording, found: Activity) -> tuple[Flag, ...]:
    if "channel_0_mostly_flat" in found.flags:
        text = "more than half of emg is a flat line: look at the electrode"
        raise TraceUnusable(recording.source.name, text)
    about = [(name, "") for name in (*found.flags, *(one for each in found.thresholds for one in each.flags))]
    about += [(name, str(at)) for at, one in enumerate(found.episodes, 1) for name in one.flags]
    made = [
        Flag(id=name, severity=Severity.DOUBTFUL, text=_TEXTS.get(name, name.replace("_", " ")), of=of)
        for name, of in about
    ]
    return tuple(made)
