/**
 * The door to this node's bridges: a bridge takes so many ports and no more, so who would be one too many is told so
 * before the cluster has given anything away.
 */
import { OvlError } from "../base/errors.ts"
import { BRIDGE_ENDPOINTS_MAX } from "../base/limits.ts"
import type { Catalog } from "../model/catalog.ts"
import type { Egress, EndpointRecord } from "../model/endpoint.ts"

/** An endpoint that is to be made here. */
export interface Comer {
  id: string
  networkId: string
  name: string
  egress: Egress | null
}

export class BridgeRoom {
  readonly #catalog: Pick<Catalog, "networks" | "endpoints">
  readonly #own: () => readonly EndpointRecord[]
  /** Attaches under way, by endpoint id: in the catalog only later, or never. */
  readonly #coming = new Map<string, Comer>()

  constructor(catalog: Pick<Catalog, "networks" | "endpoints">, own: () => readonly EndpointRecord[]) {
    this.#catalog = catalog
    this.#own = own
  }

  /** Keeps the ports until `release`. Errors: bridge_full, egress_bridge_full (conflict); then nothing is kept. */
  take(comers: readonly Comer[]): { release: () => void } {
    const present = [this.#own(), this.#underWay(), comers]
    for (const { networkId, name, egress } of comers) {
      const onNetwork = count(present, (each) => each.networkId === networkId)
      if (onNetwork > BRIDGE_ENDPOINTS_MAX) throw this.#networkFull(name, networkId)
      if (egress !== null && count(present, (each) => each.egress !== null) > BRIDGE_ENDPOINTS_MAX)
        throw egressFull(name)
    }
    for (const comer of comers) this.#coming.set(comer.id, comer)
    return {
      release: () => {
        for (const { id } of comers) this.#coming.delete(id)
      },
    }
  }

  #underWay(): Comer[] {
    return [...this.#coming.values()].filter(({ id }) => !this.#catalog.endpoints.has(id))
  }

  #networkFull(name: string, networkId: string): OvlError {
    const network = this.#catalog.networks.get(networkId)?.name ?? networkId
    const why = `its bridge on this node takes ${BRIDGE_ENDPOINTS_MAX} endpoints, and has them`
    return new OvlError("bridge_full", `cannot put ${name} on network ${network}: ${why}`, {
      kind: "conflict",
      hint: "put it on another node, or detach endpoints of the network here",
    })
  }
}

type Present = Pick<Comer, "networkId" | "egress">

function count(lists: readonly (readonly Present[])[], test: (one: Present) => boolean): number {
  let found = 0
  for (const list of lists) for (const one of list) if (test(one)) found++
  return found
}

function egressFull(name: string): OvlError {
  const why = `this node's egress bridge takes ${BRIDGE_ENDPOINTS_MAX} endpoints, and has them`
  return new OvlError("egress_bridge_full", `cannot give ${name} egress: ${why}`, {
    kind: "conflict",
    hint: "attach it with --no-egress, put it on an --internal network, or on another node",
  })
}
