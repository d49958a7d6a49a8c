import { expect, test } from "bun:test"
import { builtInLab } from "../../lab/file/built-in.ts"
import { tryNext } from "../lab.ts"
import { styleFor } from "../render/style.ts"
import { ovl } from "../testing.ts"
import { line } from "./fixtures.ts"
import { labTable } from "./lab/ls.ts"
import { verifyText } from "./lab/verify.ts"

const RED_GREEN = builtInLab()

test("verify shows each check with what was seen, then the sum", () => {
  const checks = [
    { name: "red: namespace_01 reaches namespace_03", ok: true, detail: "3 of 3 answered" },
    { name: "red and green are apart", ok: false, detail: "10.65.10.9 answered" },
  ]
  expect(verifyText({ lab: "red-green", passed: 1, failed: 1, checks }, styleFor(false, false, {}), null)).toBe(
    [
      "ok    red: namespace_01 reaches namespace_03  3 of 3 answered",
      "FAIL  red and green are apart                 10.65.10.9 answered",
      "",
      "lab red-green: 1 passed, 1 failed",
      "",
    ].join("\n"),
  )
})

test("ls shows each host with its daemon", () => {
  const hosts = [
    { name: "outside", daemon: null },
    { name: "swarm-01", daemon: 77 },
  ]
  expect(labTable([{ name: "red-green", hosts }])).toBe(
    ["LAB         HOST       DAEMON", "red-green   outside    -", "red-green   swarm-01   77", ""].join("\n"),
  )
})

test("ls shows a lab too whose up was cut off before it had a host", () => {
  expect(labTable([{ name: "mine", hosts: [] }])).toBe("LAB    HOST   DAEMON\nmine   -      -\n")
})

test("a file that is called otherwise is named", async () => {
  const files = { "labs/mine.yaml": "name: mine\n", "labs/other.yaml": "" }
  const hint = async (file: string) => (await ovl(["lab", "validate", file], { files })).stderr.split("\n")[1]
  expect(await hint("labs/mine.yml")).toBe("hint: did you mean labs/mine.yaml?")
  expect(await hint("labs/nothing.yaml")).toBe("hint: check the path")
})

test("a name that would lead out of the labs' directory is none", async () => {
  for (const name of ["../x", "a/b", "..", ".hidden"])
    expect([name, (await ovl([...line("lab down --name"), name], { root: true })).status]).toEqual([name, 2])
})

test("what to try next names the lab where it is not the usual one, and the program as it was called", async () => {
  expect(await tryNext(RED_GREEN, "ovl", false)).toContain("\n  ovl lab verify\n")
  expect(await tryNext(RED_GREEN, "ovl", true)).not.toContain("verify")
  const blue = await tryNext({ ...RED_GREEN, name: "blue" }, "dist/ovl", true)
  expect(blue).toContain("\n  dist/ovl lab exec --name blue swarm-02 -- ovl exec namespace_03 ping -c1 namespace_01\n")
})

test("on a terminal long lines of verify are cut to its width", () => {
  const detail = "a long story of what was seen on the wire"
  const checks = [true, false].map((ok) => ({ name: "frames", ok, detail }))
  const text = verifyText({ lab: "l", passed: 1, failed: 1, checks }, styleFor(false, false, {}), 30)
  expect(text.split("\n").slice(0, 2)).toEqual(["ok    frames  a long story ...", `FAIL  frames  ${detail}`])
})

const FILE = `name: mine
nodes: { n1: , n2: }
networks: { red: { subnet: 10.65.10.0/24 } }
workloads: { a: { node: n1, network: red }, b: { node: n2, network: red } }
expect: [a reaches b]
`

test("a file that is right is counted, and as JSON filled in; root is not needed", async () => {
  const files = { "mine.yaml": FILE }
  const text = await ovl(line("lab validate mine.yaml"), { files })
  expect(text).toEqual({
    status: 0,
    stdout: "mine.yaml: lab mine: 2 nodes, 1 network, 2 workloads, 1 expectation\n",
    stderr: "",
  })
  const json = JSON.parse((await ovl(line("lab validate mine.yaml --json"), { files })).stdout)
  expect(json.workloads.map((each: { address: string }) => each.address)).toEqual(["10.65.10.2", "10.65.10.3"])
  expect((await ovl(line("lab validate -"), { stdin: FILE })).stdout).toStartWith("-: lab mine: ")
})

test("a file that is wrong is told with its place: exit status 2, for up and --dry-run too", async () => {
  const files = { "mine.yaml": FILE.replace("node: n2", "node: n3") }
  const told = [
    "ovl: mine.yaml:4:56: workloads.b.node: there is no node n3: did you mean n1?",
    "    workloads: { a: { node: n1, network: red }, b: { node: n3, network: red } }",
    "                                                           ^^",
    "hint: correct the file; `ovl lab validate FILE` checks it and makes nothing",
    "",
  ].join("\n")
  for (const verb of ["validate", "up", "up --dry-run"])
    expect([verb, await ovl([...line(`lab ${verb}`), "mine.yaml"], { files })]).toEqual([
      verb,
      { status: 2, stdout: "", stderr: told },
    ])
  const { status, stderr } = await ovl(line("lab validate mine.yaml --json"), { files })
  expect([status, JSON.parse(stderr)]).toEqual([
    2,
    {
      error: {
        code: "lab_file_invalid",
        message: "mine.yaml:4:56: workloads.b.node: there is no node n3: did you mean n1?",
        hint: "correct the file; `ovl lab validate FILE` checks it and makes nothing",
        mistakes: [
          {
            file: "mine.yaml",
            line: 4,
            column: 56,
            what: "workloads.b.node",
            why: "there is no node n3: did you mean n1?",
          },
        ],
      },
    },
  ])
})

test("a file that is not there, and one that is too long", async () => {
  expect((await ovl(line("lab up none.yaml"))).status).toBe(3)
  const files = { "long.yaml": `#${"x".repeat(300_000)}` }
  expect((await ovl(line("lab validate long.yaml"), { files })).status).toBe(2)
})

test("what needs root says so, after the file was read", async () => {
  const files = { "mine.yaml": FILE }
  expect((await ovl(line("lab up mine.yaml"), { files })).status).toBe(5)
  expect((await ovl(line("lab link down a b"))).status).toBe(5)
})
