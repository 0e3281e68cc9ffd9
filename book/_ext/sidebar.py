"""A Sphinx extension: the sidebar, which shows the titles of pages, is made of their titles alone.

For the sidebar of each page, Sphinx copies the headings of all pages and the names in the API, and the theme then
removes them, which is slow in a book with an API.
"""

from functools import cache
from typing import Any

from docutils import nodes
from sphinx.addnodes import toctree
from sphinx.application import Sphinx


def title_alone(contents: nodes.bullet_list) -> nodes.bullet_list:
    """Return a page's table of contents without its headings, unless other pages stand below them."""
    if not contents.children or next(contents.findall(toctree), None):
        return contents
    title = contents.children[0].children[0]
    return nodes.bullet_list("", nodes.list_item("", title.deepcopy()))


@cache  # pages are written when all have been read
def titles(app: Sphinx) -> dict[str, nodes.bullet_list]:
    """Return the tables of contents of all pages, without headings."""
    return {page: title_alone(contents) for page, contents in app.env.tocs.items()}


def make_sidebar_of_titles(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Let a page's template, when it asks for the contents of the book, find titles only."""
    whole, ask = app.env.tocs, context["toctree"]

    def of_titles(**options: Any) -> str:
        app.env.tocs = titles(app)
        try:
            return ask(**options)
        finally:
            app.env.tocs = whole

    context["toctree"] = of_titles


def setup(app: Sphinx) -> dict[str, bool]:
    """Add this extension to Sphinx."""
    app.connect("html-page-context", make_sidebar_of_titles, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
