"""How ill may a patient be in a year? Quantiles instead of a mean.

The table of scikit-learn's diabetes data has ten measurements of 442 patients, and how far the disease went. The
pinball loss asks for quantiles (Koenker & Bassett 1978): nine patients of ten shall lie below the upper one. With a
linear model, which is a network of one layer, the answer is that of linear programming.
"""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import QuantileRegressor
from sklearn.model_selection import train_test_split

import wengert as wg

LEVELS = (0.1, 0.5, 0.9)


def data():
    """Measurements, scaled to unit spread, and the disease: to learn from, and a third to test with."""
    x, y = load_diabetes(return_X_y=True)
    return train_test_split(x / x.std(axis=0), y, test_size=1 / 3, random_state=0)


def pinball(predictions, targets, weights=None):
    return wg.nn.quantile_loss(predictions, targets, weights, q=LEVELS)


def linear(x, y):
    """Predictions of quantiles that are linear in the measurements."""
    net = wg.nn.MLP(x.shape[1], [len(LEVELS)])
    net.layers[0].bias.data = np.quantile(y, LEVELS)
    adam = wg.optim.Adam(lr=wg.optim.cosine(1.0, n_steps=3000))
    wg.training.fit(net, x, y, pinball, adam, epochs=3000, batch_size=len(x))
    return lambda x: net(x).data


def by_linear_programming(x, y):
    """The same by scikit-learn."""
    models = [QuantileRegressor(quantile=level, alpha=0.0).fit(x, y) for level in LEVELS]
    return lambda x: np.stack([model.predict(x) for model in models], axis=1)


def curved(x, y):
    """Predictions of a network with a hidden layer."""
    net = wg.nn.MLP(x.shape[1], [16, len(LEVELS)], activation="tanh", dropout=0.1)
    scale, shift = y.std(), y.mean()
    adam = wg.optim.AdamW(lr=0.01, weight_decay=0.1)
    wg.training.fit(net, x, (y - shift) / scale, pinball, adam, epochs=300, validation=0.2, patience=40)
    return lambda x: shift + scale * net(x).data


def main():
    x, x_test, y, y_test = data()
    print("                         loss  |  part of the patients below the quantiles " + ", ".join(map(str, LEVELS)))
    for name, fit in (("linear", linear), ("linear programming", by_linear_programming), ("network", curved)):
        predict = fit(x, y)
        for which, inputs, targets in (("seen", x, y), ("not seen", x_test, y_test)):
            quantiles = predict(inputs)
            below = np.mean(targets[:, None] < quantiles, axis=0)
            print(
                f"{name:18} {which:8} {pinball(quantiles, targets):7.4f}  | ",
                "  ".join(f"{part:.3f}" for part in below),
            )


if __name__ == "__main__":
    main()
