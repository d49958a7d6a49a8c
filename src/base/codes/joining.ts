/** Joining: tokens, addresses and identities. */
import type { CodeTable } from "./row.ts"

export const JOINING_CODES = {
  name_differs: {
    kinds: ["conflict"],
    means: "The data directory is that of a node of another name.",
    causes: "--name was changed, or the directory copied.",
    remedy: "Leave out --name, or give a new node a --data-dir of its own.",
  },
  address_family: {
    kinds: ["conflict"],
    means: "The node's address is IPv4 and the cluster's are IPv6, or the other way round.",
    causes: "VTEPs of a cluster are all of one family.",
    remedy: "Give an address of the other family with --advertise.",
  },
  address_missing: {
    kinds: ["usage"],
    means: "No address could be chosen for this node.",
    causes: "The host has no default route and no global address.",
    remedy: "Name one with --advertise.",
  },
  address_unknown: {
    kinds: ["invalid"],
    means: "No interface of this host has the address that it should advertise.",
    causes: "A misspelt --advertise, or an address behind NAT.",
    remedy: "Name one that the hint lists.",
  },
  identity_corrupt: {
    kinds: ["failed"],
    means: "The file that says who this node is cannot be understood.",
    causes: "A damaged disk, or it was edited.",
    remedy: "Restore it from a backup; or `ovl node rm` it elsewhere, empty the data directory and join again.",
  },
  token_missing: {
    kinds: ["usage", "unauthorized"],
    means: "A token is needed and none was given.",
    causes: "`ovl join` without --token, or a request over TCP without one.",
    remedy: "`ovl token create` makes one; over TCP send `Authorization: Bearer TOKEN`, or use the socket.",
  },
  token_twice: {
    kinds: ["usage"],
    means: "The token was given twice.",
    causes: "--token and --token-file from the same source.",
    remedy: "Leave one of them out.",
  },
  token_unreadable: {
    kinds: ["not_found", "failed"],
    means: "The file with the token cannot be read.",
    causes: "A misspelt path, or its permissions.",
    remedy: "Check --token-file.",
  },
  token_malformed: {
    kinds: ["forbidden"],
    means: "That is not a whole token.",
    causes: "It was cut off when it was copied.",
    remedy: "Copy all of what `ovl token create` printed; it begins with `ovl1.`.",
  },
  token_unknown: {
    kinds: ["not_found", "forbidden"],
    means: "The cluster does not know the token.",
    causes: "It was removed, has expired long ago, or is of another cluster.",
    remedy: "`ovl token ls` lists the valid ones; make a new one with `ovl token create`.",
  },
  token_expired: {
    kinds: ["forbidden"],
    means: "The token is not valid any more.",
    causes: "Its time is over (24 h by default), or its uses are used up.",
    remedy: "Make a new one: `ovl token create`.",
  },
  token_role: {
    kinds: ["forbidden"],
    means: "The token does not allow that.",
    causes: "A client's token for a server, or a reading one for a change.",
    remedy: "`ovl token create --role server`.",
  },
  token_wrong_cluster: {
    kinds: ["forbidden"],
    means: "The token is of another cluster than the server that was asked.",
    causes: "Two clusters, and a mixed-up address.",
    remedy: "Make the token on a server of the cluster that is to be joined.",
  },
  tokens_exhausted: {
    kinds: ["conflict"],
    means: "There are as many tokens as there can be.",
    causes: "A script makes them and never removes any.",
    remedy: "`ovl token rm ID` those that are not needed; or use one several times.",
  },
  join_failed: {
    kinds: ["unavailable", "forbidden", "usage"],
    means: "None of the named servers let this node in.",
    causes: "Each reason is in the message.",
    remedy: "Follow the hint, which is that of the most telling one.",
  },
  ids_exhausted: {
    kinds: ["failed"],
    means: "No unused id was found.",
    causes: "The host's source of chance is broken.",
    remedy: "Look at /dev/urandom.",
  },
  forbidden: {
    kinds: ["forbidden"],
    means: "A node asked for what only another one may ask for.",
    causes: "A client's daemon that claims to be another node; a stranger.",
    remedy: "Ask that node's own daemon; join the cluster first.",
  },
} as const satisfies CodeTable
