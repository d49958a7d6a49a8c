/**
 * Carries operations out. Consecutive ones of one namespace travel as one netlink batch: ten thousand rows are a few
 * sends, an attach is a handful. The order is kept, so a plan may rely on it. What went wrong is told by operation, and
 * a plan that must be done wholly or not at all is undone in reverse.
 */
import { OvlError } from "../base/errors.ts"
import { NETLINK_SEND_MAX_REQUESTS, NETLINK_SENDS_TOGETHER_MAX } from "../base/limits.ts"
import { isErrno } from "../linux/errno.ts"
import { createPinnedNamespace, deleteNamespace, ensureNamespaceDirectory, isNamespace } from "../linux/namespaces.ts"
import type { SpareNamespace } from "../linux/spare-namespace.ts"
import { NETNS_DIRECTORY } from "../model/dataplane.ts"
import { type Operation, undoOperation } from "../model/operation.ts"
import { type Batch, link, type NetlinkError, type NetlinkSocket } from "../netlink/index.ts"
import { ABSENT_ERRORS, isDeletion, type NetlinkOperation, needsIndexOf, request } from "./apply-requests.ts"
import { type Failure, refused, summary } from "./errors.ts"
import { deleteTogether } from "./link-group.ts"
import type { NamespaceSockets, OpenNamespace } from "./namespace-sockets.ts"
import type { ApplyMode } from "./port.ts"
import type { Remembered } from "./remembered.ts"
import { restoreSysctls, writeSysctl } from "./sysctl.ts"
import { addVxlan } from "./vxlan.ts"

/** One plan on its way. */
export class Application {
  /** Operations that changed something, in order: what is to be undone. */
  private readonly done: Operation[] = []
  private readonly failures: Failure[] = []

  constructor(
    private readonly sockets: NamespaceSockets,
    private readonly remembered: Remembered,
    private readonly mode: ApplyMode,
    private readonly spare: SpareNamespace,
  ) {}

  /** Throws the first refusal, once nothing more can be done. */
  run(operations: readonly Operation[]): void {
    let next = 0
    while (next < operations.length && !this.mustStop()) {
      const doomed = deletionsOfSeveral(operations, next)
      if (doomed.length > 0) {
        this.deleteOfSeveral(doomed)
        next += doomed.length
        continue
      }
      const end = endOfRun(operations, next)
      if (end === next) this.runSingle(operations[next++]!)
      else {
        this.runBatch(operations.slice(next, end) as NetlinkOperation[])
        next = end
      }
    }
    this.awaitCarriers()
    if (this.failures.length === 0) return
    if (this.mode === "all-or-nothing") this.undo()
    throw summary(this.failures)
  }

  /**
   * A port forwards once the kernel has seen its carrier, and that work waits for a turn of its own, which on a busy
   * machine comes after our answer: the first packet would be lost. Asking for the link makes the kernel see to it at
   * once (linkwatch_sync_dev in rtnl_getlink, from Linux 6.8 on).
   */
  private awaitCarriers(): void {
    for (const operation of this.done) {
      if (operation.op !== "veth-add") continue
      this.sockets.with(operation.ns, ({ socket }) => link.get(socket, operation.index))
    }
  }

  private mustStop(): boolean {
    return this.mode === "all-or-nothing" && this.failures.length > 0
  }

  private fail(operation: Operation, thrown: unknown): void {
    this.failures.push({ operation, error: refused(operation, thrown) })
  }

  /** As far as it goes: a step whose object is gone already is undone. */
  private undo(): void {
    const back = this.done.toReversed().flatMap((operation) => undoOperation(operation) ?? [])
    try {
      new Application(this.sockets, this.remembered, "best-effort", this.spare).run(back)
    } catch (error) {
      const first = this.failures[0]!
      const message = `${first.error.message}; undoing it failed too: ${(error as Error).message}`
      const { code, kind, hint } = first.error
      first.error = new OvlError(code, message, { kind, hint, cause: error })
    }
  }

  private runSingle(operation: Operation): void {
    try {
      switch (operation.op) {
        case "netns-add":
          this.addNamespace(operation.ns)
          break
        case "netns-del":
          this.sockets.forget(operation.ns)
          deleteNamespace(operation.ns)
          break
        case "sysctl":
          writeSysctl(operation.ns, operation.key, operation.value, operation.remember ? this.remembered : null)
          break
        case "sysctl-restore":
          restoreSysctls(this.remembered)
          break
        case "vxlan-add":
          addVxlan(this.sockets, operation)
          break
      }
      this.done.push(operation)
    } catch (error) {
      this.fail(operation, error)
    }
  }

  private addNamespace(path: string): void {
    if (ensureNamespaceDirectory(NETNS_DIRECTORY)) {
      this.remembered.change((facts) => {
        facts.netnsDirectory = true
      })
    }
    try {
      if (!this.spare.pin(path)) createPinnedNamespace(path)
    } catch (error) {
      // A file to which nothing was ever pinned is what an interruption leaves.
      if (!isErrno(error, "EEXIST") || isNamespace(path)) throw error
      deleteNamespace(path)
      createPinnedNamespace(path)
    }
  }

  private runBatch(operations: NetlinkOperation[]): void {
    const { ns } = operations[0]!
    const peers = new Set<string>()
    for (const operation of operations) if (operation.op === "veth-add") peers.add(operation.peer.ns)
    const ran = this.sockets.with(ns, (open) =>
      withAll(this.sockets, [...peers], (fds) => this.runIn(open, operations, fds)),
    )
    if (ran !== null) return
    for (const operation of operations) {
      if (isDeletion(operation)) this.done.push(operation)
      else {
        this.fail(operation, new OvlError("netns_not_found", `${ns}: no such namespace`, { kind: "not_found" }))
        if (this.mustStop()) return
      }
    }
  }

  /** Links of several namespaces, so many of these at the same time. A namespace that is gone has none. */
  private deleteOfSeveral(doomed: readonly LinkDeletion[]): void {
    const byNamespace = [...Map.groupBy(doomed, ({ ns }) => ns)]
    for (let start = 0; start < byNamespace.length; start += NETLINK_SENDS_TOGETHER_MAX)
      this.deleteAtOnce(byNamespace.slice(start, start + NETLINK_SENDS_TOGETHER_MAX))
  }

  private deleteAtOnce(namespaces: readonly [string, LinkDeletion[]][], opened: readonly Doomed[] = []): void {
    const [first, ...rest] = namespaces
    if (first === undefined) return this.deleteOpened(opened)
    const [ns, links] = first
    const ran = this.sockets.with(ns, ({ socket }) => {
      this.deleteAtOnce(rest, [...opened, { socket, links }])
      return true
    })
    if (ran !== null) return
    this.done.push(...links)
    this.deleteAtOnce(rest, opened)
  }

  /** Which link of a namespace was refused is not told: then none of them counts as deleted. */
  private deleteOpened(doomed: readonly Doomed[]): void {
    const refusals = deleteTogether(
      doomed.map(({ socket, links }) => ({ socket, names: links.map((one) => one.name) })),
    )
    for (const [place, { links }] of doomed.entries()) {
      const refusal = refusals[place]
      if (!refusal) this.done.push(...links)
      else for (const link of links) this.fail(link, refusal)
    }
  }

  /** `fds`: descriptors of the namespaces in which far ends are placed, -1 for one that is not there. */
  private runIn(open: OpenNamespace, operations: NetlinkOperation[], fds: ReadonlyMap<string, number>): true {
    const sending = new Sending(open.socket, fds)
    for (let i = 0; i < operations.length; i++) {
      const operation = operations[i]!
      const doomed = operation.op === "link-del" ? runOfDeletions(operations, i) : NONE
      if (doomed.length > 1) {
        this.settle(sending)
        this.deleteOpened([{ socket: open.socket, links: doomed }])
        sending.forget(doomed)
        if (this.mustStop()) break
        i += doomed.length - 1
        continue
      }
      if (!sending.isReadyFor(operation)) this.settle(sending)
      if (this.mustStop()) break
      const missing = sending.push(operation)
      if (missing === null) continue
      this.settle(sending)
      if (!isDeletion(operation)) this.fail(operation, missing)
      if (this.mustStop()) break
    }
    this.settle(sending)
    return true
  }

  /** Sends what is collected and books each operation as done or failed. */
  private settle(sending: Sending): void {
    const { done, failures } = sending.flush()
    this.done.push(...done)
    for (const { operation, error } of failures) this.fail(operation, error)
  }
}

/** One past the last operation that may share a batch with the one at `start`; `start` itself where none may. */
function endOfRun(operations: readonly Operation[], start: number): number {
  const { ns } = operations[start]!
  let end = start
  while (end < operations.length && operations[end]!.ns === ns && isNetlink(operations[end]!)) {
    if (end > start && deletionsOfSeveral(operations, end).length > 0) break
    end++
  }
  return end
}

/** The deletions of links that begin at `start`, where they are of more than one namespace. */
function deletionsOfSeveral(operations: readonly Operation[], start: number): readonly LinkDeletion[] {
  if (operations[start]!.op !== "link-del" || operations[start - 1]?.op === "link-del") return NONE
  const run: LinkDeletion[] = []
  for (let i = start; operations[i]?.op === "link-del"; i++) run.push(operations[i] as LinkDeletion)
  return run.some(({ ns }) => ns !== run[0]!.ns) ? run : NONE
}

type LinkDeletion = Extract<Operation, { op: "link-del" }>
/** Links of one namespace, and the socket in it. */
interface Doomed {
  socket: NetlinkSocket
  links: readonly LinkDeletion[]
}
const NONE: readonly LinkDeletion[] = []

/** The deletions of links that follow each other from `start`. */
function runOfDeletions(operations: readonly NetlinkOperation[], start: number): LinkDeletion[] {
  const run: LinkDeletion[] = []
  for (let i = start; operations[i]?.op === "link-del"; i++) run.push(operations[i] as LinkDeletion)
  return run
}

function isNetlink(operation: Operation): operation is NetlinkOperation {
  switch (operation.op) {
    case "netns-add":
    case "netns-del":
    case "sysctl":
    case "sysctl-restore":
    case "vxlan-add":
      return false
    default:
      return true
  }
}

/** Opens several namespaces at once; one that is not there has the descriptor -1. */
function withAll<T>(
  sockets: NamespaceSockets,
  paths: readonly string[],
  use: (fds: ReadonlyMap<string, number>) => T,
  opened: Map<string, number> = new Map(),
): T {
  const [first, ...rest] = paths
  if (first === undefined) return use(opened)
  const result = sockets.with(first, ({ fd }) => ({
    value: withAll(sockets, rest, use, new Map(opened).set(first, fd)),
  }))
  return result === null ? withAll(sockets, rest, use, new Map(opened).set(first, -1)) : result.value
}

/** A batch being filled, with the indexes of the devices that its requests name. */
class Sending {
  private readonly batch: Batch
  /** Whose request the n-th of the batch is. */
  private readonly owners: NetlinkOperation[] = []
  private readonly indexes = new Map<string, number | null>()
  /** Devices that waiting requests make or rename: their index is not known before those are sent. */
  private readonly pending = new Set<string>()

  constructor(
    private readonly socket: NetlinkSocket,
    private readonly fds: ReadonlyMap<string, number>,
  ) {
    this.batch = socket.batch()
  }

  /** False if what waits must be sent before this operation can be put into numbers. */
  isReadyFor(operation: NetlinkOperation): boolean {
    if (this.batch.length > REQUESTS_PER_BATCH_MAX) return false
    if (this.pending.size === 0) return true
    const name = needsIndexOf(operation)
    return name === null || !this.pending.has(name)
  }

  private readonly descriptorOf = (ns: string): number => this.fds.get(ns) ?? -1

  private indexOf(name: string): number | null {
    let index = this.indexes.get(name)
    if (index === undefined) {
      index = link.indexOf(this.socket, name)
      this.indexes.set(name, index)
    }
    return index
  }

  /** They were deleted past this batch. */
  forget(deleted: readonly LinkDeletion[]): void {
    for (const { name } of deleted) this.indexes.delete(name)
  }

  /** Puts it into the batch; or says what it names that is not there. */
  push(operation: NetlinkOperation): OvlError | null {
    if (operation.op === "veth-add" && this.fds.get(operation.peer.ns) === -1) {
      const why = `${operation.peer.ns}: no such namespace`
      return new OvlError("netns_not_found", why, { kind: "not_found" })
    }
    const name = needsIndexOf(operation)
    const index = name === null ? 0 : this.indexOf(name)
    if (index === null) return new OvlError("device_not_found", `${name}: no such device`, { kind: "not_found" })
    const before = this.batch.length
    request(this.batch, operation, index, this.descriptorOf)
    for (let i = before; i < this.batch.length; i++) this.owners.push(operation)
    // Our end of a pair has the index that we chose: what follows need not wait to ask for it.
    if (operation.op === "veth-add") this.indexes.set(operation.name, operation.index)
    else if (CHANGES_INDEXES.has(operation.op) && "name" in operation) this.pending.add(operation.name)
    return null
  }

  flush(): { done: NetlinkOperation[]; failures: { operation: NetlinkOperation; error: NetlinkError }[] } {
    const { failures } = this.batch.send()
    if (failures.length === 0) {
      // The requests of one operation follow each other.
      const done = this.owners.filter((operation, place) => operation !== this.owners[place - 1])
      this.clear()
      return { done, failures: [] }
    }
    const refusedOnes = new Map<NetlinkOperation, NetlinkError>()
    for (const failure of failures) {
      const owner = this.owners[failure.index]!
      const absent = isDeletion(owner) && ABSENT_ERRORS.includes(failure.errnoName)
      if (!absent && !refusedOnes.has(owner)) refusedOnes.set(owner, failure)
    }
    // One whose first request was taken has made its object, even if a later one of its requests was refused.
    const made = (operation: NetlinkOperation) => {
      const failure = refusedOnes.get(operation)
      return failure === undefined || this.owners.indexOf(operation) !== failure.index
    }
    const result = {
      done: [...new Set(this.owners.filter(made))],
      failures: [...refusedOnes].map(([operation, error]) => ({ operation, error })),
    }
    this.clear()
    for (const [operation] of refusedOnes) if (operation.op === "veth-add") this.indexes.delete(operation.name)
    return result
  }

  private clear(): void {
    this.owners.length = 0
    for (const name of this.pending) this.indexes.delete(name)
    this.pending.clear()
  }
}

const CHANGES_INDEXES: ReadonlySet<string> = new Set(["bridge-add", "link-del"])
/** The most that one operation is put into. */
const REQUESTS_PER_OPERATION_MAX = 4
/**
 * No more than one send takes: the kernel carries out a send as a whole, even for a process that is killed meanwhile, so
 * no link is ever left without the mark that is set by the request behind the one that made it.
 */
const REQUESTS_PER_BATCH_MAX = NETLINK_SEND_MAX_REQUESTS - REQUESTS_PER_OPERATION_MAX
