// @keepwarm/live: invalidations of a keepwarm cache in every open tab.

export { Again } from "./again.ts";
export { Live, type Options, type Ran } from "./live.ts";
export type { Stamp } from "./stamp.ts";
export type { StreamState, Timing } from "./stream.ts";
export type { Transport } from "./transports.ts";
export type { Watch } from "./watch.ts";
