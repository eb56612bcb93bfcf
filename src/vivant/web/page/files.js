// The files of the folder; each failure is one clear line.

/** The answer for `name`, a file beside this page; fails with a line that names it. */
export async function open(name) {
  const answer = await fetch(new URL(name, import.meta.url)).catch(() => null);
  if (!answer) throw new Error(`${name} cannot be loaded; is the server still running?`);
  if (!answer.ok) throw new Error(`${name} is missing (${answer.status}); export the folder again`);
  return answer;
}

/** The bytes of `name`, unpacked if they are packed by gzip. */
export async function unpacked(name) {
  const data = await (await open(name)).arrayBuffer();
  const head = new Uint8Array(data, 0, Math.min(2, data.byteLength));
  if (head[0] !== 0x1f || head[1] !== 0x8b) return data; // a server may have unpacked it on its way
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer().catch(() => { throw new Error(`${name} is damaged; export the folder again`); });
}
