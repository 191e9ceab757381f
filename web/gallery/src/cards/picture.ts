// Where a picture's bytes are, in which sizes, and what stands for it until they come.

export const WIDTHS = [160, 320, 640] as const;

export interface Pictured {
  kind: "portrait" | "image";
  id: number;
  digest: string;
}

export function mediaPath(of: Pictured, width: number, format: "webp" | "avif"): string {
  return `/media/${of.digest}/${of.kind}-${of.id}-${width}.${format}`;
}

export function srcSet(of: Pictured, format: "webp" | "avif"): string {
  return WIDTHS.map((width) => `${mediaPath(of, width, format)} ${width}w`).join(", ");
}

// A GIF of 8 × 8 pixels, a figure before a backdrop: what comes before its palette and after it.
const GIF = "47494638396108000800910000";
const FIGURE = "2c0000000008000800000211848f79c18121845b719e98861e676f5000003b";

/** The figure in the picture's own colours (rrggbb): 100 bytes, no request, nothing to lay out. */
export function placeholder(tones: readonly string[]): string {
  const pairs = (GIF + tones.join("") + FIGURE).match(/../g) ?? [];
  const bytes = pairs.map((pair) => String.fromCharCode(Number.parseInt(pair, 16)));
  return `data:image/gif;base64,${btoa(bytes.join(""))}`;
}
