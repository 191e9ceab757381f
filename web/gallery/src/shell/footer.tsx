import css from "./footer.module.css";
import { Speed } from "./speed";
import { toggleTheme } from "./theme";

export function Footer() {
  return (
    <footer className={css.footer}>
      <p>
        Every portrait is painted when somebody first looks at it, and kept by keepwarm for
        everybody after.
      </p>
      <p className={css.links}>
        <a href="/docs">API</a>
        <a href="/api/cache/health">Cache health</a>
        <button type="button" className="quiet" onClick={toggleTheme}>
          Light or dark
        </button>
      </p>
      <Speed />
    </footer>
  );
}
