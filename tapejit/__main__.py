"""`python -m tapejit [CSV]`: fit the Lotka-Volterra model to counts of a predator and its prey, and show what tapejit did for it.

The model is plain NumPy code with ordinary loops (`examples/lotka_volterra.py`). Its residuals are traced once; Levenberg-Marquardt
steps take their Jacobian from `tapejit.jacobian`. Without a file the fit is to the pelts of lynx and hare that the Hudson's Bay Company
collected from 1900 to 1920. A file that cannot be used is explained on one line, with exit status 2.
"""

import argparse
import signal
import statistics
import sys
import time

import numpy as np

import tapejit as tj

from .examples import lotka_volterra as model
from .examples.counts import PELTS, CountsError, read_counts
from .examples.levenberg_marquardt import fit
from .examples.peers import PEERS


def main(arguments=None):
    """Run the fit, print its report, return the exit status."""
    description = "Fit the Lotka-Volterra model to counts of a predator and its prey."
    parser = argparse.ArgumentParser(prog="python -m tapejit", description=description)
    parser.add_argument("csv", nargs="?", default=PELTS, help="a file with the columns year, lynx and hare (default: the pelts, 1900-1920)")
    path = parser.parse_args(arguments).csv
    try:
        years, counts = read_counts(path)
        start = model.first_guess(years, counts)
        if start is None:
            raise CountsError(f"{path}: no first guess of the rates gives finite populations; are these counts of a predator and its prey?")
        report(path, years, counts, start)
    except CountsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def report(path, years, counts, start):
    """Fit from `start` and print each part of the report."""
    residuals, misfit = model.problem(years, counts)
    name = "pelts of lynx and hare, Hudson's Bay Company" if path is PELTS else path
    print(f"Lotka-Volterra model, {name}: {len(years)} rows, {years[0]:g} to {years[-1]:g}")
    print(f"{counts.size} residuals, {start.size} parameters; RK4 in plain NumPy, {model.STEPS_PER_YEAR} steps a year in a Python loop\n")

    jacobian = tj.jacobian(residuals)
    print_phases(residuals, jacobian, start)
    print_fit(residuals, jacobian, start, path)
    gradient = tj.value_and_grad(misfit)
    print_check(misfit, gradient, residuals, jacobian, start)
    print_times(years, counts, start)


def print_phases(residuals, jacobian, x):
    """What happened to the tape on its way to the first Jacobian."""
    begin = time.perf_counter()
    jacobian(x)
    first = time.perf_counter() - begin
    print(f"{'from Python to the first Jacobian':36}{'records before':>15}{'after':>10}{'ms':>9}")
    for phase in jacobian.tape(x).log:
        print(f"  {phase.name:34}{phase.records_in:15,}{phase.records_out:10,}{1e3 * phase.seconds:9.1f}")
    print(f"  {'all, and the Jacobian itself':34}{'':25}{1e3 * first:9.1f}")
    print(f"  {'each later Jacobian':34}{'':25}{1e3 * seconds_per_call(jacobian, x):9.2f}\n")


def print_fit(residuals, jacobian, start, path):
    """The fitted parameters with their standard errors."""
    try:
        result = fit(residuals, jacobian, start)
    except np.linalg.LinAlgError:
        raise CountsError(f"{path}: the counts do not determine the {start.size} parameters (the normal equations are singular)") from None
    theta, error = np.exp(result.x), np.sqrt(np.diag(result.covariance))
    ending = "converged" if result.converged else "NOT converged"
    print(f"Levenberg-Marquardt: {ending} after {result.steps} steps, half the sum of squares {result.misfit:.4f}")
    print(f"  {'':8}{'fitted':>10}{'standard error':>18}")
    for name, value, spread in zip(model.NAMES, theta, theta * error):
        print(f"  {name:8}{value:#10.3g}{spread:#18.2g}")
    print()


def print_check(misfit, gradient, residuals, jacobian, x):
    """Three ways to the gradient of the misfit at the first guess."""
    value, reverse = gradient(x)
    steps = 1e-5 * np.eye(x.size)
    differences = np.array([(misfit(x + step) - misfit(x - step)) / 2e-5 for step in steps])
    products = jacobian(x).T @ residuals(x)
    scale = np.max(np.abs(reverse))
    print("gradient of half the sum of squares at the first guess, by the logarithms of the parameters")
    print(f"  reverse mode            {np.array2string(reverse, precision=6, max_line_width=120)}")
    print(f"  central differences     differ by {np.max(np.abs(reverse - differences)) / scale:.1e} of the largest")
    print(f"  J'r from the Jacobian   differs by {np.max(np.abs(reverse - products)) / scale:.1e} of the largest\n")


def print_times(years, counts, x):
    """Time per value and gradient, next to the libraries that are installed."""
    misfit = model.problem(years, counts)[1]
    print("time per value and gradient (median), and the first one")
    print_time("the value alone, in NumPy", misfit, x)
    expected = print_time("tapejit", tj.value_and_grad(misfit), x)[1]
    for name, make in PEERS.items():
        try:
            call = make(years, counts)
        except ImportError:
            print(f"  {name:52} not installed")
        except ValueError as error:
            print(f"  {name:52} {error}")
        else:
            found = print_time(name, lambda x: tuple(map(np.asarray, call(x))), x)[1]
            print(f"    its gradient differs by {np.max(np.abs(found - expected)) / np.max(np.abs(expected)):.0e} of the largest")


def print_time(name, function, x):
    """Print how long a function takes for x, at first and later; return its answer."""
    begin = time.perf_counter()
    answer = function(x)
    first = time.perf_counter() - begin
    print(f"  {name:52}{1e3 * seconds_per_call(function, x):11.3f} ms{1e3 * first:11.0f} ms")
    return answer


def seconds_per_call(function, x, budget=0.3):
    """The median over as many calls as fit into `budget` seconds, at least one."""
    times = []
    while not times or sum(times) < budget:
        begin = time.perf_counter()
        function(x)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `python -m tapejit | head` ends without a traceback
    sys.exit(main())
