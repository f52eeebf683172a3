from _typeshed import ReadableBuffer

def sums(
    times: ReadableBuffer, values: ReadableBuffer, begin: int, end: int
) -> tuple[int, float, float, float, float, float]: ...
def steepest(
    times: ReadableBuffer,
    values: ReadableBuffer,
    begin: int,
    end: int,
    span: float,
    least: int,
    sign: float,
) -> tuple[int, int]: ...
def linear_part(
    times: ReadableBuffer,
    values: ReadableBuffer,
    begin: int,
    end: int,
    least_r_squared: float,
    least: int,
) -> int: ...
def area(
    times: ReadableBuffer, values: ReadableBuffer, begin: int, end: int, level: float, sign: float
) -> tuple[float, float]: ...
def crossing(
    times: ReadableBuffer, values: ReadableBuffer, begin: int, end: int, level: float, sign: float
) -> float: ...
def exponential_sums(
    times: ReadableBuffer, values: ReadableBuffer, rate: float, start: float
) -> tuple[float, float, float, float, float]: ...
def normal_equations(
    times: ReadableBuffer, values: ReadableBuffer, end: float, drop: float, rate: float, start: float
) -> tuple[tuple[float, float, float, float, float, float], tuple[float, float, float], float]: ...
def searched(times: ReadableBuffer, values: ReadableBuffer, low: float, high: float) -> float: ...
def profile(
    times: ReadableBuffer, values: ReadableBuffer, rate: float, limit: float, factor: float
) -> float: ...
def incomplete_beta(a: float, b: float, x: float, scale: float, swapped: float) -> float: ...
