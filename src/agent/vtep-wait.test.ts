import { beforeEach, expect, test } from "bun:test"
import { asOvlError } from "../base/errors.ts"
import { VTEP_NEW_WAIT_MS, VTEP_RETRY_MS } from "../base/limits.ts"
import { silentLog } from "../base/log.ts"
import { ManualClock } from "../base/manual-clock.ts"
import type { HostFacts } from "../model/dataplane.ts"
import { awaitVtep } from "./vtep-wait.ts"

const ADDRESS = "192.168.1.51"
let clock: ManualClock
let addresses: HostFacts["addresses"]
let stop: () => void
let outcome: string

beforeEach(() => {
  clock = new ManualClock()
  addresses = [{ device: "lo", address: "127.0.0.1/8" }]
  outcome = "waits"
})

function start(advertise: string | null, known: string | null = null): Promise<void> {
  const facts = { links: [], routes: [], forwarding: false, forwardingDevices: [], switchedDevices: [] }
  const { promise: stopped, resolve } = Promise.withResolvers<void>()
  stop = resolve
  const kernel = { hostFacts: (): HostFacts => ({ ...facts, addresses }) }
  awaitVtep({ kernel, advertise, known, clock, log: silentLog, stopped }).then(
    ({ address }) => {
      outcome = address
    },
    (error) => {
      outcome = asOvlError(error).code
    },
  )
  return Bun.sleep(0)
}

const passes = async (ms: number) => {
  for (let passed = 0; passed < ms; passed += VTEP_RETRY_MS) {
    clock.advance(VTEP_RETRY_MS)
    await Bun.sleep(0)
  }
}

test("an address that comes is taken", async () => {
  await start(ADDRESS)
  await passes(5_000)
  expect(outcome).toBe("waits")
  addresses = [...addresses, { device: "eth0", address: `${ADDRESS}/24` }]
  await passes(2 * VTEP_RETRY_MS)
  expect([outcome, clock.timers]).toEqual([ADDRESS, 0])
})

test("one that never comes, or when it is to end", async () => {
  await start(ADDRESS)
  await passes(VTEP_NEW_WAIT_MS - VTEP_RETRY_MS)
  expect(outcome).toBe("waits")
  await passes(VTEP_RETRY_MS)
  expect([outcome, clock.timers]).toEqual(["address_unknown", 0])
  outcome = "waits"
  await start(ADDRESS)
  stop()
  await Bun.sleep(0)
  expect([outcome, clock.timers]).toEqual(["address_unknown", 0])
})

test("nothing is waited for that no waiting brings, nor by a node that resumes", async () => {
  await start("ten")
  expect(outcome).toBe("address_invalid")
  await start(null)
  expect(outcome).toBe("address_missing")
  await start(ADDRESS, "192.168.1.50")
  expect(outcome).toBe(ADDRESS)
})
