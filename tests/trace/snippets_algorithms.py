"""Snippets in the manner of scientists' scripts: algorithms with loops and decisions. Each takes a vector of four numbers and gives a number.

Run by `test_snippets.py`.
"""

import numpy as np

SNIPPETS = []
W = np.array([1.0, -2.0, 0.5, 3.0])


def snippet(f):
    SNIPPETS.append(f)
    return f


@snippet
def while_pop(x):
    st = [x]
    t = 0.0
    while st:
        a = st.pop()
        if len(a) == 1:
            t = t + a[0] ** 2
        else:
            st += [a[:len(a) // 2], a[len(a) // 2:]]
    return t


@snippet
def gauss_elim(x):
    A = np.outer(x, x) + np.diag([5.0, 4, 3, 2])
    b = x.copy()
    n = 4
    for k in range(n):
        p = k + np.argmax(np.abs(A[k:, k]))
        A[[k, p]] = A[[p, k]]
        b[[k, p]] = b[[p, k]]
        for i in range(k + 1, n):
            m = A[i, k] / A[k, k]
            A[i, k:] -= m * A[k, k:]
            b[i] -= m * b[k]
    y = np.zeros(n)
    for i in range(n - 1, -1, -1):
        y[i] = (b[i] - A[i, i + 1:] @ y[i + 1:]) / A[i, i]
    return y.sum()


@snippet
def lu_like(x):
    L = np.tril(np.outer(x, x)) + np.eye(4) * 3
    return np.linalg.solve(L, x).sum() + np.trace(np.linalg.inv(L)) + np.log(np.linalg.det(L))


@snippet
def cholesky_hand(x):
    A = np.outer(x, x) + 4 * np.eye(4)
    L = np.zeros_like(A)
    for i in range(4):
        for j in range(i + 1):
            t = A[i, j] - np.dot(L[i, :j], L[j, :j])
            L[i, j] = np.sqrt(t) if i == j else t / L[j, j]
    return L.sum()


@snippet
def tolerance_norm(x):
    y = x.copy()
    k = 0
    while True:
        n = y / 2 + 1
        k += 1
        if np.linalg.norm(n - y) < 0.001:
            break
        if np.allclose(n, y):
            break
        y = n
    return y.sum() + k


@snippet
def brent(x):
    f = lambda t: t ** 3 + t - np.sum(x)
    lo, hi = (-10.0, 10.0)
    for _ in range(60):
        m = (lo + hi) / 2
        if f(m) > 0:
            hi = m
        else:
            lo = m
    t = lo
    for _ in range(3):
        t = t - f(t) / (3 * t * t + 1)
    return t


@snippet
def secant(x):
    f = lambda t: np.exp(t) - 2 - x[0] ** 2
    a, b = (0.5, 1.0)
    while abs(b - a) > 1e-13:
        a, b = (b, b - f(b) * (b - a) / (f(b) - f(a)) if f(b) != f(a) else b)
    return b * x[1]


@snippet
def golden(x):
    best = None
    for t in np.linspace(0, 1, 5):
        v = (x[0] - t) ** 2 + x[1] * t
        if best is None or v < best:
            best = v
    return best


@snippet
def adapt(x):

    def simp(f, a, b, e):
        c = (a + b) / 2
        s1 = (b - a) / 6 * (f(a) + 4 * f(c) + f(b))
        l = (c - a) / 6 * (f(a) + 4 * f((a + c) / 2) + f(c))
        r = (b - c) / 6 * (f(c) + 4 * f((c + b) / 2) + f(b))
        return l + r if abs(l + r - s1) < e else simp(f, a, c, e / 2) + simp(f, c, b, e / 2)
    return simp(lambda t: np.exp(-x[0] * t * t) * x[1], 0.0, 1.0, 0.0001)


@snippet
def power_it(x):
    A = np.outer(x, x) + np.diag([4.0, 3, 2, 1])
    v = np.ones(4)
    for i in range(30):
        v = A @ v
        v /= np.linalg.norm(v)
    return v @ A @ v


@snippet
def cg(x):
    A = np.outer(x, x) + np.diag([4.0, 3, 2, 1])
    b = x
    y = np.zeros_like(b)
    r = b - A @ y
    p = r.copy()
    rs = r @ r
    for i in range(4):
        Ap = A @ p
        a = rs / (p @ Ap)
        y += a * p
        r -= a * Ap
        rn = r @ r
        if np.sqrt(rn) < 1e-10:
            break
        p = r + rn / rs * p
        rs = rn
    return y.sum()


@snippet
def nbody(x):
    pos = np.array([[x[0], x[1]], [x[2] + 3, x[3]], [0.0, 5.0]])
    vel = np.zeros((3, 2))
    m = [1.0, 2.0, x[0] ** 2]
    for _ in range(5):
        acc = np.zeros_like(pos)
        for i in range(3):
            for j in range(3):
                if i != j:
                    d = pos[j] - pos[i]
                    acc[i] += m[j] * d / (np.linalg.norm(d) ** 2 + 0.1) ** 1.5
        vel += 0.1 * acc
        pos += 0.1 * vel
    return np.sum(pos ** 2) + 0.5 * sum((mm * (v @ v) for mm, v in zip(m, vel)))


@snippet
def kalman(x):
    F = np.array([[1, 0.1], [0, 1]])
    H = np.array([[1.0, 0]])
    P = np.eye(2)
    m = np.zeros(2)
    ll = 0.0
    for z in x:
        m = F @ m
        P = F @ P @ F.T + 0.1 * np.eye(2)
        S_ = H @ P @ H.T + abs(x[0])
        K = P @ H.T @ np.linalg.inv(S_)
        r = z - H @ m
        ll -= 0.5 * (r @ np.linalg.solve(S_, r) + np.log(np.linalg.det(S_)))
        m = m + K @ r
        P = (np.eye(2) - K @ H) @ P
    return ll


@snippet
def hmm(x):
    T = np.exp(np.outer(x[:2], x[2:]))
    T /= T.sum(axis=1, keepdims=True)
    a = np.array([0.5, 0.5])
    for o in [0, 1, 1, 0]:
        a = a @ T * np.array([0.9, 0.2])[[o, 1 - o]]
    return np.log(a.sum())


@snippet
def rnn(x):
    h = np.zeros(3)
    Wm = np.arange(9.0).reshape(3, 3) / 10
    outs = np.empty((4, 3))
    for t in range(4):
        h = np.tanh(Wm @ h + x[t])
        outs[t] = h
    return (outs ** 2).sum() + outs[-1] @ outs[0]


@snippet
def softmax_ce(x):
    z = x - x.max()
    p = np.exp(z) / np.exp(z).sum()
    return -np.log(p[2]) + p @ np.log(p)


@snippet
def convol2(x):
    img = np.outer(x, W)
    k = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0.0]])
    o = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            o[i, j] = (img[i:i + 3, j:j + 3] * k).sum()
    return (o ** 2).sum()


@snippet
def cumloop(x):
    y = np.zeros(5)
    y[0] = 1
    for i in range(1, 5):
        y[i] = y[i - 1] * x[i - 1] + y[i - 2]
    return y.sum()


@snippet
def memo(x):
    memo_ = {}

    def L(i, j):
        if (i, j) not in memo_:
            memo_[i, j] = 1.0 if i == 0 or j == 0 else L(i - 1, j) * x[i - 1] + L(i, j - 1) * x[j - 1]
        return memo_[i, j]
    return L(3, 3)


@snippet
def dtw(x):
    D = np.full((5, 5), np.inf)
    D[0, 0] = 0
    for i in range(1, 5):
        for j in range(1, 5):
            D[i, j] = (x[i - 1] - W[j - 1]) ** 2 + min(D[i - 1, j], D[i, j - 1], D[i - 1, j - 1])
    return D[4, 4]


@snippet
def prefix(x):
    c = np.concatenate([[0.0], np.cumsum(x)])
    return max((c[j] - c[i] for i in range(5) for j in range(i + 1, 5)))


@snippet
def comp_walk(x):
    return sum((abs(a - b) for a in x for b in x)) + sum(((i - j) * x[i] * x[j] for i in range(4) for j in range(i)))


@snippet
def while_stack(x):
    n = 3
    a, b = (x[0], x[1])
    while n:
        a, b, n = (b, a * b + x[2], n - 1)
    return a
