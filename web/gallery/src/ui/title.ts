import { useEffect } from "react";

/** Names the document after what is shown. */
export function useTitle(title: string | undefined): void {
  useEffect(() => {
    if (title) document.title = title === "Gallery" ? title : `${title} · Gallery`;
  }, [title]);
}
