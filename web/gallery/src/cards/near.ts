import { type RefObject, useEffect, useState } from "react";

/** How far below the screen a picture is worth fetching: about a turn of the wheel. */
const MARGIN = "500px 0px";

/** Whether `element` has come near the screen; true for good once it has, or if `isAlways`. */
export function useNear(element: RefObject<Element | null>, isAlways: boolean): boolean {
  const [isNear, setNear] = useState(isAlways);
  useEffect(() => {
    if (isNear || element.current === null) return;
    const watch = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) setNear(true);
      },
      { rootMargin: MARGIN },
    );
    watch.observe(element.current);
    return () => watch.disconnect();
  }, [element, isNear]);
  return isNear;
}
