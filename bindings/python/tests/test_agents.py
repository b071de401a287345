"""Agents that have learnt: the same weights in Rust, in safetensors files and in PyTorch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

import aivirt
from aivirt.slices import Agent, BatchedSliceEnv, load_agents
from aivirt.slices.agents import HIDDEN, WIDTH

VECTORS = Path(__file__).resolve().parents[3] / "tests/vectors"

State = dict[str, NDArray[np.float32]]


def state(bottleneck: bool, features: int = 16, messages: int = 4, seed: int = 1) -> State:
    """Weights made by numpy alone."""
    generator = np.random.default_rng(seed)
    shapes = {"first": (HIDDEN, features), "heads": (5 + messages, WIDTH)}
    for name in ("mean", "log_variance") if bottleneck else ("middle",):
        shapes[name] = (WIDTH, HIDDEN)
    made: State = {}
    for name, (outputs, inputs) in shapes.items():
        made[f"{name}.weight"] = generator.normal(0, inputs**-0.5, (outputs, inputs)).astype(np.float32)
        made[f"{name}.bias"] = generator.normal(0, 0.1, outputs).astype(np.float32)
    return made


def forward(weights: State, observations: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network as its definition says, in numpy."""

    def layer(name: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    hidden = np.maximum(layer("first", observations), 0)
    code = layer("mean", hidden) if "mean.weight" in weights else np.maximum(layer("middle", hidden), 0)
    return layer("heads", code)


@pytest.fixture
def observations() -> NDArray[np.float32]:
    env = BatchedSliceEnv(300)
    for _ in range(5):
        env.step(np.full((300, 3, 2), 3, np.int64))
    return env.observations.reshape(-1, env.features)


@pytest.mark.parametrize("bottleneck", [True, False])
def test_rust_computes_what_the_definition_says(bottleneck: bool, observations: NDArray[np.float32]) -> None:
    weights = state(bottleneck)
    agent = Agent.from_state_dict(weights)
    assert (agent.features, agent.messages, agent.bottleneck) == (16, 4, bottleneck)
    expected = forward(weights, observations)
    assert np.allclose(agent.values(observations), expected, atol=1e-5)
    actions = agent.act(observations)
    assert actions.shape == (900, 2) and len(np.unique(actions[:, 0])) > 1
    assert np.array_equal(actions[:, 0], expected[:, :5].argmax(1))
    assert np.array_equal(actions[:, 1], expected[:, 5:].argmax(1))
    assert np.array_equal(agent.act(observations[7]), actions[7])


def test_files_go_both_ways_through_safetensors(tmp_path: Path, observations: NDArray[np.float32]) -> None:
    weights = state(True)
    foreign = tmp_path / "foreign.safetensors"
    save_file(weights, foreign)
    agent = Agent.load(foreign)
    assert all(np.array_equal(agent.state_dict()[name], weights[name]) for name in weights)
    ours = tmp_path / "ours.safetensors"
    agent.save(ours)
    back = load_file(ours)
    assert back.keys() == weights.keys() and all(np.array_equal(back[name], weights[name]) for name in weights)
    assert np.array_equal(Agent.load(ours).values(observations), agent.values(observations))


def test_a_file_with_several_agents_has_parts(tmp_path: Path) -> None:
    path = tmp_path / "team.safetensors"
    team = {part: state(part == "agent.0", seed=index) for index, part in enumerate(["agent.0", "agent.1"])}
    save_file({f"{part}.{name}": array for part, weights in team.items() for name, array in weights.items()}, path)
    agents = load_agents(path)
    assert list(agents) == ["agent.0", "agent.1"]
    assert [agent.bottleneck for agent in agents.values()] == [True, False]
    assert np.array_equal(Agent.load(path, "agent.1").state_dict()["heads.bias"], team["agent.1"]["heads.bias"])
    with pytest.raises(aivirt.InvalidArgumentError, match="part must be one of agent.0, agent.1"):
        Agent.load(path)
    with pytest.raises(aivirt.NotFoundError, match="no agent 'agent.2'; it has 'agent.0'"):
        Agent.load(path, "agent.2")


def test_files_that_are_none_are_refused_and_say_why(tmp_path: Path) -> None:
    good = tmp_path / "good.safetensors"
    Agent.random(16, 4).save(good)
    content = good.read_bytes()
    bad = tmp_path / "bad.safetensors"
    flipped = bytearray(content)
    flipped[-3] ^= 1
    for damaged, rule in (
        (b"", "no whole safetensors file"),
        (content[:100], "no whole safetensors file"),
        (content[:-1], "no whole safetensors file"),
        (b"PK\x03\x04 something else" * 10, "no whole safetensors file"),
        (bytes(flipped), "does not match its seal"),
    ):
        bad.write_bytes(damaged)
        with pytest.raises(aivirt.InvalidArgumentError, match=rule):
            Agent.load(bad)
    save_file({"other": np.zeros(3, np.float32)}, bad)
    with pytest.raises(aivirt.InvalidArgumentError, match="no tensor first.weight"):
        Agent.load(bad)
    with pytest.raises(aivirt.NotFoundError):
        Agent.load(tmp_path / "no-such")


def test_agents_may_have_another_middle_layer(observations: NDArray[np.float32]) -> None:
    weights, generator = state(False), np.random.default_rng(2)
    for name, shape in {"middle.weight": (48, HIDDEN), "middle.bias": (48,), "heads.weight": (9, 48)}.items():
        weights[name] = generator.normal(0, 0.1, shape).astype(np.float32)
    values = Agent.from_state_dict(weights).values(observations)
    np.testing.assert_allclose(values, forward(weights, observations), rtol=0, atol=1e-5)


def test_an_old_file_stays_whole_when_a_new_one_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "agent.safetensors"
    first = Agent.random(16, 4, seed=1)
    first.save(path)
    with pytest.raises(aivirt.AivirtError, match="Cannot write"):
        first.save(tmp_path / "no-such-folder" / "agent.safetensors")
    assert np.array_equal(Agent.load(path).state_dict()["first.bias"], first.state_dict()["first.bias"])


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda s: s.pop("heads.bias"), "no tensor heads.bias"),
        (lambda s: s.update(extra=np.zeros(1, np.float32)), "a tensor extra that nothing here needs"),
        (lambda s: s.update({"mean.weight": np.zeros((32, 63), np.float32)}), "Tensor mean.weight is .*32, 63"),
        (lambda s: s.update({"first.weight": np.zeros((63, 16), np.float32)}), "first.weight is .*63, 16.*64, 16"),
        (lambda s: s.update({"heads.weight": np.zeros((4, 32), np.float32)}), "heads.weight holds 4 values"),
        (lambda s: s.update({"first.weight": np.zeros(64, np.float32)}), "first.weight is .*matrix"),
        (lambda s: s.update({"mean.bias": np.zeros(32)}), "mean.bias must be of float32, not float64"),
        (lambda s: s["mean.bias"].__setitem__(3, np.nan), "Tensor mean.bias holds NaN"),
        (lambda s: s["mean.bias"].__setitem__(3, -np.inf), "Tensor mean.bias holds -inf"),
    ],
)
def test_weights_that_cannot_be_are_refused_by_their_rule(change: Any, rule: str) -> None:
    weights = state(True)
    change(weights)
    with pytest.raises(aivirt.InvalidArgumentError, match=rule):
        Agent.from_state_dict(weights)


def test_observations_that_cannot_be_are_refused_by_their_rule(observations: NDArray[np.float32]) -> None:
    agent = Agent.random(16, 4)
    nan, inf = observations.copy(), observations.copy()
    nan[3, 2], inf[0, 15] = np.nan, np.inf
    for rows, rule in (
        (nan, r"observations\[3, 2\] is NaN, it must be finite"),
        (inf, r"observations\[0, 15\] is inf, it must be finite"),
        (observations[:, :15].copy(), "have 15 features, the agent needs 16"),
        (observations.astype(np.float64), "not of float64"),
        (observations[::2], "contiguous"),
        (observations[np.newaxis], r"of shape \(any, any\), not of float32 of shape \(1, 900, 16\)"),
    ):
        with pytest.raises(aivirt.InvalidArgumentError, match=rule):
            agent.act(rows)  # type: ignore[arg-type]
    with pytest.raises(aivirt.InvalidArgumentError, match="features must be 1 to"):
        Agent.random(0, 4)


def test_a_mask_keeps_levels_away(observations: NDArray[np.float32]) -> None:
    agent = Agent.random(16, 4, seed=3)
    values = agent.values(observations)
    mask = np.array([True, False, True, False, True])
    assert np.array_equal(agent.act(observations, mask)[:, 0], np.where(mask, values[:, :5], -np.inf).argmax(1))
    each = np.random.default_rng(0).random((900, 5)) < 0.5
    each[~each.any(axis=1), 0] = True
    actions = agent.act(observations, each)
    assert np.array_equal(actions[:, 0], np.where(each, values[:, :5], -np.inf).argmax(1))
    assert np.array_equal(actions[:, 1], values[:, 5:].argmax(1)), "messages are not masked"
    each[7] = False
    for bad, rule in (
        (each, r"mask\[7\] allows no level"),
        (each[:5], "mask has 5 rows, the observations have 900"),
        (mask.astype(np.int8), "mask must be an array of bool"),
        (mask[:4], r"of shape \(any, 5\), not of bool of shape \(1, 4\)"),
    ):
        with pytest.raises(aivirt.InvalidArgumentError, match=rule):
            agent.act(observations, bad)  # type: ignore[arg-type]


def test_the_shared_vectors_come_out_to_the_last_bit() -> None:
    agent = Agent.load(VECTORS / "agent.safetensors")
    cases = json.loads((VECTORS / "agent.json").read_text())
    rows = np.array([case["observation_bits"] for case in cases], np.uint32).view(np.float32)
    assert agent.values(rows).view(np.uint32).tolist() == [case["value_bits"] for case in cases]
    assert agent.act(rows).tolist() == [[case["level"], case["message"]] for case in cases]
    within = agent.act(rows, np.array([True, True, True, False, False]))
    assert within[:, 0].tolist() == [case["level_within_share"] for case in cases]


def test_an_agent_that_hears_no_messages_acts_on_the_same_observations(observations: NDArray[np.float32]) -> None:
    deaf = Agent.random(8, 0, bottleneck=False)
    assert np.array_equal(deaf.act(observations), deaf.act(np.ascontiguousarray(observations[:, :8])))
    assert (deaf.act(observations)[:, 1] == 0).all()


def test_no_rows_give_no_actions() -> None:
    assert Agent.random(16, 4).act(np.zeros((0, 16), np.float32)).shape == (0, 2)


def test_pytorch_and_rust_compute_the_same(tmp_path: Path, observations: NDArray[np.float32]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from aivirt.slices.agents import QNetwork

    for bottleneck in (True, False):
        network = QNetwork(16, 4, bottleneck=bottleneck)
        agent = Agent.from_state_dict(network.state_dict())
        with torch.no_grad():
            expected = network(torch.from_numpy(observations)).numpy()
        assert np.allclose(agent.values(observations), expected, atol=1e-5)
        path = tmp_path / "agent.safetensors"
        Agent.random(16, 4, bottleneck=bottleneck, seed=5).save(path)
        network.load_state_dict(Agent.load(path).torch_state_dict())
        with torch.no_grad():
            expected = network(torch.from_numpy(observations)).numpy()
        assert np.allclose(Agent.load(path).values(observations), expected, atol=1e-5)


def test_the_training_example_trains(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    example = Path(__file__).resolve().parents[3] / "examples/train_torch.py"
    arguments = ["--episodes", "2", "--envs", "4", "--evaluation", "2", "--out", str(tmp_path)]
    told = subprocess.run([sys.executable, example, *arguments], check=True, capture_output=True, text=True).stdout
    assert "trained" in told
    agents = [Agent.load(tmp_path / f"slice_{index}.safetensors") for index in range(3)]
    assert {agent.features for agent in agents} == {16}
