/**
 * Which address is this node's VTEP: the one that was asked for, else the one it had before if the host still has it,
 * else the one that the default route would use.
 */
import { OvlError } from "../base/errors.ts"
import { ETHERNET_MTU_BYTES, MTU_MAX_BYTES } from "../base/limits.ts"
import { isAddress } from "../model/cidr.ts"
import { EGRESS_BRIDGE_NAME, type HostFacts } from "../model/dataplane.ts"
import { underlayMtu } from "../overlay/egress.ts"

export interface Vtep {
  address: string
  /** What the underlay carries, in bytes. */
  mtu: number
}

/** Errors: address_invalid (usage), address_unknown where the host has no such address, address_missing. */
export function chooseVtep(facts: HostFacts, advertise: string | null, known: string | null): Vtep {
  const kept = known !== null && facts.addresses.some((each) => bare(each.address) === known) ? known : null
  const address = advertise ?? kept ?? defaultAddress(facts)
  if (!isAddress(address))
    throw new OvlError("address_invalid", `cannot advertise ${address}: it is no IP address`, {
      kind: "usage",
      hint: "give an address of this host, such as --advertise 192.168.1.51",
    })
  if (!facts.addresses.some((each) => bare(each.address) === address))
    throw new OvlError("address_unknown", `cannot advertise ${address}: no interface of this host has it`, {
      kind: "invalid",
      hint: `this host has ${facts.addresses.map((each) => bare(each.address)).join(", ") || "no address"}`,
    })
  return { address, mtu: Math.min(underlayMtu(facts, address) ?? ETHERNET_MTU_BYTES, MTU_MAX_BYTES) }
}

function defaultAddress(facts: HostFacts): string {
  const route = facts.routes.find((each) => each.dst === "default" && each.device !== null)
  const ours = ["lo", EGRESS_BRIDGE_NAME]
  const candidates = facts.addresses.filter((each) => !ours.includes(each.device) && !each.address.includes(":"))
  const chosen = candidates.find((each) => each.device === route?.device) ?? (route ? undefined : candidates[0])
  if (chosen) return bare(chosen.address)
  throw new OvlError("address_missing", "cannot choose this node's address: no interface has a usable one", {
    kind: "usage",
    hint: "name one with --advertise ADDR",
  })
}

function bare(address: string): string {
  return address.split("/")[0] ?? address
}
