// The bytes of the protocol (docs/live.md).

/** Bytes before a packet's tokens. */
export const HEAD = 3;

/** The packet in a message: number of its first token modulo 65536, and its tokens. */
export function parsePacket(buffer, depth) {
  const bytes = new Uint8Array(buffer);
  const tokens = new Array(bytes[2]);
  for (let n = 0, at = HEAD * 8; n < tokens.length; n++) {
    let token = 0;
    for (let end = at + depth; at < end; at++) token = token * 2 + (bytes[at >> 3] >> (7 - (at & 7)) & 1);
    tokens[n] = token;
  }
  return { first: bytes[0] | bytes[1] << 8, tokens };
}

/** Numbers from -1 to 1 to 16-bit little-endian samples. */
export function toPcm(samples) {
  const view = new DataView(new ArrayBuffer(2 * samples.length));
  for (let n = 0; n < samples.length; n++) {
    const step = Math.round(samples[n] * 32768);
    view.setInt16(2 * n, Math.max(-32768, Math.min(32767, step)), true);
  }
  return view.buffer;
}

/** And back. */
export function fromPcm(buffer) {
  const view = new DataView(buffer);
  const samples = new Float32Array(buffer.byteLength >> 1);
  for (let n = 0; n < samples.length; n++) samples[n] = view.getInt16(2 * n, true) / 32768;
  return samples;
}
