// A pair of streams: samples go to the encoder, its packets (but for those that are "lost") to the decoder.

import { parsePacket } from './wire.js';

function open(path, query, key) {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  url.search = new URLSearchParams(key ? { ...query, key } : query);
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  return socket;
}

/** Why a socket that never opened did not, in the server's words. */
async function reason(socket) {
  const url = new URL(socket.url);
  url.protocol = location.protocol;
  try {
    const reply = await fetch(url);
    const { message, code } = await reply.json();
    // A request that would have been fine as a WebSocket says only that it is none.
    return code === 'no-websocket' ? 'the connection failed' : message;
  } catch {
    return 'the server does not answer';
  }
}

/** How long ago the message was sent that holds sample number `upTo`; earlier messages are forgotten. */
function since(sent, upTo) {
  while (sent.length > 1 && sent[0][0] < upTo) sent.shift();
  return sent.length && sent[0][0] >= upTo ? performance.now() - sent[0][1] : null;
}

export class Streams {
  /**
   * `on` is told what happens: ready(encoder's reply), tokens(tokens, lost, wait), samples(buffer, wait), end(summary) and
   * fail(message). `lose()` says for each packet whether it is lost. A wait is the time in milliseconds since the newest sample that
   * went into what came was sent; null where that is not known.
   */
  constructor({ rate, depth, packet, key, lose, on }) {
    this.on = on;
    this.lose = lose;
    this.over = false;
    this.depth = depth;
    this.hop = 0;
    this.received = 0;
    this.counts = { bits: 0, bytes: 0, packets: 0, lost: 0, tokens: 0 };
    // Messages sent, by the samples up to their end; for what comes back as tokens and as sound.
    this.forTokens = [];
    this.forSamples = [];
    this.sent = 0;
    this.heard = 0;
    this.ratio = 1;
    this.encoder = open('/v1/encode', { rate, depth, packet }, key);
    this.decoder = open('/v1/decode', { rate, depth }, key);
    let waiting = 2;
    for (const socket of [this.encoder, this.decoder]) {
      let opened = false;
      socket.onopen = () => { opened = true; };
      socket.onclose = async () => {
        if (this.over || (socket === this.encoder && this.encoded)) return;
        this.fail(opened ? 'the connection was lost' : await reason(socket));
      };
      socket.onmessage = ({ data }) => {
        if (typeof data !== 'string') {
          if (socket === this.encoder) this.packet(data); else this.samples(data);
          return;
        }
        const reply = JSON.parse(data);
        if (reply.type === 'error') return this.fail(reply.message);
        if (reply.type === 'ready' && --waiting === 0) {
          this.hop = reply.hop;
          this.ratio = reply.model_rate / reply.rate;
          this.on.ready(reply);
        }
        if (reply.type === 'length' && this.decoder.readyState === WebSocket.OPEN) this.decoder.send(data);
        if (reply.type === 'end') {
          if (socket === this.encoder) {
            this.encoded = true;
            if (this.decoder.readyState === WebSocket.OPEN) this.decoder.send('{"type":"end"}');
          } else {
            this.finish();
            this.on.end(reply);
          }
        }
      };
    }
  }

  /** Sends samples, the last of which was recorded just now. */
  push(pcm) {
    if (this.over || this.ending || !this.hop || this.encoder.readyState !== WebSocket.OPEN) return;
    // A network that cannot carry 256 kbit/s will not do it later either.
    if (this.encoder.bufferedAmount > 1 << 20) return this.fail('the connection is too slow for this sound');
    this.encoder.send(pcm);
    this.sent += pcm.byteLength / 2;
    const sent = [this.sent, performance.now()];
    this.forTokens.push(sent);
    this.forSamples.push(sent);
  }

  /** No more samples come. */
  end() {
    if (this.over || this.ending) return;
    this.ending = true;
    if (this.encoder.readyState === WebSocket.OPEN) this.encoder.send('{"type":"end"}');
    else this.fail('stopped before the server was ready');
  }

  packet(data) {
    const { tokens } = parsePacket(data, this.depth);
    const lost = this.lose();
    const counts = this.counts;
    counts.packets++;
    counts.lost += lost;
    counts.tokens += tokens.length;
    counts.bits += tokens.length * this.depth;
    counts.bytes += data.byteLength;
    this.received += tokens.length;
    const wait = since(this.forTokens, this.received * this.hop / this.ratio);
    if (!lost && this.decoder.readyState === WebSocket.OPEN) this.decoder.send(data);
    this.on.tokens(tokens, lost, wait);
  }

  samples(data) {
    this.heard += data.byteLength / 2;
    this.on.samples(data, since(this.forSamples, this.heard));
  }

  fail(message) {
    if (this.over) return;
    this.finish();
    this.on.fail(message);
  }

  finish() {
    this.over = true;
    this.encoder.close();
    this.decoder.close();
  }
}
