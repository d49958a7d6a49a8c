/** Consul's `/v1/kv/`. Rows such as R4 and W7 are those of CONSUL-API, the list of what Consul's clients rely on. */
import type { ConsulEndpoint } from "./call.ts"
import { decodeKey } from "./kv-key.ts"
import { get } from "./kv-read.ts"
import { put, remove } from "./kv-write.ts"

export const kvEndpoint: ConsulEndpoint = {
  path: "/v1/kv/",
  methods: ["GET", "PUT", "DELETE"],
  access: "open",
  summary: "Consul's key-value store",
  bodyMaxBytes: "value",
  handle(call) {
    const key = decodeKey(call.rest)
    if (key instanceof Response) return key
    switch (call.method) {
      case "PUT":
        return put(call, key)
      case "DELETE":
        return remove(call, key)
      default:
        return get(call, key)
    }
  },
}
