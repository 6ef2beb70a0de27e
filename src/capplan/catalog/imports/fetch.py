"""Price lists fetched from the providers, page by page, into a cache that goes on where it stopped.

Nothing here opens a connection but `capplan catalog update`, which somebody asks for.
"""

from __future__ import annotations

import json
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple

from capplan.catalog.imports.collect import Selection
from capplan.errors import InputError, Problem, nearest

URLS = {
    "aws": "https://pricing.us-east-1.amazonaws.com",
    "azure": "https://prices.azure.com",
    "gcp": "https://cloudbilling.googleapis.com",
}
"""Where each provider publishes its prices."""

AWS_OFFERS = {
    "ec2": "AmazonEC2",
    "ebs": "AmazonEC2",
    "nat-gateway": "AmazonEC2",
    "rds-*": "AmazonRDS",
    "aurora-*": "AmazonRDS",
    "elasticache-*": "AmazonElastiCache",
    "elb": "AWSELB",
    "fargate": "AmazonECS",
    "eks": "AmazonEKS",
    "s3": "AmazonS3",
    "egress-internet": "AWSDataTransfer",
    "data-transfer": "AWSDataTransfer",
    "lambda": "AWSLambda",
    "sqs": "AWSQueueService",
    "sns": "AmazonSNS",
    "dynamodb": "AmazonDynamoDB",
    "kms": "awskms",
    "secrets-manager": "AWSSecretsManager",
    "cloudwatch": "AmazonCloudWatch",
    "api-gateway": "AmazonApiGateway",
    "efs": "AmazonEFS",
    "ecr": "AmazonECR",
    "public-ipv4": "AmazonVPC",
    "vpc-endpoint": "AmazonVPC",
    "opensearch": "AmazonES",
    "eventbridge": "AWSEvents",
    "route53": "AmazonRoute53",
    "waf": "awswaf",
    "cloudfront": "AmazonCloudFront",
}
"""The offer that has the prices of a service; other services are asked for by the name of their offer."""

SAVINGS_PLANS, SPOT_ADVISOR = "savings-plans", "spot-advisor"
"""Lists of AWS that are no offers: prices of EC2 under Savings Plans, and what spot saves."""

_ADVISOR_URL = "https://spot-bid-advisor.s3.amazonaws.com"

AZURE_SERVICES = {
    "virtual-machines": "Virtual Machines",
    "managed-disk": "Storage",
    "blob-storage": "Storage",
    "container-apps": "Azure Container Apps",
    "aks": "Azure Kubernetes Service",
    "redis-cache": "Redis Cache",
    "postgresql-flexible": "Azure Database for PostgreSQL",
    "mysql-flexible": "Azure Database for MySQL",
    "nat-gateway": "NAT Gateway",
    "load-balancer": "Load Balancer",
    "egress-internet": "Bandwidth",
    "functions": "Functions",
    "app-service-linux": "Azure App Service",
    "application-gateway": "Application Gateway",
    "container-instances": "Container Instances",
    "container-registry": "Container Registry",
    "cosmos-db": "Azure Cosmos DB",
    "event-hubs": "Event Hubs",
    "key-vault": "Key Vault",
    "log-analytics": "Log Analytics",
    "public-ip": "Virtual Network",
    "service-bus": "Service Bus",
    "sql-database": "SQL Database",
}
GCP_SERVICES = {
    "compute-engine*": "6F81-5844-456A",
    "persistent-disk": "6F81-5844-456A",
    "cloud-run": "152E-C115-5142",
    "cloud-sql*": "9662-B51E-5089",
    "cloud-storage": "95FF-2EF5-5EA1",
    "memorystore-redis": "5AF5-2C11-D467",
    "pubsub": "A1E8-BE35-7EBC",
    "gke": "CCD8-9BF1-090E",
    "cloud-functions": "29E7-DA93-CA13",
    "artifact-registry": "149C-F9EC-3994",
    "cloud-nat": "E505-1604-58F8",
    "egress-internet": "6F81-5844-456A",
}
_TABLES = {"aws": AWS_OFFERS, "azure": AZURE_SERVICES, "gcp": GCP_SERVICES}
_ATTEMPTS = 4
_BLOCK = 2**18
_MOST_PAGES = 10_000
_MOST = 8 * 2**30
Begin = Callable[[str], None]


class FetchFrom(NamedTuple):
    """Where to fetch: the base of all addresses, the cache, the seconds to wait, and a key if any."""

    provider: str
    url: str
    cache: Path
    timeout_s: float
    key: str = ""


def fetch(source: FetchFrom, selection: Selection, begin: Begin) -> list[Path]:
    """Return the price lists that the selection asks for, fetched where the cache does not have them."""
    source.cache.mkdir(parents=True, exist_ok=True)
    walk = {"aws": _aws, "azure": _azure, "gcp": _gcp}[source.provider]
    return list(walk(source, selection, begin))


def selected(provider: str, selection: Selection) -> Selection:
    """Return what to take of fetched lists: everything where the service is named as the provider does."""
    own = _named(_TABLES[provider], selection.service) == selection.service
    return selection._replace(service="*") if own else selection


def _named(table: Mapping[str, str], service: str) -> str:
    """Return what the provider calls a service; one that no table has is taken as the provider's own name."""
    if service == "*":
        remedy = "Name one: --select service=NAME,region=NAME."
        raise InputError(Problem("--select", "a whole provider is too much to fetch at once", remedy))
    stem = service.rstrip("*").rstrip("-")
    for name, own in table.items():
        if name == service or name.rstrip("*").rstrip("-") == stem or _matches(name, service):
            return own
    return service


def _matches(pattern: str, service: str) -> bool:
    return pattern.endswith("*") and service.startswith(pattern[:-1])


def _region(selection: Selection) -> str:
    if "*" in selection.region or "?" in selection.region:
        raise InputError(Problem("--select", "which region?", "Name one: --select service=NAME,region=NAME."))
    return selection.region


def _aws(source: FetchFrom, selection: Selection, begin: Begin) -> Iterator[Path]:
    if selection.service == SPOT_ADVISOR:
        base = _ADVISOR_URL if source.url == URLS["aws"] else source.url
        yield _download(source, f"{base}/spot-advisor-data.json", "spot-advisor.json", begin)
    elif selection.service == SAVINGS_PLANS:
        yield _savings_plans(source, _region(selection), begin)
    else:
        yield _aws_offer(source, selection, begin)


def _savings_plans(source: FetchFrom, region: str, begin: Begin) -> Path:
    """Fetch the Savings Plans of a region, whose address the index of all regions has."""
    index = f"{source.url}/savingsPlan/v1.0/aws/AWSComputeSavingsPlan/current/region_index.json"
    listed = _page(_download(source, index, "savings-plans.json", begin)).get("regions")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    known = {str(row.get("regionCode")): str(row.get("versionUrl", "")) for row in rows}
    if region not in known:
        raise InputError(Problem("--select", f"no Savings Plans in '{region}'", nearest(region, known)))
    return _download(source, _at(source, known[region]), f"savings-plans-{region}.json", begin)


def _aws_offer(source: FetchFrom, selection: Selection, begin: Begin) -> Path:
    offer, region = _named(AWS_OFFERS, selection.service), _region(selection)
    url = f"{source.url}/offers/v1.0/aws/{_quoted(offer)}/current/{_quoted(region)}/index.csv"
    path = _download(source, url, f"{offer}-{region}.csv", begin)
    with path.open("rb") as file:
        head = file.read(64)
    if b"FormatVersion" not in head:
        path.unlink()
        what = f"the server sent something else than a price list of {offer}"
        raise InputError(Problem(_host(source), what, "Does the network ask you to log in?"))
    return path


def _azure(source: FetchFrom, selection: Selection, begin: Begin) -> Iterator[Path]:
    service, region = _named(AZURE_SERVICES, selection.service), _region(selection)
    wanted = f"serviceName eq '{service}' and armRegionName eq '{region}'"
    query = urllib.parse.urlencode({"api-version": "2023-01-01-preview", "$filter": wanted})
    url = f"{source.url}/api/retail/prices?{query}"
    seen: set[str] = set()
    for page in range(_MOST_PAGES):
        path = _download(source, url, f"{service}-{region}-{page}.json", begin)
        yield path
        following = _page(path).get("NextPageLink")
        if not following:
            return
        seen.add(url)
        url = _at(source, str(following))
        if url in seen:
            raise InputError(Problem(_host(source), f"page {page + 1} leads back to one before it"))


def _gcp(source: FetchFrom, selection: Selection, begin: Begin) -> Iterator[Path]:
    if not source.key:
        remedy = "Set CAPPLAN_GCP_API_KEY, or give --api-key."
        raise InputError(Problem("--api-key", "Google's price list needs an API key", remedy))
    service = _named(GCP_SERVICES, selection.service)
    query = {"key": source.key, "pageSize": "5000"}
    for page in range(_MOST_PAGES):
        url = f"{source.url}/v1/services/{_quoted(service)}/skus?{urllib.parse.urlencode(query)}"
        path = _download(source, url, f"{service}-{page}.json", begin)
        yield path
        token = _page(path).get("nextPageToken")
        if not token:
            return
        query["pageToken"] = str(token)


def _page(path: Path) -> dict[str, Any]:
    """Return a page; what is none leaves the cache, so that it is fetched again."""
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        path.unlink()
        raise InputError(
            Problem(str(path), "the server sent a page that is no JSON", "Run the command again.")
        )
    return found


def _at(source: FetchFrom, link: str) -> str:
    """Return the address of the next page, at the server that was asked for the first."""
    parts = urllib.parse.urlsplit(link)
    return f"{source.url}{parts.path}?{parts.query}"


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _download(source: FetchFrom, url: str, name: str, begin: Begin) -> Path:
    """Return the file of ``url``: that of the cache, or fetched, going on where an attempt stopped."""
    path = source.cache / name.replace("/", "-").replace(" ", "-").lower()
    part = path.with_name(path.name + ".part")
    begin(path.name)
    if path.is_file():
        return path
    reason = ""
    for _ in range(_ATTEMPTS):
        try:
            _receive(source, url, part, begin)
        except urllib.error.HTTPError as error:
            reason = f"the server answers {error.code}"
            _wait(error, source)
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink(missing_ok=True)
            elif error.code not in (408, 429) and error.code < 500:
                raise InputError(_refusal(source, error.code, name)) from None
        except (HTTPException, OSError) as error:
            reason = _reason(error)
        else:
            part.replace(path)
            return path
    network = "Is there a network? " if not reason.startswith("the server") else ""
    remedy = f"{network}Run the command again to go on, or import files that you have."
    raise InputError(Problem(_host(source), f"cannot be fetched ({reason})", remedy))


def _wait(error: urllib.error.HTTPError, source: FetchFrom) -> None:
    """Wait as long as a busy server asks, and no longer than for an answer."""
    asked = error.headers.get("Retry-After", "")
    if asked.isdecimal():
        time.sleep(min(float(asked), source.timeout_s))


def _receive(source: FetchFrom, url: str, part: Path, begin: Begin) -> None:
    """Put the content of ``url`` into ``part``; go on after what it has, if the server still has the same."""
    mark = part.with_name(part.name + ".mark")
    have = part.stat().st_size if part.is_file() and mark.is_file() else 0
    headers = {"User-Agent": "capplan", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": mark.read_text(encoding="utf-8")}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=source.timeout_s) as answer:
        have = have if answer.status == HTTPStatus.PARTIAL_CONTENT else 0
        said = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        mark.unlink(missing_ok=True)
        if said:
            mark.write_text(said, encoding="utf-8")
        received = _copy(answer, part, have, begin)
    expected = answer.headers.get("Content-Length", "")
    if expected.isdecimal() and received < int(expected):
        raise HTTPException(f"{received} of {expected} bytes came")
    mark.unlink(missing_ok=True)


def _copy(answer: HTTPResponse, part: Path, have: int, begin: Begin) -> int:
    """Append what comes to the first ``have`` bytes of ``part``; return how many bytes came."""
    received = 0
    with part.open("ab" if have else "wb") as file:
        while block := answer.read(_BLOCK):
            file.write(block)
            received += len(block)
            begin(f"{part.stem}, {have + received >> 20} MiB")
            if have + received > _MOST:
                raise InputError(Problem(part.stem, f"is larger than {_MOST >> 30} GiB"))
    return received


def _refusal(source: FetchFrom, code: int, name: str) -> Problem:
    if source.provider == "aws" and code in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
        known = ", ".join(sorted((*AWS_OFFERS, SAVINGS_PLANS, SPOT_ADVISOR)))
        what = f"the server answers {code}: AWS has no price list {name.removesuffix('.csv')}"
        return Problem(_host(source), what, f"Check the region. Known services: {known}.")
    remedy = "Check the API key." if code in (401, 403) else "Check --select."
    return Problem(_host(source), f"the server answers {code} for {name}", remedy)


def _reason(error: Exception) -> str:
    """Return why there is no answer, in our words."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, TimeoutError | socket.timeout):
        return "no answer in time"
    if isinstance(inner, socket.gaierror):
        return "its name is not known here"
    if isinstance(inner, ConnectionRefusedError):
        return "nobody answers there"
    return "the connection broke"


def _host(source: FetchFrom) -> str:
    return urllib.parse.urlsplit(source.url).netloc or source.url


def cache_dir() -> Path:
    """Return where fetched price lists are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    return Path(base, "capplan", "price-lists")
