/** Mount points as the kernel has them, in a mount namespace of their own. */
import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describeAsRoot } from "../support/netns.ts"

/** Runs a script in a mount namespace that goes with it; `dir` is a folder of its own. */
function inMountNamespace(script: string): string {
  const dir = mkdtempSync(join(tmpdir(), "ovl-mounts-"))
  try {
    const source = `import { isMountPoint, mountTmpfs, bindMount } from ${JSON.stringify(join(import.meta.dir, "../../src/linux/mounts.ts"))}
import { mkdirSync, writeFileSync } from "node:fs"
const dir = ${JSON.stringify(dir)}
${script}`
    const argv = ["unshare", "-m", "--propagation", "private", process.execPath, "-e", source]
    const { stdout, stderr } = Bun.spawnSync(argv, { stdout: "pipe", stderr: "pipe" })
    return stdout.toString().trim() || stderr.toString()
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

describeAsRoot("mount points", () => {
  test("a directory and a file that something is mounted on, and ones that nothing is", () => {
    const said = inMountNamespace(`
mkdirSync(dir + "/a"); mkdirSync(dir + "/b"); writeFileSync(dir + "/f", ""); writeFileSync(dir + "/g", "")
mountTmpfs(dir + "/a"); bindMount(dir + "/g", dir + "/f")
console.log(isMountPoint(dir + "/a"), isMountPoint(dir + "/b"), isMountPoint(dir + "/f"), isMountPoint(dir + "/g"), isMountPoint(dir + "/none"))`)
    expect(said).toBe("true false true false false")
  })

  test("a mount that another one covers is not one that can be used", () => {
    const said = inMountNamespace(`
mkdirSync(dir + "/a"); mkdirSync(dir + "/a/b"); mountTmpfs(dir + "/a/b"); mountTmpfs(dir + "/a"); mkdirSync(dir + "/a/b")
console.log(isMountPoint(dir + "/a"), isMountPoint(dir + "/a/b"))`)
    expect(said).toBe("true false")
  })
})
