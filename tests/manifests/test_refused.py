"""What the API server refuses, case by case, and how findings word what is wrong."""

import pytest
import yaml
from objects import at, hpa, pdb, probe, thing, workload

from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.run import verify


def found(*objects):
    """Return the findings by code."""
    said = verify({"a.yaml": list(objects)}, {}, Facts())
    return {finding.code: finding for finding in said}


def test_a_budget_that_blocks_only_the_fewest_pods_is_a_risk():
    few = hpa(minReplicas=1, maxReplicas=5)
    assert found(workload(), few, pdb(minAvailable=1))["pdb-blocks-drain"].severity == "warning"
    assert found(workload(), few, pdb(minAvailable="100%"))["pdb-blocks-drain"].severity == "error"
    assert found(workload(replicas=1), pdb(minAvailable=1))["pdb-blocks-drain"].severity == "error"


def test_a_number_in_quotes_is_not_said_to_block_drains():
    said = found(workload(), pdb(maxUnavailable="1"))
    assert "pdb-blocks-drain" not in said
    assert "'1' is a text" in said["pdb-fields"].message
    assert "pdb-fields" not in found(workload(), pdb(maxUnavailable="50%"))


def test_a_target_in_another_namespace_is_named_with_it():
    remedy = found(at(workload(), "shop"), at(hpa(), "other"))["no-target"].remedy
    assert "namespace shop" in remedy


def test_a_probe_with_two_handlers_says_which():
    said = found(probe(exec={"command": ["a"]}, tcpSocket={"port": 80}))["probe-handler"].message
    assert [handler in said for handler in ("exec", "tcpSocket", "grpc")] == [True, True, False]


@pytest.mark.parametrize(("claim", "made"), [("data-a-0", True), ("data-a-2", True), ("data-a-3", False)])
def test_claims_of_templates_are_there_for_each_pod(claim, made):
    template = {"metadata": {"name": "data"}}
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": claim}}
    both = (
        workload("StatefulSet", replicas=3, volumeClaimTemplates=[template]),
        workload(name="b", pod={"volumes": [volume]}),
    )
    assert ("no-reference" not in found(*both)) is made


def test_what_an_autoscaler_does_not_say_is_not_judged():
    bare = thing("HorizontalPodAutoscaler", "autoscaling/v2")
    assert not {"no-target", "no-room"} & set(found(bare))


@pytest.mark.parametrize(("options", "word"), [((), "PASS"), (("--strict",), "FAIL")])
def test_the_verdict_says_how_the_check_ends(capplan, tmp_path, options, word):
    few = yaml.safe_dump_all([workload(), hpa(minReplicas=1, maxReplicas=5), pdb(minAvailable=1)])
    (tmp_path / "a.yaml").write_text(few, encoding="utf-8")
    run = capplan("verify", str(tmp_path), *options)
    assert (run.stdout.split()[0], run.exit_code) == (word, 4 if options else 0)
