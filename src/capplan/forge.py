"""One comment on a pull request, renewed at every run: GitHub, GitLab and Forgejo.

Sources: docs.github.com (REST, issue comments, rate limits), docs.gitlab.com (merge request notes),
forgejo.org (API, issue comments).
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from capplan.errors import InputError, Problem

_PAGE = 100
_MOST_PAGES = 50
_ATTEMPTS = 4
_TIMEOUT_S = 20.0
_LONGEST_WAIT_S = 60.0


class ForgeKind(NamedTuple):
    """How a forge is spoken to. comments, comment: paths below the address of its interface.

    tokens: variables of the environment that hold one. longest: characters of a comment.
    """

    tokens: tuple[str, ...]
    header: tuple[str, str]
    address: str
    comments: str
    comment: str
    renew: str
    longest: int


_ISSUES = ("/repos/{repository}/issues/{number}/comments", "/repos/{repository}/issues/comments/{comment}")
_NOTES = "/projects/{repository}/merge_requests/{number}/notes"

FORGES = {
    "github": ForgeKind(
        tokens=("GITHUB_TOKEN", "GH_TOKEN"),
        header=("Authorization", "Bearer {token}"),
        address="https://api.github.com",
        comments=_ISSUES[0],
        comment=_ISSUES[1],
        renew="PATCH",
        longest=65_536,
    ),
    "gitlab": ForgeKind(
        tokens=("GITLAB_TOKEN",),
        header=("PRIVATE-TOKEN", "{token}"),
        address="https://gitlab.com/api/v4",
        comments=_NOTES,
        comment=f"{_NOTES}/{{comment}}",
        renew="PUT",
        longest=1_000_000,
    ),
    "forgejo": ForgeKind(
        tokens=("FORGEJO_TOKEN", "GITHUB_TOKEN"),
        header=("Authorization", "token {token}"),
        address="",
        comments=_ISSUES[0],
        comment=_ISSUES[1],
        renew="PATCH",
        longest=65_536,
    ),
}


class Thread(NamedTuple):
    """The pull request that is commented on, and who may: ``address`` is that of the forge's interface."""

    kind: ForgeKind
    address: str
    repository: str
    number: str
    token: str

    def url(self, path: str, comment: object = "") -> str:
        """Return the address of a path of the interface."""
        filled = path.format(repository=self.repository, number=self.number, comment=comment)
        return f"{self.address}{filled}"


class NoRightsError(Exception):
    """The token may read and not write, as those of pull requests from forks."""


def thread_of(to: str, environment: Mapping[str, str]) -> Thread:
    """Return the pull request that a CI job is about, from the variables that its system sets.

    Raises :class:`InputError` with every variable that is missing.
    """
    kind = FORGES[to]
    token = next((environment[name] for name in kind.tokens if environment.get(name)), "")
    if to == "gitlab":
        address = environment.get("CI_API_V4_URL") or kind.address
        repository = environment.get("CI_PROJECT_ID", "")
        number = environment.get("CI_MERGE_REQUEST_IID", "")
        names = ("CI_PROJECT_ID", "CI_MERGE_REQUEST_IID")
    else:
        address = environment.get("GITHUB_API_URL") or kind.address
        repository, number = environment.get("GITHUB_REPOSITORY", ""), _pull_of(environment)
        names = ("GITHUB_REPOSITORY", "GITHUB_REF or GITHUB_EVENT_PATH of a pull request")
    wanted = {names[0]: repository, names[1]: number, kind.tokens[0]: token, "GITHUB_API_URL": address}
    lacking = [name for name, value in wanted.items() if not value]
    if lacking:
        what = f"{to} needs {', '.join(lacking)} in the environment"
        raise InputError(Problem("--to", what, "Run it in a job of a pull request, or set them."))
    return Thread(kind, address.rstrip("/"), repository, number, token)


def _pull_of(environment: Mapping[str, str]) -> str:
    """Return the number of the pull request; empty where the job is about none."""
    found = re.fullmatch(r"refs/pull/(\d+)/\w+", environment.get("GITHUB_REF", ""))
    if found is not None:
        return found[1]
    event: Any = {}
    with suppress(OSError, ValueError):
        event = json.loads(Path(environment.get("GITHUB_EVENT_PATH", "")).read_text(encoding="utf-8"))
    return str((event.get("pull_request") or {}).get("number", "")) if isinstance(event, dict) else ""


def post(thread: Thread, body: str, mark: str, changed: bool, sleep: Callable[[float], None]) -> str:
    """Write or renew the comment that contains ``mark``, and say what was done.

    Without a change a comment that is there is renewed, and none is written. Raises :class:`InputError` for
    what the forge refuses, and :class:`NoRightsError` where the token may only read.
    """
    body = _shortened(body, thread.kind.longest)
    old = next((one for one in _comments(thread, sleep) if mark in str(one.get("body", ""))), None)
    if old is None and not changed:
        return "nothing changed, so nothing is posted"
    if old is not None and old.get("body") == body:
        return "the comment is up to date"
    if old is None:
        _asked(thread, "POST", thread.url(thread.kind.comments), sleep, body)
        return "the comment is posted"
    _asked(thread, thread.kind.renew, thread.url(thread.kind.comment, old.get("id")), sleep, body)
    return "the comment is renewed"


def _shortened(body: str, longest: int) -> str:
    end = "\n\n…the rest is too long for a comment\n"
    return body if len(body) <= longest else body[: longest - len(end)] + end


def _comments(thread: Thread, sleep: Callable[[float], None]) -> Iterator[dict[str, Any]]:
    for page in range(1, _MOST_PAGES + 1):
        url = f"{thread.url(thread.kind.comments)}?per_page={_PAGE}&page={page}"
        found = _asked(thread, "GET", url, sleep)
        if not isinstance(found, list):
            raise InputError(Problem(thread.address, "the answer is no list of comments"))
        yield from (one for one in found if isinstance(one, dict))
        # Forgejo may answer with fewer than were asked for.
        if not found or (len(found) < _PAGE and thread.kind is not FORGES["forgejo"]):
            return


def _asked(
    thread: Thread, method: str, url: str, sleep: Callable[[float], None], body: str | None = None
) -> object:
    """Return the JSON that the forge answers; what passes is tried again."""
    reason = ""
    for attempt in range(_ATTEMPTS):
        try:
            return _sent(thread, method, url, body)
        except urllib.error.HTTPError as error:
            reason = f"the server answers {error.code}"
            wait = _wait_s(error, attempt)
            if wait is None:
                raise _refused(thread, method, error.code) from None
        except OSError as error:
            reason, wait = f"no answer ({type(error).__name__})", float(2**attempt)
        if attempt < _ATTEMPTS - 1:
            sleep(wait)
    raise InputError(Problem(thread.address, f"cannot be reached: {reason}", "Run the job again."))


def _sent(thread: Thread, method: str, url: str, body: str | None) -> object:
    name, value = thread.kind.header
    headers = {name: value.format(token=thread.token), "User-Agent": "capplan", "Accept": "application/json"}
    data = None
    if body is not None:
        data, headers["Content-Type"] = json.dumps({"body": body}).encode(), "application/json"
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        try:
            return json.loads(answer.read())
        except ValueError:
            raise InputError(
                Problem(thread.address, "the answer is not JSON", "Check the address.")
            ) from None


def _wait_s(error: urllib.error.HTTPError, attempt: int) -> float | None:
    """Return how long to wait before the next attempt; None where another would change nothing."""
    limited = error.headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in error.headers
    if error.code < 500 and error.code != 429 and not (error.code == 403 and limited):
        return None
    asked = error.headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_WAIT_S) if asked.isdecimal() else float(2**attempt)


def _refused(thread: Thread, method: str, code: int) -> Exception:
    if code == 403 and method != "GET":
        return NoRightsError()
    said = {
        401: ("the token is refused", f"Check {thread.kind.tokens[0]}."),
        403: ("the token may not read comments", "Give it the right to read and write them."),
        404: (
            f"there is no {thread.repository} with pull request {thread.number}, or the token may not see it",
            "Check the repository and the rights of the token.",
        ),
    }
    what, remedy = said.get(code, (f"the server answers {code}", "Check the address and the token."))
    return InputError(Problem(thread.address, what, remedy))
