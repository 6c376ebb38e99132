// The page: what is chosen stands in the address, so that a view can be linked; everything is drawn again from it.

const ALL = "all";
const TASKS = new Map(CONTENT.tasks.map((task) => [task.id, task]));

function chosen() {
  const told = new URLSearchParams(location.hash.slice(1));
  const first = CONTENT.tasks.reduce((best, task) => (!task.newer && task.rows.length > (best?.rows.length ?? 0) ? task : best), null);
  const task = told.get("task");
  return {
    task: task === ALL || TASKS.has(task) ? task : (first ?? CONTENT.tasks[0])?.id ?? ALL,
    method: told.get("method") ?? ALL,
    budget: told.get("steps") ?? ALL,
    old: told.get("old") === "1",
    every: told.get("columns") === ALL,
    sort: told.get("sort") ? [told.get("sort"), told.get("down") === "1"] : null,
  };
}

function choose(change) {
  const next = { ...chosen(), ...change };
  const told = new URLSearchParams({ task: next.task });
  if (next.method !== ALL) told.set("method", next.method);
  if (next.budget !== ALL) told.set("steps", next.budget);
  if (next.old) told.set("old", "1");
  if (next.every) told.set("columns", ALL);
  if (next.sort) told.set("sort", next.sort[0]);
  if (next.sort?.[1]) told.set("down", "1");
  history.replaceState(null, "", `#${told}`);
  render();
}

const budgetOf = (row) => (known(row.step) ? String(row.step) : "none");

function shownTasks(state) {
  if (state.task !== ALL) return [TASKS.get(state.task)];
  return CONTENT.tasks.filter((task) => state.old || !task.newer);
}

function shownEntries(state, tasks) {
  const entries = tasks.flatMap((task) => task.rows.map((row) => ({ task, row })));
  const kept = ({ row }) =>
    (state.method === ALL || row.policy === state.method) && (state.budget === ALL || budgetOf(row) === state.budget);
  return ordered(entries.filter(kept), state.sort);
}

function options(select, pairs, value) {
  select.replaceChildren(...pairs.map(([key, text]) => element("option", { value: key }, text)));
  if (!pairs.some(([key]) => key === value)) select.append(element("option", { value }, value));
  select.value = value;
}

function fillFilters(state, tasks, columns) {
  const visible = CONTENT.tasks.filter((task) => state.old || !task.newer || task.id === state.task);
  options(byId("task"), [[ALL, "all tasks"], ...visible.map((task) => [task.id, task.newer ? `${task.name} (superseded)` : task.name])], state.task);
  const rows = tasks.flatMap((task) => task.rows);
  const methods = [...new Set(rows.map((row) => row.policy))].sort();
  options(byId("method"), [[ALL, "all methods"], ...methods.map((name) => [name, name])], state.method);
  const budgets = [...new Set(rows.map((row) => row.step).filter(known))].sort((a, b) => a - b);
  const untrained = rows.some((row) => !known(row.step)) ? [["none", "scripted"]] : [];
  options(byId("budget"), [[ALL, "any"], ...untrained, ...budgets.map((step) => [String(step), steps(step)])], state.budget);
  const heads = ["policy", ...columns.map((column) => column.head).filter((head) => head !== "policy")];
  const orders = heads.flatMap((head) => [[`${head}|1`, `${head}, highest first`], [`${head}|`, `${head}, lowest first`]]);
  options(byId("sort"), [["|", "as it is"], ...orders], state.sort ? `${state.sort[0]}|${state.sort[1] ? 1 : ""}` : "|");
  byId("old").checked = state.old;
}

function section(title, text, body) {
  return body ? element("section", {}, element("h3", {}, title), text ? element("p", { class: "soft" }, text) : null, body) : null;
}

/** Published figures beside ours, with their source. */
function published(task) {
  const { note, results } = task.published;
  if (!results.length) return null;
  const lines = results.map(([method, metric, value, source]) => {
    const ours = task.rows.find((row) => row.first && row.policy === method);
    const head = task.columns.some((column) => column.head === metric) ? metric
      : task.columns.some((column) => column.head === "score") ? "score" : "success";
    const figure = ours
      ? element("button", { class: "figure", type: "button", onclick: () => showDetails(task, ours, task.columns.find((column) => column.head === head)) },
          `${head} ${cellOf(task, ours, head)[0]}`)
      : "-";
    const cells = [[metric, "measured"], [value.toFixed(2), "published"], [figure, "here"], [ours ? steps(ours.step) : "-", "training steps here"]];
    return element("tr", {}, element("th", { scope: "row" }, method),
      ...cells.map(([inner, head_]) => element("td", { "data-head": head_ }, element("div", {}, inner))),
      element("td", { "data-head": "source" }, element("div", {}, ...linked(source))));
  });
  const heads = ["method", "measured", "published", "here", "training steps here", "source"];
  const table = element("table", { class: "rows" },
    element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))), element("tbody", {}, ...lines));
  return section("Published figures beside ours", note, element("div", { class: "scroll", role: "region", "aria-label": "Published figures", tabindex: 0 }, table));
}

function videos(task) {
  if (!task.videos.length) return null;
  const players = task.videos.map((video) => element("figure", {},
    element("video", { controls: "", muted: "", loop: "", playsinline: "", preload: "metadata", src: video.url, "aria-label": `${video.policy} on ${task.name}` }),
    element("figcaption", {}, video.policy)));
  return section("Rollouts", "The first four episodes of the protocol, not picked; the frame turns green for a success and vermilion for a failure.",
    element("div", { class: "small" }, ...players));
}

function charts(task, rows, width) {
  const half = Math.min(620, width >= 880 ? (width - 24) / 2 : width);
  const open = (row) => showDetails(task, row, null);
  const hasScore = task.columns.some((column) => column.head === "score");
  return [
    element("div", { class: "charts" },
      section("Success", "Share of episodes; the line is the 95 % interval.", intervals(rows, "success", half, open)),
      hasScore ? section("Score", "The diamond is the published average.", intervals(rows, "score", half, open)) : null,
      section("Success against latency", "The dashed line joins the methods that no faster one beats.",
        scatter(rows.filter((row) => row.role !== "reference"), { of: (row) => row.latency_ms[0], name: "inference ms, median of a call", logarithmic: true, front: true }, half, open)),
      task.modes.length ? section("Success against entropy of the modes", "From 0 (one mode) to 1 (all equally often).",
        scatter(rows, { of: (row) => (row.modes.some((count) => count > 0) ? row.entropy : null), name: "entropy", zero: true }, half, open)) : null,
      section("Learning curves", "Methods that were evaluated after several training budgets.", curves(rows, half, open))),
    section("Modes of successful episodes", "Bars: shares of the policy; line: the demonstrator's.", modes(task, rows, 230, open)),
  ];
}

function explained(columns) {
  const facts = Object.fromEntries(columns.filter((column) => column.about).map((column) => [column.head, column.about]));
  return element("details", {}, element("summary", {}, "What the columns mean"), listed(facts), element("p", {}, CONTENT.notes.brackets));
}

function render() {
  const state = chosen();
  const tasks = shownTasks(state).filter(Boolean);
  const columns = columnsOf(tasks, state.every);
  const entries = shownEntries(state, tasks);
  fillFilters(state, tasks, columns);
  const sorted = (head) => {
    const again = state.sort && state.sort[0] === head;
    choose({ sort: again ? [head, !state.sort[1]] : [head, head !== "policy" && head !== "task"] });
    [...document.querySelectorAll("thead button")].find((button) => button.textContent === head)?.focus();
  };
  const task = tasks.length === 1 && state.task !== ALL ? tasks[0] : null;
  const parts = [element("h2", {}, task ? `${task.family}: ${task.name}` : "All tasks")];
  if (task) {
    const bounds = [known(task.floor) ? `Held actions and noise reach ${task.floor.toFixed(2)}.` : "", known(task.ceiling) ? `The task's script reaches ${task.ceiling.toFixed(2)}.` : ""];
    parts.push(element("p", {}, `Success: ${task.success}. ${task.facts} ${bounds.join(" ")} `, element("a", { href: task.page }, "More about the task")));
    if (task.newer) parts.push(element("p", {}, `Superseded by ${task.newer}. ${CONTENT.notes.superseded}`));
  }
  parts.push(element("p", { class: "soft", role: "status" }, `${entries.length} ${entries.length === 1 ? "row" : "rows"}`));
  parts.push(resultTable(entries, tasks, columns, state.sort, sorted, showDetails));
  if (task && task.columns.some((column) => !column.main)) {
    parts.push(element("p", {}, element("button", { type: "button", id: "columns", onclick: () => { choose({ every: !state.every }); byId("columns").focus(); } },
      state.every ? "Show fewer columns" : "Show all columns")));
  }
  parts.push(explained(columns));
  const place = byId("results");
  const width = Math.floor(place.clientWidth);
  if (task) parts.push(...charts(task, entries.map(({ row }) => row), width), published(task), videos(task));
  place.replaceChildren(...parts.filter(Boolean));
}

byId("filters").addEventListener("change", (event) => {
  const { id, value, checked } = event.target;
  if (id === "task") choose({ task: value, method: ALL, budget: ALL, sort: null });
  if (id === "method") choose({ method: value });
  if (id === "budget") choose({ budget: value });
  if (id === "old") choose({ old: checked });
  if (id === "sort") choose({ sort: value === "|" ? null : [value.slice(0, value.lastIndexOf("|")), value.endsWith("|1")] });
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", render);
let drawnFor = window.innerWidth;
window.addEventListener("resize", () => {
  if (window.innerWidth === drawnFor) return;
  drawnFor = window.innerWidth;
  render();
});
render();
