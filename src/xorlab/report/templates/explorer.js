"use strict";
(async () => {
  const about = JSON.parse(document.getElementById("about").textContent);
  const { width: W, height: H, points: K } = about, N = W * H;
  const packed = Uint8Array.from(atob(document.getElementById("data").textContent.trim()), (each) => each.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = await new Response(stream).arrayBuffer();
  const losses = new Float32Array(bytes, 0, N), epochs = new Int32Array(bytes, 4 * N, N);
  const codes = new Uint8Array(bytes, 8 * N, N), causes = new Uint8Array(bytes, 9 * N, N), curves = new Uint8Array(bytes, 10 * N, K * N);

  const [view, plane, mark] = ["view", "plane", "mark"].map((id) => document.getElementById(id));
  const zoom = Panzoom(plane, { maxScale: Math.max(W, H) / 8, step: 0.4, contain: "outside", cursor: "crosshair" });
  let x = W >> 1, y = H >> 1, held = false;

  const line = () => mark.style.setProperty("--line", `${1 / zoom.getScale()}px`);
  const row = (name, text) => {
    const [term, value] = [document.createElement("dt"), document.createElement("dd")];
    [term.textContent, value.textContent] = [name, text];
    return [term, value];
  };
  function show() {
    const n = y * W + x;
    mark.style.left = `${100 * x / W}%`;
    mark.style.top = `${100 * (H - 1 - y) / H}%`;
    document.getElementById("run").replaceChildren(
      ...row(about.x.key, about.x.texts[x]), ...row(about.y.key, about.y.texts[y]),
      ...row("fate", about.fates[codes[n]]), ...row("cause", about.causes[causes[n]] || "none"),
      ...row("final loss", Number.isNaN(losses[n]) ? "not finite" : losses[n].toPrecision(4)),
      ...row("converged at epoch", epochs[n] < 0 ? "never" : epochs[n].toLocaleString("en")),
      ...row("run", `${about.sweep}:${n}`));
    document.getElementById("command").textContent =
      `${about.command} ${about.y.key}=${about.y.texts[y]} ${about.x.key}=${about.x.texts[x]}`;
    draw(n);
  }
  function draw(n) {
    const svg = document.getElementById("curve");
    svg.style.display = K ? "" : "none";
    const own = [...curves.subarray(n * K, n * K + K)].filter((value) => value < 255);
    const place = (value, at) => `${10 + 300 * at / Math.max(K - 1, 1)},${110 - 100 * value / 254}`;
    svg.innerHTML = `<rect x="10" y="10" width="300" height="100" fill="none" stroke="#999"/>
      <polyline points="${own.map(place).join(" ")}" fill="none" stroke="#08386f" stroke-width="2"/>`
      + own.map(place).map((point) => point.split(",")).map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="#08386f"/>`).join("");
    document.getElementById("kept").textContent = K ? about.kept : "This sweep keeps no losses at shared epochs.";
  }
  function go(newX, newY) {
    [x, y] = [Math.min(W - 1, Math.max(0, newX)), Math.min(H - 1, Math.max(0, newY))];
    show();
  }
  const at = (event) => {
    const box = plane.getBoundingClientRect();
    return [Math.floor((event.clientX - box.left) / box.width * W), H - 1 - Math.floor((event.clientY - box.top) / box.height * H)];
  };
  let down = null;
  view.addEventListener("pointerdown", (event) => { down = [event.clientX, event.clientY]; });
  view.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse" && !event.buttons && !held) go(...at(event)); });
  view.addEventListener("click", (event) => {
    if (down && Math.hypot(event.clientX - down[0], event.clientY - down[1]) > 4) return;
    held = !held;
    go(...at(event));
  });
  view.addEventListener("wheel", (event) => zoom.zoomWithWheel(event));
  const centre = (factor) => {
    const box = mark.getBoundingClientRect();
    zoom.zoomToPoint(zoom.getScale() * factor, { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 });
  };
  const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  view.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 10 : 1;
    if (keys[event.key]) { held = true; go(x + step * keys[event.key][0], y + step * keys[event.key][1]); }
    else if (event.key === "+" || event.key === "=") centre(2);
    else if (event.key === "-") centre(0.5);
    else if (event.key === "0") zoom.reset();
    else return;
    event.preventDefault();
  });
  document.getElementById("in").addEventListener("click", () => centre(2));
  document.getElementById("out").addEventListener("click", () => centre(0.5));
  document.getElementById("all").addEventListener("click", () => zoom.reset());
  plane.addEventListener("panzoomchange", line);
  line();
  show();
  document.body.dataset.ready = "true";
})();
