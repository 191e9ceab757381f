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

/** A figure before a backdrop in the picture's own colours: 300 bytes, no request. */
export function placeholder(tones: readonly string[]): string {
  const [backdrop, hair, skin, cloth] = tones;
  return (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E" +
    `%3Cpath fill='%23${backdrop}' d='M0 0h8v8H0z'/%3E` +
    `%3Ccircle cx='4' cy='3.4' r='2' fill='%23${hair}'/%3E` +
    `%3Ccircle cx='4' cy='3.9' r='1.3' fill='%23${skin}'/%3E` +
    `%3Cpath fill='%23${cloth}' d='M.8 8q0-2.4 3.2-2.4T7.2 8z'/%3E%3C/svg%3E`
  );
}
