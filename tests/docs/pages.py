"""The project's pages as the tests read them: tables, code in the text, code in fences."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#]+)\)")
_CELLS = re.compile(r"(?<!\\)\|")


def name_of(page: Path) -> str:
    """The page's path inside the project."""
    return page.relative_to(ROOT).as_posix()


def read(name: str) -> str:
    """The text of one page."""
    return (ROOT / name).read_text()


def rows(text: str) -> list[tuple[str, ...]]:
    """Every table row of a text, its cells without blanks around them."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [tuple(cell.strip() for cell in _CELLS.split(line)[1:-1]) for line in lines]


def section(text: str, title: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    assert found, f"no heading {title!r}"
    body = text[found.end() :]
    after = re.search(rf"^#{{1,{len(found[1])}}} ", body, re.MULTILINE)
    return body[: after.start()] if after else body


def fenced(text: str, *languages: str) -> list[str]:
    """The lines of the fenced blocks in these languages; a line that ends in a backslash goes on."""
    blocks = [body for language, body in _FENCE.findall(text) if language in languages]
    return [line for body in blocks for line in body.replace("\\\n", " ").splitlines()]


def inline(text: str) -> list[str]:
    """Code inside sentences and tables."""
    return _INLINE.findall(_FENCE.sub("", text))


def links(text: str) -> list[str]:
    """Where the links of a page lead, anchors left out."""
    return _LINK.findall(_FENCE.sub("", text))
