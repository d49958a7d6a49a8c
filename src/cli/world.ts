/** The real world of the command line. */
import type { World } from "./context.ts"
import { realIo } from "./io.ts"

export const realWorld: World = {
  io: realIo,
  now: () => Date.now(),
  sleep: (ms) => Bun.sleep(ms),
  labs: async () => (await import("../lab/state.ts")).labList(),
  openClient: async (socket) => (await import("../client/client.ts")).createClient({ socket }),
}
