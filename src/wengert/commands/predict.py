"""What does `wengert predict` do: from a network in a file and a table to predictions?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from wengert import models
from wengert.commands.csv_files import Frame, read_csv
from wengert.commands.table_columns import Array, shortened
from wengert.commands.table_tasks import probabilities
from wengert.commands.tables import Classes, Recipe
from wengert.commands.train import check_output
from wengert.errors import NonFiniteError, ProgramFormatError
from wengert.extras import needed
from wengert.nn import MLP
from wengert.training import Predictor


def add_options(parser: argparse.ArgumentParser) -> None:
    """Tell the parser of the command's options."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="a file written by wengert train")
    parser.add_argument("table", type=Path, metavar="CSV", help="a table with the columns of the one it learned from")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the predictions go (default: printed)")


def run(options: argparse.Namespace) -> int:
    """Predict; gives the exit code."""
    if options.output:
        check_output(options.output, [options.model, options.table])
    net, recipe = load(options.model)
    frame = read_csv(options.table)
    predictions, remarks = predict(net, recipe, frame)
    known = {column.name for column in recipe.columns} | {recipe.target.name, *recipe.left_out}
    if unknown := [name for name in frame.columns if name not in known]:
        remarks.append(f"columns that the model does not know: {shortened(unknown)}")
    for remark in remarks:
        print(f"wengert: {remark}", file=sys.stderr)
    text = predictions.write_csv()
    if options.output:
        options.output.write_text(text, encoding="utf-8", newline="")
    else:
        sys.stdout.write(text)
    return 0


def load(path: Path) -> tuple[MLP, Recipe]:
    """The network and the recipe in a file of `wengert train`.

    Raises
    ------
    ProgramFormatError
        If it is no such file.
    """
    net, extra = models.load_with_extra(path)
    try:
        recipe = Recipe.from_json(extra)
    except ProgramFormatError as error:
        raise ProgramFormatError(f"{path} was not written by wengert train: {error}") from error
    sizes = net.layers[0].weights.shape[0], net.layers[-1].weights.shape[1]
    wanted = recipe.width, recipe.target.width
    if sizes != wanted:
        raise ProgramFormatError(f"{path} is damaged: its network has sizes {sizes}, but its recipe {wanted}")
    return net, recipe


def predict(net: MLP, recipe: Recipe, frame: Frame) -> tuple[Frame, list[str]]:
    """A table of predictions, and what is strange about the one they come from."""
    polars = needed("polars", "a table", "nn")
    x, remarks = recipe.encoded(frame)
    outputs = Predictor(net)(x).astype(np.float64)
    if not np.isfinite(outputs).all():
        raise NonFiniteError("the model gives numbers that are not finite, so its file is damaged")
    target = recipe.target
    if not isinstance(target, Classes):
        return polars.DataFrame({target.name: texts(outputs * target.std + target.mean)}), remarks
    columns = {target.name: [target.labels[k] for k in outputs.argmax(axis=1)]}
    of_classes = probabilities(outputs)
    columns |= {f"probability {label}": texts(of_classes[:, k]) for k, label in enumerate(target.labels)}
    return polars.DataFrame(columns), remarks


def texts(values: Array) -> list[str]:
    """With as many digits as float32 has."""
    return [f"{value:.7g}" for value in values]
