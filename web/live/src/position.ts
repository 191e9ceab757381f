// Positions: where in the server's sequence of invalidations something was read or ended.

/** `token` is the server's own spelling, signed by it, and goes back to it as a cursor. */
export interface Position {
  readonly incarnation: string;
  readonly n: number;
  readonly token: string;
}

/** `<incarnation>.<n>.<mac>` as a position, or undefined where it is none. */
export function parsePosition(text: string | null | undefined): Position | undefined {
  const parts = text?.split(".");
  if (!text || parts?.length !== 3) return undefined;
  const [incarnation, digits] = parts as [string, string, string];
  const n = Number(digits);
  if (!incarnation || !/^\d+$/.test(digits) || !Number.isSafeInteger(n)) return undefined;
  return { incarnation, n, token: text };
}
