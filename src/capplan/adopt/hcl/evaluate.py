"""Expressions of Terraform's language, worked out as far as their names are known; the rest is unknown."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from capplan.adopt.hcl.functions import FUNCTIONS
from capplan.adopt.hcl.syntax import Expression, parts, word_of
from capplan.adopt.hcl.values import (
    UNKNOWN,
    FailedError,
    Value,
    ValueSet,
    attribute,
    flag,
    is_known,
    items,
    number,
    text,
)
from capplan.errors import InputError, Problem

_MOST_STEPS = 500_000
"""Expressions, and elements of results, of one directory: some seconds."""

_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: number(a) + number(b),
    "-": lambda a, b: number(a) - number(b),
    "*": lambda a, b: number(a) * number(b),
    "/": lambda a, b: number(number(a) / number(b)),
    "%": lambda a, b: number(math.fmod(number(a), number(b))),
    "<": lambda a, b: number(a) < number(b),
    ">": lambda a, b: number(a) > number(b),
    "<=": lambda a, b: number(a) <= number(b),
    ">=": lambda a, b: number(a) >= number(b),
    "==": operator.eq,
    "!=": operator.ne,
}
_LAZY = frozenset(("concat", "element", "keys", "length", "lookup", "merge", "tolist", "values"))
"""Functions that need not know what is inside their arguments."""


class StepBudget:
    """How much has been worked out, so that a few lines cannot ask for endless work."""

    def __init__(self, name: str) -> None:
        self.name, self.left = name, _MOST_STEPS

    def take(self, count: int = 1) -> None:
        """Count steps. Raises :class:`InputError` when there are too many."""
        self.left -= count
        if self.left < 0:
            what = f"its expressions need more than {_MOST_STEPS:,} steps"
            raise InputError(Problem(self.name, what, "Adopt the output of: terraform show -json PLAN"))

    def measured(self, found: Value) -> Value:
        """Return a result whose size is counted."""
        self.take(len(found) if isinstance(found, list | dict | str) else 1)
        return found


class Scope(NamedTuple):
    """What names mean where an expression stands."""

    names: Mapping[str, Value]
    others: Callable[[str], Value]
    steps: StepBudget

    def with_names(self, **names: Value) -> Scope:
        """Return the scope with more names."""
        return self._replace(names={**self.names, **names})

    def value(self, expression: Expression) -> Value:
        """Return the value of an expression; raise :class:`FailedError` where it has none."""
        self.steps.take()
        rule = _RULES.get(expression.data)
        return UNKNOWN if rule is None else rule(self, expression)

    def tried(self, expression: Expression) -> Value:
        """Return the value of an expression, unknown where it has none."""
        try:
            return self.value(expression)
        except FailedError:
            return UNKNOWN


def _inner(scope: Scope, tree: Expression) -> Value:
    return scope.value(parts(tree)[0])


def _identifier(scope: Scope, tree: Expression) -> Value:
    name = word_of(tree)
    return scope.names[name] if name in scope.names else scope.others(name)


def _string(scope: Scope, tree: Expression) -> Value:
    found = [_string_part(scope, part.children[0]) for part in parts(tree)]
    # One interpolation and nothing else is the value itself.
    if len(found) == 1 and not isinstance(found[0], str):
        return found[0]
    return scope.steps.measured("".join(map(text, found))) if is_known(found) else UNKNOWN


def _string_part(scope: Scope, part: Any) -> Value:
    if not isinstance(part, str):
        return _inner(scope, part) if part.data == "interpolation" else UNKNOWN
    if part[:2] in ("$$", "%%"):
        return part[1:]
    return part.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")


def _object(scope: Scope, tree: Expression) -> Value:
    found = {}
    for element in parts(tree):
        key_tree, value = parts(element)
        key = key_of(scope, parts(key_tree)[0])
        if key is UNKNOWN:
            return UNKNOWN
        found[text(key)] = scope.value(value)
    return found


def key_of(scope: Scope, tree: Expression) -> Value:
    """Return the key of an object's element, where a bare word is itself."""
    inner = tree if tree.data == "keyword" else parts(tree)[0]
    bare = inner.data in ("identifier", "keyword") and len(tree.children) == 1
    return word_of(inner) if bare else scope.value(tree)


def _conditional(scope: Scope, tree: Expression) -> Value:
    condition, then, otherwise = parts(tree)
    found = scope.value(condition)
    return UNKNOWN if found is UNKNOWN else scope.value(then if flag(found) else otherwise)


def _binary(scope: Scope, tree: Expression) -> Value:
    left, term = parts(tree)
    sign, right = parts(term)
    name, first = word_of(sign), scope.value(left)
    decides = name == "||"
    if name in ("&&", "||") and first is not UNKNOWN and flag(first) is decides:
        return decides
    second = scope.value(right)
    if name in ("&&", "||") and second is not UNKNOWN and flag(second) is decides:
        return decides
    if not (is_known(first) and is_known(second)):
        return UNKNOWN
    try:
        return _OPERATORS[name](first, second) if name in _OPERATORS else not decides
    except ArithmeticError:
        raise FailedError("it is divided by 0, or too large") from None


def _unary(scope: Scope, tree: Expression) -> Value:
    found = _inner(scope, tree)
    if found is UNKNOWN:
        return UNKNOWN
    return not flag(found) if str(tree.children[0]) == "!" else -number(found)


def _picked(scope: Scope, tree: Expression) -> Value:
    base, step = parts(tree)
    return _step(scope, scope.value(base), step)


def _step(scope: Scope, value: Value, step: Expression) -> Value:
    if step.data == "braces_index":
        return attribute(value, _inner(scope, step))
    return attribute(value, word_of(step).lstrip("."))


def _splat(scope: Scope, tree: Expression) -> Value:
    base, splat = parts(tree)
    value = scope.value(base)
    if value is UNKNOWN:
        return UNKNOWN
    members = list(value) if isinstance(value, list) else [] if value is None else [value]
    for step in parts(splat):
        members = [_step(scope, member, step) for member in scope.steps.measured(members)]
    return members


def _call(scope: Scope, tree: Expression) -> Value:
    name, *rest = parts(tree)
    called, given = word_of(name), parts(rest[-1]) if rest else []
    if called in ("try", "can"):
        return _first_that_works(scope, given, called == "can")
    values = [scope.value(each) for each in given]
    if rest and str(rest[-1].children[-1]) == "..." and isinstance(values[-1], list):
        values = [*values[:-1], *values[-1]]
    if called not in FUNCTIONS or UNKNOWN in values or not (called in _LAZY or is_known(values)):
        return UNKNOWN
    for value in values:
        scope.steps.measured(value)
    try:
        return scope.steps.measured(FUNCTIONS[called](*values))
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError, StopIteration):
        raise FailedError(f"{called} cannot take these arguments") from None


def _first_that_works(scope: Scope, given: list[Expression], only_whether: bool) -> Value:
    for each in given:
        try:
            found = scope.value(each)
        except FailedError:
            continue
        return UNKNOWN if found is UNKNOWN else only_whether or found
    if only_whether:
        return False
    raise FailedError("nothing of it works")


def _rounds(scope: Scope, tree: Expression) -> Iterator[Scope]:
    """Yield the scope of each round of a `for` whose condition holds; fail where the rounds are unknown."""
    found = parts(tree)
    *names, over = parts(found[0])
    words = [word_of(name) for name in names]
    for pair in items(scope.value(over)):
        inner = scope.with_names(**dict(zip(words, pair[-len(words) :], strict=True)))
        if found[-1].data != "for_cond" or flag(_inner(inner, found[-1])):
            yield inner


def _for_tuple(scope: Scope, tree: Expression) -> Value:
    return [each.value(parts(tree)[1]) for each in _rounds(scope, tree)]


def _for_object(scope: Scope, tree: Expression) -> Value:
    grouped = any(isinstance(part, str) and part == "..." for part in tree.children)
    found: dict[str, Any] = {}
    for each in _rounds(scope, tree):
        key, value = (each.value(part) for part in parts(tree)[1:3])
        if grouped:
            found.setdefault(text(key), []).append(value)
        else:
            found[text(key)] = value
    return found


_RULES: Mapping[str, Callable[[Scope, Expression], Value]] = {
    "expr_term": _inner,
    "identifier": _identifier,
    "literal_value": lambda scope, tree: {"true": True, "false": False}.get(word_of(tree)),
    "int_lit": lambda scope, tree: number(word_of(tree)),
    "float_lit": lambda scope, tree: number(word_of(tree)),
    "string": _string,
    "tuple": lambda scope, tree: [scope.value(part) for part in parts(tree)],
    "object": _object,
    "conditional": _conditional,
    "binary_op": _binary,
    "unary_op": _unary,
    "index_expr_term": _picked,
    "get_attr_expr_term": _picked,
    "attr_splat_expr_term": _splat,
    "full_splat_expr_term": _splat,
    "function_call": _call,
    "for_tuple_expr": _for_tuple,
    "for_object_expr": _for_object,
}
"""What each rule of the grammar means. Heredocs are unknown: no price depends on texts so long."""


def converted(value: Value, kind: Expression, scope: Scope) -> Value:
    """Return a value as the type of a variable says: texts as numbers, defaults for what an object lacks."""
    inner = parts(kind)[0] if kind.data == "expr_term" else kind
    name, *rest = parts(inner) or [inner]
    called, kinds = word_of(name), parts(rest[0]) if rest else []
    if called in _PRIMITIVES and value is not None and is_known(value):
        return _PRIMITIVES[called](value)
    if called in ("map", "list", "set") and kinds and isinstance(value, list | dict):
        found = {key: converted(each, kinds[0], scope) for key, each in items(value)}
        return found if called == "map" else (ValueSet.of if called == "set" else list)(found.values())
    if called == "object" and kinds and isinstance(value, dict):
        pairs = [parts(element) for element in parts(parts(kinds[0])[0])]
        return {word_of(key): _member(value.get(word_of(key)), kind, scope) for key, kind in pairs}
    return value


_PRIMITIVES: Mapping[str, Callable[[Value], Value]] = {"string": text, "number": number, "bool": flag}


def _member(value: Value, kind: Expression, scope: Scope) -> Value:
    """Return an attribute of an object, whose type may be `optional(type, default)`."""
    inner = parts(kind)[0] if kind.data == "expr_term" else kind
    if inner.data == "function_call" and word_of(parts(inner)[0]) == "optional":
        kind, *default = parts(parts(inner)[1])
        value = scope.value(default[0]) if value is None and default else value
    return converted(value, kind, scope)
