"""A user's module, for the soundness tests: its names are changed from outside."""

factor = 2.0
table = {"factor": 2.0}


def helper(x):
    return factor * x


def other_helper(x):
    return 5.0 * x


def chain(x):
    return helper(x)
