"""What capplan says about plans, manifests, prices and what it adopts: findings, and the checks behind them.

Each room declares its checks in a module of its own. A finding is made by its check, so it cannot have a code
that nothing explains.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
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

    severity: that of its findings, unless one says another. why: what it costs to leave it. breaks and near:
    the smallest examples that have it, and that come near and are fine; lines `# file: NAME` divide files.
    remedy: the way out, unless a finding knows a better one. unrun: why its examples cannot be run in a test.
    """

    code: str
    severity: Severity
    title: str
    why: str
    breaks: str
    near: str
    remedy: str
    source: str
    unrun: str = ""

    def finding(
        self,
        subject: str,
        message: str,
        remedy: str | None = None,
        *,
        severity: Severity | None = None,
        file: str = "",
        field: str = "",
        line: int | None = None,
        column: int | None = None,
    ) -> Finding:
        """Return a finding of this check, with its remedy unless another is given."""
        return Finding(
            code=self.code,
            severity=severity or self.severity,
            subject=subject,
            message=message,
            remedy=self.remedy if remedy is None else remedy,
            file=file,
            field=field,
            line=line,
            column=column,
        )


DECLARED = {
    "estimate": (
        "capplan.components.checks",
        "capplan.components.job_checks",
        "capplan.components.site_checks",
        "capplan.components.tiertables",
        "capplan.components.services.checks",
        "capplan.components.stores.checks",
        "capplan.components.llm.checks",
    ),
    "check": ("capplan.gate.checks", "capplan.manifests.verify.checks.costs"),
    "verify": tuple(
        f"capplan.manifests.verify.checks.{name}"
        for name in (
            "files",
            "api",
            "identity",
            "references",
            "autoscaling",
            "keda",
            "capacity",
            "exposure",
            "reach",
            "clouds",
            "observing",
        )
    ),
    "recommend": ("capplan.decide.checks",),
    "prove": ("capplan.manifests.proof.checks",),
    "catalog check": ("capplan.catalog.checks",),
    "adopt": ("capplan.adopt.checks",),
    "calibrate service": ("capplan.calibrate.checks",),
}
"""Modules that declare checks, by the command that finds them."""


@cache
def checks_of(command: str) -> tuple[Check, ...]:
    """Return the checks that a command declares, in their order. Imports them: not for start-up."""
    from importlib import import_module

    modules = [import_module(name) for name in DECLARED[command]]
    return tuple(value for module in modules for value in vars(module).values() if isinstance(value, Check))


@cache
def found_by() -> Mapping[str, tuple[str, Check]]:
    """Return everything that capplan can find, and the command that does, by code."""
    return {check.code: (command, check) for command in DECLARED for check in checks_of(command)}


@cache
def register() -> Mapping[str, Check]:
    """Return everything that capplan can find, by code."""
    return {code: check for code, (_, check) in found_by().items()}
