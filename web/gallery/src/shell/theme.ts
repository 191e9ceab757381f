// The reader's own choice of light or dark. It is a cookie, so that the server can write it
// into the page: one that a script applied would flash in the other first.

const A_YEAR_S = 31_536_000;

export function toggleTheme(): void {
  const { dataset } = document.documentElement;
  const isDark = dataset.theme
    ? dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  dataset.theme = isDark ? "light" : "dark";
  // biome-ignore lint/suspicious/noDocumentCookie: cookieStore is not in every browser yet
  document.cookie = `gallery_theme=${dataset.theme}; path=/; max-age=${A_YEAR_S}; samesite=lax`;
}
