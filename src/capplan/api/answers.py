"""What a plan answers, as values: text, tables for notebooks, and plain data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from capplan.errors import InputError, Problem
from capplan.findings import Finding
from capplan.report.blocks import Report, Style
from capplan.report.formats import written

if TYPE_CHECKING:
    import pandas as pd

    from capplan.estimate import Estimate
    from capplan.gate.check import Checked
    from capplan.report.view import ComponentView, Cost, EstimateView, LineView

_WIDTH = 100


class Answer:
    """What was asked, in every form. ``str()`` is the text that the command prints; notebooks show HTML."""

    def __init__(self, report: Report) -> None:
        self._report = report

    @cached_property
    def document(self) -> dict[str, Any]:
        """The same as ``--format json`` prints: numbers as they are, None for what is unknown."""
        found: dict[str, Any] = json.loads(self._written("json"))
        return found

    def to_markdown(self) -> str:
        """Return Markdown, as for a pull request."""
        return self._written("markdown")

    def to_html(self) -> str:
        """Return a page of its own."""
        return self._written("html")

    def to_svg(self) -> str:
        """Return the drawing; :class:`InputError` where there is none."""
        if self._report.charts is None:
            raise InputError(Problem("to_svg", "this answer has no drawing"))
        return self._written("svg")

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows of ``--format csv``, a line or a scenario each; :class:`InputError` without."""
        import pandas as pd

        if "csv" not in self._report.sheets:
            raise InputError(Problem("to_pandas", "this answer has no rows", "Use document."))
        sheet = self._report.sheets["csv"]()
        return pd.DataFrame([list(row) for row in sheet.rows], columns=list(sheet.columns))

    def _written(self, fmt: str) -> str:
        shown = written(self._report, fmt, Style(_WIDTH, ascii_only=False))
        return shown if isinstance(shown, str) else shown.decode()

    def __str__(self) -> str:
        return self._written("table")

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return self.to_html()


class EstimateAnswer(Answer):
    """An estimate: counts and costs of every component, and what they come from."""

    def __init__(self, report: Report, estimated: Callable[[], Estimate]) -> None:
        super().__init__(report)
        self._estimated = estimated

    @cached_property
    def _estimate(self) -> Estimate:
        return self._estimated()

    @cached_property
    def _view(self) -> EstimateView:
        from capplan.report.view import view

        return view(self._estimate)

    @property
    def components(self) -> Mapping[str, ComponentView]:
        """Components by name: instances, what binds them, utilization, headroom, cost."""
        return {component.name: component for component in self._view.components}

    @property
    def monthly_cost(self) -> Cost | None:
        """USD a month: least, expected, most; None where nothing has a price."""
        return self._view.total

    @property
    def lines(self) -> Sequence[LineView]:
        """The lines of the bill, each with its price, source and date."""
        return self._view.lines

    @property
    def findings(self) -> Sequence[Finding]:
        """What is wrong with the plan, or must be known of it, worst first."""
        return sorted(self._estimate.findings, key=lambda finding: finding.rank)

    def explain(self, component: str = "all") -> Answer:
        """Return where every number of a component, or of all, comes from."""
        from capplan.report.explain import explain_blocks

        return Answer(Report(partial(explain_blocks, self._estimate, component)))


class CheckAnswer(Answer):
    """What the gates of a plan say."""

    def __init__(self, report: Report, checked: Checked) -> None:
        super().__init__(report)
        self._checked = checked

    @property
    def exit_code(self) -> int:
        """What the command exits with: 0 if nothing fails."""
        return int(self._checked.exit_code)

    @property
    def findings(self) -> Sequence[Finding]:
        """What is exceeded or broken, what fails first."""
        return [result.finding for result in self._checked.found]
