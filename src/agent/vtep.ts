/**
 * Which address is this node's VTEP: the one that was asked for, else the one it had before if the host still has it,
 * else the one that the default route would use. A new node waits for it (`vtep-wait.ts`) before it is one; one that resumes does so while it runs.
 */
import { OvlError } from "../base/errors.ts"
import { ETHERNET_MTU_BYTES, MTU_MAX_BYTES } from "../base/limits.ts"
import { canonicalIp } from "../model/address.ts"
import { isAddress } from "../model/cidr.ts"
import { EGRESS_BRIDGE_NAME, type HostFacts } from "../model/dataplane.ts"
import { underlayMtu } from "../overlay/egress.ts"

export interface Vtep {
  address: string
  /** What the underlay carries, in bytes. */
  mtu: number
}

/** Errors: address_invalid (usage), and of a new node address_unknown where the host has no such address, address_missing. */
export function chooseVtep(facts: HostFacts, advertise: string | null, known: string | null): Vtep {
  const asked = advertise === null ? null : checked(advertise)
  const address = known === null ? (asked ?? defaultAddress(facts)) : resumed(facts, asked, known)
  if (known === null && deviceOf(facts, address) === null)
    throw new OvlError("address_unknown", `cannot advertise ${address}: no interface of this host has it`, {
      kind: "invalid",
      hint: `this host has ${facts.addresses.map((each) => bare(each.address)).join(", ") || "no address"}`,
    })
  return { address, mtu: Math.min(underlayMtu(facts, address) ?? ETHERNET_MTU_BYTES, MTU_MAX_BYTES) }
}

/** As the kernel writes it. */
function checked(advertise: string): string {
  const address = canonicalIp(advertise) ?? advertise
  if (isAddress(address)) return address
  throw new OvlError("address_invalid", `cannot advertise ${address}: it is no IP address`, {
    kind: "usage",
    hint: "give an address of this host, such as --advertise 192.168.1.51",
  })
}

/** The device that has the address; null where none has. */
export function deviceOf(facts: Pick<HostFacts, "addresses">, address: string): string | null {
  return facts.addresses.find((each) => bare(each.address) === address)?.device ?? null
}

/** At boot the daemon may be up before the network: no other address is taken but one that plainly stands for the old. */
function resumed(facts: HostFacts, advertise: string | null, known: string): string {
  const wanted = [advertise, known].find((each) => each !== null && deviceOf(facts, each) !== null)
  if (wanted) return wanted
  return advertise ?? successorOf(facts, known, null) ?? known
}

/**
 * What has taken the place of an address that is gone: another one of its family on the device that had it, where that
 * is known, else the default route's; null where there is none.
 */
export function successorOf(
  facts: Pick<HostFacts, "addresses" | "routes">,
  gone: string,
  device: string | null,
): string | null {
  const isIpv6 = gone.includes(":")
  const candidates = usable(facts).filter((each) => each.address.includes(":") === isIpv6)
  const route = facts.routes.find((each) => each.dst === "default" && each.device !== null)
  const places = [device, route?.device].filter((each) => each != null)
  const found = places.flatMap((place) => candidates.filter((each) => each.device === place))[0]
  return found ? bare(found.address) : null
}

function usable(facts: Pick<HostFacts, "addresses">): HostFacts["addresses"] {
  const ours = ["lo", EGRESS_BRIDGE_NAME]
  return facts.addresses.filter((each) => !ours.includes(each.device) && !/^fe80:/i.test(each.address))
}

function defaultAddress(facts: HostFacts): string {
  const route = facts.routes.find((each) => each.dst === "default" && each.device !== null)
  const candidates = usable(facts).filter((each) => !each.address.includes(":"))
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
