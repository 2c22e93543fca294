"""The build of the kernel: it reads the op table without NumPy, notices a kernel of another table, and asks for a compiler plainly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tapejit.kernel import program
from tapejit.kernel.rows import kernel_rows

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_kernel_has_an_instruction_for_each_row():
    assert set(program.OPCODES) == {(row.name, row.dtype) for row in kernel_rows()}, "rebuild with 'python3 setup.py build_ext --inplace'"


def test_a_kernel_that_computes_a_row_in_another_way_is_refused(monkeypatch):
    changed = [row._replace(text="cos(x)") if row.name == "sin" else row for row in kernel_rows()]
    monkeypatch.setattr(program, "kernel_rows", lambda: changed)
    with pytest.raises(ImportError, match=r"out of date: it computes sin of f32 as 'sin\(x\)', the op table says 'cos\(x\)'; rebuild it with"):
        program._opcodes()


def test_a_row_that_the_kernel_does_not_know_is_left_to_numpy(monkeypatch):
    new = kernel_rows()[0]._replace(name="new")
    monkeypatch.setattr(program, "kernel_rows", lambda: [*kernel_rows(), new])
    assert ("new", new.dtype) not in program._opcodes()


@pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="needs a checkout")
def test_the_build_reads_the_op_table_without_numpy_and_without_the_package():
    code = ("import sys, types\n"
            "sys.modules['numpy'] = None  # import numpy fails\n"
            "text = open('csrc/build_kernel.py').read().split('ffi = make_ffi()')[0]\n"
            "module = types.ModuleType('build_kernel'); module.__file__ = 'csrc/build_kernel.py'\n"
            "exec(compile(text, 'build_kernel.py', 'exec'), module.__dict__)\n"
            "print(len(module.kernel_rows()), 'tapejit' in sys.modules)\n")
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.split() == [str(len(kernel_rows())), "False"], result.stderr


@pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="needs a checkout")
def test_without_a_compiler_the_build_says_so_in_one_line():
    result = subprocess.run([sys.executable, "setup.py", "build_ext", "--inplace"], cwd=ROOT, capture_output=True, text=True,
                            env={**os.environ, "CC": "no-such-compiler"})
    assert result.returncode != 0
    assert result.stderr.strip() == ("tapejit needs a C compiler to build its kernel and found none ('no-such-compiler' does not run): "
                                     "install gcc or clang (Debian and Ubuntu: apt install gcc libc6-dev), or set CC.")
