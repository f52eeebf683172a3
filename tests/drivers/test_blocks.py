"""Frames that arrived together become blocks without a hole inside."""

from drivers.blocks import Blocks
from drivers.host import Block


def test_what_arrived_together_is_one_block() -> None:
    blocks = Blocks("emg")
    for frame in (b"aa", b"bb", b"cc"):
        blocks.add(frame, 0)
    assert blocks.take(70) == [Block("emg", 3, b"aabbcc", 0, 70)]
    assert blocks.take(80) == []


def test_a_missing_frame_begins_another_block() -> None:
    blocks = Blocks("emg")
    for frame, missing in ((b"aa", 2), (b"bb", 0), (b"cc", 5), (b"dd", 1)):
        blocks.add(frame, missing)
    assert blocks.take(70) == [
        Block("emg", 2, b"aabb", 2, 70),
        Block("emg", 1, b"cc", 5, 70),
        Block("emg", 1, b"dd", 1, 70),
    ]
