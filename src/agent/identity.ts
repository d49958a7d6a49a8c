/**
 * Who this node is, kept in its data directory: `node.json`, readable by root alone, for it holds the node's key. A
 * data directory that has one belongs to a cluster, and is resumed; nothing ever starts a new cluster over it.
 */
import { chmodSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"
import { OvlError } from "../base/errors.ts"
import { roleSchema } from "../model/node.ts"
import { writeFileAtomic } from "./files.ts"

const IDENTITY_FILE = "node.json"

const identitySchema = z.object({
  format: z.literal(1),
  nodeId: z.string(),
  name: z.string(),
  role: roleSchema,
  clusterId: z.string(),
  recoveryEpoch: z.int(),
  kvPrefix: z.string(),
  address: z.string(),
  /** `ADDR:PORT` of the servers, as last heard. */
  servers: z.array(z.string()),
  certPem: z.string(),
  keyPem: z.string(),
  caPem: z.string(),
})
export type Identity = z.infer<typeof identitySchema>

/**
 * The identity in `dataDir`, or null where there is none yet.
 * Throws `identity_corrupt` when the file is there and cannot be understood: it is never overwritten.
 */
export function loadIdentity(dataDir: string): Identity | null {
  const path = join(dataDir, IDENTITY_FILE)
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null
    throw dataDirError(dataDir, error)
  }
  const parsed = identitySchema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw new OvlError("identity_corrupt", `cannot start: ${path} is not an identity that this version understands`, {
    hint: "restore it from a backup, or remove the node with `ovl node rm`, empty the data directory and join again",
  })
}

export function saveIdentity(dataDir: string, identity: Identity): void {
  try {
    writeFileAtomic(join(dataDir, IDENTITY_FILE), `${JSON.stringify(identity, null, 2)}\n`, 0o600)
  } catch (error) {
    throw dataDirError(dataDir, error)
  }
}

/** Makes a private directory (0700) where it is missing. Throws `dir_unusable` with what to do. */
export function ensurePrivateDir(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    chmodSync(dir, 0o700)
  } catch (error) {
    throw dataDirError(dir, error)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function dataDirError(dir: string, cause: unknown): OvlError {
  const code = (cause as NodeJS.ErrnoException).code ?? "unknown"
  if (code === "ENOSPC")
    return new OvlError("disk_full", `cannot write to ${dir}: no space left on the device`, {
      hint: "make room; nothing was lost",
      cause,
    })
  if (code === "EROFS")
    return new OvlError("data_read_only", `cannot write to ${dir}: the file system is read-only`, {
      hint: "mount it read-write, or choose another directory with --data-dir or --run-dir",
      cause,
    })
  if (code === "EACCES" || code === "EPERM")
    return new OvlError("dir_unusable", `cannot use ${dir}: permission denied`, {
      kind: "forbidden",
      hint: "run it as root, or choose another directory with --data-dir or --run-dir",
      cause,
    })
  const why = code === "ENOTDIR" || code === "EEXIST" ? "it is no directory, or lies in none" : code
  return new OvlError("dir_unusable", `cannot use ${dir}: ${why}`, {
    hint: "check that it is a directory that root may write, or choose another with --data-dir or --run-dir",
    cause,
  })
}
