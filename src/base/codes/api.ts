/** The API: sockets, listeners and requests. */
import type { CodeTable } from "./row.ts"

export const API_CODES = {
  socket_forbidden: {
    kinds: ["forbidden"],
    means: "You may not use the daemon's socket.",
    causes: "It belongs to root, and to the group `ovl` where there is one.",
    remedy:
      "Use sudo, or become a member of the group: `usermod -aG ovl NAME`, then log in again. Its members are root on this node.",
  },
  connection_lost: {
    kinds: ["unavailable"],
    means: "The daemon broke off in the middle of a request.",
    causes: "It ended, or was killed. Whether the request was carried out is not known.",
    remedy: "`ovl status`, then look whether it was done.",
  },
  answer_malformed: {
    kinds: ["failed"],
    means: "What answered is no ovl daemon.",
    causes: "--socket names another program's socket.",
    remedy: "Check --socket.",
  },
  path_unknown: {
    kinds: ["not_found"],
    means: "There is no such path in the API.",
    causes: "A misspelt path, or a daemon of an older version.",
    remedy: "`/openapi.json` lists what there is.",
  },
  method_not_allowed: {
    kinds: ["usage"],
    means: "The path takes other methods than that (HTTP 405).",
    causes: "A GET in place of a POST, for example.",
    remedy: "The hint lists what is allowed.",
  },
  request_invalid: {
    kinds: ["usage", "invalid"],
    means: "The body of a request is not what is wanted there.",
    causes: "A missing or unknown field, or one of the wrong type; the message names it.",
    remedy: "`/openapi.json` has the schema.",
  },
  query_invalid: {
    kinds: ["usage"],
    means: "The query of a request is not what is wanted there.",
    causes: "An unknown parameter, or a value of the wrong type; the message names it.",
    remedy: "`/openapi.json` has the schema.",
  },
  json_malformed: {
    kinds: ["usage"],
    means: "The body of a request is not JSON.",
    causes: "A quoting mistake in a shell line.",
    remedy: "Check it with `jq .`.",
  },
  body_too_large: {
    kinds: ["too_large"],
    means: "The body of a request is too long.",
    causes: "More than this path takes.",
    remedy: "Send less at once.",
  },
  body_cut_off: {
    kinds: ["usage"],
    means: "The body of a request ended too early.",
    causes: "The caller broke off, or its Content-Length is wrong.",
    remedy: "Send it again.",
  },
  host_refused: {
    kinds: ["forbidden"],
    means: "The Host of a request is neither an address nor localhost.",
    causes: "A name that resolves to this host: a web page could be behind it (DNS rebinding).",
    remedy: "Ask by address, or over the socket.",
  },
  origin_refused: {
    kinds: ["forbidden"],
    means: "The request comes from a web page of another site.",
    causes: "A browser sends its Origin.",
    remedy: "Ask from a page of the API's own host, or without a browser.",
  },
  socket_only: {
    kinds: ["forbidden"],
    means: "That is done over the node's Unix socket alone.",
    causes: "It would make root of whoever has a token.",
    remedy: "Run ovl on the node itself.",
  },
  port_in_use: {
    kinds: ["conflict"],
    means: "The port that the daemon should listen on is in use.",
    causes: "Another daemon, or Consul itself on 8500.",
    remedy: "`ss -tlnp` shows who; choose another with --http or --bind.",
  },
  port_forbidden: {
    kinds: ["forbidden"],
    means: "The daemon may not listen on that port.",
    causes: "Ports below 1024 need root.",
    remedy: "Choose a port above 1023.",
  },
  port_unusable: {
    kinds: ["failed"],
    means: "The daemon cannot listen there.",
    causes: "The reason is in the message.",
    remedy: "Choose another with the option that the hint names.",
  },
  listen_failed: {
    kinds: ["failed"],
    means: "The daemon cannot listen there.",
    causes: "The reason is in the message.",
    remedy: "Choose another address or port.",
  },
  address_not_local: {
    kinds: ["invalid"],
    means: "The daemon should listen on an address that this host does not have.",
    causes: "A misspelt address, or an interface that is not up yet.",
    remedy: "Name one that `ip address` shows, or 0.0.0.0.",
  },
  address_unavailable: {
    kinds: ["failed"],
    means: "The API cannot listen on that address.",
    causes: "This host does not have it, or the reason in the message.",
    remedy: "Choose another one with --http, or `--http off`.",
  },
  socket_failed: {
    kinds: ["failed"],
    means: "The daemon's socket cannot be made.",
    causes: "The reason is in the message: a directory that is not there, a read-only file system.",
    remedy: "Choose another --run-dir.",
  },
  socket_in_use: {
    kinds: ["conflict"],
    means: "A daemon listens on that socket.",
    causes: "A second daemon with the same --run-dir.",
    remedy: "Give each daemon a --run-dir of its own.",
  },
  socket_path_invalid: {
    kinds: ["usage"],
    means: "The path of the socket is too long for Linux.",
    causes: "Unix sockets have at most 107 bytes of path.",
    remedy: "Choose a shorter --run-dir.",
  },
  socket_path_taken: {
    kinds: ["conflict"],
    means: "Something that is no socket is where the socket should be.",
    causes: "A file of that name.",
    remedy: "Remove it, or choose another --run-dir.",
  },
  tls_missing: {
    kinds: ["usage"],
    means: "An address that is not loopback needs TLS.",
    causes: "`--http 0.0.0.0:8500`.",
    remedy: "Keep --http on 127.0.0.1; other nodes have their own daemons.",
  },
  tmp_noexec: {
    kinds: ["failed"],
    means: "No directory was found into which a library can be unpacked and loaded.",
    causes: "/tmp and the daemon's directories are mounted noexec.",
    remedy: "Mount one of them with exec, or choose another --run-dir.",
  },
  tmp_unusable: {
    kinds: ["failed"],
    means: "A library could not be unpacked.",
    causes: "No space left, or no directory that can be written.",
    remedy: "Make room, or choose another --run-dir or --data-dir.",
  },
} as const satisfies CodeTable
