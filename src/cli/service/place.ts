/**
 * Puts files in their places and takes them away again. What is there already and is not known to be ours is never touched:
 * ours is what has the content that was written there, or what it would be given anyway.
 */
import { createHash } from "node:crypto"
import { chmodSync, lstatSync, mkdirSync, readFileSync, rmdirSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { writeFileAtomic } from "../../agent/files.ts"
import { OvlError } from "../../base/errors.ts"
import { EGRESS_BRIDGE_NAME } from "../../model/dataplane.ts"
import type { Manifest } from "./manifest.ts"

export interface Wanted {
  path: string
  content: Uint8Array
  mode: number
  /** Somebody's own from the moment it is there: only written where there is none. */
  once?: boolean
  /** A program: one that is an ovl itself, of whatever version, may be replaced. */
  program?: boolean
}

export type PutAction = "added" | "replaced" | "unchanged" | "kept"
export type TakeAction = "removed" | "gone" | "kept"

export interface Placed<Action> {
  path: string
  action: Action
  /** Why it was kept. */
  why: string | null
}

/** What would become of each file. `known` is what was installed before. */
export function planFiles(
  root: string,
  files: readonly Wanted[],
  { known, force }: { known: Manifest | null; force: boolean },
): Placed<PutAction>[] {
  const hashes = hashesOf(known)
  return files.map((file) => {
    const { path, content, once, program } = file
    const present = read(join(root, path))
    if (present === "nothing") return { path, action: "added", why: null }
    if (present !== "special" && present.equals(content)) return { path, action: "unchanged", why: null }
    if (once) return { path, action: "kept", why: "it is yours" }
    const ours = present !== "special" && (sha256(present) === hashes.get(path) || (program && isOvl(present)))
    if (ours || force) return { path, action: "replaced", why: null }
    const why = present === "special" ? "it is no regular file" : "it was changed, or written by somebody else"
    return { path, action: "kept", why }
  })
}

/** Does what was planned for one file; returns the directories that had to be made, outermost first. */
export function putFile(root: string, { path, content, mode }: Wanted, action: PutAction): string[] {
  if (action === "kept") return []
  const place = join(root, path)
  return writing(place, () => {
    const made = action === "unchanged" ? [] : makeDirectories(root, dirname(path))
    if (action !== "unchanged") writeFileAtomic(place, content, mode)
    // The mode that a file is made with is cut by the umask.
    chmodSync(place, mode)
    return made
  })
}

const WHY: Record<string, string> = {
  EACCES: "permission denied",
  EPERM: "not permitted",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  ENOTDIR: "something that is no directory is in the way",
}

/** Errors of the file system in words: `file_unwritable`. */
export function writing<T>(place: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException
    if (!code.startsWith("E")) throw error
    throw new OvlError("file_unwritable", `cannot write ${place}: ${WHY[code] ?? message}`, {
      kind: code === "EACCES" || code === "EPERM" ? "forbidden" : "failed",
      hint: "what was written so far is recorded: `ovl uninstall` takes it back",
      cause: error,
    })
  }
}

/** The record of them, with what an earlier record had besides. */
export function recordOf(
  files: readonly Wanted[],
  plan: readonly Placed<PutAction>[],
  known: Manifest | null,
): Manifest["files"] {
  const hashes = hashesOf(known)
  for (const [index, { path, content, once }] of files.entries()) {
    const { action } = plan[index]!
    const found = action === "unchanged" && once && !hashes.has(path)
    if (action !== "kept" && !found) hashes.set(path, sha256(content))
  }
  return [...hashes].map(([path, hash]) => ({ path, sha256: hash }))
}

/** What would become of what was installed. */
export function planRemoval(root: string, { files }: Manifest): Placed<TakeAction>[] {
  return files.map(({ path, sha256: hash }) => {
    const present = read(join(root, path))
    if (present === "nothing") return { path, action: "gone", why: null }
    if (present !== "special" && sha256(present) === hash) return { path, action: "removed", why: null }
    return { path, action: "kept", why: "it was changed since it was installed" }
  })
}

export function takeFiles(root: string, plan: readonly Placed<TakeAction>[]): void {
  for (const { path, action } of plan)
    if (action === "removed") writing(join(root, path), () => rmSync(join(root, path), { force: true }))
}

/** Those that are empty now, the innermost first. */
export function removeDirectories(root: string, directories: readonly string[]): void {
  for (const path of directories.toReversed()) {
    try {
      rmdirSync(join(root, path))
    } catch {
      // Gone already, or in use by somebody else by now.
    }
  }
}

function makeDirectories(root: string, path: string): string[] {
  const missing: string[] = []
  for (let at = path; at !== "/" && read(join(root, at)) === "nothing"; at = dirname(at)) missing.unshift(at)
  for (const directory of missing) mkdirSync(join(root, directory), { recursive: true, mode: 0o755 })
  return missing
}

/** `special`: a directory, a device, or a link, such as the one to /dev/null by which units are masked. */
function read(place: string): Buffer | "nothing" | "special" {
  try {
    return lstatSync(place).isFile() ? readFileSync(place) : "special"
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return "nothing"
    throw error
  }
}

/** The name of the egress bridge is in each of ovl's executables, and hardly in another one. */
function isOvl(program: Buffer): boolean {
  return program.includes(EGRESS_BRIDGE_NAME)
}

function hashesOf(manifest: Manifest | null): Map<string, string> {
  return new Map((manifest?.files ?? []).map(({ path, sha256: hash }) => [path, hash]))
}

function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex")
}
