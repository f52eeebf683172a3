"""What a waveform file holds, in numbers: for a person and for a program.

Units: as in each name; times from the beginning that the file states.
"""

from datetime import UTC, datetime

import msgspec

from gateway.record.waveforms.reader import Waveform
from gateway.record.waveforms.timeline import Track


class GapFacts(msgspec.Struct, frozen=True):
    """``missing`` frames, ``None`` where nobody knows how many."""

    start_s: float
    end_s: float
    missing: int | None
    causes: tuple[str, ...]


class ChannelFacts(msgspec.Struct, frozen=True):
    """A channel and where it is measured."""

    name: str
    unit: str
    limb: str | None
    site: str
    probe: str
    spacing_mm: float | None


class StreamFacts(msgspec.Struct, frozen=True):
    """A stream. ``measured_hz`` by the stamps of its blocks, after a minute without a silence."""

    name: str
    device: str
    serial: str
    sample: str
    rate_hz: float
    measured_hz: float | None
    frames: int
    start_s: float | None
    duration_s: float
    channels: tuple[ChannelFacts, ...]
    gaps: tuple[GapFacts, ...]


class DamageFacts(msgspec.Struct, frozen=True):
    """Bytes that are no block any more."""

    offset: int
    length: int


class Facts(msgspec.Struct, frozen=True):
    """The file. ``tail_bytes``: a block that is being written, or was when its writer ended."""

    file: str
    bytes: int
    schema: str
    software: str
    session: str
    gateway: str
    boot: int
    began: str
    clock: str
    duration_s: float
    ended: bool
    ending: str
    streams: tuple[StreamFacts, ...]
    marks: int
    damage: tuple[DamageFacts, ...]
    tail_bytes: int

    @property
    def is_damaged(self) -> bool:
        """Whether something that was written is not there any more."""
        lost = any("damage" in gap.causes for one in self.streams for gap in one.gaps)
        return bool(self.damage) or lost


def facts(waveform: Waveform) -> Facts:
    """What this file holds."""
    own = waveform.description
    began = datetime.fromtimestamp(own.wall_us / 1e6, UTC).isoformat(timespec="milliseconds")
    streams = tuple(map(_stream, waveform.tracks))
    ends_s = [one.runs[-1].end_s for one in waveform.tracks if one.runs]
    return Facts(
        file=waveform.path.name,
        bytes=waveform.size,
        schema=own.schema,
        software=own.software,
        session=own.session,
        gateway=own.gateway,
        boot=own.boot,
        began=began,
        clock=own.clock,
        duration_s=round(max(ends_s, default=0.0), 6),
        ended=waveform.ending is not None,
        ending=waveform.ending.reason if waveform.ending else "not ended: it grows, or its writer was killed",
        streams=streams,
        marks=len(waveform.marks),
        damage=tuple(DamageFacts(one.offset, one.end - one.offset) for one in waveform.damaged),
        tail_bytes=waveform.tail_bytes,
    )


def _stream(one: Track) -> StreamFacts:
    own = one.stream
    duration_s = one.runs[-1].end_s - one.runs[0].start_s if one.runs else 0.0
    return StreamFacts(
        name=own.name,
        device=own.device,
        serial=own.serial,
        sample=own.sample,
        rate_hz=own.rate_hz,
        measured_hz=one.measured_hz,
        frames=one.frames,
        start_s=round(one.runs[0].start_s, 6) if one.runs else None,
        duration_s=round(duration_s, 6),
        channels=tuple(
            ChannelFacts(
                each.name, each.unit, each.limb.value if each.limb else None, each.site, each.probe,
                each.spacing_mm,
            )
            for each in own.channels
        ),
        gaps=tuple(
            GapFacts(round(gap.start_s, 6), round(gap.end_s, 6), gap.missing, gap.causes) for gap in one.gaps
        ),
    )  # fmt: skip


def text(told: Facts) -> str:
    """For a person."""
    lines = [
        f"{told.file}: {told.duration_s:.1f} s, {told.bytes} bytes, session {told.session or '-'} "
        f"of {told.gateway}, boot {told.boot}",
        f"  began    {told.began} ({told.clock})",
        f"  ending   {told.ending}",
        f"  marks    {told.marks}",
    ]
    for one in told.streams:
        lines += _stream_lines(one)
    if told.damage:
        length = sum(one.length for one in told.damage)
        lines.append(
            f"  DAMAGED  {len(told.damage)} places, {length} bytes; the first at {told.damage[0].offset}"
        )
    if told.tail_bytes:
        lines.append(f"  tail     {told.tail_bytes} bytes of a block that is not whole")
    return "\n".join(lines)


def _stream_lines(one: StreamFacts) -> list[str]:
    measured = f" ({one.measured_hz:.4f} by its stamps)" if one.measured_hz else ""
    lines = [
        f"  {one.name}: {one.frames} frames at {one.rate_hz:g} Hz{measured}, {one.duration_s:.1f} s, "
        f"{one.device} {one.serial}".rstrip()
    ]
    for each in one.channels:
        where = ", ".join(filter(None, [each.limb or "", each.site, each.probe]))
        lines.append(f"    {each.name} [{each.unit or '-'}] {where}".rstrip())
    for gap in one.gaps:
        count = "an unknown number of" if gap.missing is None else str(gap.missing)
        why = ", ".join(gap.causes)
        lines.append(f"    gap {gap.start_s:.3f} to {gap.end_s:.3f} s: {count} frames missing ({why})")
    return lines
