// One character on the graphics card: the networks whole, at their published sizes. Same calls as Pool.
import { lightOfLevel } from "./engine.js";

const SIZE = 512, FACE = 128, FACE_TOP = 80, FACE_LEFT = 192, CHUNK = 65536, WIDEST = 184;
const NETWORK = 5, LEVELS = 51, PER_LEVEL = 21, WEIGHT_BITS = 17, ACTIVATION = 32768;

// A layer: 64 points and 32 channels in a group, 16 outputs in a thread. Phases are in turns, a quarter behind.
const LAYER = `
struct Sizes { inputs: u32, width: u32, wave: u32, start: u32 }
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> given: array<vec4f>;
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> found: array<vec4f>;
var<workgroup> points: array<f32, 512>;
var<workgroup> columns: array<vec4f, 64>;
fn wave(turns: vec4f) -> vec4f { return cos(6.283185307 * (turns - round(turns))); }
@compute @workgroup_size(8, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) at: vec3u) {
  let thread = at.y * 8 + at.x;
  let channel = group.x * 8 + at.x;
  let wide = sizes.width / 4;
  var sums = array<vec4f, 4>();
  for (var k = 0u; k < sizes.inputs; k += 8) {
    let point = thread / 2;
    let part = given[((group.y * 64 + point) * sizes.inputs + k) / 4 + thread % 2];
    for (var j = 0u; j < 4; j++) { points[((thread % 2) * 4 + j) * 64 + point] = part[j]; }
    if (thread < 64) {
      let column = group.x * 8 + thread % 8;
      columns[thread] = select(vec4f(), weights[(k + thread / 8) * wide + min(column, wide - 1)], column < wide);
    }
    workgroupBarrier();
    for (var j = 0u; j < 8; j++) {
      let column = columns[j * 8 + at.x];
      for (var p = 0u; p < 4; p++) { sums[p] += points[j * 64 + at.y * 4 + p] * column; }
    }
    workgroupBarrier();
  }
  if (channel >= wide) { return; }
  for (var p = 0u; p < 4; p++) {
    let value = sums[p] + bias[channel];
    let place = (sizes.start + group.y * 64 + at.y * 4 + p) * wide + channel;
    if (sizes.wave == 1) { found[place] = wave(value); } else { found[place] = value; }
  }
}`;

// The first layer of a level, from a coarser level's phases (none where its side is 0), position and pose.
const LIFT = `
struct Sizes { side: u32, size: u32, width: u32, start: u32 }
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> grid: array<vec4f>;
@group(0) @binding(2) var<storage, read> axes: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> found: array<vec4f>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let wide = sizes.width / 4;
  let point = id.x / wide + sizes.start;
  let channel = id.x % wide;
  let place = vec2f(f32(point % sizes.size), f32(point / sizes.size));
  let centre = (2 * place + 1) / f32(sizes.size) - 1;
  var turns = centre.x * axes[channel] + centre.y * axes[wide + channel] + axes[2 * wide + channel];
  if (sizes.side > 0) {
    let side = sizes.side;
    let at = clamp((place + 0.5) * (f32(side) / f32(sizes.size)) - 0.5, vec2f(0), vec2f(f32(side - 1)));
    let first = vec2u(at);
    let next = min(first + 1, vec2u(side - 1));
    let share = at - vec2f(first);
    let upper = mix(grid[(first.y * side + first.x) * wide + channel], grid[(first.y * side + next.x) * wide + channel], share.x);
    let lower = mix(grid[(next.y * side + first.x) * wide + channel], grid[(next.y * side + next.x) * wide + channel], share.x);
    turns += mix(upper, lower, share.y);
  }
  found[id.x] = cos(6.283185307 * (turns - round(turns)));
}`;

// The face to its place in the drawing.
const PLACE = `
@group(0) @binding(0) var<storage, read> face: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> picture: array<vec4f>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x / ${FACE} + ${FACE_TOP};
  picture[row * ${SIZE} + id.x % ${FACE} + ${FACE_LEFT}] = face[id.x * 2];
}`;

// The drawing moved, new pixels over it, as bytes of sRGB with straight alpha.
const PAINT = `
@group(0) @binding(0) var<storage, read> motion: array<vec4f>;
@group(0) @binding(1) var<storage, read> picture: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> shown: array<u32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let first = motion[id.x * 2];
  let second = motion[id.x * 2 + 1];
  let place = vec2f(f32(id.x % ${SIZE}), f32(id.x / ${SIZE})) + first.xy * ${SIZE / 2};
  let at = clamp(place, vec2f(0), vec2f(${SIZE - 1}));
  let a = vec2u(at);
  let b = min(a + 1, vec2u(${SIZE - 1}));
  let share = at - vec2f(a);
  let upper = mix(picture[a.y * ${SIZE} + a.x], picture[a.y * ${SIZE} + b.x], share.x);
  let lower = mix(picture[b.y * ${SIZE} + a.x], picture[b.y * ${SIZE} + b.x], share.x);
  let blended = mix(mix(upper, lower, share.y), vec4f(first.w, second.xyz), first.z);
  let light = clamp(0.5 * blended + 0.5, vec4f(0), vec4f(1));
  let straight = select(vec3f(), min(light.rgb / light.a, vec3f(1)), light.a >= 0.5 / 255);
  let level = select(1.055 * pow(straight, vec3f(1 / 2.4)) - 0.055, 12.92 * straight, straight <= vec3f(0.003130804953560372));
  shown[id.x] = pack4x8unorm(vec4f(level, light.a));
}`;

/** The graphics card; not a processor that plays one, unless `any`. */
async function adapterOf(any) {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter || (adapter.info?.isFallbackAdapter && !any)) return null;
  return adapter;
}

export class Gpu {
  /** A drawer for `character` (bytes of character.bin, unpacked), or null where there is no graphics card. */
  static async start(character, show, any = false) {
    const adapter = await adapterOf(any);
    if (!adapter) return null;
    const device = await adapter.requestDevice();
    device.pushErrorScope("out-of-memory");
    device.pushErrorScope("validation");
    const gpu = new Gpu(device, new Weights(character), show);
    const problems = [await device.popErrorScope(), await device.popErrorScope()];
    if (problems.some(Boolean)) { device.destroy(); return null; }
    return gpu;
  }

  constructor(device, weights, show) {
    Object.assign(this, { device, weights, show, ms: 0, number: 0, shown: 0, free: true, failed: false, name: "graphics card" });
    device.lost.then(() => { this.failed = true; });
    this.steps = [];
    this.axes = [];
    this.kernels = Object.fromEntries(Object.entries({ LAYER, LIFT, PLACE, PAINT }).map(([name, code]) => [name, this.kernel(code)]));
    this.halves = [0, 1].map(() => this.memory(CHUNK * WIDEST));
    this.picture = this.filled(weights.picture());
    this.shown = this.memory(SIZE * SIZE);
    this.answer = device.createBuffer({ size: SIZE * SIZE * 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    this.build();
  }

  /** All that a frame takes, in its order. */
  build() {
    const { weights } = this, face = this.memory(FACE * FACE * 8), motion = this.memory(SIZE * SIZE * 8);
    const phases = this.memory(FACE * FACE * FACE);
    this.network(weights.face.early, null, 0, FACE, phases);
    this.network(weights.face.late, phases, FACE, FACE, face);
    this.step("PLACE", [face, this.picture], FACE * FACE / 64);
    let grid = null, side = 0;
    weights.levels.forEach((level, n) => {
      const size = 128 << n, to = n === 2 ? motion : this.memory(size * size * level.last.width);
      this.network(level, grid, side, size, to);
      [grid, side] = [to, size];
    });
    this.step("PAINT", [motion, this.picture, this.shown], SIZE * SIZE / 64);
  }

  /** A level over all points of `size`: sine layers, and the product after them, to `out`. */
  network({ first, dense, last }, grid, side, size, out) {
    const axes = this.filled(first.axes());
    this.axes.push({ first, axes });
    const layers = [...dense.map(layer => [layer, 1]), [last, 0]];
    const buffers = layers.map(([layer]) => [this.filled(layer.weights), this.filled(layer.bias)]);
    for (let start = 0; start < size * size; start += CHUNK) {
      const count = Math.min(CHUNK, size * size - start);
      const sizes = this.numbers([side, size, first.width, start]);
      this.step("LIFT", [sizes, grid || this.shown, axes, this.halves[0]], count * first.width / 4 / 64);
      layers.forEach(([{ inputs, width }, wave], n) => {
        const sizes = this.numbers([inputs, width, wave, wave ? 0 : start]), to = wave ? this.halves[1 - n % 2] : out;
        this.step("LAYER", [sizes, this.halves[n % 2], ...buffers[n], to], Math.ceil(width / 32), count / 64);
      });
    }
  }

  step(kernel, buffers, ...groups) {
    const pipeline = this.kernels[kernel];
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    this.steps.push({ pipeline, group: this.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }), groups });
  }

  kernel(code) {
    const module = this.device.createShaderModule({ code });
    return this.device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
  }

  memory(count, usage = GPUBufferUsage.STORAGE) {
    return this.device.createBuffer({ size: 4 * count, usage: usage | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
  }

  filled(values) {
    const buffer = this.memory(values.length);
    this.device.queue.writeBuffer(buffer, 0, values);
    return buffer;
  }

  numbers(values) {
    const buffer = this.memory(values.length, GPUBufferUsage.UNIFORM);
    this.device.queue.writeBuffer(buffer, 0, new Uint32Array(values));
    return buffer;
  }

  /** Draw `pose` unless a picture is being drawn. */
  draw(pose) {
    if (!this.free || this.failed) return false;
    this.free = false;
    this.number++;
    this.pixels(pose).then(pixels => {
      this.free = true;
      this.shown = this.number;
      this.show(pixels);
    }, () => { this.failed = true; });
    return true;
  }

  /** The picture of `pose` (45 numbers): RGBA, straight alpha. One at a time. */
  async pixels(pose) {
    const start = performance.now(), { device } = this;
    for (const { first, axes } of this.axes) device.queue.writeBuffer(axes, 8 * first.width, first.same(pose));
    const commands = device.createCommandEncoder(), pass = commands.beginComputePass();
    for (const { pipeline, group, groups } of this.steps) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...groups);
    }
    pass.end();
    commands.copyBufferToBuffer(this.shown, 0, this.answer, 0, SIZE * SIZE * 4);
    device.queue.submit([commands.finish()]);
    await this.answer.mapAsync(GPUMapMode.READ);
    const pixels = new Uint8ClampedArray(this.answer.getMappedRange()).slice();
    this.answer.unmap();
    this.ms = performance.now() - start;
    return pixels;
  }
}

/** character.bin, see engine.c and pack.py, as floats; weights (inputs, outputs), phases in turns. */
export class Weights {
  constructor(bytes) {
    this.bytes = bytes;
    this.directory = new Int32Array(bytes, 0, LEVELS + 3 * PER_LEVEL);
    const n = NETWORK, still = { width: FACE, axes: () => new Float32Array(3 * FACE), same: () => new Float32Array(FACE) };
    const late = [21, 26, 31, 36].map(place => this.dense(place + n));
    this.face = {
      early: { first: this.first(n), dense: [this.dense(n + 6), this.dense(n + 11)], last: this.linear(n + 16) },
      late: { first: still, dense: late, last: this.linear(n + 41) },
    };
    this.levels = [0, 1, 2].map(level => {
      const at = LEVELS + level * PER_LEVEL;
      const last = level === 2 ? this.joined(at + 16) : this.linear(at + 16);
      return { first: this.first(at), dense: [this.dense(at + 6), this.dense(at + 11)], last };
    });
  }

  /** The drawing, linear light, premultiplied, -1..1. */
  picture() {
    const bytes = new Uint8Array(this.bytes, this.directory[2], SIZE * SIZE * 4);
    return Float32Array.from(bytes, (value, n) => {
      const alpha = bytes[n | 3] / 255;
      return 2 * ((n & 3) === 3 ? alpha : lightOfLevel(value / 255) * alpha) - 1;
    });
  }

  first(at) {
    const [width, poses, pose, x, y, bias] = this.directory.subarray(at, at + 6);
    const floats = (offset, count) => new Float32Array(this.bytes, offset, count);
    const weights = floats(pose, poses * width), same = floats(bias, width);
    return {
      width,
      axes: () => Float32Array.from([...floats(x, width), ...floats(y, width), ...same]),
      same: values => same.map((sum, c) => {
        for (let k = 0; k < poses; k++) sum += values[k] * weights[k * width + c];
        return sum;
      }),
    };
  }

  dense(at) {
    const [inputs, width, shift, weights, bias] = this.directory.subarray(at, at + 5);
    const scale = 2 ** (shift - WEIGHT_BITS);
    const turns = Float32Array.from(new Int32Array(this.bytes, bias, width), value => (value - 32768) / 2 ** 32);
    return { inputs, width, weights: this.rows(weights, inputs, width, () => scale), bias: turns };
  }

  linear(at) {
    const [inputs, width, weights, scale, bias] = this.directory.subarray(at, at + 5);
    const scales = new Float32Array(this.bytes, scale, width);
    const rows = this.rows(weights, inputs, width, c => scales[c] * ACTIVATION);
    return { inputs, width, weights: rows, bias: new Float32Array(this.bytes, bias, width) };
  }

  /** A product whose second half of outputs is what 16 bits leave out of the first. */
  joined(at) {
    const { inputs, width, weights, bias } = this.linear(at), half = width / 2;
    const rows = Float32Array.from({ length: inputs * half }, (_, n) => {
      const place = Math.floor(n / half) * width + n % half;
      return weights[place] + weights[place + half];
    });
    return { inputs, width: half, weights: rows, bias: bias.subarray(0, half) };
  }

  /** (inputs, outputs) of what lies as (outputs / 8, inputs / 2, 8, 2). */
  rows(offset, inputs, width, scale) {
    const given = new Int16Array(this.bytes, offset, inputs * width), rows = new Float32Array(inputs * width);
    for (let c = 0; c < width; c++)
      for (let k = 0; k < inputs; k++)
        rows[k * width + c] = given[((c >> 3) * (inputs >> 1) + (k >> 1)) * 16 + (c & 7) * 2 + (k & 1)] * scale(c);
    return rows;
  }
}
