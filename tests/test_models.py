"""Do networks survive being saved, and are damaged files refused with a sentence?"""

import json
import os
import struct

import numpy as np
import pytest

import wengert as wg
from wengert import models, nn, tensors

safetensors = pytest.importorskip("safetensors")

NETS = {
    "plain": lambda: nn.MLP(3, [4, 2]),
    "one layer": lambda: nn.MLP(3, [1]),
    "all there is": lambda: nn.MLP(3, [8, 5, 1], "tanh", seed=5, dropout=0.2, layer_norm=True, dtype=np.float32),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


@pytest.mark.parametrize("name", NETS)
def test_a_network_comes_back(name, path):
    net = NETS[name]()
    for parameter in net.parameters():
        parameter.data = np.random.default_rng(1).normal(size=parameter.shape)
    models.save(net, path, extra={"columns": ["a", "b"], "é": None})
    again, extra = models.load_with_extra(path)
    assert extra == {"columns": ["a", "b"], "é": None}
    x = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(again(x).data, net(x).data)
    np.testing.assert_array_equal(again(x, (0, 1)).data, net(x, (0, 1)).data)
    assert [p.dtype for p in again.parameters()] == [p.dtype for p in net.parameters()]


def test_the_reference_library_reads_it(path):
    from safetensors.numpy import load_file

    net = nn.MLP(3, [4, 1], layer_norm=True)
    models.save(net, path)
    arrays = load_file(path)
    names = ["0.weights", "0.bias", "1.scale", "1.shift", "2.weights", "2.bias"]
    assert sorted(arrays) == sorted(names)
    for name, parameter in zip(names, net.parameters(), strict=True):
        np.testing.assert_array_equal(arrays[name], parameter.data)


def test_an_activation_without_a_name_cannot_be_saved(path):
    with pytest.raises(wg.WengertError, match="activation that is a function"):
        models.save(nn.MLP(2, [3, 1], activation=lambda x: x * x), path)
    assert not path.exists()


def test_a_write_that_fails_leaves_the_old_file(path, monkeypatch):
    models.save(nn.MLP(2, [1]), path)
    before = path.read_bytes()

    def no_space(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        models.save(nn.MLP(2, [5, 1]), path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


# ---- damaged and hostile files ----


def test_a_truncated_file_is_refused_wherever_it_ends(path):
    models.save(nn.MLP(2, [3, 1]), path)
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 17), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(wg.ProgramFormatError, match="no intact file"):
            models.load(path)


def test_any_byte_may_be_wrong(path):
    """A changed byte gives other numbers or our own error, and nothing else."""
    net = nn.MLP(2, [2, 1])
    models.save(net, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for position in rng.choice(len(whole), 300, replace=False):
        changed = bytearray(whole)
        changed[position] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(changed))
        try:
            loaded = models.load(path)
        except wg.ProgramFormatError:
            continue
        assert loaded(np.ones(2)).shape == ()


def written(settings, arrays, kind=models.KIND, version=1):
    """A file with such settings."""
    from safetensors.numpy import save

    text = json.dumps({"kind": kind, "version": version, "settings": settings})
    return save(arrays, {tensors.NAME: text})


GOOD = {"n_in": 2, "n_outs": [1]}
ARRAYS = {"0.weights": np.ones((2, 1)), "0.bias": np.ones(1)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no intact file"),
        (b"not a network at all", "no intact file"),
        (struct.pack("<Q", 2**62) + b"{}", "no intact file"),
        (struct.pack("<Q", 2) + b"{}", "not written by wengert"),
        (written({"network": GOOD, "extra": None}, ARRAYS, kind="checkpoint"), "is a checkpoint"),
        (written({"network": GOOD, "extra": None}, ARRAYS, version=7), "version 7"),
        (written({}, ARRAYS), "describes no network"),
        (written([], ARRAYS), "describes no network"),
        (written({"network": {"n_in": -2, "n_outs": [1]}, "extra": None}, ARRAYS), "describes no network"),
        (written({"network": {"n_in": 2, "n_outs": "x"}, "extra": None}, ARRAYS), "describes no network"),
        (written({"network": GOOD | {"activation": "__import__"}, "extra": None}, ARRAYS), "describes no network"),
        (written({"network": GOOD | {"dtype": "object"}, "extra": None}, ARRAYS), "describes no network"),
        (written({"network": GOOD | {"n_in": 10**15}, "extra": None}, ARRAYS), "do not fit"),
        (written({"network": GOOD, "extra": None}, {"0.weights": np.ones((2, 1))}), "do not fit"),
        (written({"network": GOOD, "extra": None}, ARRAYS | {"1.bias": np.ones(1)}), "do not fit"),
        (written({"network": GOOD, "extra": None}, {"0.weights": np.ones((1, 2)), "0.bias": np.ones(1)}), "do not fit"),
    ],
)
def test_what_is_no_network_is_refused(content, message, path):
    path.write_bytes(content)
    with pytest.raises(wg.ProgramFormatError, match=message) as caught:
        models.load(path)
    assert path.name in str(caught.value)


def test_a_file_that_is_not_there_is_said_to_be_so(path):
    with pytest.raises(FileNotFoundError):
        models.load(path)
    with pytest.raises((IsADirectoryError, PermissionError)):
        models.load(path.parent)


def test_without_safetensors_the_extra_is_named(path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "safetensors.numpy", None)
    with pytest.raises(wg.MissingPackageError, match=r"pip install 'wengert\[nn\]'"):
        models.save(nn.MLP(2, [1]), path)
