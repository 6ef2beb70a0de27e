"""Memory as engines count it, against what their start-up logs say."""

from __future__ import annotations

import pytest

from capplan.components.llm.replica import downloaded_bytes, is_stored_so
from capplan.errors import InputError
from capplan.llm.architecture import PRECISIONS, Stored
from capplan.llm.facts import find_engine
from capplan.llm.flags import flags_of, options_of
from capplan.llm.settings import Told

GIB = 2.0**30
LOGS = [
    # Rows of vLLM's start-up logs: GiB of each GPU for weights and KV cache.
    ("llama-3.1-8b", "bf16", "H100", 1, "0.11.0", Told(), 14.99, 51.38),
    ("llama-3.1-70b", "fp8", "H100", 1, "0.11.0", Told(), 67.72, -1.44),
    ("llama-3.1-70b", "fp8", "H100", 2, "0.11.0", Told(), 33.88, 32.00),
    ("gpt-oss-20b", "mxfp4", "H100", 1, "0.11.0", Told(), 13.47, 50.28),
    ("gpt-oss-120b", "mxfp4", "H100", 1, "0.11.0", Told(memory_share=0.95), 64.38, 3.33),
    ("qwen3-8b", "bf16", "A100-40GB", 1, "0.9.0", Told(), 15.27, 18.69),
    ("llama-3.1-8b", "bf16", "H100", 1, "0.6.6", Told(), 14.99, 54.93),
    ("llama-3.1-8b", "bf16", "A100-40GB", 1, "0.19.0", Told(), 14.99, 19.92),
    ("llama-3.1-8b", "fp8", "H100", 1, "0.19.0", Told(memory_share=0.95), 8.49, 64.61),
    ("llama-3.1-8b", "bf16", "A100-80GB", 1, "0.29.0", Told(), 15.00, 56.21),
]


def of(configuration, facts, case, version, told):
    engine = find_engine("vllm", facts, version=version)
    return configuration(*case)._replace(engine=engine, told=told).memory()


@pytest.mark.parametrize(("model", "precision", "gpu", "gpus", "version", "told", "weights", "room"), LOGS)
def test_room_is_that_of_the_logs(
    facts, configuration, model, precision, gpu, gpus, version, told, weights, room
):
    memory = of(configuration, facts, (model, precision, gpu, gpus), version, told)
    assert memory.weights / gpus / GIB == pytest.approx(weights, rel=0.01)
    assert memory.room / gpus / GIB == pytest.approx(room, rel=0.05)
    assert (memory.missing(1) > 0) == (room < 0)


def test_fewer_sequences_leave_more_room(facts, configuration):
    """Scores of 128 sequences take 0.6 GiB, so a layer's activations are the peak."""
    case = ("llama-3.1-70b", "fp8", "H100", 1)
    memory = of(configuration, facts, case, "0.11.0", Told(sequences=128))
    peak = 3 * 8192 * (8192 + 28672) * 2
    assert memory.room == pytest.approx(0.9 * 85e9 - memory.weights - peak - 0.13 * GIB)
    assert memory.missing(1000) == 0


def test_a_narrow_cache_holds_twice_as_much(configuration):
    wide = configuration("llama-3.1-8b", "bf16", "H100")
    narrow = wide._replace(told=Told(kv_cache="fp8"))
    assert narrow.memory().sequence(1000) == wide.memory().sequence(1000) / 2
    assert narrow.memory().room == wide.memory().room
    told = configuration("llama-3.1-8b", "fp8", "H100")._replace(told=Told(kv_cache="auto"))
    assert told.memory().sequence(1000) == wide.memory().sequence(1000)
    assert narrow.work().kv_full == wide.work().kv_full / 2


def test_a_checkpoint_that_is_published_so_is_downloaded_as_it_is(configuration):
    whole = configuration("deepseek-v3", "fp8", "H200", 8)
    made = configuration("llama-3.1-8b", "fp8", "H200")
    assert downloaded_bytes(whole, is_stored_so(whole)) == pytest.approx(673e9, rel=0.01)
    assert downloaded_bytes(made, is_stored_so(made)) == pytest.approx(16.06e9, rel=0.01)


def test_an_engine_follows_a_checkpoint_that_says_how_its_cache_is_quantised(configuration):
    served = configuration("qwen3-8b", "int4", "L4")
    model = served.model._replace(stored=Stored("int4", kv_bytes=1.0))
    for kind in ("auto", None):
        narrow = served._replace(model=model, told=Told(kv_cache=kind))
        assert narrow.memory().sequence(1000) == served.memory().sequence(1000) / 2
        assert "--kv-cache-dtype=fp8" in flags_of("vllm", options_of(narrow, 1000, 8))
    other = served._replace(model=model, precision=PRECISIONS["bf16"], told=Told(kv_cache="auto"))
    assert other.settings.kv_bytes == 2, "weights made of others bring no scales"


@pytest.mark.parametrize(
    ("model", "version", "told", "keeps_all"),
    [
        ("gpt-oss-20b", "0.11.0", Told(), False),
        ("gpt-oss-20b", "0.11.0", Told(hybrid=False), True),
        ("gpt-oss-20b", "0.8.5", Told(), True),
        # Chunks are not windows to versions before 0.23.
        ("llama-4-scout", "0.11.0", Told(), True),
        ("llama-4-scout", "0.23.0", Told(), False),
    ],
)
def test_layers_with_a_window_keep_it_only_in_a_hybrid_cache(
    facts, configuration, model, version, told, keeps_all
):
    memory = of(configuration, facts, (model, "bf16", "H200", 8), version, told)
    assert (memory.window_kv == 0) == keeps_all
    assert (memory.sequence(1e5) == memory.full_kv * 1e5) == keeps_all


def test_sglang_keeps_what_its_chunks_and_graphs_take(facts, configuration):
    one = configuration("llama-3.1-8b", "bf16", "H100", 1, "sglang")
    share = one.settings.memory_share
    assert share == pytest.approx(1 - (512 + 1.5 * 8192 + 2 * 256) * 2**20 / 85e9)
    assert one.memory().room == pytest.approx(share * 85e9 - one.memory().weights - GIB / 2)
    half = one._replace(told=Told(memory_share=0.5)).memory()
    assert half.room == pytest.approx(0.5 * 85e9 - half.weights - GIB / 2)


def test_tensorrt_takes_a_share_of_what_is_free(configuration):
    one = configuration("llama-3.1-8b", "bf16", "H100", 1, "tensorrt-llm")
    whole = one._replace(told=Told(memory_share=1.0)).memory().room
    assert one.memory().room == pytest.approx(0.9 * whole)


def test_a_version_that_is_too_old_is_refused(facts):
    with pytest.raises(InputError, match=r"0\.3\.0 is older than any"):
        find_engine("vllm", facts, version="v0.3.0")


def test_the_run_of_an_encoder_of_images_is_counted(facts, configuration):
    """16,384 tokens of four patches of 1,265, each 29 kB; with many sequences sampling takes more."""
    reads = configuration("qwen3-vl-8b", "bf16", "L40S")._replace(told=Told(sequences=16))
    blind = reads._replace(model=reads.model._replace(tower=0))
    weights = 2 * reads.model.tower
    taken = blind.memory().room - reads.memory().room - weights
    text = 6 * 2048 * (4096 + 12288)
    assert taken == pytest.approx(16384 * 4 * 23 * (575926272 / 360) ** 0.5 - text, rel=0.001)
    busy = reads._replace(told=Told(sequences=1024))
    mute = blind._replace(told=Told(sequences=1024))
    assert mute.memory().room - busy.memory().room - weights == pytest.approx(2 * 16384 * 4096)
    other = reads._replace(engine=find_engine("sglang", facts))
    assert other.memory().room == other._replace(model=blind.model).memory().room - weights
