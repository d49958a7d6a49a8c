/** Writes `schemas/lab.schema.json` from the schema of a lab's file. A test fails where it is not up to date. */
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { labJsonSchema } from "../src/lab/file/json-schema.ts"

const root = resolve(import.meta.dir, "..")
const file = join(root, "schemas/lab.schema.json")
mkdirSync(join(root, "schemas"), { recursive: true })
writeFileSync(file, labJsonSchema())
spawnSync(join(root, "node_modules/.bin/biome"), ["format", "--write", file], { cwd: root, stdio: "ignore" })
