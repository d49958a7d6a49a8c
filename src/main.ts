/** Stands here until the command line does: prints the version. */
import { COMMIT, VERSION } from "./base/version.ts"

process.stdout.write(`ovl ${VERSION}${COMMIT && ` (${COMMIT})`}\n`)
