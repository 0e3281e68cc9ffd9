// What scrolls sideways can be scrolled with the keyboard: it can get the focus.
const letKeysScroll = () => {
  for (const box of document.querySelectorAll("article table, article mjx-container[display]"))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
};
window.addEventListener("load", async () => {
  await window.MathJax?.startup?.promise; // formulas get their width only now
  letKeysScroll();
});
window.addEventListener("resize", letKeysScroll);

// Paper is white: a dark page is printed in the colours of the light one. And nothing can be unfolded there: answers of a
// quiz and solutions are printed open.
let before, folded;
window.addEventListener("beforeprint", () => {
  before = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
  folded = [...document.querySelectorAll("article details.sd-dropdown:not([open])")];
  for (const answer of folded) answer.open = true;
});
window.addEventListener("afterprint", () => {
  document.documentElement.dataset.theme = before;
  for (const answer of folded) answer.open = false;
});

// Sphinx gives the entries of the bibliography a role that no list may have in it.
window.addEventListener("DOMContentLoaded", () => {
  for (const entry of document.querySelectorAll("[role=list] > [role=doc-biblioentry]")) entry.setAttribute("role", "listitem");
});
