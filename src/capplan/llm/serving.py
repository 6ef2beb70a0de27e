"""Continuous batching in closed form: time per token, tokens per second and how many users at an SLO.

A replica that keeps B sequences running takes in B/OSL prompts a step, so that share of its steps also reads a
prompt (Yu et al. 2022, Orca; Agrawal et al. 2024, Sarathi). All functions broadcast over configurations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capplan.arrays import Floats
from capplan.llm.hardware import Efficiency
from capplan.llm.roofline import Work, prefill_time, step_time


class Served(NamedTuple):
    """Configurations that serve requests of given lengths.

    inputs, outputs: tokens of a request. mixes: prompts are read in steps that decode too.
    """

    work: Work
    reached: Efficiency
    inputs: Floats
    outputs: Floats
    mixes: Floats


def time_per_token(served: Served, concurrency: Floats) -> Floats:
    """Return TPOT in seconds with ``concurrency`` sequences running all the time."""
    work, reached, inputs = served.work, served.reached, served.inputs
    outputs = np.maximum(served.outputs, 1.0)
    context = inputs + outputs / 2
    share = np.minimum(concurrency / outputs, 1.0)
    decode = step_time(work, reached, concurrency, context)
    prompts = concurrency / outputs / np.maximum(share, 1e-12)
    mixed = step_time(work, reached, concurrency, context, prompts * inputs, inputs / 2)
    apart = decode + concurrency / outputs * prefill_time(work, reached, inputs)
    time: Floats = np.where(served.mixes, (1 - share) * decode + share * mixed, apart)
    return time


def static_throughput(served: Served, batch: Floats) -> Floats:
    """Return tokens per second of batches that start and end together."""
    work, reached = served.work, served.reached
    read = step_time(work, reached, 0.0, 0.0, batch * served.inputs, served.inputs / 2)
    decode = step_time(work, reached, batch, served.inputs + served.outputs / 2)
    return batch * served.outputs / (read + served.outputs * decode)


def stream_throughput(served: Served) -> Floats:
    """Return tokens per second of a single request after another."""
    decode = step_time(served.work, served.reached, 1.0, served.inputs + served.outputs / 2)
    read = prefill_time(served.work, served.reached, served.inputs)
    return served.outputs / (read + served.outputs * decode)


def request_time(served: Served, concurrency: Floats) -> Floats:
    """Return the seconds that a request occupies its place: prompt, then every token."""
    read = prefill_time(served.work, served.reached, served.inputs)
    return read + served.outputs * time_per_token(served, concurrency)


def most_users(served: Served, limit: Floats, tpot_s: Floats) -> Floats:
    """Return the most sequences, up to ``limit``, whose TPOT keeps ``tpot_s``; 0 if not even one does.

    TPOT rises with concurrency, so bisection over whole numbers finds the edge.
    """
    low = np.zeros(np.broadcast(limit, tpot_s, served.work.layers).shape)
    high = np.floor(np.broadcast_to(limit, low.shape).astype(float)) + 1.0
    for _ in range(int(np.ceil(np.log2(max(float(high.max()), 2.0)))) + 1):
        middle = np.floor((low + high) / 2)
        keeps = (time_per_token(served, np.maximum(middle, 1.0)) <= tpot_s) & (middle < high)
        low = np.where(keeps, np.maximum(middle, low), low)
        high = np.where(keeps, high, np.maximum(middle, low + 1.0))
    return low


def open_loop(served: Served, rate: Floats, limit: Floats) -> tuple[Floats, Floats]:
    """Return the concurrency and TPOT at which ``rate`` requests/s arrive; infinite where it saturates.

    The fixed point B = rate · (prefill + OSL · TPOT(B)) of Little's law, by bisection: requests leave at a
    rate that rises with B, so the smallest B that keeps up is the answer. Queueing is left to the simulator.
    """
    low = np.zeros(np.broadcast(rate, limit, served.work.layers).shape)
    high = np.broadcast_to(np.asarray(limit, dtype=float), low.shape).copy()
    saturated = high < rate * request_time(served, high)
    for _ in range(40):
        middle = (low + high) / 2
        keeps = middle >= rate * request_time(served, np.maximum(middle, 1e-6))
        low, high = np.where(keeps, low, middle), np.where(keeps, middle, high)
    concurrency = np.where(saturated, np.inf, high)
    return concurrency, np.where(saturated, np.inf, time_per_token(served, high))
