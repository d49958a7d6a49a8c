/** Files that the command line reads and writes, and the configuration. */
import type { CodeTable } from "./row.ts"

export const FILE_CODES = {
  config_not_found: {
    kinds: ["not_found"],
    means: "The configuration file that was named does not exist.",
    causes: "A misspelt path in --config or OVL_CONFIG. Only the default file may be missing.",
    remedy: "Check the path.",
  },
  config_unreadable: {
    kinds: ["forbidden", "failed"],
    means: "The configuration file cannot be read.",
    causes: "Its permissions, or it is a directory.",
    remedy: "`ls -l` it; the daemon reads it as root.",
  },
  config_invalid: {
    kinds: ["usage"],
    means: "The configuration file has a mistake.",
    causes: "A misspelt key, a value of the wrong type, broken YAML. The message has file and line.",
    remedy:
      "Correct the line; keys are the long options without their dashes. `ovl config show` tells what would count.",
  },
  file_not_found: {
    kinds: ["not_found"],
    means: "A file that is to be read is not there.",
    causes: "A misspelt path, or another working directory than expected.",
    remedy: "Check the path.",
  },
  file_unreadable: {
    kinds: ["forbidden", "failed"],
    means: "A file cannot be read.",
    causes: "It is a directory, or its permissions forbid it.",
    remedy: "Check the path and who may read it.",
  },
  output_unwritable: {
    kinds: ["failed"],
    means: "Standard output leads to where nothing more can be written.",
    causes: "It is a file on a full disk.",
    remedy: "Make room, or write elsewhere; what was asked for may have been done all the same.",
  },
  file_unwritable: {
    kinds: ["forbidden", "failed"],
    means: "A file cannot be written.",
    causes: "No permission there, a full disk, or a read-only file system.",
    remedy: "Choose another place.",
  },
  file_special: {
    kinds: ["usage"],
    means: "The output file is a device, a pipe or a socket; it would not be replaced in one step.",
    causes: "`/dev/stdout` as a file name, for example.",
    remedy: "Name a regular file, or `-` for standard output.",
  },
  folder_not_found: {
    kinds: ["not_found"],
    means: "The folder of the output file does not exist.",
    causes: "A misspelt path.",
    remedy: "Make it with `mkdir -p`.",
  },
  input_too_large: {
    kinds: ["too_large"],
    means: "What was read is larger than it can be.",
    causes: "Another file than the one that was meant.",
    remedy: "Check the path.",
  },
  interrupted: {
    kinds: ["failed"],
    means: "A signal came while a file was written; the old file is as it was.",
    causes: "Ctrl-C.",
    remedy: "Run it again.",
  },
  base64_invalid: {
    kinds: ["usage"],
    means: "The value is not base64.",
    causes: "--base64 with a value that is plain text, or a part of it that was lost.",
    remedy: "Leave out --base64 to write the value as it is.",
  },
  import_invalid: {
    kinds: ["usage"],
    means: "What is to be imported is not what `ovl kv export` or `consul kv export` writes.",
    causes: "A file that was edited by hand, cut off, or is something else.",
    remedy: "Correct the entry that the message names; nothing was written.",
  },
} as const satisfies CodeTable
