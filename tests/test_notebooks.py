"""The notebooks run from top to bottom on the running interpreter, and what they carry for readers is small and names no machine."""

import json
import re
import sys
from pathlib import Path

import pytest

import tapejit

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    """In a kernel of this interpreter, whatever kernels the machine knows."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib")
    kernel = tmp_path / "kernels" / "this_interpreter"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "this interpreter", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(Path(tapejit.__file__).parent.parent))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, kernel_name="this_interpreter", timeout=120, resources=resources).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)  # the plot
    assert any("text/html" in output.get("data", {}) for output in outputs)  # a tape as a table


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_carries_small_outputs_without_paths(path):
    text = path.read_text()
    assert len(text) < 100_000
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|usr|work|Users)/", text)
    assert not any(output["output_type"] == "error" for cell in json.loads(text)["cells"] for output in cell.get("outputs", []))
