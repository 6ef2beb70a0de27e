"""A plan, and what it can be asked."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from capplan.api.answers import Answer, CheckAnswer, EstimateAnswer

if TYPE_CHECKING:
    from capplan.catalog.catalog import Catalog
    from capplan.estimate import Estimate
    from capplan.plan.read import PlanFile

Change: TypeAlias = Mapping[str, object]
"""Fields of a plan, such as ``services.api.cpu_time``, and their values as the plan would write them."""


def load(
    path: str | Path,
    *,
    set: Change | None = None,
    alternative: str | None = None,
    books: Sequence[str] = (),
    catalogs: str | Path | None = None,
) -> LoadedPlan:
    """Return the plan in a file, or in a directory that holds one.

    set: changes of fields; alternative: an overlay of the plan; books: price books by name or file;
    catalogs: a directory of catalogs over those that ship. Raises :class:`InputError` with every problem of
    the plan.
    """
    place = None if catalogs is None else Path(catalogs)
    plan = LoadedPlan(Path(path), dict(set or {}), alternative, _all(books), place)
    plan._read()
    return plan


class LoadedPlan:
    """A plan of a file. Nothing is kept between questions but what the plan says; answers are values."""

    def __init__(
        self,
        path: Path,
        changes: Change,
        alternative: str | None,
        books: Sequence[str],
        catalogs: Path | None,
    ) -> None:
        self.path = path
        self.alternative = alternative
        self._changes = changes
        self._books = books
        self._catalogs = catalogs

    def __repr__(self) -> str:
        named = f", alternative={self.alternative!r}" if self.alternative else ""
        return f"capplan.load({str(self.path)!r}{named})"

    @property
    def name(self) -> str:
        """The plan's name."""
        return self._read().plan.name

    @property
    def alternatives(self) -> Sequence[str]:
        """The names of the plan's alternatives."""
        from capplan.plan.read import alternatives_of

        return list(alternatives_of(self._read()))

    def _read(self, set: Change | None = None) -> PlanFile:
        from capplan.plan.read import read_plan

        return read_plan(self.path, self._sets(set), self.alternative, self._books)

    def estimate(
        self,
        *,
        set: Change | None = None,
        sweep: Mapping[str, Sequence[object]] | None = None,
        months: int | None = None,
        samples: int | None = None,
        seed: int = 1,
    ) -> EstimateAnswer:
        """Return counts and the monthly cost.

        sweep: values by field, every combination of which is a row of ``to_pandas()``. months: how many
        ahead. samples: how many times the plan's intervals are drawn. An answer with several scenarios has
        the components of the plan itself.
        """
        from capplan.ask.results import EstimateOptions, result_of
        from capplan.estimate import Estimate
        from capplan.report.render import Compared, Swept, report_of

        asked = EstimateOptions(
            plan=self.path,
            sets=self._sets(set),
            books=self._books,
            catalogs=self._catalogs,
            sweeps=[f"{path}={','.join(_all(values))}" for path, values in (sweep or {}).items()],
            months=None if months is None else str(months),
            alternative=self.alternative,
            samples=samples,
            seed=seed,
        )
        result = result_of(asked)
        if isinstance(result, Swept | Compared):
            return EstimateAnswer(report_of(result), partial(self._planned, set))
        single = result if isinstance(result, Estimate) else result.estimate
        return EstimateAnswer(report_of(result), lambda: single)

    def breakeven(
        self,
        *,
        between: Sequence[str] = (),
        over: str | None = None,
        comparison: str | None = None,
        points: int = 1000,
        samples: int = 200,
        seed: int = 1,
        set: Change | None = None,
    ) -> Answer:
        """Return where another alternative becomes cheapest, by the plan's comparisons or by yours."""
        from capplan.ask.reports import breakeven_report
        from capplan.decide.questions import ComparisonOptions

        asked = ComparisonOptions(
            between=_all(between),
            over=over,
            points=points,
            comparison=comparison,
            sets=self._sets(set),
            books=self._books,
        )
        return Answer(breakeven_report(self.path, asked, self._catalog(), samples, seed))

    def simulate(
        self,
        *,
        days: float | None = None,
        seed: int = 1,
        random: bool = True,
        set: Change | None = None,
    ) -> Answer:
        """Return what the autoscalers do under the plan's week or trace, and whether they hold the SLO."""
        from capplan.autoscale.scalers import usual_tick_s
        from capplan.autoscale.settings import Settings
        from capplan.autoscale.simulation import prepare, run
        from capplan.report.simulation import report_of

        file = self._read(set)
        tick_s = usual_tick_s(file.plan.services.values())
        settings = Settings(tick_s=tick_s, days=days, seed=seed, random=random)
        return Answer(report_of(run(prepare(file, self._catalog(), settings)), {}))

    def recommend(self, *, set: Change | None = None) -> Answer:
        """Return what to change, what is nearly full, and where the plan's tiers and phases stand."""
        from capplan.ask.reports import recommend_report

        return Answer(
            recommend_report(self.path, self._sets(set), self.alternative, self._books, self._catalogs)
        )

    def check(
        self,
        *,
        gates: str | Path | None = None,
        base: LoadedPlan | None = None,
        today: date | None = None,
        set: Change | None = None,
    ) -> CheckAnswer:
        """Return what the gates say: those in the plan, beside it, or in the file ``gates``.

        base: what increases are measured from.
        """
        from capplan.gate.check import Against, check
        from capplan.gate.read import gates_of
        from capplan.gate.report import report_of

        answer = self.estimate(set=set)
        before = None if base is None else base.estimate().document
        against = Against(today=today or date.today(), base=before)
        gate_file = gates_of(self._read(set), None if gates is None else Path(gates))
        checked = check(answer._estimate, answer.document, gate_file, against)
        return CheckAnswer(report_of(checked), checked)

    def render(self, *, set: Change | None = None) -> Mapping[str, str]:
        """Return the manifests, scripts and dashboards of the plan: texts by path.

        Unlike the command, it does not verify them.
        """
        from capplan.manifests.render import as_planned
        from capplan.manifests.site import Site

        files = as_planned(Site(self._planned(set)))
        return {file.path: file.text for file in files}

    def diff(self, other: LoadedPlan) -> Answer:
        """Return what changes from this plan to the other: cost, counts, what binds, findings."""
        from capplan.gate.diff import diff
        from capplan.gate.diff_report import report_of

        reproduce = shlex.join(("capplan", "diff", str(self.path), str(other.path)))
        return Answer(report_of(diff(self.estimate().document, other.estimate().document), reproduce))

    def _planned(self, set: Change | None) -> Estimate:
        from capplan.estimate import estimate

        return estimate(self._read(set), self._catalog())

    def _sets(self, more: Change | None) -> list[str]:
        return [f"{path}={_text(value)}" for path, value in {**self._changes, **(more or {})}.items()]

    def _catalog(self) -> Catalog:
        from capplan.catalog.catalog import Catalog

        return Catalog(self._catalogs)


def _text(value: object) -> str:
    """Return a value as a plan would write it."""
    return value if isinstance(value, str) else json.dumps(value, default=_plain)


def _plain(value: object) -> int | float | str:
    """Return what JSON does not know, such as numbers of numpy."""
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real | Decimal) else str(value)


def _all(values: Sequence[object]) -> list[str]:
    """Return values as a plan would write them; a text is one of them, not its letters."""
    return [_text(value) for value in ([values] if isinstance(values, str) else values)]
