// A webcam as driver: MediaPipe's face landmarker from this folder, then currency.js. The picture goes nowhere.
import { anglesOf, poseOfCurves } from "./currency.js";
import { unpacked } from "./files.js";

const REST_SECONDS = 1, MOST_REST = 0.8;
const RESTING_HZ = 4, QUICKNESS = 12, SPEED_HZ = 2; // of the one-euro filter
const LIDS = { // upper, lower, corners
  Right: [[160, 159, 158], [144, 145, 153], [33, 133]], Left: [[387, 386, 385], [373, 374, 380], [362, 263]] };
const SHUT = 0.15, BLINKING = [0.45, 0.75]; // as motion/measure.py
const swapped = name => name.replace(/(Left|Right)$/, side => (side === "Left" ? "Right" : "Left"));
const CODE = "vision_wasm_internal.wasm"; // MediaPipe looks for its file by this name within the address
const blob = (data, type) => URL.createObjectURL(new Blob([data], { type }));

export class Webcam {
  /** Open the camera and the models; `video` shows the user to himself. */
  static async start(video, rules) {
    if (!navigator.mediaDevices) throw new Error("browsers open it on https pages and on localhost only");
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
    try {
      const landmarker = await openLandmarker();
      video.srcObject = stream;
      video.hidden = false;
      await video.play();
      return new Webcam(video, stream, landmarker, rules);
    } catch (error) {
      stream.getTracks().forEach(track => track.stop());
      throw error;
    }
  }

  constructor(video, stream, landmarker, rules) {
    Object.assign(this, { video, stream, landmarker, rules });
    this.values = rules.parameters.map(() => 0);
    this.filter = new OneEuro();
    this.seen = -1;
    this.zero();
  }

  /** Take the next second of the face for the face at rest. */
  zero() {
    this.rest = { count: 0, until: null, curves: {}, angles: [0, 0, 0], gaps: { Right: 0, Left: 0 } };
  }

  stop() {
    this.stream.getTracks().forEach(track => track.stop());
    this.landmarker.close();
    this.video.srcObject = null;
    this.video.hidden = true;
  }

  /** The newest pose (45 numbers); the last one while no face is seen. */
  pose() {
    if (this.video.currentTime === this.seen || this.video.readyState < 2) return this.values;
    this.seen = this.video.currentTime;
    const now = performance.now(), found = this.landmarker.detectForVideo(this.video, now);
    if (found.faceBlendshapes.length && found.facialTransformationMatrixes.length) {
      const state = mirrored(found.faceBlendshapes[0].categories, found.facialTransformationMatrixes[0].data);
      state.gaps = gapsOf(found.faceLandmarks[0], this.video.videoHeight / this.video.videoWidth);
      this.learn(state, now / 1000);
      this.values = this.filter.step(this.poseOf(state), now / 1000);
    }
    return this.values;
  }

  learn({ curves, angles, gaps }, now) {
    const { rest } = this;
    rest.until ??= now + REST_SECONDS;
    if (now > rest.until) return;
    const part = 1 / ++rest.count;
    for (const [name, value] of Object.entries(curves)) rest.curves[name] = (rest.curves[name] || 0) * (1 - part) + value * part;
    rest.angles = rest.angles.map((value, n) => value * (1 - part) + angles[n] * part);
    for (const side in gaps) rest.gaps[side] = rest.gaps[side] * (1 - part) + gaps[side] * part;
  }

  poseOf({ curves, angles, gaps }) {
    const moved = {};
    for (const [name, value] of Object.entries(curves)) {
      const calm = Math.min(this.rest.curves[name] || 0, MOST_REST);
      moved[name] = Math.max(value - calm, 0) / (1 - calm);
    }
    for (const side in gaps) moved[`eyeBlink${side}`] = Math.max(moved[`eyeBlink${side}`] || 0, shut(gaps[side], this.rest.gaps[side]));
    return poseOfCurves(moved, angles.map((angle, n) => angle - this.rest.angles[n]), this.rules);
  }
}

/** Curves by name and the head's angles as a mirror shows them; `matrix`: 16 numbers, column by column. */
export function mirrored(categories, matrix) {
  const curves = Object.fromEntries(categories.map(({ categoryName, score }) => [swapped(categoryName), score]));
  const sign = (row, column) => ((row === 0) === (column === 0) ? 1 : -1);
  const rotation = [0, 1, 2].map(row => [0, 1, 2].map(column => sign(row, column) * matrix[4 * column + row]));
  return { curves, angles: anglesOf(rotation) };
}

/** Gaps of the lids of both eyes by their widths, as a mirror shows them; `points`: 478 of MediaPipe, `tall`: height by width. */
export function gapsOf(points, tall) {
  const middle = which => ["x", "y", "z"].map(axis => (axis === "y" ? tall : 1) * which.reduce((sum, n) => sum + points[n][axis], 0) / which.length);
  const apart = (one, other) => Math.hypot(...middle(one).map((value, n) => value - middle(other)[n]));
  const gap = ([upper, lower, [outer, inner]]) => apart(upper, lower) / Math.max(apart([outer], [inner]), 1e-6);
  return { Left: gap(LIDS.Right), Right: gap(LIDS.Left) };
}

/** The blink that a gap says, where scores fall short: closed eyes have 0.4 to 0.8 of them. */
export function shut(gap, rest) {
  const closed = Math.min(Math.max((1 - gap / Math.max(rest, 1e-3)) / (1 - SHUT), 0), 1);
  const share = Math.min(Math.max((closed - BLINKING[0]) / (BLINKING[1] - BLINKING[0]), 0), 1);
  return share * share * (3 - 2 * share) * closed;
}

async function openLandmarker() {
  const [{ FaceLandmarker }, code, model] = await Promise.all([
    import("./webcam/vision_bundle.mjs"), unpacked("webcam/vision.wasm.gz"), unpacked("webcam/face_landmarker.task")]);
  const files = { wasmLoaderPath: new URL("webcam/vision.js", import.meta.url).href, wasmBinaryPath: `${blob(code, "application/wasm")}#${CODE}` };
  return FaceLandmarker.createFromOptions(files, {
    baseOptions: { modelAssetBuffer: new Uint8Array(model), delegate: "CPU" },
    runningMode: "VIDEO", outputFaceBlendshapes: true, outputFacialTransformationMatrixes: true,
  });
}

/** Calms numbers: still where they rest, quick where they move (Casiez, Roussel, Vogel 2012). */
export class OneEuro {
  step(values, now) {
    const passed = now - this.time, part = hz => { const turn = 2 * Math.PI * hz * passed; return turn / (turn + 1); };
    if (!this.place || !(passed > 0 && passed < 0.5)) {
      this.place = values;
      this.speed = values.map(() => 0);
    } else {
      this.speed = this.speed.map((speed, n) => speed + part(SPEED_HZ) * ((values[n] - this.place[n]) / passed - speed));
      this.place = this.place.map((place, n) => place + part(RESTING_HZ + QUICKNESS * Math.abs(this.speed[n])) * (values[n] - place));
    }
    this.time = now;
    return this.place;
  }
}
