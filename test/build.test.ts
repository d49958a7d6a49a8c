/** The executable: complete in itself, and made anew only when something has changed. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import packageJson from "../package.json"
import { compile, ROOT } from "../scripts/compile.ts"

const OVL = join(ROOT, "dist/ovl")

let scratch = ""

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "build-"))
})

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

function build(): string {
  return Bun.spawnSync([process.execPath, join(ROOT, "scripts/build.ts")]).stdout.toString()
}

interface Outcome {
  status: number
  out: string
  err: string
}

/** Runs an executable in `directory` with nothing in its environment but what is given. */
function run(directory: string, program: string[], env: Record<string, string> = {}): Outcome {
  const { exitCode, stdout, stderr } = Bun.spawnSync(program, { cwd: directory, env })
  return { status: exitCode, out: stdout.toString(), err: stderr.toString() }
}

/** A new directory with nothing in it but the named files. */
function directoryWith(files: Record<string, string>): string {
  const directory = mkdtempSync(join(scratch, "d-"))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  return directory
}

describe("dist/ovl", () => {
  test("a second build does nothing", () => {
    build()
    const before = statSync(OVL)
    expect(build()).toBe("build: dist/ovl is up to date\n")
    expect(statSync(OVL)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs })
  })

  test("runs alone: an empty directory, an empty environment, no node_modules near", () => {
    const directory = directoryWith({})
    const alone = join(directory, "ovl")
    try {
      linkSync(OVL, alone)
    } catch {
      copyFileSync(OVL, alone)
    }
    const { status, out, err } = run(directory, [alone, "version"])
    expect({ status, err }).toEqual({ status: 0, err: "" })
    expect(out).toContain(packageJson.version)
    expect(readdirSync(directory)).toEqual(["ovl"])
  })
})

describe("a program compiled in the same way", () => {
  const program = `
    import { open } from "lmdb"
    import { VALUE } from "./value.ts"
    declare const STAMP: string

    async function main(): Promise<void> {
      const store = open({ path: process.argv[2]!, overlappingSync: false })
      const keys = ["plain", "é€😀", "日本", "x".repeat(100) + "ü"]
      for (const key of keys) await store.put(key, { text: VALUE.repeat(40), when: new Map([[1, 2]]) })
      const found = [...store.getKeys()].sort()
      const whole = keys.every((key) => store.get(key).text === VALUE.repeat(40))
      await store.close()
      console.log(JSON.stringify([STAMP, whole, found.join() === keys.sort().join(), process.env.FROM_DIRECTORY ?? null]))
      throw new Error("the trace")
    }

    void main()
  `
  let executable = ""

  beforeAll(async () => {
    // Beside the sources, where the packages are found.
    const sources = mkdtempSync(join(ROOT, "node_modules/.program-"))
    try {
      writeFileSync(join(sources, "program.ts"), program)
      writeFileSync(join(sources, "value.ts"), `export const VALUE: string = "ä"\n`)
      executable = join(scratch, "program")
      await compile({ entry: join(sources, "program.ts"), outfile: executable, constants: { STAMP: "stamped" } })
    } finally {
      rmSync(sources, { recursive: true })
    }
  })

  test("opens LMDB, keeps keys beyond ASCII, and takes no settings from where it is started", () => {
    const directory = directoryWith({
      ".env": "FROM_DIRECTORY=yes\n",
      "bunfig.toml": `preload = ["./preload.ts"]\n`,
      "preload.ts": `console.log("preloaded")\n`,
    })
    const temporary = join(scratch, "temporary")
    mkdirSync(temporary)
    const { out, err } = run(directory, [executable, join(scratch, "store")], { TMPDIR: temporary })
    expect(out).toBe(`["stamped",true,true,null]\n`)
    expect(err).toContain("error: the trace")
    expect(err).toContain("program.ts:14")
  })

  test("is one file", () => {
    expect(readdirSync(scratch).filter((name) => name.startsWith("program"))).toEqual(["program"])
  })
})
