"""Which argument is whose: options whose value may be left out, and options that take several.

The rules look at the arguments alone, never at the files that lie around:

- ``--explain`` and ``--months`` take the argument that follows, unless it is an option;
- ``--between`` takes every argument up to the next option;
- where this leaves no argument for the plan, and only one of them can be it, that one is the plan.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

BARE = {"--explain": "all", "--months": "horizon"}
"""What an option means whose value is left out."""
_SEVERAL = "--between"
_INSTEAD_OF_PLAN = "--manifests"


class _Sorted(NamedTuple):
    """Arguments by what they are.

    optional, several: values of the options above; rest: `--` and what follows it.
    """

    positional: list[str]
    options: list[str]
    optional: dict[str, str]
    several: list[str]
    rest: list[str]


def spelled_out(arguments: Sequence[str], takes_value: Callable[[str], bool]) -> list[str]:
    """Return ``arguments`` with every value where a plain parser of options looks for it.

    takes_value: whether the argument after an option is its value.

    >>> spelled_out(["plan.yaml", "--explain"], lambda option: False)
    ['--explain', 'all', 'plan.yaml']
    >>> spelled_out(["plan.yaml", "--between", "plan", "gpu", "-q"], lambda option: False)
    ['--between', 'plan', '--between', 'gpu', 'plan.yaml', '-q']
    >>> spelled_out(["--explain", "plan.yaml"], lambda option: False)
    ['--explain', 'all', 'plan.yaml']
    """
    found = _sorted(arguments, takes_value)
    if not (found.positional or found.rest or _names(found.options, _INSTEAD_OF_PLAN)):
        _find_plan(found)
    values = [*found.optional.items(), *((_SEVERAL, value) for value in found.several)]
    # The rest of the options comes last: one of them may lack its value.
    return [*(part for pair in values for part in pair), *found.positional, *found.options, *found.rest]


def _sorted(arguments: Sequence[str], takes_value: Callable[[str], bool]) -> _Sorted:
    waiting, found = deque(arguments), _Sorted([], [], {}, [], [])
    while waiting:
        argument = waiting.popleft()
        if argument == "--":
            found.rest.extend([argument, *waiting])
            break
        if not _is_option(argument):
            found.positional.append(argument)
        elif argument in BARE:
            found.optional[argument] = waiting.popleft() if _follows(waiting) else BARE[argument]
        elif argument == _SEVERAL and _follows(waiting):
            while _follows(waiting):
                found.several.append(waiting.popleft())
        else:
            found.options.append(argument)
            if takes_value(argument) and waiting:
                found.options.append(waiting.popleft())
    return found


def _find_plan(found: _Sorted) -> None:
    """Take the plan out of the values, if just one of the options can have it."""
    holders = [name for name, value in found.optional.items() if value != BARE[name]]
    if len(holders) + bool(found.several) != 1:
        return
    if found.several:
        found.positional.append(found.several.pop())
    else:
        found.positional.append(found.optional[holders[0]])
        found.optional[holders[0]] = BARE[holders[0]]


def _names(options: Sequence[str], name: str) -> bool:
    return any(option == name or option.startswith(f"{name}=") for option in options)


def _is_option(argument: str) -> bool:
    return argument.startswith("-") and argument != "-"


def _follows(waiting: Sequence[str] | deque[str]) -> bool:
    """Say whether a value comes next; `-` is the plan on stdin, and no name of anything."""
    return bool(waiting) and not waiting[0].startswith("-")
