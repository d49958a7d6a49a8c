/** Every path of Consul's API that is known here, those included that this version answers with a refusal. */
import { API_BODY_MAX_BYTES } from "../../base/limits.ts"
import type { ConsulEndpoint } from "./call.ts"
import { kvEndpoint } from "./kv.ts"
import { statusEndpoints } from "./status.ts"

type Row = Pick<ConsulEndpoint, "path" | "methods" | "access">

const NOT_AVAILABLE: Row[] = [
  { path: "/v1/session/create", methods: ["PUT"], access: "open" },
  { path: "/v1/session/destroy/", methods: ["PUT"], access: "open" },
  { path: "/v1/session/renew/", methods: ["PUT"], access: "open" },
  { path: "/v1/session/info/", methods: ["GET"], access: "open" },
  { path: "/v1/session/node/", methods: ["GET"], access: "open" },
  { path: "/v1/session/list", methods: ["GET"], access: "open" },
  { path: "/v1/txn", methods: ["PUT"], access: "open" },
  { path: "/v1/agent/", methods: ["GET", "PUT"], access: "reading" },
  { path: "/v1/catalog/", methods: ["GET", "PUT"], access: "reading" },
  { path: "/v1/health/", methods: ["GET"], access: "reading" },
  { path: "/v1/snapshot", methods: ["GET", "PUT"], access: "closed" },
  { path: "/v1/operator/", methods: ["GET", "PUT", "DELETE"], access: "closed" },
]

export const CONSUL_ENDPOINTS: ConsulEndpoint[] = [
  kvEndpoint,
  ...statusEndpoints,
  ...NOT_AVAILABLE.map((row) => ({
    ...row,
    summary: "Not available in this version",
    bodyMaxBytes: API_BODY_MAX_BYTES,
  })),
]
