// Charts as SVG, as wide as their place, so that letters keep their size on a phone.

const HEIGHT = 300;
const COLOURS = { method: "blue", script: "orange", reference: "grey" };
const CURVES = ["blue", "orange", "green", "purple", "grey"];

const scale = (low, high, from, to) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);

function chart(width, height, title, ...children) {
  const picture = { class: "chart", width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": title };
  return drawn("svg", picture, ...children);
}

const line = (x1, y1, x2, y2, kind) => drawn("line", { x1, y1, x2, y2, class: kind });
const label = (x, y, text, more = {}) => drawn("text", { x, y, ...more }, text);

/** A point that shows where it comes from, by mouse or keyboard. */
function point(shape, attributes, row, open) {
  const opened = (event) => {
    if (event.type === "click" || event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      open(row);
    }
  };
  const about = { tabindex: 0, role: "button", "aria-label": nameOf(row), onclick: opened, onkeydown: opened };
  return drawn(shape, { ...attributes, ...about }, drawn("title", {}, nameOf(row)));
}

/** One row a policy: a point with its interval, and a diamond for the published average. */
function intervals(rows, name, width, open) {
  const shown = rows.filter((row) => known(row[name][0]));
  const left = Math.min(190, 0.5 * width);
  const [right, top, pitch] = [width - 44, 8, 24];
  const bottom = top + pitch * shown.length;
  const ends = shown.flatMap((row) => [...row[name], name === "score" ? row.published : null]).filter(known);
  const x = scale(Math.min(0, ...ends), Math.max(1, ...ends), left, right);
  const parts = [0, 0.25, 0.5, 0.75, 1].flatMap((at) => [
    line(x(at), top, x(at), bottom, "axis"),
    label(x(at), bottom + 16, String(at), { "text-anchor": "middle", class: "soft" }),
  ]);
  shown.forEach((row, place) => {
    const y = top + pitch * (place + 0.5);
    const [mean, low, high] = row[name];
    const colour = COLOURS[row.role];
    parts.push(label(left - 8, y + 4, fitting(shortName(row), left - 12), { "text-anchor": "end" }));
    if (known(low)) parts.push(line(x(low), y, x(high), y, `${colour} thick`));
    if (name === "score" && known(row.published)) {
      const at = x(row.published);
      const corners = `${at},${y - 6} ${at + 6},${y} ${at},${y + 6} ${at - 6},${y}`;
      parts.push(drawn("polygon", { points: corners, class: "orange hollow thin" }, drawn("title", {}, "published")));
    }
    parts.push(point("circle", { cx: x(mean), cy: y, r: 5, class: `${colour} point` }, row, open));
    parts.push(label(right + 8, y + 4, mean.toFixed(2), { class: "soft" }));
  });
  return chart(width, bottom + 24, `${name} with intervals`, ...parts);
}

const fitting = (text, width) => (text.length * 6.6 > width ? `${text.slice(0, Math.floor(width / 6.6) - 1)}…` : text);

/** Success against something: points with intervals and names; a dashed front where one is wanted. */
function scatter(rows, { of, name, logarithmic, front, zero }, width, open) {
  const shown = rows.filter((row) => known(of(row)) && known(row.success[0]) && (!logarithmic || of(row) > 0));
  if (!shown.length) return null;
  const [left, right, top, bottom] = [40, width - 12, 10, HEIGHT - 42];
  const place = logarithmic ? Math.log10 : (value) => value;
  const values = shown.map((row) => place(of(row)));
  const margin = logarithmic ? 0.15 : 0.03;
  const low = zero ? 0 : Math.min(...values) - margin;
  const high = zero ? Math.max(1, ...values) : Math.max(...values) + margin;
  const [x, y] = [scale(low, high, left, right), scale(0, 1, bottom, top)];
  const parts = [];
  for (const at of [0, 0.25, 0.5, 0.75, 1]) {
    parts.push(line(left, y(at), right, y(at), "axis"));
    parts.push(label(left - 6, y(at) + 4, String(at), { "text-anchor": "end", class: "soft" }));
  }
  for (const at of marks(low, high, logarithmic)) {
    parts.push(line(x(place(at)), top, x(place(at)), bottom, "axis"));
    parts.push(label(x(place(at)), bottom + 16, shortly(at), { "text-anchor": "middle", class: "soft" }));
  }
  parts.push(label((left + right) / 2, bottom + 34, name, { "text-anchor": "middle" }));
  if (front) parts.push(frontier(shown, (row) => x(place(of(row))), y));
  const taken = shown.map((row) => box(x(place(of(row))) - 6, y(row.success[0]) - 6, 12, 12));
  for (const row of shown) {
    const [cx, cy] = [x(place(of(row))), y(row.success[0])];
    if (known(row.success[1])) parts.push(line(cx, y(row.success[1]), cx, y(row.success[2]), `${COLOURS[row.role]} thin`));
    parts.push(point("circle", { cx, cy, r: 5, class: `${COLOURS[row.role]} point` }, row, open));
    parts.push(placed(row.policy, cx, cy, taken, width));
  }
  return chart(width, HEIGHT, `success against ${name}`, ...parts);
}

const box = (x, y, width, height) => ({ x, y, width, height });
const meet = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/** A name beside its point, where it covers no other; left out where there is no such place (a click tells it). */
function placed(text, cx, cy, taken, width) {
  const long = text.length * 6.8;
  const places = [[8, 4], [-8 - long, 4], [-long / 2, -9], [-long / 2, 19], [8, -8], [8, 16], [-8 - long, -8], [-8 - long, 16]];
  for (const [dx, dy] of places) {
    const wanted = box(cx + dx, cy + dy - 11, long, 14);
    if (wanted.x < 40 || wanted.x + long > width || wanted.y < 0 || wanted.y + 14 > HEIGHT - 40) continue;
    if (taken.some((other) => meet(other, wanted))) continue;
    taken.push(wanted);
    return label(cx + dx, cy + dy, text);
  }
  return null;
}

/** The policies that no faster one beats. */
function frontier(rows, x, y) {
  let best = -1;
  const ordered = [...rows].sort((a, b) => x(a) - x(b) || b.success[0] - a.success[0]);
  const front = ordered.filter((row) => row.role === "method" && row.success[0] > best && ((best = row.success[0]), true));
  const points = front.map((row) => `${x(row)},${y(row.success[0])}`).join(" ");
  return front.length > 1 ? drawn("polyline", { points, class: "green hollow thick dashed" }) : null;
}

function marks(low, high, logarithmic) {
  if (!logarithmic) return [0, 0.25, 0.5, 0.75, 1].filter((at) => at >= low && at <= high + 1e-9);
  const decades = [];
  for (let power = Math.floor(low); power <= high; power += 1) {
    for (const digit of high - low < 2 ? [1, 2, 5] : [1]) decades.push(digit * 10 ** power);
  }
  return decades.filter((at) => Math.log10(at) >= low && Math.log10(at) <= high);
}

const shortly = (value) => (value >= 1 ? value.toLocaleString("en") : String(Number(value.toPrecision(3))));

/** Success over gradient steps, one line a method that was evaluated after several budgets. */
function curves(rows, width, open) {
  const methods = new Map();
  for (const row of rows) if (row.step) methods.set(row.policy, [...(methods.get(row.policy) ?? []), row]);
  const several = [...methods.entries()].filter(([, found]) => new Set(found.map((row) => row.step)).size > 1);
  if (!several.length) return null;
  const [left, right, top, bottom] = [40, width - 12, 10, HEIGHT - 42];
  const last = Math.max(...several.flatMap(([, found]) => found.map((row) => row.step)));
  const [x, y] = [scale(0, last, left, right - 20), scale(0, 1, bottom, top)];
  const parts = [label((left + right) / 2, bottom + 34, "training steps", { "text-anchor": "middle" })];
  for (const at of [0, 0.25, 0.5, 0.75, 1]) {
    parts.push(line(left, y(at), right, y(at), "axis"));
    parts.push(label(left - 6, y(at) + 4, String(at), { "text-anchor": "end", class: "soft" }));
  }
  for (const at of new Set(several.flatMap(([, found]) => found.map((row) => row.step)))) {
    parts.push(label(x(at), bottom + 16, shortly(at), { "text-anchor": "middle", class: "soft" }));
  }
  const legend = element("ul", { class: "legend" });
  several.forEach(([policy, found], number) => {
    const colour = CURVES[number % CURVES.length];
    const ordered = [...found].sort((a, b) => a.step - b.step);
    const points = ordered.map((row) => `${x(row.step)},${y(row.success[0])}`).join(" ");
    parts.push(drawn("polyline", { points, class: `${colour} hollow thick` }));
    for (const row of ordered) {
      if (known(row.success[1])) parts.push(line(x(row.step), y(row.success[1]), x(row.step), y(row.success[2]), `${colour} thin`));
      parts.push(point("circle", { cx: x(row.step), cy: y(row.success[0]), r: 5, class: `${colour} point` }, row, open));
    }
    legend.append(element("li", {}, mark(colour), policy));
  });
  return element("div", {}, chart(width, HEIGHT, "success over training steps", ...parts), legend);
}

const mark = (colour) => drawn("svg", { width: 12, height: 12, "aria-hidden": "true" }, drawn("circle", { cx: 6, cy: 6, r: 5, class: colour }));

/** Shares of the modes of successful episodes, with the demonstrator's as an outline. */
function modes(task, rows, width, open) {
  const total = (row) => row.modes.reduce((sum, count) => sum + count, 0);
  const shown = rows.filter((row) => row.modes.length && total(row));
  if (!shown.length) return null;
  const theirs = task.rows.find((row) => row.role === "script" && total(row));
  const [height, floor] = [96, 78];
  const panels = shown.map((row) => {
    const shares = row.modes.map((count) => count / total(row));
    const outline = theirs ? theirs.modes.map((count) => count / total(theirs)) : [];
    const y = scale(0, Math.max(...shares, ...outline), floor, 6);
    const wide = width / shares.length;
    const bars = shares.map((share, place) =>
      drawn("rect", { x: place * wide + 1, y: y(share), width: Math.max(1, wide - 2), height: floor - y(share), class: "blue" },
        drawn("title", {}, `${task.modes[place] ?? place}: ${row.modes[place]}`)));
    const path = outline.map((share, place) => `${place * wide},${y(share)} ${(place + 1) * wide},${y(share)}`).join(" ");
    const names = shares.length > 6 ? [] : shares.map((_, place) =>
      label((place + 0.5) * wide, floor + 14, fitting(task.modes[place] ?? "", wide), { "text-anchor": "middle", class: "soft" }));
    const picture = chart(width, height, `modes of ${nameOf(row)}`, line(0, floor, width, floor, "axis"), ...bars,
      path ? drawn("polyline", { points: path, class: "orange hollow thick" }) : null, ...names);
    const entropy = known(row.entropy) ? `, entropy ${row.entropy.toFixed(2)}` : "";
    const title = element("button", { class: "figure", type: "button", onclick: () => open(row) }, nameOf(row));
    return element("figure", {}, element("figcaption", {}, title, `: ${total(row)} successes${entropy}`), picture);
  });
  return element("div", { class: "small" }, ...panels);
}
