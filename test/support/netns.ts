/**
 * For tests on the real kernel: throw-away namespaces that are always cleaned up, and programs run inside them.
 * Nothing is made in the machine's own network namespace. Without root such tests are skipped, and say so.
 */
import { afterAll, describe } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { close } from "../../src/linux/libc.ts"
import { createPinnedNamespace, deleteNamespace, openNamespace, withNamespace } from "../../src/linux/namespaces.ts"
import { NetlinkSocket } from "../../src/netlink/socket.ts"

export const isRoot = process.getuid?.() === 0

/** As `describe`, for what needs root: skipped, loudly, without it. */
export function describeAsRoot(name: string, body: () => void): void {
  if (isRoot) return describe(name, body)
  process.stderr.write(`SKIPPED, needs root: ${name}\n`)
  describe.skip(name, body)
}

export interface RunOptions {
  /** Path of the namespace to run in. */
  namespace?: string
  input?: string
}

/**
 * Runs a program and returns what it wrote to stdout; a string is split at spaces, without any quoting. Throws, with
 * its stderr, where the exit status is not 0.
 */
export function run(command: string | string[], options: RunOptions = {}): string {
  const argv = typeof command === "string" ? command.split(" ").filter((word) => word !== "") : command
  const spawn = () =>
    Bun.spawnSync(argv, {
      stdin: options.input === undefined ? "ignore" : Buffer.from(options.input),
      env: process.env,
    })
  const done = options.namespace === undefined ? spawn() : withNamespace(options.namespace, spawn)
  if (done.exitCode !== 0) throw new Error(`${argv.join(" ")}: exit ${done.exitCode}: ${done.stderr.toString().trim()}`)
  return done.stdout.toString()
}

/** Runs code inside a namespace; it must not await. */
export function inNamespace<T>(path: string, body: () => T): T {
  return withNamespace(path, body)
}

export interface TestNamespace {
  /** The file it is pinned to. */
  readonly path: string
  /** An open descriptor, closed at clean-up. */
  readonly fd: number
  /** A netlink socket bound to it, closed at clean-up. */
  readonly socket: NetlinkSocket
  /** Runs a program inside. */
  run(command: string | string[], options?: Omit<RunOptions, "namespace">): string
  /** Runs a program with JSON output inside, such as `ip -j link`. */
  json<T = unknown>(command: string | string[]): T
}

export interface Sandbox {
  /** A private directory, removed at clean-up. */
  readonly directory: string
  /** Makes a namespace; its label shows in its path. */
  namespace(label: string): TestNamespace
  /** Called at clean-up, before the namespaces go; in reverse order. */
  onCleanup(undo: () => void): void
  /** Removes everything, and may be used again; happens by itself after the group of tests. */
  cleanup(): void
}

/** Makes a sandbox for the tests of a `describe` block or a file. Called outside of tests it wants `bun test`. */
export function sandbox(): Sandbox {
  const box = looseSandbox()
  afterAll(() => box.cleanup())
  return box
}

/**
 * What the guardian of a sandbox runs: it waits for the end of its standard input, which is the end of this process,
 * then takes away what is mounted below the directory, and the directory unless something could not be unmounted.
 */
const GUARDIAN = `
trap "" INT TERM HUP
read -r _
mounted() { awk -v d="$1/" 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo; }
mounted "$1" | sort -r | while read -r target; do umount -l "$target"; done
[ -n "$(mounted "$1")" ] || rm -rf --one-file-system "$1"`

/**
 * Sees to a directory after this process is gone, however it went: `bun test` fires no `exit` event and calls no
 * `afterAll` of a module that an earlier file has loaded, and a killed process can do nothing at all.
 */
function startGuardian(directory: string): () => void {
  const guardian = Bun.spawn(["sh", "-c", GUARDIAN, "sh", directory], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
    cwd: "/",
    // In a session of its own: a signal to the process group must not reach it.
    detached: true,
  })
  guardian.unref()
  return () => void guardian.stdin.end()
}

/**
 * A sandbox without a group of tests. Call `cleanup`; what is forgotten goes at the end of the process, without the
 * steps given to `onCleanup` if that end is a signal or `bun test`.
 */
export function looseSandbox(): Sandbox {
  const undo: (() => void)[] = []
  let [directory, made] = ["", 0]
  let dismissGuardian = () => {}
  const ensureDirectory = () => {
    if (directory === "") {
      directory = mkdtempSync(join(tmpdir(), `ovl-test-${process.pid}-`))
      dismissGuardian = startGuardian(directory)
      process.on("exit", cleanup)
    }
    return directory
  }
  const cleanup = () => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
      try {
        step()
      } catch (error) {
        process.stderr.write(`sandbox: cleaning up: ${String(error)}\n`)
      }
    }
    if (directory !== "") rmSync(directory, { recursive: true, force: true })
    directory = ""
    process.off("exit", cleanup)
    dismissGuardian()
  }
  const box: Sandbox = {
    // Made when it is first wanted: the body of a skipped group of tests runs too, and has no afterAll.
    get directory() {
      return ensureDirectory()
    },
    cleanup,
    onCleanup: (step) => {
      ensureDirectory()
      undo.push(step)
    },
    namespace: (label) => {
      const path = join(ensureDirectory(), `${label}-${++made}`)
      createPinnedNamespace(path)
      undo.push(() => deleteNamespace(path))
      const fd = openNamespace(path)
      undo.push(() => close(fd))
      const socket = NetlinkSocket.open({ namespace: path })
      undo.push(() => socket.close())
      const runInside = (command: string | string[], options = {}) => run(command, { ...options, namespace: path })
      return {
        path,
        fd,
        socket,
        run: runInside,
        json: <T>(command: string | string[]) => JSON.parse(runInside(command)) as T,
      }
    },
  }
  return box
}
