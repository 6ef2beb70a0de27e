"""Migration rules: which triggers fire, by which figures, and whether they agree with the break-even."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from capplan.catalog.catalog import Catalog
from capplan.decide.bounds import with_bounds
from capplan.decide.breakeven import Curves, break_even, estimate_at
from capplan.decide.drivers import Document
from capplan.decide.expressions import Evidence, Expression, ExpressionError
from capplan.decide.questions import ComparisonOptions, Question, SourceText, questions
from capplan.errors import InputError
from capplan.estimate import Estimate, estimate
from capplan.plan.bind import Path
from capplan.plan.read import PlanFile
from capplan.quantities import plain

_CLOSE = 0.05
"""A trigger within 5 % of the break-even agrees with it."""
_POINTS = 200


class TriggeredRule(NamedTuple):
    """One trigger: whether it fires, what the estimate says, and where it contradicts the break-even."""

    text: str
    expression: str
    fires: bool | None
    evidence: Sequence[Evidence]
    why_unknown: str
    contradiction: str


class Rule(NamedTuple):
    """One rule; ``fires`` is None where that depends on a trigger that is unknown."""

    name: str
    description: str
    to: str
    when: str
    fires: bool | None
    triggers: Sequence[TriggeredRule]


def rules_of(
    text: SourceText,
    file: PlanFile,
    asked: ComparisonOptions,
    catalog: Catalog,
    document: Callable[[Estimate], Document],
) -> list[Rule]:
    """Return every migration rule of the plan, evaluated; raises :class:`InputError` for unreadable ones."""
    decisions = file.plan.decisions
    if decisions is None or not decisions.migration_rules:
        return []

    def known(found: Estimate) -> Document:
        return with_bounds(document(found))

    names = known(estimate(file, catalog))
    found = []
    for name, section in decisions.migration_rules.items():
        against = None
        if section.comparison is not None:
            wanted = asked._replace(comparison=section.comparison, points=_POINTS)
            against = _Against(questions(text, wanted, catalog, document)[0], known, section.to)
        read = read_triggers(file, ("decisions", "migration_rules", name, "triggers"), section.triggers)
        triggers = [trigger_of(says, e, names, against) for says, e in read.items()]
        found.append(
            Rule(name, section.description, section.to, section.when, fires(triggers, section.when), triggers)
        )
    return found


def read_triggers(file: PlanFile, where: Path, triggers: Mapping[str, str]) -> dict[str, Expression]:
    """Return the expressions that stand at ``where``, by their text."""
    read = {}
    for text, expression in triggers.items():
        try:
            read[text] = Expression(expression)
        except ExpressionError as error:
            raise InputError(file.places.problem((*where, text), error.what, error.remedy)) from None
    return read


def fires(triggers: Sequence[TriggeredRule], when: str) -> bool | None:
    """Return whether ``any`` or ``all`` of the triggers fire; None where that depends on an unknown one."""
    fired = [trigger.fires for trigger in triggers]
    if when == "any":
        return True if True in fired else None if None in fired else False
    return False if False in fired else None if None in fired else True


def trigger_of(
    text: str, expression: Expression, names: Document, against: _Against | None = None
) -> TriggeredRule:
    """Return what a trigger says of what ``names`` hold."""
    try:
        holds, evidence = expression.holds(names), expression.evidence(names)
    except (ExpressionError, InputError) as error:
        return TriggeredRule(text, expression.text, None, (), str(error), "")
    contradiction = against.contradiction(expression) if against else ""
    return TriggeredRule(text, expression.text, holds, evidence, "", contradiction)


class _Against:
    """The comparison that says whether a switch pays."""

    def __init__(self, question: Question, document: Callable[[Estimate], Document], to: str) -> None:
        self._question = question
        self._names = cache(
            lambda value: document(estimate_at(question.alternatives[0], question.driver, value))
        )
        names = [alternative.name for alternative in question.alternatives]
        self._which = names.index(to) if to in names else 0
        found = break_even(question.alternatives, question.driver, question.x)
        switch = next((s for s in found.switches if s.alternative == self._which), None)
        self._pays_from = switch.sustained if switch else None
        if switch is not None and not switch.known:
            self._which = 0

    def contradiction(self, expression: Expression) -> str:
        """Say where the trigger fires although the switch does not pay yet, or not although it does."""
        at = self._first_fires(expression)
        if at is None or self._which == 0:
            return ""
        driver = self._question.driver
        row = Curves(self._question.alternatives, driver).totals(np.array([at]))[:, 0]
        more = float(row[self._which] - row[0])
        share = more / float(row[0])
        fires = f"fires from {plain(at, 6)} {driver.name} on"
        if self._pays_from is None:
            return f"{fires}, but the comparison shows that the switch never pays there"
        if at < self._pays_from * (1 - _CLOSE):
            costs = f"where the switch costs {more:,.0f} USD a month more ({share:+.0%})"
            return f"{fires}, {costs}; it pays from {plain(self._pays_from, 6)} on"
        if at > self._pays_from * (1 + _CLOSE):
            return f"{fires}, but the switch pays from {plain(self._pays_from, 6)} on"
        return ""

    def _first_fires(self, expression: Expression) -> float | None:
        """Return where a trigger that rises with the driver begins to fire, by bisection."""
        low, high = float(self._question.x[0]), float(self._question.x[-1])
        try:
            if self._holds(expression, low) or not self._holds(expression, high):
                return None
            while high - low > 1e-6 * high:
                middle = (low + high) / 2
                low, high = (low, middle) if self._holds(expression, middle) else (middle, high)
        except ExpressionError:
            return None
        return high

    def _holds(self, expression: Expression, value: float) -> bool:
        return expression.holds(self._names(value))
