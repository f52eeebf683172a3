"""Named tuples without ``typing``, whose import takes longer than that of everything here that streams.

Theory of operation
-------------------
``class Beat(NamedTuple): time_s: float`` works as with ``typing.NamedTuple`` (defaults, methods, properties,
``_replace``), and a type checker is told that it is that one (``record.pyi``).  What
``collections.namedtuple`` takes long for is to compile a ``__new__`` for each class; here that waits until
one is made.
"""

from _collections import _tuplegetter

__all__ = ["NamedTuple"]

_OF_THE_STATEMENT = frozenset(("__dict__", "__weakref__", "__firstlineno__", "__static_attributes__"))


class _Record(tuple):
    """What all named tuples share."""

    __slots__ = ()
    _fields = ()
    _field_defaults = {}  # noqa: RUF012  # as in collections.namedtuple

    def __new__(cls, *values, **named):
        """The first of its kind: from here on the compiled one does it."""
        cls.__new__ = _compiled(cls)
        return cls.__new__(cls, *values, **named)

    @classmethod
    def _make(cls, iterable):
        made = tuple.__new__(cls, iterable)
        if len(made) != len(cls._fields):
            raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
        return made

    def _replace(self, /, **named):
        made = self._make(map(named.pop, self._fields, self))
        if named:
            raise ValueError(f"Got unexpected field names: {list(named)!r}")
        return made

    def _asdict(self):
        return dict(zip(self._fields, self, strict=True))

    def __repr__(self):
        shown = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{self.__class__.__name__}({shown})"

    def __getnewargs__(self):
        return tuple(self)


def _compiled(cls):
    """``__new__`` with the fields as its parameters, as fast as a function can be."""
    names = ", ".join(cls._fields)
    scope = {"__builtins__": {}, "__name__": cls.__module__, "_make": tuple.__new__}
    made = eval(f"lambda _cls, {names}: _make(_cls, ({names},))", scope)
    made.__name__, made.__qualname__ = "__new__", f"{cls.__qualname__}.__new__"
    made.__defaults__ = tuple(cls._field_defaults.values())
    made.__annotations__ = cls.__annotations__
    return staticmethod(made)


class _Maker(type):
    """Makes a subclass of ``_Record`` of a class statement."""

    def __new__(cls, name, bases, body):
        fields = tuple(body.get("__annotations__", ()))
        defaults = {field: body[field] for field in fields if field in body}
        if tuple(defaults) != fields[len(fields) - len(defaults) :]:
            raise TypeError(f"{name}: a field without a default follows one with a default")
        own = {key: value for key, value in body.items() if key not in _OF_THE_STATEMENT}
        for place, field in enumerate(fields):
            own[field] = _tuplegetter(place, f"Alias for field number {place}")
        own.update(__slots__=(), _fields=fields, _field_defaults=defaults, __match_args__=fields)
        return type(name, (_Record,), own)


NamedTuple = type.__new__(_Maker, "NamedTuple", (), {})
