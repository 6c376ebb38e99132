// The dialog that a click on a figure opens: what the figure is, and where it comes from.

const listed = (facts) =>
  element("dl", {}, ...Object.entries(facts).flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));

function about(task, row, column) {
  const found = cellOf(task, row, column.head);
  const better = column.better === "neither" ? "" : ` (${column.better} is better)`;
  return element("section", {},
    element("p", {}, element("strong", {}, `${column.head}: ${found[0]}`)),
    column.about ? element("p", {}, `${column.about.replace(/ \((?:higher|lower) is better\)$/, "")}${better}.`) : null,
    column.interval ? element("p", { class: "soft" }, `Interval, 95 %: ${column.interval}.`) : null,
    column.source ? element("p", { class: "soft" }, "Source: ", ...linked(column.source)) : null);
}

/** Open the dialog for a figure; without a column, for all figures of a row. */
function showDetails(task, row, column) {
  const dialog = byId("details");
  const close = element("button", { class: "close", type: "button", onclick: () => dialog.close() }, "Close");
  const records = row.records.map((name) => CONTENT.records[name]).filter(Boolean);
  const parts = records.map((facts, place) =>
    fill(element("details", place ? {} : { open: "" }),
      {}, [element("summary", {}, `Record ${facts.identity.slice(0, 12)}, training seed ${facts["training seed"]}`), listed(facts)]));
  const figures = task.columns
    .filter((one) => one.head !== "policy")
    .map((one) => [one.head, cellOf(task, row, one.head)[0]]);
  dialog.replaceChildren(close,
    element("h2", { id: "details-title" }, `${nameOf(row)} on ${task.name}`),
    column ? about(task, row, column) : element("details", { open: "" }, element("summary", {}, "All figures"), listed(Object.fromEntries(figures))),
    element("h3", {}, "Where it comes from"),
    ...(parts.length ? parts : [element("p", {}, "Its record is not here.")]));
  dialog.showModal();
  dialog.scrollTop = 0;
  close.focus();
}

byId("details").addEventListener("click", (event) => {
  if (event.target === byId("details")) byId("details").close();
});
