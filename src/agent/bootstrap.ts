/**
 * How a node comes to its identity: from its data directory, else as the first server of a new cluster (`serve`), else
 * from a server that lets it in (`join`). Nothing is written before all of it has worked.
 */
import { existsSync, rmSync } from "node:fs"
import { isIPv6 } from "node:net"
import { join } from "node:path"
import { assert } from "../base/assert.ts"
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { NODE_CERTIFICATE_DAYS, PEER_PORT } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { type Random, randomHex } from "../base/random.ts"
import { checkName, foldName } from "../model/names.ts"
import type { NodeRecord } from "../model/node.ts"
import { createClusterIfNew } from "../registry/bootstrap.ts"
import { recordsBelow } from "../registry/codec.ts"
import { NODES_PREFIX } from "../registry/keys.ts"
import type { JoinAnswer, JoinRequest } from "../registry/port.ts"
import { type EmbeddedStore, openEmbeddedStore } from "../store/embedded.ts"
import { formatAddress } from "../transport/address.ts"
import { requestJoin } from "../transport/join.ts"
import { type Identity, loadIdentity, saveIdentity } from "./identity.ts"

export interface BootstrapOptions {
  mode: "serve" | "join"
  dataDir: string
  /** As given; null: the host's name for a new node, the known one for an old. */
  name: string | null
  defaultName: () => string
  address: string
  peerPort: number
  kvPrefix: string
  servers: string[]
  /** Whether a new node that joins is to keep the store. */
  server: boolean
  token: string | null
  version: string
  underlayMtu: number
  bootId: string
  clock: Clock
  random: Random
  log: Log
}

export interface Bootstrapped {
  identity: Identity
  /** A server's store, open. */
  embedded: EmbeddedStore | null
}

/** Errors: identity_corrupt, name_differs, token_missing, those of the store, and of joining. */
export async function bootstrap(options: BootstrapOptions): Promise<Bootstrapped> {
  const known = loadIdentity(options.dataDir)
  if (known) return resume(options, known)
  return options.mode === "serve" ? begin(options) : enter(options)
}

async function resume(options: BootstrapOptions, identity: Identity): Promise<Bootstrapped> {
  if (options.name !== null && foldName(options.name) !== foldName(identity.name))
    throw new OvlError(
      "name_differs",
      `cannot start as ${options.name}: the data directory is that of ${identity.name}`,
      {
        kind: "conflict",
        hint: `leave out --name, or give another --data-dir to a new node`,
      },
    )
  options.log.info("resuming", { node: identity.name, cluster: identity.clusterId })
  if (identity.role === "client") return { identity, embedded: null }
  if (!existsSync(join(options.dataDir, "store"))) throw storeMissing(options.dataDir)
  return { identity, embedded: await openStore(options, identity.nodeId, true) }
}

/**
 * The first server: a new cluster, with a certificate authority of its own. A start that was cut off after the cluster
 * was made and before this node had its identity is taken up again: the store knows the node, and signs it a new key.
 */
async function begin(options: BootstrapOptions): Promise<Bootstrapped> {
  const name = checkName(options.name ?? options.defaultName(), "node")
  const fresh = !existsSync(join(options.dataDir, "store"))
  const embedded = await openStore(options, randomHex(options.random, 64), false)
  const { store, replication } = embedded
  try {
    const { cluster, authority } = await createClusterIfNew(store, {
      clock: options.clock,
      random: options.random,
      kvPrefix: options.kvPrefix,
      self: {
        id: replication.status().self,
        name,
        address: options.address,
        peerAddress: formatAddress({ host: options.address, port: options.peerPort }),
        version: options.version,
        underlayMtu: options.underlayMtu,
        bootId: options.bootId,
      },
    })
    const self = [...recordsBelow<NodeRecord>(store, NODES_PREFIX)].find((node) => node.role === "server")
    assert(self, "a cluster has a server from its first commit on")
    const { createKeyAndRequest, signRequest } = await import("../transport/certificates.ts")
    const request = await createKeyAndRequest({ nodeId: self.id, name: self.name })
    const subject = { nodeId: self.id, name: self.name, role: self.role, days: NODE_CERTIFICATE_DAYS }
    const identity: Identity = {
      format: 1,
      nodeId: self.id,
      name: self.name,
      role: "server",
      clusterId: cluster.id,
      recoveryEpoch: cluster.recoveryEpoch,
      kvPrefix: cluster.kvPrefix,
      address: options.address,
      servers: [formatAddress({ host: options.address, port: options.peerPort })],
      certPem: await signRequest(authority, request.csrPem, subject),
      keyPem: request.keyPem,
      caPem: authority.certPem,
    }
    saveIdentity(options.dataDir, identity)
    return { identity, embedded }
  } catch (error) {
    await store.close()
    // A store that this start made, and that has no node, is of use to nobody.
    if (fresh) rmSync(join(options.dataDir, "store"), { recursive: true, force: true })
    throw error
  }
}

/** A further node: shows its token to a server, which signs its key. */
async function enter(options: BootstrapOptions): Promise<Bootstrapped> {
  if (options.token === null)
    throw new OvlError("token_missing", "cannot join: no token was given", {
      kind: "usage",
      hint: "make one on a server with `ovl token create`, and give it with --token, --token-file or OVL_TOKEN",
    })
  const { createKeyAndRequest } = await import("../transport/certificates.ts")
  const name = options.name ?? options.defaultName()
  const key = await createKeyAndRequest({ nodeId: randomHex(options.random, 64), name })
  const request: Omit<JoinRequest, "token"> = {
    csrPem: key.csrPem,
    name,
    address: options.address,
    role: options.server ? "server" : "client",
    peerPort: options.server ? options.peerPort : undefined,
    version: options.version,
    underlayMtu: options.underlayMtu,
    bootId: options.bootId,
  }
  const answer = (await requestJoin({
    servers: options.servers.map(withPeerPort),
    token: options.token,
    request: { ...request },
    clock: options.clock,
  })) as JoinAnswer
  const identity: Identity = {
    format: 1,
    nodeId: answer.node.id,
    name: answer.node.name,
    role: answer.node.role,
    clusterId: answer.clusterId,
    recoveryEpoch: answer.recoveryEpoch,
    kvPrefix: answer.kvPrefix,
    address: options.address,
    servers: [...new Set([...answer.servers, ...options.servers.map(withPeerPort)])],
    certPem: answer.certPem,
    keyPem: key.keyPem,
    caPem: answer.caPem,
  }
  if (!options.server) {
    saveIdentity(options.dataDir, identity)
    return { identity, embedded: null }
  }
  // The store first: a server with an identity and without a store would have lost what it voted for.
  const embedded = await openStore(options, identity.nodeId, true)
  try {
    saveIdentity(options.dataDir, identity)
    return { identity, embedded }
  } catch (error) {
    await embedded.store.close()
    throw error
  }
}

/** A server that was named without a port listens where servers do unless told otherwise. */
export function withPeerPort(server: string): string {
  return !isIPv6(server) && /:\d+$/.test(server) ? server : formatAddress({ host: server, port: PEER_PORT })
}

/** `joined`: it is, or is to be, one of several; a leader gives it what it has not. */
function openStore(options: BootstrapOptions, self: string, joined: boolean): Promise<EmbeddedStore> {
  const { dataDir: dir, clock, random, log } = options
  return openEmbeddedStore({ dir, self, joined, clock, random, log })
}

/** A server that has forgotten what it voted for may vote twice: it may not come back under its old name. */
function storeMissing(dataDir: string): OvlError {
  return new OvlError("store_missing", `cannot start: ${dataDir} is a server's, but its store is gone`, {
    hint: "remove the node on another server with `ovl node rm`, empty the data directory and join again",
  })
}
