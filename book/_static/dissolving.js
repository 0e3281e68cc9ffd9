// The landing page's table is played once when it comes into sight, and again when asked: custom.css has the movement. Who
// wants no movement gets none, and no button.
for (const box of document.querySelectorAll(".dissolving")) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const button = box.querySelector("button");
  const offer = () => { button.hidden = calm.matches; };
  calm.addEventListener("change", offer);
  offer();
  button.addEventListener("click", () => {
    box.classList.remove("playing");
    void box.offsetWidth; // else the browser would not see that it was gone
    box.classList.add("playing");
  });
  box.classList.add("playing", "waiting"); // at its first step
  const inSight = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    inSight.disconnect();
    box.classList.remove("waiting");
  }, { threshold: 0.3 });
  inSight.observe(box);
}
