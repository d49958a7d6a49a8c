/** The store's contract through a server that does not lead, and through one of which the lead goes away. */
import { ScriptedServers } from "./scripted-servers.ts"
import { storeContract } from "./store.ts"

storeContract("through a follower", () => {
  let servers: ScriptedServers
  return {
    open: async (clock) => {
      servers = await ScriptedServers.open(2, clock)
      const { store } = servers.servers[1]!
      return store
    },
    keeps: false,
    cleanUp: () => void servers.close(),
  }
})
