"""Which digit is it? A network of one hidden layer on scikit-learn's 1797 images of 8 x 8 pixels.

Trains to 97 % of the images that it has not seen, saves the network, and reads it again.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import wengert as wg


def data():
    """Pixels from 0 to 1 and labels: to learn from, and a quarter to test with."""
    x, y = load_digits(return_X_y=True)
    return train_test_split((x / 16).astype(np.float32), y, test_size=0.25, random_state=0, stratify=y)


def accuracy(net, x, y):
    return float(np.mean(net(x).data.argmax(axis=1) == y))


def train(x, y, progress=False):
    net = wg.nn.MLP(64, [128, 10], dropout=0.2, dtype=np.float32)
    adam = wg.optim.Adam(lr=wg.optim.cosine(0.01, n_steps=40 * 22))
    history = wg.training.fit(net, x, y, wg.nn.cross_entropy, adam, epochs=40, batch_size=64, progress=progress)
    return net, history


def main():
    x, x_test, y, y_test = data()
    net, history = train(x, y, progress=sys.stderr.isatty())
    with TemporaryDirectory() as folder:
        path = Path(folder, "digits.safetensors")
        wg.models.save(net, path)
        size, again = path.stat().st_size, wg.models.load(path)
    seconds = sum(epoch.seconds for epoch in history.epochs)
    print(f"{len(history.epochs)} epochs in {seconds:.2f} s, loss {history.losses[-1]:.4f}")
    print(f"accuracy on images not seen: {accuracy(net, x_test, y_test):.3f}")
    print(f"saved in {size} bytes and read again: {accuracy(again, x_test, y_test):.3f}")


if __name__ == "__main__":
    main()
