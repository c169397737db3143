"""Does a training do what its formulas say, stop when it should, and survive being killed?"""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import numpy as np
import pytest

import wengert as wg
from wengert import nn, optim, training
from wengert.training.step import ROWS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
Y = np.sin(X[:, 0]) + 0.3 * X[:, 1] * X[:, 2]
LABELS = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
SQUARED = training.supervised(nn.squared_loss)


def numbers(net):
    return [parameter.data.copy() for parameter in net.parameters()]


def assert_same_bits(a, b):
    for one, other in zip(a, b, strict=True):
        np.testing.assert_array_equal(one, other)


# ---- one step ----

OPTIMIZERS = {
    "SGD": lambda: optim.SGD(lr=0.05),
    "momentum": lambda: optim.SGD(lr=0.05, momentum=0.9, nesterov=True),
    "Adam": lambda: optim.Adam(lr=optim.cosine(0.01, 20)),
    "AdamW": lambda: optim.AdamW(lr=0.01),
    "RMSprop": lambda: optim.RMSprop(lr=0.01),
}


def eager_steps(net, optimizer, batches, x, y, loss, weights=None, largest_norm=None):
    """The same, var by var."""
    optimizer.parameters = net.parameters()
    for index in batches:
        optimizer.zero_grad()
        value = loss(net(x[index]), y[index], None if weights is None else weights[index])
        value.backward()
        if largest_norm is not None:
            clipped, _ = optim.clip_by_global_norm([p.grad for p in net.parameters()], largest_norm)
            for parameter, gradient in zip(net.parameters(), clipped, strict=True):
                parameter.grad = gradient
        optimizer.step()
        yield value.data


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("largest_norm", [None, 0.3])
def test_compiled_steps_are_the_eager_ones(name, largest_norm):
    mine, theirs = (nn.MLP(4, [8, 1], "tanh", layer_norm=True) for _ in range(2))
    step = training.Step(mine, SQUARED, OPTIMIZERS[name](), 32, largest_norm=largest_norm)
    batches = [RNG.permutation(300)[: 32 - (k % 3)] for k in range(12)]  # of several sizes
    losses = eager_steps(theirs, OPTIMIZERS[name](), batches, X, Y, nn.squared_loss, largest_norm=largest_norm)
    for index, loss in zip(batches, losses, strict=True):
        assert step(X, Y, index) == pytest.approx(loss, rel=1e-11)
    step.finish()
    for a, b in zip(numbers(mine), numbers(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("size", [ROWS - 1, ROWS + 1, 2 * ROWS + 40])
def test_a_large_batch_in_parts_is_the_same_mean(size):
    x, labels = np.tile(X, (3, 1)), np.tile(LABELS, 3)
    weights = np.random.default_rng(1).uniform(0, 2, len(x))
    weights[:ROWS] = 0.0  # a whole part may weigh nothing
    mine, theirs = (nn.MLP(4, [8, 3], "tanh") for _ in range(2))
    objective = training.supervised(nn.cross_entropy)
    step = training.Step(mine, objective, optim.SGD(lr=0.5), size)
    batches = [np.arange(size), np.arange(10, size), np.arange(len(x))[-size:]]
    losses = eager_steps(theirs, optim.SGD(lr=0.5), batches, x, labels, nn.cross_entropy, weights)
    for index, loss in zip(batches, losses, strict=True):
        expected = loss if weights[index].any() else 0.0
        assert step(x, labels, index, weights) == pytest.approx(expected, rel=1e-11)
    step.finish()
    for a, b in zip(numbers(mine), numbers(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [2, 3, 7])
def test_the_bits_do_not_depend_on_the_threads(dtype, threads):
    x, y = np.tile(X, (4, 1)).astype(dtype), np.tile(Y, 4).astype(dtype)
    ends = []
    for n in (1, threads):
        net = nn.MLP(4, [32, 1], dropout=0.2, dtype=dtype)
        step = training.Step(net, SQUARED, optim.Adam(lr=0.01), len(x), threads=n)
        losses = [step(x, y) for _ in range(4)]
        step.finish()
        ends.append([*numbers(net), losses])
    assert_same_bits(*ends)


def test_samples_without_weight_teach_nothing():
    net = nn.MLP(4, [3, 1])
    before = numbers(net)
    for batch_size in (8, 2 * ROWS):
        step = training.Step(net, SQUARED, optim.Adam(), batch_size)
        assert step(X, Y, np.arange(8), np.zeros(300)) == 0.0
        step.finish()
        assert_same_bits(numbers(net), before)


def test_data_may_change_between_steps_and_other_data_come():
    net = nn.MLP(4, [1])
    step = training.Step(net, SQUARED, optim.SGD(lr=0.0), 300)
    x, y = X.copy(), Y.copy()
    first = step(x, y)
    y += 1.0
    second = step(x, y)
    assert second == pytest.approx(float(nn.squared_loss(net(x).data, y)), rel=1e-12)
    assert second != first
    for k in range(12):  # more than it remembers
        other = Y + k
        assert step(x, other) == pytest.approx(float(nn.squared_loss(net(x).data, other)), rel=1e-12)


def test_parameters_before_a_step_that_failed_are_kept():
    net = nn.MLP(4, [8, 1])
    step = training.Step(net, SQUARED, optim.SGD(lr=0.1), 300)
    step(X, Y)
    good = [array.copy() for array in step.now[0]]
    bad = X.copy()
    bad[7, 2] = np.inf
    assert not np.isfinite(step(bad, Y))
    assert_same_bits(step.now[0], good)
    assert step.optimizer.count == 1


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: training.Step(nn.MLP(4, [1]), SQUARED, optim.SGD(), 0), wg.WengertError, "at least one sample"),
        (lambda: training.Step(nn.Dropout(0.5), SQUARED, optim.SGD(), 4), wg.WengertError, "no parameters"),
        (
            lambda: training.Step(nn.MLP(4, [1]), SQUARED, optim.SGD(), 4)(X, Y),
            wg.ShapeError,
            "1 to 4 samples, got 300",
        ),
        (lambda: training.Step(nn.MLP(4, [1]), SQUARED, optim.SGD(), 4)(X, Y, []), wg.ShapeError, "got 0"),
        (lambda: training.Step(nn.MLP(4, [1]), SQUARED, optim.SGD(), 4)(X, Y, [300]), IndexError, ""),
        (lambda: training.Step(nn.MLP(3, [1]), SQUARED, optim.SGD(), 4)(X, Y, [0]), wg.ShapeError, "takes 3 inputs"),
    ],
)
def test_steps_that_make_no_sense_are_refused(make, error, message):
    with pytest.raises(error, match=message or None):
        make()


# ---- fit ----


def fit(net, **options):
    options = {"epochs": 5, "loss": nn.squared_loss, "optimizer": optim.Adam(lr=0.01)} | options
    return training.fit(net, X, Y, **options)


def test_fit_is_steps_over_a_shuffled_order():
    mine, theirs = (nn.MLP(4, [8, 1]) for _ in range(2))
    history = fit(mine, seed=3, batch_size=64)
    step = training.Step(theirs, SQUARED, optim.Adam(lr=0.01), 64, seed=3)
    for epoch in history.epochs:
        order = np.random.default_rng([3, epoch.number]).permutation(300)
        losses = [step(X, Y, order[k : k + 64]) * len(order[k : k + 64]) for k in range(0, 300, 64)]
        assert epoch.loss == pytest.approx(sum(losses) / 300, rel=1e-14)
    step.finish()
    assert_same_bits(numbers(mine), numbers(theirs))
    assert history.stopped == "epochs"


def test_seeds_decide_everything():
    nets = [nn.MLP(4, [8, 1], dropout=0.1) for _ in range(3)]
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        fit(net, seed=seed, validation=0.2)
    assert_same_bits(numbers(nets[0]), numbers(nets[1]))
    assert not np.array_equal(numbers(nets[0])[0], numbers(nets[2])[0])


def test_the_best_of_the_validation_is_kept():
    net = nn.MLP(4, [64, 1])
    seen = []
    history = fit(
        net,
        epochs=60,
        optimizer=optim.Adam(lr=0.05),
        validation=(X[:40] + 0.1, Y[:40]),
        callbacks=[lambda epoch: seen.append(epoch.validation_loss)],
    )
    assert history.validation_losses == seen
    assert history.best.validation_loss == min(seen)
    assert float(nn.squared_loss(net(X[:40] + 0.1).data, Y[:40])) == pytest.approx(min(seen), rel=1e-12)


def test_validation_data_are_not_learned_from():
    """Targets of the part that is held out are wrong, which does not matter to the rest."""
    split = np.random.default_rng([5, 0]).permutation(300)[:60]
    spoiled = Y.copy()
    spoiled[split] = 1e6
    losses = []
    for y in (Y, spoiled):
        history = training.fit(nn.MLP(4, [8, 1]), X, y, nn.squared_loss, epochs=3, validation=0.2, seed=5)
        losses.append(history.losses)
        assert len(history.validation_losses) == 3
    assert losses[0] == losses[1]


def test_early_stopping_waits_for_its_patience():
    losses = iter([5.0, 4.0, 4.5, 3.95, 4.2, 4.1, 4.0, 1.0])

    def replayed(predictions, targets, weights=None):
        return nn.mean(0.0 * predictions + targets, weights)

    net = nn.MLP(4, [1])
    y = np.zeros(300)

    def set_next(_):
        y_validation[:] = next(losses)

    y_validation = np.full(10, next(losses))
    history = training.fit(
        net,
        X,
        y,
        replayed,
        epochs=20,
        validation=(X[:10], y_validation),
        patience=3,
        least_gain=0.1,
        callbacks=[set_next],
    )
    # 3.95 is not less than 4.0 by 0.1, so after 4.0 there are three epochs without gain: 4.5, 3.95, 4.2.
    assert history.validation_losses == [5.0, 4.0, 4.5, 3.95, 4.2]
    assert history.stopped == "early"


def test_a_callback_can_end_it():
    history = fit(nn.MLP(4, [1]), epochs=50, callbacks=[lambda epoch: epoch.number == 3])
    assert (history.stopped, len(history.epochs)) == ("callback", 3)


def test_weights_count():
    weights = np.where(X[:, 0] > 0, 1.0, 0.0)
    nets = [nn.MLP(4, [8, 1]) for _ in range(2)]
    some = weights > 0
    for net, (x, y, w) in zip(nets, [(X, Y, weights), (X[some], Y[some], None)], strict=True):
        training.fit(net, x, y, nn.squared_loss, optim.SGD(lr=0.1), weights=w, epochs=30, batch_size=300)
    for a, b in zip(numbers(nets[0]), numbers(nets[1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_interrupted_it_returns_the_best_so_far():
    net = nn.MLP(4, [8, 1])
    best = []

    def interrupt(epoch):
        best.append((epoch.loss, numbers_of_step()))
        if epoch.number == 6:
            raise KeyboardInterrupt

    def numbers_of_step():
        frame = sys._getframe()
        while "self" not in frame.f_locals or not hasattr(frame.f_locals["self"], "step"):
            frame = frame.f_back
        return [array.copy() for array in frame.f_locals["self"].step.now[0]]

    history = fit(net, epochs=100, optimizer=optim.SGD(lr=0.3), callbacks=[interrupt])
    assert history.stopped == "interrupted"
    assert len(history.epochs) == 6
    assert_same_bits(numbers(net), min(best, key=lambda pair: pair[0])[1])


def test_a_signal_within_a_step_is_an_interruption_too():
    net = nn.MLP(4, [200, 200, 1])
    timer = threading.Timer(0.7, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    history = fit(net, epochs=10**6)
    timer.join()
    assert history.stopped == "interrupted"
    assert all(np.isfinite(array).all() for array in numbers(net))


def test_lbfgs_reaches_the_least_squares():
    net = nn.MLP(4, [1])
    history = training.fit(net, X, Y, nn.squared_loss, optim.LBFGS(max_iter=500, tolerance=1e-10))
    design = np.c_[X, np.ones(300)]
    solution = np.linalg.lstsq(design, Y, rcond=None)[0]
    np.testing.assert_allclose(np.r_[net.layers[0].weights.data[:, 0], net.layers[0].bias.data], solution, atol=1e-7)
    assert history.stopped == "converged"
    assert history.losses == sorted(history.losses, reverse=True)


def test_lbfgs_keeps_the_best_of_the_validation_and_heeds_callbacks():
    net = nn.MLP(4, [30, 1], "tanh")
    held_out = X[:30], Y[:30] + 0.5
    history = training.fit(net, X, Y, nn.squared_loss, optim.LBFGS(max_iter=40), validation=held_out)
    assert float(nn.squared_loss(net(X[:30]).data, held_out[1])) == pytest.approx(min(history.validation_losses))
    history = training.fit(net, X, Y, nn.squared_loss, optim.LBFGS(), callbacks=[lambda epoch: epoch.number == 2])
    assert (len(history.epochs), history.stopped) == (2, "callback")


def test_an_objective_need_not_compare():
    """The derivative of the network is to be the cosine, and the network zero at zero: so it is the sine."""
    net = nn.MLP(1, [20, 1], "tanh")

    def objective(net, x, y, weights, key):
        slope = wg.grad(lambda x: np.sum(net(x)))(x)
        return nn.squared_loss(slope[:, 0], np.cos(x[:, 0]), weights) + net(np.zeros((1, 1)))[0] ** 2

    x = np.linspace(-3, 3, 64).reshape(-1, 1)
    training.fit(net, x, x, objective=objective, optimizer=optim.LBFGS(max_iter=400))
    np.testing.assert_allclose(net(x).data, np.sin(x[:, 0]), atol=2e-2)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"loss": None}, wg.WengertError, "a loss or an objective"),
        ({"objective": SQUARED}, wg.WengertError, "a loss or an objective"),
        ({"epochs": 0}, wg.WengertError, "at least 1"),
        ({"validation": 1.5}, wg.WengertError, "between 0 and 1"),
        ({"validation": (X, Y[:-1])}, wg.ShapeError, "300 and 299"),
        ({"weights": np.ones(3)}, wg.ShapeError, r"weights of shape \(3,\)"),
        ({"weights": np.zeros(300)}, wg.WengertError, "not all 0"),
        ({"weights": np.full(300, np.nan)}, wg.WengertError, "finite numbers"),
        ({"weights": np.arange(300.0) - 1.0}, wg.WengertError, "from 0 up"),
        ({"checkpoint": "x", "optimizer": optim.LBFGS()}, wg.WengertError, "L-BFGS"),
    ],
)
def test_trainings_that_make_no_sense_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        fit(nn.MLP(4, [1]), **options)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((0, 4)), np.zeros(0), "at least one"),
        (X, Y[:5], "300 and 5"),
        (X, Y.astype(str), "number the classes"),
    ],
)
def test_data_that_do_not_fit_are_refused(x, y, message):
    with pytest.raises(wg.WengertError, match=message):
        training.fit(nn.MLP(4, [1]), x, y, nn.squared_loss)


# ---- what goes wrong ----


def spoiled(value, at=(17, 2)):
    x = X.copy()
    x[at] = value
    return x


@pytest.mark.parametrize(
    ("x", "y", "lr", "message"),
    [
        (spoiled(np.nan), Y, 0.1, r"loss is nan in batch \d+ of epoch 1: x holds nan in column 2 of sample 17"),
        (X, np.where(np.arange(300) == 4, np.inf, Y), 0.1, "y holds inf in column 0 of sample 4"),
        (spoiled(1e200), Y, 0.1, "the loss function itself"),
        (spoiled(1e307, at=(5, slice(None))), Y, 1e-3, "of epoch 1"),
        (X, Y, 1e200, r"of epoch 1: .*layer \d"),
    ],
)
def test_a_loss_that_is_not_finite_is_explained(x, y, lr, message):
    with np.errstate(all="ignore"), pytest.raises(wg.NonFiniteError, match=message):
        training.fit(nn.MLP(4, [8, 1]), x, y, nn.squared_loss, optim.SGD(lr=lr), epochs=3)


def test_the_first_bad_layer_is_named():
    net = nn.MLP(4, [8, 8, 1], "exp")
    net.layers[1].weights.data = np.full((8, 8), 500.0)
    with pytest.raises(wg.NonFiniteError, match=r"layer 1 \(Dense\) is the first"):
        fit(net)


def test_vanishing_gradients_are_warned_of_with_numbers():
    net = nn.MLP(4, [10] * 14 + [1], "sigmoid")
    with pytest.warns(wg.GradientWarning, match=r"vanish.*epoch 1.*e-\d+ in layer 0"):
        history = fit(net, epochs=1)
    norms = history.epochs[0].gradient_norms
    gradients = wg.grad(lambda p: nn.squared_loss(net.with_parameters(p)(X), Y))(numbers(net))
    assert len(norms) == len(gradients)


def test_exploding_gradients_are_warned_of():
    net = nn.MLP(4, [10] * 6 + [1], "tanh")
    for layer in net.layers[:-1]:
        layer.weights.data = layer.weights.data * 1e-3
    for layer in net.layers[2:]:
        layer.weights.data = layer.weights.data * 1e5
    with pytest.warns(wg.GradientWarning, match="explode"):
        fit(net, epochs=1)


def test_gradient_norms_are_those_of_the_first_batch():
    net = nn.MLP(4, [8, 1])
    before = numbers(net)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = fit(net, epochs=9, batch_size=50, seed=2)
    index = np.random.default_rng([2, 1]).permutation(300)[:50]
    gradients = wg.grad(lambda p: nn.squared_loss(net.with_parameters(p)(X[index]), Y[index]))(before)
    expected = [np.linalg.norm(gradient) for gradient in gradients]
    np.testing.assert_allclose(history.epochs[0].gradient_norms, expected, rtol=1e-12)
    assert [epoch.number for epoch in history.epochs if epoch.gradient_norms] == [1, 2, 4, 8]


# ---- what is shown ----


def test_the_learning_curve_is_drawn(tmp_path):
    history = fit(nn.MLP(4, [8, 1]), validation=0.1)
    history.plot(tmp_path / "curve.png")
    content = (tmp_path / "curve.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 5000


def test_progress_shows_the_loss_and_the_rate(capsys):
    fit(nn.MLP(4, [8, 1]), progress=True, epochs=3)
    shown = capsys.readouterr().err
    assert "900" in shown
    assert "loss=" in shown
    assert "samples/s" in shown


# ---- checkpoints ----

SCRIPT = textwrap.dedent(
    """
    import sys, time
    import numpy as np
    import wengert as wg

    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4))
    y = np.sin(x[:, 0]) * x[:, 1]
    net = wg.nn.MLP(4, [16, 16, 1], dropout=0.1, dtype=np.float32)
    pause = float(sys.argv[2])
    history = wg.training.fit(
        net, x, y, wg.nn.squared_loss, wg.optim.Adam(lr=wg.optim.cosine(0.01, 300)), epochs=30, batch_size=64,
        validation=0.2, patience=25, checkpoint=sys.argv[1], callbacks=[lambda epoch: time.sleep(pause)],
    )
    arrays = [p.data for p in net.parameters()]
    np.savez(sys.argv[3], *arrays, losses=history.losses, validation=history.validation_losses)
    """
)


def train_in_another_process(checkpoint, result, pause=0.0):
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(checkpoint), str(pause), str(result)])


def test_killed_and_resumed_it_ends_with_the_same_bits(tmp_path):
    pytest.importorskip("safetensors")
    whole = train_in_another_process(tmp_path / "whole", tmp_path / "whole.npz")
    kills = 0
    rng = np.random.default_rng(1)
    while kills < 4:
        process = train_in_another_process(tmp_path / "part", tmp_path / "part.npz", pause=0.02)
        deadline = time.monotonic() + 60
        before = modified(tmp_path / "part")
        while modified(tmp_path / "part") == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.1))
        if process.poll() is not None:
            break
        process.kill()
        assert process.wait() == -signal.SIGKILL
        kills += 1
    assert kills >= 2
    last = train_in_another_process(tmp_path / "part", tmp_path / "part.npz")
    assert last.wait(120) == 0
    assert whole.wait(120) == 0
    a, b = np.load(tmp_path / "whole.npz"), np.load(tmp_path / "part.npz")
    assert sorted(a.files) == sorted(b.files)
    for name in a.files:
        np.testing.assert_array_equal(a[name], b[name])
    left = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".part."))
    assert left == ["part", "part.npz", "whole", "whole.npz"]


def modified(path):
    return path.stat().st_mtime_ns if path.exists() else 0


def test_a_finished_training_is_not_begun_again(tmp_path):
    pytest.importorskip("safetensors")
    nets = [nn.MLP(4, [8, 1]) for _ in range(2)]
    histories = [fit(net, checkpoint=tmp_path / "c", validation=0.1) for net in nets]
    assert_same_bits(numbers(nets[0]), numbers(nets[1]))
    assert histories[0].losses == histories[1].losses
    assert len(fit(nn.MLP(4, [8, 1]), checkpoint=tmp_path / "c", validation=0.1, epochs=7).epochs) == 7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"net": nn.MLP(4, [9, 1])}, "shapes"),
        ({"seed": 1}, "seed 0 instead of 1"),
        ({"batch_size": 31}, "batch_size 32 instead of 31"),
        ({"optimizer": optim.SGD(lr=0.1)}, "optimizer 'Adam' instead of 'SGD'"),
        ({"validation": None}, "validation samples 30 instead of 0"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(options, message, tmp_path):
    pytest.importorskip("safetensors")
    fit(nn.MLP(4, [8, 1]), checkpoint=tmp_path / "c", validation=0.1)
    net = options.pop("net", None) or nn.MLP(4, [8, 1])
    with pytest.raises(wg.ProgramFormatError, match=message):
        fit(net, **({"validation": 0.1} | options), checkpoint=tmp_path / "c")


def test_a_damaged_checkpoint_is_refused(tmp_path):
    pytest.importorskip("safetensors")
    path = tmp_path / "c"
    fit(nn.MLP(4, [8, 1]), checkpoint=path)
    whole = path.read_bytes()
    for content in (b"", whole[:-5], whole[: len(whole) // 2], os.urandom(100)):
        path.write_bytes(content)
        with pytest.raises(wg.ProgramFormatError):
            fit(nn.MLP(4, [8, 1]), checkpoint=path)
        assert path.read_bytes() == content
