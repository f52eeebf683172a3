"""What can be wrong with a configuration file: the one error of this room.

Theory of operation
-------------------
A ``Finding`` is one sentence with its place; printed, it is followed by the line of the file and a caret
under the value.  ``ConfigError`` holds all findings of one file.
"""

import re
from typing import NamedTuple


class Finding(NamedTuple):
    """One thing wrong in the file. ``line`` and ``column`` count from 1; 0 where no line is at fault."""

    file: str
    line: int
    column: int
    text: str
    source: str = ""

    def __str__(self) -> str:
        if not self.line:
            return f"{self.file}: {self.text}"
        indent = re.sub(r"[^\t]", " ", self.source[: self.column - 1])
        return f"{self.file}:{self.line}:{self.column}: {self.text}\n    {self.source}\n    {indent}^"


class ConfigError(Exception):
    """The configuration can not be used; ``findings`` says why, in the order of the file."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = sorted(findings, key=lambda finding: (finding.line, finding.column))
        super().__init__("\n".join(str(finding) for finding in self.findings))
