/**
 * The store of a server that may not be the leader: reads, watches and waits are its own, writes are carried out at the
 * leader, by the calls `store/...`, and then waited for here, so that whoever wrote reads what he wrote. Whether this
 * member leads makes no difference to the caller.
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { FORWARD_READ_BACK_MS, FORWARD_TIMEOUT_MS } from "../base/limits.ts"
import type { PeerConnection } from "../transport/port.ts"
import { grantCommand, kvCommand, openCommand, transactionCommand } from "./command.ts"
import { decodeKvResult, decodeTransactionResult, encodeKv, encodeTransaction } from "./forwarding-codec.ts"
import { type Answered, type SmallMethod, STORE_METHODS } from "./forwarding-methods.ts"
import type { LeaderLink } from "./forwarding-port.ts"
import { sendSnapshot } from "./forwarding-restore.ts"
import { LeaderRoute } from "./forwarding-route.ts"
import type {
  Entry,
  KeyNames,
  KvOptions,
  KvResult,
  KvVerb,
  Lease,
  Range,
  Session,
  SessionSpec,
  SnapshotExport,
  SnapshotInfo,
  SnapshotScope,
  Store,
  StoreStatus,
  Transaction,
  TransactionResult,
  View,
  Wait,
  WaitTarget,
  Watch,
  WatchBatch,
} from "./port.ts"
import { refused, withoutKey } from "./reads.ts"
import type { Replication } from "./replication.ts"
import { onlyReads } from "./verbs.ts"

export interface ForwardingStoreOptions {
  /** This member's own store: what it proposes while another one leads, it rejects with `not_leader`. */
  local: Store
  replication: Replication
  leader: LeaderLink
  clock: Clock
}

/**
 * Errors besides the port's, all of kind unavailable: `no_leader` where nobody leads for LEADER_WAIT_MS, and nothing was
 * done; `outcome_unknown` where the leader was lost while it was at it.
 */
export function forwardingStore(options: ForwardingStoreOptions): Store {
  return new ForwardingStore(options)
}

const WRITE = "write to the store"

class ForwardingStore implements Store {
  readonly #local: Store
  readonly #route: LeaderRoute

  constructor({ local, replication, leader, clock }: ForwardingStoreOptions) {
    this.#local = local
    this.#route = new LeaderRoute({ leads: () => local.status().leader, replication, leader, clock })
  }

  get revision(): number {
    return this.#local.revision
  }

  get(key: string): Entry | undefined {
    return this.#local.get(key)
  }

  range(prefix: string, options?: { after?: string; limit?: number }): Range {
    return this.#local.range(prefix, options)
  }

  keys(prefix: string, separator: string, options?: { after?: string; limit?: number }): KeyNames {
    return this.#local.keys(prefix, separator, options)
  }

  lastChange(prefix: string): number {
    return this.#local.lastChange(prefix)
  }

  session(id: string): Session | undefined {
    return this.#local.session(id)
  }

  sessions(): Session[] {
    return this.#local.sessions()
  }

  lastSessionChange(): number {
    return this.#local.lastSessionChange()
  }

  read(verbs: KvVerb[], options?: KvOptions): KvResult {
    return this.#local.read(verbs, options)
  }

  status(): StoreStatus {
    return this.#local.status()
  }

  barrier(): Promise<void> {
    return this.#local.barrier()
  }

  reached(revision: number, timeoutMs: number): Promise<boolean> {
    return this.#local.reached(revision, timeoutMs)
  }

  view(): View {
    return this.#local.view()
  }

  watch(
    prefix: string,
    fromRevision: number,
    onBatch: (batch: WatchBatch) => void,
    onEnd: (error: OvlError) => void,
  ): Watch {
    return this.#local.watch(prefix, fromRevision, onBatch, onEnd)
  }

  waitFor(target: WaitTarget, wake: () => void): Wait {
    return this.#local.waitFor(target, wake)
  }

  leases(): Lease[] {
    return this.#local.leases()
  }

  exportSnapshot(scope: SnapshotScope): SnapshotExport {
    return this.#local.exportSnapshot(scope)
  }

  async transact(transaction: Transaction): Promise<TransactionResult> {
    const proposal = transactionCommand(transaction, 0)
    let bytes: Uint8Array | undefined
    const result = await this.#route.run({
      what: WRITE,
      again: transaction.operations.length === 0,
      here: () => this.#local.transact(transaction),
      there: async (connection) => {
        bytes ??= encodeTransaction(proposal)
        return decodeTransactionResult(await call(connection, STORE_METHODS.transact, bytes))
      },
    })
    await this.#readBack(result.revision)
    return result
  }

  async kv(verbs: KvVerb[], options: KvOptions = {}): Promise<KvResult> {
    const empty = withoutKey(verbs, options.root ?? "")
    if (empty.length > 0) return refused(empty, this.revision, options.root ?? "")
    const proposal = kvCommand(verbs, 0)
    let bytes: Uint8Array | undefined
    const result = await this.#route.run({
      what: WRITE,
      again: verbs.every(onlyReads),
      here: () => this.#local.kv(verbs, options),
      there: async (connection) => {
        bytes ??= encodeKv(proposal, options)
        return decodeKvResult(await call(connection, STORE_METHODS.kv, bytes))
      },
    })
    await this.#readBack(result.revision)
    return result
  }

  async grantLease(id: string, ttlMs: number): Promise<Lease> {
    grantCommand(id, ttlMs, 0)
    return this.#small("grantLease", { id, ttlMs }, () => this.#local.grantLease(id, ttlMs))
  }

  renewLease(id: string): Promise<Lease> {
    return this.#small("renewLease", { id }, () => this.#local.renewLease(id))
  }

  async revokeLease(id: string): Promise<void> {
    await this.#small("revokeLease", { id }, () => this.#local.revokeLease(id).then(() => null))
  }

  /** Ids are never used twice, so that one that is there at the second try is the one that the first try made. */
  async createSession(spec: SessionSpec): Promise<Session> {
    openCommand(spec, 0)
    return this.#small(
      "createSession",
      spec,
      () => this.#local.createSession(spec),
      async (error) => {
        if (error.code !== "session_exists") return undefined
        await this.#local.barrier()
        return this.#local.session(spec.id)
      },
    )
  }

  async destroySession(id: string): Promise<void> {
    if (id !== "") await this.#small("destroySession", { id }, () => this.#local.destroySession(id).then(() => null))
  }

  renewSession(id: string): Promise<Session> {
    return this.#small("renewSession", { id }, () => this.#local.renewSession(id))
  }

  invalidateNode(node: string): Promise<number> {
    return this.#small("invalidateNode", { node }, () => this.#local.invalidateNode(node))
  }

  importSnapshot(chunks: AsyncIterable<Uint8Array>, scope: SnapshotScope): Promise<SnapshotInfo> {
    if (this.#local.status().leader) return this.#local.importSnapshot(chunks, scope)
    return sendSnapshot(this.#route, chunks, scope).then(async ({ value, revision }) => {
      await this.#readBack(revision)
      return value
    })
  }

  async close(): Promise<void> {
    this.#route.close()
    await this.#local.close()
  }

  /** A call that may be made again: about one lease or session, by its id. `made` finds what an earlier try has done. */
  async #small<T>(
    method: SmallMethod,
    params: unknown,
    here: () => Promise<T>,
    made: (error: OvlError) => Promise<T | undefined> = async () => undefined,
  ): Promise<T> {
    const unlessMade = async (doubt: boolean, attempt: Promise<Answered<T>>): Promise<Answered<T>> => {
      try {
        return await attempt
      } catch (error) {
        const value = doubt && error instanceof OvlError ? await made(error) : undefined
        if (value === undefined) throw error
        return { value, revision: this.revision }
      }
    }
    const { value, revision } = await this.#route.run<Answered<T>>({
      what: WRITE,
      again: true,
      here: (doubt) =>
        unlessMade(
          doubt,
          here().then((value) => ({ value, revision: this.revision })),
        ),
      there: (connection, doubt) =>
        unlessMade(doubt, call(connection, STORE_METHODS[method], params) as Promise<Answered<T>>),
    })
    await this.#readBack(revision)
    return value
  }

  /** Until it shows here. Where that takes too long - this member was cut off - it was done all the same. */
  async #readBack(revision: number): Promise<void> {
    if (revision > this.#local.revision) await this.#local.reached(revision, FORWARD_READ_BACK_MS)
  }
}

async function call(connection: PeerConnection, method: string, params: unknown): Promise<unknown> {
  try {
    return await connection.call(method, params, { timeoutMs: FORWARD_TIMEOUT_MS })
  } catch (error) {
    if (!(error instanceof OvlError) || error.code !== "peer_busy") throw error
    throw new OvlError("store_busy", "write to the store: too many writes are on their way to the leader", {
      kind: "unavailable",
      hint: "try again in a moment",
      cause: error,
    })
  }
}
