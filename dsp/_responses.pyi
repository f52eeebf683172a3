from typing import Self

from _typeshed import ReadableBuffer

class Responses:
    @property
    def out(self) -> memoryview[float]: ...
    @property
    def pulses(self) -> int: ...
    @property
    def still(self) -> int: ...
    @property
    def calm(self) -> int: ...
    def __new__(
        cls,
        largest_chunk: int,
        channels: int,
        channel: int,
        artifact: int,
        begin: int,
        end: int,
        rest: int,
        least: int,
        floor: int,
        ceiling: int,
        /,
    ) -> Self: ...
    def state(self) -> bytes: ...
    def restore(self, state: bytes) -> None: ...
    def restart(self) -> None: ...
    def push(self, chunk: ReadableBuffer, /) -> int: ...
