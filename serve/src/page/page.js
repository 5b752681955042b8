// The page: a sound goes to the server, comes back as tokens, and goes out again as sound.

import { fromPcm, toPcm } from './wire.js';
import { Streams } from './streams.js';
import { Tape } from './tape.js';

const $ = (id) => document.getElementById(id);
const tape = new Tape($('tape'));
/** Seconds of sound held before playing begins, beyond a packet; and how many more at most. */
const AHEAD = 0.03;
const MORE = 0.25;
/** What is sent at once, seconds: a hop. */
const BLOCK = 1 / 80;

let run = null;

const number = (value, digits) => value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

const time = (value, digits) => value === null ? '–' : `${number(value, digits)} ms`;

/** A mean of the latest values. */
const smooth = (mean, value) => mean === null || value === null ? value ?? mean : 0.9 * mean + 0.1 * value;

function say(text, kind = '') {
  $('status').textContent = text;
  $('status').dataset.kind = kind;
}

function key() {
  return new URLSearchParams(location.hash.slice(1)).get('key') ?? '';
}

/** What happens between a start and its stop. */
class Run {
  constructor(name) {
    this.name = name;
    this.latest = [];
    this.wait = null;
    this.back = null;
    this.playback = 0;
    this.concealed = 0;
  }

  async start(connect) {
    const Context = window.AudioContext;
    // At the model's rate nothing needs converting; a browser that cannot record at it records at its own.
    this.context = new Context({ sampleRate: 16000, latencyHint: 'interactive' });
    try {
      await this.prepare(connect);
    } catch (error) {
      if (error.name !== 'NotSupportedError') throw error;
      this.release();
      await this.context.close();
      this.context = new Context({ latencyHint: 'interactive' });
      await this.prepare(connect);
    }
    if (this.over) return;
    const { context } = this;
    const rate = context.sampleRate;
    const packet = Number($('packet').value);
    const ahead = Math.round((AHEAD + packet * BLOCK) * rate);
    this.player = new AudioWorkletNode(context, 'player', {
      numberOfInputs: 0, outputChannelCount: [1], processorOptions: { ahead, most: ahead + Math.round(MORE * rate) },
    });
    this.volume = context.createGain();
    this.player.connect(this.volume).connect(context.destination);
    this.player.port.onmessage = ({ data }) => this.played(data);
    this.mute();
    this.streams = new Streams({
      rate,
      depth: Number($('depth').value),
      packet,
      key: key(),
      lose: () => Math.random() * 100 < Number($('loss').value),
      on: {
        ready: (reply) => {
          this.ready = reply;
          this.begin?.();
          say(`Live: ${this.name}. Model ${reply.pack}, ${number(reply.model_rate / reply.hop, 0)} tokens a second.`, 'live');
        },
        tokens: (tokens, lost, wait) => this.tokens(tokens, lost, wait),
        samples: (buffer, wait) => {
          this.back = smooth(this.back, wait);
          this.player.port.postMessage(fromPcm(buffer));
        },
        end: (summary) => {
          this.player.port.postMessage('end');
          this.concealed = summary.concealed;
          this.summary = summary;
          this.show();
          say(`Done: ${number(summary.samples / this.ready.model_rate, 2)} s of sound, ${summary.tokens} tokens.`, 'done');
        },
        fail: (message) => this.stop(`Stopped: ${message}.`),
      },
    });
    this.timer = setInterval(() => this.show(), 200);
  }

  async prepare(connect) {
    const { context } = this;
    await context.audioWorklet.addModule('/worklet.js');
    this.recorder = new AudioWorkletNode(context, 'recorder', {
      numberOfOutputs: 0, processorOptions: { block: Math.round(context.sampleRate * BLOCK) },
    });
    // What is recorded before the server is ready would only be late.
    this.recorder.port.onmessage = ({ data }) => { if (this.ready) this.streams.push(toPcm(data)); };
    this.source = await connect(context, this);
    this.source.connect(this.recorder);
    await context.resume();
  }

  tokens(tokens, lost, wait) {
    tape.add(tokens, this.ready.depth, lost);
    this.latest = lost ? [...this.latest, '····'] : [...this.latest, ...tokens.map((token) => String(token).padStart(4, '0'))];
    this.latest = this.latest.slice(-12);
    this.wait = smooth(this.wait, wait);
  }

  played({ held, done }) {
    this.playback = held / this.context.sampleRate * 1000;
    if (done) this.stop();
  }

  /** The numbers. */
  show() {
    const { streams, ready } = this;
    if (!ready) return;
    const { counts } = streams;
    const seconds = counts.tokens * ready.hop / ready.model_rate;
    const rate = (bits) => seconds > 0 ? `${number(bits / seconds, 0)} bit/s` : '–';
    $('latest').textContent = this.latest.join(' ') || '–';
    $('count').textContent = counts.tokens.toLocaleString('en');
    $('bits').textContent = rate(counts.bits);
    $('bytes').textContent = rate(counts.bytes * 8);
    $('lost').textContent = `${counts.lost} of ${counts.packets}`;
    $('wait').textContent = time(this.wait, 1);
    $('back').textContent = time(this.back, 0);
    $('delay').textContent = time(this.back === null ? null : this.back + this.playback + BLOCK * 1000, 0);
    $('held').textContent = time(this.playback, 0);
  }

  mute() {
    this.volume.gain.value = $('play').checked ? 1 : 0;
  }

  /** The sound ends; what is under way still comes. */
  end() {
    this.release();
    if (this.ready) this.streams.end(); else this.stop('Stopped.');
  }

  release() {
    this.source?.disconnect();
    this.tracks?.forEach((track) => track.stop());
  }

  /** Everything ends. */
  stop(text) {
    if (this.over) return;
    this.over = true;
    this.release();
    clearInterval(this.timer);
    this.show();
    this.streams?.finish();
    this.context?.close();
    if (text) say(text, 'failed');
    if (run === this) run = null;
    buttons();
  }
}

function buttons() {
  $('microphone').disabled = $('file').disabled = $('depth').disabled = $('packet').disabled = run !== null;
  $('stop').disabled = run === null;
}

async function start(name, connect) {
  if (run) return;
  tape.clear();
  const mine = run = new Run(name);
  buttons();
  say('Connecting…');
  try {
    await mine.start(connect);
  } catch (error) {
    mine.stop(`Cannot start: ${explain(error)}.`);
  }
}

function explain(error) {
  if (error.name === 'NotAllowedError') return 'the browser does not let the page use the microphone';
  if (error.name === 'NotFoundError') return 'there is no microphone';
  if (error.name === 'EncodingError') return 'the browser cannot read this file as sound';
  return error.message || String(error);
}

$('microphone').addEventListener('click', () => start('microphone', async (context, mine) => {
  if (!navigator.mediaDevices) throw new Error('browsers give microphones to pages of this machine or over HTTPS only');
  const sound = { channelCount: 1, echoCancellation: $('play').checked, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: sound });
  mine.tracks = stream.getTracks();
  return context.createMediaStreamSource(stream);
}));

$('file').addEventListener('change', async ({ target }) => {
  const [file] = target.files;
  target.value = '';
  if (!file) return;
  await start(file.name, async (context, mine) => {
    const source = context.createBufferSource();
    source.buffer = await context.decodeAudioData(await file.arrayBuffer());
    // It begins when the server is ready, so that its beginning is not lost.
    mine.begin = () => source.start();
    source.onended = () => mine.end();
    return source;
  });
});

$('stop').addEventListener('click', () => run?.end());
$('play').addEventListener('change', () => run?.volume && run.mute());
$('loss').addEventListener('input', () => { $('loss-value').textContent = `${$('loss').value} %`; });
let frames = 80;
const bitrate = () => { $('depth-value').textContent = `${frames * $('depth').value} bit/s`; };
$('depth').addEventListener('change', bitrate);

async function info() {
  const query = key() ? `?key=${encodeURIComponent(key())}` : '';
  try {
    const reply = await fetch(`/v1/info${query}`);
    const about = await reply.json();
    if (!reply.ok) return say(`The server says: ${about.message}. Open the page as ${location.pathname}#key=…`, 'failed');
    const [least, most] = about.depths;
    frames = about.model_rate / about.hop;
    $('depth').min = least;
    $('depth').max = most;
    $('depth').value = about.depth;
    bitrate();
    say(`Ready. Model ${about.pack}.`);
  } catch {
    say('The server does not answer.', 'failed');
  }
}

addEventListener('hashchange', info);
info();
