/** How an error looks: two lines on stderr, or one JSON document there with `--json`. */
import { AssertionError } from "../base/assert.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import type { Style } from "./render/style.ts"
import { visible } from "./render/text.ts"

/** `ovl: <what failed>: <why>` and `hint: <what to do>`. With `verbose`, also its code, and where it came from. */
export function errorText(thrown: unknown, json: boolean, verbose: boolean, style: Style): string {
  const error = explained(thrown)
  if (json) return `${JSON.stringify(error)}\n`
  const lines = [`${style.bad("ovl:")} ${printable(error.message)}`]
  if (error.hint !== "") lines.push(`${style.dim("hint:")} ${printable(error.hint)}`)
  if (verbose) lines.push(`${style.dim("more:")} \`ovl explain ${error.code}\``)
  if (verbose)
    for (let at: unknown = error.cause; at instanceof Error; at = at.cause)
      lines.push(`cause: ${printable(at.message)}`)
  if (verbose && error.code === "internal" && thrown instanceof Error) lines.push(thrown.stack ?? "")
  return `${lines.join("\n")}\n`
}

/** An error may quote what somebody else has written; nothing of that may act on the terminal. Its lines stay lines. */
function printable(text: string): string {
  return text.replace(/[^\n\t]+/g, visible)
}

/** Gives what nobody expected a hint too: it is a mistake of ovl, not of the person. */
function explained(thrown: unknown): OvlError {
  const error = asOvlError(thrown, thrown instanceof AssertionError ? "assertion failed" : "internal error")
  if (error.code !== "internal" || error.hint !== "") return error
  return new OvlError(error.code, error.message, { cause: error.cause, hint: "this is a mistake in ovl; -v says more" })
}
