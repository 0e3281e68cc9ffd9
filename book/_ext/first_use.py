"""A Sphinx extension: a term of the glossary is linked where a page first uses it, in prose only."""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

#: How the names of pages begin that define or list terms rather than use them.
PLAIN = ("book/glossary", "book/api", "book/bibliography", "book/equations", "book/reading_list")
#: Where a word is no prose, or is a link already. What is bold is a question of a quiz, or a heading in the text.
OTHER = (nodes.title, nodes.caption, nodes.strong, nodes.literal, nodes.math, nodes.reference, nodes.table)


class Terms:
    """The terms of the glossary, and which of them one page has linked."""

    def __init__(self, app: Sphinx, page: str) -> None:
        self.builder, self.page, self.linked = app.builder, page, set()
        objects = app.env.get_domain("std").get_objects()
        self.places = {term: (at, anchor) for term, _, kind, at, anchor, _ in objects if kind == "term"}
        self.meant = {spelling: term for term in self.places for spelling in (term.lower(), plural(term.lower()))}
        # Of two terms that begin at one place, the longer; also over the end of a line.
        words = [re.escape(word).replace(r"\ ", r"\s+") for word in sorted(self.meant, key=len, reverse=True)]
        self.pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(words)})(?![\w-])", flags=re.IGNORECASE)

    def note(self, link: nodes.reference) -> None:
        """Take note of a link that the page's author has written."""
        address = link.get("refuri", "")
        self.linked |= {term for term, (_, anchor) in self.places.items() if address.endswith(f"#{anchor}")}

    def link(self, text: nodes.Text) -> list[nodes.Node]:
        """Return a text in pieces, among them links of the terms that the page had not linked before."""
        parts, end = [], 0
        for match in self.pattern.finditer(text):
            term = self.meant[" ".join(match[0].lower().split())]
            if term not in self.linked:
                self.linked.add(term)
                word = nodes.inline(match[0], match[0], classes=["xref", "std", "std-term"])
                parts.append(nodes.Text(text[end : match.start()]))
                parts.append(make_refnode(self.builder, self.page, *self.places[term], word))
                end = match.end()
        return [*parts, nodes.Text(text[end:])]


def plural(word: str) -> str:
    """Return a word in the plural."""
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def join_lines(element: nodes.TextElement) -> None:
    """Make one text of those that follow each other: the parser cuts them at the end of each line."""
    joined: list[nodes.Node] = []
    for child in element.children:
        if joined and isinstance(child, nodes.Text) and isinstance(joined[-1], nodes.Text):
            child = nodes.Text(joined.pop() + child)
        joined.append(child)
    element.children = []
    element.extend(joined)


def is_prose(text: nodes.Text) -> bool:
    """Return whether a text stands in a paragraph, and in nothing that is no prose."""
    above, in_paragraph = text.parent, False
    while above is not None and not isinstance(above, OTHER):
        in_paragraph = in_paragraph or isinstance(above, nodes.paragraph)
        above = above.parent
    return in_paragraph and above is None


def link_first_uses(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Link each term at its first use on a page, unless its author has done so before."""
    if page.startswith(PLAIN):
        return
    terms = Terms(app, page)
    if not terms.places:  # a page of its own (tools/idea.py) has no glossary
        return
    for paragraph in doctree.findall(nodes.paragraph):
        join_lines(paragraph)
    for node in list(doctree.findall(lambda node: isinstance(node, nodes.Text | nodes.reference))):
        if isinstance(node, nodes.reference):
            terms.note(node)
        elif is_prose(node):
            node.parent.replace(node, terms.link(node))


def setup(app: Sphinx) -> dict[str, bool]:
    """Add this extension to Sphinx."""
    app.connect("doctree-resolved", link_first_uses)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
