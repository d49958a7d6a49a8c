/** A client's part of the stream: what it follows is what the cluster says, whatever it joins, leaves, misses or loses. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { Replica } from "../../src/agent/replica.ts"
import { INTEREST_LINGER_MS } from "../../src/base/limits.ts"
import { silentLog } from "../../src/base/log.ts"
import type { ChangeBatch } from "../../src/model/catalog.ts"
import type { EndpointRecord } from "../../src/model/endpoint.ts"
import { clusterHandler } from "../../src/registry/rpc-handler.ts"
import { remoteCluster } from "../../src/registry/rpc-remote.ts"
import type { Cluster } from "../../src/registry/port.ts"
import { openMemoryStore } from "../../src/store/memory.ts"
import { MemoryNetwork } from "../../src/transport/memory.ts"
import type { PeerConnection } from "../../src/transport/port.ts"
import {
  endpointSpec,
  type Harness,
  localHarness,
  PassingClock,
  networkSpec,
  SERVER_ID,
  turn,
} from "./cluster-harness.ts"

const ADDRESS = "192.168.1.51:8300"

let server: Harness
let wire: MemoryNetwork
let clock: PassingClock
let replica: Replica
let batches: ChangeBatch[]
let epoch: number
let onConnect: () => void
let networks: string[]
/** The endpoints that exist, by id. */
let truth: Map<string, EndpointRecord>

beforeEach(async () => {
  server = await localHarness(async (its) => openMemoryStore({ clock: its }))
  wire = new MemoryNetwork()
  clock = new PassingClock()
  batches = []
  epoch = 0
  onConnect = () => {}
  truth = new Map()
  const cluster = { clusterId: server.local.record.id, recoveryEpoch: 0 }
  const trust = { signedBy: "ours", trusts: "ours" }
  const identity = { nodeId: SERVER_ID, name: "swarm-01", role: "server" as const }
  const handler = clusterHandler(server.local)
  await wire.listen({ host: "192.168.1.51", port: 8300, cluster, handler, credentials: { identity, ...trust } })
  let standing: PeerConnection | null = null
  const connection = async () => {
    const client = { nodeId: server.otherNode, name: "swarm-02", role: "client" as const }
    const credentials = { identity: client, ...trust }
    standing ??= await wire.connect({ address: ADDRESS, expect: cluster, credentials })
    onConnect()
    standing.onClose(() => {
      standing = null
    })
    return standing
  }
  replica = new Replica({
    cluster: remoteCluster({ connection, clock }),
    clock,
    log: silentLog,
    onBatch: (batch) => batches.push(batch),
    nodeId: server.otherNode,
    epoch: () => epoch,
  })
  replica.start()
  await turn()
  networks = []
  for (const [index, name] of ["red", "green", "blue"].entries())
    networks.push((await server.local.createNetwork(networkSpec(name, `10.65.${index}.0/24`))).network.id)
})
afterEach(async () => {
  replica.close()
  await server.close()
})

let count = 0
async function create(network: number, nodeId = SERVER_ID): Promise<EndpointRecord> {
  const spec = endpointSpec(networks[network]!, nodeId, `w${count++}`)
  const { endpoints } = await server.local.createEndpoints([spec])
  truth.set(endpoints[0]!.id, endpoints[0]!)
  return endpoints[0]!
}

async function remove({ id }: EndpointRecord): Promise<void> {
  await server.local.removeEndpoints([id])
  truth.delete(id)
}

/** What the client knows, as `<network>: <names>`, of each network that it follows. */
function known(): string[] {
  return networks.flatMap((id, index) => {
    const names = [...replica.catalog.endpointsOf(id)].map((each) => each.name).sort()
    return replica.covers(id) ? [`${index}: ${names.join(" ")}`] : []
  })
}

function expected(): string[] {
  return networks.flatMap((id, index) => {
    const names = [...truth.values()].filter((each) => each.networkId === id).map((each) => each.name)
    return replica.covers(id) ? [`${index}: ${names.sort().join(" ")}`] : []
  })
}

describe("a client's interest", () => {
  test("grows with a hold, and shrinks a while after its end", async () => {
    const first = await create(0)
    const release = await replica.hold([networks[0]!])
    expect(known()).toEqual([`0: ${first.name}`])
    release()
    await clock.pass(INTEREST_LINGER_MS - 1)
    expect(known()).toEqual([`0: ${first.name}`])
    await clock.pass(1)
    expect(known()).toEqual([])
    expect(replica.catalog.endpoints.size).toBe(0)
    const second = await create(0)
    await turn()
    expect(replica.catalog.endpoints.size).toBe(0)
    await replica.hold([networks[0]!])
    expect(known()).toEqual([`0: ${[first.name, second.name].sort().join(" ")}`])
  })

  test("stays while an own endpoint is there", async () => {
    const release = await replica.hold([networks[0]!])
    const own = await create(0, server.otherNode)
    await turn()
    release()
    await clock.pass(2 * INTEREST_LINGER_MS)
    expect(known()).toEqual([`0: ${own.name}`])
    await remove(own)
    await turn()
    await clock.pass(INTEREST_LINGER_MS)
    expect(known()).toEqual([])
  })

  test("an own endpoint comes wherever it is, and goes again", async () => {
    const own = await create(1, server.otherNode)
    await turn()
    expect([...replica.catalog.endpoints.keys()]).toEqual([own.id])
    await remove(own)
    await turn()
    expect(replica.catalog.endpoints.size).toBe(0)
  })

  test("one that knows nothing yet gets the networks in which it has endpoints", async () => {
    const [own, other] = [await create(2, server.otherNode), await create(2)]
    replica.close()
    const seen: ChangeBatch[] = []
    const follow = server.local.follow.bind(server.local)
    const cluster: Pick<Cluster, "follow"> = {
      follow: (from, onBatch, onEnd, interest) => follow(from, onBatch, onEnd, interest, server.otherNode),
    }
    const onBatch = (batch: ChangeBatch) => void seen.push(batch)
    const nodeId = server.otherNode
    replica = new Replica({ cluster: cluster as Cluster, clock, log: silentLog, onBatch, nodeId })
    replica.start()
    expect(known()).toEqual([`2: ${[own.name, other.name].sort().join(" ")}`])
    expect(seen[0]?.opening?.networks).toEqual([networks[2]!])
  })

  test("what happens on other networks is only a revision to it", async () => {
    await replica.hold([networks[0]!])
    batches.length = 0
    await remove(await create(1))
    await create(0)
    await turn()
    expect(batches.map((batch) => batch.changes.map((change) => change.type))).toEqual([[], [], ["endpoint"]])
  })

  test("an address that passed from one to another while the network was unknown belongs to the last one", async () => {
    const release = await replica.hold([networks[0]!])
    release()
    const a = await create(1)
    wire.cut(server.otherNode)
    await remove(a)
    const b = await create(1)
    await remove(b)
    const c = await create(1)
    batches.length = 0
    const holding = replica.hold([networks[1]!])
    await turn()
    await clock.pass(100)
    await holding
    await turn()
    expect(known()).toEqual(["0: ", `1: ${c.name}`])
    // What led there is not told once more: its end would take the address from the last one.
    const told = batches.flatMap((batch) => batch.changes).filter((change) => change.value !== null)
    expect(told.map((change) => change.id)).toEqual([c.id])
  })

  test("followers of the same networks share a batch, and do not get each other's own endpoints elsewhere", async () => {
    const seen: ChangeBatch[][] = [[], [], []]
    for (const [index, nodeId] of [server.otherNode, "d".repeat(64), "e".repeat(64)].entries())
      server.local.follow(
        0,
        (batch) => void seen[index]!.push(batch),
        () => {},
        { networks: [networks[0]!], fresh: [networks[0]!] },
        nodeId,
      )
    await create(0)
    await create(1, server.otherNode)
    expect(seen.map((each) => each.slice(1).map((batch) => batch.changes.length))).toEqual([
      [1, 1],
      [1, 0],
      [1, 0],
    ])
    for (const [index, batch] of seen[1]!.entries()) expect(batch).toBe(seen[2]![index]!)
  })

  test("in another life of the cluster it begins anew, whatever it knew", async () => {
    await replica.hold([networks[0]!])
    batches.length = 0
    wire.cut(server.otherNode)
    onConnect = () => {
      epoch = 1
    }
    await turn()
    await clock.pass(100)
    await turn()
    expect(batches.map((batch) => batch.snapshot)).toEqual([true])
    expect(replica.known()?.epoch).toBe(1)
  })
})

test("whatever is done, a client knows of its networks what the cluster says", async () => {
  let state = 7
  const below = (n: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * n)
  }
  const releases: (() => void)[] = []
  for (let step = 0; step < 400; step++) {
    const what = below(10)
    if (what < 4) await create(below(3), below(4) === 0 ? server.otherNode : SERVER_ID)
    else if (what < 7 && truth.size > 0) await remove([...truth.values()][below(truth.size)]!)
    else if (what === 7)
      void replica.hold([networks[below(3)]!]).then(
        (release) => releases.push(release),
        () => {},
      )
    else if (what === 8) releases.splice(below(releases.length + 1), 1).forEach((release) => void release())
    else if (below(2) === 0) wire.cut(server.otherNode)
    else await clock.pass(below(2) * INTEREST_LINGER_MS)
    if (below(2) === 0) await turn()
    if (below(3) > 0) continue
    await turn()
    await clock.pass(5_000)
    expect([step, known()]).toEqual([step, expected()])
    const own = [...truth.values()].filter((each) => each.nodeId === server.otherNode).map((each) => each.id)
    const knownOwn = replica.catalog.endpointsOfNode(server.otherNode).map((each) => each.id)
    expect([step, knownOwn.sort()]).toEqual([step, own.sort()])
  }
})
