/**
 * The workloads that `run` made on this node: a pinned network namespace each, on one or more networks, with a command
 * or none. A workload outlives the daemon; what the daemon must know of it stands in the run directory.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { Clock } from "../../base/clock.ts"
import { asOvlError, OvlError } from "../../base/errors.ts"
import { NAMESPACE_AHEAD_DELAY_MS, STOP_GRACE_MS, WORKLOAD_RETRY_MS } from "../../base/limits.ts"
import type { Log } from "../../base/log.ts"
import { nearest } from "../../base/nearest.ts"
import { type Random, randomHex } from "../../base/random.ts"
import type { Kernel } from "../../kernel/port.ts"
import { kill } from "../../linux/libc.ts"
import { pidAlive, processStartTime, watchExit } from "../../linux/process.ts"
import type { Catalog } from "../../model/catalog.ts"
import { NETNS_DIRECTORY } from "../../model/dataplane.ts"
import { foldName } from "../../model/names.ts"
import { parsePortMapping } from "../../model/port-mapping.ts"
import type { EnterSpec, RunSpec, WorkloadView } from "../../model/workload.ts"
import type { Place } from "../connections.ts"
import type { Endpoints } from "../endpoints.ts"
import type { EventBus } from "../events.ts"
import { rewriteInPlace } from "../files.ts"
import { hostsText, resolvConfText } from "./etc-files.ts"
import { isProcessIn, processesIn } from "../../linux/namespace-processes.ts"
import { deleteRecord, loadRecords, readExit, saveRecord, WorkloadPaths, type WorkloadRecord } from "./record.ts"
import { startSupervisor } from "./supervisor-start.ts"

const SIGTERM = 15
const SIGKILL = 9

export interface WorkloadManagerOptions {
  runDir: string
  nodeName: string
  kernel: Kernel
  endpoints: Endpoints
  catalog: Catalog
  /** The host's search domains. */
  searchDomains: () => readonly string[]
  events: EventBus
  clock: Clock
  random: Random
  log: Log
}

export class WorkloadManager {
  readonly #options: WorkloadManagerOptions
  readonly #records = new Map<string, WorkloadRecord>()
  /** Workloads whose end is being worked on: each ends once. */
  readonly #ending = new Map<string, Promise<void>>()
  readonly #cancels = new Set<() => void>()

  constructor(options: WorkloadManagerOptions) {
    this.#options = options
    for (const record of loadRecords(options.runDir)) this.#records.set(foldName(record.name), record)
  }

  /** After a start: workloads that ended, or lost their namespace, while no daemon ran are ended properly now. */
  async resume(): Promise<void> {
    for (const record of [...this.#records.values()]) {
      if (record.status === "exited") continue
      // The daemon ended between the making of the workload and the start of its command: nobody will start it now.
      const neverStarted = record.process === null && record.command.length > 0
      const over = neverStarted || !this.#isThere(record) || (record.process !== null && !isAlive(record))
      if (over) await this.#endUntold(record)
      else this.#watch(record)
    }
  }

  close(): void {
    for (const cancel of this.#cancels) cancel()
  }

  list(): WorkloadView[] {
    return [...this.#records.values()].map((record) => this.view(record))
  }

  view(record: WorkloadRecord): WorkloadView {
    return {
      id: record.id,
      name: record.name,
      node: this.#options.nodeName,
      pid: record.process?.pid ?? null,
      command: record.command,
      status: record.status,
      exitCode: record.exitCode,
      networks: record.networks.map((network) => network.name),
      ports: record.ports,
      created: record.created,
    }
  }

  /** Errors: name_taken (conflict), and what the making of its endpoints may throw. Nothing is left behind then. */
  async run(spec: RunSpec): Promise<{ workload: WorkloadView; enter: EnterSpec }> {
    if (!spec.detach && !spec.command?.length)
      throw new OvlError("command_missing", "cannot run: without -d a command is wanted", {
        kind: "usage",
        hint: "add `-- CMD...`, or -d to keep the workload open without one",
      })
    const record = this.#newRecord(spec)
    const folded = foldName(record.name)
    if (this.#records.has(folded) || this.#isThere(record))
      throw new OvlError("name_taken", `cannot run ${record.name}: this node has a workload of that name`, {
        kind: "conflict",
        hint: `choose another --name, or remove that one: \`ovl rm --force ${record.name}\``,
      })
    this.#records.set(folded, record)
    try {
      await this.#make(record, spec)
    } catch (error) {
      this.#records.delete(folded)
      this.#deleteNamespace(record)
      deleteRecord(this.#options.runDir, record.name)
      throw error
    }
    this.#watch(record)
    this.#prepareNext()
    this.#options.events.emit("workload_started", `workload ${record.name} started`, { workload: record.name })
    return { workload: this.view(record), enter: this.enterSpec(record) }
  }

  /** Where one workload is made, the next may follow: its namespace is made ready once this one's answer is on its way. */
  #prepareNext(): void {
    const { clock, kernel, log } = this.#options
    const cancel = clock.after(NAMESPACE_AHEAD_DELAY_MS, () => {
      this.#cancels.delete(cancel)
      try {
        kernel.prepareNamespace()
      } catch (error) {
        log.warn("cannot make a namespace ahead of time", { why: asOvlError(error).message })
      }
    })
    this.#cancels.add(cancel)
  }

  enter(name: string): EnterSpec {
    const record = this.#find(name)
    if (record.status === "exited")
      throw new OvlError("workload_exited", `cannot enter ${record.name}: it has exited`, { kind: "conflict" })
    this.#writeEtcFiles(record)
    return this.enterSpec(record)
  }

  /** A foreground `run` tells which process it has become. */
  started(name: string, pid: number): void {
    const record = this.#find(name)
    record.process = identify(pid) ?? record.process
    saveRecord(this.#options.runDir, record)
    this.#watch(record)
  }

  /** The command has ended: the workload ends with it. */
  async ended(name: string, exitCode: number): Promise<void> {
    const record = this.#records.get(foldName(name))
    if (record) await this.#end(record, exitCode)
  }

  /** Asks the command to end, ends it after the grace period, and closes the workload. */
  async stop(name: string, options: { graceMs: number }): Promise<void> {
    const record = this.#find(name)
    if (record.status === "exited") return
    const process = record.process
    if (process && isAlive(record)) {
      kill(process.pid, SIGTERM)
      await this.#waitForEnd(record, options.graceMs)
      if (isAlive(record)) kill(process.pid, SIGKILL)
      await this.#waitForEnd(record, STOP_GRACE_MS)
      await this.#waitForExitFile(record)
    }
    await this.#end(record, readExit(this.#options.runDir, record.name))
  }

  /** Errors: workload_not_found, workload_running (conflict) unless `force`. */
  async remove(name: string, options: { force: boolean }): Promise<void> {
    const record = this.#find(name)
    if (record.status === "running") {
      if (!options.force)
        throw new OvlError("workload_running", `cannot remove ${record.name}: it is running`, {
          kind: "conflict",
          hint: `stop it with \`ovl stop ${record.name}\`, or use --force`,
        })
      await this.stop(name, { graceMs: 0 })
    }
    this.#forget(record)
  }

  /** Where a workload of this node lives; null where `run` made none of that name. Errors: workload_exited. */
  place(name: string): Place | null {
    const record = this.#records.get(foldName(name))
    if (!record) return null
    if (record.status === "exited")
      throw new OvlError("workload_exited", `workload ${record.name}: it has exited`, { kind: "conflict" })
    return { workload: record.name, netns: record.netns, origin: "run" }
  }

  /** It has an interface more, or one less. */
  networksChanged(name: string): void {
    const record = this.#records.get(foldName(name))
    if (!record || record.status === "exited") return
    const { catalog, runDir } = this.#options
    const ids = new Set([...catalog.endpointsOfWorkload(record.name)].map((endpoint) => endpoint.networkId))
    const kept = record.networks.filter(({ id }) => ids.delete(id))
    const added = [...ids].map((id) => ({ id, name: catalog.networks.get(id)?.name ?? id }))
    record.networks = [...kept, ...added]
    saveRecord(runDir, record)
    if (existsSync(new WorkloadPaths(runDir, record.name).hosts)) this.#writeEtcFiles(record)
  }

  logPath(name: string): string {
    return new WorkloadPaths(this.#options.runDir, this.#find(name).name).log
  }

  /** Brings the files of living workloads up to date, as those that an older version of this program has written. */
  refreshEtcFiles(): void {
    for (const record of this.#records.values()) {
      const { hosts } = new WorkloadPaths(this.#options.runDir, record.name)
      if (record.status === "running" && existsSync(hosts)) this.#writeEtcFiles(record)
    }
  }

  enterSpec(record: WorkloadRecord): EnterSpec {
    const paths = new WorkloadPaths(this.#options.runDir, record.name)
    // A process that has not yet come all the way in is not one to be joined.
    const pid = record.process?.pid
    const live = pid !== undefined && isAlive(record) && isProcessIn(pid, record.netns) ? pid : null
    return {
      name: record.name,
      netns: record.netns,
      hostname: record.hostname,
      hosts: paths.hosts,
      hostnameFile: paths.hostnameFile,
      resolvConf: paths.resolvConf,
      hide: [this.#options.runDir, NETNS_DIRECTORY],
      pid: live,
      env: record.env,
    }
  }

  #newRecord(spec: RunSpec): WorkloadRecord {
    const id = randomHex(this.#options.random, 64)
    const name = spec.name ?? `w${id.slice(0, 8)}`
    return {
      id,
      name,
      hostname: spec.hostname ?? name,
      command: spec.command ?? [],
      env: spec.env ?? [],
      cwd: spec.cwd ?? "/",
      networks: this.#options.endpoints.resolveNetworks(spec.networks).map(({ id, name }) => ({ id, name })),
      ports: (spec.publish ?? []).map(parsePortMapping),
      netns: join(NETNS_DIRECTORY, `ovl-${name}`),
      status: "running",
      process: spec.pid === undefined ? null : identify(spec.pid),
      exitCode: null,
      foreground: !spec.detach,
      created: new Date(this.#options.clock.now()).toISOString(),
    }
  }

  async #make(record: WorkloadRecord, spec: RunSpec): Promise<void> {
    // The record first: after a crash it tells which namespace to remove.
    saveRecord(this.#options.runDir, record)
    const ns = record.netns
    this.#options.kernel.apply([{ op: "netns-add", ns }], "all-or-nothing")
    await this.#options.endpoints.createForWorkload({
      workload: record.name,
      networks: this.#options.endpoints.resolveNetworks(record.networks.map((network) => network.id)),
      netns: record.netns,
      ip: spec.ip ?? null,
      ip6: spec.ip6 ?? null,
      mac: spec.mac ?? null,
      ports: record.ports,
    })
    try {
      // Where nobody is inside yet, nobody reads them: the first who enters makes them.
      if (!spec.detach || record.command.length > 0) this.#writeEtcFiles(record)
      if (spec.detach && record.command.length > 0) {
        record.process = await startSupervisor(this.#options.runDir, record, this.enterSpec(record))
        saveRecord(this.#options.runDir, record)
      }
    } catch (error) {
      await this.#options.endpoints.removeOfWorkload(record.name)
      throw error
    }
  }

  #writeEtcFiles(record: WorkloadRecord): void {
    const { catalog, searchDomains, runDir } = this.#options
    const paths = new WorkloadPaths(runDir, record.name)
    const resolvConf = resolvConfText(catalog, record, searchDomains())
    // Where nothing is known of its networks, its addresses are not either.
    if (resolvConf === null) return
    rewriteInPlace(paths.hosts, hostsText(catalog, record), 0o644)
    rewriteInPlace(paths.hostnameFile, `${record.hostname}\n`, 0o644)
    rewriteInPlace(paths.resolvConf, resolvConf, 0o644)
  }

  async #end(record: WorkloadRecord, exitCode: number | null): Promise<void> {
    const folded = foldName(record.name)
    const already = this.#ending.get(folded)
    if (already) return already
    if (record.status === "exited") return
    const ending = this.#endOnce(record, exitCode).finally(() => this.#ending.delete(folded))
    this.#ending.set(folded, ending)
    return ending
  }

  async #endOnce(record: WorkloadRecord, exitCode: number | null): Promise<void> {
    // Whatever the command left running in the workload's namespace ends with it, as in a container.
    for (const pid of processesIn(record.netns)) kill(pid, SIGKILL)
    await this.#options.endpoints.removeOfWorkload(record.name)
    this.#deleteNamespace(record)
    record.status = "exited"
    record.exitCode = exitCode
    record.process = null
    if (record.foreground) this.#forget(record)
    else saveRecord(this.#options.runDir, record)
    const how = exitCode === null ? "" : ` with status ${exitCode}`
    this.#options.events.emit("workload_exited", `workload ${record.name} ended${how}`, { workload: record.name })
  }

  #isThere(record: WorkloadRecord): boolean {
    return this.#options.kernel.identify(record.netns) !== null
  }

  #deleteNamespace(record: WorkloadRecord): void {
    this.#options.kernel.apply([{ op: "netns-del", ns: record.netns }], "best-effort")
  }

  #forget(record: WorkloadRecord): void {
    this.#records.delete(foldName(record.name))
    deleteRecord(this.#options.runDir, record.name)
  }

  #find(name: string): WorkloadRecord {
    const folded = foldName(name)
    const record = this.#records.get(folded) ?? [...this.#records.values()].find((each) => each.id.startsWith(folded))
    if (record) return record
    const meant = nearest(
      name,
      [...this.#records.values()].map((each) => each.name),
    )
    throw new OvlError("workload_not_found", `no workload ${name} on this node`, {
      kind: "not_found",
      hint: meant
        ? `did you mean ${meant}? \`ovl ps\` lists this node's workloads`
        : "`ovl ps` lists this node's workloads, `ovl endpoint ls` what is on every node",
    })
  }

  async #waitForEnd(record: WorkloadRecord, ms: number): Promise<void> {
    const until = this.#options.clock.monotonic() + ms
    while (isAlive(record) && this.#options.clock.monotonic() < until)
      await new Promise<void>((resolve) => this.#options.clock.after(10, resolve))
  }

  /** Between the command's end and the supervisor's word of it lies a moment. */
  async #waitForExitFile(record: WorkloadRecord): Promise<void> {
    for (let tries = 0; tries < 20 && readExit(this.#options.runDir, record.name) === null; tries++)
      await new Promise<void>((resolve) => this.#options.clock.after(10, resolve))
  }

  /** The end of the process, whoever its parent is, is the end of the workload. */
  #watch(record: WorkloadRecord): void {
    const watched = record.process
    if (!watched) return
    const cancel = watchExit(watched.pid, () => {
      this.#cancels.delete(cancel)
      // A foreground run hands over from the asking process to the command.
      if (record.process === watched) void this.#endUntold(record)
    })
    this.#cancels.add(cancel)
  }

  /** An end that was noticed here; the supervisor's or caller's own word of it may come at the same time. */
  async #endUntold(record: WorkloadRecord): Promise<void> {
    try {
      if (!record.foreground) await this.#waitForExitFile(record)
      await this.#end(record, readExit(this.#options.runDir, record.name))
    } catch (error) {
      this.#options.log.warn("cannot end a workload yet", { workload: record.name, why: asOvlError(error).message })
      this.#cancels.add(this.#options.clock.after(WORKLOAD_RETRY_MS, () => void this.#endUntold(record)))
    }
  }
}

function identify(pid: number): WorkloadRecord["process"] {
  const startTime = processStartTime(pid)
  return startTime === null ? null : { pid, startTime }
}

function isAlive(record: WorkloadRecord): boolean {
  return record.process !== null && pidAlive(record.process.pid, record.process.startTime)
}
