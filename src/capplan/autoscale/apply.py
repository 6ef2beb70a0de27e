"""Write what tuning found into the text of a plan, as its alternative ``tuned``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from capplan.plan.overlay import merge
from capplan.plan.read import parse_plan
from capplan.strictyaml import load

ALTERNATIVE = "tuned"


class _Plain(yaml.SafeDumper):
    """Writes what is there twice twice: the line is to be read without looking elsewhere."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def with_tuned(
    text: str, services: Mapping[str, Any], name: str, directory: Path, alternative: str | None = None
) -> str:
    """Return the plan ``text`` with an alternative of these ``services``; comments and layout stay.

    They are those of the plan, or of its ``alternative``, which the new one then repeats. An alternative of
    that name is replaced. Raises :class:`InputError` if the result is not a plan.
    """
    old = {} if alternative is None else load(text, name)["alternatives"][alternative]
    overlay = merge(old, {"services": services})
    flow = yaml.dump(overlay, Dumper=_Plain, default_flow_style=True, width=10**6, sort_keys=False)
    line = f"{ALTERNATIVE}: {flow.strip()}"
    done = _placed(text, line)
    parse_plan(done, name, directory, alternative=ALTERNATIVE)
    return done


def _placed(text: str, line: str) -> str:
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    for key, value in root.value:
        if key.value != "alternatives" or not isinstance(value, yaml.MappingNode):
            continue
        for name, overlay in value.value:
            if name.value == ALTERNATIVE:
                end = overlay.end_mark.index if overlay.flow_style else _line_end(text, overlay)
                return text[: name.start_mark.index] + line + text[end:]
        if value.flow_style:
            at = value.start_mark.index + 1
            return f"{text[:at]}{line}{', ' if value.value else ''}{text[at:]}"
        first = value.value[0][0].start_mark
        at = first.index - first.column
        return f"{text[:at]}{' ' * first.column}{line}\n{text[at:]}"
    return f"{text.rstrip()}\n\nalternatives:\n  {line}\n"


def _line_end(text: str, node: yaml.Node) -> int:
    """Return where a block ends that something follows: before the line break and what comes after."""
    return len(text[: node.end_mark.index].rstrip())
