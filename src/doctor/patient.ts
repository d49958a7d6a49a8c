/** The host that is looked at, and what several checks ask of it: each fact is found out once. */
import { runningDaemon } from "../agent/lock.ts"
import { type Identity, loadIdentity } from "../agent/identity.ts"
import { kernelStateFile } from "../agent/run-dir.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import { DOCTOR_ANSWER_MS, DOCTOR_PROBE_MS } from "../base/limits.ts"
import type { Client } from "../client/client.ts"
import { saveRules } from "../kernel/firewall/iptables.ts"
import { parseSaved, type SavedTables } from "../kernel/firewall/saved.ts"
import { LinuxKernel } from "../kernel/linux.ts"
import type { EndpointView } from "../model/endpoint.ts"
import type { HostFacts } from "../model/dataplane.ts"
import type { NodeView, StatusView } from "../model/node.ts"
import type { NetworkView } from "../model/network.ts"
import type { ProbeView } from "../model/probe.ts"

export interface PatientOptions {
  isRoot: boolean
  runDir: string
  dataDir: string
  /** `ADDR:PORT`; null for none. */
  http: string | null
  bind: string
  advertise: string | null
  /** Milliseconds since the epoch. */
  now: number
  client: Client
}

/** What a daemon that answers says; lists are empty where no server could be asked for them. */
export interface Answers {
  status: StatusView
  networks: NetworkView[]
  nodes: NodeView[]
  /** Every node's. */
  endpoints: EndpointView[]
  /** The ways to all other nodes, or why they could not be tried. */
  ways: ProbeView[] | OvlError
}

export class Patient {
  readonly options: PatientOptions
  #kernel: LinuxKernel | null = null
  #facts: HostFacts | null = null
  #rules: SavedTables | null = null
  #answers: Promise<Answers | OvlError> | null = null

  constructor(options: PatientOptions) {
    this.options = options
  }

  /** Errors: `not_permitted` without root where something is to be changed. */
  get kernel(): LinuxKernel {
    this.#kernel ??= new LinuxKernel({ stateFile: kernelStateFile(this.options.runDir) })
    return this.#kernel
  }

  get facts(): HostFacts {
    this.#facts ??= this.kernel.hostFacts()
    return this.#facts
  }

  /** The host's IPv4 rules. Errors: no_iptables, not_permitted. */
  get rules(): SavedTables {
    this.#rules ??= parseSaved(saveRules(4))
    return this.#rules
  }

  /** The pid of the daemon on this run directory; null where none runs, or where that cannot be seen. */
  daemonPid(): number | null {
    return runningDaemon(this.options.runDir)
  }

  /** Null where the data directory belongs to no node. Errors: identity_corrupt, and what keeps it from being read. */
  identity(): Identity | null {
    return loadIdentity(this.options.dataDir)
  }

  /** What the daemon says, or why it says nothing: `no_daemon`, `socket_forbidden` ... */
  answers(): Promise<Answers | OvlError> {
    this.#answers ??= this.#ask()
    return this.#answers
  }

  async #ask(): Promise<Answers | OvlError> {
    const { client } = this.options
    const begun = client.probe().catch((error) => asOvlError(error))
    try {
      const [status, networks, nodes, endpoints] = await inTime(
        Promise.all([
          client.status(),
          client.networks().catch(() => []),
          client.nodes().catch(() => []),
          client.endpoints().catch(() => []),
        ]),
        DOCTOR_ANSWER_MS,
      )
      const ways = await inTime(begun, DOCTOR_PROBE_MS).catch((error) => asOvlError(error))
      return { status, networks, nodes, endpoints, ways }
    } catch (error) {
      return asOvlError(error)
    }
  }

  close(): void {
    this.#kernel?.close()
  }
}

/** A daemon that hangs takes calls and never answers them. */
function inTime<T>(answer: Promise<T>, ms: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const late = new OvlError("daemon_silent", `no answer within ${ms / 1_000} s`, {
    kind: "unavailable",
    hint: "see its log; `kill -9` and a new start leave the data plane as it is",
  })
  const timer = setTimeout(() => reject(late), ms)
  return Promise.race([answer, promise]).finally(() => clearTimeout(timer))
}
