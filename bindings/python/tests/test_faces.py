"""The faces for reinforcement learning, judged by the suites of those who define them."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test

import aivirt
from aivirt.slices import EnvConfig, SliceEnv, SliceSpec, Team, slice_env_v0
from aivirt.slices.gym import JointSliceEnv, SliceAgentEnv

WORLDS: dict[str, dict[str, Any]] = {
    "rule A": {},
    "rule B with arbiter": {"rule": "work-conserving", "arbiter": True, "messages": 2},
    "two slices": {"slices": [SliceSpec("eMBB", 10**10, 2e7), SliceSpec("URLLC", 10**10, 1e7)], "episode_steps": 9},
}


@pytest.mark.parametrize("world", WORLDS)
def test_pettingzoo_accepts_the_parallel_environment(world: str) -> None:
    parallel_api_test(slice_env_v0.parallel_env(**WORLDS[world]), num_cycles=200)
    parallel_seed_test(lambda: slice_env_v0.parallel_env(**WORLDS[world]), num_cycles=100)


def test_pettingzoo_accepts_the_environment_in_turns() -> None:
    with warnings.catch_warnings():
        # It suggests spaces that it knows better, and finds rates without an upper bound unusual.
        warnings.filterwarnings("ignore", category=UserWarning, module="pettingzoo.test")
        api_test(slice_env_v0.env(), num_cycles=100)


@pytest.mark.parametrize("world", WORLDS)
def test_gymnasium_accepts_the_single_agent_views(world: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*maximum value is infinity")
        check_env(SliceAgentEnv(slice=1, others="demand", **WORLDS[world]), skip_render_check=True)
        check_env(JointSliceEnv(**WORLDS[world]), skip_render_check=True)


def test_gymnasium_makes_the_views_by_name() -> None:
    env = gymnasium.make("aivirt/SliceAgent-v0", slice=2, arbiter=True)
    first, _ = env.reset(seed=5)
    again, _ = env.reset(seed=5)
    other, _ = env.reset()
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert gymnasium.make("aivirt/JointSlices-v0").action_space.shape == (3,)


def test_the_parallel_environment_is_the_environment_below() -> None:
    config = EnvConfig(rule="work-conserving")
    env = slice_env_v0.parallel_env(config)
    observations, infos = env.reset(seed=3)
    world = SliceEnv(config)
    expected = world.reset(int(np.random.default_rng(3).integers(2**63)))
    generator, steps = np.random.default_rng(0), 0
    while env.agents:
        assert np.array_equal(np.stack(list(observations.values())), expected)
        assert np.array_equal(env.state(), expected.ravel()) and env.state() in env.state_space
        masks = infos["slice_0"]["action_mask"]
        assert env.action_space("slice_0").sample(masks) in env.action_space("slice_0")
        actions = np.stack([generator.integers(5, size=3), generator.integers(4, size=3)], axis=1)
        observations, rewards, terminated, truncated, infos = env.step(dict(zip(env.agents, actions)))
        result = world.step(actions)
        expected = result.observations
        assert list(rewards.values()) == result.rewards and not any(terminated.values())
        assert set(truncated.values()) == {result.done}
        assert infos["slice_1"]["latency_ms"] == world.outcomes().latency_ms[1]
        assert infos["slice_1"]["conflict"] is result.conflict
        steps += 1
    assert steps == 60 and env.step({}) == ({}, {}, {}, {}, {})


def test_the_single_agent_view_is_the_environment_with_a_policy_for_the_others() -> None:
    env = SliceAgentEnv(slice=1, others="demand", arbiter=True)
    observation, _ = env.reset(seed=9)
    config = EnvConfig(arbiter=True)
    world, team = SliceEnv(config), Team("demand", config)
    episode = int(np.random.Generator(np.random.PCG64(9)).integers(2**63))
    expected = world.reset(episode)
    team.begin(episode)
    done = False
    while not done:
        assert np.array_equal(observation, expected[1])
        actions = team.decide(world)
        actions[1] = (4, 3)
        observation, reward, _, done, info = env.step(np.array([4, 3]))
        result = world.step(actions)
        expected = result.observations
        assert (reward, done) == (result.rewards[1], result.done)
        assert info["granted_hz"] == world.outcomes().granted_hz[1]


def test_arguments_that_cannot_be_are_refused_by_their_rule() -> None:
    cases: list[tuple[Any, str]] = [
        (lambda: slice_env_v0.parallel_env(EnvConfig(), messages=3), "not both"),
        (lambda: slice_env_v0.parallel_env(render_mode="moon"), "no render_mode 'moon'; there are: ansi"),
        (lambda: SliceAgentEnv(slice=3), "no slice 3; there are 3"),
        (lambda: SliceAgentEnv(slice=-1), "no slice -1"),
        (lambda: SliceAgentEnv(others="oracle"), "decides for all slices"),
        (lambda: SliceAgentEnv(others="moon"), "no policy"),
        (lambda: SliceAgentEnv(config=EnvConfig(), messages=3), "not both"),
        (lambda: JointSliceEnv(render_mode="human"), "no render_mode"),
    ]
    for make, rule in cases:
        with pytest.raises(aivirt.InvalidArgumentError, match=rule):
            make()


def test_actions_that_cannot_be_are_refused_by_their_rule() -> None:
    env = slice_env_v0.parallel_env()
    env.reset(seed=0)
    good = {agent: np.array([2, 0]) for agent in env.agents}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"slice_0": np.array([2, 0])}, "no action for slice_1, slice_2"),
        ({**good, "slice_1": np.array([2])}, "The action of slice_1 must be two whole numbers"),
        ({**good, "slice_1": np.array([0.5, 0.5])}, "whole numbers"),
        ({**good, "slice_1": np.array([np.nan, 0])}, "whole numbers"),
        ({**good, "slice_1": np.array([5, 0])}, "Slice 1: level 5 is outside the grid"),
    ]
    for actions, rule in cases:
        with pytest.raises(aivirt.InvalidArgumentError, match=rule):
            env.step(actions)
    view = JointSliceEnv()
    view.reset(seed=0)
    with pytest.raises(aivirt.InvalidArgumentError, match=r"whole numbers of shape \(3,\)"):
        view.step(np.array([1, 2]))


def test_rendering_tells_of_every_slice(capsys: pytest.CaptureFixture[str]) -> None:
    env = slice_env_v0.parallel_env(render_mode="ansi")
    env.reset(seed=0)
    env.step({agent: np.array([2, 0]) for agent in env.agents})
    line = env.render()
    assert line is not None and "slice_0: 15.00 GHz" in line and "slice_2: 10.00 GHz" in line
    human = slice_env_v0.parallel_env(render_mode="human")
    human.reset(seed=0)
    human.step({agent: np.array([2, 0]) for agent in human.agents})
    assert capsys.readouterr().out.strip() == line


def test_supersuit_vectorises_it() -> None:
    supersuit = pytest.importorskip("supersuit", reason="SuperSuit is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        env = supersuit.pettingzoo_env_to_vec_env_v1(slice_env_v0.parallel_env())
        observations, _ = env.reset(seed=1)
        assert observations.shape == (3, 16)
        observations, rewards, *_ = env.step(np.full((3, 2), 2))
        assert observations.shape == (3, 16) and rewards.shape == (3,)
        stacked = supersuit.frame_stack_v1(slice_env_v0.parallel_env(), 3)
        parallel_api_test(stacked, num_cycles=50)


def test_stable_baselines3_learns_on_it() -> None:
    sb3 = pytest.importorskip("stable_baselines3", reason="Stable-Baselines3 (with PyTorch) is not installed")
    from stable_baselines3.common.env_checker import check_env as sb3_check_env

    sb3_check_env(SliceAgentEnv())
    model = sb3.PPO("MlpPolicy", SliceAgentEnv(arbiter=True), n_steps=64, batch_size=64, seed=1)
    model.learn(128)
    action, _ = model.predict(SliceAgentEnv().reset(seed=0)[0])
    assert action.shape == (2,)


def test_torchrl_accepts_it() -> None:
    torchrl = pytest.importorskip("torchrl.envs", reason="TorchRL (with PyTorch) is not installed")
    env = torchrl.PettingZooWrapper(slice_env_v0.parallel_env(), use_mask=False)
    torchrl.check_env_specs(env)
    assert env.rollout(10).batch_size[0] == 10
