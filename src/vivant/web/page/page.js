// The page: sliders, drivers and the loop that draws.
import { open, unpacked } from "./files.js";
import { Gpu } from "./gpu.js";
import { Follow, Idle } from "./life.js";
import { Pool } from "./pool.js";
import { buildSliders } from "./sliders.js";

const SIZE = 512, LONGEST_STEP = 0.1, SHORTEST_STEP = 1000 / 65, TRIES = 4;
// Modules valid where WebAssembly has SIMD, and relaxed SIMD: a count of bits, a product of bytes.
const SIMD = moduleOf(65, 0, 253, 15, 253, 98), RELAXED = moduleOf(65, 0, 253, 15, 65, 0, 253, 15, 65, 0, 253, 15, 253, 147, 2);

const at = id => document.getElementById(id);
const pen = at("picture").getContext("2d");
const idle = new Idle(), follow = new Follow();
/** For other scripts: what this page knows, and `wanted`, which they may replace. */
const vivant = window.vivant = { rules: null, sliders: null, pool: null, workers: null, wanted };
let camera = null;
let pointer = [0, 0], last = performance.now(), drawn = "", times = [];

/** A module with one function that leaves 16 bytes. */
function moduleOf(...code) {
  const body = [0, ...code, 11];
  return new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, body.length + 2, 1, body.length, ...body]);
}

/** What moves the character now: the sliders, and on top of them every driver that is on. */
function wanted(seconds) {
  const { rules, sliders } = vivant, pose = sliders.values(), add = values => {
    for (const [name, value] of Object.entries(values)) pose[rules.index[name]] += value;
  };
  if (at("idle").checked) add(idle.step(seconds));
  if (at("mouse").checked) add(follow.step(pointer, seconds));
  if (camera) camera.pose().forEach((value, n) => { pose[n] += value; });
  return pose.map((value, n) => Math.min(Math.max(value, rules.parameters[n].low), rules.parameters[n].high));
}

function tick(now) {
  requestAnimationFrame(tick);
  if (vivant.pool.failed) vivant.pool = vivant.workers;
  step(now);
}

/** Let the next picture be drawn, at most one for each that a screen shows. */
function step(now) {
  if (!vivant.pool.free || now - last < SHORTEST_STEP || document.hidden) return;
  const pose = vivant.wanted(Math.min((now - last) / 1000, LONGEST_STEP)), key = pose.join();
  last = now;
  if (key !== drawn && vivant.pool.draw(pose)) drawn = key;
}

function show(pixels) {
  pen.putImageData(new ImageData(pixels, SIZE, SIZE), 0, 0);
  const now = performance.now();
  times = times.filter(time => now - time < 1000).concat(now);
  document.documentElement.dataset.frames = Number(document.documentElement.dataset.frames || 0) + 1;
  at("state").textContent = `${times.length} pictures/s, ${vivant.pool.ms.toFixed(0)} ms each, ${vivant.pool.name}`;
  step(now); // who drew this is free, and the screen's next turn may be far
}

/** Let the graphics card draw if there is one that is faster than the workers; ?draw=gpu and ?draw=cpu decide. */
async function tryCard(character) {
  const how = new URLSearchParams(location.search).get("draw");
  const gpu = how === "cpu" ? null : await Gpu.start(character, show, how === "gpu").catch(() => null);
  if (!gpu) return;
  const took = [];
  for (let n = 0; n < TRIES; n++) {
    await gpu.pixels(vivant.sliders.values());
    took.push(gpu.ms);
  }
  const workers = vivant.workers.ms / vivant.workers.count;
  if (how === "gpu" || (workers && Math.min(...took) < workers)) vivant.pool = gpu;
  else gpu.device.destroy();
}

async function watch(on) {
  if (camera) camera.stop();
  camera = null;
  at("straight").hidden = true;
  if (!on) return;
  const { Webcam } = await import("./webcam.js");
  at("state").textContent = "the webcam is being opened";
  camera = await Webcam.start(at("camera"), vivant.rules);
  at("straight").hidden = false;
}

function wire() {
  addEventListener("pointermove", event => {
    const box = at("picture").getBoundingClientRect(), half = Math.max(box.width, 1);
    const aside = (event.clientX - box.left - box.width / 2) / half, down = (event.clientY - box.top - box.height * 0.3) / half;
    pointer = [aside, -down].map(value => Math.min(Math.max(1.5 * value, -1), 1));
  });
  at("background").addEventListener("change", event => { at("stage").className = event.target.value; });
  at("rest").addEventListener("click", () => vivant.sliders.rest());
  at("straight").addEventListener("click", () => camera && camera.zero());
  at("webcam").addEventListener("change", async event => {
    try {
      await watch(event.target.checked);
    } catch (error) {
      event.target.checked = false;
      complain(`no webcam: ${error.message}`);
    }
  });
}

function complain(text) { window.showProblem(text); at("state").hidden = false; }

async function start() {
  const rules = vivant.rules = await (await open("character.json")).json();
  rules.index = Object.fromEntries(rules.parameters.map(({ name }, n) => [name, n]));
  vivant.sliders = buildSliders(at("sliders"), rules.parameters, () => at("pairs").checked);
  at("notes").textContent = ["Synthetic pictures, drawn here and sent nowhere.", ...Object.entries(rules.notes).map(([name, text]) => `${name}: ${text}`)].join("  ");
  at("webcam-label").hidden = !rules.webcam;
  wire();
  if (!WebAssembly.validate(SIMD)) throw new Error("This browser's WebAssembly lacks SIMD; use a newer one (Chrome 91, Firefox 89, Safari 16.4)");
  const engine = WebAssembly.validate(RELAXED) ? "engine_relaxed.wasm" : "engine.wasm";
  const [code, character] = await Promise.all([open(engine).then(answer => answer.arrayBuffer()), unpacked("character.bin")]);
  vivant.pool = vivant.workers = new Pool(code, character, show);
  await vivant.pool.ready;
  requestAnimationFrame(tick);
  tryCard(character).catch(() => {}); // the workers go on
}

start();
