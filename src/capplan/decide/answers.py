"""The answer to a question: the break-even, and what the estimates say at each crossing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from capplan.decide.breakeven import BreakEven, break_even, estimate_at
from capplan.decide.chance import Chance, chances
from capplan.decide.commitments import Commitment, commitments
from capplan.decide.drivers import Document
from capplan.decide.expressions import ExpressionError
from capplan.decide.questions import Question
from capplan.errors import InputError, Problem
from capplan.estimate import Estimate
from capplan.findings import Finding


class ComparisonAnswer(NamedTuple):
    """A question and its break-even.

    shown: by title, what the first alternative's estimate says at the end of each stretch but the last.
    findings: by alternative, what makes its cost too low at the plan's own values.
    chances: how sure each switch is, where the plan has intervals. commitments: terms of the machines in any
    of the alternatives. hours_per_month: as the first alternative counts them.
    """

    question: Question
    found: BreakEven
    shown: Sequence[Mapping[str, object]]
    findings: Mapping[str, Sequence[Finding]]
    chances: Sequence[Chance]
    commitments: Sequence[Commitment]
    hours_per_month: float


def answer(
    question: Question, document: Callable[[Estimate], Document], samples: int = 0, seed: int = 1
) -> ComparisonAnswer:
    """Return the break-even that ``question`` asks for, with so many ``samples`` of the plan's intervals."""
    found = break_even(question.alternatives, question.driver, question.x)
    at_start = (estimate_at(a, question.driver, float(question.x[0])) for a in question.alternatives)
    estimates = found.now.estimates if found.now else [*at_start]
    return ComparisonAnswer(
        question=question,
        found=found,
        shown=[_shown(question, document, stretch.high) for stretch in found.stretches[:-1]],
        findings={
            a.name: list(filter(_distorts, e.findings))
            for a, e in zip(question.alternatives, estimates, strict=True)
        },
        chances=chances(question.alternatives, question.driver, question.x, samples, seed)
        if samples and found.comparable
        else [],
        commitments=commitments(estimates, question.alternatives[0].context.catalog),
        hours_per_month=float(np.ravel(estimates[0].hours_per_month)[0]),
    )


def _distorts(finding: Finding) -> bool:
    """Say whether a finding means that the cost is not that of something that works."""
    return finding.severity == "error" or finding.code == "unpriced"


def _shown(question: Question, document: Callable[[Estimate], Document], value: float) -> dict[str, object]:
    if not question.shown:
        return {}
    names = document(estimate_at(question.alternatives[0], question.driver, value))
    try:
        return {title: expression.value(names) for title, expression in question.shown.items()}
    except ExpressionError as error:
        where = f"decisions.comparisons.{question.name}.shown"
        raise InputError(Problem(where, error.what, error.remedy)) from None
