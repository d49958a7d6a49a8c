/**
 * `bun build-version.ts FILE VERSION`: builds an executable that says it is another version, and that speaks one protocol
 * between nodes more than this one does, for tests of upgrades.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { compile, ROOT } from "../../scripts/compile.ts"

const PROTOCOL = /(export const PROTOCOL_VERSION = )(\d+)/

const [outfile, version] = process.argv.slice(2)
if (!outfile || !version) throw new Error("usage: build-version.ts FILE VERSION")
const copy = mkdtempSync(join(tmpdir(), "ovl-version-"))
try {
  for (const name of ["src", "labs", "package.json", "tsconfig.json"])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"))
  const frames = join(copy, "src/transport/frames.ts")
  const source = readFileSync(frames, "utf8")
  if (!PROTOCOL.test(source)) throw new Error(`no protocol version in ${frames}`)
  writeFileSync(
    frames,
    source.replace(PROTOCOL, (_, declaration, number) => `${declaration}${Number(number) + 1}`),
  )
  const constants = { OVL_VERSION: version, OVL_COMMIT: "" }
  await compile({ entry: join(copy, "src/main.ts"), outfile, constants })
} finally {
  rmSync(copy, { recursive: true, force: true })
}
