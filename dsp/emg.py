"""The EMG chain: int16 frames in, envelopes and onsets of every channel out, a row a block.

Theory of operation
-------------------
1. **Blanking** comes first, before anything that rings: a filter that has seen a stimulation artefact of
   many millivolts shows it for a tenth of a second.  ``stimulus(frame)`` tells of a pulse before its frame
   arrives; from ``blank_before`` frames before it to ``blank_after`` frames after it the input of the filters
   is held at the last sample, and the frames count in no envelope.  A pulse told of too late is blanked from
   then on and counted (``late_stimuli``).
2. **Filters**: second-order sections (``dsp.design``), started as if the first sample had stood for ever, so
   an electrode offset makes no transient.
3. **Teager-Kaiser energy** |x[n-1]^2 - x[n-2] x[n]|, mean over a block.  The mean is the smoothing: a block
   of 10 ms is a low-pass with its -3 dB at 44 Hz.
4. **Onset**: a channel is active once that mean has been above its threshold for ``hold_blocks`` blocks in a
   row, and until ``release_blocks`` blocks in a row were not.  Before a threshold is set it is infinite.  A
   block without a clean frame is not above.
5. **RMS** over the last ``window_blocks`` blocks, from the sums of the blocks, added anew each time: nothing
   drifts, whatever the length of the recording.

A row, written when a block ends: RMS of each channel, mean Teager-Kaiser energy of each, active (0 or 1) of
each, quality of each (``FLAT`` + ``SATURATED``), and how many of the block's frames were clean.  What is not
known is NaN: the RMS until a whole window has passed or when it has no clean frame, the energy of a block
without one.  Row k, counted from 0, is about frames ``k * block_frames`` to ``(k + 1) * block_frames - 1``.

NaN and gaps: int16 has no NaN.  A gap is not filled: make a new chain, or resume after it and disregard a
window.  A stuck or torn electrode shows as ``FLAT``, an overdriven amplifier as ``SATURATED`` (a sample at
either end of int16), both among clean frames only.

State: everything, the filter coefficients included; ``resumed`` needs nothing else.  All arithmetic is IEEE
double without fused multiply-add in a fixed order, so any chunking, any vector width and any processor give
the same bits.  States below 1e-150 become 0 when a block ends: no denormal number slows the filters down.

Units: frames; microvolts (RMS), microvolts squared (Teager-Kaiser energy).
Sources: Teager-Kaiser onset: Solnik 2010, Eur J Appl Physiol 110:489 (definition from memory, see
``dsp.emg_definitions``).
"""

from dsp._emg import FLAT, MOST_CHANNELS, MOST_MARKS, SATURATED, WIDEST_LANES, Chain
from dsp.errors import EmgError

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable

    from _typeshed import ReadableBuffer

    from dsp.design import Sections

__all__ = ["FLAT", "MOST_CHANNELS", "MOST_MARKS", "SATURATED", "WIDEST_LANES", "EmgChain", "EmgError", "rows"]


class EmgChain(Chain):
    """One streaming chain for ``channels`` interleaved channels of little-endian int16.

    ``push(frames)`` takes bytes or any contiguous buffer of at most ``largest_chunk`` whole frames and
    returns how many numbers it wrote to ``out``, ``row_length`` a finished block. ``ValueError`` (and nothing
    taken) for a chunk that is longer or no whole number of frames.

    ``EmgError`` for settings that cannot be.
    """

    __slots__ = ()

    def __init__(
        self,
        largest_chunk: int,
        *,
        sections: "Sections",
        microvolts_per_count: float,
        block_frames: int,
        window_blocks: int,
        hold_blocks: int,
        release_blocks: int,
        blank_before: int,
        blank_after: int,
        channels: int = 8,
    ) -> None:
        if not 0.0 < microvolts_per_count < 1e9:
            raise EmgError(
                f"{microvolts_per_count} microvolts per count: it must be above 0; see the amplifier"
            )
        counts = (
            channels,
            block_frames,
            window_blocks,
            hold_blocks,
            release_blocks,
            blank_before,
            blank_after,
        )
        try:
            self._new(counts, microvolts_per_count * sections.gain, sections.coefficients, largest_chunk)
        except (ValueError, OverflowError) as error:
            raise EmgError(
                f"{channels} channels, {len(sections)} sections, blocks of {block_frames} frames, windows of "
                f"{window_blocks} blocks, hold {hold_blocks}, release {release_blocks}, "
                f"blanking {blank_before} before and {blank_after} after, chunks of {largest_chunk}: {error}"
            ) from error


def rows(chain: EmgChain, frames: "ReadableBuffer", stimuli: "Iterable[int]" = ()) -> "array[float]":
    """Everything that ``chain`` writes for a whole recording, flat; ``stimuli``: the frames of the pulses.

    Frames are counted like ``chain.frames``: a new chain begins at 0.
    """
    from array import array  # for whole recordings only: it takes as long to import as all that streams

    data, made = memoryview(frames).cast("B"), array("d")
    first, frame_bytes, waiting = chain.frames, 2 * chain.channels, sorted(set(stimuli))
    last, written = first + -(-len(data) // frame_bytes), chain.out.cast("B")
    while chain.frames < last:
        told = waiting[: MOST_MARKS - chain.waiting_stimuli]
        for stimulus in told:
            chain.stimulus(stimulus)
        del waiting[: len(told)]
        begin = chain.frames
        until = min(begin + chain.largest_chunk, last)
        if waiting:  # those must be told before their frames come
            until = min(until, max(begin + 1, waiting[0] - chain.blank_before))
        count = chain.push(data[(begin - first) * frame_bytes : (until - first) * frame_bytes])
        made.frombytes(written[: 8 * count])
    return made
