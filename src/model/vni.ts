/** VXLAN network identifiers: which are valid, and which one a new network gets. */
import { assert } from "../base/assert.ts"
import { OvlError } from "../base/errors.ts"
import { VNI_FIRST, VNI_MAX } from "../base/limits.ts"
import { nextFit } from "./ipam.ts"

/** Errors: `vni_invalid` (usage) for what is no whole number from 1 to 2^24 - 1 (RFC 7348 section 5; 0 means "no VNI"). */
export function checkVni(vni: number): number {
  if (Number.isInteger(vni) && vni >= 1 && vni <= VNI_MAX) return vni
  throw new OvlError("vni_invalid", `VNI ${vni}: must be a whole number from 1 to ${VNI_MAX}`, {
    kind: "usage",
    hint: `leave --vni out to get the next free one from ${VNI_FIRST} up`,
  })
}

/**
 * The VNI that follows the last one given, so that one that was freed does not come back while a node may still have its
 * device; from the beginning again when all have had their turn. Null when none is free.
 */
export function nextVni(last: number | null, isTaken: (vni: number) => boolean): number | null {
  assert(last === null || last >= VNI_FIRST, "the cursor of VNIs is below the first")
  return nextFit({ first: VNI_FIRST, last: VNI_MAX }, last, isTaken)
}
