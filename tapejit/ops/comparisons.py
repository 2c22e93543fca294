"""Elementwise rows that compare, choose, round or work on bits: their derivatives are 0, 1, a sign or a selection.

A partial that is a bool selects: the derivative passes where it is true and is exactly zero elsewhere, even when what
does not pass is infinite or NaN. Rows with partials of plain 0 are flat: they may stand in differentiated code and
contribute nothing. Read next: `elementwise.py` (the smooth rows), `passes/differentiate.py` (the reader of partials).
"""

from .table import OPS, REAL_OF, Type, broadcast_shape, elementwise, is_complex

ANY = ("bool", "i32", "i64", "f32", "f64")
NUMBERS = ("i32", "i64", "f32", "f64")
BITS = ("bool", "i32", "i64")
INTEGERS = ("i32", "i64")

# --- comparisons and logic -----------------------------------------------------------------------------------------

equal = elementwise("a == b", result="bool", dtypes=ANY, doc="a == b.")
not_equal = elementwise("a != b", result="bool", dtypes=ANY, doc="a != b.")
less = elementwise("a < b", result="bool", dtypes=ANY, doc="a < b.")
less_equal = elementwise("a <= b", result="bool", dtypes=ANY, doc="a <= b.")
greater = elementwise("a > b", result="bool", dtypes=ANY, doc="a > b.")
greater_equal = elementwise("a >= b", result="bool", dtypes=ANY, doc="a >= b.")

logical_and = elementwise("(a != 0) & (b != 0)", result="bool", dtypes=ANY, doc="True where both operands are; NaN counts as true.")
logical_or = elementwise("(a != 0) | (b != 0)", result="bool", dtypes=ANY, doc="True where an operand is; NaN counts as true.")
logical_xor = elementwise("(a != 0) != (b != 0)", result="bool", dtypes=ANY, doc="True where exactly one operand is; NaN counts as true.")
logical_not = elementwise("x == 0", result="bool", dtypes=ANY, doc="True where the operand is zero.")

isnan = elementwise("x != x", result="bool", doc="True where the operand is NaN.")
isinf = elementwise("fabs(x) == INFINITY", result="bool", doc="True where the operand is infinite.")
isfinite = elementwise("fabs(x) < INFINITY", result="bool", doc="True where the operand is neither infinite nor NaN.")
signbit = elementwise("copysign(1.0f, x) < 0", result="bool", doc="True where the sign bit is set, as in -0.0.")

# --- bits ----------------------------------------------------------------------------------------------------------

bitwise_and = elementwise("a & b", dtypes=BITS, domain="bits", doc="Bitwise and; on bools, logical and.")
bitwise_or = elementwise("a | b", dtypes=BITS, domain="bits", doc="Bitwise or; on bools, logical or.")
bitwise_xor = elementwise("a ^ b", dtypes=BITS, domain="bits", doc="Bitwise exclusive or; on bools, logical exclusive or.")
invert = elementwise("tj_invert(x)", dtypes=BITS, domain="bits", doc="Bitwise not; on bools, logical not.")
left_shift = elementwise("tj_left_shift(a, b)", dtypes=INTEGERS, domain="bits",
                         doc="a * 2**b, wrapped; 0 when b is negative or at least the width.")
right_shift = elementwise("tj_right_shift(a, b)", dtypes=INTEGERS, domain="bits",
                          doc="a shifted right, keeping its sign; -1 or 0 when b is negative or at least the width.")

# --- choice --------------------------------------------------------------------------------------------------------


def _where_type(types):
    return Type(types[2].dtype, broadcast_shape([t.shape for t in types]))


def _real_type(types):
    return Type(REAL_OF.get(types[0].dtype, types[0].dtype), types[0].shape)


where = elementwise("a ? b : c", lambda a, b, c, y: (None, a, logical_not(a)), type_rule=_where_type, domain=("bool", "real", "real"),
                    dtypes=ANY, doc="b where the bool a is true, else c; what is not chosen has derivative zero, whatever its value.")


def _share(np, a, b):
    difference = np.subtract(a, b)
    if difference.dtype.kind == "c":  # ordered by real parts, then by imaginary parts
        chosen = np.where(a == b, 0.5, np.greater(a, b)).astype(difference.dtype)
        return np.where(np.isnan(difference), difference, chosen)
    return np.where(a == b, difference.dtype.type(0.5), np.heaviside(difference, difference))


def _share_type(types):
    return Type(types[0].dtype, broadcast_shape([t.shape for t in types]))


share = elementwise("tj_share(a, b)", lambda a, b, y: (0, 0), evaluate=_share, type_rule=_share_type,
                    doc="The part of maximum(a, b)'s derivative that goes to a: 1 where a > b, 1/2 where equal, 0 where a < b, NaN for NaN.")

maximum = elementwise("tj_maximum(a, b)", lambda a, b, y: (share(a, b), share(b, a)), zero_safe=True, dtypes=("bool",) + NUMBERS,
                      kinks="equal operands share the derivative equally", doc="The larger operand; NaN when one is.")
minimum = elementwise("tj_minimum(a, b)", lambda a, b, y: (share(b, a), share(a, b)), zero_safe=True, dtypes=("bool",) + NUMBERS,
                      kinks="equal operands share the derivative equally", doc="The smaller operand; NaN when one is.")


def _share_of_number(a, b, weight):
    """`weight`, but 1 where b alone is NaN and 0 where a alone is: fmax and fmin take the operand that is a number."""
    return where(isnan(b), where(isnan(a), weight, 1), where(isnan(a), 0, weight))


fmax = elementwise("tj_fmax(a, b)",
                   lambda a, b, y: (_share_of_number(a, b, share(a, b)), _share_of_number(b, a, share(b, a))),
                   zero_safe=True, dtypes=NUMBERS, kinks="equal operands share the derivative equally",
                   doc="The larger operand, ignoring NaN where the other is a number.")
fmin = elementwise("tj_fmin(a, b)",
                   lambda a, b, y: (_share_of_number(a, b, share(b, a)), _share_of_number(b, a, share(a, b))),
                   zero_safe=True, dtypes=NUMBERS, kinks="equal operands share the derivative equally",
                   doc="The smaller operand, ignoring NaN where the other is a number.")

# --- sign ----------------------------------------------------------------------------------------------------------

sign = elementwise("tj_sign(x)", lambda x, y: 0, dtypes=NUMBERS, kinks="flat at 0", doc="-1, 0 or 1; NaN for NaN.")


def _absolute_partial(x, y):
    return OPS["conjugate"](OPS["complex_sign"](x)) if is_complex(x) else sign(x)


absolute = elementwise("tj_absolute(x)", _absolute_partial, zero_safe=True, dtypes=NUMBERS, kinks="derivative 0 at 0",
                       type_rule=_real_type, doc="Absolute value; real also of a complex number.")
copysign = elementwise("copysign(a, b)", lambda a, b, y: (sign(a) * copysign(1, b), 0), zero_safe=True,
                       kinks="derivative 0 at a = 0, and 0 in b", doc="The magnitude of a with the sign bit of b.")
heaviside = elementwise("tj_heaviside(a, b)", lambda a, b, y: (0, equal(a, 0)), kinks="flat in a, at 0 too",
                        doc="0 where a < 0, b where a is 0, 1 where a > 0; NaN for NaN.")

# --- rounding ------------------------------------------------------------------------------------------------------

floor = elementwise("floor(x)", lambda x, y: 0, kinks="flat at the integers", doc="Largest integer not above x.")
ceil = elementwise("ceil(x)", lambda x, y: 0, kinks="flat at the integers", doc="Smallest integer not below x.")
trunc = elementwise("trunc(x)", lambda x, y: 0, kinks="flat at the integers", doc="The integer next to x towards 0.")
rint = elementwise("rint(x)", lambda x, y: 0, kinks="flat halfway between integers", doc="Nearest integer; halves go to the even one.")

nextafter = elementwise("nextafter(a, b)", lambda a, b, y: (1, 0), kinks="that of a, one rounding away",
                        doc="The number of the dtype that follows a on the way to b.")
spacing = elementwise("nextafter(x, copysign(INFINITY, x)) - x", lambda x, y: 0, kinks="flat, at powers of two too",
                      doc="The distance from x to the next number of its dtype away from 0; NaN for what is not finite.")

floor_divide = elementwise("tj_floor_divide(a, b)", lambda a, b, y: (0, 0), domain=("real", "nonzero"), dtypes=NUMBERS,
                           kinks="flat at the steps", doc="floor(a / b) of the exact quotient; for integers, 0 where b is 0.")
remainder = elementwise("tj_remainder(a, b)", lambda a, b, y: (1, -floor_divide(a, b)), domain=("real", "nonzero"),
                        dtypes=NUMBERS, zero_safe=True,
                        kinks="at the jumps, the derivative of the piece that the value belongs to",
                        doc="a - b * floor_divide(a, b): has the sign of b (`%` and `mod`); for integers, 0 where b is 0.")
fmod = elementwise("tj_fmod(a, b)", lambda a, b, y: (1, rint((y - a) / b)), domain=("real", "nonzero"), dtypes=NUMBERS, zero_safe=True,
                   kinks="at the jumps, the derivative of the piece that the value belongs to",
                   doc="a - b * trunc(a / b): has the sign of a, as C's fmod; for integers, 0 where b is 0.")
