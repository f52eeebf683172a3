"""The spasm monitor from a raw recording of muscle activity, and what to look at.

Theory of operation
-------------------
``gateway.exams.files.emg`` finds the episodes and what was watched, ``gateway.exams.spasm`` counts.  The
plot has the recording with its episodes, and below it the energy that they were told by, with the threshold:
an episode that is none, or a burst that was missed, is seen there.  What an episode may be instead, and a
baseline that was not quiet, is of ``gateway.exams.files.emg_doubts``.
"""

import math
from array import array
from pathlib import Path

import msgspec

from dsp import traces
from gateway.exams import spasm
from gateway.exams.drawing import Analysed, Drawing, Level, Panel, Span, thinned, told
from gateway.exams.files.emg import ROLES, Detection, Muscle, muscle
from gateway.exams.files.emg_doubts import doubts
from gateway.exams.files.stated import Stated, completed, needed, opened
from gateway.exams.result import Certainty, Parameter, Result, Window
from gateway.exams.spasm import Episode


def analyse(path: Path, stated: Stated, detection: Detection) -> Analysed:
    """Count and time of the episodes in column ``emg``. Raises ``ExamRefused`` and its kinds."""
    known = opened(path, stated, ROLES)
    needed(known.recording, "emg")
    found = muscle(known.recording, detection)
    episodes = [Episode(one.begin_s, one.end_s) for one in found.found.episodes]
    threshold = Parameter(
        name="threshold",
        value=found.found.thresholds[0].value_uv2,
        unit="uV^2",
        source="from the baseline",
        certainty=Certainty.MEASURED,
    )
    about = doubts(found, detection)
    result = spasm.analyse(
        episodes,
        found.watched,
        (*found.parameters, threshold, *about.parameters),
        known.probe,
        known.recording.source,
        limb=known.limb,
        is_quiet_known=bool(detection.baseline),
    )
    result = msgspec.structs.replace(
        result,
        values=(*result.values, *about.values),
        definitions=(*result.definitions, *about.definitions),
    )
    whole = _with_windows(completed(result, known, flags=(*found.flags, *about.flags)), found)
    return Analysed(whole, drawing(whole, found))


def _with_windows(result: Result, found: Muscle) -> Result:
    episodes = tuple(
        Window(name="episode", start_s=one.begin_s, end_s=one.end_s, of=str(number))
        for number, one in enumerate(found.found.episodes, 1)
    )
    baseline = Window(name="baseline", start_s=found.baseline_s[0], end_s=found.baseline_s[1])
    return msgspec.structs.replace(result, windows=(*result.windows, baseline, *episodes))


def drawing(result: Result, found: Muscle) -> Drawing:
    """The recording and its energy, with episodes, baseline and threshold."""
    numbers = ", ".join(told(result, name) for name in ("episodes", "rate", "watched", "share_in_spasm"))
    return Drawing(panels(found), numbers)


def panels(found: Muscle) -> tuple[Panel, ...]:
    """Trace and energy over one time axis."""
    rate_hz, block_s = found.rate_hz, found.block_s
    times_s = traces.evenly(len(found.samples_uv), rate_hz)
    energies = array("d", (one if one > 0.0 else math.nan for one in found.energies_uv2()))
    blocks_s = array("d", ((at + 0.5) * block_s for at in range(len(energies))))
    spans = (*_unwatched(found, times_s[-1]), *_episodes(found))
    baseline = Span(*found.baseline_s, "baseline", "quiet")
    threshold = Level(found.found.thresholds[0].value_uv2, "threshold")
    trace = thinned(times_s, found.samples_uv, "muscle activity")
    energy = thinned(blocks_s, energies, "Teager-Kaiser energy of a block")
    shown_s = (0.0, times_s[-1])
    return (
        Panel("EMG (uV)", (trace,), spans=(*spans, baseline), x_range=shown_s, share=2.2),
        Panel(
            "Energy (uV^2)",
            (energy,),
            spans=(*spans, baseline),
            levels=(threshold,),
            x_range=shown_s,
            share=2.2,
            is_log=True,
        ),
    )


def _episodes(found: Muscle) -> list[Span]:
    episodes = found.found.episodes
    few = len(episodes) <= 60
    return [
        Span(one.begin_s, one.end_s, "episode", "found", str(number) if few else "")
        for number, one in enumerate(episodes, 1)
    ]


def _unwatched(found: Muscle, end_s: float) -> list[Span]:
    edges = [0.0, *(at for one in found.watched for at in (one.start_s, one.end_s)), end_s]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [
        Span(begin, end, "not watched", "left_out") for begin, end in pairs if end - begin > 2 * found.block_s
    ]
