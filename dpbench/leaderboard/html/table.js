// The table: rows of one task with its own columns, or of all tasks with the columns that they have in common.

/** Columns of a table: heading, explanation, and how to find the cell of a row. */
function columnsOf(tasks, every) {
  const heads = new Map();
  for (const task of tasks) {
    for (const column of task.columns) {
      if (every && tasks.length === 1 ? false : !column.main) continue;
      heads.set(column.head, [...(heads.get(column.head) ?? []), column]);
    }
  }
  if (every && tasks.length === 1) for (const column of tasks[0].columns) heads.set(column.head, [column]);
  return [...heads.values()].filter((found) => 2 * found.length >= tasks.length).map((found) => found[0]);
}

const cellOf = (task, row, head) => row.cells[task.columns.findIndex((column) => column.head === head)] ?? ["-"];

/** Rows in the wanted order; what has no value comes last in both directions. */
function ordered(entries, sort) {
  if (!sort) return entries;
  const [head, down] = sort;
  const key = ({ task, row }) => {
    if (head === "task") return task.name;
    const cell = cellOf(task, row, head);
    return cell.length > 1 ? cell[1] : cell[0] === "-" ? null : cell[0];
  };
  const compared = (a, b) => (known(a) && known(b) ? a - b : String(a).localeCompare(String(b), "en"));
  return entries
    .map((entry, place) => ({ entry, place, value: key(entry) }))
    .sort((a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null) || a.place - b.place;
      return (down ? -1 : 1) * compared(a.value, b.value) || a.place - b.place;
    })
    .map(({ entry }) => entry);
}

/** The interval of a share as a bar: its range, and a tick at the mean. */
function bar([, mean, low, high]) {
  const x = (value) => 96 * Math.min(1, Math.max(0, value));
  return drawn("svg", { class: "bar", viewBox: "0 0 96 9", preserveAspectRatio: "none", "aria-hidden": "true" },
    drawn("line", { x1: 0, y1: 4.5, x2: 96, y2: 4.5, class: "axis" }),
    drawn("rect", { x: x(low), y: 2.5, width: Math.max(1, x(high) - x(low)), height: 4, class: "blue" }),
    drawn("rect", { x: Math.min(94, x(mean)), y: 0, width: 2, height: 9, class: "orange" }));
}

function cell(task, row, column, open) {
  const found = cellOf(task, row, column.head);
  if (found[0] === "-" || found[0] === "") return element("td", { "data-head": column.head, class: "empty" }, "-");
  const figure = element("button", { class: "figure", type: "button", tabindex: -1, onclick: () => open(task, row, column) }, found[0]);
  const inside = found.length === 4 && found.slice(1).every(known) && found[2] >= 0 && found[3] <= 1;
  return element("td", { "data-head": column.head }, element("div", {}, figure, inside ? bar(found) : null));
}

/** Arrow keys go from figure to figure; the tab key goes from row to row. */
function walked(event) {
  const moves = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  const at = event.target.closest("td, th");
  if (!moves[event.key] || !at) return;
  const [down, right] = moves[event.key];
  let line = at.parentElement;
  for (let place = 0; place < Math.abs(down) && line; place += 1) line = down > 0 ? line.nextElementSibling : line.previousElementSibling;
  let cells = line ? [...line.children] : [];
  let place = [...at.parentElement.children].indexOf(at) + right;
  while (right && cells[place] && !cells[place].querySelector(".figure")) place += right;
  const next = cells[place]?.querySelector(".figure");
  if (next) {
    event.preventDefault();
    next.focus();
  }
}

/** The table of some rows. `sorted` is called with the heading that was pressed. */
function resultTable(entries, tasks, columns, sort, sorted, open) {
  const several = tasks.length > 1;
  const heading = (head, about) => {
    const direction = sort && sort[0] === head ? (sort[1] ? "descending" : "ascending") : "none";
    const button = element("button", { type: "button", title: about || null, onclick: () => sorted(head) }, head);
    return element("th", { scope: "col", "aria-sort": direction }, button);
  };
  const first = columns.filter((column) => column.head !== "policy");
  const head = element("tr", {}, heading("policy", ""), several ? heading("task", "") : null,
    ...first.map((column) => heading(column.head, column.about)));
  const lines = entries.map(({ task, row }) => {
    const name = element("button", { class: "figure", type: "button", onclick: () => open(task, row, null) }, row.policy);
    return element("tr", {}, element("th", { scope: "row" }, name),
      several ? element("td", { "data-head": "task" }, task.name) : null,
      ...first.map((column) => cell(task, row, column, open)));
  });
  const table = element("table", { class: "rows", onkeydown: walked }, element("thead", {}, head), element("tbody", {}, ...lines));
  return element("div", { class: "scroll", role: "region", "aria-label": "Results", tabindex: 0 }, table);
}
