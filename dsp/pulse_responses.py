"""The evoked response to each pulse of a train, as the samples come: for a loop that answers to it.

Theory of operation
-------------------
Surface EMG of a stimulated muscle shows at each pulse an *artifact* and some milliseconds later the M-wave.
The stimulator's clock is unknown to the amplifier, so the artifact itself says when the pulse was: it begins
with the first sample that differs by ``artifact`` or more from the one before.  For ``rest`` samples no other
is looked for: its second half, its tail and the M-wave are no pulses.

The *window* is the samples from ``begin`` up to, and without, ``end``, the artifact's first sample being 0.
With its last sample the response is written: the largest minus the smallest value in it, in counts.  It is a
response only if the signal *turns* in the window: it rises, and it falls, by ``least`` or more.  The tail of
an artifact has a height too, but goes one way: that, like noise, is ``NO_RESPONSE``.  A window in which the
converter stood at one of its ends (``floor``, ``ceiling``) is ``SATURATED``: nobody can say.

Hum and a muscle that moves by itself turn as well: ``calm`` is the same height, without the condition of a
turn, of the signal where no pulse is.  What is not well above it is no response; that is the caller's to say.

What it cannot do: an amplifier that ends before its converter does is not seen; a tail that is not over adds
to the height of a response; EMG of a movement with steps as steep as an artifact is taken for a pulse.  All
depend on electrodes and amplifier: look at a recording.

Whole numbers only; any chunking gives the same answers.  Units: counts of the converter, samples.  Source:
peak to peak is a convention of nerve conduction studies (from memory); to require a turn is ours.
"""

from dsp._responses import Responses

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from typing import Self

__all__ = ["NO_RESPONSE", "SATURATED", "PulseResponses"]

SATURATED = -1.0
NO_RESPONSE = 0.0


class PulseResponses(Responses):
    """The responses in one channel of interleaved int16 frames; ``channel`` counts from 0.

    ``push(chunk)`` takes whole frames, at most ``largest_chunk``, and says how many responses stand in
    ``out``; ``pulses`` counts artifacts.  ``still`` is how many samples since the signal last changed: an
    amplifier that is connected has noise.  ``calm`` is the height of the last stretch, as long as a window,
    in which no pulse was, or -1 before the first.  ``restart()`` where frames are missing.  ``ValueError``
    for a window that is none, or is not over when the next pulse may come.
    """

    __slots__ = ()

    def __new__(
        cls,
        largest_chunk: int,
        channels: int,
        channel: int,
        *,
        artifact: int,
        begin: int,
        end: int,
        rest: int,
        least: int,
        floor: int,
        ceiling: int,
    ) -> "Self":
        return super().__new__(
            cls, largest_chunk, channels, channel, artifact, begin, end, rest, least, floor, ceiling
        )

    def __init__(self, *args: object, **more: object) -> None:
        """All is made in ``__new__``, as compiled classes are."""
