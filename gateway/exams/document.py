"""The JSON document of a result: the result itself, its main number in front.

Theory of operation
-------------------
A program that wants one number should not have to search lists.  Where an examination has a main number
(``MAIN``), the document begins with it: the value, its interval ``[low, high]`` and the interval's
confidence, each ``null`` where it could not be had.  The rest is the result's encoding, unchanged.
``result`` reads either form back, and refuses a document whose front says something else than its result.

Units: in the names.
"""

from typing import Any

import msgspec

from gateway.exams.errors import ExamRefused
from gateway.exams.result import Result, decode, encode

MAIN = {"oxidative-capacity": "k_per_min"}


def document(result: Result) -> dict[str, Any]:
    """What is printed for a program."""
    made: dict[str, Any] = msgspec.json.decode(encode(result))
    return {**_front(result), **made}


def _front(result: Result) -> dict[str, Any]:
    name = MAIN.get(result.exam)
    if name is None:
        return {}
    one = result.value(name)
    has_interval = one.low is not None and one.high is not None
    return {
        name: one.value,
        f"{name}_interval": [one.low, one.high] if has_interval else None,
        f"{name}_confidence": one.confidence,
    }


def result(data: bytes) -> Result:
    """What ``document`` or ``encode`` made. Raises ``ExamRefused``."""
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ExamRefused("result", f"not a document ({error}): give a file made by rvos") from error
    if not isinstance(raw, dict):
        raise ExamRefused("result", "not an examination's result: give a file made by rvos")
    name = MAIN.get(str(raw.get("exam")), "")
    front = {key: raw.pop(key) for key in list(raw) if name and key.startswith(name)}
    found = decode(msgspec.json.encode(raw))
    if front and front != _front(found):
        raise ExamRefused("result", f"its {name} in front is not that of its values: make it again")
    return found
