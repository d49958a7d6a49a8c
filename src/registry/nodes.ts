/**
 * Nodes: their facts, their signs of life, and the end of a membership. A node is alive while it holds its lease, to
 * which the key `ovl/alive/<id>` is tied; a membership ends when its record says so, whatever its certificate says.
 */
import { OvlError } from "../base/errors.ts"
import { ENDPOINTS_PER_CALL_MAX, NODE_LEASE_TTL_MS } from "../base/limits.ts"
import { nameHint } from "../base/nearest.ts"
import { familyOf } from "../model/address.ts"
import { isAddress, parseCidr } from "../model/cidr.ts"
import type { NodeRecord } from "../model/node.ts"
import type { Compare, Operation, Store } from "../store/port.ts"
import { decode, put, read, readVersioned, recordsBelow, remove } from "./codec.ts"
import type { RegistryContext } from "./context.ts"
import { type Decision, registryRevision } from "./decisions.ts"
import { endpointRecord, removal } from "./endpoint-removal.ts"
import * as keys from "./keys.ts"
import { aboutNetwork } from "./networks.ts"
import type { NodeFacts } from "./port.ts"
import { endVote } from "./votes.ts"

/** What changes of nodes' names and addresses wait for each other over. */
export const ABOUT_NODES = "nodes"

/** Whether the node may speak for itself: it joined, and neither left nor was removed. */
export function isMember(store: Store, nodeId: string): boolean {
  return read<NodeRecord>(store, keys.nodeKey(nodeId))?.state === "member"
}

/** A member's record. Errors: `node_not_found`; `not_member` (forbidden) for one that has left. */
export function memberNode(store: Store, id: string): { node: NodeRecord; modRevision: number } {
  const { value: node, modRevision } = readVersioned<NodeRecord>(store, keys.nodeKey(id))
  if (!node) throw nodeNotFound(id)
  if (node.state !== "member") throw notMember(node.name)
  return { node, modRevision }
}

/**
 * A sign of life, good for NODE_LEASE_TTL_MS: renews the node's lease, or grants a new one where it had run out.
 * Errors: node_not_found, not_member.
 */
export async function heartbeat({ store, decisions }: RegistryContext, nodeId: string): Promise<void> {
  memberNode(store, nodeId)
  const lease = keys.nodeLease(nodeId)
  await decisions.exclusively(`alive/${nodeId}`, async () => {
    const renewed = await store.renewLease(lease).then(() => true, ignoreUnknownLease)
    if (!renewed) await store.grantLease(lease, NODE_LEASE_TTL_MS)
  })
  await decisions.run([`alive/${nodeId}`], () => decideAlive(store, nodeId, lease))
}

function decideAlive(store: Store, nodeId: string, lease: string): Decision<null> {
  const { modRevision } = memberNode(store, nodeId)
  const present = store.get(keys.aliveKey(nodeId))
  if (present?.lease === lease) return { compare: [], operations: [], result: null }
  return {
    compare: [
      { key: keys.nodeKey(nodeId), modRevision },
      { lease, exists: true },
    ],
    operations: [{ ...put(keys.aliveKey(nodeId), true), lease } as Operation],
    result: null,
  }
}

function ignoreUnknownLease(thrown: unknown): false {
  if (thrown instanceof OvlError && thrown.code === "lease_unknown") return false
  throw thrown
}

/** Errors: node_not_found, not_member, address_invalid, address_taken, address_family (conflict). */
export async function updateNode(
  context: RegistryContext,
  id: string,
  facts: NodeFacts,
): Promise<{ revision: number }> {
  if (facts.address !== undefined) checkNodeAddress(facts.address)
  if (facts.egressSubnet) parseCidr(facts.egressSubnet)
  return context.decisions.run([ABOUT_NODES], () => decideUpdate(context.store, id, facts))
}

function decideUpdate(store: Store, id: string, facts: NodeFacts): Decision<null> {
  const { node, modRevision } = memberNode(store, id)
  const given = Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
  const changed: NodeRecord = { ...node, ...given }
  if (JSON.stringify(changed) === JSON.stringify(node)) return { compare: [], operations: [], result: null }
  const compare: Compare[] = [{ key: keys.nodeKey(id), modRevision }]
  const operations: Operation[] = [put(keys.nodeKey(id), changed)]
  if (keys.nodeAddressKey(changed.address) !== keys.nodeAddressKey(node.address)) {
    checkAddressFree(store, changed.address)
    if (familyOf(changed.address) !== familyOf(node.address)) checkAddressFamily(store, changed.address, id)
    const key = keys.nodeAddressKey(changed.address)
    compare.push({ key, exists: false })
    operations.push(put(key, id), remove(keys.nodeAddressKey(node.address)))
  }
  return { compare, operations, result: null }
}

/** Errors: `address_invalid` (usage). */
export function checkNodeAddress(address: string): void {
  if (isAddress(address)) return
  throw new OvlError("address_invalid", `node address ${address}: not an IP address`, {
    kind: "usage",
    hint: "write it without port and prefix length, as 192.168.1.51",
  })
}

/**
 * A vxlan device reaches VTEPs of its own family only (the kernel answers EAFNOSUPPORT for others), so all members have
 * one. Errors: `address_family` (conflict).
 */
export function checkAddressFamily(store: Store, address: string, nodeId: string): void {
  const family = familyOf(address)
  for (const node of recordsBelow<NodeRecord>(store, keys.NODES_PREFIX)) {
    if (node.state !== "member" || node.id === nodeId || familyOf(node.address) === family) continue
    const theirs = familyOf(node.address)
    throw new OvlError("address_family", `address ${address}: IPv${family}, and node ${node.name} has IPv${theirs}`, {
      kind: "conflict",
      hint: `all nodes of a cluster have VTEPs of one family: give an IPv${theirs} address with --advertise`,
    })
  }
}

/** Errors: `address_taken` (conflict). */
export function checkAddressFree(store: Store, address: string): void {
  const owner = read<string>(store, keys.nodeAddressKey(address))
  if (owner === undefined) return
  const node = read<NodeRecord>(store, keys.nodeKey(owner))
  throw new OvlError("address_taken", `address ${address}: in use by node ${node?.name ?? owner}`, {
    kind: "conflict",
    hint: "give each node its own with --advertise; remove a node that is gone with ovl node rm",
  })
}

/**
 * Ends a membership. A server's vote goes first. Then the node is no member any more, so that nothing new can come of it; then its endpoints go, in
 * several commits where there are many; then, unless it `leave`s, its record and name. Can be repeated after any part.
 * Errors: node_not_found, last_server (conflict), and for a server those of `endVote`.
 */
export async function removeNode(
  context: RegistryContext,
  id: string,
  options: { leave: boolean },
): Promise<{ revision: number }> {
  const { store, decisions } = context
  const known = read<NodeRecord>(store, keys.nodeKey(id))
  if (known) checkNotLastServer(store, known)
  if (known?.role === "server" && hasOtherServer(store, known)) await endVote(context, id)
  const { result: node } = await decisions.run([ABOUT_NODES], () => decideLeaving(store, id))
  await withdrawEndpoints(context, id)
  if (!options.leave) await decisions.run([ABOUT_NODES], () => decideForgetting(store, id))
  await store.revokeLease(keys.nodeLease(id)).catch(ignoreUnknownLease)
  context.log.info(options.leave ? "node left" : "node removed", { node: node.name })
  return { revision: registryRevision(store) }
}

function decideLeaving(store: Store, id: string): Decision<NodeRecord> {
  const { value: node, modRevision } = readVersioned<NodeRecord>(store, keys.nodeKey(id))
  if (!node) throw nodeNotFound(id)
  if (node.state === "left") return { compare: [], operations: [], result: node }
  checkNotLastServer(store, node)
  const left: NodeRecord = { ...node, state: "left", voter: false }
  return {
    compare: [{ key: keys.nodeKey(id), modRevision }],
    operations: [put(keys.nodeKey(id), left), remove(keys.nodeAddressKey(node.address)), remove(keys.aliveKey(id))],
    result: node,
  }
}

/** The only server keeps the store: while others are members, it cannot go before them. */
function checkNotLastServer(store: Store, leaving: NodeRecord): void {
  if (leaving.role !== "server") return
  if (hasOtherServer(store, leaving)) return
  const others = otherMembers(store, leaving)
  if (others.length === 0) return
  throw new OvlError("last_server", `node ${leaving.name}: the only server, and ${others[0]?.name} is still a member`, {
    kind: "conflict",
    hint: "let the other nodes leave first",
  })
}

function otherMembers(store: Store, than: NodeRecord): NodeRecord[] {
  return [...recordsBelow<NodeRecord>(store, keys.NODES_PREFIX)].filter(
    (node) => node.id !== than.id && node.state === "member",
  )
}

function hasOtherServer(store: Store, than: NodeRecord): boolean {
  return otherMembers(store, than).some((node) => node.role === "server")
}

/** Removes all endpoints of a node that can have no new ones. */
export async function withdrawEndpoints({ store, decisions }: RegistryContext, nodeId: string): Promise<void> {
  const page = () => {
    const { entries, more } = store.range(keys.nodeEndpointsPrefix(nodeId), { limit: ENDPOINTS_PER_CALL_MAX })
    return { endpoints: entries.map((entry) => endpointRecord(store, decode<string>(entry))), more }
  }
  for (let more = true; more; ) {
    const about = [...new Set(page().endpoints.map((endpoint) => aboutNetwork(endpoint.networkId)))]
    const decided = await decisions.run([ABOUT_NODES, ...about], () => {
      const { endpoints, more: further } = page()
      return { ...removal(store, endpoints), result: further }
    })
    more = decided.result
  }
}

function decideForgetting(store: Store, id: string): Decision<null> {
  const { value: node, modRevision } = readVersioned<NodeRecord>(store, keys.nodeKey(id))
  if (!node) return { compare: [], operations: [], result: null }
  const operations = [remove(keys.nodeKey(id))]
  if (read<string>(store, keys.nodeNameKey(node.name)) === id) operations.push(remove(keys.nodeNameKey(node.name)))
  return { compare: [{ key: keys.nodeKey(id), modRevision }], operations, result: null }
}

/** `known` are the names that may have been meant. */
export function nodeNotFound(reference: string, known: Iterable<string> = []): OvlError {
  return new OvlError("node_not_found", `node ${reference}: not found`, {
    kind: "not_found",
    hint: nameHint(reference, known, "ovl node ls"),
  })
}

export function notMember(name: string): OvlError {
  return new OvlError("not_member", `node ${name}: no member of the cluster any more`, {
    kind: "forbidden",
    hint: "remove it with ovl node rm, empty its data directory with ovl down --all, and join again",
  })
}
