// The field for a broadcast's content: a textarea, with a painted copy of its text behind it and the numbers of its lines beside it. Typing, undoing,
// searching, phones and screen readers are the browser's; without this script it is a textarea.
//
// The text may be far larger than what a circuit takes in one message, so it is not sent with each letter: the page is told that there is
// something new, and fetches it as a stream.
const quiet = 300;
// Painting walks the whole text at each letter: beyond this it is shown in one colour.
const maxPainted = 120_000;
const fields = new WeakMap();

export function open(area, page, text) {
  const box = area.parentElement;
  const field = { told: false, timer: 0, frame: 0, marks: [], paint: box.querySelector(".paint"), gutter: box.querySelector(".gutter") };
  fields.set(area, field);
  area.value = text;
  box.classList.add("live");
  draw(area, field);
  area.addEventListener("input", () => {
    field.frame ||= requestAnimationFrame(() => draw(area, field));
    if (!field.told) {
      field.told = true;
      page.invokeMethodAsync("TouchedAsync");
    }
    clearTimeout(field.timer);
    field.timer = setTimeout(() => page.invokeMethodAsync("TypedAsync"), quiet);
  });
  area.addEventListener("scroll", () => follow(area, field), { passive: true });
}

export function read(area) {
  const field = fields.get(area);
  if (field) field.told = false;
  // Behind a line break, which the page takes away: a stream of nothing is a fault to it.
  return new TextEncoder().encode("\n" + area.value);
}

// Findings: { line, isError, message }, lines from 1.
export function mark(area, findings) {
  const field = fields.get(area);
  if (!field) return;
  field.marks = findings;
  draw(area, field);
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

function draw(area, field) {
  field.frame = 0;
  const text = area.value;
  const plain = text.length > maxPainted;
  area.parentElement.classList.toggle("unpainted", plain);
  // Each mark on its line: the layer lies below the text and scrolls with it.
  const height = parseFloat(getComputedStyle(area).lineHeight) || 20;
  const lines = document.createElement("span");
  const worst = new Map();
  for (const found of field.marks) if (!worst.get(found.line)?.isError) worst.set(found.line, found);
  for (const [line, found] of worst) {
    const stripe = document.createElement("i");
    stripe.className = found.isError ? "wrong" : "odd";
    stripe.style.top = `${(line - 1) * height}px`;
    lines.append(stripe);
  }
  // A text that ends with a line break has one line more, which a block of text shows only when something stands in it.
  field.paint.innerHTML = (plain ? "" : painted(text)) + "\n";
  field.paint.prepend(lines);
  const count = text.split("\n").length;
  field.gutter.replaceChildren(...Array.from({ length: count }, (_, i) => {
    const found = worst.get(i + 1);
    const number = document.createElement("span");
    number.textContent = `${i + 1}\n`;
    if (found) {
      number.className = found.isError ? "wrong" : "odd";
      number.title = found.message;
    }
    return number;
  }));
  follow(area, field);
}

function follow(area, field) {
  field.paint.style.transform = `translate(${-area.scrollLeft}px, ${-area.scrollTop}px)`;
  field.gutter.scrollTop = area.scrollTop;
}

const liquid = /\{%-?\s*comment\s*-?%\}[\s\S]*?\{%-?\s*endcomment\s*-?%\}|\{%[\s\S]*?%\}|\{\{[\s\S]*?\}\}/y;
const word = /"[^"]*"|'[^']*'|\|\s*[a-z_]+|[A-Za-z_][\w.-]*|\d+(?:\.\d+)?|\{[%{]-?|-?[%}]\}|[\s\S]/g;
const piece = /<!--[\s\S]*?-->|<!?\/?[A-Za-z][\w:-]*/y;

// HTML with Liquid in it, as HTML of spans. Every piece of the text passes through escape().
function painted(text) {
  let out = "", at = 0, from = 0, inTag = false, quote = "";
  const flush = () => { if (from < at) out += escape(text.slice(from, at)); from = at; };
  const put = (kind, part) => { flush(); out += `<b class="${kind}">${escape(part)}</b>`; at += part.length; from = at; };
  while (at < text.length) {
    const now = text[at];
    if (now === "{" && (liquid.lastIndex = at, liquid.test(text))) {
      const part = text.slice(at, liquid.lastIndex);
      flush();
      out += paintedLiquid(part);
      at += part.length;
      from = at;
    } else if (!inTag && now === "<" && (piece.lastIndex = at, piece.test(text))) {
      const part = text.slice(at, piece.lastIndex);
      inTag = !part.startsWith("<!--");
      put(inTag ? "element" : "note", part);
    } else if (inTag && !quote && now === ">") {
      inTag = false;
      put("element", ">");
    } else if (quote) {
      // Liquid within a value is painted as such.
      let end = now === "{" ? at + 1 : at;
      while (end < text.length && text[end] !== quote && text[end] !== "{") end++;
      if (text[end] === quote) {
        quote = "";
        end++;
      }
      put("text", text.slice(at, end));
    } else if (inTag && (now === '"' || now === "'")) {
      quote = now;
      put("text", now);
    } else if (inTag && /[A-Za-z@:_]/.test(now)) {
      let end = at + 1;
      while (end < text.length && /[\w:.-]/.test(text[end])) end++;
      put("name", text.slice(at, end));
    } else {
      at++;
    }
  }
  flush();
  return out;
}

function paintedLiquid(part) {
  if (/^\{%-?\s*comment/.test(part)) return `<b class="note">${escape(part)}</b>`;
  let first = part.startsWith("{%");
  return part.replace(word, token => {
    if (/^\s+$/.test(token)) return token;
    const kind = /^[{%}-]/.test(token) && token.length > 1 ? "mark"
      : /^["']./.test(token) ? "text"
      : token.startsWith("|") && token.length > 1 ? "filter"
      : /^[A-Za-z_]/.test(token) ? (first ? "word" : "look")
      : /^\d/.test(token) ? "number" : "";
    if (kind === "word") first = false;
    return kind ? `<b class="${kind}">${escape(token)}</b>` : escape(token);
  });
}

function escape(text) {
  return text.replace(/[&<>"]/g, c => c === "&" ? "&amp;" : c === "<" ? "&lt;" : c === ">" ? "&gt;" : "&quot;");
}
