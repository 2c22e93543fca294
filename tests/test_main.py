"""`python -m tapejit`: the fit gives the known parameters, and a file that cannot be used is explained on one line."""

import re
import subprocess
import sys

import numpy as np
import pytest

from tapejit.__main__ import main
from tapejit.examples import lotka_volterra as model
from tapejit.examples.counts import PELTS, CountsError, read_counts
from tapejit.examples.levenberg_marquardt import fit

# An independent least-squares fit of the logarithms: RK4 with 20 steps a year, finite differences.
EXPECTED = {"alpha": 0.540, "beta": 0.0272, "gamma": 0.796, "delta": 0.0237, "hare_0": 34.6, "lynx_0": 5.84}
HEADER = "year,lynx,hare\n"


@pytest.fixture(scope="module")
def report():
    """What `python -m tapejit` prints, in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "tapejit"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stderr == ""
    return done.stdout


def test_the_fit_finds_the_known_parameters(report):
    found = {name: (float(value), float(error)) for name, value, error in re.findall(r"^  (\w+) +([\d.]+) +([\d.]+)$", report, re.M)}
    assert {name: value for name, (value, _) in found.items()} == EXPECTED
    assert all(0 < error < value / 5 for value, error in found.values())
    assert "half the sum of squares 1.0093" in report and "converged after" in report


def test_the_report_shows_the_tape_and_its_phases(report):
    phases = re.findall(r"^  (\w[\w ]*?) {2,}([\d,]+) +([\d,]+) +([\d.]+)$", report, re.M)
    assert phases[0][0] == "trace" and int(phases[0][2].replace(",", "")) > 10_000
    assert [name for name, *_ in phases].count("simplify") == 1  # each operation is simplified once, before differentiation


def test_the_report_checks_the_gradient(report):
    differences = float(re.search(r"central differences +differ by (\S+)", report)[1])
    products = float(re.search(r"J'r from the Jacobian +differs by (\S+)", report)[1])
    assert differences < 1e-7 and products < 1e-12


def test_the_report_leaves_out_libraries_that_are_not_installed(report):
    for name in ("autograd, the same source", "JAX, the loop rewritten with lax.scan, jitted"):
        assert re.search(re.escape(name) + r" +(not installed|[\d.]+ ms)", report)


def test_another_file_of_the_same_form_is_fitted(tmp_path, capsys, monkeypatch):
    """Counts made from known parameters give them back; columns in another order, further columns, comments and blank lines are read."""
    theta = np.array([0.9, 0.05, 1.1, 0.03, 25.0, 12.0])
    years = np.arange(2000.0, 2012.0)
    lines = ["# made up", "", "hare, place, lynx, year"]
    lines += [f"{hare:.17g},x,{lynx:.17g},{year:g}" for (hare, lynx), year in zip(model.simulate(theta, years), years)]
    path = tmp_path / "made.csv"
    path.write_text("\n".join(lines))
    monkeypatch.setattr("tapejit.__main__.print_times", lambda *problem: None)  # `report` shows them
    assert main([str(path)]) == 0
    out = capsys.readouterr().out
    for name, value in zip(model.NAMES, theta):
        assert float(re.search(rf"^  {name} +([\d.]+)", out, re.M)[1]) == pytest.approx(value, rel=1e-3)


BAD = {
    "empty": ("", ": holds no line but comments; expected a header with year, lynx, hare, then one row a year"),
    "comments alone": ("# year,lynx,hare\n", ": holds no line but comments; expected a header with year, lynx, hare, then one row a year"),
    "missing column": ("# a\nyear,lynx\n1,4\n", ", line 2: no column hare; expected a header with year, lynx, hare, found year, lynx"),
    "missing columns": ("1900,4,30\n", ", line 1: no columns year, lynx, hare; expected a header with year, lynx, hare, found 1900, 4, 30"),
    "semicolons": (
        "year;lynx;hare\n",
        ", line 1: no columns year, lynx, hare; expected a header with year, lynx, hare, found year;lynx;hare",
    ),
    "column twice": ("year,hare,lynx,hare\n", ", line 1: column hare is named 2 times; expected each once"),
    "not a number": (HEADER + "1900,4,30\n1901,six,47\n", ", line 3: lynx is not a number: 'six'"),
    "nothing": (HEADER + "1900,4,\n", ", line 2: no hare: expected a number in field 3, found '1900,4,'"),
    "short line": (HEADER + "1900,4\n", ", line 2: no hare: expected a number in field 3, found '1900,4'"),
    "zero": (HEADER + "1900,4,0\n", ", line 2: hare is 0; expected a positive number, since the fit compares logarithms"),
    "negative": (HEADER + "1900,-4,1\n", ", line 2: lynx is -4; expected a positive number, since the fit compares logarithms"),
    "nan": (HEADER + "1900,nan,1\n", ", line 2: lynx is nan; expected a finite number (leave out a year that was not counted)"),
    "open quote": (HEADER + '1900,"4,30\n', ", line 2: is not CSV: unexpected end of data"),
    "same year": (HEADER + "1900,4,30\n1900,5,31\n", ", line 3: year 1900 comes after year 1900; expected increasing years"),
    "earlier year": (HEADER + "1900,4,30\n\n1899,5,31\n", ", line 4: year 1899 comes after year 1900; expected increasing years"),
    "too few rows": (HEADER + "1900,4,30\n1901,5,31\n", ": has 2 rows of counts; expected at least 4, to fit 6 parameters"),
    "constant": (HEADER + "1,4,30\n2,5,30\n3,6,30\n4,4,30\n", ": hare is 30 in every row; expected counts that rise and fall"),
    "not years": (
        HEADER + "1,4,30\n2,5,31\n3,6,30\n5000,4,30\n",
        ": the years 1 to 5000 in 4 rows take 99,980 integration steps, 20 a year; expected at most 20,000: are these years?",
    ),
    "endless": (
        HEADER + "-1e308,4,30\n2,5,31\n3,6,30\n1e308,4,30\n",
        ": the years -1e+308 to 1e+308 in 4 rows take inf integration steps, 20 a year; expected at most 20,000: are these years?",
    ),
}


@pytest.mark.parametrize("text, expected", BAD.values(), ids=BAD)
def test_a_bad_file_is_explained_on_one_line(text, expected, tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    assert main([str(path)]) == 2
    streams = capsys.readouterr()
    assert streams.err == f"error: {path}{expected}\n" and streams.out == ""


def test_files_that_cannot_be_read_are_explained(tmp_path):
    with pytest.raises(CountsError, match="nowhere.csv: cannot be read: No such file or directory$"):
        read_counts(str(tmp_path / "nowhere.csv"))
    with pytest.raises(CountsError, match=": cannot be read: Is a directory$"):
        read_counts(str(tmp_path))
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"year,lynx,hare\n\xff")
    with pytest.raises(CountsError, match="binary.csv: is not text in UTF-8: byte 15 is 0xff$"):
        read_counts(str(binary))


def test_a_bad_file_gives_status_2_and_no_traceback():
    done = subprocess.run([sys.executable, "-m", "tapejit", "nowhere.csv"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "error: nowhere.csv: cannot be read: No such file or directory\n")


def test_the_pelts_name_their_source():
    first, second = PELTS.read_text().splitlines()[:2]
    assert first == "# Pelts of Canadian lynx and snowshoe hare collected by the Hudson's Bay Company, in thousands."
    assert second.startswith("# Hewitt (1921)")
    years, counts = read_counts()
    assert years.tolist() == list(range(1900, 1921))
    assert counts[0].tolist() == [30.0, 4.0] and counts[-1].tolist() == [24.7, 8.6]


def test_levenberg_marquardt_finds_the_minimum_of_rosenbrock():
    """From the classical start, with the Jacobian written by hand."""

    def residuals(x):
        return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])

    def jacobian(x):
        return np.array([[-20 * x[0], 10.0], [-1.0, 0.0]])

    result = fit(residuals, jacobian, np.array([-1.2, 1.0]))
    assert result.converged and np.allclose(result.x, 1, atol=1e-9)


def test_levenberg_marquardt_gives_the_covariance_of_linear_least_squares():
    """For residuals linear in x it is s^2 inv(A'A)."""
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(20, 3)), rng.normal(size=20)
    result = fit(lambda x: A @ x - b, lambda x: A, np.zeros(3))
    x, squares, *_ = np.linalg.lstsq(A, b)
    assert np.allclose(result.x, x) and np.allclose(result.covariance, squares[0] / 17 * np.linalg.inv(A.T @ A))
