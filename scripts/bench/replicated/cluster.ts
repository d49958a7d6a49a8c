/** Clusters to be measured: three ovl servers, and where asked for three members of etcd beside them, on the same disk. */
import { statfsSync } from "node:fs"
import { loadavg } from "node:os"
import { EtcdCluster } from "../../chaos/etcd-cluster.ts"
import { OvlCluster, type OvlMember } from "../../chaos/ovl-cluster.ts"
import type { MachineMember } from "../../chaos/machine-member.ts"
import type { Context, Row } from "../benchmark.ts"

export const SERVERS = 3
/** statfs(2). */
const TMPFS_MAGIC = 0x01021994

/** Runs `use` on servers of their own, and tells what else the machine was doing, in words and in every row's figures. */
export async function withServers(
  context: Context,
  options: { clients: number },
  use: (ovl: OvlCluster) => Promise<Row[]>,
): Promise<Row[]> {
  const [load = 0] = loadavg()
  context.say(`bench:   load average ${load.toFixed(2)} before it`)
  const ovl = await OvlCluster.start({ servers: SERVERS, clients: options.clients })
  try {
    const { scratch } = ovl.machines
    if (statfsSync(scratch).type === TMPFS_MAGIC)
      throw new Error(`${scratch} is memory and no disk: set TMPDIR to a directory on a disk`)
    const rows = await use(ovl)
    return rows.map((row) => ({ ...row, figures: { ...row.figures, loadAverageBefore: load } }))
  } finally {
    await ovl.close()
  }
}

/** Whom to ask: each one's leader, so that no way between members is in it that the other has not. */
export interface Leaders {
  ovl: MachineMember
  etcd: MachineMember
}

export function withBoth(context: Context, use: (leaders: Leaders) => Promise<Row[]>): Promise<Row[]> {
  return withServers(context, { clients: 0 }, async (ovl) => {
    const etcd = await EtcdCluster.start(SERVERS)
    try {
      return await use({ ovl: await leaderOf(ovl), etcd: await leaderOf(etcd) })
    } finally {
      await etcd.close()
    }
  })
}

/** Throws where nobody leads. */
export async function leaderOf<M extends MachineMember>(cluster: {
  members: readonly M[]
  leader: () => Promise<unknown>
}): Promise<M> {
  const leader = await cluster.leader()
  const found = cluster.members.find((member) => member === leader)
  if (found === undefined) throw new Error("nobody leads")
  return found
}

/** The term as this server knows it. */
export async function termOf(server: OvlMember): Promise<number> {
  const answer = await server.control.request({ method: "GET", target: "/api/v1/status", body: "" }, 3_000)
  return (JSON.parse(answer.body) as { cluster: { term: number } }).cluster.term
}
