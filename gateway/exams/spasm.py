"""Spasm monitor: how often and how long a muscle was in spasm while it could be watched.

Theory of operation
-------------------
A detector (its settings come with its episodes) has marked the spasms of a recording.  They are only looked
for in *windows* without stimulation, so every rate is per watched time, never per recorded time.  Episodes of
different detectors or settings are different measurements: the settings belong to the result.

Classes: unit, tonic, clonus, myoclonus, mixed (Thomas 2014).  An episode that touches the edge of its window
began or ended unseen; its duration is a lower bound and it is flagged.

Where nobody stated when the muscle was quiet and no episode was found, nothing is known: a muscle that is
always in spasm has no episode over itself.  Then there is no count and no share, not zero.

Units: s, 1/h, per cent.  Sources: classes, Thomas 2014 (read); what counts as one episode is the detector's
merge gap, a parameter.
"""

from collections.abc import Sequence
from statistics import median
from typing import Literal, NamedTuple

from gateway.exams.errors import TraceUnusable
from gateway.exams.result import (
    Certainty,
    Definition,
    Flag,
    Parameter,
    Probe,
    Result,
    Severity,
    Source,
    Value,
    Window,
)
from gateway.model import Limb

Kind = Literal["unit", "tonic", "clonus", "myoclonus", "mixed", "unclassified"]

_WHERE = "spasm"
_DEFINITION = "episodes_in_watched_time"
_LEAST_WATCHED_S = 60.0
_EDGE_S = 0.05
_UNITS = ("1", "1/h", "s", "%")


class Episode(NamedTuple):
    """One spasm as the detector gave it."""

    start_s: float
    end_s: float
    kind: Kind = "unclassified"


class Watched(NamedTuple):
    """A stretch without stimulation, artifact or gap."""

    start_s: float
    end_s: float


def analyse(
    episodes: Sequence[Episode],
    windows: Sequence[Watched],
    settings: Sequence[Parameter],
    probe: Probe,
    recording: Source,
    *,
    limb: Limb | None = None,
    is_quiet_known: bool = True,
) -> Result:
    """Count and time of the spasms. ``is_quiet_known``: a person stated when the muscle was quiet.

    ``settings`` are the detector's, each with its provenance; without them nobody could repeat the count.
    Raises ``TraceUnusable``: watched for less than a minute, windows or episodes that overlap, are reversed
    or not numbers, an episode outside every window, no settings.
    """
    watched_s = _watched_s(windows)
    _inside(episodes, windows)
    if not settings:
        raise TraceUnusable(_WHERE, "the detector's settings are missing: a count without them means nothing")
    lengths = [one.end_s - one.start_s for one in episodes]
    return Result(
        exam=_WHERE,
        definition=_DEFINITION,
        probe=probe,
        recording=recording,
        values=(*_values(lengths, watched_s, is_known=bool(lengths) or is_quiet_known), *_by_kind(episodes)),
        flags=(*_flags(episodes, windows, watched_s, recording), *_unknown(lengths, is_quiet_known)),
        limb=limb,
        parameters=tuple(settings),
        definitions=(_definition(),),
        windows=tuple(Window(name="watched", start_s=one.start_s, end_s=one.end_s) for one in windows),
    )


def _definition() -> Definition:
    return Definition(
        id=_DEFINITION,
        text="episodes of the detector in windows without stimulation; classes after Thomas 2014",
        source="Thomas 2014, J Electromyogr Kinesiol, for the classes",
        certainty=Certainty.READ,
    )


def _watched_s(windows: Sequence[Watched]) -> float:
    _rising("window", windows)
    watched_s = sum(one.end_s - one.start_s for one in windows)
    if watched_s < _LEAST_WATCHED_S:
        text = f"{watched_s:.0f} s without stimulation: watch for {_LEAST_WATCHED_S:.0f} s or longer"
        raise TraceUnusable(_WHERE, text)
    return watched_s


def _rising(what: str, stretches: "Sequence[Watched | Episode]") -> None:
    """Each begins after the one before has ended; a comparison with a NaN is false and so refused."""
    last_s = 0.0
    for number, one in enumerate(stretches, 1):
        if not (last_s <= one.start_s < one.end_s < float("inf")):
            text = (
                f"{what} {number}, {one.start_s} to {one.end_s} s: must follow the one before and not overlap"
            )
            raise TraceUnusable(_WHERE, text)
        last_s = one.end_s


def _inside(episodes: Sequence[Episode], windows: Sequence[Watched]) -> None:
    _rising("episode", episodes)
    for number, one in enumerate(episodes, 1):
        if _window_of(one, windows) is None:
            text = (
                f"episode {number}, {one.start_s:.2f} to {one.end_s:.2f} s, lies outside the watched windows"
            )
            raise TraceUnusable(_WHERE, text)


def _window_of(episode: Episode, windows: Sequence[Watched]) -> Watched | None:
    holding = (one for one in windows if one.start_s <= episode.start_s and episode.end_s <= one.end_s)
    return next(holding, None)


_COUNTED = ("episodes", "rate", "time_in_spasm", "share_in_spasm")


def _unknown(lengths: Sequence[float], is_quiet_known: bool) -> tuple[Flag, ...]:
    if lengths or is_quiet_known:
        return ()
    text = (
        "nothing stands out of the calmest part, and nobody stated when the muscle was quiet: no spasm, or "
        "spasm throughout; state --baseline START-END"
    )
    return tuple(
        Flag(id="quiet_unknown", severity=Severity.MISSING, text=text, about=name) for name in _COUNTED
    )


def _values(lengths: Sequence[float], watched_s: float, *, is_known: bool) -> tuple[Value, ...]:
    counted = (
        float(len(lengths)),
        3600 * len(lengths) / watched_s,
        sum(lengths),
        100 * sum(lengths) / watched_s,
    )
    rows: list[tuple[str, str, float | None]] = [
        ("watched", "s", watched_s),
        *(
            (name, unit, value if is_known else None)
            for name, unit, value in zip(_COUNTED, _UNITS, counted, strict=True)
        ),
        ("longest", "s", max(lengths, default=None)),
        ("median_duration", "s", median(lengths) if lengths else None),
    ]
    return tuple(
        Value(name=name, unit=unit, definition=_DEFINITION, value=value) for name, unit, value in rows
    )


def _by_kind(episodes: Sequence[Episode]) -> tuple[Value, ...]:
    kinds = sorted({one.kind for one in episodes})
    return tuple(
        Value(
            name="episodes_of_kind",
            unit="1",
            definition=_DEFINITION,
            value=float(sum(one.kind == kind for one in episodes)),
            of=kind,
        )
        for kind in kinds
    )


def _flags(
    episodes: Sequence[Episode], windows: Sequence[Watched], watched_s: float, recording: Source
) -> tuple[Flag, ...]:
    flags = []
    if not episodes:
        text = "no episode in the watched time: there is no longest and no median"
        flags.append(Flag(id="no_episodes", severity=Severity.NOTE, text=text))
    cut = [number for number, one in enumerate(episodes, 1) if _touches_edge(one, windows)]
    if cut:
        text = f"episodes {', '.join(map(str, cut))} touch the edge of their window: longer than shown"
        flags.append(Flag(id="cut_off", severity=Severity.DOUBTFUL, text=text))
    if recording.duration_s is not None and watched_s < 0.5 * recording.duration_s:
        text = f"watched {watched_s:.0f} of {recording.duration_s:.0f} s: the rest was stimulated or unusable"
        flags.append(Flag(id="mostly_unwatched", severity=Severity.DOUBTFUL, text=text))
    return tuple(flags)


def _touches_edge(episode: Episode, windows: Sequence[Watched]) -> bool:
    window = _window_of(episode, windows)
    if window is None:
        return False
    return episode.start_s - window.start_s < _EDGE_S or window.end_s - episode.end_s < _EDGE_S
