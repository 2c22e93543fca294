"""Reads a table of predator and prey counts: a CSV file with the columns year, lynx and hare.

Lines that start with # are comments; the first other line names the columns, in any order; further columns are left alone.
Every way in which a file can be unusable has its own message, with the line at fault: see CountsError.
"""

import csv
import math
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .lotka_volterra import NAMES, STEPS_PER_YEAR

COLUMNS = ("year", "lynx", "hare")
LEAST_ROWS = len(NAMES) // 2 + 1  # two residuals a row: more residuals than parameters, so that there is an error to estimate
MOST_STEPS = 20_000
PELTS = files(__package__) / "lynx_hare.csv"


class CountsError(ValueError):
    """A file of counts cannot be used; the message names the file, the line, what was expected and what was found."""


class Counts(NamedTuple):
    """Counts of two species, by year."""

    years: np.ndarray  # (n,), increasing
    counts: np.ndarray  # (n, 2): hare, lynx; positive


def read_counts(path=PELTS):
    """The Counts in a CSV file; without a path the pelts of lynx and hare that the package carries."""
    try:
        text = (Path(path) if isinstance(path, str) else path).read_text("utf-8-sig")
    except OSError as error:
        raise CountsError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CountsError(f"{path}: is not text in UTF-8: byte {error.start} is {error.object[error.start]:#04x}") from None
    rows = list(_lines(text, path))
    if not rows:
        raise CountsError(f"{path}: holds no line but comments; expected a header with {', '.join(COLUMNS)}, then one row a year")
    places = _places(*rows[0], path)
    table = np.array([_row(number, fields, places, path) for number, fields in rows[1:]]).reshape(-1, 3)
    for (number, _), year, before in zip(rows[2:], table[1:, 0], table[:-1, 0]):
        if year <= before:
            raise CountsError(f"{path}, line {number}: year {year:g} comes after year {before:g}; expected increasing years")
    if len(table) < LEAST_ROWS:
        raise CountsError(f"{path}: has {len(table)} rows of counts; expected at least {LEAST_ROWS}, to fit {len(NAMES)} parameters")
    for name, column in zip(COLUMNS[1:], table.T[1:]):
        if np.all(column == column[0]):
            raise CountsError(f"{path}: {name} is {column[0]:g} in every row; expected counts that rise and fall")
    first, last = table[[0, -1], 0].tolist()
    steps = max(STEPS_PER_YEAR * (last - first), len(table) - 1)
    if steps > MOST_STEPS:
        raise CountsError(
            f"{path}: the years {first:g} to {last:g} in {len(table)} rows take {steps:,.0f} integration steps, {STEPS_PER_YEAR} a year; "
            f"expected at most {MOST_STEPS:,}: are these years?"
        )
    return Counts(table[:, 0].copy(), table[:, [2, 1]])


def _lines(text, path):
    """(line number, fields) of each line that is neither blank nor a comment."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                (fields,) = csv.reader([line], strict=True)
            except (csv.Error, ValueError) as error:
                raise CountsError(f"{path}, line {number}: is not CSV: {error}") from None
            yield number, [field.strip() for field in fields]


def _places(number, header, path):
    """The position of each of COLUMNS in the header."""
    names = [name.lower() for name in header]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        raise CountsError(
            f"{path}, line {number}: no column{plural} {', '.join(missing)}; expected a header with {', '.join(COLUMNS)}, "
            f"found {', '.join(header)}"
        )
    for name in COLUMNS:
        if names.count(name) > 1:
            raise CountsError(f"{path}, line {number}: column {name} is named {names.count(name)} times; expected each once")
    return [names.index(name) for name in COLUMNS]


def _row(number, fields, places, path):
    """[year, lynx, hare] of a line."""
    row = []
    for name, place in zip(COLUMNS, places):
        if place >= len(fields) or not fields[place]:
            raise CountsError(f"{path}, line {number}: no {name}: expected a number in field {place + 1}, found {','.join(fields)!r}")
        try:
            value = float(fields[place])
        except ValueError:
            raise CountsError(f"{path}, line {number}: {name} is not a number: {fields[place]!r}") from None
        if not math.isfinite(value):
            raise CountsError(f"{path}, line {number}: {name} is {value}; expected a finite number (leave out a year that was not counted)")
        if name != "year" and value <= 0:
            raise CountsError(f"{path}, line {number}: {name} is {value:g}; expected a positive number, since the fit compares logarithms")
        row.append(value)
    return row
