/**
 * A machine of its own for the tests of the lab: network, mounts, processes and host name apart from the real one, with
 * an empty /run and /var/lib. So what a lab leaves behind can be counted, and nothing of it can reach the real machine.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import type { LabVerify } from "../../src/model/lab.ts"
import { FORGET_RUN } from "../support/machine.ts"

const MAIN = resolve(import.meta.dir, "../../src/main.ts")
const SETUP = [
  FORGET_RUN,
  "mount -t tmpfs run /run",
  "mount -t tmpfs lib /var/lib",
  "mkdir -p /run/lock",
  "ip link set lo up",
  "echo ready",
  "exec sleep infinity",
].join(" && ")

/** Everything that a lab could leave behind, one line each. */
const INVENTORY = `
  ip -o link | cut -d: -f2; ip -o addr | tr -s ' ' | cut -d' ' -f2-4; ip route show table all; ip rule; ip neigh
  iptables-save | grep -v '^#' | sed 's/\\[.*//'; cat /proc/sys/net/ipv4/conf/*/forwarding
  cut -d' ' -f4- /proc/self/mountinfo | grep -v /ovl-test-
  find /run /var/lib -xdev
  ps -eo stat,args --no-headers | grep -v '^Z' | grep -vE '(nsenter|ps -eo|grep|sh -c)'
`

export interface Done {
  status: number
  stdout: string
  stderr: string
}

/** Status 0, or its own words. */
export function done({ status, stdout, stderr }: Done): string {
  return status === 0 ? "done" : `status ${status}: ${stdout}${stderr}`
}

export class LabMachine {
  readonly #keeper: Bun.Subprocess<"ignore", "pipe", "inherit">
  readonly #pid: number
  /** Holds an `ovl` for shells, which runs the sources. */
  readonly #bin: string

  private constructor(keeper: Bun.Subprocess<"ignore", "pipe", "inherit">, pid: number) {
    this.#keeper = keeper
    this.#pid = pid
    this.#bin = mkdtempSync(join(tmpdir(), "ovl-test-bin-"))
    const ovl = join(this.#bin, "ovl")
    writeFileSync(ovl, `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`)
    chmodSync(ovl, 0o755)
  }

  static async start(): Promise<LabMachine> {
    const flags = ["--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--mount-proc", "--kill-child"]
    const keeper = Bun.spawn(["unshare", ...flags, "--propagation", "private", "sh", "-c", SETUP], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    })
    const first = await keeper.stdout.getReader().read()
    if (first.done) throw new Error("the test's machine did not start")
    const children = readFileSync(`/proc/${keeper.pid}/task/${keeper.pid}/children`, "utf8")
    return new LabMachine(keeper, Number(children.trim()))
  }

  /** Everything in it ends with its first process. */
  async stop(): Promise<void> {
    this.#keeper.kill("SIGKILL")
    await this.#keeper.exited
    rmSync(this.#bin, { recursive: true })
  }

  /** `ovl ...` from the sources. */
  ovl(...args: string[]): Promise<Done> {
    return this.run([process.execPath, MAIN, ...args])
  }

  /** A command line inside a host of the lab. */
  on(host: string, script: string): Promise<Done> {
    return this.ovl("lab", "exec", host, "--", "sh", "-ec", script)
  }

  /** What `ovl lab verify` of the only lab, or of one by its name, finds wrong. */
  async failures(...options: string[]): Promise<string[]> {
    const { stdout, stderr } = await this.ovl("lab", "verify", ...options, "--json")
    if (stdout === "") return [stderr]
    const { checks } = JSON.parse(stdout) as LabVerify
    return checks.filter((check) => !check.ok).map(({ name, detail }) => `${name}: ${detail}`)
  }

  async run(argv: string[]): Promise<Done> {
    const child = this.spawn(argv)
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    return { status: await child.exited, stdout, stderr }
  }

  spawn(argv: string[]): Bun.Subprocess<"ignore", "pipe", "pipe"> {
    const enter = ["nsenter", "--target", String(this.#pid), "--net", "--mount", "--pid", "--uts", "--ipc"]
    const env = { ...process.env, PATH: `${this.#bin}:${process.env.PATH}` }
    return Bun.spawn([...enter, "--wd=/", ...argv], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" })
  }

  /**
   * Starts `ovl lab up`, kills it after so many milliseconds, and waits until it is gone. It is killed from inside, as
   * `nsenter` would not pass the signal on.
   */
  async cutOffUp(ms: number, signal: string, file = ""): Promise<void> {
    const up = `${process.execPath} ${MAIN} lab up --quiet ${file}`
    await this.run(["sh", "-c", `${up} & sleep ${ms / 1000}; kill -s ${signal} $!; wait $!; true`])
  }

  async inventory(): Promise<string[]> {
    const { stdout } = await this.run(["sh", "-c", INVENTORY])
    return stdout.split("\n").sort()
  }
}
