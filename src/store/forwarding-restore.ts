/**
 * A snapshot on its way from the server that was given it to the leader, which alone can restore it: in pieces, each
 * acknowledged when the leader has taken it, so that neither side holds more than one. Until the last call nothing has
 * changed anywhere; a change of the lead meanwhile ends it so, as the file is read only once.
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import {
  FORWARD_PIECE_BYTES,
  FORWARD_RESTORE_IDLE_MS,
  FORWARD_RESTORE_TIMEOUT_MS,
  FORWARD_RESTORES_MAX,
} from "../base/limits.ts"
import type { PeerConnection } from "../transport/port.ts"
import { type Answered, STORE_METHODS } from "./forwarding-methods.ts"
import { type LeaderRoute, outcomeUnknown } from "./forwarding-route.ts"
import type { SnapshotInfo, SnapshotScope, Store } from "./port.ts"

/** The sending side. Rejects as `importSnapshot`, with `leader_changed`, and with `outcome_unknown` at its very end. */
export async function sendSnapshot(
  route: LeaderRoute,
  chunks: AsyncIterable<Uint8Array>,
  scope: SnapshotScope,
): Promise<Answered<SnapshotInfo>> {
  const id = crypto.randomUUID()
  const connection = await begin(route, { id, scope })
  const leader = connection.remote.identity.nodeId
  let ending = false
  try {
    for await (const bytes of pieces(chunks))
      await route.watched(leader, connection.call(STORE_METHODS.restorePiece, { id, bytes }, TAKING))
    ending = true
    const answer = connection.call(STORE_METHODS.restoreEnd, { id }, TAKING)
    return (await route.watched(leader, answer)) as Answered<SnapshotInfo>
  } catch (thrown) {
    if (!ending) await connection.call(STORE_METHODS.restoreAbort, { id }).catch(() => {})
    if (thrown instanceof OvlError && thrown.code === "not_leader") throw leaderChanged(thrown)
    if (!(thrown instanceof OvlError && LOST.has(thrown.code))) throw thrown
    throw ending ? outcomeUnknown("restore", thrown) : leaderChanged(thrown)
  }
}

const TAKING = { timeoutMs: FORWARD_RESTORE_TIMEOUT_MS }
const LOST = new Set(["peer_closed", "peer_timeout", "leader_lost"])

function begin(route: LeaderRoute, params: { id: string; scope: SnapshotScope }): Promise<PeerConnection> {
  return route.run({
    what: "restore",
    again: true,
    here: () => Promise.reject(leaderChanged()),
    there: async (connection) => {
      await connection.call(STORE_METHODS.restoreBegin, params)
      return connection
    },
  })
}

/** Of about the same size, whatever the pieces were that the file came in. */
async function* pieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += FORWARD_PIECE_BYTES) {
      const part = chunk.subarray(at, at + FORWARD_PIECE_BYTES)
      held.push(part)
      length += part.length
      if (length < FORWARD_PIECE_BYTES) continue
      yield Buffer.concat(held)
      held = []
      length = 0
    }
  }
  if (length > 0) yield Buffer.concat(held)
}

function leaderChanged(cause?: unknown): OvlError {
  return new OvlError("leader_changed", "restore: another server leads now; nothing was changed", {
    kind: "unavailable",
    hint: "begin the restore again",
    cause,
  })
}

interface Receiving {
  file: IncomingFile
  done: Promise<SnapshotInfo>
}

/** The leader's side: what its peers are sending, each by its id. */
export class Restores {
  readonly #store: Store
  readonly #clock: Clock
  readonly #open = new Map<string, Receiving>()

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Throws `store_busy` (unavailable). */
  begin(key: string, scope: SnapshotScope): void {
    if (this.#open.has(key)) return
    if (this.#open.size >= FORWARD_RESTORES_MAX)
      throw new OvlError("store_busy", "restore: others are under way", { kind: "unavailable" })
    const file = new IncomingFile(this.#clock)
    const done = this.#store.importSnapshot(file.chunks(), scope)
    const receiving = { file, done }
    this.#open.set(key, receiving)
    done
      .finally(() => {
        file.close()
        // Who sends it has until then to learn what came of it.
        this.#clock.after(FORWARD_RESTORE_IDLE_MS, () => {
          if (this.#open.get(key) === receiving) this.#open.delete(key)
        })
      })
      .catch(() => {})
  }

  /** Resolves when it was taken. Rejects with what is wrong with the file, as soon as that is known. */
  async piece(key: string, bytes: Uint8Array): Promise<void> {
    const { file, done } = this.#get(key)
    await Promise.race([file.put(bytes), done])
  }

  async end(key: string): Promise<SnapshotInfo> {
    const { file, done } = this.#get(key)
    file.end()
    return done.finally(() => this.#open.delete(key))
  }

  /** Resolves when another one may begin. */
  async abort(key: string): Promise<void> {
    const receiving = this.#open.get(key)
    this.#open.delete(key)
    receiving?.file.fail(new OvlError("restore_aborted", "restore: whoever began it has given it up"))
    await receiving?.done.catch(() => {})
  }

  #get(key: string): Receiving {
    const receiving = this.#open.get(key)
    if (receiving) return receiving
    throw new OvlError("leader_changed", "restore: it was not begun here", { kind: "unavailable" })
  }
}

/** One piece at a time, from who brings it to who reads the file. */
class IncomingFile {
  readonly #clock: Clock
  #piece: Uint8Array | null = null
  #taken: (() => void) | null = null
  #more: (() => void) | null = null
  #over: { error: OvlError | null } | null = null
  #cancelIdle = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
    this.#stir()
  }

  put(bytes: Uint8Array): Promise<void> {
    this.#stir()
    this.#piece = bytes
    this.#more?.()
    return new Promise((resolve) => {
      this.#taken = resolve
    })
  }

  end(): void {
    this.#over ??= { error: null }
    this.#more?.()
  }

  fail(error: OvlError): void {
    this.#over ??= { error }
    this.#more?.()
  }

  /** Nobody reads any more. */
  close(): void {
    this.#cancelIdle()
    this.#over ??= { error: null }
    this.#taken?.()
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.#piece
      this.#piece = null
      if (piece) {
        this.#taken?.()
        yield piece
      } else if (this.#over) {
        if (this.#over.error) throw this.#over.error
        return
      } else
        await new Promise<void>((resolve) => {
          this.#more = resolve
        })
    }
  }

  #stir(): void {
    this.#cancelIdle()
    const idle = () => this.fail(new OvlError("restore_aborted", "restore: nothing more has come of the file"))
    this.#cancelIdle = this.#clock.after(FORWARD_RESTORE_IDLE_MS, idle)
  }
}
