"""Random functions that write their arguments: the primal effects are NumPy's, the shadows are those of the functional form."""

import numpy as np
from functions import N, TESTS, WRITES, compiled

import tapejit as tj
from tapejit import Dual, Duplicated, Forward, Reverse, autodiff


def random_body(rng):
    lines = []
    for _ in range(rng.integers(1, 6)):
        a, b = rng.permutation(["a", "b"])
        line = str(rng.choice(WRITES)).format(a=a, b=b, i=rng.integers(-N, N))
        if rng.random() < 0.2:
            lines.append(f"    if {str(rng.choice(TESTS)).format(a, b)}:")
            lines.append(f"        {line}")
        else:
            lines.append(f"    {line}")
    return "\n".join(lines)


def test_random_functions_that_write_their_arguments(effort):
    rng = np.random.default_rng(11)
    for _ in range(300 if effort == 1 else 20_000):
        body = random_body(rng)
        writes = compiled(f"def f(a, b, s):\n{body}\n")
        functional = compiled(f"def f(a, b, s):\n    a, b = a.copy(), b.copy()\n{body}\n    return a, b\n")
        a, b, s = rng.uniform(-1, 1, N), rng.uniform(-1, 1, N), 0.7
        d_a, d_b = rng.normal(size=N), rng.normal(size=N)
        expected = functional(a, b, s)
        _, pullback = tj.vjp(lambda a, b: functional(a, b, s), a, b)
        bars = pullback((d_a.copy(), d_b.copy()))
        _, dots = tj.jvp(lambda a, b: functional(a, b, s), (a, b), (d_a.copy(), d_b.copy()))
        for mode, activity, shadows in ((Reverse, Duplicated, bars), (Forward, Dual, dots)):
            primals, found = (a.copy(), b.copy()), (d_a.copy(), d_b.copy())
            autodiff(mode, writes, activity(primals[0], found[0]), activity(primals[1], found[1]), tj.Const(s))
            for x, y in zip(primals + found, (*expected, *shadows)):
                np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-12, err_msg=body)
