"use strict";
// A click on a column's head sorts its table: numbers by size, text by its natural order, what is missing last.
const collator = new Intl.Collator("en", { numeric: true });

function compare(a, b) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const difference = Number(a) - Number(b);
  return Number.isNaN(difference) ? collator.compare(a, b) : difference;
}

function sort(head) {
  const row = head.parentElement;
  const column = [...row.children].indexOf(head);
  const ascending = head.getAttribute("aria-sort") !== "ascending";
  for (const other of row.children) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const body = head.closest("table").tBodies[0];
  const key = (line) => line.children[column].dataset.key;
  const rows = [...body.rows].sort((a, b) => {
    const missing = (key(a) === "") - (key(b) === "");
    return missing || (ascending ? 1 : -1) * compare(key(a), key(b));
  });
  body.append(...rows);
}

for (const head of document.querySelectorAll("thead th")) head.querySelector("button").addEventListener("click", () => sort(head));
