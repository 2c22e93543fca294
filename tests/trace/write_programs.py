"""Random functions that make arrays, take views of views, and write: as Python source, drawn from a seed.

`program(seed)` gives the lines of the body of f(x, y, s): x and y float arrays, s a float. Each line is kept only if NumPy can
run it after the lines before. `source(lines)` is the text of a function that returns a number, `shrunk` the shortest
program that still fails. Used by `test_write_programs.py`.
"""

import warnings

import numpy as np

SHAPES = [((4,), (4,)), ((3, 4), (4,)), ((3, 4), (3, 4)), ((2, 3, 2), (3, 2)), ((3, 3), (3, 1)), ((5,), ())]
UNARY = ("np.sin({})", "np.tanh({})", "{} * 0.7", "1.0 - {}", "np.exp(-np.square({}))", "np.cumsum({}, axis=0) / 3", "{} ** 2 / 2",
         "-{}", "np.sqrt(1 + {0} * {0})")
BINARY = ("{} * {}", "{} + {}", "{} - 0.5 * {}", "{} / (2.0 + np.square({}))", "np.maximum({}, {})",
          "np.where({0} > {1}, {0}, 0.3 * {1})", "np.hypot({}, 1.0 + {})")
UFUNCS = ("add", "subtract", "multiply", "maximum", "arctan2")
UNARY_UFUNCS = ("sin", "tanh", "negative", "square", "arctan")


def source(lines, returned=None):
    """The text of f: the lines, then the weighted sum of all that they have named."""
    names = named(lines) if returned is None else returned
    terms = " + ".join(f"np.sum(np.cos(0.7 * {name} + {k}) * (1.0 + 0.3 * {name}))" for k, name in enumerate(names))
    return "def f(x, y, s):\n" + "".join(f"    {line}\n" for line in lines) + f"    return {terms}\n"


def named(lines):
    """The arguments and the names that lines assign."""
    found = {"x": None, "y": None}
    for line in lines:
        name = line.split(" = ")[0]
        if name.isidentifier():
            found[name] = None
    return [*found]


def compiled(text, file="program.py"):
    names = {"np": np, "__name__": "program"}
    exec(compile(text, file, "exec"), names)
    return names["f"]


def inputs(seed, shapes):
    """Two sets of arguments for a program."""
    rng = np.random.default_rng([seed, 1])
    return [tuple(np.array(rng.uniform(-1.2, 1.2, shape)) for shape in shapes) + (float(rng.uniform(0.2, 0.9)),) for _ in range(2)]


def program(seed):
    """(shapes of x and y, the lines)."""
    rng = np.random.default_rng(seed)
    shapes = SHAPES[rng.integers(len(SHAPES))]
    lines = []
    writer = Writer(rng, lines, shapes, inputs(seed, shapes)[0])
    for _ in range(rng.integers(3, 10)):
        writer.attempt()
    return shapes, lines


class Writer:
    """Draws lines. `values` holds what NumPy has for each name after the lines so far."""

    def __init__(self, rng, lines, shapes, arguments):
        self.rng, self.lines, self.arguments = rng, lines, arguments
        self.count = 0
        self.run([])
        first = ["x.copy()", "np.array(x)", "x * s", "np.zeros_like(x) + x", "np.zeros(x.shape)", "np.empty_like(x); a[...] = x"]
        self.keep(f"a = {self.pick(first)}")

    def pick(self, items):
        return items[self.rng.integers(len(items))]

    def chance(self, probability):
        return self.rng.random() < probability

    def run(self, lines):
        """Whether NumPy can run the lines; then their values are kept."""
        x, y, s = self.arguments
        values = {"np": np, "x": x.copy(), "y": y.copy(), "s": s}
        values["x"].flags.writeable = values["y"].flags.writeable = False  # f may not write its arguments
        try:
            with warnings.catch_warnings(), np.errstate(all="raise"):
                warnings.simplefilter("error")
                exec("\n".join(lines), values)
            arrays = [value for value in values.values() if isinstance(value, (np.ndarray, np.floating))]
            good = all(value.size < 80 and np.all(np.abs(value) < 50) for value in arrays)
        except (ValueError, IndexError, TypeError, FloatingPointError, Warning):
            return False
        if good:
            self.values = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        return good

    def keep(self, line):
        if self.run([*self.lines, line]):
            self.lines.append(line)
            return True
        return False

    def attempt(self):
        """Add one more line, after a few tries."""
        for _ in range(8):
            line = self.pick([self.value, self.made, self.loop] + [self.view] * 2 + [self.write] * 3 + [self.function] * 2)()
            if line and self.keep(line):
                return

    # -- parts of lines

    def name(self):
        return self.pick([*self.values])

    def target(self):
        """A name that may be written."""
        names = [name for name, value in self.values.items() if name not in ("x", "y") and value.flags.writeable]
        return self.pick(names or ["a"])

    def new(self):
        self.count += 1
        return f"v{self.count}"

    def key(self, shape, array=0.25):
        """The text of a key for an array of this shape."""
        if self.chance(array) and shape and shape[0]:
            n = shape[0]
            kind = self.rng.integers(4)
            if kind == 0:
                return str(self.rng.integers(-n, n, self.rng.integers(1, 4)).tolist())
            if kind == 1:
                return f"np.array({(self.rng.random(n) < 0.6).tolist()})"
            if kind == 2 and len(shape) > 1 and shape[1]:
                m = self.rng.integers(1, 3)
                return f"{self.rng.integers(-n, n, m).tolist()}, {self.rng.integers(-shape[1], shape[1], m).tolist()}"
            return f"..., {self.rng.integers(-shape[-1], shape[-1], 2).tolist()}" if shape[-1] else "..."
        parts = []
        for n in shape[:self.rng.integers(0, len(shape) + 1)]:
            kind = self.rng.random()
            if kind < 0.3 and n:
                parts.append(str(self.rng.integers(-n, n)))
            elif kind < 0.92:
                start, stop = ("" if self.chance(0.5) else str(self.rng.integers(-n - 1, n + 2)) for _ in range(2))
                parts.append(f"{start}:{stop}{self.pick(['', '', '', ':2', ':-1', ':-2'])}")
            else:
                parts.append("None, :")
        if self.chance(0.15):
            parts.append("...")
        return ", ".join(parts) or "..."

    def operand(self):
        """The text of a value to be written: a number, an array, or a part of one."""
        kind = self.rng.random()
        if kind < 0.2:
            return "s"
        if kind < 0.3:
            return "0.25"
        name = self.name()
        if kind < 0.6:
            return name
        if kind < 0.85:
            return f"{name}[{self.key(self.values[name].shape)}]"
        return self.pick(UNARY).format(name)

    # -- lines

    def value(self):
        one, other = self.name(), self.name()
        expression = self.pick(UNARY).format(one) if self.chance(0.5) else self.pick(BINARY).format(one, other)
        return f"{self.new()} = {expression}"

    def view(self):
        name = self.target() if self.chance(0.8) else self.name()
        value = self.values[name]
        n = value.ndim
        forms = [f"{name}[{self.key(value.shape, 0)}]", f"{name}[{self.key(value.shape, 0)}]", f"{name}.T", f"{name}.reshape(-1)",
                 f"{name}.ravel()",
                 f"{name}.view()", f"np.asarray({name})", f"{name}[..., None]", f"np.broadcast_to({name}, (2,) + {name}.shape)",
                 f"np.flip({name})",
                 f"np.atleast_2d({name})", f"{name}.squeeze()", f"{name}.reshape({name}.shape[::-1])"]
        if n > 1:
            forms += [f"np.swapaxes({name}, 0, 1)", f"np.moveaxis({name}, 0, -1)", f"np.diagonal({name})",
                      f"np.split({name}, {value.shape[0] or 1})[0]",
                      f"np.einsum('{'ij...->ji...'}', {name})", f"np.rot90({name})",
                      f"{name}.transpose()[{self.key(value.shape[::-1], 0)}]"]
        if n == 2 and value.shape[0] == value.shape[1]:
            forms.append(f"np.einsum('ii->i', {name})")
        if n and value.shape[-1] > 1:
            forms.append(f"np.lib.stride_tricks.sliding_window_view({name}, 2, axis=-1)")
        return f"{self.new()} = {self.pick(forms)}"

    def made(self):
        name = self.name()
        shape = self.values[name].shape
        forms = [f"np.zeros({shape})", f"np.ones({shape})", f"np.full({shape}, s)", f"np.empty({shape}); {{}}[...] = {self.operand()}",
                 f"np.zeros_like({name})",
                 f"np.ones_like({name})", f"np.full_like({name}, s)", "np.arange(4.0)", "np.eye(3)", "np.linspace(s, 1.0, 4)",
                 f"np.array([s, 1.0, np.sum({name})])",
                 f"np.array([[s, 0.5], [{self.target()}.sum(), 2]])", f"np.stack([{name}, {name}])",
                 f"np.concatenate([np.ravel({name}), [s, 1.0]])", f"np.array({name})",
                 f"{name}.copy()", "np.tri(3)", "np.array([0.5, 1.5, -0.5])", f"np.tile({name}, 2)", "np.repeat([s], 3)",
                 f"np.diag(np.ravel({name})[:3])", "np.identity(2)"]
        new = self.new()
        return f"{new} = " + self.pick(forms).format(new)

    def write(self):
        name = self.target()
        shape = self.values[name].shape
        kind = self.rng.integers(14)
        if kind <= 2:
            return f"{name}[{self.key(shape)}] = {self.operand()}"
        if kind <= 5:
            return f"{name}[{self.key(shape)}] {self.pick(['+=', '-=', '*='])} {self.operand()}"
        if kind == 6:
            return f"{name} {self.pick(['+=', '-=', '*='])} {self.operand()}"
        if kind == 7:
            what = self.pick(["s", "0.5", f"{name}[{self.mask(name)}]", f"np.sum({self.name()}) / 9"])
            return f"{name}[{self.mask(name)}] {self.pick(['=', '+=', '*='])} {what}"
        if kind == 8:
            return f"{name}.T[{self.key(shape[::-1])}] {self.pick(['=', '+='])} {self.operand()}"
        if kind == 9:
            n = int(np.prod(shape))
            return f"{name}.flat[{self.key((n,))}] = np.copy({self.operand()})"
        if kind == 10:
            key = self.pick(["[1:] = {0}[:-1]", "[:-1] += {0}[1:]", "[::-1] = {0}", "[...] = {0}[::-1] * s", "[1:] -= 0.5 * {0}[:-1]",
            "[:] = {0}[[-1, *range(len({0}) - 1)]]"])
            return name + key.format(name)
        if kind == 11 and shape:
            i, j = self.rng.integers(-shape[0], shape[0], 2) if shape[0] else (0, 0)
            what = self.pick(["{0}[{2}], {0}[{1}]", "{0}[{2}].copy(), {0}[{1}].copy()", "{0}[{1}] * s, 0.5"])
            return f"{name}[{i}], {name}[{j}] = {what.format(name, i, j)}"
        if kind == 12:
            return f"{name} {self.pick(['+=', '*='])} {name}[{self.key(shape, 0.5)}]"
        return f"{name}[{self.key(shape, 0)}][{self.key(shape, 0)}] += {self.operand()}"

    def mask(self, name):
        return self.pick([f"{name} > 0.2", f"{name} < 0", f"np.abs({name}) > 0.5", f"({name} > -0.5) & ({name} < 0.6)", f"~({name} > 0)"])

    def function(self):
        name = self.target()
        shape = self.values[name].shape
        n = shape[0] if shape else 1
        flat = int(np.prod(shape))
        places = self.rng.integers(-n, n, self.rng.integers(1, 4)).tolist() if n else []
        numbers = self.rng.integers(0, max(flat, 1), 3).tolist()
        other = self.name()
        return self.pick([
            lambda: f"np.{self.pick(UFUNCS)}({other}, {self.operand()}, out={name})",
            lambda: f"np.{self.pick(UFUNCS)}({name}, {self.operand()}, out={name}[::-1])",
            lambda: f"np.{self.pick(UNARY_UFUNCS)}({name}, out={name}, where={self.mask(name)})",
            lambda: f"np.{self.pick(UNARY_UFUNCS)}({other}, {name}[{self.key(shape, 0)}])",
            lambda: f"np.{self.pick(['add', 'subtract', 'multiply', 'maximum'])}.at({name}, {places}, {self.operand()})",
            lambda: f"np.{self.pick(['negative', 'sin'])}.at({name}, {places})",
            lambda: f"np.add.reduce({other}, axis=0, out={name}[{self.key(shape, 0)}])",
            lambda: f"np.{self.pick(['add', 'multiply', 'maximum'])}.accumulate({name}, axis=0, out={name})",
            lambda: f"{self.new()} = np.{self.pick(['add', 'multiply', 'subtract'])}.outer({name}, {self.pick(['s', '[s, 2.0]', other])})",
            lambda: f"{self.new()} = np.add.reduceat({name}, {sorted(abs(p) for p in places)}, axis=0)",
            lambda: f"{self.new()} = np.hypot.reduce({name}, axis=0, initial=s)",
            lambda: f"np.copyto({name}, {self.operand()}, where={self.mask(name)})",
            lambda: f"np.copyto({name}[1:], {name}[:-1])",
            lambda: f"{name}.fill({self.pick(['s', '0.5', f'np.max({other})'])})",
            lambda: f"{name}[{self.key(shape, 0)}].fill(s)",
            lambda: f"np.fill_diagonal({name}, {self.operand()})",
            lambda: f"np.put({name}, {numbers}, {self.operand()})",
            lambda: f"np.place({name}, {self.mask(name)}, [s, 0.5, 1.0])",
            lambda: f"np.putmask({name}, {self.mask(name)}, {self.operand()})",
            lambda: f"np.put_along_axis({name}, np.argmax({name}, axis=0, keepdims=True), s, axis=0)",
            lambda: f"{name}.sort(axis=0)", lambda: f"{name}[::-1].sort(axis=-1)", lambda: f"{name}.partition(0, axis=0)",
            lambda: f"np.clip({other}, -0.5, s, out={name})", lambda: f"np.sum({other}, axis=-1, out={name}[..., 0])",
            lambda: f"{name} -= {name}.mean(axis=0)",
        ])()

    def loop(self):
        name, other = self.target(), self.name()
        return self.pick([
            lambda: f"for i in range(1, len({name})): {name}[i] += 0.5 * {name}[i - 1]",
            lambda: f"for i, v in enumerate({other}): {name}[i] = v * s",
            lambda: f"for row in {name}: row *= s",
            lambda: f"for i in np.ndindex({name}.shape): {name}[i] *= 1.0 + 0.1 * sum(i)",
            lambda: f"if {other}.sum() > 0.1: {name} *= 0.5",
            lambda: f"while np.max(np.abs({name})) > 0.8: {name} *= 0.5",
            lambda: f"for k in range(3): {name}[{self.key(self.values[name].shape, 0)}] += {other}.sum() * k / 10",
        ])()


def shrunk(lines, fails):
    """The lines with those left out that are not needed for `fails(lines)` to be true."""
    done = False
    while not done:
        done = True
        for k in range(len(lines) - 1, -1, -1):
            fewer = lines[:k] + lines[k + 1:]
            if fails(fewer):
                lines, done = fewer, False
    return lines
