"""Holding a document to its word: every claim recomputed, with a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

from capplan.decide.explanations import explained
from capplan.decide.expressions import Expression, ExpressionError
from capplan.decide.kinds import CLAIMS, ITSELF, Kind, kind_of
from capplan.decide.world import Case, PlanWorld
from capplan.errors import InputError
from capplan.plan.claims import Claim, Claims, ClaimsFile, Said

Verdict = Literal["holds", "off", "contradicts itself", "broken", "cannot be computed"]
"""broken: its expression no longer has a value; cannot be computed: it has no expression."""


class ClaimResult(NamedTuple):
    """A claim and its verdict.

    kind: see :data:`Kind`; it follows from what the claim's expression asks.
    off_by: how far the document is above (below, where negative) what was computed, as a share of it.
    explanation: what would make the claim right, found by comparing, or why it cannot be computed.
    """

    name: str
    claim: Claim
    kind: Kind
    verdict: Verdict
    computed: float | bool | str | None = None
    off_by: float | None = None
    explanation: str = ""


class Audit(NamedTuple):
    """All claims of a document, by the line where they stand."""

    document: str
    results: Sequence[ClaimResult]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many claims have each verdict."""
        counted = Counter(result.verdict for result in self.results)
        return {verdict: counted[verdict] for verdict in get_args(Verdict) if counted[verdict]}

    @property
    def kinds(self) -> Mapping[str, int]:
        """How many claims are of each kind."""
        counted = Counter(result.kind for result in self.results)
        return {kind: counted[kind] for kind in get_args(Kind)}

    @property
    def truthful(self) -> bool:
        """Whether nothing that can be computed is wrong, and every expression still has a value."""
        return not any(r.verdict in ("off", "contradicts itself", "broken") for r in self.results)


def audit(file: ClaimsFile, world: PlanWorld) -> Audit:
    """Return the verdict on every claim; raises :class:`InputError` for expressions that cannot be read."""
    expressions = dict(_read(file))
    own = {name: _own(claim.value) for name, claim in file.claims.claims.items()}
    results = [
        _result(file.claims, name, claim, expressions.get(name), world, own)
        for name, claim in file.claims.claims.items()
    ]
    return Audit(file.claims.document, sorted(results, key=lambda result: result.claim.line))


def _read(file: ClaimsFile) -> Iterator[tuple[str, Expression]]:
    problems = []
    for name, claim in file.claims.claims.items():
        if claim.expression is None:
            continue
        try:
            yield name, Expression(claim.expression)
        except ExpressionError as error:
            problems.append(file.places.problem(("claims", name, "expression"), error.what, error.remedy))
    if problems:
        raise InputError(*problems)


def _own(said: Said) -> Mapping[str, Any]:
    """Return a claim as other claims see it."""
    figures = {figure for figure in (said.low, said.high) if figure is not None}
    value = said.exact if said.exact is not None else figures.pop() if len(figures) == 1 else None
    return {"value": value, "low": said.low, "high": said.high}


def _result(
    claims: Claims,
    name: str,
    claim: Claim,
    expression: Expression | None,
    world: PlanWorld,
    own: Mapping[str, Any],
) -> ClaimResult:
    made = partial(ClaimResult, name, claim, kind_of(expression))
    if expression is None:
        return made("cannot be computed", explanation=claim.note)
    books = claims.books if claim.books is None else claim.books
    sets = tuple(f"{path}={value}" for path, value in claim.set.items())
    world.asked.clear()
    try:
        computed = _computed(expression, world, Case(claim.alternative, tuple(books), sets), own)
    except (ExpressionError, InputError) as error:
        return made("broken", explanation=str(error))
    off_by = _off_by(claim.value, computed, float(claim.tolerance))
    if off_by == 0:
        return made("holds", computed, 0.0, claim.note)
    verdict: Verdict = "contradicts itself" if _only_claims(expression) else "off"
    why = claim.note or explained(claim.value, computed, [world.prices_like(*p) for p in world.asked])
    return made(verdict, computed, off_by, why)


def _computed(
    expression: Expression, world: PlanWorld, case: Case, own: Mapping[str, Any]
) -> float | bool | str:
    names = {} if expression.names <= ITSELF else world.names(case)
    computed = expression.value({**names, CLAIMS: own})
    if not isinstance(computed, bool | int | float | str):
        raise ExpressionError("is unknown" if computed is None else "is not a figure")
    return computed


def _only_claims(expression: Expression) -> bool:
    """Say whether an expression asks nothing but the document itself."""
    return CLAIMS in expression.names and expression.names <= ITSELF


def _off_by(said: Said, computed: float | bool | str, tolerance: float) -> float | None:
    """Return how far the nearest value that is claimed lies from ``computed``; 0 within the tolerance.

    None where they differ and nothing can be measured.
    """
    if said.exact is not None or isinstance(computed, str | bool):
        return 0.0 if said.exact == computed else None
    slack = tolerance * abs(computed)
    if said.low is not None and computed < said.low - slack:
        return None if computed == 0 else said.low / computed - 1
    if said.high is not None and computed > said.high + slack:
        return said.high / computed - 1
    return 0.0
