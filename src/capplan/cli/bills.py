"""Options about bills, for the commands that compare a plan with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from capplan.errors import InputError, Problem

if TYPE_CHECKING:
    from capplan.gate.actual import Actual


class CostBasis(StrEnum):
    """Which of a bill's costs."""

    EFFECTIVE = "effective"
    BILLED = "billed"
    LIST = "list"


ActualBill = Annotated[
    Path | None,
    typer.Option(
        "--actual",
        help="Bill to compare with: a FOCUS, AWS, Google, Azure or OCI export, or a directory of parts.",
    ),
]
NameMap = Annotated[
    Path | None,
    typer.Option(
        "--map", help="YAML that maps SKUs of the bill, or patterns, to provider/service/sku of the catalog."
    ),
]
Cost = Annotated[
    CostBasis,
    typer.Option("--cost", help="Costs of the bill: commitments amortised, as invoiced, or at list prices."),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="FIELD=VALUE",
        help="Rows of the bill that count: account=X, service=X, region=X or tag:NAME=X; * is any text.",
    ),
]


class BillOptions(NamedTuple):
    """What is said about a bill, or that there is none."""

    actual: Path | None
    names: Path | None = None
    cost: CostBasis = CostBasis.EFFECTIVE
    where: Sequence[str] | None = None
    period: str | None = None

    def compared(self, document: Mapping[str, Any]) -> Actual | None:
        """Return an estimate's JSON against the bill, and say how it was read; None without a bill."""
        if self.actual is None:
            self._refuse_others()
            return None
        from capplan.cli.output import note
        from capplan.cli.progress import reading
        from capplan.gate.actual import compare
        from capplan.gate.bill import BillQuery, bill_files
        from capplan.gate.scope import conditions_of, months_of

        money = document.get("exchange_rate")
        names = {} if self.names is None else _names(self.names)
        asked = BillQuery(
            cost=self.cost.value,
            where=conditions_of(self.where or ()),
            period=None if self.period is None else months_of(self.period),
            per_usd={money["currency"]: money["per_usd"]} if money else {},
        )
        with reading(bill_files(self.actual)) as told:
            found = compare(document, self.actual, names, asked._replace(told=told))
        for line in found.notes:
            note(f"{self.actual}: {line}")
        return found

    def _refuse_others(self) -> None:
        said = {"--map": self.names, "--where": self.where, "--period": self.period}
        others = [name for name, value in said.items() if value is not None]
        if others or self.cost is not CostBasis.EFFECTIVE:
            name = others[0] if others else "--cost"
            raise InputError(Problem(name, "is about a bill, and there is none", "Name it with --actual."))


def _names(path: Path) -> dict[str, str]:
    from capplan.stdin import name_of
    from capplan.strictyaml import load, read_text

    found = load(read_text(path), name_of(path))
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise InputError(Problem(name_of(path), "is not a mapping of the bill's SKUs to the catalog's"))
    return found
