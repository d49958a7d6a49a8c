import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { MountChanges } from "./mount-changes.ts"

const isRoot = process.getuid?.() === 0

test("once it is closed it cannot tell, and says so", () => {
  const changes = new MountChanges()
  changes.close()
  changes.close()
  expect(changes.read()).toBe(true)
})

test.skipIf(!isRoot)("a mount and its end are told once each, in a mount namespace of its own", () => {
  const directory = mkdtempSync(join(tmpdir(), "ovl-mounts-"))
  const program = join(import.meta.dir, "mount-changes.ts")
  const script = `
    const { MountChanges } = await import(${JSON.stringify(program)})
    const run = (...words) => Bun.spawnSync(words)
    const changes = new MountChanges()
    changes.read()
    const said = [changes.read()]
    run("mount", "-t", "tmpfs", "none", ${JSON.stringify(directory)})
    said.push(changes.read(), changes.read())
    run("umount", ${JSON.stringify(directory)})
    said.push(changes.read(), changes.read())
    console.log(said.join())`
  try {
    const child = Bun.spawnSync(["unshare", "-m", "--propagation", "private", process.execPath, "-e", script])
    expect(child.stdout.toString().trim()).toBe("false,true,false,true,false")
  } finally {
    rmSync(directory, { recursive: true })
  }
})
