"""What a person reads of a summary: nothing, not known and zero are three things."""

import msgspec

from gateway.simulation.show import received_text


def test_nothing_not_known_and_zero_look_different() -> None:
    document = {"stops": [], "current_highest_ma": None, "description": "", "given": 0, "held": [6.0, None]}
    lines = [line.split() for line in received_text(msgspec.json.encode(document)).splitlines()]
    assert lines == [
        ["stops", "none"],
        ["current_highest_ma", "-"],
        ["description", "-"],
        ["given", "0"],
        ["held", "6.0,", "-"],
    ]
