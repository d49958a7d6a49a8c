/** `-t` gives a command the caller's terminal, so the caller must have one. */
import type { Io } from "./io.ts"
import { usageError } from "./usage.ts"

/** Throws `not_a_terminal`. */
export function checkTerminal(call: string, tty: boolean, io: Io): void {
  if (!tty || io.stdinIsTerminal) return
  throw usageError(
    "not_a_terminal",
    `${call} -t: standard input is not a terminal`,
    "leave out -t; -i alone passes standard input on",
  )
}
