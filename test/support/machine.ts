/**
 * A throw-away machine for tests of the whole program: network, mount, pid and host-name namespaces of its own, with an
 * own /run. It has no name that anybody could meet, and when its first process ends, everything in it ends: that
 * process lives for as long as a pipe from this one stands, so that not even a killed test leaves anything behind.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"

/** How a program ended, and what it said. */
export interface Done {
  status: number
  stdout: string
  stderr: string
}

export interface CommandOptions {
  input?: string
  env?: Record<string, string>
  /** The command is killed after so long. */
  timeoutMs?: number
}

/** Words, or a text that is split at blanks without any quoting. */
export type Words = string | readonly string[]

const COMMAND_TIMEOUT_MS = 20_000
/**
 * What is mounted below /run comes along from the real machine, and goes when that removes what it stands on: a lab or a
 * namespace there that ends meanwhile is none of this machine's changes.
 */
export const FORGET_RUN =
  "{ cut -d' ' -f5 /proc/self/mountinfo | grep '^/run/' | tac | xargs -r umount -n -l 2>/dev/null || true; }"
const FIRST_PROCESS = `set -e
hostname "$0"
${FORGET_RUN}
umount -a -t nsfs 2>/dev/null || true
mount -t tmpfs -o mode=0755 run /run
mkdir -p /run/netns
if [ -d /etc/ovl ]; then mount -t tmpfs config /etc/ovl; fi
sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
ip link set lo up
echo ready
read -r _`

export function words(command: Words): string[] {
  return typeof command === "string" ? command.split(" ").filter((word) => word !== "") : [...command]
}

/** A program that goes on while the test does other things. */
export class Background {
  readonly ended: Promise<Done>
  #out = ""
  #err = ""
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">

  constructor(argv: string[], env: Record<string, string>) {
    this.#child = Bun.spawn(argv, { env, stdin: "pipe", stdout: "pipe", stderr: "pipe" })
    const pumps = [
      pump(this.#child.stdout, (text) => {
        this.#out += text
      }),
      pump(this.#child.stderr, (text) => {
        this.#err += text
      }),
    ]
    this.ended = this.#child.exited.then(async () => {
      // What it left running may hold the pipes open.
      await Promise.race([Promise.all(pumps), Bun.sleep(300)])
      return { status: exitStatus(this.#child), stdout: this.#out, stderr: this.#err }
    })
  }

  get stdout(): string {
    return this.#out
  }

  get stderr(): string {
    return this.#err
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** The pid, as this process sees it, of the program itself (`nsenter` is its parent), or null when it has ended. */
  get pid(): number | null {
    const own = this.#child.pid
    const [first = ""] = readIfThere(`/proc/${own}/task/${own}/children`).trim().split(" ")
    return first === "" ? null : Number(first)
  }

  /** The pid of the program as its machine sees it. */
  get innerPid(): number {
    const seen = /^NSpid:\s+(.*)$/m.exec(readIfThere(`/proc/${this.pid}/status`))?.[1] ?? ""
    return Number(seen.split(/\s+/).at(-1))
  }

  write(text: string): void {
    this.#child.stdin.write(text)
    void this.#child.stdin.flush()
  }

  closeInput(): void {
    void this.#child.stdin.end()
  }

  /** Nothing happens when it has ended. */
  signal(name: NodeJS.Signals): void {
    const { pid } = this
    // Pid 0 would be this test itself, and all that belongs to it.
    if (pid !== null && pid > 1) process.kill(pid, name)
    // `nsenter` stops with its child, and must go on with it.
    if (name === "SIGCONT") process.kill(this.#child.pid, name)
  }

  /** Resolves when the output holds the text; throws with all of it when the program ends before, or it takes too long. */
  async says(text: string | RegExp, timeoutMs = 10_000): Promise<void> {
    await until(
      () => {
        if (typeof text === "string" ? this.#out.includes(text) : text.test(this.#out)) return true
        if (!this.running) throw new Error(`ended without saying ${text}: ${this.#out} ${this.#err}`)
        return false
      },
      () => `says ${text}; it said: ${this.#out} ${this.#err}`,
      timeoutMs,
    )
  }
}

async function pump(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }))
}

/** As a shell tells it. */
function exitStatus(child: Pick<Bun.Subprocess, "exitCode" | "signalCode">): number {
  if (child.signalCode === null) return child.exitCode ?? 255
  return 128 + (typeof child.signalCode === "number" ? child.signalCode : constants.signals[child.signalCode])
}

/** Waits for something that becomes true soon; throws with what was waited for when it does not. */
export async function until(holds: () => boolean, what: string | (() => string), timeoutMs = 10_000): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!holds()) {
    if (performance.now() > end) throw new Error(`did not come true: ${typeof what === "string" ? what : what()}`)
    await Bun.sleep(10)
  }
}

export class Machine {
  readonly name: string
  /** Of its first process, as this process sees it. */
  readonly pid: number
  readonly #holder: Bun.Subprocess<"pipe", "pipe", "inherit">
  /** What every command on it finds in its environment. */
  readonly env: Record<string, string> = {
    PATH: process.env.PATH ?? "",
    HOME: "/root",
    LANG: "C.UTF-8",
    TERM: "xterm",
  }

  private constructor(name: string, holder: Bun.Subprocess<"pipe", "pipe", "inherit">) {
    this.name = name
    this.#holder = holder
    this.pid = Number(readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, "utf8").trim())
  }

  static async start(name: string): Promise<Machine> {
    const unshare = "unshare --fork --kill-child --pid --mount-proc --net --uts --mount --propagation private"
    const holder = Bun.spawn([...words(unshare), "bash", "-c", FIRST_PROCESS, name], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    })
    const first = await holder.stdout.getReader().read()
    if (first.done) throw new Error(`machine ${name} did not start`)
    const machine = new Machine(name, holder)
    process.on("exit", machine.#kill)
    return machine
  }

  readonly #kill = () => {
    this.#holder.kill("SIGKILL")
  }

  /** Ends everything on it. */
  async close(): Promise<void> {
    process.off("exit", this.#kill)
    this.#kill()
    await this.#holder.exited
    await until(() => !isAlive(this.pid), `machine ${this.name} ends`)
  }

  /** The place of a file of this machine, for a look from outside. */
  file(path: string): string {
    return `/proc/${this.pid}/root${path}`
  }

  read(path: string): string {
    return readFileSync(this.file(path), "utf8")
  }

  /** Runs a program to its end, whatever that is. */
  try(command: Words, options: CommandOptions = {}): Done {
    // A watchdog on the machine itself: ending `nsenter` would leave the program running.
    const watchdog = `timeout --foreground -s KILL ${(options.timeoutMs ?? COMMAND_TIMEOUT_MS) / 1000}`
    const started = performance.now()
    const child = Bun.spawnSync(this.#enter([...words(watchdog), ...words(command)]), {
      env: { ...this.env, ...options.env },
      stdin: options.input === undefined ? "ignore" : Buffer.from(options.input),
    })
    if (performance.now() - started >= (options.timeoutMs ?? COMMAND_TIMEOUT_MS))
      throw new Error(`${this.name}: ${words(command).join(" ")}: took too long`)
    return {
      status: exitStatus({
        exitCode: child.exitCode,
        signalCode: (child.signalCode as NodeJS.Signals | undefined) ?? null,
      }),
      stdout: child.stdout.toString(),
      stderr: child.stderr.toString(),
    }
  }

  /** What it wrote to stdout; throws where the exit status is not 0. */
  run(command: Words, options: CommandOptions = {}): string {
    const done = this.try(command, options)
    if (done.status === 0) return done.stdout
    const said = `${done.stderr.trim()} ${done.stdout.trim()}`
    throw new Error(`${this.name}: ${words(command).join(" ")}: status ${done.status}: ${said}`)
  }

  sh(script: string, options: CommandOptions = {}): string {
    return this.run(["bash", "-c", script], options)
  }

  json<T>(command: Words): T {
    return JSON.parse(this.run(command)) as T
  }

  start(command: Words, options: Pick<CommandOptions, "env"> = {}): Background {
    return new Background(this.#enter(command), { ...this.env, ...options.env })
  }

  #enter(command: Words): string[] {
    return ["nsenter", "-t", String(this.pid), "-m", "-n", "-u", "-p", "--", ...words(command)]
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** Ended and not yet waited for by its parent counts as ended. */
function isAlive(pid: number): boolean {
  return /^State:\s+[^ZX]/m.test(readIfThere(`/proc/${pid}/status`))
}

/** A private directory that is gone when the process ends, at the latest. */
export function scratchDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "ovl-e2e-"))
  const remove = () => {
    process.off("exit", remove)
    rmSync(path, { recursive: true, force: true })
  }
  process.on("exit", remove)
  return { path, remove }
}

// A signal ends a process without its `exit` handlers; then the pipes do it. The scratch directories want this.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1))
