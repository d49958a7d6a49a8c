import { describe, expect, test } from "bun:test"
import { OvlError } from "../../base/errors.ts"
import type { KernelRow } from "../../model/kernel-view.ts"
import { ovl } from "../testing.ts"
import { ID, line, RED } from "./fixtures.ts"

test("create prints the id and nothing else", async () => {
  let asked: unknown
  const client = {
    createNetwork: (spec: unknown) => {
      asked = spec
      return RED
    },
  }
  const words =
    "network create red --subnet 10.65.10.0/24 --gateway 10.65.10.9 --vni 300 --mtu 1400 --label a=1 --label b= --internal"
  expect(await ovl(line(words), { client })).toEqual({ status: 0, stdout: `${ID}\n`, stderr: "" })
  expect(asked).toEqual({
    name: "red",
    subnets: [{ subnet: "10.65.10.0/24", gateway: "10.65.10.9" }],
    ipRange: undefined,
    vni: 300,
    mtu: 1400,
    internal: true,
    multicast: false,
    driver: "overlay",
    labels: { a: "1", b: "" },
  })
})

test("create passes a name that looks like a number, and default as tenant", async () => {
  const names: unknown[] = []
  const client = {
    createNetwork: (spec: { name: string }) => {
      names.push(spec.name)
      return RED
    },
  }
  expect((await ovl(line("network create 007 --tenant default -d overlay"), { client })).status).toBe(0)
  expect(names).toEqual(["007"])
})

test("a gateway wants one subnet", async () => {
  expect((await ovl(line("network create r --gateway 10.0.0.1"))).stderr).toBe(
    "ovl: gateway 10.0.0.1: there is no --subnet for it\nhint: give each gateway together with the --subnet that it lies in\n",
  )
  const two = "--subnet 10.0.0.0/24 --subnet fd00::/64"
  let asked: unknown
  const client = {
    createNetwork: ({ subnets }: { subnets: unknown }) => {
      asked = subnets
      return RED
    },
  }
  expect((await ovl(line(`network create r ${two} --gateway fd00::9`), { client })).status).toBe(0)
  expect(asked).toEqual([{ subnet: "10.0.0.0/24" }, { subnet: "fd00::/64", gateway: "fd00::9" }])
  const three = `${two} --subnet 10.0.1.0/24 --gateway 10.0.1.9 --gateway 10.0.0.9 --ip-range 10.0.1.128/25`
  expect((await ovl(line(`network create r ${three}`), { client })).status).toBe(0)
  expect(asked).toEqual([
    { subnet: "10.0.0.0/24", gateway: "10.0.0.9" },
    { subnet: "fd00::/64" },
    { subnet: "10.0.1.0/24", gateway: "10.0.1.9" },
  ])
})

test("numbers out of range never reach the daemon", async () => {
  for (const wrong of ["--vni 16777216", "--vni 0", "--mtu 67", "--mtu 65536", "--vni -1", "--mtu 1k"])
    expect([wrong, (await ovl(line(`network create r ${wrong}`))).status]).toEqual([wrong, 2])
})

test("ls, as a table, as ids, as JSON", async () => {
  const client = { networks: () => [RED, { ...RED, name: "green", vni: 257, endpoints: [] }] }
  expect((await ovl(line("network ls"), { client })).stdout).toBe(
    [
      "NETWORK ID     NAME    DRIVER    SCOPE    VNI   SUBNET          ENDPOINTS",
      "249690033b4f   red     overlay   global   256   10.65.10.0/24   1",
      "249690033b4f   green   overlay   global   257   10.65.10.0/24   0",
      "",
    ].join("\n"),
  )
  expect((await ovl(line("network list -q"), { client })).stdout).toBe(`${ID}\n${ID}\n`)
  expect(JSON.parse((await ovl(line("network ls --json"), { client })).stdout)[0]).toEqual(RED)
})

test("ls of nothing is a heading, no id, an empty array", async () => {
  const client = { networks: () => [] }
  expect((await ovl(line("network ls"), { client })).stdout).toBe(
    "NETWORK ID   NAME   DRIVER   SCOPE   VNI   SUBNET   ENDPOINTS\n",
  )
  expect((await ovl(line("network ls -q"), { client })).stdout).toBe("")
  expect((await ovl(line("network ls --json"), { client })).stdout).toBe("[]\n")
})

test("inspect is always an array, and shows those that are there", async () => {
  const client = {
    network: (name: string) => {
      if (name === "red") return RED
      throw new OvlError("network_not_found", `network ${name}: not found`, { kind: "not_found" })
    },
  }
  const one = await ovl(line("network inspect red"), { client })
  expect(JSON.parse(one.stdout)).toEqual([RED])
  const two = await ovl(line("network inspect grey red"), { client })
  expect(JSON.parse(two.stdout)).toEqual([RED])
  expect([two.status, two.stderr]).toEqual([3, "ovl: network grey: not found\n"])
  expect((await ovl(line("network inspect grey"), { client })).stdout).toBe("")
  expect((await ovl(line("network inspect grey --json"), { client })).stdout).toBe("[]\n")
})

describe("inspect --kernel", () => {
  const neighbour = (n: number, state: KernelRow["state"]): KernelRow => {
    const text = `10.65.10.${n} lladdr 02:42:0a:41:0a:${n.toString(16).padStart(2, "0")} PERMANENT`
    const found = state === "missing" ? null : state === "differs" ? text.replace("02:42", "02:43") : text
    const expected = state === "foreign" ? null : text
    return { state, object: "neigh", device: "vxlan1", endpoint: expected && `w${n}`, expected, found }
  }
  const clientOf = (rows: KernelRow[] | null) => ({
    network: (_name: string, { kernel }: { kernel: boolean }) => {
      const view = rows && { netns: "/run/netns/1-249690033b", inSync: false, rows }
      return kernel ? { ...RED, kernel: view } : RED
    },
  })

  test("is a line for each object, as JSON a field", async () => {
    const rows = [neighbour(2, "ok"), neighbour(3, "missing"), neighbour(4, "foreign"), neighbour(5, "differs")]
    const client = clientOf(rows)
    const shown = await ovl(line("network inspect --kernel red"), { client })
    expect(shown).toMatchObject({ status: 0, stderr: "" })
    expect(shown.stdout).toBe(
      [
        "red: 1 ok, 1 missing, 1 foreign, 1 differs",
        "STATE     OBJECT   DEVICE   ENDPOINT   IN THE KERNEL",
        "ok        neigh    vxlan1   w2         10.65.10.2 lladdr 02:42:0a:41:0a:02 PERMANENT",
        "missing   neigh    vxlan1   w3         10.65.10.3 lladdr 02:42:0a:41:0a:03 PERMANENT",
        "foreign   neigh    vxlan1   -          10.65.10.4 lladdr 02:42:0a:41:0a:04 PERMANENT",
        "differs   neigh    vxlan1   w5         10.65.10.5 lladdr 02:43:0a:41:0a:05 PERMANENT",
        "                                       expected 10.65.10.5 lladdr 02:42:0a:41:0a:05 PERMANENT",
        "",
      ].join("\n"),
    )
    const json = await ovl(line("network inspect --kernel red --json"), { client })
    expect(JSON.parse(json.stdout)[0].kernel.rows).toEqual(rows)
  })

  test("says where the node has no part, and of much shows what is wrong and how many there are", async () => {
    const none = await ovl(line("network inspect red --kernel"), { client: clientOf(null) })
    expect(none).toEqual({ status: 0, stdout: "red: this node has no part in it\n", stderr: "" })
    const rows = Array.from({ length: 20_000 }, (_, n) => neighbour(n, n === 19_000 ? "missing" : "ok"))
    const many = (await ovl(line("network inspect red --kernel"), { client: clientOf(rows) })).stdout.split("\n")
    expect(many.length).toBe(1 + 1 + 50 + 1 + 1)
    expect(many[2]).toStartWith("missing   neigh    vxlan1   w19000")
    expect(many.at(-2)).toMatch(/^\.\.\. +neigh +and 19950 more: 19950 ok$/)
  })
})

test("rm goes on after a failure, and exits as the first one", async () => {
  const tried: string[] = []
  const client = {
    removeNetwork: (name: string, options: { force: boolean }) => {
      tried.push(`${name} ${options.force}`)
      if (name === "busy") throw new OvlError("network_in_use", "network busy: it has endpoints", { kind: "conflict" })
      if (name === "grey") throw new OvlError("network_not_found", "network grey: not found", { kind: "not_found" })
    },
  }
  const words = "network rm busy a grey b"
  expect(await ovl(line(words), { client })).toEqual({
    status: 4,
    stdout: "a\nb\n",
    stderr: "ovl: network busy: it has endpoints\novl: network grey: not found\n",
  })
  expect(tried).toEqual(["busy false", "a false", "grey false", "b false"])
  const json = JSON.parse((await ovl(line(`${words} --json -f`), { client })).stdout)
  expect(json.done).toEqual(["a", "b"])
  expect(json.failed.map((each: { name: string }) => each.name)).toEqual(["busy", "grey"])
})
