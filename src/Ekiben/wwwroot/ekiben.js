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
  window.ekiben = {
    viewer: () => ({ zone: Intl.DateTimeFormat().resolvedOptions().timeZone ?? null, theme: stored() }),
    useTheme: theme => {
      try { localStorage.setItem(key, theme); } catch { /* private windows may refuse; the choice then lasts for this page */ }
      apply(theme);
    },
    copy: async text => {
      try { await navigator.clipboard.writeText(text); return true; } catch { /* not over plain http on another host: the text stands there to be selected */ return false; }
    },
  };
})();
