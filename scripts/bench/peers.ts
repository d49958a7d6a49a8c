/** Ten thousand remote endpoints put into a fresh vxlan by our netlink library, beside `bridge -batch` and `ip -batch`. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fdb, link, neigh } from "../../src/netlink/index.ts"
import { looseSandbox, type Sandbox, type TestNamespace } from "../../test/support/netns.ts"
import type { Benchmark, Row } from "./benchmark.ts"
import { median, medianRatio, milliseconds, timed, times } from "./statistics.ts"

const PEERS = 10_000
const ROUNDS = 7
const GOAL_FACTOR = 2.5

interface Peer {
  ip: string
  mac: string
  vtep: string
}

async function run(): Promise<Row[]> {
  const box = looseSandbox()
  try {
    const peers = Array.from({ length: PEERS }, (_, i) => peer(i))
    const files = batchFiles(box, peers)
    const pairs: [number, number][] = []
    for (let round = 0; round < ROUNDS; round++) {
      const tools = await timed(onFreshVxlan(box, (namespace) => byTools(namespace, files)))
      const ours = await timed(onFreshVxlan(box, (namespace) => byNetlink(namespace, peers)))
      pairs.push([tools, ours])
    }
    return [row(pairs)]
  } finally {
    box.cleanup()
  }
}

function peer(index: number): Peer {
  const [high, low] = [index >> 8, index & 255]
  const hex = (byte: number) => byte.toString(16).padStart(2, "0")
  return {
    ip: `10.65.${high}.${low}`,
    mac: `02:42:0a:41:${hex(high)}:${hex(low)}`,
    vtep: `192.168.${index % 8}.51`,
  }
}

/** What is to be timed, with the vxlan made before it. */
function onFreshVxlan(box: Sandbox, work: (namespace: TestNamespace) => void): () => void {
  const namespace = box.namespace("peers")
  namespace.run("ip link add vxlan1 type vxlan id 42 dstport 4789 nolearning proxy")
  namespace.run("ip link set vxlan1 up")
  return () => work(namespace)
}

/** As the daemon does it: all rows in one batch. */
function byNetlink({ socket }: TestNamespace, peers: readonly Peer[]): void {
  const index = link.indexOf(socket, "vxlan1")
  if (index === null) throw new Error("no vxlan1")
  const batch = socket.batch()
  for (const { ip, mac, vtep } of peers) {
    fdb.replace(batch, { index, mac, dst: vtep })
    neigh.replace(batch, { index, ip, mac })
  }
  batch.commit()
}

interface BatchFiles {
  bridge: string
  ip: string
}

function batchFiles(box: Sandbox, peers: readonly Peer[]): BatchFiles {
  const files = { bridge: join(box.directory, "bridge.batch"), ip: join(box.directory, "ip.batch") }
  const fdbLines = peers.map(({ mac, vtep }) => `fdb replace ${mac} dev vxlan1 dst ${vtep} self permanent\n`)
  const neighLines = peers.map(({ ip, mac }) => `neigh replace ${ip} lladdr ${mac} dev vxlan1 nud permanent\n`)
  writeFileSync(files.bridge, fdbLines.join(""))
  writeFileSync(files.ip, neighLines.join(""))
  return files
}

function byTools(namespace: TestNamespace, files: BatchFiles): void {
  namespace.run(["bridge", "-batch", files.bridge])
  namespace.run(["ip", "-batch", files.ip])
}

function row(pairs: [number, number][]): Row {
  const [tools, ours] = [median(pairs.map(([one]) => one)), median(pairs.map(([, other]) => other))]
  const factor = medianRatio(pairs)
  return {
    what: "10,000 peers programmed, FDB and neighbour rows",
    ovl: milliseconds(ours),
    reference: `${milliseconds(tools)}, bridge -batch and ip -batch`,
    comparison: times(factor),
    goal: `at least ${GOAL_FACTOR} x`,
    reached: factor >= GOAL_FACTOR,
    figures: { ovlMs: ours, referenceMs: tools, factor },
  }
}

export const peers: Benchmark = {
  name: "peers",
  summary: "10,000 FDB and neighbour rows by netlink, beside bridge -batch and ip -batch",
  run,
}
