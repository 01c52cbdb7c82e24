// The field for a broadcast's content. It may be far larger than what a circuit takes in one message, so it is not sent with each letter:
// the page is told that there is something new, and fetches it as a stream.
const quiet = 300;
const fields = new WeakMap();

export function open(area, page, text) {
  const field = { told: false, timer: 0 };
  fields.set(area, field);
  area.value = text;
  area.addEventListener("input", () => {
    if (!field.told) {
      field.told = true;
      page.invokeMethodAsync("TouchedAsync");
    }
    clearTimeout(field.timer);
    field.timer = setTimeout(() => page.invokeMethodAsync("TypedAsync"), quiet);
  });
}

export function read(area) {
  const field = fields.get(area);
  if (field) field.told = false;
  // Behind a line break, which the page takes away: a stream of nothing is a fault to it.
  return new TextEncoder().encode("\n" + area.value);
}

// Line and column count from 1; the column is in UTF-16 units, as a text's own.
export function show(area, line, column) {
  const lines = area.value.split("\n");
  let at = 0;
  for (let i = 0; i < Math.min(line - 1, lines.length); i++) at += lines[i].length + 1;
  area.focus();
  area.setSelectionRange(at + column - 1, at + column - 1);
  const height = parseFloat(getComputedStyle(area).lineHeight) || 20;
  area.scrollTop = Math.max(0, (line - 4) * height);
}
