// Numbers as cards show them; the server writes the same (web/markup.py).

/** 999, then 1.2K, 34K, 1.2M: cut, not rounded, so that no number looks larger than it is. */
export function count(number: number): string {
  if (number < 1000) return String(number);
  const [unit, letter] = number < 1_000_000 ? [1000, "K"] : [1_000_000, "M"];
  const tenths = Math.floor(number / (unit / 10));
  const isShort = tenths >= 100 || tenths % 10 === 0;
  return `${isShort ? Math.floor(tenths / 10) : (tenths / 10).toFixed(1)}${letter}`;
}

export const grouped = (number: number): string => number.toLocaleString("en");

export const plural = (number: number, word: string): string =>
  `${grouped(number)} ${word}${number === 1 ? "" : "s"}`;
