import { expect, test } from "bun:test"
import { parseSaved } from "../kernel/firewall/saved.ts"
import { inodesAt } from "../linux/port-holders.ts"
import type { NetworkView } from "../model/network.ts"
import type { ProbeView } from "../model/probe.ts"
import { OvlError } from "../base/errors.ts"
import { carryOut, type Finding } from "./check.ts"
import { clockFinding } from "./clock.ts"
import { wayFindings } from "./cluster.ts"
import { deviceTo, seenIn } from "./egress.ts"
import { flavourFinding, forwardFindings, nftRuleFindings, vxlanFindings } from "./firewall.ts"
import { parseKernelConfig } from "./kernel-config.ts"
import type { Patient } from "./patient.ts"
import { portFinding } from "./ports.ts"
import { rightsFinding } from "./rights.ts"
import { egressClashes, networkClashes } from "./routes.ts"

const said = (findings: Finding[]) => findings.map(({ level, detail }) => `${level}: ${detail}`)

test("a check that cannot look says why, and a mistake of one check does not end the others", async () => {
  const patient = {} as Patient
  const thrown = (error: unknown) => carryOut({ name: "x", look: () => Promise.reject(error) }, patient)
  const denied = new OvlError("not_permitted", "no", { kind: "forbidden" })
  expect(await thrown(denied)).toMatchObject([{ name: "x", ok: true, level: "skipped" }])
  expect(await thrown(new Error("odd"))).toMatchObject([{ ok: true, level: "warning" }])
})

test("root without what root usually may", () => {
  const of = (bits: string) => said([rightsFinding(`CapEff:\t${bits}\n`)])[0]
  expect(of("000001ffffffffff")).toStartWith("ok")
  expect(of("0000000000002000")).toBe("failed: root, but without CAP_NET_ADMIN and CAP_SYS_ADMIN: no node can run")
  expect(of("000001ffffffdfff")).toBe("warning: root, but without CAP_NET_RAW: the probes of other nodes are not heard")
})

test("the kernel's configuration", () => {
  const text = "CONFIG_VXLAN=m\n# CONFIG_BRIDGE is not set\nCONFIG_VETH=y\nCONFIG_HZ=250\n"
  expect([...parseKernelConfig(text)]).toEqual([
    ["VXLAN", "m"],
    ["BRIDGE", "n"],
    ["VETH", "y"],
  ])
})

test("who has a port: the kernel, the daemon, somebody else, or somebody whom only root can see", () => {
  const wanted = { protocol: "udp", port: 4789, what: "VXLAN" } as const
  const finding = (holders: Parameters<typeof portFinding>[1], daemon: number | null = 7) =>
    said([portFinding(wanted, holders, daemon, "or not")])[0]
  expect(finding([])).toBe("ok: free, for VXLAN")
  expect(finding([{ pid: null, program: null, kernel: true }])).toBe("ok: the kernel's, for VXLAN devices")
  expect(finding([{ pid: 7, program: "ovl", kernel: false }])).toBe("ok: the daemon's (pid 7), for VXLAN")
  expect(finding([{ pid: 8, program: "flanneld", kernel: false }])).toBe(
    "failed: taken by flanneld (pid 8): VXLAN cannot have it",
  )
  expect(finding([{ pid: null, program: null, kernel: false }])).toBe("ok: taken, most likely by the daemon")
  expect(finding([{ pid: null, program: null, kernel: false }], null)).toStartWith("failed: taken by a program that")
})

test("sockets that listen, out of /proc/net", () => {
  const line = (at: string, state: string, inode: string) =>
    `   1: ${at} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 2 0000 0`
  const text = [line("0100007F:206C", "0A", "11"), line("0100007F:206C", "01", "12"), line("00:206D", "0A", "13")].join(
    "\n",
  )
  expect(inodesAt("tcp", 8300, text)).toEqual(["11"])
  expect(inodesAt("udp", 8300, text)).toEqual([])
})

const filter = (...rules: string[]) =>
  parseSaved(
    ["*filter", ":INPUT ACCEPT [0:0]", ":FORWARD DROP [0:0]", ":OVL-INPUT - [0:0]", ...rules, "COMMIT"].join("\n"),
  )

test("rules that drop VXLAN: for everybody, for some, in lists and ranges; ours and those for others are passed over (pain 15)", () => {
  const of = (rule: string) => said(vxlanFindings(filter(rule), null))
  const dropped = (level: string, rule: string) =>
    expect(of(rule)).toEqual([`${level}: a rule drops VXLAN: iptables -t filter ${rule}`])
  dropped("failed", "-A INPUT -p udp -m udp --dport 4789 -j DROP")
  dropped("failed", "-A INPUT -p udp -m multiport --dports 53,4000:5000 -j REJECT --reject-with icmp-port-unreachable")
  dropped("warning", "-A INPUT -s 10.0.0.0/8 -p udp -m udp --dport 4789 -j DROP")
  expect(of("-A OVL-INPUT -p udp -m udp --dport 4789 -j DROP")).toEqual([])
  expect(of("-A INPUT -p udp -m udp --dport 4790 -j DROP")).toEqual([])
  expect(of("-A INPUT -p tcp -m tcp --dport 4789 -j DROP")).toEqual([])
  expect(of("-A INPUT -p udp -m udp --dport 4789 -j ACCEPT")).toEqual([])
})

test("a default that drops is a warning unless something may accept VXLAN", () => {
  const of = (manager: string | null, ...rules: string[]) => {
    const tables = filter(...rules)
    tables.get("filter")!.policies.set("INPUT", "DROP")
    return vxlanFindings(tables, manager)
  }
  expect(of(null, "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT", "-A INPUT -i lo -j ACCEPT")).toHaveLength(1)
  expect(of("ufw")[0]!.hint).toBe("ufw allow 4789/udp && ufw allow 8300/tcp")
  expect(of(null, "-A INPUT -p udp -m udp --dport 4789 -j ACCEPT")).toEqual([])
  expect(of(null, "-A INPUT -s 192.168.1.0/24 -j ACCEPT")).toEqual([])
})

test("FORWARD: a default that drops is no matter, a rule before ovl's is", () => {
  const jump = '-A FORWARD -m comment --comment "ovl: overlay networks" -j OVL-FORWARD'
  expect(said(forwardFindings(filter(jump)))[0]).toStartWith("ok: FORWARD drops by default; ovl's own chain")
  expect(said(forwardFindings(filter("-A FORWARD -j DROP", jump)))[0]).toStartWith("failed: a rule stands before ovl's")
  expect(said(forwardFindings(filter(jump, "-A FORWARD -j DROP")))[0]).toStartWith("ok")
})

test("foreign rules in the family of iptables that ovl's are not in are told, whatever there is in its own", () => {
  const foreign = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p udp -j DROP\nCOMMIT\n"
  const ours = "*filter\n-A INPUT -p udp -j OVL-INPUT\nCOMMIT\n"
  const of = (legacy: string | null, modern: string | null, version = "iptables v1.8.9 (nf_tables)\n") =>
    said([flavourFinding(version, legacy, modern)])[0]
  const told = "warning: foreign rules in the other of its two families, legacy; ovl's are in nf_tables"
  expect(of(foreign, foreign)).toBe(told)
  expect(of(foreign, ours)).toBe(told)
  expect(of(foreign, "", "iptables v1.8.9 (legacy)")).toBe(
    "ok: iptables v1.8.9 (legacy), no foreign rules in the other family",
  )
  expect(of("", foreign)).toBe("ok: iptables v1.8.9 (nf_tables), no foreign rules in the other family")
  expect(of(null, foreign)).toBe("ok: iptables v1.8.9 (nf_tables)")
})

test("rules of nf_tables that iptables does not show", () => {
  const ruleset = `table ip filter {
\t\tudp dport 4789 drop
}
table inet firewalld {
\tchain filter_IN_public_deny {
\t\tudp dport { 53, 4789 } drop
\t\tudp dport 4789 accept
\t}
}`
  expect(said(nftRuleFindings(ruleset))).toEqual([
    "warning: a rule of nf_tables drops VXLAN: table inet firewalld: udp dport { 53, 4789 } drop",
  ])
})

test("subnets that clash with the host's routes", () => {
  const routes = [
    { dst: "default", via: "10.0.0.1", device: "eth0" },
    { dst: "10.0.0.0/24", via: null, device: "eth0" },
    { dst: "172.18.0.0/16", via: null, device: "ovl_gwbridge" },
    { dst: "172.18.9.0/24", via: "10.0.0.9", device: "vpn0" },
  ]
  const network = (name: string, subnet: string, internal = false) =>
    ({ name, internal, subnets: [{ subnet, gateway: "" }] }) as unknown as NetworkView
  expect(said(networkClashes({ routes }, [network("red", "10.0.0.128/25"), network("blue", "10.9.0.0/24")]))).toEqual([
    "warning: network red (10.0.0.128/25) overlaps this host's route 10.0.0.0/24 dev eth0",
  ])
  expect(networkClashes({ routes }, [network("red", "10.0.0.0/24", true), network("six", "fd00::/64")])).toEqual([])
  expect(said(egressClashes({ routes, addresses: [] }, "172.18.0.1/16"))).toEqual([
    "failed: the egress bridge's subnet 172.18.0.0/16 overlaps 172.18.9.0/24 dev vpn0",
  ])
  expect(egressClashes({ routes, addresses: [] }, null)).toEqual([])
})

const OPEN = { small: true, full: true }
const view: ProbeView = {
  node: "n2",
  address: "192.168.1.52",
  there: OPEN,
  back: OPEN,
  ms: 0.25,
  mtu: 1450,
  largest: null,
  clockAheadMs: 12,
  refused: null,
}

test("each direction has a line", () => {
  expect(said(wayFindings("n1", view, true))[0]).toBe(
    "ok: VXLAN passes, frames of full size (MTU 1450) too, 0.3 ms there and back",
  )
  const blocked = wayFindings("n1", { ...view, back: { small: false, full: false } }, true)
  expect(blocked.map(({ name, level }) => `${name} ${level}`)).toEqual(["way n1 -> n2 ok", "way n2 -> n1 failed"])
  const unknown = { small: null, full: null }
  const silent = { ...view, there: unknown, back: unknown }
  expect([wayFindings("n1", silent, true)[0]!.level, wayFindings("n1", silent, false)[0]!.level]).toEqual([
    "failed",
    "warning",
  ])
})

test("clocks", () => {
  const of = (...ahead: (number | null)[]) =>
    said([clockFinding(ahead.map((clockAheadMs) => ({ ...view, clockAheadMs })))])[0]
  expect(of(12, -30)).toBe("ok: within 30 ms of the other nodes'")
  expect(of(12, -2_500)).toBe("warning: 2.5 s ahead of n2's")
  expect(of(90_000)).toBe("failed: 90 s behind n2's")
  expect(of(null)).toStartWith("skipped")
})

test("the device that a packet leaves by is that of the longest prefix", () => {
  const routes = [
    { dst: "default", via: "10.0.0.1", device: "eth0" },
    { dst: "10.0.0.0/8", via: null, device: "eth1" },
    { dst: "10.9.0.7", via: null, device: "eth2" },
    { dst: "172.18.0.0/16", via: null, device: "ovl_gwbridge" },
  ]
  const devices = ["192.0.2.1", "10.9.0.8", "10.9.0.7"].map((address) => deviceTo({ routes }, address))
  expect(devices).toEqual(["eth0", "eth1", "eth2"])
  expect(deviceTo({ routes: [] }, "10.0.0.1")).toBeNull()
})

test("a workload's packet is known by where it goes, and whether it was translated by where it comes from", () => {
  const frame = (source: number[], target: number[], port: number, outgoing = true) => ({
    bytes: Uint8Array.from([
      ...Array(12).fill(0),
      ...[8, 0, 0x45, 0, 0, 44, 0, 0, 0, 0, 1, 17, 0, 0],
      ...source,
      ...target,
      ...[0x80, 0, port >> 8, port & 255, 0, 24, 0, 0],
      ...Array(16).fill(0),
    ]),
    outgoing,
  })
  const of = (given: ReturnType<typeof frame>) => seenIn(given, "172.18.0.2", "192.168.1.52")
  const [host, workload, there] = [
    [192, 168, 1, 51],
    [172, 18, 0, 2],
    [192, 168, 1, 52],
  ]
  expect(of(frame(host, there, 33_434))).toBe("translated")
  expect(of(frame(workload, there, 33_434))).toBe("bare")
  expect(of(frame(host, there, 53))).toBeNull()
  expect(of(frame(host, host, 33_434))).toBeNull()
  expect(of(frame(host, there, 33_434, false))).toBeNull()
  expect(of({ bytes: new Uint8Array(20), outgoing: true })).toBeNull()
})
