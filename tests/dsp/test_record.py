"""Named tuples without typing: as those of typing, down to the words of their errors."""

import copy
import inspect
import pickle
from typing import NamedTuple as Usual

import pytest

from dsp.record import NamedTuple


class Ours(NamedTuple):
    """A record."""

    first: float
    second: int = 3

    @property
    def total(self) -> float:
        return self.first + self.second

    @classmethod
    def of_one(cls) -> "Ours":
        return cls(1.0)


class Theirs(Usual):
    """A record."""

    first: float
    second: int = 3


def test_it_is_a_tuple_with_names_defaults_and_methods() -> None:
    made = Ours(2.0)
    assert made == (2.0, 3) == tuple(Ours(second=3, first=2.0))
    assert (made.first, made.second, made.total) == (2.0, 3, 5.0)
    assert Ours.of_one() == Ours(1.0, 3)
    assert repr(made) == "Ours(first=2.0, second=3)"
    assert made._replace(second=4) == (2.0, 4)
    assert made._asdict() == {"first": 2.0, "second": 3}
    assert Ours._make([5.0, 6]) == (5.0, 6)


@pytest.mark.parametrize(
    "name", ["_fields", "_field_defaults", "__match_args__", "__annotations__", "__doc__"]
)
def test_the_class_has_what_those_of_typing_have(name: str) -> None:
    assert getattr(Ours, name) == getattr(Theirs, name)


def test_after_the_first_one_its_signature_is_that_of_its_fields() -> None:
    Ours(1.0)
    assert inspect.signature(Ours.__new__) == inspect.signature(Theirs.__new__)


@pytest.mark.parametrize("arguments", [(), (1.0, 2, 3)])
def test_a_wrong_number_of_values_is_refused_in_the_same_words(arguments: tuple[float, ...]) -> None:
    said = []
    for kind in (Ours, Theirs):
        with pytest.raises(TypeError) as refused:
            kind(*arguments)  # type: ignore[arg-type]
        said.append(str(refused.value).replace("Theirs", "Ours"))
    assert said[0] == said[1]


def test_names_that_are_not_there_are_refused() -> None:
    with pytest.raises(TypeError, match="third"):
        Ours(1.0, third=3)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="third"):
        Ours(1.0)._replace(third=3)
    with pytest.raises(TypeError, match="Expected 2"):
        Ours._make([1.0])
    with pytest.raises(AttributeError):
        Ours(1.0).third = 3  # type: ignore[attr-defined]


def test_it_survives_copying_and_pickling() -> None:
    made = Ours(2.0)
    for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other == made
        assert type(other) is Ours


def test_a_field_without_a_default_after_one_with_is_refused() -> None:
    with pytest.raises(TypeError, match="without a default"):

        class Wrong(NamedTuple):
            first: int = 1
            second: int  # type: ignore[misc]
