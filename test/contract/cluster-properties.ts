/** The cluster's contract, third part: what must hold whatever is done, in whatever order and by however many at once. */
import { expect, test } from "bun:test"
import fc from "fast-check"
import type { EndpointRecord } from "../../src/model/endpoint.ts"
import { inconsistencies } from "./cluster-consistency.ts"
import { endpointSpec, type Harness, networkSpec, outcome } from "./cluster-harness.ts"

const RUNS = 15

export function propertiesContract(harness: () => Harness): void {
  test("however many create at once, no VNI, name, address or MAC is given twice", async () => {
    const { cluster, local, store, node, otherNode } = harness()
    const names = Array.from({ length: 24 }, (_, n) => `net${n % 16}`)
    const made = await Promise.allSettled(names.map((name, n) => (n % 2 ? cluster : local).createNetwork({ name })))
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
      wishes.map((wish) => (wish.nodeId === node ? cluster : local).createEndpoints([wish])),
    )
    const endpoints = created.flatMap((result) => (result.status === "fulfilled" ? result.value.endpoints : []))
    expect(endpoints.filter((endpoint) => endpoint.ip.endsWith(".9/24")).length).toBe(1)
    expect(new Set(endpoints.map((endpoint) => endpoint.ip)).size).toBe(endpoints.length)
    expect(new Set(endpoints.map((endpoint) => endpoint.mac)).size).toBe(endpoints.length)
    expect(new Set(endpoints.map((endpoint) => endpoint.name)).size).toBe(endpoints.length)
    expect(store.range("ovl/endpoints/").entries.length).toBe(endpoints.length)
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
        for (const round of rounds) {
          await Promise.all(round.map((one: Action) => outcome(perform(harness(), one))))
          expect(inconsistencies(store)).toEqual([])
        }
      }),
      { numRuns: RUNS },
    )
  })
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
