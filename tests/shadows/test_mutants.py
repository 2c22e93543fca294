"""Each check is removed once, in a copy of the package, and a test fails: so no check stands untested, and no test passes by itself.

A mutant names a file, the text of one check (which stands there once), what replaces it, and the test that must fail. Usually a few are
run, with --thorough all of them; those of the kernel in C are built in their copy.
"""

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

import tapejit

PACKAGE = Path(tapejit.__file__).parent
ROOT = Path(__file__).parent.parent.parent
LIMITS, AUTODIFF, CHECKS, EDGES = (f"tests/{name}.py::" for name in ("test_limits", "shadows/test_autodiff", "shadows/test_checks", "shadows/test_edges"))

Mutant = namedtuple("Mutant", "name file check replacement test")


def python_mutants():
    shadow, direct, key = "kernel/shadow.py", "kernel/direct.py", "kernel/direct_key.py"
    answers, reverse, shadows = "autodiff_answers.py", "reverse_answer.py", "shadows.py"
    bad = AUTODIFF + "test_a_bad_shadow_is_refused_and_nothing_is_written"
    size, mutability, aliasing = LIMITS + "test_shadow_size", LIMITS + "test_shadow_mutability", LIMITS + "test_aliasing"
    return [Mutant(*row) for row in (
        # one shadow against its primal
        ("kind", shadow, "if not issubclass(type(shadow), np.ndarray):", "if False:", f"{bad}[kind]"),
        ("masked array", shadow, "if isinstance(shadow, (np.ma.MaskedArray, np.matrix)):", "if False:",
         CHECKS + "test_a_masked_shadow_is_refused"),
        ("subclass", shadow, "return shadow.view(np.ndarray) if type(shadow) is not np.ndarray and issubclass(type(shadow), np.ndarray) else shadow",
         "return shadow", CHECKS + "test_a_subclass_has_no_say_in_how_its_memory_is_written[2]"),
        ("dtype", shadow, "if shadow.dtype != dtype:", "if False:", size),
        ("byte order", shadow, "if shadow.dtype != dtype:", 'if shadow.dtype.newbyteorder("=") != dtype:', size),
        ("words for the byte order", shadow, 'if shadow.dtype.newbyteorder("=") == dtype:', "if False:", f"{bad}[byte order]"),
        ("shape", shadow, "if shadow.shape != expected.shape:", "if False:", size),
        ("shape by the number of elements", shadow, "if shadow.shape != expected.shape:", "if shadow.size != np.prod(expected.shape):",
         size),
        ("writable", shadow, "if written and not shadow.flags.writeable:", "if False:", mutability),
        ("a tangent is only read", shadow, "if written and not shadow.flags.writeable:", "if not shadow.flags.writeable:",
         CHECKS + "test_a_tangent_may_be_read_only"),
        ("overlap in itself", shadow, "if written and self_overlaps(shadow):", "if False:", aliasing),
        ("overlap in itself, part of an element", shadow, "if stride < reach:", "if stride == 0:", aliasing),
        ("overlap in itself, several axes", shadow, "reach += stride * (count - 1)", "pass",
         CHECKS + "test_elements_that_share_memory_along_two_axes"),
        ("overlap, bounds alone", shadow, "return np.shares_memory(a, b, max_work=100_000)", "return True", aliasing),
        ("overlap that is too hard to decide", shadow, "    except np.exceptions.TooHardError:\n        return True",
         "    except np.exceptions.TooHardError:\n        return False", CHECKS + "test_an_overlap_that_is_too_hard_to_decide_is_refused"),
        # out= of grad and of a pullback
        ("out: shadow", shadow, "check_shadow(path, shadow, types[place])", "pass", CHECKS + "test_out_is_checked[shape]"),
        ("out: structure", shadow, "    except StructureMismatch as mismatch:\n        raise ShadowStructureError",
         "    except StructureMismatch as mismatch:\n        raise ValueError", CHECKS + "test_out_is_checked[structure]"),
        ("out: overlap with what is read", shadow, "for other, array in [*readers, *leaves[:k]]:", "for other, array in leaves[:k]:",
         CHECKS + "test_out_is_checked[input]"),
        ("out: overlap with each other", shadow, "for other, array in [*readers, *leaves[:k]]:", "for other, array in readers:",
         CHECKS + "test_out_is_checked[each other]"),
        ("out: baked arrays", "answers.py", 'readers += [("an array that the function reads", array) for array in self.recording.baked]',
         "pass",
         CHECKS + "test_out_is_checked[captured]"),
        # all buffers of a call against each other
        ("overlap of shadows with arguments", answers,
         "arrays = [(self.paths[k], leaves[k]) for k in range(len(leaves)) if isinstance(leaves[k], np.ndarray)]", "arrays = []", aliasing),
        ("overlap of shadows with arrays that are read", answers, "        arrays += self.arrays_read()\n", "", aliasing),
        ("overlap of shadows with constants of the tape", answers, "(*self.recording.baked, *captured)", "captured", aliasing),
        ("overlap of shadows with captured arrays", answers,
         "(*self.recording.baked, *captured)", "self.recording.baked", CHECKS + "test_a_strided_shadow_in_a_large_captured_array_is_refused"),
        ("overlap of shadows with seeds", answers, 'arrays += [("a seed", seed) for seed in flatten(shadows.seed)[0]]', "pass", aliasing),
        ("overlap of shadows with tangents", answers, "                arrays.append((label, shadow))\n", "                pass\n",
         aliasing),
        ("overlap of shadows with shadows", answers, "            arrays.append((label, shadow))\n        shadows.cut()", "        shadows.cut()", aliasing),
        ("tangents", answers, "check_tangent(label, shadow, type, self.recording.kinds[k])", "pass", size),
        ("written argument is read-only", answers, "if not primal.flags.writeable:", "if False:",
         AUTODIFF + "test_a_read_only_argument_that_is_written_is_refused"),
        ("written arguments share memory", answers, "for other, leaf in enumerate(leaves) if other != k]", "for other, leaf in ()]", aliasing),
        ("written arguments and arrays that are read", answers, "read = self.arrays_read()", "read = []", aliasing),
        ("written arguments overlap in themselves", answers, "if self_overlaps(primal):", "if False:",
         EDGES + "test_a_written_argument_with_elements_in_one_place_is_refused"),
        ("written arguments and shadows", answers, "            read += [(label, shadow) for label, _, shadow, _ in shadows.given]\n", "",
         EDGES + "test_a_written_argument_in_the_memory_of_a_tangent_is_refused"),
        ("Const is written", answers, "if active[finals[k]] and any(", "if False and any(",
         AUTODIFF + "test_an_activity_that_does_not_fit_is_refused"),
        ("traced shadow", answers, "if type(shadow) is not Tracer:", "if False:",
         CHECKS + "test_a_shadow_that_is_not_traced_is_refused_in_a_trace"),
        ("memory of traced shadows", answers, "        self.check_shadows(values, leaves, written)\n", "",
         CHECKS + "test_a_traced_shadow_of_another_shape_is_refused"),
        ("traced written argument", answers, "if type(leaves[k]) is not Tracer:", "if False:",
         CHECKS + "test_a_written_argument_that_is_not_traced_is_refused_in_a_trace"),
        # seeds
        ("every seed is zero", reverse, "if seeded or any(np.any(shadow) for k in self.read for shadow in extra.of_leaf[k]):", "if True:",
         AUTODIFF + "test_a_call_whose_seeds_are_all_zero_says_so"),
        ("every seed is zero, by a kept trace", direct, "if plan.never_zero:", "if False:",
         CHECKS + "test_a_kept_trace_says_that_every_seed_is_zero"),
        ("a number is returned", reverse, "if self._is_number(builder.tape, floating):", "if True:",
         CHECKS + "test_an_array_result_without_a_seed_is_refused"),
        ("number of seeds", reverse, "if len(extra.seed) != extra.width:", "if False:", CHECKS + "test_the_seeds_of_a_batch_are_counted"),
        ("leading axis of seeds", reverse, "if np.shape(leaf)[:1] != (extra.width,):", "if False:",
         CHECKS + "test_the_seeds_of_a_batch_are_counted"),
        ("shape of a seed", "seeds.py", "    array = np.asarray(value)\n    if array.shape != type_.shape:",
         "    array = np.asarray(value)\n    if False:",
         CHECKS + "test_a_seed_is_checked[shape]"),
        ("dtype of a seed", "seeds.py", 'if not np.can_cast(array.dtype, dtype, "same_kind"):', "if False:",
         CHECKS + "test_a_seed_is_checked[dtype]"),
        ("seed where none is taken", "activity.py", 'if seed is not None and (mode.kind != "autodiff reverse" or constant):', "if False:",
         CHECKS + "test_a_seed_is_checked[forward]"),
        # activities
        ("mode", "activity.py", "if not isinstance(mode, Mode):", "if False:", AUTODIFF + "test_an_activity_that_does_not_fit_is_refused"),
        ("ret", "activity.py", "elif not issubclass(ret, mode.allowed):", "elif False:", CHECKS + "test_ret_goes_with_the_mode"),
        ("activity and mode", shadows, "if not isinstance(activity, mode.allowed):", "if False:",
         AUTODIFF + "test_an_activity_that_does_not_fit_is_refused"),
        ("class in place of an activity", shadows, "if isinstance(activity, type) and issubclass(activity, Activity):", "if False:",
         CHECKS + "test_an_activity_is_well_formed[class]"),
        ("activity of an activity", shadows, "if isinstance(activity.value, Activity):", "if False:",
         CHECKS + "test_an_activity_is_well_formed[nested]"),
        ("Active of an array", shadows,
         "if _is_array(leaves[j]):", "if False:",
         AUTODIFF + "test_an_activity_that_does_not_fit_is_refused"),
        ("Duplicated of a number", shadows, "if is_floating(leaves[j]) and not _is_array(leaves[j]) and isinstance(activity, Duplicated):",
         "if False:",
         AUTODIFF + "test_an_activity_that_does_not_fit_is_refused"),
        ("width", shadows, "elif width != shadows.width:", "elif False:", CHECKS + "test_widths_are_equal[lengths]"),
        ("batch and no batch", shadows, "if width is None or expected is None:", "if False:",
         CHECKS + "test_widths_are_equal[batch and none]"),
        ("empty batch", shadows, "    if not width:\n", "    if False:\n", CHECKS + "test_widths_are_equal[empty]"),
        ("make_zero_ of a read-only array", shadows, "if isinstance(leaf, np.ndarray) and not leaf.flags.writeable:", "if False:",
         CHECKS + "test_make_zero_writes_all_or_nothing"),
        # containers
        ("container in place of a leaf", "tree.py", "        if opened is not None:\n            raise StructureMismatch",
         "        if False:\n            raise StructureMismatch",
         CHECKS + "test_the_structure_of_a_shadow[container for a leaf]"),
        ("something in place of None", "tree.py",
         '        if value is not None:\n            raise StructureMismatch(f"{path}: expected None',
         '        if False:\n            raise StructureMismatch(f"{path}: expected None',
         CHECKS + "test_the_structure_of_a_shadow[array for None]"),
        ("kind of container", "tree.py", "if opened is None or opened[0] is not tree.kind:", "if opened is None:",
         CHECKS + "test_the_structure_of_a_shadow[list for a tuple]"),
        ("missing key", "tree.py", "            if key not in found:\n", "            if False:\n",
         CHECKS + "test_the_structure_of_a_shadow[missing key]"),
        ("extra key", "tree.py", "            if key not in tree.keys:\n", "            if False:\n",
         CHECKS + "test_the_structure_of_a_shadow[extra key]"),
        ("length of a container", "tree.py", "elif keys != tree.keys or len(children) != len(tree.children):", "elif keys != tree.keys:",
         CHECKS + "test_the_structure_of_a_shadow[too many]"),
        # the generated call
        ("direct: writable", direct, "from_buffer(CHARS, {source}, True)", "from_buffer(CHARS, {source})", mutability),
        ("direct: dtype", key, " and {variable}.dtype is {self.name('d', DTYPE_OF_NAME[dtype])} and {shaped}", " and {shaped}", size),
        ("direct: axes", key, 'else f"{variable}.ndim == {len(shape)}"', 'else "True"', size),
        ("direct: shape", key, 'f"{variable}.shape == {shape!r}" if len(shape) > 1 else',
         'f"{variable}.ndim == {len(shape)}" if len(shape) > 1 else', size),
        ("direct: array", key, 'self.unless(f"type({variable}) is ndarray and ', 'self.unless(f"',
         CHECKS + "test_a_kept_trace_is_not_used_for_a_scalar"),
        ("direct: activity", key, "self.unless(f\"type({variable}) is {self.name('C', activity)}\")", "pass",
         CHECKS + "test_a_kept_trace_is_not_used_for_another_activity"),
        ("direct: container", key, "self.unless(f\"type({variable}) is {self.name('T', kind)}\")", "pass",
         CHECKS + "test_a_kept_trace_is_not_used_for_another_kind[container]"),
        ("direct: keys", key, "self.unless(f\"[*{variable}] == {self.name('K', list(tree.keys))}\")", "pass",
         CHECKS + "test_a_kept_trace_is_not_used_for_another_kind[keys]"),
        ("direct: seed", direct, '            self.unless("extra is None")', "            pass",
         CHECKS + "test_a_kept_trace_without_a_seed_is_not_used_with_one"),
        ("direct: written arguments", direct, "others = [self.variable[k] for k in arrays] + self.outside", "others = self.outside", aliasing),
        ("direct: written arguments and captured arrays", direct, "others = [self.variable[k] for k in arrays] + self.outside",
         "others = [self.variable[k] for k in arrays]", aliasing),
        ("direct: constants of the tape", direct, "for array in self.plan.apart:", "for array in ():", aliasing),
        ("direct: written arguments and arrays that are compared", direct, "        written += [self.variable[k] for k in self.plan.written]\n", "",
         CHECKS + "test_a_written_argument_that_the_function_also_reads_by_name_is_refused"),
        ("written arguments and arrays that are compared", "recording.py", "*reads.compared()]}", "]}",
         CHECKS + "test_a_written_argument_that_the_function_also_reads_by_name_is_refused"),
        ("direct: what the function reads", direct, "self.unless_changed(*unchanged)", "pass",
         CHECKS + "test_a_kept_trace_notices_what_the_function_reads"),
        # held tapes
        ("consumed tape", "held.py", "            if self.consumed:\n                raise TapeUseError(f\"reverse",
         "            if False:\n                raise TapeUseError(f\"reverse",
         CHECKS + "test_a_consumed_tape_is_refused"),
        ("tape of another function", "split.py", "if tape.origin != origin or tape.function not in (None, Identity(function)):",
         "if False:", CHECKS + "test_a_tape_of_another_function_is_refused"),
        ("shadows of a tape", "held.py", "answer.check_shadows(shadows, leaves, answer.shadowed)", "pass",
         CHECKS + "test_the_shadows_given_to_reverse_are_checked"),
        ("copies on a tape", "held.py", "inputs = [np.array(array) for array in inputs]  # the reverse", "pass  # the reverse",
         CHECKS + "test_a_tape_holds_copies"),
        # nothing is written when a sweep fails
        ("what can fail comes first", "kernel/fuse.py", "self.floor = max(self.floor, self.risky + 1)", "pass",
         CHECKS + "test_an_index_out_of_range_leaves_the_shadows_as_they_were"),
        ("takes can fail", "kernel/schedule_records.py", "s.risky = s.pos[k]", "pass",
         CHECKS + "test_an_index_out_of_range_leaves_the_shadows_as_they_were"),
        ("host calls can fail", "kernel/fuse.py", "            self.risky = g\n", "            pass\n",
         CHECKS + "test_an_exception_of_a_host_call_leaves_the_shadows_as_they_were"),
        ("no error while shadows are added to", reverse, 'with np.errstate(all="ignore"):', "if True:",
         CHECKS + "test_an_overflow_in_a_strided_shadow_is_no_error"),
        ("out: no error while shadows are added to", shadow, 'with np.errstate(all="ignore"):', "if True:",
         CHECKS + "test_an_overflow_in_a_strided_shadow_is_no_error"),
        # the limits of cost
        ("no compiler", "kernel/program.py", 'error = ffi.new("tj_error *")',
         'error = ffi.new("tj_error *"); __import__("subprocess").run(["true"])', LIMITS + "test_compile_time"),
        ("linear cost", "passes/simplify.py", "        builder.line = lines[k]\n",
         "        builder.line = lines[k]\n        for _ in range(k):\n            pass\n", LIMITS + "test_compile_time"),
        ("types of the tape", "tape/tape.py", "type = row.result(types, **dict(zip(row.params, params))) if params else row.result(types)",
         "type = types[0]", LIMITS + "test_type_analysis"),
        ("one simplification", "passes/__init__.py", "builder = simplify(tape)", "builder = simplify(simplify(tape).tape)",
         LIMITS + "test_doubled_optimisation"),
        ("functions of any module", "recording.py", "enter = retarget if retargeted else _watched", "enter = _watched",
         LIMITS + "test_other_modules"),
    )]


def kernel_mutants():
    convention, workspace, load = LIMITS + "test_calling_convention", "csrc/workspace.c", "csrc/load.c"
    return [Mutant(*row, convention) for row in (
        ("C: count", workspace, "if (n != w->program->n_buffers)\n", "if (0)\n"),
        ("C: count of tj_call8", workspace, "return n > 8 ? fault(w, TJ_COUNT, n, 0) : tj_run", "return tj_run"),
        ("C: segment", workspace, "    if (segment >= w->program->n_segments)\n", "    if (0)\n"),
        ("C: length", workspace, "if (nbytes[buffer - 1] != bytes_of(w, buffer))", "if (0)"),
        ("C: length, too short alone", workspace, "if (nbytes[buffer - 1] != bytes_of(w, buffer))",
         "if (nbytes[buffer - 1] < bytes_of(w, buffer))"),
        ("C: null", workspace, "if (TJ_UNLIKELY(!w->base[buffer] && bytes_of(w, buffer)))", "if (0)"),
        ("C: alignment", workspace,
         "if (TJ_UNLIKELY((uintptr_t)w->base[buffer] % w->program->buffers[buffer - 1].alignment && bytes_of(w, buffer)))", "if (0)"),
        ("C: overlap with what was written", workspace, "if (start < written_end)", "if (0)"),
        ("C: overlap of what is written", workspace, "if (writable && start < end)", "if (0)"),
        ("C: order by address", workspace, "w->order[place] = w->order[place - 1];", "break;"),
        ("C: bound before a sweep", workspace, "if (!w->bound || w->seeded || segment >= w->program->n_segments)",
         "if (segment >= w->program->n_segments)"),
        ("C: something to resume", workspace, "if (!w->bound || !ip)", "if (0)"),
        ("C: operand inside its buffer", load, "if (low < 0 || high < low || (uint64_t)high > nbytes)", "if (0)"),
        ("C: buffer that is only read", load, "if (write && buffer && !program->buffers[buffer - 1].writable)", "if (0)"),
        ("C: alignment of operands", load,
            "if (offset > TJ_MAX_EXTENT || offset % (uint64_t)size || (buffer && program->buffers[buffer - 1].alignment < size))",
            "if (offset > TJ_MAX_EXTENT)"),
    )]


MUTANTS = python_mutants()
USUAL = ("shape", "writable", "overlap of shadows with arguments", "direct: writable", "direct: dtype", "what can fail comes first")


@pytest.fixture(scope="session")
def copies(tmp_path_factory):
    """A function that copies what the tests need into a new folder, with one mutation."""
    skipped = shutil.ignore_patterns("__pycache__", ".pytest_cache", "*.dist-info", "build")

    def copied(mutant=None, build=False):
        folder = tmp_path_factory.mktemp("mutant")
        shutil.copytree(PACKAGE, folder / "tapejit", ignore=skipped)
        shutil.copytree(ROOT / "tests", folder / "tests", ignore=skipped)
        for name in ("pyproject.toml", "README.md", "setup.py"):
            shutil.copy(ROOT / name, folder)
        if build:
            shutil.copytree(ROOT / "csrc", folder / "csrc", ignore=skipped)
        if mutant is not None:
            path = folder / ("." if build else "tapejit") / mutant.file
            text = path.read_text()
            assert text.count(mutant.check) == 1, f"{mutant.name}: expected the check once in {mutant.file}, found it {text.count(mutant.check)} times"
            path.write_text(text.replace(mutant.check, mutant.replacement))
        if build:
            script = folder / "csrc" / "build_kernel.py"
            script.write_text(script.read_text().replace('"-O3"', '"-O0"'))  # sooner built
            for kernel in (folder / "tapejit").glob("_kernel*.so"):
                kernel.unlink()
            done = subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=folder, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        return folder

    return copied


def run(folder, *tests):
    """The exit code and the output of pytest in a copy; 1: a test failed."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--tb=line", *tests]  # starts sooner
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def assert_killed(folder, mutant, crash=False):
    """`crash`: the end of the process by a signal, as the kernel reads or writes where it should not, is as good."""
    code, output = run(folder, mutant.test)
    killed = code == 1 and "1 failed" in output or crash and code < 0
    assert killed, f"without the check '{mutant.name}' of {mutant.file} {mutant.test} gave {code}\n{output[-2000:]}"


def test_all_tests_pass_while_the_checks_are_there(copies):
    code, output = run(copies(), *dict.fromkeys(mutant.test for mutant in (*MUTANTS, *kernel_mutants())))
    assert code == 0, output[-4000:]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_test_fails_without_the_check(mutant, copies, request):
    if mutant.name not in USUAL and not request.config.getoption("--thorough"):
        pytest.skip("needs --thorough")
    assert_killed(copies(mutant), mutant)


@pytest.mark.parametrize("mutant", kernel_mutants(), ids=lambda mutant: mutant.name)
def test_a_test_fails_without_the_check_in_c(mutant, copies, request):
    if not request.config.getoption("--thorough"):
        pytest.skip("needs --thorough")
    if not (ROOT / "setup.py").exists():
        pytest.skip("needs a checkout")
    assert_killed(copies(mutant, build=True), mutant, crash=True)
