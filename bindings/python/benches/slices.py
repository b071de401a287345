"""Environment steps a second through Python: `cargo xtask bench python`. Prints lines of `BENCH name value unit`.

One thread. A step is a step of one environment with three slices: actions in, observations, rewards and conflicts out.
"""

from __future__ import annotations

import time

import numpy as np

from aivirt.slices import Agent, BatchedSliceEnv, EnvConfig, SliceEnv, slice_env_v0

SECONDS = 2.0


def report(name: str, value: float, unit: str) -> None:
    print(f"BENCH {name} {value:.4g} {unit}", flush=True)


def batched(envs: int, config: EnvConfig) -> float:
    """Steps a second, the least disturbed of some runs."""
    env = BatchedSliceEnv(envs, config)
    generator = np.random.default_rng(0)
    shape = (envs, env.slices)
    actions = np.stack([generator.integers(5, size=shape), generator.integers(env.messages, size=shape)], -1)
    best, until = 0.0, time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        env.reset()
        begin, done = time.perf_counter(), False
        while not done:
            _, _, done = env.step(actions)
        best = max(best, envs * env.episode_steps / (time.perf_counter() - begin))
    return best


def single() -> float:
    env, actions, steps = SliceEnv(), np.full((3, 2), 2, np.int64), 0
    begin = time.perf_counter()
    for seed in range(200):
        env.reset(seed)
        while not env.step(actions).done:
            steps += 1
    return steps / (time.perf_counter() - begin)


def parallel() -> float:
    env, steps = slice_env_v0.parallel_env(), 0
    actions = {agent: np.array([2, 0]) for agent in env.possible_agents}
    begin = time.perf_counter()
    for seed in range(100):
        env.reset(seed=seed)
        while env.agents:
            env.step(actions)
            steps += 1
    return steps / (time.perf_counter() - begin)


def acting(rows: int) -> float:
    """Nanoseconds of an action."""
    agent, observations = Agent.random(16, 4), np.random.default_rng(0).random((rows, 16), np.float32)
    best = float("inf")
    for _ in range(200):
        begin = time.perf_counter()
        agent.act(observations)
        best = min(best, (time.perf_counter() - begin) / rows)
    return best * 1e9


if __name__ == "__main__":
    for envs in (1, 64, 1024, 4096):
        report(f"batched_{envs}_envs", batched(envs, EnvConfig()) / 1e6, "Msteps/s")
    report("batched_1024_envs_rule_b", batched(1024, EnvConfig(rule="work-conserving")) / 1e6, "Msteps/s")
    report("batched_1024_envs_arbiter", batched(1024, EnvConfig(arbiter=True)) / 1e6, "Msteps/s")
    report("single_env", single() / 1e3, "ksteps/s")
    report("parallel_env", parallel() / 1e3, "ksteps/s")
    report("agent_act_1_row", acting(1), "ns")
    report("agent_act_1024_rows", acting(1024), "ns")
