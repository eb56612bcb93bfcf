// One character on one core: engine.wasm with the memory around it. Runs in workers, and in node for tests.

const SIZE = 512, POSE = 45, PAGE = 65536;

export class Engine {
  /** `code`: bytes of engine.wasm; `character`: bytes of character.bin, unpacked. */
  static async start(code, character) {
    const { instance } = await WebAssembly.instantiate(code, {});
    return new Engine(instance.exports, new Uint8Array(character));
  }

  constructor(calls, character) {
    const { memory } = calls, end = calls.room() + character.length;
    if (end > memory.buffer.byteLength) memory.grow(Math.ceil((end - memory.buffer.byteLength) / PAGE));
    this.calls = calls;
    new Uint8Array(memory.buffer, calls.room(), character.length).set(character);
    const lights = new Float32Array(memory.buffer, calls.lights(), 256);
    for (let n = 0; n < 256; n++) lights[n] = lightOfLevel(n / 255);
    const levels = new Uint8Array(memory.buffer, calls.levels(), 65536);
    for (let n = 0; n < 65536; n++) levels[n] = Math.round(255 * levelOfLight(n / 65535));
    if (!calls.open(character.length)) throw new Error("character.bin does not fit to this page; export the folder again");
    this.pose = new Float32Array(memory.buffer, calls.given(), POSE);
  }

  /** The picture of `pose` (45 numbers): RGBA, straight alpha; good until the next call. */
  draw(pose) {
    this.pose.set(pose);
    return new Uint8ClampedArray(this.calls.memory.buffer, this.calls.draw(), SIZE * SIZE * 4);
  }
}

// sRGB, IEC 61966-2-1.
export const lightOfLevel = v => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
export const levelOfLight = v => (v <= 0.003130804953560372 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);
