/** Every route of ovl's own, in the order in which they are documented. */
import { endpointRoutes } from "./endpoints.ts"
import { eventRoutes } from "./events.ts"
import { metricsRoutes } from "./metrics.ts"
import { networkRoutes } from "./networks.ts"
import { nodeRoutes } from "./nodes.ts"
import { pingRoutes } from "./ping.ts"
import { probeRoutes } from "./probe.ts"
import { raftRoutes } from "./raft.ts"
import { statusRoutes } from "./status.ts"
import { tokenRoutes } from "./tokens.ts"
import { workloadRoutes } from "./workloads.ts"
import type { Route } from "../route.ts"

export const OWN_ROUTES: Route[] = [
  ...networkRoutes,
  ...endpointRoutes,
  ...nodeRoutes,
  ...tokenRoutes,
  ...workloadRoutes,
  ...statusRoutes,
  ...probeRoutes,
  ...pingRoutes,
  ...raftRoutes,
  ...eventRoutes,
  ...metricsRoutes,
]
