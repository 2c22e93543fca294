"""Idioms as users write them, continued: classes, containers, the standard library, errors and messages. See `idiom_cases.py`."""

import collections
import copy
import dataclasses
import itertools
import operator
import typing
import warnings

import numpy as np

from . import idiom_helpers
from .idiom_cases import LOGGER, of_float, of_vector
from .idiom_helpers import shapes as geometry
from .idiom_helpers.layers import Dense, Stack

# --- classes ---------------------------------------------------------------------------------------------------------


class Particle:
    """A state that is moved in place."""

    count = 0
    gravity = 9.81

    def __init__(self, position, velocity):
        self.position = np.array([position, 0.0])
        self.velocity = np.array([velocity, velocity / 2])

    @property
    def energy(self):
        return 0.5 * self.velocity @ self.velocity + self.gravity * self.position[1]

    @classmethod
    def at_rest(cls, position):
        return cls(position, 0.0)

    @staticmethod
    def drag(v):
        return -0.1 * v * np.sqrt(np.sum(v ** 2) + 1e-3)

    def step(self, dt):
        self.velocity += dt * self.drag(self.velocity)
        self.position += dt * self.velocity
        return self


class Charged(Particle):
    def __init__(self, position, velocity, charge=1.0):
        super().__init__(position, velocity)
        self.charge = charge

    def step(self, dt):
        self.velocity[1] -= dt * self.charge
        return super().step(dt)

    def __call__(self, n):
        for _ in range(n):
            self.step(0.1)
        return self.energy


@of_float
def simulation(x):  # autograd, JAX: self.velocity += ... on an array of boxes
    return Charged(x, 2 * x, charge=x)(4) + Particle.at_rest(x).step(0.5).position.sum()


@dataclasses.dataclass
class Model:
    weight: float
    history: list = dataclasses.field(default_factory=list)

    def __post_init__(self):
        self.doubled = np.array([self.weight, self.weight])

    def loss(self, x):
        self.history.append(self.weight * x)
        self.doubled[0] = x
        return np.sum(self.doubled ** 2) + sum(self.history)

    def __matmul__(self, other):
        return np.dot(self.doubled, other.doubled)


@of_float
def dataclass(x):  # autograd, JAX: the array attribute that is written
    model = Model(x)
    return model.loss(2 * x) + model.loss(x) + model @ Model(x ** 2)


@of_vector
def from_another_package(x):  # autograd, JAX: the helpers fill arrays and use math
    network = Stack(Dense(4, 3, seed=1), Dense(3, 1, seed=2))
    return network(x)[0] + geometry.area(x[0], x[1]) + idiom_helpers.norm_of(x)


class Point(typing.NamedTuple):
    x: float
    y: float

    def rotated(self, angle):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return Point(*(turn @ np.array(self)))


@of_float
def named_tuples(x):  # autograd: np.array of a named tuple of boxes; JAX: np.array(self) works
    p = Point(x, 2.0).rotated(x)
    return p.x * p.y + p._replace(x=x).x


# --- containers and the standard library -----------------------------------------------------------------------------


@of_vector
def containers(x):  # autograd, JAX: np.array(deque), the defaultdict of arrays that are written
    window = collections.deque(maxlen=2)
    sums = collections.defaultdict(lambda: np.zeros(2))
    for i, v in enumerate(x):
        window.append(v)
        sums[i % 2][len(window) - 1] += v * v
    return np.array(window).sum() + sum(s.sum() for s in sums.values()) * sums[0][1]


@of_vector
def dict_of_arrays(x):  # autograd, JAX: written in place
    state = {name: np.full(2, v) for name, v in zip("abcd", x)}
    for name in state:
        state[name] *= state["a"]
    return sum(map(np.sum, map(operator.itemgetter("a"), [state]))) + max(v[0] for v in state.values())


@of_vector
def copies(x):  # autograd: copy.deepcopy of a box; JAX: immutable
    original = {"w": x.copy(), "rest": [x[:2].copy()]}
    shallow, deep = copy.copy(original), copy.deepcopy(original)
    shallow["w"][0] = 5.0
    deep["rest"][0][1] *= 3.0
    return np.sum(original["w"] ** 2) + np.sum(deep["w"]) + np.sum(deep["rest"][0] * original["rest"][0])


@of_vector
def iteration_tools(x):  # autograd, JAX: np.array(list(...)) of traced numbers
    pairs = list(itertools.combinations(x, 2))
    running = list(itertools.accumulate(x, lambda a, b: a * 0.5 + b))
    return sum(a * b for a, b in pairs) + np.array(running) @ np.array([v for v, _ in zip(itertools.chain(x[2:], x[:2]), range(4))])


@of_vector
def filtered(x):  # JAX: bool() of a tracer in filter
    return sum(filter(lambda v: v > 0.5, x)) + np.array([v for v in x if v < 0.8]).sum() + len(list(filter(None, x)))


@of_vector
def sorted_by_key(x):  # JAX: bool() of a tracer; autograd: works
    order = sorted(range(4), key=lambda i: x[i])
    ranked = sorted(zip(x, "abcd"), key=operator.itemgetter(0), reverse=True)
    return x[order[0]] * 2 + ranked[1][0] * order[-1] + sum(k * v for k, v in enumerate(sorted(x, reverse=True)))


@of_vector
def depends_on_the_shape(x):  # autograd, JAX: reshape of a plain buffer that is filled
    n = x.shape[0]
    assert x.ndim == 1 and x.size == n and x.dtype == float, f"expected a vector, found {x.shape}"
    grid = np.zeros((n // 2, n - n // 2))
    grid.flat[:] = x
    grid.T[0] += x[-1]
    return (grid @ grid.T).trace()


# --- errors, messages, warnings --------------------------------------------------------------------------------------


@of_float
def exceptions(x):  # JAX: bool() of a tracer; autograd: works
    log = []
    try:
        if x > 0:
            raise ValueError(f"x = {x:.2f} is positive")
        y = x
    except ValueError as error:
        y = x * x * len(error.args)
    else:
        y = -x
    finally:
        log.append("done")
    try:
        y = y / 0.0
    except ZeroDivisionError:
        y = 2 * y
    return y * len(log)


@of_float
def messages(x):  # autograd: works; JAX: formatting a tracer fails or prints the tracer
    text = f"{x:.3f} {x!s} {'positive' if x > 0 else 'negative'}"
    LOGGER.info("x is %s", text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn(f"text: {text}", stacklevel=1)
    return x ** 2 if text.endswith("positive") else x


@of_float
def early_return(x, *, limit=3, verbose=False):  # JAX: bool() of a tracer
    y = x
    for k in range(10):
        y = y * 1.5
        if y > limit:
            return y + k
    return -y


@of_vector
def checked(x):  # JAX: bool() of a tracer
    if not np.all(np.isfinite(x)) or np.any(x < -10):
        raise ValueError("x is out of range")
    if isinstance(x, np.ndarray) and np.allclose(x, 0):
        return 0.0
    return np.log(np.sum(x ** 2)) + (np.nan if np.isnan(x).any() else 1.0)


@of_vector
def plain_loops(x):  # JAX: unrolled, but the list of lists is refused by np.array of numpy; autograd: object array
    matrix = [[0.0] * 4 for _ in range(4)]
    for i in range(4):
        for j in range(i + 1):
            matrix[i][j] = x[i] - x[j] * 0.5
    lower = np.array(matrix)
    return np.sum(lower @ lower) + np.trace(lower.T @ lower)


@of_vector
def bubble_sort(x):  # JAX: bool() of a tracer, and immutable arrays; autograd: no assignment
    y = x.copy()
    for i in range(len(y)):
        for j in range(len(y) - 1 - i):
            if y[j] > y[j + 1]:
                y[j], y[j + 1] = y[j + 1], y[j]
    return y @ np.arange(1.0, 5.0)


@of_vector
def overlapping_moves(x):  # autograd, JAX: no assignment
    y = np.concatenate([x, x ** 2])
    y[1:] = y[:-1]
    y[2:] += y[:-2]
    y[::-1] = y
    return y @ np.linspace(0.0, 1.0, 8)


@of_vector
def grids(x):  # autograd: np.r_ and np.mgrid are plain; JAX: immutable
    y = np.r_[x[0], x[2:], 1.0]
    rows, columns = np.mgrid[0:2, 0:2].astype(float)
    rows[0, 1] = x[1]
    return y @ np.arange(x[3], x[3] + 4) + np.sum(rows * columns)


@of_vector
def random_numbers(x):  # autograd: plain arrays cannot hold boxes; JAX: another random module
    noise = np.random.default_rng(5).normal(size=4)
    noise[1] = x[0]
    return noise @ x


@of_vector
def windows(x):  # autograd, JAX: sliding_window_view takes no traced arrays
    y = x.copy()
    seen = np.lib.stride_tricks.sliding_window_view(y, 2)
    y[1] = x[0] * x[3]
    return np.sum(seen.mean(axis=-1) ** 2)
