"""What do the eight schools tell about coaching? Hamiltonian Monte Carlo, many chains as lanes of one program.

D. Rubin (1981) asked how much coaching raised the scores of students in eight schools; A. Gelman et al., "Bayesian
data analysis", section 5.5, made it the test of every sampler. The model is `eight_schools_noncentered` of Stan's
posteriordb (https://github.com/stan-dev/posteriordb), which publishes the means of the posterior with their Monte Carlo
errors. They can be had without sampling, too: `exact_means` integrates over one number.
"""

import numpy as np
from scipy.integrate import quad_vec

import wengert as wg

EFFECTS = (28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0)
ERRORS = (15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0)
NAMES = (*(f"theta {school}" for school in "ABCDEFGH"), "mu", "tau")
PUBLISHED = (6.15050, 4.93958, 3.90591, 4.79602, 3.61444, 4.05115, 6.31717, 4.88400, 4.41052, 3.60206)
PUBLISHED_ERROR = (0.0557, 0.0462, 0.0542, 0.0475, 0.0461, 0.0485, 0.0499, 0.0543, 0.0330, 0.0319)


def log_posterior(q):
    """Up to a constant, for q = (eight standardised effects, mu, log tau).

    Effects of the schools: theta = mu + tau z with z ~ normal(0, 1). Measurements: normal(theta, error). Priors:
    mu ~ normal(0, 5), tau ~ cauchy(0, 5) on the positive half; tau = exp(log tau) adds its logarithm.
    """
    mu, log_tau = q[8], q[9]
    tau = wg.exp(log_tau)
    total = log_tau - 0.5 * (mu / 5) ** 2 - wg.log1p((tau / 5) ** 2)
    for j in range(8):
        misfit = (EFFECTS[j] - mu - tau * q[j]) / ERRORS[j]
        total = total - 0.5 * (q[j] * q[j] + misfit * misfit)
    return total


def over_chains(log_density):
    """Values (C,) and gradients (C, n) of a log density at the positions (C, n) of C chains."""
    return wg.compile(wg.vmap(wg.value_and_grad(log_density)))


def sample(log_density, start, draws, warmup, steps=16, seed=0):
    """Hamiltonian Monte Carlo (R. Neal, 2011) with a step size that warm-up adapts to 80 percent of acceptance.

    Parameters
    ----------
    log_density : callable
        Of one position.
    start : ndarray, shape (C, n)
        Positions of C chains.
    draws, warmup : int
        How many positions to keep, and how many to drop before.
    steps : int
        Mean number of leapfrog steps; their number and size vary, so that no trajectory comes back to its start.
    seed : int
        Of the random numbers.

    Returns
    -------
    positions : ndarray, shape (draws, C, n)
    acceptance : float
        Mean probability of acceptance after warm-up.
    """
    density = over_chains(log_density)
    random = np.random.default_rng(seed)
    q, size = start, 0.1
    value, gradient = density(q)
    kept, rates = [], []
    for draw in range(warmup + draws):
        p = random.standard_normal(q.shape)
        new_q, new_p, new_value, new_gradient = q, p, value, gradient
        step = size * random.uniform(0.8, 1.2, size=(len(q), 1))
        for _ in range(random.integers(steps // 2, 2 * steps - steps // 2 + 1)):
            new_p = new_p + 0.5 * step * new_gradient
            new_q = new_q + step * new_p
            new_value, new_gradient = density(new_q)
            new_p = new_p + 0.5 * step * new_gradient
        gain = new_value - value - 0.5 * np.sum(new_p**2 - p**2, axis=1)
        rate = np.exp(np.minimum(np.nan_to_num(gain, nan=-np.inf), 0))
        accepted = random.uniform(size=len(q)) < rate
        q = np.where(accepted[:, None], new_q, q)
        value = np.where(accepted, new_value, value)
        gradient = np.where(accepted[:, None], new_gradient, gradient)
        if draw < warmup:
            size *= np.exp((np.mean(rate) - 0.8) / (1 + draw) ** 0.6)  # Robbins and Monro: the corrections die out
        else:
            kept.append(q)
            rates.append(np.mean(rate))
    return np.array(kept), float(np.mean(rates))


def effects(positions):
    """The eight effects, mu and tau from the positions of the chains."""
    mu, tau = positions[..., 8:9], np.exp(positions[..., 9:10])
    return np.concatenate([mu + tau * positions[..., :8], mu, tau], axis=-1)


def summary(draws):
    """Means over draws (D, C, n), and their Monte Carlo errors: the chains are independent, so they tell."""
    chains = draws.mean(axis=0)
    return chains.mean(axis=0), chains.std(axis=0, ddof=1) / len(chains) ** 0.5


def exact_means():
    """The means by integration over tau; given tau, everything is normal."""

    y, noise = np.array(EFFECTS), np.array(ERRORS) ** 2

    def moments(tau):
        precision = 1 / (noise + tau**2)
        spread = 1 / (precision.sum() + 1 / 25)
        mu = spread * (precision * y).sum()
        # The density of the effects with mu integrated out; constants cancel.
        misfit = (precision * y**2).sum() - mu**2 / spread
        weight = np.sqrt(precision.prod() * spread) * np.exp(-0.5 * misfit) / (1 + (tau / 5) ** 2)
        shrunk = (y * tau**2 + mu * noise) * precision
        return weight * np.array([1.0, *shrunk, mu, tau])

    total, *weighted = quad_vec(moments, 0, np.inf, epsrel=1e-12, epsabs=0)[0]
    return np.array(weighted) / total


def main(chains=100, draws=250, warmup=150):
    """Print the mean of every effect: exact, sampled, published."""
    start = np.random.default_rng(1).uniform(-2, 2, size=(chains, 10))
    positions, acceptance = sample(log_posterior, start, draws, warmup)
    means, errors = summary(effects(positions))
    print(f"{chains} chains of {draws} draws after {warmup} of warm-up, {acceptance:.0%} accepted")
    print("            exact     sampled  (error)    posteriordb  (error)")
    for row in zip(NAMES, exact_means(), means, errors, PUBLISHED, PUBLISHED_ERROR, strict=True):
        print("{:9}{:9.4f}{:10.3f}   ({:.3f}){:12.3f}    ({:.3f})".format(*row))


if __name__ == "__main__":
    main()
