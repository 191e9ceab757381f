// Why a request did not succeed, in words for the person who made it.

export interface FieldProblem {
  field: string;
  message: string;
}

interface Told {
  code?: string;
  message?: string;
  hint?: string;
  fields?: FieldProblem[];
}

export class Refused extends Error {
  constructor(
    readonly status: number, // 0: the server was not reached
    readonly code: string,
    message: string,
    readonly hint: string | null = null,
    readonly fields: FieldProblem[] = [],
  ) {
    super(message);
    this.name = "Refused";
  }

  /** Whether the same request may succeed a moment later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  static offline(): Refused {
    return new Refused(
      0,
      "offline",
      "The server cannot be reached.",
      "Look at your connection, then try again.",
    );
  }

  /** From an answer that is not a success; `body` is whatever JSON came with it. */
  static from(status: number, body: unknown): Refused {
    const told = (body as { error?: Told } | null)?.error;
    if (!told?.message) {
      return new Refused(status, "error", `The server answered ${status}.`, "Try again shortly.");
    }
    return new Refused(status, told.code ?? "error", told.message, told.hint ?? null, told.fields);
  }
}

/** What to tell of any error, without showing anybody a stack. */
export function explained(error: unknown): Refused {
  if (error instanceof Refused) return error;
  return new Refused(-1, "bug", "Something went wrong in this page.", "Load it again.");
}
