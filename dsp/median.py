"""The median of a few numbers, without the forty modules that ``statistics`` brings along."""

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from collections.abc import Iterable


def median(numbers: "Iterable[float]") -> float:
    """The middle one, or the mean of the middle two. ``ValueError`` for none."""
    ordered = sorted(numbers)
    if not ordered:
        raise ValueError("no numbers: there is no median")
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
