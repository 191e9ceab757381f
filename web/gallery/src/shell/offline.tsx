import { onlineManager } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";

const subscribe = (changed: () => void) => onlineManager.subscribe(changed);
const isOnline = () => onlineManager.isOnline();

/** Says that what is shown may be old, for as long as that is so. */
export function Offline() {
  const online = useSyncExternalStore(subscribe, isOnline, () => true);
  return (
    <div role="status">
      {!online && (
        <p className="notice wide">
          You are offline. What you see may be old; it is renewed as soon as you are back.
        </p>
      )}
    </div>
  );
}
