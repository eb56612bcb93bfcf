// What the tests ask of the page's scripts, run by node: node.mjs PAGE QUESTION [FILE...]; answers on stdout.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";

const [folder, question, ...files] = process.argv.slice(2);
const load = name => import(pathToFileURL(path.join(folder, name)));
const read = name => fs.readFileSync(path.join(folder, name));
const asked = files[0]?.endsWith(".json") ? JSON.parse(fs.readFileSync(files[0])) : null;

const questions = {
  // Pictures of poses, raw, one after the other.
  async draw() {
    const { Engine } = await load("engine.js");
    const engine = await Engine.start(files[1] ? fs.readFileSync(files[1]) : read("engine.wasm"), gunzipSync(read("character.bin")));
    if (asked.tune) engine.calls.tune(...asked.tune);
    return Buffer.concat(asked.poses.map(pose => Buffer.from(engine.draw(pose))));
  },
  // Shapes of a character's layers for the graphics card, and all their weights and biases as raw floats.
  async weights() {
    const { Weights } = await load("gpu.js"), data = gunzipSync(read("character.bin"));
    const { face, levels } = new Weights(new Uint8Array(data).buffer);
    const layers = [face.early, face.late, ...levels].flatMap(({ dense, last }) => [...dense, last]);
    const values = layers.flatMap(({ weights, bias }) => [weights, bias].map(one => Buffer.from(new Uint8Array(new Float32Array(one).buffer))));
    const head = JSON.stringify(layers.map(({ inputs, width }) => [inputs, width]));
    return Buffer.concat([Buffer.from(head + "\n"), ...values]);
  },
  // What is the same everywhere in the first layers for a pose, and the weights of x and y.
  async axes() {
    const { Weights } = await load("gpu.js"), { face, levels } = new Weights(new Uint8Array(gunzipSync(read("character.bin"))).buffer);
    return JSON.stringify([face.early, ...levels].map(({ first }) => {
      const axes = Array.from(first.axes());
      return [axes.slice(0, first.width), axes.slice(first.width, 2 * first.width), Array.from(first.same(asked))];
    }));
  },
  async valid() {
    return JSON.stringify(WebAssembly.validate(fs.readFileSync(files[0])));
  },
  async exports() {
    return JSON.stringify(WebAssembly.Module.exports(new WebAssembly.Module(fs.readFileSync(files[0]))).map(one => one.name).sort());
  },
  async currency() {
    const { poseOfCurves } = await load("currency.js"), rules = JSON.parse(read("character.json"));
    return JSON.stringify(asked.map(({ curves, angles, constants }) =>
      poseOfCurves(curves, angles, { ...rules, constants: { ...rules.constants, ...constants } })));
  },
  async webcam() {
    const { mirrored, OneEuro } = await load("webcam.js"), filter = new OneEuro();
    const calm = asked.times.map((time, n) => filter.step([asked.values[n]], time)[0]);
    return JSON.stringify({ ...mirrored(asked.categories, asked.matrix), calm });
  },
  // Blinks of recorded landmarks against those of the first ones.
  async blinks() {
    const { gapsOf, shut } = await load("webcam.js");
    const gaps = asked.faces.map(face => gapsOf(face.map(([x, y, z]) => ({ x, y, z })), asked.tall));
    return JSON.stringify(gaps.map(now => ["Left", "Right"].map(side => shut(now[side], gaps[0][side]))));
  },
};
process.stdout.write(await questions[question]());
