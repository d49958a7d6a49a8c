/** A made-up outer world for the command line's tests: what is written is kept, and the client answers from a script. */
import { basename, dirname } from "node:path"
import type { Client } from "../client/client.ts"
import type { KvClient } from "../client/kv.ts"
import type { LabView } from "../lab/state.ts"
import type { World } from "./context.ts"
import type { Io } from "./io.ts"
import { runCommandLine } from "./run.ts"

export interface Outcome {
  status: number
  stdout: string
  stderr: string
}

/** What was written, byte for byte, one character a byte. */
export async function ovlBytes(words: readonly string[], fake: FakeWorld = {}): Promise<string> {
  let written = ""
  await runCommandLine(words, made(fake, { stdout: (chunk) => (written += Buffer.from(chunk).toString("latin1")) }))
  return written
}

export interface FakeWorld {
  /** The client's methods that the test needs; any other one fails the test. */
  client?: Partial<Record<keyof Client, (...args: never[]) => unknown>>
  /** The same of its key-value store. */
  kv?: Partial<Record<keyof KvClient, (...args: never[]) => unknown>>
  /** Is told of each program that is run, and gives its exit status. */
  runProgram?: (words: readonly string[], stdin: string, env: Record<string, string>) => number
  env?: Record<string, string>
  terminal?: boolean
  columns?: number
  root?: boolean
  /** Labs that are up on this machine, or why they cannot be listed. */
  labs?: readonly LabView[] | Error
  stdin?: string | Uint8Array
  files?: Record<string, string | Uint8Array>
  /** Takes no time where it is left out. */
  sleep?: (ms: number) => Promise<void>
}

/** Runs the words after `ovl`. A configuration file of the machine is never read. */
export async function ovl(words: readonly string[], fake: FakeWorld = {}): Promise<Outcome> {
  const outcome = { status: 0, stdout: "", stderr: "" }
  const decoder = new TextDecoder()
  const world = made(fake, {
    stdout: (chunk) => {
      outcome.stdout += typeof chunk === "string" ? chunk : decoder.decode(chunk)
    },
    stderr: (text) => {
      outcome.stderr += text
    },
  })
  outcome.status = await runCommandLine(words, world)
  return outcome
}

function made(fake: FakeWorld, streams: Partial<Io>): World {
  return {
    io: {
      env: { OVL_CONFIG: "/dev/null", ...fake.env },
      stdout: () => {},
      stderr: () => {},
      stdoutIsTerminal: fake.terminal ?? false,
      stderrIsTerminal: fake.terminal ?? false,
      stdinIsTerminal: fake.terminal ?? false,
      stdoutColumns: fake.columns ?? 80,
      readStdin: (maxBytes) => Buffer.from(fake.stdin ?? "").subarray(0, maxBytes),
      readFile: (path, maxBytes) => {
        const content = fake.files?.[path]
        if (content === undefined) throw Object.assign(new Error("no such file"), { code: "ENOENT" })
        return Buffer.from(content).subarray(0, maxBytes)
      },
      listDirectory: (path) =>
        Object.keys(fake.files ?? {}).flatMap((file) => (dirname(file) === path ? [basename(file)] : [])),
      runProgram: async (words, stdin, env) => fake.runProgram?.(words, Buffer.from(stdin).toString(), env) ?? 0,
      programName: () => "ovl",
      cwd: () => "/home/user",
      isRoot: fake.root ?? false,
      ...streams,
    },
    now: () => Date.parse("2026-03-01T12:00:00Z"),
    sleep: fake.sleep ?? (() => Promise.resolve()),
    labs: async () => {
      if (fake.labs instanceof Error) throw fake.labs
      return fake.labs ?? []
    },
    openClient: async () => scripted({ ...fake.client, kv: scripted(fake.kv ?? {}) }) as unknown as Client,
  }
}

function scripted(methods: object): object {
  return new Proxy(methods, {
    get: (target, name) => {
      if (name === "then") return undefined
      const method = target[name as keyof typeof target]
      if (!method) throw new Error(`the daemon was asked for ${String(name)}, which the test did not expect`)
      return method
    },
  })
}

/** The calls of ovl in a shell line, good enough for the examples: `$(...)` and quotes count as one word. */
export function callsOf(text: string): string[][] {
  const one = text.replace(/"?\$\([^)]*\)+"?/g, (inside) =>
    inside.includes("$(ovl network inspect red") ? inside : "X",
  )
  const inner = [...text.matchAll(/\$\((?:ssh \S+ )?(ovl [^)|]*)/g)].map((match) => match[1]!)
  const calls = [...one.split(/\n|&&|;|\|/), ...inner].map((part) => part.replace(/^.*?\bovl /, "ovl ").trim())
  return calls
    .filter((call) => call.startsWith("ovl "))
    .map((call) =>
      call
        .replace(/\s*\d?>.*/, "")
        .split(/\s+/)
        .slice(1),
    )
}
