/**
 * `bun load-program.ts PREFIX SOCKET...`: writes one key after the other through the daemons' sockets, now this one, now
 * that one, until its standard input ends; then prints what was acknowledged. A process of its own: tests run commands
 * synchronously, and a pause of theirs must not look like one of the cluster's.
 */
import type { LoadResult } from "./servers.ts"

const REQUEST_TIMEOUT_MS = 5_000
const PAUSE_MS = 5

const [prefix, ...sockets] = process.argv.slice(2)
let stopped = false
process.stdin.on("end", () => {
  stopped = true
})
process.stdin.resume()

async function put(unix: string, key: string, value: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
    const answer = await fetch(`http://ovl/v1/kv/${key}`, { method: "PUT", body: value, unix, signal })
    return (await answer.text()) === "true"
  } catch {
    return false
  }
}

const result: LoadResult = { acknowledged: [], failed: 0, longestGapMs: 0 }
let last = performance.now()
for (let n = 0; !stopped; n++) {
  const key = `${prefix}/${n}`
  if (await put(sockets[n % sockets.length]!, key, String(n))) {
    result.acknowledged.push([key, String(n)])
    const now = performance.now()
    result.longestGapMs = Math.max(result.longestGapMs, now - last)
    last = now
  } else {
    result.failed++
  }
  await Bun.sleep(PAUSE_MS)
}
process.stdout.write(JSON.stringify(result))
