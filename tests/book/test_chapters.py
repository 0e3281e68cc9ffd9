"""How each chapter begins and ends."""

import base64
import re

import nbformat
import pytest
from build import HEAD, picture, with_times
from conftest import NOTEBOOKS, ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

QUESTION = re.compile(r"^\*\*(?P<question>(?:.+\n)*?.*\?)\*\*$", flags=re.MULTILINE)
ANSWER = re.compile(r"^```\{dropdown\} .+\n:class-container: answer\n\n(?P<verdict>Right|Wrong)\b", flags=re.MULTILINE)


def text_of(name: str) -> str:
    return (ROOT / "notebooks" / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_chapter_begins_with_its_question_and_what_it_needs(name):
    head = re.search(r"^# .+\n\n(```\{admonition\} .+\?\n:class: chapter\n(?:.*\n)*?```)$", text_of(name), re.M)[1]
    assert "*Before you start:* " in head
    assert len(HEAD.findall(text_of(name))) == 1


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_chapter_ends_with_summary_exercises_quiz_and_further_reading(name):
    heads = re.findall(r"^## (.+)$", text_of(name), flags=re.MULTILINE)
    wanted = ["Summary", "Exercises", "Quiz", "Further reading"]
    assert [head for head in heads if head in wanted] == wanted
    assert heads[-3:] == wanted[1:]
    exercises = re.findall(r"^:label: (ex-[\w-]+)$", text_of(name), flags=re.MULTILINE)
    assert exercises == re.findall(r"^```\{solution\} (ex-[\w-]+)$", text_of(name), flags=re.MULTILINE)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_question_of_a_quiz_has_one_right_answer(name):
    quiz = text_of(name).split("\n## Quiz\n")[1].split("\n## Further reading\n")[0]
    parts = QUESTION.split(quiz)[1:]
    assert len(parts) >= 2
    for answers in parts[1::2]:
        verdicts = ANSWER.findall(answers)
        assert len(verdicts) >= 2 and verdicts.count("Right") == 1
        assert len(verdicts) == answers.count("```{dropdown}")


def test_a_picture_of_an_executed_notebook_is_found_by_its_name(tmp_path):
    output = new_output("display_data", data={"image/png": base64.b64encode(b"picture").decode()})
    metadata = {"mystnb": {"figure": {"name": "fig-x"}}}
    nbformat.write(new_notebook(cells=[new_code_cell("1", metadata=metadata, outputs=[output])]), tmp_path / "a.ipynb")
    assert picture(tmp_path, "fig-x") == b"picture"
    with pytest.raises(ValueError, match="has a figure 'fig-y'"):
        picture(tmp_path, "fig-y")


@pytest.mark.parametrize(("seconds", "said"), [(3.4, "3 seconds"), (99.0, "99 seconds"), (150.0, "2 minutes")])
def test_the_head_says_how_long_a_chapter_takes(seconds, said):
    head = "# T\n\n```{admonition} Why?\n:class: chapter\n\n*Before you start:* nothing.\n```\n\n" + "word " * 800
    hardware = {"cores": 3, "processor": "Abacus"}
    page = with_times(new_notebook(cells=[new_markdown_cell(head)]), seconds=seconds, hardware=hardware)
    assert (
        f"nothing.\n\n*Takes* about 4 minutes to read, and {said} to run on 3 cores of Abacus." in page.cells[0].source
    )
    nbformat.validate(page)
