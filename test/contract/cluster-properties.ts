/** The cluster's contract, third part: what must hold whatever is done, in whatever order and by however many at once. */
import { expect, test } from "bun:test"
import fc from "fast-check"
import { silentLog } from "../../src/base/log.ts"
import { systemRandom } from "../../src/linux/system.ts"
import type { EndpointRecord } from "../../src/model/endpoint.ts"
import { type LocalCluster, openCluster } from "../../src/registry/cluster-on-store.ts"
import { FakeReplication } from "../../src/registry/replication-fake.ts"
import type { Store, Transaction } from "../../src/store/port.ts"
import { inconsistencies } from "./cluster-consistency.ts"
import { endpointSpec, type Harness, networkSpec, outcome, SERVER_ID, turn } from "./cluster-harness.ts"

const RUNS = 15

export function propertiesContract(harness: () => Harness): void {
  test("however many create at once, no VNI, name, address or MAC is given twice", async () => {
    const { cluster, local, store, node, otherNode } = harness()
    const ports = [cluster, local, anotherServer(harness())]
    const names = Array.from({ length: 24 }, (_, n) => `net${n % 16}`)
    const made = await Promise.allSettled(names.map((name, n) => ports[n % 3]!.createNetwork({ name })))
    const networks = made.flatMap((result) => (result.status === "fulfilled" ? [result.value.network] : []))
    expect(networks.length).toBe(16)
    expect(networks.map((network) => network.vni).sort()).toEqual(Array.from({ length: 16 }, (_, n) => 256 + n))
    expect(new Set(networks.map((network) => network.subnets[0]?.subnet)).size).toBe(16)
    const red = networks[0]!
    const wishes = Array.from({ length: 48 }, (_, n) => {
      const wish = endpointSpec(red.id, n % 2 ? node : otherNode, `w${n % 40}`)
      return n % 8 === 0 ? { ...wish, ip: red.subnets[0]!.gateway.replace(/\.1$/, ".9") } : wish
    })
    const created = await Promise.allSettled(
      wishes.map((wish, n) => ports[wish.nodeId === node ? n % 3 : (n % 2) + 1]!.createEndpoints([wish])),
    )
    const endpoints = created.flatMap((result) => (result.status === "fulfilled" ? result.value.endpoints : []))
    expect(endpoints.filter((endpoint) => endpoint.ip.endsWith(".9/24")).length).toBe(1)
    expect(new Set(endpoints.map((endpoint) => endpoint.ip)).size).toBe(endpoints.length)
    expect(new Set(endpoints.map((endpoint) => endpoint.mac)).size).toBe(endpoints.length)
    expect(new Set(endpoints.map((endpoint) => endpoint.name)).size).toBe(endpoints.length)
    expect(store.range("ovl/endpoints/").entries.length).toBe(endpoints.length)
  })

  test("one name is given once, though it is asked for on two networks at once", async () => {
    const { cluster, node } = harness()
    const other = anotherServer(harness())
    const red = (await cluster.createNetwork(networkSpec("red"))).network.id
    const green = (await cluster.createNetwork(networkSpec("green"))).network.id
    for (let n = 0; n < 5; n++) {
      const said = await Promise.all([
        outcome(cluster.createEndpoints([endpointSpec(red, node, `web${n}`)])),
        outcome(other.createEndpoints([endpointSpec(green, node, `web${n}`)])),
      ])
      expect(said.map((words) => words.split(":")[0]).sort()).toEqual(["conflict name_taken", "ok"])
    }
  })

  test("an endpoint that comes while its network or its node goes does not stay behind", async () => {
    const { cluster, local, node, otherNode } = harness()
    const other = anotherServer(harness())
    const [leaver, creator] = node === SERVER_ID ? [otherNode, local] : [node, cluster]
    for (let n = 0; n < 8; n++) {
      const { network } = await cluster.createNetwork(networkSpec(`net${n}`))
      const create = () => outcome(creator.createEndpoints([endpointSpec(network.id, leaver, `w${n}`)]))
      const remove = () => outcome(other.removeNetwork(network.id, { force: n % 4 < 2 }))
      await Promise.all(n % 2 ? [create(), remove()] : [remove(), create()])
    }
    const [near, far] = [networkSpec("near"), networkSpec("far")].map((spec) => cluster.createNetwork(spec))
    const [nearId, farId] = [(await near!).network.id, (await far!).network.id]
    await Promise.all([
      outcome(other.createEndpoints([endpointSpec(farId, leaver, "far")])),
      outcome(local.createEndpoints([endpointSpec(nearId, leaver, "near")])),
      outcome(local.removeNode(leaver, { leave: false })),
      outcome(local.createEndpoints([endpointSpec(nearId, leaver, "late")])),
    ])
  })

  test("whatever is done, the indexes say what the records say", async () => {
    const small = { min: 0, max: 7 }
    const action = fc.oneof(
      fc.record({
        do: fc.constant("network" as const),
        n: fc.integer(small),
        vni: fc.option(fc.integer({ min: 256, max: 262 })),
      }),
      fc.record({ do: fc.constant("remove network" as const), n: fc.integer(small), force: fc.boolean() }),
      fc.record({
        do: fc.constant("attach" as const),
        n: fc.integer(small),
        workload: fc.integer(small),
        host: fc.option(fc.integer({ min: 0, max: 15 })),
        mac: fc.option(fc.integer(small)),
      }),
      fc.record({ do: fc.constant("detach" as const), which: fc.nat() }),
      fc.record({ do: fc.constant("update" as const), which: fc.nat() }),
    )
    type Action = typeof action extends fc.Arbitrary<infer T> ? T : never
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(action, { maxLength: 4 }), { maxLength: 12 }), async (rounds) => {
        const { store } = harness()
        const other = { ...harness(), cluster: anotherServer(harness()) }
        for (const round of rounds) {
          await Promise.all(round.map((one: Action, n) => outcome(perform(n % 2 ? harness() : other, one))))
          expect(inconsistencies(store)).toEqual([])
        }
      }),
      { numRuns: RUNS },
    )
  })
}

/**
 * The same store as another server has it: what it decides arrives a little later, and what keeps the two from each
 * other's toes are the compares alone.
 */
function anotherServer({ store, clock, otherNode }: Harness): LocalCluster {
  const later = async (transaction: Transaction) => {
    await turn()
    return store.transact(transaction)
  }
  const far = new Proxy(store, {
    get: (target, property: keyof Store) => {
      const value = target[property]
      if (property === "transact") return later
      return typeof value === "function" ? value.bind(target) : value
    },
  })
  const replication = new FakeReplication(otherNode)
  return openCluster({ store: far, replication, clock, random: systemRandom, log: silentLog, self: otherNode })
}

interface AnyAction {
  do: "network" | "remove network" | "attach" | "detach" | "update"
  n?: number
  vni?: number | null
  force?: boolean
  workload?: number
  host?: number | null
  mac?: number | null
  which?: number
}

async function perform({ cluster, store, node }: Harness, action: AnyAction): Promise<unknown> {
  const records = <T>(prefix: string): T[] =>
    store.range(prefix).entries.map((entry) => JSON.parse(new TextDecoder().decode(entry.value)) as T)
  const networks = records<{ id: string; name: string }>("ovl/networks/")
  const network = networks.find(({ name }) => name === `n${action.n}`)
  const endpoints = records<EndpointRecord>("ovl/endpoints/")
  const endpoint = endpoints[(action.which ?? 0) % Math.max(1, endpoints.length)]
  switch (action.do) {
    case "network":
      return cluster.createNetwork(networkSpec(`n${action.n}`, "10.7.7.0/28", { vni: action.vni ?? undefined }))
    case "remove network":
      return cluster.removeNetwork(network?.id ?? "none", { force: action.force ?? false })
    case "attach": {
      const workload = `w${action.workload}`
      const name = network && action.host === null ? `${workload}.${network.name}` : workload
      const ip = typeof action.host === "number" ? `10.7.7.${action.host}` : null
      const mac = typeof action.mac === "number" ? `0e:00:00:00:00:0${action.mac}` : null
      return cluster.createEndpoints([endpointSpec(network?.id ?? "none", node, workload, { name, ip, mac })])
    }
    case "detach":
      return cluster.removeEndpoints(endpoint ? [endpoint.id] : [])
    case "update":
      return cluster.updateEndpoints(endpoint ? [{ id: endpoint.id, state: "up" }] : [])
  }
}
