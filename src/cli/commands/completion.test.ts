import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { SCRIPTS, SHELLS } from "../completion/scripts.ts"
import { ovl } from "../testing.ts"

test("the script of each shell; without one, the list", async () => {
  for (const shell of SHELLS) expect((await ovl(["completion", shell])).stdout).toBe(SCRIPTS[shell])
  expect(await ovl(["completion"])).toEqual({
    status: 2,
    stdout: "",
    stderr: expect.stringContaining("SHELL is bash, zsh or fish"),
  })
  expect(await ovl(["completion", "fihs"])).toEqual({
    status: 2,
    stdout: "",
    stderr: 'ovl: completion: SHELL "fihs" is not one of bash, zsh, fish\nhint: did you mean "fish"?\n',
  })
})

/** A shell that is here says that it understands the script; one that is not cannot be asked. */
for (const shell of ["zsh", "fish"] as const)
  test.skipIf(Bun.which(shell) === null)(`${shell} can read its script`, () => {
    const { exitCode, stderr } = Bun.spawnSync([shell, "-n", "/dev/stdin"], { stdin: Buffer.from(SCRIPTS[shell]) })
    expect([exitCode, stderr.toString()]).toEqual([0, ""])
  })

describe.skipIf(Bun.which("bash") === null)("bash completes", () => {
  const dir = mkdtempSync(join(tmpdir(), "ovl-completion-"))
  const socket = join(dir, "ovl.sock")
  let daemon: Bun.Server<undefined>

  beforeAll(() => {
    const program = join(dir, "ovl")
    writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${resolve(import.meta.dir, "../../main.ts")} "$@"\n`)
    chmodSync(program, 0o755)
    writeFileSync(join(dir, "snapshot.bin"), "")
    const named = (name: string) => ({ name, subnets: [{ subnet: "10.65.10.0/24" }] })
    daemon = Bun.serve({
      unix: socket,
      fetch: (request) => {
        if (new URL(request.url).pathname === "/api/v1/networks")
          return Response.json([named("red"), named("green"), named("$(touch x)")])
        // An answer that never comes.
        return new Promise<Response>(() => {})
      },
    })
  })

  afterAll(async () => {
    await daemon.stop(true)
    rmSync(dir, { recursive: true })
  })

  /** What bash would offer behind this line; `word` is what its own rules take for the word before the cursor. */
  async function offered(line: string, word: string, options: { list?: boolean; socket?: string } = {}) {
    const script = `${SCRIPTS.bash}
COMP_LINE=$1 COMP_POINT=\${#1} COMP_TYPE=${options.list ? 63 : 9} COLUMNS=60
_ovl ovl "$2" x
printf '%s\\n' "\${COMPREPLY[@]}"`
    const child = Bun.spawn(["bash", "--norc", "-c", script, "bash", line, word], {
      cwd: dir,
      stdout: "pipe",
      stderr: "pipe",
      env: { PATH: `${dir}:${process.env.PATH}`, OVL_SOCKET: options.socket ?? socket, OVL_CONFIG: "/dev/null" },
    })
    const [out, complaint] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    expect(complaint).toBe("")
    return out.trimEnd().split("\n").join(" ")
  }

  test("commands, options, choices and files", async () => {
    expect(await offered("ovl netw", "netw")).toBe("network")
    expect(await offered("ovl token create --ro", "--ro")).toBe("--role")
    expect(await offered("ovl token create --role ", "")).toBe("client server")
    expect(await offered("ovl snapshot inspect sn", "sn")).toBe("snapshot.bin")
  })

  test("names of networks, but for one that is none", async () => {
    expect(await offered("ovl network rm ", "")).toBe("red green")
  })

  test("behind an equals sign only what follows it", async () => {
    expect(await offered("ovl run --network=gr", "gr")).toBe("green")
    expect(await offered("ovl run --network=red,", "red,")).toBe("red,green")
  })

  test("descriptions where it lists, cut to the terminal's width", async () => {
    const text = await offered("ovl token ", "", { list: true })
    expect(text).toStartWith("create  Make a token with which nodes can join, and print ls ")
    expect(await offered("ovl network rm ", "", { list: true })).toBe("red    10.65.10.0/24 green  10.65.10.0/24")
  })

  test("nothing, and nothing said, without a daemon or an answer from it", async () => {
    expect(await offered("ovl network rm ", "", { socket: join(dir, "none.sock") })).toBe("")
    expect(await offered("ovl node inspect ", "")).toBe("")
  })
})
