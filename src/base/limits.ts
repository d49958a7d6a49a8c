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
/** Where servers listen for other nodes. */
export const PEER_PORT = 8300
/** Interface indexes of our ends of pairs begin here: no namespace comes so far by itself. */
export const OVERLAY_PORT_INDEX_BASE = 100_000
/** Those of endpoints whose address lies far out in a subnet: the 2^28 indexes from here on. */
export const OVERLAY_PORT_FAR_INDEX_BASE = 1_073_741_824
export const EGRESS_PORT_INDEX_BASE = 1_000_000
/** The least an IPv4 link must carry (RFC 791). */
export const MTU_MIN_BYTES = 68
/** What an Ethernet carries unless it is told otherwise. */
export const ETHERNET_MTU_BYTES = 1_500
export const MTU_MAX_BYTES = 65_535

export const NAME_MAX_CHARS = 63
export const LABELS_MAX = 64
export const LABEL_MAX_CHARS = 1024
export const NETWORKS_MAX = 100_000
export const NETWORKS_PER_WORKLOAD_MAX = 32
/** Of both families together: each has a gateway on br0, and a route in every workload whose own subnet is another one. */
export const SUBNETS_PER_NETWORK_MAX = 8
/** Published ports: mappings of one workload, and ports in the range of one mapping. */
export const PORT_MAPPINGS_PER_WORKLOAD_MAX = 64
export const PORTS_PER_MAPPING_MAX = 1_024
export const PORT_MAX = 65_535
/** Published ports that the daemon answers for on ::1, connections at one of them at a time, and UDP askers at one. */
export const LOOPBACK_PORTS_MAX = 2_048
export const LOOPBACK_CONNECTIONS_PER_PORT_MAX = 512
export const LOOPBACK_FLOWS_MAX = 512
/** As long as the kernel remembers a UDP exchange of which it has seen an answer (nf_conntrack_udp_timeout_stream). */
export const LOOPBACK_FLOW_IDLE_MS = 120_000
/** Ports that are gone are taken out of the guard of their bridge after so long, together. */
export const GUARD_FLUSH_MS = 2_000

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
/** A piece of a long HTTP answer on its way from a server to a client. */
export const FORWARD_CHUNK_BYTES = 1_048_576
/** Connections that have not yet shown a certificate, and how long one may stay so. */
export const UNAUTHENTICATED_MAX = 64
export const UNAUTHENTICATED_TIMEOUT_MS = 10_000
/** One frame of a peer without a certificate: a join request, with room to spare. */
export const UNAUTHENTICATED_FRAME_MAX_BYTES = 65_536
/** Connections to one listener, handshakes in progress included. */
export const PEER_CONNECTIONS_MAX = 10_000
/** Calls of one connection being worked on at once, and subscriptions open on it; one more is refused as busy. */
export const PEER_CALLS_MAX = 4_096
export const PEER_SUBSCRIPTIONS_MAX = 32_768
/** Both sides of a connection send at least this often; one that missed so many times in a row is dead. */
export const PEER_KEEPALIVE_MS = 2_000
export const PEER_SILENT_KEEPALIVES_MAX = 3
/** The other side may ask for signs of life more often than that, up to this. */
export const KEEPALIVE_ASKED_MIN_MS = 50
/** Refusals of peers that a listener remembers, so as to log each once and not at every try. */
export const REFUSALS_REMEMBERED_MAX = 1_024
/** How long a closing connection may take to flush its last words. */
export const PEER_CLOSE_TIMEOUT_MS = 1_000
/** A code, message or hint of an error on its way to another node; longer ones are cut. */
export const PEER_ERROR_MAX_CHARS = 4_096
/** The cluster's authority is meant to outlive the cluster; renewing it means joining anew. */
export const AUTHORITY_DAYS = 7_300
/** A node's certificate ends with the authority's: who is no member any more is refused by the store's word, not by a date. */
export const NODE_CERTIFICATE_DAYS = 7_300
/** Certificates are valid from a little before they were made, for clocks that are behind. */
export const CERTIFICATE_BACKDATE_MS = 3_600_000
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
/** One command alone is committed on the spot where it is no larger and commits have not taken longer of late. */
export const COMMIT_INLINE_MAX_BYTES = 65_536
export const COMMIT_INLINE_MAX_MS = 2
/** On a slow disk one of so many is committed on the spot all the same, to see whether it still is slow. */
export const COMMIT_INLINE_PROBE_ROUNDS = 64
/** Commands waiting for the next commit before new ones are refused as busy. */
export const COMMIT_QUEUE_MAX_COMMANDS = 8_192

/** The log of one workload: when full, the older half goes. */
export const WORKLOAD_LOG_MAX_BYTES = 10_485_760
/** How long `stop` waits between SIGTERM and SIGKILL, as docker does. */
export const STOP_GRACE_MS = 10_000

export const TOKEN_TTL_DEFAULT_MS = 86_400_000
export const TOKENS_MAX = 10_000
/** Tokens that are over and go when the next one is made. */
export const TOKENS_EXPIRED_PER_CALL_MAX = 1_024

/** How long a write's own node waits to read it back. */
export const REPLICA_WAIT_MS = 3_000
/** Networks that a client names when it follows the cluster; one that takes part in more follows all of them. */
export const INTEREST_MAX_NETWORKS = 1_024
/** A client goes on following a network for so long after its last endpoint there has gone: it may come back. */
export const INTEREST_LINGER_MS = 5_000
/** Snapshots kept for those who want the same, until the next change; they may be long. */
export const FOLLOW_SNAPSHOTS_MAX = 16
/** Parts of one revision that followers with the same interest share. */
export const INTEREST_VIEWS_MAX = 1_024
/** What a client knows of the cluster, on disk: how large, how often at most, and what share of the time writing it may take. */
export const CATALOG_CACHE_MAX_BYTES = 134_217_728
export const CATALOG_CACHE_PAUSE_MS = 1_000
export const CATALOG_CACHE_PAUSE_FACTOR = 20
/** Endpoints taken away here that the cluster has not confirmed yet, and how soon it is told of them again. */
export const WITHDRAWALS_MAX = 16_384
export const WITHDRAWALS_RETRY_MS = 1_000
/** Between two calls that remove endpoints: what else is to go gathers meanwhile. */
export const REMOVALS_GATHER_MS = 3
/** An attach of which nobody knows whether it was carried out is taken back when no server can be at it any more. */
export const WITHDRAWAL_OF_UNKNOWN_DELAY_MS = 6_000
/** All that a client waits for servers in one call: the way to one, and its answer. */
export const SERVER_CALL_BUDGET_MS = 2_600
/** A server that has not accepted a connection by now is not waited for alone: the next one is tried beside it. */
export const SERVER_LINK_STAGGER_MS = 250
export const SERVER_LINK_DEADLINE_MS = 2_000
/** Servers that one round tries. */
export const SERVER_LINK_MAX_SERVERS = 32
/** How soon a client may turn its back on a server again that answers without a leader. */
export const SERVER_SWITCH_PAUSE_MS = 2_000
/** Between two tries to follow the cluster: doubled each time. */
export const REPLICA_RETRY_MIN_MS = 50
export const REPLICA_RETRY_MAX_MS = 2_000
/** Places that are tried at a time because somebody knocked from there. */
export const SERVER_LINK_CONSIDERED_MAX = 8
/** After a round of servers that did not answer, callers are refused at once for so long. */
export const SERVER_LINK_PAUSE_MS = 200

/** One netlink request: the largest, a veth pair with all its attributes, has under 2,000. */
export const NETLINK_REQUEST_MAX_BYTES = 4_096
/** All requests of one netlink batch: room for some 400,000 rows. */
export const NETLINK_BATCH_MAX_BYTES = 33_554_432
/** What one send to the kernel may hold: its default send buffer takes 200 KiB. */
export const NETLINK_SEND_MAX_BYTES = 65_536
/** Requests in one send, so that their refusals (1.3 KiB of kernel memory each) fit any receive buffer. */
export const NETLINK_SEND_MAX_REQUESTS = 256
/** Sends to different namespaces at the same time; glibc has 20 threads for them (aio_init(3)), and the others wait for one. */
export const NETLINK_SENDS_TOGETHER_MAX = 64
export const NETLINK_RECEIVE_BUFFER_BYTES = 4_194_304
/** A dump that the kernel says was disturbed by a change is asked for again this many times. */
export const NETLINK_DUMP_RETRIES_MAX = 16
/** What may wait to be read by a monitor (the kernel doubles it): some 40,000 events. More is an overrun: list again. */
export const NETLINK_MONITOR_BUFFER_BYTES = 16_777_216
/** When a workload that has ended cannot be withdrawn yet (no server answers), how soon it is tried again. */
export const WORKLOAD_RETRY_MS = 2_000
/** After a workload was made, until the namespace of the next is made ready. */
export const NAMESPACE_AHEAD_DELAY_MS = 1

/** Addresses of a network that were freed last and are kept back while others are free: as many as a /24 has. */
export const FREED_ADDRESSES_MAX = 256
/** Addresses of an IPv6 subnet that are given in order; others can be asked for. More than a cluster has endpoints. */
export const IPV6_POOL_MAX_ADDRESSES = 16_777_215
/** MACs that are tried for an endpoint without an IPv4 address: each is free but with a chance of one in millions. */
export const MAC_ATTEMPTS_MAX = 16
/** How often a node looks at what the ways to the others carry, and at how many of them each time: all in turn. */
export const UNDERLAY_LOOK_INTERVAL_MS = 2_000
export const UNDERLAY_PATHS_PER_LOOK_MAX = 256
/** Between two tries of a probe, and how many there are before another node counts as not answering. */
export const PROBE_RETRY_MS = 250
export const PROBE_TRIES_MAX = 4
/** Different probes that a node is asked for at the same time. */
export const PROBE_CALLS_MAX = 8
/** Nodes that are probed at the same time, and that one round over the control plane asks to take part. */
export const PROBE_PEERS_AT_ONCE_MAX = 64
/** Rounds over the control plane that a leader keeps at the same time: each node has one at most. */
export const PROBE_ROUNDS_MAX = 1_024
/** How long a round waits for the other nodes: they hear of it with their next sign of life, then send for a while. */
export const PROBE_ROUND_MS = 5_500
export const PROBE_ROUND_SEND_MS = 1_200
/** Rounds of which a node remembers what it heard, and in how many it takes part at the same time. */
export const PROBE_HEARD_MAX = 512
export const PROBE_PARTS_AT_ONCE_MAX = 32
/** Probes that a node answers in a second, and at once after a quiet time. */
export const PROBE_ANSWERS_PER_SECOND_MAX = 500
/** What waits in a probe's listening socket. */
export const PROBE_BUFFER_BYTES = 1_048_576
/** Packets of one ping, the time between two, all of them together, and how long the last ones may take to be answered. */
export const PING_COUNT_MAX = 1_000
export const PING_COUNT_DEFAULT = 4
export const PING_INTERVAL_MIN_MS = 10
export const PING_INTERVAL_MAX_MS = 60_000
export const PING_INTERVAL_DEFAULT_MS = 200
export const PING_DURATION_MAX_MS = 60_000
export const PING_ANSWER_WAIT_MS = 1_000
/** Pairs of one ping of all pairs (33 workloads), packets of each, and pairs that one node has under way at a time. */
export const PING_PAIRS_MAX = 1_056
export const PING_PAIR_COUNT_MAX = 10
export const PING_PAIR_INTERVAL_MAX_MS = 1_000
export const PING_AT_ONCE_MAX = 64
/** Orders to ping that a leader keeps for other nodes, those of one asker, and those that one node carries out at once. */
export const PING_ROUNDS_MAX = 128
export const PING_ROUNDS_PER_ASKER_MAX = 32
export const PING_PARTS_AT_ONCE_MAX = 16
/** How long another node may take to hear of an order, with its next sign of life, and to report. */
export const PING_ROUND_SLACK_MS = 5_500
export const PING_ROUND_MAX_MS = 120_000
/** How often ways to the nodes of shared networks are looked at: which ones are due, how many at once, and when again. */
export const PATH_TURN_MS = 5_000
export const PATHS_PER_TURN_MAX = 8
export const PATH_CHECK_INTERVAL_MS = 180_000
export const PATH_RECHECK_MS = 15_000
/** Blocked directions that a node which joins names one by one. */
export const BLOCKED_TOLD_MAX = 16
/** How long `ovl doctor` waits for the daemon, and for its probe of all other nodes. */
export const DOCTOR_ANSWER_MS = 10_000
export const DOCTOR_PROBE_MS = 60_000
/** How long `ovl doctor` looks for the packet that it lets a workload send. */
export const EGRESS_TRY_MS = 500
/** From which difference on `ovl doctor` calls a clock wrong, and from which useless. */
export const CLOCK_SKEW_WARNING_MS = 1_000
export const CLOCK_SKEW_FAILED_MS = 60_000
/** How often a decision is made anew because another one came first. */
export const DECISION_ATTEMPTS_MAX = 32
/** Calls waiting for their turn to change one network, or one kind of thing. */
export const DECISION_QUEUE_MAX_CALLS = 8_192
/** Endpoints of one call and one transaction: each takes up to 11 of TRANSACTION_PARTS_MAX, its network's share included. */
export const ENDPOINTS_PER_CALL_MAX = 256
/** Changes in one message to a node that follows the catalog: some 2 MB, far below FRAME_MAX_BYTES. */
export const FOLLOW_MESSAGE_MAX_CHANGES = 4_096
/** The longest that a caller may wait for other nodes to program a change. */
export const PROGRAMMED_WAIT_MAX_MS = 60_000
/** Entries read from the store at once. */
export const STORE_PAGE_MAX_ENTRIES = 1_024

/** A configuration file of the command line. */
export const CONFIG_FILE_MAX_BYTES = 1_048_576
/** A join token in a file or on standard input. */
export const TOKEN_TEXT_MAX_BYTES = 4_096
/** Ten years: the longest that `token create --ttl` may ask for. */
export const TOKEN_TTL_MAX_MS = 315_576_000_000

/** A silent request on the API is cut off after this long, unless it is one that waits on purpose. */
export const API_IDLE_TIMEOUT_S = 30
/** How long a closing API listener may take to finish what it is answering. */
export const API_CLOSE_TIMEOUT_MS = 500
/** No token that ovl makes is as long; a longer one is not even looked up. */
export const TOKEN_MAX_CHARS = 1_024
/** The longest path of a Unix socket: sockaddr_un's sun_path less its terminating zero (unix(7)). */
export const SOCKET_PATH_MAX_BYTES = 107
/** Consul's blocking queries: the wait when none is asked for, and the longest that may be asked for. */
export const KV_WAIT_DEFAULT_MS = 300_000
export const KV_WAIT_MAX_MS = 600_000
/** The same with the sixteenth that is added at most, so that not all come back together. */
export const KV_WAIT_LONGEST_MS = 637_500
/** Requests that wait for a change, all together; and the answers that those who wake at once share. */
export const HTTP_WAITERS_MAX = 100_000
export const SHARED_ANSWERS_MAX_BYTES = 16_777_216
/** Headers of answers that are kept ready for those who ask again. */
export const KEPT_HEADERS_MAX = 1_024
/** A listing is sent in pieces of about this size, and read from the store so many keys at once. */
export const LISTING_PIECE_BYTES = 262_144
export const LISTING_PAGE_MAX_KEYS = 1_024
/** Consul's limits of a transaction: its operations, and (unlike Consul's, with room for base64) its body. */
export const TXN_OPERATIONS_MAX = 128
export const TXN_BODY_MAX_BYTES = 12_582_912
/** The longest body that a client node passes on to a server: less than a frame. */
export const FORWARD_BODY_MAX_BYTES = 12_582_912
/** Consul's session_ttl_min, and the longest that a session may live without renewal. */
export const SESSION_TTL_MIN_MS = 10_000
export const SESSION_TTL_MAX_MS = 86_400_000
/** Segments of a KV path in which `..` is looked for before Bun resolves it away. */
export const KV_DOT_SEGMENTS_MAX = 16
/** Events that may wait for one slow reader of the event stream before it is cut off. */
export const EVENT_QUEUE_MAX_EVENTS = 1_024
/** Events that a node remembers, for those who ask for what was. */
export const EVENT_HISTORY_MAX_EVENTS = 1_000
/** A silent event stream says that it lives at least this often. */
export const EVENT_KEEPALIVE_MS = 15_000
/** How a workload's log is read: in pieces of this size, and looked at for more this often while it is followed. */
export const LOG_CHUNK_BYTES = 65_536
export const LOG_POLL_MS = 200
/** What a follower remembers of its last piece, to find its place again after the log dropped its older half. */
export const LOG_REMEMBERED_BYTES = 256
/** Descriptors that a daemon asks the kernel for: one for each of HTTP_WAITERS_MAX, and room beside them. */
export const OPEN_FILES_WANTED = 131_072
/** The longest that `stop` may be asked to wait before it kills. */
export const STOP_GRACE_MAX_MS = 3_600_000

/** Keys of the store: as long as any URL carries. */
export const STORE_KEY_MAX_BYTES = 65_536
/** One value of the store: Consul's limit twice over, for ovl's own records. */
export const STORE_VALUE_MAX_BYTES = 1_048_576
/** One transaction: its compares, its operations, and all its keys and values together. */
export const TRANSACTION_PARTS_MAX = 4_096
export const TRANSACTION_MAX_BYTES = 8_388_608
/** What shares one commit, and what waits for it, in bytes of keys and values. */
export const COMMIT_BATCH_MAX_BYTES = 8_388_608
export const COMMIT_QUEUE_MAX_BYTES = 67_108_864
/** Change events kept in memory for watchers that resume, in bytes of keys and values. */
export const WATCH_HISTORY_MAX_BYTES = 16_777_216
export const WATCHERS_MAX = 100_000
/** Lease ids (Consul: session ids), and the range of a lease's time to live. */
export const LEASE_ID_MAX_BYTES = 128
export const LEASE_TTL_MIN_MS = 100
export const LEASE_TTL_MAX_MS = 86_400_000
export const LEASES_MAX = 100_000
/** Leases that expire together share one command; one whose expiry could not be written is tried again after this. */
export const LEASES_PER_EXPIRY_MAX = 1_024
export const LEASE_RETRY_MS = 1_000
/** A lease expires its TTL after the last renewal plus a quarter of the TTL, but no more than this. */
export const LEASE_GRACE_MAX_MS = 2_000
/** Deleted keys and emptied folders of which the store remembers one by one when they went. */
export const TOMBSTONES_MAX = 65_536
/** As many of them does one command make; what it deletes beyond that is remembered by folder only. */
export const TOMBSTONES_PER_COMMAND_MAX = 4_096
/** Folders of a key, counted from its beginning, of which the store keeps the last change. */
export const FOLDER_DEPTH_MAX = 32
/** Sessions, their names, nodes and checks, and the longest that their keys stay locked after them: Consul's bound. */
export const SESSIONS_MAX = 100_000
export const SESSION_TEXT_MAX_BYTES = 1_024
export const SESSION_CHECKS_MAX = 64
export const SESSION_LOCK_DELAY_MAX_MS = 60_000
/** Keys that may not be locked for a while after their session's end; when there are more, the oldest are free again. */
export const LOCK_DELAYS_MAX = 100_000
/** All that the verbs of one transaction read. */
export const KV_RESULT_MAX_BYTES = 67_108_864
/** Older states of the store that are kept for their readers at once, and for how long one that nobody reads. */
export const STORE_VIEWS_MAX = 64
export const STORE_VIEW_IDLE_MS = 60_000
/** A piece of a snapshot, and the longest header and row that one may have. */
export const SNAPSHOT_CHUNK_BYTES = 65_536
export const SNAPSHOT_ROW_MAX_BYTES = 2_097_152
/** Keys that a command deletes in one go before the event loop gets a turn. */
export const DELETE_SLICE_KEYS = 1_024
/** A restore's snapshot on its way through the log: bytes of a piece, and pieces. The store refuses a larger one. */
export const RESTORE_PIECE_MAX_BYTES = 524_288
export const RESTORE_PIECES_MAX = 8_192
/** A piece of the raw state for a member that lags too far; one row that is larger has a piece to itself. */
export const STATE_PIECE_MAX_BYTES = 1_048_576
/** Rows of a generation that is not wanted any more, deleted along with each commit. */
export const GENERATION_DROP_ROWS = 1_024
export const GENERATION_DROP_INLINE_ROWS = 128
/** Keys that a walk over changed tables looks at in one go when it meets only deleted ones. */
export const OVERLAY_SKIP_KEYS = 256
/** Rows that a walk over the store reads at once. */
export const STORE_PAGE_MAX_ROWS = 64
/** Set aside on disk, and given up when it is full, so that deleting still works. */
export const STORE_RESERVE_BYTES = 1_048_576
/** With less room than this left on the disk, a commit that failed failed for want of it. */
export const STORE_ROOM_MIN_BYTES = 2_097_152

/** Listings of tracked connections, one a port, at a change of published ports; for more ports than that, one of them all. */
export const CONNECTION_LISTS_MAX = 8

/** Members in one chain of the VXLAN filter; more are divided by prefix. */
export const VXLAN_FILTER_LEAF_MAX = 16
/** How long iptables waits for another one that holds its lock, and when it is given up altogether. */
export const IPTABLES_LOCK_WAIT_SECONDS = 5
export const IPTABLES_TIMEOUT_MS = 10_000
/** Netlink sockets kept open, one a hidden namespace; the one unused longest is closed. */
export const HIDDEN_SOCKETS_MAX = 256
/** Workloads' namespaces kept open while one plan is carried out. */
export const HELD_NAMESPACES_MAX = 64
/** Failed operations that one error names; a broken namespace would otherwise fill the log. */
export const APPLY_FAILURES_NAMED_MAX = 3
/** How often a node looks at all that its kernel holds, and how soon again after a failure. */
export const RECONCILE_INTERVAL_MS = 10_000
export const RECONCILE_RETRY_MS = 1_000
/** Of a workload in which nothing was told to have changed, in how many looks its interfaces are read once all the same. */
export const WORKLOAD_READ_EVERY_LOOKS = 6
/** How often it is asked what changed in the kernel; an answer of "nothing" costs some microseconds. */
export const WATCH_POLL_MS = 100
/** How often is looked at what the kernel tells nobody of: what is pinned where, sysctls. */
export const WATCH_GLANCE_MS = 1_000
/** What changed while this node itself was writing is looked at this much later, once for many writes. */
export const WATCH_OWN_DELAY_MS = 1_000
/** Namespaces that are looked at in one go, and the pause in which everybody else gets a turn. */
export const WATCH_SLICE_PLACES = 8
export const WATCH_YIELD_MS = 1
/** After a look that took a time, none for so many times that time; but for WATCH_PAUSE_MAX_MS at most. */
export const WATCH_PAUSE_FACTOR = 10
export const WATCH_PAUSE_MAX_MS = 1_000
/** Notices of the kernel taken in at once; the rest waits for the next time. */
export const NOTICES_READ_MAX = 16_384
/** How long this node's address may be missing before another one is taken for it: whoever renumbers does it in steps. */
export const VTEP_SETTLE_MS = 300
export const VTEP_RETRY_MS = 1_000
/** How often a leader knocks at clients that are not heard from, at how many at once, and how long it waits at one. */
export const KNOCK_INTERVAL_MS = 3_000
export const KNOCKS_AT_ONCE_MAX = 64
export const KNOCK_TIMEOUT_MS = 2_000
/** A new node waits so long for the address that it is to advertise; then it ends, and may be started again. */
export const VTEP_NEW_WAIT_MS = 60_000
/** Repairs told one by one when one look finds many; the rest is a number. */
export const REPAIRS_TOLD_MAX = 20
/** Lines of a firewall's repair that are told; the rest is a number. */
export const RULES_TOLD_MAX = 5
/** Paths remembered as those of network namespaces. */
export const IDENTIFIED_NAMESPACES_MAX = 4_096
/** Links of the host that are asked for one by one; if more are wanted, all are listed. */
export const HOST_LINKS_ASKED_MAX = 64
/** How long making a vxlan device waits for one that the kernel is just destroying. */
export const VNI_RELEASE_WAIT_MS = 500
export const VNI_RELEASE_STEP_MS = 20
/** Namespaces looked into for the owner of a VNI that is taken. */
export const NAMESPACE_SEARCH_MAX = 4_096

/** Frames that may wait for the reader of a packet socket: some 5,000 of full size. */
export const PACKET_BUFFER_BYTES = 8_388_608
/**
 * Endpoints on a network's bridge on one node, and on the egress bridge. Not what a bridge has ports for, which is 1,023
 * (BR_MAX_PORTS, net/bridge/br_private.h): a broadcast is queued once for each port, all in one go, and the kernel's queue
 * takes 1,000 (net.core.netdev_max_backlog); the ports made first would never hear an ARP.
 */
export const BRIDGE_ENDPOINTS_MAX = 1_000
/** Interfaces named ethN in one namespace. */
export const INTERFACES_PER_NAMESPACE_MAX = 1_024
/** Linux PID_MAX_LIMIT on 64 bits (include/linux/threads.h). */
export const PID_MAX = 4_194_304
/** How long a starting client waits for a server before it goes on with what it has. */
export const FIRST_SYNC_WAIT_MS = 3_000
/** How long `down` gives a daemon after SIGTERM, and again after SIGKILL. */
export const DAEMON_STOP_TIMEOUT_MS = 5_000
/** How long an answer about a workload may be kept by whoever asked: no longer than it may stay wrong. */
export const DNS_TTL_SECONDS = 1
/** Resolvers that the C library looks at (MAXNS, resolv.h). */
export const DNS_RESOLVERS_MAX = 3
/** In a workload's resolv.conf: more than DNS_FORWARD_TIMEOUT_MS, so that our own word comes first. */
export const DNS_CLIENT_TIMEOUT_S = 2
/** How long a question waits for the host's resolvers; where all of them have been silent when last asked, less. */
export const DNS_FORWARD_TIMEOUT_MS = 1_500
export const DNS_FORWARD_SILENT_MS = 200
/** So long they are listened to, as a slow one is no dead one; and a failure is not tried again for the same client. */
export const DNS_FORWARD_LISTEN_MS = 4_000
export const DNS_FAILURE_KEPT_MS = 1_000
export const DNS_FAILURES_MAX = 1_024
/** When the next resolver is asked while the one before is silent; and how often any is asked about one question. */
export const DNS_FORWARD_NEXT_MS = 400
export const DNS_FORWARD_ASKS_MAX = 4
/** Questions on their way to the host's resolvers: in all, and of one workload on one network. */
export const DNS_FORWARDS_MAX = 512
export const DNS_FORWARDS_PER_CLIENT_MAX = 128
/** How often the host's resolv.conf is looked at for changes, at most. */
export const DNS_RESOLV_CONF_CHECK_MS = 500
export const DNS_RESOLV_CONF_MAX_BYTES = 65_536
/** Questions by UDP from one address that are answered within one window: what comes above is dropped. */
export const DNS_QUESTIONS_PER_WINDOW_MAX = 5_000
export const DNS_WINDOW_MS = 100
/** Addresses of one network that are heard within one window. */
export const DNS_CLIENTS_PER_WINDOW_MAX = 4_096
/** TCP connections to the names of one network: in all, and of one address. */
export const DNS_CONNECTIONS_MAX = 256
export const DNS_CONNECTIONS_PER_CLIENT_MAX = 32
/** One that says nothing for so long is closed (RFC 7766 6.2.3). */
export const DNS_CONNECTION_IDLE_S = 5
/** A question by TCP; and questions under way on one connection, and answers that wait to be read there. */
export const DNS_QUESTION_MAX_BYTES = 4_096
export const DNS_CONNECTION_QUESTIONS_MAX = 64
export const DNS_CONNECTION_BACKLOG_MAX_BYTES = 262_144
/** A gateway address that could not be listened on is tried again so much later. */
export const DNS_LISTEN_RETRY_MS = 200
/** What lasts so long is told as a problem: an IPv6 address is looked for elsewhere for a second or two before it is one. */
export const DNS_TROUBLE_AFTER_MS = 3_000

/** A lab's file: its length, how deep it may be nested, and how many of its mistakes are told at once. */
export const LAB_FILE_MAX_BYTES = 262_144
export const LAB_FILE_MAX_DEPTH = 16
export const LAB_FILE_MISTAKES_MAX = 10
/** What one lab may hold: a node is a daemon of some 60 MB. */
export const LAB_NODES_MAX = 32
export const LAB_NETWORKS_MAX = 64
export const LAB_WORKLOADS_MAX = 256
export const LAB_EXPECTATIONS_MAX = 512
export const LAB_CUTS_MAX = 128
export const LAB_TEXT_MAX_CHARS = 4_096
export const LAB_COMMAND_MAX_WORDS = 128
/** The rate of a lab's cable. */
export const LAB_RATE_MIN_BITS = 64_000
export const LAB_RATE_MAX_BITS = 30_000_000_000
/** What waits at a cable of a limited rate before it is dropped, and what may pass at once. */
export const LAB_RATE_LATENCY_MS = 50
export const LAB_RATE_BURST_MS = 10
export const LAB_RATE_BURST_MIN_BYTES = 16_384
/** How long a lab waits for a node's daemon, and what it was told, to be ready; and for what it ends to be gone. */
export const LAB_READY_TIMEOUT_MS = 15_000
export const LAB_STOP_TIMEOUT_MS = 10_000
/** Between two looks at whether they are. */
export const LAB_POLL_MS = 10
/** How often a lab whose directory vanished while its lock was taken is looked for again. */
export const LAB_LOCK_ATTEMPTS_MAX = 8
/** How often a lab host's mount namespace is made anew to get one that can be pinned. */
export const LAB_PIN_ATTEMPTS_MAX = 8
/** The log of a lab's daemon begins anew at its next start once it is longer than this. */
export const LAB_LOG_MAX_BYTES = 1_048_576
/** How long a check waits for an answer that should come, and for one that should not. */
export const LAB_ANSWER_TIMEOUT_MS = 1_000
export const LAB_SILENCE_MS = 150
/** Pairs of `all of NETWORK reach each other` that are asked at the same time: a socket each. */
export const LAB_ASKS_AT_ONCE_MAX = 512
/** How long a check looks on after the last frame that should come has come, for those that should not. */
export const LAB_SETTLE_MS = 50
/** Frames that one capture of a check reads. */
export const LAB_CAPTURE_MAX_FRAMES = 16_384
/** An HTTP answer that a check reads. */
export const LAB_HTTP_MAX_BYTES = 1_048_576
/** Room that must be free where the LMDB addon (3.5 MB) is unpacked. */
export const UNPACK_MIN_BYTES = 8_388_608

/** Names of one `ovl detach` or `ovl rm` that are asked for at a time: they go together. */
export const NAMES_AT_ONCE_MAX = 128
/** `ovl kv import`: what it reads, and the keys and values of one transaction: as base64 far below TXN_BODY_MAX_BYTES. */
export const KV_IMPORT_MAX_BYTES = 536_870_912
export const KV_IMPORT_BATCH_MAX_BYTES = 4_194_304
/** Between two tries of `ovl kv watch` while no daemon answers: doubled each time. */
export const KV_WATCH_RETRY_MIN_MS = 100
export const KV_WATCH_RETRY_MAX_MS = 5_000

/** Ticks of the consensus core (one is 50 ms) between heartbeats, and until a silent leader is given up. */
export const RAFT_HEARTBEAT_TICKS = 1
export const RAFT_ELECTION_TICKS = 6
/** Entries in one append to a follower, and the window of what is on its way to it unacknowledged. */
export const RAFT_APPEND_MAX_BYTES = 1_048_576
export const RAFT_INFLIGHT_MAX_MESSAGES = 64
export const RAFT_INFLIGHT_MAX_BYTES = 4_194_304
/** Committed entries handed out to be applied and not yet applied. */
export const RAFT_APPLY_MAX_BYTES = 16_777_216
/** Proposed and not yet committed: more is refused as busy. */
export const RAFT_UNCOMMITTED_MAX_BYTES = 16_777_216
/** Reads that wait for their confirmation by a quorum at once. */
export const RAFT_READS_MAX = 16_384
/** One tick of the consensus core. */
export const RAFT_TICK_MS = 50
/** The latest entries of the log, kept in memory. */
export const RAFT_TAIL_MAX_BYTES = 8_388_608
export const RAFT_TAIL_MAX_ENTRIES = 4_096
/** Entries that share one commit; more only where one alone is larger. */
export const RAFT_ROUND_MAX_BYTES = 1_048_576
/** Changed rows that are only in the log and in memory: more are written out with the next commit, or when idle for so long. */
export const RAFT_OVERLAY_MAX_ENTRIES = 4_096
export const RAFT_OVERLAY_MAX_ROWS = 4_096
export const RAFT_OVERLAY_MAX_BYTES = 262_144
export const RAFT_LAZY_APPLY_TICKS = 10
/** A log that is longer than the first is cut, in slices, until it has no more than the second behind what is applied. */
export const RAFT_LOG_MAX_ENTRIES = 20_000
export const RAFT_LOG_KEPT_ENTRIES = 10_000
export const RAFT_LOG_MAX_BYTES = 67_108_864
export const RAFT_LOG_KEPT_BYTES = 33_554_432
export const RAFT_COMPACT_SLICE_ENTRIES = 512
/** How long a server that lost the lead waits to hear what became of what it proposed; and a read for its confirmation. */
export const RAFT_PROPOSAL_TIMEOUT_TICKS = 60
export const RAFT_READ_TIMEOUT_TICKS = 60
/** A read that was not confirmed by then is asked for again. */
export const RAFT_READ_RETRY_TICKS = 6
/** How long a closing member of several waits to hear what became of what it proposed. */
export const RAFT_CLOSE_TICKS = 20
/** A commit that failed because the disk is full is tried again this often. */
export const RAFT_FULL_RETRY_TICKS = 10
/** A handover, and a change of membership, that took longer has failed. */
export const RAFT_TRANSFER_TIMEOUT_TICKS = 60
/** States kept for members that pull them, and for how long one that nobody reads any more, or has not begun to. */
export const RAFT_SNAPSHOTS_MAX = 4
export const RAFT_SNAPSHOT_IDLE_TICKS = 200
export const RAFT_SNAPSHOT_UNHEARD_TICKS = 40
/** How often a piece of a state is asked for before the whole of it is given up. */
export const RAFT_SNAPSHOT_PIECE_ATTEMPTS_MAX = 20
/**
 * What waits to be sent to another server: of votes, heartbeats and answers, and of entries. When it is more, the oldest
 * appends are given up: Raft sends them again.
 */
export const RAFT_QUEUE_MAX_MESSAGES = 4_096
export const RAFT_QUEUE_MAX_BYTES = 16_777_216
/** As much is handed to the socket before it has gone out: what is there cannot be given up any more. */
export const RAFT_AHEAD_MAX_BYTES = 1_048_576
/** Between two tries to reach another server: doubled each time, and a part of it left to chance. */
export const RAFT_REDIAL_MIN_MS = 50
export const RAFT_REDIAL_MAX_MS = 500
/** How long one try may take: a host that is away must not keep a server waiting that is back already. */
export const RAFT_CONNECT_TIMEOUT_MS = 1_000
/** Signs of life between servers; see PEER_KEEPALIVE_MS. After a long silence TCP itself tries again too seldom. */
export const RAFT_KEEPALIVE_MS = 500
/** One piece of a snapshot asked of another server. */
export const RAFT_PIECE_TIMEOUT_MS = 10_000

/** A learner that lacks fewer entries than this, and was heard from so lately, keeps up (Consul's autopilot has 250 and 200 ms). */
export const MEMBER_LAG_MAX_ENTRIES = 1_000
export const MEMBER_CONTACT_MAX_MS = 200
/** How long it must keep up before it gets its vote, where so many others vote already. */
export const MEMBER_STABLE_MS = 10_000
export const MEMBER_STABLE_FROM_VOTERS = 3
/** A voter that the leader has not heard from for so long is not counted on when another one is to go, or comes. */
export const MEMBER_LIVE_MAX_MS = 1_000
/** For so long, and it is called lost. */
export const MEMBER_LOST_MS = 3_000
/** How often the leader compares the servers with the nodes' records; and after a failure, doubled each time. */
export const MEMBERS_CHECK_MS = 250
export const MEMBERS_RETRY_MAX_MS = 1_000
/** How long a change of who leads or who votes waits for its turn among others, and between two tries. */
export const MEMBER_CHANGE_WAIT_MS = 3_000
export const MEMBER_CHANGE_RETRY_MS = 50
/** Ids tried for a new server before joining is given up: two alike have never been seen. */
export const MEMBER_ID_ATTEMPTS_MAX = 8

/** How long a call waits for a leader to be there and to take it: less than a client's wait for its answer. */
export const LEADER_WAIT_MS = 2_500
/** Between two tries meanwhile, where nothing tells that there is a new one. */
export const LEADER_RETRY_MS = 50
/** How long a call still waits for the answer of a leader that leads no more. */
export const LEADER_GRACE_MS = 500
/** To connect to the leader. */
export const LEADER_CONNECT_TIMEOUT_MS = 1_000
/** The longest that a call may take at a leader that goes on leading: a deletion of millions of keys, a restore. */
export const FORWARD_TIMEOUT_MS = 30_000
export const FORWARD_RESTORE_TIMEOUT_MS = 600_000
/** A snapshot on its way to the leader: its pieces, and how long the leader waits for the next one; how many at once. */
export const FORWARD_PIECE_BYTES = 524_288
export const FORWARD_RESTORE_IDLE_MS = 30_000
export const FORWARD_RESTORES_MAX = 4
/** How long a forwarded write waits to be read back on the member that forwarded it. */
export const FORWARD_READ_BACK_MS = 2_000
/** How long a server that is behind what a stale reader knows already lets it wait. */
export const STALE_CATCH_UP_MS = 1_000
/** Ids of removed nodes that a server remembers, so that it need not ask the leader about them. */
export const REMOVED_NODES_MAX = 1_024
/** What nodes have programmed, told by one server to the leader in one message. */
export const REPORTS_PER_CALL_MAX = 4_096

/**
 * How long a starting server waits to hear that it still belongs to its cluster, how often it looks, and how many looks in a
 * row must find it refused: a server that is itself behind may not know it yet.
 */
export const SERVER_ADMISSION_MS = 2_000
export const SERVER_ADMISSION_CHECK_MS = 25
export const SERVER_REFUSED_CHECKS = 40
/** How long a leader that ends tries to hand over: without that the others need as long to notice. */
export const SERVER_HANDOVER_MS = 1_000
/** A new server asks those that it knows by address who the others are, until it has been given the store. */
export const RAFT_INTRODUCTION_MS = 500

/**
 * Audit lines of what applications do all day, and of what is refused at the door: together fewer than the 10,000 in 30 s
 * at which journald begins to drop (journald.conf(5)). What a line says of its object; the file, and how many are kept.
 */
export const AUDIT_EVERYDAY_LINES_PER_SECOND_MAX = 250
export const AUDIT_REFUSED_LINES_PER_SECOND_MAX = 25
export const AUDIT_OBJECT_MAX_CHARS = 256
export const AUDIT_FILE_MAX_BYTES = 10_485_760
export const AUDIT_FILES_KEPT = 5

/** Completion on a command line: how long it waits for the daemon's names, and how many of them it offers. */
export const COMPLETION_WAIT_MS = 300
export const COMPLETION_NAMES_MAX = 500

/** Of each kind of object (FDB rows, neighbour rows, links, ...) that `network inspect --kernel` shows a line each for. */
export const KERNEL_ROWS_SHOWN_MAX = 50
