import { useState } from "react";
import type { Image, User } from "../api/types";
import { useRemoveImage } from "../api/writes";
import { ROW_SIZES } from "../cards/cards";
import cards from "../cards/cards.module.css";
import { mediaPath } from "../cards/picture";
import { Portrait } from "../cards/portrait";
import { Confirm } from "../ui/confirm";
import { say } from "../ui/said";
import css from "./images.module.css";

interface Props {
  images: Image[];
  user: User | null;
  /** Whom they show, where all show the same. */
  of?: string;
}

/** Images, each with the way to its largest size, and to its end for whoever may. */
export function Images({ images, user, of }: Props) {
  const [leaving, setLeaving] = useState<Image | null>(null);
  return (
    <>
      <ul className={cards.row}>
        {images.map((image) => (
          <li key={image.id} className={css.image}>
            <a href={mediaPath(pictured(image), 640, "webp")} target="_blank" rel="noopener">
              <Portrait of={pictured(image)} sizes={ROW_SIZES} alt={described(image, of)} />
            </a>
            <p>
              <span>{image.kind === "generated" ? "painted" : image.kind}</span>
              {user && (user.id === image.owner_id || user.role === "admin") && (
                <button
                  type="button"
                  className="quiet"
                  aria-label={`Delete: ${described(image, of)}`}
                  onClick={() => setLeaving(image)}
                >
                  Delete
                </button>
              )}
            </p>
          </li>
        ))}
      </ul>
      {leaving && <Removal image={leaving} onClose={() => setLeaving(null)} />}
    </>
  );
}

const pictured = (image: Image) => ({ kind: "image", id: image.id, digest: image.digest }) as const;

function described(image: Image, of: string | undefined): string {
  if (image.prompt) return image.prompt;
  return of ? `${of}, by ${image.owner}` : `Image ${image.id} of ${image.owner}`;
}

function Removal({ image, onClose }: { image: Image; onClose: () => void }) {
  const remove = useRemoveImage();
  const gone = () => {
    say("Deleted the image.");
    onClose();
  };
  return (
    <Confirm
      title="Delete this image?"
      verb="Delete for good"
      isPending={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onConfirm={() => remove.mutate(image, { onSuccess: gone })}
    >
      <p>It goes from your gallery and from its character. This cannot be undone.</p>
    </Confirm>
  );
}
