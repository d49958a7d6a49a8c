/**
 * The caller's side of the program: its streams, environment and rights. The real ones are here; tests have their own.
 */
import { closeSync, fstatSync, openSync, readdirSync, readSync, writeSync } from "node:fs"
import { basename, delimiter, join, relative } from "node:path"
import { OvlError } from "../base/errors.ts"

export interface Io {
  env: Record<string, string | undefined>
  /** Throws `BrokenPipe` when the reader has gone, `output_unwritable` where the file behind it takes no more. */
  stdout(chunk: string | Uint8Array): void
  stderr(text: string): void
  stdoutIsTerminal: boolean
  stderrIsTerminal: boolean
  stdinIsTerminal: boolean
  /** Characters in a line of the terminal that stdout is. */
  stdoutColumns: number
  /** Everything that standard input holds, up to `maxBytes`. */
  readStdin(maxBytes: number): Uint8Array
  readFile(path: string, maxBytes: number): Uint8Array
  /** Names of what is in a directory; none where it cannot be read. */
  listDirectory(path: string): string[]
  /** Runs a program with these bytes as its standard input and resolves to its exit status; 127 where there is none. */
  runProgram(words: readonly string[], stdin: Uint8Array, env: Record<string, string>): Promise<number>
  /** Path by which the caller can start this program; plain `ovl` where its shell finds that. */
  programName(): string
  cwd(): string
  isRoot: boolean
}

/** Who read our output has stopped reading, as `head` does: no error, just the end. */
export class BrokenPipe extends Error {}

export const realIo: Io = {
  env: process.env,
  stdout: (chunk) => {
    try {
      writeAll(1, chunk)
    } catch (error) {
      throw error instanceof BrokenPipe ? error : outputUnwritable(error)
    }
  },
  stderr: (text) => {
    try {
      writeAll(2, text)
    } catch (error) {
      // Nobody is left to be told.
      if (!(error instanceof BrokenPipe)) throw error
    }
  },
  get stdoutIsTerminal() {
    return isTerminal(1)
  },
  get stderrIsTerminal() {
    return isTerminal(2)
  },
  get stdinIsTerminal() {
    return isTerminal(0)
  },
  get stdoutColumns() {
    return process.stdout.columns || COLUMNS_UNKNOWN
  },
  readStdin: (maxBytes) => readAll(0, maxBytes),
  readFile: (path, maxBytes) => {
    const file = openSync(path, "r")
    try {
      return readAll(file, maxBytes)
    } finally {
      closeSync(file)
    }
  },
  listDirectory: (path) => {
    try {
      return readdirSync(path)
    } catch {
      return []
    }
  },
  runProgram,
  programName: () => programName(process.env.PATH ?? ""),
  cwd: () => process.cwd(),
  isRoot: process.geteuid?.() === 0,
}

/** A terminal that does not say how wide it is. */
const COLUMNS_UNKNOWN = 80

/** Major number of /dev/null and its like (Documentation/admin-guide/devices.txt). */
const MEMORY_DEVICES = 1

/** Whether a descriptor is a terminal. Bun's `tty` module takes 3 ms to load, so pipes and files are told apart without. */
function isTerminal(fd: number): boolean {
  try {
    const { mode, rdev } = fstatSync(fd)
    const characterDevice = (mode & 0o170000) === 0o020000
    if (!characterDevice || rdev >> 8 === MEMORY_DEVICES) return false
  } catch {
    return false // Closed.
  }
  return process.getBuiltinModule("node:tty").isatty(fd)
}

/** Between two tries at a non-blocking pipe that is full, or empty. */
const PIPE_PAUSE_MS = 5

/** Writes all of it before it returns, so that nothing is lost when the program ends right after. */
function writeAll(fd: number, chunk: string | Uint8Array): void {
  const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk
  let at = 0
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === "EPIPE") throw new BrokenPipe()
      if (code !== "EAGAIN") throw error
      Bun.sleepSync(PIPE_PAUSE_MS)
    }
  }
}

function outputUnwritable(thrown: unknown): OvlError {
  const { code = "", message } = thrown as NodeJS.ErrnoException
  const why = code === "ENOSPC" || code === "EDQUOT" ? "no space is left there" : code || message
  return new OvlError("output_unwritable", `cannot write to standard output: ${why}`, {
    hint: "only the output is incomplete: what was asked for may have been done",
    cause: thrown,
  })
}

const READ_PIECE_BYTES = 65_536

function readAll(fd: number, maxBytes: number): Uint8Array {
  const pieces: Buffer[] = []
  let length = 0
  while (length < maxBytes) {
    const piece = Buffer.allocUnsafe(Math.min(READ_PIECE_BYTES, maxBytes - length))
    const count = readSome(fd, piece)
    if (count === 0) break
    pieces.push(piece.subarray(0, count))
    length += count
  }
  return Buffer.concat(pieces, length)
}

/** Standard input may be a pipe that somebody else made non-blocking. */
function readSome(fd: number, into: Buffer): number {
  for (;;) {
    try {
      return readSync(fd, into, 0, into.length, null)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error
      Bun.sleepSync(PIPE_PAUSE_MS)
    }
  }
}

/** What shells answer for a program that is not there. */
const PROGRAM_MISSING = 127

async function runProgram(words: readonly string[], stdin: Uint8Array, env: Record<string, string>): Promise<number> {
  try {
    const child = Bun.spawn([...words], {
      stdin,
      stdout: "inherit",
      stderr: "inherit",
      env: { ...process.env, ...env },
    })
    return await child.exited
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return PROGRAM_MISSING
    throw error
  }
}

const NAME = "ovl"

/** From source there is no such program; then its usual name stands for it. */
function programName(path: string): string {
  const self = process.execPath
  if (basename(self) !== NAME) return NAME
  const found = path.split(delimiter).map((dir) => join(dir, NAME))
  if (found.includes(self)) return NAME
  const near = relative(process.cwd(), self)
  return near.startsWith("..") ? self : near.includes("/") ? near : `./${near}`
}
