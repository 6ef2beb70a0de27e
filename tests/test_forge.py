"""One comment, renewed: against a server on loopback that answers as the forges do, in all its moods."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from capplan.errors import InputError
from capplan.forge import FORGES, NoRightsError, Thread, post, thread_of

MARK = "<!-- capplan -->"


class Forge:
    """Comments of one pull request, and answers that come before the true ones: (method, code, headers)."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.before: list[tuple[str, int, dict[str, str]]] = []
        self.asked: list[tuple[str, str, str]] = []
        self.page = 100

    def answer(
        self, method: str, url: str, sent: dict[str, Any], token: str
    ) -> tuple[int, dict[str, str], Any]:
        parts = urlsplit(url)
        self.asked.append((method, parts.path, token))
        if self.before and self.before[0][0] in (method, "any"):
            _, code, headers = self.before.pop(0)
            return code, headers, {"message": "no"}
        if method == "GET":
            number = int(parse_qs(parts.query)["page"][0])
            return 200, {}, self.comments[(number - 1) * self.page : number * self.page]
        if method == "POST":
            self.comments.append({"id": 1000 + len(self.comments), **sent})
            return 201, {}, self.comments[-1]
        found = next(one for one in self.comments if str(one["id"]) == parts.path.rpartition("/")[2])
        found.update(sent)
        return 200, {}, found


@pytest.fixture
def forge() -> Iterator[tuple[Forge, str]]:
    state = Forge()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            sent = json.loads(self.rfile.read(length)) if length else {}
            token = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""
            code, headers, body = state.answer(self.command, self.path, sent, token)
            data = json.dumps(body).encode()
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    for method in ("GET", "POST", "PATCH", "PUT"):
        setattr(Handler, f"do_{method}", Handler._handle)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield state, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def about(kind: str, address: str) -> Thread:
    return Thread(FORGES[kind], address, "team/shop", "7", "secret")


def posted(thread: Thread, body: str = "one", changed: bool = True) -> tuple[str, list[float]]:
    waits: list[float] = []
    return post(thread, f"{MARK}\n{body}", MARK, changed, waits.append), waits


@pytest.mark.parametrize(
    ("kind", "path", "renew", "token"),
    [
        ("github", "/repos/team/shop/issues/7/comments", "PATCH", "Bearer secret"),
        ("gitlab", "/projects/team/shop/merge_requests/7/notes", "PUT", "secret"),
        ("forgejo", "/repos/team/shop/issues/7/comments", "PATCH", "token secret"),
    ],
)
def test_two_runs_give_one_comment(
    forge: tuple[Forge, str], kind: str, path: str, renew: str, token: str
) -> None:
    state, address = forge
    state.comments = [{"id": i, "body": f"from somebody {i}"} for i in range(101)]
    state.page = 100 if kind != "forgejo" else 50
    assert posted(about(kind, address))[0] == "the comment is posted"
    assert posted(about(kind, address), "two")[0] == "the comment is renewed"
    assert posted(about(kind, address), "two")[0] == "the comment is up to date"
    assert [one["body"] for one in state.comments if MARK in one["body"]] == [f"{MARK}\ntwo"]
    assert {method for method, _, _ in state.asked} == {"GET", "POST", renew}
    assert state.asked[0] == ("GET", path, token)


def test_what_does_not_change_is_posted_to_nobody_but_renews_what_is_there(forge: tuple[Forge, str]) -> None:
    state, address = forge
    assert posted(about("github", address), changed=False)[0] == "nothing changed, so nothing is posted"
    assert state.comments == []
    posted(about("github", address))
    assert posted(about("github", address), "none", changed=False)[0] == "the comment is renewed"


@pytest.mark.parametrize(
    ("before", "waits"),
    [
        ([("any", 429, {"Retry-After": "7"})], [7.0]),
        ([("any", 403, {"X-RateLimit-Remaining": "0"})], [1.0]),
        ([("any", 502, {}), ("any", 500, {}), ("any", 503, {})], [1.0, 2.0, 4.0]),
        ([("any", 429, {"Retry-After": "100000"})], [60.0]),
    ],
)
def test_what_passes_is_tried_again(forge: tuple[Forge, str], before: list, waits: list[float]) -> None:
    state, address = forge
    state.before = list(before)
    assert posted(about("github", address)) == ("the comment is posted", waits)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ([("any", 401, {})], "the token is refused. Check GITHUB_TOKEN"),
        ([("GET", 403, {})], "may not read comments"),
        ([("any", 404, {})], "no team/shop with pull request 7"),
        ([("any", 418, {})], "answers 418"),
        ([("any", 500, {})] * 4, "cannot be reached: the server answers 500"),
    ],
)
def test_what_is_refused_is_said_once(forge: tuple[Forge, str], before: list, said: str) -> None:
    state, address = forge
    state.before = list(before)
    with pytest.raises(InputError, match=re.escape(said)):
        posted(about("github", address))


def test_a_server_that_is_not_there_is_said() -> None:
    with pytest.raises(InputError, match="cannot be reached: no answer"):
        posted(about("github", "http://127.0.0.1:9"))


def test_a_comment_is_cut_where_a_forge_takes_no_more(forge: tuple[Forge, str]) -> None:
    state, address = forge
    posted(about("github", address), "x" * 100_000)
    assert len(state.comments[0]["body"]) == FORGES["github"].longest
    assert "too long" in state.comments[0]["body"][-60:]


def test_a_token_that_may_only_read_is_told_apart(forge: tuple[Forge, str]) -> None:
    state, address = forge
    state.before = [("POST", 403, {})]
    with pytest.raises(NoRightsError):
        posted(about("github", address))


def test_the_pull_request_is_that_of_the_job(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"pull_request": {"number": 12}}')
    common = {"GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "team/shop"}
    assert thread_of("github", {**common, "GITHUB_REF": "refs/pull/9/merge"}).number == "9"
    found = thread_of("github", {**common, "GITHUB_EVENT_PATH": str(event)})
    assert (found.number, found.address) == ("12", "https://api.github.com")
    gitlab = {
        "GITLAB_TOKEN": "t",
        "CI_PROJECT_ID": "5",
        "CI_MERGE_REQUEST_IID": "3",
        "CI_API_V4_URL": "https://x/api",
    }
    assert thread_of("gitlab", gitlab)[1:] == ("https://x/api", "5", "3", "t")
    with pytest.raises(InputError, match=r"GITHUB_REF or GITHUB_EVENT_PATH.*GITHUB_TOKEN"):
        thread_of("github", {"GITHUB_REPOSITORY": "team/shop", "GITHUB_REF": "refs/heads/main"})
    with pytest.raises(InputError, match="GITHUB_API_URL"):
        thread_of("forgejo", {**common, "GITHUB_REF": "refs/pull/9/head"})


PLAN = """
name: {name}
regions: {{aws: us-east-1}}
demand: {{requests_per_second: {rps}, profile: flat}}
services:
  api:
    platform: vm-group
    provider: aws
    machine: m5.xlarge
    throughput: 10/s
    instances: {{min: 2, max: 12}}
gates: {{budgets: [{{name: month, expected: 900, max: 2000}}]}}
"""


def git(directory: Path, *command: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *who, *command], cwd=directory, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plan.yaml").write_text(PLAN.format(name=name, rps=40))
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "Begin")
    git(tmp_path, "checkout", "-qb", "change")
    (tmp_path / "one" / "plan.yaml").write_text(PLAN.format(name="one", rps=80))
    (tmp_path / "two" / "notes.txt").write_text("nothing that counts\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "Change")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_comment_says_what_changes_and_how_full_budgets_are(repository: Path, capplan: Callable) -> None:
    said = capplan("comment", "--since", "main", "--link", "https://ci/report").stdout
    assert said.startswith(f"{MARK}\n")
    assert "capplan: FAIL" in said
    assert "2 plans, 1 changed, 1 over a gate" in said
    assert "| month expected | ██████████ 125% | 1,121.28 | 900.00 |" in said
    assert "560.64→1,121.28" in said
    assert "unchanged: two/plan.yaml" in said
    assert "three" not in said
    assert "whole report: https://ci/report" in said
    assert "three" in capplan("comment", "three", "--since", "main").stdout
    assert capplan("comment", "--since", "nowhere").exit_code == 2


@pytest.fixture
def job(forge: tuple[Forge, str], monkeypatch: pytest.MonkeyPatch) -> Forge:
    """Set what a job of a pull request has in its environment, and return the forge that it speaks to."""
    said = {"GITHUB_API_URL": forge[1], "GITHUB_REPOSITORY": "team/shop", "GITHUB_REF": "refs/pull/7/merge"}
    for name, value in {**said, "GITHUB_TOKEN": "t"}.items():
        monkeypatch.setenv(name, value)
    return forge[0]


def test_the_command_posts_once_and_falls_back_to_the_summary(
    repository: Path, capplan: Callable, job: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = repository / "summary.md"
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    for expected in ("posted", "up to date"):
        done = capplan("comment", "--since", "main", "--to", "github")
        assert done.exit_code == 0
        assert expected in done.stderr
    assert len(job.comments) == 1
    job.comments, job.before = [], [("POST", 403, {})] * 2
    assert capplan("comment", "--since", "main", "--to", "github").exit_code == 2
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    done = capplan("comment", "--since", "main", "--to", "github")
    assert "in the step summary" in done.stderr
    assert summary.read_text().startswith(MARK)


def test_what_came_to_the_target_since_is_no_change_of_the_pull_request(
    repository: Path, capplan: Callable
) -> None:
    before = capplan("comment", "--since", "main").stdout
    git(repository, "checkout", "-q", "main")
    (repository / "one" / "plan.yaml").write_text(PLAN.format(name="one", rps=110))
    (repository / "three" / "plan.yaml").write_text(PLAN.format(name="three", rps=110))
    git(repository, "commit", "-qam", "Grow elsewhere")
    git(repository, "checkout", "-q", "change")
    assert capplan("comment", "--since", "main").stdout == before
    git(repository, "checkout", "-q", "--orphan", "apart")
    git(repository, "commit", "-qm", "Begin anew")
    done = capplan("comment", "--since", "main")
    assert done.exit_code == 2
    assert "main: git finds no commit that HEAD and it share" in done.stderr


def test_a_comment_tells_of_plans_that_are_new_removed_or_not_yet_committed(
    repository: Path, capplan: Callable
) -> None:
    (repository / "größe").mkdir()
    (repository / "größe" / "plan.yaml").write_text(PLAN.format(name="neu", rps=20))
    git(repository, "add", ".")
    git(repository, "rm", "-q", "three/plan.yaml")
    said = capplan("comment", "--since", "main").stdout
    assert "3 plans, 2 changed, 1 removed, 1 over a gate" in said
    assert "### größe/plan.yaml" in said
    assert said.count("the base has no such file, so there is nothing to compare with") == 1
    assert "removed: three/plan.yaml" in said


BOOK = """\
schema: 1
name: agreed
source: {{text: contract 7, as_of: 2026-09-01}}
discounts: [{{provider: aws, percent: "{percent}%"}}]
"""


def test_a_plan_changes_with_the_files_that_it_names_elsewhere(
    repository: Path, capplan: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Base and head are priced with the book of their time, wherever in the repository it is."""
    book, plan = repository / "shared" / "agreed.yaml", repository / "three" / "plan.yaml"
    book.parent.mkdir()
    book.write_text(BOOK.format(percent=50))
    plan.write_text(PLAN.format(name="three", rps=40) + "pricing: {books: [../shared/agreed.yaml]}\n")
    (repository / "two" / "plan.yaml").write_text("# agreed.yaml is not this plan's\n[")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "Agree")
    book.write_text(BOOK.format(percent=25))
    monkeypatch.chdir(repository / "three")
    said = capplan("comment", "--since", "HEAD").stdout
    assert "1 plan, 1 changed, 0 over a gate" in said
    assert "280.32→420.48" in said
    monkeypatch.chdir(repository)
    assert capplan("comment", "--since", "HEAD").stdout == said.replace("plan.yaml", "three/plan.yaml")
    book.write_text("[")
    git(repository, "commit", "-qam", "Break")
    book.write_text(BOOK.format(percent=25))
    said = capplan("comment", "--since", "HEAD").stdout
    assert f":{plan.parent}/../shared/agreed.yaml:2:1: not valid YAML" in said


def test_a_change_that_is_taken_back_renews_its_comment(
    repository: Path, capplan: Callable, job: Forge
) -> None:
    assert "nothing is posted" in capplan("comment", "--since", "HEAD", "--to", "github").stderr
    capplan("comment", "--since", "main", "--to", "github")
    git(repository, "revert", "--no-edit", "HEAD")
    done = capplan("comment", "--since", "main", "--to", "github")
    assert "renewed" in done.stderr
    assert [one["body"] for one in job.comments] == [
        f"{MARK}\n\n### capplan: PASS\n\nno plan differs from main\n"
    ]


def test_a_repository_of_many_plans_has_one_gate_and_keeps_what_it_posts(
    repository: Path, capplan: Callable, job: Forge
) -> None:
    kept = repository / "comment.md"
    done = capplan("comment", "--since", "main", "--to", "github", "--fail", "-o", str(kept))
    assert done.exit_code == 3
    assert "one/plan.yaml: budget/month: expected cost is 1,121.28 USD" in done.stderr
    assert [one["body"] for one in job.comments] == [kept.read_text()]
    assert capplan("comment", "two", "--since", "main", "--fail").exit_code == 0
