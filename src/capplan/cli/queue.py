"""`capplan queue`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capplan.cli.options import Force, OutputFile, formats, parsed
from capplan.errors import InputError, Problem, nearest

if TYPE_CHECKING:
    from capplan.capacity.queueing.models import QueueingModel, Target


Given = str | None
_LARGEST = 1e18


def _option(name: str, metavar: str, text: str) -> Any:
    return typer.Option(name, metavar=metavar, help=text)


def queue(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="M/M/1, M/M/c, M/M/c/K, M/M/c/c, M/M/c//N, M/G/c, M/M/c+M and others."
        ),
    ],
    arrival_rate: Annotated[Given, _option("--arrival-rate", "RATE", "Requests, such as 40/s.")] = None,
    service_time: Annotated[Given, _option("--service-time", "TIME", "Mean time of a request.")] = None,
    servers: Annotated[Given, _option("--servers", "N", "Servers.")] = None,
    capacity: Annotated[Given, _option("--capacity", "K", "Requests that fit, also those served.")] = None,
    clients: Annotated[Given, _option("--clients", "N", "Clients, each with one request at most.")] = None,
    think_time: Annotated[Given, _option("--think-time", "TIME", "Mean time between their requests.")] = None,
    patience: Annotated[Given, _option("--patience", "TIME", "Mean time until who waits gives up.")] = None,
    cs2: Annotated[Given, _option("--cs2", "X", "Variance over squared mean of the service times.")] = None,
    ca2: Annotated[
        Given, _option("--ca2", "X", "Variance over squared mean of the gaps between arrivals.")
    ] = None,
    max_wait: Annotated[Given, _option("--max-wait", "TIME", "Longest mean wait.")] = None,
    max_response: Annotated[Given, _option("--max-response", "TIME", "Longest mean response.")] = None,
    max_blocking: Annotated[Given, _option("--max-blocking", "SHARE", "Largest share lost.")] = None,
    within: Annotated[
        Given, _option("--within", "SHARE", "Share that must keep these times, instead of the mean.")
    ] = None,
    fmt: Annotated[str, formats("table", "json", "markdown")] = "table",
    output: OutputFile = None,
    force: Force = False,
) -> None:
    """Answer what textbooks ask of a queue.

    Give a target, and leave out the servers to get the fewest that keep it, or the arrival rate to get the
    highest.

    Example: capplan queue M/M/c --arrival-rate 40/s --service-time 100ms --servers 5
    """
    from capplan.cli.output import show
    from capplan.report.queueing import report_of

    name, found = _model(model)
    if max_blocking is not None and not found.loses:
        raise InputError(Problem("--max-blocking", f"{name} loses no requests, so it keeps any share"))
    texts = {
        "arrival_rate": arrival_rate,
        "service_time_s": service_time,
        "servers": servers,
        "capacity": capacity,
        "clients": clients,
        "think_time_s": think_time,
        "patience_s": patience,
        "cs2": cs2,
        "ca2": ca2,
    }
    given = _given(name, found, texts)
    target = _promise(found, max_wait, max_response, max_blocking, within)
    try:
        solved = _solve(name, found, given, target)
        report = report_of(name, found, given, solved)
    except ValueError as error:
        raise InputError(Problem(name, str(error))) from None
    show(report, fmt, output, force)


def _solve(name: str, model: QueueingModel, given: dict[str, float], target: Target | None) -> str | None:
    """Add the argument that is left out to those that are given, and return its name; None without one."""
    from capplan.capacity.queueing.models import fewest_servers, highest_rate

    unknown = [argument for argument in model.takes if argument not in given]
    if not unknown:
        if target is None:
            return None
        what = "has all its arguments, so nothing is left to find for a target"
        raise InputError(Problem(name, what, "Leave out --arrival-rate or --servers, or the target."))
    wanted = {"arrival_rate": highest_rate, "servers": fewest_servers}.get(unknown[0])
    if len(unknown) > 1 or wanted is None or target is None:
        needs = " and ".join(map(_flag, unknown))
        remedy = "With --max-wait, --max-response or --max-blocking, leave out --arrival-rate or --servers."
        raise InputError(Problem(name, f"needs {needs}", remedy))
    answer = wanted(model, target, given)
    if answer in (0, float("inf")):
        kept = "at any" if (answer > 0) == (unknown[0] == "arrival_rate") else "at no"
        raise InputError(Problem(name, f"keeps that {kept} {_flag(unknown[0])[2:].replace('-', ' ')}"))
    given[unknown[0]] = answer
    return unknown[0]


def _model(text: str) -> tuple[str, QueueingModel]:
    from capplan.capacity.queueing.models import MODELS

    names = {_plain(name): name for name in MODELS}
    names |= {"erlangb": "M/M/c/c", "erlangc": "M/M/c", "erlanga": "M/M/c+M"}
    if _plain(text) not in names:
        near = nearest(text, MODELS)
        remedy = near if near.startswith("Did you mean") else f"Known: {', '.join(MODELS)}."
        raise InputError(Problem("MODEL", f"'{text}' is not a model that is known", remedy))
    name = names[_plain(text)]
    return name, MODELS[name]


def _plain(name: str) -> str:
    """Return a model's name as people type it: mmck is M/M/c/K, and mmc//n stays apart from it."""
    return re.sub(r"[/ _-]", "", name.lower().replace("//", ":"))


def _given(name: str, model: QueueingModel, texts: Mapping[str, str | None]) -> dict[str, float]:
    from capplan.quantities import parse_duration, parse_number, parse_rate

    found = {}
    for argument, text in texts.items():
        if text is None:
            continue
        if argument not in model.takes:
            takes = ", ".join(map(_flag, model.takes))
            raise InputError(Problem(_flag(argument), f"{name} does not have it", f"It takes {takes}."))
        parse = (
            parse_rate
            if argument == "arrival_rate"
            else parse_duration
            if argument.endswith("_s")
            else parse_number
        )
        found[argument] = _number(
            _flag(argument), parse, text, argument in ("servers", "capacity", "clients")
        )
    return found


def _flag(argument: str) -> str:
    return f"--{argument.removesuffix('_s').replace('_', '-')}"


def _number(flag: str, parse: Callable[[object], float], text: str, whole: bool = False) -> float:
    number = parsed(flag, parse, text)
    if number > _LARGEST:
        raise InputError(Problem(flag, f"must be at most {_LARGEST:g}, got {text}"))
    if number < 0 or (whole and (number < 1 or number != int(number))):
        raise InputError(
            Problem(flag, f"must be {'a whole number, 1 or more' if whole else '0 or more'}, got {text}")
        )
    if number == 0 and flag in ("--service-time", "--patience"):
        raise InputError(Problem(flag, "must be above 0"))
    return number


def _promise(
    model: QueueingModel, wait: str | None, response: str | None, blocking: str | None, within: str | None
) -> Target | None:
    from capplan.capacity.queueing.models import Target
    from capplan.quantities import parse_duration, parse_share

    if within is not None and not model.is_endless:
        raise InputError(Problem("--within", "is known only for models whose queue has no end"))
    if within is not None and wait is response is None:
        raise InputError(Problem("--within", "goes with --max-wait or --max-response"))
    if wait is response is blocking is None:
        return None
    target = Target()
    for flag, field, parse, text in (
        ("--max-wait", "wait_s", parse_duration, wait),
        ("--max-response", "response_s", parse_duration, response),
        ("--max-blocking", "lost", parse_share, blocking),
        ("--within", "within", parse_share, within),
    ):
        if text is not None:
            number = _number(flag, parse, text)
            if parse is parse_share and (number == 0 or (number == 1 and field == "within")):
                bounds = "between 0 and 100 %" if field == "within" else "above 0"
                raise InputError(Problem(flag, f"must be {bounds}, got {text}"))
            target = target._replace(**{field: number})
    return target
