/** The limit of open files, in a process of its own each time: it cannot be lowered and raised again by everybody. */
import { expect, test } from "bun:test"

async function limited(shell: string, wanted: number): Promise<string> {
  const code = `const { raiseOpenFiles } = await import("${import.meta.dir}/limits.ts");
    console.log(JSON.stringify(raiseOpenFiles(${wanted})))`
  const run = `${shell}; exec "$0" -e "$1"`
  const child = Bun.spawn(["sh", "-c", run, process.execPath, code], { env: { ...process.env, BUN_BE_BUN: "1" } })
  return (await new Response(child.stdout).text()).trim()
}

test("a low limit is raised as far as was asked, a high one stays", async () => {
  expect(await limited("ulimit -Sn 256", 700)).toMatch(/^\{"limit":\d{3,},"short":false\}$/)
  const { limit } = JSON.parse(await limited("ulimit -Sn 900", 800)) as { limit: number }
  expect(limit).toBeGreaterThanOrEqual(900)
})

test("what the kernel does not allow is said", async () => {
  const most = Number(await Bun.file("/proc/sys/fs/nr_open").text())
  const { limit, short } = JSON.parse(await limited("ulimit -n 512", most + 1)) as { limit: number; short: boolean }
  expect({ limit, short }).toEqual({ limit: 512, short: true })
})
