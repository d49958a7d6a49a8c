/** What of this floor needs no root: reading of /proc, errors, becoming another program. */
import { describe, expect, test } from "bun:test"
import { join } from "node:path"
import { isErrno, LinuxError } from "./errno.ts"
import { close, O_RDONLY, open, pidfdOpen, tryLock } from "./libc.ts"
import { isMountPoint, isNoexec, parseMountinfo } from "./mounts.ts"
import { isNamespace, namespaceId, openNamespace, sameNamespace } from "./namespaces.ts"
import { bootId, pidAlive, processStartTime, watchExit } from "./process.ts"

const OWN = "/proc/self/ns/net"
const SIGPIPE = 13
const SIGXFSZ = 25

describe("errors", () => {
  test("name the call, its object and the kernel's word", () => {
    const thrown = catchError(() => open("/nowhere/at/all", O_RDONLY))
    expect(thrown).toBeInstanceOf(LinuxError)
    expect((thrown as LinuxError).message).toBe("open /nowhere/at/all: ENOENT, no such file or directory")
    expect((thrown as LinuxError).kind).toBe("not_found")
    expect(isErrno(thrown, "EPERM")).toBe(false)
    expect(isErrno(thrown, "EPERM", "ENOENT")).toBe(true)
  })

  test("a zero inside a path is refused, not cut off", () => {
    expect(() => open("/etc\0/passwd", O_RDONLY)).toThrow("EINVAL")
  })
})

describe("namespaces", () => {
  test("are told from files, and from namespaces of other kinds", () => {
    expect(isNamespace(OWN)).toBe(true)
    expect(isNamespace("/proc/self/ns/mnt")).toBe(false)
    expect(isNamespace("/etc/passwd")).toBe(false)
    expect(isNamespace("/nowhere")).toBe(false)
    expect(() => openNamespace("/proc/self/ns/mnt")).toThrow("not a network namespace")
    expect(() => openNamespace("/etc/passwd")).toThrow("not a network namespace")
  })

  test("are themselves by any path", () => {
    const fd = openNamespace(OWN)
    expect(sameNamespace(OWN, `/proc/${process.pid}/ns/net`)).toBe(true)
    expect(sameNamespace(fd, OWN)).toBe(true)
    expect(namespaceId(fd)).toEqual(namespaceId())
    close(fd)
  })
})

describe("mounts", () => {
  test("mountinfo is parsed", () => {
    const text = [
      "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
      "37 35 0:4 net:[4026532285] /run/netns/a\\040b rw shared:12 - nsfs nsfs rw",
      "38 35 0:4 / /plain rw - tmpfs tmpfs rw",
      "broken line",
      "",
    ].join("\n")
    const shown = parseMountinfo(text).map(
      (one) => `${one.target} ${one.type} ${one.root} ${one.options} [${one.tags}]`,
    )
    expect(shown).toEqual([
      "/mnt2 ext3 /mnt1 rw,noatime [master:1]",
      "/run/netns/a b nsfs net:[4026532285] rw [shared:12]",
      "/plain tmpfs / rw []",
    ])
  })

  test("mount points and noexec", () => {
    expect(isMountPoint("/proc")).toBe(true)
    expect(isMountPoint("/proc/self")).toBe(false)
    expect(isNoexec(import.meta.dir)).toBe(false)
  })
})

describe("processes", () => {
  test("are known by pid and start", async () => {
    const child = Bun.spawn(["sleep", "60"])
    const started = processStartTime(child.pid)!
    expect(started).toBeGreaterThan(0)
    expect(pidAlive(child.pid)).toBe(true)
    expect(pidAlive(child.pid, started)).toBe(true)
    expect(pidAlive(child.pid, started + 1)).toBe(false)
    const ended = new Promise<void>((resolve) => watchExit(child.pid, resolve))
    const unwatched = watchExit(child.pid, () => {
      throw new Error("told in spite of giving up")
    })
    unwatched()
    child.kill()
    await ended
    await child.exited
    expect(pidAlive(child.pid)).toBe(false)
    expect(processStartTime(child.pid)).toBeNull()
    // Gone already: told all the same.
    await new Promise<void>((resolve) => watchExit(child.pid, resolve))
    expect(catchError(() => pidfdOpen(child.pid))).toMatchObject({ errnoName: "ESRCH" })
  })

  test("this boot has a name", () => {
    expect(bootId()).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/)
  })

  test("a lock is one process's", () => {
    const [one, other] = [open(import.meta.path, O_RDONLY), open(import.meta.path, O_RDONLY)]
    expect(tryLock(one)).toBe(true)
    expect(tryLock(other)).toBe(false)
    close(one)
    expect(tryLock(other)).toBe(true)
    close(other)
  })
})

describe("becoming another program", () => {
  /** Runs `execProgram(argv, env)` in a Bun of its own and returns what became of it. */
  function become(argv: string[], env: Record<string, string> = { PATH: "/usr/bin:/bin" }) {
    const script = `
      import { execProgram } from ${JSON.stringify(join(import.meta.dir, "process.ts"))}
      try { execProgram(${JSON.stringify(argv)}, ${JSON.stringify(env)}) }
      catch (error) { process.stderr.write(error.message); process.exit(error.exitStatus) }`
    const done = Bun.spawnSync([process.execPath, "-e", script])
    return { status: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() }
  }

  test("with its arguments, environment and exit status", () => {
    expect(
      become(["sh", "-c", 'echo "$0 $1 $WORD"; exit 7', "zero", "one two"], { WORD: "w=1", PATH: "/bin" }),
    ).toEqual({
      status: 7,
      stdout: "zero one two w=1\n",
      stderr: "",
    })
  })

  test("signals that Bun ignores are not ignored any more, and only 0, 1 and 2 are open", () => {
    const { stdout } = become([
      "sh",
      "-c",
      "grep SigIgn /proc/self/status; grep SigBlk /proc/self/status; ls /proc/$$/fd",
    ])
    const lines = stdout.trim().split("\n")
    // Of what whoever started the tests ignores nothing is said: that is the caller's business.
    const ignored = BigInt(`0x${lines[0]?.split("\t")[1]}`)
    const bit = (signal: number) => 1n << BigInt(signal - 1)
    expect(ignored & (bit(SIGPIPE) | bit(SIGXFSZ))).toBe(0n)
    expect(lines[1]).toMatch(/^SigBlk:\s+0+$/)
    expect(lines.slice(2)).toEqual(["0", "1", "2"])
  })

  test("not found is 127, not executable 126, as in a shell", () => {
    expect(become(["no-such-program-anywhere"])).toMatchObject({
      status: 127,
      stderr: "no-such-program-anywhere: command not found",
    })
    expect(become(["/nowhere/program"])).toMatchObject({ status: 127, stderr: expect.stringContaining("no such file") })
    expect(become(["/etc"])).toMatchObject({ status: 126 })
    expect(become(["/etc/passwd"])).toMatchObject({ status: 126, stderr: "/etc/passwd: permission denied" })
    expect(become([""])).toMatchObject({ status: 127 })
  })
})

function catchError(body: () => unknown): unknown {
  try {
    body()
  } catch (error) {
    return error
  }
  throw new Error("nothing was thrown")
}
