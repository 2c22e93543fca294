"""Integrals of a user's function f(x): the value by SciPy's quadrature, the derivatives by quadrature of the function's derivatives.

With I(a, b, p) the integral of f(x, p) from a to b, the tangent of I is f(b) b_dot - f(a) a_dot plus the integral of f_p p_dot, and the cotangent of
p is the integral of ct f_p (Leibniz): integrals of callbacks again, to any order, by the same method with the same options. Each is
computed to the user's relative tolerance, and to the absolute one in proportion to its own size. An infinite limit has the derivative 0.
Read next: `callbacks.py`, `integrate.py`.
"""

import numpy as np

from ..ops import OPS
from .callbacks import NewBranch, emitted, joined, or_zeros, rows_of
from .common import scipys

MODULE = "scipy.integrate"


class Integral:
    """The rule and the host function of (a, b, p, *rest) -> the integrals of a callback's elements.

    method   'quad' (element by element) or 'quad_vec', with its options
    ends     the function's value at the limits is asked for as well, as derivatives by them will
    """

    def __init__(self, method, callback, options, order=0):
        self.method, self.callback, self.options, self.order = method, callback, options, order
        self.__name__ = f"{MODULE}.{method}"

    def __repr__(self):
        return f"<{self.__name__}, derivative {self.order}>"

    def __call__(self, a, b, p, *rest):
        bound = self.callback.bound(p, rest)
        try:
            return self.computed(bound, float(a), float(b))[0]
        finally:
            bound.close()

    def computed(self, function, a, b):
        """(integrals, error estimates) of function(x, ()) -> vector."""
        if self.method == "quad_vec":
            return scipys(MODULE, "quad_vec")(lambda x: function(x, ()), a, b, **self.options)[:2]
        quad, known = scipys(MODULE, "quad"), {}

        def at(x):
            found = known.get(x)
            if found is None:
                found = known[x] = function(x, ())
            return found

        if not self.order:
            return tuple(np.array([found]) for found in quad(lambda x: at(x)[0], a, b, **self.options)[:2])
        found = np.zeros((2, self.callback.count))
        for k in range(self.callback.count):
            found[:, k] = quad(lambda x: at(x)[k], a, b, **self._options(quad, lambda x: abs(at(x)[k]), a, b))[:2]
        return found

    def _options(self, quad, size, a, b):
        """The options for an integrand of this size: the user's absolute tolerance is one for the value, which may be of another size."""
        options = {"epsabs": 1.49e-8, "epsrel": 1.49e-8} | self.options | {"full_output": 1}
        rough = quad(size, a, b, **(options | {"epsabs": np.inf}))[0]
        if 0 < rough < np.inf:
            options["epsabs"] = min(options["epsabs"], rough * max(options["epsrel"], 1e-10))
        return options

    def of(self, a, b, p, rest):
        """The integrals as an Expr."""
        operands = (a, b, p, *rest)
        return OPS["override"](emitted(self, operands, (self.callback.count,)), *operands, rule=self)

    def derived(self, kind):
        """The Integral of a derived callback, always the same."""
        kept = self.callback.kept
        key = self, kind
        if key not in kept:
            kept[key] = Integral(self.method, self.callback.derived(kind), self.options, self.order + 1)
        return kept[key]

    def _at(self, x, p, rest):
        """The integrand at a limit."""
        ts = OPS["reshape"](x, shape=(1,))
        ys = OPS["reshape"](OPS["index"](ts, idx=((0, 0, 1),)), shape=(1, 0))
        return OPS["reshape"](rows_of(self.callback).of(ts, ys, p, rest), shape=(self.callback.count,))

    def push(self, dots, operands, y):
        (_, a, b, p, *rest), (_, a_dot, b_dot, p_dot, *_) = operands, dots
        total = None
        if p_dot is not None:
            total = self.derived("along p").of(a, b, joined(p, p_dot), rest)
        if b_dot is not None:
            term = OPS["zero_mul"](b_dot, self._at(b, p, rest))
            total = term if total is None else total + term
        if a_dot is not None:
            term = -OPS["zero_mul"](a_dot, self._at(a, p, rest))
            total = term if total is None else total + term
        return total

    def pull(self, ct, operands, y):
        _, a, b, p, *rest = operands
        p_bar = self.derived("back p of").of(a, b, joined(p, ct), rest) if p.shape[0] else None
        at = [OPS["sum"](OPS["zero_mul"](ct, self._at(x, p, rest)), axes=(0,)) for x in (a, b)]
        return (None, -at[0], at[1], p_bar, *[None] * len(rest))


class Value:
    """The host function of (a, b, p, *rest) -> [integrals, error estimates, whether every branch is known]."""

    def __init__(self, integral, ends):
        self.integral, self.ends, self.__name__ = integral, ends, integral.__name__

    def __call__(self, a, b, p, *rest):
        bound = self.integral.callback.bound(p, rest)
        try:
            return self.packed(bound, float(a), float(b))
        except NewBranch:
            return np.append(np.full(2 * self.integral.callback.count, np.nan), 0.0)
        finally:
            bound.close()

    def packed(self, function, a, b):
        for x, asked in zip((a, b), self.ends):  # so that their branches are known when a derivative asks for them
            if asked and np.isfinite(x):
                function(x, ())
        found, error = self.integral.computed(function, a, b)
        count = len(np.ravel(found))
        return np.concatenate([np.ravel(found), np.broadcast_to(error, count), [1.0]])
