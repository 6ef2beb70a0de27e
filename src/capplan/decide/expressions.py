"""Expressions over a document: what claims, migration rules, growth tiers and policies are written in.

    components['llm-api'].monthly_cost.expected > 500 and not facts.data_must_stay
    sum(line.monthly_cost for line in cost_lines if line.provider == 'gcp')

The syntax is a small part of Python's: literals, arithmetic, comparisons, ``and``/``or``/``not``, ``a if c
else b``, one loop in brackets, the functions in :data:`FUNCTIONS` and those a caller adds. A name is a field
of the document; ``a.b`` and ``a['b']`` both look a key up. Nothing else of a value can be reached: no
attribute, no method, no import.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from capplan.errors import nearest, sentences
from capplan.quantities import plain

_MAX_CHARACTERS = 2000
_MAX_DEPTH = 60
_MAX_EXPONENT = 64
_LARGEST = 10**300

MAX_STEPS = 200_000
"""Parts that an evaluation looks at, each pass of a loop counted."""


class ExpressionError(Exception):
    """An expression cannot be read, or has no value; ``remedy`` says how to correct it."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(sentences(what, remedy) if remedy else what)
        self.what = what
        self.remedy = remedy


class MissingPricesError(ExpressionError):
    """An expression needs a cost of which only a lower bound is known, and that does not decide it."""

    def __init__(self) -> None:
        super().__init__("is unknown, because prices are missing")


class AtLeast:
    """A cost that lacks prices: it is above what its lower bound is above; nothing else is known of it."""

    def __init__(self, usd: float) -> None:
        self.usd = usd

    def __str__(self) -> str:
        return f"at least {self.usd:,.2f}" if math.isfinite(self.usd) else "unknown"

    def __gt__(self, other: float) -> bool:
        if self.usd > other:
            return True
        raise MissingPricesError

    def __ge__(self, other: float) -> bool:
        if self.usd >= other:
            return True
        raise MissingPricesError

    def _unknown(self, *_: object) -> Any:
        raise MissingPricesError

    __lt__ = __le__ = __eq__ = __ne__ = __bool__ = _unknown
    __add__ = __radd__ = __abs__ = __round__ = __floor__ = __ceil__ = __float__ = _unknown
    __hash__ = None  # type: ignore[assignment]


class Evidence(NamedTuple):
    """A part of an expression that the document answers, and its answer."""

    text: str
    value: object


Names = Mapping[str, Any]


class _Scope(NamedTuple):
    """What names stand for, and the number of steps that the evaluation took so far, in a list of one."""

    names: Names
    steps: list[int]

    def of(self, name: str, value: object) -> _Scope:
        """Return the scope inside a loop."""
        return _Scope({**self.names, name: value}, self.steps)


def _power(base: float, exponent: float) -> float:
    if abs(exponent) > _MAX_EXPONENT:
        raise ExpressionError(f"the exponent {plain(exponent, 6)} is too large", f"At most {_MAX_EXPONENT}.")
    power: float | complex = float(base) ** exponent
    if isinstance(power, complex):
        raise ExpressionError(f"{plain(base, 6)} has no power {plain(exponent, 6)}")
    return power


_ARITHMETIC: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
_ORDER: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_EQUALITY: Mapping[type[ast.AST], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda item, container: item in container,
    ast.NotIn: lambda item, container: item not in container,
}
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "all": all,
    "any": any,
    "ceil": math.ceil,
    "count": len,
    "floor": math.floor,
    "keys": list,
    "max": max,
    "min": min,
    "round": round,
    "sqrt": math.sqrt,
    "sum": sum,
    "values": lambda mapping: list(mapping.values()),
}
"""What every expression may call; ``keys`` and ``values`` turn a mapping into a list."""

_CONSTANTS: Names = {"true": True, "false": False, "null": None}
_ALLOWED = (
    *(ast.Expression, ast.Constant, ast.Name, ast.Load, ast.Store, ast.Attribute, ast.Subscript),
    *(ast.BinOp, ast.UnaryOp, ast.USub, ast.UAdd, ast.Not, ast.BoolOp, ast.And, ast.Or),
    *(ast.Compare, ast.IfExp, ast.List, ast.Tuple, ast.Call, ast.keyword),
    *(ast.GeneratorExp, ast.comprehension),
    *_ARITHMETIC,
    *_ORDER,
    *_EQUALITY,
)


class Expression:
    """An expression that was read and found harmless; its value depends on the document alone."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._body = _parsed(self.text)

    @cached_property
    def names(self) -> frozenset[str]:
        """The fields of the document, and the functions, that it names."""
        bound = {
            n.id for n in ast.walk(self._body) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        used = {n.id for n in ast.walk(self._body) if isinstance(n, ast.Name)}
        return frozenset(used - bound - _CONSTANTS.keys())

    def value(self, document: Names) -> Any:
        """Return the value over ``document``, which holds fields and functions by name.

        Raises ExpressionError where a field is missing or unknown, or the arithmetic has no result.
        """
        return _value(self._body, _Scope({**FUNCTIONS, **_CONSTANTS, **document}, [0]))

    def holds(self, document: Names) -> bool:
        """Say whether the expression is true over ``document``; null, which is no figure of it, is not true.

        Raises ExpressionError as :meth:`value` does, and where the value is not true, false or null.
        """
        value = self.value(document)
        if not isinstance(value, bool | None):
            what = f"is no condition, because '{self.text[:80]}' is {_kind(value)}"
            raise ExpressionError(what, f"Compare it, such as {self.text[:80]} > 100.")
        return bool(value)

    def evidence(self, document: Names) -> list[Evidence]:
        """Return what each field and function call in it says, in the order of the text."""
        scope = _Scope({**FUNCTIONS, **_CONSTANTS, **document}, [0])
        return [Evidence(ast.unparse(node), _value(node, scope)) for node in _asked(self._body)]


def _kind(value: object) -> str:
    """Return what a value is, in words."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return f"a number ({plain(value, 6)})"
    if isinstance(value, Mapping):
        return "a mapping"
    return "text" if isinstance(value, str) else "a list"


def _parsed(text: str) -> ast.expr:
    if len(text) > _MAX_CHARACTERS:
        raise ExpressionError(f"is longer than {_MAX_CHARACTERS} characters")
    try:
        tree = ast.parse(text, mode="eval")
        for node in ast.walk(tree):
            _check(node)
        if _depth(tree) > _MAX_DEPTH:
            raise ExpressionError("is nested too deeply")
    except SyntaxError as error:
        place = f" at character {error.offset}" if error.offset else ""
        raise ExpressionError(f"cannot be read{place}") from None
    except (ValueError, RecursionError, MemoryError):
        raise ExpressionError("cannot be read") from None
    return tree.body


def _depth(node: ast.AST) -> int:
    return 1 + max(map(_depth, ast.iter_child_nodes(node)), default=0)


def _check(node: ast.AST) -> None:
    """Refuse what is not part of the language."""
    if not isinstance(node, _ALLOWED):
        raise ExpressionError(f"'{_said(node)}' is not allowed in an expression")
    if isinstance(node, ast.Constant) and not isinstance(node.value, str | int | float | bool | None):
        raise ExpressionError(f"'{_said(node)}' is not a kind of value that expressions may use")
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not abs(node.value) <= _LARGEST
    ):
        raise ExpressionError(f"'{_said(node)[:20]}…' is too large")
    if isinstance(node, ast.Call) and (not isinstance(node.func, ast.Name) or _spread(node)):
        raise ExpressionError(f"'{_said(node)}' is not allowed", "Only functions can be called, by name.")
    if isinstance(node, ast.Attribute) and node.attr.startswith("__"):
        raise ExpressionError(
            f"'{_said(node)}' is not allowed", "A field is named without leading underscores."
        )
    if isinstance(node, ast.GeneratorExp) and len(node.generators) > 1:
        raise ExpressionError("only one loop is allowed in brackets")
    if isinstance(node, ast.comprehension) and not isinstance(node.target, ast.Name):
        raise ExpressionError("a loop needs one name")


def _spread(call: ast.Call) -> bool:
    return any(keyword.arg is None for keyword in call.keywords)


def _said(node: ast.AST) -> str:
    try:
        return ast.unparse(node)[:80]
    except (ValueError, AttributeError, RecursionError):
        return type(node).__name__


def _asked(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the largest parts that are fields or calls; what stands inside a loop is part of its call."""
    if isinstance(node, ast.Call | ast.Attribute | ast.Subscript | ast.Name):
        if not (isinstance(node, ast.Name) and node.id in _CONSTANTS):
            yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from _asked(child)


def _value(node: Any, scope: _Scope) -> Any:
    """Return the value of ``node``; every kind that :func:`_check` lets through has its function."""
    scope.steps[0] += 1
    if scope.steps[0] > MAX_STEPS:
        raise ExpressionError(f"takes more than {MAX_STEPS:,} steps")
    return _VALUES[type(node)](node, scope)


def _name(node: ast.Name, scope: _Scope) -> Any:
    if node.id not in scope.names:
        raise ExpressionError(f"'{node.id}' does not exist", nearest(node.id, scope.names))
    return scope.names[node.id]


def _attribute(node: ast.Attribute, scope: _Scope) -> Any:
    return _member(_value(node.value, scope), node.attr, node.value)


def _subscript(node: ast.Subscript, scope: _Scope) -> Any:
    return _member(_value(node.value, scope), _value(node.slice, scope), node.value)


def _member(container: object, key: object, node: ast.expr) -> Any:
    said = _said(node)
    if container is None:
        raise ExpressionError(f"{said} is unknown, so it has no '{key}'")
    if isinstance(container, Sequence) and not isinstance(container, str) and isinstance(key, int):
        if not -len(container) <= key < len(container):
            raise ExpressionError(f"{said} has {len(container)} entries, so {key} does not exist")
        return container[key]
    if not isinstance(container, Mapping):
        raise ExpressionError(f"{said} is a value, so it has no '{key}'")
    if key not in container:
        remedy = nearest(str(key), container)
        if any("-" in str(name) for name in container):
            remedy += f" Write a name with a hyphen as {said}['name']."
        raise ExpressionError(f"{said} has no '{key}'", remedy)
    return container[key]


def _binary(node: ast.BinOp, scope: _Scope) -> Any:
    left, right = _number(node.left, scope), _number(node.right, scope)
    try:
        return _bounded(_ARITHMETIC[type(node.op)](left, right), node, (left, right))
    except ZeroDivisionError:
        raise ExpressionError(f"{_said(node.right)} is 0, so it cannot divide") from None
    except OverflowError:
        raise ExpressionError(f"{_said(node)} is too large") from None


def _bounded(value: Any, node: ast.expr, operands: Sequence[Any]) -> Any:
    """Return the result of arithmetic; it is finite where its operands are, and never NaN or endless."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise ExpressionError(f"{_said(node)} is too large")
    if isinstance(value, float) and not math.isfinite(value) and all(map(_finite, operands)):
        raise ExpressionError(f"{_said(node)} is not finite")
    if isinstance(value, float) and math.isnan(value):
        raise ExpressionError(f"{_said(node)} is not a number")
    return value


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _number(node: ast.expr, scope: _Scope) -> Any:
    """Return a number, or an array of them, to calculate with."""
    value = _value(node, scope)
    if value is None:
        raise ExpressionError(f"{_said(node)} is unknown")
    if isinstance(value, AtLeast):
        raise MissingPricesError
    if isinstance(value, bool) or not (isinstance(value, int | float) or hasattr(value, "__array__")):
        raise ExpressionError(f"{_said(node)} is not a number")
    return value


def _unary(node: ast.UnaryOp, scope: _Scope) -> Any:
    if isinstance(node.op, ast.Not):
        return not _value(node.operand, scope)
    number = _number(node.operand, scope)
    return -number if isinstance(node.op, ast.USub) else number


def _boolean(node: ast.BoolOp, scope: _Scope) -> bool:
    every = isinstance(node.op, ast.And)
    decided = (bool(_value(operand, scope)) for operand in node.values)
    return all(decided) if every else any(decided)


def _compare(node: ast.Compare, scope: _Scope) -> bool:
    operands = [node.left, *node.comparators]
    pairs = zip(node.ops, operands, operands[1:], strict=False)
    return all(_compared(op, left, right, scope) for op, left, right in pairs)


def _compared(op: ast.cmpop, left: ast.expr, right: ast.expr, scope: _Scope) -> bool:
    a, b = _value(left, scope), _value(right, scope)
    if type(op) in _ORDER:
        for node, value in ((left, a), (right, b)):
            if value is None:
                raise ExpressionError(f"{_said(node)} is unknown")
    try:
        return bool({**_ORDER, **_EQUALITY}[type(op)](a, b))
    except TypeError:
        raise ExpressionError(f"{_said(left)} and {_said(right)} cannot be compared") from None


def _conditional(node: ast.IfExp, scope: _Scope) -> Any:
    return _value(node.body if _value(node.test, scope) else node.orelse, scope)


def _call(node: ast.Call, scope: _Scope) -> Any:
    function = _name(node.func, scope)  # type: ignore[arg-type]
    name = _said(node.func)
    if not callable(function):
        raise ExpressionError(f"'{name}' is not a function", nearest(name, FUNCTIONS))
    arguments = [_value(argument, scope) for argument in node.args]
    named = {str(keyword.arg): _value(keyword.value, scope) for keyword in node.keywords}
    try:
        return _bounded(function(*arguments, **named), node, _figures(arguments))
    except OverflowError:
        raise ExpressionError(f"{_said(node)} is too large") from None
    except (TypeError, ValueError, AttributeError):
        raise ExpressionError(f"{_said(node)} has no value, because {_why(name, arguments)}") from None


def _why(name: str, arguments: Sequence[Any]) -> str:
    """Return why a function has no value for its arguments."""
    if not arguments:
        return f"{name} needs an argument"
    if all(isinstance(each, Sequence | Mapping) and not each for each in arguments):
        return "the list is empty"
    if any(figure is None for figure in _figures(arguments)):
        return "a part of it is unknown"
    if name == "sqrt" and isinstance(arguments[0], int | float) and arguments[0] < 0:
        return "a negative number has no square root"
    return f"{name} cannot be used with {' and '.join(map(_kind, arguments))}"


def _figures(arguments: Sequence[Any]) -> list[Any]:
    """Return the arguments, and what is in those that are lists."""
    return [each for value in arguments for each in (value if isinstance(value, list | tuple) else [value])]


def _loop(node: ast.GeneratorExp, scope: _Scope) -> list[Any]:
    loop = node.generators[0]
    items = _value(loop.iter, scope)
    if isinstance(items, str | None) or not isinstance(items, Sequence | Mapping):
        raise ExpressionError(f"{_said(loop.iter)} is not a list")
    rows = (scope.of(loop.target.id, item) for item in items)  # type: ignore[attr-defined]
    return [_value(node.elt, row) for row in rows if all(_value(test, row) for test in loop.ifs)]


_VALUES: Mapping[type[ast.AST], Callable[[Any, _Scope], Any]] = {
    ast.Constant: lambda node, _: node.value,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _boolean,
    ast.Compare: _compare,
    ast.IfExp: _conditional,
    ast.Call: _call,
    ast.GeneratorExp: _loop,
    ast.List: lambda node, scope: [_value(item, scope) for item in node.elts],
    ast.Tuple: lambda node, scope: [_value(item, scope) for item in node.elts],
}
