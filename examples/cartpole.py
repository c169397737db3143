"""How does one balance a pole? A policy that learns from the sum of its rewards.

A cart is pushed to the left or to the right, and a pole on it must not fall: the equations of Barto, Sutton & Anderson
("Neuronlike adaptive elements that can solve difficult learning control problems", 1983). A network says how likely
each push is in each state. After some episodes, pushes that were followed by more reward than usual are made more
likely: the policy gradient (Williams, "Simple statistical gradient-following algorithms...", 1992).
"""

import numpy as np

import wengert as wg

GRAVITY, CART, POLE, HALF_LENGTH, FORCE, STEP = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
MOST_STEPS, EPISODES = 200, 16


def moved(state, push):
    """States (n, 4) of position, velocity, angle and its velocity a step later; pushes are -1 or 1."""
    _, v, angle, spin = state.T
    sine, cosine = np.sin(angle), np.cos(angle)
    total = CART + POLE
    pull = (FORCE * push + POLE * HALF_LENGTH * spin**2 * sine) / total
    turn = (GRAVITY * sine - cosine * pull) / (HALF_LENGTH * (4 / 3 - POLE * cosine**2 / total))
    return state + STEP * np.stack([v, pull - POLE * HALF_LENGTH * turn * cosine / total, spin, turn], axis=1)


def stands(state):
    return (np.abs(state[:, 0]) < 2.4) & (np.abs(state[:, 2]) < np.pi / 15)


NET = wg.nn.MLP(4, [32, 2], activation="tanh")


@wg.compile
def logits(parameters, states):
    return NET.with_parameters(parameters)(states)


@wg.compile
@wg.value_and_grad
def loss(parameters, states, pushes, advantages):
    """Its gradient is the policy gradient; a row without advantage counts for nothing."""
    scores = NET.with_parameters(parameters)(states)
    chosen = np.take_along_axis(scores, pushes[:, None], 1)[:, 0]
    return np.sum(advantages * (np.logaddexp.reduce(scores, axis=1) - chosen)) / EPISODES


def play(rng, parameters, n=EPISODES):
    """Some episodes side by side: states (T, n, 4), pushes (T, n), and which of them were standing (T, n)."""
    state = rng.uniform(-0.05, 0.05, (n, 4))
    standing = np.ones(n, bool)
    states, pushes, alive = [], [], []
    for _ in range(MOST_STEPS):
        scores = logits(parameters, state)
        push = (rng.random(n) < 1 / (1 + np.exp(scores[:, 0] - scores[:, 1]))).astype(int)
        states.append(state)
        pushes.append(push)
        alive.append(standing)
        state = moved(state, 2 * push - 1)
        standing = standing & stands(state)
    return np.array(states), np.array(pushes), np.array(alive)


def train(updates=80, seed=0):
    """Mean length of the episodes of each update."""
    rng = np.random.default_rng(seed)
    for parameter, fresh in zip(NET.parameters(), wg.nn.MLP(4, [32, 2], "tanh", seed=seed).parameters(), strict=True):
        parameter.data = fresh.data
    adam = wg.optim.Adam(NET.parameters(), lr=0.02)
    lengths = []
    for _ in range(updates):
        parameters = [parameter.data.copy() for parameter in NET.parameters()]
        states, pushes, alive = play(rng, parameters)
        to_come = np.cumsum(alive[::-1], axis=0)[::-1]  # a reward of 1 for each step that it stands
        usual = to_come.sum(axis=1, keepdims=True) / np.maximum(1, alive.sum(axis=1, keepdims=True))
        advantages = np.where(alive, to_come - usual, 0.0)
        advantages /= advantages.std() + 1e-9
        _, gradients = loss(parameters, states.reshape(-1, 4), pushes.ravel(), advantages.ravel())
        for parameter, gradient in zip(NET.parameters(), gradients, strict=True):
            parameter.grad = gradient
        adam.step()
        lengths.append(alive.sum(axis=0).mean())
    return lengths


def main():
    lengths = train()
    for update in range(0, len(lengths), 10):
        mean = np.mean(lengths[update : update + 10])
        print(f"updates {update:3d} to {update + 9:3d}: the pole stands {mean:5.1f} steps")
    parameters = [parameter.data for parameter in NET.parameters()]
    alive = play(np.random.default_rng(1), parameters, 100)[2]
    print(f"100 new episodes: {alive.sum(axis=0).mean():.1f} of {MOST_STEPS} steps")


if __name__ == "__main__":
    main()
