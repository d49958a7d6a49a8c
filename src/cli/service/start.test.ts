import { expect, test } from "bun:test"
import type { Origin } from "../parse.ts"
import { startOf } from "./start.ts"

interface Given {
  line?: Record<string, unknown>
  variable?: Record<string, unknown>
  file?: Record<string, unknown>
  resumes?: boolean
  before?: string[]
}

function start(text: string, { line = {}, variable = {}, file = {}, resumes = false, before }: Given = {}): string {
  const sources: [Origin, Record<string, unknown>][] = [
    ["line", line],
    ["variable", variable],
    ["file", file],
  ]
  const origins: Record<string, Origin> = {}
  for (const [origin, values] of sources) for (const name of Object.keys(values)) origins[name] = origin
  const words = text.split(" ").filter(Boolean)
  const values = { ...file, ...variable, ...line }
  try {
    return startOf({ words, values, origins, cwd: "/root", resumes, before: before ?? null }).words.join(" ")
  } catch (error) {
    return (error as Error).message
  }
}

test("what was said here goes into the unit; what stands in the file is read there", () => {
  const said = {
    line: { advertise: "192.168.1.51", "data-dir": "data", "session-ttl-min": 90_000 },
    variable: { http: "off", "run-dir": "/run/o" },
    file: { bind: "0.0.0.0:9" },
  }
  expect(start("serve", said)).toBe(
    "serve --run-dir=/run/o --advertise=192.168.1.51 --data-dir=/root/data --http=off --session-ttl-min=90s",
  )
})

test("a first join names servers and the place of its token; a node that is in needs neither", () => {
  const token = { token: "ovl1.secret", "token-file": "t", server: true }
  const file = "--token-file=/etc/ovl/join-token"
  expect(start("join a,b", { line: token })).toBe(`join a,b --server ${file}`)
  expect(start("join a", { variable: { token: "ovl1.secret" } })).toBe(`join a ${file}`)
  expect(start("join a", { line: token, resumes: true })).toBe("join")
})

test("without words a new node serves, one with data never starts a new cluster, and what was installed stays", () => {
  expect(start("")).toBe("serve")
  expect(start("", { resumes: true })).toBe("join")
  expect(start("", { before: ["serve", "--name=a"] })).toBe("serve --name=a")
  expect(start("", { before: ["serve", "--name=a"], line: { http: "off" }, resumes: true })).toBe("join --http=off")
  expect(start("serve", { before: ["serve", "--name=a"] })).toBe("serve")
})

test("what makes no sense is refused", () => {
  expect(start("run")).toBe('install: "run" is no way to start a node')
  expect(start("serve 192.168.1.51")).toBe('install: "serve" "192.168.1.51" is no way to start a node')
  expect(start("join a b")).toBe('install: "join" "a" "b" is no way to start a node')
  expect(start("serve", { line: { server: true } })).toBe("install serve: --server belongs to join")
  expect(start("join a", { line: { "kv-prefix": "x" } })).toBe("install join: --kv-prefix belongs to serve")
})
