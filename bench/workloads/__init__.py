"""What is differentiated: plain NumPy functions, one file a family, and here the table of them: sizes, transforms, goals.

A workload's arguments come from `make(**size)`: arrays to differentiate by (`wrt` of them), then data. The goals are of one run:
tapejit's median is at most `times` that of a peer, plus `seconds`. They restate the times of shared measurements of the field, which were
taken on one machine, as ratios that hold on any. The peer "best" is the fastest of all others.
"""

from dataclasses import dataclass, field
from typing import Callable, NamedTuple

from tapejit.examples import lotka_volterra

from . import dynamics, elementwise, geometry, networks, statistics


class Goal(NamedTuple):
    peer: str
    times: float
    seconds: float = 0.0


@dataclass(frozen=True)
class Workload:
    name: str
    function: Callable
    make: Callable
    sizes: dict  # label: arguments of make; the smallest first
    wrt: int = 1  # the first so many arguments are differentiated by
    transform: str = "value_and_grad"
    goals: dict = field(default_factory=dict)  # label: list of Goal
    first: dict = field(default_factory=dict)  # label: list of Goal of the first gradient of a fresh function in a warm process
    records: dict = field(default_factory=dict)  # label: about how many records the tape of the function has
    memory: str = ""  # the size at which the memory of a gradient is measured


def per(**numbers):
    """A size and its label: n=10, d=3."""
    label = ", ".join(f"{name}={number:,}" for name, number in numbers.items())
    return {label: numbers}


TABLE = [
    Workload(
        "rosenbrock",
        elementwise.rosenbrock,
        elementwise.make_rosenbrock,
        per(n=2) | per(n=10) | per(n=100_000),
        goals={"n=2": [Goal("ddx", 1), Goal("jax", 0.03)], "n=10": [Goal("ddx", 1), Goal("jax", 0.03)]},
    ),
    Workload(
        "waves",
        elementwise.waves,
        elementwise.make_waves,
        per(n=10) | per(n=1_000) | per(n=1_000_000),
        goals={
            "n=10": [Goal("casadi", 0.5), Goal("jax", 0.03)],
            "n=1,000": [Goal("c", 1.5, 2e-6)],
            "n=1,000,000": [Goal("c", 1.2), Goal("drjit", 1), Goal("jax", 0.4)],
        },
        first={"n=1,000": [Goal("jax", 0.015)]},
    ),
    Workload(
        "logistic",
        statistics.logistic,
        statistics.make_logistic,
        per(n=100, d=10) | per(n=10_000, d=100) | per(n=100_000, d=100),
        goals={"n=10,000, d=100": [Goal("numpy", 1), Goal("jax", 1)]},
    ),
    Workload(
        "perceptron",
        networks.perceptron,
        networks.make_perceptron,
        per(batch=8, inputs=20, hidden=16, classes=10)
        | per(batch=128, inputs=784, hidden=256, classes=10)
        | per(batch=512, inputs=784, hidden=1024, classes=10),
        wrt=4,
        goals={"batch=128, inputs=784, hidden=256, classes=10": [Goal("numpy", 1)]},
        first={"batch=128, inputs=784, hidden=256, classes=10": [Goal("jax", 0.05)]},
        memory="batch=128, inputs=784, hidden=256, classes=10",
    ),
    Workload(
        "gmm",
        statistics.gmm,
        statistics.make_gmm,
        per(n=20, d=2, k=5) | per(n=1_000, d=10, k=25) | per(n=1_000, d=20, k=50) | per(n=1_000, d=64, k=25) | per(n=10_000, d=10, k=25),
        wrt=3,
        goals={
            "n=1,000, d=10, k=25": [Goal("c", 0.5), Goal("jax", 0.8)],
            "n=1,000, d=20, k=50": [Goal("best", 0.5)],
            "n=1,000, d=64, k=25": [Goal("best", 0.5)],
            "n=10,000, d=10, k=25": [Goal("best", 0.5)],
        },
        first={"n=1,000, d=10, k=25": [Goal("jax", 0.025)]},
        memory="n=1,000, d=64, k=25",
    ),
    Workload(
        "bundle",
        geometry.project_columns,
        geometry.make_project_columns,
        per(n=100) | per(n=31_843),
        wrt=3,
        transform="blocks",
        goals={"n=31,843": [Goal("drjit", 1), Goal("value", 0.27)]},
    ),
    Workload(
        "bundle in rows",
        geometry.project_rows,
        geometry.make_project_rows,
        per(n=100) | per(n=31_843),
        wrt=3,
        transform="blocks",
        goals={"n=31,843": [Goal("drjit", 1), Goal("value", 0.27)]},
    ),
    Workload(
        "lstm",
        networks.lstm,
        networks.make_lstm,
        per(layers=1, characters=10) | per(layers=2, characters=1_024),
        wrt=2,
        goals={"layers=2, characters=1,024": [Goal("jax", 0.31)]},
    ),
    Workload(
        "hand, simple",
        geometry.hand_simple,
        geometry.make_hand_simple,
        per(n=10) | per(n=100),
        transform="jacobian",
        goals={"n=100": [Goal("value", 3)]},  # the shared measurements have no peer of this list
    ),
    Workload(
        "hand, complicated",
        geometry.hand_complicated,
        geometry.make_hand_complicated,
        per(n=10) | per(n=100),
        wrt=2,
        transform="jacobian",
        goals={"n=100": [Goal("value", 3)]},
    ),
    Workload(
        "gaussian process",
        statistics.gaussian_process,
        statistics.make_gaussian_process,
        per(n=20) | per(n=200) | per(n=2_000),
        goals={"n=200": [Goal("value", 1.04), Goal("jax", 0.69)]},
        memory="n=2,000",
    ),
    Workload(
        "black-scholes",
        elementwise.black_scholes,
        elementwise.make_black_scholes,
        per(n=100) | per(n=100_000),
        wrt=5,
        goals={"n=100,000": [Goal("c", 1)]},
    ),
    Workload(
        "predators",
        dynamics.predators,
        dynamics.make_predators,
        per(steps=10) | per(steps=1_000),
        goals={"steps=1,000": [Goal("c", 1.6)]},
        first={"steps=1,000": [Goal("jax", 0.33)]},
    ),
    Workload(
        "hessian of rosenbrock",
        elementwise.rosenbrock,
        elementwise.make_rosenbrock,
        per(n=5) | per(n=100),
        transform="hessian",
        goals={"n=100": [Goal("ddx", 1.1), Goal("jax", 0.22)]},
    ),
    Workload(
        "sparse hessian of rosenbrock",
        elementwise.rosenbrock,
        elementwise.make_rosenbrock,
        per(n=20) | per(n=10_000),
        transform="tridiagonal",
        goals={"n=10,000": [Goal("casadi", 0.24), Goal("jax", 0.43)]},
    ),
    Workload(
        "hvp of rosenbrock",
        elementwise.rosenbrock,
        elementwise.make_rosenbrock_hvp,
        per(n=10) | per(n=100_000),
        transform="hvp",
        goals={"n=100,000": [Goal("jax", 0.5)]},
    ),
    Workload(
        "hidden markov",
        statistics.hidden_markov,
        statistics.make_hidden_markov,
        per(steps=10, states=3, symbols=5) | per(steps=200, states=16, symbols=20) | per(steps=1_000, states=64, symbols=50),
        wrt=3,
    ),
    Workload(
        "heat",
        dynamics.heat,
        dynamics.make_heat,
        per(n=8, steps=3) | per(n=64, steps=50) | per(n=512, steps=50),
        wrt=2,
        memory="n=512, steps=50",
    ),
    Workload("bodies", dynamics.bodies, dynamics.make_bodies, per(n=3, steps=2) | per(n=20, steps=20) | per(n=200, steps=20), wrt=2),
    Workload("k-means", statistics.k_means, statistics.make_k_means, per(n=50, d=2, k=3) | per(n=2_000, d=8, k=10) | per(n=50_000, d=8, k=10)),
    Workload(
        "softmax regression",
        statistics.softmax_regression,
        statistics.make_softmax_regression,
        per(n=50, d=5, classes=3) | per(n=1_000, d=64, classes=10) | per(n=50_000, d=64, classes=10),
        wrt=2,
    ),
    Workload(
        "chain",
        dynamics.chain,
        dynamics.make_chain,
        per(steps=10) | per(steps=2_500) | per(steps=25_000),
        first={"steps=2,500": [Goal("autograd", 1)], "steps=25,000": [Goal("autograd", 1)]},
        records={"steps=2,500": 10_000, "steps=25,000": 100_000},
    ),
    Workload("network fit", dynamics.network_fit, dynamics.make_network_fit, per(times=2, steps=2) | per(times=20, steps=5)),
    Workload("lynx and hares", lotka_volterra.misfit, dynamics.make_lynx, per(years=3) | per(years=21)),
]

WORKLOADS = {workload.name: workload for workload in TABLE}
