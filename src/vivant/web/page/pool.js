// Workers that draw by turns.

const MOST = 4;

export class Pool {
  /** `show(pixels, number)` gets each picture; older ones than the last shown are left out. */
  constructor(code, character, show) {
    this.show = show;
    this.idle = [];
    this.waiting = new Map();
    this.number = this.shown = 0;
    this.ms = 0;
    this.count = Math.max(1, Math.min(MOST, navigator.hardwareConcurrency || 2));
    this.name = this.count > 1 ? `${this.count} workers` : "1 worker";
    this.ready = Promise.all(Array.from({ length: this.count }, () => this.open(code, character)));
  }

  open(code, character) {
    const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    return new Promise((done, fail) => {
      worker.onerror = event => fail(new Error(event.message || "worker.js cannot be loaded; export the folder again"));
      worker.onmessage = ({ data }) => {
        if (data.problem) fail(new Error(data.problem));
        if (data.ready) { this.idle.push({ worker, buffer: null }); done(); }
        if (data.buffer) this.take(worker, data);
      };
      worker.postMessage({ code, character });
    });
  }

  get free() { return this.idle.length > 0; }

  /** Draw `pose` if a worker is free. */
  draw(pose) {
    const next = this.idle.shift();
    if (!next) return false;
    const job = { pose, number: ++this.number, buffer: next.buffer };
    next.worker.postMessage(job, next.buffer ? [next.buffer] : []);
    return true;
  }

  take(worker, { number, buffer, ms }) {
    this.ms = ms;
    this.idle.push({ worker, buffer });
    if (number > this.shown) {
      this.shown = number;
      this.show(new Uint8ClampedArray(buffer), number);
    }
  }
}
