"""The notebooks: in step with their sources, free of outputs, and running from their .ipynb alone."""

import importlib.util
import json
import re
import sys
from types import ModuleType

import nbformat
import pair
import pytest
from build import without_warnings
from common import code_cells, notebook_sources, read_source
from conftest import NOTEBOOKS, ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pair import for_colab, plain_markdown
from values import pinned_results

import vaeprivacy
from vaeprivacy.compute.published import Published
from vaeprivacy.reporting.results import FOLDER


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def test_there_is_a_notebook_for_every_source_and_no_other():
    assert sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")) == NOTEBOOKS


def test_every_notebook_is_in_the_table_of_contents():
    assert sorted(path.stem for path in notebook_sources()) == NOTEBOOKS


def test_a_role_without_a_plain_form_is_refused():
    with pytest.raises(ValueError, match=r"notebooks/x.*unheard"):
        plain_markdown("see {unheard}`of`", "notebooks/x")


def test_directives_roles_and_labels_become_plain_markdown(monkeypatch):
    theorem = "```{prf:theorem} Name\n:label: t\n\nBody {eq}`kl`.\n```"
    text = f"(label)=\n# Title\n$$\na\n$$ (eq-a)\n\n{theorem}\n[x](vae.ipynb)"
    monkeypatch.setattr(pair, "PUBLISHED", Published(book="https://book.example"))
    plain = plain_markdown(text, "notebooks/x")
    assert plain.startswith("# Title\n$$\na\n$$\n\n> **Theorem (Name).**\n>\n> Body [equation *kl*](https://")
    assert plain.endswith("/notebooks/vae.html)")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_notebook_is_in_step_with_its_source(name):
    source = for_colab(ROOT / "notebooks" / f"{name}.md", pinned_results())
    assert nbformat.writes(source, version=4, indent=1) == nbformat.writes(read(name), version=4, indent=1)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_output_is_committed(name):
    cells = [cell for cell in read(name).cells if cell.cell_type == "code"]
    assert cells
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_notebook_installs_the_package_first_and_has_one_cell_of_parameters(name):
    cells = [cell for cell in read(name).cells if cell.cell_type == "code"]
    assert "%pip install" in cells[0].source
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert tagged == [cells[1]]


REPOSITORY = "https://github.com/someone/something"
FROM = {  # where the project is published, and what the first cell then installs on Colab
    "nowhere": (Published(), '--quiet "./vaeprivacy-1.0-py3-none-any.whl[notebooks]"'),
    "the repository": (Published(REPOSITORY), f'--quiet "vaeprivacy[notebooks] @ git+{REPOSITORY}@main"'),
    "PyPI": (Published(REPOSITORY, "", "vaeprivacy"), f'--quiet "vaeprivacy[notebooks]=={vaeprivacy.__version__}"'),
}


def first_cell(where, monkeypatch):
    """Return a function that runs the first cell of a notebook, and the list of what it has pip do."""
    monkeypatch.setattr(pair, "PUBLISHED", FROM[where][0])
    [cell] = [cell for cell in for_colab(notebook_sources()[0], pinned_results()).cells if cell.id == "install"]
    did = []
    code = re.sub(r"%pip install (.+)", r"did.append(f'\1')", cell.source)
    return lambda: exec(code, {"did": did}), did


@pytest.mark.parametrize("where", FROM)
def test_on_colab_the_first_cell_installs_the_package(where, tmp_path, monkeypatch):
    run, did = first_cell(where, monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vaeprivacy-1.0-py3-none-any.whl").touch()
    run()
    assert did == []  # here the package is installed already
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    run()
    assert did == [FROM[where][1]]


@pytest.mark.parametrize("colab", [True, False])
@pytest.mark.parametrize("where", FROM)
def test_the_first_cell_stops_with_one_sentence_if_the_package_is_not_there(where, colab, tmp_path, monkeypatch):
    run, _ = first_cell(where, monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    with pytest.raises(ImportError, match=r"^vaeprivacy is not installed: [^.]*\bpip\b.*\.$"):
        run()


def test_colab_is_asked_for_a_gpu_where_one_pays():
    convolutional = re.compile(r'architecture="convolutional"|ConvolutionalSettings|ResNet')
    pays = [source.stem for source in notebook_sources() if any(map(convolutional.search, code_of(source)))]
    assert list(pair.ON_GPU) == pays == [name for name in NOTEBOOKS if "accelerator" in read(name).metadata]


def code_of(source):
    return [cell.source for cell in code_cells(read_source(source))]


@pytest.mark.parametrize(
    ("cpu", "gpu", "pays"),
    [
        ("VAE, convolutional, float32", "VAE, convolutional, float32", True),
        ("4 shadow models, ResNet-9, float32, one by one", "64 shadow models, ResNet-9, float32, one by one", True),
        ("VAE, perceptrons, float32", "VAE, perceptrons, float32", False),
        (
            "4 shadow models, perceptron, float32, one by one",
            "64 shadow models, perceptron, float32, one by one",
            False,
        ),
    ],
)
def test_a_gpu_pays_for_convolutional_networks_by_the_records_of_the_benchmark(cpu, gpu, pays):
    def rate(device, work):
        found = json.loads((FOLDER / f"device-{device}.json").read_text(encoding="utf-8"))["work"][work]
        return found["operations"] / found["median"]

    ratio = rate("cuda", gpu) / rate("cpu", cpu)
    assert ratio > 10 if pays else ratio < 2


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_colab_gets_no_myst(name):
    text = "\n".join(cell.source for cell in read(name).cells if cell.cell_type == "markdown")
    assert not re.search(r"^(:::|```)\{|\{[\w:]+\}`|^\([\w-]+\)=$|^:\w+:", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_code_fits_a_narrow_page_and_fences_are_closed(name):
    path = ROOT / "notebooks" / f"{name}.md"
    lines = [line for cell in code_cells(read_source(path)) for line in cell.source.splitlines()]
    assert max(map(len, lines)) <= 76
    assert path.read_text(encoding="utf-8").count("\n```") % 2 == 0


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_figure_has_a_caption_a_name_and_alternative_text(name):
    drawing = re.compile(r"figures\.(?!use_style|COLOURS|setting_order)\w+\(")
    for cell in code_cells(read_source(ROOT / "notebooks" / f"{name}.md")):
        if drawing.search(cell.source):
            myst = cell.metadata["mystnb"]
            assert myst["figure"]["caption"] and myst["figure"]["name"] and myst["image"]["alt"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_notebook_runs_on_the_digits_and_shows_no_noise_of_the_machine(executed, name):
    run = nbformat.read(executed / f"{name}.ipynb", as_version=4)
    outputs = [output for cell in run.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any(output.output_type in ("display_data", "execute_result") for output in outputs)
    assert not any(output.get("name") == "stderr" for output in outputs)
    assert str(ROOT) not in "".join(str(output) for output in outputs)
    assert "the book's" in outputs[-1].data["text/plain"]  # the cell that compares
    figures = [cell for cell in run.cells if "figure" in cell.metadata.get("mystnb", {})]
    for cell in figures:
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        assert any(kind.startswith("image/") for kind in kinds), cell.metadata.mystnb.figure.name


def test_warnings_of_a_run_are_printed_and_not_shown_on_the_page(capsys):
    outputs = [new_output("stream", name=name, text=name) for name in ("stdout", "stderr", "stdout")]
    run = without_warnings(new_notebook(cells=[new_code_cell("1", outputs=outputs), new_markdown_cell("")]), "chapter")
    assert [output.name for output in run.cells[0].outputs] == ["stdout", "stdout"]
    assert capsys.readouterr().out == "chapter, not shown on the page: stderr\n"
