/** The host that is looked at, and what several checks ask of it: each fact is found out once. */
import { runningDaemon } from "../agent/lock.ts"
import { type Identity, loadIdentity } from "../agent/identity.ts"
import { kernelStateFile } from "../agent/run-dir.ts"
import { asOvlError, type OvlError } from "../base/errors.ts"
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

/** What a daemon that answers says. */
export interface Answers {
  status: StatusView
  networks: NetworkView[]
  nodes: NodeView[]
  /** Every node's. */
  endpoints: EndpointView[]
  /** The ways to all other nodes. */
  ways: ProbeView[]
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
    try {
      const [status, networks, nodes, endpoints, ways] = await Promise.all([
        client.status(),
        client.networks(),
        client.nodes(),
        client.endpoints(),
        client.probe(),
      ])
      return { status, networks, nodes, endpoints, ways }
    } catch (error) {
      return asOvlError(error)
    }
  }

  close(): void {
    this.#kernel?.close()
  }
}
