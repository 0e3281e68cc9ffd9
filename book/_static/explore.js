// The page has still figures, for readers without scripts and on paper; the explorers take their places on the screen.
const explorers = {
  "noise-explorer": (section) => new NoiseExplorer(section),
  "epsilon-explorer": (section) => new EpsilonExplorer(section, EXPLORER),
};
for (const [id, start] of Object.entries(explorers)) {
  const section = document.getElementById(id);
  section.hidden = false;
  start(section);
  document.querySelector(`figure.${id}`).classList.add("replaced");
}
