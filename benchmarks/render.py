"""Rendering: files for each second of CPU time, and how that time grows from 10 to 1,000 services.

Each service is ten files or so; linear growth means that 100 times as many services take 100 times as long.
"""

import gc
import time
from pathlib import Path

from capplan.catalog.catalog import Catalog
from capplan.estimate import estimate
from capplan.manifests.engine import Templates
from capplan.manifests.render import RenderOptions, render
from capplan.manifests.site import Site
from capplan.manifests.verify.run import verify_rendered
from capplan.plan.read import parse_plan

_HEAD = """
name: many
regions: {gcp: us-central1}
demand: {requests_per_second: 1000, profile: flat, entry: {s0: 1}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 9000}}}}}
services:
"""
_SERVICE = "  s{}: {{platform: kubernetes, throughput: 100/s, instances: {{min: 2, max: 20}}}}\n"


def site_of(services: int) -> Site:
    """Return a plan of so many services."""
    text = _HEAD + "".join(_SERVICE.format(index) for index in range(services))
    return Site(estimate(parse_plan(text, "plan.yaml", Path()), Catalog(None)))


def main() -> None:
    """Print files for each second of CPU time, without and with the checks, and the growth."""
    # As the command line does; Python's full collections grow with what is alive, not with the work.
    gc.disable()
    rates = {}
    for services in (10, 100, 1000):
        site = site_of(services)
        gc.collect()
        start = time.process_time()
        files = render(site, Templates(), RenderOptions())
        rendered = time.process_time()
        errors = [finding for finding in verify_rendered(site, files) if finding.severity == "error"]
        checked = time.process_time()
        assert not errors, errors[0]
        rates[services] = (checked - start) / services
        alone, both = (len(files) / (end - start) for end in (rendered, checked))
        count = f"{services:5,} services: {len(files):6,} files"
        print(f"{count}, {alone:5,.0f} files/s, checked {both:5,.0f} files/s")
    print(f"time a service, 1,000 ÷ 10 services: {rates[1000] / rates[10]:.2f} (1 is linear)")


if __name__ == "__main__":
    main()
