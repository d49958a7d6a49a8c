/** A lab whose file changes while it is up: what is new is made, what has gone is removed, what somebody made stays. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describeAsRoot } from "../support/netns.ts"
import { done, LabMachine } from "./lab-machine.ts"

const FIRST = `name: changing
nodes:
  n1: { role: server }
  n2:
  n3:
networks:
  red: { subnet: 10.65.10.0/24 }
  blue: { subnet: 10.66.0.0/24 }
workloads:
  a: { node: n1, network: red }
  b: { node: n2, network: red }
  c: { node: n3, network: blue }
  d: { node: n1, network: blue }
expect: [a reaches b, c reaches d, a does not reach c]
`
/** A node gone, one with another address, one new; a cut; networks and workloads changed, gone and new. */
const SECOND = `name: changing
underlay: { mtu: 2000, links: [{ between: [n2, n4], state: down }] }
nodes:
  n1: { role: server, rate: 50mbit }
  n2: { address: 192.168.1.77 }
  n4:
networks:
  red: { subnet: 10.65.10.0/24 }
  blue: { subnet: 10.67.0.0/24 }
  new:
workloads:
  a: { node: n1, network: red }
  b: { node: n2, network: red, ip: 10.65.10.9 }
  c: { node: n4, network: blue }
  d: { node: n1, network: blue, command: sleep 1000, env: { A: 1 } }
  e: { node: n2, networks: [new, blue] }
expect:
  - a reaches b
  - e reaches d
  - c reaches d
  - e does not reach c
  - n2 does not reach n4
  - d reaches e with 1950 bytes
`

let machine: LabMachine
let directory: string
let before: string[]

function file(text: string): string {
  const path = join(directory, "lab.yaml")
  writeFileSync(path, text)
  return path
}

const up = (text: string, ...more: string[]) => machine.ovl("lab", "up", file(text), ...more)
const failures = () => machine.failures()
const on = (host: string, ...words: string[]) => machine.ovl("lab", "exec", host, "--", ...words)

async function processes(): Promise<string> {
  return (await machine.ovl("lab", "ls", "--json")).stdout
}

describeAsRoot("a lab whose file changes", () => {
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "ovl-test-lab-"))
    machine = await LabMachine.start()
    before = await machine.inventory()
    expect(done(await up(FIRST))).toBe("done")
    expect(await failures()).toEqual([])
  }, 30_000)
  afterAll(async () => {
    await machine.stop()
    rmSync(directory, { recursive: true })
  })

  test("the plan is told and nothing done; up does it; what was made by hand stays", async () => {
    expect(done(await on("n1", "ovl", "run", "-d", "--network", "red", "--name", "hand"))).toBe("done")
    const daemons = await processes()
    const plan = await up(SECOND, "--dry-run")
    for (const line of [
      "ovl lab exec --name changing n3 -- ovl leave",
      "ip -n changing.underlay link set n1 mtu 2000",
      "ip netns add changing.n4",
      "ovl lab exec --name changing n1 -- ovl network rm blue",
      "ovl lab exec --name changing n1 -- ovl run -d --network blue --name d --ip 10.67.0.3 -e A=1 -- sh -c 'sleep 1000'",
      "ip -n ovl-d addr add 10.67.0.3/24 dev eth0",
    ])
      expect(plan.stdout.split("\n")).toContain(line)
    // Had anything been done, less would be left to do.
    expect([await processes(), (await up(SECOND, "--dry-run")).stdout]).toEqual([daemons, plan.stdout])
    expect(done(await up(SECOND))).toBe("done")
    expect(await failures()).toEqual([])
    expect((await on("n1", "ovl", "ps", "-q")).stdout.split("\n").sort()).toEqual(["", "a", "d", "hand"])
    const nodes = JSON.parse((await on("n1", "ovl", "node", "ls", "--json")).stdout) as Record<string, string>[]
    const alive = nodes.filter((node) => node.state === "alive").map((node) => `${node.name} ${node.address}`)
    expect(alive).toEqual(["n1 192.168.1.1", "n2 192.168.1.77", "n4 192.168.1.2"])
  }, 30_000)

  test("twice is once", async () => {
    const daemons = await processes()
    expect((await up(SECOND)).stderr).toBe("lab changing is as its file says: nothing was to be done\n")
    expect(await processes()).toBe(daemons)
    expect((await up(SECOND, "--dry-run", "--json")).stdout).toContain('"changes": 0')
  }, 20_000)

  test("what would take somebody's network away is refused, and nothing is changed", async () => {
    expect(done(await on("n1", "ovl", "run", "-d", "--network", "new", "--name", "guest"))).toBe("done")
    const refused = await up(SECOND.replace("  new:\n", "").replace("[new, blue]", "[blue]"))
    expect([refused.status, refused.stderr]).toEqual([
      4,
      [
        "ovl: lab changing: network new cannot be removed: the file does not know guest, which is on it",
        "hint: take it off: `ovl lab exec --name changing n1 -- ovl rm --force guest`",
        "",
      ].join("\n"),
    ])
    expect(done(await on("n1", "ovl", "rm", "--force", "guest"))).toBe("done")
    const other = await up(SECOND.replace("n1: { role: server,", "n1: { role: server, address: 192.168.1.99,"))
    expect([other.status, other.stderr]).toEqual([
      4,
      expect.stringContaining("none of its servers would stay as it is: in the file n1 has another address"),
    ])
    expect(await failures()).toEqual([])
  }, 20_000)

  test("a change that was cut off is brought to its end", async () => {
    for (const ms of [300, 900, 1600]) await machine.cutOffUp(ms, "KILL", file(FIRST))
    expect(done(await up(FIRST))).toBe("done")
    expect(await failures()).toEqual([])
    const networks = (await on("n1", "ovl", "network", "ls", "-q")).stdout.trim().split("\n")
    expect(networks).toHaveLength(2)
  }, 40_000)

  test("down after a change that was cut off leaves nothing", async () => {
    await machine.cutOffUp(700, "KILL", file(SECOND))
    expect(done(await machine.ovl("lab", "down"))).toBe("done")
    expect(await machine.inventory()).toEqual(before)
  }, 30_000)
})
