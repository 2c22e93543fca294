"""The examples in the docstrings of the public names run as they are printed."""

import doctest
import inspect

import pytest

import tapejit as tj


def documented():
    """(name, docstring) of the public names and of the public methods of the public classes."""
    for name in tj.__all__:
        found = getattr(tj, name)
        yield name, inspect.getdoc(found)
        if isinstance(found, type):
            for member, value in vars(found).items():
                if not member.startswith("_") and inspect.isfunction(value):
                    yield f"{name}.{member}", inspect.getdoc(value)


EXAMPLES = {name: text for name, text in documented() if text and ">>>" in text}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name):
    test = doctest.DocTestParser().get_doctest(EXAMPLES[name], {}, name, name, 0)
    printed = []
    doctest.DocTestRunner().run(test, out=printed.append)
    assert not printed, "".join(printed)


def test_what_users_call_has_an_example():
    """Every public function but those of errors and containers, and every transform."""
    functions = [name for name in tj.__all__ if inspect.isfunction(getattr(tj, name))]
    assert [name for name in functions if name not in EXAMPLES] == []
