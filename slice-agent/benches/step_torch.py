"""The learning methods STEP and MADRL as ordinary PyTorch on one thread: what `cargo bench --bench train` compares with.

Same networks, losses, replay and updates as slice-agent's; the world is left out of the single update and stands for 25
episodes of the full run, whose time is scaled to 500. Prints `BENCH name value unit` lines.
"""

import math
import random
import time
from dataclasses import dataclass

import torch
from torch import nn

torch.set_num_threads(1)
LEVELS, MESSAGES, BATCH, CAPACITY, GAMMA = 5, 4, 64, 10_000, 0.99


class Bottleneck(nn.Module):
    """64 ReLU, a stochastic bottleneck of 32, values of levels and messages."""

    def __init__(self, inputs: int):
        super().__init__()
        self.first = nn.Linear(inputs, 64)
        self.mean = nn.Linear(64, 32)
        self.log_variance = nn.Linear(64, 32)
        self.heads = nn.Linear(32, LEVELS + MESSAGES)

    def forward(self, x, sample=False):
        hidden = torch.relu(self.first(x))
        mean = self.mean(hidden)
        if not sample:
            return self.heads(mean), None
        log_variance = self.log_variance(hidden).clamp(-8, 4)
        code = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean(1)
        return self.heads(code), divergence


class Plain(nn.Module):
    """64 ReLU, 32 ReLU, values of levels."""

    def __init__(self, inputs: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, LEVELS))

    def forward(self, x, sample=False):
        return self.layers(x), None


class SumTree:
    """Priorities, proportional."""

    def __init__(self, capacity: int):
        self.leaves = 1 << (capacity - 1).bit_length()
        self.tree = [0.0] * (2 * self.leaves)

    def set(self, place: int, priority: float):
        node = self.leaves + place
        self.tree[node] = priority
        while node > 1:
            node //= 2
            self.tree[node] = self.tree[2 * node] + self.tree[2 * node + 1]

    def find(self, mass: float) -> int:
        node = 1
        while node < self.leaves:
            node *= 2
            if mass >= self.tree[node] and self.tree[node + 1] > 0:
                mass -= self.tree[node]
                node += 1
        return node - self.leaves


@dataclass
class Agent:
    """One learner with its replay."""

    step: bool
    inputs: int

    def __post_init__(self):
        make = Bottleneck if self.step else Plain
        self.online, self.target = make(self.inputs), make(self.inputs)
        self.target.load_state_dict(self.online.state_dict())
        self.adam = torch.optim.Adam(self.online.parameters(), lr=5e-4)
        self.before = torch.zeros(CAPACITY, self.inputs)
        self.after = torch.zeros(CAPACITY, self.inputs)
        self.levels = torch.zeros(CAPACITY, dtype=torch.long)
        self.messages = torch.zeros(CAPACITY, dtype=torch.long)
        self.rewards = torch.zeros(CAPACITY)
        self.lasts = torch.zeros(CAPACITY)
        self.tree, self.greatest = SumTree(CAPACITY), 1.0
        self.size, self.next, self.updates, self.beta = 0, 0, 0, 0.1

    def push(self, before, level, message, reward, after, last):
        place = self.next
        self.before[place], self.after[place] = before, after
        self.levels[place], self.messages[place] = level, message
        self.rewards[place], self.lasts[place] = reward, float(last)
        if self.step:
            self.tree.set(place, self.greatest)
        self.size, self.next = max(self.size, place + 1), (place + 1) % CAPACITY

    def draw(self):
        if not self.step:
            return torch.randint(self.size, (BATCH,)), torch.ones(BATCH)
        total = self.tree.tree[1]
        places = [min(self.tree.find(total * (i + random.random()) / BATCH), self.size - 1) for i in range(BATCH)]
        chances = torch.tensor([self.tree.tree[self.tree.leaves + place] / total for place in places])
        weights = (self.size * chances) ** -0.5
        return torch.tensor(places), weights / weights.max()

    def update(self):
        places, weights = self.draw()
        rewards, going_on = self.rewards[places], 1 - self.lasts[places]
        with torch.no_grad():
            after = self.after[places]
            choice, value = self.online(after)[0], self.target(after)[0]
            best = value.gather(1, choice[:, :LEVELS].argmax(1, keepdim=True)).squeeze(1)
            goals = rewards + GAMMA * going_on * best
            if self.step:
                best = value.gather(1, LEVELS + choice[:, LEVELS:].argmax(1, keepdim=True)).squeeze(1)
                message_goals = rewards + GAMMA * going_on * best
        values, divergence = self.online(self.before[places], sample=True)
        taken = values.gather(1, self.levels[places].unsqueeze(1)).squeeze(1)
        errors = taken - goals
        loss = weights * nn.functional.smooth_l1_loss(taken, goals, reduction="none")
        if self.step:
            said = values.gather(1, LEVELS + self.messages[places].unsqueeze(1)).squeeze(1)
            loss = loss + weights * nn.functional.smooth_l1_loss(said, message_goals, reduction="none")
            loss = loss + self.beta * divergence
        self.adam.zero_grad()
        loss.mean().backward()
        self.adam.step()
        if self.step:
            for place, error in zip(places.tolist(), errors.detach().abs().tolist()):
                priority = (error + 1e-3) ** 0.6
                self.greatest = max(self.greatest, priority)
                self.tree.set(place, priority)
        self.updates += 1
        if self.updates % 200 == 0:
            self.target.load_state_dict(self.online.state_dict())

    def act(self, features, exploration):
        with torch.no_grad():
            values = self.online(features.unsqueeze(0))[0][0]
        level, message = int(values[:LEVELS].argmax()), 0
        if self.step:
            message = int(values[LEVELS:].argmax())
        if random.random() < exploration:
            level = random.randrange(LEVELS)
        return level, message


class World:
    """Three slices of slice-agent's world under rule A, without its statistics."""

    SHARES = (15e9, 15e9, 10e9)
    BANDWIDTHS = (20e6, 10e6, 20e6)
    RATES = ((1.58e6, 45.08e6), (0.67e6, 18.49e6), (0.14e6, 43.26e6))
    SWITCH = ((1 / 15, 1 / 15), (1 / 15, 1 / 10), (0.0429, 1 / 12))
    GRID = (0.25, 0.75, 1.0, 1.5, 2.0)

    def reset(self):
        self.on = [random.random() < 0.4 for _ in range(3)]
        self.z = [random.gauss(0, 1) for _ in range(3)]
        self.sent, self.waiting = [0.0] * 3, [0.0] * 3
        self.arrive()

    def arrive(self):
        self.bits, self.radio = [], []
        for i in range(3):
            mean = self.RATES[i][self.on[i]] * 0.01 / 12_000
            self.bits.append(12_000 * max(0, round(random.gauss(mean, math.sqrt(mean)))))
            self.on[i] ^= random.random() < self.SWITCH[i][self.on[i]]
            self.z[i] = 0.95 * self.z[i] + 0.3122 * random.gauss(0, 1)
            snr = 10 ** ((18 + 4 * self.z[i]) / 10)
            self.radio.append(self.BANDWIDTHS[i] * min(math.log2(1 + snr), 5.55))

    def step(self, levels):
        claims = [self.GRID[level] * share for level, share in zip(levels, self.SHARES)]
        conflict = sum(claims) > sum(self.SHARES)
        rewards = []
        for i, claim in enumerate(claims):
            over = claim > self.SHARES[i]
            grant = self.SHARES[i] if conflict and over else claim
            out = min(self.sent[i] + self.bits[i], self.radio[i] * 0.01)
            self.sent[i] = min(self.sent[i] + self.bits[i] - out, 2e6)
            capacity = grant * 0.01 / 450
            served = min(self.waiting[i] + out, capacity)
            self.waiting[i] = min(self.waiting[i] + out - served, self.SHARES[i] * 0.02 / 450)
            latency = min(1e3 * (self.sent[i] / self.radio[i] + self.waiting[i] * 450 / grant), 30)
            rewards.append(math.exp(-latency / 5) - (conflict and over) - 0.2 * (1 - served / capacity))
        self.arrive()
        return rewards

    def features(self, inputs):
        rows = []
        for i in range(3):
            own = [self.bits[i] / 5e5, self.waiting[i] / 6e5, self.sent[i] / 1e6, self.radio[i] / 1e8]
            rows.append(own + [0.0] * (inputs - 4))
        return torch.tensor(rows)


def full_run(step: bool, episodes: int) -> float:
    inputs = 16 if step else 8
    world, agents = World(), [Agent(step, inputs) for _ in range(3)]
    begin = time.process_time()
    for episode in range(episodes):
        world.reset()
        before = world.features(inputs)
        for number in range(60):
            actions = [agent.act(before[i], 0.95**episode) for i, agent in enumerate(agents)]
            rewards = world.step([level for level, _ in actions])
            after = world.features(inputs)
            for i, agent in enumerate(agents):
                agent.push(before[i], *actions[i], rewards[i], after[i], number == 59)
                if agent.size >= BATCH:
                    agent.update()
            before = after
    return time.process_time() - begin


def update_ms(step: bool) -> float:
    agent = Agent(step, 16 if step else 8)
    for _ in range(1_000):
        agent.push(torch.rand(agent.inputs), 1, 1, 0.5, torch.rand(agent.inputs), False)
    for _ in range(50):
        agent.update()
    begin = time.process_time()
    for _ in range(400):
        agent.update()
    return 1e3 * (time.process_time() - begin) / 400


if __name__ == "__main__":
    print(f"torch {torch.__version__}, one thread; full runs are scaled from 12 episodes of 500")
    for name, step in (("step", True), ("madrl", False)):
        print(f"BENCH torch/{name}-update {update_ms(step):.4f} ms")
        print(f"BENCH torch/{name}-run {full_run(step, 12) * 500 / 12:.2f} s", flush=True)
