/**
 * `ovl lab verify` of a lab that is broken: HARM is done on HOST after the proof has asked the daemons what should be,
 * and UNDO before it asks them again. Between the two the daemons stand still: a daemon that runs puts it right at once,
 * and the proof would find nothing to notice. Runs inside the machine of the lab; writes the result as JSON.
 *
 *   lab-broken.ts HOST HARM UNDO
 */
import { spawnSync } from "node:child_process"
import { resolve } from "node:path"
import { daemonPid } from "../../src/lab/daemons.ts"
import { LabPlaces } from "../../src/lab/places.ts"
import { labVerify } from "../../src/lab/verify/index.ts"

const MAIN = resolve(import.meta.dir, "../../src/main.ts")
const [host = "", harm = "", undo = ""] = process.argv.slice(2)
const places = new LabPlaces("red-green")
const pids = ["swarm-01", "swarm-02"].map((name) => {
  const pid = daemonPid(places, name)
  if (pid === null) throw new Error(`the daemon of ${name} does not run`)
  return pid
})

function signal(name: "SIGSTOP" | "SIGCONT"): void {
  for (const pid of pids) process.kill(pid, name)
}

function onHost(script: string): void {
  const words = [MAIN, "lab", "exec", host, "--", "sh", "-ec", script]
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" })
  if (status !== 0) throw new Error(`status ${status}: ${stdout}${stderr}`)
}

let isBroken = false

function putBack(): void {
  if (!isBroken) return
  isBroken = false
  onHost(undo)
}

try {
  const result = await labVerify(undefined, (stage) => {
    if (stage === "on the wire") {
      signal("SIGSTOP")
      onHost(harm)
      isBroken = true
    }
    if (stage === "in the store") {
      putBack()
      signal("SIGCONT")
    }
  })
  process.stdout.write(JSON.stringify(result))
} finally {
  putBack()
  signal("SIGCONT")
}
