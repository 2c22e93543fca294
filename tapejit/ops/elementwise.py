"""Elementwise rows: a C expression and the partial derivatives. Sorted by family; add a row here and nothing else."""

from .table import elementwise

add = elementwise("a + b", lambda a, b, y: (1, 1), doc="Sum.", vector=None, dtypes=("i32", "i64", "f32", "f64"))
subtract = elementwise("a - b", lambda a, b, y: (1, -1), doc="Difference.", dtypes=("i32", "i64", "f32", "f64"))
multiply = elementwise("a * b", lambda a, b, y: (b, a), doc="Product.", dtypes=("i32", "i64", "f32", "f64"))
divide = elementwise("a / b", lambda a, b, y: (1 / b, -y / b), zero_safe=True, domain=("real", "nonzero"), doc="Quotient.")
negative = elementwise("-x", lambda x, y: -1, doc="Negation.", dtypes=("i32", "i64", "f32", "f64"))
square = elementwise("x * x", lambda x, y: 2 * x, doc="x * x.", dtypes=("i32", "i64", "f32", "f64"))
sin = elementwise("sin(x)", lambda x, y: cos(x), vector="sin", doc="Sine; x in radians.")
cos = elementwise("cos(x)", lambda x, y: -sin(x), vector="cos", doc="Cosine; x in radians.")
exp = elementwise("exp(x)", lambda x, y: y, vector="exp", doc="Exponential.")
log1p = elementwise("log1p(x)", lambda x, y: 1 / (1 + x), vector="log1p", domain="above_minus_one", zero_safe=True, doc="log(1 + x).")
equal = elementwise("a == b", result="bool", doc="a == b.", dtypes=("bool", "i32", "i64", "f32", "f64"))
greater = elementwise("a > b", result="bool", doc="a > b.", dtypes=("bool", "i32", "i64", "f32", "f64"))
