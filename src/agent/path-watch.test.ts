import { beforeEach, expect, test } from "bun:test"
import { PATH_CHECK_INTERVAL_MS, PATH_RECHECK_MS, PATH_TURN_MS } from "../base/limits.ts"
import { silentLog } from "../base/log.ts"
import { ManualClock } from "../base/manual-clock.ts"
import type { Catalog, Change } from "../model/catalog.ts"
import type { ProbeView } from "../model/probe.ts"
import { catalogOf, endpointRecord, networkRecord, NODE_1, NODE_2, nodeRecord, RED } from "../overlay/fixture.ts"
import { EventBus } from "./events.ts"
import { PathWatch } from "./path-watch.ts"

const OPEN = { small: true, full: true }
const EATEN = { small: true, full: false }

let clock: ManualClock
let catalog: Catalog
let probed: string[]
let told: string[]
let there: ProbeView["there"]
let back: ProbeView["back"]
let watch: PathWatch

function change(...changes: Change[]): void {
  catalog.apply({ revision: catalog.revision + 1, snapshot: false, changes })
}

/** The clock moves on, and what is begun then comes to its end. */
async function pass(ms: number): Promise<string[]> {
  probed.length = 0
  for (let left = ms; left > 0; left -= PATH_TURN_MS) {
    clock.advance(Math.min(left, PATH_TURN_MS))
    await Bun.sleep(0)
  }
  return [...probed]
}

beforeEach(() => {
  clock = new ManualClock()
  catalog = catalogOf({
    nodes: [nodeRecord(NODE_1, "192.168.1.51"), nodeRecord(NODE_2, "192.168.1.52")],
    networks: [networkRecord(RED, 256)],
    endpoints: [endpointRecord(1, RED, NODE_1, "10.65.10.2/24")],
  })
  change({ type: "alive", id: NODE_2, value: true })
  probed = []
  told = []
  there = OPEN
  back = OPEN
  const events = new EventBus(clock, silentLog, "h1")
  events.listen(({ type }) => void told.push(type))
  const view = { ms: 1, clockAheadMs: 0, refused: null, largest: 1300 }
  const prober = {
    probe: async ([node]: readonly { name: string; address: string }[], { full = 0 } = {}) => {
      probed.push(`${node!.name} ${full}`)
      return [{ ...view, node: node!.name, address: node!.address, there, back, mtu: full }]
    },
  }
  watch = new PathWatch({ catalog, nodeId: NODE_1, prober, events, clock })
  watch.start()
})

const other = endpointRecord(2, RED, NODE_2, "10.65.10.3/24")
const share = () => change({ type: "endpoint", id: other.id, value: other })

test("nodes that share no network are left alone; one that comes to share one is tried at the next turn", async () => {
  expect(await pass(PATH_CHECK_INTERVAL_MS)).toEqual([])
  share()
  expect(await pass(PATH_TURN_MS)).toEqual(["node-2 1450"])
  expect(await pass(PATH_CHECK_INTERVAL_MS - PATH_TURN_MS)).toEqual([])
  expect(await pass(PATH_TURN_MS)).toEqual(["node-2 1450"])
})

test("another address or MTU is a reason to try at once, a node that is not heard from none", async () => {
  share()
  await pass(PATH_TURN_MS)
  change({ type: "node", id: NODE_2, value: nodeRecord(NODE_2, "192.168.1.99", { underlayMtu: 1400 }) })
  expect(await pass(PATH_TURN_MS)).toEqual(["node-2 1350"])
  change({ type: "alive", id: NODE_2, value: null })
  expect(await pass(2 * PATH_CHECK_INTERVAL_MS)).toEqual([])
})

test("a way that eats full frames is a warning in the status until it does no more (pain 20)", async () => {
  there = EATEN
  share()
  await pass(PATH_TURN_MS)
  expect(watch.problems().map(({ code, level, message }) => `${level} ${code}: ${message}`)).toEqual([
    "warning path_mtu: full-size frames (MTU 1450) from node-1 to node-2 are lost, small ones pass; the largest that passes is 1300",
  ])
  await pass(PATH_RECHECK_MS)
  there = OPEN
  await pass(PATH_RECHECK_MS + PATH_TURN_MS)
  expect(watch.problems()).toEqual([])
  expect(told).toEqual(["path_mtu", "path_open"])
})

test("a node that answers nothing for once does not make its way whole", async () => {
  there = EATEN
  share()
  await pass(PATH_TURN_MS)
  there = { small: null, full: null }
  back = { small: null, full: null }
  await pass(PATH_RECHECK_MS + PATH_TURN_MS)
  expect(watch.problems().map(({ code }) => code)).toEqual(["path_mtu"])
  expect(told).toEqual(["path_mtu"])
  there = OPEN
  back = OPEN
  await pass(PATH_RECHECK_MS + PATH_TURN_MS)
  expect(watch.problems()).toEqual([])
  expect(told).toEqual(["path_mtu", "path_open"])
})

test("what is wrong with the way to a node that is gone, or shares nothing any more, is forgotten", async () => {
  there = { small: false, full: false }
  share()
  await pass(PATH_TURN_MS)
  expect(watch.problems().map(({ code }) => code)).toEqual(["path_blocked"])
  change({ type: "endpoint", id: other.id, value: null })
  await pass(PATH_TURN_MS)
  expect(watch.problems()).toEqual([])
})
