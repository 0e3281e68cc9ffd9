// What was measured at each epsilon, noise and latent dimension of the record (EXPLORER, written by tools/explorer.py).

const PLOT = { left: 54, right: 8, top: 8, bottom: 40, width: 360, height: 330 };
const DASHES = ["none", "7 4", "2 3"]; // of attacks that look at the same thing, and so have the same colour
const percent = (share) => `${Number((100 * share).toPrecision(3))}%`;
const interval = ([mean, low, high]) => `${mean.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;

const drawn = (tag, attributes, text = "") => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
};

class EpsilonExplorer {
  constructor(section, record) {
    this.section = section;
    this.record = record;
    this.find = (selector) => section.querySelector(selector);
    this.offerNoises();
    this.offerDimensions();
    this.epsilon = 8; // null: no noise
    this.find("[name=noise]").addEventListener("input", () => this.offerDimensions());
    section.querySelectorAll("select").forEach((select) => select.addEventListener("input", () => this.show()));
    this.find("input").addEventListener("input", (event) => {
      this.epsilon = this.epsilons[event.target.value] ?? null;
      this.show();
    });
    this.find(".originals").src = this.picture(record.originals);
    this.show();
  }

  picture(data) { return `data:image/png;base64,${data}`; }

  get noise() { return this.find("[name=noise]").value; }
  get dimension() { return Number(this.find("[name=dimension]").value); }
  get epsilons() { return this.record.epsilons.filter((epsilon) => this.setting(epsilon)); }

  setting(epsilon) {
    const name = epsilon === null ? `none/${this.dimension}/none` : `${this.noise}/${this.dimension}/${epsilon}`;
    return this.record.settings[name];
  }

  // Only what was measured can be chosen

  isMeasured(noise, dimension) {
    return Object.keys(this.record.settings).some((name) => name.startsWith(`${noise}/${dimension ?? ""}`));
  }

  offerNoises() {
    this.find("[name=noise]").replaceChildren(...Object.entries(this.record.mechanisms).map(([name, words]) => {
      const measured = this.isMeasured(name);
      const option = new Option(measured ? words : `${words} (not measured)`, name);
      option.disabled = !measured;
      return option;
    }));
  }

  offerDimensions() {
    const select = this.find("[name=dimension]");
    const before = Number(select.value) || 16;
    const options = this.record.dimensions.map((dimension) => {
      const measured = this.isMeasured(this.noise, `${dimension}/`);
      const option = new Option(measured ? dimension : `${dimension} (not measured with this noise)`, dimension);
      option.disabled = !measured;
      return option;
    });
    select.replaceChildren(...options);
    const possible = options.filter((option) => !option.disabled);
    (possible.find((option) => Number(option.value) === before) ?? possible[0]).selected = true;
  }

  // The steps are the epsilons that were measured with this noise in this dimension, and the last one is no noise at all.
  offerEpsilons() {
    const steps = this.epsilons;
    const off = (epsilon) => Math.abs(Math.log(epsilon / this.epsilon));
    if (this.epsilon !== null) this.epsilon = steps.reduce((best, step) => (off(step) < off(best) ? step : best));
    const slider = this.find("input");
    slider.max = steps.length;
    slider.value = this.epsilon === null ? steps.length : steps.indexOf(this.epsilon);
    const words = this.epsilon === null ? "no noise" : String(this.epsilon);
    slider.setAttribute("aria-valuetext", this.epsilon === null ? words : `epsilon ${words}`);
    const most = this.setting(this.epsilon).any_two_records;
    this.find("output").value = most ? `${words} (${most} for any two records)` : words;
  }

  // Showing

  show() {
    this.offerEpsilons();
    const setting = this.setting(this.epsilon);
    this.find(".promise").textContent = this.promise(setting);
    this.find(".utility").textContent = this.utility(setting);
    this.find(".reconstructed").src = this.picture(this.setting(null).picture);
    this.find(".released").src = this.picture(setting.picture);
    this.find(".released").alt = `The same six, released with ${this.find("input").getAttribute("aria-valuetext")}`;
    this.drawCurves(setting);
    this.tabulate(setting);
  }

  promise(setting) {
    if (!setting.guarantee) return "Without noise there is no guarantee: the same record always gives the same output.";
    const most = setting.bound_at_1_fpr;
    const finds = most > 0.999 ? "may find nearly all members" : `finds at most ${percent(most)} of the members`;
    return `${setting.guarantee} So given both, an attack on the release that accuses 1% of the non-members ${finds}.`;
  }

  utility(setting) {
    const [mean, low, high] = setting.accuracy.map(percent);
    const [without, raw] = [this.setting(null), this.record.raw].map((other) => percent(other.accuracy[0]));
    return `A classifier trained on such a release is right on ${mean} of the test records (${low} to ${high}); one` +
      ` trained on reconstructions without noise on ${without}, on the records themselves ${raw}.`;
  }

  // The ROC curves, on logarithmic axes

  x(rate) { return PLOT.left + (PLOT.width - PLOT.left - PLOT.right) * this.along(rate); }
  y(rate) { return PLOT.height - PLOT.bottom - (PLOT.height - PLOT.top - PLOT.bottom) * this.along(rate); }
  along(rate) {
    const least = this.record.fpr[0];
    return 1 - Math.log(Math.max(rate, least)) / Math.log(least);
  }

  points(rates) { return rates.map((rate, i) => `${this.x(this.record.fpr[i]).toFixed(1)},${this.y(rate).toFixed(1)}`); }

  drawCurves(setting) {
    const svg = this.find("svg");
    svg.setAttribute("viewBox", `0 0 ${PLOT.width} ${PLOT.height}`);
    svg.replaceChildren(...this.axes(), ...this.bound(setting), ...this.curves(setting));
  }

  axes() {
    const [bottom, right] = [PLOT.height - PLOT.bottom, PLOT.width - PLOT.right];
    const grid = [0.001, 0.01, 0.1, 1].flatMap((rate) => [
      drawn("path", { class: "grid", d: `M${this.x(rate)},${PLOT.top}V${bottom}M${PLOT.left},${this.y(rate)}H${right}` }),
      drawn("text", { x: this.x(rate), y: bottom + 16, "text-anchor": rate === 1 ? "end" : "middle" }, percent(rate)),
      drawn("text", { x: PLOT.left - 5, y: this.y(rate) + 4, "text-anchor": "end" }, percent(rate)),
    ]);
    const [middle, turned] = [(PLOT.left + right) / 2, `rotate(-90) translate(${-bottom / 2} 11)`];
    return [
      ...grid,
      drawn("text", { x: middle, y: PLOT.height - 6, "text-anchor": "middle" }, "false-positive rate"),
      drawn("text", { transform: turned, "text-anchor": "middle" }, "true-positive rate"),
      drawn("polyline", { class: "guessing", points: this.points(this.record.fpr).join(" ") }),
      drawn("text", { x: this.x(0.012), y: this.y(0.006) }, "guessing"),
    ];
  }

  // Above the bound no attack can be: that part is shaded.
  bound(setting) {
    if (!setting.bound) return [];
    const line = this.points(setting.bound).join(" ");
    const corners = `${this.x(1)},${PLOT.top} ${PLOT.left},${PLOT.top}`;
    return [
      drawn("polygon", { class: "excluded", points: `${line} ${corners}` }),
      drawn("polyline", { class: "bound", points: line }),
      drawn("text", { x: PLOT.left + 6, y: Math.max(PLOT.top + 14, this.y(setting.bound[3]) - 6) },
        setting.bound[0] > 0.999 ? "bound: it excludes nothing that is drawn" : "bound"),
    ];
  }

  curves(setting) {
    return setting.attacks.flatMap((attack) => {
      const band = [...this.points(attack.high), ...this.points(attack.low).reverse()].join(" ");
      return [
        drawn("polygon", { class: `band ${this.kind(attack)}`, points: band }),
        drawn("polyline", { ...this.style(attack, setting), points: this.points(attack.value).join(" ") }),
      ];
    });
  }

  kind(attack) { return `on-${attack.looks_at.split(" ")[0]}`; }
  style(attack, setting) {
    const number = setting.attacks.filter((one) => one.looks_at === attack.looks_at).indexOf(attack);
    return { class: `curve ${this.kind(attack)}`, "stroke-dasharray": DASHES[number] };
  }

  tabulate(setting) {
    this.find("tbody").replaceChildren(...setting.attacks.map((attack) => {
      const row = document.createElement("tr");
      const sample = drawn("svg", { viewBox: "0 0 34 8", "aria-hidden": "true", class: "sample" });
      sample.append(drawn("path", { ...this.style(attack, setting), d: "M0,4H34" }));
      row.insertCell().append(sample, ` ${attack.name}`);
      row.insertCell().textContent = attack.looks_at;
      row.insertCell().textContent = interval(attack.auc);
      return row;
    }));
  }
}

play("epsilon-explorer", (section) => new EpsilonExplorer(section, EXPLORER));
