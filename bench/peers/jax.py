"""JAX, jitted, in 64 bits. Loops over time are written with `lax.scan`, which is how JAX wants them: an unrolled loop compiles for minutes."""

import functools

import jax
import jax.numpy as jnp
import jax.scipy
import numpy as np
from jax import lax

from tapejit.examples import peers as examples

from . import bound, copy_with
from ..workloads import dynamics, geometry, networks

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_cpu_enable_async_dispatch", False)  # a call that is waited for is quicker on the calling thread

OTHER = {"np": jnp, "special": jax.scipy.special, "linalg": jax.scipy.linalg}


def prepare(workload, args):
    function = OWN.get(workload.name) or copy_with(workload.function, **OTHER)
    if workload.name == "lynx and hares":
        call = examples.jax_scan(*args[1:])
        return ready(call), (jnp.asarray(args[0]),)
    function, args = bound(function, args)
    call = transformed(workload, function, args)
    return ready(jax.jit(call)), tuple(jnp.asarray(arg) for arg in args)


def ready(call):
    return lambda *args: jax.block_until_ready(call(*args))


def transformed(workload, function, args):
    wrt = tuple(range(workload.wrt))
    argnums = 0 if workload.wrt == 1 else wrt
    match workload.transform:
        case "value_and_grad":
            return jax.value_and_grad(function, argnums)
        case "blocks":
            return blocks(function, args, wrt)
        case "jacobian":
            return jax.jacfwd(function, argnums)
        case "hessian":
            return jax.hessian(function)
        case "hvp":
            return lambda x, v: jax.jvp(jax.grad(function), (x,), (v,))[1]
        case "tridiagonal":
            return tridiagonal(function, args[0].size)


def blocks(function, args, wrt):
    """One sweep back for each row of errors, all observations together."""
    errors = np.shape(jax.eval_shape(function, *args))
    seeds = np.eye(2)[:, :, None] * np.ones(errors[1]) if errors[0] == 2 else np.eye(2)[:, None, :] * np.ones((errors[0], 1))

    def call(*args):
        _, pullback = jax.vjp(lambda *first: function(*first, *args[len(wrt) :]), *args[: len(wrt)])
        return [pullback(seed) for seed in seeds]

    return call


def tridiagonal(function, n):
    """The Hessian times three vectors at once; where its entries lie is given."""
    own, places = np.arange(n) % 3, np.arange(n)
    colours = np.eye(3)[:, own]

    def call(x):
        products = jax.vmap(lambda v: jax.jvp(jax.grad(function), (x,), (v,))[1])(colours)
        return products[own, places], products[own[1:], places[:-1]]

    return call


def predators(parameters, steps):
    a, b, c, d, x, y = parameters
    step = lambda state, _: (dynamics.predators_step(a, b, c, d, *state), None)
    (x, y), _ = lax.scan(step, (x, y), None, length=steps)
    return x + y


def chain(x, steps):
    return lax.fori_loop(0, steps, lambda _, y: y + 0.01 * jnp.sin(y) * x[0], x[0])


def heat(initial, conductivity, target, steps):
    inside = conductivity[1:-1, 1:-1]

    def step(u, _):
        flow = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1]
        return u.at[1:-1, 1:-1].add(inside * flow), None

    u, _ = lax.scan(step, initial, None, length=steps)
    return jnp.sum((u - target) ** 2)


def bodies(x, v, masses, steps):
    gravity = copy_with(dynamics.gravity, **OTHER)

    def step(state, _):
        x, v, pull = state
        v = v + 0.005 * pull
        x = x + 0.01 * v
        pull = gravity(x, masses)
        return (x, v + 0.005 * pull, pull), None

    (x, _, _), _ = lax.scan(step, (x, v, gravity(x, masses)), None, length=steps)
    return jnp.sum(x**2)


def network_fit(rates, start, data, steps):
    network_step = copy_with(dynamics.network_step, **OTHER)

    def time(z, row):
        z, _ = lax.scan(lambda z, _: (network_step(z, rates), None), z, None, length=steps)
        return z, jnp.sum((z - row) ** 2)

    return jnp.sum(lax.scan(time, start, data)[1])


def hidden_markov(initial, transition, emission, observations):
    logsumexp = jax.scipy.special.logsumexp
    moves, symbols = jax.nn.log_softmax(transition, axis=1), jax.nn.log_softmax(emission, axis=1)

    def step(state, observation):
        return logsumexp(state[:, None] + moves, axis=0) + symbols[:, observation], None

    state, _ = lax.scan(step, jax.nn.log_softmax(initial) + symbols[:, observations[0]], observations[1:])
    return -logsumexp(state)


def lstm(main, extra, state, sequence):
    lstm_step, lstm_loss = copy_with(networks.lstm_step, **OTHER), copy_with(networks.lstm_loss, **OTHER)

    def step(layers, characters):
        prediction, layers = lstm_step(main, extra, layers, characters[0])
        return layers, lstm_loss(prediction, characters[1])

    layers = [(hidden, cell) for hidden, cell in state]
    _, losses = lax.scan(step, layers, (sequence[:-1], sequence[1:]))
    return -jnp.sum(losses) / ((len(sequence) - 1) * sequence.shape[1])


OWN = {
    "predators": predators,
    "chain": chain,
    "heat": heat,
    "bodies": bodies,
    "network fit": network_fit,
    "hidden markov": hidden_markov,
    "lstm": lstm,
}
