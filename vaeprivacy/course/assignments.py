"""An assignment's source, and what is made from it: the student's version, the solution, the tests.

The source is a Python file in jupytext's percent format. Tags of cells say who gets them:

- ``question``: text that opens a question, with a ``name``, a ``title``, a ``section`` of the book and, if a person
  grades it, the points ``by_hand``;
- ``public-test`` and ``hidden-test``: one function ``test_...(student, variant)`` each, worth ``points`` of the
  question above it;
- ``helper``: code that all tests use, and that students may see;
- ``teacher``: code that never leaves the teacher, such as ``make(public, secret)``, which draws a variant;
- ``rubric``: text for whoever grades by hand;
- ``limits``: a text (such as the title) with what a submission may use, if that is more or less than usual: fields of
  :class:`~vaeprivacy.course.sandbox.Limits`, such as ``load_seconds=180 total_seconds=300``; and ``not_to_use``, the
  packages whose use is noted in the grade, such as ``not_to_use="vaeprivacy.attacks vaeprivacy.course"``.

All other cells are the student's. There, what stands between lines ``# BEGIN SOLUTION`` and ``# END SOLUTION`` is
replaced by ``...``, and so is the value in a line that ends with ``# SOLUTION`` (the marks are otter-grader's).
``{{name}}`` becomes the variant's constant of that name, and so does a line of code ``# {{name}}``; where solutions are
left in, the hidden part ``solution`` has more of them.
"""

import ast
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from vaeprivacy.compute.extras import extra
from vaeprivacy.course.sandbox import Limits
from vaeprivacy.course.variants import Variant, make_variant

with extra("course", work="Coursework"):
    import jupytext
    import nbformat

TESTS = ("public-test", "hidden-test")
NOT_FOR_STUDENTS = {*TESTS, "helper", "teacher", "rubric"}
FORMATS = ("ipynb", "py")
TOO_LARGE = 5 * 2**20
#: The assignments that come with the package.
SOURCES = Path(__file__).with_name("sources")


@dataclass(frozen=True)
class Test:
    """One function that looks at one property of an answer."""

    __test__ = False  # it is no test of pytest's

    name: str
    points: float
    public: bool


@dataclass
class Question:
    """One question with its tests; `by_hand` are the points that a person gives."""

    name: str
    title: str
    section: str
    by_hand: float = 0.0
    rubric: str = ""
    tests: list[Test] = field(default_factory=list)

    @property
    def points(self) -> float:
        """The points that can be had for it."""
        return self.by_hand + sum(test.points for test in self.tests)


@dataclass(frozen=True)
class Assignment:
    """An assignment as its source says it.

    Attributes
    ----------
    name : str
        Such as ``measure-a-leak``.
    title : str
        The first heading.
    cells : list
        Cells of the notebook that jupytext reads.
    questions : list of Question
        In their order.
    limits : Limits
        What a submission may use.
    not_to_use : tuple of str
        Packages with which an answer is not the student's own: it is noted if a submission loads modules of one.
    """

    name: str
    title: str
    cells: list[nbformat.NotebookNode]
    questions: list[Question]
    limits: Limits = field(default_factory=Limits)
    not_to_use: tuple[str, ...] = ()

    def tests(self) -> dict[str, Any]:
        """Run the cells of helpers, teacher and tests; return the names that they define, the tests among them."""
        namespace: dict[str, Any] = {"__name__": self.name}
        for cell in self.cells:
            if cell.cell_type == "code" and tags(cell) & {"helper", "teacher", *TESTS}:
                exec(compile(cell.source, f"{self.name} (tests)", "exec"), namespace)
        return namespace

    def variant(self, student: str, *, key: bytes) -> Variant:
        """Return a student's variant, see :func:`vaeprivacy.course.variants.make_variant`."""
        return make_variant(self.name, student, key=key, make=self.tests()["make"])


def find_assignments(folder: Path | None = None) -> dict[str, Path]:
    """Return the sources in a folder, or those of the package, by their assignments' names.

    Raises
    ------
    FileNotFoundError
        If it has none.
    """
    folder = folder or SOURCES
    found = {path.stem.replace("_", "-"): path for path in sorted(folder.glob("*.py"))}
    if not found:
        raise FileNotFoundError(f"{folder} holds no assignments: leave --coursework out to take those of the package.")
    return found


def find_assignment(name: str, *, folder: Path | None = None) -> Assignment:
    """Read the assignment of a name from a folder of sources, or from those of the package.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is none of that name, or its source is wrong.
    """
    found = find_assignments(folder)
    if name not in found:
        raise ValueError(f"There is no assignment {name!r} in {folder or SOURCES}; choose one of {', '.join(found)}.")
    return read_assignment(found[name])


def read_assignment(path: Path, *, name: str | None = None) -> Assignment:
    """Read the source of an assignment, or the checks that were made of one.

    Raises
    ------
    ValueError
        If a test or rubric stands above the first question, has not one function, two tests have the same name, or
        there is no such limit.
    """
    cells = jupytext.read(path, fmt="py:percent").cells
    questions: list[Question] = []
    for cell in cells:
        if "question" in tags(cell):
            given = cell.metadata
            questions.append(Question(given.name, given.title, given.section, float(given.get("by_hand", 0))))
        elif tags(cell) & {*TESTS, "rubric"}:
            if not questions:
                raise ValueError(f"{path}: a test or rubric stands above the first question.")
            _add(cell, questions[-1])
    names = [test.name for question in questions for test in question.tests]
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: two tests have the same name.")
    given = _given(cells)
    not_to_use = tuple(given.pop("not_to_use", "").split())
    limits = _limits(given, path)
    return Assignment(name or path.stem.replace("_", "-"), _title(cells), cells, questions, limits, not_to_use)


def _add(cell: nbformat.NotebookNode, question: Question) -> None:
    """Give a question its rubric or a test."""
    if "rubric" in tags(cell):
        question.rubric = cell.source
        return
    functions = [each.name for each in ast.parse(cell.source).body if isinstance(each, ast.FunctionDef)]
    if len(functions) != 1 or not functions[0].startswith("test_"):
        raise ValueError(f"A test cell must have one function, test_..., not {', '.join(functions) or 'none'}.")
    public = "public-test" in tags(cell)
    question.tests.append(Test(functions[0], float(cell.metadata.get("points", 0)), public))


def _given(cells: list[nbformat.NotebookNode]) -> dict[str, Any]:
    """Return what a cell with the tag ``limits`` says."""
    given = {name: value for cell in cells if "limits" in tags(cell) for name, value in cell.metadata.items()}
    # Names that begin with "lines_to" are jupytext's own, about empty lines.
    return {name: value for name, value in given.items() if name != "tags" and not name.startswith("lines_to")}


def _limits(given: dict[str, Any], path: Path) -> Limits:
    """Return limits with these fields; the usual ones stand for all others."""
    known = {each.name for each in fields(Limits)}
    if not set(given) <= known:
        raise ValueError(f"{path}: limits are {', '.join(sorted(known))}, not {', '.join(sorted(set(given) - known))}.")
    return Limits(**given)


def _title(cells: list[nbformat.NotebookNode]) -> str:
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    return texts[0].splitlines()[0].lstrip("# ") if texts else ""


def tags(cell: nbformat.NotebookNode) -> set[str]:
    """Return the tags of a cell."""
    return set(cell.metadata.get("tags", []))


def student_version(assignment: Assignment, variant: Variant, *, suffix: str, solution: bool = False) -> str:
    """Return the text of a student's notebook or Python file.

    Parameters
    ----------
    assignment : Assignment
        What it is made from.
    variant : Variant
        Whose constants stand in it.
    suffix : {"ipynb", "py"}
        Notebook, or Python file in the percent format.
    solution : bool
        Leave the solutions in.

    Raises
    ------
    ValueError
        If there is no such format.
    """
    if suffix not in FORMATS:
        raise ValueError(f"The format is one of {', '.join(FORMATS)}, not {suffix!r}.")
    cells = [cell for cell in assignment.cells if not tags(cell) & NOT_FOR_STUDENTS]
    made = [_new(cell, _filled(cell, variant, solution), number) for number, cell in enumerate(cells)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel})
    return jupytext.writes(notebook, fmt="ipynb" if suffix == "ipynb" else "py:percent")


def student_checks(assignment: Assignment) -> str:
    """Return the source of the public tests alone, which a student gets."""
    kept = [cell for cell in assignment.cells if tags(cell) & {"helper", "public-test", "question"}]
    limits = {"tags": ["limits"], **asdict(assignment.limits), "not_to_use": " ".join(assignment.not_to_use)}
    title = nbformat.v4.new_markdown_cell(f"# {assignment.title}", id="title", metadata=limits)
    texts = [f"## {cell.metadata.title}" if "question" in tags(cell) else cell.source for cell in kept]
    pairs = enumerate(zip(kept, texts, strict=True))
    cells = [title, *(_new(cell, text, n, keep=True) for n, (cell, text) in pairs)]
    return jupytext.writes(nbformat.v4.new_notebook(cells=cells), fmt="py:percent")


def _new(cell: nbformat.NotebookNode, source: str, number: int, *, keep: bool = False) -> nbformat.NotebookNode:
    """Return a cell with other text, and without the tags that speak to the grader unless `keep` says so."""
    new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
    return new(source, id=f"cell-{number}", metadata=dict(cell.metadata) if keep else {})


def _filled(cell: nbformat.NotebookNode, variant: Variant, solution: bool) -> str:
    """Return the text of a cell with the variant's constants, without solutions unless they are wanted."""
    text = without_marks(cell.source) if solution else without_solution(cell.source)
    constants = {**variant.constants, **(variant.hidden.get("solution", {}) if solution else {})}
    pattern = r"\{\{(\w+)\}\}" if cell.cell_type == "markdown" else r"(?:# )?\{\{(\w+)\}\}"
    return re.sub(pattern, lambda found: str(constants[found[1]]), text, flags=re.MULTILINE)


def without_solution(text: str) -> str:
    """Leave out of a cell's text what the marks say, with ``...`` in its place."""
    block = r"^([ \t]*)(?:# |<!-- )BEGIN SOLUTION.*?END SOLUTION[^\n]*$"
    text = re.sub(block, lambda found: found[1] + _blank(found[0]), text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^([ \t]*\w+ = ).*# SOLUTION$", r"\1...", text, flags=re.MULTILINE)


def without_marks(text: str) -> str:
    """Leave the marks out of a cell's text, and the solutions in."""
    text = re.sub(r"^[ \t]*(?:# |<!-- )(?:BEGIN|END) SOLUTION[^\n]*\n?", "", text, flags=re.MULTILINE)
    return re.sub(r"  # SOLUTION$", "", text, flags=re.MULTILINE).rstrip("\n")


def _blank(block: str) -> str:
    return "*Write here.*" if "<!--" in block else "..."


def read_submission(path: Path) -> tuple[list[str], list[str]]:
    """Return the code cells and the texts of a notebook or Python file; nothing of it is run.

    Raises
    ------
    ValueError
        If it is too large, or cannot be read.
    """
    if path.stat().st_size > TOO_LARGE:
        raise ValueError(f"{path.name} is larger than {TOO_LARGE // 2**20} MiB: clear its outputs.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        cells = jupytext.reads(text, fmt="ipynb" if path.suffix.lower() == ".ipynb" else "py:percent").cells
        code = [str(cell.source) for cell in cells if cell.cell_type == "code"]
        return code, [str(cell.source) for cell in cells if cell.cell_type != "code"]
    except Exception as error:  # whatever a broken file makes its readers raise
        raise ValueError(
            f"{path.name} cannot be read as a notebook or Python file ({type(error).__name__})."
        ) from error
