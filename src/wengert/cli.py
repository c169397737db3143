"""What does the command `wengert` do?"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import wengert
from wengert._core import builds
from wengert._core.cpu import supported_builds
from wengert.commands import predict as cli_predict
from wengert.commands import train as cli_train
from wengert.errors import WengertError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    parser = argparse.ArgumentParser(prog="wengert", description="Automatic differentiation on the CPU.")
    commands = parser.add_subparsers(dest="command", required=True)
    information = commands.add_parser("info", help="print version, build and what the processor can run")
    information.add_argument("--json", action="store_true", help="for machines")
    information.set_defaults(run=run_info)
    bench = commands.add_parser("bench", help="train a classifier with wengert and its peers, and compare")
    bench.add_argument("--json", action="store_true", help="print the figures for machines")
    bench.add_argument("--output", type=Path, metavar="FOLDER", help="write bench.json, bench.md and bench.png there")
    bench.add_argument("--epochs", type=positive, default=5, help="passes over the data (default %(default)s)")
    bench.add_argument("--rounds", type=positive, default=12, help="rounds of each timing (default %(default)s)")
    bench.set_defaults(run=run_bench)
    train = commands.add_parser("train", help="learn to predict a column of a CSV file from the others")
    cli_train.add_options(train)
    train.set_defaults(run=cli_train.run)
    predict = commands.add_parser("predict", help="predict that column for the rows of another CSV file")
    cli_predict.add_options(predict)
    predict.set_defaults(run=cli_predict.run)
    for stream in (sys.stdout, sys.stderr):  # tables may have names of any script, and files any bytes as names
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    options = parser.parse_args(arguments)
    try:
        return options.run(options)  # type: ignore[no-any-return]
    except BrokenPipeError:  # whoever read the output has enough; what is still to be written would fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        message, code = "interrupted", cli_train.INTERRUPTED
    except OSError as error:
        message, code = f"{error.filename}: {error.strerror}" if error.filename else str(error), 2
    except (WengertError, MemoryError) as error:
        message, code = str(error) or "there is not enough memory", 2
    print(f"wengert: {message}", file=sys.stderr)
    return code


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a positive whole number, got {number}")
    return number


def info() -> dict[str, Any]:
    """Version, build and processor."""
    return {
        "wengert": wengert.__version__,
        "build": builds.selected,
        "builds available": builds.available_builds(),
        "builds this processor runs": supported_builds(),
        "processor": platform.processor() or platform.machine(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "ops": len(wengert.ops.OPS),
    }


def run_info(options: argparse.Namespace) -> int:
    facts = info()
    if options.json:
        print(json.dumps(facts))
    else:
        for name, fact in facts.items():
            print(f"{name:<27} {', '.join(fact) if isinstance(fact, list) else fact}")
    return 0


def run_bench(options: argparse.Namespace) -> int:
    try:
        import matplotlib  # noqa: F401
        import micrograd  # noqa: F401
        import sklearn  # noqa: F401
        import tqdm  # noqa: F401
    except ImportError as missing:
        print(f"wengert bench needs {missing.name}: pip install 'wengert[run]'", file=sys.stderr)
        return 2
    from wengert.benchmarks import bench

    results = bench.measure(options.epochs, options.rounds, show_progress=sys.stderr.isatty() or not options.json)
    if options.output:
        bench.write(results, options.output)
    print(json.dumps(results) if options.json else bench.table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
