"""What a tracer shows of an ndarray's, NumPy scalar's or float's attributes and methods.

Methods that are NumPy functions of the same name go to what is registered for these (`LOWERINGS`); the others are below.
A tracer of a Python float has a float's attributes only.
"""

from __future__ import annotations

import functools

import numpy as np

from ..errors import TracingError, UnsupportedError
from ..ops import OPS
from .advice import advice
from .assemble import assemble
from .decisions import extracted
from .elementwise import PYTHON, apply_op
from .tracer import LOWERINGS, Tracer, array, concrete, members, window

# --- attributes ------------------------------------------------------------------------------------------------------


def _plain(name, doc):
    return property(lambda x: getattr(x.value, name), None, None, doc)


def _set_shape(x, shape):
    """x.shape = shape: x becomes the reshaped view of itself."""
    shown = x.value.view()
    shown.shape = shape  # NumPy's errors
    view = apply_op(OPS["reshape"], (x,), {"shape": shown.shape})
    x.value, x._id, x.storage, x.how, x.version = view.value, view._id, view.storage, view.how, view.version


def _transposed(x):
    x.value.T  # a Python float's error
    return apply_op(OPS["transpose"], (x,), {"axes": tuple(range(np.ndim(x.value)))[::-1]}) if np.ndim(x.value) > 1 else x


def _matrix_transposed(x):
    n = x.value.mT.ndim  # NumPy's errors
    return apply_op(OPS["transpose"], (x,), {"axes": (*range(n - 2), n - 1, n - 2)})


def _real(x):
    return LOWERINGS[np.real](x) if np.iscomplexobj(x.value) else x


def _set_real(x, value):
    if not isinstance(x.value, np.ndarray):
        x.value.real = value  # the error for numbers
    _real(x)[...] = value


def _imag(x):
    if np.iscomplexobj(x.value):
        return LOWERINGS[np.imag](x)
    return x.value.imag.copy() if isinstance(x.value, np.ndarray) else x.value.imag


def _set_imag(x, value):
    if not isinstance(x.value, np.ndarray) or not np.iscomplexobj(x.value):
        x.value.imag = concrete(value)  # NumPy's error
    _imag(x)[...] = value


def _base(x):
    """The array that this one is a view of, or None."""
    if x.value.base is None or not x.how:
        return None
    owners = [t for t in (reference() for reference in x.storage.tracers) if t is not None and not t.how]
    return owners[0] if owners else window(x.storage, x.storage.value, x.storage.id, ())


def _flags(x):
    """x.flags: a trace answers only for arguments with the flags that it has asked for."""
    storage = x.storage
    if storage is not None and storage.external:
        storage.trace.flags_read.setdefault(storage.position, storage.value.flags.num)
    return x.value.flags


def _no_address(x):
    raise TracingError(f"at {x._trace.here()}, the memory of a traced array is asked for: C code cannot take traced values")


class Flat:
    """x.flat of a traced array: its elements in C order, read and written."""

    def __init__(self, x):
        self.base = x

    def _ravelled(self):
        return apply_op(OPS["reshape"], (self.base,), {"shape": (self.base.value.size,)})

    def __len__(self):
        return self.base.value.size

    def __iter__(self):
        return iter(self._ravelled())

    def __getitem__(self, key):
        part = self._ravelled()[key]
        return part if part.storage is None else copied(part)

    def __setitem__(self, key, value):
        x, key = self.base, extracted(key, "an index of .flat") if type(key) is Tracer else key
        value = assemble(value) if type(value) in (list, tuple) else value
        x.value.copy().flat[key] = concrete(value)  # NumPy's errors
        if type(value) is Tracer and value.storage is x.storage and np.may_share_memory(x.value, value.value):
            raise UnsupportedError(f"at {x._trace.here()}, .flat is set to a part of the same array, and NumPy reads elements that it has "
                                   "just written: assign a copy, as in x.flat[...] = y.copy()")
        places = np.full(x.value.shape, -1)  # which element of the value goes where: NumPy repeats a short one
        places.flat[key] = np.arange(np.size(concrete(value))).reshape(np.shape(concrete(value)))
        if (places >= 0).any():
            flat = apply_op(OPS["reshape"], (value,), {"shape": (np.size(value.value),)}) if type(value) is Tracer else np.ravel(value)
            x[places >= 0] = flat[places[places >= 0]]


def _set_flat(x, value):
    """x.flat = value: of a copy, as NumPy makes one."""
    Flat(x)[:] = copied(value) if type(value) is Tracer and value.storage is not None else value


# --- methods ---------------------------------------------------------------------------------------------------------


class Method:
    """A method of arrays and NumPy scalars, which a Python float does not have."""

    def __init__(self, name, function=None, numpy=None):
        self.name, self.function, self.numpy = name, function, numpy

    def __get__(self, x, owner):
        if x is None:
            return self
        if type(x.value) in PYTHON and not hasattr(x.value, self.name):
            raise AttributeError(f"{type(x.value).__name__!r} object has no attribute {self.name!r}")
        return functools.partial(self.function or LOWERINGS[self.numpy], x)


def unsupported(trace, function):
    """The error for a NumPy function that nothing is registered for."""
    name = f"{getattr(function, '__module__', None) or 'numpy'}.{getattr(function, '__name__', function)}"
    return UnsupportedError(f"at {trace.here()}, {name} is called on a traced value, and tapejit does not know it: {advice(name)}")


def copied(x, order="C"):
    """x.copy(): a new storage with the same value."""
    return array(x._trace, np.array(x.value, order=order), x.id)


def _copy(x, order="C"):
    return copied(x, order) if isinstance(x.value, np.ndarray) else x


def _conjugate(x):
    if type(x.value) is complex:
        return apply_op(OPS["conjugate"], (x,), {})
    return np.conjugate(x) if np.iscomplexobj(x.value) else x


def _flatten(x, order="C"):
    return copied(LOWERINGS[np.ravel](x, order))


def _reshape(x, *shape, order="C", copy=None):
    if not shape:
        x.value.reshape()  # NumPy's error
    shape = shape[0] if len(shape) == 1 else shape
    return LOWERINGS[np.reshape](x, shape, order=order, copy=copy)


def _transpose(x, *axes):
    axes = axes[0] if len(axes) == 1 else axes or None
    return LOWERINGS[np.transpose](x, axes)


def _astype(x, dtype, order="K", casting="unsafe", subok=True, copy=True):
    value = x.value.astype(dtype, order=order, casting=casting, copy=copy) if isinstance(x.value, np.ndarray) else x.value.astype(dtype)
    if value.dtype == x.value.dtype:
        return x if value is x.value else _copy(x, order)
    return Tracer(x._trace, value, x._trace.lift(x, x._trace.type_of(value).dtype))


def _fill(x, value):
    if isinstance(x.value, np.ndarray):  # a NumPy scalar has the method, and stays what it is
        x[...] = value


def _item(x, *args):
    x.value.item(*args)  # NumPy's errors
    if args:
        x = Flat(x)[args[0]] if len(args) == 1 and isinstance(args[0], int) else x[args[0] if len(args) == 1 else args]
    return _as_python(x) if np.result_type(x.value).kind in "fc" else extracted(x, ".item()").item()


def _as_python(x):
    """The number that .item() of x gives, traced."""
    value = x.value.item()
    single = LOWERINGS[np.reshape](x, ()) if np.ndim(x.value) else x
    return Tracer(x._trace, value, x._trace.lift(single, "c128" if type(value) is complex else "f64"))


def _tolist(x):
    x.value.tolist  # a Python float's error
    if np.result_type(x.value).kind not in "fc":
        return extracted(x, ".tolist()").tolist()
    return [_tolist(part) for part in x] if np.ndim(x.value) else _as_python(x)


def _taken_out(name):
    def method(x, *args, **kwargs):
        return getattr(extracted(x, f".{name}()"), name)(*args, **kwargs)
    return method


def _sort(x, axis=-1, kind=None, order=None, *, stable=None):
    x[...] = LOWERINGS[np.sort](x, axis=axis, kind=kind, order=order, stable=stable)


def _partition(x, kth, axis=-1, kind="introselect", order=None):
    x[...] = LOWERINGS[np.partition](x, kth, axis=axis, kind=kind, order=order)


def _clip(x, min=None, max=None, out=None, **options):
    return LOWERINGS[np.clip](x, min, max, out, **options)


def _compress(x, condition, axis=None, out=None):
    return LOWERINGS[np.compress](condition, x, axis, out)


def _view(x, dtype=None, type=None):
    if np.matrix in (type, dtype):
        raise UnsupportedError(f"at {x._trace.here()}, a traced array is made a numpy.matrix: {advice('numpy.asmatrix')}")
    if type is not None or dtype is not None and np.dtype(dtype) != x.value.dtype:
        raise UnsupportedError(
            f"at {x._trace.here()}, the bytes of a traced array are viewed as another type: use astype to convert the values")
    return x[...]


def _set_flags(x, write=None, align=None, uic=None):
    if x.storage.external:
        raise UnsupportedError(f"at {x._trace.here()}, the flags of an array of the caller are set: set those of a copy")
    x.value.setflags(write, align, uic)


def _refused(name, instead):
    def method(x, *args, **kwargs):
        raise UnsupportedError(f"at {x._trace.here()}, .{name}() of a traced array is not supported: {instead}")
    return method


def _no_pickle(x, protocol):
    raise TracingError(f"at {x._trace.here()}, a traced value is pickled: it exists only while its function is traced")


def _is_integer(x):
    return bool(apply_op(OPS["equal"], (x, apply_op(OPS["floor"], (x,), {})), {}))


SAME_AS_FUNCTION = {name: getattr(np, name) for name in (
    "all any argmax argmin argpartition argsort choose cumprod cumsum diagonal dot max mean min nonzero prod put ravel "
    "repeat round searchsorted squeeze std sum swapaxes take trace var").split()}
BY_HAND = {
    "astype": _astype, "clip": _clip, "compress": _compress, "conj": _conjugate, "conjugate": _conjugate, "copy": _copy, "fill": _fill,
    "flatten": _flatten, "item": _item, "partition": _partition, "reshape": _reshape, "sort": _sort, "tolist": _tolist,
    "transpose": _transpose, "view": _view,
    "tobytes": _taken_out("tobytes"), "tofile": _taken_out("tofile"), "dump": _taken_out("dump"), "dumps": _taken_out("dumps"),
    "resize": _refused("resize", "use numpy.resize"), "byteswap": _refused("byteswap", "tapes hold native byte order"),
    "setflags": _set_flags, "getfield": _refused("getfield", "use indexing"),
    # of Python floats and NumPy float scalars
    "is_integer": _is_integer, "hex": _taken_out("hex"), "as_integer_ratio": _taken_out("as_integer_ratio"),
}
OF_THE_VALUE = ("ndim", "size", "dtype", "itemsize", "nbytes", "strides", "device")

members({
    **{name: Method(name, numpy=function) for name, function in SAME_AS_FUNCTION.items()},
    **{name: Method(name, function) for name, function in BY_HAND.items()},
    **{name: _plain(name, f"As of the concrete value: {name}.") for name in OF_THE_VALUE},
    "shape": property(lambda x: x.value.shape, _set_shape), "T": property(_transposed), "mT": property(_matrix_transposed),
    "real": property(_real, _set_real), "imag": property(_imag, _set_imag), "base": property(_base), "flags": property(_flags),
    "flat": property(Flat, _set_flat),
    "ctypes": property(_no_address), "data": property(_no_address),
    "__copy__": _copy, "__deepcopy__": lambda x, memo: _copy(x), "__reduce_ex__": _no_pickle,
})
