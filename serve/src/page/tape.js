// The picture of the tokens: a column each, the newest at the right.

const COLUMN = 6;

/** A colour for a token. Tokens are paths in a tree, so near tokens sound alike and get near colours. */
function colour(token, depth, dark) {
  const place = token / 2 ** depth;
  const fine = token / 2 ** (depth - 4) % 1;
  return `hsl(${Math.round(place * 330)} 70% ${Math.round((dark ? 45 : 40) + 25 * fine)}%)`;
}

export class Tape {
  constructor(canvas) {
    this.canvas = canvas;
    this.columns = [];
    this.dark = matchMedia('(prefers-color-scheme: dark)');
    this.due = false;
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  clear() {
    this.columns = [];
    this.draw();
  }

  add(tokens, depth, lost) {
    for (const token of tokens) this.columns.push({ token, depth, lost });
    this.columns.splice(0, this.columns.length - 1024);
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.due = false;
    const { canvas } = this;
    const scale = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = width * scale;
    canvas.height = height * scale;
    const context = canvas.getContext('2d');
    context.scale(scale, scale);
    const shown = this.columns.slice(-Math.ceil(width / COLUMN));
    shown.forEach(({ token, depth, lost }, n) => {
      const x = width - (shown.length - n) * COLUMN;
      if (lost) {
        context.fillStyle = this.dark.matches ? '#3a3f45' : '#d8d4cb';
        context.fillRect(x, height / 2 - 1, COLUMN - 1, 2);
        return;
      }
      // The bits of the token from top to bottom, set ones full.
      const cell = height / depth;
      context.fillStyle = colour(token, depth, this.dark.matches);
      for (let bit = 0; bit < depth; bit++) {
        context.globalAlpha = Math.floor(token / 2 ** (depth - 1 - bit)) % 2 ? 1 : 0.22;
        context.fillRect(x, bit * cell, COLUMN - 1, cell - 1);
      }
      context.globalAlpha = 1;
    });
  }
}
