"""Streaming filters of several channels: cascades of second-order sections, decimation, medians.

Theory of operation
-------------------
Each kernel takes chunks of whole frames (one number of each channel) of float64, or of little-endian int16 or
int24 as amplifiers send them, which are decoded on the way into the filter.  It writes frames of float64 to
``out``; ``push`` returns how many numbers.

- ``SosFilter``: the sections of ``dsp.design``, direct form II transposed.  One frame out for each frame in.
- ``Decimator``: the FIR of ``dsp.design.anti_alias``, only computed where a sample is kept.  Output k belongs
  to input frame ``delay_frames + k * factor``; nothing is written before the window is full.
- ``MedianFilter``: the median of the last ``window`` frames (odd).  Output k belongs to input frame
  ``window // 2 + k``.

NaN and gaps.  A value that is no number (NaN, infinite) is a gap of its channel; the others go on.
``SosFilter``: the filter is fed the last good value (0 before the first), the output there is NaN, and what
follows is right again once the filter has settled; nothing is poisoned.  ``Decimator``: every output whose
window holds a gap is NaN.  ``MedianFilter``: the median of what is there (of an even count the mean of the
middle two), NaN if nothing is.  int16 and int24 have no NaN.  Missing frames are the caller's to tell: push
NaN for them, or begin anew.

State: everything, coefficients included.  IEEE double without fused multiply-add in a fixed order: any
chunking, any vector width and any processor give the same bits.

Units: as the input; ``gain`` of a filter may carry a scale (microvolts per count).
"""

from dsp import _filters
from dsp.design import DesignError, Sections, anti_alias

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    Input = Literal["float64", "int16", "int24"]

__all__ = ["Decimator", "MedianFilter", "SosFilter"]

_INPUTS = ("float64", "int16", "int24")


def _input(name: str) -> int:
    if name not in _INPUTS:
        raise DesignError(f"an input of {name!r}: it must be one of {', '.join(_INPUTS)}")
    return _INPUTS.index(name)


class SosFilter(_filters.Cascade):
    """``sections`` over ``channels`` interleaved channels; ``scale`` multiplies the input.

    ``settled``: begin as if the first good sample had stood for ever (no transient from an offset); else
    begin at rest. ``DesignError`` for settings that cannot be, ``ValueError`` for a chunk that cannot.
    """

    __slots__ = ()

    def __init__(
        self,
        largest_chunk: int,
        *,
        sections: Sections,
        channels: int,
        input: "Input" = "float64",
        scale: float = 1.0,
        settled: bool = True,
    ) -> None:
        kind = _input(input)
        try:
            self._new(kind, channels, sections.coefficients, sections.gain * scale, settled, largest_chunk)
        except (ValueError, OverflowError) as error:
            raise DesignError(f"{channels} channels, {len(sections)} sections: {error}") from error


class Decimator(_filters.Decimator):
    """Every ``factor``-th sample after an anti-alias filter; ``taps``: others than the usual."""

    __slots__ = ()

    def __init__(
        self,
        largest_chunk: int,
        *,
        factor: int,
        channels: int,
        input: "Input" = "float64",
        taps: "Sequence[float] | None" = None,
    ) -> None:
        used = anti_alias(factor) if taps is None else taps
        if list(used) != list(reversed(used)) or len(used) % 2 == 0:
            raise DesignError(f"{len(used)} taps: their count must be odd and they must be symmetric")
        kind = _input(input)
        try:
            self._new(kind, channels, used, factor, largest_chunk)
        except (ValueError, OverflowError) as error:
            raise DesignError(f"{channels} channels, {len(used)} taps: {error}") from error


class MedianFilter(_filters.Median):
    """The median of the last ``window`` frames, odd, at most 1001."""

    __slots__ = ()

    def __init__(
        self,
        largest_chunk: int,
        *,
        window: int,
        channels: int,
        input: "Input" = "float64",
    ) -> None:
        kind = _input(input)
        try:
            self._new(kind, channels, window, largest_chunk)
        except (ValueError, OverflowError) as error:
            raise DesignError(f"{channels} channels, a median of {window}: {error}") from error
