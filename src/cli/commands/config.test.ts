import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { configKeys } from "../registry.ts"
import { parseConfiguration } from "../config.ts"
import { ovl } from "../testing.ts"

let dir: string
let file: string

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "ovl-config-"))
  file = join(dir, "config.yaml")
  writeFileSync(file, "name: swarm-01\nsession-ttl-min: 1m\nnetwork:\n  create:\n    mtu: 1400\n    label: {team: a}\n")
})
afterAll(() => rmSync(dir, { recursive: true }))

async function rows(words: string[], env: Record<string, string> = {}): Promise<string[]> {
  const { stdout } = await ovl(["config", "show", "--config", file, "--origin", ...words], { env })
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.replace(/ {2,}/g, " | ").replace(file, "FILE"))
}

test("each option says where its value comes from: the line, a variable, a line of the file, or nowhere", async () => {
  const shown = await rows(["--run-dir", "/tmp/run"], { OVL_HTTP: "off", OVL_TOKEN: "ovl1.secret" })
  expect(shown).toContain("run-dir | /tmp/run | --run-dir | --run-dir | OVL_RUN_DIR")
  expect(shown).toContain("http | off | OVL_HTTP | --http | OVL_HTTP")
  expect(shown).toContain("name | swarm-01 | FILE:1 | --name | OVL_NAME")
  expect(shown).toContain("session-ttl-min | 1m | FILE:2 | --session-ttl-min | OVL_SESSION_TTL_MIN")
  expect(shown).toContain("bind | 0.0.0.0:8300 | default | --bind | OVL_BIND")
  expect(shown).toContain("token | (hidden) | OVL_TOKEN | --token | OVL_TOKEN")
  expect(shown).toContain("network.create.label | team=a | FILE:6 | --label | OVL_LABEL")
  expect(shown.filter((row) => row.startsWith("network."))).toHaveLength(2)
  expect((await rows(["--all"])).filter((row) => row.startsWith("network.")).length).toBeGreaterThan(5)
})

test("what it prints is a configuration file that says the same, without secrets", async () => {
  const shown = async (env: Record<string, string>, from = file) =>
    (await ovl(["config", "show", "--config", from], { env: { OVL_TOKEN: "ovl1.secret", ...env } })).stdout
  const text = await shown({ OVL_BIND: "192.0.2.1:8300" })
  expect(text).not.toContain("token")
  expect((await parseConfiguration("c.yaml", text, configKeys())).get("bind")?.texts).toEqual(["192.0.2.1:8300"])
  const copy = join(dir, "copy.yaml")
  writeFileSync(copy, text)
  expect(await shown({}, copy)).toBe(text)
})

test("what is wrong is told, not shown", async () => {
  const wrong = await ovl(["config", "show"], { env: { OVL_SESSION_TTL_MIN: "soon" } })
  expect([wrong.status, wrong.stdout]).toEqual([2, ""])
  expect(wrong.stderr).toContain('OVL_SESSION_TTL_MIN: "soon" is not a duration')
})

test("as JSON every option has its key, variable, value and origin", async () => {
  const { stdout } = await ovl(["config", "show", "--config", file, "--json"])
  expect(JSON.parse(stdout).find((each: { key: string }) => each.key === "name")).toEqual({
    key: "name",
    option: "name",
    variable: "OVL_NAME",
    value: "swarm-01",
    origin: "file",
    source: `${file}:1`,
  })
})
