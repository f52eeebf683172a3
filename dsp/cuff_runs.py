"""Where in a recording the cuff made a run: a slow way up or down over many pressures.

Theory of operation
-------------------
A recording of a session holds fillings, holds, dumps and, somewhere, the runs that an oscillometric reading
needs. ``runs`` looks at the slow course ten times a second.  Each stretch above 25 mmHg has a way up to its
highest pressure and a way down from it; a hold at the top belongs to both.  What rises or falls by more than
12 mmHg/s at the outer end is filling or dumping and is cut off.  A way that then lasts 15 s and covers 40
mmHg is a run; of the two the longer one counts. An occlusion, filled fast, held level and dumped, is none.

Units: mmHg, s; samples of the recording.  Source: the numbers are ours (engineering proposal).
"""

from array import array

from dsp.cuff_split import PressureSplit
from dsp.record import NamedTuple

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["Stretch", "runs"]

_LOOKS_HZ = 10.0
_IN_USE_MMHG = 25.0
_FAST_MMHG_S = 12.0
_OVER_S = 2.0
_LEAST_S = 15.0
_LEAST_MMHG = 40.0
_TOP_MMHG = 3.0


class Stretch(NamedTuple):
    """A run: samples ``begin`` to ``end`` (not included) of the recording."""

    begin: int
    end: int
    rising: bool


def runs(pressures_mmhg: "ReadableBuffer", rate_hz: float) -> list[Stretch]:
    """The runs of a recording of float64 mmHg, in their order; none is an empty list.

    ``ValueError`` for a rate below 20 Hz or above 20 kHz.
    """
    every = max(1, round(rate_hz / _LOOKS_HZ))
    number = memoryview(pressures_mmhg).nbytes // 8
    split = PressureSplit(max(1, number), rate_hz, every=every)
    filled = split.push(pressures_mmhg)
    slow, looks_hz = array("d", split.out[:filled:2]), rate_hz / every
    found = []
    for begin, end in _in_use(slow):
        way = _longer(slow, begin, end, looks_hz)
        if way is not None:
            first = _sample(way[0], every, rate_hz, 2 * split.delay_s, number)
            last = _sample(way[1] - 1, every, rate_hz, 0.0, number)
            found.append(Stretch(first, last, way[2]))
    return found


def _sample(look: int, every: int, rate_hz: float, delay_s: float, number: int) -> int:
    return min(number, max(0, round((look + 1) * every - delay_s * rate_hz)))


def _in_use(slow: "array[float]") -> list[tuple[int, int]]:
    """Stretches above 25 mmHg; a missing value ends one."""
    found, begin = [], None
    for at, mmhg in enumerate(slow):
        if mmhg > _IN_USE_MMHG:
            begin = at if begin is None else begin
        elif begin is not None:
            found.append((begin, at))
            begin = None
    if begin is not None:
        found.append((begin, len(slow)))
    return found


def _longer(slow: "array[float]", begin: int, end: int, looks_hz: float) -> tuple[int, int, bool] | None:
    near = max(slow[begin:end]) - _TOP_MMHG
    first, last = (next(at for at in way if slow[at] >= near) for way in _both_ways(begin, end))
    over, fast = round(_OVER_S * looks_hz), _FAST_MMHG_S * _OVER_S
    up, down = begin, end
    while up + over <= last and slow[up + over] - slow[up] > fast:
        up += 1
    while down - over > first and slow[down - over] - slow[down - 1] > fast:
        down -= 1
    ways = [(up, last + 1, True), (first, down, False)]
    kept = [way for way in ways if _is_run(slow, way[0], way[1], looks_hz)]
    return max(kept, key=lambda way: way[1] - way[0], default=None)


def _both_ways(begin: int, end: int) -> tuple[range, range]:
    return range(begin, end), range(end - 1, begin - 1, -1)


def _is_run(slow: "array[float]", begin: int, end: int, looks_hz: float) -> bool:
    if end - begin < _LEAST_S * looks_hz:
        return False
    return abs(slow[end - 1] - slow[begin]) >= _LEAST_MMHG
