"use strict";
(() => {
  const root = document.documentElement;
  const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;
  const remember = (theme) => {
    try {
      localStorage.setItem("adbench-theme", theme);
    } catch {
      // Without storage, as in some browsers for files, the choice lasts as long as the page.
    }
  };
  try {
    const theme = localStorage.getItem("adbench-theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // The same.
  }
  document.getElementById("theme").addEventListener("click", () => {
    const now = root.dataset.theme || (dark() ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    remember(root.dataset.theme);
  });

  const table = document.getElementById("leaderboard");
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const rows = [...body.rows];

  // What a cell sorts by: its number, else its text; a column with numbers has no other values than them and blanks.
  const key = (row, column, numeric) => {
    const cell = row.cells[column];
    if (!numeric) return cell.textContent;
    return cell.dataset.v === undefined ? null : Number(cell.dataset.v);
  };
  const sort = (column) => {
    const heading = headings[column];
    const numeric = rows.some((row) => row.cells[column].dataset.v !== undefined);
    const before = heading.getAttribute("aria-sort");
    const bestFirst = numeric && heading.dataset.best !== "low";
    const descending = before ? before === "ascending" : bestFirst;
    for (const other of headings) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const keyed = rows.map((row, i) => [key(row, column, numeric), i, row]);
    keyed.sort(([a, i], [b, j]) => {
      if (a === null || b === null) return (a === null) - (b === null) || i - j; // blanks last, either way
      const order = numeric ? a - b : a.localeCompare(b, "en", { numeric: true });
      return (descending ? -order : order) || i - j;
    });
    body.append(...keyed.map(([, , row]) => row));
  };
  headings.forEach((heading, column) => {
    heading.firstElementChild.addEventListener("click", () => sort(column));
  });

  const words = document.getElementById("filter");
  const task = document.getElementById("task");
  const count = document.getElementById("count");
  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = `${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase();
      const kept = wanted.every((word) => text.includes(word)) && (!task.value || row.dataset.task === task.value);
      row.hidden = !kept;
      shown += kept;
    }
    count.textContent = shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
  };
  words.addEventListener("input", filter);
  task.addEventListener("change", filter);
  filter();
})();
