/** A broken promise: which of the invariants of docs/simulation.md, and what was seen. */
export class Violation extends Error {
  readonly invariant: string

  constructor(invariant: string, text: string) {
    super(`${invariant}: ${text}`)
    this.name = "Violation"
    this.invariant = invariant
  }
}

export function violated(invariant: string, text: string): never {
  throw new Violation(invariant, text)
}

/** What an error that ended a life is to be called in a table. */
export function invariantOf(error: unknown): string {
  if (error instanceof Violation) return error.invariant
  const name = error instanceof Error ? error.name : typeof error
  return name === "AssertionError" ? "assert" : name
}
