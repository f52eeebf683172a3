"""The kernel suite itself: kernels with a planted defect, and the test that finds each."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dsp.nirs import BloodVolume
from tests.dsp.test_nirs import TestBloodVolume as Suite


class Spoiled:
    """A kernel whose ``push`` does something more before."""

    def __init__(self, kernel: BloodVolume, before: Callable[[Any], Any]) -> None:
        self.out, self.state, self._push, self._before = kernel.out, kernel.state, kernel.push, before

    def push(self, chunk: Any) -> int:
        return self._push(self._before(chunk))


KEPT: list[bytes] = []

DEFECTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "converts": ("test_elements_of_another_type_are_refused", lambda chunk: np.array(chunk, dtype=float)),
    "reinterprets": ("test_elements_of_another_type_are_refused", lambda chunk: memoryview(chunk).cast("B")),
    "copies": (
        "test_a_call_allocates_nothing_but_the_number_that_it_returns",
        lambda chunk: bytes(bytearray(chunk)),
    ),
    "keeps": ("test_a_call_allocates_nothing_that_stays", lambda chunk: KEPT.append(bytes(9)) or chunk),
    "packs": ("test_strided_input_is_refused", np.ascontiguousarray),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, before = DEFECTS[defect]
    suite, make = Suite(), Suite.make
    getattr(suite, name)()
    monkeypatch.setattr(suite, "make", lambda largest: Spoiled(make(suite, largest), before))
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(suite, name)()
