"""``vaeprivacy course``: make a student's version, check it, grade a folder of submissions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from vaeprivacy.cli.errors import reports_errors
from vaeprivacy.cli.names import FORMATS
from vaeprivacy.cli.tables import AsJson
from vaeprivacy.cli.threads import one_thread

if TYPE_CHECKING:
    from vaeprivacy.course.assignments import Assignment
    from vaeprivacy.course.grading import Grade
    from vaeprivacy.course.roster import Roster
    from vaeprivacy.course.variants import Variant

CHECKS = "checks.py"
ROSTER = "Who is in the class: a CSV of Canvas, Moodle or Gradescope, or one with the column student."
app = typer.Typer(help="Assignments: make a student's version, check a submission, grade a folder of them.")
Sources = Annotated[
    Path | None, typer.Option("--coursework", help="Folder of assignments; by default those of the package.")
]
KeyFile = Annotated[Path | None, typer.Option("--key", help="File with the teacher's key; without it, a known one.")]


@app.command("make")
@reports_errors()
def make_assignment(
    assignment: Annotated[str, typer.Argument(help="Such as measure-a-leak.")],
    output: Annotated[
        Path, typer.Option(help="Folder for the student's files (a class: folders of them); it is made.")
    ],
    student: Annotated[str | None, typer.Option(help="The student's number.")] = None,
    roster: Annotated[Path | None, typer.Option(help=ROSTER)] = None,
    key: KeyFile = None,
    coursework: Sources = None,
    suffix: Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")] = "ipynb",
    solution: Annotated[bool, typer.Option("--solution", help="Leave the solutions in (for the teacher).")] = False,
) -> None:
    """Write a student's version of an assignment, or those of a class: questions, data, and tests they may see."""
    from vaeprivacy.course.assignments import find_assignment
    from vaeprivacy.course.roster import read_roster
    from vaeprivacy.course.variants import read_key

    one_thread()
    if (student is None) == (roster is None):
        raise ValueError("Pass either the number of a --student or the --roster of a class.")
    folders = {student: output} if student else {each: output / each for each in read_roster(roster).places}
    made = find_assignment(assignment, folder=coursework)
    warn_without_key(key)
    secret = read_key(key)
    for number, folder in folders.items():
        path, beside = write_version(made, made.variant(number, key=secret), folder, suffix=suffix, solution=solution)
        print(f"{path}: {made.title}, for {number}. Beside it: {', '.join(beside)}.")


def write_version(
    assignment: "Assignment", variant: "Variant", folder: Path, *, suffix: str, solution: bool
) -> tuple[Path, list[str]]:
    """Write what one student gets; return the notebook's path, and names of the files beside it.

    Raises
    ------
    FileExistsError
        If there is a notebook that somebody may have worked on.
    """
    from vaeprivacy.course.assignments import student_checks, student_version
    from vaeprivacy.course.gradebook import write_text
    from vaeprivacy.course.variants import write_files

    text = student_version(assignment, variant, suffix=suffix, solution=solution)
    path = folder / f"{assignment.name.replace('-', '_')}.{suffix}"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise FileExistsError(
            f"{path} exists, and somebody may have worked on it: choose another folder, or delete it."
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    write_text(folder / CHECKS, student_checks(assignment))
    write_files(variant, folder)
    return path, [CHECKS, *variant.files]


@app.command()
@reports_errors()
def check(
    submission: Annotated[Path, typer.Argument(help="Your notebook or Python file, in the folder it came in.")],
) -> None:
    """Run the public tests on a submission; exit with 1 if something is wrong. The grade also has other tests."""
    from vaeprivacy.course.assignments import read_assignment
    from vaeprivacy.course.grading import grade_submission
    from vaeprivacy.course.variants import read_variant

    one_thread()
    if not submission.is_file():
        raise FileNotFoundError(f"There is no file {submission}.")
    folder = submission.parent
    if not (folder / CHECKS).is_file():
        raise FileNotFoundError(f"{folder} has no {CHECKS}: check a submission in the folder that you were given.")
    variant = read_variant(folder)
    assignment = read_assignment(folder / CHECKS, name=variant.assignment)
    wrong = _print_check(grade_submission(assignment, submission, variant, public_only=True))
    raise typer.Exit(int(wrong > 0))


@app.command("grade")
@reports_errors(resumes=True)
def grade_submissions(
    folder: Annotated[Path, typer.Argument(help="One notebook, Python file or folder for each student number.")],
    assignment: Annotated[
        str | None, typer.Option(help="Which; by default the one that FOLDER is named after.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for the grades; by default FOLDER-grades.")] = None,
    roster: Annotated[Path | None, typer.Option(help=f"{ROSTER} Grades are written for it, too.")] = None,
    key: KeyFile = None,
    coursework: Sources = None,
    jobs: Annotated[int, typer.Option(min=1, help="Submissions graded at a time.")] = 2,
    late_penalty: Annotated[
        float, typer.Option(min=0, max=100, help="Per cent of all points that a late day costs (column late_days).")
    ] = 0.0,
    json: AsJson = False,
) -> None:
    """Grade all submissions of a folder. Interrupted or killed, the same command goes on."""
    from vaeprivacy.course.assignments import find_assignment, find_assignments
    from vaeprivacy.course.grade_table import TABLE
    from vaeprivacy.course.gradebook import GRADES, grade_folder
    from vaeprivacy.course.report import FEEDBACK, REPORT
    from vaeprivacy.course.roster import read_roster
    from vaeprivacy.course.submissions import find_submissions
    from vaeprivacy.course.variants import read_key

    one_thread()
    people = read_roster(roster) if roster else None
    submissions, refused = find_submissions(folder, roster=people)
    name = assignment or folder.resolve().name
    made = find_assignment(name, folder=coursework)
    warn_without_key(key)
    output = output or folder.resolve().with_name(f"{folder.resolve().name}-grades")
    remarks: list[str] = []
    with Progress(console=Console(stderr=json)) as progress:
        task = progress.add_task(made.title, total=len(submissions))
        rows = grade_folder(
            made,
            submissions,
            output=output,
            source=find_assignments(coursework)[name].read_bytes(),
            key=read_key(key),
            jobs=jobs,
            late_penalty=late_penalty,
            refused=refused,
            remark=remarks.append,
            tell=lambda student: progress.advance(task),
        )
    for sentence in remarks:
        typer.echo(f"vaeprivacy: {sentence}", err=True)
    mean = sum(row["points"] for row in rows) / max(1, len(rows))
    possible = sum(question.points - question.by_hand for question in made.questions)
    files = [GRADES, TABLE, REPORT, f"{FEEDBACK}/", *write_upload(made, rows, people, output)]
    said = f"{len(rows)} submissions, on average {mean:.1f} of {possible:g} points that the machine gives."
    typer.echo(f"{said}\n{output}: {', '.join(files)}.", err=json)
    if json:
        print((output / GRADES).read_text(encoding="utf-8"))


def write_upload(assignment: "Assignment", rows: list[dict], roster: "Roster | None", output: Path) -> list[str]:
    """Write grades as the roster's system imports them, say who has handed in nothing; return names of files."""
    from vaeprivacy.course.gradebook import write_text
    from vaeprivacy.course.roster import upload

    if roster is None:
        return []
    missing = sorted(set(roster.places) - {row["student"] for row in rows})
    if missing:
        typer.echo(f"vaeprivacy: nothing to grade of {', '.join(missing)}.", err=True)
    possible = sum(question.points for question in assignment.questions)
    name = f"for_{roster.system.name}.csv"
    write_text(output / name, upload(roster, assignment.title, rows, possible=possible))
    return [name]


@app.command()
@reports_errors()
def export(
    assignment: Annotated[str, typer.Argument(help="Such as measure-a-leak.")],
    output: Annotated[Path, typer.Option(help="Folder for the files; it is made.")],
    student: Annotated[str, typer.Option(help="Whose variant all students get; any name.")] = "class",
    key: KeyFile = None,
    coursework: Sources = None,
) -> None:
    """Write an assignment in the form that otter-grader takes, and through it Gradescope."""
    from vaeprivacy.course.assignments import find_assignment
    from vaeprivacy.course.otter import HANDOUT, TESTS, write_otter_folder
    from vaeprivacy.course.variants import read_key

    one_thread()
    made = find_assignment(assignment, folder=coursework)
    warn_without_key(key)
    beside = write_otter_folder(made, made.variant(student, key=read_key(key)), output)
    print(f"{output}: tests for otter, and what students get in {output / HANDOUT}. Next, in {output}:")
    print(f"otter generate --tests-dir {TESTS} --output-path autograder.zip {' '.join(beside)}")


def _print_check(grade: "Grade") -> int:
    """Print what the public tests found, and return the number of questions with something wrong."""
    for note in grade.notes:
        print(note)
    for question in grade.questions:
        if question.by_hand and question.answer:
            print(f"{question.title}: there is an answer; a person will grade it.")
        else:
            print(f"{question.title}: {'something is wrong.' if question.feedback else 'fine so far.'}")
        for text in question.feedback:
            print(f"    {text}")
    return sum(bool(question.feedback) for question in grade.questions)


def warn_without_key(key: Path | None, *, hidden: str = "the hidden parts") -> None:
    """Say that nothing is hidden without a key."""
    if key is None:
        typer.echo(f"vaeprivacy: no --key, so everybody can compute {hidden}: good for trying it out.", err=True)
