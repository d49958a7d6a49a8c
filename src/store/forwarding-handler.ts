/**
 * What a server does for the others while it leads: the calls `store/...`, carried out on its own store. Only servers may
 * make them: they change any key there is.
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import type { CallContext } from "../transport/port.ts"
import { decodeKv, decodeTransaction, encodeKvResult, encodeTransactionResult, malformed } from "./forwarding-codec.ts"
import { PARAMS, STORE_METHODS } from "./forwarding-methods.ts"
import { Restores } from "./forwarding-restore.ts"
import type { SessionSpec, SnapshotScope, Store } from "./port.ts"

export interface StoreHandlerOptions {
  /** This member's own store, not one that forwards: nothing travels further than once. */
  local: Store
  /** Whether the node is a member of the cluster. */
  isMember: (nodeId: string) => boolean
  clock: Clock
}

export interface StoreHandler {
  /** Whether the call is one of these. */
  has(method: string): boolean
  /**
   * Errors: `forbidden` unless a server calls; `not_leader` (unavailable) where this member does not lead; `call_malformed`
   * (invalid); and the store's own.
   */
  call(method: string, params: unknown, context: CallContext): Promise<unknown>
}

type Handle = (params: unknown, peerId: string) => Promise<unknown>

export function storeHandler({ local, isMember, clock }: StoreHandlerOptions): StoreHandler {
  const handlers = handlersOf(local, new Restores(local, clock))
  return {
    has: (method) => handlers.has(method),
    call: async (method, params, { peer }) => {
      if (peer?.role !== "server" || !isMember(peer.nodeId)) throw forbidden(peer?.name ?? "a stranger")
      if (!local.status().leader) throw notLeader()
      const handle = handlers.get(method)
      if (!handle) throw malformed(`there is no ${method}`)
      return handle(params, peer.nodeId)
    },
  }
}

function handlersOf(local: Store, restores: Restores): Map<string, Handle> {
  const small = <T>(method: keyof typeof PARAMS, act: (params: T, peerId: string) => Promise<unknown> | unknown) => {
    const handle: Handle = async (params, peerId) => {
      const parsed = PARAMS[method].safeParse(params)
      if (!parsed.success) throw malformed(parsed.error.issues[0]?.message ?? "malformed")
      const value = (await act(parsed.data as T, peerId)) ?? null
      return { value, revision: local.revision }
    }
    return [method, handle] as const
  }
  const key = (peerId: string, id: string) => `${peerId}/${id}`
  const m = STORE_METHODS
  return new Map<string, Handle>([
    [m.transact, async (bytes) => encodeTransactionResult(await local.transact(decodeTransaction(bytes)))],
    [
      m.kv,
      async (bytes) => {
        const { verbs, options } = decodeKv(bytes)
        return encodeKvResult(await local.kv(verbs, options))
      },
    ],
    small<{ id: string; ttlMs: number }>(m.grantLease, ({ id, ttlMs }) => local.grantLease(id, ttlMs)),
    small<{ id: string }>(m.renewLease, ({ id }) => local.renewLease(id)),
    small<{ id: string }>(m.revokeLease, ({ id }) => local.revokeLease(id)),
    small<SessionSpec>(m.createSession, (spec) => local.createSession(spec)),
    small<{ id: string }>(m.destroySession, ({ id }) => local.destroySession(id)),
    small<{ id: string }>(m.renewSession, ({ id }) => local.renewSession(id)),
    small<{ node: string }>(m.invalidateNode, ({ node }) => local.invalidateNode(node)),
    small<{ id: string; scope: SnapshotScope }>(m.restoreBegin, ({ id, scope }, peerId) =>
      restores.begin(key(peerId, id), scope),
    ),
    small<{ id: string; bytes: Uint8Array }>(m.restorePiece, ({ id, bytes }, peerId) =>
      restores.piece(key(peerId, id), bytes),
    ),
    small<{ id: string }>(m.restoreEnd, ({ id }, peerId) => restores.end(key(peerId, id))),
    small<{ id: string }>(m.restoreAbort, ({ id }, peerId) => restores.abort(key(peerId, id))),
  ])
}

function notLeader(): OvlError {
  return new OvlError("not_leader", "write to the store: this server does not lead", {
    kind: "unavailable",
    hint: "ask the leader: ovl raft ls",
  })
}

function forbidden(who: string): OvlError {
  return new OvlError("forbidden", `node ${who}: only servers may write to the store`, { kind: "forbidden" })
}
