/** Labs. */
import type { CodeTable } from "./row.ts"

export const LAB_CODES = {
  lab_not_found: {
    kinds: ["not_found"],
    means: "No lab of that name is up.",
    causes: "It was brought down, or its name is another one.",
    remedy: "`ovl lab ls` lists them; `ovl lab up` brings one up.",
  },
  lab_ambiguous: {
    kinds: ["usage"],
    means: "Several labs are up, and none was named.",
    causes: "`ovl lab verify` or `exec` with two labs on the machine.",
    remedy: "Say which one with --name.",
  },
  lab_busy: {
    kinds: ["conflict"],
    means: "Another ovl is at work on that lab.",
    causes: "Two terminals.",
    remedy: "Wait until it is done.",
  },
  lab_differs: {
    kinds: ["conflict"],
    means: "A lab of that name is up and cannot be changed into what the file says.",
    causes: "Something was changed that is fixed once it is made; the message names it.",
    remedy: "`ovl lab down` first, or give this one another --name.",
  },
  lab_network_in_use: {
    kinds: ["conflict"],
    means: "A network of the lab cannot be replaced, as others are on it.",
    causes: "A workload that was started by hand.",
    remedy: "Take it off, as the hint shows.",
  },
  lab_file_invalid: {
    kinds: ["usage"],
    means: "The lab's file has mistakes; each is shown with its line and column.",
    causes: "A misspelt key, a reference to something that is not in the file, an address twice.",
    remedy: "Correct them; `ovl lab validate FILE` checks and makes nothing.",
  },
  lab_incomplete: {
    kinds: ["failed"],
    means: "The lab was not brought up to its end, or part of it is gone.",
    causes: "`ovl lab up` was interrupted, or somebody removed a device.",
    remedy: "`ovl lab up` again: it repairs.",
  },
  lab_inside: {
    kinds: ["conflict"],
    means: "This is a host of a lab, and labs belong to the machine.",
    causes: "A shell that was opened with `ovl lab exec`.",
    remedy: "Leave it first.",
  },
  lab_directory_failed: {
    kinds: ["failed"],
    means: "A directory of the lab cannot be made.",
    causes: "No room in /run or /var/lib.",
    remedy: "Make room there.",
  },
  lab_host_failed: {
    kinds: ["failed"],
    means: "A host of the lab cannot be made.",
    causes: "No rights to make namespaces, or limits of the host.",
    remedy: "Run it as root; look at `dmesg`.",
  },
  host_incomplete: {
    kinds: ["unavailable"],
    means: "A host of the lab is only half made.",
    causes: "`ovl lab up` was interrupted.",
    remedy: "`ovl lab up` again: it repairs.",
  },
  host_not_found: {
    kinds: ["not_found"],
    means: "The lab has no host of that name.",
    causes: "A misspelt name.",
    remedy: "The hint lists the hosts.",
  },
  lab_link_gone: {
    kinds: ["failed"],
    means: "A link of the lab went away while it was made.",
    causes: "Another program removed it.",
    remedy: "`ovl lab up` again.",
  },
  lab_link_invalid: {
    kinds: ["usage"],
    means: "Both ends of the link are the same.",
    causes: "A name twice.",
    remedy: "Name another node, or `underlay`.",
  },
  lab_cut_refused: {
    kinds: ["failed"],
    means: "Links cannot be cut on this machine.",
    causes: "The kernel has no nf_tables for bridges.",
    remedy: "`modprobe nf_tables`; CONFIG_NF_TABLES_BRIDGE.",
  },
  lab_rate_refused: {
    kinds: ["failed"],
    means: "Rates cannot be limited on this machine.",
    causes: "The kernel has no tbf.",
    remedy: "`modprobe sch_tbf`, or leave the rates out of the file.",
  },
  lab_node_down: {
    kinds: ["unavailable"],
    means: "The daemon of a lab's node does not run.",
    causes: "It was stopped or it died.",
    remedy: "`ovl lab up` starts it again.",
  },
  lab_node_failed: {
    kinds: ["failed"],
    means: "The daemon of a lab's node did not become ready.",
    causes: "Its last words are in the message.",
    remedy: "See its log, which the hint names.",
  },
  lab_not_ready: {
    kinds: ["unavailable"],
    means: "A node of the lab does not see the others in time.",
    causes: "A very busy machine, or links that are down.",
    remedy: "Ask it: `ovl lab exec HOST -- ovl status`; then `ovl lab up` again.",
  },
  lab_processes_left: {
    kinds: ["failed"],
    means: "Processes in the lab do not end.",
    causes: "They hang in the kernel.",
    remedy: "Look at them: `ps -o pid,stat,cmd -p PID`.",
  },
  probe_failed: {
    kinds: ["failed"],
    means: "A check of the lab could not listen where it should.",
    causes: "A port in use in a workload.",
    remedy: "`ovl lab up` again, then `ovl lab verify`.",
  },
  http_failed: {
    kinds: ["failed"],
    means: "A check of the lab got no HTTP answer.",
    causes: "The daemon or the service there does not answer.",
    remedy: "`ovl lab up` again, then `ovl lab verify`.",
  },
} as const satisfies CodeTable
