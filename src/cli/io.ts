/**
 * The caller's side of the program: its streams, environment and rights. The real ones are here; tests have their own.
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs"

export interface Io {
  env: Record<string, string | undefined>
  /** Throws `BrokenPipe` when the reader has gone. */
  stdout(chunk: string | Uint8Array): void
  stderr(text: string): void
  stdoutIsTerminal: boolean
  stderrIsTerminal: boolean
  stdinIsTerminal: boolean
  /** Everything that standard input holds, up to `maxBytes`. */
  readStdin(maxBytes: number): string
  readFile(path: string, maxBytes: number): string
  cwd(): string
  isRoot: boolean
}

/** Who read our output has stopped reading, as `head` does: no error, just the end. */
export class BrokenPipe extends Error {}

export const realIo: Io = {
  env: process.env,
  stdout: (chunk) => writeAll(1, chunk),
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
  readStdin: (maxBytes) => readAll(0, maxBytes),
  readFile: (path, maxBytes) => {
    const file = openSync(path, "r")
    try {
      return readAll(file, maxBytes)
    } finally {
      closeSync(file)
    }
  },
  cwd: () => process.cwd(),
  isRoot: process.geteuid?.() === 0,
}

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

const FULL_PIPE_PAUSE_MS = 5

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
      Bun.sleepSync(FULL_PIPE_PAUSE_MS)
    }
  }
}

function readAll(fd: number, maxBytes: number): string {
  const buffer = Buffer.alloc(maxBytes)
  let length = 0
  while (length < maxBytes) {
    const count = readSync(fd, buffer, length, maxBytes - length, null)
    if (count === 0) break
    length += count
  }
  return buffer.toString("utf8", 0, length)
}
