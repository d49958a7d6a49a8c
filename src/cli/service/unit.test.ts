import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { egressDevice } from "../../model/dataplane.ts"
import { parseConfiguration } from "../config.ts"
import { configKeys } from "../registry.ts"
import { configText, JOIN_TOKEN_PATH, linkText, networkdText, networkManagerText, unitText, unitWord } from "./unit.ts"

const dir = mkdtempSync(join(tmpdir(), "ovl-unit-"))
afterAll(() => rmSync(dir, { recursive: true }))

const analyze = Bun.which("systemd-analyze")
if (!analyze) console.warn("systemd-analyze is not here: the unit is not verified")

test.skipIf(!analyze)("systemd-analyze has nothing to say about the unit, of a server and of a first join", () => {
  for (const start of [
    ["serve", "--data-dir=/srv/o v%l"],
    ["join", "192.168.1.51", `--token-file=${JOIN_TOKEN_PATH}`],
  ]) {
    const path = join(dir, "ovl.service")
    writeFileSync(path, unitText("/bin/true", start))
    const { exitCode, stdout, stderr } = Bun.spawnSync([analyze!, "verify", "--man=no", path])
    expect([exitCode, `${stdout}${stderr}`]).toEqual([0, ""])
  }
})

const lineOf = (text: string, key: string) => text.split("\n").filter((line) => line.startsWith(`${key}=`))

test("workloads outlive the daemon, whatever ends it", () => {
  const unit = unitText("/usr/local/bin/ovl", ["serve"])
  for (const line of [
    "KillMode=process",
    "OOMPolicy=continue",
    "TasksMax=infinity",
    "Type=notify",
    "NotifyAccess=main",
  ])
    expect(unit.split("\n")).toContain(line)
  // A mount namespace of its own would hide its pins in /run/netns from everybody else.
  expect(unit).not.toMatch(/^(Protect|Private|Restrict(?!art)|ReadOnly|Inaccessible|Temporary|MountFlags|Delegate)/m)
})

test("the words of the unit are quoted as systemd reads them", () => {
  const words = ["--data-dir=/srv/a b", "--name=50%", "--x=$HOME", 'a"b\\', "--http=[::1]:8500", "a;b", "tab\t"]
  expect(words.map(unitWord)).toEqual([
    '"--data-dir=/srv/a b"',
    "--name=50%%",
    "--x=$$HOME",
    '"a\\"b\\\\"',
    "--http=[::1]:8500",
    '"a;b"',
    '"tab\\t"',
  ])
  expect(lineOf(unitText("/opt/ovl", ["serve", "--name=a"]), "ExecStart")).toEqual([
    "ExecStart=/opt/ovl serve --name=a",
  ])
})

test("the file of a join's token is removed as soon as the node is in, and named nowhere else", () => {
  const joining = unitText("/usr/local/bin/ovl", ["join", "192.168.1.51", `--token-file=${JOIN_TOKEN_PATH}`])
  expect(lineOf(joining, "ExecStartPost")).toEqual(["ExecStartPost=-/bin/rm -f /etc/ovl/join-token"])
  expect(unitText("/usr/local/bin/ovl", ["join"])).not.toContain("token-file")
  expect(lineOf(unitText("/usr/local/bin/ovl", ["serve"]), "ExecStartPost")).toEqual([])
})

const OURS = ["ovl_gwbridge", egressDevice("0123456789abcdef".repeat(4)), egressDevice("f".repeat(64))]
const FOREIGN = ["eth0", "ovl0", "ovlan", "ovl_gwbridge2", "veth0", "docker0", "ovs-system", "ovl0123456789a", "br0"]

test.each([
  ["networkd", lineOf(networkdText(), "Name")[0]!.slice(5).split(" "), ["ovlsystem-bridg", "ovlXYZXYZXYZXYZ"]],
  ["udev", lineOf(linkText(), "OriginalName")[0]!.slice(13).split(" "), ["ovlsystem-bridg", "ovlXYZXYZXYZXYZ"]],
  [
    "NetworkManager",
    networkManagerText()
      .match(/interface-name:=?([^;\n]+)/g)!
      .map((each) => each.replace(/interface-name:=?/, "")),
    [],
  ],
])("%s leaves alone what is ours, and nothing else", (_, globs, also: string[]) => {
  const matches = (name: string) => globs.some((glob) => new Bun.Glob(glob).match(name))
  expect(OURS.filter(matches)).toEqual(OURS)
  expect([...FOREIGN, ...also].filter(matches)).toEqual([])
})

test("every line of the configuration to begin with is right as it stands, once its mark is taken off", async () => {
  expect([...(await parseConfiguration("c.yaml", configText(), configKeys())).keys()]).toEqual([])
  const lines = configText()
    .split("\n")
    .filter((line) => /^# +[a-z-]+:/.test(line))
    .map((line) => line.slice(2))
  const found = await parseConfiguration("c.yaml", lines.join("\n"), configKeys())
  expect(found.get("network.create.mtu")?.texts).toEqual(["1400"])
  expect(found.get("audit-log")?.texts).toEqual(["/var/log/ovl-audit.log"])
  expect(found.size).toBe(9)
})
