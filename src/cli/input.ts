/** Bytes that a command takes from a file or from standard input, bounded, and read before any daemon is asked. */
import { basename, dirname, join, parse } from "node:path"
import { OvlError } from "../base/errors.ts"
import type { Io } from "./io.ts"
import { nearest } from "./usage.ts"

/** Errors: `file_not_found`, `file_unreadable`, `input_too_large`. `-` is standard input; `what` names the thing wanted. */
export function readInput(io: Io, source: string, maxBytes: number, what: string): Uint8Array {
  // One byte more shows that there is more.
  const bytes = source === "-" ? io.readStdin(maxBytes + 1) : readFile(io, source, maxBytes + 1, what)
  if (bytes.length <= maxBytes) return bytes
  throw new OvlError("input_too_large", `cannot use ${sourceName(source)} as ${what}: more than ${maxBytes} bytes`, {
    kind: "too_large",
  })
}

export function sourceName(source: string): string {
  return source === "-" ? "standard input" : source
}

function readFile(io: Io, path: string, maxBytes: number, what: string): Uint8Array {
  try {
    return io.readFile(path, maxBytes)
  } catch (thrown) {
    throw fileError(path, what, thrown, meantFile(io, path))
  }
}

/** Another ending, or a slip in what stands before it: both alike do not make a wild guess a good one. */
function meantFile(io: Io, path: string): string | undefined {
  const [directory, stem] = [dirname(path), parse(path).name]
  const near = io.listDirectory(directory).filter((file) => nearest(stem, [parse(file).name]) !== undefined)
  const meant = nearest(basename(path), near)
  return meant && join(directory, meant)
}

/** Errors of the file system, as a person wants to read them. `meant` is a file that is there. */
export function fileError(path: string, what: string, thrown: unknown, meant?: string): OvlError {
  const { code = "", message } = thrown as NodeJS.ErrnoException
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new OvlError("file_not_found", `cannot read ${what} ${path}: there is no such file`, {
      kind: "not_found",
      hint: meant ? `did you mean ${meant}?` : "check the path",
      cause: thrown,
    })
  }
  return new OvlError("file_unreadable", `cannot read ${what} ${path}: ${WHY[code] ?? (code || message)}`, {
    kind: code === "EACCES" || code === "EPERM" ? "forbidden" : "failed",
    hint: "check the path and who may read it",
    cause: thrown,
  })
}

const WHY: Record<string, string> = { EISDIR: "it is a directory", EACCES: "permission denied", EPERM: "not permitted" }
