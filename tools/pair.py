"""Write the .ipynb that Colab opens from the text source of each notebook.

The source is MyST Markdown, which Colab does not know: directives, roles and labels become plain Markdown, and what
only the book has (citations, equations, other chapters) becomes a link into the published book. The first cells say
where the notebook comes from and, on Colab, install the package; the last ones set the reader's numbers beside the
book's. Sentences get the numbers of the book (tools/values.py).
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat
from api import page_of
from common import PUBLISHED, ROOT, linked, notebook_sources, read_source, with_published_links, write_notebook
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from pybtex.database import parse_file
from values import Results, filled_notebook, pinned_results

from vaeprivacy.compute.published import COLAB

INSTALL = """\
import importlib.util
import sys

if "google.colab" in sys.modules:  # elsewhere the package is installed already
    %pip install --quiet "{requirement}"
    importlib.invalidate_caches()
if importlib.util.find_spec("vaeprivacy") is None:
    raise ImportError(
        "vaeprivacy is not installed: on Colab, pip says above what went wrong; "
        "elsewhere, run pip install '{requirement}' first."
    )
"""
#: The same as long as nothing is published: the reader brings the package.
INSTALL_WHEEL = """\
import importlib.util
import sys
from pathlib import Path

wheel = max(map(str, Path().glob("vaeprivacy-*.whl")), default="")
if "google.colab" in sys.modules and wheel:  # elsewhere the package is installed already
    %pip install --quiet "./{wheel}[notebooks]"
    importlib.invalidate_caches()
if importlib.util.find_spec("vaeprivacy") is None:
    raise ImportError(
        "vaeprivacy is not installed: run pip wheel --no-deps . in a clone of its "
        "repository, upload the wheel beside this notebook, and run this cell again."
    )
"""
#: Chapters in which a GPU pays (README.md, "PyTorch"): Colab is asked for one there, and only there.
ON_GPU = ("gpu",)
COMPARE = """\
## Your numbers beside the book's

The numbers of this run, and those of the book with their 95% intervals. With other parameters, another seed or a
smaller data set, expect some outside; with none of these changed, few.
"""
BIBLIOGRAPHY = parse_file(str(ROOT / "book" / "references.bib"))
GLOSSARY = re.findall(r"^(\w.*)\n  ", (ROOT / "book" / "glossary.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
ANCHORS = {term.lower(): f"#term-{term.replace(' ', '-')}" for term in GLOSSARY}


LABEL = re.compile(r"^(?:\$\$ \(|:label: | *name: )([\w-]+)\)?$", flags=re.MULTILINE)  # equations, theorems, figures
PAGES = {
    label: f"notebooks/{source.stem}"
    for source in notebook_sources()
    for label in LABEL.findall(source.read_text(encoding="utf-8"))
}


def citation(key: str, *, in_text: bool) -> str:
    """Return "Shokri et al., 2017" (or "Shokri et al. (2017)" in a sentence) with a link to the bibliography."""
    entry = BIBLIOGRAPHY.entries[key]
    names = [" ".join([*person.prelast_names, *person.last_names]) for person in entry.persons["author"]]
    who = names[0] if len(names) == 1 else " and ".join(names) if len(names) == 2 else f"{names[0]} et al."
    year = entry.fields["year"]
    without_link = f"{who}, {year}" if PUBLISHED.book else f"({who}, {year})"
    return link(f"{who} ({year})" if in_text else without_link, "book/bibliography")


def link(text: str, page: str, anchor: str = "") -> str:
    """Return a text that leads to a page of the published book; the text alone, if none is."""
    return linked(text, PUBLISHED.page(f"{page}.html{anchor}"))


def plain_links(text: str) -> str:
    """Let links to other pages of the book lead to the published ones."""
    chapter, page = r"\[([^][]+)\]\((\w+)\.ipynb(#[\w-]+)?\)", r"\[([^][]+)\]\(\.\./book/(\w+)\.md(#[\w-]+)?\)"
    text = re.sub(chapter, lambda m: link(m[1], f"notebooks/{m[2]}", m[3] or ""), text)
    text = re.sub(page, lambda m: link(m[1], f"book/{m[2]}", m[3] or ""), text)
    return with_published_links(text)


def plain_role(match: re.Match, page: str) -> str:
    """Return plain Markdown for one role, e.g. {cite:p}`shokri2017`."""
    role, text = match.groups()
    written = re.fullmatch(r"(.+?)\s*<(.+)>", text, flags=re.DOTALL)  # {term}`the text <the target>`
    text, target = (" ".join(part.split()) for part in (written.groups() if written else (text, text)))
    if role in ("cite:p", "cite:t"):
        return "; ".join(citation(key.strip(), in_text=role == "cite:t") for key in text.split(","))
    if role == "eq":
        return link(f"equation *{text}*", PAGES[target], f"#equation-{target}")
    if role == "term":
        return link(text, "book/glossary", ANCHORS[target.lower()])
    if role == "py:obj":
        path = ROOT / target.replace(".", "/")  # Sphinx calls the places of modules otherwise than those of names
        kind = "module-" if path.is_dir() or path.with_suffix(".py").is_file() else ""
        return link(f"`{text}`", page_of(target), f"#{kind}{target}")
    if role in ("prf:ref", "numref"):
        return link(text.replace("-", " "), PAGES[target], f"#{target}")
    raise ValueError(f"{page}: the role {{{role}}} has no plain form yet; add one to tools/pair.py.")


def plain_directive(match: re.Match) -> str:
    """Return plain Markdown for one directive: a block quote with a bold head, or a folded solution or answer."""
    name, title, body = match["name"], match["title"].strip(), match["body"]
    body = re.sub(r"^:[\w-]+:.*\n", "", body, flags=re.MULTILINE).strip()
    kind = name.removeprefix("prf:")
    if kind in ("solution", "dropdown"):
        head = "Solution" if kind == "solution" else title
        return f"<details><summary>{head}</summary>\n\n{body}\n\n</details>"
    title = title if kind == "admonition" else f"{kind.capitalize()}{f' ({title})' if title else ''}"
    stop = "" if title.endswith("?") else "."
    return f"> **{title}{stop}**\n>\n" + "\n".join(f"> {line}".rstrip() for line in body.splitlines())


def plain_markdown(text: str, page: str) -> str:
    """Turn MyST Markdown into the Markdown that Colab shows."""
    text = re.sub(r"^\([\w-]+\)=\n", "", text, flags=re.MULTILINE)  # labels
    text = re.sub(
        r"^<!-- ([a-z]+-explorer) -->$",
        lambda match: f"{link('A figure to play with', page, f'#{match[1]}')} stands here in the book.",
        text,
        flags=re.MULTILINE,
    )
    text = re.sub(r"^(\$\$)\s*\([\w-]+\)$", r"\1", text, flags=re.MULTILINE)  # labels of equations
    directive = r"^(?P<fence>:{3,}|`{3,})\{(?P<name>[\w:-]+)\}(?P<title>.*)\n(?P<body>(?:.*\n)*?)(?P=fence)$"
    text = re.sub(directive, plain_directive, text, flags=re.MULTILINE)
    text = re.sub(r"\{([\w:]+)\}`([^`]+)`", lambda match: plain_role(match, page), text)
    text = re.sub(r"\[([^][]+)\]\((#[\w-]+)\)", lambda m: link(m[1], page, m[2]), text)
    return plain_links(text)


def fold(cell: NotebookNode, page: str) -> None:
    """Let Colab show a cell that is folded on the page as a form, of which one sees the title."""
    tags, figure = cell.metadata.get("tags", []), cell.metadata.get("mystnb", {}).get("figure")
    if cell.cell_type != "code" or "parameters" in tags or not {"hide-input", "hide-cell"} & set(tags):
        return
    if figure:
        title = " ".join(plain_markdown(figure["caption"], page).split()).split(". ")[0].rstrip(".")
    elif "report" in tags:
        title = "The numbers of this page"
    elif "solution" in tags:
        title = "The solution in code"
    else:
        title = "Set-up" if "import " in cell.source else "More code"
    cell.source = f"# @title {title}\n{cell.source}"
    cell.metadata["cellView"] = "form"


def for_colab(source: Path, results: dict[str, Results]) -> NotebookNode:
    """Return the notebook that Colab opens: no outputs, plain Markdown, cells that install the package and compare."""
    notebook = filled_notebook(read_source(source), source.stem, results)
    page = f"notebooks/{source.stem}"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = plain_markdown(cell.source, page)
        fold(cell, page)
    colab = PUBLISHED.colab(f"{page}.ipynb")
    badge = f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({colab}) " if colab else ""
    head = new_markdown_cell(f"{badge}This notebook is a {link('page of the book', page)}.", id="head")
    requirement = PUBLISHED.requirement("notebooks")
    code = INSTALL.replace("{requirement}", requirement) if requirement else INSTALL_WHEEL
    install = new_code_cell(code.strip(), id="install", metadata={"tags": ["install"]})
    heading = new_markdown_cell(COMPARE.strip(), id="compare-head")
    compare = new_code_cell("chapter.compare()", id="compare", metadata={"tags": ["compare"]})
    notebook.cells = [head, install, *notebook.cells, heading, compare]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    if source.stem in ON_GPU:
        notebook.metadata["accelerator"] = "GPU"
    return notebook


def main() -> None:
    """Write the .ipynb of every source, or only check them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a notebook is out of step")
    check = parser.parse_args().check
    stale, results = [], pinned_results()
    for source in notebook_sources():
        notebook, path = for_colab(source, results), source.with_suffix(".ipynb")
        written = nbformat.writes(notebook, version=4, indent=1) + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != written:
            stale.append(path.name)
            if not check:
                write_notebook(notebook, path)
    if check and stale:
        sys.exit(f"Not in step with their text sources: {', '.join(stale)}. Run `make pair` and commit the result.")
    print(f"{len(stale)} notebooks written." if not check else "All notebooks are in step with their text sources.")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(str(error))
