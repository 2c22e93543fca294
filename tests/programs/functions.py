"""Random NumPy functions as a person might write them: branches on values, loops, views, in-place writes. Drawn by hypothesis as
Python source, so that a failure prints a program that can be read and run.

`functions()` draws source of `def f(x, s)`: x a float array of N elements, s a float; the result is a scalar.
"""

import numpy as np
from hypothesis import strategies as st

N = 6

UNARY = ("np.sin({})", "np.cos({})", "np.tanh({})", "np.exp(-{} * {})", "np.sqrt(1.0 + {} * {})", "np.log1p({} ** 2)", "0.5 * {}", "-{}", "{} / 3.0",
         "np.abs({})", "np.arctan({})", "np.cumsum({}) / 4", "np.sort({})", "{}[::-1]", "{}.copy()", "np.square({}) * 0.3", "np.maximum({}, 0.1)",
         "np.roll({}, 1)", "np.where({0} > 0.2, {0} * 2, np.sin({0}))", "np.clip({}, -0.7, 0.9)", "{}.reshape(2, 3).T.ravel()", "np.diff({}, append=0.3)")
BINARY = ("{} + {}", "{} - {}", "{} * {}", "{} / (2.0 + np.abs({}))", "np.minimum({}, {})", "np.hypot({}, {} + 1.5)", "np.arctan2({}, 2.0 + {} ** 2)",
          "np.concatenate([{0}[:2], {1}[2:]])", "np.array([{0}[0], {1}[1], {0}[2] * {1}[3], s, {1}[4], {0}[5]])", "np.outer({}, {}).sum(axis=0) / 6",
          "({0}.reshape(2, 3) @ {1}.reshape(3, 2)).repeat(3, axis=1).ravel()[:6] / 3")
SCALAR = ("np.sum({})", "np.mean({})", "np.max({})", "np.min({}) * s", "np.dot({}, {})", "np.prod(np.cos({}))", "np.linalg.norm({} + 2)", "{}[3] * s", "np.std({} + np.arange(6))")
WRITES = ("{a}[1:] += 0.3 * {b}[:-1]", "{a}[::2] = {b}[1::2]", "{a}[0] = np.sum({b}) / 5", "{a}[{i}] *= s", "{a}[{b} > 0] *= 0.5", "{a} *= 0.9", "{a} -= {b} * 0.2",
          "{a}[[0, 3, 4]] = {b}[[1, 1, 5]]", "v = {a}[1:5]; v *= 1.1; v[::2] += 0.1", "w = {a}.reshape(2, 3); w[1] = w[0] * s", "np.multiply({a}, {b}, out={a})",
          "{a}[-1], {a}[0] = {a}[0], {a}[-1]", "np.add.at({a}, [0, 0, 2], 0.1 * {b}[:3])", "{a}.reshape(3, 2).T[0] += {b}[:3]")
TESTS = ("np.sum({}) > 0.4", "{}[0] > {}[1]", "np.max({}) > 0.8", "s > 0.5", "len({}) > 3 and {}[2] < 0.5")


@st.composite
def functions(draw):
    lines = []
    names = ["x"]  # arrays of N elements
    owned = []  # of these, the ones that f may write: made by f, and not another name of something else

    def name():
        return draw(st.sampled_from(names))

    def expression():
        if draw(st.booleans()):
            text = draw(st.sampled_from(UNARY))
            one = name()
            return text.format(one, one)
        return draw(st.sampled_from(BINARY)).format(name(), name())

    def statement(indent, depth):
        kind = draw(st.sampled_from(["assign"] * 4 + ["write"] * 3 + ["if", "for"] * (depth < 2)))
        if kind == "write" and owned:
            target = draw(st.sampled_from(owned))
            text = draw(st.sampled_from(WRITES)).format(a=target, b=name(), i=draw(st.integers(-N, N - 1)))
            lines.append(f"{indent}{text}")
        elif kind == "if":
            one = name()
            lines.append(f"{indent}if {draw(st.sampled_from(TESTS)).format(one, one)}:")
            body(indent + "    ", depth + 1)
            if draw(st.booleans()):
                lines.append(f"{indent}else:")
                body(indent + "    ", depth + 1)
        elif kind == "for":
            lines.append(f"{indent}for i in range({draw(st.integers(1, 4))}):")
            body(indent + "    ", depth + 1)
        elif depth:  # inside a block: rebind a name that exists whichever way the program goes
            if owned:
                lines.append(f"{indent}{draw(st.sampled_from(owned))} = ({expression()}).copy()")
            else:
                lines.append(f"{indent}s = s * 0.9 + 0.05 * {draw(st.sampled_from(SCALAR)).format(*[name()] * 2)}")
        else:
            new = f"a{len(names)}"
            lines.append(f"{indent}{new} = ({expression()}).copy()")
            names.append(new)
            owned.append(new)

    def body(indent, depth):
        for _ in range(draw(st.integers(1, 2))):
            statement(indent, depth)

    for _ in range(draw(st.integers(2, 7))):
        statement("    ", 0)
    terms = " + ".join(draw(st.sampled_from(SCALAR)).format(*[n] * 2) for n in names[-3:])
    return "def f(x, s):\n" + "\n".join(lines) + f"\n    return {terms}\n"


def compiled(source):
    namespace = {"np": np, "__name__": "drawn"}
    exec(compile(source, "drawn.py", "exec"), namespace)
    return namespace["f"]
