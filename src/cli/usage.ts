/** Errors of the command line itself: an unknown word or option, a value that is missing or wrong. Exit status 2. */
import { OvlError } from "../base/errors.ts"

export { nearest } from "../base/nearest.ts"

export function usageError(code: string, message: string, hint: string): OvlError {
  return new OvlError(code, message, { kind: "usage", hint })
}

/** An option without which a verb cannot do anything. */
export function optionMissing(call: string, option: string, hint: string): OvlError {
  return usageError("option_missing", `${call}: ${option} is missing`, hint)
}
