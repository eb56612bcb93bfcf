// Draws poses one after the other. Each worker draws whole frames: two of them alternate, and nothing is shared.
import { Engine } from "./engine.js";

let engine = null;

onmessage = async ({ data }) => {
  try {
    if (data.code) {
      engine = await Engine.start(data.code, data.character);
      postMessage({ ready: true });
      return;
    }
    const pixels = new Uint8ClampedArray(data.buffer || new ArrayBuffer(512 * 512 * 4));
    const start = performance.now();
    pixels.set(engine.draw(data.pose));
    postMessage({ number: data.number, buffer: pixels.buffer, ms: performance.now() - start }, [pixels.buffer]);
  } catch (error) {
    postMessage({ problem: error.message || String(error) });
  }
};
