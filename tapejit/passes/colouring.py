"""Colouring: columns of a sparse matrix that share no row have one colour, and one sweep with their seeds added up finds them all.

Curtis, Powell and Reid, On the estimation of sparse Jacobian matrices (1974). In: a Pattern. Out: a Colouring, which says for each stored
element of the matrix where the sweeps leave its value. Greedy, in linear time: each row keeps the colours it has met as bits of an int.
Read next: `compress.py`, which appends the sweeps.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

Colouring = namedtuple("Colouring", "reverse colours count places")
Colouring.__doc__ = """How a sparse matrix is found in `count` sweeps.

reverse   the seeds are cotangents of rows, not tangents of columns
colours   of each seeded row or column; -1 where it is empty
places    of each stored element, in CSR order: colour * (length of what a sweep gives) + index in it
"""


def colour(pattern, rows, columns, symmetric, modes, most):
    """The Colouring of a matrix with the fewest colours among the modes ('forward' where they are equal); None where each needs more than `most`.

    symmetric: the matrix is; then an element may be found as its mirror image.
    """
    fullest = {"forward": np.diff(pattern.starts).max(initial=0), "reverse": np.bincount(pattern.columns).max(initial=0)}
    best = None
    for mode in sorted(modes, key=fullest.get):  # the one that promises fewer colours first: the other is soon given up
        if best is not None:
            most = best.count - (mode == "reverse")
        found = _forward(pattern, rows, columns, symmetric, most) if mode == "forward" else _reverse(pattern, rows, columns, most)
        best = best if found is None else found
    return best


def _forward(pattern, rows, columns, symmetric, most):
    colours, border = _bordered(pattern, columns, most) if symmetric else (_greedy(pattern, columns, most), None)
    if colours is None:
        return None
    at = pattern.rows
    places = colours[pattern.columns] * rows + at
    if border is not None:
        mirrored = border[at] & ~border[pattern.columns]
        places[mirrored] = colours[at[mirrored]] * columns + pattern.columns[mirrored]
    return Colouring(False, colours, int(colours.max(initial=-1)) + 1, places)


def _reverse(pattern, rows, columns, most):
    colours = _greedy(pattern.transposed(columns), rows, most)
    if colours is None:
        return None
    return Colouring(True, colours, int(colours.max(initial=-1)) + 1, colours[pattern.rows] * columns + pattern.columns)


def _greedy(pattern, columns, most):
    """A colour for each column such that no two in one row are equal; None where that takes more than `most`."""
    fullest = int(np.diff(pattern.starts).max(initial=0))
    if fullest > most:
        return None
    if fullest == columns:
        return np.arange(columns)
    for regular in _regular(columns, fullest):  # of bands, and of blocks either way they lie: no better one exists
        met = np.zeros((pattern.starts.size - 1) * fullest, bool)
        met[pattern.rows * fullest + regular[pattern.columns]] = True
        if np.count_nonzero(met) == pattern.columns.size:
            return regular
    by_column = pattern.transposed(columns)
    degrees = np.diff(by_column.starts)
    best = _in_order(by_column, range(columns), pattern.starts.size - 1, most)
    found = most + 1 if best is None else int(best.max(initial=-1)) + 1
    if found > fullest:
        other = _in_order(by_column, np.argsort(-degrees, kind="stable").tolist(), pattern.starts.size - 1, found - 1)
        best = best if other is None else other
    return best


def _regular(columns, count):
    """Colourings with `count` colours that come in turn, or one after the other."""
    if 0 < count < columns:
        yield np.arange(columns) % count
        if columns % count == 0:
            yield np.arange(columns) // (columns // count)


def _in_order(by_column, order, rows, most):
    """The greedy colouring of the columns in an order, or None."""
    starts, members = by_column.starts.tolist(), by_column.columns.tolist()
    met = [0] * rows  # of each row, the colours of its columns so far, as bits
    colours = np.full(len(starts) - 1, -1, np.intp)
    for j in order:
        own = members[starts[j]:starts[j + 1]]
        if not own:
            continue
        taken = 0
        for i in own:
            taken |= met[i]
        free = ~taken & (taken + 1)
        number = free.bit_length() - 1
        if number >= most:
            return None
        colours[j] = number
        for i in own:
            met[i] |= free
    return colours


def _bordered(pattern, n, most):
    """(colours of a symmetric matrix, which columns have a colour of their own): the fullest ones, whose rows are found as their columns.

    Without these rows the others share colours: a matrix with an arrow's shape takes 2.
    """
    degrees = np.bincount(pattern.columns, minlength=n)
    order = np.argsort(-degrees, kind="stable")
    sizes = np.arange(n) + degrees[order]  # with the first k in the border, no row that is left can be fuller than the next column
    count = int(np.argmin(sizes)) if n else 0
    plain = _greedy(pattern, n, most)
    if count == 0 or (plain is not None and int(plain.max(initial=-1)) + 1 <= int(sizes[count])):
        return plain, None
    border = np.zeros(n, bool)
    border[order[:count]] = True
    at = pattern.rows
    inner = ~border[at] & ~border[pattern.columns]
    starts = np.zeros(n + 1, np.intp)
    np.cumsum(np.bincount(at[inner], minlength=n), out=starts[1:])
    colours = _greedy(type(pattern)(starts, pattern.columns[inner]), n, most - count)
    if colours is None:
        return plain, None
    own = int(colours.max(initial=-1)) + 1
    if plain is not None and int(plain.max(initial=-1)) + 1 <= own + count:
        return plain, None
    colours[order[:count]] = own + np.arange(count)
    return colours, border
