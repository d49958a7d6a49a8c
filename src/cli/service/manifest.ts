/**
 * What `ovl install` put where, so that `ovl uninstall` takes back exactly that: each file with the hash of what was
 * written, the directories that were made for them, and how the daemon is started. It holds no secret.
 */
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { z } from "zod"
import { OvlError } from "../../base/errors.ts"
import { writeFileAtomic } from "../../agent/files.ts"

export const MANIFEST_PATH = "/etc/ovl/installed.json"

const manifestSchema = z.object({
  version: z.literal(1),
  /** The words after the program in the unit. */
  start: z.array(z.string()),
  dataDir: z.string(),
  runDir: z.string(),
  files: z.array(z.object({ path: z.string(), sha256: z.string() })),
  /** In the order in which they were made. */
  directories: z.array(z.string()),
})
export type Manifest = z.infer<typeof manifestSchema>

/** Null where nothing is installed below `root`. Errors: install_record_corrupt. */
export function readManifest(root: string): Manifest | null {
  const path = join(root, MANIFEST_PATH)
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return null
    throw error
  }
  const parsed = manifestSchema.safeParse(jsonOrNull(text))
  if (parsed.success) return parsed.data
  throw new OvlError("install_record_corrupt", `cannot read what was installed: ${path} is damaged`, {
    hint: `remove it, and let \`ovl install --force\` write everything anew: rm ${path}`,
  })
}

export function writeManifest(root: string, manifest: Manifest): void {
  const path = join(root, MANIFEST_PATH)
  mkdirSync(dirname(path), { recursive: true })
  writeFileAtomic(path, `${JSON.stringify(manifest, null, 2)}\n`, 0o644)
}

export function removeManifest(root: string): void {
  rmSync(join(root, MANIFEST_PATH), { force: true })
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
