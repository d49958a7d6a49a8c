import { afterEach, beforeEach, expect, test } from "bun:test"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type InstallOptions, install } from "./install.ts"
import { placedLines } from "./report.ts"
import { systemdOf } from "./systemd.ts"
import { uninstall } from "./uninstall.ts"
import type { Io } from "../io.ts"

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ovl-install-"))
})
afterEach(() => rmSync(root, { recursive: true }))

const NONE = systemdOf({} as Io, false)
const program = (version: string) => Buffer.from(`ELF ovl_gwbridge ${version}`)

function options(rest: Partial<InstallOptions> = {}): InstallOptions {
  return {
    root,
    prefix: "/usr/local",
    program: program("1"),
    start: ["serve"],
    dataDir: "/var/lib/ovl",
    runDir: "/run/ovl",
    token: null,
    force: false,
    dryRun: false,
    startNow: true,
    systemd: NONE,
    runningDaemon: () => null,
    ...rest,
  }
}

const put = async (rest: Partial<InstallOptions> = {}) => lines((await install(options(rest))).files, rest.dryRun)
const takeBack = async (rest: { purge?: boolean; dryRun?: boolean } = {}) => {
  const places = { dataDir: "/var/lib/ovl", runDir: "/run/ovl" }
  const takeDown = () => Promise.reject(new Error("a staged tree has no kernel"))
  const done = await uninstall({ root, purge: false, dryRun: false, ...places, systemd: NONE, takeDown, ...rest })
  return lines(done.files, rest.dryRun)
}
const lines = (files: Parameters<typeof placedLines>[0], dryRun = false) =>
  placedLines(files, dryRun)
    .trim()
    .split("\n")
    .map((line) => line.replace(/ +/g, " "))
const at = (path: string) => join(root, path)
const everything = () => readdirSync(root, { recursive: true }).sort()

const FILES = [
  "/usr/local/bin/ovl",
  "/etc/ovl/config.yaml",
  "/etc/systemd/network/05-ovl.network",
  "/etc/systemd/network/05-ovl.link",
  "/etc/NetworkManager/conf.d/ovl.conf",
  "/etc/systemd/system/ovl.service",
]
const all = (action: string) => FILES.map((path) => `${action} ${path}`)

test("all is put in its place, once; and taken back, with the directories that were made for it", async () => {
  mkdirSync(at("/etc/systemd/system"), { recursive: true })
  const before = everything()
  expect(await put({ dryRun: true })).toEqual(all("would add"))
  expect(everything()).toEqual(before)
  expect(await put()).toEqual(all("added"))
  const modes = [FILES[0]!, FILES[5]!].map((path) => (statSync(at(path)).mode & 0o777).toString(8))
  expect(modes).toEqual(["755", "644"])
  expect(await put()).toEqual(all("unchanged"))
  const gone = [...all("removed"), "removed /etc/ovl/installed.json"]
  expect(await takeBack({ dryRun: true })).toEqual(gone.map((each) => each.replace("removed", "would remove")))
  expect(await takeBack()).toEqual(gone)
  expect(everything()).toEqual(before)
  expect(await takeBack()).toEqual([""])
})

test("an upgrade replaces what is ours and unchanged, also a program that was put there by hand", async () => {
  mkdirSync(at("/usr/local/bin"), { recursive: true })
  writeFileSync(at("/usr/local/bin/ovl"), program("0"))
  expect(await put()).toContain("replaced /usr/local/bin/ovl")
  expect(await put({ program: program("2"), start: ["serve", "--http=off"] })).toEqual([
    "replaced /usr/local/bin/ovl",
    ...all("unchanged").slice(1, 5),
    "replaced /etc/systemd/system/ovl.service",
  ])
  expect(readFileSync(at("/usr/local/bin/ovl"))).toEqual(program("2"))
  expect(await takeBack()).toEqual([...all("removed"), "removed /etc/ovl/installed.json"])
})

test("what somebody else wrote or changed is kept and named, by both; --force replaces it, but never the configuration", async () => {
  mkdirSync(at("/usr/local/bin"), { recursive: true })
  mkdirSync(at("/etc/ovl"), { recursive: true })
  mkdirSync(at("/etc/systemd/system"), { recursive: true })
  writeFileSync(at("/usr/local/bin/ovl"), "#!/bin/sh\n# somebody's own program of this name\n")
  writeFileSync(at("/etc/ovl/config.yaml"), "name: mine\n")
  symlinkSync("/dev/null", at("/etc/systemd/system/ovl.service"))
  expect(await put()).toEqual([
    "kept /usr/local/bin/ovl (it was changed, or written by somebody else)",
    "kept /etc/ovl/config.yaml (it is yours)",
    ...all("added").slice(2, 5),
    "kept /etc/systemd/system/ovl.service (it is no regular file)",
  ])
  writeFileSync(at("/etc/systemd/network/05-ovl.link"), "[Match]\n")
  expect(await put()).toContain("kept /etc/systemd/network/05-ovl.link (it was changed, or written by somebody else)")
  expect(await takeBack()).toEqual([
    "removed /etc/systemd/network/05-ovl.network",
    "kept /etc/systemd/network/05-ovl.link (it was changed since it was installed)",
    "removed /etc/NetworkManager/conf.d/ovl.conf",
    "removed /etc/ovl/installed.json",
  ])
  expect(readFileSync(at("/etc/ovl/config.yaml"), "utf8")).toBe("name: mine\n")
  expect(await put({ force: true })).toEqual([
    "replaced /usr/local/bin/ovl",
    "kept /etc/ovl/config.yaml (it is yours)",
    "added /etc/systemd/network/05-ovl.network",
    "replaced /etc/systemd/network/05-ovl.link",
    "added /etc/NetworkManager/conf.d/ovl.conf",
    "replaced /etc/systemd/system/ovl.service",
  ])
})

test("what was put before something stood in the way is recorded, and taken back", async () => {
  mkdirSync(at("/etc"), { recursive: true })
  writeFileSync(at("/etc/NetworkManager"), "no directory")
  const refused = await install(options()).then(String, (error) => `${error.code} ${error.message}`)
  expect(refused).toStartWith(`file_unwritable cannot write ${at("/etc/NetworkManager/conf.d/ovl.conf")}: `)
  expect(await takeBack()).toEqual([...all("removed").slice(0, 4), "removed /etc/ovl/installed.json"])
  expect(everything()).toEqual(["etc", "etc/NetworkManager"])
})

test("a record that is damaged is told, and nothing is guessed from it", async () => {
  await put()
  writeFileSync(at("/etc/ovl/installed.json"), '{"version":1,"files":[{"path":"/etc/passwd"}]}')
  for (const act of [put, takeBack]) {
    expect(await act().then(String, (error) => error.code)).toBe("install_record_corrupt")
  }
  expect(existsSync(at(FILES[0]!))).toBe(true)
})

/** A systemctl that writes down how it was called; `is-active` answers by whether a file of the unit's name is there. */
function fakeSystemd() {
  const [bin, log] = [join(root, "bin"), join(root, "calls")]
  mkdirSync(bin)
  const script = `#!/bin/sh
echo "$(basename "$0") $*" >> ${log}
for last; do :; done
case "$*" in *is-active*) test -e ${root}/active-$last; exit;; esac
test ! -e ${root}/fail-$1
`
  for (const name of ["systemctl", "networkctl", "udevadm"]) {
    writeFileSync(join(bin, name), script)
    chmodSync(join(bin, name), 0o755)
  }
  const io = {
    runProgram: (words: readonly string[]) =>
      Bun.spawn([join(bin, words[0]!), ...words.slice(1)], { stdout: "ignore", stderr: "ignore" }).exited,
  } as unknown as Io
  const calls = () => {
    const text = existsSync(log) ? readFileSync(log, "utf8") : ""
    rmSync(log, { force: true })
    return text.split("\n").filter((line) => line && !line.includes("is-active"))
  }
  return { systemd: systemdOf(io, true), calls, mark: (name: string) => writeFileSync(join(root, name), "") }
}

test("who reads the files is told, if he is there, and of a failure the journal is named", async () => {
  const { systemd, calls, mark } = fakeSystemd()
  const { tellReaders } = await import("./systemd.ts")
  mark("active-systemd-networkd.service")
  mark("active-NetworkManager.service")
  expect(await tellReaders(systemd, FILES)).toEqual([])
  expect(calls()).toEqual(["networkctl reload", "systemctl --quiet reload NetworkManager.service"])
  expect(await tellReaders(systemd, ["/etc/systemd/system/ovl.service"])).toEqual([])
  mark("fail-reload")
  expect(await tellReaders(systemd, FILES)).toEqual(["systemd-networkd.service"])
})

test("whether data stay is said only where there are some", async () => {
  const data = async () => {
    const places = { dataDir: "/var/lib/ovl", runDir: "/run/ovl" }
    return (await uninstall({ root, purge: false, dryRun: true, ...places, systemd: NONE, takeDown: async () => {} }))
      .data
  }
  expect(await data()).toBe("none")
  mkdirSync(at("/var/lib/ovl"), { recursive: true })
  expect(await data()).toBe("kept")
})
