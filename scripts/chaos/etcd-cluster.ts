/** Members of etcd, as Debian ships it: a cluster that is known to be right, to prove the harness and its judges on. */
import { join } from "node:path"
import { TestCluster } from "../../test/support/cluster.ts"
import { etcdDialect } from "./etcd-dialect.ts"
import { HttpConnection, NoAnswer } from "./http.ts"
import { MachineMember } from "./machine-member.ts"
import { eventually } from "./eventually.ts"
import type { Dialect } from "./request.ts"
import type { Member, Topology } from "./topology.ts"

const CLIENT_PORT = 2379
const PEER_PORT = 2380
const STATUS_TIMEOUT_MS = 400
const DUMP_TIMEOUT_MS = 10_000
const SETTLE_TIMEOUT_MS = 60_000
const ALL_KEYS = { key: btoa("\0"), range_end: btoa("\0"), serializable: true }

interface Status {
  header: { member_id: string }
  leader?: string
}

class EtcdMember extends MachineMember {
  readonly connection = new HttpConnection(this.place)

  async status(): Promise<Status | null> {
    return (await this.ask("/v3/maintenance/status", {}, STATUS_TIMEOUT_MS)) as Status | null
  }

  async ask(target: string, body: object, timeoutMs: number): Promise<unknown> {
    try {
      const request = { method: "POST", target, body: JSON.stringify(body) }
      const answer = await this.connection.request(request, timeoutMs)
      return answer.status === 200 ? JSON.parse(answer.body) : null
    } catch (error) {
      if (error instanceof NoAnswer) return null
      throw error
    }
  }
}

export class EtcdCluster implements Topology {
  readonly dialect: Dialect = etcdDialect
  readonly members: EtcdMember[]
  readonly #machines: TestCluster

  private constructor(machines: TestCluster) {
    this.#machines = machines
    const initial = machines.nodes.map(({ name, address }) => `${name}=http://${address}:${PEER_PORT}`).join(",")
    this.members = machines.nodes.map(({ machine, name, address }) => {
      const data = join(machines.scratch, name, "etcd")
      const place = { namespace: `/proc/${machine.pid}/ns/net`, port: CLIENT_PORT }
      return new EtcdMember({ machine, address, place, command: etcdCommand({ name, address, data, initial }) })
    })
  }

  static async start(members: number): Promise<EtcdCluster> {
    const nodes = Array.from({ length: members }, (_, index) => `etcd-${index + 1}`)
    const cluster = new EtcdCluster(await TestCluster.start({ nodes, start: false }))
    try {
      await Promise.all(cluster.members.map((member) => member.start()))
      await cluster.settled()
      return cluster
    } catch (error) {
      await cluster.close()
      throw error
    }
  }

  get entrances(): Member[] {
    return this.members
  }

  async leader(): Promise<Member | null> {
    const statuses = await Promise.all(this.members.map((member) => member.status()))
    const leaders = new Set(statuses.map((status) => status?.leader).filter((id) => id !== undefined && id !== "0"))
    return this.members[statuses.findIndex((status) => status !== null && leaders.has(status.header.member_id))] ?? null
  }

  async transfer(to: Member): Promise<void> {
    const target = this.members.find((member) => member === to)!
    const [leader, status] = [await this.leader(), await target.status()]
    if (leader === null || status === null) throw new Error("nobody leads, or the target does not answer")
    const from = this.members.find((member) => member === leader)!
    const body = { targetID: status.header.member_id }
    const done = await from.ask("/v3/maintenance/transfer-leadership", body, DUMP_TIMEOUT_MS)
    if (done === null) throw new Error("refused")
  }

  async replace(): Promise<void> {
    throw new Error("members of etcd are not replaced here")
  }

  async settled(): Promise<void> {
    await eventually(
      "all members of etcd agree on a leader",
      async () => {
        const statuses = await Promise.all(this.members.map((member) => member.status()))
        const leaders = new Set(statuses.map((status) => status?.leader ?? "0"))
        return leaders.size === 1 && !leaders.has("0")
      },
      SETTLE_TIMEOUT_MS,
    )
  }

  async dump(member: Member): Promise<string> {
    const found = await this.members.find((one) => one === member)!.ask("/v3/kv/range", ALL_KEYS, DUMP_TIMEOUT_MS)
    const { header, kvs = [] } = found as { header: { revision: string }; kvs?: object[] }
    return [`at ${header.revision}`, ...kvs.map((row) => JSON.stringify(row))].join("\n")
  }

  logs(): Map<string, string> {
    return new Map(this.members.map((member) => [member.name, member.log]))
  }

  async close(): Promise<void> {
    for (const member of this.members) member.connection.close()
    await this.#machines.close()
  }
}

function etcdCommand(member: { name: string; address: string; data: string; initial: string }): string[] {
  const { name, address, data, initial } = member
  const [client, peer] = [`http://127.0.0.1:${CLIENT_PORT}`, `http://${address}:${PEER_PORT}`]
  return [
    ...["etcd", "--name", name, "--data-dir", data, "--logger", "zap", "--log-level", "warn"],
    ...["--listen-client-urls", client, "--advertise-client-urls", client],
    ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
    ...["--initial-cluster", initial, "--initial-cluster-state", "new"],
  ]
}
