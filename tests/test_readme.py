"""README.md is true: its Python blocks run in order in one namespace, and its commands are the ones that CI runs."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
BLOCKS = [(match[1], match[2], README.count("\n", 0, match.start(2)) + 1) for match in FENCED.finditer(README)]


class Checker(doctest.OutputChecker):
    """Takes the examples' code for a file model.py, as a reader would have it."""

    def check_output(self, want, got, optionflags):
        return super().check_output(want, re.sub(r"<doctest README[^>]*>", "model.py", got), optionflags)


def test_every_python_block_runs():
    """Blocks with prompts also print what they show."""
    namespace = {}
    for language, text, line in BLOCKS:
        if language != "python":
            continue
        if text.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(text, namespace, f"README, line {line}", "README.md", line)
            failures = []
            runner = doctest.DocTestRunner(Checker())
            runner.run(test, out=failures.append, clear_globs=False)
            assert runner.failures == 0, "".join(failures)
            namespace.update(test.globs)
        else:
            exec(compile("\n" * (line - 1) + text, "README.md", "exec"), namespace)


def test_every_block_is_run_or_is_one_of_the_two_commands():
    commands = [text for language, text, _ in BLOCKS if language == "sh"]
    assert {language for language, *_ in BLOCKS} == {"sh", "python"}
    assert [command.count("\n") for command in commands] == [1, 1]
    assert commands[0].endswith("-m tapejit\n") and commands[1].endswith("pytest\n")


def test_ci_runs_the_two_commands_of_the_readme():
    """It takes them from README.md, first the one that ends with `-m tapejit`, then the one that ends with `pytest`."""
    script = (ROOT / ".ci" / "run").read_text()
    assert script.index("readme '-m tapejit$'") < script.index("readme 'pytest$'")


def test_every_file_that_the_readme_names_is_there():
    for name in re.findall(r"`((?:\w+/)+[\w.]*|\w+\.md)`", README):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("name", ["CHANGELOG.md", "LICENSE", "pyproject.toml"])
def test_the_usual_files_are_there(name):
    assert (ROOT / name).read_text().strip()
