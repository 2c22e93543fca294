"""The table behind `test_lowerings.py`: NumPy expressions, each called on traced arguments and compared with NumPy itself.

The names in an expression are the arguments: `INPUTS` gives their shapes. Every expression is tried in float64 and float32,
on non-contiguous arrays, as a replay at other inputs and, if it is not in `FLAT`, for its derivative.
"""

import functools

import numpy as np

SHAPES = {"s": (), "t": (), "v": (5,), "w": (5,), "u": (3,), "p": (3,), "q": (1,), "e": (0,), "x": (2, 3), "y": (2, 3), "z": (3, 4),
          "m": (3, 3), "h": (4, 3), "c": (2, 3, 4), "d": (2, 4, 3), "k": (2, 1, 4), "g": (3, 0), "o": (1, 3), "n": (2, 2, 2, 3)}


def inputs(seed, dtype, names):
    """A fresh value for each of the names; different seeds give values in the same order, so that a replay takes the same decisions."""
    values = _all_inputs(seed, dtype)
    return {name: values[name].copy() for name in names}


@functools.cache
def _all_inputs(seed, dtype):
    rng = np.random.default_rng(seed)
    values = {}
    for name, shape in SHAPES.items():
        order = np.random.default_rng(len(shape) + 7).permutation(int(np.prod(shape))).reshape(shape)
        signs = np.where(order % 3 == 0, -1.0, 1.0)
        values[name] = ((0.4 + order * 0.3 + rng.uniform(0, 0.2, shape)) * signs).astype(dtype)[()]
    return values


SHAPE_CASES = """
np.reshape(x, 6); np.reshape(x, (3, -1)); np.reshape(x, (3, 2), order='F'); np.reshape(x, (3, 2), 'A'); np.reshape(s, (1, 1))
np.reshape(e, (0, 4)); np.reshape(c, (4, 6), copy=True); x.reshape(3, 2); x.reshape((-1,)); x.reshape(3, 2, order='F')
np.reshape([s, t], (2, 1)); np.reshape(x.T, 6); np.ravel(x); np.ravel(x, 'F'); np.ravel(x.T, 'K'); np.ravel(x.T, 'A'); np.ravel(s)
x.ravel(); x.flatten(); x.flatten('F'); np.ravel(c[:, ::-1]); np.transpose(x); np.transpose(c, (2, 0, 1)); np.transpose(c, (-1, 0, 1))
x.T; c.transpose(1, 0, 2); c.transpose((1, 0, 2)); c.transpose(); c.mT; np.permute_dims(c, (1, 2, 0)); np.matrix_transpose(c)
np.linalg.matrix_transpose(c); np.swapaxes(c, 0, -1); c.swapaxes(1, 2); np.moveaxis(c, 0, -1); np.moveaxis(c, (0, 1), (-1, 0))
np.rollaxis(c, 2); np.rollaxis(c, 0, 2); np.expand_dims(x, 0); np.expand_dims(x, (0, -1)); np.expand_dims(s, 0); np.squeeze(q)
np.squeeze(k, 1); np.squeeze(k, axis=(-2,)); k.squeeze(); x[None].squeeze(axis=0); np.flip(x); np.flip(x, 1); np.flip(c, (0, -1))
np.flipud(x); np.fliplr(x); np.rot90(x); np.rot90(x, 2); np.rot90(c, -1, axes=(1, 2)); np.rot90(x, 3); np.atleast_1d(s); np.atleast_1d(v)
np.atleast_2d(v); np.atleast_2d(s); np.atleast_3d(v); np.atleast_3d(x); np.atleast_3d(s); np.atleast_1d(s, v); np.atleast_2d(v, x)
np.array_split(v, 3); np.array_split(c, 2, axis=2); np.array_split(v, [1, 3]); np.array_split(v, [2, 2, 9]); np.split(v, [1, 4])
np.split(x, 3, axis=1); np.split(z, 2, -1); np.vsplit(x, 2); np.hsplit(x, 3); np.hsplit(v, [2]); np.dsplit(c, 2); np.unstack(x)
np.unstack(c, axis=1); np.diag(v); np.diag(v, 2); np.diag(v, -1); np.diag(m); np.diag(z, 1); np.diag(z, -1); np.diag(z, 3); np.diag(e, 1)
np.diagflat(x); np.diagflat(v, -1); np.diagflat([s, t]); np.diagonal(m); np.diagonal(z, 1); np.diagonal(z, -2); np.diagonal(c, 0, 1, 2)
np.diagonal(c, axis1=-1, axis2=0); np.diagonal(h.T); m.diagonal(); z.diagonal(offset=1); np.linalg.diagonal(c, offset=1); np.trace(m)
np.trace(z, 1); np.trace(z, offset=-1); np.trace(c, axis1=1, axis2=2); np.trace(c, 0, 0, 2); m.trace(); np.linalg.trace(c)
np.trace(c, 1, 1, 2); np.triu(m); np.tril(m); np.triu(z, 1); np.tril(z, -1); np.triu(c); np.tril(c, k=1); np.triu(u); np.tril(u, 1)
np.triu(h, -2); np.broadcast_to(v, (2, 5)); np.broadcast_to(s, (2, 3)); np.broadcast_to(o, (2, 3)); np.broadcast_to(k, (2, 3, 4))
np.broadcast_arrays(o, x); np.broadcast_arrays(u, s); np.broadcast_to(s, 3); np.tile(v, 2); np.tile(x, (2, 1)); np.tile(x, (2, 1, 2))
np.tile(c, 2); np.tile(s, 3); np.tile(x, ()); np.tile(v, (2, 2)); np.tile(v, 0); np.tile(x, (1, 1)); np.repeat(v, 2)
np.repeat(x, 3, axis=0); np.repeat(x, 2, axis=-1); np.repeat(x, [1, 2, 0], axis=1); np.repeat(x, 2); v.repeat(3)
np.repeat(v, [0, 1, 2, 3, 1]); np.repeat(s, 3); np.repeat(s, 3, -1); np.repeat(v, 0); np.repeat(x, [2], axis=0); np.resize(v, 7)
np.resize(x, (3, 3))
np.resize(v, (2, 2)); np.resize(e, 3); np.resize(s, (2,)); np.roll(v, 2); np.roll(v, -1); np.roll(x, 1); np.roll(x, 1, axis=1)
np.roll(x, (1, 1), axis=(0, 1)); np.roll(x, 2, axis=(0, 1)); np.roll(c, 7, -1); np.roll(v, 0); np.roll(e, 1); np.roll(x, (1, 1), 1)
np.roll(v, 5); np.pad(v, 2); np.pad(x, ((1, 0), (0, 2))); np.pad(x, (1, 2)); np.pad(v, 1, constant_values=3.5)
np.pad(v, (1, 2), 'constant', constant_values=(1, 2)); np.pad(x, ((1, 1), (2, 0)), constant_values=((1, 2), (3, 4))); np.pad(v, 2, 'edge')
np.pad(v, 3, 'reflect'); np.pad(v, (1, 3), 'wrap'); np.pad(x, ((1, 1), (2, 2)), 'symmetric'); np.pad(x, 2, mode='edge')
np.pad(v, 7, 'reflect'); np.pad(v, 8, 'wrap'); np.pad(v, 2, 'reflect', reflect_type='odd'); np.pad(v, 2, 'mean'); np.pad(v, 2, 'maximum')
np.pad(v, 2, 'minimum', stat_length=2); np.pad(x, 1, 'linear_ramp', end_values=4); np.pad(v, 2, 'symmetric', reflect_type='odd')
np.pad(v, 2, 'median'); np.pad(x, {1: 2}); np.pad(v, 1, constant_values=s); np.pad(x, ((1, 0), (0, 2)), 'constant', constant_values=s)
np.pad(e, 2); np.pad(x, 1, 'mean', stat_length=(1, 2)); np.astype(x, np.float32); x.astype(np.float64); x.astype('f8', copy=False)
np.copy(x); x.copy(); np.trim_zeros(np.concatenate([np.zeros(2), v]))
"""

JOINING_CASES = """
np.concatenate([x, y]); np.concatenate((x, y), axis=1); np.concatenate([x, y], axis=None); np.concatenate([x, np.ones((1, 3))])
np.concatenate([v, [1, 2]]); np.concatenate([v]); np.concat([v, w]); np.concatenate([x, y], -1); np.concatenate([v, e])
np.concatenate([v, w], dtype=np.float32, casting='same_kind'); np.concatenate([[s, t], v]); np.concatenate(c)
np.concatenate([v, np.arange(3)]); np.stack([x, y]); np.stack([x, y], axis=-1); np.stack([s, t]); np.stack([v, w], 1)
np.stack([v, np.ones(5)]); np.stack([x, y], axis=1); np.stack((s, 2.0, t)); np.vstack([x, y]); np.vstack([v, w]); np.hstack([x, y])
np.hstack([v, w, e]); np.hstack([s, v]); np.dstack([x, y]); np.dstack([v, w]); np.column_stack([v, w]); np.column_stack([x, y])
np.vstack([x, u]); np.column_stack((v, np.ones(5))); np.append(v, w); np.append(x, y, axis=0); np.append(v, s); np.append(x, [1., 2.])
np.append(x, y); np.append([1., 2.], v); np.block([x, y]); np.block([[x], [y]]); np.block([[x, y], [y, x]]); np.block([v, s, 1.0])
np.block([[m, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]]); np.block([c, c]); np.insert(v, 2, s); np.insert(x, 1, u, axis=0)
np.insert(v, [1, 3], [s, t]); np.insert(x, 1, 5.0); np.insert(x, [0, 2], 1.0, axis=1); np.insert(v, slice(1, 3), s); np.insert(v, -1, 7)
np.insert(x, 1, 0.5, axis=-1); np.insert(v, [2, 2], w[:2]); np.delete(v, 1); np.delete(x, 0, axis=0); np.delete(x, [0, 2], axis=1)
np.delete(x, slice(0, 2), axis=1); np.delete(x, 3); np.delete(v, np.array([True, False, True, False, False])); np.delete(v, -1)
np.delete(v, []); np.meshgrid(v, u); np.meshgrid(v, u, indexing='ij'); np.meshgrid(v, u, sparse=True); np.meshgrid(v, u, p)
np.meshgrid(v); np.meshgrid(v, u, p, indexing='ij', sparse=True); np.meshgrid(v, [1., 2.]); np.meshgrid(v, u, copy=False)
np.meshgrid(s, v)
"""

REDUCTION_CASES = """
np.sum(x); np.sum(x, axis=0); np.sum(x, -1); np.sum(c, axis=(0, 2)); np.sum(c, axis=(0, -1), keepdims=True); np.sum(x, keepdims=True)
np.sum(s); np.sum(e); np.sum(g, axis=0); np.sum(g, axis=1); x.sum(); x.sum(0); x.sum(axis=1, keepdims=True); np.sum(x, axis=())
np.sum(x, where=x > 0); np.sum(x, axis=0, where=[True, False, True]); np.sum(x, initial=2.0); np.sum(x, 0, initial=s)
np.sum(x, dtype=np.float32); np.sum(x, dtype='f8'); np.sum([s, t]); np.sum(x > 0); np.sum(np.ones(3) * s); np.mean(x); np.mean(x, axis=0)
np.mean(c, axis=(1, 2), keepdims=True); np.mean(x, where=x > 0); np.mean(c, axis=1, where=c > 0); x.mean(); x.mean(axis=-1)
np.mean(x, dtype=np.float32); np.mean(x > 0); np.mean(s); np.mean(x, 0, where=x < 100, keepdims=True); np.prod(x); np.prod(x, axis=0)
np.prod(c, axis=(0, 2)); np.prod(x, keepdims=True); np.prod(e); np.prod(v, initial=2.0); np.prod(x, where=x > 0); x.prod()
x.prod(axis=1, keepdims=True); np.prod(s); np.prod(g, axis=1); np.prod(g, axis=1, keepdims=True); np.var(x); np.var(x, axis=0)
np.var(c, axis=(0, 1), ddof=1); np.var(x, keepdims=True); x.var(ddof=1); np.var(x, axis=1, correction=1); np.var(x, where=x > 0)
np.var(x, axis=0, mean=np.mean(x, axis=0, keepdims=True)); np.var(v, ddof=2); np.std(x); np.std(x, axis=0, ddof=1)
np.std(c, axis=(0, 2), keepdims=True); x.std(); x.std(axis=1); np.std(v, dtype=np.float32); np.std(x, where=x > 0); np.max(x)
np.max(x, axis=0); np.max(c, axis=(0, 2)); np.max(x, keepdims=True); np.max(x, initial=0.5); np.max(x, axis=1, where=x > 0, initial=-1.0)
x.max(); x.max(axis=0, keepdims=True); np.amax(x, axis=1); np.max(s); np.max(e, initial=1.0); np.max(g, axis=1, initial=2.0); np.min(x)
np.min(x, axis=-1); np.min(c, axis=(0, 2), keepdims=True); x.min(); np.amin(x); np.min(x, initial=0.0)
np.min(v, where=v > 0, initial=9.0); np.ptp(x); np.ptp(x, axis=0); np.ptp(x, axis=1, keepdims=True); np.ptp(v); np.cumsum(v); np.cumsum(x)
np.cumsum(x, axis=0); np.cumsum(c, axis=-1); x.cumsum(); x.cumsum(axis=1); np.cumsum(e); np.cumsum(s); np.cumsum(x, 1, dtype=np.float32)
np.cumsum(x > 0); np.cumulative_sum(v); np.cumulative_sum(x, axis=1, include_initial=True); np.cumprod(v); np.cumprod(x)
np.cumprod(x, axis=0); np.cumprod(c, axis=-1); x.cumprod(); v.cumprod(); np.cumprod(e); np.cumprod(s)
np.cumulative_prod(v, include_initial=True); np.cumulative_prod(x, axis=0); np.cumulative_prod(s, include_initial=True)
np.cumulative_sum(s); np.cumulative_sum(x, axis=(1,)); np.cumsum(s, -1); np.add.accumulate(x, (0,)); np.nancumsum([s, t])
np.nancumprod([u, p], 1); np.diff(v); np.diff(v, 2); np.diff(x, axis=0)
np.diff(c, axis=1); np.diff(v, prepend=0.0); np.diff(x, append=y[:, :1]); np.diff(v, n=0); np.diff(x > 0)
np.diff(v, 3, prepend=s, append=t); np.ediff1d(v); np.ediff1d(x); np.ediff1d(v, to_begin=s, to_end=[1.0, 2.0]); np.ediff1d(v, to_end=w)
np.gradient(v); np.gradient(v, 0.5); np.gradient(z); np.gradient(z, axis=0); np.gradient(v, edge_order=2)
np.gradient(v, np.cumsum(np.abs(w))); np.gradient(z, 2.0, s); np.gradient(v, np.arange(5.0)); np.gradient(z, 0.5, axis=(0, 1))
np.gradient(v, s); np.gradient(v, np.array([0., 1., 3., 4., 6.]), edge_order=2); np.average(v); np.average(v, weights=np.arange(1.0, 6.0))
np.average(v, weights=np.abs(w)); np.average(x, axis=0); np.average(x, axis=1, weights=np.abs(u))
np.average(v, weights=np.abs(w), returned=True); np.average(x, weights=np.abs(y), keepdims=True); np.trapezoid(v); np.trapezoid(v, w)
np.trapezoid(x, dx=0.5); np.trapezoid(x, axis=0); np.trapezoid(x, u, axis=1); np.trapezoid(v, dx=s); np.trapezoid(v, np.arange(5))
np.nansum(v); np.nanmean(x, axis=0); np.nanmax(x); np.nanmin(x, axis=1); np.nanvar(x); np.nanstd(x, axis=0, ddof=1); np.nanprod(v)
np.nancumsum(v); np.nancumprod(v); np.nansum(x, axis=0, keepdims=True); np.nansum(np.array([s, np.nan, t]))
np.nanmean(np.array([s, np.nan, t])); np.nanmax(np.array([s, np.nan, t])); np.nanprod(np.where(v > 1, np.nan, v))
np.nanvar(np.where(v > 1, np.nan, v)); np.cov(x); np.cov(v, w); np.corrcoef(x); np.corrcoef(v, w); np.cov(h, rowvar=False)
np.cov(x, ddof=0); np.cov(x, aweights=np.abs(u)); np.unwrap(v * 3); np.unwrap(z * 4, axis=0); np.linspace(s, t, 5)
np.linspace(s, 3.0, 4, endpoint=False); np.linspace(u, p, 4); np.linspace(u, 1.0, 4, axis=1); np.linspace(s, t, 1); np.linspace(s, t, 0)
np.linspace(s, t, 5, retstep=True); np.linspace(0, u, 3, axis=-1); np.linspace(s, t, 3, dtype=np.float32); np.logspace(s, t, 4)
np.logspace(0, s, 4, base=2.0); np.logspace(u, 1.0, 3, axis=1); np.logspace(0, 1, 4, base=np.abs(s) + 1); np.geomspace(np.abs(s), 8.0, 4)
np.geomspace(np.abs(u), np.abs(p) + 1, 4); np.geomspace(np.abs(s), np.abs(t) + 1, 4, endpoint=False); np.geomspace(-np.abs(s), -5.0, 4)
"""

ORDER_CASES = """
np.sort(v); np.sort(x); np.sort(x, axis=0); np.sort(x, axis=None); np.sort(c, axis=1); np.sort(v, kind='stable'); np.sort(e)
np.sort(x, stable=True); np.sort(c); np.sort(c, 0); np.argsort(v); np.argsort(x, axis=0); np.argsort(x, axis=None); v.argsort()
np.argsort(c, axis=1); v[np.argsort(v)]; np.take_along_axis(x, np.argsort(x, axis=1), axis=1); np.argmax(v); np.argmax(x)
np.argmax(x, axis=0); np.argmax(x, axis=1, keepdims=True); x.argmax(); x.argmin(axis=1); np.argmin(x, keepdims=True); np.argmin(s)
v[np.argmax(v)]; v[np.argmin(w)]; np.nanargmax(v); np.nanargmin(x, axis=1); np.median(v); np.median(x); np.median(x, axis=0)
np.median(c, axis=(0, 2)); np.median(x, axis=1, keepdims=True); np.median(z, axis=1); np.median(s); np.median(x, keepdims=True)
np.percentile(v, 30); np.percentile(x, [10, 50], axis=0); np.quantile(v, 0.3); np.quantile(x, [0.1, 0.9], axis=1, keepdims=True)
np.quantile(v, 0.3, method='lower'); np.quantile(v, [0.3, 0.6], method='median_unbiased'); np.quantile(v, 0.4, method='nearest')
np.quantile(c, [[0.1, 0.5], [0.2, 1.0]], axis=(0, 1)); np.percentile(v, 100); np.quantile(v, 0.0); np.quantile(x, 0.25)
np.quantile(v, 0.35, method='midpoint'); np.quantile(v, 0.7, method='hazen'); np.searchsorted(np.sort(v), w)
np.searchsorted(np.arange(5.0), s); np.searchsorted(np.sort(v), [0.1, 0.2], side='right'); np.searchsorted(v, w, sorter=np.argsort(v))
np.digitize(v, np.arange(4.0)); np.digitize(v, [0.0, 1.0], right=True); np.lexsort((v, w)); np.partition(v, 2)[2]
np.partition(x, 1, axis=1)[:, 1]; np.partition(v, (1, 3))[[1, 3]]; np.argpartition(v, 2)[2]; np.partition(x, -1, axis=None)[-1]
np.argsort(s); np.argsort(s, 0); np.argsort(s, None); np.argmax(s, 0); np.argmin(s, -1, keepdims=True); np.argpartition(s, 0)
np.sort(x, np.int64(0)); np.sort(x, True)
"""

PRODUCT_CASES = """
np.dot(v, w); np.dot(x, z); np.dot(x, u); np.dot(u, z); np.dot(c, z.T); np.dot(c, d[0]); np.dot(c, d); np.dot(s, x); np.dot(x, 2.0)
np.dot(s, t); x.dot(z); v.dot(w); np.dot(u, d[0].T); np.dot(e, e); np.dot(g.T, m); np.dot([s, t], [1.0, 2.0]); np.dot(x, np.ones((3, 2)))
x @ z; x @ u; u @ z; v @ w; c @ d; c @ d[0]; x @ d.mT; u @ c; n @ h.T; np.matmul(x, z); np.matmul(c, d); np.matmul(u, u)
np.ones((2, 2)) @ x; x @ np.arange(3); m @ m; np.matmul(n, d[:, None].mT[..., :3, :]); m @ u @ m; np.linalg.matmul(x, z); g.T @ m; m @ g
c[0] @ np.ones((5, 4, 2)); np.ones((5, 4, 3)) @ u; np.inner(v, w); np.inner(x, y); np.inner(s, v); np.inner(c, z[:, :]); np.inner(x, u)
np.vdot(v, w); np.vdot(x, y); np.outer(v, u); np.outer(x, u); np.outer(s, v); np.linalg.outer(v, u); np.outer(v, [1.0, 2.0])
np.tensordot(x, z, 1); np.tensordot(x, y); np.tensordot(c, d, axes=([2], [1])); np.tensordot(c, d, axes=([0, 2], [0, 1]))
np.tensordot(v, u, 0); np.tensordot(c, z, axes=((1, 2), (0, 1))); np.tensordot(c, d, axes=(-1, 1)); np.linalg.tensordot(x, z, axes=1)
np.einsum('ij,jk', x, z); np.einsum('ij,jk->ki', x, z); np.einsum('ii', m); np.einsum('ii->i', m); np.einsum('ij->j', x)
np.einsum('ij->', x); np.einsum('i,j->ij', v, u); np.einsum('ij,ij->', x, y); np.einsum('ij,ij->i', x, y); np.einsum('ijk,ikl->ijl', c, d)
np.einsum('...ij,...jk', c, d); np.einsum('...ij,...jk->...ik', c, d); np.einsum('i...', x); np.einsum('...i->...', c)
np.einsum('ij...,j->i...', c, u); np.einsum('ba', x); np.einsum('ijk->kji', c); np.einsum('i,i,i->i', v, w, v)
np.einsum('ij,jk,kl->il', x, z, h); np.einsum('ij,jk,kl->il', x, z, h, optimize=True); np.einsum('iij->j', np.stack([m, m, m], 2))
np.einsum('i,i', v, w); np.einsum(x, [0, 1], z, [1, 2]); np.einsum(x, [0, 1], z, [1, 2], [2, 0])
np.einsum(c, [Ellipsis, 0, 1], [Ellipsis, 1, 0]); np.einsum('ij,kj->ik', o, x); np.einsum('ij,ij->ij', o, x)
np.einsum('a,b,c->abc', u, p, v); np.einsum('i->', v); np.einsum(',i->i', s, v); np.einsum('ij,jk->', x, z); np.einsum('bi,bj->bij', x, y)
np.einsum('ij , j', x, u); np.einsum('kij,kjl,il->k', c, d, m); np.einsum('ijk,jil->kl', c, c.transpose(1, 0, 2))
np.einsum('iijj->ij', np.outer(m, m).reshape(3, 3, 3, 3).transpose(0, 0 + 2, 1, 3)); np.kron(v, u); np.kron(x, z); np.kron(x, u)
np.kron(s, v); np.kron(c, x); np.kron(np.eye(2), x); np.cross(u, p); np.cross(x, y); np.cross(x, u); np.cross(h.T, h.T, axis=0)
np.cross(m, m[::-1], axisa=0, axisb=1, axisc=0); np.linalg.cross(x, y); np.cross([s, t, 1.0], u); np.cross(np.ones(3), u); np.vecdot(v, w)
np.vecdot(x, y); np.vecdot(x, y, axis=0); np.vecdot(c, k); np.matvec(m, u); np.matvec(c, k[:, 0]); np.vecmat(u, m); np.vecmat(x, d.mT)
np.linalg.vecdot(x, y); np.vecdot(x, y, keepdims=True); np.vecdot(c, c * 2, axis=1, keepdims=True); np.vecdot(c, z, axes=[1, 0])
np.vecdot(u, p, keepdims=True); np.matmul(x, z, axes=[(0, 1), (0, 1), (1, 0)]); np.matmul(z, x, axes=[(1, 0), (1, 0), (0, 1)])
np.matmul(c, z, axes=[(-2, -1), (1, 0), (0, 2)]); np.matmul(x, u, axes=[(0, 1), 0, 0]); np.matvec(x, t * p[:2], axes=[(1, 0), 0, 0])
np.vecmat(u, x, axes=[0, (1, 0), 0]); np.vander(v); np.vander(v, 3); np.vander(v, 3, increasing=True); np.vander(v, 0); np.polyval(v, s)
np.polyval(v, x); np.polyval([1.0, 2.0, 3.0], v); np.polyval([s, t, 1.0], v); np.linalg.multi_dot([x, z, h])
np.linalg.multi_dot([u, z, h, p]); np.linalg.matrix_power(m, 0); np.linalg.matrix_power(m, 1); np.linalg.matrix_power(m, 5)
np.linalg.norm(v); np.linalg.norm(x); np.linalg.norm(x, axis=0); np.linalg.norm(x, axis=1, keepdims=True); np.linalg.norm(v, 1)
np.linalg.norm(v, np.inf); np.linalg.norm(v, -np.inf); np.linalg.norm(v, 3); np.linalg.norm(v, 0); np.linalg.norm(x, 'fro')
np.linalg.norm(x, 1); np.linalg.norm(x, np.inf); np.linalg.norm(c, axis=(0, 2)); np.linalg.norm(x, -1)
np.linalg.norm(x, axis=(1, 0), ord=1); np.linalg.norm(c); np.linalg.vector_norm(x); np.linalg.vector_norm(x, axis=0, ord=1)
np.linalg.matrix_norm(c); np.linalg.norm(x, keepdims=True); np.linalg.norm(v, 2); np.linalg.norm(v, ord=2.5); np.linalg.norm(s * v)
np.convolve(v, u); np.convolve(v, u, 'same'); np.convolve(v, u, 'valid'); np.convolve(u, v); np.convolve(v, [1.0, -1.0])
np.correlate(v, u); np.correlate(v, u, 'full'); np.correlate(u, v, 'full'); np.correlate(v, u, 'same'); np.correlate(u, v, 'same')
np.correlate(u, v, 'valid'); np.convolve(s, v); np.interp(v, [-5.0, 0.0, 5.0], u); np.interp(s, np.array([0.0, 1.0, 2.0]), u)
np.interp(v, np.sort(w), v); np.interp(x, [-1.0, 1.0], [s, t]); np.interp(v, [0.0, 1.0], [s, t], left=0.0, right=9.0)
np.interp(v, [0.0, 1.0, 2.0], u, period=3.0)
"""

SELECTION_CASES = """
np.where(x > 0, x, y); np.where(x > 0, x, 0.0); np.where(x > 0, 1, x); np.where(v > 0)[0]; np.where([True, False, True], u, p)
np.where(u > 0, x, s); np.where(s > 0, s, t); np.where(x, x, y); np.where(np.eye(3, dtype=bool), m, 0)
np.where(x > 0, np.sqrt(np.abs(x)), x); np.select([v < 0, v < 1], [v, v ** 2], 3.0); np.select([x > 1, x < 0], [x, y])
np.select([v > 0], [s]); np.select([x > 0, x < 0], [u, 2.0 * x], default=s)
np.piecewise(v, [v < 0, v >= 0], [lambda a: -a, lambda a: a ** 2]); np.piecewise(v, [v < 0], [0.0, lambda a: np.exp(a)])
np.piecewise(s, [s < 0], [lambda a: a, lambda a: 2 * a]); np.piecewise(v, [v < 0, v > 1], [1.0, lambda a: a - a.mean(), 5.0])
np.piecewise(x, [x < 0, x > 1], [lambda a, b: a * b, 2.0, lambda a, b: a + b], s); np.clip(v, 0.0, 1.0); np.clip(x, 0, None)
np.clip(x, None, 1.0); np.clip(x, u * 0 - 1, 1.5); np.clip(v, s - 1, 2.0); v.clip(0.1, 0.9); v.clip(min=0.0); np.clip(v, min=0.0, max=1.0)
np.clip(s, 0, 1); np.nan_to_num(v); np.nan_to_num(np.array([s, np.nan, np.inf, t]))
np.nan_to_num(np.array([s, np.nan, -np.inf]), nan=1.0, posinf=2.0, neginf=s); np.real_if_close(v); np.take(v, [0, 2]); np.take(v, 3)
np.take(x, [1, 0, 1], axis=1); np.take(x, [[0, 5], [2, 2]]); np.take(x, -1, axis=0); np.take(v, [7, -9], mode='wrap')
np.take(v, [7, -9], mode='clip'); v.take([1, 1]); x.take([0], axis=0); np.take(c, [[0, 1], [1, 1]], axis=1); np.take(s, 0)
np.take(v, np.argsort(w)); np.take_along_axis(x, np.array([[0], [2]]), axis=1); np.take_along_axis(x, np.array([5, 0]), None)
np.take_along_axis(c, np.argsort(c, axis=2), axis=2); np.take_along_axis(x, np.argmax(x, axis=0, keepdims=True), axis=0)
np.take_along_axis(c, np.zeros((2, 1, 1), int), axis=-1); np.choose([0, 1, 0], [u, p]); np.choose(np.array([[0, 1, 2]]), [s, x, y])
np.choose([0, 3, -1], [u, p], mode='clip'); np.choose([0, 3, -1], [u, p], mode='wrap'); np.choose(x > 0, [x, y])
np.choose([0, 1], [1.0, t]); np.compress([True, False, True], u); np.compress([False, True], x, axis=0); np.compress(v > 0, v)
x.compress([True, False, True], axis=1); np.compress([True, False, True], x); np.extract(x > 0, x); np.extract([1, 0, 1, 0, 1], v)
x[x > 0]; v[v > 0]; np.bincount([0, 1, 1, 3], weights=[s, t, 1.0, 2.0]); np.bincount([0, 1, 1, 3, 0], weights=v)
np.bincount([0, 1, 1, 3, 0], v, minlength=7); np.bincount(np.argsort(v), weights=w); np.bincount(np.argsort(v))
np.bincount(np.digitize(v, [0.0, 1.0]), weights=w); np.nonzero(v > 0); np.nonzero(x > 0); np.flatnonzero(x > 0); np.argwhere(x > 0)
v.nonzero(); v[np.nonzero(v > 0)]; np.sum(v[np.where(v > 0)])
"""

BEYOND_CASES = """
np.polyadd(v, u); np.polysub(v, u); np.polymul(v, u); np.polyder(v); np.polyder(v, 2); np.polyint(v, k=1.5); np.polydiv(v, u); np.poly(u)
np.i0(v); np.polymul([0.0, s], [t, 1.0]); np.apply_along_axis(lambda r: np.sum(r ** 2) * r, 0, x); np.apply_along_axis(np.sum, 1, c)
np.apply_over_axes(np.sum, c, [0, 2]); np.nanmedian(v); np.nanmedian(np.where(x > 1, np.nan, x))
np.nanmedian(np.where(np.arange(24).reshape(2, 3, 4) % 5 == 0, np.nan, c), axis=1)
np.nanquantile(np.where(c > 2, np.nan, c), 0.3, axis=(0, 2), keepdims=True)
np.nanpercentile(np.where(x > 1.5, np.nan, x), [20, 70], axis=1); np.nanquantile(x, 0.4); np.unique(v); np.unique(np.concatenate([v, v]))
np.unique(v, return_inverse=True); np.unique(np.append(v, v[0]), return_counts=True, return_index=True); np.union1d(v, w)
np.intersect1d(v, v[1:3]); np.setdiff1d(v, v[:2]); np.setxor1d(v, v[:2]); np.sort(np.unique_values(v)); np.unique_counts(v)
np.unique(x, axis=0); np.unique(np.concatenate([z, z[1:]]), axis=0, return_index=True, return_inverse=True, return_counts=True)
np.unique(np.concatenate([c, c], -1), True, True, True, -1); np.unique(np.ones((3, 2)) * s, axis=0)
np.unique(g, axis=0); np.unique(g.T, axis=0)
np.isin(v, v[:2]); np.isin(x, [1.0, s], invert=True); np.unravel_index(np.argmax(x), x.shape); x[np.unravel_index(np.argmax(x), x.shape)]
np.unravel_index(np.argsort(v), (2, 3), 'F'); np.histogram(v, bins=3, range=(-2.0, 2.0), weights=w)
np.histogram(v, bins=[-2.0, 0.0, 1.0, 3.0]); np.histogram_bin_edges(v, 4); np.histogram(v, bins=3)
"""

CREATION_CASES = """
np.full_like(x, s); np.full_like(x, 2); np.zeros_like(x) + s; np.ones_like(x) * s; np.empty_like(x) * 0; np.zeros_like(x, shape=(2,))
np.ones_like(x, dtype=int); np.full_like(x, u)
"""

FLAT_CASES = """
np.any(x > 0); np.any(x, axis=0); np.all(x > 0, axis=1, keepdims=True); np.all(x); x.any(); x.all(axis=0); np.any(x > 0, where=y > 0)
np.all(e); np.any(e); np.count_nonzero(x > 0); np.count_nonzero(x, axis=0); np.count_nonzero(x, keepdims=True); np.isclose(x, y)
np.isclose(x, x + 1e-9); np.allclose(x, y); np.allclose(x, x); np.array_equal(x, y); np.array_equal(x, x); np.array_equal(x, v)
np.array_equiv(o, x); np.array_equiv(v, x); np.isclose(x, np.nan, equal_nan=True); np.array_equal(x, x, equal_nan=True); np.round(x)
np.round(x, 1); np.around(x, 2); np.fix([s, t]); x.round(); x.round(1); np.round(x * 100, -1); np.fix(x); np.fix(s); np.round(x > 0)
np.isposinf(x)
np.isneginf(x); np.isreal(x); np.iscomplex(x); np.imag(x); np.sign(x); np.floor(x); np.shape(x); np.ndim(x); np.size(x); np.size(x, 1)
np.result_type(x, 1.0); np.can_cast(x.dtype, np.float32); np.iscomplexobj(x); np.isrealobj(x); np.may_share_memory(x, x)
np.shares_memory(x, y); np.array_repr(x); np.array_str(x); np.array2string(v); np.common_type(x, y); np.min_scalar_type(v)
"""

ELEMENT_CASES = """
np.exp([s, t]); np.maximum([s, 0.5], u[:2]); np.add.reduce([s, t, 1.0]); np.sqrt(np.abs([[s, t]])); np.multiply.outer([s, t], v)
np.max([s, t]); np.sort([s, 2.0, t]); np.linalg.norm(np.array([s, t])); np.take([1.0, 2.0, 3.0], np.argsort(u))
np.where([True, False], [s, t], 0); np.real(x); np.angle(x); np.angle(x, deg=True); np.sinc(x); np.sinc(s); np.sinc(np.array([s, 0.0]))
np.real(s)
"""

WRITE_CASES = """
setattr(a := x.copy(), 'shape', (3, 2)) or a; (setattr(a := (b := x.copy())[:], 'shape', 6), a.__setitem__(4, s)) and b
np.copyto(a := x.copy(), y) or a; np.copyto(a := x.copy(), 1.0, where=x > 0) or a
np.copyto(a := x.copy(), u, where=[True, False, True]) or a; np.copyto(a := x.copy(), s) or a; np.put(a := v.copy(), [0, 2], [s, t]) or a
np.put(a := x.copy(), [0, -1], s) or a; np.put(a := x.copy(), [7, -9], [s, t], mode='wrap') or a
np.put(a := v.copy(), [0, 1, 2], w[:2]) or a; np.put(a := x.T.copy(), [1, 2], [s, t]) or a; np.put(a := x.copy().T, [1, 2], [s, t]) or a
np.place(a := v.copy(), v > 0, w) or a; np.place(a := x.copy(), x > 0, [s, t]) or a; np.putmask(a := v.copy(), v > 0, w) or a
np.putmask(a := v.copy(), v > 0, [s, t]) or a; np.fill_diagonal(a := m.copy(), s) or a; np.fill_diagonal(a := m.copy(), u) or a
np.fill_diagonal(a := h.copy(), s) or a; np.fill_diagonal(a := np.ones((7, 2)) * s, t, wrap=True) or a
np.fill_diagonal(a := z.copy(), [s, t]) or a; np.put_along_axis(a := x.copy(), np.array([[0], [2]]), s, axis=1) or a
np.put_along_axis(a := x.copy(), np.array([[0, 1, 1]]), u[None], axis=0) or a
np.put_along_axis(a := x.copy(), np.array([4, 0]), w[:2], axis=None) or a; np.sum(x, axis=0, out=(a := u.copy()))
np.mean(x, axis=1, out=(a := x[:, 0].copy())) + a; np.cumsum(v, out=(a := w.copy())); np.take(v, [0, 1, 2], out=(a := u.copy()))
np.dot(x, z, out=(a := np.zeros_like(x @ z))); np.concatenate([u[:2], u[2:]], out=(a := u.copy()))
np.clip(x, 0.0, 1.0, out=(a := y.copy())); np.std(x, axis=0, out=(a := u.copy())); np.max(x, 0, out=(a := u.copy()))
np.median(x, axis=0, out=(a := u.copy())); np.round(x, 1, out=(a := y.copy())); np.einsum('ij->j', x, out=(a := u.copy()))
np.matmul(m, u, out=(a := p.copy())); np.matmul(x, u, out=(a := np.zeros((3, 2)) * s)); np.prod(x, axis=0, out=(a := u.copy()))
np.sum(x, 0, None, (a := u.copy())) * a
"""


def listed(text):
    return [case.strip() for line in text.strip().splitlines() for case in line.split("; ")]


FLAT = frozenset(listed(FLAT_CASES))
CASES = [case for text in (SHAPE_CASES, JOINING_CASES, REDUCTION_CASES, ORDER_CASES, PRODUCT_CASES, SELECTION_CASES, BEYOND_CASES,
                           CREATION_CASES, FLAT_CASES, ELEMENT_CASES, WRITE_CASES) for case in listed(text)]


def names_in(case):
    """The arguments that an expression uses, in order of first use."""
    code = compile(case, "case", "eval")
    found = list(code.co_names)
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            found += constant.co_names
    return [name for name in dict.fromkeys(found) if name in SHAPES]
