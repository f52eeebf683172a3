"""What "active", "spasm" and the classes of spasms mean, as data with their sources.

Theory of operation
-------------------
No number of this page is a default of a kernel: whoever measures names a definition, and its id stands beside
the result.  ``provenance`` says for each number where it comes from; a definition is ``verified`` only if all
of its numbers were read in their source.  The one shipped is not: it puts together what the field uses
(from memory) with what this project proposes.  Copy it with ``_replace`` under an id of your own.

Provenance tags: R read in the source named, M from memory, E proposed by this project.

Units: Hz, ms, s. ``deviations`` counts robust standard deviations (1.4826 x MAD).
"""

from collections.abc import Mapping
from types import MappingProxyType

from dsp.design import DesignError, bandpass
from dsp.emg import EmgChain, EmgError
from dsp.record import NamedTuple

__all__ = [
    "MAD_TO_DEVIATION",
    "SPASM_CLASSES",
    "TEAGER_MAD_DRAFT",
    "EmgDefinition",
    "SpasmClass",
    "chain_for",
]

MAD_TO_DEVIATION = 1.4826
"""What the median absolute deviation of normally distributed numbers is multiplied by to be a deviation."""


class EmgDefinition(NamedTuple):
    """How activity, episodes and triggers are told."""

    id: str
    verified: bool
    low_hz: float
    high_hz: float
    order: int
    """Of the band-pass: so many sections, so steep on each side."""
    block_ms: float
    window_ms: float
    """Of the RMS."""
    deviations: float
    """Above the median of the baseline: the threshold of the block's mean Teager-Kaiser energy."""
    baseline_s: float
    """The shortest clean baseline."""
    hold_ms: float
    release_ms: float
    merge_gap_ms: float
    """Bursts that are closer than this are one episode."""
    refractory_ms: float
    """After an episode that triggers, none does for so long."""
    blank_before_ms: float
    blank_after_ms: float
    after_stimulation_ms: float
    """So long after a blanked block nothing is judged: the evoked response is no spasm."""
    lowest_rate_hz: float
    provenance: Mapping[str, str]


TEAGER_MAD_DRAFT = EmgDefinition(
    id="teager_mad_draft",
    verified=False,
    low_hz=20.0,
    high_hz=450.0,
    order=4,
    block_ms=10.0,
    window_ms=100.0,
    deviations=8.0,
    baseline_s=5.0,
    hold_ms=50.0,
    release_ms=100.0,
    merge_gap_ms=300.0,
    refractory_ms=2000.0,
    blank_before_ms=1.0,
    blank_after_ms=10.0,
    after_stimulation_ms=50.0,
    lowest_rate_hz=1000.0,
    provenance=MappingProxyType(
        {
            "low_hz high_hz lowest_rate_hz": "M usual for surface EMG",
            "order block_ms": "E; 10 ms smooth like the 50 Hz low-pass of Li, Zhou and Aruin 2007 (M)",
            "window_ms": "M 50 to 100 ms",
            "deviations": "E; M 3 to 15",
            "baseline_s": "M at least 5 s, robust deviation",
            "hold_ms": "M 25 to 50 ms",
            "release_ms": "E",
            "merge_gap_ms": "E; Thomas 2014 (R) names splitting as the main disagreement and gives no gap",
            "refractory_ms": "E at least 2 s",
            "blank_before_ms blank_after_ms": "M 1 ms before to 5 to 10 ms after",
            "after_stimulation_ms": "E; M the M-wave of the quadriceps lasts to 25 to 30 ms",
        }
    ),
)
"""Draft: no source gives these numbers together, and no trial has used them."""


class SpasmClass(NamedTuple):
    """A kind of spasm. ``criterion`` is ``None`` where its source was not read: then a person assigns it."""

    id: str
    source: str
    criterion: str | None


_THOMAS = "Thomas 2014, J Electromyogr Kinesiol: classes named, 89 % agreement; their criteria were not read"

SPASM_CLASSES = (
    SpasmClass("unit", _THOMAS, None),
    SpasmClass("tonic", _THOMAS, None),
    SpasmClass("clonus", _THOMAS, None),
    SpasmClass("myoclonus", _THOMAS, None),
    SpasmClass("mixed", _THOMAS, None),
)
"""This software never assigns one: an episode says how many bursts it has and how fast they follow."""


def chain_for(
    definition: EmgDefinition, rate_hz: float, microvolts_per_count: float, channels: int, largest_chunk: int
) -> EmgChain:
    """The chain of this definition. ``EmgError`` where the rate does not allow it."""
    if not 0 < rate_hz <= 1e6:
        raise EmgError(f"a rate of {rate_hz} Hz: it must be above 0 and at most 1 MHz")
    block = frames_in(definition.block_ms, rate_hz)
    if block < 2:
        raise EmgError(f"blocks of {definition.block_ms:g} ms at {rate_hz:g} Hz are shorter than two frames")
    block_ms = block / rate_hz * 1000.0
    try:
        sections = bandpass(definition.order, definition.low_hz, definition.high_hz, rate_hz)
    except DesignError as error:
        raise EmgError(
            f"{definition.id} at {rate_hz:g} Hz: {error}; choose a definition for this rate"
        ) from error
    return EmgChain(
        largest_chunk,
        sections=sections,
        microvolts_per_count=microvolts_per_count,
        block_frames=block,
        window_blocks=blocks_in(definition.window_ms, block_ms),
        hold_blocks=blocks_in(definition.hold_ms, block_ms),
        release_blocks=blocks_in(definition.release_ms, block_ms),
        blank_before=frames_in(definition.blank_before_ms, rate_hz),
        blank_after=frames_in(definition.blank_after_ms, rate_hz),
        channels=channels,
    )


def frames_in(duration_ms: float, rate_hz: float) -> int:
    """The nearest whole number of frames."""
    return round(duration_ms * rate_hz / 1000.0)


def blocks_in(duration_ms: float, block_ms: float) -> int:
    """The nearest whole number of blocks, at least one."""
    return max(1, round(duration_ms / block_ms))
