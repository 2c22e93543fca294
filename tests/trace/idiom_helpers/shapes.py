"""Functions on numbers, written with the module math."""

from math import hypot, pi, tau


def area(a, b, *, kind="ellipse"):
    if kind == "ellipse":
        return pi * a * b
    return 0.5 * a * b


def perimeter(a, b):
    h = ((a - b) / (a + b)) ** 2
    return tau * hypot(a, b) / 2 ** 0.5 * (1 + h / 4)
