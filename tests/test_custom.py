"""custom_jvp, custom_vjp, primitive, stop_gradient, checkpoint. Truth: the same functions without rules of their own."""

import collections

import numpy as np
import pytest

import tapejit as tj

X = np.linspace(0.1, 1.0, 4)

TRANSFORMS = {
    "grad": lambda f, *args: tj.grad(f, tuple(range(len(args))))(*args),
    "jvp": lambda f, *args: tj.jvp(f, args, args)[1],
    "jacfwd": lambda f, *args: tj.jacfwd(f, tuple(range(len(args))))(*args),
    "hessian": lambda f, *args: tj.hessian(f, tuple(range(len(args))))(*args),
    "forward over forward": lambda f, *args: tj.jacfwd(tj.jacfwd(f))(*args),
    "reverse over reverse": lambda f, *args: tj.jacrev(tj.jacrev(f))(*args),
    "jit": lambda f, *args: tj.jit(f)(*args),
}


def leaves(value):
    return tj.tree.flatten(value)[0]


def agree(f, plain, *args, transforms=TRANSFORMS):
    for name, transform in TRANSFORMS.items():
        if name in transforms:
            for _ in range(2):
                for a, b in zip(leaves(transform(f, *args)), leaves(transform(plain, *args)), strict=True):
                    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13, err_msg=name)


def pair(x, y):
    return np.sin(x) * y, np.sum(x)


def ruled_pair():
    f = tj.custom_vjp(pair)

    def bwd(residuals, ct):
        (x, y), (a, b) = residuals, ct
        return a * np.cos(x) * y + b, np.sum(a * np.sin(x))

    f.defvjp(lambda x, y: (f(x, y), (x, y)), bwd)
    return f


def test_custom_vjp_in_every_mode_and_to_second_order():
    def use(f):
        def total(x, y):
            a, b = f(x, y)
            return np.sum(a**2) * b
        return total

    agree(use(ruled_pair()), use(pair), X, 2.0)


def test_custom_jvp_in_every_mode_and_to_second_order():
    power = tj.custom_jvp(lambda x, n: x**n, nondiff_argnums=1)

    @power.defjvp
    def rule(n, primals, tangents):
        (x,), (dot,) = primals, tangents
        return power(x, n), n * power(x, n - 1) * dot

    agree(lambda x: np.sum(power(x, 3) * x), lambda x: np.sum(x**4), X)


def test_a_rule_may_call_its_own_function():
    tangent = tj.custom_jvp(np.tan)
    tangent.defjvp(lambda primals, tangents: (tangent(primals[0]), (1 + tangent(primals[0]) ** 2) * tangents[0]))
    agree(lambda x: np.sum(tangent(x) * x), lambda x: np.sum(np.tan(x) * x), X)
    third = tj.grad(tj.grad(tj.grad(tangent)))(0.3)
    assert third == pytest.approx(tj.grad(tj.grad(tj.grad(np.tan)))(0.3), rel=1e-12)


def test_defjvps_takes_a_rule_per_argument():
    product = tj.custom_jvp(lambda x, y: x * y)
    product.defjvps(lambda dot, value, x, y: dot * y, lambda dot, value, x, y: x * dot)
    agree(lambda x, y: np.sum(product(x, y)), lambda x, y: np.sum(x * y), X, X + 1)
    product.defjvps(lambda dot, value, x, y: dot * y, None)
    assert tj.grad(product, 1)(2.0, 3.0) == 0.0


def test_the_rule_is_what_counts():
    doubled = tj.custom_vjp(lambda x: x * x)
    doubled.defvjp(lambda x: (x * x, None), lambda residuals, ct: (100.0 * ct,))
    assert tj.grad(doubled)(3.0) == 100.0
    assert tj.jvp(doubled, (3.0,), (2.0,)) == (9.0, 200.0)
    assert tj.grad(lambda x: doubled(x) + x)(3.0) == 101.0


def test_clipping_a_gradient_keeps_arrays_of_the_surroundings():
    bound = np.array([1.0, 2.0, 3.0, 4.0])
    clipped = tj.custom_vjp(lambda x: x)
    clipped.defvjp(lambda x: (x, None), lambda residuals, ct: (np.clip(ct, -bound, bound),))
    gradient = tj.grad(lambda x: np.sum(clipped(x) * 10.0))
    np.testing.assert_array_equal(gradient(X), bound)
    bound[:] = 0.5
    np.testing.assert_array_equal(gradient(X), bound)


def test_rules_in_containers_and_with_none():
    def energy(p, n, label):
        return {"a": np.sum(p["w"] * p["b"]), "n": n}

    ruled = tj.custom_vjp(energy)
    ruled.defvjp(lambda p, n, label: (energy(p, n, label), p), lambda p, ct: ({"w": ct["a"] * p["b"], "b": None}, None, None))
    gradient = tj.grad(lambda p: ruled(p, 3, "name")["a"] * ruled(p, 3, "name")["n"])({"w": X, "b": X + 1})
    np.testing.assert_allclose(gradient["w"], 3 * (X + 1))
    np.testing.assert_array_equal(gradient["b"], np.zeros(4))


def test_methods_keywords_and_plain_calls():
    class Model:
        scale = 3.0

        @tj.custom_vjp
        def value(self, x):
            return self.scale * x

    Model.value.defvjp(lambda self, x: (self.scale * x, None), lambda residuals, ct: (None, 7.0 * ct))
    assert tj.grad(lambda x: Model().value(x))(1.0) == 7.0
    assert tj.grad(lambda x: Model().value(x=x))(1.0) == 7.0
    assert Model().value(2.0) == 6.0


def test_stop_gradient():
    assert tj.grad(lambda x: tj.stop_gradient(x) * x)(3.0) == 3.0
    assert tj.grad(lambda p: tj.stop_gradient({"a": p, "n": 1})["a"] * 2.0 + p)(3.0) == 1.0
    assert tj.jvp(lambda x: tj.stop_gradient(x * x), (3.0,), (1.0,)) == (9.0, 0.0)
    assert tj.stop_gradient(4.0) == 4.0
    assert float(tj.grad(lambda x: x * float(tj.stop_gradient(x)))(3.0)) == 3.0


def test_checkpoint_computes_again_and_keeps_less():
    def step(x, p):
        return np.tanh(np.sin(x) * p["a"]), np.sum(x)

    def use(step):
        def loss(x, p):
            for _ in range(4):
                x, s = step(x, p)
                x = x * s
            return np.sum(x)
        return loss

    agree(use(tj.checkpoint(step)), use(step), X, {"a": X + 1}, transforms=("grad", "jvp", "jit"))
    np.testing.assert_allclose(tj.hessian(use(tj.checkpoint(step)))(X, {"a": X}), tj.hessian(use(step))(X, {"a": X}), rtol=1e-11)
    gradient = tj.grad(use(tj.checkpoint(step)))
    plain = tj.grad(use(step))
    assert len(gradient.tape(X, {"a": X})) > len(plain.tape(X, {"a": X}))


@pytest.mark.parametrize("rule", ["vjp", "jvp"])
def test_a_primitive_is_called_as_it_is(rule):
    kinds = []

    def opaque(x, s):
        kinds.append((type(x), type(s)))
        return np.exp(x) * s

    rules = {"vjp": lambda ct, value, x, s: (ct * value, np.sum(ct * np.exp(x))),
             "jvp": lambda primals, dots: np.exp(primals[0]) * (primals[1] * dots[0] + dots[1])}
    f = tj.primitive(opaque, **{rule: rules[rule]})
    agree(lambda x, s: np.sum(f(x, s) ** 2), lambda x, s: np.sum((np.exp(x) * s) ** 2), X, 2.0)
    assert set(kinds) == {(np.ndarray, float)}
    gradient = tj.grad(lambda x: np.sum(f(x, 2.0)))
    np.testing.assert_allclose(gradient(X), 2 * np.exp(X))
    np.testing.assert_allclose(gradient(X + 1), 2 * np.exp(X + 1))


def test_a_primitive_without_a_rule_has_no_derivative():
    f = tj.primitive(lambda x: np.floor(x))
    assert tj.jit(lambda x: f(x) * 2)(2.5) == 4.0
    assert tj.grad(lambda x: f(x) * x)(2.5) == 2.0


@pytest.mark.parametrize("make, error, words", [
    (lambda: tj.custom_vjp(3), tj.ArgumentError, "custom_vjp: expected a function, found int"),
    (lambda: tj.grad(tj.custom_vjp(lambda x: x))(1.0), tj.ArgumentError, "has no rule: define one with defvjp"),
    (lambda: tj.grad(tj.custom_jvp(lambda x: x))(1.0), tj.ArgumentError, "has no rule: define one with defjvp"),
    (lambda: tj.grad(bad_vjp(lambda x: x, lambda residuals, ct: ct))(1.0), tj.OutputError, "the rule of <custom_vjp <lambda>> returns a tuple of 1 cotangents, one per argument, found float"),
    (lambda: tj.grad(lambda x: np.sum(bad_vjp(lambda x: x, lambda residuals, ct: (np.sum(ct),))(x)))(X), tj.OutputError,
     "the cotangents of <custom_vjp <lambda>>: expected shape (4,), found ()"),
    (lambda: tj.grad(bad_vjp(lambda x: (x, 1), lambda residuals, ct: (ct,), whole=False))(1.0), tj.OutputError, "fwd of <custom_vjp <lambda>> returns (value, residuals), found float"),
])
def test_a_rule_that_does_not_fit_is_refused(make, error, words):
    with pytest.raises(error) as caught:
        make()
    assert words in str(caught.value)


def bad_vjp(function, bwd, whole=True):
    f = tj.custom_vjp(function)
    f.defvjp(lambda x: (x, None) if whole else x, bwd)
    return f


def test_a_long_loop_of_custom_functions_is_linear():
    f = ruled_pair()

    def walk(x):
        for _ in range(300):
            x = f(x, 0.5)[0]
        return np.sum(x)

    def plain(x):
        for _ in range(300):
            x = np.sin(x) * 0.5
        return np.sum(x)

    np.testing.assert_allclose(tj.grad(walk)(X), tj.grad(plain)(X), rtol=1e-12)


def test_derivatives_of_an_order_beyond_the_nesting_of_rules():
    power = tj.custom_jvp(lambda x, n: x**n, nondiff_argnums=1)
    power.defjvp(lambda n, primals, tangents: (power(primals[0], n), n * power(primals[0], n - 1) * tangents[0]))
    derivative = lambda x: power(x, 9)
    for _ in range(8):
        derivative = tj.jacfwd(derivative)
    assert derivative(1.0) == pytest.approx(362880.0, rel=1e-12)


def test_results_of_several_dtypes_keep_their_digits():
    both = tj.custom_vjp(lambda x: (x * x, np.array([1.0, 2.0], np.complex64)))
    both.defvjp(lambda x: ((x * x, np.array([1.0, 2.0], np.complex64)), x), lambda x, ct: (2 * x * ct[0],))
    x = np.array([1 / 3, 2 / 7])
    np.testing.assert_array_equal(tj.jit(lambda x: both(x)[0])(x), x * x)
    np.testing.assert_allclose(tj.grad(lambda x: np.sum(both(x)[0]))(x), 2 * x, rtol=1e-15)


def test_results_that_are_python_floats_and_arrays():
    f = tj.custom_vjp(lambda x: (2.0 * x, x * np.ones(2)))
    f.defvjp(lambda x: (f(x), None), lambda residuals, ct: (2.0 * ct[0] + np.sum(ct[1]),))
    assert tj.grad(lambda x: f(x)[0] ** 2 + np.sum(f(x)[1]))(1.5) == 14.0


def test_a_function_that_calls_itself_in_the_rule_of_an_inner_transform():
    f = tj.custom_vjp(lambda x: np.exp(x))
    f.defvjp(lambda x: (f(x), x), lambda x, ct: (ct * f(x),))
    np.testing.assert_allclose(tj.hessian(lambda x: np.sum(f(x)))(X), np.diag(np.exp(X)))


def test_a_cotangent_takes_the_dtype_of_its_argument():
    f = tj.custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, x), lambda x, ct: (np.float32(2) * x.astype("f4") * ct.astype("f4"),))
    gradient = tj.grad(lambda x: np.sum(f(x)))(X)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, 2 * X, rtol=1e-6)


def test_a_rule_that_is_set_again_is_noticed():
    f, g = tj.custom_jvp(lambda x: np.sin(x)), tj.custom_vjp(lambda x: x)
    both = tj.grad(lambda x: f(x) + g(x))
    for factor in (2.0, 5.0):
        f.defjvps(lambda dot, value, x: factor * dot)
        g.defvjp(lambda x: (x, None), lambda residuals, ct: (factor * ct,))
        assert both(1.0) == 2 * factor


def test_cotangents_in_a_named_tuple_of_the_users():
    Point = collections.namedtuple("Point", "x y")
    f = tj.custom_vjp(lambda p: p.x**2 * p.y)
    f.defvjp(lambda p: (f(p), p), lambda p, ct: (Point(2 * p.x * p.y * ct, p.x**2 * ct),))
    assert tj.grad(f)(Point(2.0, 3.0)) == Point(12.0, 4.0)
    assert tj.grad(lambda x: f(Point(x, 3.0)))(2.0) == 12.0
