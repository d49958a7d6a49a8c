/** What two workloads on two client nodes lose of their packets while all servers are dead. */
import { ovlCommand } from "../../../test/support/cluster.ts"
import type { OvlCluster, OvlMember } from "../../chaos/ovl-cluster.ts"
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { withServers } from "./cluster.ts"

const SECONDS = 60
const SHORT_SECONDS = 15
const PING_INTERVAL_SECONDS = 0.01
/** On both sides of it. */
const CALM_MS = 1_000

function run(context: Context): Promise<Row[]> {
  return withServers(context, { clients: 2 }, async (ovl) => {
    const seconds = context.long ? SECONDS : SHORT_SECONDS
    const { sent, received } = await measure(ovl, seconds)
    return [row(seconds, sent, received)]
  })
}

async function measure(ovl: OvlCluster, seconds: number): Promise<{ sent: number; received: number }> {
  const [one, other] = ovl.clients as [OvlMember, OvlMember]
  await one.ovl("network", "create", "red", "--subnet", "10.65.10.0/24")
  await one.ovl("run", "-d", "--network", "red", "--name", "a")
  await other.ovl("run", "-d", "--network", "red", "--name", "b")
  const words = ["exec", "a", "--", "ping", "-n", "-i", String(PING_INTERVAL_SECONDS), "10.65.10.3"]
  const ping = one.machine.start([...ovlCommand(), ...words])
  await ping.says("icmp_seq=1 ")
  await Bun.sleep(CALM_MS)
  await Promise.all(ovl.members.map((member) => member.kill()))
  await Bun.sleep(seconds * 1000)
  await Promise.all(ovl.members.map((member) => member.start()))
  await ovl.settled()
  await Bun.sleep(CALM_MS)
  ping.signal("SIGINT")
  const { stdout } = await ping.ended
  const counts = /(\d+) packets transmitted, (\d+) received/.exec(stdout)
  if (counts === null) throw new Error(`ping: ${stdout.slice(-300)}`)
  return { sent: Number(counts[1]), received: Number(counts[2]) }
}

function row(seconds: number, sent: number, received: number): Row {
  // The last one may still have been on its way.
  const lost = Math.max(0, sent - received - 1)
  return {
    what: `data plane while all three servers are dead for ${seconds} s, and come back`,
    ovl: `${lost} of ${sent.toLocaleString("en")} packets lost`,
    reference: "-",
    comparison: "-",
    goal: `none lost in ${SECONDS} s`,
    reached: lost === 0,
    figures: { lost, sent, seconds },
  }
}

export const replicatedDark: Benchmark = {
  name: "replicated-dark",
  summary: "packets between workloads while all servers are dead",
  run,
}
