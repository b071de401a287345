"""Policies, the simulator and fair shares: no kernel needed."""

from __future__ import annotations

import numpy as np
import pytest

import aivirt
from aivirt import deadline
from aivirt.deadline import PolicyConfig

MS = 1_000_000


def test_the_seeds_algorithm_does_what_its_document_says() -> None:
    policy = deadline.policy("seed", period_ns=100 * MS, runtime_ns=2 * MS)
    # 2 ms a period, and 10 % more.
    decision = policy.step(executed_ns=10 * MS, interval_ns=500 * MS)
    assert (decision.runtime_ns, decision.changed) == (2_200_000, True)
    # A new maximum doubles the boost: 10 ms a period and 20 % more.
    assert policy.step(50 * MS, 500 * MS).runtime_ns == 12 * MS
    assert policy.step(50 * MS, 500 * MS).runtime_ns == 11 * MS
    assert (policy.kind, policy.period_ns, policy.sampling_ns) == ("seed", 100 * MS, 500 * MS)
    assert policy.bounds_ns == (100_000, 80 * MS) and not policy.reclaims


@pytest.mark.parametrize("kind", deadline.POLICY_KINDS)
def test_an_array_of_samples_gives_what_single_steps_give(kind: str) -> None:
    work = deadline.load_work("lognormal", count=500)
    config = PolicyConfig(kind=kind)
    single, many = config.build(), config.build()
    throttled = np.where(work > 20 * MS, 5 * MS, 0)
    budgets = many.run(work, 100 * MS, throttled)
    steps = [single.step(int(w), 100 * MS, int(t)).runtime_ns for w, t in zip(work, throttled)]
    assert budgets.dtype == np.int64 and budgets.tolist() == steps
    low, high = many.bounds_ns
    assert low <= budgets.min() and budgets.max() <= high


def test_samples_that_cannot_be_are_refused_and_change_nothing() -> None:
    policy, twin = deadline.policy("seed"), deadline.policy("seed")
    good = np.full(5, 10 * MS)
    cases = [
        (good.astype(float), "executed_ns must be an array of int64 of shape .any,., not of float64 of shape .5,."),
        (good.reshape(1, 5), "not of int64 of shape .1, 5."),
        (np.repeat(good, 2)[::2], "contiguous"),
        (np.array([1, -1]), r"executed_ns\[1\] is -1 ns, below zero"),
        ([1, 2], "not <class 'list'>"),
    ]
    for array, message in cases:
        with pytest.raises(aivirt.InvalidArgumentError, match=message):
            policy.run(array, 100 * MS)  # type: ignore[arg-type]
    with pytest.raises(aivirt.InvalidArgumentError, match="throttled_ns must be an array of int64 of shape .5,."):
        policy.run(good, 100 * MS, good[:3])
    assert policy.step(10 * MS, 100 * MS) == twin.step(10 * MS, 100 * MS)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "moon"}, "no policy moon; there are seed"),
        ({"window": 0}, "window of 0"),
        ({"overhead": 0.0}, "overhead of nothing"),
        ({"overhead": float("nan")}, "overhead must be a fraction .* not NaN"),
        ({"overhead": -0.1}, "overhead must be a fraction"),
        ({"cap": 1.5}, "cap of 150 % is above 100 %"),
        ({"percentile": 0.0}, "percentile of 0 %"),
        ({"period_ns": 10}, "Runtime of 1ns is below|Period of 10ns"),
        ({"runtime_ns": 200 * MS}, "exceeds the deadline"),
        ({"floor_ns": 90 * MS}, "least budget, 90ms, is above the largest, 80ms"),
    ],
)
def test_parameters_that_cannot_be_are_refused_by_their_rule(values: dict[str, object], message: str) -> None:
    with pytest.raises(aivirt.InvalidArgumentError, match=message):
        deadline.policy(**values)  # type: ignore[arg-type]


def test_the_simulator_is_deterministic_and_its_figures_add_up() -> None:
    config = PolicyConfig(kind="saturation", runtime_ns=2 * MS)
    trace = deadline.simulate(config, "step", length_ns=30_000 * MS)
    again = deadline.simulate(config, "step", length_ns=30_000 * MS)
    assert np.array_equal(trace.runtime_ns, again.runtime_ns) and trace.late_jobs == again.late_jobs
    assert trace.release_ns.shape == trace.response_ns.shape and trace.changed_at_ns.shape == trace.runtime_ns.shape
    assert trace.executed_ns == deadline.load_work("step", count=300).sum()
    in_force = np.diff(np.append(trace.changed_at_ns, trace.length_ns))
    reserved = (trace.runtime_ns * (in_force / trace.period_ns)).sum()
    assert trace.allocated_ns == pytest.approx(reserved, rel=1e-6)
    assert (trace.response_ns > trace.period_ns).sum() <= trace.late_jobs <= 20


def test_a_static_budget_too_small_never_settles_and_one_that_fits_does() -> None:
    small = deadline.simulate(PolicyConfig(kind="static", runtime_ns=5 * MS), 10 * MS, length_ns=10_000 * MS)
    fits = deadline.simulate(PolicyConfig(kind="static", runtime_ns=12 * MS), 10 * MS, length_ns=10_000 * MS)
    assert small.settled_ns is None and small.late_jobs > 40
    assert fits.settled_ns == 0 and fits.late_jobs == 0 and fits.over_allocation_percent == 20


def test_simulations_that_cannot_be_are_refused() -> None:
    for load, message in (("square", "no load square; there are step"), (-1, "'int'|can't convert|negative|not")):
        with pytest.raises((aivirt.InvalidArgumentError, TypeError, OverflowError), match=message):
            deadline.simulate(PolicyConfig(), load, length_ns=MS)
    with pytest.raises(aivirt.InvalidArgumentError, match="periods or samples"):
        deadline.simulate(PolicyConfig(), 10 * MS, length_ns=10**19, sampling_ns=1)


def test_shares_are_fair_and_never_more_than_there_is() -> None:
    assert deadline.share([0.5, 0.25], 1.0) == [0.5, 0.25]
    assert deadline.share([1.0, 1.0, 0.25], 1.25) == [0.5, 0.5, 0.25]
    assert deadline.share([1.0, 1.0], 1.0, weights=[3, 1]) == [0.75, 0.25]
    shares = deadline.share([1.0] * 7, 0.9, floors=[0.05] * 7)
    assert sum(shares) <= 0.9 and min(shares) >= 0.05
    with pytest.raises(aivirt.InvalidArgumentError, match="belong together"):
        deadline.share([1.0], 1.0, weights=[1, 2])
    with pytest.raises(aivirt.InvalidArgumentError, match="wanted must be a number of CPUs"):
        deadline.share([float("nan")], 1.0)


def test_decisions_are_values() -> None:
    one, other = deadline.policy("static"), deadline.policy("static")
    assert one.step(MS, MS) == other.step(MS, MS) and len({one.step(MS, MS), other.step(MS, MS)}) == 1
    assert repr(one.step(0, 100 * MS)) == "Decision(runtime_ns=10000000, changed=False, saturated=False)"
