/** Every bound of the program, with its unit in its name. Nothing that grows is without one. */

/** Linux IFNAMSIZ less the terminating zero (include/uapi/linux/if.h). */
export const IFNAME_MAX_CHARS = 15
/** RFC 7348 section 5: the VNI has 24 bits. */
export const VNI_MAX = 16_777_215
/** Docker's overlay gives VNIs from 256 up. */
export const VNI_FIRST = 256
/** RFC 7348: the IANA port. */
export const VXLAN_PORT = 4789
/** Outer Ethernet 14 + IP 20 + UDP 8 + VXLAN 8 bytes over an IPv4 underlay; IPv6 has 20 more. */
export const VXLAN_OVERHEAD_V4_BYTES = 50
export const VXLAN_OVERHEAD_V6_BYTES = 70
/** The least an IPv4 link must carry (RFC 791). */
export const MTU_MIN_BYTES = 68
export const MTU_MAX_BYTES = 65_535

export const NAME_MAX_CHARS = 63
export const LABELS_MAX = 64
export const LABEL_MAX_CHARS = 1024
export const NETWORKS_MAX = 100_000
export const NETWORKS_PER_WORKLOAD_MAX = 32

/** One request body on the API, less what Consul's own limits say for its paths. */
export const API_BODY_MAX_BYTES = 1_048_576
/** Consul's kv_max_value_size default. */
export const KV_VALUE_MAX_BYTES = 524_288

/** One frame between two nodes. */
export const FRAME_MAX_BYTES = 16_777_216
/** What may wait to be written to one peer before it is cut off as too slow. */
export const PEER_QUEUE_MAX_BYTES = 67_108_864
export const PEER_CALL_TIMEOUT_MS = 3_000
export const PEER_CONNECT_TIMEOUT_MS = 3_000
/** Connections that have not yet shown a certificate, and how long one may stay so. */
export const UNAUTHENTICATED_MAX = 64
export const UNAUTHENTICATED_TIMEOUT_MS = 10_000
/** One frame of a peer without a certificate: a join request, with room to spare. */
export const UNAUTHENTICATED_FRAME_MAX_BYTES = 65_536
/** Connections to one listener, handshakes in progress included. */
export const PEER_CONNECTIONS_MAX = 10_000
/** Calls of one connection being worked on at once, and subscriptions open on it; one more is refused as busy. */
export const PEER_CALLS_MAX = 4_096
export const PEER_SUBSCRIPTIONS_MAX = 1_024
/** Both sides of a connection send at least this often; one that missed so many times in a row is dead. */
export const PEER_KEEPALIVE_MS = 2_000
export const PEER_SILENT_KEEPALIVES_MAX = 3
/** How long a closing connection may take to flush its last words. */
export const PEER_CLOSE_TIMEOUT_MS = 1_000
/** Servers that one join may try, and how long it waits for an answer. */
export const JOIN_SERVERS_MAX = 16
export const JOIN_TIMEOUT_MS = 10_000

/** How long a node may be silent before the others call it failed. */
export const NODE_LEASE_TTL_MS = 10_000
/** A node renews its lease this often. */
export const NODE_HEARTBEAT_MS = 3_000
/** How long an attach waits for the other nodes to program the endpoint before it names them as lagging. */
export const PROGRAMMED_WAIT_MS = 2_000

/** Change events kept in memory for watchers that resume. */
export const WATCH_HISTORY_MAX_EVENTS = 16_384
/** Commands that share one commit. */
export const COMMIT_BATCH_MAX_COMMANDS = 256
/** Commands waiting for the next commit before new ones are refused as busy. */
export const COMMIT_QUEUE_MAX_COMMANDS = 8_192

/** The log of one workload: when full, the older half goes. */
export const WORKLOAD_LOG_MAX_BYTES = 10_485_760
/** How long `stop` waits between SIGTERM and SIGKILL, as docker does. */
export const STOP_GRACE_MS = 10_000

export const TOKEN_TTL_DEFAULT_MS = 86_400_000
export const TOKENS_MAX = 10_000
