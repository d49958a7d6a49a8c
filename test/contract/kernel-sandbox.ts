/**
 * A test file that acts on the real kernel runs itself again in network and mount namespaces of its own, where /run is
 * empty and the only device is a pair of veths. All of it dies with the process, whatever happens in it.
 */
import { test } from "bun:test"

const SETUP = [
  "mount -t tmpfs none /run",
  "mkdir -p /run/netns",
  "ip link set lo up",
  "ip link add up0 type veth peer up1",
  "ip link set up0 up",
  "ip link set up1 up",
  "ip addr add 192.168.1.51/24 dev up0",
  'exec "$@"',
].join(" && ")

/** Runs `body` if we are in the sandbox already; else defines one test that runs `file` in a sandbox. */
export function inKernelSandbox(file: string, body: () => void): void {
  if (process.env.OVL_KERNEL_SANDBOX === file) return body()
  if (process.getuid?.() !== 0) {
    process.stderr.write(`SKIPPED, needs root: ${file}\n`)
    test.skip("on the real kernel", () => {})
    return
  }
  test("on the real kernel, in a sandbox", () => {
    const inside = ["unshare", "-n", "-m", "--propagation", "private", "sh", "-c", SETUP, "sh"]
    const child = Bun.spawnSync([...inside, process.execPath, "test", file], {
      env: { ...process.env, OVL_KERNEL_SANDBOX: file },
      stdout: "pipe",
      stderr: "pipe",
    })
    const said = child.stdout.toString() + child.stderr.toString()
    if (child.exitCode !== 0) throw new Error(said)
    process.stderr.write(said)
  }, 120_000)
}
