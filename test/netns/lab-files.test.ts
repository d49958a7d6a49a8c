/** The samples in `labs/` on the real kernel: all up at once on one machine, each proved, and down without a trace. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { readLabFile } from "../../src/lab/file/read.ts"
import { forecast } from "../../src/lab/forecast.ts"
import { describeAsRoot } from "../support/netns.ts"
import { done, LabMachine } from "./lab-machine.ts"

const LABS = resolve(import.meta.dir, "../../labs")
/** red-green is the built-in one: `lab.test.ts` is about it. */
const SAMPLES = ["jumbo", "multicast", "partition", "published-ports", "same-subnet", "three-hosts", "three-servers"]
/** So many at a time: each lab is two to four daemons. */
const AT_ONCE = 3
const TIMEOUT_MS = 60_000

/** What the samples leave out: an unplugged node, IPv6, addresses and MACs of one's own, several networks at once. */
const SINK = `name: sink
underlay: { subnet: 10.1.0.0/16, gateway: 10.1.0.1, rate: 1gbit }
outside: { name: world, address: 198.18.0.1 }
nodes:
  s: { address: 10.1.2.3, mtu: 1400 }
  t: { link: down }
  u:
networks:
  both: { subnet: [10.7.0.0/24, "fd00:7::/64"], vni: 777 }
  six: { subnet: "fd00:8::/64" }
  wide: { subnet: [10.5.0.0/30, 10.6.0.0/24], gateway: [10.6.0.9, 10.5.0.2], internal: true }
  chosen:
  spoof: { subnet: 10.9.0.0/24, allow-spoof: true, ip-range: 10.9.0.128/25, gateway: 10.9.0.99 }
workloads:
  w1: { node: s, network: both, ip6: "fd00:7::99" }
  w2: { node: u, network: both }
  w3: { node: s, network: six }
  w4: { node: u, network: six }
  w5: { node: s, networks: [chosen, spoof], mac: "02:00:00:00:00:05" }
  w6: { node: u, networks: [spoof, chosen], hostname: zed }
  w7: { node: t, network: both }
  w10: { node: s, network: wide }
  w11: { node: u, network: wide }
expect:
  - w10 reaches w11
  - w11 reaches w10
  - w2 reaches fd00:7::99
  - w5 reaches w6
  - w6 reaches w5
  - w1 does not reach w7
  - w1 reaches world
  - w7 does not reach world
  - w1 reaches w2 with 1350 bytes
  - u reaches s tcp 8300
  - all of six reach each other
`

/** Rules of ovl's own chains, FDB rows of the VXLAN devices, IPv4 addresses of the workloads. */
const REALITY = `
  iptables-save | grep "^-A OVL"
  for ns in $(ip netns ls | cut -d" " -f1); do
    case $ns in
      1-*) bridge -n $ns fdb show dev vxlan1 | grep "dst .* self" | sed "s/^/fdb /";;
      ovl-*) ip -n $ns -4 -o addr show scope global | awk -v ns=$ns '{print "addr", ns, $4, $2}';;
    esac
  done`

/** A line of the forecast in the words of `REALITY`; nothing where that does not look. */
function asReality(line: string): string[] {
  const rule = /^iptables -t \w+ (-A OVL.*)$/.exec(line)
  if (rule) return [rule[1]!]
  const row = /^bridge -n \S+ fdb (?:replace|append) (\S+) dev vxlan1 dst (\S+) self permanent$/.exec(line)
  if (row) return [`fdb ${row[1]} dst ${row[2]} self permanent`]
  const address = /^ip -n (ovl-\S+) addr add (\S+) dev (\S+)$/.exec(line)
  return address ? [`addr ${address[1]} ${address[2]} ${address[3]}`] : []
}

/** `bridge` and `ip` leave blanks behind, and `link-netnsid` where a device has come from elsewhere. */
function tidy(line: string): string {
  return line
    .replace(/ link-netnsid \d+/, "")
    .replace(/\s+/g, " ")
    .trim()
}

let machine: LabMachine
let before: string[]

function fileOf(lab: string): string {
  return join(LABS, `${lab}.yaml`)
}

const failures = (lab: string) => machine.failures("--name", lab)

describeAsRoot("the samples", () => {
  beforeAll(async () => {
    machine = await LabMachine.start()
    before = await machine.inventory()
    for (let at = 0; at < SAMPLES.length; at += AT_ONCE) {
      const some = SAMPLES.slice(at, at + AT_ONCE)
      const ups = await Promise.all(some.map((lab) => machine.ovl("lab", "up", fileOf(lab))))
      expect(ups.map(done)).toEqual(some.map(() => "done"))
    }
  }, TIMEOUT_MS)
  afterAll(async () => await machine.stop())

  test("several labs are up, each with hosts of its own", async () => {
    const labs = JSON.parse((await machine.ovl("lab", "ls", "--json")).stdout) as { name: string; hosts: unknown[] }[]
    expect(labs.map(({ name, hosts }) => `${name} ${hosts.length}`)).toEqual([
      "jumbo 3",
      "multicast 4",
      "partition 4",
      "published-ports 3",
      "same-subnet 3",
      "three-hosts 4",
      "three-servers 5",
    ])
    const several = await machine.ovl("lab", "verify")
    expect([several.status, several.stderr]).toEqual([2, expect.stringContaining("several labs are up: jumbo,")])
  })

  for (const lab of SAMPLES) test(`${lab} is as its file expects`, async () => expect(await failures(lab)).toEqual([]))

  test("up again finds nothing to do, and dry-run says so", async () => {
    const again = await machine.ovl("lab", "up", fileOf("three-hosts"), "--dry-run")
    expect([again.status, again.stdout, again.stderr]).toEqual([
      0,
      "",
      "lab three-hosts is as its file says: nothing to do\n",
    ])
  })

  test("what the dry run foretells of rules, rows and addresses is what the daemons have made", async () => {
    for (const lab of ["published-ports", "same-subnet", "multicast"]) {
      const told = forecast(readLabFile(lab, readFileSync(fileOf(lab), "utf8")))
      const [[host, lines]] = [...told] as [[string, string[]]]
      const { stdout } = await machine.ovl("lab", "exec", "--name", lab, host, "--", "sh", "-c", REALITY)
      expect([lab, stdout.trim().split("\n").map(tidy).sort()]).toEqual([
        lab,
        lines.flatMap(asReality).map(tidy).sort(),
      ])
    }
  })

  test("a link is healed and cut again, and the proof sees it", async () => {
    const link = (state: string) => machine.ovl("lab", "link", state, "left", "right", "--name", "partition")
    expect(done(await link("up"))).toBe("done")
    const noMore = ["at-left does not reach at-right", "at-right does not reach at-left", "left does not reach right"]
    expect((await failures("partition")).map((line) => line.split(":")[0]!)).toEqual(noMore)
    expect(done(await link("down"))).toBe("done")
    expect(await failures("partition")).toEqual([])
    // What was healed by hand is cut again by the file.
    expect(done(await link("up"))).toBe("done")
    expect(done(await machine.ovl("lab", "up", fileOf("partition")))).toBe("done")
    expect(await failures("partition")).toEqual([])
  })

  test("a server's cable is pulled: the other two go on, and up plugs it in again", async () => {
    const name = ["--name", "three-servers"]
    expect(done(await machine.ovl("lab", "link", "down", "s1", "underlay", ...name))).toBe("done")
    const create = "until ovl network create after 2> /dev/null; do sleep 0.1; done; ovl network rm after"
    expect(done(await machine.ovl("lab", "exec", ...name, "s2", "--", "timeout", "20", "sh", "-c", create))).toBe(
      "done",
    )
    expect(done(await machine.ovl("lab", "up", fileOf("three-servers")))).toBe("done")
  }, 30_000)

  test("the slow line is slow: both ends of the cable have a token bucket", async () => {
    const { stdout } = await machine.ovl("lab", "exec", "--name", "three-hosts", "host-3", "--", "tc", "qdisc")
    expect(stdout).toMatch(/tbf .* dev eth0 root .* rate 20Mbit/)
    const other = await machine.ovl("lab", "exec", "--name", "three-hosts", "host-1", "--", "tc", "qdisc")
    expect(other.stdout).not.toContain("tbf")
  })

  test("all else that a file can say; a node that is unplugged can be given more work", async () => {
    const directory = mkdtempSync(join(tmpdir(), "ovl-test-lab-"))
    const file = join(directory, "sink.yaml")
    try {
      writeFileSync(file, SINK)
      expect(done(await machine.ovl("lab", "up", file))).toBe("done")
      writeFileSync(file, SINK.replace("  w7:", "  late: { node: t, network: chosen, command: sleep 1000 }\n  w7:"))
      expect(done(await machine.ovl("lab", "up", file))).toBe("done")
      expect(await failures("sink")).toEqual([])
    } finally {
      rmSync(directory, { recursive: true })
    }
  }, 30_000)

  test("wrong ends of a link are refused", async () => {
    const link = (...ends: string[]) => machine.ovl("lab", "link", "down", ...ends, "--name", "partition")
    const nobody = await link("left", "nobody")
    expect([nobody.status, nobody.stderr]).toEqual([
      3,
      "ovl: lab partition has no host nobody\nhint: there is left, middle, outside, right, underlay\n",
    ])
    expect((await link("left", "left")).status).toBe(2)
  })

  test(
    "one goes and leaves the others alone, then all go without a trace",
    async () => {
      expect(done(await machine.ovl("lab", "down", "--name", "multicast"))).toBe("done")
      expect(await failures("jumbo")).toEqual([])
      expect(done(await machine.ovl("lab", "down", "--all"))).toBe("done")
      expect(await machine.inventory()).toEqual(before)
    },
    TIMEOUT_MS,
  )
})
