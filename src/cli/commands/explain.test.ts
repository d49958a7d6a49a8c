import { expect, test } from "bun:test"
import { allCodes } from "../../base/codes/codes.ts"
import { ovl } from "../testing.ts"

test("ovl explain CODE", async () => {
  expect(await ovl(["explain", "network_in_use"])).toEqual({
    status: 0,
    stderr: "",
    stdout: `network_in_use
  The network still has endpoints.

Mostly because
  Workloads on it run somewhere in the cluster; the message names some.

What to do
  Stop or detach them (\`ovl endpoint ls --network NAME\`), or remove the network
  with --force.

In a program
  conflict: exit status 4, HTTP 409.
`,
  })
  expect((await ovl(["explain", "voter_lost"])).stdout).toContain("an error among the problems of `ovl status`")
  expect((await ovl(["explain", "linux_enoent"])).stdout).toStartWith("linux_enoent\n  A system call failed")
})

test("without a code all of them, in lines of 80 characters", async () => {
  const { stdout } = await ovl(["explain"])
  for (const code of allCodes()) expect(stdout).toContain(`\n  ${code} `)
  for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80)
})

test("--json", async () => {
  expect(JSON.parse((await ovl(["explain", "no_leader", "--json"])).stdout)).toMatchObject({
    code: "no_leader",
    kinds: [{ kind: "unavailable", http: 503, exit: 6 }],
    problem: "error",
  })
  const all = JSON.parse((await ovl(["explain", "--json"])).stdout)
  expect(all.map(({ code }: { code: string }) => code)).toEqual(allCodes())
})

test("an unknown code", async () => {
  expect(await ovl(["explain", "subnet_overlaps"])).toEqual({
    status: 3,
    stdout: "",
    stderr: "ovl: explain subnet_overlaps: there is no such code\nhint: did you mean `ovl explain subnet_overlap`?\n",
  })
  expect((await ovl(["explain", "qqqqqq"])).stderr).toEndWith("hint: `ovl explain` lists all codes\n")
  expect((await ovl(["explain", "\x1b[31m"])).stderr).not.toContain("\x1b")
})

test("-v names the code below an error, nothing else does", async () => {
  expect((await ovl(["network", "rm", "-v"])).stderr).toEndWith("\nmore: `ovl explain argument_missing`\n")
  expect((await ovl(["network", "rm"])).stderr).not.toContain("explain")
  expect((await ovl(["network", "rm", "-v", "--json"])).stderr).not.toContain("explain argument")
})
