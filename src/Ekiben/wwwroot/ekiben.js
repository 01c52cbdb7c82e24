// The little that only a browser knows: its theme and its time zone. No page works differently without it but in those two.
(() => {
  const key = "ekiben-theme";
  const root = document.documentElement;
  const stored = () => {
    try { return localStorage.getItem(key) ?? "system"; } catch { return "system"; }
  };
  const apply = theme => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  apply(stored());

  // J and K go through a list, A opens what is in focus, or the dialog of an approval; the dialog has no key of its own, so no key sends anything.
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const at = event.target instanceof Element ? event.target : document.body;
    if (at.closest("input, textarea, select, [contenteditable], .mud-dialog, .monaco-editor") || document.querySelector(".mud-dialog")) return;
    const key = event.key.toLowerCase();
    const rows = [...document.querySelectorAll("[data-row] [data-open]")];
    const index = rows.findIndex(row => row.closest("[data-row]").contains(document.activeElement));
    if ((key === "j" || key === "k") && rows.length > 0) {
      const next = index < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, index + (key === "j" ? 1 : -1)));
      rows[next].focus();
      rows[next].closest("[data-row]").scrollIntoView({ block: "nearest" });
      event.preventDefault();
    } else if (key === "a") {
      const target = index >= 0 ? rows[index] : document.querySelector("[data-key=a]:not(:disabled)");
      if (target) {
        event.preventDefault();
        target.click();
      }
    }
  });
  window.ekiben = {
    viewer: () => ({ zone: Intl.DateTimeFormat().resolvedOptions().timeZone ?? null, theme: stored() }),
    useTheme: theme => {
      try { localStorage.setItem(key, theme); } catch { /* private windows may refuse; the choice then lasts for this page */ }
      apply(theme);
    },
    // A new draft has an address once it is stored; going there would take the cursor out of the field.
    readdress: path => history.replaceState(history.state, "", path),
    copy: async text => {
      try { await navigator.clipboard.writeText(text); return true; } catch { /* not over plain http on another host: the text stands there to be selected */ return false; }
    },
  };
})();
