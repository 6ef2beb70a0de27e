"""The rules of the house that a linter does not know: sizes, records by keyword, one name for one thing."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeGuard

import numpy as np
from helpers import ROOT

import capplan

SOURCE = ROOT / "src" / "capplan"
TREES = {path: ast.parse(path.read_text("utf-8")) for path in sorted(SOURCE.rglob("*.py"))}
MOST_POSITIONAL = 6
SHARED = {"Column", "Command", "Curves", "Finding", "Table", "Workload"}
"""Names that still stand for two things; it only ever gets shorter."""
CONFORMANCE = ROOT / "tests" / "conformance"
"""Harnesses that run published cases: what they call is an interface, whether or not a command needs it."""
HOOKS = {"_repr_html_", "get_short_help_str", "ignore_aliases", "model_config", "readable", "readinto"}
"""Names that a library looks for: notebooks, typer, PyYAML, pydantic, io."""
SEEN = {"property", "cached_property", "classmethod", "staticmethod", "compiled", "contextmanager"}
SEEN |= {"cache", "lru_cache", "overload", "dataclass"}
"""Decorators that register nothing: what they stand at must be used by name."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, int]]:
    """Yield where each function is, and the lines of its body without the docstring."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                body = node.body[1:] if ast.get_docstring(node) is not None and node.body[1:] else node.body
                yield f"{at(path, node)} {node.name}", (body[-1].end_lineno or 0) - body[0].lineno + 1


def at(path: Path, node: ast.stmt | ast.expr) -> str:
    """Return where a node is, for messages."""
    return f"{path.relative_to(SOURCE)}:{node.lineno}"


def records() -> dict[str, int]:
    """Return the number of fields of every record, by its name; of the smallest where two share one."""
    found: dict[str, int] = {}
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and is_record(node):
                fields = sum(isinstance(part, ast.AnnAssign) for part in node.body)
                found[node.name] = min(fields, found.get(node.name, fields))
    return found


def is_record(node: ast.ClassDef) -> bool:
    """Say whether a class is a NamedTuple or a dataclass."""
    above = [ast.unparse(part) for part in (*node.bases, *node.decorator_list)]
    return any(name == "NamedTuple" or name.startswith("dataclass") for name in above)


def positional(arguments: Sequence[ast.expr], fields: int) -> int:
    """Return how many fields are given by place; a splat may give all of them."""
    return fields if any(isinstance(argument, ast.Starred) for argument in arguments) else len(arguments)


def defined() -> Iterator[tuple[str, str]]:
    """Yield where each function, method, class and constant is, and its name; not fields, which data fill."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, Function | ast.ClassDef):
                marks = {ast.unparse(mark).partition("(")[0].split(".")[-1] for mark in node.decorator_list}
                if marks <= SEEN and not node.name.startswith("__"):
                    yield at(path, node), node.name
        for statement in tree.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign):
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                yield from ((at(path, statement), one.id) for one in targets if is_own(one))


def is_own(target: ast.expr) -> TypeGuard[ast.Name]:
    """Say whether an assignment defines a name that only the project's own code can want."""
    return isinstance(target, ast.Name) and not target.id.startswith("__")


def used() -> set[str]:
    """Return every name that the source or a conformance harness reads, also by its text, as tables do."""
    harnesses = [ast.parse(path.read_text("utf-8")) for path in CONFORMANCE.glob("*.py")]
    found: set[str] = set()
    for tree in (*TREES.values(), *harnesses):
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def offered() -> set[str]:
    """Return the members of what programs import: users call them, and the tests of the interface."""
    classes = (getattr(capplan, name) for name in capplan.__all__)
    return {
        member for one in classes for member in getattr(one, "__dict__", ()) if not member.startswith("_")
    }


def test_nothing_is_defined_that_nothing_uses():
    """Names in ``__all__`` are interfaces, as their text is read here."""
    known = used() | HOOKS | offered()
    assert [f"{where} {name}" for where, name in defined() if name not in known] == []


def test_large_records_are_built_by_keyword():
    known = records()
    offences = [
        f"{at(path, node)} {node.func.id}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and positional(node.args, known.get(node.func.id, 0)) > MOST_POSITIONAL
        and node.func.id in known
    ]
    assert offences == []


def test_functions_are_small():
    sizes = [size for _, size in functions()]
    assert [where for where, size in functions() if size > 60] == []
    assert np.median(sizes) <= 7
    assert np.percentile(sizes, 90) <= 20


def test_modules_are_small():
    sizes = {str(path.relative_to(SOURCE)): len(path.read_text("utf-8").splitlines()) for path in TREES}
    assert {path: size for path, size in sizes.items() if size > 450} == {}


def test_no_two_public_classes_share_a_name():
    found: dict[str, list[str]] = {}
    for path, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(at(path, node))
    assert {name for name, places in found.items() if len(places) > 1} <= SHARED
