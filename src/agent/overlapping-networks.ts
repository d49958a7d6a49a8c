/**
 * One namespace has one table of routes: on two networks with overlapping subnets it would send to the first of them
 * what is meant for the second. So who is on one of them is refused the other, before the cluster has given anything away.
 */
import { OvlError } from "../base/errors.ts"
import { parseSubnet, subnetsOverlap } from "../model/address.ts"
import type { NetworkRecord } from "../model/network.ts"

type Subnetted = Pick<NetworkRecord, "id" | "name" | "subnets">

/** `present`: the networks that the namespace is on already. Errors: `networks_overlap` (conflict). */
export function refuseOverlap(workload: string, present: readonly Subnetted[], comers: readonly Subnetted[]): void {
  const before = [...present]
  for (const comer of comers) {
    for (const other of before) refusePair(workload, other, comer)
    before.push(comer)
  }
}

function refusePair(workload: string, one: Subnetted, two: Subnetted): void {
  if (one.id === two.id) return
  for (const { subnet: first } of one.subnets) {
    const second = two.subnets.find(({ subnet }) => subnetsOverlap(parseSubnet(first), parseSubnet(subnet)))
    if (!second) continue
    const which = first === second.subnet ? `both are ${first}` : `${first} and ${second.subnet}`
    const why = `their subnets overlap (${which})`
    throw new OvlError("networks_overlap", `workload ${workload}: cannot be on ${one.name} and ${two.name}: ${why}`, {
      kind: "conflict",
      hint: "use a workload for each, or a network with a subnet of its own: `ovl network create` chooses one",
    })
  }
}
