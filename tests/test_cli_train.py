"""Do `wengert train` and `wengert predict` do what they say, on real tables and on broken ones?"""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import wengert as wg
from wengert import cli, tensors
from wengert.commands.csv_files import read_csv
from wengert.commands.table_tasks import probabilities
from wengert.commands.tables import Recipe
from wengert.training.fit import Loop

for package in ("matplotlib", "polars", "safetensors", "sklearn"):
    pytest.importorskip(package)

COMMAND = [sys.executable, "-m", "wengert.cli"]


def in_another_process(*arguments):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, encoding="utf-8")


def run(capsys, *arguments):
    """Exit code, and what was printed to stdout and to stderr."""
    try:
        code = cli.main([*map(str, arguments)])
    except SystemExit as error:
        code = error.code
    return code, *capsys.readouterr()


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Real tables."""
    from sklearn import datasets

    folder = tmp_path_factory.mktemp("tables")
    for name in ("digits", "breast_cancer", "wine", "diabetes"):
        data = getattr(datasets, f"load_{name}")()
        table = np.column_stack([data.data, data.target])
        header = ",".join([*map(str, data.feature_names), "target"])
        np.savetxt(folder / f"{name}.csv", table, delimiter=",", header=header, comments="", fmt="%.8g")
    return folder


# ---- real tables ----


@pytest.mark.parametrize(
    ("name", "kind", "score"),
    # Somewhat below what the peers' networks and linear models get on such splits.
    [
        ("digits", "accuracy", 0.96),
        ("breast_cancer", "accuracy", 0.93),
        ("wine", "accuracy", 0.9),
        ("diabetes", "R2", 0.35),
    ],
)
def test_real_tables(folder, capsys, name, kind, score):
    table, model = folder / f"{name}.csv", folder / f"{name}.safetensors"
    code, out, err = run(capsys, "train", table, "--target", "target", "--json")
    facts = json.loads(out)
    assert (code, err) == (0, "")
    scores = facts["scores"]
    assert scores["network"][kind] >= score
    assert scores["network"][kind] > scores["baseline"][kind] + 0.2
    assert scores["linear"][kind] > scores["baseline"][kind] + 0.2
    assert facts["task"] == ("regression" if kind == "R2" else "classification")
    assert facts["stopped"] == "early"
    assert facts["model"] == str(model)
    assert (folder / f"{name}-curve.png").read_bytes().startswith(b"\x89PNG")

    # The held-out score is a mean of what the file predicts, as another process sees it.
    done = in_another_process("predict", model, table)
    assert (done.returncode, done.stderr) == (0, "")
    predicted, true = rows_of(done.stdout), rows_of(table.read_text())
    assert len(predicted) == len(true)
    net, extra = wg.models.load_with_extra(model)
    outputs = net(Recipe.from_json(extra).encoded(read_csv(table))[0]).data.astype(float)
    values = np.array([[float(value) for value in row.values()] for row in predicted])
    targets = np.array([float(row["target"]) for row in true])
    if kind == "accuracy":
        np.testing.assert_allclose(values[:, 1:], probabilities(outputs), rtol=1e-4, atol=1e-9)
        assert (values[:, 0] == outputs.argmax(axis=1)).all()
        assert np.mean(values[:, 0] == targets) >= score
    else:
        target = Recipe.from_json(extra).target
        np.testing.assert_allclose(values[:, 0], outputs * target.std + target.mean, rtol=1e-5)
        assert 1 - np.mean((values[:, 0] - targets) ** 2) / np.var(targets) >= score


def test_the_same_seed_gives_the_same_file(folder, capsys, tmp_path):
    files = [tmp_path / f"{k}.safetensors" for k in range(3)]
    for seed, file in zip([3, 3, 4], files, strict=True):
        options = ["--seed", seed, "--output", file, "--epochs", 3, "--hidden", "8", "--quiet"]
        assert run(capsys, "train", folder / "wine.csv", "--target", "target", *options) == (0, "", "")
    same, again, other = (file.read_bytes() for file in files)
    assert same == again != other


def messy_table(n=300):
    rng = np.random.default_rng(0)
    age = rng.integers(18, 80, n).tolist()
    kind = rng.choice(["oak", "fir", "elm, old"], n).tolist()
    grown = [a > 40 and k != "fir" for a, k in zip(age, kind, strict=True)]
    return {
        "id": list(range(n)),
        "age": ["" if k % 10 == 0 else a for k, a in enumerate(age)],
        "kind": ["NA" if k % 15 == 0 else f'"{text}"' for k, text in enumerate(kind)],
        "planted": ["2020-01-02"] * n,
        "day": [f"2020-01-{1 + k % 28:02d}" for k in range(n)],
        "place": [f"s{k % 37}" for k in range(n)],
        "note": [f"remark {k}" for k in range(n)],
        "grown": ["" if k == 7 else text for k, text in enumerate(grown)],
    }


def write(path, columns):
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_what_is_done_with_a_messy_table_is_said(capsys, tmp_path):
    table = write(tmp_path / "trees.csv", messy_table())
    code, out, err = run(capsys, "train", table, "--target", "grown", "--balanced")
    assert (code, err) == (0, "")
    assert all(len(line) <= 80 or str(tmp_path) in line for line in out.splitlines())
    said = " ".join(out.split())
    for text in (
        "300 rows, 8 columns",
        "2 classes",
        "1 rows without it are left out",
        "numbers age: standardised",
        "kind (3), place (30 and other): one-hot",
        "left out id: numbers of rows",
        "left out planted: constant",
        "left out day: dates and times",
        "left out note: another text in nearly every row",
        "age 30 (median, marked), kind 20 (a level)",
        "classes balanced",
        "network 64-64",
        "logistic regression",
        "most frequent class",
        f"model {tmp_path / 'trees.safetensors'}",
        f"curve {tmp_path / 'trees-curve.png'}",
    ):
        assert text in said

    columns = messy_table(40)
    new = {name: columns[name] for name in ("kind", "place", "age")} | {"colour": ["red"] * 40}
    new["kind"][3], new["age"][5] = "ash", "old"
    code, out, err = run(capsys, "predict", tmp_path / "trees.safetensors", write(tmp_path / "new.csv", new))
    assert code == 0
    assert "kind: levels that were not learned: 'ash'" in err
    assert "age: not numbers, so taken as missing: 'old'" in err
    assert "columns that the model does not know: colour" in err
    rows = rows_of(out)
    assert [*rows[0]] == ["grown", "probability False", "probability True"]
    assert len(rows) == 40
    right = [row["grown"] == str(grown) for row, grown in zip(rows, columns["grown"], strict=True) if grown != ""]
    assert np.mean(right) > 0.85


def test_every_row_has_a_prediction(capsys, tmp_path):
    """Also an empty one; and a file of predictions holds what is printed else."""
    columns = {"a": [1, 2, 3, 4] * 10, "y": [1.5, 2.5, 3.5, 4.5] * 10}
    table, model = write(tmp_path / "t.csv", columns), tmp_path / "t.safetensors"
    assert run(capsys, "train", table, "--target", "y", "--quiet") == (0, "", "")
    new = tmp_path / "new.csv"
    new.write_text("a\n1\n\n4\n")
    code, out, _ = run(capsys, "predict", model, new)
    values = [float(row["y"]) for row in rows_of(out)]
    assert code == 0
    assert len(values) == 3
    assert values[0] < values[1] < values[2]
    assert run(capsys, "predict", model, new, "--output", tmp_path / "p.csv") == (0, "", "")
    assert (tmp_path / "p.csv").read_text() == out


def test_names_of_any_script(tmp_path):
    """Also where the locale has no letters for them, and in the names of files."""
    table = write(tmp_path / "výška.csv", {"高さ": [1, 2, 3, 4] * 10, "Größe": [1.5, 2.5, 3.5, 4.5] * 10})
    for arguments in (["train", table, "--target", "Größe"], ["predict", table.with_suffix(".safetensors"), table]):
        command = [*COMMAND, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
        assert (done.returncode, done.stderr) == (0, b"")
        assert "Größe" in done.stdout.decode()


# ---- Ctrl-C ----


@pytest.mark.parametrize("epoch", [1, 4])
def test_an_interrupted_training_keeps_the_best(folder, capsys, tmp_path, monkeypatch, epoch):
    one_epoch, model = Loop.one_epoch, tmp_path / "net.safetensors"

    def interrupted(loop, number, *arguments):
        if number == epoch:
            raise KeyboardInterrupt
        return one_epoch(loop, number, *arguments)

    monkeypatch.setattr(Loop, "one_epoch", interrupted)
    code, _, err = run(capsys, "train", folder / "wine.csv", "--target", "target", "--output", model)
    assert code == 130
    if epoch == 1:
        assert "nothing is saved" in err
        assert not model.exists()
    else:
        assert f"{model} holds the best network so far, of epoch 3 of 3" in err
        assert run(capsys, "predict", model, folder / "wine.csv")[0] == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_a_real_ctrl_c(folder, tmp_path):
    """Whenever it comes, there is no traceback; the file is there if an epoch was done."""
    options = ["--output", tmp_path / "net.safetensors", "--hidden", "512,512", "--lr", "1e-7", "--epochs", "100000"]
    command = [*COMMAND, "train", folder / "digits.csv", "--target", "target", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not process.stdout.readline().startswith("split"):
            assert process.poll() is None
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "interrupted" in err
    assert (tmp_path / "net.safetensors").exists() == ("holds the best" in err)


# ---- what is wrong is said, in one sentence and with exit code 2 ----

GOOD = {"age": [21, 35, 50, 28] * 10, "price": [1.5, 3.25, 7.0, 2.5] * 10}


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (GOOD, ["--target", "Prices"], "no column 'Prices'; did you mean 'price'?"),
        (GOOD, ["--target", "zzz"], "no column 'zzz'; there are age, price"),
        (GOOD, ["--target", "age", "--drop", "pric"], "did you mean 'price'?"),
        (GOOD, ["--target", "age", "--drop", "age"], "cannot be dropped"),
        (GOOD, ["--target", "price", "--drop", "age"], "no column to predict 'price' from"),
        (GOOD, ["--target", "price", "--balanced"], "is a number"),
        (GOOD, ["--target", "price", "--output", "nowhere/net"], "cannot write nowhere"),
        (GOOD, ["--target", "price", "--output", "."], "it is a folder"),
        (GOOD, ["--target", "price", "--output", "table.csv"], "would replace"),
        (GOOD, ["--target", "price", "--lr", "1e30"], "layer"),
        (GOOD | {"price": [2] * 40}, ["--target", "price"], "'2' in every row"),
        (GOOD | {"price": [""] * 40}, ["--target", "price"], "has no values"),
        (GOOD | {"price": [f"class {k}" for k in range(40)]}, ["--target", "price"], "40 different values in 40 rows"),
        (GOOD | {"price": ["dear"] * 40}, ["--target", "price", "--task", "regression"], "holds 'dear'"),
        ({"age": [1, 2], "price": [3, 4]}, ["--target", "price"], "2 rows with a target are too few"),
        ({"a": GOOD["age"], "id": range(40), "b": [3] * 40}, ["--target", "a"], "id: numbers of rows; b: constant"),
    ],
)
def test_what_cannot_be_learned(capsys, tmp_path, monkeypatch, columns, options, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "table.csv", columns)
    code, _, err = run(capsys, "train", "table.csv", *options, "--quiet")
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "table.safetensors").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "No such file"),
        (b"", "is empty"),
        (b"a,y\n", "no rows"),
        (b"a,y\n1,2\n3\n", "line 3 has 1 of 2 fields"),
        (b"a,y\n" + b"1," * 999_999 + b"1\n", "1,000,000 of 2 fields"),
        (b"1," * 999_999 + b"1\n", "1,000,000 columns"),
        ("a,y\n1,é\n".encode("utf-16"), "UTF-16"),
        ("a,y\n1,é\n".encode("latin-1"), "Latin-1"),
        (bytes(range(256)) * 9, "not a text file"),
    ],
)
def test_files_that_are_no_tables(folder, capsys, tmp_path, data, message):
    path = tmp_path / "t.csv"
    if data is not None:
        path.write_bytes(data)
    model = tmp_path / "net.safetensors"
    assert run(capsys, "train", folder / "wine.csv", "--target", "target", "--epochs", 1, "--output", model)[0] == 0
    for arguments in (["train", path, "--target", "y"], ["predict", model, path]):
        code, _, err = run(capsys, *arguments)
        assert code == 2
        assert message in err
        assert err.count("\n") == 1


def test_tables_without_a_column_of_the_model(folder, capsys, tmp_path):
    run(capsys, "train", folder / "wine.csv", "--target", "target", "--epochs", 1, "--output", tmp_path / "net")
    new = write(tmp_path / "new.csv", {"Alcohol": [1]})
    code, out, err = run(capsys, "predict", tmp_path / "net", new)
    assert (code, out) == (2, "")
    assert "no column 'alcohol'; did you mean 'Alcohol'?" in err


@pytest.fixture(scope="module")
def model(folder):
    path = folder / "hostile.safetensors"
    assert cli.main(["train", str(folder / "wine.csv"), "--target", "target", "--quiet", "--output", str(path)]) == 0
    return path


@pytest.mark.parametrize("size", [0, 4, 8, 100, -1])
def test_truncated_models(folder, capsys, tmp_path, model, size):
    part = tmp_path / "part.safetensors"
    part.write_bytes(model.read_bytes()[:size])
    code, out, err = run(capsys, "predict", part, folder / "wine.csv")
    assert (code, out) == (2, "")
    assert "no intact file" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "change",
    [
        {"n_in": 10**9},
        {"n_in": 10**400},
        {"n_in": "13"},
        {"n_outs": [10**9, 10**9, 3]},
        {"n_outs": []},
        {"n_outs": {"a": 1}},
        {"activation": "__import__"},
        {"activation": ["relu"]},
        {"seed": -1},
        {"dropout": 2},
        {"dtype": "object"},
        {"surprise": 1},
    ],
    ids=str,
)
def test_models_of_impossible_networks(folder, capsys, tmp_path, model, change):
    arrays, settings = tensors.read(model, "network")
    path = tmp_path / "net.safetensors"
    tensors.write(path, "network", arrays, settings | {"network": settings["network"] | change})
    code, out, err = run(capsys, "predict", path, folder / "wine.csv")
    assert (code, out) == (2, "")
    assert str(path) in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "extra", [None, 5, "x", [], {}, {"columns": []}, "fewer columns", "fewer classes", "NaN"], ids=str
)
def test_models_with_a_wrong_recipe(folder, capsys, tmp_path, model, extra):
    """Of another kind, of other sizes than the network, or with numbers that are none."""
    arrays, settings = tensors.read(model, "network")
    recipe = settings["extra"]
    changed = {
        "fewer columns": recipe | {"columns": recipe["columns"][1:]},
        "fewer classes": recipe | {"target": {"name": "target", "labels": ["0", "1"]}},
    }
    if extra == "NaN":
        arrays = {name: array * np.nan for name, array in arrays.items()}
    path = tmp_path / "net.safetensors"
    described = recipe if extra == "NaN" else changed.get(extra, extra) if isinstance(extra, str) else extra
    tensors.write(path, "network", arrays, settings | {"extra": described})
    code, out, err = run(capsys, "predict", path, folder / "wine.csv")
    assert (code, out) == (2, "")
    assert err.startswith("wengert: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "options",
    [
        ["--epochs", "0"],
        ["--lr", "nan"],
        ["--lr", "-1"],
        ["--dropout", "1"],
        ["--test-size", "0.6"],
        ["--hidden", "8,0"],
        ["--hidden", "eight"],
        ["--seed", "-1"],
        ["--task", "sorting"],
        [],
    ],
)
def test_wrong_options(folder, capsys, options):
    target = ["--target", "target"] if options else []
    code, _, err = run(capsys, "train", folder / "wine.csv", *target, *options)
    assert code == 2
    assert "usage" in err


def test_no_hidden_layers(folder, capsys):
    code, out, _ = run(capsys, "train", folder / "wine.csv", "--target", "target", "--hidden", "")
    assert code == 0
    assert "network without hidden layers" in out


@pytest.mark.skipif(os.name == "nt", reason="there are no such pipes on Windows")
def test_a_reader_that_has_enough(folder, model, tmp_path):
    """`wengert predict ... | head` ends in silence."""
    table = tmp_path / "long.csv"
    header, *rows = (folder / "wine.csv").read_text().splitlines()
    table.write_text("\n".join([header, *rows * 200]))
    with subprocess.Popen(
        [*COMMAND, "predict", model, table], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (0, b"")


@pytest.mark.parametrize(("package", "command"), [("polars", "train"), ("safetensors", "train"), ("polars", "predict")])
def test_without_a_package(folder, capsys, monkeypatch, model, package, command):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    table = folder / "wine.csv"
    arguments = ["train", table, "--target", "target"] if command == "train" else ["predict", model, table]
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert "pip install 'wengert[nn]'" in err


def test_without_matplotlib_there_is_a_model_but_no_curve(folder, capsys, monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    model = tmp_path / "net.safetensors"
    code, out, err = run(capsys, "train", folder / "wine.csv", "--target", "target", "--epochs", 1, "--output", model)
    assert (code, err) == (0, "")
    assert "none: a learning curve needs matplotlib" in " ".join(out.split())
    assert [*tmp_path.iterdir()] == [model]
