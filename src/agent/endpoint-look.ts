/**
 * One endpoint compared with what is wanted of it: both ports and both ends, at the price of one endpoint however many
 * stand beside it. It only tells whether all is well: what is not is for the look at the whole network.
 */
import type { Kernel } from "../kernel/port.ts"
import type { Catalog } from "../model/catalog.ts"
import { BRIDGE_NAME, EGRESS_BRIDGE_NAME, HOST_NAMESPACE, type PortState } from "../model/dataplane.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import { egressPort, overlayPort, subnetsOf } from "../overlay/desired.ts"
import { type PortPlace, planPorts } from "../overlay/plan-ports.ts"
import { addEgressPort, addPort } from "../overlay/steps.ts"
import type { Projection } from "./projection.ts"

export interface EndpointLookOptions {
  kernel: Kernel
  catalog: Catalog
  projection: Projection
  nodeId: string
}

const EGRESS_PLACE: PortPlace = { ns: HOST_NAMESPACE, master: EGRESS_BRIDGE_NAME, add: addEgressPort }

/** False also where that cannot be said at this price, as of a network that is not in the kernel. Throws what `observePort` does. */
export function isAsWanted(endpoint: EndpointRecord, options: EndpointLookOptions): boolean {
  const { kernel, catalog, projection, nodeId } = options
  const network = projection.networks.get(endpoint.networkId)
  if (!network) return false
  const ns = network.netns
  const place = { ns, master: BRIDGE_NAME, add: addPort.bind(null, ns) }
  const port = overlayPort(endpoint, network, subnetsOf(catalog, endpoint.networkId))
  if (!isPortAsWanted(kernel, place, port)) return false
  if (endpoint.egress === null) return true
  const filtered = (endpoint.ports && kernel.hostFacts().bridgesFiltered) ?? false
  const egress = egressPort(endpoint, catalog.nodes.get(nodeId)?.underlayMtu ?? 0, filtered)
  return egress === null || isPortAsWanted(kernel, EGRESS_PLACE, egress)
}

function isPortAsWanted(kernel: Kernel, place: PortPlace, port: PortState): boolean {
  const { endpointId, device, workload } = port
  const near = kernel.observePort(place.ns, place.master, device, workload.mac)
  const far = kernel.observeInterface(workload.netns, workload.ifname)
  if (near === null || far === null) return false
  return planPorts(place, new Map([[endpointId, port]]), [near], new Map([[endpointId, far]])).length === 0
}
