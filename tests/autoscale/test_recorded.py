"""Recorded use, from Prometheus."""

import json

import pytest

from capplan.autoscale.rightsize.recorded import read_usage
from capplan.autoscale.rightsize.usage import advice
from capplan.errors import InputError

CPU, MEMORY = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"


def series(labels, *values, step_s=60):
    return {"metric": labels, "values": [[1_767_225_600 + step_s * i, str(v)] for i, v in enumerate(values)]}


@pytest.fixture
def saved(tmp_path):
    def save(name, *result):
        path = tmp_path / name
        path.write_text(
            json.dumps({"status": "success", "data": {"resultType": "matrix", "result": list(result)}})
        )
        return str(path)

    return save


def test_names_say_what_it_is_and_labels_whose(saved):
    """cAdvisor's own series: counters of CPU, sums over pods without a container, and pause containers."""
    of_a = {"container": "api", "pod": "api-1", "namespace": "shop"}
    path = saved(
        "use.json",
        series({"__name__": CPU, **of_a}, 0, 30, 90),
        series({"__name__": MEMORY, **of_a}, 2**30, 2**31),
        series({"__name__": CPU, "pod": "api-1"}, 0, 300, 900),
        series({"__name__": CPU, "pod": "api-1", "container": "POD"}, 0, 1, 2),
        series({"__name__": CPU, **of_a, "container": "proxy"}, 0, 6, 12),
    )
    found = read_usage([path])
    assert set(found) == {"api", "proxy"}
    used = found["api"]["shop/api-1"]
    assert used.cpu.values.tolist() == [0.5, 1.0]
    assert used.memory.values.tolist() == [2**30, 2**31]
    assert found["proxy"]["shop/api-1"].memory is None


def test_files_without_names_are_told_apart(saved):
    cpu = saved("cpu.json", series({"pod": "b"}, *[0.2] * 200), series({"pod": "a"}, *[0.5] * 200))
    memory = saved("memory.json", series({"pod": "a"}, *[2**30] * 200))
    (pods,) = read_usage([f"cpu={cpu}", f"memory={memory}"]).values()
    found = advice("api", pods)
    assert found.krr_cpu.request == 0.5
    assert found.krr_memory.request == 1178 * 2**20  # 1024 MiB and 15 %, in whole MiB
    with pytest.raises(InputError, match="does not say whether its series are CPU or memory"):
        read_usage([cpu])


def test_a_pod_that_began_again_is_one(saved):
    labels = {"container": "api", "pod": "a"}
    first, second = ({**labels, "id": name} for name in "xy")
    later = [[t + 600, v] for t, v in series(second, 3, 4)["values"]]
    path = saved("cpu.json", {"metric": second, "values": later}, series(first, 1, 2))
    assert read_usage([f"cpu={path}"])["api"]["a"].cpu.values.tolist() == [1, 2, 3, 4]


def test_memory_alone_is_not_enough(saved):
    path = saved("memory.json", series({"container": "api"}, 1, 2))
    with pytest.raises(InputError, match=r"does not say the CPU use of 'api'.*Give --usage cpu=FILE too"):
        read_usage([f"memory={path}"])


def test_csv_is_neither(tmp_path):
    file = tmp_path / "use.csv"
    file.write_text("timestamp,cpu_cores,memory_bytes\n2026-01-01T00:00:00Z,1,1\n")
    assert set(read_usage([str(file)])) == {"use"}
    with pytest.raises(InputError, match="not valid JSON"):
        read_usage([f"cpu={file}"])
    with pytest.raises(InputError, match="no such file"):
        read_usage([f"cpu={file}.none"])
