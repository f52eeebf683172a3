"""Whether a pulse is left where it should be gone: beyond the corner of a distal sensor, or over a whole run.

Theory of operation
-------------------
A broken line finds where the pulse beyond the cuff is level; level is not gone.  An artery that no cuff
closes, or a leak past it, leaves a smaller pulse, and an occlusion must not be claimed there.

*Rhythm.*  A pulse follows the heart: seven in ten intervals are within 12 % of the beat's.  In 16 seeded runs
of noise 11 to 40 % of the intervals beyond the corner were so near; in runs with a pulse of 20 and of 40 % of
the largest all were (``still_pulsing``).

*Residue.*  An irregular heart has no such rhythm.  So what is left without one is at most a tenth of the
largest amplitude, or three deviations of itself; else noise and pulse cannot be told apart (``not_quiet``).

Units: mmHg; amplitudes as the envelope's.  The numbers are ours (engineering proposal).
"""

from itertools import pairwise

from dsp.errors import SignalRefused
from dsp.median import median
from dsp.oscillometry import Beat, Envelope

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["GONE_SHARE", "refuse_pulsing", "refuse_residue"]

GONE_SHARE = 0.1
"""A distal pulse is gone where at most this part of its largest amplitude is left."""

_WHERE = "cuff trace"
_NOISE_DEVIATIONS = 3.0
_WITHIN = 0.12
_SHARE = 0.7
_LEAST_INTERVALS = 5
_TOP_MMHG = 10.0


def refuse_pulsing(envelope: Envelope, beats: "Sequence[Beat]") -> None:
    """Raises ``SignalRefused`` where these beats, in the order of time, follow the heart."""
    if not _follows_the_heart(beats, envelope.beat_interval_s):
        return
    top_mmhg = max(beat.pressure_mmhg for beat in beats)
    left = median(beat.amplitude_mmhg for beat in beats if beat.pressure_mmhg >= top_mmhg - _TOP_MMHG)
    share, rate = left / max(envelope.amplitudes_mmhg), 60.0 / envelope.beat_interval_s
    raise SignalRefused(
        _WHERE,
        "still_pulsing",
        f"a pulse of {100 * share:.0f} % of the largest, {rate:.0f} a minute, remains up to {top_mmhg:.0f} "
        f"mmHg: the limb is not closed there",
    )


def refuse_residue(envelope: Envelope, level: float, mmhg: float, high_mmhg: float) -> None:
    """Raises ``SignalRefused`` where what is left of the distal pulse is a pulse, or may be one.

    ``level`` is what the broken line left beyond its corner ``mmhg``, whose interval ends at ``high_mmhg``.
    """
    left = [beat for beat in envelope.beats if beat.pressure_mmhg > high_mmhg]
    if len(left) <= _LEAST_INTERVALS:
        left = [beat for beat in envelope.beats if beat.pressure_mmhg > mmhg]
    refuse_pulsing(envelope, left)
    largest = max(envelope.amplitudes_mmhg)
    if level > max(GONE_SHARE * largest, _NOISE_DEVIATIONS * _deviation(left)):
        raise SignalRefused(
            _WHERE,
            "not_quiet",
            f"{100 * level / largest:.0f} % of the largest amplitude is left beyond {mmhg:.0f} mmHg, without "
            f"the rhythm of the heart: noise or an irregular pulse, which cannot be told apart",
        )


def _follows_the_heart(beats: "Sequence[Beat]", interval_s: float) -> bool:
    intervals_s = [after.time_s - before.time_s for before, after in pairwise(beats)]
    near = sum(abs(one - interval_s) <= _WITHIN * interval_s for one in intervals_s)
    return len(intervals_s) >= _LEAST_INTERVALS and near >= _SHARE * len(intervals_s)


def _deviation(beats: "Sequence[Beat]") -> float:
    heights = [beat.amplitude_mmhg for beat in beats]
    mean = sum(heights) / len(heights)
    return float((sum((one - mean) ** 2 for one in heights) / len(heights)) ** 0.5)
