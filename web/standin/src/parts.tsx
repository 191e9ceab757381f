// What every variant shows: items, and links that fetch theirs when the mouse is over them.

import { type ReactNode, useState } from "react";

export interface Item {
  readonly id: string;
  readonly value: number;
}

const asked = new URLSearchParams(location.search);

export const variant = asked.get("variant") ?? "ours";
const shown = asked.get("items")?.split(",").filter(Boolean) ?? [];
const linked = asked.get("links")?.split(",").filter(Boolean) ?? [];
/** How long the stream may be silent, where a test cannot wait for forty seconds. */
const silence = Number(asked.get("silence"));
export const timing = silence ? { silenceMs: silence, firstMs: silence } : {};
/** Items whose first answer the server holds back until the test lets it go. */
const held = new Set(asked.get("hold")?.split(",").filter(Boolean));

/** Where an item is; `hold` once: the server reads at once and answers when told to. */
export function address(id: string): string {
  const isHeld = held.delete(id);
  return `/api/items/${encodeURIComponent(id)}${isHeld ? "?hold=1" : ""}`;
}

export function hold(id: string): void {
  held.add(id);
}

export async function json(response: Promise<Response>): Promise<Item> {
  const answer = await response;
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}

interface Ways {
  readonly Shown: (of: { readonly id: string }) => ReactNode;
  readonly prefetch: (id: string) => void;
}

export function Items({ Shown, prefetch }: Ways): ReactNode {
  const [open, setOpen] = useState(shown);
  return (
    <>
      {open.map((id) => (
        <Shown key={id} id={id} />
      ))}
      {linked.map((id) => (
        <button
          key={id}
          type="button"
          data-link={id}
          onMouseEnter={() => prefetch(id)}
          onClick={() => setOpen((now) => [...now, id])}
        >
          {id}
        </button>
      ))}
    </>
  );
}

export function Value({ id, value }: { readonly id: string; readonly value: unknown }): ReactNode {
  return <output data-item={id}>{value === undefined ? "…" : String(value)}</output>;
}
