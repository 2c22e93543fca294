"""Rows between complex numbers and their real parts, and the sign of a complex number.

Every rule of the table is the holomorphic one: the reverse rule is the plain transpose, without conjugation, and cotangents pair with
tangents as the real part of the sum of ct * dot. So the gradient of a real u(x + iy) is du/dx - i du/dy (JAX's and autograd's). An
elementwise row that takes a complex operand to a real result (absolute, its square) states that gradient as its partial. Read next: `linear.py`.
"""

from .table import OPS, REAL_OF, Type, broadcast_shape, elementwise, linear, rule

COMPLEX_OF = {"f32": "c64", "f64": "c128"}


def _part_type(types):
    return Type(REAL_OF.get(types[0].dtype, types[0].dtype), types[0].shape)


def as_complex(ct, like):
    """A real cotangent as one of the complex value `like`."""
    return OPS["cast"](ct, dtype=like.dtype)


real = linear(
    lambda np, x: np.real(x),
    lambda ct, x: (as_complex(ct, x),),
    result=_part_type, doc="The real part of a complex number: a view.")

imag = linear(
    lambda np, x: np.imag(x),
    lambda ct, x: (-1j * as_complex(ct, x),),
    result=_part_type, doc="The imaginary part of a complex number: a view.")

conjugate = linear(
    lambda np, x: x.conjugate(),
    lambda ct, x: (OPS["conjugate"](ct),),
    result=lambda types: types[0], doc="The complex conjugate.")


def _complex(np, a, b):
    parts = np.broadcast_arrays(a, b)
    out = np.empty(parts[0].shape, np.result_type(a, b, np.complex64))
    out.real, out.imag = parts
    return out[()]


complex_ = linear(
    _complex,
    lambda ct, a, b: (OPS["real"](ct), -OPS["imag"](ct)),
    arity=2, result=lambda types: Type(COMPLEX_OF[types[0].dtype], broadcast_shape([t.shape for t in types])),
    doc="The complex numbers with real parts a and imaginary parts b, which have one shape.")


def _over(x, modulus):
    """x / modulus for a complex x and a real modulus; x where the modulus is 0."""
    return x / as_complex(OPS["where"](OPS["equal"](modulus, 0), 1, modulus), x)


def _turn(operands, y):
    """1j * y / |x|: the tangent of the sign is this times the part of the tangent of x across x, which is imag(conj(y) * dot)."""
    (x,) = operands
    return _over(1j * y, OPS["absolute"](x))


complex_sign = rule(
    lambda np, x: np.sign(x),
    result=lambda types: types[0],
    jvp=lambda dots, operands, y: _turn(operands, y) * as_complex(OPS["imag"](OPS["conjugate"](y) * dots[0]), y),
    vjp=lambda ct, operands, y: (-1j * as_complex(OPS["real"](_turn(operands, y) * ct), y) * OPS["conjugate"](y),),
    kinks="flat at 0", doc="x / absolute(x) of a complex number, and 0 at 0.")

squared_magnitude = elementwise(
    None, lambda x, y: 2 * OPS["conjugate"](x), evaluate=lambda np, x: np.square(np.absolute(x)), dtypes=("c64", "c128"),
    type_rule=_part_type, doc="absolute(x)**2 of a complex number: smooth, also at 0, where absolute is not.")
