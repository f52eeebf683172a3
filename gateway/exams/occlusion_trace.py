"""What the parts of the occlusion test share: the choices, the trace of one occlusion, what is found in it.

Units: saturation %, times s, pressures mmHg.
"""

from array import array
from dataclasses import dataclass, field

from gateway.exams.occlusion_definitions import INDICES
from gateway.exams.result import Certainty, Curve, Flag, Parameter, Severity, Value, Window

MOST_MISSING = 0.2


@dataclass(frozen=True, slots=True)
class Choices:
    """What the analysis may be told. All are engineering proposals, kept in the result.

    ``linear_least_s`` and ``linear_samples``: the shortest linear part.  ``release_s``: where samples are
    missing so near to the release, nothing is measured from it.  ``stuck_s``: one same value for so long is
    a clipped or dead signal, ``stuck_coarse_s`` where the device rounds to a tenth of a per cent or more.
    ``fell_mmhg``: a cuff that falls so far did not hold.
    """

    baseline_s: float = 30.0
    smoothing_s: float = 2.0
    after_release_s: float = 5.0
    recovery_s: float = 300.0
    least_fall_percent: float = 3.0
    linear_least_s: float = 20.0
    linear_samples: int = 6
    release_s: float = 2.0
    stuck_s: float = 10.0
    stuck_coarse_s: float = 60.0
    fell_mmhg: float = 15.0

    def parameters(self) -> tuple[Parameter, ...]:
        """For the result."""
        units = {"least_fall_percent": "%", "linear_samples": "1", "fell_mmhg": "mmHg"}
        return tuple(
            Parameter(
                name=name,
                value=getattr(self, name),
                unit=units.get(name, "s"),
                source="this analysis",
                certainty=Certainty.PROPOSAL,
            )
            for name in self.__slots__
        )


@dataclass(slots=True)
class Notes:
    """What is found while one occlusion is read."""

    values: list[Value] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)

    def add(self, name: str, unit: str, value: float | None, of: str, by: str = INDICES.id) -> None:
        """One number."""
        self.values.append(Value(name=name, unit=unit, definition=by, value=value, of=of))

    def flag(self, id: str, severity: Severity, text: str, about: str = "", of: str = "") -> None:
        """What a reader must know."""
        self.flags.append(Flag(id=id, severity=severity, text=text, about=about, of=of))

    def lacks(self, name: str, unit: str, of: str, why: tuple[str, str], by: str = INDICES.id) -> None:
        """A number that could not be had; ``why`` is the flag's id and text."""
        self.add(name, unit, None, of, by)
        self.flag(why[0], Severity.MISSING, why[1], name, of)


@dataclass(frozen=True, slots=True)
class Trace:
    """Saturation as it was recorded and as a running mean."""

    times_s: "array[float]"
    raw: "array[float]"
    smooth: "array[float]"
    choices: Choices
    end_s: float
    """Where the recovery of this occlusion ends at the latest."""
