// What runs on the audio thread: samples out of the page, and samples into the loudspeaker.

/** Sends what comes in, in blocks of about `block` samples. */
class Recorder extends AudioWorkletProcessor {
  constructor({ processorOptions: { block } }) {
    super();
    this.block = new Float32Array(block);
    this.filled = 0;
  }

  process([channels]) {
    // Nothing is connected, or what was connected has ended.
    if (!channels.length) return true;
    const length = channels[0].length;
    for (let n = 0; n < length; n++) {
      let sum = 0;
      for (const channel of channels) sum += channel[n];
      this.block[this.filled++] = sum / channels.length;
      if (this.filled === this.block.length) {
        this.port.postMessage(this.block);
        this.filled = 0;
      }
    }
    return true;
  }
}

/** Plays what it is sent: waits for `ahead` samples, drops old ones beyond `most`, and says what it holds. */
class Player extends AudioWorkletProcessor {
  constructor({ processorOptions: { ahead, most } }) {
    super();
    Object.assign(this, { ahead, most, held: 0, at: 0, playing: false, ended: false, gaps: 0, dropped: 0, sinceReport: 0 });
    this.queue = [];
    this.port.onmessage = ({ data }) => {
      if (data === 'end') {
        this.ended = true;
        return;
      }
      this.queue.push(data);
      this.held += data.length;
      while (!this.ended && this.held > this.most && this.queue.length > 1) {
        const old = this.queue.shift();
        this.held -= old.length - this.at;
        this.dropped += old.length - this.at;
        this.at = 0;
      }
    };
  }

  process(_, [channels]) {
    const out = channels[0];
    if (!this.playing) this.playing = this.held >= this.ahead || (this.ended && this.held > 0);
    let n = 0;
    while (this.playing && n < out.length && this.queue.length) {
      const piece = this.queue[0];
      const count = Math.min(out.length - n, piece.length - this.at);
      out.set(piece.subarray(this.at, this.at + count), n);
      n += count;
      this.at += count;
      this.held -= count;
      if (this.at === piece.length) {
        this.queue.shift();
        this.at = 0;
      }
    }
    if (this.playing && n < out.length) {
      this.playing = false;
      if (!this.ended) this.gaps++;
    }
    for (let c = 1; c < channels.length; c++) channels[c].set(out);
    this.sinceReport += out.length;
    const done = this.ended && !this.held;
    if (this.sinceReport >= sampleRate / 10 || done) {
      this.sinceReport = 0;
      this.port.postMessage({ held: this.held, gaps: this.gaps, dropped: this.dropped, done });
    }
    return !done;
  }
}

registerProcessor('recorder', Recorder);
registerProcessor('player', Player);
