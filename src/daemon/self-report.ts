/**
 * What this node tells the cluster of itself: address, version, boot. One word after another, each with what is true when
 * its turn comes, so that no late word brings an old address back.
 */
import { bootId } from "../agent/host.ts"
import { type Identity, saveIdentity } from "../agent/identity.ts"
import type { LocalNode } from "../agent/port.ts"
import { OvlError } from "../base/errors.ts"
import { VERSION } from "../base/version.ts"
import { formatAddress } from "../transport/address.ts"

export interface SelfReportOptions {
  node: Pick<LocalNode, "id" | "role" | "catalog" | "cluster" | "waitFor">
  identity: Identity
  dataDir: string
  /** Where a server listens for others. */
  peerPort: number
  /** This node's address now. */
  address: string
}

export class SelfReport {
  readonly #o: SelfReportOptions
  #address: string
  #turn: Promise<void> = Promise.resolve()

  constructor(options: SelfReportOptions) {
    this.#o = options
    this.#address = options.address
  }

  /** From now on this is the node's address; resolves when the cluster knows. Rejects as the cluster does. */
  moveTo(address: string): Promise<void> {
    this.#address = address
    return this.tell()
  }

  /** Resolves when the cluster knows what has changed since it last heard of this node. */
  tell(): Promise<void> {
    const told = this.#turn.then(() => this.#tellNow())
    this.#turn = told.catch(() => {})
    return told
  }

  async #tellNow(): Promise<void> {
    const { node, identity, dataDir, peerPort } = this.#o
    const known = node.catalog.nodes.get(node.id)
    if (!known) throw new OvlError("no_server", "cannot report: no server was heard yet", { kind: "unavailable" })
    const address = this.#address
    const peerAddress = node.role === "server" ? formatAddress({ host: address, port: peerPort }) : null
    const facts = { address, peerAddress, version: VERSION, bootId: bootId() }
    const changed = (Object.keys(facts) as (keyof typeof facts)[]).some((key) => known[key] !== facts[key])
    if (changed) await node.waitFor((await node.cluster.updateNode(node.id, facts)).revision)
    if (identity.address === address) return
    identity.address = address
    saveIdentity(dataDir, identity)
  }
}
