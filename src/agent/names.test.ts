import { beforeEach, expect, test } from "bun:test"
import { silentLog } from "../base/log.ts"
import { OvlError } from "../base/errors.ts"
import { DNS_TROUBLE_AFTER_MS } from "../base/limits.ts"
import { question, readable, type TypeName } from "../dns/fixture.ts"
import { catalogOf, endpointRecord, GREEN, NODE_1, networkRecord, nodeRecord, RED } from "../overlay/fixture.ts"
import { hiddenNamespace } from "../model/dataplane.ts"
import { NameServers } from "./names.ts"
import type { ListenerOptions } from "./names-listener.ts"

const two = [
  { subnet: "10.65.10.0/24", gateway: "10.65.10.1" },
  { subnet: "10.66.0.0/16", gateway: "10.66.0.1" },
]

let namespaces: Map<string, string>
let local: string[]
let open: string[]
let listeners: ListenerOptions[]
let refuse: (address: string) => boolean
let timers: (() => void)[]
let now: number
let names: NameServers

beforeEach(() => {
  namespaces = new Map([RED, GREEN].map((id) => [hiddenNamespace(id), `${id.slice(0, 4)}-first`]))
  local = []
  open = []
  listeners = []
  refuse = () => false
  timers = []
  now = 0
  names = new NameServers({
    catalog: catalogOf({
      nodes: [nodeRecord(NODE_1, "192.168.1.51")],
      networks: [networkRecord(RED, 256, { name: "red", subnets: two }), networkRecord(GREEN, 257, { name: "green" })],
      endpoints: [endpointRecord(1, RED, NODE_1, "10.65.10.2/24", { workload: "web" })],
    }),
    nodeId: NODE_1,
    kernel: { identify: (netns) => namespaces.get(netns) ?? null },
    localNetworks: () => local,
    listen: async (options) => {
      const place = `${namespaces.get(options.netns)} ${options.address}`
      if (refuse(options.address)) throw new OvlError("bind", "no such address")
      listeners.push(options)
      open.push(place)
      const close = () => {
        open = open.filter((each) => each !== place)
      }
      return { close }
    },
    upstreams: { servers: () => [], ask: () => () => {} },
    clock: {
      now: () => 0,
      monotonic: () => now,
      after: (_, run) => {
        timers.push(run)
        return () => {}
      },
    },
    random: { bytes: (length) => new Uint8Array(length) },
    log: silentLog,
  })
})

/** Whatever has been begun is done. */
const settled = () => Bun.sleep(0)

async function serve(...networks: string[]): Promise<void> {
  local = networks
  names.networksChanged()
  await settled()
}

test("every gateway of the networks that are here, and of no other", async () => {
  await serve(RED)
  expect(open).toEqual(["2496-first 10.65.10.1", "2496-first 10.66.0.1"])
  await serve(RED)
  expect(open).toHaveLength(2)
  await serve(GREEN)
  expect(open).toEqual(["7ab3-first 10.65.10.1"])
  await serve()
  expect(open).toEqual([])
})

test("anew where the namespace is another one now", async () => {
  await serve(RED, GREEN)
  namespaces.set(hiddenNamespace(RED), "2496-second")
  names.networksChanged()
  await settled()
  expect(open.filter((each) => each.includes("second"))).toEqual([])
  names.check()
  await settled()
  expect(open.toSorted()).toEqual(["2496-second 10.65.10.1", "2496-second 10.66.0.1", "7ab3-first 10.65.10.1"])
})

test("not where there is no namespace; then when there is one", async () => {
  namespaces.delete(hiddenNamespace(RED))
  await serve(RED)
  expect(open).toEqual([])
  namespaces.set(hiddenNamespace(RED), "made")
  names.check()
  await settled()
  expect(open).toHaveLength(2)
})

test("an address that is not there yet is tried again, the others meanwhile are listened on", async () => {
  refuse = (address) => address === "10.66.0.1"
  await serve(RED)
  expect(open).toEqual(["2496-first 10.65.10.1"])
  expect(timers).toHaveLength(1)
  timers.pop()!()
  await settled()
  expect(open).toHaveLength(1)
  refuse = () => false
  timers.pop()!()
  await settled()
  expect(open).toEqual(["2496-first 10.65.10.1", "2496-first 10.66.0.1"])
  expect(timers).toEqual([])
})

test("what cannot be listened on for long is a problem, until it can", async () => {
  refuse = (address) => address === "10.66.0.1"
  await serve(RED)
  expect(names.problems()).toEqual([])
  now = DNS_TROUBLE_AFTER_MS
  expect(names.problems()).toEqual([
    {
      code: "names_not_served",
      message:
        "network red: its workloads here get no answers about names: cannot listen on 10.66.0.1: no such address",
      hint: "ovl tries again by itself; see the daemon's log",
      level: "error",
    },
  ])
  refuse = () => false
  timers.pop()!()
  await settled()
  expect(names.problems()).toEqual([])
})

test("one that goes while there is trouble with it is none any more", async () => {
  refuse = () => true
  await serve(RED)
  await serve()
  now = DNS_TROUBLE_AFTER_MS
  expect(names.problems()).toEqual([])
})

test("what becomes of the questions is counted", async () => {
  await serve(RED)
  const ask = (name: string, type: TypeName = "A") =>
    listeners[0]!.answer("10.65.10.2", question(name, type), "udp", () => {})
  for (const name of ["web", "nobody", "www.example.com"]) ask(name)
  ask("web", "AAAA")
  listeners[0]!.answer("10.65.10.2", new Uint8Array(3), "tcp", () => {})
  const counted = names
    .measures()
    .flatMap(({ name, values }) =>
      values
        .filter(([, value]) => value > 0)
        .map(([labels, value]) => `${name} ${Object.values(labels).join(" ")} ${value}`),
    )
  expect(counted).toEqual([
    "ovl_dns_questions_total udp ok 1",
    "ovl_dns_questions_total udp no_data 1",
    "ovl_dns_questions_total udp no_such_name 1",
    "ovl_dns_questions_total udp server_failure 1",
    "ovl_dns_questions_total tcp none 1",
    "ovl_dns_forwarded_total  1",
    "ovl_dns_forward_failures_total  1",
    "ovl_dns_networks  1",
  ])
})

test("what is closed while it is being opened does not stay open", async () => {
  local = [RED]
  names.networksChanged()
  local = []
  names.networksChanged()
  await settled()
  expect(open).toEqual([])
  local = [RED]
  names.networksChanged()
  names.close()
  await settled()
  expect(open).toEqual([])
  await serve(RED)
  expect(open).toEqual([])
})

test("who asks is answered from the catalog; nobody to ask elsewhere is said", async () => {
  await serve(RED)
  const said: string[] = []
  for (const name of ["web", "www.example.com"])
    listeners[0]!.answer("10.65.10.2", question(name), "udp", (reply) => said.push(readable(reply)))
  expect(said).toEqual(["NOERROR qr aa rd ra; web A?; web 1 A 10.65.10.2", "SERVFAIL qr rd ra; www.example.com A?"])
})
