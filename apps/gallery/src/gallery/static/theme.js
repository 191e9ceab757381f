// The reader's own choice of light or dark, kept in this browser; the system's otherwise.

const KEPT = "gallery-theme";

function apply(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

apply(localStorage.getItem(KEPT));

document.querySelector("#theme")?.addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  localStorage.setItem(KEPT, theme);
  apply(theme);
});
