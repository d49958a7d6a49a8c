import { expect, test } from "bun:test"
import { OvlError } from "../../base/errors.ts"
import { ovl } from "../testing.ts"
import { line, RED } from "./fixtures.ts"

function setUp() {
  const removed: unknown[] = []
  const unused = (name: string, labels = {}) => ({ ...RED, id: `id-${name}`, name, labels, endpoints: [] })
  const client = {
    networks: async () => [RED, unused("blue"), unused("green", { project: "shop" }), unused("busy")],
    removeNetwork: async (id: string, options?: unknown) => {
      if (id === "id-busy") throw new OvlError("network_in_use", "it has endpoints now", { kind: "conflict" })
      removed.push([id, options])
    },
  }
  return { client, removed }
}

test("removes what has no endpoints, never by force, and lists it; what got one meanwhile stays", async () => {
  for (const yes of ["--yes", "-f"]) {
    const { client, removed } = setUp()
    expect(await ovl(["network", "prune", yes], { client })).toEqual({ status: 0, stdout: "blue\ngreen\n", stderr: "" })
    expect(removed).toEqual([
      ["id-blue", undefined],
      ["id-green", undefined],
    ])
  }
  const { client } = setUp()
  expect(JSON.parse((await ovl(line("network prune -y --json"), { client })).stdout)).toEqual({
    removed: [
      { id: "id-blue", name: "blue" },
      { id: "id-green", name: "green" },
    ],
  })
})

test("on a terminal it asks, and only yes is yes", async () => {
  for (const [answer, status] of [
    ["y\n", 0],
    ["YES\n", 0],
    ["n\n", 1],
    ["", 1],
  ] as const) {
    const { client, removed } = setUp()
    // The made-up standard input begins anew with each read, as a terminal does not: a letter at a time is kept here.
    let at = 0
    const outcome = await ovl(line("network prune --no-color"), {
      client,
      terminal: true,
      get stdin() {
        return answer.slice(at++)
      },
    })
    expect([answer, outcome.status, removed.length]).toEqual([answer, status, status === 0 ? 2 : 0])
    expect(outcome.stderr).toStartWith("Without endpoints: blue, green, busy\nRemove all 3? [y/N] ")
  }
})

test("where nobody can be asked it names them and removes nothing", async () => {
  const { client, removed } = setUp()
  const outcome = await ovl(line("network prune"), { client })
  expect([outcome.status, outcome.stderr.split("\n")[0], removed]).toEqual([
    2,
    "ovl: network prune: nothing was removed: 3 networks without endpoints: blue, green, busy",
    [],
  ])
})

test("only those with all of the labels", async () => {
  for (const [label, expected] of [
    ["project", "green\n"],
    ["project=shop", "green\n"],
    ["project=other", ""],
    ["project=shop,more", ""],
  ] as const) {
    const { client } = setUp()
    const { stdout, status } = await ovl(["network", "prune", "-y", "--label", label], { client })
    expect([label, stdout, status]).toEqual([label, expected, 0])
  }
})

test("nothing to remove is no failure; another error is one, and does not stop the rest", async () => {
  const none = { networks: async () => [RED] }
  expect(await ovl(line("network prune"), { client: none })).toEqual({
    status: 0,
    stdout: "",
    stderr: "no network is without endpoints: nothing to remove\n",
  })
  const { client } = setUp()
  const removeNetwork = async (id: string) => {
    if (id === "id-blue") throw new OvlError("no_leader", "nobody leads", { kind: "unavailable" })
  }
  const outcome = await ovl(line("network prune -y"), { client: { ...client, removeNetwork } })
  expect([outcome.status, outcome.stdout]).toEqual([6, "green\nbusy\n"])
})
