"""Templates: Jinja decides what stands where, and never sees how a value is written.

While a template is rendered every expression leaves a mark, and its value is put aside. The marks are
replaced by the values twice: in the text, each encoded for its language; and in the tree that the marked
text parses to. The finished text, parsed, must equal that tree: so whatever a value holds, it changes no
structure.

Delimiters are ``[[ ]]``, ``[% %]`` and ``[# #]``, so that the braces of Prometheus and Grafana pass through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from capplan.errors import InputError, Problem, nearest
from capplan.manifests import scalars
from capplan.manifests.scalars import UnsafeValueError
from capplan.paths import data_dir

if TYPE_CHECKING:
    from jinja2 import Environment

_MARK = re.compile("\ue000([0-9]+)\ue001")
_RECORDER = "_recorder"


class Language(NamedTuple):
    """How one output language writes values; ``load`` parses a file where its structure can be compared."""

    scalar: Callable[[object], str]
    block: Callable[[object, int], str]
    load: Callable[[str], Any] | None = None


def load_yaml(text: str) -> Any:
    """Return the one document in ``text``, read strictly."""
    from capplan.strictyaml import load

    return load(text, "rendered file")


def _no_block(value: object, indent: int) -> str:
    raise UnsafeValueError("this language has no blocks")


LANGUAGES: Mapping[str, Language] = {
    "yaml": Language(scalars.yaml_scalar, scalars.block_yaml, load_yaml),
    "json": Language(scalars.json_value, scalars.json_block, json.loads),
    "js": Language(scalars.json_value, scalars.json_block),
    "py": Language(scalars.python_value, _no_block),
    "sh": Language(scalars.shell_value, _no_block),
    "sql": Language(scalars.sql_value, _no_block),
    "conf": Language(scalars.config_value, _no_block),
    "md": Language(scalars.markdown_value, _no_block),
}
"""By the suffix before ``.j2``."""


class _Block(NamedTuple):
    """A list or a map that is to be written over several lines."""

    value: object
    indent: int


class _Identifier(NamedTuple):
    value: object


class Templates:
    """The templates: ours, and a directory of the user's own over them, which runs sandboxed."""

    def __init__(self, own: Path | None = None) -> None:
        self.own = own
        self._environment = _environment(own)

    def names(self) -> list[str]:
        """Return the names of all templates of artefacts."""
        return sorted(
            n for n in self._environment.list_templates() if n.endswith(".j2") and n[:6] != "plans/"
        )

    def source(self, name: str) -> str:
        """Return the text of a template."""
        from jinja2 import TemplateNotFound

        loader = self._environment.loader
        assert loader is not None
        try:
            return loader.get_source(self._environment, name)[0]
        except TemplateNotFound:
            remedy = nearest(name, self.names())
            raise InputError(Problem("templates", f"no template '{name}'", remedy)) from None

    def is_own(self, name: str) -> bool:
        """Say whether the user's directory has this template."""
        return self.own is not None and (self.own / name).is_file()

    def render(self, name: str, context: Mapping[str, object]) -> tuple[str, Any]:
        """Return the text of an artefact and, for YAML and JSON, the value that it holds.

        Raises :class:`InputError` when a value has no safe form or the template is wrong.
        """
        from jinja2 import TemplateError

        language = LANGUAGES[name.removesuffix(".j2").rpartition(".")[2]]
        recorder: list[object] = []
        try:
            marked = self._environment.get_template(name).render({**context, _RECORDER: recorder})
            text = _MARK.sub(lambda mark: _encoded(recorder[int(mark[1])], language), marked)
            if language.load is None:
                return text, None
            return text, _verified(language, marked, text, recorder)
        except (TemplateError, UnsafeValueError, TypeError) as error:
            where = str(self.own / name) if self.own is not None and self.is_own(name) else f"template {name}"
            raise InputError(Problem(where, str(error).rstrip(".") or type(error).__name__)) from error


def _encoded(value: object, language: Language) -> str:
    if isinstance(value, _Block):
        return language.block(value.value, value.indent)
    if isinstance(value, _Identifier):
        return scalars.sql_identifier(value.value)
    return language.scalar(value)


def _verified(language: Language, marked: str, text: str, recorder: list[object]) -> Any:
    assert language.load is not None
    skeleton = _skeleton(language, marked)
    intended = _filled(skeleton, recorder)
    found = language.load(text)
    if not same(found, intended):
        raise UnsafeValueError("the rendered text does not match its values, so nothing was written")
    return found


def _skeleton(language: Language, marked: str) -> Any:
    """Return what the marked text parses to; in JSON the marks become strings first."""
    if language.load is json.loads:
        return _parsed_json(_MARK.sub(lambda mark: f'"{mark[0]}"', marked))
    return _parsed_yaml(_MARK.sub(lambda mark: f" {mark[0]}", marked))


@lru_cache(maxsize=512)
def _parsed_yaml(marked: str) -> Any:
    """Return the tree of a marked text: the same for all artefacts that differ only in their values."""
    return load_yaml(marked)


_parsed_json = lru_cache(maxsize=512)(json.loads)


def _filled(tree: Any, recorder: list[object]) -> Any:
    """Return a copy of ``tree`` with the values in place of their marks."""
    if isinstance(tree, dict):
        return {_filled(key, recorder): _filled(value, recorder) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_filled(item, recorder) for item in tree]
    if not isinstance(tree, str) or "\ue000" not in tree:
        return tree
    mark = _MARK.fullmatch(tree)
    if not mark:
        raise UnsafeValueError(
            f"an expression must be the whole of a value, not a part of '{_MARK.sub('…', tree)}'"
        )
    value = recorder[int(mark[1])]
    return _plain(value.value if isinstance(value, _Block) else value)


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def same(left: object, right: object) -> bool:
    """Say whether two trees are equal in types (True is not 1, nor 1.0), values and the order of keys."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


@cache
def _environment(own: Path | None) -> Environment:
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, pass_context
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    @pass_context
    def finalize(context: Any, value: object) -> str:
        recorder: list[object] = context[_RECORDER]
        held = value.value if isinstance(value, _Block | _Identifier) else value
        if isinstance(held, StrictUndefined):
            str(held)
        recorder.append(value)
        return f"\ue000{len(recorder) - 1}\ue001"

    ours = FileSystemLoader(data_dir("templates"))
    kind = Environment if own is None else ImmutableSandboxedEnvironment
    environment = kind(
        loader=ours if own is None else ChoiceLoader([FileSystemLoader(own), ours]),
        undefined=StrictUndefined,
        finalize=finalize,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
    )
    environment.filters |= {"yaml": _Block, "block": _Block, "identifier": _Identifier}
    return environment
