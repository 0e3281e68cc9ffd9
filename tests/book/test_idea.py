"""`make idea`: the first chapter alone, as a page that leads on to the published book."""

import re

import nbformat
import pair
from build import jupyter_book
from idea import stage

from vaeprivacy.compute.published import Published


def test_the_page_is_built_alone_without_a_warning_and_its_links_lead_to_the_published_book(
    executed, tmp_path, monkeypatch
):
    monkeypatch.setattr(pair, "PUBLISHED", Published(book="https://book.example"))
    stage(nbformat.read(executed / "one_page.ipynb", as_version=4), tmp_path / "stage")
    jupyter_book(tmp_path)  # exits on any warning
    page = (tmp_path / "book" / "_build" / "html" / "notebooks" / "one_page.html").read_text(encoding="utf-8")
    article = page.split("<article", 1)[1].split("</article>", 1)[0]
    assert len(re.findall(r'<img [^>]*src="\.\./_images/', article)) == 6
    links = re.findall(r'<a [^>]*href="([^"]+)"', article)
    assert {"https://book.example/notebooks/membership_inference.html", "https://book.example/book/found.html"} <= set(
        links
    )
    assert [link for link in links if not link.startswith(("#", "https://", "../_images/"))] == []
    assert "{number}" not in article and "{cite" not in article
