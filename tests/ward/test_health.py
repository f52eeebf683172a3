"""How each device does, as the ward is told: whose turn it is, and what arrives."""

from collections.abc import Callable, Sequence
from typing import Any, get_args

import msgspec
import pytest

from drivers.host import LinkState
from gateway.config import Config
from gateway.runtime import state_view
from gateway.ward.health import EVERY_MS, EXPIRY_S, HealthRounds
from gateway.ward.link import Link
from gateway.ward.messages import Feed, Health, LinkWord, State
from tests.ward.bench import Bedside, Mosquitto, Subscriber, make_feed


def make_health(device: str, link: LinkWord = "ready", **changes: Any) -> Health:
    fields: dict[str, Any] = {
        "opened": 1,
        "frames": 1200,
        "checksum_errors": 1,
        "resyncs": 2,
        "gaps": 3,
        "age_s": 0.05,
    }
    return Health(device=device, link=link, **{**fields, **changes})


def told(rounds: HealthRounds, devices: Sequence[Health], now_ms: int) -> list[str]:
    return [one.device for one in rounds.due(devices, now_ms)]


def test_each_device_is_told_every_ten_seconds_and_no_more() -> None:
    rounds, devices = HealthRounds(), [make_health("cuff"), make_health("hub")]
    times = [now_ms for now_ms in range(0, 30_001, 1_000) if told(rounds, devices, now_ms)]
    assert times == [0, EVERY_MS, 2 * EVERY_MS, 3 * EVERY_MS]


def test_a_link_that_changes_is_told_at_once_and_alone() -> None:
    rounds = HealthRounds()
    assert told(rounds, [make_health("cuff"), make_health("hub")], 0) == ["cuff", "hub"]
    assert told(rounds, [make_health("cuff"), make_health("hub", "silent")], 1_000) == ["hub"]
    assert told(rounds, [make_health("cuff", frames=1300), make_health("hub", "silent")], 2_000) == []


def test_a_new_connection_and_a_clock_that_begins_anew_are_told_all() -> None:
    rounds, devices = HealthRounds(), [make_health("cuff")]
    assert told(rounds, devices, 50_000) == ["cuff"]
    assert told(rounds, devices, 0) == ["cuff"]
    rounds.begin()
    assert told(rounds, devices, 1) == ["cuff"]


def test_the_words_for_a_link_are_those_of_the_drivers() -> None:
    assert get_args(LinkWord) == get_args(LinkState)


def test_every_device_that_a_site_can_have_has_its_keys_in_the_state() -> None:
    tables = [field for field in msgspec.structs.fields(Config) if "port" in _keys(field.type)]
    assert {"cuff", "stimulator", "pulse"} <= {field.name for field in tables}
    called = [state_view.CALLED.get(field.name, field.name) for field in tables]
    wanted = {f"{name}_{key}" for name in called for key in ("link", "age_s")}
    assert wanted <= set(State.__struct_fields__)


def _keys(kind: Any) -> set[str]:
    """The keys of a table of devices; a broker's table is none."""
    tables = [
        one for one in (kind, *get_args(kind)) if isinstance(one, type) and issubclass(one, msgspec.Struct)
    ]
    return {name for one in tables for name in one.__struct_fields__ if "host" not in one.__struct_fields__}


def test_the_feed_of_a_core_without_it_is_still_a_feed() -> None:
    older = msgspec.to_builtins(make_feed())
    del older["devices"]
    assert msgspec.convert(older, Feed).devices == []


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_subscriber_who_comes_later_gets_the_counters_of_every_device(
    version: str,
    mosquitto: Callable[..., Mosquitto],
    subscribe: Callable[..., Subscriber],
    bedside: Bedside,
    link: Callable[[int], Link],
) -> None:
    broker = mosquitto()
    ward = subscribe(broker.port, version)
    bedside.protocol = version
    bedside.serve()
    turn = link(broker.port).turn
    devices = [
        make_health("cuff", round_trip_ms=4),
        make_health("hub", "refused", age_s=None, why="no hub", frames=0),
    ]

    def live() -> None:
        bedside.feed(devices=devices, cuff_link="ready", cuff_age_s=0)
        turn()

    ward.until(lambda w: {"health/cuff", "health/hub", "state"} <= {one.tail for one in w.received}, live)
    late = subscribe(broker.port, version, name="late")
    late.until(lambda w: {"health/cuff", "health/hub"} <= {one.tail for one in w.received}, turn)
    kept = {one.tail: one for one in late.received if one.retained}
    cuff, hub = kept["health/cuff"], kept["health/hub"]
    assert (cuff.qos, cuff.json["link"], cuff.json["round_trip_ms"]) == (0, "ready", 4)
    assert [cuff.json[key] for key in ("frames", "checksum_errors", "resyncs", "gaps")] == [1200, 1, 2, 3]
    assert (hub.json["link"], hub.json["why"], hub.json["frames"]) == ("refused", "no hub", 0)
    assert "age_s" not in hub.json
    assert "round_trip_ms" not in hub.json
    state = ward.last("state")
    assert state is not None
    assert b'"cuff_age_s":0.0' in state.payload
    assert "hub_link" not in state.json
    if version == "5":
        assert cuff.properties["MessageExpiryInterval"] <= EXPIRY_S
