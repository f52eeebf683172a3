"""The device verbs: what they ask of core, what a technician reads, what they end with."""

import json
from typing import Any

import pytest

from drivers import p24
from tests.cli.stand_in import StandIn

CUFF = {
    "name": "cuff",
    "state": "ready",
    "why": "",
    "port": "/dev/rvos-cuff",
    "description": "thigh cuff",
    "model": "rp2040",
    "serial": "C1",
    "firmware": "1.2.3",
    "age_ms": 40,
    "frames": 1200,
    "checksum_errors": 1,
    "resyncs": 2,
    "gaps": 3,
    "round_trip_ms": None,
    "opened": 1,
    "notice": "",
}
STIMULATOR = CUFF | {
    "name": "stimulator",
    "state": "silent",
    "why": "nothing valid for 2.0 s",
    "port": "/dev/rvos-stimulator",
    "round_trip_ms": 4,
    "notice": p24.NOTICE,
}


@pytest.fixture
def told(core: StandIn) -> StandIn:
    core.reply(data={"devices": [CUFF, STIMULATOR]})
    return core


def test_list_has_a_line_for_each(run: Any, told: StandIn) -> None:
    result = run("device", "list")
    assert (result.exit_code, result.stderr) == (0, "")
    assert told.asked == [{"verb": "device_list"}]
    first, second = result.stdout.splitlines()[:2]
    assert first.split() == ["cuff", "ready", "rp2040", "C1", "1.2.3"]
    assert second.split(maxsplit=2) == ["stimulator", "silent", "nothing valid for 2.0 s"]
    assert result.stdout.splitlines()[2].split(maxsplit=1) == ["NOTE", p24.NOTICE]


def test_list_as_json_is_what_core_said(run: Any, told: StandIn) -> None:
    assert json.loads(run("device", "list", "--json").stdout) == {"devices": [CUFF, STIMULATOR]}


def test_identify_shows_who_it_is_and_what_went_over_its_link(run: Any, told: StandIn) -> None:
    result = run("device", "identify", "cuff")
    assert result.exit_code == 0
    assert "serial        C1" in result.stdout
    assert "last valid    0.0 s ago" in result.stdout
    assert "frames        1200, 3 missing" in result.stdout
    assert "1 by their checksum, 2 times out of step" in result.stdout
    assert "NOTE" not in result.stdout


def test_identify_says_what_its_maker_says_and_ends_with_1_when_it_is_not_ready(
    run: Any, told: StandIn
) -> None:
    result = run("device", "identify", "stimulator")
    assert result.exit_code == 1
    assert p24.NOTICE in result.stdout
    assert "round trip    4 ms" in result.stdout


def test_an_unknown_device_is_named_with_those_there_are(run: Any, told: StandIn) -> None:
    result = run("device", "identify", "toaster")
    assert result.exit_code == 2
    assert "no device 'toaster'; this gateway has: cuff, stimulator" in result.stderr


def test_selftest_ends_with_1_when_one_is_not_ready(run: Any, told: StandIn) -> None:
    result = run("device", "selftest")
    assert result.exit_code == 1
    assert [line[:4] for line in result.stdout.splitlines()] == ["PASS", "FAIL"]


def test_watch_prints_what_changes(run: Any, told: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    instants = iter([0, 0, 0, 1000, 1000, 2000])
    monkeypatch.setattr("gateway.runtime.clock.SystemClock.now_ms", lambda clock: next(instants))
    monkeypatch.setattr("gateway.cli.device.EVERY_S", 0.0)
    told.reply(data={"devices": [CUFF, STIMULATOR]})
    result = run("device", "watch", "--seconds", "2")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2, "the second look found nothing new"
