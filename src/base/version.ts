/** Which ovl this is: the build puts the constants in; run from source there are none. */
declare const OVL_VERSION: string | undefined
declare const OVL_COMMIT: string | undefined

/** The version in package.json, such as `0.1.0`; `0.0.0-source` when run from source. */
export const VERSION = typeof OVL_VERSION === "string" ? OVL_VERSION : "0.0.0-source"

/** The short commit that the executable was built from, or "" where that is not known. */
export const COMMIT = typeof OVL_COMMIT === "string" ? OVL_COMMIT : ""
