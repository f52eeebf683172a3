"""The fuzzer's own process, under its interpreter: one target, for ever or for a while.

``python -m bench.fuzzing NAME COUNTS [options of libFuzzer]``

Theory of operation
-------------------
Everything that is imported from here on is instrumented, so that libFuzzer sees which branches an input takes
and keeps those that take new ones.  Inputs are changed as ``fuzz_frames.Mutator`` does.  COUNTS is a file of
16 bytes that is written after every input (libFuzzer ends a process without asking it): how many inputs had a
frame in them that the target accepted, and how many such frames there were.
"""

import mmap
import struct
import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports():
    from bench import fuzz_frames
    from bench import fuzz_targets as targets


_COUNTS = struct.Struct("<QQ")


def main() -> None:
    """Fuzz the target that is named first."""
    name = sys.argv.pop(1)
    codec = targets.CODECS.get(name)
    check = targets.check_host if codec is None else targets.check_codec
    make = targets.HOSTS[name] if codec is None else codec

    counts = _counts(Path(sys.argv.pop(1)))
    inputs = frames = 0

    def one(data: bytes) -> None:
        nonlocal inputs, frames
        accepted = check(make, data)
        if accepted:
            inputs, frames = inputs + 1, frames + accepted
            _COUNTS.pack_into(counts, 0, inputs, frames)

    def change(data: bytes, most: int) -> bytes:
        return bytes(atheris.Mutate(data, most))  # looked up each time: Fuzz() puts another in its place

    mutator = fuzz_frames.Mutator(name, change, is_host=codec is None)
    atheris.Setup(sys.argv, one, custom_mutator=mutator)
    atheris.Fuzz()


def _counts(path: Path) -> mmap.mmap:
    path.write_bytes(bytes(_COUNTS.size))
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), _COUNTS.size)


main()
