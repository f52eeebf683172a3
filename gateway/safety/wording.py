"""The words of one reason: what is wrong, and what to do (``gateway.safety.texts``)."""

from typing import NamedTuple


class Wording(NamedTuple):
    """What is wrong, and what to do about it; ``action`` is empty where there is nothing to do."""

    text: str
    action: str = ""
