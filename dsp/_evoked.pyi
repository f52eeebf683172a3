from typing import Self

from _typeshed import ReadableBuffer, WriteableBuffer

LONGEST_SWEEP: int
FLAGS: tuple[str, ...]

class Mean:
    @property
    def out(self) -> memoryview[float]: ...
    def __new__(cls, samples: int, per_mean: int, limit: float, largest_chunk: int, /) -> Self: ...
    def state(self) -> bytes: ...
    def restore(self, state: bytes) -> None: ...
    def counts(self) -> tuple[int, int]: ...
    def so_far(self, into: WriteableBuffer) -> int: ...
    def push(self, chunk: ReadableBuffer, /) -> int: ...

_Numbers = tuple[
    float | None,
    float,
    float,
    float,
    float | None,
    float | None,
    float | None,
    float | None,
    int,
    float,
    float,
    float,
    tuple[str, ...],
]

def measured(
    sweep: ReadableBuffer,
    stimulus: int,
    begin: int,
    end: int,
    sign: float,
    per_ms: float,
    most: float,
    full_scale: float,
    factor: float,
    least_share: float,
) -> tuple[str, float, _Numbers | None]: ...
