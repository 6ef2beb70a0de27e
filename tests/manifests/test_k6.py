"""The rendered k6 script under node, with k6's own modules played: it calls every endpoint, in proportion."""

import json
import subprocess

import pytest
from helpers import ROOT
from rendering import rendered, tool

PLAN = (ROOT / "examples/llm-governance/plan.yaml").read_text(encoding="utf-8")
MODULES = {
    "node_modules/k6/package.json": '{"type": "module", "exports": {".": "./k6.js", "./http": "./http.js"}}',
    "node_modules/k6/k6.js": "export const check = (r, all) => Object.values(all).every((f) => f(r));",
    "node_modules/k6/http.js": """
        export default {
          request: (method, url, body, params) => {
            calls.push([method, url, body, params.headers.Authorization ?? null]);
            return { status: 200 };
          },
        };
        """,
    "run.mjs": """
        globalThis.calls = [];
        globalThis.__ENV = JSON.parse(process.argv[2]);
        const { default: iteration, options } = await import('./test.mjs');
        for (let i = 0; i < 4000; i += 1) iteration();
        console.log(JSON.stringify({ calls, options }));
        """,
}


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the script in an environment."""
    files = rendered(PLAN, "demand.requests_per_second=40")
    module = files["loadtest/k6/llm-governance.js"].text
    for name, text in {**MODULES, "test.mjs": module}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    node = tool("node")

    def started(environment):
        command = [node, tmp_path / "run.mjs", json.dumps(environment)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return started


def test_k6_calls_what_the_plan_says(run):
    done = run({"TARGET": "https://host", "TOKEN": "t"})
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    (policies, metrics, audit) = (
        [call for call in said["calls"] if call[1] == f"https://host/api/{path}"]
        for path in ("policies", "metrics", "audit/logs")
    )
    assert len(policies) + len(metrics) + len(audit) == 4000
    assert {(call[0], call[3]) for call in policies} == {("GET", "Bearer t")}
    assert {(call[0], call[3]) for call in metrics} == {("GET", None)}
    assert {call[0] for call in audit} == {"POST"}
    assert all(json.loads(call[2]) for call in audit)
    # The guide's weights are 3, 2 and 1; 4,000 draws are within 5 % of the whole of that.
    assert [len(calls) / 4000 for calls in (policies, metrics, audit)] == pytest.approx(
        [1 / 2, 1 / 3, 1 / 6], abs=0.05
    )


def test_k6_fails_where_the_slo_is_missed_and_goes_up_to_the_peak(run):
    options = json.loads(run({"TARGET": "https://host", "TOKEN": "t"}).stdout)["options"]
    assert options["thresholds"]["http_req_duration"] == ["p(95)<500"]
    assert options["thresholds"]["http_req_failed"] == ["rate<0.01"]
    stages = options["scenarios"]["plan"]["stages"]
    assert (
        max(stage["target"] for stage in stages) == 96
    )  # 40 requests/s on average, 2.4 times that at the peak


def test_k6_asks_for_a_target(run):
    done = run({})
    assert done.returncode == 1
    assert "Set TARGET" in done.stderr
