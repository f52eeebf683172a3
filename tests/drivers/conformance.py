"""What every codec must do, written once. A codec's tests inherit this and state its claims.

Theory of operation
-------------------
``Framing`` is for every codec: round trip, any chunking, bounded memory, resync within one frame, never
raises.  ``Checksummed`` adds: no false accept under the damage that the protocol's own checksum guarantees
to catch.  A subclass says what its messages are (a Hypothesis strategy), how one is sealed and framed, where
the protected bits lie, and how many flipped bits and how long a burst it claims to catch.  Sealing
(checksum) and framing (escapes, markers) are apart, because a checksum speaks about the sealed bytes only.
"""

import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, ClassVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

settings.register_profile(
    "conformance",
    deadline=None,
    max_examples=20,
    derandomize=True,
    # Each subclass runs the inherited tests on its own codec: that is the point.
    suppress_health_check=[HealthCheck.differing_executors],
)
thorough = settings(settings.get_profile("conformance"))

FLOOD = 20_000


class Framing(ABC):
    """Inherit, set ``messages``, and define the three methods."""

    messages: ClassVar[st.SearchStrategy[Any]]
    held_limit: ClassVar[int] = 4096
    """Upper bound of the pickled decoder, in bytes, whatever it was fed."""

    @abstractmethod
    def seal(self, message: Any) -> bytes:
        """The message as bytes, checksum included, before framing."""

    @abstractmethod
    def frame(self, sealed: bytes) -> bytes:
        """The bytes on the wire."""

    @abstractmethod
    def decoder(self) -> Any:
        """A fresh decoder with ``feed(bytes)`` that returns messages comparable with what was sealed."""

    def wire(self, message: Any) -> bytes:
        return self.frame(self.seal(message))

    @thorough
    @given(data=st.data())
    def test_round_trip(self, data: st.DataObject) -> None:
        messages = data.draw(st.lists(self.messages, min_size=1, max_size=4))
        stream = b"".join(self.wire(message) for message in messages)
        assert self.decoder().feed(stream) == messages

    @thorough
    @given(data=st.data())
    def test_any_chunking(self, data: st.DataObject) -> None:
        messages = data.draw(st.lists(self.messages, min_size=1, max_size=3))
        stream = b"".join(self.wire(message) for message in messages)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
        assert self._fed(stream, cuts) == messages

    @thorough
    @given(data=st.data())
    def test_byte_by_byte(self, data: st.DataObject) -> None:
        message = data.draw(self.messages)
        stream = self.wire(message)
        assert self._fed(stream, range(len(stream))) == [message]

    @thorough
    @given(data=st.data())
    def test_garbage_gives_the_same_whole_and_in_pieces(self, data: st.DataObject) -> None:
        stream = b"".join(data.draw(st.lists(st.one_of(st.binary(max_size=40), self._torn()), max_size=5)))
        assert self._fed(stream, range(len(stream))) == self.decoder().feed(stream)

    @thorough
    @given(data=st.data())
    def test_resync_within_one_frame(self, data: st.DataObject) -> None:
        noise = data.draw(st.one_of(st.binary(max_size=80), self._torn()))
        first, second = data.draw(self.messages), data.draw(self.messages)
        decoded = self.decoder().feed(noise + self.wire(first) + self.wire(second))
        assert decoded[-1:] == [second]

    @thorough
    @given(data=st.data())
    def test_never_raises(self, data: st.DataObject) -> None:
        decoder = self.decoder()
        for piece in data.draw(st.lists(st.one_of(st.binary(max_size=60), self._torn()), max_size=8)):
            assert isinstance(decoder.feed(piece), list)

    @given(unit=st.binary(min_size=1, max_size=8))
    @settings(thorough, max_examples=8)
    def test_memory_is_bounded(self, unit: bytes) -> None:
        decoder = self.decoder()
        decoder.feed(unit * (FLOOD // len(unit)))
        assert len(pickle.dumps(decoder)) < self.held_limit

    @given(data=st.data())
    @settings(thorough, max_examples=8)
    def test_memory_is_bounded_inside_an_endless_frame(self, data: st.DataObject) -> None:
        decoder = self.decoder()
        start = self.wire(data.draw(self.messages))[:8]
        decoder.feed(start + b"\x31" * FLOOD)
        assert len(pickle.dumps(decoder)) < self.held_limit
        message = data.draw(self.messages)
        assert decoder.feed(self.wire(message) * 2)[-1:] == [message]

    def _torn(self) -> st.SearchStrategy[bytes]:
        """A frame with its end, its start or its middle missing, or a byte of it replaced."""

        def tear(message: Any, left: int, right: int, value: int) -> bytes:
            stream = self.wire(message)
            left, right = left % (len(stream) + 1), right % (len(stream) + 1)
            if left > right:
                return stream[right:left]
            return stream[:left] + bytes((value,)) + stream[right:]

        place = st.integers(0, 400)
        return st.builds(tear, self.messages, place, place, st.integers(0, 255))

    def _fed(self, stream: bytes, cuts: Any) -> list[Any]:
        decoder = self.decoder()
        edges = [0, *cuts, len(stream)]
        return [message for start, end in pairwise(edges) for message in decoder.feed(stream[start:end])]


class Checksummed(Framing):
    """A codec whose frames carry a checksum, with the claim that the checksum allows."""

    claimed_flips: ClassVar[int]
    """Any 1 to this many flipped bits inside the protected bits are caught."""

    claimed_burst: ClassVar[int]
    """Any damage confined to this many neighbouring bits of ``burst_bits`` is caught."""

    @abstractmethod
    def protected_bits(self, sealed: bytes) -> range | list[int]:
        """Positions (most significant bit of byte 0 first) to which the claim on flips applies."""

    def burst_bits(self, sealed: bytes) -> range | list[int]:
        """Positions, in the order in which the checksum takes them, to which the claim on bursts applies."""
        return self.protected_bits(sealed)

    @settings(thorough, max_examples=8)
    @given(data=st.data())
    def test_every_single_flip_is_caught(self, data: st.DataObject) -> None:
        sealed = self.seal(data.draw(self.messages))
        for position in self.protected_bits(sealed):
            self._assert_caught(sealed, [position])

    @settings(thorough, max_examples=60)
    @given(data=st.data())
    def test_claimed_flips_are_caught(self, data: st.DataObject) -> None:
        sealed = self.seal(data.draw(self.messages))
        position = st.sampled_from(self.protected_bits(sealed))
        flips = data.draw(st.lists(position, min_size=1, max_size=self.claimed_flips, unique=True))
        self._assert_caught(sealed, flips)

    @settings(thorough, max_examples=60)
    @given(data=st.data())
    def test_claimed_bursts_are_caught(self, data: st.DataObject) -> None:
        sealed = self.seal(data.draw(self.messages))
        bits = self.burst_bits(sealed)
        start = data.draw(st.integers(0, len(bits) - self.claimed_burst))
        window = bits[start : start + self.claimed_burst]
        flips = data.draw(st.lists(st.sampled_from(window), min_size=1, unique=True))
        self._assert_caught(sealed, flips)

    def _assert_caught(self, sealed: bytes, flips: list[int]) -> None:
        damaged = flipped(sealed, flips)
        accepted = self.decoder().feed(self.frame(damaged))
        assert accepted == [], f"bits {sorted(flips)} of {sealed!r} flipped and still accepted"


def flipped(data: bytes, positions: list[int]) -> bytes:
    """``data`` with these bits inverted; position 0 is the most significant bit of the first byte."""
    damaged = bytearray(data)
    for position in positions:
        damaged[position // 8] ^= 0x80 >> position % 8
    return bytes(damaged)


def bits_of(first_byte: int, end_byte: int) -> range:
    """The bit positions of the bytes from ``first_byte`` up to, not including, ``end_byte``."""
    return range(first_byte * 8, end_byte * 8)


def one_flip_each(stream: bytes) -> Iterator[bytes]:
    """``stream`` with each of its bits inverted in turn."""
    for position in range(len(stream) * 8):
        yield flipped(stream, [position])
