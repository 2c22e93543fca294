"""Snippets in the manner of scientists' scripts: writes in place, views, overlaps, indices. Each takes a vector of four numbers and gives a number.

Run by `test_snippets.py`.
"""

import numpy as np

SNIPPETS = []
W = np.array([1.0, -2.0, 0.5, 3.0])


def snippet(f):
    SNIPPETS.append(f)
    return f


@snippet
def apply_along(x):
    return np.sum(np.apply_along_axis(lambda r: np.sum(r ** 2) * r, 1, np.outer(x, x)))


@snippet
def ndenum(x):
    t = 0.0
    for (i, j), v in np.ndenumerate(np.outer(x, x)):
        t += (i + 2 * j) * v
    return t


@snippet
def struct_upd(x):
    y = np.zeros((3, 4))
    y[0] = x
    y[1:] = y[0] * 2
    y[:, 1] -= y[:, 2]
    y[y > 1] **= 2
    y[[0, 2], [1, 3]] += x[:2]
    return np.sum(y * np.arange(12).reshape(3, 4))


@snippet
def T_iadd(x):
    y = np.outer(x, x)
    y.T[...] += x
    y.T[1:, ::2] -= 1
    v = y.ravel()
    v[::3] *= 2
    w = y.reshape(2, 8)
    w[0, :4] += x
    return np.sum(y * np.arange(16).reshape(4, 4))


@snippet
def frompy(x):
    return np.sum(np.frompyfunc(lambda v: v * v, 1, 1)(x))


@snippet
def swap_alias(x):
    y = np.outer(x, x)
    y[0], y[1] = (y[1], y[0])
    return np.sum(y * np.arange(16).reshape(4, 4))


@snippet
def iter_rows(x):
    m = np.outer(x, x)
    t = 0
    for row in m:
        row *= 2
        t = t + row[0]
    return t + m.sum()


@snippet
def inplace_arg_helper(x):

    def scale_(y, k):
        y *= k
    z = x.copy()
    scale_(z[1:], x[0])
    scale_(z, 2)
    return z.sum()


@snippet
def augmented_elem(x):
    y = [0.0] * 3
    for i, v in enumerate(x):
        y[i % 3] += v * v
    z = np.array(y)
    z[-1] -= x[0]
    z[z < 0.5] = x[1]
    return z @ z


@snippet
def nd1(x):
    y = np.outer(x, x)
    for v in np.nditer(y, op_flags=['readwrite']):
        v[...] = 2 * v + 1
    return np.sum(y * np.arange(16).reshape(4, 4))


@snippet
def nd2(x):
    y = np.outer(x, x)
    it = np.nditer(y, flags=['multi_index'])
    t = 0
    while not it.finished:
        i, j = it.multi_index
        t = t + it[0] * (i - j ** 2)
        it.iternext()
    return t


@snippet
def nd3(x):
    t = 0
    for a, b in np.nditer([x, np.arange(4.0)]):
        t = t + a * b
    return t


@snippet
def nd4(x):
    t = 0
    y = np.asfortranarray(np.outer(x, np.arange(4.0)))
    for k, v in enumerate(np.nditer(y)):
        t = t + k * v
    for k, v in enumerate(np.nditer(y, order='C')):
        t = t + k * v
    return t


@snippet
def nd5(x):
    with np.nditer(x * 1, op_flags=['readwrite']) as it:
        for v in it:
            v *= 2
        return 1.0 * x[0]


@snippet
def overlap1(x):
    y = x.copy()
    y[1:] = y[:-1]
    y[:-1] += y[1:]
    return y @ W


@snippet
def overlap2(x):
    y = np.outer(x, W)
    y += y.T
    y -= y[0]
    y[:] = y[::-1]
    y /= abs(y).sum()
    return (y * np.arange(16).reshape(4, 4)).sum()


@snippet
def overlap3(x):
    y = x.copy()
    np.add(y[:-1], y[1:], out=y[1:])
    np.multiply(y[1:], y[:-1], out=y[:-1])
    return y @ W


@snippet
def overlap4(x):
    y = np.outer(x, W)
    y[1:, 1:] = y[:-1, :-1]
    y[::2] = y[1::2]
    y[:, ::-1] += y
    y[[0, 1]] = y[[1, 0]]
    return (y * np.arange(16).reshape(4, 4)).sum()


@snippet
def overlap5(x):
    y = x.copy()
    y[y > 0] = y[::-1][y > 0]
    y[[0, 1, 2]] = y[[2, 0, 1]]
    y[::-1] -= y * 2
    return y @ W


@snippet
def sort_inplace(x):
    y = x.copy()
    y.sort()
    z = np.outer(x, W)
    z.sort(axis=0)
    z[1].sort()
    z.T[0].sort()
    return y @ W + (z * np.arange(16).reshape(4, 4)).sum()


@snippet
def part(x):
    y = np.partition(x, 2)
    return y[2] * np.partition(x, 1)[1] + x[np.argpartition(x, 0)[0]]


@snippet
def where_out(x):
    y = np.zeros(4)
    np.log(x, out=y, where=x > 0)
    np.add(y, x, out=y, where=[True, False, True, True])
    np.divide(1.0, x, out=y, where=x < 0)
    return y @ W


@snippet
def sliding(x):
    w = np.lib.stride_tricks.sliding_window_view(x, 2)
    return (w ** 2).sum() + w.mean(axis=1).max()


@snippet
def splitw(x):
    y = np.outer(x, W)
    a, b = np.split(y, 2)
    a *= x[0]
    b[...] = a
    c = np.array_split(y, 3, axis=1)[1]
    c += 1
    h, = np.hsplit(y, 1)
    h[0] = 0
    return (y * np.arange(16).reshape(4, 4)).sum()


@snippet
def moveax(x):
    y = np.multiply.outer(np.outer(x, W), x[:2])
    v = np.moveaxis(y, 0, 2)
    v[0] *= 2
    u = np.swapaxes(y, 0, 1)
    u[1, :, 0] = x
    r = np.rollaxis(y, 2)
    r[1, 1] -= x
    t = y.transpose(2, 0, 1)[0]
    t += 1
    return (y * np.arange(32).reshape(4, 4, 2)).sum()


@snippet
def einview(x):
    y = np.outer(x, W)
    d = np.einsum('ii->i', y)
    d *= 3
    e = np.einsum('ij->ji', y)
    e[0] += x
    return (y * np.arange(16).reshape(4, 4)).sum()


@snippet
def diagw(x):
    y = np.outer(x, W)
    y[np.diag_indices(4)] = x
    y[np.triu_indices(4, 1)] *= 2
    y[np.tril_indices_from(y, -1)] -= 1
    i, j = np.indices((4, 4))
    y[i == j + 1] = x[:3]
    np.fill_diagonal(y, y.diagonal() * 2)
    return (y * np.arange(16).reshape(4, 4)).sum()


@snippet
def ints(x):
    i = np.arange(4)
    k = (x > 0).astype(int)
    i[k == 1] *= 2
    i //= 1 + k
    i += k << 1
    return (i * x).sum() + i % 3 @ x + np.sum(~k * x) + i.mean() * x[0]


@snippet
def scal_arr(x):
    y = np.array(x[0])
    y += x[1]
    y[...] = y * 2
    y[()] -= 1
    z = np.float64(x[2])
    z += 1
    w = x[3:4]
    return float(y) * z + w.item() * 0 if False else float(y) * z + w[0]


@snippet
def clampy(x):
    y = np.clip(x, 0, 1)
    y = np.minimum(np.maximum(y, 0.1), 0.9)
    return y @ W + np.heaviside(x, 0.5) @ x + np.sign(x) @ x + np.abs(x).max() + np.fmax(x, 0.2).sum()


@snippet
def logsum(x):
    m = np.max(x)
    return m + np.log(np.sum(np.exp(x - m))) + np.logaddexp.reduce(x) + np.logaddexp(x[0], x[1])


@snippet
def normy(x):
    return np.linalg.norm(x) + np.linalg.norm(x, 1) + np.linalg.norm(np.outer(x, W) + np.eye(4)) + np.linalg.norm(x, np.inf) + np.hypot(x[0], x[1])


@snippet
def copyto(x):
    y = np.empty((2, 4))
    np.copyto(y, x)
    y[1, :] = 0
    y[1] = np.flip(x)
    y = np.vstack([y, x[None]])
    y = np.insert(y, 1, x[0], axis=0)
    y = np.delete(y, 0, axis=0)
    y = np.append(y, [x], axis=0)
    return (y * np.arange(16).reshape(4, 4)).sum()


@snippet
def cplx(x):
    z = np.exp(1j * x)
    z *= 1 + x
    c = complex(x[0], x[1]) ** 2
    return np.real(z.sum() * np.conj(z[0])) + abs(c) + c.imag + (z @ z.conj()).real + np.abs(np.fft.fft(x))[1]


@snippet
def at_views(x):
    y = np.outer(x, W)
    np.add.at(y[1], [0, 0, 3], x[:3])
    np.add.at(y, (slice(None), [0, 0]), x[:, None])
    np.maximum.at(y.T, [1], 0.3)
    return (y * np.arange(16).reshape(4, 4)).sum()


@snippet
def nonzero_loop(x):
    t = 0
    for i in np.flatnonzero(x > 0):
        t += x[i] * i
    for i, j in zip(*np.nonzero(np.outer(x, x) > 1)):
        t += x[i] - x[j] ** 2
    for i in np.argwhere(x < 1).ravel():
        t *= 1 + 0.1 * x[i]
    return t


@snippet
def ravel_write(x):
    y = np.outer(x, W)
    r = y.ravel()
    r[3] = x[0] * 9
    f = y.T.ravel()
    f[0] = 100
    fl = y.flatten()
    fl[:] = 0
    y.flat[5] = x[1]
    y.flat[[1, 2]] = x[:2]
    y.shape = (2, 8)
    y[1, 2:4] = x[2:]
    return (y * np.arange(16).reshape(2, 8)).sum()


@snippet
def swapvals(x):
    a, b = (x[:2], x[2:])
    a, b = (b + 0, a)
    a += b
    y = x.copy()
    t = y[0]
    y[0] = 5.0 * x[1]
    return a @ b + t * y[0]


@snippet
def rowview(x):
    A = np.outer(x, W)
    r = A[0]
    A[0, 0] = 7 * x[1]
    r2 = A[0].copy()
    A[0] *= 2
    return r @ r2 + A.sum()


@snippet
def strides(x):
    y = np.asfortranarray(np.outer(x, W))
    z = y[::2, ::-1]
    z += x
    w = np.ascontiguousarray(z)
    w *= 2
    return (y * np.arange(16).reshape(4, 4)).sum() + w.sum() + y.strides[0] * 0 * x[0]


@snippet
def big_pow(x):
    return x[1] ** 3 + x[3] ** 0.5 + np.power(np.abs(x), x).sum() + 2 ** x[0] + x[1] ** x[0] + np.float_power(x[1], 2) + np.sqrt(x[1]) ** 3
