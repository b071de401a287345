# pip install 'aivirt[torch]' && python examples/train_torch.py --episodes 200
"""Trains one agent for each slice in PyTorch and writes weights that Rust, C and `slice-agent` act with.

Deep Q learning with learnt messages and an information bottleneck, on a batch of environments. One file, read from top to
bottom; every number that one may want to change is a field of Args.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import smooth_l1_loss

from aivirt.slices import LEVELS, Agent, BatchedSliceEnv, EnvConfig, SliceEnv, Team
from aivirt.slices.agents import QNetwork


@dataclass
class Args:
    episodes: int = 200
    """episodes of every environment; each has 60 steps"""
    envs: int = 32
    """environments that run at the same time"""
    rule: str = "work-conserving"
    """when claims conflict: claims, work-conserving"""
    arbiter: bool = True
    """whether the arbiter trims claims, so that there are no conflicts"""
    delay: int = 1
    """steps by which the arrivals that agents see are old"""
    seed: int = 1
    """of everything that is random"""
    learning_rate: float = 1e-3
    """of Adam"""
    gamma: float = 0.9
    """discount of the next step's value"""
    batch: int = 256
    """transitions of one update"""
    capacity: int = 100_000
    """transitions that each agent remembers"""
    exploration: float = 0.97
    """part of the actions that remain random, from episode to episode"""
    beta: float = 1e-4
    """weight of the bottleneck's divergence"""
    target_episodes: int = 2
    """episodes after which the target network becomes a copy"""
    evaluation: int = 50
    """episodes of the evaluation"""
    out: str = "agents"
    """folder for the weights"""


class Replay:
    """What one agent remembers, in tensors that are made once."""

    def __init__(self, capacity: int, features: int) -> None:
        self.before, self.after = torch.zeros(capacity, features), torch.zeros(capacity, features)
        self.actions = torch.zeros(capacity, 2, dtype=torch.int64)
        self.rewards, self.last = torch.zeros(capacity), torch.zeros(capacity)
        self.capacity, self.length, self.place = capacity, 0, 0

    def push(self, before: torch.Tensor, actions: torch.Tensor, rewards: torch.Tensor, after: torch.Tensor, last: bool) -> None:
        places = (self.place + torch.arange(len(rewards))) % self.capacity
        self.before[places], self.after[places] = before, after
        self.actions[places], self.rewards[places], self.last[places] = actions, rewards, float(last)
        self.place = (self.place + len(rewards)) % self.capacity
        self.length = min(self.length + len(rewards), self.capacity)


class Learner:
    """One agent: network, target, memory."""

    def __init__(self, features: int, messages: int, args: Args) -> None:
        self.args, self.network, self.target = args, QNetwork(features, messages), QNetwork(features, messages)
        self.target.load_state_dict(self.network.state_dict())
        self.optimizer = torch.optim.Adam(self.network.parameters(), args.learning_rate)
        self.replay = Replay(args.capacity, features)

    def update(self) -> None:
        """One step of double Q learning: level and message each have their own value."""
        replay, rows = self.replay, torch.randint(self.replay.length, (self.args.batch,))
        with torch.no_grad():
            chosen, known = self.network(replay.after[rows]), self.target(replay.after[rows])
            best = torch.stack([chosen[:, :LEVELS].argmax(1), LEVELS + chosen[:, LEVELS:].argmax(1)], dim=1)
            going_on = self.args.gamma * (1 - replay.last[rows]).unsqueeze(1)
            goals = replay.rewards[rows].unsqueeze(1) + going_on * known.gather(1, best)
        values, divergence = self.network.sample(replay.before[rows])
        taken = values.gather(1, replay.actions[rows] + torch.tensor([0, LEVELS]))
        loss = smooth_l1_loss(taken, goals) + self.args.beta * divergence.mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def train(args: Args, config: EnvConfig) -> list[Agent]:
    env = BatchedSliceEnv(args.envs, config, seed=args.seed)
    learners = [Learner(env.features, env.messages, args) for _ in range(env.slices)]
    generator = np.random.default_rng(args.seed)
    actions = np.zeros((args.envs, env.slices, 2), np.int64)
    sizes = np.array([LEVELS, env.messages])
    begin = time.monotonic()
    for episode in range(args.episodes):
        observations = torch.from_numpy(env.reset())  # a view: it shows each step's observations
        exploration, total, done = args.exploration**episode, 0.0, False
        while not done:
            before = observations.clone()
            for index, learner in enumerate(learners):
                with torch.no_grad():
                    values = learner.network(before[:, index])
                actions[:, index, 0] = values[:, :LEVELS].argmax(1)
                actions[:, index, 1] = values[:, LEVELS:].argmax(1)
            explores = generator.random(actions.shape) < exploration
            actions[explores] = generator.integers(np.broadcast_to(sizes, actions.shape))[explores]
            _, rewards, done = env.step(actions)
            total += float(rewards.sum())
            got = torch.from_numpy(rewards)
            for index, learner in enumerate(learners):
                taken = torch.from_numpy(actions[:, index].copy())
                learner.replay.push(before[:, index], taken, got[:, index], observations[:, index], done)
                learner.update()
        if episode % args.target_episodes == 0:
            for learner in learners:
                learner.target.load_state_dict(learner.network.state_dict())
        if (episode + 1) % 10 == 0 or episode + 1 == args.episodes:
            reward = total / args.envs
            print(f"episode {episode + 1:4}  reward {reward:6.2f}  exploration {exploration:.2f}  {time.monotonic() - begin:5.1f} s")
    return [Agent.from_state_dict(learner.network.state_dict()) for learner in learners]


def evaluate(name: str, config: EnvConfig, episodes: int, agents: list[Agent] | None = None) -> float:
    """Mean reward of an episode; of agents acting in Rust, or of the policy of this name."""
    env, rewards, latencies = SliceEnv(config), 0.0, []
    team = None if agents else Team(name, config)
    for seed in range(episodes):
        observations, done = env.reset(1_000_000 + seed), False
        if team:
            team.begin(seed)
        while not done:
            actions = team.decide(env) if team else np.stack([agent.act(row) for agent, row in zip(agents or [], observations)])
            observations, reward, done, _, _ = env.step(actions)
            rewards += sum(reward)
            latencies.append(env.outcomes().latency_ms.mean())
    print(f"{name:14} reward {rewards / episodes:6.2f}  latency {np.mean(latencies):5.2f} ms")
    return rewards / episodes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for field in fields(Args):
        kind = {"bool": lambda text: text == "true", "int": int, "float": float}.get(str(field.type), str)
        parser.add_argument(f"--{field.name}", type=kind, default=field.default)
    args = Args(**vars(parser.parse_args()))
    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)  # networks of this size are slower on more
    config = EnvConfig(rule=args.rule, arbiter=args.arbiter, arrivals_delay_steps=args.delay)
    agents = train(args, config)
    Path(args.out).mkdir(parents=True, exist_ok=True)
    for index, agent in enumerate(agents):
        agent.save(Path(args.out) / f"slice_{index}.safetensors")
    for name in ("random", "static", "demand", "demand-floor"):
        evaluate(name, config, args.evaluation)
    evaluate("trained", config, args.evaluation, agents)


if __name__ == "__main__":
    main()
