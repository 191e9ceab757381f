// Why a request did not succeed, in words for the person who made it.

export interface FieldProblem {
  field: string;
  message: string;
}

/** As the API tells of it. */
interface Told {
  code?: string;
  message: string;
  hint?: string | null;
  fields?: FieldProblem[];
}

export class Refused extends Error {
  override readonly name = "Refused";
  /** 0: the server was not reached. */
  readonly status: number;
  readonly code: string;
  readonly hint: string | null;
  readonly fields: readonly FieldProblem[];

  constructor(status: number, { code = "error", message, hint, fields }: Told) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint ?? null;
    this.fields = fields ?? [];
  }

  /** Whether the same request may succeed a moment later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  static offline(): Refused {
    return new Refused(0, {
      code: "offline",
      message: "The server cannot be reached.",
      hint: "Look at your connection, then try again.",
    });
  }

  /** From an answer that is not a success; `body` is whatever JSON came with it. */
  static from(status: number, body: unknown): Refused {
    const told = (body as { error?: Told } | null)?.error;
    if (told?.message) return new Refused(status, told);
    return new Refused(status, {
      message: `The server answered ${status}.`,
      hint: "Try again shortly.",
    });
  }
}

/** What to tell of any error, without showing anybody a stack. */
export function explained(error: unknown): Refused {
  if (error instanceof Refused) return error;
  return new Refused(-1, {
    code: "bug",
    message: "Something went wrong in this page.",
    hint: "Load it again.",
  });
}
