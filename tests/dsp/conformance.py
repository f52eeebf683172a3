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
import tracemalloc
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

CHUNKS = (1, 7, 16, 64)

ELEMENTS = ("<f8", "<i2", "|u1", "<f4", "<f2", "<i4", "<i8", "<u2", "<u8", ">f8", ">i2", "<c16")
"""Types that somebody may hand in. Of these a kernel takes its own and bytes."""


def allocated(call: Callable[[Any], object], argument: object) -> int:
    """The most memory, in bytes, that any of a hundred calls held beside what was there before it."""
    most = 0
    tracemalloc.start()
    try:
        for _ in range(100):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            call(argument)
            most = max(most, tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    return most


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

    def run(
        self, sizes: "list[int]", *, handing_over: bool = False, as_bytes: bool = False
    ) -> "array[float]":
        """Feed the recording in chunks of these sizes, again and again; all that was written."""
        frames = self.recording()
        largest = max(sizes)
        kernel, made, at, turn = self.make(largest), array("d"), 0, 0
        while at < len(frames):
            chunk = np.ascontiguousarray(frames[at : at + sizes[turn % len(sizes)]])
            made.extend(kernel.out[: kernel.push(chunk.tobytes() if as_bytes else chunk)])
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

    def test_bytes_of_changing_sizes_give_the_same_bits(self) -> None:
        """As many bytes as the last time go a shorter way through a kernel."""
        sizes = [1, 1, 7, 7, 1, 64, 64, 3, 1, 16, 16]
        assert self.run(sizes, as_bytes=True).tobytes() == self.whole().tobytes()

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

    def test_elements_of_another_type_are_refused(self) -> None:
        """Of as many bytes as whole frames have, so that nothing else is wrong with them."""
        frames = np.ascontiguousarray(self.recording()[:16])
        kernel, before = self.make(16), self.make(16).state()
        others = [np.dtype(one) for one in ELEMENTS if np.dtype(one) not in (frames.dtype, np.dtype("u1"))]
        for other in others:
            with pytest.raises(ValueError, match="chunk of elements of format"):
                kernel.push(np.zeros(frames.nbytes // other.itemsize, other))
        assert len(others) >= len(ELEMENTS) - 2
        assert kernel.state() == before

    def test_bytes_and_views_of_them_are_as_good_as_numbers(self) -> None:
        frames = np.ascontiguousarray(self.recording()[:50])
        written = []
        for chunk in (frames, frames.tobytes(), memoryview(frames.tobytes()), bytearray(frames.tobytes())):
            kernel = self.make(50)
            written.append(bytes(memoryview(kernel.out).cast("B")[: 8 * kernel.push(chunk)]) + kernel.state())
        assert written == written[:1] * 4

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

    def test_a_call_allocates_nothing_but_the_number_that_it_returns(self) -> None:
        frames = np.ascontiguousarray(self.recording())
        kernel, chunk = self.make(len(frames)), frames.tobytes()
        kernel.push(chunk)
        assert allocated(kernel.push, chunk) <= sys.getsizeof(2**40)
