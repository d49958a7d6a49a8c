/** A made-up outer world for the command line's tests: what is written is kept, and the client answers from a script. */
import type { Client } from "../client/client.ts"
import type { World } from "./context.ts"
import { runCommandLine } from "./run.ts"

export interface Outcome {
  status: number
  stdout: string
  stderr: string
}

export interface FakeWorld {
  /** The client's methods that the test needs; any other one fails the test. */
  client?: Partial<Record<keyof Client, (...args: never[]) => unknown>>
  env?: Record<string, string>
  terminal?: boolean
  root?: boolean
  stdin?: string
  files?: Record<string, string>
}

/** Runs the words after `ovl`. A configuration file of the machine is never read. */
export async function ovl(words: readonly string[], fake: FakeWorld = {}): Promise<Outcome> {
  const outcome = { status: 0, stdout: "", stderr: "" }
  const decoder = new TextDecoder()
  const world: World = {
    io: {
      env: { OVL_CONFIG: "/dev/null", ...fake.env },
      stdout: (chunk) => {
        outcome.stdout += typeof chunk === "string" ? chunk : decoder.decode(chunk)
      },
      stderr: (text) => {
        outcome.stderr += text
      },
      stdoutIsTerminal: fake.terminal ?? false,
      stderrIsTerminal: fake.terminal ?? false,
      stdinIsTerminal: fake.terminal ?? false,
      readStdin: () => fake.stdin ?? "",
      readFile: (path) => {
        const text = fake.files?.[path]
        if (text === undefined) throw Object.assign(new Error("no such file"), { code: "ENOENT" })
        return text
      },
      cwd: () => "/home/user",
      isRoot: fake.root ?? false,
    },
    now: () => Date.parse("2026-03-01T12:00:00Z"),
    openClient: async () => scripted(fake.client ?? {}),
  }
  outcome.status = await runCommandLine(words, world)
  return outcome
}

function scripted(methods: NonNullable<FakeWorld["client"]>): Client {
  const client = new Proxy(methods, {
    get: (target, name) => {
      if (name === "then") return undefined
      const method = target[name as keyof Client]
      if (!method) throw new Error(`the daemon was asked for ${String(name)}, which the test did not expect`)
      return method
    },
  })
  return client as unknown as Client
}
