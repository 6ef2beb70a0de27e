"""What a claim is held against, as its expression says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Literal

from capplan.decide.expressions import FUNCTIONS, Expression

Kind = Literal["computed", "restated", "consistency", "not computable"]
"""What a claim is held against: the model; what the plan or a table says because the document does; the
document's other claims; nothing."""

CLAIMS = "claims"
"""The name that an expression has the document's own claims under."""
ITSELF = frozenset((CLAIMS, *FUNCTIONS))
"""Names that ask the document alone."""
_TYPED = re.compile(r"(plan|facts|claims)\b|tier\(|components\b.*\.instances\.(min|max)$")
"""What an expression reads back as somebody wrote it: nothing of it passes through the model."""


def kind_of(expression: Expression | None) -> Kind:
    """Return what an expression holds a claim against."""
    if expression is None:
        return "not computable"
    if expression.names <= ITSELF:
        return "consistency"
    sources = map(ast.unparse, _sources(ast.parse(expression.text, mode="eval").body))
    return "restated" if all(map(_TYPED.match, sources)) else "computed"


def _sources(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the fields and calls that a value rests on.

    Of a call of :data:`FUNCTIONS` these are the arguments; of a loop, what it runs over and what its items
    are not part of.
    """
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
        inner: Sequence[ast.AST] = node.args
    elif isinstance(node, ast.GeneratorExp):
        inner = [loop.iter for loop in node.generators]
        items = {
            name.id
            for loop in node.generators
            for name in ast.walk(loop.target)
            if isinstance(name, ast.Name)
        }
        yield from (source for source in _sources(node.elt) if ast.unparse(source).split(".")[0] not in items)
    elif isinstance(node, ast.Call | ast.Attribute | ast.Subscript | ast.Name):
        inner = ()
        yield node
    else:
        inner = list(ast.iter_child_nodes(node))
    for child in inner:
        yield from _sources(child)
