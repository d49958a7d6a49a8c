/**
 * A new node whose address is not there yet, as at boot, when the daemon may be up before the network: it is waited for,
 * since neither a cluster nor a place in one can be had with an address that nobody answers at.
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { VTEP_NEW_WAIT_MS, VTEP_RETRY_MS, VTEP_SETTLE_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { Kernel } from "../kernel/port.ts"
import { chooseVtep, type Vtep } from "./vtep.ts"

export interface VtepWaitOptions {
  kernel: Pick<Kernel, "hostFacts">
  /** As asked for; null: the node chooses by itself. */
  advertise: string | null
  /** The address of a node that resumes, which does its waiting while it runs; null: it is new. */
  known: string | null
  clock: Clock
  log: Log
  /** Resolves when the daemon is to end: then the wait ends too. */
  stopped: Promise<unknown>
}

/** As `chooseVtep`; `address_unknown` is thrown only after VTEP_NEW_WAIT_MS, or when the daemon is to end. */
export async function awaitVtep(options: VtepWaitOptions): Promise<Vtep> {
  const { kernel, advertise, known, clock, log } = options
  const until = clock.monotonic() + VTEP_NEW_WAIT_MS
  let stopped = false
  void options.stopped.then(() => {
    stopped = true
  })
  for (let waited = false; ; waited = true) {
    try {
      const vtep = chooseVtep(kernel.hostFacts(), advertise, known)
      if (!waited) return vtep
      log.info("the address to advertise is there", { address: vtep.address })
      // What comes with it, such as routes to the servers, is let come.
      await pause(VTEP_SETTLE_MS, options)
      return vtep
    } catch (error) {
      if (!isNotThere(error) || stopped || clock.monotonic() >= until) throw error
      if (!waited)
        log.warn("waiting for the address to advertise", {
          why: error.message,
          hint: error.hint,
          seconds: VTEP_NEW_WAIT_MS / 1_000,
        })
    }
    await pause(VTEP_RETRY_MS, options)
  }
}

function isNotThere(error: unknown): error is OvlError {
  return error instanceof OvlError && error.code === "address_unknown"
}

function pause(ms: number, { clock, stopped }: VtepWaitOptions): Promise<unknown> {
  let cancel = () => {}
  const over = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve)
  })
  return Promise.race([over, stopped]).finally(() => cancel())
}
