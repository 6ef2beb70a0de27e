"""Terraform files as blocks and attributes; expressions stay trees of python-hcl2's grammar."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from capplan.errors import InputError, Problem
from capplan.strictyaml import TOO_DEEP, bracket_too_deep, read_text

if TYPE_CHECKING:
    from lark import Tree

Expression: TypeAlias = "Tree[Any]"

_STRING_COMMENT_OR_BRACKET = re.compile(r'"(?:[^"\\\n]++|\\.)*+"?|(?:#|//)[^\n]*|[][{}()]')


class Body(NamedTuple):
    """What a file or a block holds: expressions by name, and the blocks inside in their order."""

    attributes: dict[str, Expression]
    blocks: list[HclBlock]

    def of(self, kind: str) -> list[HclBlock]:
        """Return the blocks of a kind."""
        return [block for block in self.blocks if block.kind == kind]


_LABELS = {"resource": 2, "data": 2, "module": 1, "variable": 1, "output": 1, "provider": 1, "dynamic": 1}


class HclBlock(NamedTuple):
    """A block, such as `resource "aws_instance" "web" { … }`."""

    kind: str
    labels: Sequence[str]
    body: Body
    place: str

    @property
    def sound(self) -> bool:
        """Whether it has as many labels as its kind needs."""
        return len(self.labels) == _LABELS.get(self.kind, len(self.labels))


def parse(path: Path, name: str) -> Body:
    """Return what a file holds. Raises :class:`InputError` for what is no HCL, or nested too deeply."""
    import hcl2
    from lark.exceptions import LarkError, UnexpectedInput

    text = read_text(path)
    if bracket_too_deep(text.replace("(", "[").replace(")", "]"), _STRING_COMMENT_OR_BRACKET) is not None:
        raise InputError(Problem(name, TOO_DEEP))
    try:
        try:
            tree = hcl2.parses_to_tree(f"{text}\n")
        except UnexpectedInput:
            # python-hcl2 knows no attribute on a line of its own, which is how long references are wrapped.
            tree = hcl2.parses_to_tree(re.sub(r"\s*\n\s*(\.[a-z])", r"\1", f"{text}\n"))
    except UnexpectedInput as error:
        raise InputError(Problem(f"{name}:{error.line}:{error.column}", "not valid HCL")) from None
    except (LarkError, RecursionError):
        raise InputError(Problem(name, "not valid HCL")) from None
    return _body(tree.children[0], name)


def parts(tree: Expression) -> list[Any]:
    """Return the parts of a tree that mean something: no white space, no punctuation."""
    return [
        part for part in tree.children if not isinstance(part, str) and part.data != "new_line_or_comment"
    ]


def _body(tree: Any, file: str) -> Body:
    body = Body({}, [])
    blocks = {word_of(parts(part)[0]) for part in parts(tree) if part.data == "block"}
    for part in parts(tree):
        word, *inner = parts(part)
        name, place = word_of(word), f"{file}:{part.meta.line}"
        if part.data == "block":
            *labels, last = inner
            body.blocks.append(HclBlock(name, [*map(word_of, labels)], _body(last, file), place))
        elif name in body.attributes or name in blocks:
            raise InputError(Problem(place, f"{name} is set twice in one block"))
        else:
            body.attributes[name] = inner[0]
    return body


def word_of(tree: Expression) -> str:
    """Return a name, a literal or a label in quotes, such as `aws.europe`, as it is written."""
    return "".join(str(token).strip() for token in tree.scan_values(lambda token: True)).strip('"')
