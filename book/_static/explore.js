// A figure to play with takes the place of the still one, if the page has one: that stays without scripts and on paper.
function play(id, start) { // not a constant: a page with two such figures loads this file twice
  const section = document.getElementById(id);
  if (!section) return; // the whole book on paper
  section.hidden = false;
  start(section);
  for (const still of document.querySelectorAll(`.${id}`)) still.classList.add("replaced");
}
