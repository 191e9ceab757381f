// The reader's own choice of light or dark, as the cookie that the pages use (web/gallery).

const KEPT = "gallery_theme";
const A_YEAR_S = 31_536_000;

const chosen = document.cookie.split("; ").find((part) => part.startsWith(`${KEPT}=`));
if (chosen) document.documentElement.dataset.theme = chosen.slice(KEPT.length + 1);

function isDark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

document.querySelector("#theme")?.addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  document.cookie = `${KEPT}=${theme}; path=/; max-age=${A_YEAR_S}; samesite=lax`;
});
