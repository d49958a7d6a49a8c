/**
 * Builds `dist/ovl`, and only when something that goes into it has changed: a hash over the sources, the locked
 * packages, the runtime and the commit is kept beside it.
 */
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { compile, ROOT } from "./compile.ts"

const OUTFILE = join(ROOT, "dist/ovl")
const STAMP = join(ROOT, "dist/.ovl-inputs")

/** The short commit that the tree stands on, or "" where there is no git or no commit. */
function currentCommit(): string {
  if (!existsSync(join(ROOT, ".git"))) return ""
  const git = spawnSync("git", ["-C", ROOT, "rev-parse", "--short=12", "HEAD"], { encoding: "utf8" })
  return git.status === 0 ? git.stdout.trim() : ""
}

function isInput(path: string): boolean {
  return !path.endsWith(".test.ts") && !path.includes("/testdata/")
}

/** A hash over everything that decides what the executable contains. */
function inputsHash(commit: string): string {
  const files = [...new Bun.Glob("src/**/*").scanSync({ cwd: ROOT })].filter(isInput)
  files.push(
    "labs/red-green.yaml",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "scripts/build.ts",
    "scripts/compile.ts",
  )
  const hash = new Bun.CryptoHasher("sha256")
  hash.update(`${Bun.version} ${process.arch} ${commit}\n`)
  for (const file of files.sort()) {
    const content = readFileSync(join(ROOT, file))
    hash.update(`${file} ${content.length}\n`)
    hash.update(content)
  }
  return hash.digest("hex")
}

async function main(): Promise<void> {
  const commit = currentCommit()
  const inputs = inputsHash(commit)
  if (existsSync(OUTFILE) && existsSync(STAMP) && readFileSync(STAMP, "utf8") === inputs) {
    console.log("build: dist/ovl is up to date")
    return
  }
  const started = performance.now()
  mkdirSync(join(ROOT, "dist"), { recursive: true })
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string }
  // Built beside its place and moved there: a daemon that runs from dist/ovl keeps its file, and an interrupted
  // build leaves the old one.
  const fresh = `${OUTFILE}.${process.pid}`
  try {
    await compile({
      entry: join(ROOT, "src/main.ts"),
      outfile: fresh,
      constants: { OVL_VERSION: version, OVL_COMMIT: commit },
    })
    chmodSync(fresh, 0o755)
    renameSync(fresh, OUTFILE)
  } finally {
    rmSync(fresh, { force: true })
  }
  writeFileSync(STAMP, inputs)
  const megabytes = Math.round(statSync(OUTFILE).size / 1e6)
  console.log(`build: dist/ovl, ${megabytes} MB, ${Math.round(performance.now() - started)} ms`)
}

try {
  await main()
} catch (error) {
  console.error(`build: dist/ovl: ${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
