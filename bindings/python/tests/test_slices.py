"""The environment: determinism, equality of its faces, refusals, traces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import aivirt
from aivirt import slices
from aivirt.slices import BatchedSliceEnv, EnvConfig, SliceEnv, SliceSpec, Team, Traffic

CONFIGS = {
    "rule A": EnvConfig(),
    "rule B": EnvConfig(rule="work-conserving"),
    "arbiter": EnvConfig(rule="work-conserving", arbiter=True, messages=3),
    "prb": EnvConfig(resource="prb"),
    "hard": EnvConfig(arrivals_delay_steps=3, cpu_growth=0.5, cpu_drift_deviation=0.2, cpu_drift_correlation=0.9),
    "hidden": EnvConfig(hidden_demand=True, episode_steps=20),
}


def random_actions(generator: np.random.Generator, shape: tuple[int, ...], messages: int) -> NDArray[np.int64]:
    levels = generator.integers(slices.LEVELS, size=shape)
    return np.stack([levels, generator.integers(messages, size=shape)], axis=-1)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_batch_does_to_the_last_bit_what_single_environments_do(name: str) -> None:
    config, generator = CONFIGS[name], np.random.default_rng(1)
    batch = BatchedSliceEnv(5, config)
    singles = [SliceEnv(config, int(seed)) for seed in batch.seeds]
    for env, seed, seen in zip(singles, batch.seeds, batch.observations):
        assert np.array_equal(env.reset(int(seed)), seen)
    done, steps = False, 0
    while not done:
        actions = random_actions(generator, (5, batch.slices), batch.messages)
        observations, rewards, done = batch.step(actions)
        latencies = batch.figure("latency_ms")
        results = [env.step(action) for env, action in zip(singles, actions)]
        steps += 1
        for index, (env, result) in enumerate(zip(singles, results)):
            assert np.array_equal(result.observations, observations[index])
            assert np.array_equal(np.array(result.rewards, np.float32), rewards[index])
            assert np.array_equal(env.outcomes().latency_ms.astype(np.float32), latencies[index])
            assert (result.done, result.conflict) == (done, batch.conflicts[index])
        assert batch.total_conflicts == batch.conflicts.sum()
        assert batch.trimmed_claims == sum(result.trimmed_claims for result in results)
    assert steps == batch.episode_steps


GOLDEN = {
    "rule A": EnvConfig(),
    "rule B with the arbiter": EnvConfig(rule="work-conserving", arbiter=True),
    "PRBs": EnvConfig(resource="prb", arbiter=True),
    "drifting and late": EnvConfig(
        rule="work-conserving",
        arrivals_delay_steps=2,
        cpu_growth=0.5,
        cpu_drift_deviation=0.2,
        cpu_drift_correlation=0.95,
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_golden_episode_is_that_of_rust_to_the_last_bit(name: str) -> None:
    path = Path(__file__).resolve().parents[3] / "tests/vectors/slice-episodes.json"
    (episode,) = (episode for episode in json.loads(path.read_text()) if episode["name"] == name)
    env = SliceEnv(GOLDEN[name], episode["seed"])

    def bits(values: NDArray[np.float64]) -> str:
        return f"{int(np.float64(sum(values.tolist())).view(np.uint64)):016x}"

    for step, expected in enumerate(episode["steps"]):
        levels = [((step * (slice + 1) + slice) % slices.LEVELS, (step + slice) % env.messages) for slice in range(3)]
        result, outcomes = env.step(np.array(levels)), env.outcomes()
        sums = [bits(outcomes.reward), bits(outcomes.latency_ms), bits(outcomes.arrived_bits)]
        assert [*sums, outcomes.granted_hz.sum(), result.conflict, result.trimmed_claims] == expected
    assert result.done


def test_equal_seeds_give_equal_worlds_and_others_do_not() -> None:
    one, same, other = BatchedSliceEnv(8, seed=3), BatchedSliceEnv(8, seed=3), BatchedSliceEnv(8, seed=4)
    assert np.array_equal(one.observations, same.observations)
    assert not np.array_equal(one.observations, other.observations)
    first = one.observations.copy()
    one.reset()
    assert not np.array_equal(one.observations, first), "the next episodes are others"
    same.reset()
    assert np.array_equal(one.observations, same.observations)
    one.reset(3)
    assert np.array_equal(one.observations, first)
    one.reset(other.seeds)
    assert np.array_equal(one.observations, other.observations)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_actions_of_every_integer_type_mean_the_same(dtype: type[Any]) -> None:
    generator = np.random.default_rng(2)
    one, other = BatchedSliceEnv(16), BatchedSliceEnv(16)
    for _ in range(10):
        actions = random_actions(generator, (16, 3), 4)
        one.step(actions)
        other.step(actions.astype(dtype))
    assert np.array_equal(one.rewards, other.rewards)


def test_arrays_are_written_where_they_are() -> None:
    observations, rewards = np.zeros((4, 3, 20), np.float32), np.zeros((4, 3), np.float32)
    with pytest.raises(aivirt.InvalidArgumentError, match=r"observations must be .* of shape \(4, 3, 16\)"):
        BatchedSliceEnv(4, observations=observations)
    observations = np.zeros((4, 3, 16), np.float32)
    env = BatchedSliceEnv(4, observations=observations, rewards=rewards)
    assert env.observations is observations and env.rewards is rewards and observations.any()
    address, before = observations.ctypes.data, observations.copy()
    seen, got, _ = env.step(np.full((4, 3, 2), 2, np.int64))
    assert seen is observations and got is rewards
    assert observations.ctypes.data == address and not np.array_equal(observations, before) and rewards.any()
    out = np.empty((4, 3), np.float32)
    assert env.figure("used_hz", out) is out and (out > 0).any()
    assert np.array_equal(env.figure("reward"), rewards)


def test_a_read_only_array_is_refused() -> None:
    observations = np.zeros((4, 3, 16), np.float32)
    observations.flags.writeable = False
    with pytest.raises(aivirt.InvalidArgumentError, match="observations must be writable"):
        BatchedSliceEnv(4, observations=observations)


def test_an_array_cannot_be_two_things_at_once() -> None:
    env = BatchedSliceEnv(4)
    env.rewards = env.observations[:, :, 0].copy()
    both = np.zeros((4, 3, 16), np.float32)
    env.observations, env.rewards = both, both.reshape(-1)[: 4 * 3].reshape(4, 3)
    with pytest.raises(aivirt.InvalidArgumentError, match="rewards must be writable, and not be in use"):
        env.step(np.zeros((4, 3, 2), np.int64))


def test_actions_that_cannot_be_are_refused_and_nothing_happens() -> None:
    env, twin = BatchedSliceEnv(4), BatchedSliceEnv(4)
    good = np.zeros((4, 3, 2), np.int64)
    level, message, negative = good.copy(), good.copy(), good.copy()
    level[1, 2, 0], message[1, 2, 1], negative[0, 0, 0] = 5, 4, -1
    cases: list[tuple[Any, str]] = [
        (level, "Slice 2: level 5 is outside the grid of 5 levels"),
        (message, "Slice 2: message 4 is outside the space of 4 messages"),
        (negative, "Slice 0: level .* is outside the grid"),
        (good[:3], r"of shape \(4, 3, 2\), not of int64 of shape \(3, 3, 2\)"),
        (good.astype(float), "not of float64"),
        (np.full((4, 3, 2), np.nan), "not of float64"),
        (good.astype(">i8"), "not of >i8"),
        (good[::-1], "contiguous"),
        (good.tolist(), "not <class 'list'>"),
        (None, "not <class 'NoneType'>"),
    ]
    for actions, rule in cases:
        with pytest.raises(aivirt.InvalidArgumentError, match=rule):
            env.step(actions)
    env.step(good)
    twin.step(good)
    assert np.array_equal(env.observations, twin.observations)


def test_an_episode_that_is_over_is_over() -> None:
    env, single = BatchedSliceEnv(2, EnvConfig(episode_steps=1)), SliceEnv(EnvConfig(episode_steps=1))
    assert env.step(np.zeros((2, 3, 2), np.int64))[2] and single.step(np.zeros((3, 2), np.int64)).done
    for step in (lambda: env.step(np.zeros((2, 3, 2), np.int64)), lambda: single.step(np.zeros((3, 2), np.int64))):
        with pytest.raises(aivirt.InvalidStateError, match="over"):
            step()


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        (EnvConfig(rule="moon"), "no rule \"moon\"; there are: claims"),
        (EnvConfig(resource="moon"), "no resource"),
        (EnvConfig(messages=0), "messages is 0, it must be at least 1"),
        (EnvConfig(step_s=float("nan")), "step_s is NaN"),
        (EnvConfig(step_s=float("inf")), "step_s is inf"),
        (EnvConfig(episode_steps=0), "episode_steps is 0"),
        (EnvConfig(cycles_per_bit=-1.0), "cycles_per_bit is -1"),
        (EnvConfig(arrivals_delay_steps=1000), "arrivals_delay_steps"),
        (EnvConfig(slices=[]), "slices is 0, it must be at least 1"),
        (EnvConfig(slices=[SliceSpec("moon", 1, 1.0)]), "no class \"moon\"; there are: eMBB"),
        (EnvConfig(slices=[SliceSpec("eMBB", 0, 1.0)]), "share_hz is 0"),
        (EnvConfig(slices=[SliceSpec("eMBB", 10**9, float("nan"))]), "bandwidth_hz is NaN"),
        (EnvConfig(slices=[SliceSpec("eMBB", 10**9, 1e6, Traffic(1e6, 1e9, 0.5, 10.0))]), "eMBB slice cannot be made"),
        (EnvConfig(slices=[SliceSpec("eMBB", 10**9, 1e6, None, np.zeros(5))]), "no traffic"),
        (EnvConfig(slices=[SliceSpec("eMBB", 10**9, 1e6, None, np.full(5, np.nan))]), "NaN"),
        (EnvConfig(slices=[SliceSpec("eMBB", 10**9, 1e6, None, np.ones(5, np.float32))]), "array of float64"),
        (EnvConfig(slices=[SliceSpec("eMBB", 1, 1.0, Traffic(1, 1, 0.5, 1), np.ones(5))]), "not both"),
    ],
)
def test_worlds_that_cannot_be_are_refused_by_their_rule(config: EnvConfig, rule: str) -> None:
    for make in (config.resolved, lambda: SliceEnv(config), lambda: BatchedSliceEnv(2, config)):
        with pytest.raises(aivirt.InvalidArgumentError, match=rule):
            make()


def test_values_that_are_not_given_are_the_source_documents() -> None:
    config = EnvConfig().resolved()
    assert config.slices is not None
    shares = [(spec.slice_class, spec.share_hz, spec.bandwidth_hz) for spec in config.slices]
    assert shares == [("eMBB", 15 * 10**9, 20e6), ("URLLC", 15 * 10**9, 10e6), ("mMTC", 10 * 10**9, 20e6)]
    assert config.slices[0].traffic == Traffic(23.33e6, 22.38e6, 0.5, 15.0)
    assert (config.step_s, config.episode_steps, config.messages, config.conflict_weight) == (0.01, 60, 4, 1.0)
    assert EnvConfig(rule="work-conserving").resolved().conflict_weight == 2.0
    assert np.array_equal(SliceEnv(config).observe(), SliceEnv(EnvConfig()).observe())


def test_one_slice_and_a_hundred_work() -> None:
    for count in (1, 100):
        env = BatchedSliceEnv(2, EnvConfig(slices=[SliceSpec("URLLC", 10**9, 5e6)] * count))
        env.step(np.zeros((2, count, 2), np.int64))
        assert env.features == slices.OWN_FEATURES + 4 * (count - 1)


def test_traces_are_traffic(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("Time,Source,Length\n0.000,a,100\n0.005,b,200\n0.031,c,50\n")
    bits = slices.read_trace(path)
    assert bits.tolist() == [2400.0, 0.0, 0.0, 400.0]
    assert slices.read_trace(path, offsets=[0, 1]).tolist() == [2400.0, 0.0, 400.0, 2800.0]
    assert slices.read_trace(path, mean_bps=1e6).mean() == pytest.approx(1e4)
    env = SliceEnv(EnvConfig(slices=[SliceSpec("eMBB", 10**9, 20e6, None, bits)]))
    env.reset(0)
    arrived = [env.step(np.array([[2, 0]])) and float(env.outcomes().arrived_bits[0]) for _ in range(8)]
    assert sorted(arrived[:4]) == [0.0, 0.0, 400.0, 2400.0] and arrived[:4] == arrived[4:]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "no column Time"),
        ("Time,Length\n", "no traffic"),
        ("a,b\n1,2\n", "no column Time"),
        ("Time,Length\n1,2\n0.5,3\n", "Line 3: time 0.5 s lies before"),
        ("Time,Length\n-1,2\n", "Line 2: Time is \"-1\""),
        ("Time,Length\n0,many\n", "Line 2: Length is \"many\""),
        ("Time,Length\nnan,1\n", "Line 2: Time is \"nan\""),
    ],
)
def test_traces_that_are_broken_are_refused_with_their_line(tmp_path: Path, text: str, rule: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(aivirt.InvalidArgumentError, match=rule):
        slices.read_trace(path)
    with pytest.raises(aivirt.NotFoundError, match="no-such"):
        slices.read_trace(tmp_path / "no-such")


def test_the_arbiter_never_lets_a_conflict_happen() -> None:
    generator = np.random.default_rng(5)
    free, safe = BatchedSliceEnv(256), BatchedSliceEnv(256, EnvConfig(arbiter=True))
    conflicts = trimmed = 0
    for _ in range(60):
        actions = random_actions(generator, (256, 3), 4)
        free.step(actions)
        safe.step(actions)
        conflicts += free.total_conflicts
        trimmed += safe.trimmed_claims
        assert safe.total_conflicts == 0
        assert safe.figure("granted_hz").sum(axis=1).max() <= 40e9 * (1 + 1e-6)
    assert conflicts / (256 * 60) == pytest.approx(75 / 125, abs=0.02) and trimmed > 0


@pytest.mark.parametrize("name", slices.POLICY_NAMES)
def test_every_policy_decides_within_the_grid(name: str) -> None:
    config = EnvConfig(rule="work-conserving", arbiter=True)
    env, team = SliceEnv(config), Team(name, config)
    env.reset(7)
    team.begin(7)
    done = False
    while not done:
        actions = team.decide(env)
        assert actions.shape == (3, 2) and (actions[:, 0] < slices.LEVELS).all() and (actions >= 0).all()
        done = env.step(actions).done
    assert (env.outcomes().granted_hz <= 40e9).all()


def test_teams_that_do_not_fit_are_refused() -> None:
    with pytest.raises(aivirt.InvalidArgumentError, match="no policy \"moon\"; there are: random"):
        Team("moon")
    with pytest.raises(aivirt.InvalidArgumentError, match="codes need 3 messages"):
        Team("codes", EnvConfig(messages=2))
    one = EnvConfig(slices=[SliceSpec("URLLC", 10**9, 5e6)])
    with pytest.raises(aivirt.InvalidArgumentError, match="for 3 slices"):
        Team("static").decide(SliceEnv(one))


def test_demand_behind_the_arbiter_beats_static_shares() -> None:
    config = EnvConfig(rule="work-conserving", arbiter=True)
    means = {}
    for name in ("static", "demand"):
        env, team, latencies = SliceEnv(config), Team(name, config), []
        for seed in range(30):
            env.reset(seed)
            team.begin(seed)
            done = False
            while not done:
                done = env.step(team.decide(env)).done
                latencies.append(env.outcomes().latency_ms.mean())
        means[name] = float(np.mean(latencies))
    assert means["demand"] < 0.4 * means["static"]


def test_reports_of_e2_come_with_their_interval() -> None:
    env = SliceEnv(EnvConfig(e2_interval_steps=5))
    env.reset(0)
    for step in range(5):
        assert env.e2_report(0) is None, step
        env.step(np.full((3, 2), 2, np.int64))
    report = env.e2_report(0)
    assert report is not None and report.steps == 5 and 0 <= report.radio_used_percent <= 100
    for ask in (env.e2_report, env.demand_hz, env.action_mask):
        with pytest.raises(aivirt.NotFoundError, match="no slice 3; there are 3"):
            ask(3)
    assert env.demand_hz(0) >= 0
