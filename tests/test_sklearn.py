"""Are the estimators what scikit-learn's are, and do they learn as well?"""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp

pytest.importorskip("sklearn", "1.6")

from sklearn import datasets, linear_model, neural_network
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import has_fit_parameter

import wengert as wg
from wengert.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = datasets.load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(np.exp(0.5 * X[:, 0]))
WEIGHTS = RNG.uniform(0.5, 2.0, len(X))
SETS = np.stack([Y == 0, Y > 0, X[:, 0] > 0.5], axis=1).astype(int)
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 20, "learning_rate_init": 0.01, "random_state": 0}
OURS = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


# ---- against scikit-learn's networks ----


def put(estimator, coefs, intercepts):
    """Give an estimator other parameters."""
    for parameter, array in zip(estimator.net_.parameters(), interleaved(coefs, intercepts), strict=True):
        parameter.data = array
    return pickle.loads(pickle.dumps(estimator))


def interleaved(coefs, intercepts):
    return [array for pair in zip(coefs, intercepts, strict=True) for array in pair]


TASKS = [
    ("MLPClassifier", {}, Y > 0),
    ("MLPClassifier", {}, Y),
    ("MLPClassifier", {}, SETS),
    ("MLPRegressor", {}, X[:, 0] ** 2),
    ("MLPRegressor", {}, X[:, :2] ** 2),
    ("MLPRegressor", {"loss": "poisson"}, COUNTS),
]


@pytest.mark.parametrize(("name", "options", "y"), TASKS)
@pytest.mark.parametrize("activation", ["relu", "logistic", "tanh", "identity"])
def test_predictions_are_those_of_the_same_weights_in_scikit_learn(name, options, y, activation):
    options = options | {"hidden_layer_sizes": (7, 5), "activation": activation, "max_iter": 3, "random_state": 0}
    theirs = getattr(neural_network, name)(**options).fit(X, y)
    ours = put(OURS[name](**options).fit(X, y), theirs.coefs_, theirs.intercepts_)
    np.testing.assert_array_equal(ours.coefs_[1], theirs.coefs_[1])
    if name == "MLPRegressor":
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-12, atol=1e-13)
        return
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(np.exp(ours.predict_log_proba(X)), theirs.predict_proba(X), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("name", "options", "y"), TASKS)
@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_descent_on_full_batches_goes_where_scikit_learn_goes(name, options, y, nesterov, weights):
    """So the loss, its sum over outputs, the weight decay and the sample weights mean the same."""
    options = options | {
        "hidden_layer_sizes": (7, 5), "activation": "tanh", "solver": "sgd", "alpha": 3.0, "batch_size": len(X),
        "learning_rate_init": 0.05, "nesterovs_momentum": nesterov, "max_iter": 1, "random_state": 0,
    }  # fmt: skip
    theirs = getattr(neural_network, name)(**options, warm_start=True).fit(X, y)
    ours = put(OURS[name](**options, warm_start=True).fit(X, y), theirs.coefs_, theirs.intercepts_)
    start = theirs.coefs_[0].copy()
    weighted = {} if weights is None else {"sample_weight": weights}
    if weights is not None and not has_fit_parameter(theirs, "sample_weight"):
        pytest.skip("this scikit-learn has no sample weights for networks")
    for estimator in (ours, theirs):
        estimator.set_params(max_iter=12).fit(X, y, **weighted)
    assert np.abs(theirs.coefs_[0] - start).max() > 0.1
    for mine, other in zip(
        interleaved(ours.coefs_, ours.intercepts_), interleaved(theirs.coefs_, theirs.intercepts_), strict=True
    ):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (datasets.load_digits, "MLPClassifier"),
        (datasets.load_breast_cancer, "MLPClassifier"),
        (datasets.load_wine, "MLPClassifier"),
        (datasets.load_diabetes, "MLPRegressor"),
    ],
)
def test_defaults_learn_real_data_as_well_as_scikit_learns(load, name):
    x, y = load(return_X_y=True)
    x, x_new, y, y_new = train_test_split(x, y, random_state=0, stratify=y if name == "MLPClassifier" else None)
    scores = [
        make_pipeline(StandardScaler(), make(random_state=0)).fit(x, y).score(x_new, y_new)
        for make in (OURS[name], getattr(neural_network, name))
    ]
    # One of the 45 new wines is 2.2 %.
    assert scores[0] >= scores[1] - 0.03, scores
    assert scores[0] > (0.9 if name == "MLPClassifier" else 0.3), scores


# ---- against linear models, which are networks without hidden layers ----


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
@pytest.mark.parametrize(
    ("ours", "theirs", "y"),
    [
        (MLPClassifier(alpha=0.5), linear_model.LogisticRegression(C=2.0, tol=1e-9, max_iter=1000), Y > 0),
        (MLPClassifier(alpha=0.5), linear_model.LogisticRegression(C=2.0, tol=1e-9, max_iter=1000), Y),
        (
            MLPClassifier(alpha=0.5, class_weight={1: 3.0}),
            linear_model.LogisticRegression(C=2.0, tol=1e-9, max_iter=1000, class_weight={1: 3.0}),
            Y,
        ),
        (MLPRegressor(alpha=2.0), linear_model.Ridge(alpha=2.0), X[:, 0] ** 2),
        (MLPRegressor(alpha=2.0), linear_model.Ridge(alpha=2.0), X[:, :3] ** 2),
    ],
)
def test_without_hidden_layers_it_is_a_linear_model(ours, theirs, y, weights):
    ours.set_params(hidden_layer_sizes=(), solver="lbfgs", max_iter=1000, tol=1e-9, random_state=0)
    ours.fit(X, y, sample_weight=weights)
    theirs.fit(X, y, sample_weight=weights)
    predict = "predict_proba" if hasattr(theirs, "predict_proba") else "predict"
    np.testing.assert_allclose(getattr(ours, predict)(X), getattr(theirs, predict)(X), atol=2e-5)


def test_balanced_classes_have_the_same_sum_of_weights():
    weights = np.where(Y == 0, 5.0, WEIGHTS)
    sums = np.bincount(Y, weights)
    options = {"hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 0.0, "max_iter": 40, "random_state": 0}
    by_class = MLPClassifier(**options, class_weight="balanced").fit(X, Y, weights)
    by_hand = MLPClassifier(**options).fit(X, Y, weights / sums[Y])
    np.testing.assert_allclose(by_class.predict_proba(X), by_hand.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("weights", [None, WEIGHTS[:31]], ids=["", "weights"])
@pytest.mark.parametrize(
    ("options", "cost"),
    [
        ({"loss": "squared_error"}, lambda e: e * e),
        ({"loss": "absolute_error"}, abs),
        ({"loss": "huber", "delta": 0.7}, lambda e: np.where(abs(e) < 0.7, e * e / 2, 0.7 * (abs(e) - 0.35))),
        ({"loss": "quantile", "quantile": 0.8}, lambda e: np.maximum(0.8 * e, -0.2 * e)),
    ],
)
def test_without_information_the_best_constant_is_learned(options, cost, weights):
    y = np.sort(RNG.exponential(3.0, 31))
    model = MLPRegressor((), **options, solver="lbfgs", random_state=0).fit(np.zeros((31, 1)), y, weights)
    constants = np.sort(np.r_[y, np.linspace(y[0], y[-1], 20_001)])
    costs = np.average(cost(y[:, None] - constants), axis=0, weights=weights)
    assert model.predict([[0.0]])[0] == pytest.approx(constants[costs.argmin()], abs=2e-3 * (y[-1] - y[0]))


def test_poisson_regression_is_that_of_scikit_learn():
    ours = MLPRegressor((), loss="poisson", alpha=len(X) * 0.1, solver="lbfgs", tol=1e-9, random_state=0).fit(X, COUNTS)
    theirs = linear_model.PoissonRegressor(alpha=0.1, tol=1e-9, max_iter=1000).fit(X, COUNTS)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-5)


# ---- kinds of data ----


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
@pytest.mark.parametrize("of", [sp.csr_matrix, sp.csc_array, sp.coo_array])
def test_sparse_samples_give_the_same_bits(of, weights, early_stopping):
    options = QUICK | {"early_stopping": early_stopping, "batch_size": 32, "dropout": 0.2}
    dense = MLPClassifier(**options).fit(X, Y, weights)
    sparse = MLPClassifier(**options).fit(of(X), Y, weights)
    np.testing.assert_array_equal(sparse.predict_proba(of(X)), dense.predict_proba(X))
    np.testing.assert_allclose(sparse.loss_curve_, dense.loss_curve_, rtol=1e-12)


def test_sparse_samples_are_never_dense_as_a_whole(monkeypatch):
    most = 0

    def watched(self, *args, **kwargs):
        nonlocal most
        most = max(most, self.shape[0])
        return plain(self, *args, **kwargs)

    plain = sp.csr_array.toarray
    monkeypatch.setattr(sp.csr_array, "toarray", watched)
    x = sp.random_array((30_000, 20), density=0.1, format="csr", rng=0)
    y = np.asarray(x.sum(axis=1) > 1.0)
    model = MLPClassifier(**QUICK | {"max_iter": 1, "early_stopping": True}).fit(x, y)
    assert 0 < most <= 256
    assert len(model.predict(x)) == 30_000
    assert most < 10_000


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_frames_give_the_same_bits_and_their_names(package):
    module = pytest.importorskip(package)
    names = ["a", "b", "c", "d"]
    frame = module.DataFrame(dict(zip(names, X.T, strict=True)))
    model = MLPClassifier(**QUICK).fit(frame, module.Series(Y))
    assert (model.feature_names_in_.tolist(), model.n_features_in_) == (names, 4)
    np.testing.assert_array_equal(model.predict_proba(frame), MLPClassifier(**QUICK).fit(X, Y).predict_proba(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[names[::-1]])


@pytest.mark.parametrize("labels", [["setosa", "a", "virginica"], [-3, 7, 0], [2.0, 5.0, 1.0]])
def test_labels_may_be_anything_that_can_be_sorted(labels):
    places = np.argsort(np.argsort(labels))
    model = MLPClassifier(**QUICK).fit(X, np.array(labels)[Y])
    assert model.classes_.tolist() == sorted(labels)
    by_number = MLPClassifier(**QUICK).fit(X, places[Y]).predict(X)
    assert model.predict(X).tolist() == [sorted(labels)[k] for k in by_number]


def test_float32_is_float32_and_about_the_same():
    single = MLPClassifier(**QUICK, dtype="float32").fit(X, Y)
    assert {array.dtype for array in (*single.coefs_, single.predict_proba(X))} == {np.dtype(np.float32)}
    np.testing.assert_allclose(single.predict_proba(X), MLPClassifier(**QUICK).fit(X, Y).predict_proba(X), atol=1e-3)


# ---- learning in pieces, again, and ending ----


@pytest.mark.parametrize("of", [np.asarray, sp.csr_array])
def test_partial_fit_is_an_epoch(of):
    """The whole as one batch, again and again, is what `fit` does."""
    options = QUICK | {"max_iter": 5, "batch_size": 150}
    by_pieces = MLPClassifier(**options)
    for _ in range(5):
        by_pieces.partial_fit(of(X), Y, classes=[2, 0, 1])
    whole = MLPClassifier(**options).fit(X, Y)
    np.testing.assert_allclose(by_pieces.predict_proba(X), whole.predict_proba(X), rtol=1e-9)
    np.testing.assert_allclose(by_pieces.loss_curve_, whole.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize("model", [MLPClassifier(**QUICK), MLPRegressor(**QUICK, solver="sgd")])
def test_copies_learn_on_as_the_original(model, again):
    model = clone(model)
    classes = {"classes": [0, 1, 2]} if isinstance(model, MLPClassifier) else {}
    model.partial_fit(X[:50], Y[:50], **classes)
    other = again(model)
    for each in (model, other):
        for piece in (slice(0, 150), slice(20, 27)):  # larger than any before it, and small
            each.partial_fit(X[piece], Y[piece], sample_weight=WEIGHTS[piece])
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    np.testing.assert_array_equal(other.coefs_[0], model.coefs_[0])


def test_warm_start_goes_on():
    model = MLPClassifier(**QUICK, warm_start=True).fit(X, Y)
    first = model.loss_curve_
    assert model.fit(X, Y).loss_curve_[0] < first[-1] * 1.01
    with pytest.raises(ValueError, match="not there before"):
        MLPClassifier(**QUICK, warm_start=True).fit(X[:100], Y[:100]).fit(X, Y)


def test_early_stopping_keeps_the_best_network():
    y = np.where(RNG.random(len(Y)) < 0.3, RNG.integers(0, 3, len(Y)), Y)  # which cannot all be learned
    model = MLPClassifier(early_stopping=True, learning_rate_init=0.05, validation_fraction=0.3, random_state=0)
    model.fit(X, y)
    losses = model.validation_loss_curve_
    assert model.best_loss_ == min(losses) < losses[-1]
    assert model.n_iter_ < model.max_iter
    # Scikit-learn's rule: it ends once 11 epochs in a row were no better than the best by tol.
    assert model.n_iter_ >= np.argmin(losses) + 11


def test_random_state_is_as_in_scikit_learn():
    def coefs(state):
        return MLPClassifier(**QUICK | {"random_state": state}).fit(X, Y).coefs_[0]

    np.testing.assert_array_equal(coefs(3), coefs(3))
    state = np.random.RandomState(3)
    first = coefs(state)
    np.testing.assert_array_equal(first, coefs(3))
    assert not np.array_equal(first, coefs(state))  # it went on
    assert not np.array_equal(coefs(None), coefs(None))


def test_too_few_iterations_are_told():
    with pytest.warns(ConvergenceWarning, match="after 2 iterations"):
        MLPClassifier(**QUICK | {"max_iter": 2}).fit(X, Y)


@pytest.mark.parametrize("of", [np.asarray, sp.csr_array])
def test_an_interrupt_leaves_the_best_network_so_far(of):
    def rate(count):
        if count == 7:
            raise KeyboardInterrupt
        return 0.01

    options = QUICK | {"batch_size": 150}
    with pytest.warns(UserWarning, match="interrupted after 7 iterations"):
        stopped = MLPClassifier(**options | {"learning_rate_init": rate}).fit(of(X), Y)
    seven = MLPClassifier(**options | {"max_iter": 7}).fit(of(X), Y)
    assert stopped.loss_curve_ == seven.loss_curve_
    np.testing.assert_array_equal(stopped.predict_proba(X), seven.predict_proba(X))


def test_grid_search_over_a_pipeline_in_two_processes():
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(solver="lbfgs", max_iter=50, random_state=0))
    grid = {"mlpclassifier__hidden_layer_sizes": [(), (8,)], "mlpclassifier__alpha": [0.1, 1e4]}
    search = GridSearchCV(pipeline, grid, n_jobs=2, cv=3).fit(X, Y)
    assert search.best_params_["mlpclassifier__alpha"] == 0.1
    assert search.best_score_ > 0.9


# ---- what is refused ----


@pytest.mark.parametrize(
    ("options", "y", "what"),
    [
        ({"hidden_layer_sizes": (3, 0)}, Y, "hidden_layer_sizes must be .*got"),
        ({"activation": "sofmax"}, Y, "no activation 'sofmax'"),
        ({"solver": "newton"}, Y, "one of adam, sgd, rmsprop, lbfgs"),
        ({"alpha": -1.0}, Y, "alpha"),
        ({"alpha": np.nan}, Y, "alpha"),
        ({"batch_size": 0}, Y, "batch_size"),
        ({"max_iter": 1.5}, Y, "max_iter"),
        ({"learning_rate_init": 0.0}, Y, "learning_rate_init"),
        ({"validation_fraction": 1.0}, Y, "validation_fraction"),
        ({"dropout": 0.5, "solver": "lbfgs"}, Y, "lbfgs"),
        ({"dtype": "int64"}, Y, "float64 or float32"),
        ({"class_weight": "even"}, Y, "class_weight"),
        ({"class_weight": {5: 1.0}}, Y, r"\[5\]"),
        ({"class_weight": {1: -1.0}}, Y, "at least 0"),
        ({"class_weight": dict.fromkeys(range(3), 0.0)}, Y, "nothing to learn"),
        ({"class_weight": "balanced"}, SETS, "sets of labels"),
        ({}, np.zeros(150), "one class only"),
        ({}, np.stack([Y, Y], axis=1), "several columns"),
        ({}, X[:, 0], "continuous"),
    ],
)
def test_classifiers_refuse_what_cannot_be_meant(options, y, what):
    with pytest.raises(ValueError, match=what):
        MLPClassifier(**options).fit(X, y)


@pytest.mark.parametrize(
    ("options", "y", "what"),
    [
        ({"loss": "square"}, Y, "one of squared_error"),
        ({"quantile": "half"}, Y, "quantile"),
        ({"delta": 0.0}, Y, "delta"),
        ({"loss": "poisson"}, X[:, 0], "no target may be negative"),
        ({"loss": "poisson"}, np.zeros(150), "some must be positive"),
        ({"dtype": "float32"}, X[:, 0] * 1e200, "infinite in float32"),
    ],
)
def test_regressors_refuse_what_cannot_be_meant(options, y, what):
    with pytest.raises(ValueError, match=what):
        MLPRegressor(**options).fit(X, y)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_numbers_too_large_to_square_are_told(solver):
    with pytest.raises(wg.NonFiniteError, match="loss"):
        MLPRegressor(solver=solver).fit(X, X[:, 0] * 1e200)


@pytest.mark.parametrize(
    ("call", "error", "what"),
    [
        (lambda model: model.partial_fit(X, Y), ValueError, "needs classes="),
        (lambda model: model.partial_fit(X, Y, classes=[0, 1]), ValueError, "not there before"),
        (
            lambda model: model.partial_fit(X, Y, [0, 1, 2]).partial_fit(X, Y, [0, 1]),
            ValueError,
            "not what the first call",
        ),
        (lambda model: model.partial_fit(X, SETS).partial_fit(X, Y), ValueError, "sets of labels"),
        (lambda model: model.set_params(solver="lbfgs").partial_fit(X, Y, [0, 1, 2]), AttributeError, "partial_fit"),
        (lambda model: model.set_params(class_weight="balanced").partial_fit(X, Y, [0, 1, 2]), ValueError, "balanced"),
    ],
)
def test_partial_fit_refuses_what_cannot_be_meant(call, error, what):
    with pytest.raises(error, match=what):
        call(MLPClassifier(**QUICK))


def test_what_could_not_be_fitted_is_not_fitted():
    model = MLPClassifier(**QUICK, early_stopping=True)
    with pytest.raises(ValueError, match="test_size"):
        model.fit(X[48:52], Y[48:52])
    with pytest.raises(NotFittedError):
        model.predict(X)
