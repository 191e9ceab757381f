// What the page showed, and when: tests read `window.seen`.

export interface Seen {
  readonly id: string;
  readonly value: string;
  readonly at: number;
}

declare global {
  interface Window {
    seen: Seen[];
    state: string;
    refetch: (id: string) => unknown;
    reconnect: () => void;
    write: (id: string, value: number) => unknown;
  }
}

window.seen = [];

const at = (): number => performance.timeOrigin + performance.now();

/** Notes each text that an element with `data-item` shows. */
export function watchItems(root: Element): void {
  const last = new Map<string, string>();
  const look = (): void => {
    for (const element of root.querySelectorAll<HTMLElement>("[data-item]")) {
      const id = element.dataset.item ?? "";
      const value = element.textContent ?? "";
      if (last.get(id) === value) continue;
      last.set(id, value);
      window.seen.push({ id, value, at: at() });
    }
  };
  new MutationObserver(look).observe(root, { subtree: true, childList: true, characterData: true });
}
