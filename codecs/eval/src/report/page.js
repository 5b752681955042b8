"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  const { codecs, gallery, unit } = JSON.parse($("data").textContent);

  // Text beside an element in bold, both as text: names may hold anything.
  const say = (node, bold, rest) => {
    const b = document.createElement("b");
    b.textContent = bold;
    node.replaceChildren(b, rest);
  };

  // Codecs in the plots.
  for (const box of all(".toggle input")) {
    const show = () => {
      for (const series of all(`.series[data-codec="${box.dataset.codec}"]`)) series.classList.toggle("off", !box.checked);
    };
    box.addEventListener("change", show);
    show(); // A browser may restore what was chosen before the page was loaded again.
  }

  // Values in the plots: the nearest point to a pointer, or from point to point by arrow keys.
  for (const chart of all(".chart")) {
    const tip = chart.querySelector(".tip");
    let current = null;
    const marks = () => all(".series:not(.off) .mark", chart).filter((mark) => mark.getClientRects().length);
    const middle = (mark) => {
      const box = mark.getBoundingClientRect();
      return [box.x + box.width / 2, box.y + box.height / 2];
    };
    const show = (mark) => {
      current?.classList.remove("on");
      current = mark ?? null;
      tip.hidden = !mark;
      if (!mark) return;
      mark.classList.add("on");
      const name = chart.closest(".plot").querySelector("h3").textContent;
      const codec = codecs[mark.parentNode.dataset.codec];
      say(tip, codec, `${mark.dataset.rate}\n${mark.dataset.cost} ${unit}\n${name} ${mark.dataset.value}`);
      const [box, [x, y]] = [chart.getBoundingClientRect(), middle(mark)];
      const left = Math.min(Math.max(x - box.x - tip.offsetWidth / 2, 0), box.width - tip.offsetWidth);
      const above = y - box.y - tip.offsetHeight - 14;
      tip.style.left = `${left}px`;
      tip.style.top = `${above < 0 ? y - box.y + 14 : above}px`;
    };
    const nearest = (event) => {
      const distance = (mark) => Math.hypot(...middle(mark).map((at, i) => at - [event.clientX, event.clientY][i]));
      const best = marks().map((mark) => [distance(mark), mark]).sort((a, b) => a[0] - b[0])[0];
      show(best && best[0] < 60 ? best[1] : null);
    };
    chart.addEventListener("pointermove", nearest);
    chart.addEventListener("pointerdown", nearest);
    chart.addEventListener("pointerleave", () => show(null));
    chart.addEventListener("blur", () => show(null));
    chart.addEventListener("keydown", (event) => {
      const list = marks();
      if (event.key === "Escape") return show(null);
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const other = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!list.length || !(step || other)) return;
      event.preventDefault();
      const at = list.indexOf(current);
      if (at < 0) return show(list[0]);
      if (step) return show(list[(at + step + list.length) % list.length]);
      const series = [...new Set(list.map((mark) => mark.parentNode))];
      const next = series[(series.indexOf(current.parentNode) + other + series.length) % series.length];
      show(list.find((mark) => mark.parentNode === next));
    });
  }

  // Tables of which one is shown.
  const choose = (selects, tables, matches) => {
    const show = () => tables.forEach((table) => (table.hidden = !matches(table.dataset)));
    selects.forEach((select) => select.addEventListener("change", show));
    if (selects.length) show();
  };
  const found = (...ids) => ids.map($).filter(Boolean);
  choose(found("anchor"), all("[data-anchor]"), (data) => data.anchor === $("anchor").value);
  choose(found("own", "metric"), all("[data-own]"), (data) => data.own === $("own").value && data.metric === $("metric").value);
  choose(found("filter"), all("#cells tbody tr"), (data) => !$("filter").value || data.codec === $("filter").value);

  // Sorting: by the number behind a cell where it has one, else by its text; cells without either come last.
  const heads = all("#cells thead th");
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = document.querySelector("#cells tbody");
      const key = (row) => {
        const cell = row.cells[column];
        if (cell.classList.contains("none")) return null;
        return cell.dataset.v === undefined ? cell.textContent : { inf: Infinity, "-inf": -Infinity }[cell.dataset.v] ?? Number(cell.dataset.v);
      };
      const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a < b ? -1 : a > b ? 1 : 0);
      const rows = [...body.rows].map((row) => [key(row), row]);
      rows.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : down ? compare(b, a) : compare(a, b)));
      body.append(...rows.map(([, row]) => row));
    });
  });

  // Two pictures and a divider between them.
  if (!gallery) return;
  const [file, zoom, match, stage, slider] = ["file", "zoom", "match", "stage", "slider"].map($);
  const sides = ["left", "right"].map((name) => ({
    name, codec: $(name), rate: $(`${name}-rate`), picture: $(`${name}-picture`), caption: $(`${name}-caption`),
  }));
  const [left, right] = sides;
  const fill = (select, entries, chosen) => {
    select.replaceChildren(...entries.map(([value, text]) => new Option(text, value)));
    if (entries.some(([value]) => String(value) === String(chosen))) select.value = chosen;
  };
  const shots = () => gallery.files[file.value].shots;
  const label = (shot) => (shot.codec === null ? "Original" : codecs[shot.codec]);
  const shot = (side) => shots()[side.rate.value];

  // Codecs of the file, what was chosen kept where the file has it.
  const codecsOf = (side, wanted) => {
    const present = [...new Set(shots().map((s) => s.codec))];
    fill(side.codec, present.map((codec) => [codec ?? "", codec === null ? "Original" : codecs[codec]]), wanted ?? side.codec.value);
  };
  const ratesOf = (side, rate) => {
    const own = shots().map((s, i) => [i, s]).filter(([, s]) => String(s.codec ?? "") === side.codec.value);
    const kept = own.find(([, s]) => s.rate === rate) ?? own[Math.floor((own.length - 1) / 2)];
    fill(side.rate, own.map(([i, s]) => [i, s.rate || "as it is"]), kept[0]);
    side.rate.disabled = own.length < 2;
  };
  // The rate whose bytes are nearest to those of the other side, as a ratio.
  const matchBytes = (side, other) => {
    const goal = shot(other).bytes;
    if (!match.checked || !goal || shot(side).codec === null) return;
    const far = (option) => Math.abs(Math.log(shots()[option.value].bytes / goal));
    side.rate.value = [...side.rate.options].sort((a, b) => far(a) - far(b))[0].value;
  };
  const slide = () => {
    left.picture.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`;
    $("divider").style.left = `${slider.value}%`;
  };
  const draw = () => {
    const { name, width, height } = gallery.files[file.value];
    const scale = Number(zoom.value);
    stage.classList.toggle("zoomed", scale > 0);
    stage.style.width = scale ? `${width * scale}px` : `min(100%, ${Math.max(width, Math.min(2 * width, (640 * width) / height))}px)`;
    stage.style.aspectRatio = `${width} / ${height}`;
    for (const side of sides) {
      const s = shot(side);
      side.picture.src = s.src;
      side.picture.alt = `${name}, ${label(s)} ${s.rate}`;
      const values = s.values.map(([metric, value]) => `${metric}\u00a0${value}`).join(" · ");
      say(side.caption, `${label(s)} ${s.rate}`, s.codec === null ? "\nnot coded" : `\n${s.size}\n${values}`);
    }
    const [a, b] = sides.map((side) => shot(side).bytes);
    const times = Math.max(a, b) / Math.min(a, b);
    $("ratio").textContent = !a || !b || a === b ? "" : `${a > b ? "Left" : "Right"} takes ${times.toFixed(2)} times the bytes`;
    slide();
  };
  const fresh = () => {
    for (const side of sides) {
      const rate = side.rate.value && side.rate.selectedOptions[0].text;
      codecsOf(side);
      ratesOf(side, rate);
    }
    matchBytes(right, left);
    draw();
  };

  fill(file, gallery.files.map((f, i) => [i, f.name]));
  const first = shots().find((s) => s.codec !== null);
  codecsOf(left, "");
  codecsOf(right, first.codec);
  sides.forEach((side) => ratesOf(side));
  draw();
  file.addEventListener("change", fresh);
  zoom.addEventListener("change", draw);
  slider.addEventListener("input", slide);
  // Anywhere on the pictures, not only at a thumb; a finger on enlarged ones moves those instead, and taps.
  const follow = (event) => {
    const pans = event.pointerType === "touch" && zoom.value !== "0" && event.type === "pointermove";
    if (!event.buttons || pans) return;
    const box = stage.getBoundingClientRect();
    slider.value = (100 * (event.clientX - box.x)) / box.width;
    slide();
  };
  for (const type of ["pointerdown", "pointermove"]) slider.addEventListener(type, follow);
  match.addEventListener("change", () => (matchBytes(right, left), draw()));
  for (const [side, other] of [[left, right], [right, left]]) {
    side.codec.addEventListener("change", () => (ratesOf(side), matchBytes(side, other), draw()));
    side.rate.addEventListener("change", () => (matchBytes(other, side), draw()));
  }
})();
