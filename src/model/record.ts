/**
 * The record of Docker's overlay driver, byte for byte, so that what read it in Consul reads it here: INTERFACE section 7.
 * Docker's libkv wrote it below `docker/network/v1.0/overlay/network/<id>/`.
 */
import type { NetworkRecord } from "./network.ts"

/** The flags of the record: Consul's LockFlagValue, 0x2ddccbc058a50c18 (api/lock.go), which libkv put on all its keys. */
export const DOCKER_RECORD_FLAGS = 3304740253564472344n

/** What lies below the prefix is written by ovl alone. */
export function dockerRecordsPrefix(kvPrefix: string): string {
  return `${kvPrefix}/docker/network/`
}

/** The Consul key of a network's record. */
export function dockerRecordKey(kvPrefix: string, networkId: string): string {
  return `${dockerRecordsPrefix(kvPrefix)}v1.0/overlay/network/${networkId}/`
}

/** The record's value. The order of fields is Docker's; `mtu` is what was asked for, 0 when it is derived. */
export function dockerRecordValue(network: Pick<NetworkRecord, "mtu" | "secure" | "subnets" | "vni">): Uint8Array {
  const subnets = network.subnets.map(({ subnet, gateway }) => ({
    SubnetIP: subnet,
    GwIP: `${gateway}/${subnet.split("/")[1]}`,
    Vni: network.vni,
  }))
  return new TextEncoder().encode(JSON.stringify({ mtu: network.mtu, secure: network.secure, subnets }))
}
