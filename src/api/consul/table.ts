/** Every path of Consul's API that is served here; the first row that fits is the one. */
import { API_BODY_MAX_BYTES } from "../../base/limits.ts"
import { consulText } from "../errors.ts"
import { agentEndpoints } from "./agent.ts"
import type { ConsulEndpoint } from "./call.ts"
import { catalogEndpoints, healthEndpoints } from "./catalog.ts"
import { kvEndpoint } from "./kv.ts"
import { operatorEndpoints } from "./operator.ts"
import { sessionEndpoints } from "./session.ts"
import { snapshotEndpoint } from "./snapshot.ts"
import { statusEndpoints } from "./status.ts"
import { txnEndpoint } from "./txn.ts"

/** What Consul's clients may try and there is nothing of: they are told so rather than that the path is wrong. */
const NO_REGISTRY: ConsulEndpoint[] = ["/v1/agent/", "/v1/catalog/", "/v1/health/"].map((path) => ({
  path,
  methods: ["GET", "PUT"],
  access: "reading",
  summary: "Nothing else: there is no service registry",
  bodyMaxBytes: API_BODY_MAX_BYTES,
  local: true,
  handle: () => consulText(404, "No such endpoint: there is no service registry, only the cluster's own members"),
}))

export const CONSUL_ENDPOINTS: ConsulEndpoint[] = [
  kvEndpoint,
  ...sessionEndpoints,
  txnEndpoint,
  ...statusEndpoints,
  ...agentEndpoints,
  ...catalogEndpoints,
  ...healthEndpoints,
  ...operatorEndpoints,
  snapshotEndpoint,
  ...NO_REGISTRY,
  {
    path: "/v1/operator/",
    methods: ["GET", "PUT", "DELETE"],
    access: "closed",
    summary: "Nothing else is operated this way",
    bodyMaxBytes: API_BODY_MAX_BYTES,
    local: true,
    handle: () => consulText(404, "Invalid URL path: not a recognized HTTP API endpoint\n"),
  },
  {
    path: "/v1/acl/",
    methods: ["GET", "PUT", "DELETE"],
    access: "open",
    summary: "Consul's access lists: there are none, ovl has tokens of its own",
    bodyMaxBytes: API_BODY_MAX_BYTES,
    local: true,
    handle: () => consulText(401, "ACL support disabled"),
  },
]

/** By their whole path; those that stand for all below them have a slash at their end. */
const EXACT = new Map(CONSUL_ENDPOINTS.filter(({ path }) => !path.endsWith("/")).map((one) => [one.path, one]))
const BELOW = CONSUL_ENDPOINTS.filter(({ path }) => path.endsWith("/"))

export function findEndpoint(path: string): ConsulEndpoint | undefined {
  return EXACT.get(path) ?? BELOW.find((one) => path.startsWith(one.path))
}
