"""Which scales fit a Gaussian process to the progression of diabetes? The gradient of a marginal likelihood.

The data are those of B. Efron et al., "Least angle regression" (2004), which scikit-learn brings along: ten
measurements of 442 patients and the progression of their disease. The covariance is a squared exponential with a scale
for each measurement, plus noise (C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning",
2006, section 2.3 and equation 5.1). scikit-learn has the same model with a gradient that was derived by hand.
"""

import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_diabetes
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

import wengert as wg


def negative_log_likelihood(theta, x, y):
    """Of targets (n,) at the points x (n, d), for the logarithms theta of the variance, the d scales and the noise."""
    variance, scales, noise = np.exp(theta[0]), np.exp(theta[1:-1]), np.exp(theta[-1])
    z = x / scales
    squares = np.sum(z**2, axis=1)
    distances = squares[:, None] + squares - 2.0 * z @ z.T
    factor = np.linalg.cholesky(variance * np.exp(-0.5 * distances) + noise * np.eye(len(y)))
    white = np.linalg.solve(factor, y)
    return 0.5 * white @ white + np.sum(np.log(np.diag(factor))) + 0.5 * len(y) * np.log(2.0 * np.pi)


with_gradient = wg.compile(wg.value_and_grad(negative_log_likelihood))


def standardised():
    """The points (442, 10) and targets (442,), each with mean 0 and standard deviation 1."""
    x, y = load_diabetes(return_X_y=True)
    return (x - x.mean(axis=0)) / x.std(axis=0), (y - y.mean()) / y.std()


def of_scikit_learn(theta, x, y):
    """The same value and gradient by scikit-learn."""
    kernel = ConstantKernel(1.0) * RBF(np.ones(x.shape[1])) + WhiteKernel(1.0)
    model = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(x, y)
    value, gradient = model.log_marginal_likelihood(theta, eval_gradient=True)
    return -value, -gradient


def fit(function, x, y):
    """Minimise from all scales 10, with a function that gives value and gradient."""
    start = np.log([1.0, *[10.0] * x.shape[1], 0.5])
    return minimize(function, start, (x, y), jac=True, method="L-BFGS-B", bounds=[(-5.0, 7.0)] * len(start))


def main():
    x, y = standardised()
    start = np.zeros(x.shape[1] + 2)
    for name, function in (("wengert", with_gradient), ("scikit-learn", of_scikit_learn)):
        value, gradient = function(start, x, y)
        print(f"{name:12}  at the start {value:.9f}, length of the gradient {np.linalg.norm(gradient):.9f}")
    for name, function in (("wengert", with_gradient), ("scikit-learn", of_scikit_learn)):
        found = fit(function, x, y)
        print(f"{name:12}  at the minimum {found.fun:.6f}, noise {np.exp(found.x[-1]):.4f}, scales")
        print("  ", "  ".join(f"{scale:.1f}" for scale in np.exp(found.x[1:-1])))


if __name__ == "__main__":
    main()
