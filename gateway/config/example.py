"""The commented file that ``rvos config init`` writes.

Theory of operation
-------------------
It is made from the structs of ``values``: every table, every key, its explanation and its rule.  Keys with
a default and optional tables stand behind a "#"; keys that only the technician can know are empty and
marked.  As long as one of those is empty, ``load`` names exactly those lines.
"""

import textwrap
from collections.abc import Iterator

import msgspec

from gateway.config.fields import Table, example_of, explanation_of, rule_of, table_of
from gateway.config.values import Config

FILL_IN = "# <- fill in"
NO_DEFAULT = "# no default"


def example() -> str:
    """A commented file with every key, for ``rvos config init``.

    It loads as soon as the lines marked "<- fill in" are filled.
    """
    head = (
        "# Configuration of rvos, read by 'rvos core' and 'rvos link'.\n"
        f"# Fill the lines marked '{FILL_IN[2:]}', then run: rvos config check FILE\n"
        "# Keys behind a '#' show their default or an example; unknown keys are errors."
    )
    return "\n\n".join([head, *_tables(Config, "")]) + "\n"


def _tables(struct: type[Table], path: str) -> Iterator[str]:
    for field in msgspec.structs.fields(struct):
        table = table_of(field.type)
        if table is not None:
            # a table inside a table, or one that most sites leave out, is shown, not set
            yield _table(table, path + field.name, commented=bool(path) or table.optional)
            yield from _tables(table, f"{path}{field.name}.")


def _table(table: type[Table], path: str, *, commented: bool) -> str:
    mark = "# " if commented else ""
    lines = [f"# {table.__doc__}", f"{mark}[{path}]"]
    for field in msgspec.structs.fields(table):
        if table_of(field.type) is None:
            lines += ["", *_key(field, commented or not field.required)]
    return "\n".join(lines)


def _key(field: msgspec.structs.FieldInfo, commented: bool) -> Iterator[str]:
    for line in (*explanation_of(field.type).split("\n"), f"Must be {rule_of(field.type)}."):
        yield textwrap.fill(line, 100, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False)
    value = example_of(field.type)
    mark = "# " if commented else ""
    yield f"{mark}{field.name} = {value}" if value else f'{mark}{field.name} = ""  {_missing(commented)}'


def _missing(commented: bool) -> str:
    """What stands behind a value that nobody but the technician knows."""
    return NO_DEFAULT if commented else FILL_IN
