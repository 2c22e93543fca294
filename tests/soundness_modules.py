"""A user's module, for the soundness tests: its names are changed from outside. And the check that these tests share."""

import tapejit as tj

factor = 2.0
table = {"factor": 2.0}


def helper(x):
    return factor * x


def other_helper(x):
    return 5.0 * x


def chain(x):
    return helper(x)


def noticed(f, change, before=2.0, after=5.0, argument=1.0):
    """The gradient is `before`, twice from one trace; after `change` it is `after`, twice."""
    gradient = tj.grad(f)
    assert gradient(argument) == before
    assert gradient(argument) == before
    assert gradient.specializer.kept == 1, "the trace was not kept"
    change()
    assert gradient(argument) == after
    assert gradient(argument) == after
