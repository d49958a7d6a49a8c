/** What every kernel must do, whether it is one or plays one. The plans are the real planner's. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { OvlError } from "../../src/base/errors.ts"
import type { Kernel, KernelWatch, Touched } from "../../src/kernel/port.ts"
import type { Catalog } from "../../src/model/catalog.ts"
import { hiddenNamespace, type NetworkState, VXLAN_NAME } from "../../src/model/dataplane.ts"
import { type Operation, renderPlan } from "../../src/model/operation.ts"
import { desiredEgress, desiredFirewall, desiredNetwork } from "../../src/overlay/desired.ts"
import {
  catalogOf,
  endpointRecord,
  GREEN,
  manyEndpoints,
  NODE_1,
  NODE_2,
  networkRecord,
  nodeRecord,
  RED,
} from "../../src/overlay/fixture.ts"
import { type ObservedInterfaces, planEgress, planNetwork } from "../../src/overlay/plan.ts"
import { addPort, changePeer } from "../../src/overlay/steps.ts"
import { familiesContract } from "./kernel-families.ts"

/** A kernel with a host around it: one device `up0` that has a route. */
export interface KernelHarness {
  kernel: Kernel
  /** Makes an empty namespace, as of a workload. */
  addWorkload(path: string): void
  removeWorkload(path: string): void
  /** Makes a vxlan device in the host's namespace that is not ours. */
  addForeignVxlan(name: string, vni: number): void
  /** Somebody else carries this out. */
  disturb(operation: Operation): void
  /** Somebody else takes ovl's rules away. */
  flushRules(): void
  /** Everything there is, ours or not, as a text that is equal when the state is. */
  snapshot(): string
  close(): void
}

const VIEW = { nodeId: NODE_1 }
const EGRESS = { ifname: "eth1", ip: "172.18.0.2/16", gateway: "172.18.0.1" }
const GATEWAY = "172.18.0.1/16"
const HIDDEN = hiddenNamespace(RED)

function cluster(): Catalog {
  return catalogOf({
    nodes: [nodeRecord(NODE_1, "192.168.1.51"), nodeRecord(NODE_2, "192.168.1.52")],
    networks: [networkRecord(RED, 256), networkRecord(GREEN, 257)],
    endpoints: [
      endpointRecord(1, RED, NODE_1, "10.65.10.2/24", { egress: EGRESS }),
      endpointRecord(2, RED, NODE_2, "10.65.10.3/24"),
      endpointRecord(3, RED, NODE_2, "10.65.10.4/24"),
    ],
  })
}

function codeOf(run: () => void): string {
  try {
    run()
  } catch (error) {
    return error instanceof OvlError ? error.code : String(error)
  }
  return "nothing was thrown"
}

export function kernelContract(name: string, make: () => KernelHarness): void {
  describe(`kernel contract: ${name}`, () => {
    let harness: KernelHarness
    let kernel: Kernel
    let catalog: Catalog

    beforeEach(() => {
      harness = make()
      kernel = harness.kernel
      catalog = cluster()
      harness.addWorkload("/run/netns/w1")
    })
    afterEach(() => harness.close())

    const wanted = (id = RED): NetworkState => {
      const state = desiredNetwork(catalog, VIEW, id)
      if (state === null) throw new Error("the fixture wants a network here")
      return state
    }
    const interfaces = (state: NetworkState): ObservedInterfaces =>
      new Map(
        [...state.ports].map(([id, { workload }]) => [id, kernel.observeInterface(workload.netns, workload.ifname)]),
      )
    const pending = (state = wanted()): string =>
      renderPlan(planNetwork(state, kernel.observeNetwork(state.netns), interfaces(state)))
    const reconcile = (state = wanted()): void => {
      const plan = planNetwork(state, kernel.observeNetwork(state.netns), interfaces(state))
      kernel.apply(plan, "best-effort")
    }

    test("a network is made, and then there is nothing left to do", () => {
      expect(kernel.observeNetwork(HIDDEN)).toBeNull()
      kernel.apply(planNetwork(wanted(), null), "all-or-nothing")
      expect(pending()).toBe("")
      expect(kernel.listHidden()).toEqual([{ netns: HIDDEN, networkId: RED }])
      const rows = kernel.observeNetwork(HIDDEN)?.fdb.map(({ mac, dst }) => `${mac} ${dst}`)
      expect(rows?.sort()).toEqual(["02:42:0a:41:0a:03 192.168.1.52", "02:42:0a:41:0a:04 192.168.1.52"])
      const inside = kernel.observeInterface("/run/netns/w1", "eth0")
      expect(inside).toMatchObject({ mac: "02:42:0a:41:0a:02", mtu: 1450, up: true, addresses: ["10.65.10.2/24"] })
      expect(inside?.routes).toEqual([])
    })

    test("removing a network leaves nothing", () => {
      const before = harness.snapshot()
      reconcile()
      kernel.apply(planNetwork(null, kernel.observeNetwork(HIDDEN)), "best-effort")
      expect(kernel.observeNetwork(HIDDEN)).toBeNull()
      expect(kernel.observeInterface("/run/netns/w1", "eth0")).toBeNull()
      expect(harness.snapshot()).toBe(before)
    })

    const damages: [string, Operation][] = [
      [
        "a row was deleted",
        { op: "fdb-del", ns: HIDDEN, name: VXLAN_NAME, mac: "02:42:0a:41:0a:03", dst: "192.168.1.52" },
      ],
      [
        "a row leads elsewhere",
        { op: "fdb-replace", ns: HIDDEN, name: VXLAN_NAME, mac: "02:42:0a:41:0a:03", dst: "9.9.9.9" },
      ],
      [
        "a row is nobody's",
        { op: "fdb-replace", ns: HIDDEN, name: VXLAN_NAME, mac: "02:42:0a:41:0a:99", dst: "9.9.9.9" },
      ],
      [
        "a neighbour has another MAC",
        { op: "neigh-replace", ns: HIDDEN, name: VXLAN_NAME, ip: "10.65.10.3", mac: "02:42:0a:41:0a:99" },
      ],
      [
        "a neighbour is nobody's",
        { op: "neigh-replace", ns: HIDDEN, name: VXLAN_NAME, ip: "10.65.10.99", mac: "02:42:0a:41:0a:99" },
      ],
      [
        "a neighbour was deleted",
        { op: "neigh-del", ns: HIDDEN, name: VXLAN_NAME, ip: "10.65.10.3", mac: "02:42:0a:41:0a:03" },
      ],
      ["the vxlan device is gone", { op: "link-del", ns: HIDDEN, name: VXLAN_NAME }],
      ["the bridge is gone", { op: "link-del", ns: HIDDEN, name: "br0" }],
      ["the bridge is down and small", { op: "link-set", ns: HIDDEN, name: "br0", up: false, mtu: 1400 }],
      ["the gateway has no address", { op: "addr-del", ns: HIDDEN, name: "br0", address: "10.65.10.1/24" }],
      ["the gateway has one more", { op: "addr-add", ns: HIDDEN, name: "br0", address: "10.1.1.1/24" }],
      ["the port is gone", { op: "link-del", ns: HIDDEN, name: "veth2" }],
      ["the port floods", { op: "port-set", ns: HIDDEN, name: "veth2", learning: true, flood: true, isolated: true }],
      ["the port has lost its row", { op: "fdb-del", ns: HIDDEN, name: "veth2", mac: "02:42:0a:41:0a:02", dst: null }],
      ["the workload's end is down", { op: "link-set", ns: "/run/netns/w1", name: "eth0", up: false }],
      [
        "the workload's address is gone",
        { op: "addr-del", ns: "/run/netns/w1", name: "eth0", address: "10.65.10.2/24" },
      ],
    ]
    test.each(damages)("repaired by difference: %s", (_, damage) => {
      reconcile()
      kernel.apply([damage], "best-effort")
      expect(pending()).not.toBe("")
      reconcile()
      expect(pending()).toBe("")
    })

    test("a namespace made ready ahead is one like any other, and nobody else's", () => {
      const before = harness.snapshot()
      kernel.prepareNamespace()
      kernel.prepareNamespace()
      expect(harness.snapshot()).toBe(before)
      const [first, second] = ["/run/netns/w8", "/run/netns/w9"]
      for (const ns of [first, second]) kernel.apply([{ op: "netns-add", ns }], "all-or-nothing")
      expect(kernel.observeWorkload(first)?.interfaces).toEqual(["lo"])
      expect(new Set([first, second, "/run/netns/w1", ""].map((ns) => kernel.identify(ns))).size).toBe(4)
      for (const ns of [first, second]) kernel.apply([{ op: "netns-del", ns }], "best-effort")
      expect(harness.snapshot()).toBe(before)
    })

    test("one port is seen as it is seen among all", () => {
      reconcile()
      const one = () => kernel.observePort(HIDDEN, "br0", "veth2", "02:42:0a:41:0a:02")
      const among = () => kernel.observeNetwork(HIDDEN)?.ports.find(({ name }) => name === "veth2")
      const whole = among()
      expect(one()).toEqual(whole!)
      kernel.apply(
        [
          { op: "port-set", ns: HIDDEN, name: "veth2", learning: true, flood: true, isolated: true },
          { op: "fdb-del", ns: HIDDEN, name: "veth2", mac: "02:42:0a:41:0a:02", dst: null },
          { op: "link-set", ns: HIDDEN, name: "veth2", up: false, mtu: 1400 },
        ],
        "best-effort",
      )
      expect(one()).toEqual(among()!)
      expect(one()).not.toEqual(whole!)
      expect(kernel.observePort(HIDDEN, "br0", "veth9", "02:42:0a:41:0a:09")).toBeNull()
      expect(kernel.observePort("/run/netns/none", "br0", "veth2", "02:42:0a:41:0a:02")).toBeNull()
    })

    test("one endpoint's change is what a whole plan would be", () => {
      reconcile()
      const before = { ips: ["10.65.10.3"], mac: "02:42:0a:41:0a:03", vtep: "192.168.1.52", pinned: false }
      kernel.apply(changePeer(HIDDEN, before, null), "best-effort")
      const gone = endpointRecord(2, RED, NODE_2, "10.65.10.3/24")
      catalog.apply({ revision: 2, snapshot: false, changes: [{ type: "endpoint", id: gone.id, value: null }] })
      expect(pending()).toBe("")
    })

    test("an attach that fails half-way is undone in reverse", () => {
      reconcile()
      const before = harness.snapshot()
      harness.addWorkload("/run/netns/w7")
      const taken = wanted().ports.values().next().value
      const endpoint = endpointRecord(7, RED, NODE_1, "10.65.10.7/24")
      catalog.apply({ revision: 2, snapshot: false, changes: [{ type: "endpoint", id: endpoint.id, value: endpoint }] })
      const port = wanted().ports.get(endpoint.id)
      if (!port || !taken) throw new Error("the fixture has both ports")
      const impossible: Operation = { op: "addr-add", ns: "/run/netns/w7", name: "eth9", address: "1.2.3.4/24" }
      expect(codeOf(() => kernel.apply([...addPort(HIDDEN, port), impossible], "all-or-nothing"))).toBe(
        "device_not_found",
      )
      expect(kernel.observeInterface("/run/netns/w7", "eth0")).toBeNull()
      harness.removeWorkload("/run/netns/w7")
      expect(harness.snapshot()).toBe(before)
    })

    test("a network whose making fails leaves no namespace", () => {
      const before = harness.snapshot()
      harness.addForeignVxlan("foreign0", 256)
      expect(codeOf(() => kernel.apply(planNetwork(wanted(), null), "all-or-nothing"))).toBe("vni_taken_on_host")
      expect(kernel.listHidden()).toEqual([])
      kernel.apply([{ op: "link-del", ns: "", name: "foreign0" }], "best-effort")
      expect(harness.snapshot()).toBe(before)
    })

    test("a stale device of ours that has the VNI makes way", () => {
      harness.addWorkload("/run/netns/w9")
      reconcile()
      const other = endpointRecord(9, GREEN, NODE_1, "10.65.10.2/24")
      catalog.apply({
        revision: 2,
        snapshot: false,
        changes: [
          { type: "network", id: GREEN, value: networkRecord(GREEN, 256) },
          { type: "endpoint", id: other.id, value: other },
        ],
      })
      kernel.apply(planNetwork(wanted(GREEN), null), "all-or-nothing")
      expect(kernel.observeNetwork(hiddenNamespace(GREEN))?.vxlan?.vni).toBe(256)
      expect(kernel.observeNetwork(HIDDEN)?.vxlan).toBeNull()
    })

    test("best effort does what can be done and tells the first refusal", () => {
      reconcile()
      const impossible: Operation = { op: "addr-add", ns: HIDDEN, name: "nothing0", address: "1.2.3.4/24" }
      const possible: Operation = { op: "addr-add", ns: HIDDEN, name: "br0", address: "10.9.9.9/24" }
      expect(codeOf(() => kernel.apply([impossible, possible], "best-effort"))).toBe("device_not_found")
      expect(kernel.observeNetwork(HIDDEN)?.bridge?.addresses).toContain("10.9.9.9/24")
    })

    test("deleting what is gone is done", () => {
      reconcile()
      const gone: Operation[] = [
        { op: "fdb-del", ns: HIDDEN, name: VXLAN_NAME, mac: "02:42:0a:41:0a:77", dst: "192.168.1.52" },
        { op: "neigh-del", ns: HIDDEN, name: VXLAN_NAME, ip: "10.65.10.77", mac: "02:42:0a:41:0a:77" },
        { op: "addr-del", ns: HIDDEN, name: "br0", address: "10.65.10.77/24" },
        { op: "link-del", ns: HIDDEN, name: "nothing0" },
        { op: "link-del", ns: "/run/netns/nowhere", name: "eth0" },
        { op: "netns-del", ns: "/run/netns/1-0123456789" },
      ]
      kernel.apply(gone, "all-or-nothing")
      expect(pending()).toBe("")
    })

    test("names that are taken and namespaces that are gone are said so", () => {
      reconcile()
      const port = wanted().ports.values().next().value
      if (!port) throw new Error("the fixture has a port")
      const second = { ...port, endpointId: "f".repeat(64), device: "veth77", index: port.index + 1 }
      expect(codeOf(() => kernel.apply(addPort(HIDDEN, second), "all-or-nothing"))).toBe("ifname_taken")
      const lost = { ...second, workload: { ...port.workload, netns: "/run/netns/nowhere" } }
      expect(codeOf(() => kernel.apply(addPort(HIDDEN, lost), "all-or-nothing"))).toBe("netns_not_found")
      expect(pending()).toBe("")
    })

    test("egress comes and goes, and forwarding with it", () => {
      const before = harness.snapshot()
      reconcile()
      const facts = kernel.hostFacts()
      const state = desiredEgress(catalog, VIEW, GATEWAY, facts)
      if (state === null) throw new Error("the fixture wants egress")
      expect(state.forwarding).toEqual(["up0"])
      kernel.apply(planEgress(state, kernel.observeEgress(), facts), "all-or-nothing")
      expect(kernel.hostFacts()).toMatchObject({
        forwardingDevices: ["ovl_gwbridge", "up0"],
        switchedDevices: ["up0"],
      })
      const id = [...state.ports.keys()][0] ?? ""
      const seen = new Map([[id, kernel.observeInterface("/run/netns/w1", "eth1")]])
      expect(renderPlan(planEgress(state, kernel.observeEgress(), kernel.hostFacts(), seen))).toBe("")
      expect(seen.get(id)).toMatchObject({
        mac: "02:42:ac:12:00:02",
        mtu: 1500,
        routes: [{ dst: "default", via: "172.18.0.1" }],
      })
      kernel.apply(planEgress(null, kernel.observeEgress(), kernel.hostFacts()), "best-effort")
      expect(kernel.observeEgress()).toBeNull()
      expect(kernel.hostFacts().switchedDevices).toEqual([])
      kernel.apply(planNetwork(null, kernel.observeNetwork(HIDDEN)), "best-effort")
      expect(harness.snapshot()).toBe(before)
    })

    test("rules are written once, and follow the members", () => {
      const facts = kernel.hostFacts()
      const egress = desiredEgress(catalog, VIEW, GATEWAY, facts)
      const state = desiredFirewall(catalog, true, egress, facts)
      expect(kernel.firewallMatches(state)).toBe(false)
      expect(kernel.applyFirewall(state)).toBe(true)
      expect(kernel.firewallMatches(state)).toBe(true)
      expect(kernel.applyFirewall(state)).toBe(false)
      const third = nodeRecord("3".repeat(64), "192.168.1.53")
      catalog.apply({ revision: 2, snapshot: false, changes: [{ type: "node", id: third.id, value: third }] })
      expect(kernel.applyFirewall(desiredFirewall(catalog, true, egress, facts))).toBe(true)
      expect(kernel.inventory().firewall).not.toEqual([])
      kernel.applyFirewall({ vxlan: null, egress: null })
      expect(kernel.inventory().firewall).toEqual([])
    })

    test("purge removes all that is ours and nothing else, twice", () => {
      harness.addForeignVxlan("foreign0", 999)
      const before = harness.snapshot()
      reconcile()
      const facts = kernel.hostFacts()
      const egress = desiredEgress(catalog, VIEW, GATEWAY, facts)
      kernel.applyFirewall(desiredFirewall(catalog, true, egress, facts))
      kernel.apply(planEgress(egress, null, facts), "all-or-nothing")
      expect(kernel.inventory().namespaces).toEqual([HIDDEN])
      expect(kernel.purge()).not.toEqual([])
      expect(kernel.inventory()).toEqual({ namespaces: [], links: [], firewall: [], sysctls: [] })
      expect(harness.snapshot()).toBe(before)
      expect(kernel.purge()).toEqual([])
    })

    test("interrupted after any step, it is taken up again, and can be removed as well", () => {
      const before = harness.snapshot()
      const steps = planNetwork(wanted(), null)
      for (let done = 1; done <= steps.length; done++) {
        kernel.apply(steps.slice(0, done), "best-effort")
        expect(kernel.listHidden()).toEqual([{ netns: HIDDEN, networkId: done < 3 ? null : RED }])
        reconcile()
        expect(pending()).toBe("")
        kernel.apply(planNetwork(null, kernel.observeNetwork(HIDDEN)), "best-effort")
        expect(harness.snapshot()).toBe(before)
      }
    })

    const egressDamages: [string, Operation][] = [
      ["the bridge is gone", { op: "link-del", ns: "", name: "ovl_gwbridge" }],
      ["a port is gone", { op: "link-del", ns: "", name: "ovl0001eeeeeeee" }],
      [
        "a port reaches its neighbours",
        { op: "port-set", ns: "", name: "ovl0001eeeeeeee", learning: false, flood: false, isolated: false },
      ],
      ["the gateway has another MAC", { op: "link-set", ns: "", name: "ovl_gwbridge", mac: "06:00:00:00:00:99" }],
      ["forwarding is off", { op: "sysctl", ns: "", key: "net.ipv4.conf.up0.forwarding", value: "0", remember: false }],
      [
        "IPv6 is on",
        { op: "sysctl", ns: "", key: "net.ipv6.conf.ovl_gwbridge.disable_ipv6", value: "0", remember: false },
      ],
      [
        "the default route is gone",
        { op: "route-del", ns: "/run/netns/w1", name: "eth1", dst: "default", via: "172.18.0.1" },
      ],
    ]
    test.each(egressDamages)("egress repaired by difference: %s", (_, damage) => {
      const facts = kernel.hostFacts()
      const state = desiredEgress(catalog, VIEW, GATEWAY, facts)
      const plan = () => {
        const seen = new Map(
          [...(state?.ports ?? [])].map(([id, { workload }]) => [
            id,
            kernel.observeInterface(workload.netns, workload.ifname),
          ]),
        )
        return planEgress(state, kernel.observeEgress(), kernel.hostFacts(), seen)
      }
      kernel.apply(plan(), "all-or-nothing")
      kernel.apply([damage], "best-effort")
      expect(plan()).not.toEqual([])
      kernel.apply(plan(), "best-effort")
      expect(renderPlan(plan())).toBe("")
      kernel.apply(planEgress(null, kernel.observeEgress(), kernel.hostFacts()), "best-effort")
      expect(kernel.inventory().links).toEqual([])
    })

    test("the same for egress", () => {
      const facts = kernel.hostFacts()
      const state = desiredEgress(catalog, VIEW, GATEWAY, facts)
      const steps = planEgress(state, null, facts)
      const ports = [...(state?.ports ?? [])]
      const plan = () => {
        const seen = new Map(
          ports.map(([id, { workload }]) => [id, kernel.observeInterface(workload.netns, workload.ifname)]),
        )
        return planEgress(state, kernel.observeEgress(), kernel.hostFacts(), seen)
      }
      const before = harness.snapshot()
      for (let done = 1; done <= steps.length; done++) {
        kernel.apply(steps.slice(0, done), "best-effort")
        kernel.apply(plan(), "best-effort")
        expect(renderPlan(plan())).toBe("")
        kernel.purge()
        expect(harness.snapshot()).toBe(before)
      }
    })

    familiesContract(() => kernel)

    describe("the watch", () => {
      const W1 = "/run/netns/w1"
      const nothing = { byOthers: [], byUs: [], rules: null, everything: false }
      const plain = ({ byOthers, byUs, ...rest }: Touched) => ({
        byOthers: [...byOthers].sort(),
        byUs: [...byUs].sort(),
        ...rest,
      })
      const begin = (): KernelWatch => {
        reconcile()
        const facts = kernel.hostFacts()
        const egress = desiredEgress(catalog, VIEW, GATEWAY, facts)
        kernel.applyFirewall(desiredFirewall(catalog, true, egress, facts))
        kernel.apply(planEgress(egress, null, facts), "all-or-nothing")
        const watch = kernel.watch()
        watch.follow(new Set([HIDDEN, W1]))
        // Some things the kernel says a moment later, such as that there is a carrier.
        for (let quiet = 0; quiet < 3; quiet++) {
          if (watch.read().byOthers.size > 0) quiet = 0
          Bun.sleepSync(20)
        }
        watch.glance()
        return watch
      }

      /** A kernel goes on by itself for a while after links were made: carriers come up, addresses become usable. */
      const quiet = async (watch: KernelWatch) => {
        for (let tries = 0, silent = 0; tries < 40 && silent < 5; tries++) {
          await Bun.sleep(50)
          silent = Bun.deepEquals(plain(watch.read()), nothing) ? silent + 1 : 0
        }
      }

      test("says nothing where nothing happens, however often it is looked at", async () => {
        const watch = begin()
        await quiet(watch)
        expect(pending()).toBe("")
        expect(kernel.inventory().namespaces).toEqual([HIDDEN])
        expect([plain(watch.read()), plain(watch.glance()), plain(watch.read())]).toEqual([nothing, nothing, nothing])
      })

      const W1_END: Operation = { op: "addr-del", ns: W1, name: "eth0", address: "10.65.10.2/24" }
      const EGRESS_PORT = { op: "port-set", ns: "", name: "ovl0001eeeeeeee" } as const
      const changes: [string, string, Operation][] = [
        ...damages.map(([what, damage]): [string, string, Operation] => [what, damage.ns, damage]),
        ["a workload's address is gone", W1, W1_END],
        ["the egress bridge is gone", "", { op: "link-del", ns: "", name: "ovl_gwbridge" }],
        ["a port reaches its neighbours", "", { ...EGRESS_PORT, learning: false, flood: false, isolated: false }],
        [
          "forwarding is off",
          "",
          { op: "sysctl", ns: "", key: "net.ipv4.conf.up0.forwarding", value: "0", remember: false },
        ],
      ]
      test.each(changes)("tells what others do: %s", (_, ns, change) => {
        const watch = begin()
        harness.disturb(change)
        expect([...watch.read().byOthers]).toContain(ns)
      })

      test("knows its own hand", () => {
        const watch = begin()
        harness.addWorkload("/run/netns/w7")
        const endpoint = endpointRecord(7, RED, NODE_1, "10.65.10.7/24")
        catalog.apply({
          revision: 2,
          snapshot: false,
          changes: [{ type: "endpoint", id: endpoint.id, value: endpoint }],
        })
        reconcile()
        // Of a new port the bridges' namespaces say nothing: it is looked at by way of its workload.
        expect(plain(watch.read())).toEqual(nothing)
        const peer = { ips: ["10.65.10.9"], mac: "02:42:0a:41:0a:09", vtep: "192.168.1.52", pinned: false }
        kernel.apply(changePeer(HIDDEN, null, peer), "best-effort")
        const seen = plain(watch.read())
        expect(seen.byOthers).toEqual([])
        expect(seen.byUs).toContain(HIDDEN)
        expect(kernel.applyFirewall({ vxlan: null, egress: null })).toBe(true)
        expect(watch.read().rules).toBe("us")
        kernel.apply(planNetwork(null, kernel.observeNetwork(HIDDEN)), "best-effort")
        harness.removeWorkload("/run/netns/w7")
      })

      test("hears what others do to a port that is new", () => {
        const watch = begin()
        harness.addWorkload("/run/netns/w7")
        const endpoint = endpointRecord(7, RED, NODE_1, "10.65.10.7/24")
        const changes = [{ type: "endpoint" as const, id: endpoint.id, value: endpoint }]
        catalog.apply({ revision: 2, snapshot: false, changes })
        reconcile()
        harness.disturb({ op: "port-set", ns: HIDDEN, name: "veth7", learning: true, flood: true, isolated: true })
        const { byOthers, byUs } = watch.read()
        expect([...byOthers, ...byUs]).toContain(HIDDEN)
        kernel.apply(planNetwork(null, kernel.observeNetwork(HIDDEN)), "best-effort")
        harness.removeWorkload("/run/netns/w7")
      })

      test("has eyes only for what it follows, and the host", () => {
        const watch = begin()
        watch.follow(new Set([HIDDEN]))
        harness.disturb(W1_END)
        expect(plain(watch.read())).toEqual(nothing)
        watch.follow(new Set([HIDDEN, W1]))
        harness.disturb({ op: "addr-add", ns: W1, name: "eth0", address: "10.65.10.2/24" })
        expect(plain(watch.read()).byOthers).toEqual([W1])
      })

      test("tells that the rules were changed", () => {
        const watch = begin()
        harness.flushRules()
        expect([watch.read().rules, watch.glance().rules]).toContain("others")
      })

      test("notices at a glance that a namespace is unpinned, or another is there, and follows that", () => {
        const watch = begin()
        harness.removeWorkload(W1)
        expect([...watch.glance().byOthers]).toContain(W1)
        expect([...watch.glance().byOthers]).not.toContain(W1)
        harness.addWorkload(W1)
        expect([...watch.glance().byOthers]).toContain(W1)
        watch.read()
        harness.disturb({ op: "link-set", ns: W1, name: "lo", up: true })
        expect([...watch.read().byOthers]).toContain(W1)
      })

      test("is silent when it is closed", () => {
        const watch = begin()
        watch.close()
        watch.close()
        harness.disturb(W1_END)
        expect(plain(watch.read())).toEqual(nothing)
      })
    })

    test("thousands of peers are one plan", () => {
      const peers = manyEndpoints(2_000, RED, NODE_2, "10.65.32.0")
      const changes = peers.map((value) => ({ type: "endpoint" as const, id: value.id, value }))
      catalog.apply({ revision: 2, snapshot: false, changes })
      reconcile()
      expect(kernel.observeNetwork(HIDDEN)?.fdb.length).toBe(2_002)
      expect(pending()).toBe("")
    })
  })
}
