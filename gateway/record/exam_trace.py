"""The trace of one examination: what cuff and oximeter showed while it lasted, and its digest.

Theory of operation
-------------------
Core keeps the samples of the newest examination in memory, so that whoever analyses it can fetch them page by
page over the control socket; nobody but the link may read the journal.  The same samples are in the journal's
``trace`` rows, one row a second, as those of any session.  ``sha256`` is over the samples and not over rows,
so both give the same digest: of the samples since the row that began the examination, as many of each kind as
the row that ends it says.  The digest stands in that row and in every result that was made from it.

At 20 statuses a second an hour is under 1 MB.  A trace that would grow beyond it stops and says so: half a
recording must not pass for a whole one.

Units: ms since the examination began, 0.1 mmHg, per mille; a missing value is ``None``.
"""

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

CuffSample = tuple[int, int | None, int | None]
TissueSample = tuple[int, int | None]

MOST_CUFF_SAMPLES = 72_000
MOST_TISSUE_SAMPLES = 14_400
_MISSING = -(1 << 31)


class Samples(NamedTuple):
    """A part of a trace: statuses ``[ms, control, limit]`` and saturations ``[ms, per mille]``."""

    cuff: list[CuffSample]
    sto2: list[TissueSample]


class ExamTrace:
    """The samples since ``began_ms``, in the order in which they came."""

    def __init__(self, began_ms: int) -> None:
        self.began_ms = began_ms
        self._cuff = array("i")
        self._sto2 = array("i")
        self._statuses = hashlib.sha256()
        self._saturations = bytearray()
        self.complete = True

    def cuff(self, at_ms: int, control_dmmhg: int | None, limit_dmmhg: int | None) -> None:
        """One status of the controller."""
        sample = (at_ms - self.began_ms, control_dmmhg, limit_dmmhg)
        if self._take(self._cuff, sample, MOST_CUFF_SAMPLES):
            self._statuses.update(_status_line(sample))

    def sto2(self, at_ms: int, permille: int | None) -> None:
        """One value of the oximeter."""
        sample = (at_ms - self.began_ms, permille)
        if self._take(self._sto2, sample, MOST_TISSUE_SAMPLES):
            self._saturations += _saturation_line(sample)

    def _take(self, into: "array[int]", sample: Iterable[int | None], most: int) -> bool:
        row = [_MISSING if one is None else one for one in sample]
        if len(into) >= most * len(row):
            self.complete = False
            return False
        into.extend(row)
        return True

    @property
    def highest_dmmhg(self) -> int:
        """The highest pressure that the controller regulated by; 0 without any."""
        return max(0, max(self._cuff[1::3], default=0))

    @property
    def cuff_samples(self) -> int:
        """How many statuses there are."""
        return len(self._cuff) // 3

    @property
    def sto2_samples(self) -> int:
        """How many saturations there are."""
        return len(self._sto2) // 2

    def page(self, cuff_from: int, sto2_from: int, most: int) -> Samples:
        """At most so many samples of each kind, from these numbers on."""
        cuff = _rows(self._cuff, 3, cuff_from, most)
        sto2 = _rows(self._sto2, 2, sto2_from, most)
        return Samples([(at or 0, one, two) for at, one, two in cuff], [(at or 0, one) for at, one in sto2])

    def raw(self) -> tuple[bytes, bytes]:
        """All samples as they are kept, statuses and saturations, for ``of_raw`` on the same machine."""
        return self._cuff.tobytes(), self._sto2.tobytes()

    def sha256(self) -> str:
        """The digest of all samples, made as they came: a stop does not wait for it."""
        digest = self._statuses.copy()
        digest.update(self._saturations)
        return digest.hexdigest()


def of_raw(cuff: bytes, sto2: bytes) -> Samples:
    """The samples that ``ExamTrace.raw`` gave away."""
    known = ExamTrace(0)
    known._cuff.frombytes(cuff)
    known._sto2.frombytes(sto2)
    return known.page(0, 0, MOST_CUFF_SAMPLES)


def _rows(values: "array[int]", width: int, begin: int, most: int) -> Iterator[list[int | None]]:
    first = max(0, begin) * width
    for at in range(first, min(len(values), first + most * width), width):
        yield [None if one == _MISSING else one for one in values[at : at + width]]


def sha256(samples: Samples) -> str:
    """The digest of these samples: a line for each, statuses first."""
    lines = [*map(_status_line, samples.cuff), *map(_saturation_line, samples.sto2)]
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _status_line(sample: CuffSample) -> bytes:
    return b"cuff %d %a %a\n" % sample


def _saturation_line(sample: TissueSample) -> bytes:
    return b"sto2 %d %a\n" % sample
