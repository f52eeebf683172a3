"""The file between gateways: whole or refused, with a sentence; no clock trusted that cannot be."""

import contextlib
import json
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Limb
from gateway.record.errors import HistoryFileUnusable
from gateway.record.history_file import (
    DAY_MS,
    LONGEST_BYTES,
    MOST_ENTRIES,
    OLDEST_MS,
    Entry,
    HistoryFile,
    Stimulation,
    elapsed_ms,
    of_object,
    read,
    written,
)
from gateway.record.row import ClockQuality, Stamp
from gateway.runtime.control_server import LONGEST_REQUEST
from gateway.runtime.requests import PatientImport
from tests.record.script import WALL_MS
from tests.record.story import HOUR_MS, told

NOW = Stamp(3, 5_000, WALL_MS, ClockQuality.SYNCHRONISED)


def document(*entries: Entry, told_ago_ms: int | None = 0, stamp: Stamp = NOW) -> HistoryFile:
    return written("rvos-07", "P-7", told_ago_ms, list(entries), stamp)


def text(found: HistoryFile) -> bytes:
    return msgspec.json.encode(found)


def refused(data: bytes | str) -> str:
    with pytest.raises(HistoryFileUnusable) as caught:
        read(data, "history.json")
    return str(caught.value)


def test_what_is_written_is_read_again() -> None:
    found = document(told(20, 5), told(3, 1, therapy=False, session="rvos-07-1-2"))
    assert read(text(found), "here") == found


def test_a_request_carries_it_as_an_object() -> None:
    found = document(told(20, 5), told_ago_ms=None)
    assert of_object(msgspec.to_builtins(found), "here") == found
    with pytest.raises(HistoryFileUnusable, match="here: not a patient history"):
        of_object({"schema": 1}, "here")
    with pytest.raises(HistoryFileUnusable, match="here: its contents do not match its hash"):
        of_object(msgspec.to_builtins(found) | {"patient": "P-8"}, "here")


def test_a_person_may_format_the_file() -> None:
    found = document(told(20, 5))
    assert read(msgspec.json.format(text(found), indent=2), "here") == found


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\xff\xfe", b"null", b"[]", b"{}", b"[" * 3000, b'{"schema":1}', "ä" * 50, b'{"schema":1e999}'],
)
def test_garbage_is_refused_with_one_sentence(garbage: bytes | str) -> None:
    message = refused(garbage)
    assert message.startswith("history.json: not a patient history (")
    assert message.endswith("export it again")
    assert "\n" not in message


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_one_sentence(garbage: bytes) -> None:
    refused(garbage)


def test_a_file_that_is_too_long_is_not_parsed() -> None:
    assert f"longer than {LONGEST_BYTES} bytes" in refused(b" " * (LONGEST_BYTES + 1))


@given(st.data())
def test_no_changed_byte_is_taken_over(data: st.DataObject) -> None:
    found = document(told(20, 5))
    whole = bytearray(text(found))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
    with contextlib.suppress(HistoryFileUnusable):
        assert read(bytes(whole), "here") == found  # a blank for another says the same


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"patient": "P-8"}, "do not match its hash"),
        ({"entries": []}, "do not match its hash"),
        ({"told_ago_ms": 5}, "do not match its hash"),
        ({"sha256": ""}, "do not match its hash"),
        ({"schema": 3}, "has schema 3, this rvos reads 1 and 2"),
        ({"schema": 1}, "do not match its hash"),
        ({"stimulation": [{"limb": "tail"}]}, "not a patient history"),
        ({"patient": "Mrs Smith"}, "not a patient history"),
        ({"patient": ""}, "not a patient history"),
        ({"device": "a/b"}, "not a patient history"),
        ({"written_clock": "atomic"}, "not a patient history"),
        ({"written_wall_ms": -1}, "not a patient history"),
        ({"entries": [{"limb": "tail"}]}, "not a patient history"),
        ({"more": 1}, "not a patient history"),
    ],
)
def test_an_edited_file_is_refused(changed: dict[str, object], why: str) -> None:
    body = msgspec.to_builtins(document(told(20, 5)))
    assert why in refused(msgspec.json.encode(body | changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"above_ms": 0},
        {"above_ms": DAY_MS + 1},
        {"ended_ago_ms": -1},
        {"ended_ago_ms": 8 * DAY_MS},
        {"above_ms": 1.5},
        {"therapy": "yes"},
        {"session": "a b"},
    ],
)
def test_an_entry_that_cannot_be_is_refused_even_with_a_right_hash(changed: dict[str, object]) -> None:
    entry = msgspec.structs.replace(told(20, 5), **changed)
    assert "not a patient history" in refused(text(document(entry)))


@pytest.mark.parametrize(
    "changed",
    [
        {"started_ago_ms": 5 * HOUR_MS - 1},
        {"over_ago_ms": 5 * HOUR_MS + 1},
    ],
)
def test_an_entry_that_ended_before_it_began_is_refused(changed: dict[str, object]) -> None:
    entry = msgspec.structs.replace(told(20, 5), **changed)
    assert "entry 2 contradicts itself" in refused(text(document(told(1, 1), entry)))


def test_too_many_entries_are_refused() -> None:
    assert "not a patient history" in refused(text(document(*[told(1, 1)] * (MOST_ENTRIES + 1))))


def test_the_longest_document_goes_through_the_control_socket() -> None:
    longest = Entry(
        session="x" * 50,
        limb=Limb.RIGHT_UPPER_ARM,
        therapy=False,
        above_ms=DAY_MS,
        started_ago_ms=2 * DAY_MS,
        ended_ago_ms=DAY_MS,
        over_ago_ms=DAY_MS,
    )
    train = Stimulation(
        session="x" * 50,
        limb=Limb.RIGHT_UPPER_ARM,
        stimulated_ms=DAY_MS,
        started_ago_ms=2 * DAY_MS,
        ended_ago_ms=DAY_MS,
        over_ago_ms=DAY_MS,
    )
    found = written("d" * 32, "P" * 64, DAY_MS, [longest] * MOST_ENTRIES, NOW, [train] * MOST_ENTRIES)
    assert read(msgspec.json.format(text(found)), "here") == found
    assert (
        len(msgspec.json.encode(PatientImport(document=msgspec.to_builtins(found), confirm=True)))
        < LONGEST_REQUEST
    )


TRAIN = Stimulation(
    session="b-1-2",
    limb=Limb.LEFT_THIGH,
    stimulated_ms=600_000,
    started_ago_ms=3 * HOUR_MS,
    ended_ago_ms=2 * HOUR_MS,
    over_ago_ms=2 * HOUR_MS,
)


def test_stimulation_goes_with_it() -> None:
    found = written("rvos-07", "P-7", 0, [], NOW, [TRAIN])
    assert read(text(found), "here") == found
    assert (found.schema, found.trains, found.is_whole) == (2, [TRAIN], True)
    older = TRAIN.older(HOUR_MS)
    assert (older.started_ago_ms, older.ended_ago_ms, older.over_ago_ms) == (
        4 * HOUR_MS,
        3 * HOUR_MS,
        3 * HOUR_MS,
    )


@pytest.mark.parametrize("changed", [{"started_ago_ms": HOUR_MS}, {"over_ago_ms": 3 * HOUR_MS}])
def test_stimulation_that_contradicts_itself_is_refused(changed: dict[str, int]) -> None:
    train = msgspec.structs.replace(TRAIN, **changed)
    assert "entry 2 contradicts itself" in refused(text(written("b", "P-7", 0, [told(1, 1)], NOW, [train])))


def of_schema_1(**more: object) -> bytes:
    """A file as version 0.1.0 wrote it, with its own hash."""
    body = {
        "schema": 1,
        "device": "rvos-07",
        "patient": "P-7",
        "written_wall_ms": WALL_MS,
        "written_clock": "synchronised",
        "told_ago_ms": 0,
        "entries": [
            {
                "session": "rvos-07-1-2",
                "limb": "left_thigh",
                "therapy": True,
                "above_ms": 1_200_000,
                "started_ago_ms": None,
                "ended_ago_ms": 18_000_000,
                "over_ago_ms": 18_000_000,
            }
        ],
        "sha256": "",
    } | more
    hashed = sha256(json.dumps(body, separators=(",", ":")).encode()).hexdigest()
    return json.dumps(body | {"sha256": hashed}).encode()


def test_a_file_of_the_first_schema_is_read_and_is_not_the_whole_truth() -> None:
    found = read(of_schema_1(), "here")
    assert found.entries == [told(20, 5, session="rvos-07-1-2")]
    assert (found.trains, found.is_whole) == ([], False)


def test_a_schema_and_its_contents_must_agree() -> None:
    assert "not those of its schema" in refused(of_schema_1(schema=2))
    assert "not those of its schema" in refused(of_schema_1(stimulation=[]))


class TestElapsed:
    def later(self, ms: int, clock: ClockQuality = ClockQuality.SYNCHRONISED) -> Stamp:
        return Stamp(9, 77, WALL_MS + ms, clock)

    def test_two_synchronised_clocks_say_how_old_it_is(self) -> None:
        assert elapsed_ms(document(), "here", self.later(HOUR_MS)) == HOUR_MS
        assert elapsed_ms(document(), "here", self.later(0)) == 0

    @pytest.mark.parametrize("then", ClockQuality)
    @pytest.mark.parametrize("now", ClockQuality)
    def test_no_other_clocks_do(self, then: ClockQuality, now: ClockQuality) -> None:
        found = document(stamp=msgspec.structs.replace(NOW, clock=then))
        known = then is now is ClockQuality.SYNCHRONISED
        assert elapsed_ms(found, "here", self.later(HOUR_MS, now)) == (HOUR_MS if known else None)

    def test_a_file_from_the_future_is_refused(self) -> None:
        with pytest.raises(HistoryFileUnusable, match="here: was written 3 s in the future"):
            elapsed_ms(document(), "here", self.later(-3_000))

    def test_without_clocks_the_future_is_not_noticed(self) -> None:
        assert elapsed_ms(document(), "here", self.later(-3_000, ClockQuality.HOLDOVER)) is None


def test_an_entry_grows_older_as_a_whole() -> None:
    entry = msgspec.structs.replace(told(20, 5), started_ago_ms=6 * HOUR_MS, over_ago_ms=4 * HOUR_MS)
    older = entry.older(HOUR_MS)
    ages = (older.started_ago_ms, older.ended_ago_ms, older.over_ago_ms)
    assert ages == (7 * HOUR_MS, 6 * HOUR_MS, 5 * HOUR_MS)
    assert told(20, 5).older(HOUR_MS) == told(20, 6)


def test_no_age_grows_beyond_what_a_file_may_say() -> None:
    entry = msgspec.structs.replace(told(20, 5), started_ago_ms=OLDEST_MS)
    older = entry.older(10 * DAY_MS)
    assert {older.started_ago_ms, older.ended_ago_ms, older.over_ago_ms} == {OLDEST_MS}
