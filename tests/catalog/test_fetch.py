"""`capplan catalog update` against a server on this machine, which is well, slow, broken or absent."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from catalog import price_lists as lists


class Server:
    """Answers with what is in ``pages`` by path; ``faults`` are used up first, one a request."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.faults: list[str] = []
        self.asked: list[tuple[str, dict[str, list[str]], str]] = []
        self.stop = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        query = parse_qs(parts.query)
        self.asked.append((parts.path, query, request.headers.get("Range", "")))
        fault = self.faults.pop(0) if self.faults else ""
        page = query.get("pageToken") or query.get("page") or [""]
        body = self.pages.get(parts.path + page[0])
        if fault.isdecimal() or body is None:
            request.send_error(int(fault or 404))
            return
        if fault == "slow":
            self.stop.wait(5)
        start = int(request.headers["Range"][6:-1]) if "Range" in request.headers else 0
        request.send_response(206 if start else 200)
        request.send_header("ETag", '"one"')
        request.send_header("Content-Length", str(len(body) - start))
        request.end_headers()
        # A connection that breaks in the middle has promised more than it sends.
        request.wfile.write(body[start : len(body) // 2] if fault == "breaks" else body[start:])


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    thread = threading.Thread(target=found.http.serve_forever, daemon=True)
    thread.start()
    yield found
    found.stop.set()
    found.http.shutdown()
    found.http.server_close()


@pytest.fixture
def update(capplan: Callable, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Return a function that runs the command with a cache and a directory of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def run(provider: str, *options: str, url: str = "") -> object:
        out = ("-o", tmp_path / "own", "--today", "2026-11-30", "--url", url or server.url)
        return capplan("catalog", "update", provider, *out, *options)

    return run


EC2 = "/offers/v1.0/aws/AmazonEC2/current/eu-west-3/index.csv"
WANTED = ("--select", "service=ec2,region=eu-west-3")


def machines(tmp_path: Path) -> dict:
    return yaml.safe_load((tmp_path / "own" / "aws" / "ec2.yaml").read_text())["skus"]


def test_an_offer_is_fetched_and_imported(update, server, tmp_path):
    server.pages[EC2] = lists.EC2.encode()
    run = update("aws", *WANTED)
    assert run.exit_code == 0, run.stderr
    assert machines(tmp_path)["m9x.xlarge"]["usd"] == {"eu-west-3": 0.21}
    assert not (tmp_path / "own" / "aws" / "ebs.yaml").exists(), "not selected"


def test_pages_are_followed_on_the_server_that_was_asked(update, server, tmp_path):
    first, second = lists.AZURE["Items"][:1], lists.AZURE["Items"][5:6]
    link = "https://somewhere.test/api/retail/prices?page=2"
    server.pages["/api/retail/prices"] = json.dumps({"Items": first, "NextPageLink": link}).encode()
    server.pages["/api/retail/prices2"] = json.dumps({"Items": second, "NextPageLink": None}).encode()
    run = update("azure", "--select", "service=*,region=francecentral")
    assert run.exit_code == 2
    assert "too much to fetch" in run.stderr
    run = update("azure", "--select", "region=francecentral,service=virtual-machines", "--dry-run")
    assert run.exit_code == 0, run.stderr
    assert [path for path, _, _ in server.asked] == ["/api/retail/prices"] * 2
    assert "managed-disk" not in run.stdout, "not selected"
    assert "managed-disk" not in run.stdout, "not selected"
    assert "francecentral" in server.asked[0][1]["$filter"][0]
    assert not (tmp_path / "own").exists()


def test_google_wants_a_key_and_gives_pages(update, server):
    assert "API key" in update("gcp", "--select", "service=cloud-run").stderr
    skus = lists.GCP["skus"]
    path = "/v1/services/152E-C115-5142/skus"
    server.pages[path] = json.dumps({"skus": skus[3:4], "nextPageToken": "NEXT"}).encode()
    server.pages[f"{path}NEXT"] = json.dumps({"skus": skus[:1], "nextPageToken": ""}).encode()
    run = update("gcp", "--select", "service=cloud-run", "--api-key", "secret")
    assert run.exit_code == 0, run.stderr
    assert [query["key"] for _, query, _ in server.asked] == [["secret"], ["secret"]]
    assert "secret" not in run.stdout + run.stderr


def test_a_download_that_breaks_goes_on_where_it_was(update, server, tmp_path):
    server.pages[EC2] = lists.EC2.encode()
    server.faults = ["breaks"]
    run = update("aws", *WANTED)
    assert run.exit_code == 0, run.stderr
    assert [at for _, _, at in server.asked] == ["", f"bytes={len(server.pages[EC2]) // 2}-"]
    assert machines(tmp_path)["m9x.xlarge"]["usd"] == {"eu-west-3": 0.21}


def test_a_server_that_recovers_is_asked_again(update, server):
    server.pages[EC2] = lists.EC2.encode()
    server.faults = ["503", "slow"]
    assert update("aws", *WANTED, "--wait", "0.3").exit_code == 0
    assert len(server.asked) == 3


def test_what_the_cache_has_is_not_fetched_again_on_that_day(update, server):
    server.pages[EC2] = lists.EC2.encode()
    for options, times in (((), 1), ((), 1), (("--again",), 2), (("--today", "2026-12-01"), 3)):
        assert update("aws", *WANTED, *options).exit_code == 0
        assert len(server.asked) == times


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        (["503"] * 9, "the server answers 503"),
        (["404"], "the server answers 404"),
        (["403"], "AWS has no price list"),
        (["slow"] * 9, "no answer in time"),
        (["breaks"] * 9, "the connection broke"),
    ],
)
def test_a_server_that_stays_ill_is_said_and_nothing_is_written(update, server, tmp_path, faults, says):
    server.pages[EC2] = lists.EC2.encode()
    server.faults = list(faults)
    run = update("aws", *WANTED, "--wait", "0.1")
    assert run.exit_code == 2
    assert says in run.stderr
    assert not (tmp_path / "own").exists()


def test_a_page_that_is_no_json_is_refused_and_fetched_again(update, server):
    server.pages["/api/retail/prices"] = b"<html>captive portal</html>"
    wanted = ("--select", "region=francecentral,service=virtual-machines")
    run = update("azure", *wanted)
    assert (run.exit_code, "no JSON" in run.stderr) == (2, True)
    server.pages["/api/retail/prices"] = json.dumps(lists.AZURE).encode()
    assert update("azure", *wanted).exit_code == 0


@pytest.mark.parametrize(
    ("url", "says"),
    [("http://127.0.0.1:9", "nobody answers there"), ("ftp://127.0.0.1", "--url: expected http")],
)
def test_without_a_server_the_message_is_clear(update, url, says):
    run = update("aws", *WANTED, url=url)
    assert (run.exit_code, says in run.stderr) == (2, True), run.stderr


def test_no_region_is_too_much(update):
    assert "which region?" in update("aws", "--select", "service=ec2").stderr


def test_savings_plans_and_savings_of_spot_are_lists_of_their_own(update, server, tmp_path):
    path = "/savingsPlan/v1.0/aws/AWSComputeSavingsPlan/2/eu-west-3/index.json"
    listed = {"regions": [{"regionCode": "eu-west-3", "versionUrl": path}]}
    index = "/savingsPlan/v1.0/aws/AWSComputeSavingsPlan/current/region_index.json"
    server.pages |= {index: json.dumps(listed).encode(), path: json.dumps(lists.PLANS).encode()}
    run = update("aws", "--select", "service=savings-plans,region=eu-west-3")
    assert run.exit_code == 0, run.stderr
    skus = yaml.safe_load((tmp_path / "own" / "aws" / "ec2.yaml").read_text())["skus"]
    assert skus["m9z.large"]["commit_3y"] == {"eu-west-3": 0.045}
    refused = update("aws", "--select", "service=savings-plans,region=eu-west-33")
    assert refused.exit_code == 2
    assert "no Savings Plans in 'eu-west-33'. Did you mean 'eu-west-3'?" in refused.stderr

    saved = {"spot_advisor": {"eu-west-3": {"Linux": {"m5.large": {"s": 60, "r": 1}}}}}
    server.pages["/spot-advisor-data.json"] = json.dumps(saved).encode()
    run = update("aws", "--select", "service=spot-advisor,region=eu-*")
    assert run.exit_code == 0, run.stderr
    skus = yaml.safe_load((tmp_path / "own" / "aws" / "ec2.yaml").read_text())["skus"]
    assert 0 < skus["m5.large"]["spot"]["eu-west-3"] < 0.1
