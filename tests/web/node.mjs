// What the tests ask of the page's scripts, run by node: node.mjs PAGE QUESTION [FILE...]; answers on stdout.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";

const [folder, question, ...files] = process.argv.slice(2);
const load = name => import(pathToFileURL(path.join(folder, name)));
const read = name => fs.readFileSync(path.join(folder, name));
const asked = files.length ? JSON.parse(fs.readFileSync(files[0])) : null;

const questions = {
  // Pictures of poses, raw, one after the other.
  async draw() {
    const { Engine } = await load("engine.js");
    const engine = await Engine.start(files[1] ? fs.readFileSync(files[1]) : read("engine.wasm"), gunzipSync(read("character.bin")));
    if (asked.tune) engine.calls.tune(...asked.tune);
    return Buffer.concat(asked.poses.map(pose => Buffer.from(engine.draw(pose))));
  },
  async exports() {
    return JSON.stringify(WebAssembly.Module.exports(new WebAssembly.Module(read("engine.wasm"))).map(one => one.name).sort());
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
};
process.stdout.write(await questions[question]());
