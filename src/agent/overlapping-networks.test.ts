import { expect, test } from "bun:test"
import type { EndpointRecord } from "../model/endpoint.ts"
import type { NetworkRecord } from "../model/network.ts"
import { overlapProblems } from "./overlapping-networks.ts"

const SUBNETS: Record<string, string[]> = {
  red: ["10.65.10.0/24"],
  green: ["10.65.10.0/24"],
  wide: ["10.70.0.0/24", "10.65.0.0/16"],
  six: ["fd65::/64"],
  blue: ["10.65.11.0/24"],
}

/** `w:red` is an endpoint of workload w, in a namespace of its own name, on red; `@n2` says another node. */
function told(...endpoints: string[]): string[] {
  const networks = new Map(
    Object.entries(SUBNETS).map(([name, subnets]) => {
      const network = { id: name, name, subnets: subnets.map((subnet) => ({ subnet, gateway: "" })) }
      return [name, network as unknown as NetworkRecord]
    }),
  )
  const records = endpoints.map((text) => {
    const [, workload, networkId, nodeId = "n1"] = /^(\w+):(\w+)(?:@(\w+))?$/.exec(text)!
    return { id: text, workload, networkId, nodeId, netnsId: `ns of ${workload}` } as EndpointRecord
  })
  const catalog = { networks, endpointsOfNode: (id: string) => records.filter((each) => each.nodeId === id) }
  return overlapProblems(catalog, "n1").map(({ code, level, message }) => {
    expect([code, level]).toEqual(["networks_overlap", "warning"])
    return message.replace(/:.*/, "")
  })
}

test("the same subnet twice in one namespace, and any two that share addresses", () => {
  expect(told("w:red", "w:six", "w:green")).toEqual([
    "workload w is on red and green, whose subnets overlap (both are 10.65.10.0/24)",
  ])
  expect(told("w:red", "w:wide")).toEqual([
    "workload w is on red and wide, whose subnets overlap (10.65.10.0/24 and 10.65.0.0/16)",
  ])
})

test("not of networks apart, of one network twice, of two namespaces, nor of another node's", () => {
  expect(told("w:red", "w:six", "w:blue")).toEqual([])
  expect(told("w:red", "w:red")).toEqual([])
  expect(told("w:red", "v:green")).toEqual([])
  expect(told("w:red@n2", "w:green@n2")).toEqual([])
})
