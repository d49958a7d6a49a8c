/**
 * Joining, the server's side: a valid token of the right role, a name and an address that no member has; then the node's
 * key is signed, and in one commit the node is a member and its token has one use less.
 */
import { createHash } from "node:crypto"
import { OvlError } from "../base/errors.ts"
import { MEMBER_ID_ATTEMPTS_MAX, NODE_CERTIFICATE_DAYS } from "../base/limits.ts"
import { randomHex } from "../base/random.ts"
import { checkName } from "../model/names.ts"
import { type NodeRecord, raftIdOf } from "../model/node.ts"
import type { Compare, Operation, Store } from "../store/port.ts"
import { formatAddress } from "../transport/address.ts"
import { signRequest } from "../transport/certificates.ts"
import { put, read, recordsBelow, remove } from "./codec.ts"
import { clusterRecord, type RegistryContext, timestamp } from "./context.ts"
import type { Decision } from "./decisions.ts"
import * as keys from "./keys.ts"
import { ABOUT_NODES, checkAddressFamily, checkAddressFree, checkNodeAddress, withdrawEndpoints } from "./nodes.ts"
import type { JoinAnswer, JoinRequest } from "./port.ts"
import { clusterAuthority, validToken } from "./tokens.ts"

/**
 * Errors: token_malformed, token_unknown, token_expired, token_role (all forbidden), name_invalid, name_taken,
 * address_invalid, address_taken, address_family, request_invalid (usage) for a server that does not say where it listens.
 */
export async function join(context: RegistryContext, request: JoinRequest): Promise<JoinAnswer> {
  const known = joinedBefore(context.store, request)
  if (known) return answer(context, known, await sign(context, request, known))
  checkToken(context, request)
  checkName(request.name, "node")
  checkNodeAddress(request.address)
  const node = newNode(context, request)
  checkFree(context.store, node)
  const certPem = await sign(context, request, node)
  const namesake = leftNamesake(context.store, node.name)
  if (namesake) await withdrawEndpoints(context, namesake.id)
  await context.decisions.run([ABOUT_NODES], () => decideJoin(context, request, node))
  context.log.info("node joined", { node: node.name, address: node.address })
  return answer(context, node, certPem)
}

/**
 * The node that this very request has made a member of already: the answer was lost on its way. Its key is in the request,
 * so that a certificate for it is of use to nobody else; the token may have been used up by it.
 */
function joinedBefore(store: Store, request: JoinRequest): NodeRecord | null {
  const owner = read<NodeRecord>(store, keys.nodeKey(read<string>(store, keys.nodeNameKey(request.name)) ?? ""))
  const same = owner?.state === "member" && owner.role === request.role && owner.address === request.address
  return same && owner.joinHash === joinHash(request) ? owner : null
}

function joinHash({ csrPem }: JoinRequest): string {
  return createHash("sha256").update(csrPem).digest("hex")
}

function sign({ store }: RegistryContext, request: JoinRequest, node: NodeRecord): Promise<string> {
  const subject = { nodeId: node.id, name: node.name, role: node.role, days: NODE_CERTIFICATE_DAYS }
  return signRequest(clusterAuthority(store), request.csrPem, subject)
}

function answer(context: RegistryContext, node: NodeRecord, certPem: string): JoinAnswer {
  const { certPem: caPem } = clusterAuthority(context.store)
  const { id: clusterId, kvPrefix, recoveryEpoch } = clusterRecord(context.store)
  // A new server does not ask itself.
  const servers = serverAddresses(context.store).filter((address) => address !== node.peerAddress)
  return { node, clusterId, recoveryEpoch, kvPrefix, certPem, caPem, servers }
}

function newNode(context: RegistryContext, request: JoinRequest): NodeRecord {
  return {
    id: newId(context),
    name: request.name,
    address: request.address,
    peerAddress: peerAddressOf(request),
    role: request.role,
    voter: false,
    state: "member",
    version: request.version,
    underlayMtu: request.underlayMtu,
    egressSubnet: null,
    bootId: request.bootId,
    joined: timestamp(context.clock),
    joinHash: joinHash(request),
  }
}

/** An id whose number in the consensus no server has, nor one that is known to have been removed. */
function newId({ random, store, replication }: RegistryContext): string {
  const members = replication.status().members.map(({ nodeId }) => nodeId)
  const nodes = [...recordsBelow<NodeRecord>(store, keys.NODES_PREFIX)].map(({ id }) => id)
  const taken = new Set([0, ...[...members, ...nodes].map(raftIdOf)])
  for (let tries = 0; tries < MEMBER_ID_ATTEMPTS_MAX; tries++) {
    const id = randomHex(random, 64)
    if (!taken.has(raftIdOf(id))) return id
  }
  throw new OvlError("ids_exhausted", "cannot join: no new id was found", { hint: "is the source of chance broken?" })
}

/** Where the other servers reach a new one. It becomes one of them once the leader has given it all that the store holds. */
function peerAddressOf({ role, address, peerPort }: JoinRequest): string | null {
  if (role === "client") return null
  if (peerPort) return formatAddress({ host: address, port: peerPort })
  throw new OvlError("request_invalid", "cannot join as a server: the request does not say where it listens", {
    kind: "usage",
    hint: "do both nodes run the same version?",
  })
}

function checkToken(context: RegistryContext, request: JoinRequest) {
  const valid = validToken(context, request.token)
  if (valid.token.role === request.role) return valid
  throw new OvlError("token_role", `token ${valid.token.id}: lets in a ${valid.token.role}, not a ${request.role}`, {
    kind: "forbidden",
    hint: `make one with ovl token create --role ${request.role}`,
  })
}

/** Errors: name_taken, address_taken, address_family. */
function checkFree(store: Store, node: NodeRecord): void {
  if (store.get(keys.nodeNameKey(node.name)) && !leftNamesake(store, node.name)) {
    throw new OvlError("name_taken", `node ${node.name}: the name is taken`, {
      kind: "conflict",
      hint: `choose another with --name; if that node is gone for good, remove it first: ovl node rm ${node.name}`,
    })
  }
  checkAddressFree(store, node.address)
  checkAddressFamily(store, node.address, node.id)
}

/** A node that has left keeps its record until its name is wanted again. */
function leftNamesake(store: Store, name: string): NodeRecord | null {
  const owner = read<NodeRecord>(store, keys.nodeKey(read<string>(store, keys.nodeNameKey(name)) ?? ""))
  return owner?.state === "left" ? owner : null
}

function decideJoin(context: RegistryContext, request: JoinRequest, node: NodeRecord): Decision<null> {
  const { store } = context
  const { token, modRevision } = checkToken(context, request)
  checkFree(store, node)
  const namesake = leftNamesake(store, node.name)
  const nameKey = keys.nodeNameKey(node.name)
  const compare: Compare[] = [
    { key: keys.tokenKey(token.id), modRevision },
    { key: nameKey, modRevision: store.get(nameKey)?.modRevision ?? 0 },
    { key: keys.nodeAddressKey(node.address), exists: false },
  ]
  const operations = nodeOperations(node)
  if (namesake) operations.push(remove(keys.nodeKey(namesake.id)))
  if (token.usesLeft === 1) operations.push(remove(keys.tokenKey(token.id)))
  else if (token.usesLeft !== null) {
    operations.push(put(keys.tokenKey(token.id), { ...token, usesLeft: token.usesLeft - 1 }))
  }
  return { compare, operations, result: null }
}

/** A new member's record and its place in the indexes. */
export function nodeOperations(node: NodeRecord): Operation[] {
  return [
    put(keys.nodeKey(node.id), node),
    put(keys.nodeNameKey(node.name), node.id),
    put(keys.nodeAddressKey(node.address), node.id),
  ]
}

/** `ADDR:PORT` of every server that is a member; first those that vote: the others may know nothing yet. */
export function serverAddresses(store: Store): string[] {
  const servers = [...recordsBelow<NodeRecord>(store, keys.NODES_PREFIX)].filter(
    (node) => node.role === "server" && node.state === "member",
  )
  servers.sort((a, b) => Number(b.voter) - Number(a.voter))
  return servers.map((node) => node.peerAddress).filter((address) => address !== null)
}
