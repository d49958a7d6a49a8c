/**
 * Clusters of real daemons for tests of the whole program: each node a machine of its own, all of them and a host that
 * stands for the outside on one switch. Without root such tests are skipped, and say so.
 */
import { existsSync, mkdirSync } from "node:fs"
import { join, resolve } from "node:path"
import type { EndpointView } from "../../src/model/endpoint.ts"
import type { NetworkView } from "../../src/model/network.ts"
import type { NodeView, StatusView } from "../../src/model/node.ts"
import { type Background, type CommandOptions, type Done, Machine, scratchDirectory } from "./machine.ts"

const EXECUTABLE = resolve(import.meta.dir, "../../dist/ovl")
/** Where the outside is on the underlay, and the address that only a default route leads to. */
export const OUTSIDE_UNDERLAY = "192.168.1.1"
export const OUTSIDE = "203.0.113.1"
const FIRST_NODE = 51

/** How `ovl` is started: the build, or what OVL_TEST_COMMAND says while developing. */
export function ovlCommand(): string[] {
  const given = process.env.OVL_TEST_COMMAND
  if (given) return given.split(" ")
  if (!existsSync(EXECUTABLE)) throw new Error(`${EXECUTABLE} is missing: run make build first`)
  return [EXECUTABLE]
}

export interface StartOptions {
  /** Further words of the command line. */
  extra?: string[]
  env?: Record<string, string>
}

/** A machine with an address on the underlay that can run a daemon. */
export class TestNode {
  readonly machine: Machine
  readonly name: string
  readonly address: string
  readonly dataDir: string
  daemon: Background | null = null

  constructor(machine: Machine, address: string, dataDir: string) {
    this.machine = machine
    this.name = machine.name
    this.address = address
    this.dataDir = dataDir
    machine.env.OVL_DATA_DIR = dataDir
  }

  /** Runs `ovl` on it to its end, whatever that is. A text is split at blanks. */
  try(line: string | readonly string[], options?: CommandOptions): Done {
    const args = typeof line === "string" ? line.split(" ").filter((word) => word !== "") : line
    return this.machine.try([...ovlCommand(), ...args], options)
  }

  /** What it wrote to stdout, without the last line's end; throws where the exit status is not 0. */
  ovl(line: string | readonly string[], options?: CommandOptions): string {
    const done = this.try(line, options)
    if (done.status !== 0) {
      const shown = typeof line === "string" ? line : line.join(" ")
      throw new Error(`${this.name}: ovl ${shown}: status ${done.status}: ${done.stderr.trim()}`)
    }
    return done.stdout.trimEnd()
  }

  json<T>(line: string): T {
    return JSON.parse(this.ovl(`${line} --json`)) as T
  }

  /** A program in a workload of this node. */
  exec(workload: string, command: string): string {
    return this.ovl(["exec", workload, ...command.split(" ").filter((word) => word !== "")])
  }

  network(name: string): NetworkView {
    return this.json<NetworkView[]>(`network inspect ${name}`)[0]!
  }

  endpoint(name: string): EndpointView {
    const found = this.json<EndpointView[]>("endpoint ls").find((each) => each.name === name)
    if (!found) throw new Error(`no endpoint ${name}`)
    return found
  }

  nodes(): NodeView[] {
    return this.json<NodeView[]>("node ls")
  }

  status(): StatusView {
    const done = this.try("status --json")
    if (done.status !== 0 && done.status !== 7) throw new Error(`${this.name}: status: ${done.stderr}`)
    return JSON.parse(done.stdout) as StatusView
  }

  /** The network's hidden namespace here. */
  hidden(network: string): string {
    return `1-${this.network(network).id.slice(0, 10)}`
  }

  /** Starts `serve` and waits until it is ready. */
  serve(options: StartOptions = {}): Promise<void> {
    return this.launch(["serve", "--name", this.name, "--advertise", this.address, ...(options.extra ?? [])], options)
  }

  /** Starts `join` with a new token of the server. */
  join(server: TestNode, options: StartOptions = {}): Promise<void> {
    const token = server.ovl("token create")
    const rest = ["--name", this.name, "--advertise", this.address, ...(options.extra ?? [])]
    return this.launch(["join", server.address, "--token", token, ...rest], options)
  }

  /** Starts a node whose data directory says what it is. */
  resume(options: StartOptions = {}): Promise<void> {
    return this.launch(["join", "--advertise", this.address, ...(options.extra ?? [])], options)
  }

  async launch(args: string[], options: Pick<StartOptions, "env"> = {}): Promise<void> {
    await this.stop("SIGKILL")
    this.daemon = this.machine.start([...ovlCommand(), ...args], options)
    await this.daemon.says("is ready")
  }

  /** SIGTERM, or another signal; resolves when the daemon has ended, null where there was none. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Done | null> {
    const daemon = this.daemon
    this.daemon = null
    if (daemon?.running) daemon.signal(signal)
    return (await daemon?.ended) ?? null
  }
}

export interface ClusterOptions {
  /** Names of the nodes; the first is the server. */
  nodes: string[]
  /** Daemons are started too (default), or not. */
  start?: boolean
  /** Further words for `serve`. */
  serve?: string[]
}

export class TestCluster {
  readonly nodes: TestNode[] = []
  readonly underlay: Machine
  readonly outside: Machine
  readonly scratch: string
  readonly #removeScratch: () => void
  #addresses = 0

  private constructor(underlay: Machine, outside: Machine) {
    this.underlay = underlay
    this.outside = outside
    const { path, remove } = scratchDirectory()
    this.scratch = path
    this.#removeScratch = remove
  }

  static async start(options: ClusterOptions): Promise<TestCluster> {
    const [underlay, outside] = await Promise.all([Machine.start("underlay"), Machine.start("outside")])
    const cluster = new TestCluster(underlay, outside)
    try {
      underlay.run("ip link add sw0 type bridge mcast_snooping 0")
      underlay.run("ip link set sw0 up")
      cluster.#plug(outside, OUTSIDE_UNDERLAY)
      outside.run(`ip addr add ${OUTSIDE}/32 dev lo`)
      await Promise.all(options.nodes.map((name) => cluster.addNode(name)))
      cluster.nodes.sort((a, b) => options.nodes.indexOf(a.name) - options.nodes.indexOf(b.name))
      if (options.start !== false) await cluster.#startDaemons(options.serve ?? [])
      return cluster
    } catch (error) {
      await cluster.close()
      throw error
    }
  }

  async #startDaemons(serve: string[]): Promise<void> {
    const [server, ...clients] = this.nodes
    await server!.serve({ extra: serve })
    await Promise.all(clients.map((client) => client.join(server!)))
  }

  /** A further machine on the underlay that no daemon runs on yet; its address is the next one. */
  async addNode(name: string): Promise<TestNode> {
    const address = `192.168.1.${FIRST_NODE + this.#addresses++}`
    const machine = await Machine.start(name)
    const dataDir = join(this.scratch, name)
    mkdirSync(dataDir, { mode: 0o700 })
    const node = new TestNode(machine, address, join(dataDir, "data"))
    this.nodes.push(node)
    this.#plug(machine, address)
    machine.run(`ip route add default via ${OUTSIDE_UNDERLAY}`)
    return node
  }

  node(name: string): TestNode {
    const found = this.nodes.find((each) => each.name === name)
    if (!found) throw new Error(`no node ${name}`)
    return found
  }

  #plug(machine: Machine, address: string): void {
    const port = `p${address.split(".")[3]}`
    // Not on the switch itself: there the other machine's pid means nothing.
    const veth = `nsenter -t ${this.underlay.pid} -n ip link add ${port} type veth peer name eth0 netns ${machine.pid}`
    const made = Bun.spawnSync(veth.split(" "))
    if (made.exitCode !== 0) throw new Error(`${veth}: ${made.stderr.toString()}`)
    this.underlay.run(`ip link set ${port} master sw0 up`)
    machine.run(`ip addr add ${address}/24 dev eth0`)
    machine.run("ip link set eth0 up")
  }

  async close(): Promise<void> {
    await Promise.all(
      [this.underlay, this.outside, ...this.nodes.map((node) => node.machine)].map((each) => each.close()),
    )
    this.#removeScratch()
  }
}
