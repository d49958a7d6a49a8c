/**
 * Into a workload: its network, a host name and mounts of its own, and then another program in this one's place - the
 * pid, the terminal and the exit status stay the caller's. Separation for the network's sake; it is no sandbox.
 */
import { constants, existsSync, lstatSync, realpathSync } from "node:fs"
import { constants as system } from "node:os"
import { OvlError } from "../../base/errors.ts"
import { close, ioctl, mount, O_PATH, O_RDONLY, open, sethostname } from "../../linux/libc.ts"
import { bindMount, mountTmpfs, unmount } from "../../linux/mounts.ts"
import { enterNetwork, enterProcess, execProgram, newNamespaces } from "../../linux/process.ts"
import { selfCommand } from "../../linux/self.ts"
import type { EnterSpec } from "../../model/workload.ts"

/** What `ovl __enter` is to do; it comes in the environment variable TASK_VARIABLE. */
export interface EnterTask {
  enter: EnterSpec
  command: string[]
  cwd: string
}

/** Not to be closed by `execve` (include/uapi/asm-generic/ioctls.h). */
const FIONCLEX = 0x5450
const TASK_VARIABLE = "OVL_ENTER_TASK"
/** Of the caller's environment, what a command inside may see; the rest is the host's business. */
const PASSED_ON = ["PATH", "HOME", "TERM", "LANG", "LC_ALL", "USER", "SHELL"]

/** How to start a program that enters and becomes the command. */
export function enterCommand(task: EnterTask): { argv: string[]; env: Record<string, string> } {
  return { argv: selfCommand(["__enter"]), env: { ...ownEnvironment(), [TASK_VARIABLE]: JSON.stringify(task) } }
}

/** `ovl __enter`. Throws where it cannot; otherwise nothing after it runs. */
export function runEnterTask(): never {
  const text = process.env[TASK_VARIABLE]
  if (!text) throw new OvlError("task_missing", `__enter: ${TASK_VARIABLE} is not set`, { kind: "usage" })
  const task = JSON.parse(text) as EnterTask
  return become(task)
}

export interface ForegroundOptions {
  interactive: boolean
  tty: boolean
  /** Told the pid of the command, as soon as there is one. */
  started: (pid: number) => Promise<void>
}

/** Runs the command as a child of this program, on its terminal; resolves to the exit status, 128 + n for signal n. */
export async function runForeground(enter: EnterSpec, command: string[], options: ForegroundOptions): Promise<number> {
  const { argv, env } = enterCommand({ enter, command, cwd: process.cwd() })
  const child = Bun.spawn(argv, {
    env,
    stdin: options.interactive ? "inherit" : "ignore",
    stdout: "inherit",
    stderr: "inherit",
  })
  const forward = (signal: NodeJS.Signals) => child.kill(signal)
  // A terminal tells the whole foreground group of ^C and ^\ itself: once is enough.
  const own: NodeJS.Signals[] = ["SIGINT", "SIGQUIT"]
  const passed: NodeJS.Signals[] = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"]
  const ignore = () => {}
  for (const signal of own) process.on(signal, process.stdin.isTTY ? ignore : forward)
  for (const signal of passed) process.on(signal, forward)
  await options.started(child.pid)
  await child.exited
  return exitStatusOf(child)
}

/** The exit status as a shell tells it. */
export function exitStatusOf(child: Pick<Bun.Subprocess, "exitCode" | "signalCode">): number {
  if (child.signalCode === null) return child.exitCode ?? 255
  const signal = child.signalCode
  return 128 + (typeof signal === "number" ? signal : (system.signals[signal] ?? 0))
}

/** Becomes the command inside, in this program's place. Throws ExecError (status 126 or 127) where it cannot start. */
export function execIn(enter: EnterSpec, command: string[], options: { interactive: boolean; tty: boolean }): never {
  if (!options.interactive) stdinFromNull()
  return become({ enter, command, cwd: process.cwd() })
}

function become({ enter, command, cwd }: EnterTask): never {
  const [program, ...args] = command
  if (program === undefined) throw new OvlError("command_missing", "no command to run", { kind: "usage" })
  enterWorkload(enter)
  try {
    process.chdir(cwd)
  } catch {
    // The caller's directory is not there inside.
    process.chdir("/")
  }
  return execProgram([program, ...args], insideEnvironment(enter))
}

/** Puts this program into the workload: for good, so only ever just before it becomes another one. */
function enterWorkload(enter: EnterSpec): void {
  if (enter.pid !== null) return enterProcess(enter.pid, ["net", "mount", "uts"])
  newNamespaces(["mount", "uts"])
  sethostname(enter.hostname)
  bindOver(enter.hosts, "/etc/hosts")
  bindOver(enter.hostnameFile, "/etc/hostname")
  bindOver(enter.resolvConf, "/etc/resolv.conf")
  // The namespace's file is among what is hidden next; and who is seen in the workload's network has all of the above.
  enterNetwork(enter.netns)
  mount("sysfs", "/sys", "sysfs", 0)
  for (const directory of enter.hide) hide(directory)
}

/**
 * A symbolic link is followed to the file that is read. One that leads nowhere, as systemd-resolved's does where /run is
 * another one, is covered itself. Where the host has no such file there is nothing to cover.
 */
function bindOver(source: string, target: string): void {
  if (existsSync(target)) return bindMount(source, realpathSync(target))
  if (!lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink()) return
  const link = open(target, O_PATH | constants.O_NOFOLLOW)
  try {
    bindMount(source, `/proc/self/fd/${link}`)
  } finally {
    close(link)
  }
}

function hide(directory: string): void {
  if (!existsSync(directory)) return
  // This namespace's copies of what is mounted there would keep it alive when the host lets go of it.
  while (unmount(directory, { detach: true })) {}
  mountTmpfs(directory, { sizeBytes: 65_536, mode: 0o555 })
}

/** The lowest free descriptor is the one that an open gets; the command is to find it open. */
function stdinFromNull(): void {
  close(0)
  ioctl(open("/dev/null", O_RDONLY), FIONCLEX, 0, "FIONCLEX")
}

function insideEnvironment(enter: EnterSpec): Record<string, string> {
  const env: Record<string, string> = { ...ownEnvironment(), HOSTNAME: enter.hostname }
  for (const pair of enter.env) {
    const at = pair.indexOf("=")
    if (at > 0) env[pair.slice(0, at)] = pair.slice(at + 1)
  }
  return env
}

function ownEnvironment(): Record<string, string> {
  const env: Record<string, string> = {}
  for (const name of PASSED_ON) {
    const value = process.env[name]
    if (value !== undefined) env[name] = value
  }
  return env
}
