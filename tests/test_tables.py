"""Do tables become the numbers that scikit-learn makes of them, and is what is wrong with one said?"""

import json
import math
import pathlib
import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.commands import table_tasks
from wengert.commands.csv_files import read_csv
from wengert.commands.table_columns import FARTHEST, Category, Number, as_texts, column_of
from wengert.commands.tables import Classes, Quantity, Recipe, classes_of

polars = pytest.importorskip("polars")
TARGET = Quantity("y", 0.0, 1.0)


def frame_of(**columns):
    return polars.DataFrame({name: [None if v is None else str(v) for v in values] for name, values in columns.items()})


def kind_of(values, name="x"):
    return column_of(as_texts(frame_of(**{name: values})).get_column(name))


# ---- what is a column? ----

WORDS = [f"word {k}" for k in range(40)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 4] * 10, Number),
        (["1e3", "-2.5", ".5", "+4"] * 10, Number),
        ([1.5, 2.5] * 20 + ["unknown"], Number),
        ([1.5, 2.5] * 10 + ["NA"] * 60, Number),
        (["a", "b"] * 20, Category),
        (["true", "false"] * 20, Category),
        ([1, 2, "3+"] * 20, Category),
        (["a", None] * 20, Category),
        ([7, None] * 20, Category),
        ([f"{k % 35}x" for k in range(200)], Category),
        (["a"] * 40, "constant"),
        ([3, 3.0] * 20, "constant"),
        ([None, "NA", "", "?"] * 10, "no values"),
        (range(40), "numbers of rows"),
        (range(40, 0, -1), "numbers of rows"),
        (range(100, 140), Number),
        (range(0, 80, 2), Number),
        (np.arange(40) + 0.5, Number),
        (WORDS, "another text in nearly every row"),
        (["2020-01-02", "2020-1-3 10:00", "2020-01-04T10:00:00Z"] * 10, "dates and times"),
        (["01.02.2020", "31/12/99"] * 10, "dates and times"),
        (["10:30", "11:45:10.5"] * 10, "dates and times"),
        (["2020-01-02", "never"] * 10, Category),
    ],
)
def test_kinds_of_columns(values, kind):
    found = kind_of(values)
    assert found == kind or isinstance(found, kind if isinstance(kind, type) else ())


@pytest.mark.parametrize("name", ["id", "ID", "Passenger Id", "user_id", "index"])
def test_a_name_tells_a_number_of_rows(name):
    assert kind_of(range(100, 140), name) == "numbers of rows"
    assert isinstance(kind_of([*range(100, 139), 100], name), Number)


# ---- which numbers? ----


def messy(rng, n=400):
    """A table with numbers and texts, some of them missing, some rare."""
    income, age = rng.normal(2e4, 9e3, n).round(1), rng.integers(18, 80, n).astype(float)
    age[rng.random(n) < 0.2] = np.nan
    city = rng.choice([f"city {k}" for k in range(40)], n, p=np.arange(1, 41) ** 2 / np.sum(np.arange(1, 41) ** 2))
    colour = rng.choice(["red", "green", "blue", None], n).tolist()
    return polars.DataFrame({"income": income, "age": age, "city": city, "colour": colour})


def test_numbers_are_those_of_scikit_learn():
    """Median, scaling, indicators, the 30 most frequent levels: imputers, scaler and encoder are the witnesses."""
    preprocessing, pandas = pytest.importorskip("sklearn.preprocessing"), pytest.importorskip("pandas")
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import MissingIndicator, SimpleImputer
    from sklearn.pipeline import make_pipeline

    old, new = messy(np.random.default_rng(0)), messy(np.random.default_rng(1))
    counts = old.get_column("city").value_counts().sort("count", descending=True).get_column("count").to_list()
    assert counts[29] > counts[30]  # or the choice of the levels would be one of ties
    numeric = make_pipeline(SimpleImputer(strategy="median"), preprocessing.StandardScaler())
    one_hot = preprocessing.OneHotEncoder(max_categories=31, handle_unknown="infrequent_if_exist", sparse_output=False)
    witness = ColumnTransformer(
        [
            ("income", numeric, ["income"]),
            ("age", numeric, ["age"]),
            ("age missing", MissingIndicator(), ["age"]),
            ("city", one_hot, ["city"]),
            ("colour", preprocessing.OneHotEncoder(sparse_output=False), ["colour"]),
        ]
    )
    witness.fit(pandas.DataFrame(old.to_dict(as_series=False)))
    recipe = Recipe.learned(old.with_columns(y=1), TARGET)
    assert recipe.names[:3] == ["income", "age", "age missing"]
    for frame in (old, new):
        numbers, remarks = recipe.encoded(frame)
        assert numbers.dtype == np.float32
        expected = witness.transform(pandas.DataFrame(frame.to_dict(as_series=False)))
        np.testing.assert_allclose(numbers, expected, rtol=1e-5, atol=1e-5)
        assert not remarks


def test_columns_may_come_in_another_order_and_among_others():
    frame = messy(np.random.default_rng(0), 50)
    recipe = Recipe.learned(frame, TARGET)
    shuffled = frame.select(["colour", "age", "income", "city"]).with_columns(more=polars.lit("x"))
    np.testing.assert_array_equal(recipe.encoded(shuffled)[0], recipe.encoded(frame)[0])


def test_strange_values_of_a_new_table_are_said():
    recipe = Recipe.learned(frame_of(x=[1, 2, 3, 4] * 5, c=["a", "b"] * 10), TARGET)
    new = frame_of(x=[1] * 20 + ["many"], c=["a"] * 20 + ["z"])
    numbers, remarks = recipe.encoded(new)
    assert numbers[-1].tolist() == [0.0, 0.0, 0.0]  # the median, which is the mean here; none of the levels
    assert len(remarks) == 2
    assert "x: " in remarks[0]
    assert "'many'" in remarks[0]
    assert "c: " in remarks[1]
    with pytest.raises(wg.errors.TableError, match=r"'x' should hold numbers.*'many'"):
        recipe.encoded(frame_of(x=["many"] * 20, c=["a"] * 20))
    with pytest.raises(wg.errors.TableError, match="no column 'c'; did you mean ' C'"):
        recipe.encoded(new.rename({"c": " C"}))


@pytest.mark.parametrize("values", [[1e308, -1e308, 0.0], [1e-310, 2e-310, 0.0], [0.0] * 999 + [1e9]])
def test_extreme_numbers_stay_finite(values):
    recipe = Recipe.learned(frame_of(x=values * 4), TARGET)
    numbers, _ = recipe.encoded(frame_of(x=[*values, "1e308", "-1e308"]))
    assert np.isfinite(numbers).all()
    assert np.abs(numbers).max() <= FARTHEST
    assert np.ptp(numbers[: len(values)]) > 1


# ---- targets ----


@pytest.mark.parametrize(
    ("values", "task", "labels"),
    [
        (["yes", "no"] * 10, None, ["no", "yes"]),
        (["true", "false"] * 10, None, ["false", "true"]),
        ([0, 1] * 10, None, ["0", "1"]),
        ([10, 9, 2] * 10, None, ["2", "9", "10"]),
        (["1.0", "2.0", "1"] * 10, None, ["1", "2"]),
        ([0.5, 1.5] * 10, None, None),
        (list(range(20)) * 4, None, None),
        (list(range(20)) * 5, None, [str(k) for k in range(20)]),
        (list(range(21)) * 5, None, None),
        (list(range(21)) * 5, "classification", [str(k) for k in range(21)]),
        ([0, 1] * 10, "regression", None),
        ([0, 1, "2+"] * 10, None, ["0", "1", "2+"]),
    ],
)
def test_the_target_decides_what_is_learned(values, task, labels):
    found = classes_of(frame_of(y=values).get_column("y"), task)
    if labels is None:
        assert found is None
    else:
        assert found[0] == labels
        assert [labels[k] for k in found[1]] == [str(value).removesuffix(".0") for value in values]


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        (["a"] * 20, None, "'a' in every row"),
        ([1, "1.0"] * 10, None, "'1' in every row"),
        (WORDS, None, "40 different values in 40 rows"),
        ([*range(30), "inf"], None, "but also 'inf'"),
        ([0.5, "a", "b"] * 10, "regression", "holds 'a', 'b'"),
        (np.arange(40) / 4, "classification", "40 different values"),
    ],
)
def test_targets_that_cannot_be_learned(values, task, message):
    with pytest.raises(wg.errors.TableError, match=message):
        classes_of(frame_of(y=values).get_column("y"), task)


# ---- rows ----


@given(
    st.lists(st.integers(1, 30), min_size=2, max_size=6).filter(lambda sizes: max(sizes) > 1),
    st.floats(0.05, 0.5),
    st.integers(0, 2**32),
)
def test_parts_have_the_classes_in_proportion(sizes, part, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    rng = np.random.default_rng(seed)
    rng.shuffle(groups)
    stay, taken = table_tasks.divided(np.arange(len(groups)), groups, part, rng)
    assert sorted([*stay, *taken]) == list(range(len(groups)))
    counts = np.bincount(groups[taken], minlength=len(sizes))
    assert (counts[np.array(sizes) == 1] == 0).all()
    assert (counts < sizes).all()
    assert counts.sum() >= 1
    eligible = sum(size for size in sizes if size > 1)
    for size, count in zip(sizes, counts, strict=True):
        assert size == 1 or abs(count - counts.sum() * size / eligible) <= 1 + 1e-9


def task_of(x, y, **options):
    columns = {f"x{k}": column for k, column in enumerate(x.T)}
    return table_tasks.Task.of(polars.DataFrame({**columns, "y": y}), "y", **options)


@pytest.mark.parametrize("name", ["load_digits", "load_wine", "load_breast_cancer", "load_diabetes"])
def test_scores_and_the_linear_model_are_those_of_scikit_learn(name):
    datasets = pytest.importorskip("sklearn.datasets")
    from sklearn import metrics
    from sklearn.linear_model import LogisticRegression, Ridge

    task = task_of(*getattr(datasets, name)(return_X_y=True))
    assert task.has_classes == (name != "load_diabetes")
    outputs = task.linear_model()(task.test.x).data
    scores = task.scores(outputs)
    if task.has_classes:
        witness = LogisticRegression(max_iter=10_000, tol=1e-8).fit(task.train.x.astype(float), task.train.y)
        chances = witness.predict_proba(task.test.x)
        np.testing.assert_allclose(table_tasks.probabilities(outputs), chances, atol=0.01)
        assert scores["accuracy"] == metrics.accuracy_score(task.test.y, outputs.argmax(axis=1))
        assert scores["log loss"] == pytest.approx(metrics.log_loss(task.test.y, chances), rel=0.02)
    else:
        witness = Ridge().fit(task.train.x.astype(float), task.train.y).predict(task.test.x)
        np.testing.assert_allclose(outputs, witness, atol=0.001)
        assert scores["R2"] == pytest.approx(metrics.r2_score(task.test.y, outputs))
        amounts = [z * task.recipe.target.std + task.recipe.target.mean for z in (task.test.y, outputs)]
        assert scores["MAE"] == pytest.approx(metrics.mean_absolute_error(*amounts), rel=1e-6)


def test_rows_that_are_held_out_teach_nothing():
    """They may hold anything: the recipe is the same."""
    x, y = np.arange(100.0)[:, None] + 0.5, [0, 1] * 50
    task = task_of(x, y)
    (column,) = task.recipe.columns
    rows = (task.test.x[:, 0] * column.std + column.mean).astype(int)
    assert len(set(rows)) == 20
    x[rows] = 1e6
    again = task_of(x, y)
    assert again.recipe == task.recipe
    assert (again.test.x == FARTHEST).all()
    assert (again.train.x == task.train.x).all()


def test_balancing_weights_give_each_class_the_same_weight():
    rng = np.random.default_rng(0)
    task = task_of(rng.normal(size=(100, 1)), [0] * 80 + [1] * 15 + [2] * 5)
    weights = task.balancing_weights()
    sums = [weights[task.train.y == k].sum() for k in range(3)]
    assert sums == pytest.approx([len(weights) / 3] * 3)


CELLS = ["", "NA", "0", "1", "2", "-1.5", "1e308", "inf", "nan", "a", "b", "é", "'", "2020-01-02", "True", "x" * 99]


@given(st.lists(st.lists(st.sampled_from(CELLS), min_size=3, max_size=3), min_size=1, max_size=30), st.integers(0, 9))
def test_any_table_is_learned_from_or_refused(rows, seed):
    frame = polars.DataFrame(rows, schema=["a", "b", "y"], orient="row")
    try:
        task = table_tasks.Task.of(frame, "y", seed=seed)
    except wg.errors.TableError:
        return
    n = 0
    for part in (task.train, task.validation, task.test):
        assert part.x.shape == (len(part.y), task.recipe.width)
        assert len(part.y) > 0
        assert np.isfinite(part.x).all()
        assert np.isfinite(part.y).all()
        n += len(part.y)
    assert n + task.n_without_target == len(rows)
    assert Recipe.from_json(json.loads(json.dumps(task.recipe.to_json()))) == task.recipe


# ---- recipes in files ----

RECIPES = [
    Recipe([Number("a", 1.0, 2.0, 3.0, True)], TARGET, {"b": "constant"}),
    Recipe([Category("a", ["x", "y"], False, True)], Classes("y", ["0", "1"]), {}),
]


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_go_through_json(recipe):
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


PLACES = [("columns",), ("columns", 0), ("target",), ("left_out",)]
PLACES += [("columns", 0, key) for key in ("kind", "name", "median", "mean", "std", "indicator", "levels", "missing")]
PLACES += [("target", key) for key in ("name", "labels", "mean", "std")]
WRONG = [None, 5, -1.0, 0, 1e-320, math.nan, 10**400, "os.system", [], {}, [[]], ["a", "a"], {"kind": "number"}, True]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("place", PLACES)
def test_wrong_recipes_are_refused_or_harmless(recipe, place):
    refused = 0
    for value in WRONG:
        described = inner = json.loads(json.dumps(recipe.to_json()))
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value
        try:
            changed = Recipe.from_json(described)
        except wg.ProgramFormatError:
            refused += 1
            continue
        numbers, _ = changed.encoded(polars.DataFrame({column.name: ["1"] * 20 for column in changed.columns}))
        assert numbers.shape == (20, changed.width)
        assert np.isfinite(numbers).all()
    assert refused > len(WRONG) / 2


# ---- files ----


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"a,b\n1,2\n", [("1", "2")]),
        (b"\xef\xbb\xbf a , b\r\n 1 ,2", [("1", "2")]),
        (b"a,b\r1,2\r3,4\r", [("1", "2"), ("3", "4")]),
        (b"a;b\n1,5;x, y\n", [("1.5", "x, y")]),
        (b"a\tb\n1,5\tx\n", [("1,5", "x")]),
        (b'"a,;",b\n"1\n2","say ""x"""\n', [("1\n2", 'say "x"')]),
        (b"a,b\n1,\n,\n\n3,4\n\n", [("1", None), (None, None), (None, None), ("3", "4")]),
        ("a,b\né,漢\n".encode(), [("é", "漢")]),
        (b"a\n1\n", [("1",)]),
        (b",b\n1,2\n", [("1", "2")]),
    ],
)
def test_csv_files(tmp_path, data, rows):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    assert read_csv(path).rows() == rows


@given(st.binary(max_size=200) | st.text('ab1,;"\n\r\t \ufeff', max_size=60).map(str.encode))
def test_any_bytes_are_a_table_or_refused(data):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "t.csv")
        path.write_bytes(data)
        try:
            frame = read_csv(path)
        except wg.errors.TableError:
            return
    assert frame.height > 0
    assert set(frame.dtypes) == {polars.String}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"a,b\n", "no rows"),
        (b"a" * 1_000_000, "no rows"),
        (b"a,b\n1\n", "line 2 has 1 of 2 fields"),
        (b"a,b\n1,2\n1,2,3\n", "line 3 has 3 of 2 fields"),
        (b"a,b\n" + b"1," * 999_999 + b"1", "line 2 has 1,000,000 of 2 fields"),
        (b"1," * 999_999 + b"1", "1,000,000 columns"),
        (b'a,b\n1,"x\n', "line 2"),
        (b'a,b\n1,x"y\n3,"z"\n', "CSV"),
        (b"a,a\n1,2\n", "2 columns called 'a'"),
        ("a,b\n1,é\n".encode("utf-16"), "UTF-16"),
        ("a,b\n1,é\n".encode("utf-16-le"), "not a text file"),
        ("a,b\n1,é\n".encode("latin-1"), "0xe9 in line 2"),
        (bytes(range(256)) * 9, "not a text file"),
        (b"PK\x03\x04\x14\x00", "not a text file"),
    ],
)
def test_files_that_are_no_tables(tmp_path, data, message):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(wg.errors.TableError, match=message) as caught:
        read_csv(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
