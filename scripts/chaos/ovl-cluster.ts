/** A cluster of real ovl daemons: servers, and clients whose HTTP is asked too, each a machine of its own on one switch. */
import { rmSync } from "node:fs"
import { ovlCommand, TestCluster, type TestNode } from "../../test/support/cluster.ts"
import { consulDialect } from "./consul-dialect.ts"
import { eventually } from "./eventually.ts"
import { HttpConnection, NoAnswer } from "./http.ts"
import { MachineMember } from "./machine-member.ts"
import type { Dialect } from "./request.ts"
import type { Member, Topology } from "./topology.ts"

const HTTP_PORT = 8500
const PEER_PORT = 8300
const STATUS_TIMEOUT_MS = 400
/** Nothing is in a hurry when the faults are over, and the machine may be busy. */
const CALM_STATUS_TIMEOUT_MS = 3_000
const COMMAND_TIMEOUT_MS = 10_000
/** A fourth voter is let in only after it has kept up for ten seconds. */
const SETTLE_TIMEOUT_MS = 90_000
const DUMP_TIMEOUT_MS = 10_000

export interface OvlClusterOptions {
  servers: number
  clients: number
}

interface NodeRow {
  name: string
  address: string
  role: "server" | "client"
  voter: boolean
}

export class OvlMember extends MachineMember {
  readonly node: TestNode
  readonly status: HttpConnection
  readonly control: HttpConnection

  constructor(node: TestNode) {
    const place = { namespace: `/proc/${node.machine.pid}/ns/net`, port: HTTP_PORT }
    super({ machine: node.machine, address: node.address, place, command: [] })
    this.node = node
    this.status = new HttpConnection(place)
    this.control = new HttpConnection({ unix: node.machine.file("/run/ovl/ovl.sock") })
  }

  /** Runs `ovl` there without stopping this process' own work. Throws what it said where its status is not 0. */
  async ovl(...words: string[]): Promise<string> {
    const background = this.machine.start([...ovlCommand(), ...words])
    const watchdog = setTimeout(() => background.signal("SIGKILL"), COMMAND_TIMEOUT_MS)
    const done = await background.ended
    clearTimeout(watchdog)
    if (done.status !== 0)
      throw new Error(`${this.name}: ovl ${words.join(" ")}: status ${done.status}: ${done.stderr.trim()}`)
    return done.stdout.trim()
  }

  /** All nodes of the cluster as this one knows them; null where it does not answer. */
  async nodes(): Promise<NodeRow[] | null> {
    return (await ask(this.control, "/api/v1/nodes", CALM_STATUS_TIMEOUT_MS)) as NodeRow[] | null
  }
}

export class OvlCluster implements Topology {
  readonly dialect: Dialect = consulDialect
  readonly machines: TestCluster
  readonly members: OvlMember[] = []
  readonly clients: OvlMember[] = []

  private constructor(machines: TestCluster) {
    this.machines = machines
  }

  static async start({ servers, clients }: OvlClusterOptions): Promise<OvlCluster> {
    const names = [...numbered("server", servers), ...numbered("client", clients)]
    const cluster = new OvlCluster(await TestCluster.start({ nodes: names, start: false }))
    try {
      const nodes = cluster.machines.nodes
      for (const node of nodes.slice(0, servers)) await cluster.addServer(node)
      for (const node of nodes.slice(servers)) await cluster.#addClient(node)
      await cluster.settled()
      return cluster
    } catch (error) {
      const logs = [...cluster.logs()].map(([name, log]) => `${name}: ${log.slice(-4_000)}`).join("\n")
      await cluster.close()
      throw new Error(`the cluster did not start: ${(error as Error).message}\n${logs}`, { cause: error })
    }
  }

  get entrances(): OvlMember[] {
    return [...this.members, ...this.clients]
  }

  /** One more server, which may still be on its way to its vote when this resolves. */
  async addServer(node: TestNode): Promise<OvlMember> {
    const member = new OvlMember(node)
    this.members.push(member)
    await this.#enter(member)
    return member
  }

  async #addClient(node: TestNode): Promise<void> {
    const client = new OvlMember(node)
    this.clients.push(client)
    const token = await this.members[0]!.ovl("token", "create")
    await this.#launch(client, ["join", this.#servers(client), "--token", token])
  }

  /** Starts a server that has no data: the first of a cluster, or one more of it. */
  async #enter(member: OvlMember): Promise<void> {
    const asked = this.members.find((other) => other !== member && other.running)
    if (asked === undefined) return this.#launch(member, ["serve"])
    const token = await asked.ovl("token", "create", "--role", "server")
    return this.#launch(member, ["join", this.#servers(member), "--server", "--token", token])
  }

  /** The addresses by which a node finds the cluster. */
  #servers(except: OvlMember): string {
    return this.members.flatMap((member) => (member === except ? [] : [member.address])).join(",")
  }

  /** Resolves when it answers, knows itself as a node, and every later start resumes. */
  async #launch(member: OvlMember, verb: string[]): Promise<void> {
    const { name, address } = member
    member.command = [...ovlCommand(), ...verb, "--name", name, "--advertise", address]
    await member.start()
    member.command = [...ovlCommand(), "join", "--advertise", address]
    await eventually(
      `${name} answers`,
      async () => {
        if (!member.running) throw new Error(`${name} ended: ${member.said.trim()}`)
        return (await member.nodes())?.some((row) => row.name === name) === true
      },
      SETTLE_TIMEOUT_MS,
    )
  }

  async leader(): Promise<Member | null> {
    const answers = await Promise.all(this.members.map((member) => ask(member.status, "/v1/status/leader")))
    const votes = Map.groupBy(
      answers.filter((answer) => typeof answer === "string" && answer !== ""),
      String,
    )
    const [most] = [...votes].sort((a, b) => b[1].length - a[1].length)
    return this.members.find((member) => `${member.address}:${PEER_PORT}` === most?.[0]) ?? null
  }

  async transfer(to: Member): Promise<void> {
    const asked = this.members.find((member) => member.running && member !== to) ?? this.members[0]!
    await asked.ovl("raft", "transfer", to.name)
  }

  /**
   * It is killed, taken out, and comes back under its name and address with nothing on its disk: as another node. Tried
   * until it is done: what failed half-way may have been done, or may be yet.
   */
  async replace(member: Member): Promise<void> {
    const old = this.members.find((one) => one === member)!
    await eventually(
      `${old.name} is replaced`,
      async () => {
        await old.kill()
        try {
          await this.#takeOut(old)
          rmSync(old.node.dataDir, { recursive: true, force: true })
          await this.#enter(old)
          return true
        } catch (error) {
          old.note(`not replaced yet: ${(error as Error).message}`)
          return false
        }
      },
      SETTLE_TIMEOUT_MS,
    )
  }

  /** Resolves when no other member knows it any more. */
  async #takeOut(old: OvlMember): Promise<void> {
    const asked = this.members.find((one) => one !== old && one.running)
    const rows = await asked?.nodes()
    if (asked === undefined || rows === undefined) throw new Error("no other member runs")
    if (rows === null) throw new Error(`${asked.name} does not answer`)
    if (rows.some((row) => row.name === old.name)) await asked.ovl("node", "rm", old.name)
  }

  async settled(): Promise<void> {
    await eventually(
      "all members vote and agree on a leader",
      async () => {
        const answers = await Promise.all(
          this.members.map((member) => ask(member.status, "/v1/status/leader", CALM_STATUS_TIMEOUT_MS)),
        )
        if (answers.some((answer) => !answer || answer !== answers[0])) return false
        const views = await Promise.all(this.members.map((member) => member.nodes()))
        return views.every((rows) => {
          const voters = rows?.filter((row) => row.role === "server" && row.voter).map((row) => row.name)
          return (
            voters?.sort().join() ===
            this.members
              .map((member) => member.name)
              .sort()
              .join()
          )
        })
      },
      SETTLE_TIMEOUT_MS,
    )
  }

  async dump(member: Member): Promise<string> {
    const { status, control } = this.members.find((one) => one === member)!
    const parts: string[] = []
    for (const target of ["/v1/kv/?recurse&stale", "/v1/session/list?stale"]) {
      const { body, headers } = await status.request({ method: "GET", target, body: "" }, DUMP_TIMEOUT_MS)
      parts.push(`${target} at ${headers.get("x-consul-index")}\n${body.replaceAll('},{"', '},\n{"')}`)
    }
    const networks = ((await ask(control, "/api/v1/networks")) ?? []) as { id: string; name: string; vni: number }[]
    parts.push(networks.map(({ id, name, vni }) => `${name} ${vni} ${id}`).join("\n"))
    return parts.join("\n")
  }

  logs(): Map<string, string> {
    return new Map([...this.members, ...this.clients].map((member) => [member.name, member.log]))
  }

  async close(): Promise<void> {
    for (const { status, control } of [...this.members, ...this.clients]) {
      status.close()
      control.close()
    }
    await this.machines.close()
  }
}

function numbered(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${kind}-${index + 1}`)
}

/** Parsed; null where no answer of status 200 came. */
async function ask(connection: HttpConnection, target: string, timeoutMs = STATUS_TIMEOUT_MS): Promise<unknown> {
  try {
    const { status, body } = await connection.request({ method: "GET", target, body: "" }, timeoutMs)
    return status === 200 ? JSON.parse(body) : null
  } catch (error) {
    if (error instanceof NoAnswer) return null
    throw error
  }
}
