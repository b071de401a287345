# python examples/slices_notebook.py
"""A walk through the world of slices, cell by cell: open it as a notebook (the `# %%` lines), or run it.

Traffic, what claims do, what the arbiter is worth, and the policies side by side.
"""

# %%
from __future__ import annotations

import argparse

import numpy as np

from aivirt.slices import LEVELS_PERCENT, BatchedSliceEnv, EnvConfig, SliceEnv, Team

parser = argparse.ArgumentParser()
parser.add_argument("--episodes", type=int, default=200)
episodes = parser.parse_known_args()[0].episodes

# %% The world, with every value written out
world = EnvConfig(rule="work-conserving").resolved()
assert world.slices is not None
for spec in world.slices:
    print(f"{spec.slice_class:6} {spec.share_hz / 1e9:4.0f} GHz, traffic {spec.traffic}")

# %% Traffic: mean and deviation of what arrives, over many environments at once
env = BatchedSliceEnv(1024, world, seed=1)
keep_share = np.full((env.envs, env.slices, 2), (2, 0), np.int64)
arrived, done = [], False
while not done:
    _, _, done = env.step(keep_share)
    arrived.append(env.figure("arrived_bits") / 1e6 / world.step_s)  # type: ignore[operator]
rates = np.concatenate(arrived)
print("mean Mbit/s     ", rates.mean(axis=0).round(2))
print("deviation Mbit/s", rates.std(axis=0).round(2))

# %% What a claim does: the same claim for all, without an arbiter
for level, percent in enumerate(LEVELS_PERCENT):
    env.reset(seed=1)
    latencies, conflicts, done = [], 0, False
    while not done:
        _, _, done = env.step(np.full((env.envs, env.slices, 2), (level, 0), np.int64))
        latencies.append(env.figure("latency_ms").mean())
        conflicts += env.total_conflicts
    print(f"all claim {percent:3} %: latency {np.mean(latencies):5.2f} ms, {conflicts / env.envs:5.1f} conflicts an episode")


# %% Policies side by side: without and with the arbiter
def judge(name: str, arbiter: bool) -> tuple[float, float, float]:
    """Latency in ms, conflicts an episode, reward an episode."""
    config = EnvConfig(rule="work-conserving", arbiter=arbiter)
    one, team = SliceEnv(config), Team(name, config)
    latencies, conflicts, reward = [], 0, 0.0
    for seed in range(episodes):
        one.reset(seed)
        team.begin(seed)
        over = False
        while not over:
            _, rewards, over, conflict, _ = one.step(team.decide(one))
            latencies.append(one.outcomes().latency_ms.mean())
            conflicts += conflict
            reward += sum(rewards)
    return float(np.mean(latencies)), conflicts / episodes, reward / episodes


print(f"{'policy':14} {'arbiter':8} {'latency ms':>10} {'conflicts':>10} {'reward':>8}")
for name in ("random", "static", "codes", "demand", "demand-floor"):
    for arbiter in (False, True):
        latency, clashes, gained = judge(name, arbiter)
        print(f"{name:14} {'yes' if arbiter else 'no':8} {latency:10.2f} {clashes:10.1f} {gained:8.1f}")
