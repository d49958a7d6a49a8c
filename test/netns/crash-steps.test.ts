/**
 * A daemon killed after each single operation on the kernel in turn, in an attach, a detach, the removal of a
 * network and a start. The next start makes of what is left exactly what the catalog wants, whichever way the catalog
 * has gone meanwhile.
 */
import { describe, expect, test } from "bun:test"
import { join } from "node:path"
import { createPinnedNamespace, ensureNamespaceDirectory } from "../../src/linux/namespaces.ts"
import { inKernelSandbox } from "../contract/kernel-sandbox.ts"
import { run } from "../support/netns.ts"
import type { Life } from "./crash-host.ts"

const HOST = join(import.meta.dir, "crash-host.ts")
/** Every so many operations in a quick run; all of them with OVL_TEST_ALL_STEPS. */
const STRIDE = process.env.OVL_TEST_ALL_STEPS ? 1 : 9
const STEPS_MAX = 400

/** All that there is, without what differs from one making to the next: numbers, timers, peers' indexes. */
const LOOK = `
set -e
clean() { sed -E 's/^[0-9]+: //; s/@if[0-9]+/@/; s/link-netnsid [0-9-]+//g; s/[a-z_]+_timer +[0-9.]+//g; s/qlen [0-9]+//; s/ state (UP|UNKNOWN|DOWN|LOWERLAYERDOWN)//; s/,LOWER_UP|NO-CARRIER,//g; s/ (port_no|port_id|designated_port|root_port) [0-9a-fx]+//g; s/if[0-9]+/if/g'; }
for ns in host $(ls /run/netns); do
  at=""; [ $ns = host ] || at="-n $ns"
  echo "== $ns"
  ip $at -d -o link | clean | sort
  ip $at -o addr | grep -v fe80 | clean | sed 's/valid_lft.*//' | sort
  ip $at route show table all | grep -v fe80 | sort
  bridge $at fdb show | sort
  ip $at neigh show nud permanent | sort
done
iptables-save | grep -v '^#' | sed 's/\\[.*\\]//'
grep -H . /proc/sys/net/ipv4/conf/*/forwarding; cat /proc/sys/net/ipv4/ip_forward
find /run -xdev | sort
cut -d' ' -f4- /proc/self/mountinfo | grep /run | sed -E 's/net:.[0-9]+./net/; s/(shared|master):[0-9]+//' | sort
`

interface Outcome {
  done: number
  inSync: boolean
  problems: string[]
}

/** Null where it was killed. */
function live(life: Life): Outcome | null {
  const child = Bun.spawnSync([process.execPath, HOST, JSON.stringify(life)], { stdout: "pipe", stderr: "pipe" })
  if (child.signalCode === "SIGKILL") return null
  if (child.exitCode !== 0) throw new Error(child.stderr.toString())
  return JSON.parse(child.stdout.toString()) as Outcome
}

function addWorkload(name: string): void {
  createPinnedNamespace(`/run/netns/${name}`)
  run(`ip -n ${name} link set lo up`)
}

const look = () => run(["bash", "-c", LOOK])

const steps: [string, Omit<Life, "dieAfter">, number[]][] = [
  ["an attach that makes the network and the egress bridge", { endpoints: [], attach: [0] }, [0]],
  ["an attach to a network that is there", { endpoints: [0], attach: [1] }, [0, 1]],
  ["an attach of a workload to two networks", { endpoints: [0], attach: [1, 2] }, [0, 1, 2]],
  ["a detach", { endpoints: [0, 1], detach: [1] }, [0]],
  ["a detach of the last, which removes the network", { endpoints: [0], detach: [0] }, []],
  ["a detach that removes one of two networks", { endpoints: [0, 1, 2], detach: [2] }, [0, 1]],
  ["a start with everything still to be made", { endpoints: [0, 1, 2] }, [0, 1, 2]],
]

inKernelSandbox(import.meta.path, () => {
  ensureNamespaceDirectory("/run/netns")
  for (const name of ["w1", "w2"]) addWorkload(name)
  live({ endpoints: [0, 1, 2], dieAfter: null })
  live({ endpoints: [], dieAfter: null })

  const begin = (endpoints: number[]): string => {
    expect(live({ endpoints, dieAfter: null })).toMatchObject({ inSync: true })
    return look()
  }

  describe("killed in the middle of (pain 10)", () => {
    test.each(steps)(
      "%s",
      (_, life, after) => {
        const isStart = !life.attach && !life.detach
        const states = [after, isStart ? [] : life.endpoints]
        const wanted = states.map(begin)
        if (isStart) begin([])
        const whole = live({ ...life, dieAfter: null })
        expect(whole?.done).toBeGreaterThan(1)
        expect(whole!.done).toBeLessThan(STEPS_MAX)
        for (let step = 1; step <= whole!.done; step += STRIDE) {
          for (const [i, endpoints] of states.entries()) {
            if (STRIDE > 1 && step % states.length !== i) continue
            // Of the others the life itself makes what it begins with.
            if (isStart) begin([])
            expect(live({ ...life, dieAfter: step })).toBeNull()
            expect({ step, ...live({ endpoints, dieAfter: null }) }).toMatchObject({ step, inSync: true, problems: [] })
            expect(`after step ${step}:\n${look()}`).toBe(`after step ${step}:\n${wanted[i]}`)
          }
        }
      },
      600_000,
    )
  })
})
