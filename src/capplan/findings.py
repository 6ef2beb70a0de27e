"""What capplan says about plans, manifests, prices and what it adopts: findings, and the checks behind them.

Each room declares its checks in a module of its own. A finding is made by its check, so it cannot have a code
that nothing explains.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from capplan.errors import sentences

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""An error breaks something, a warning may, information is good to know: in the order of reports."""


class Finding(NamedTuple):
    """Something that the reader must know.

    subject: the component, object or catalog that it is about. file, line, column, field: where that is, as
    far as it is known.
    """

    code: str
    severity: Severity
    subject: str
    message: str
    remedy: str = ""
    file: str = ""
    field: str = ""
    line: int | None = None
    column: int | None = None

    @property
    def rank(self) -> int:
        """Its place in the order of severities: 0 is the worst."""
        return SEVERITIES.index(self.severity)

    @property
    def where(self) -> str:
        """File, line and column, as far as they are known."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)

    @property
    def said(self) -> str:
        """What is wrong and what to do, in sentences."""
        return sentences(self.message, self.remedy)


class Check(NamedTuple):
    """Something that capplan can find, with what `capplan explain` says of it.

    severity: that of its findings, unless one says another.
    """

    code: str
    severity: Severity

    def finding(
        self,
        subject: str,
        message: str,
        remedy: str = "",
        *,
        severity: Severity | None = None,
        file: str = "",
        field: str = "",
        line: int | None = None,
        column: int | None = None,
    ) -> Finding:
        """Return a finding of this check."""
        return Finding(
            code=self.code,
            severity=severity or self.severity,
            subject=subject,
            message=message,
            remedy=remedy,
            file=file,
            field=field,
            line=line,
            column=column,
        )
