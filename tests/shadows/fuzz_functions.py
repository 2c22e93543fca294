"""The functions that the fuzz differentiates, each with its derivative written in NumPy.

Values are small multiples of 1/8 and the functions of low degree, so that every result is exact in float32, in any order of summation.
A Case says which leaves its function writes, from which arguments those values flow, and what comes out.
"""

import numpy as np

weights = None  # an array that `weighted_global` captures by its global name


def numbers(tree):
    """The leaves of a container that are numbers or arrays."""
    if isinstance(tree, dict):
        return [leaf for child in tree.values() for leaf in numbers(child)]
    if isinstance(tree, (list, tuple)):
        return [leaf for child in tree for leaf in numbers(child)]
    if hasattr(tree, "weight"):
        return numbers(tree.weight) + numbers(tree.rest)
    return [] if tree is None or isinstance(tree, (str, int)) else [tree]


def total_of(numbers):
    total = 0.0
    for number in numbers:
        total = total + np.sum(number)
    return total


def each(function, *columns):
    """function over the leaves of every argument: lists of lists."""
    return [[function(*row) for row in zip(*lists)] for lists in zip(*columns)]


class Case:
    """A function and its derivative.

    shape    how its arguments are drawn: 'any', 'arrays', 'twins' (two of one structure) or 'rated' (arrays, then a float)
    writes   {argument: slice of its numeric leaves}; flows: {written argument: arguments that its final values depend on}

    finals(args, w): the arguments afterwards; results(args, w): the numbers of the result
    reverse(args, bars, g, w): what the shadows `bars` become, for the cotangents g of the results
    forward(args, dots, w): (what the tangents `dots` become, the tangents of the results)

    args, bars and dots are lists (arguments) of lists (leaves), zero where nothing comes in; w is the captured array.
    """

    shape, writes, flows = "any", {}, {}
    captures, has_result, seeded = False, True, False

    def finals(self, args, w):
        return args


class Energy(Case):
    def make(self, _):
        def energy(*args):
            total = 0.0
            for leaf in numbers(args):
                total = total + np.sum(leaf * leaf)
            return total
        return energy

    def results(self, args, w):
        return [sum(np.sum(x * x) for arg in args for x in arg)]

    def reverse(self, args, bars, g, w):
        return each(lambda x, b: b + 2 * g[0] * x, args, bars)

    def forward(self, args, dots, w):
        return dots, [sum(np.sum(2 * x * d) for xs, ds in zip(args, dots) for x, d in zip(xs, ds))]


class First(Case):
    """All leaves but the first have no derivative."""

    def make(self, _):
        def first(*args):
            return 2 * np.sum(numbers(args)[0])
        return first

    def results(self, args, w):
        return [2 * np.sum(args[0][0])]

    def reverse(self, args, bars, g, w):
        out = [list(bar) for bar in bars]
        out[0][0] = out[0][0] + 2 * g[0]
        return out

    def forward(self, args, dots, w):
        return dots, [2 * np.sum(dots[0][0])]


class Weighted(Case):
    """Reads an array of a closure, or of the module."""

    captures = True

    def make(self, read):
        if read is None:
            def weighted_global(*args):
                return total_of(numbers(args)) * np.sum(weights)
            return weighted_global

        def weighted(*args):
            return total_of(numbers(args)) * np.sum(read[0])
        return weighted

    def results(self, args, w):
        return [np.sum(w) * sum(np.sum(x) for arg in args for x in arg)]

    def reverse(self, args, bars, g, w):
        return each(lambda b: b + np.sum(w) * g[0], bars)

    def forward(self, args, dots, w):
        return dots, [np.sum(w) * sum(np.sum(d) for ds in dots for d in ds)]


class Multiples(Case):
    """Returns an array per leaf, so that it takes a seed."""

    shape, seeded = "arrays", True

    def make(self, _):
        def multiples(*args):
            return [(k + 2) * leaf for k, leaf in enumerate(numbers(args))]
        return multiples

    def results(self, args, w):
        return [(k + 2) * x for k, x in enumerate(x for arg in args for x in arg)]

    def reverse(self, args, bars, g, w):
        incoming = iter((k + 2) * seed for k, seed in enumerate(g))
        return each(lambda b: b + next(incoming), bars)

    def forward(self, args, dots, w):
        return dots, self.results(dots, w)


class Fill(Case):
    """Pure outputs; the array `w` may be captured."""

    shape, writes, flows, has_result = "twins", {1: slice(None)}, {1: (0,)}, False

    def __init__(self, captures):
        self.captures = captures

    def make(self, read):
        def fill(xs, outs):
            for x, out in zip(numbers(xs), numbers(outs)):
                out[...] = 3 * x

        def fill_captured(xs, outs):
            for x, out in zip(numbers(xs), numbers(outs)):
                out[...] = np.sum(read[0] if read is not None else weights) * x
        return fill_captured if self.captures else fill

    def factor(self, w):
        return np.sum(w) if self.captures else 3

    def finals(self, args, w):
        return [args[0], [self.factor(w) * x for x in args[0]]]

    def results(self, args, w):
        return []

    def reverse(self, args, bars, g, w):
        factor = self.factor(w)
        return [[b + factor * o for b, o in zip(*bars)], [np.zeros_like(o) for o in bars[1]]]

    def forward(self, args, dots, w):
        return [dots[0], [self.factor(w) * d for d in dots[0]]], []


class Grow(Case):
    """A state that is scaled in place by a number."""

    shape, writes, flows, has_result = "rated", {0: slice(None)}, {0: (0, 1)}, False

    def make(self, _):
        def grow(state, rate):
            for leaf in numbers(state):
                leaf *= rate
        return grow

    def finals(self, args, w):
        return [[args[1][0] * x for x in args[0]], args[1]]

    def results(self, args, w):
        return []

    def reverse(self, args, bars, g, w):
        rate = args[1][0]
        return [[rate * b for b in bars[0]], [bars[1][0] + sum(np.sum(b * x) for b, x in zip(bars[0], args[0]))]]

    def forward(self, args, dots, w):
        return [[dots[1][0] * x + args[1][0] * d for x, d in zip(args[0], dots[0])], dots[1]], []


class Exchange(Case):
    """Writes both arguments, one after the other."""

    shape, writes, flows, has_result = "twins", {0: slice(None), 1: slice(None)}, {0: (0, 1), 1: (1,)}, False

    def make(self, _):
        def exchange(a, b):
            for x, y in zip(numbers(a), numbers(b)):
                x += 2 * y
                y *= 3
        return exchange

    def finals(self, args, w):
        return [[x + 2 * y for x, y in zip(*args)], [3 * y for y in args[1]]]

    def results(self, args, w):
        return []

    def reverse(self, args, bars, g, w):
        return [bars[0], [3 * y + 2 * x for x, y in zip(*bars)]]

    def forward(self, args, dots, w):
        return self.finals(dots, w), []


class Accumulate(Case):
    """Adds to its outputs, and returns a number."""

    shape, writes, flows = "twins", {1: slice(None)}, {1: (0, 1)}

    def make(self, _):
        def accumulate(xs, outs):
            for x, out in zip(numbers(xs), numbers(outs)):
                out += 2 * x
            return total_of(numbers(xs))
        return accumulate

    def finals(self, args, w):
        return [args[0], [o + 2 * x for x, o in zip(*args)]]

    def results(self, args, w):
        return [sum(np.sum(x) for x in args[0])]

    def reverse(self, args, bars, g, w):
        return [[b + g[0] + 2 * o for b, o in zip(*bars)], bars[1]]

    def forward(self, args, dots, w):
        return self.finals(dots, w), self.results(dots, w)


class Part(Case):
    """Writes one leaf of its first argument, which may be Const when the others are differentiated."""

    shape, writes, flows = "twins", {0: slice(0, 1)}, {0: (0,)}

    def make(self, _):
        def part(a, b):
            first = numbers(a)[0]
            first *= 2
            return total_of([y * y for y in numbers(b)])
        return part

    def finals(self, args, w):
        return [[2 * args[0][0], *args[0][1:]], args[1]]

    def results(self, args, w):
        return [sum(np.sum(y * y) for y in args[1])]

    def reverse(self, args, bars, g, w):
        return [[2 * bars[0][0], *bars[0][1:]], [b + 2 * g[0] * y for b, y in zip(bars[1], args[1])]]

    def forward(self, args, dots, w):
        return self.finals(dots, w), [sum(np.sum(2 * y * d) for y, d in zip(args[1], dots[1]))]


CASES = (Energy(), Energy(), First(), Weighted(), Weighted(), Multiples(), Fill(False), Fill(True),
         Grow(), Exchange(), Accumulate(), Part())
