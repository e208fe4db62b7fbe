// What pages work without: charts of their tables, the live list, light or dark, links in your own time zone.
// Nothing here reads markup from anywhere: every text is set as text.
"use strict";

const $ = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// ── Light or dark ──────────────────────────────────────────────────────────────────────────

function isDark() {
  const told = document.documentElement.dataset.theme;
  return told ? told === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function offerTheme() {
  const button = $("#theme");
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.hidden = false;
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try { localStorage.setItem("sesevent-theme", theme); } catch { /* it lasts as long as this page */ }
    show();
    drawAll();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { show(); drawAll(); });
  show();
}

// ── Charts: drawn from the table that says the same ────────────────────────────────────────

const drawn = [];

function readTable(table) {
  const columns = all("thead th[data-name]", table).map((cell, place) => ({
    place: place + 1, name: cell.dataset.name, words: cell.textContent, unit: cell.dataset.unit,
    review: Number(cell.dataset.review) || null, pause: Number(cell.dataset.pause) || null,
  }));
  const rows = all("tbody tr", table);
  return {
    columns: Object.fromEntries(columns.map((column) => [column.name, column])),
    times: rows.map((row) => Number(row.dataset.at)),
    links: rows.map((row) => $("a", row).href),
    values: (column) => rows.map((row) => {
      const told = row.cells[column.place].dataset.v;
      return told === undefined ? null : Number(told);
    }),
    zone: table.dataset.zone,
  };
}

const UNITS = {
  share: (value) => `${(value * 100).toFixed(Math.abs(value) < 0.01 && value ? 2 : 1)} %`,
  ms: (value) => value >= 3600000 ? `${(value / 3600000).toFixed(1)} h` : value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`,
  count: (value) => value.toLocaleString("en"),
};

const DATES = [  // at least so many seconds between two ticks: how they are told; and, where it changes, the year or day
  [31536000, "{YYYY}", null, null, null, null, null, null, 1],
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [1, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
];

function drawLines(plot, column) {
  const { ctx, bbox } = plot;
  for (const [line, words, name] of [[column.review, "AWS reviews", "--review"], [column.pause, "AWS may pause", "--pause"]]) {
    if (line === null || line > plot.scales.y.max) continue;
    const y = plot.valToPos(line, "y", true);
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour(name);
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.textAlign = "left";
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.fillText(`${words}: ${UNITS.share(line)}`, bbox.left + 6 * devicePixelRatio, y - 4 * devicePixelRatio);
    ctx.restore();
  }
}

function draw(place, data) {
  const columns = place.dataset.columns.split(" ").map((name) => data.columns[name]);
  const { unit } = columns[0];
  const colours = ["--c1", "--c2", "--c3", "--c4"];
  const axis = { stroke: colour("--text"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const top = Math.max(...columns.map((column) => column.review ? column.review * 1.3 : 0));
  let selected = false;
  const plot = new uPlot({
    width: place.clientWidth, height: 220,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), data.zone),
    cursor: { sync: { key: "series" }, drag: { x: true, y: false, setScale: false } },
    scales: { y: { range: (_, low, high) => [0, Math.max(high || 0, top, unit === "count" ? 1 : 0) * 1.05 || 1] } },
    axes: [{ ...axis, values: DATES }, { ...axis, size: 64, values: (_, splits) => splits.map(UNITS[unit]) }],
    series: [{ value: "{YYYY}-{MM}-{DD} {HH}:{mm}" }, ...columns.map((column, number) => ({
      label: column.words, stroke: colour(colours[number]), width: 2, spanGaps: false, points: { show: data.times.length < 60, size: 5 },
      dash: number ? [8, 2 + 3 * number] : undefined,
      value: (_, value) => value === null || value === undefined ? "–" : UNITS[unit](value),
    }))],
    hooks: {
      draw: columns[0].review ? [(self) => drawLines(self, columns[0])] : [],
      setSelect: [(self) => {
        if (self.select.width < 8) return;
        selected = true;
        const from = self.posToVal(self.select.left, "x");
        closer(from, self.posToVal(self.select.left + self.select.width, "x"));
      }],
    },
  }, [data.times, ...columns.map(data.values)], place);
  plot.over.addEventListener("click", () => {
    const at = plot.cursor.idx;
    if (!selected && at !== null && at !== undefined) location.assign(data.links[at]);
    selected = false;
  });
  return plot;
}

function closer(from, until) {
  const at = new URL(location.href);
  const told = $("#window").dataset;
  const begin = Math.max(from, Number(told.since)), end = Math.min(until, Number(told.until));
  if (end - begin < 60) return;
  at.searchParams.delete("cursor");
  at.searchParams.set("since", new Date(begin * 1000).toISOString());
  at.searchParams.set("until", new Date(end * 1000).toISOString());
  location.assign(at);
}

function drawAll() {
  const table = $("#series");
  if (table === null || typeof uPlot === "undefined") return;
  while (drawn.length) drawn.pop().destroy();
  const data = readTable(table);
  if (data.times.length) for (const place of all(".chart")) drawn.push(draw(place, data));
}

function redrawWhenResized() {
  let width = innerWidth, later;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(later);
    later = setTimeout(drawAll, 150);
  });
}

// ── Live ───────────────────────────────────────────────────────────────────────────────────

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const visible = (text) => text.replace(HIDDEN, (sign) => {
  const code = sign.codePointAt(0);
  return code < 32 ? String.fromCodePoint(0x2400 + code) : `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
});
const short = (text, most = 80) => text.length > most ? `${text.slice(0, most)}…` : text;
const KINDS = ["Send", "Delivery", "Bounce", "Complaint", "Reject", "Open", "Click", "DeliveryDelay", "Rendering Failure", "Subscription", "Received"];
const MOST = 30;

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = visible(text);
  return made;
}

function row(event, list, zone) {
  const item = document.createElement("li");
  item.className = "new";
  const when = element("a", "time", event.timestamp ? zone.format(new Date(event.timestamp)).replace(",", "") : "–");
  when.href = list.dataset.event + encodeURIComponent(event.id);
  const kind = KINDS.includes(event.type) ? event.type.toLowerCase().replace(" ", "") : "other";
  const told = event.details.reason || event.details.type || event.details.link || "";
  const more = event.machine ? "by a machine" : short(String(told)).replaceAll("_", " ");
  const why = element("span", "quiet", "");
  why.append(element("bdi", "", more));
  item.append(when, " ", element("span", `kind k-${kind}`, short(event.type, 40)), " ", element("bdi", "", short(event.recipients.join(", "))), " ", why);
  return item;
}

function follow() {
  const list = $("#live");
  if (list === null || typeof EventSource === "undefined") return;
  const state = $("#live-state"), news = $("#live-news"), pause = $("#live-pause");
  const options = { dateStyle: "short", timeStyle: "medium", timeZone: $("#series").dataset.zone };
  const zone = new Intl.DateTimeFormat("sv-SE", options);
  const seen = new Set(all("a.time", list).map((link) => new URL(link.href).pathname));
  let arrived = 0, paused = false, source = null;
  const say = () => {  // a screen reader is told how many, and not each
    if (arrived) news.textContent = `${arrived} new event${arrived === 1 ? "" : "s"}`;
    arrived = 0;
  };
  const begin = () => {
    source = new EventSource(list.dataset.stream);
    source.onopen = () => { state.textContent = "Live: events appear as they are stored."; };
    source.onerror = () => { state.textContent = "The connection broke; it is tried again."; };
    source.onmessage = (message) => {
      const item = row(JSON.parse(message.data), list, zone);
      const path = new URL($("a", item).href).pathname;
      if (seen.has(path)) return;
      seen.add(path);
      list.prepend(item);
      while (list.children.length > MOST) list.lastElementChild.remove();
      arrived += 1;
    };
  };
  const toggle = () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (paused) { source.close(); state.textContent = "Paused."; } else begin();
  };
  pause.hidden = false;
  pause.addEventListener("click", toggle);
  addEventListener("pagehide", () => source.close());
  setInterval(say, 10000);
  begin();
}

// ── Forms and links ────────────────────────────────────────────────────────────────────────

function sparse(form) {  // an empty field says nothing, and need not stand in the address bar
  form.addEventListener("submit", () => {
    for (const field of all("input, select", form)) if (field.name && field.value === "") field.disabled = true;
    setTimeout(() => { for (const field of all("input, select", form)) field.disabled = false; });
  });
}

function offerLocalZone() {
  const link = $("#local-zone");
  if (link === null) return;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const told = $("input[name=tz]", link.closest("form")).value;
  if (!zone || zone === told) return;
  const at = new URL(location.href);
  at.searchParams.set("tz", zone);
  link.href = at;
  link.textContent = `In ${zone}`;
  link.hidden = false;
}

offerTheme();
offerLocalZone();
all("form[data-sparse]").forEach(sparse);
drawAll();
redrawWhenResized();
follow();
