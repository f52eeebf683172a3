"""``dataclasses.replace`` for compiled values, whose fields stand in the order of their arguments.

Theory of operation
-------------------
The library's function looks through the fields, and whether each is an argument, at every call.  Which they
are is the same for every value of a type, so this one looks once.  A name that is no field is left to the
library, which says so.
"""

import dataclasses
from typing import Any, TypeVar

Value = TypeVar("Value")

_names: dict[type, tuple[str, ...]] = {}


def replace(value: Value, /, **changes: Any) -> Value:
    """A value like this one but for these fields; ``TypeError`` for a name that is none."""
    kind: Any = type(value)
    names = _names.get(kind)
    if names is None:
        names = _names[kind] = tuple([one.name for one in dataclasses.fields(kind)])
    arguments = [changes.pop(name) if name in changes else getattr(value, name) for name in names]
    return kind(*arguments, **changes)  # type: ignore[no-any-return]
