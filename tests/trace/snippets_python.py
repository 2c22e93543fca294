"""Snippets in the manner of scientists' scripts: Python's own machinery around NumPy. Each takes a vector of four numbers and gives a number.

Run by `test_snippets.py`.
"""

import abc
import bisect
import collections
import dataclasses
import functools
import heapq
import itertools
import math
import operator

import numpy as np

SNIPPETS = []


def snippet(f):
    SNIPPETS.append(f)
    return f


COUNT, GLOB = [0], 2.0
NT = collections.namedtuple("NT", "a b")
W = np.array([1.0, -2.0, 0.5, 3.0])


class Net:

    def __init__(self, n):
        self.w = np.ones(n)
        self.hist = []
        self.count = 0

    def __call__(self, x):
        self.count += 1
        y = np.tanh(self.w * x)
        self.hist.append(y)
        return y

    @property
    def norm(self):
        return sum((np.sum(h ** 2) for h in self.hist))


@snippet
def class_state(x):
    n = Net(4)
    n(x)
    n(x * 2)
    return n.norm + n.count


@dataclasses.dataclass
class P:
    a: float
    b: np.ndarray
    c: list = dataclasses.field(default_factory=list)

    def energy(self):
        return self.a ** 2 * np.sum(self.b) + sum(self.c)

    @classmethod
    def make(cls, x):
        return cls(x[0], x[1:], [v for v in x])


@snippet
def dataclass(x):
    p = P.make(x)
    q = dataclasses.replace(p, a=p.a + 1)
    return p.energy() * q.energy()


@snippet
def dc_asdict(x):
    p = P(x[0], x[1:])
    d = dataclasses.asdict(p)
    return d['a'] * np.sum(d['b'])


@snippet
def gen_send(x):

    def acc():
        t = 0.0
        while True:
            v = (yield t)
            t = t * 0.5 + v
    g = acc()
    next(g)
    for v in x:
        r = g.send(v)
    return r ** 2


def va(*args, scale=1.0, **kw):
    return scale * sum(args) + kw.get('z', 0) * 2


@functools.lru_cache
def binom(n, k):
    return math.comb(n, k)


@snippet
def lru_traced(x):

    @functools.lru_cache(None)
    def fib(n):
        return x[0] if n == 0 else x[1] if n == 1 else fib(n - 1) + 0.5 * fib(n - 2)
    return fib(8)


@snippet
def pairwise(x):
    return sum(((b - a) ** 2 for a, b in itertools.pairwise(x))) + sum(itertools.chain(x[:2], x[::2])) + sum(itertools.islice(x, 1, 3))


@snippet
def sort_key(x):
    l = sorted(x, key=lambda v: -abs(v))
    l2 = sorted(enumerate(x), key=lambda p: p[1])
    return l[0] * 2 + l[1] + l2[0][1] * l2[0][0] + max(x, key=abs) * min(x, key=lambda v: v ** 2)


@snippet
def inlist(x):
    l = list(x)
    return l.index(x[2]) * x[0] + (x[1] in l) * x[1] + l.count(x[0]) * x[2]


@snippet
def walrus(x):
    return (y := (x[0] ** 2)) * y + sum((z for v in x if (z := (v * 2)) > 1))


@snippet
def match(x):
    match x.shape:
        case [n]:
            r = n * np.sum(x)
        case _:
            r = 0.0
    match x[0]:
        case v if v > 0:
            return r * v
        case _:
            return r


@snippet
def heap(x):
    h = []
    for v in x:
        heapq.heappush(h, v)
    return heapq.heappop(h) * 2 + heapq.heappop(h)


@snippet
def bisected(x):
    return x[bisect.bisect([0.0, 1.0, 2.0], x[1])] * x[0]


@snippet
def deque(x):
    d = collections.deque(maxlen=2)
    t = 0
    for v in x:
        d.append(v)
        t += sum(d) ** 2
    return t


class Vec:
    __slots__ = ('v',)

    def __init__(s, v):
        s.v = v

    def __add__(s, o):
        return Vec(s.v + o.v)

    def __mul__(s, k):
        return Vec(s.v * k)
    __rmul__ = __mul__

    def __matmul__(s, o):
        return s.v @ o.v

    def __getitem__(s, i):
        return s.v[i]

    def __len__(s):
        return len(s.v)

    def __iter__(s):
        return iter(s.v)

    def __lt__(s, o):
        return s.v.sum() < o.v.sum()


@snippet
def opclass(x):
    a, b = (Vec(x), Vec(x[::-1]))
    c = 2 * a + b * x[0]
    return c @ a + c[1] + sum(c) + (a < c) * x[0]


@snippet
def all_any(x):
    return x[0] * (1 if all((v > -1 for v in x)) else 2) + x[1] * (3 if any(x > 2) else 4) + x[2] * (5 if (x > 0).all() else 6)


@snippet
def staticm(x):

    class A:
        k = 2.0

        @staticmethod
        def f(y):
            return y ** 2

        @classmethod
        def g(cls, y):
            return cls.k * y

        @functools.cached_property
        def h(self):
            return x.sum()
    a = A()
    return A.f(x).sum() + A.g(x).sum() * a.h * a.h


@snippet
def for_else(x):
    for v in x:
        if v > 5:
            break
    else:
        return np.sum(x ** 3)
    return 0.0 * x[0]


class Base(abc.ABC):
    registry = {}

    def __init_subclass__(cls, **k):
        super().__init_subclass__(**k)
        Base.registry[cls.__name__] = cls

    def __init__(self, p):
        self._p = p
        self.n = 0

    @property
    def p(self):
        self.n += 1
        return self._p

    @p.setter
    def p(self, v):
        self._p = v * 2

    @abc.abstractmethod
    def f(self, x):
        ...

    def __call__(self, x):
        return self.f(x) + self.n


class Lin(Base):

    def f(self, x):
        return np.sum(self.p * x)


class Quad(Lin):

    def f(self, x):
        return super().f(x) ** 2 + super().f(x * 2)


@snippet
def inherit(x):
    q = Base.registry['Quad'](x[0])
    q.p = x[1]
    q.p += x[2]
    return q(x) + Lin(x[3])(x)


class Lazy:

    def __init__(s, x):
        s.__dict__['x'] = x

    def __getattr__(s, n):
        if n.startswith('pow'):
            return s.x ** int(n[3:])
        raise AttributeError(n)

    def __setattr__(s, n, v):
        s.__dict__[n] = v + 1


@snippet
def lazy(x):
    l = Lazy(x)
    l.q = x[0]
    return np.sum(l.pow2 * l.pow3) + l.q + hasattr(l, 'foo')


def mdef(v, acc=[]):
    acc = acc + [v]
    return sum(acc)


@snippet
def mutdef(x):
    return mdef(x[0]) + mdef(x[1]) * 2


@snippet
def getters(x):
    g = operator.itemgetter(0, 2)
    a, b = g(x)
    m = operator.methodcaller('sum')
    at = operator.attrgetter('T')
    return a * b + m(x) + at(np.outer(x, x))[0, 1]


@snippet
def cmpkey(x):
    return sorted(list(x), key=functools.cmp_to_key(lambda a, b: -1 if a < b else 1))[1] * x[0]


@snippet
def globread(x):
    return GLOB * np.sum(x)


@snippet
def pydiv(x):
    a = float(x[0])
    b = float(x[1])
    return a / b + a // b * x[2] + a % b + a ** 2 / b ** 2 + b ** (-1) + divmod(a, b)[1] + 2.0 ** a


@snippet
def delattr(x):
    l = [v for v in x]
    a, *l = l
    del l[0]
    d = {'k': a}
    v = d.pop('k')
    d.setdefault('j', []).append(v)
    return d['j'][0] * l[0] + l[-1]


@snippet
def fmtnum(x):
    t = '{:+.2e}|{!r:>10}|{}'.format(x[0], x[1], x[2:])
    return np.sum(x) * t.count('|')


@snippet
def count_state(x):
    COUNT[0] = COUNT[0] + 0
    return np.sum(x) * (1 + COUNT[0])


@snippet
def callable_arg(x):
    return (lambda f, *a: f(*a))(np.hypot, x[0], x[1]) + list(map(np.sin, [x[0]]))[0] + (np.sin if x[0] > 0 else np.cos)(x[1])
