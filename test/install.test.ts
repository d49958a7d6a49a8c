/** `scripts/install.sh` with made-up commands in its PATH: what it installs, and what it refuses. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ROOT } from "../scripts/compile.ts"

let bin = ""

beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), "install-"))
  for (const name of ["sh", "dirname", "cut", "cat", "sha256sum", "mktemp", "rm", "tail"]) {
    symlinkSync(Bun.which(name)!, join(bin, name))
  }
})

afterEach(() => rmSync(bin, { recursive: true, force: true }))

function command(name: string, body: string): void {
  writeFileSync(join(bin, name), `#!${Bun.which("sh")}\n${body}\n`)
  chmodSync(join(bin, name), 0o755)
}

/** Runs the script as the user `id`, and says what came of it and what it asked of apt-get. */
function install(group: string, id: number): { status: number; out: string; err: string; asked: string[] } {
  const log = join(bin, "asked")
  command("id", `echo ${id}`)
  command("apt-get", `echo "$*" >>${log}`)
  const env = { PATH: bin, TMPDIR: bin }
  const { exitCode, stdout, stderr } = Bun.spawnSync([join(bin, "sh"), join(ROOT, "scripts/install.sh"), group], {
    env,
  })
  const asked = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []
  return { status: exitCode, out: stdout.toString(), err: stderr.toString(), asked }
}

const LOCK_WAIT = "-o DPkg::Lock::Timeout=120"

test("what is there is not installed, and nothing is said", () => {
  for (const name of ["node", "npm", "ip", "iptables", "ping"]) command(name, "")
  for (const id of [0, 1000]) expect(install("lab", id)).toEqual({ status: 0, out: "", err: "", asked: [] })
})

test("root gets what is missing, by one update and one installation", () => {
  for (const name of ["npm", "ip", "iptables"]) command(name, "")
  expect(install("lab", 0)).toEqual({
    status: 0,
    out: "install: Debian packages: nodejs iputils-ping\n",
    err: "",
    asked: [`${LOCK_WAIT} update`, `${LOCK_WAIT} -y --no-install-recommends install nodejs iputils-ping`],
  })
})

test("without root what the build needs is refused by name", () => {
  expect(install("build", 1000)).toEqual({
    status: 1,
    out: "",
    err: "install: needs root to install Debian packages: nodejs npm\nhint: run: sudo sh scripts/install.sh build\n",
    asked: [],
  })
})

test("without root the work goes on where only tests lack something", () => {
  for (const name of ["node", "npm", "ip", "iptables", "ping", "tcpdump", "strace", "iperf3", "ps"]) command(name, "")
  expect(install("test", 1000)).toEqual({
    status: 0,
    out: "install: not root, so not installed: tshark curl python3 wrk etcd-server tcc (what needs them is skipped)\n",
    err: "",
    asked: [],
  })
})

test("an unknown group is refused", () => {
  expect(install("everything", 0)).toMatchObject({
    status: 1,
    err: expect.stringContaining("no such group: everything"),
  })
})
