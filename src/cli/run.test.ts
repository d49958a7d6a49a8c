import { describe, expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import { BrokenPipe } from "./io.ts"
import { ovl } from "./testing.ts"

const GONE = new OvlError("network_not_found", "network grey: there is none of that name", {
  kind: "not_found",
  hint: "`ovl network ls` lists them",
})

describe("errors", () => {
  test("what failed, why, and a hint, on stderr", async () => {
    const outcome = await ovl(["network", "rm", "grey"], { client: { removeNetwork: () => Promise.reject(GONE) } })
    expect(outcome).toEqual({
      status: 3,
      stdout: "",
      stderr: "ovl: network grey: there is none of that name\nhint: `ovl network ls` lists them\n",
    })
  })

  test("the same as JSON", async () => {
    const client = { network: () => Promise.reject(GONE) }
    const outcome = await ovl(["--json", "network", "inspect", "grey"], { client })
    expect(JSON.parse(outcome.stderr)).toEqual({
      error: {
        code: "network_not_found",
        message: "network grey: there is none of that name",
        hint: "`ovl network ls` lists them",
      },
    })
    expect(outcome.status).toBe(3)
  })

  test("also where the line itself is wrong", async () => {
    for (const words of [
      ["--json", "netwrok"],
      ["network", "ls", "--json", "--frob"],
      ["run", "--json"],
    ]) {
      const outcome = await ovl(words)
      expect(outcome.status).toBe(2)
      expect(Object.keys(JSON.parse(outcome.stderr).error)).toEqual(["code", "message", "hint"])
    }
  })

  test("a mistake of ours is told as one", async () => {
    const broken = () => Promise.reject(new TypeError("x is undefined"))
    const outcome = await ovl(["status"], { client: { status: broken } })
    expect(outcome.stderr).toBe("ovl: internal error: x is undefined\nhint: this is a mistake in ovl; -v says more\n")
    expect(outcome.status).toBe(1)
  })

  test.each([
    ["failed", 1],
    ["usage", 2],
    ["invalid", 2],
    ["not_found", 3],
    ["conflict", 4],
    ["unauthorized", 5],
    ["forbidden", 5],
    ["unavailable", 6],
  ] as const)("%s exits with %d", async (kind, status) => {
    const failing = () => Promise.reject(new OvlError("code", "what: why", { kind }))
    expect((await ovl(["status"], { client: { status: failing } })).status).toBe(status)
  })

  test("colour only on a terminal, and not with NO_COLOR or --no-color", async () => {
    expect((await ovl(["frob"], { terminal: true })).stderr).toContain("\x1b[")
    expect((await ovl(["frob"], { terminal: true, env: { NO_COLOR: "1" } })).stderr).not.toContain("\x1b[")
    expect((await ovl(["frob", "--no-color"], { terminal: true })).stderr).not.toContain("\x1b[")
    expect((await ovl(["frob"])).stderr).not.toContain("\x1b[")
  })

  test("a reader that has gone is no error", async () => {
    const client = {
      logs: () => {
        throw new BrokenPipe()
      },
    }
    expect(await ovl(["logs", "web"], { client })).toEqual({ status: 0, stdout: "", stderr: "" })
  })
})

describe("wrong words", () => {
  test.each([
    ["netwrk ls", "ovl: netwrk: unknown command", "hint: did you mean `ovl network ls`?"],
    ["network creat red", "ovl: network creat: unknown command", "hint: did you mean `ovl network create`?"],
    ["frobnicate", "ovl: frobnicate: unknown command", "hint: `ovl --help` lists the commands"],
    [
      "network",
      "ovl: network: say what to do",
      "hint: choose one of create, ls, inspect, rm, prune, connect, disconnect",
    ],
    ["--frob status", "ovl: unknown option --frob", "hint: `ovl --help` lists the options"],
    ["status --frob", "ovl: status: unknown option --frob", "hint: `ovl status --help` lists the options"],
    [
      "network create r --subent x",
      "ovl: network create: unknown option --subent",
      "hint: did you mean --subnet? `ovl network create --help` lists the options",
    ],
    [
      "network ls red",
      'ovl: network ls: unexpected argument "red"',
      "hint: `ovl network ls --help` shows how it is called",
    ],
    [
      "network rm",
      "ovl: network rm: NAME is missing",
      "hint: NAME is a network's name or id: ovl network rm red green",
    ],
    ["network create r --vni x", 'ovl: --vni: "x" is not a whole number', "hint: write it in decimal digits"],
    ["network create r --label x", 'ovl: --label: "x" has no value', "hint: write KEY=VALUE"],
    ["network create r -d bridge", 'ovl: -d: "bridge" is not one of overlay', "hint: choose overlay"],
    ["status --socket", "ovl: --socket: a value is wanted (PATH)", "hint: write --socket PATH"],
  ])("ovl %s", async (line, message, hint) => {
    expect(await ovl(line.split(" "))).toEqual({ status: 2, stdout: "", stderr: `${message}\n${hint}\n` })
  })

  test("an empty argument, as an unset variable leaves it", async () => {
    const outcome = await ovl(["network", "rm", ""])
    expect(outcome.stderr).toBe("ovl: network rm: an argument is empty\nhint: is a variable of the script not set?\n")
    expect(outcome.status).toBe(2)
  })
})

test("what is not built says so, with any words behind it", async () => {
  const lines = "trace a b|capture red -w -"
  for (const line of lines.split("|")) {
    const outcome = await ovl(line.split(" "))
    expect(outcome.stderr).toMatch(/^ovl: [a-z ]+: not available in this version\n$/)
    expect([line, outcome.status, outcome.stdout]).toEqual([line, 1, ""])
  }
  const json = await ovl(["trace", "--json"])
  expect(JSON.parse(json.stderr).error.code).toBe("not_available")
})

test("options that are not built are refused, however they were given", async () => {
  for (const line of ["network create red --secure", "network create red --tenant blue"]) {
    const outcome = await ovl(line.split(" "))
    expect([line, outcome.status, outcome.stderr]).toEqual([
      line,
      1,
      expect.stringMatching(/: not available in this version\n$/),
    ])
  }
  expect((await ovl(["network", "create", "red"], { env: { OVL_SECURE: "1" } })).status).toBe(1)
})

test("the socket is asked for before or after the verb, and follows the run directory", async () => {
  const seen: string[] = []
  const asked = async (words: string[], env: Record<string, string> = {}) => {
    const { runCommandLine } = await import("./run.ts")
    const io = {
      env: { OVL_CONFIG: "/dev/null", ...env },
      stdout: () => {},
      stderr: () => {},
      stdoutIsTerminal: false,
      stderrIsTerminal: false,
      stdinIsTerminal: false,
      stdoutColumns: 80,
      listDirectory: () => [],
      readStdin: () => new Uint8Array(),
      readFile: () => new Uint8Array(),
      runProgram: () => Promise.resolve(0),
      programName: () => "ovl",
      cwd: () => "/",
      isRoot: false,
    }
    const openClient = (socket: string) => {
      seen.push(socket)
      return Promise.reject(new OvlError("no_daemon", "no daemon", { kind: "unavailable" }))
    }
    expect(
      await runCommandLine(words, {
        io,
        now: () => 0,
        sleep: () => Promise.resolve(),
        openClient,
        labs: async () => [],
      }),
    ).toBe(6)
    return seen.pop()
  }
  expect(await asked(["status"])).toBe("/run/ovl/ovl.sock")
  expect(await asked(["--socket", "/a.sock", "status"])).toBe("/a.sock")
  expect(await asked(["status", "--socket=/b.sock"])).toBe("/b.sock")
  expect(await asked(["network", "--socket", "/c.sock", "ls"])).toBe("/c.sock")
  expect(await asked(["--socket", "/a.sock", "status", "--socket", "/b.sock"])).toBe("/b.sock")
  expect(await asked(["status"], { OVL_SOCKET: "/v.sock" })).toBe("/v.sock")
  expect(await asked(["status", "--run-dir", "/run/h1"])).toBe("/run/h1/ovl.sock")
  expect(await asked(["status"], { OVL_RUN_DIR: "/run/h2" })).toBe("/run/h2/ovl.sock")
})
