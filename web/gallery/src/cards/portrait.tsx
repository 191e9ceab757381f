import { useRef } from "react";
import { useNear } from "./near";
import { mediaPath, type Pictured, placeholder, srcSet } from "./picture";
import css from "./portrait.module.css";

interface Props {
  of: Pictured;
  /** How wide it is shown, as in <img sizes>; what is fetched depends on it. */
  sizes: string;
  alt: string;
  tones?: readonly string[];
  /** In the first row: asked for at once and before the others. */
  isFirst?: boolean;
  /** Far below the first screen: browsers ask for lazy pictures three screens ahead. */
  isFar?: boolean;
}

/** A square picture in the best format and size for this screen, holding its place meanwhile. */
export function Portrait({ of, sizes, alt, tones = [], isFirst = false, isFar = false }: Props) {
  const frame = useRef<HTMLSpanElement>(null);
  const isNear = useNear(frame, !isFar);
  return (
    <span ref={frame} className={css.frame}>
      {isNear && tones.length > 0 && (
        <img className={css.tiny} src={placeholder(tones)} alt="" width={8} height={8} />
      )}
      {isNear && (
        <picture>
          <source type="image/avif" srcSet={srcSet(of, "avif")} sizes={sizes} />
          <img
            className={css.picture}
            width={320}
            height={320}
            alt={alt}
            loading={isFirst ? "eager" : "lazy"}
            decoding={isFirst ? "auto" : "async"}
            fetchPriority={isFirst ? "high" : "auto"}
            sizes={sizes}
            srcSet={srcSet(of, "webp")}
            src={mediaPath(of, 320, "webp")}
          />
        </picture>
      )}
    </span>
  );
}
