"""Which two kinds of eruption has Old Faithful? A Gaussian mixture by L-BFGS.

Mixtures are mostly fitted by expectation maximisation, as scikit-learn's `GaussianMixture` does. With a gradient the
likelihood can be handed to any minimiser; the parameters are free ones, so that each of their values is a mixture.
"""

from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.mixture import GaussianMixture

import wengert as wg

ERUPTIONS = np.loadtxt(Path(__file__).parent / "data" / "faithful.txt").reshape(-1, 2)
KINDS = 2


def unpacked(theta, d):
    """Of free parameters: logits (k,), means (k, d), and upper triangles U (k, d, d) with inverse covariances U U'."""
    parts = theta.reshape(KINDS, -1)
    logits, means, logs, rest = np.split(parts, [1, 1 + d, 1 + 2 * d], axis=1)
    diagonal = np.exp(logs)[:, :, None] * np.eye(d)
    above = np.zeros((d * (d - 1) // 2, d, d))
    above[(np.arange(len(above)), *np.triu_indices(d, 1))] = 1.0
    return logits[:, 0], means, diagonal + np.einsum("kr,rij->kij", rest, above)


def negative_log_likelihood(theta, x):
    """Mean over the points x (n, d)."""
    logits, means, factors = unpacked(theta, x.shape[1])
    log_weights = logits - np.logaddexp.reduce(logits)
    white = np.einsum("nki,kij->nkj", x[:, None] - means, factors)
    logs = np.sum(np.log(np.diagonal(factors, axis1=1, axis2=2)), axis=1) - 0.5 * x.shape[1] * np.log(2.0 * np.pi)
    return -np.mean(np.logaddexp.reduce(log_weights + logs - 0.5 * np.sum(white**2, axis=2), axis=1))


with_gradient = wg.compile(wg.value_and_grad(negative_log_likelihood))


def fit(x):
    """Weights (k,), means (k, d), covariances (k, d, d), in the order of the weights, and the log likelihood."""
    d = x.shape[1]
    start = np.zeros((KINDS, 1 + 2 * d + d * (d - 1) // 2))
    start[:, 1 : 1 + d] = np.quantile(x, [0.25, 0.75], axis=0)
    start[:, 1 + d : 1 + 2 * d] = -np.log(x.std(axis=0))
    found = minimize(with_gradient, start.ravel(), (x,), jac=True, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-9})
    logits, means, factors = unpacked(found.x, d)
    weights = np.exp(logits) / np.sum(np.exp(logits))
    order = np.argsort(weights)
    return weights[order], means[order], np.linalg.inv(factors @ factors.mT)[order], -found.fun * len(x)


def of_scikit_learn(x):
    """The same by expectation maximisation."""
    model = GaussianMixture(KINDS, tol=1e-12, reg_covar=0.0, max_iter=1000, random_state=0).fit(x)
    order = np.argsort(model.weights_)
    return model.weights_[order], model.means_[order], model.covariances_[order], model.score(x) * len(x)


def main():
    for name, (weights, means, covariances, value) in (
        ("wengert", fit(ERUPTIONS)),
        ("scikit-learn", of_scikit_learn(ERUPTIONS)),
    ):
        print(f"{name}: log likelihood {value:.6f}")
        for weight, mean, covariance in zip(weights, means, covariances, strict=True):
            print(f"  {weight:.6f} of {mean.round(5)}, variances {np.diag(covariance).round(5)}")


if __name__ == "__main__":
    main()
