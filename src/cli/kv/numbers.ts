/** Flags and indexes: unsigned numbers of 64 bits, exact to the last digit. */
import { usageError } from "../usage.ts"

export const UINT64_MAX = 2n ** 64n - 1n

/** Errors: `number_invalid` (usage). */
export function checkUint64(text: string): void {
  if (/^\d{1,20}$/.test(text) && BigInt(text) <= UINT64_MAX) return
  throw usageError(
    "number_invalid",
    `${JSON.stringify(text)}: not a whole number from 0 to ${UINT64_MAX}`,
    "write it in decimal digits",
  )
}

/** Of `--cas --modify-index N`: the index, or undefined where no condition was asked for. Errors: `option_missing`. */
export function casIndex(call: string, cas: boolean, modifyIndex: string | undefined): bigint | undefined {
  if (cas && modifyIndex === undefined)
    throw usageError(
      "option_missing",
      `${call}: --modify-index is missing`,
      "--cas compares with it; `ovl kv get KEY --detailed` shows it, 0 stands for a key that is not there",
    )
  if (!cas && modifyIndex !== undefined)
    throw usageError("option_missing", `${call}: --cas is missing`, "--modify-index is only used together with --cas")
  return modifyIndex === undefined ? undefined : BigInt(modifyIndex)
}
