"""The fuzzer's own process, under its interpreter: one target, for ever or for a while.

``python -m bench.fuzzing NAME [options of libFuzzer]``

Theory of operation
-------------------
Everything that is imported from here on is instrumented, so that libFuzzer sees which branches an input takes
and keeps those that take new ones.
"""

import sys

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports():
    from bench import fuzz_targets as targets


def main() -> None:
    """Fuzz the target that is named first."""
    name = sys.argv.pop(1)
    codec = targets.CODECS.get(name)
    check = targets.check_host if codec is None else targets.check_codec
    make = targets.HOSTS[name] if codec is None else codec

    def one(data: bytes) -> None:
        check(make, data)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


main()
