/** The lab on the real kernel: up, proved, broken on purpose, repaired, cut off half-way, and down without a trace. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { basename, join, resolve } from "node:path"
import type { LabVerify } from "../../src/model/lab.ts"
import type { NetworkView } from "../../src/model/network.ts"
import { describeAsRoot } from "../support/netns.ts"
import { type Done, done, LabMachine } from "./lab-machine.ts"

const CHECKS = [
  "red: all pairs reach each other",
  "green: all pairs reach each other",
  "the same address is another workload in each network",
  "no ARP and no broadcast on the wire",
  "VXLAN on the underlay",
  "nothing crosses by address",
  "nothing crosses by MAC",
  "forged VXLAN is dropped",
  "namespace_01: interfaces and routes",
  "namespace_03: interfaces and routes",
  "namespace_02: interfaces and routes",
  "namespace_04: interfaces and routes",
  "swarm-01: rows of red",
  "swarm-01: rows of green",
  "swarm-02: rows of red",
  "swarm-02: rows of green",
  "the outside is reached with the node's address",
  "egress neighbours are apart",
  "the outside cannot reach in",
  "nodes are closed to their own workloads",
  "nodes",
  "swarm-01: the networks' records in the KV",
  "swarm-02: the networks' records in the KV",
]
const ALL_WELL = CHECKS.map((name) => `ok ${name}`)

let machine: LabMachine

async function verify(): Promise<string[]> {
  return checksOf(await machine.ovl("lab", "verify", "--json"))
}

/** With harm done while it is at work, and no daemon to repair it. */
async function verifyBroken(on: string, harm: string, undo: string): Promise<string[]> {
  return checksOf(await machine.run([process.execPath, join(import.meta.dir, "lab-broken.ts"), on, harm, undo]))
}

function checksOf({ stdout, stderr }: Done): string[] {
  if (stdout === "") return [stderr]
  const { checks } = JSON.parse(stdout) as LabVerify
  return checks.map(({ name, ok, detail }) => (ok ? `ok ${name}` : `FAILED ${name}: ${detail}`))
}

async function daemons(): Promise<string> {
  return (await machine.ovl("lab", "ls", "--json")).stdout
}

describeAsRoot("the red/green lab", () => {
  beforeAll(async () => {
    machine = await LabMachine.start()
    expect(done(await machine.ovl("lab", "up"))).toBe("done")
  })
  afterAll(async () => await machine.stop())

  test("everything is proved", async () => {
    expect(await verify()).toEqual(ALL_WELL)
  })

  test("a command on a host: its own ovl, exit status, name and directory", async () => {
    const ping = ["ovl", "exec", "namespace_03", "ping", "-c1", "-W1", "namespace_01"]
    expect(done(await machine.ovl("lab", "exec", "swarm-02", "--", ...ping))).toBe("done")
    const netns = await machine.ovl("lab", "exec", "swarm-02", "--", "ip", "netns", "ls")
    expect(netns.stdout.match(/^1-[0-9a-f]{10}/gm)).toHaveLength(2)
    expect((await machine.on("swarm-02", "hostname; pwd")).stdout).toBe("swarm-02\n/\n")
    expect((await machine.on("outside", "exit 7")).status).toBe(7)
    expect((await machine.on("swarm-01", "kill -9 $$")).status).toBe(137)
    expect((await machine.ovl("lab", "exec", "swarm-01", "--", "no-such-command")).status).toBe(127)
  })

  test("what is not there is said", async () => {
    const host = await machine.ovl("lab", "exec", "swarm-09", "true")
    expect(host.status).toBe(3)
    expect(host.stderr).toContain("outside, swarm-01, swarm-02")
    expect((await machine.ovl("lab", "verify", "--name", "other")).status).toBe(3)
    expect((await machine.ovl("lab", "down", "--name", "other")).status).toBe(3)
    const inside = await machine.on("swarm-01", "ovl lab down || exit $?")
    expect([inside.status, inside.stderr]).toEqual([4, expect.stringContaining("host of a lab")])
    const installed = await machine.on("swarm-01", "ovl install")
    expect([installed.status, installed.stderr]).toEqual([4, expect.stringContaining("its files are the machine's")])
  })

  test("up again changes nothing", async () => {
    const before = await daemons()
    expect(done(await machine.ovl("lab", "up"))).toBe("done")
    expect(await daemons()).toBe(before)
  })

  test("a second one at the same time is refused", async () => {
    const both = await Promise.all([machine.ovl("lab", "verify"), machine.ovl("lab", "verify")])
    expect(both.map((each) => each.status).sort()).toEqual([0, 4])
    expect(both.map((each) => each.stderr).join()).toContain("another ovl is at work")
  })
})

const FLUSH_RULESET = `${process.execPath} ${resolve(import.meta.dir, "../support/flush-ruleset.ts")}`

/** What to break on a host, how to put it back, and what the proof must then say. */
const SHELL = `
  forwards() {
    for i in $(seq 50); do bridge -n "$1" link show dev "$2" | grep -q forwarding && break; sleep 0.1; done
  }
  nat() {
    iptables -t nat "$1" OVL-POSTROUTING -s 172.18.0.0/16 ! -o ovl_gwbridge \\
      -m comment --comment "ovl: source NAT" -j MASQUERADE
  }`
const BREAKAGES = [
  {
    name: "an FDB row is gone",
    on: "swarm-01",
    harm: "bridge -n $(ns red) fdb del 02:42:0a:41:0a:03 dev vxlan1 dst 192.168.1.52 self",
    undo: "bridge -n $(ns red) fdb replace 02:42:0a:41:0a:03 dev vxlan1 dst 192.168.1.52 self permanent",
    fails: ["red: all pairs reach each other", "swarm-01: rows of red", "nothing crosses by MAC"],
  },
  {
    name: "a foreign FDB row, which floods",
    on: "swarm-02",
    harm: "bridge -n $(ns green) fdb append 00:00:00:00:00:00 dev vxlan1 dst 192.168.1.51 self permanent",
    undo: "bridge -n $(ns green) fdb del 00:00:00:00:00:00 dev vxlan1 dst 192.168.1.51 self",
    fails: ["swarm-02: rows of green"],
  },
  {
    name: "flooding without the neighbour row",
    on: "swarm-02",
    harm: `bridge -n $(ns green) fdb append 00:00:00:00:00:00 dev vxlan1 dst 192.168.1.51 self permanent
           ip -n $(ns green) neigh del 10.65.10.2 dev vxlan1`,
    undo: `bridge -n $(ns green) fdb del 00:00:00:00:00:00 dev vxlan1 dst 192.168.1.51 self
           ip -n $(ns green) neigh replace 10.65.10.2 lladdr 02:42:0a:41:0a:02 dev vxlan1 nud permanent`,
    fails: ["no ARP and no broadcast on the wire", "swarm-02: rows of green"],
  },
  {
    name: "a foreign neighbour row",
    on: "swarm-02",
    harm: "ip -n $(ns red) neigh replace 10.65.10.77 lladdr 02:42:0a:41:0a:4d dev vxlan1 nud permanent",
    undo: "ip -n $(ns red) neigh del 10.65.10.77 dev vxlan1",
    fails: ["swarm-02: rows of red"],
  },
  {
    // The guard of the ports would drop what comes by a port that is nobody's; the daemon puts it back.
    name: "a leak between the networks, and no guard",
    on: "swarm-01",
    harm: `for network in red green; do ip netns exec $(ns $network) ${FLUSH_RULESET}; done
           ip -n $(ns red) link add leak0 type veth peer name leak1 netns $(ns green)
           ip -n $(ns red) link set leak0 master br0 up
           ip -n $(ns green) link set leak1 master br0 up
           forwards $(ns green) leak1`,
    undo: "ip -n $(ns red) link del leak0",
    fails: ["nothing crosses by MAC", "swarm-01: rows of red", "swarm-01: rows of green"],
  },
  {
    name: "no source NAT",
    on: "swarm-01",
    harm: "nat -D",
    undo: "nat -C || nat -A",
    fails: ["the outside is reached with the node's address"],
  },
  {
    name: "egress ports not isolated, no rules for forwarding and input",
    on: "swarm-02",
    harm: `iptables-save > /run/saved
           for port in $(ls /sys/class/net/ovl_gwbridge/brif); do bridge link set dev $port isolated off; done
           iptables -F OVL-FORWARD; iptables -F OVL-GUARD; iptables -F OVL-INPUT`,
    undo: `iptables-restore < /run/saved; rm /run/saved
           for port in $(ls /sys/class/net/ovl_gwbridge/brif); do bridge link set dev $port isolated on; done`,
    fails: [
      "forged VXLAN is dropped",
      "egress neighbours are apart",
      "the outside cannot reach in",
      "nodes are closed to their own workloads",
    ],
  },
  {
    name: "another MTU and a further route in a workload",
    on: "swarm-01",
    harm: "ip -n ovl-namespace_02 link set eth0 mtu 1400; ip -n ovl-namespace_02 route add 192.0.2.0/24 dev eth0",
    undo: "ip -n ovl-namespace_02 link set eth0 mtu 1450; ip -n ovl-namespace_02 route del 192.0.2.0/24",
    fails: ["namespace_02: interfaces and routes"],
  },
]

describeAsRoot("the proof notices", () => {
  /** A word for the shell: the hidden namespace of a network, which no daemon can be asked for while it stands still. */
  let names: string

  beforeAll(async () => {
    machine = await LabMachine.start()
    expect(done(await machine.ovl("lab", "up"))).toBe("done")
    const { stdout } = await machine.on("swarm-01", "ovl network inspect red green --json")
    const [red, green] = (JSON.parse(stdout) as NetworkView[]).map(({ local }) => basename(local!.netns))
    names = `ns() { if [ "$1" = red ]; then echo ${red}; else echo ${green}; fi; }`
  })
  afterAll(async () => await machine.stop())

  for (const { name, on, harm, undo, fails } of BREAKAGES) {
    test(name, async () => {
      const script = (what: string) => `${names}\n${SHELL}\n${what}`
      const failed = (await verifyBroken(on, script(harm), script(undo))).filter((line) => !line.startsWith("ok "))
      const unnoticed = fails.filter((check) => !failed.some((line) => line.startsWith(`FAILED ${check}: `)))
      expect({ unnoticed, failed }).toEqual({ unnoticed: [], failed })
    })
  }

  test("and all is well again after each was put back", async () => {
    expect(await verify()).toEqual(ALL_WELL)
  })

  test("a node that is down", async () => {
    await machine.on("swarm-02", "kill -9 $(cat /run/ovl/ovl.pid)")
    const [only = "", ...others] = await verify()
    expect(others).toEqual([])
    expect(only).toContain("the daemon of swarm-02 does not run")
  })
})

describeAsRoot("lab up repairs", () => {
  beforeAll(async () => {
    machine = await LabMachine.start()
    expect(done(await machine.ovl("lab", "up"))).toBe("done")
  })
  afterAll(async () => await machine.stop())

  test("daemons that were killed", async () => {
    for (const host of ["swarm-01", "swarm-02"]) await machine.on(host, "kill -9 $(cat /run/ovl/ovl.pid)")
    expect(done(await machine.ovl("lab", "up"))).toBe("done")
    expect(await verify()).toEqual(ALL_WELL)
  })

  test("a workload that was removed", async () => {
    expect(done(await machine.on("swarm-01", "ovl rm --force namespace_01"))).toBe("done")
    expect(done(await machine.ovl("lab", "up"))).toBe("done")
    expect(await verify()).toEqual(ALL_WELL)
  })

  test("a cable that was pulled", async () => {
    expect(done(await machine.on("swarm-02", "ip link del eth0"))).toBe("done")
    expect(done(await machine.ovl("lab", "up"))).toBe("done")
    expect(await verify()).toEqual(ALL_WELL)
  })

  test("a node that lost its data", async () => {
    await machine.on("swarm-02", "kill -9 $(cat /run/ovl/ovl.pid)")
    expect(done(await machine.run(["rm", "-r", "/var/lib/ovl-lab/red-green/swarm-02"]))).toBe("done")
    expect(done(await machine.ovl("lab", "up"))).toBe("done")
    expect(await verify()).toEqual(ALL_WELL)
  })
})

describeAsRoot("no trace", () => {
  beforeAll(async () => {
    machine = await LabMachine.start()
  })
  afterAll(async () => await machine.stop())

  test("down leaves nothing of a whole lab, nor of what was started in it by hand", async () => {
    const before = await machine.inventory()
    expect(done(await machine.ovl("lab", "up"))).toBe("done")
    const strays = [
      "setsid sleep 1000 > /dev/null 2>&1 &",
      "ip netns add stray; ip netns exec stray setsid sleep 1000 > /dev/null 2>&1 &",
      "ovl run -d --network red --name extra -- sleep 1000",
    ]
    expect(done(await machine.on("swarm-01", strays.join("\n")))).toBe("done")
    expect(await machine.inventory()).not.toEqual(before)
    expect(done(await machine.ovl("lab", "down"))).toBe("done")
    expect(await machine.inventory()).toEqual(before)
  })

  test("two labs do not know each other, and go together", async () => {
    const before = await machine.inventory()
    const ups = ["one", "two"].map((name) => machine.ovl("lab", "up", "--name", name))
    expect((await Promise.all(ups)).map(done)).toEqual(["done", "done"])
    const proofs = await Promise.all(["one", "two"].map((name) => machine.ovl("lab", "verify", "--name", name)))
    expect(proofs.map(done)).toEqual(["done", "done"])
    expect(done(await machine.ovl("lab", "down", "--all"))).toBe("done")
    expect(await machine.inventory()).toEqual(before)
    expect(done(await machine.ovl("lab", "down", "--all"))).toBe("done")
  })

  for (const [ms, signal] of [
    [400, "INT"],
    [900, "KILL"],
    [1500, "TERM"],
  ] as const) {
    test(`an up that was cut off after ${ms} ms is taken down`, async () => {
      const before = await machine.inventory()
      await machine.cutOffUp(ms, signal)
      expect(await machine.inventory()).not.toEqual(before)
      expect(done(await machine.ovl("lab", "down"))).toBe("done")
      expect(await machine.inventory()).toEqual(before)
    })
  }

  test("an up that was cut off again and again is brought to its end", async () => {
    for (const ms of [300, 700, 1100]) await machine.cutOffUp(ms, "KILL")
    expect(done(await machine.ovl("lab", "up"))).toBe("done")
    expect(await verify()).toEqual(ALL_WELL)
  })
})
