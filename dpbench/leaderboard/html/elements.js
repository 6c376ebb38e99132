"use strict";
// Elements and numbers. Texts enter the page as text nodes only: what a record says can be no markup.

const CONTENT = JSON.parse(document.getElementById("content").textContent);
const byId = (id) => document.getElementById(id);

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** An HTML element; attributes whose names begin with "on" are listeners. */
const element = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

/** An SVG element. */
const drawn = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const known = (value) => typeof value === "number";
const steps = (value) => (known(value) ? value.toLocaleString("en") : "-");

/** A row as people name it: policy and training budget. */
const nameOf = (row) => (row.step ? `${row.policy}, ${steps(row.step)} steps` : row.policy);

/** The same in little space: `bet 60k`. */
const shortName = (row) => (row.step ? `${row.policy} ${row.step < 1000 ? row.step : `${Math.round(row.step / 1000)}k`}` : row.policy);

/** A text whose arXiv numbers are links. */
function linked(text) {
  const parts = text.split(/(arXiv[ :]?\d{4}\.\d{4,5})/);
  return parts.map((part, place) => {
    if (place % 2 === 0) return part;
    const number = part.match(/\d{4}\.\d{4,5}/)[0];
    return element("a", { href: `https://arxiv.org/abs/${number}`, rel: "noopener noreferrer" }, part);
  });
}
