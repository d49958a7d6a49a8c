import { expect, test } from "bun:test"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { DaemonContext } from "./daemon.ts"
import { tokenReader } from "./daemon.ts"
import type { Io } from "./io.ts"
import { firstUsable } from "./reexec.ts"
import { ovl } from "./testing.ts"

test.each([
  ["serve --http 8500", 'ovl: --http: "8500" is not ADDR:PORT'],
  ["serve --bind 0.0.0.0:x", 'ovl: --bind: "0.0.0.0:x" is not ADDR:PORT'],
  ["serve --advertise eth0", 'ovl: --advertise: "eth0" is not an IP address'],
  ["serve --advertise 192.168.1.51/24", 'ovl: --advertise: "192.168.1.51/24" is not an IP address'],
  ["serve --kv-prefix /x", 'ovl: --kv-prefix: "/x" is not a key prefix'],
  ["serve --socket /x", "ovl: --socket: a daemon's socket is always ovl.sock in its run directory"],
  ["serve --name -x", "ovl: --name: a value is wanted (NAME)"],
  ["serve --name=a/b", 'ovl: node name "a/b": malformed'],
  ["join a b --token x", 'ovl: join: unexpected argument "b"'],
  ["join a --token x --token-file y", "ovl: --token and --token-file: only one can be used"],
])("ovl %s is refused before anything is touched", async (line, message) => {
  const outcome = await ovl(line.split(" "), { root: true })
  expect([outcome.status, outcome.stdout, outcome.stderr.split("\n")[0]]).toEqual([2, "", message])
})

test("a new node wants a server and a token", async () => {
  const dir = mkdtempSync(join(tmpdir(), "ovl-join-"))
  try {
    const joining = async (...words: string[]) => {
      const outcome = await ovl(["join", ...words, "--data-dir", join(dir, "data"), "--run-dir", join(dir, "run")], {
        root: true,
      })
      return `${outcome.status} ${outcome.stderr.split("\n")[0]}`
    }
    expect(await joining()).toBe("2 ovl: join: SERVER is missing")
    expect(await joining("192.168.1.51")).toBe("2 ovl: join: --token is missing")
    const install = await ovl(["install", "join", "--dry-run", "--data-dir", join(dir, "data")])
    expect(install.stderr).toBe(
      "ovl: install join: SERVER is missing\nhint: name a server of the cluster: ovl install join 192.168.1.51\n",
    )
    expect(await joining("192.168.1.51:x", "--token", "x")).toBe('2 ovl: SERVER: "192.168.1.51:x" is not ADDR:PORT')
  } finally {
    rmSync(dir, { recursive: true })
  }
})

function token(
  given: { token?: string; file?: string },
  origins: Record<string, "line" | "variable" | "file">,
): string {
  const context = { origins } as unknown as DaemonContext
  const io = {
    readStdin: () => Buffer.from("from-stdin\n"),
    readFile: (path: string) => {
      if (path === "missing") throw Object.assign(new Error(), { code: "ENOENT" })
      return Buffer.from(path === "empty" ? "\n" : "from-file\n")
    },
  } as unknown as Io
  try {
    return tokenReader(context, given.token, given.file)?.(io) ?? "none"
  } catch (error) {
    return (error as Error).message
  }
}

test("the token comes as text, from a file, or from standard input", () => {
  expect(token({}, {})).toBe("none")
  expect(token({ token: "abc" }, { token: "line" })).toBe("abc")
  expect(token({ token: "-" }, { token: "variable" })).toBe("from-stdin")
  expect(token({ file: "f" }, { "token-file": "line" })).toBe("from-file")
  expect(token({ file: "empty" }, { "token-file": "line" })).toBe("cannot join: empty holds no token")
  expect(token({ file: "missing" }, { "token-file": "line" })).toBe(
    "cannot read the token in missing: there is no such file",
  )
})

test("of two tokens the one that was said more directly counts", () => {
  expect(token({ token: "abc", file: "f" }, { token: "variable", "token-file": "line" })).toBe("from-file")
  expect(token({ token: "abc", file: "f" }, { token: "line", "token-file": "file" })).toBe("abc")
})

test("the library's directory: the run directory's, else the data directory's, else a plain refusal", () => {
  const dir = mkdtempSync(join(tmpdir(), "ovl-tmp-"))
  const [run, data] = [join(dir, "run/tmp"), join(dir, "data/tmp")]
  const space = 100_000_000
  const noexec =
    (...paths: string[]) =>
    (path: string) => ({ flags: paths.includes(path) ? 8 : 0, freeBytes: space })
  try {
    expect(firstUsable([run, data], noexec())).toBe(run)
    writeFileSync(join(run, ".bun-0-old.node"), "")
    expect(firstUsable([run, data], noexec())).toBe(run)
    expect(readdirSync(run)).toEqual([])
    expect(firstUsable([run, data], noexec(run))).toBe(data)
    expect(() => firstUsable([run, data], noexec(run, data))).toThrow(
      `cannot start: no directory to unpack a library into: ${run} is mounted noexec, ${data} is mounted noexec`,
    )
    const full = (path: string) => ({ flags: 0, freeBytes: path === run ? 4_096 : space })
    expect(firstUsable([run, data], full)).toBe(data)
    expect(() => firstUsable([run], full)).toThrow(`${run} is full`)
    expect(() => firstUsable([run], () => ({ flags: 1, freeBytes: space }))).toThrow(`${run} is mounted read-only`)
    expect(() => firstUsable(["/dev/null/x"], noexec())).toThrow("unpack a library into: /dev/null/x: E")
  } finally {
    rmSync(dir, { recursive: true })
  }
})
