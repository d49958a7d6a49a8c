/** Installing ovl as a service, and the audit. */
import type { CodeTable } from "./row.ts"

export const SERVICE_CODES = {
  install_mode_invalid: {
    kinds: ["usage"],
    means: "The words after `ovl install` say no way to start a node, or an option belongs to the other one.",
    causes: "Another verb than serve or join, a server's address after serve, or --token with serve.",
    remedy: "`ovl install serve` on the first host, `ovl install join SERVER --token-file FILE` on every other one.",
  },
  install_from_source: {
    kinds: ["failed"],
    means: "The program that runs is a checkout of the sources, which cannot be copied to another place.",
    causes: "`bun src/main.ts install`.",
    remedy: "`make build`, then `dist/ovl install`.",
  },
  install_record_corrupt: {
    kinds: ["failed"],
    means: "The record of what was installed, /etc/ovl/installed.json, cannot be understood.",
    causes: "It was edited, or the disk was full.",
    remedy: "Remove it, and let `ovl install --force` write all files and the record anew.",
  },
  service_failed: {
    kinds: ["failed"],
    means: "systemd refused the service, or it did not become ready.",
    causes: "The daemon could not start: a port in use, a server that is away, a token that was refused.",
    remedy: "`journalctl -u ovl -n 50` has the daemon's own words. Then call `ovl install` again.",
  },
  token_staged: {
    kinds: ["usage"],
    means: "A join token was given together with --root.",
    causes: "An image would carry the token to everybody who has the image.",
    remedy: "Leave it out, and put one into /etc/ovl/join-token (0600) on each host before its first start.",
  },
  audit_log_unwritable: {
    kinds: ["usage"],
    means: "The file for the audit cannot be opened for writing.",
    causes: "Its directory is not there, it is a directory itself, or the file system is read-only.",
    remedy: "Name a file in a directory that is there with --audit-log.",
  },
} as const satisfies CodeTable
