from _typeshed import ReadableBuffer

class BeatKernel:
    @property
    def out(self) -> memoryview[float]: ...
    def __init__(
        self,
        smooth: int,
        slow: int,
        peak: int,
        beat: int,
        nearest: int,
        longest: int,
        offset: float,
        forget: float,
        alike: float,
        grid: float,
        largest_chunk: int,
    ) -> None: ...
    def state(self) -> bytes: ...
    def resume(self, state: bytes) -> None: ...
    def push(self, chunk: ReadableBuffer) -> int: ...
