"""Calls of NumPy's functions in all their argument forms, drawn at random from one line of grammar per function.

A line of `grammar.py` names the arguments in NumPy's order, each with a kind: `a:array axis:axes`. Those before `|` are always given, those
after it now and then; behind `*` they are given by keyword, before it also by position. `KINDS` says what a kind draws, given
what was drawn before it (an axis fits the array). Read next: `test_forms.py` (the laws), `test_form_errors.py` (bad arguments).
"""

import copy

import numpy as np

from .grammar import BINARY, GRAMMAR, METHODS


class Out:
    """An argument `out=`: an array of the result's shape, made inside the function."""

    def __init__(self, places):
        self.places = places


class Draw:
    """One drawn call: `arguments` (positional) and `keywords`; the floating arrays and numbers in them are the inputs."""

    def __init__(self, name, rng, dtype=np.float64):
        self.name, self.rng, self.dtype = name, rng, dtype
        self.values = {}
        self.arguments, self.keywords = [], {}
        self.method = name in METHODS and rng.random() < 0.3
        required = positional = True
        for part in GRAMMAR[name].split():
            if part == "|":
                required = False
            elif part == "*":
                positional = False
            else:
                parameter, kind = part.split(":", 1)
                if not required and rng.random() < 0.6:
                    positional = False  # what follows goes by keyword
                    continue
                value = self.value(kind)
                self.values[parameter] = value
                if positional and (required or rng.random() < 0.5):
                    self.arguments.append(value)
                else:
                    positional = False
                    self.keywords[parameter] = value

    def __repr__(self):
        parts = [*map(_shown, self.arguments), *(f"{name}={_shown(value)}" for name, value in self.keywords.items())]
        return f"{'array method' if self.method else 'np'}.{self.name}({', '.join(parts)})"

    def value(self, kind):
        if kind[0] == "{":
            return self.choice(kind)
        return KINDS[kind](self)

    def choice(self, kind):
        """One of the alternatives between braces: a literal, the name of a function, or arrays that fit the first argument."""
        if kind[1:-1] in SPECIAL:
            return SPECIAL[kind[1:-1]](self)
        options = eval(f"[{kind[1:-1]}]", {"sum": np.sum})
        return options[self.rng.integers(len(options))]

    @property
    def first(self):
        """The first array that was drawn: axes, masks and partners fit it."""
        for value in self.values.values():
            if isinstance(value, (np.ndarray, np.generic)):
                return value
            if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
                return value[0]
        return np.zeros(())

    def array(self, shape, low=0.3, high=2.5, signed=True):
        """Distinct numbers, away from zero and from each other, in memory of any layout."""
        rng, size = self.rng, int(np.prod(shape))
        x = np.linspace(low, high, size + 2)[1:-1] + rng.uniform(-0.2, 0.2, size) * (high - low) / (size + 2)
        x = rng.permutation(x).reshape(shape)
        if signed:
            x = x * rng.choice([-1.0, 1.0], shape)
        x = np.asarray(x, self.dtype)
        layout = rng.integers(5)
        if layout == 0 and x.ndim:
            x = np.repeat(x, 2, axis=0)[::2]
        elif layout == 1 and x.ndim:
            x = x[::-1].copy()[::-1]
        elif layout == 2:
            x = np.asfortranarray(x)
        return x if x.ndim else x[()]

    def shape(self, low=0, high=3, smallest=1):
        n = int(self.rng.integers(low, high + 1))
        lengths = [smallest, smallest + 1, 3] if self.rng.random() > 0.08 or smallest > 1 else [0, 2]
        return tuple(int(self.rng.choice(lengths)) for _ in range(n))

    def fitting(self, shape):
        """A shape that broadcasts to `shape`."""
        rng = self.rng
        shape = tuple(n if rng.random() < 0.7 else 1 for n in shape)
        return shape[int(rng.integers(0, len(shape) + 1)):] if rng.random() < 0.4 else shape

    # -- the call

    def leaves(self):
        """The inputs: every floating array or NumPy scalar among the arguments, in order."""
        return [value for _, _, value in _leaves(self.arguments, self.keywords)]

    def bound(self, inputs):
        """The arguments with the inputs in their places."""
        memo = {id(value): new for (_, _, value), new in zip(_leaves(self.arguments, self.keywords), inputs)}
        return [_replaced(a, memo) for a in self.arguments], {name: _replaced(a, memo) for name, a in self.keywords.items()}

    def widened(self):
        """The same call with every dtype that it names, and its `out=`, in extended precision: the function that is differentiated."""
        def wide(value):
            if type(value) is Out:
                return Out([(shape, np.longdouble if dtype.kind == "f" else dtype) for shape, dtype in value.places])
            return np.longdouble if value in (np.float64, np.float32) or isinstance(value, np.dtype) or value == "f8" else value

        other = self.copy()
        other.arguments = [a if isinstance(a, (np.ndarray, list)) else wide(a) for a in self.arguments]
        other.keywords = {name: a if isinstance(a, (np.ndarray, list)) else wide(a) for name, a in self.keywords.items()}
        return other

    def function(self):
        """The call as a Python function of its inputs."""
        function, zeros, method, name = at_path(self.name), np.zeros, self.method, self.name
        draw = self

        def call(*inputs):
            arguments, keywords = draw.bound(inputs)
            for k, value in [*enumerate(arguments), *keywords.items()]:
                if type(value) is Out:
                    made = tuple([zeros(shape, dtype) for shape, dtype in value.places])
                    (arguments if isinstance(k, int) else keywords)[k] = made if len(made) > 1 else made[0]
            if method:
                return getattr(arguments[0], name)(*arguments[1:], **keywords)
            return function(*arguments, **keywords)
        return call

    def copy(self):
        other = copy.copy(self)
        other.arguments, other.keywords = list(self.arguments), dict(self.keywords)
        return other


def at_path(name):
    function = np
    for part in name.split("."):
        function = getattr(function, part)
    return function


def _is_input(value):
    return isinstance(value, (np.ndarray, np.floating)) and value.dtype.kind == "f"


def _leaves(arguments, keywords):
    for place, value in [*enumerate(arguments), *keywords.items()]:
        if _is_input(value):
            yield place, None, value
        elif isinstance(value, (list, tuple)):
            for k, item in enumerate(value):
                if _is_input(item):
                    yield place, k, item


def _replaced(value, memo):
    if isinstance(value, (list, tuple)) and any(map(_is_input, value)):
        return type(value)(memo.get(id(item), item) for item in value)
    return memo.get(id(value), value)


def _shown(value):
    if isinstance(value, np.ndarray):
        return f"{value.dtype.str[1:]}{list(value.shape)}"
    if isinstance(value, (list, tuple)) and any(isinstance(item, np.ndarray) for item in value):
        return f"[{', '.join(map(_shown, value))}]"
    return f"Out{value.places}" if type(value) is Out else repr(value)


# --- kinds -----------------------------------------------------------------------------------------------------------


def _axis(d):
    n = np.ndim(d.first)
    return int(d.rng.integers(-n, n)) if n else None


def _axes(d):
    n = np.ndim(d.first)
    count = int(d.rng.integers(0, n + 1))
    axes = tuple(int(k) - (n if d.rng.random() < 0.3 else 0) for k in d.rng.permutation(n)[:count])
    return _axis(d) if d.rng.random() < 0.4 else None if d.rng.random() < 0.2 else axes


def _mask(d):
    if isinstance(at_path(d.name), np.ufunc) and "out" not in d.values:
        return True  # what the mask leaves out would hold anything
    shape = np.shape(d.first) if d.name not in BINARY else np.broadcast_shapes(*(np.shape(v) for v in d.values.values()))
    return d.rng.random(shape) < 0.6 if d.rng.random() < 0.8 else bool(d.rng.random() < 0.5)


def _out(d, count=1):
    """Made last: shapes and dtypes are those of the call without out=."""
    probe = d.copy()
    try:
        with np.errstate(all="ignore"):
            results = probe.function()(*probe.leaves())
    except (ValueError, TypeError, IndexError, np.exceptions.AxisError):
        return None
    results = results if isinstance(results, tuple) else (results,)
    return Out([(np.shape(r), np.asarray(r).dtype) for r in results])


def _nan(d):
    x = np.array(d.array(d.shape(0, 3, 2)))
    x[d.rng.random(x.shape) < 0.25] = np.nan
    return x if x.ndim else x[()]


def _reshaped(d):
    n = np.size(d.first)
    options = [(n,), n, (-1,), (1, n), (n, 1, 1)] + ([(2, n // 2), (-1, 2)] if n and n % 2 == 0 else [])
    return options[d.rng.integers(len(options))] if n else (0, 3)


def _several(d):
    return d.array(d.shape(1, 3, 2), signed=True)


KINDS = {
    "array": lambda d: d.array(d.shape()), "filled": lambda d: d.array(d.shape(0, 3, 2)), "several": _several,
    "atleast1": lambda d: d.array(d.shape(1, 3)), "positive": lambda d: d.array(d.shape(), signed=False),
    "positive_too": lambda d: d.array(d.fitting(np.shape(d.first)), 3.0, 5.0, False),
    "unit": lambda d: d.array(d.shape(), 0.1, 0.9), "above_one": lambda d: d.array(d.shape(), 1.2, 3.0, False),
    "broadcast": lambda d: d.array(d.fitting(np.shape(d.first))) if d.rng.random() < 0.8 else float(d.rng.uniform(0.5, 1.5)),
    "same": lambda d: d.array(np.shape(d.first)), "vector": lambda d: d.array((int(d.rng.integers(3, 7)),)),
    "vector_too": lambda d: d.array(np.shape(d.first)), "table": lambda d: d.array((2, 3) if d.rng.random() < 0.5 else (3, 2)),
    "square": lambda d: d.array((3, 3)), "cube": lambda d: d.array((2, 1, 3)), "pairs": lambda d: d.array((2,) * int(d.rng.integers(1, 4))),
    "long": lambda d: d.array((4,) if d.rng.random() < 0.5 else (3, 4)), "triples": lambda d: d.array((2, 3)),
    "triple": lambda d: d.array((3,)), "nan": _nan, "rising": lambda d: np.sort(d.array((4,))),
    "values_of_rising": lambda d: d.array((4,)), "arrays": lambda d: [d.array(s) for s in [d.shape(1, 3)] * 2],
    "vectors": lambda d: [d.array((3,)), d.array((3, 2))], "two": lambda d: [d.array(np.shape(d.values["condlist"][0])), d.dtype(0.5)],
    "two_of_two": lambda d: [d.array((2,)), d.array((2,))], "masks": lambda d: [d.rng.random((2, 3)) < 0.5 for _ in range(2)],
    "masks1": lambda d: [d.rng.random(np.shape(d.first)) < 0.5], "chain": lambda d: [d.array((2, 3)), d.array((3, 4)), d.array((4, 2))],
    "axis": _axis, "axes": _axes, "wide": lambda d: _axis(d) if np.ndim(d.first) else None, "none": lambda d: None,
    "last": lambda d: -1, "flag": lambda d: bool(d.rng.random() < 0.5), "number": lambda d: float(d.rng.uniform(0.5, 4.0)),
    "low": lambda d: -1.01, "high": lambda d: 1.51, "mask": _mask, "anymask": lambda d: np.ones(np.shape(d.first), bool),
    "floating": lambda d: [np.float64, "f8", np.dtype("float64"), np.float32][d.rng.integers(4)],
    "permutation": lambda d: tuple(int(k) for k in d.rng.permutation(np.ndim(d.first))) if d.rng.random() < 0.8 else None,
    "reshaped": _reshaped, "stretched": lambda d: (2,) + np.shape(d.first), "order": lambda d: np.argsort(d.first, -1),
    "out": _out, "pair": _out, "integers": _out,
}
SPECIAL = {
    "columns": lambda d: d.array((d.first.shape[1], 2)), "columns1": lambda d: d.array((d.first.shape[1],)),
    "rows": lambda d: d.array((len(d.first), 2)), "[vector_pair]": lambda d: d.array((5, 2)),
}
