// Two codes and an output in the plane, to be moved: how probable is the output under each, and what does the noise promise?

const REACH = 5; // the plane shows coordinates from -5 to 5
const CELLS = 100; // of the map, along each side
const STEP = 0.25; // of an arrow key; with shift, a whole unit
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

// Always the same numbers (a linear congruential generator), so that points move with their code and do not flicker.
const uniforms = (n) => {
  let state = 1;
  return Array.from({ length: n }, () => {
    state = (48271 * state) % 2147483647;
    return state / 2147483647;
  });
};
const numbers = uniforms(1200);
const TRIPLES = Array.from({ length: 400 }, (_, i) => numbers.slice(3 * i, 3 * i + 3));

const clamp = (x) => Math.min(REACH, Math.max(-REACH, x));
const inText = (x) => (x < 1e6 ? Number(x.toPrecision(3)).toLocaleString("en") : x.toExponential(1));

class NoiseExplorer {
  constructor(section) {
    this.section = section;
    this.canvas = section.querySelector("canvas");
    this.handles = [...section.querySelectorAll("button.handle")]; // the codes u and u', and the output w
    this.reset();
    this.handles.forEach((handle) => this.letMove(handle));
    this.canvas.addEventListener("click", (event) => this.move(this.handles[2], this.placeOf(event)));
    section.querySelector("button.reset").addEventListener("click", () => this.reset());
    section.querySelectorAll("select, input").forEach((input) => input.addEventListener("input", () => this.show()));
    // The canvas does not follow the theme by itself.
    const themed = new MutationObserver(() => this.draw());
    themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  get noise() { return NOISE[this.section.querySelector("select").value]; }
  get epsilon() { return 2 ** (Number(this.section.querySelector("input").value) / 2); }
  get codes() { return this.places.slice(0, 2); }
  get output() { return this.places[2]; }

  reset() {
    this.places = [[-1, 0], [1, 0], [-2, 1]];
    this.show();
  }

  // Moving with pointer, finger and keys

  letMove(handle) {
    handle.addEventListener("pointerdown", (event) => handle.setPointerCapture(event.pointerId));
    handle.addEventListener("pointermove", (event) => {
      if (handle.hasPointerCapture(event.pointerId)) this.move(handle, this.placeOf(event));
    });
    handle.addEventListener("keydown", (event) => {
      const way = KEYS[event.key];
      if (!way) return;
      event.preventDefault(); // the page would scroll
      const step = event.shiftKey ? 1 : STEP;
      const [x, y] = this.places[this.handles.indexOf(handle)];
      this.move(handle, [x + step * way[0], y + step * way[1]]);
    });
  }

  placeOf(event) {
    const box = this.canvas.getBoundingClientRect();
    const share = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    return [REACH * (2 * share[0] - 1), REACH * (1 - 2 * share[1])];
  }

  move(handle, place) {
    this.places[this.handles.indexOf(handle)] = place.map(clamp);
    this.show();
  }

  // Showing

  show() {
    this.handles.forEach((handle, i) => {
      const [x, y] = this.places[i];
      handle.style.left = `${50 * (1 + x / REACH)}%`;
      handle.style.top = `${50 * (1 - y / REACH)}%`;
      handle.setAttribute("aria-label", `${handle.dataset.name} at ${x.toFixed(2)}, ${y.toFixed(2)}. Arrow keys move it.`);
    });
    const epsilon = inText(this.epsilon);
    this.section.querySelector("input").setAttribute("aria-valuetext", `epsilon ${epsilon}`);
    this.section.querySelector("output").value = epsilon;
    this.section.querySelector(".finding").textContent = `${this.found()} ${this.verdict()}`;
    this.draw();
  }

  found() {
    const log = logRatio(this.noise, this.output, this.codes, this.epsilon);
    const [likelier, other] = log >= 0 ? ["u", "u′"] : ["u′", "u"];
    return `The output w is ${inText(Math.exp(Math.abs(log)))} times as probable under ${likelier} as under ${other}.`;
  }

  verdict() {
    const { noise, codes, epsilon, output } = this;
    const distance = noise.norm(difference(codes[0], codes[1])).toFixed(2);
    const bound = `exp(${inText(epsilon)} × ${distance}) = ${inText(Math.exp(logBound(noise, codes, epsilon)))}`;
    const holds = holdsAt(noise, output, codes, epsilon);
    if (noise !== NOISE.gaussian)
      return `At a ${noise.metric} distance of ${distance}, metric privacy allows at most ${bound} times: ` +
        (holds ? "the bound holds, here and everywhere." : "the bound is broken.");
    return `Metric privacy would allow ${bound} times at a distance of ${distance}: that is ` +
      (holds ? "kept here, but not far out." : "broken here.") +
      " Gaussian noise keeps no such bound, whatever the epsilon.";
  }

  draw() {
    const pen = this.canvas.getContext("2d");
    const style = getComputedStyle(this.section);
    const colours = ["--one", "--other", "--broken"].map((name) => style.getPropertyValue(name));
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.drawMap(pen, colours);
    this.codes.forEach((code, i) => this.drawReleases(pen, code, colours[i], i));
  }

  // Each cell in the colour of the code under which it is more probable, the stronger the larger the ratio; hatched
  // where the ratio is larger than the bound.
  drawMap(pen, colours) {
    const { noise, codes, epsilon } = this;
    const side = this.canvas.width / CELLS;
    const bound = logBound(noise, codes, epsilon);
    for (let i = 0; i < CELLS; i++)
      for (let j = 0; j < CELLS; j++) {
        const place = [i, j].map((n) => REACH * ((2 * n + 1) / CELLS - 1));
        const log = logRatio(noise, place, codes, epsilon);
        const hatched = (i + j) % 5 === 0 && !holdsAt(noise, place, codes, epsilon);
        pen.fillStyle = hatched ? colours[2] : colours[log >= 0 ? 0 : 1];
        pen.globalAlpha = hatched ? 0.6 : 0.4 * Math.min(1, Math.abs(log) / (bound || 1));
        pen.fillRect(i * side, this.canvas.height - (j + 1) * side, side, side);
      }
  }

  drawReleases(pen, code, colour, which) {
    pen.fillStyle = colour;
    pen.globalAlpha = 0.9;
    const scale = this.canvas.width / (2 * REACH);
    for (const triple of TRIPLES.slice(200 * which, 200 * which + 200)) {
      const noise = this.noise.draw(triple, this.epsilon);
      pen.beginPath();
      pen.arc((code[0] + noise[0] + REACH) * scale, (REACH - code[1] - noise[1]) * scale, 2.5, 0, 2 * Math.PI);
      pen.fill();
    }
  }
}

play("noise-explorer", (section) => new NoiseExplorer(section));
