import { type ReactNode, useEffect, useRef } from "react";
import css from "./confirm.module.css";
import { Refusal } from "./states";

interface Props {
  title: string;
  verb: string;
  isPending: boolean;
  error: unknown;
  onConfirm: () => void;
  onClose: () => void;
  children: ReactNode;
}

/** Asks before what cannot be undone. It is modal for as long as it is rendered. */
export function Confirm({ title, verb, isPending, error, onConfirm, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className={css.dialog} aria-labelledby="confirm-title" onClose={onClose}>
      <h2 id="confirm-title">{title}</h2>
      {children}
      <Refusal error={error} />
      <p className={css.ends}>
        <button type="button" onClick={() => dialog.current?.close()}>
          Cancel
        </button>
        <button type="button" className="danger" onClick={onConfirm} disabled={isPending}>
          {verb}
        </button>
      </p>
    </dialog>
  );
}
