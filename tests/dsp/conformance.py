"""What every streaming kernel promises, as tests to inherit.

Theory of operation
-------------------
A kernel takes a recording in chunks of whole frames and writes what it makes of them into a buffer of its
own: ``push(chunk)`` returns how many numbers it wrote, ``out`` is where they stand.  Its whole state is in
``state()``; ``resumed`` goes on from it.  So a recording in one piece, in pieces of any size, and in pieces
with a new process between them give the same bits.

A subclass says how to make the kernel, what to feed it and what a plain oracle makes of the same recording;
it inherits the rest.
"""

import random
import sys
from abc import ABC, abstractmethod
from array import array
from typing import Any

import numpy as np
import pytest

CHUNKS = (1, 7, 16, 64)


class KernelConformance(ABC):
    """Tests for one kernel. ``ulps``: how far from the oracle a number may be, in units in the last place."""

    ulps: int = 0
    absolute: float = 0.0
    """Where numbers near zero are differences of large ones: how far from the oracle they may be besides."""

    @abstractmethod
    def make(self, largest_chunk: int) -> Any:
        """A new kernel for chunks of up to so many frames."""

    @abstractmethod
    def resumed(self, largest_chunk: int, state: bytes) -> Any:
        """A kernel that goes on from ``state``."""

    @abstractmethod
    def recording(self) -> "np.ndarray[Any, Any]":
        """Frames to feed it, first axis time, in the layout and type that it takes."""

    @abstractmethod
    def oracle(self, recording: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """Everything that the kernel writes for this recording, flat, made by array expressions."""

    def run(self, sizes: "list[int]", *, handing_over: bool = False) -> "array[float]":
        """Feed the recording in chunks of these sizes, again and again; all that was written."""
        frames = self.recording()
        largest = max(sizes)
        kernel, made, at, turn = self.make(largest), array("d"), 0, 0
        while at < len(frames):
            chunk = np.ascontiguousarray(frames[at : at + sizes[turn % len(sizes)]])
            made.extend(kernel.out[: kernel.push(chunk)])
            at, turn = at + len(chunk), turn + 1
            if handing_over:
                kernel = self.resumed(largest, kernel.state())
        return made

    def whole(self) -> "array[float]":
        return self.run([len(self.recording())])

    @pytest.mark.parametrize("size", CHUNKS)
    def test_chunks_give_the_same_bits_as_one_call(self, size: int) -> None:
        assert self.run([size]).tobytes() == self.whole().tobytes()

    @pytest.mark.parametrize("seed", range(5))
    def test_random_chunks_and_a_new_process_after_each_give_the_same_bits(self, seed: int) -> None:
        randomness = random.Random(seed)
        sizes = [randomness.randint(1, 300) for _ in range(20)]
        assert self.run(sizes, handing_over=True).tobytes() == self.whole().tobytes()

    def test_it_agrees_with_the_oracle(self) -> None:
        made, wanted = np.array(self.whole()), self.oracle(self.recording())
        assert made.shape == wanted.shape
        assert len(made) > 0
        np.testing.assert_array_equal(np.isnan(made), np.isnan(wanted))
        off = np.abs(made - wanted)
        allowed = np.maximum(self.ulps * np.spacing(np.abs(wanted)), self.absolute)
        worst = int(np.nanargmax(off - allowed))
        assert not np.any(off > allowed), f"{made[worst]!r} at {worst}, the oracle says {wanted[worst]!r}"

    def test_read_only_input_is_as_good(self) -> None:
        frames = np.ascontiguousarray(self.recording()[:50])
        writeable, read_only = self.make(50), self.make(50)
        frozen = frames.copy()
        frozen.flags.writeable = False
        first, second = writeable.push(frames), read_only.push(frozen)
        assert bytes(writeable.out[:first]) == bytes(read_only.out[:second])

    def test_strided_input_is_refused(self) -> None:
        kernel, before = self.make(50), self.make(50).state()
        with pytest.raises((ValueError, BufferError)):
            kernel.push(self.recording()[:50:2])
        assert kernel.state() == before

    def test_a_chunk_that_is_too_large_or_no_whole_frame_is_refused(self) -> None:
        kernel = self.make(8)
        for wrong in (np.ascontiguousarray(self.recording()[:9]).tobytes(), b"\0"):
            with pytest.raises(ValueError, match="chunk"):
                kernel.push(wrong)
        assert kernel.state() == self.make(8).state()

    def test_an_empty_chunk_is_nothing(self) -> None:
        kernel = self.make(8)
        assert kernel.push(b"") == 0
        assert kernel.state() == self.make(8).state()

    def test_a_state_of_another_size_is_refused(self) -> None:
        with pytest.raises(ValueError, match="state"):
            self.resumed(8, self.make(8).state()[:-1])

    def test_a_call_allocates_nothing_that_stays(self) -> None:
        kernel, chunk = self.make(16), np.ascontiguousarray(self.recording()[:16])
        push = kernel.push
        for _ in range(10):
            push(chunk)
        before = sys.getallocatedblocks()
        for _ in range(1000):
            push(chunk)
        assert sys.getallocatedblocks() - before < 20
